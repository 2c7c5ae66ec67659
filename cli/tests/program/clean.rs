//! The program, without what the machine's user has set for it.

use std::process::Command;

/// The program, with an environment that says nothing to it: nobody's own profiles, journals or credentials.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_batchcast"));
    clean(&mut command);
    command
}

/// The same for a program that may run ours.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with("RC_") || name.starts_with("BATCHCAST_"));
        if ours {
            command.env_remove(name);
        }
    }
    for (name, directory) in [
        (
            "XDG_STATE_HOME",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/state"),
        ),
        (
            "XDG_CONFIG_HOME",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/config"),
        ),
    ] {
        command.env(name, directory);
    }
    leave_terminal(command);
    for colours in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(colours);
    }
}

/// As a job in the background: the terminal of whoever runs the tests is none of theirs, and nobody is asked there.
pub(crate) fn leave_terminal(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}
