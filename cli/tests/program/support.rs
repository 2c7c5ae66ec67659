//! Running the program, and what holds for every run of it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clean::{clean, leave_terminal, program};

/// None of these may ever be seen on stderr.
pub(crate) const FROM: &str = "+16505550111";
pub(crate) const TEXT: &str = "Kaffee um vier?";
pub(crate) const TOKEN: &str = "tok-5f0c1a";
pub(crate) const CLIENT_ID: &str = "client-77ab";
pub(crate) const CLIENT_SECRET: &str = "secret-91cd";
pub(crate) const JWT: &str = "eyJhb.jwt-03ef.sig";
const SECRETS: &[&str] = &[FROM, TEXT, TOKEN, CLIENT_SECRET, JWT];

/// How long a run that hangs is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Nobody waits for seconds here.
const PAUSES: &str = "retry=2ms,grace=60ms,look=10ms,answer=5s,token=2ms";

/// Numbers of recipients, none of which is the example in a message of the program.
pub(crate) fn number(index: usize) -> String {
    format!("+1212{:07}", 2_000_000 + index)
}

/// A list of `count` numbers, a line each.
pub(crate) fn numbers(count: usize) -> String {
    (0..count).map(|index| number(index) + "\n").collect()
}

/// A run of the program that is yet to begin.
pub(crate) struct Run {
    command: Command,
    stdin: Vec<u8>,
    /// What a list holds must not be seen.
    private: Vec<String>,
}

/// The program with these arguments, separated by spaces, and an empty environment.
pub(crate) fn batchcast(arguments: &str) -> Run {
    let mut command = program();
    command.args(arguments.split_whitespace());
    Run::of(command)
}

/// This program, with an empty environment as far as ours goes.
fn run(mut command: Command) -> Run {
    clean(&mut command);
    command.env("BATCHCAST_TEST_PAUSES", PAUSES);
    let (stdin, private) = (Vec::new(), Vec::new());
    Run {
        command,
        stdin,
        private,
    }
}

impl Run {
    /// A run of this, which may run ours.
    pub(crate) fn of(command: Command) -> Self {
        run(command)
    }

    /// The same once more.
    pub(crate) fn again(&self) -> Self {
        let mut command = Command::new(self.command.get_program());
        command.args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        leave_terminal(&mut command);
        Self {
            command,
            stdin: self.stdin.clone(),
            private: self.private.clone(),
        }
    }

    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments, separated by spaces.
    pub(crate) fn flags(mut self, flags: &str) -> Self {
        self.command.args(flags.split_whitespace());
        self
    }

    /// The sender and the text.
    pub(crate) fn envelope(self) -> Self {
        self.arg("--from").arg(FROM).arg("--text").arg(TEXT)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn stdin(mut self, list: impl AsRef<[u8]>) -> Self {
        self.stdin = list.as_ref().to_vec();
        self.private(list)
    }

    /// Nothing like a number in it may be seen.
    pub(crate) fn private(mut self, list: impl AsRef<[u8]>) -> Self {
        let list = String::from_utf8_lossy(list.as_ref()).into_owned();
        let numbers = list.split(|character: char| !character.is_ascii_digit());
        self.private.extend(
            numbers
                .filter(|digits| digits.len() >= 7)
                .map(str::to_owned),
        );
        self
    }

    /// With files that cannot become larger than so many blocks of 512 bytes, as if the disk were full.
    pub(crate) fn file_limit(self, blocks: u32) -> Self {
        self.through(&format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""
        ))
    }

    /// By this script of a shell, whose arguments are the program and its own.
    pub(crate) fn through(mut self, script: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(self.command.get_program());
        shell.args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        leave_terminal(&mut shell);
        self.command = shell;
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ran {
        let stdin = self.stdin.clone();
        let mut running = self.start();
        let mut pipe = running.stdin.take();
        // A program that does not read all of it closes the pipe: no fault of the test's.
        let writer = std::thread::spawn(move || pipe.as_mut().map(|pipe| pipe.write_all(&stdin)));
        let ran = running.wait();
        let _ = writer.join();
        ran
    }

    /// Runs it to its end with a stdout that nobody reads; says how it ended, and what it told.
    pub(crate) fn unread(mut self) -> (Option<i32>, String) {
        let (_, unread) = std::io::pipe().unwrap();
        let child = self.command.stdin(Stdio::null()).stdout(unread);
        let child = child.stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), told)
    }

    /// Begins it, with its stdin held open.
    pub(crate) fn start(self) -> Running {
        self.start_to(Stdio::piped())
    }

    /// The same with this for its stdout.
    pub(crate) fn start_to(mut self, stdout: impl Into<Stdio>) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut private = self.private;
        private.extend(SECRETS.iter().map(|&secret| secret.to_owned()));
        Running {
            stdin: child.stdin.take(),
            stdout: Stream::of(child.stdout.take()),
            stderr: Stream::of(child.stderr.take()),
            child: Guarded(child),
            private,
        }
    }
}

/// A stream of the program, as far as it has come.
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Stream {
    /// One that goes elsewhere is empty.
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let mut stream = stream.map_or_else(
            || Box::new(std::io::empty()) as Box<dyn Read + Send>,
            |stream| Box::new(stream),
        );
        let text = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut block) {
                all.lock().unwrap().extend_from_slice(&block[..read]);
            }
        });
        Self { text, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn until(&self, part: &str) {
        let started = Instant::now();
        while !self.so_far().contains(part) {
            assert!(
                started.elapsed() < PATIENCE,
                "no {part:?} in {}",
                self.so_far()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn whole(self) -> String {
        self.thread.join().unwrap();
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

/// A run of the program.
pub(crate) struct Running {
    pub(crate) child: Guarded,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Stream,
    stderr: Stream,
    private: Vec<String>,
}

impl Running {
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until this is on stderr.
    pub(crate) fn until_err(&self, part: &str) {
        self.stderr.until(part);
    }

    /// Waits until this is on stdout.
    pub(crate) fn until_out(&self, part: &str) {
        self.stdout.until(part);
    }

    /// Waits for its end, and looks whether it has kept everything private.
    pub(crate) fn wait(mut self) -> Ran {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > PATIENCE {
                self.child.0.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        for private in &self.private {
            assert!(!stderr.contains(private), "{private} is seen in {stderr}");
        }
        let steers = |character: char| character.is_control() && character != '\n';
        assert!(!stderr.contains(steers), "{stderr:?}");
        Ran {
            status,
            stdout,
            stderr,
            private: self.private,
        }
    }
}

/// A process that does not outlive the test, also if that fails.
pub(crate) struct Guarded(pub(crate) Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    private: Vec<String>,
}

impl Ran {
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// The results are as private as the diagnostics are.
    #[track_caller]
    pub(crate) fn discreet(self) -> Self {
        for private in &self.private {
            assert!(
                !self.stdout.contains(private),
                "{private} is seen in {}",
                self.stdout
            );
        }
        let steers = |character: char| character.is_control() && character != '\n';
        assert!(!self.stdout.contains(steers), "{:?}", self.stdout);
        self
    }

    #[track_caller]
    pub(crate) fn err(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "no {part:?} in {}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn out(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "no {part:?} in {}", self.stdout);
        self
    }

    /// The lines of stdout, as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        lines_of_json(&self.stdout)
    }

    /// The recipients of the bodies on stdout.
    pub(crate) fn recipients(&self) -> Vec<String> {
        self.json().iter().flat_map(recipients).collect()
    }
}

pub(crate) fn lines_of_json(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The recipients of a body.
pub(crate) fn recipients(body: &Value) -> Vec<String> {
    let messages = body["messages"].as_array().unwrap();
    let to = |message: &Value| message["to"][0].as_str().unwrap().to_owned();
    messages.iter().map(to).collect()
}

/// A directory that goes away, with a file in it.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(directory)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A disk that is full, where there is one to be had.
pub(crate) fn full_disk() -> Option<File> {
    File::options().write(true).open("/dev/full").ok()
}

/// The permissions of a file.
#[cfg(unix)]
pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
