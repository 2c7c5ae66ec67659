//! What a measurement was made on.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A machine, and what runs on it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many of its cores there are to use.
    pub cores: usize,
    /// The memory in bytes.
    pub memory_bytes: u64,
    /// The operating system's kernel.
    pub kernel: String,
    /// The versions of the programs that took part.
    pub versions: BTreeMap<String, String>,
}

impl Machine {
    /// This one, with the versions of programs of these names that are there.
    #[must_use]
    pub fn this(programs: &[&str]) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.map(|value| value.trim_matches([' ', '\t', ':']).to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib = memory.and_then(|kib| kib.trim_end_matches(" kB").parse::<u64>().ok());
        let versions = programs.iter().filter_map(|&name| {
            let version = first_line(name, &["--version"])?;
            Some((name.to_owned(), version))
        });
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name")
                .unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_bytes: kib.unwrap_or(0) * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            versions: versions.collect(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory_bytes.div_ceil(1 << 30);
        write!(
            f,
            "{}, {} cores, {gib} GiB, Linux {}",
            self.cpu, self.cores, self.kernel
        )
    }
}

/// The first line that a program writes; `None` if it is not there.
#[must_use]
pub fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// Today in UTC, and the commit that stands in the working copy.
#[must_use]
pub fn date_and_commit() -> (String, String) {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let commit = first_line("git", &["describe", "--always", "--dirty"]);
    (date, commit.unwrap_or_default())
}
