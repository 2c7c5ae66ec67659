//! Files that are there, not there, locked, full, or not ours.

use std::fs;
use std::path::Path;

use batchcast::journal::{Journal, JournalError, rejects};

use crate::{accepted, commit, finished, header, place, stopped, write};

#[test]
fn a_journal_is_never_written_over() {
    let place = place();
    write(&place.path, &[commit(1, 1, 2)]);
    let before = fs::read(&place.path).unwrap();
    let error = Journal::create(&place.path, &header()).unwrap_err();
    assert!(matches!(error, JournalError::Exists { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&place.path.display().to_string()), "{text}");
    assert!(text.contains("resume that run"), "{text}");
    assert_eq!(fs::read(&place.path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    write(&place.path, &[]);
    let mode = fs::metadata(&place.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let place = place();
    let mut journal = Journal::create(&place.path, &header()).unwrap();
    journal.append(&commit(1, 1, 2)).unwrap();
    let error = Journal::open(&place.path).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error:?}");
    if cfg!(unix) {
        assert_eq!(Journal::read(&place.path).unwrap().batches.len(), 1);
    }
    drop(journal);

    let (opened, _) = Journal::open(&place.path).unwrap();
    let error = Journal::open(&place.path).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error:?}");
    drop(opened);
    Journal::open(&place.path).unwrap();
}

#[test]
fn what_is_no_journal_is_refused_and_left_alone() {
    let place = place();
    for contents in [
        "to,text\n+14155550100,Hello\n",
        "{}\n",
        "{\"batchcast\":1}\n",
        "\n",
        "batchcast",
        "\0\0x",
        &"x".repeat(2_000_000),
    ] {
        fs::write(&place.path, contents).unwrap();
        for error in [
            Journal::open(&place.path).unwrap_err(),
            Journal::read(&place.path).unwrap_err(),
            rejects(&place.path).unwrap_err(),
        ] {
            assert!(
                matches!(error, JournalError::NotAJournal { .. }),
                "{error:?}"
            );
            assert!(!error.to_string().contains("4155550100"), "{error}");
        }
        assert_eq!(fs::read_to_string(&place.path).unwrap(), contents);
    }
    let directory = place.path.parent().unwrap();
    let error = Journal::open(directory).unwrap_err();
    assert!(
        matches!(error, JournalError::NotAJournal { .. }),
        "{error:?}"
    );
}

#[test]
fn a_journal_that_was_hardly_begun_says_so() {
    let place = place();
    for contents in [
        "",
        "\0\0\0",
        "{\"batch",
        "{\"batchcast\":{\"version\":2,\"run\":\"0",
    ] {
        fs::write(&place.path, contents).unwrap();
        let error = Journal::open(&place.path).unwrap_err();
        assert!(matches!(error, JournalError::NoHeader { .. }), "{error:?}");
        assert!(error.to_string().contains("nothing was sent"), "{error}");
    }
}

#[test]
fn a_journal_that_is_not_there_is_named() {
    let place = place();
    for error in [
        Journal::open(&place.path).unwrap_err(),
        Journal::read(&place.path).unwrap_err(),
    ] {
        let text = error.to_string();
        let start = format!("cannot open the journal {}: ", place.path.display());
        assert!(text.starts_with(&start), "{text}");
    }
    assert!(!place.path.exists());
}

#[test]
fn where_no_file_can_be_there_is_a_clear_error() {
    let place = place();
    fs::write(&place.path, "a file").unwrap();
    let below_a_file = place.path.join("list.journal");
    let nowhere = place.path.with_file_name("no such directory/list.journal");
    // Even root cannot make a file there.
    let proc = Path::new("/proc/list.journal").to_owned();
    for path in [below_a_file, nowhere, proc] {
        let error = Journal::create(&path, &header()).unwrap_err();
        let text = error.to_string();
        let start = format!("cannot create the journal {}: ", path.display());
        assert!(text.starts_with(&start), "{text}");
    }
}

#[test]
fn a_file_name_without_a_directory_is_enough() {
    // Relative to where the tests run; the name is one that nobody else has.
    let name = format!("journal-test-{}", header().run);
    let path = Path::new(&name);
    let journal = Journal::create(path, &header());
    fs::remove_file(path).unwrap();
    journal.unwrap();
}

#[test]
fn options_that_are_too_long_leave_no_file() {
    let place = place();
    let mut header = header();
    let long = "x".repeat(batchcast::journal::MAX_LINE_BYTES);
    header.application.insert("long".to_owned(), long.into());
    let error = Journal::create(&place.path, &header).unwrap_err();
    assert!(matches!(error, JournalError::TooLong { .. }), "{error:?}");
    assert!(!place.path.exists());
}

/// What needs another process: a test of this program, which does what the environment says.
#[cfg(unix)]
mod processes {
    use std::env;
    use std::io::{self, BufRead, BufReader, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    const ROLE: &str = "BATCHCAST_JOURNAL_TEST_ROLE";
    const PATH: &str = "BATCHCAST_JOURNAL_TEST_PATH";

    /// What the other process says when it has done its part.
    const DONE: &str = "the other process is done";

    /// Nothing, unless a test below runs it as another process.
    #[test]
    fn role() {
        let Ok(role) = env::var(ROLE) else { return };
        let path = env::var(PATH).unwrap();
        let path = Path::new(&path);
        match role.as_str() {
            "hold" => {
                let mut journal = Journal::create(path, &header()).unwrap();
                journal.append(&commit(1, 1, 2)).unwrap();
                journal.append(&accepted(1, 0, false)).unwrap();
                journal.append(&commit(2, 3, 4)).unwrap();
                done();
                // Until the test closes it, or kills us.
                io::stdin().lines().for_each(drop);
            }
            "fill" => {
                let mut journal = Journal::create(path, &header()).unwrap();
                let failure = loop {
                    if let Err(error) = journal.append(&stopped()) {
                        break error;
                    }
                };
                assert!(matches!(failure, JournalError::Io { .. }), "{failure:?}");
                assert!(
                    failure.to_string().contains("cannot write to the journal"),
                    "{failure}"
                );
                let after = journal.append(&stopped()).unwrap_err();
                assert!(matches!(after, JournalError::Poisoned { .. }), "{after:?}");
                done();
            }
            "refuse" => {
                let error = Journal::create(path, &header()).unwrap_err();
                assert!(matches!(error, JournalError::Io { .. }), "{error:?}");
                assert!(!path.exists());
                done();
            }
            other => panic!("{other} is no role"),
        }
    }

    fn done() {
        // A line of its own, whatever the harness has written before.
        let mut stdout = io::stdout();
        writeln!(stdout, "\n{DONE}").unwrap();
    }

    /// Another process, killed when the test ends, however it ends.
    struct Other(Child);

    impl Drop for Other {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    impl Other {
        /// Starts it, and returns when it has done its part.
        fn start(command: &mut Command, role: &str, path: &Path) -> io::Result<Self> {
            let mut child = command
                .args(["--exact", "disk::processes::role", "--nocapture"])
                .env(ROLE, role)
                .env(PATH, path)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let stdout = child.stdout.take().expect("it is a pipe");
            let other = Self(child);
            let mut lines = BufReader::new(stdout).lines();
            let is_done = lines.any(|line| line.unwrap() == DONE);
            assert!(is_done, "it ended before it had done its part");
            // What it may yet write goes somewhere.
            std::thread::spawn(move || lines.for_each(drop));
            Ok(other)
        }

        fn end(mut self) {
            drop(self.0.stdin.take());
            assert!(self.0.wait().unwrap().success());
        }

        fn kill(mut self) {
            self.0.kill().unwrap();
            assert!(!self.0.wait().unwrap().success());
        }
    }

    fn this_program() -> Command {
        Command::new(env::current_exe().unwrap())
    }

    /// This program in a shell that forbids it files larger than this many blocks. Going beyond is an
    /// error then, and not a signal, because the shell has that signal ignored.
    fn this_program_limited_to(blocks: u32) -> Command {
        let mut shell = Command::new("sh");
        let script = format!(r#"trap '' XFSZ; ulimit -f {blocks}; exec "$0" "$@""#);
        shell.arg("-c").arg(script).arg(env::current_exe().unwrap());
        shell
    }

    #[test]
    fn another_process_that_has_it_keeps_it() {
        let place = place();
        let other = Other::start(&mut this_program(), "hold", &place.path).unwrap();
        let error = Journal::open(&place.path).unwrap_err();
        assert!(matches!(error, JournalError::Locked { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("another process is writing"), "{text}");
        assert!(text.contains(&place.path.display().to_string()), "{text}");
        assert_eq!(Journal::read(&place.path).unwrap().batches.len(), 2);
        other.end();
        Journal::open(&place.path).unwrap();
    }

    #[test]
    fn a_process_that_is_killed_leaves_what_it_wrote_and_no_lock() {
        let place = place();
        let other = Other::start(&mut this_program(), "hold", &place.path).unwrap();
        other.kill();
        let (mut journal, state) = Journal::open(&place.path).unwrap();
        assert_eq!(state.ids().count(), 1);
        let open: Vec<_> = state.open().map(|batch| batch.batch.number).collect();
        assert_eq!(open, [2]);
        journal.append(&finished()).unwrap_err();
        journal.append(&accepted(2, 0, true)).unwrap();
        journal.append(&finished()).unwrap();
    }

    #[test]
    fn a_disk_that_fills_up_leaves_a_journal_that_can_be_opened() {
        let place = place();
        let mut limited = this_program_limited_to(8);
        let other = Other::start(&mut limited, "fill", &place.path).unwrap();
        other.end();
        // It ended in the middle of a line: that is what a limit of whole blocks does.
        let before = fs::read(&place.path).unwrap();
        assert!(!before.ends_with(b"\n"));
        let (mut journal, state) = Journal::open(&place.path).unwrap();
        assert!(state.torn > 0, "{state:?}");
        assert_eq!(state.stopped.as_deref(), Some("interrupted"));
        journal.append(&stopped()).unwrap();
        drop(journal);
        assert_eq!(Journal::read(&place.path).unwrap().torn, 0);
    }

    #[test]
    fn a_disk_that_is_full_gets_no_journal() {
        let place = place();
        let mut limited = this_program_limited_to(0);
        Other::start(&mut limited, "refuse", &place.path)
            .unwrap()
            .end();
        assert!(!place.path.exists());
    }

    #[test]
    fn a_read_only_directory_gets_no_journal() {
        let place = place();
        let directory = place.path.parent().unwrap();
        let read_only = fs::Permissions::from_mode(0o555);
        fs::set_permissions(directory, read_only).unwrap();
        let mut command = this_program();
        if fs::write(directory.join("probe"), "").is_ok() {
            // Permissions do not stop root, so it is done by nobody.
            command.uid(65_534).gid(65_534);
        }
        match Other::start(&mut command, "refuse", &place.path) {
            Ok(other) => other.end(),
            Err(error) => {
                let mut stderr = io::stderr();
                writeln!(stderr, "skipped: nobody cannot run this program: {error}").unwrap();
            }
        }
    }
}
