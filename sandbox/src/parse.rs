//! Reads a batch with `serde_json`, one message at a time, in constant memory.
//!
//! This is the second pair of eyes on what the library encodes, so nothing here is its own idea of JSON: syntax,
//! escapes and UTF-8 are `serde_json`'s, and only the shape of a batch is decided here. The members may come in any
//! order; what depends on the default text is settled at the end.

mod value;

use std::fmt;
use std::io::Read;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::ApiError;
use crate::number::Number;
use hyper::StatusCode;
use value::{Member, ONE_NUMBER, StringSeed, ToSeed};

/// UTF-16 code units in a text.
const MAX_TEXT: usize = 1000;

/// Where the messages of a batch go.
pub(crate) trait Sink {
    /// Takes the message at `index`, counted from 1. `text` is `None` where the default text is to be used.
    fn message(&mut self, index: u64, to: &str, text: Option<&str>) -> Result<(), ApiError>;
}

/// What all messages of a batch share.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) from: Number,
    pub(crate) text: Option<Box<str>>,
}

/// Why a batch was not read to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request is wrong.
    Refused(ApiError),
    /// The body ended early: there is no request.
    Lost,
}

/// Reads one batch and nothing behind it.
pub(crate) fn batch<S: Sink>(body: impl Read, sink: S) -> Result<(Envelope, S), Failure> {
    let mut reading = Reading::new(sink);
    let mut json = serde_json::Deserializer::from_reader(body);
    let result = TopSeed(&mut reading)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    match result {
        Ok(()) => reading.finish().map_err(Failure::Refused),
        Err(error) => Err(reading.failure(&error)),
    }
}

/// The state of one pass. The two strings are used again for every message.
struct Reading<S> {
    sink: S,
    from: Option<Number>,
    text: Option<Box<str>>,
    messages: u64,
    first_without_text: Option<u64>,
    own_to: String,
    own_text: String,
    at: At,
    refusal: Option<ApiError>,
}

/// The value being read: a type error names it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Top,
    From,
    Text,
    Messages,
    Message,
    To,
    OwnText,
}

impl<S> Reading<S> {
    fn new(sink: S) -> Self {
        Self {
            sink,
            from: None,
            text: None,
            messages: 0,
            first_without_text: None,
            own_to: String::new(),
            own_text: String::new(),
            at: At::Top,
            refusal: None,
        }
    }

    fn finish(self) -> Result<(Envelope, S), ApiError> {
        let from = self
            .from
            .ok_or_else(|| ApiError::parameter("from", "it is required"))?;
        if self.messages == 0 {
            return Err(ApiError::parameter(
                "messages",
                "at least one message is required",
            ));
        }
        if let (None, Some(index)) = (&self.text, self.first_without_text) {
            let name = format!("messages[{}].text", index - 1);
            return Err(ApiError::parameter(
                name,
                "the message has no text, and there is no default text",
            ));
        }
        Ok((
            Envelope {
                from,
                text: self.text,
            },
            self.sink,
        ))
    }

    fn failure(self, error: &serde_json::Error) -> Failure {
        use serde_json::error::Category;
        if let Some(refusal) = self.refusal {
            return Failure::Refused(refusal);
        }
        match error.classify() {
            Category::Io => Failure::Lost,
            Category::Data if self.at == At::To => Failure::Refused(self.parameter(ONE_NUMBER)),
            Category::Data => {
                let name = self.parameter_name();
                // The error's own text would repeat the value, which may be a message.
                let message = format!("JSON of [{name}] has a wrong type at line {}", error.line());
                let error = ApiError::new(StatusCode::BAD_REQUEST, "CMN-103", message);
                Failure::Refused(ApiError {
                    parameter: Some(name),
                    ..error
                })
            }
            Category::Syntax | Category::Eof => {
                let message = format!(
                    "Cannot parse JSON: line {}, column {}",
                    error.line(),
                    error.column()
                );
                Failure::Refused(ApiError::new(StatusCode::BAD_REQUEST, "CMN-104", message))
            }
        }
    }

    fn parameter_name(&self) -> String {
        // Only meaningful inside a message, where it has been counted already.
        let index = self.messages.saturating_sub(1);
        match self.at {
            At::Top => "body".to_owned(),
            At::From => "from".to_owned(),
            At::Text => "text".to_owned(),
            At::Messages => "messages".to_owned(),
            At::Message => format!("messages[{index}]"),
            At::To => format!("messages[{index}].to"),
            At::OwnText => format!("messages[{index}].text"),
        }
    }

    fn parameter(&self, reason: &str) -> ApiError {
        ApiError::parameter(self.parameter_name(), reason)
    }

    /// Keeps `refusal` for the answer, and stops the deserializer with an error that nobody reads.
    fn refuse<E: de::Error>(&mut self, refusal: ApiError) -> E {
        self.refusal = Some(refusal);
        E::custom("refused")
    }

    fn refuse_member<E: de::Error>(&mut self, name: &str, reason: &str) -> E {
        let parent = self.parameter_name();
        let name: String = name.chars().take(64).collect();
        let name = if self.at == At::Top {
            name
        } else {
            format!("{parent}.{name}")
        };
        self.refuse(ApiError::parameter(name, reason))
    }

    fn check_text<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        if text.is_empty() {
            return Err(self.refuse(self.parameter("a text must not be empty")));
        }
        // A UTF-16 code unit is at least one byte of UTF-8.
        if text.len() > MAX_TEXT && text.encode_utf16().count() > MAX_TEXT {
            return Err(self.refuse(self.parameter("a text has at most 1000 characters")));
        }
        Ok(())
    }
}

const UNKNOWN: &str = "the member is unknown";
const TWICE: &str = "the member is there twice";

/// `{"from":…,"text":…,"messages":[…]}`
struct TopSeed<'r, S>(&'r mut Reading<S>);

impl<'de, S: Sink> DeserializeSeed<'de> for TopSeed<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for TopSeed<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reading = self.0;
        let mut has_messages = false;
        while let Some(member) = map.next_key::<Member>()? {
            match member {
                Member::From => {
                    if reading.from.is_some() {
                        return Err(reading.refuse_member("from", TWICE));
                    }
                    reading.at = At::From;
                    let from = map.next_value::<String>()?;
                    let Some(from) = Number::parse(&from) else {
                        return Err(
                            reading.refuse(reading.parameter("a number in E.164 is expected"))
                        );
                    };
                    reading.from = Some(from);
                }
                Member::Text => {
                    if reading.text.is_some() {
                        return Err(reading.refuse_member("text", TWICE));
                    }
                    reading.at = At::Text;
                    let text = map.next_value::<Box<str>>()?;
                    reading.check_text(&text)?;
                    reading.text = Some(text);
                }
                Member::Messages => {
                    if has_messages {
                        return Err(reading.refuse_member("messages", TWICE));
                    }
                    has_messages = true;
                    reading.at = At::Messages;
                    map.next_value_seed(MessagesSeed(&mut *reading))?;
                }
                Member::To => return Err(reading.refuse_member("to", UNKNOWN)),
                Member::Unknown(name) => return Err(reading.refuse_member(&name, UNKNOWN)),
            }
            reading.at = At::Top;
        }
        Ok(())
    }
}

/// `[{…},…]`
struct MessagesSeed<'r, S>(&'r mut Reading<S>);

impl<'de, S: Sink> DeserializeSeed<'de> for MessagesSeed<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for MessagesSeed<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let reading = self.0;
        while seq.next_element_seed(MessageSeed(&mut *reading))?.is_some() {
            reading.at = At::Messages;
        }
        Ok(())
    }
}

/// `{"to":["+1…"],"text":…}`
struct MessageSeed<'r, S>(&'r mut Reading<S>);

impl<'de, S: Sink> DeserializeSeed<'de> for MessageSeed<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.0.at = At::Message;
        self.0.messages += 1;
        json.deserialize_map(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for MessageSeed<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reading = self.0;
        let (mut has_to, mut has_text) = (false, false);
        while let Some(member) = map.next_key::<Member>()? {
            match member {
                Member::To => {
                    if has_to {
                        return Err(reading.refuse_member("to", TWICE));
                    }
                    has_to = true;
                    reading.at = At::To;
                    map.next_value_seed(ToSeed(&mut reading.own_to))?;
                }
                Member::Text => {
                    if has_text {
                        return Err(reading.refuse_member("text", TWICE));
                    }
                    has_text = true;
                    reading.at = At::OwnText;
                    map.next_value_seed(StringSeed(&mut reading.own_text))?;
                    let text = std::mem::take(&mut reading.own_text);
                    reading.check_text(&text)?;
                    reading.own_text = text;
                }
                Member::From => return Err(reading.refuse_member("from", UNKNOWN)),
                Member::Messages => return Err(reading.refuse_member("messages", UNKNOWN)),
                Member::Unknown(name) => return Err(reading.refuse_member(&name, UNKNOWN)),
            }
            reading.at = At::Message;
        }
        if !has_to {
            return Err(reading.refuse_member("to", "it is required"));
        }
        if !has_text && reading.first_without_text.is_none() {
            reading.first_without_text = Some(reading.messages);
        }
        let text = has_text.then_some(reading.own_text.as_str());
        let taken = reading
            .sink
            .message(reading.messages, &reading.own_to, text);
        taken.map_err(|refusal| reading.refuse(refusal))
    }
}
