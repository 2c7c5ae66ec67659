//! The configuration file: what does not change from send to send, under names.
//!
//! A profile stands for flags that were not typed. What it says is handed to the parser of the command line as
//! defaults: so the command line goes before the environment, that before the profile, and that before what the
//! program does by itself; and a value is checked as if it had been typed.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use clap::Command;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::fail::Usage;

/// What the flags' values are named in the file; each is what a flag of that name takes.
const KEYS: &str = "from, base_url, ca_bundle, format, to_field, text_field, region, max_bytes, max_messages, \
                    on_invalid, max_invalid, in_flight, in_doubt, linger, spool, canary, max_failed, suppress, \
                    price, rate";

/// The flag that may be typed more than once.
const SUPPRESS: &str = "suppress";

/// What a run that is gone on with remembers from its begin: a profile, which may have changed since, does not overrule that.
const REMEMBERED: &[&str] = &["on_invalid", "max_invalid", SUPPRESS];

/// What words in the names of settings are those of credentials.
const SECRETS: &[&str] = &[
    "token",
    "jwt",
    "secret",
    "password",
    "client_id",
    "credential",
];

/// The profile that stands for flags of this run, once they are read.
static APPLIED: OnceLock<Profile> = OnceLock::new();

/// A profile that is applied.
#[derive(Debug)]
pub(crate) struct Profile {
    settings: Vec<Setting>,
}

/// A flag's value, or several.
#[derive(Debug)]
struct Setting {
    key: &'static str,
    values: Vec<String>,
    /// Where it comes from, for people.
    origin: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    default: Option<Settings>,
    #[serde(default)]
    profile: BTreeMap<String, Settings>,
}

macro_rules! settings {
    ($($key:ident),+ $(,)?) => {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Settings {
            $($key: Option<Word>,)+
        }

        impl Settings {
            /// As the ids of flags, and their values.
            fn into_flags(self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
                [$((stringify!($key), self.$key)),+]
                    .into_iter()
                    .filter_map(|(key, word)| Some((key, word?.0)))
            }
        }
    };
}

settings!(
    from,
    base_url,
    ca_bundle,
    format,
    to_field,
    text_field,
    region,
    max_bytes,
    max_messages,
    on_invalid,
    max_invalid,
    in_flight,
    in_doubt,
    linger,
    spool,
    canary,
    max_failed,
    suppress,
    price,
    rate,
);

/// A value, be it a string or a number; or several.
struct Word(Vec<String>);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Word, A::Error> {
        let mut words = Vec::new();
        while let Some(Word(word)) = sequence.next_element()? {
            words.extend(word);
        }
        Ok(Word(words))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word(vec![text.to_owned()]))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Word, E> {
        Ok(Word(vec![number.to_string()]))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Word, E> {
        Ok(Word(vec![number.to_string()]))
    }
}

impl Profile {
    /// The profile of this name, on top of the default one; or that alone. `None` if there is none.
    ///
    /// # Errors
    /// If the file is not what it should be, or does not have the profile.
    pub(crate) fn load(name: Option<&str>) -> Result<Option<Self>> {
        let path =
            directory(|name| env::var_os(name)).map(|directory| directory.join("config.toml"));
        let Some(path) = path else {
            return match name {
                Some(_) => Err(Usage::error(
                    "--profile: there is no place for a configuration file: set HOME or XDG_CONFIG_HOME",
                )),
                None => Ok(None),
            };
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // The latter where the home of a service is /dev/null.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return match name {
                    Some(name) => Err(Usage::error(format!(
                        "--profile {name}: there is no file {}",
                        path.display()
                    ))),
                    None => Ok(None),
                };
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!(
                        "cannot read the configuration file {} (found by XDG_CONFIG_HOME or HOME)",
                        path.display()
                    )
                });
            }
        };
        Self::of(&text, name, &path)
    }

    fn of(text: &str, name: Option<&str>, path: &Path) -> Result<Option<Self>> {
        let file: ConfigFile =
            toml::from_str(text).map_err(|error| Usage::error(told(&error, text, path)))?;
        let ConfigFile {
            default,
            mut profile,
        } = file;
        let named = match name {
            None => None,
            Some(name) => {
                let known: Vec<_> = profile.keys().cloned().collect();
                let named = profile.remove(name).ok_or_else(|| {
                    let known = match known.as_slice() {
                        [] => "it has none".to_owned(),
                        known => format!("it has {}", known.join(", ")),
                    };
                    Usage::error(format!(
                        "--profile {name}: {} has no [profile.{name}]; {known}",
                        path.display()
                    ))
                })?;
                Some(named)
            }
        };
        let mut settings: Vec<Setting> = Vec::new();
        let of_name = name.map(|name| format!("[profile.{name}]"));
        for (section, said) in [
            ("[default]", default),
            (of_name.as_deref().unwrap_or_default(), named),
        ] {
            for (key, values) in said.into_iter().flat_map(Settings::into_flags) {
                let origin = format!("{section} of {}", path.display());
                if values.len() != 1 && key != SUPPRESS {
                    return Err(Usage::error(format!("{key} takes one value, in {origin}")));
                }
                settings.retain(|before| before.key != key);
                settings.push(Setting {
                    key,
                    values,
                    origin,
                });
            }
        }
        Ok((!settings.is_empty()).then_some(Self { settings }))
    }

    /// The lists of who is to get nothing: they are added to those that are typed, not replaced by them.
    pub(crate) fn suppress(&self) -> impl Iterator<Item = PathBuf> {
        let lists = self
            .settings
            .iter()
            .filter(|setting| setting.key == SUPPRESS);
        lists.flat_map(|setting| &setting.values).map(PathBuf::from)
    }

    /// Whether it stands for a flag.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key)
    }

    /// Forgets what it does not stand for.
    pub(crate) fn retain(&mut self, mut stands_for: impl FnMut(&str) -> bool) {
        self.settings
            .retain(|setting| setting.key == SUPPRESS || stands_for(setting.key));
    }

    /// Remembers what it stands for, for those who [tell](origins) of it.
    pub(crate) fn remember(self) {
        let _ = APPLIED.set(self);
    }

    /// Of each flag that is named, where its value comes from, if it is from here.
    pub(crate) fn origins(&self, told: &str) -> impl Iterator<Item = String> {
        self.settings.iter().filter_map(move |setting| {
            let Setting {
                key,
                values,
                origin,
            } = setting;
            let flag = format!("--{}", key.replace('_', "-"));
            let is_end = |(at, _): (usize, &str)| {
                let next = told[at + flag.len()..].chars().next();
                !next.is_some_and(|next| next == '-' || next.is_alphanumeric())
            };
            // Of lists, which add up, another one may be meant.
            let is_meant = *key != SUPPRESS || values.iter().any(|list| told.contains(list));
            (is_meant && told.match_indices(&flag).any(is_end))
                .then(|| format!("{flag} comes from {origin}"))
        })
    }

    /// The commands, with what the profile says as the flags' defaults.
    pub(crate) fn apply(&self, mut command: Command) -> Command {
        let names: Vec<_> = command
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            .collect();
        for name in names {
            // About a run that was begun before.
            let goes_on = matches!(name.as_str(), "resume" | "report");
            command = command.mut_subcommand(name, |mut sub| {
                let added = |setting: &&Setting| setting.key != SUPPRESS;
                for Setting { key, values, .. } in self.settings.iter().filter(added) {
                    let has_it = sub.get_arguments().any(|arg| arg.get_id() == key);
                    let is_remembered = goes_on && REMEMBERED.contains(key);
                    if has_it && !is_remembered && !is_in_environment(key) {
                        let values = values.clone();
                        // It may be a number that not everybody is to see.
                        sub = sub.mut_arg(*key, |arg| {
                            arg.required(false)
                                .default_values(values)
                                .hide_default_value(true)
                        });
                    }
                }
                sub
            });
        }
        command
    }
}

/// Of each flag that is named, where its value comes from, if it is from a profile.
pub(crate) fn origins(told: &str) -> Vec<String> {
    let applied = APPLIED.get().into_iter();
    applied.flat_map(|profile| profile.origins(told)).collect()
}

/// Whether the environment says what the flag would, where that is not for the parser to know.
fn is_in_environment(key: &str) -> bool {
    key == "base_url" && env::var_os("RC_SERVER_URL").is_some_and(|url| !url.is_empty())
}

/// What is wrong, and where. Never the line itself: a secret may stand there.
fn told(error: &toml::de::Error, text: &str, path: &Path) -> String {
    let message = error.message();
    let message = match message.split_once(", expected ") {
        Some((unknown, _)) if is_secret(unknown) => {
            "credentials do not belong in this file, which is copied and shared: set RC_ACCESS_TOKEN, or \
             RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT, in the environment"
                .to_owned()
        }
        Some((unknown, expected)) if expected.contains("`from`") => {
            format!("{unknown}; there are {KEYS}")
        }
        _ => message.to_owned(),
    };
    let line = error.span().map(|span| {
        let before = text.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    });
    match line {
        Some(line) => format!("line {line} of {}: {message}", path.display()),
        None => format!("{}: {message}", path.display()),
    }
}

/// Whether what is named is a credential.
fn is_secret(named: &str) -> bool {
    let named = named.to_ascii_lowercase();
    SECRETS.iter().any(|secret| named.contains(secret))
}

/// Where programs look for how they are to be (XDG base directories).
fn directory(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let directory = |name| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let config = directory("XDG_CONFIG_HOME")
        .or_else(|| directory("HOME").map(|home| home.join(".config")))
        .or_else(|| directory("APPDATA"))?;
    Some(config.join("batchcast"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, name: Option<&str>) -> Result<Vec<(&'static str, String)>> {
        let profile = Profile::of(text, name, Path::new("config.toml"))?;
        let settings = profile.map_or_else(Vec::new, |profile| profile.settings);
        let joined = |setting: Setting| (setting.key, setting.values.join("|"));
        Ok(settings.into_iter().map(joined).collect())
    }

    #[test]
    fn only_lists_of_suppressed_numbers_are_several() {
        let text = "[default]\nsuppress = [\"left.txt\", \"api\"]";
        let expected = [("suppress", "left.txt|api".to_owned())];
        assert_eq!(settings(text, None).unwrap(), expected);
        let told = settings("[default]\nrate = [1, 2]", None).unwrap_err();
        assert!(told.to_string().contains("rate takes one value"), "{told}");
    }

    #[test]
    fn a_profile_is_laid_over_the_default() {
        let text = "[default]\nfrom = \"+16505550100\"\nin_flight = 2\n[profile.shop]\nin_flight = 4\nlinger = \"2m\"";
        let default = settings(text, None).unwrap();
        assert_eq!(
            default,
            [("from", "+16505550100".into()), ("in_flight", "2".into())]
        );
        let shop = settings(text, Some("shop")).unwrap();
        assert_eq!(
            shop,
            [
                ("from", "+16505550100".into()),
                ("in_flight", "4".into()),
                ("linger", "2m".into())
            ]
        );
        assert!(settings("", None).unwrap().is_empty());
        let told = settings(text, Some("shops")).unwrap_err().to_string();
        assert!(
            told.contains("--profile shops") && told.contains("it has shop"),
            "{told}"
        );
    }

    #[test]
    fn mistakes_have_their_line_and_keep_secrets() {
        for (text, line, part) in [
            (
                "[default]\nfrom = 1\nform = \"secret\"",
                3,
                "unknown field `form`; there are from",
            ),
            (
                "[default]\n\nclient_secret = \"secret\"",
                3,
                "in the environment",
            ),
            ("[profile.x]\njwt = \"secret\"", 2, "RC_USER_JWT"),
            ("[profile.x]\ntoken = \"secret\"", 2, "credentials"),
            ("[default]\nrc_access_token = \"secret\"", 2, "credentials"),
            ("[default]\nRC_USER_JWT = \"secret\"", 2, "credentials"),
            ("RC_ACCESS_TOKEN = \"secret\"", 1, "credentials"),
            (
                "[profiles.x]\nfrom = \"secret\"",
                1,
                "unknown field `profiles`",
            ),
            ("[default]\nfrom = true", 2, "a string or a number"),
            ("[default]\nfrom = \"secret", 2, ""),
        ] {
            let told = settings(text, None).unwrap_err().to_string();
            assert!(
                told.starts_with(&format!("line {line} of config.toml: ")),
                "{told}"
            );
            assert!(told.contains(part), "{told}");
            assert!(
                !told.contains("\"secret") && !told.contains("secret\n"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_flag_that_is_named_has_its_origin() {
        let text = "[default]\nrate = 3\nfrom = \"x\"\nsuppress = [\"left.txt\", \"api\"]\n[profile.shop]\nrate = 4";
        let profile = Profile::of(text, Some("shop"), Path::new("config.toml"));
        let profile = profile.unwrap().unwrap();
        let of_shop = "--rate comes from [profile.shop] of config.toml";
        for (told, origin) in [
            ("--rate: no", of_shop),
            ("see --rate, or", of_shop),
            ("--rate-limit, --fromage", ""),
            ("--from", "--from comes from [default] of config.toml"),
            ("--suppress: typed.txt", ""),
            (
                "--suppress: left.txt",
                "--suppress comes from [default] of config.toml",
            ),
        ] {
            let origins: Vec<_> = profile.origins(told).collect();
            assert_eq!(origins.join("\n"), origin, "{told}");
        }
    }

    #[test]
    fn all_keys_are_told() {
        for key in KEYS.split(", ") {
            let text = format!("[default]\n{key} = \"x\"");
            assert_eq!(settings(&text, None).unwrap(), [(key, "x".into())]);
        }
    }
}
