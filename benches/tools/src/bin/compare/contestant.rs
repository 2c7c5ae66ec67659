//! Who sends.

use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::Result;
use batchcast_bench_tools::machine::first_line;

use crate::lists::{FOLDER, List};

/// The program; all paths are from the top of the repository.
pub(crate) const PROGRAM: &str = "target/release/batchcast";
pub(crate) const SENDER: &str = "+16505550100";
pub(crate) const TEXT: &str = "Hello Team";

/// Who sends. All but the program itself are in `benches/contestants/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// From the list to the API.
    Batchcast,
    /// Bodies that are finished already, from files.
    Curl,
    Python,
    Node,
    Jq,
}

impl Contestant {
    pub(crate) const ALL: &[Self] = &[
        Self::Batchcast,
        Self::Curl,
        Self::Python,
        Self::Node,
        Self::Jq,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Batchcast => "batchcast",
            Self::Curl => "curl, finished bodies",
            Self::Python => "Python",
            Self::Node => "Node",
            Self::Jq => "jq and curl",
        }
    }

    /// Whether what it needs is on this machine.
    pub(crate) fn is_there(self) -> bool {
        let needed: &[&str] = match self {
            Self::Batchcast => &[],
            Self::Curl => &["curl"],
            Self::Python => &["python3"],
            Self::Node => &["node"],
            Self::Jq => &["jq", "curl"],
        };
        needed
            .iter()
            .all(|program| first_line(program, &["--version"]).is_some())
    }

    /// How often it sends in a round; the quickest counts. What takes a fraction of a second takes twice as long if the
    /// system lets both ends of the connection share a core.
    pub(crate) const fn turns(self) -> usize {
        match self {
            Self::Batchcast | Self::Curl => 5,
            Self::Python | Self::Node | Self::Jq => 1,
        }
    }

    /// Sends the list, which it gets as its standard input.
    pub(crate) fn command(self, list: &List, url: &str) -> Result<Command> {
        let format = list.format.name();
        let mut command = match self {
            Self::Batchcast => {
                // Without the journals of the runs before: a list that was sent is not sent again.
                let state = env::current_dir()?.join(FOLDER).join("state");
                if state.exists() {
                    fs::remove_dir_all(&state)?;
                }
                let mut command = Command::new(PROGRAM);
                command.env("XDG_STATE_HOME", state);
                command.args([
                    "send", "--format", format, "--from", SENDER, "--text", TEXT, "--json",
                ]);
                command.stderr(Stdio::null());
                command
            }
            Self::Curl => {
                let mut command = Command::new("benches/contestants/send-curl.sh");
                command.args(list.bodies()?);
                command
            }
            Self::Python => script("python3", "send.py", format),
            Self::Node => script("node", "send.mjs", format),
            Self::Jq => script("sh", "send-jq.sh", format),
        };
        command
            .env("RC_SERVER_URL", url)
            .env("RC_ACCESS_TOKEN", "sandbox");
        Ok(command)
    }
}

fn script(interpreter: &str, name: &str, format: &str) -> Command {
    let mut command = Command::new(interpreter);
    command
        .arg(format!("benches/contestants/{name}"))
        .arg(format);
    command
}
