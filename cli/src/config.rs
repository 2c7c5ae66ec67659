//! From what was typed, and the environment, to what will be done. Whatever can be found wrong without
//! reading the list or touching the network is found here.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use batchcast::encode::{Limits, Splitter};
use batchcast::input::{Fields, Format};
use batchcast::journal::Shape;
use batchcast::send::{Credentials, DEFAULT_BASE_URL};
use batchcast::{Envelope, Error, ErrorKind, PhoneNumber, Region};

use crate::args::{EnvelopeArgs, ListArgs, OnInvalidArg, ServerArgs};
use crate::common_text::Common;
use crate::fail::Usage;
use crate::recipe::Recipe;
use crate::screen::Screening;
use crate::wording::{Wanted, Wording};

/// The list, and what is made of it.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// The file; `None` is standard input.
    pub(crate) file: Option<PathBuf>,
    /// The format; `None` is to be found out.
    pub(crate) format: Option<Format>,
    /// The field of the recipient, if one was named.
    pub(crate) to_field: Option<String>,
    /// The field of the text, if one was named.
    pub(crate) text_field: Option<String>,
    /// Whether one of these was typed. A profile's are for lists that have fields.
    pub(crate) fields_are_typed: bool,
    /// What all messages share.
    pub(crate) envelope: Envelope,
    /// What the texts are made of, if they are made of something.
    pub(crate) template: Option<Wanted>,
    /// Whether to look for a text that the records have in common.
    pub(crate) common: Common,
    /// How numbers are written, beside E.164.
    pub(crate) region: Option<Region>,
    /// The file that the text or the template comes from, if it comes from one.
    pub(crate) text_file: Option<PathBuf>,
    /// How large a batch may become.
    pub(crate) limits: Limits,
    /// Whether an invalid record ends the run.
    pub(crate) stop_on_invalid: bool,
    /// Where invalid records are written to.
    pub(crate) invalid: Option<PathBuf>,
    /// Who is passed over.
    pub(crate) screen: Screening,
}

impl List {
    /// What the flags mean.
    pub(crate) fn resolve(args: ListArgs) -> Result<Self> {
        let mut limits = Limits::default().with_max_bytes(args.max_bytes);
        if let Some(messages) = args.max_messages {
            limits = limits.with_max_messages(messages);
        }
        let text_file = args.envelope.text_file.clone();
        let (envelope, template) = envelope(&args.envelope)?;
        // Only asks whether the limits can hold anything at all.
        let _ = Splitter::new(&envelope, limits).context(Usage::of("--max-bytes"))?;
        Ok(Self {
            file: args.file.filter(|file| !is_stream(file)),
            format: args.format.named(),
            to_field: args.to_field,
            text_field: args.text_field,
            fields_are_typed: args.fields_are_typed,
            envelope,
            template,
            common: Common::Look,
            region: args.region,
            text_file,
            limits,
            stop_on_invalid: args.on_invalid == OnInvalidArg::Stop,
            invalid: args.invalid,
            screen: Screening::resolve(args.screen),
        })
    }

    /// The same list as that of a run that is gone on with.
    pub(crate) fn resolve_again(args: ListAgain, shape: &Shape, recipe: Recipe) -> Result<Self> {
        let file = match args.file {
            Some(typed) => Some(typed).filter(|file| !is_stream(file)),
            // Whatever standard input is now, such as nothing at all, it is not taken for the list unasked.
            None => Some(recipe.list()?.to_owned()),
        };
        let mut again = args.envelope;
        if again.text.is_none() && again.text_file.is_none() {
            again.text_file = recipe.text_file;
        }
        let text_file = again.text_file.clone();
        let (envelope, template) = envelope(&again)?;
        same_template(recipe.template.as_deref(), template.as_ref())?;

        let mut limits = Limits::default().with_max_bytes(shape.max_bytes);
        if let Some(messages) = shape.max_messages.and_then(NonZeroU64::new) {
            limits = limits.with_max_messages(messages);
        }
        let common = Common::again(recipe.common_text);
        // With a text that is in the list, the shape is known once that is open.
        let is_known = common == Common::Without || envelope.text().is_some();
        if is_known && Shape::new(&envelope, limits) != *shape {
            return Err(Usage::error(
                "the sender or the text is not the one that the run was begun with, so other messages would be \
                 sent: give the same --from (or BATCHCAST_FROM) and the same --text or --text-file as before",
            ));
        }
        Ok(Self {
            file,
            format: Some(recipe.format),
            to_field: recipe.to_field,
            text_field: recipe.text_field,
            fields_are_typed: false,
            envelope,
            template,
            common,
            region: recipe.region,
            text_file,
            limits,
            stop_on_invalid: match args.on_invalid {
                Some(typed) => typed == OnInvalidArg::Stop,
                None => recipe.stop_on_invalid,
            },
            invalid: args.invalid,
            screen: args.screen,
        })
    }

    /// Which fields hold what.
    pub(crate) fn fields(&self) -> Fields {
        let (to, text) = (self.to_field.as_deref(), self.text_field.as_deref());
        fields(to, text, self.region)
    }
}

/// The fields of these names, and how numbers are written; without a name those that are looked for by themselves.
pub(crate) fn fields(to: Option<&str>, text: Option<&str>, region: Option<Region>) -> Fields {
    let mut fields = Fields::default();
    if let Some(name) = to {
        fields = fields.to(name);
    }
    if let Some(name) = text {
        fields = fields.text(name);
    }
    if let Some(region) = region {
        fields = fields.region(region);
    }
    fields
}

/// The flags of `resume` that are about the list.
pub(crate) struct ListAgain {
    pub(crate) file: Option<PathBuf>,
    pub(crate) envelope: EnvelopeArgs,
    pub(crate) on_invalid: Option<OnInvalidArg>,
    pub(crate) invalid: Option<PathBuf>,
    pub(crate) screen: Screening,
}

/// Texts that are made of another template are other texts.
fn same_template(before: Option<&str>, now: Option<&Wanted>) -> Result<()> {
    let told = match (before, now) {
        (None, Some(_)) => "the run was begun without fields in its text, and now it has some",
        (Some(_), None) => "the run was begun with a text that has fields, and now it has none",
        (Some(before), Some(now)) if before != now.digest => {
            "the text with fields is not the one that the run was begun with"
        }
        _ => return Ok(()),
    };
    Err(Usage::error(format!(
        "{told}, so other messages would be sent: give the same --text or --text-file as before"
    )))
}

/// Whether a path is that of a standard stream. (A file of that name is `./-`.)
pub(crate) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Sees that what `flag` names is no standard stream: whoever goes on with a run reads it once more.
///
/// # Errors
/// If it is one.
pub(crate) fn refuse_stream(flag: &str, path: &Path) -> Result<()> {
    if is_stream(path) {
        return Err(Usage::error(format!(
            "{flag}: - is standard input, which 'batchcast resume' cannot read again: name a file"
        )));
    }
    Ok(())
}

/// What all messages share, and the template if their texts are made of one.
fn envelope(args: &EnvelopeArgs) -> Result<(Envelope, Option<Wanted>)> {
    let envelope = Envelope::new(sender(&args.from)?);
    Ok(match Wording::resolve(args)? {
        Wording::Own => (envelope, None),
        Wording::Same(text) => (envelope.with_text(text), None),
        Wording::Filled(template) => (envelope, Some(template)),
    })
}

/// The sender.
pub(crate) fn sender(typed: &str) -> Result<PhoneNumber> {
    PhoneNumber::parse(typed.trim())
        .map_err(|fault| Error::from(ErrorKind::from(fault)))
        .context(Usage::of("--from"))
}

/// Where a list is sent to.
#[derive(Debug)]
pub(crate) enum Target {
    /// A sandbox that is started for it.
    Sandbox,
    /// A server.
    Server {
        /// Its base URL.
        base_url: String,
        /// Who sends.
        credentials: Credentials,
        /// The certificate authorities to trust instead of the system's, in PEM.
        ca_bundle: Option<Vec<u8>>,
    },
}

impl Target {
    /// The server that the flags and the environment name.
    pub(crate) fn server(
        args: &ServerArgs,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self> {
        let ca_bundle = args.ca_bundle.as_ref().map(|path| {
            fs::read(path).with_context(|| format!("--ca-bundle: cannot read {}", path.display()))
        });
        let base_url = match &args.base_url {
            Some(typed) => typed.clone(),
            None => variable(&env, "RC_SERVER_URL")?.unwrap_or_else(|| DEFAULT_BASE_URL.to_owned()),
        };
        Ok(Self::Server {
            base_url,
            credentials: credentials(&env)?,
            ca_bundle: ca_bundle.transpose()?,
        })
    }

    /// The base URL, if it is known before it is started.
    pub(crate) fn base_url(&self) -> Option<&str> {
        match self {
            Self::Sandbox => None,
            Self::Server { base_url, .. } => Some(base_url),
        }
    }
}

const JWT: [&str; 3] = ["RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT"];

/// The credentials of the environment. An access token goes before the other three.
fn credentials(env: &impl Fn(&str) -> Option<OsString>) -> Result<Credentials> {
    if let Some(token) = variable(env, "RC_ACCESS_TOKEN")? {
        return Ok(Credentials::access_token(token));
    }
    let [id, secret, jwt] = JWT.map(|name| variable(env, name));
    match (id?, secret?, jwt?) {
        (Some(id), Some(secret), Some(jwt)) => Ok(Credentials::jwt(id, secret, jwt)),
        (None, None, None) => Err(Usage::error(
            "no credentials: set RC_ACCESS_TOKEN, or RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and \
             RC_USER_JWT, in the environment; or try it without an account, with 'batchcast send --sandbox'",
        )),
        (id, secret, jwt) => {
            let missing: Vec<_> = JWT
                .into_iter()
                .zip([id, secret, jwt])
                .filter_map(|(name, value)| value.is_none().then_some(name))
                .collect();
            let are = if missing.len() == 1 { "is" } else { "are" };
            let missing = missing.join(" and ");
            Err(Usage::error(format!(
                "the credentials are not complete: {missing} {are} not set in the environment \
                 (or try it without an account, with 'batchcast send --sandbox')"
            )))
        }
    }
}

/// A variable's value; one that is empty is not set. Errors name the variable, never what is in it.
fn variable(env: &impl Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>> {
    let Some(value) = env(name) else {
        return Ok(None);
    };
    let value = value
        .into_string()
        .map_err(|_| Usage::error(format!("the environment's {name} is not UTF-8")))?;
    let value = value.trim();
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(set: &[(&str, &str)]) -> Result<Credentials> {
        credentials(&|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn credentials_are_complete_or_refused() {
        assert!(asked(&[("RC_ACCESS_TOKEN", "secret")]).is_ok());
        assert!(asked(&JWT.map(|name| (name, "secret"))).is_ok());
        for left_out in 0..3 {
            let mut set = JWT.map(|name| (name, "secret"));
            set[left_out].1 = "";
            let error = asked(&set).unwrap_err();
            assert!(error.is::<Usage>());
            let told = error.to_string();
            assert!(!told.contains("secret"), "{told}");
            for (at, name) in JWT.into_iter().enumerate() {
                assert_eq!(told.contains(name), at == left_out, "{told}");
            }
        }
        let told = asked(&[]).unwrap_err().to_string();
        for named in JWT.into_iter().chain(["RC_ACCESS_TOKEN", "--sandbox"]) {
            assert!(told.contains(named), "{told}");
        }
    }
}
