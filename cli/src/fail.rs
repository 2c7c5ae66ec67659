//! Errors: what they mean for the exit code, and how they are shown.

use std::fmt;

use crate::exit::Exit;
use crate::{hint, profile, terminal};

/// Something that cannot be asked for: wrong flags or variables, and nothing was sent.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl Usage {
    /// An error with this text, which names what to do instead.
    pub(crate) fn error(text: impl Into<String>) -> anyhow::Error {
        Self(text.into()).into()
    }

    /// A context for an error that this flag, or these, are the cause of.
    pub(crate) fn of(flags: &str) -> Self {
        Self(flags.to_owned())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Shows an error that ended the run, with a hint if there is one, and says how to exit.
pub(crate) fn show(error: &anyhow::Error) -> Exit {
    let hint = error.chain().find_map(hint::of);
    explain(
        &format!("batchcast: error: {}", told(error)),
        hint,
        terminal::error,
    );
    // Also if it is a context of something else.
    if error.is::<Usage>() {
        Exit::Usage
    } else {
        Exit::Failure
    }
}

/// Tells what went wrong, what to do about it, and which of the flags in question a profile has set.
pub(crate) fn explain(told: &str, hint: Option<&str>, tell: impl Fn(&str)) {
    tell(told);
    let hint = hint.map(|hint| format!("hint: {hint}"));
    hint.iter().for_each(|hint| tell(hint));
    let named = format!("{told} {}", hint.unwrap_or_default());
    for origin in profile::origins(&named) {
        tell(&format!("hint: {origin}"));
    }
}

/// An error and its causes. A cause that the text before it ends with is not told twice.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if told.is_empty() {
            told = cause;
        } else if !told.ends_with(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use std::io;

    #[test]
    fn nothing_is_told_twice() {
        let source = io::Error::other("disk on fire");
        let read = batchcast::ErrorKind::Read { byte: 5, source };
        let error = anyhow::Error::from(batchcast::Error::from(read)).context("the list");
        let expected = "the list: cannot read the input at byte 5: disk on fire";
        assert_eq!(told(&error), expected);
    }

    #[test]
    fn usage_is_seen_wherever_it_stands() {
        let below: anyhow::Result<()> =
            Err(io::Error::other("cause")).context(Usage("flag".into()));
        let above = Usage::error("flag").context("while reading");
        assert_eq!(show(&below.unwrap_err()), Exit::Usage);
        assert_eq!(show(&above), Exit::Usage);
        assert_eq!(show(&anyhow::anyhow!("other")), Exit::Failure);
    }
}
