//! What the messages say: one text for all, or a template that each record fills in.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use batchcast::Text;
use batchcast::input::Template;
use twox_hash::XxHash3_64;

use crate::args::EnvelopeArgs;
use crate::config::refuse_stream;
use crate::fail::Usage;

/// What `--text` or `--text-file` gives.
#[derive(Debug)]
pub(crate) enum Wording {
    /// Nothing: each record has a text of its own.
    Own,
    /// A text for all records that have none of their own.
    Same(Text<'static>),
    /// The same, to be filled in.
    Filled(Wanted),
}

/// A template, and by what it is known again.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) template: Template,
    /// A digest of the template as it was given: a journal may hold that, but not the text.
    pub(crate) digest: String,
}

impl Wording {
    /// What the flags give.
    pub(crate) fn resolve(args: &EnvelopeArgs) -> Result<Self> {
        let (flag, text) = match (&args.text, &args.text_file) {
            (Some(text), _) => ("--text", text.clone()),
            (None, Some(path)) => ("--text-file", read(path)?),
            (None, None) => return Ok(Self::Own),
        };
        let plain = |text: String| {
            let text = Text::new(text).map_err(|fault| Usage::error(format!("{flag}: {fault}")))?;
            Ok(Self::Same(text))
        };
        if !text.contains("{{") {
            return plain(text);
        }
        let template =
            Template::parse(&text).map_err(|fault| Usage::error(format!("{flag}: {fault}")))?;
        if let Some(text) = template.as_plain() {
            return plain(text.into_owned());
        }
        let digest = format!("{:016x}", XxHash3_64::oneshot(text.as_bytes()));
        Ok(Self::Filled(Wanted { template, digest }))
    }
}

/// The text in a file.
fn read(path: &Path) -> Result<String> {
    refuse_stream("--text-file", path)?;
    let bytes =
        fs::read(path).with_context(|| format!("--text-file: cannot read {}", path.display()))?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(Usage::error(format!(
            "--text-file: {} is not UTF-8",
            path.display()
        )));
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Wording> {
        Wording::resolve(&EnvelopeArgs {
            from: String::new(),
            text: Some(text.to_owned()),
            text_file: None,
        })
    }

    #[test]
    fn braces_make_a_template_and_four_of_them_make_two() {
        for (text, plain) in [
            ("Hello {name}", "Hello {name}"),
            ("Use {{{{name}}", "Use {{name}}"),
        ] {
            let Wording::Same(same) = of(text).unwrap() else {
                panic!("{text}")
            };
            assert_eq!(same.to_plain(), plain);
        }
        let Wording::Filled(one) = of("Hi {{name}}").unwrap() else {
            panic!()
        };
        let Wording::Filled(other) = of("Hi {{name}}!").unwrap() else {
            panic!()
        };
        assert_ne!(one.digest, other.digest);
        assert!(
            matches!(of("Hi {{name}}").unwrap(), Wording::Filled(same) if same.digest == one.digest)
        );
    }

    #[test]
    fn what_is_no_template_is_refused_without_its_text() {
        for text in ["Secret {{name", "Secret {{}}", "Secret {{a{b}}"] {
            let error = of(text).unwrap_err();
            assert!(error.is::<Usage>());
            let told = error.to_string();
            assert!(
                told.contains("--text") && told.contains("character 8"),
                "{told}"
            );
            assert!(!told.contains("Secret"), "{told}");
        }
    }
}
