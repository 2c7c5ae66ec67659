//! What a journal says of how its run's list is read, so that the run can be gone on with. Neither the sender nor
//! a text stands there.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use batchcast::input::{Fields, Format};
use batchcast::journal::Header;
use batchcast::{Region, Text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::common_text;
use crate::config::{self, List};
use crate::fail::Usage;
use crate::screen::ScreenRecipe;

/// The program's own options in a journal's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// The list; none if it came from standard input, or has a name that is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) list: Option<PathBuf>,
    /// Its format, as it was found out.
    #[serde(with = "by_name")]
    pub(crate) format: Format,
    /// The field of the recipient, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to_field: Option<String>,
    /// The field of the text, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text_field: Option<String>,
    /// The file that the text of all messages came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text_file: Option<PathBuf>,
    /// A digest of the template that the texts are made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) template: Option<String>,
    /// Whether records without a text had one: that of all messages, whatever it was.
    pub(crate) default_text: bool,
    /// A digest of the text that the records have in common, if there is one that the batches have once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) common_text: Option<String>,
    /// How numbers are written, beside E.164.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "region")]
    pub(crate) region: Option<Region>,
    /// Whether an invalid record ends the run.
    #[serde(default)]
    pub(crate) stop_on_invalid: bool,
    /// Who is passed over.
    #[serde(default, skip_serializing_if = "ScreenRecipe::is_empty")]
    pub(crate) screen: ScreenRecipe,
    /// How many messages go ahead of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<NonZeroU64>,
    /// The base URL of the server: what it has accepted, no other one has.
    pub(crate) server: String,
}

impl Recipe {
    /// That of a send that begins.
    pub(crate) fn of(
        list: &List,
        format: Format,
        common: Option<&Text<'_>>,
        screen: ScreenRecipe,
        server: &str,
    ) -> Self {
        // What a profile says of fields is not about a list that has none.
        let fields = (format != Format::Lines).then_some(list);
        Self {
            list: list.file.as_deref().and_then(absolute),
            format,
            to_field: fields.and_then(|list| list.to_field.clone()),
            text_field: fields.and_then(|list| list.text_field.clone()),
            text_file: list.text_file.as_deref().and_then(absolute),
            template: list.template.as_ref().map(|wanted| wanted.digest.clone()),
            default_text: list.envelope.text().is_some(),
            common_text: common.map(common_text::digest),
            region: list.region,
            stop_on_invalid: list.stop_on_invalid,
            screen,
            canary: None,
            server: server.to_owned(),
        }
    }

    /// The path of the list, so that it can be read again.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn list(&self) -> Result<&Path> {
        self.list.as_deref().ok_or_else(|| {
            Usage::error(
                "the journal does not say where the list is, which came from standard input or has a name that is not UTF-8: \
                 give the same list again, as FILE, or as - on standard input",
            )
        })
    }

    /// As a journal has it.
    pub(crate) fn into_application(self) -> Result<Map<String, Value>> {
        match serde_json::to_value(self)? {
            Value::Object(application) => Ok(application),
            other => anyhow::bail!("a recipe is an object, not {other}"),
        }
    }

    /// Which fields of the list hold what.
    pub(crate) fn fields(&self) -> Fields {
        let (to, text) = (self.to_field.as_deref(), self.text_field.as_deref());
        config::fields(to, text, self.region)
    }

    /// That of a journal's run.
    ///
    /// # Errors
    /// If another program wrote it.
    pub(crate) fn of_journal(header: &Header) -> Result<Self> {
        serde_json::from_value(Value::Object(header.application.clone())).context(
            "the journal does not say how its list is read: it is that of another program, which can go on with it",
        )
    }
}

/// A path that means the same in another directory, if it can be written down.
pub(crate) fn absolute(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.to_str().is_some().then_some(path)
}

/// A format as it is named on the command line.
mod by_name {
    use batchcast::input::Format;
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(format: &Format, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(format.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Format, D::Error> {
        let name = String::deserialize(from)?;
        name.parse()
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&name), &"a format"))
    }
}

/// A region by its name.
mod region {
    use batchcast::Region;
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        region: &Option<Region>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        region.map(Region::as_str).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Region>, D::Error> {
        let Some(name) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let region = name.parse();
        region
            .map(Some)
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&name), &"a region"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common_text::Common;
    use crate::screen::Screening;
    use crate::wording::Wanted;
    use batchcast::encode::Limits;
    use batchcast::input::Template;
    use batchcast::journal::Shape;
    use batchcast::{Envelope, PhoneNumber};

    #[test]
    fn what_is_written_is_read_again_and_holds_nothing_private() {
        let from = PhoneNumber::parse("+16505550111").unwrap();
        let envelope = Envelope::new(from).with_text(Text::new("a secret text").unwrap());
        let list = List {
            file: Some("list.csv".into()),
            format: None,
            to_field: Some("Mobile".to_owned()),
            text_field: None,
            fields_are_typed: true,
            text_file: Some("text".into()),
            template: Some(Wanted {
                template: Template::parse("a secret {{name}}").unwrap(),
                digest: "5b1d0a9c3e7f2468".to_owned(),
            }),
            common: Common::Look,
            region: Some(Region::Us),
            limits: Limits::default(),
            stop_on_invalid: true,
            invalid: None,
            screen: Screening::default(),
            envelope: envelope.clone(),
        };
        let common = Text::new("a secret text").unwrap();
        let recipe = Recipe::of(
            &list,
            Format::Csv,
            Some(&common),
            ScreenRecipe::default(),
            "https://example.com",
        );
        assert!(recipe.list.as_ref().unwrap().is_absolute());
        let application = recipe.clone().into_application().unwrap();
        let header = Header::new(Shape::new(&envelope, list.limits), application);
        let text = serde_json::to_string(&header).unwrap();
        assert!(
            !text.contains("secret") && !text.contains("5550111"),
            "{text}"
        );
        assert_eq!(Recipe::of_journal(&header).unwrap(), recipe);
        let foreign = Header::new(header.shape, Map::new());
        assert!(Recipe::of_journal(&foreign).is_err());
    }
}
