//! The journal of a send: where it is, and who may write to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::api::Api;
use crate::support::{Files, number, numbers, read};

pub(crate) fn journal_of(list: &Path) -> PathBuf {
    let mut journal = list.as_os_str().to_owned();
    journal.push(".batchcast");
    journal.into()
}

pub(crate) fn all(count: usize) -> Vec<String> {
    (0..count).map(number).collect()
}

#[test]
fn where_the_journal_is() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(2));
    let elsewhere = files.path("elsewhere");
    api.send("")
        .arg("--journal")
        .arg(&elsewhere)
        .arg(&list)
        .run()
        .code(0);
    assert!(read(&elsewhere).contains("\"finished\""));
    api.send("")
        .arg("--journal")
        .arg(&elsewhere)
        .arg(&list)
        .run()
        .code(2)
        .err("--again");
    api.send("--no-journal").arg(&list).run().code(0);
    api.send("--no-journal --again").arg(&list).run().code(2);
    api.send("--no-journal --journal x")
        .arg(&list)
        .run()
        .code(2);
    api.send("--sandbox").arg(&list).run().code(0);
    assert_eq!(files.names(""), ["elsewhere", "list"]);
    // Not everything is a journal.
    let ran = api
        .send("")
        .arg("--journal")
        .arg(&list)
        .arg(&list)
        .run()
        .code(2);
    ran.err("not a journal").err("--journal");
    assert_eq!(read(&list), numbers(2));
    let resume = |journal| api.resume(journal).run();
    resume(list.clone()).code(2).err("not a journal");
    for none in ["none", "list/none", ""] {
        resume(files.path(none)).code(2).err("error: JOURNAL: ");
    }
    // Of a damaged one it is known that something was sent.
    let damaged = read(&elsewhere).replace("finished", "f1nished");
    let damaged = files.write("damaged", damaged);
    resume(damaged.clone()).code(1).err("damaged");
    std::fs::remove_file(damaged).unwrap();
    let ran = api
        .send("")
        .arg("--journal")
        .arg(files.path("no/such"))
        .arg(&list)
        .run()
        .code(1);
    ran.err("cannot create the journal").err("--no-journal");
    // Where there can be no state directory, only a list that has no other place wants one.
    let send = || api.send("").env("XDG_STATE_HOME", &list);
    let ran = send().stdin(numbers(2)).run().code(1);
    ran.err("cannot create the journal").err("--journal PATH");
    let new = files.write("new", numbers(2));
    send().arg(&new).run().code(0);
    std::fs::remove_file(journal_of(&new)).unwrap();
    // And one on a full disk.
    let ran = api.send("").arg(&new).file_limit(0).run().code(1);
    ran.err("cannot write to the journal").err("--journal PATH");
    std::fs::remove_file(new).unwrap();
    // Nothing was sent in a run that was killed at its beginning.
    files.write("elsewhere", "{\"batchcast\":{\"version\":2,");
    api.send("")
        .arg("--journal")
        .arg(&elsewhere)
        .arg(&list)
        .run()
        .code(0);
    // A list under another name has the same journal.
    api.send("").arg(&list).run().code(0);
    let link = files.path("link");
    std::os::unix::fs::symlink(&list, &link).unwrap();
    api.send("")
        .arg(link)
        .run()
        .code(2)
        .err("list.batchcast")
        .err("--again");
}

#[test]
fn a_run_that_sent_nothing_makes_room() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(2));
    api.faults("batch always: answer 403");
    api.send("")
        .arg(&list)
        .run()
        .code(1)
        .out("To go on, once that is put right:");
    api.faults("");
    // With another text, even.
    let run = api.send_without_text("--text Other").arg(&list);
    run.run().code(0);
    assert_eq!(api.recipients(), all(2));
}

#[test]
fn a_list_of_which_nobody_got_anything_was_not_sent() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    // It is filled only later; and then its numbers are of another form.
    let list = files.write("list", "");
    let send = |flags: &str| api.send(flags).arg(&list).private(numbers(2));
    send("--format lines").run().code(0);
    files.write("list", numbers(2).replace("+1", ""));
    send("").run().code(3);
    send("--region US").run().code(0);
    assert_eq!(api.recipients(), all(2));
    send("--region US").run().code(2).err("--again");
    assert_eq!(files.names("").len(), 2);
}

#[test]
fn two_processes_do_not_send_at_once() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(2));
    api.faults("batch: hold answer");
    let running = api.send("").arg(&list).start();
    running.until_err("journal: ");
    api.until(|stats| stats.messages > 0);
    api.send("").arg(&list).run().code(1).err("another process");
    // What goes on by itself while it can be gone on with waits for that process to end.
    api.resume(journal_of(&list))
        .run()
        .code(4)
        .err("another process");
    drop(running);
    assert_eq!(api.stats().creates, 1);
}

#[test]
fn where_nothing_can_be_written_the_journal_is_in_the_state_directory() {
    let (files, api) = (Files::new(), Api::start(|sandbox| sandbox));
    // Root can write to every directory but those of the kernel.
    let list = Path::new("/sys/kernel/address_bits");
    if !list.exists() {
        return;
    }
    // Its one record is invalid, and that is enough.
    let state = files.path("state");
    let send = || {
        let run = api.send("--format lines").env("XDG_STATE_HOME", &state);
        run.arg(list)
    };
    let ran = send().run();
    assert_eq!(ran.status.code(), Some(3), "{ran:#?}");
    let names = files.names("state/batchcast");
    assert_eq!(names.len(), 1);
    ran.err("cannot be beside the list").err(&names[0]);
    // Nobody got anything, so it makes room; and it is found there.
    send().run().code(3);
    assert_eq!(files.names("state/batchcast"), names);
}

#[test]
fn where_no_journal_can_be_looked_for_it_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let (files, api) = (Files::new(), Api::start(|sandbox| sandbox));
    let list = files.write("list", numbers(2));
    let state = files.path("state");
    std::fs::create_dir(&state).unwrap();
    let send = |flags: &str, state: &Path| {
        let run = api.send(flags).env("XDG_STATE_HOME", state);
        run.arg(&list).private(numbers(2))
    };
    let ran = send("", &state).run().code(0);
    assert!(!ran.stderr.contains("Warning"), "{}", ran.stderr);
    // A home that is none can hold nothing.
    let ran = send("--again", &list).run().code(0);
    assert!(!ran.stderr.contains("Warning"), "{}", ran.stderr);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root looks into everything, unless it has given that up.
    let mut run = send("--again --quiet", &state);
    if state.join("any").try_exists().is_ok() {
        let give_up = "setpriv --bounding-set=-dac_override,-dac_read_search";
        let given_up = Command::new("sh")
            .arg("-c")
            .arg(format!("{give_up} true"))
            .stderr(Stdio::null())
            .status();
        if !given_up.is_ok_and(|status| status.success()) {
            return;
        }
        run = run.through(&format!("exec {give_up} \"$0\" \"$@\""));
    }
    let ran = run.run();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    let ran = ran.code(0);
    let place = state.join("batchcast");
    ran.err(&format!(
        "Warning: cannot look for an earlier journal of the list in {} (",
        place.display()
    ))
    .err("hint: XDG_STATE_HOME");
}
