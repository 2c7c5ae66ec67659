//! What a summary says of the journal: where it is, and how to go on with its run.

use std::path::{Path, PathBuf};

use batchcast::send::FailureKind;

use crate::args::Delivery;
use crate::config::List;

/// A journal, and the command that goes on with its run.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The list as it is to be named, if it is not where the journal says.
    list: Option<String>,
    /// The flags.
    flags: String,
}

impl Kept {
    /// `in_journal` is the path of the list that the journal names.
    pub(crate) fn new(
        path: &Path,
        list: &List,
        in_journal: Option<&Path>,
        delivery: &Delivery,
    ) -> Self {
        // Wherever the command is typed.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let list_now = match &list.file {
            None => Some("FILE".to_owned()),
            Some(file) if std::path::absolute(file).ok().as_deref() == in_journal => None,
            Some(file) => Some(quoted(file)),
        };
        let mut flags = String::new();
        if std::env::var_os("BATCHCAST_FROM").is_none() {
            flags += " --from NUMBER";
        }
        let has_text = list.envelope.text().is_some() || list.template.is_some();
        if has_text && list.text_file.is_none() {
            flags += " --text TEXT";
        }
        if let Some(url) = &delivery.server.base_url {
            flags += &format!(" --base-url {}", quoted(Path::new(url)));
        }
        if let Some(bundle) = &delivery.server.ca_bundle {
            flags += &format!(" --ca-bundle {}", quoted(bundle));
        }
        Self {
            path,
            list: list_now,
            flags,
        }
    }

    /// The command that tells what became of each record.
    pub(crate) fn report(&self) -> String {
        let list = self.list.as_deref().map(|list| format!(" {list}"));
        format!(
            "batchcast report {}{}",
            quoted(&self.path),
            list.unwrap_or_default()
        )
    }

    /// The command, with words in capitals for what is not to be shown, or not known; `failure` is why it is needed.
    pub(crate) fn resume(&self, failure: &FailureKind) -> String {
        let list = match (&self.list, failure) {
            (None, _) => String::new(),
            // That it is another list than the one that was sent has just been seen.
            (Some(_), FailureKind::Changed(_)) => " FILE".to_owned(),
            (Some(list), _) => format!(" {list}"),
        };
        let journal = quoted(&self.path);
        format!("batchcast resume {journal}{list}{}", self.flags)
    }
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |character: char| {
        character.is_ascii_alphanumeric()
            || matches!(
                character,
                '/' | '.' | '-' | '_' | ':' | '@' | '+' | '=' | ','
            )
    };
    if !path.is_empty() && path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_it_for_one_word() {
        for (path, word) in [
            ("/a/list.csv.batchcast", "/a/list.csv.batchcast"),
            ("my list", "'my list'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
