//! `GET …/a2p-sms/opt-outs`: who does not want messages.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::PoisonError;

use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderMap};
use serde::Serialize;

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::list::E164;
use crate::number::Number;
use crate::query::{Key, Query};
use crate::state::State;

/// That a recipient has opted out of the messages of a sender, or in again.
///
/// Parsed from `FROM,TO[,OptOut|OptIn[,SOURCE]]`, as in `+16505550100,+14155550100,OptOut,Recipient`. The sandbox
/// lists it, and rejects nobody for it: that is for [`RejectRule`](crate::RejectRule).
#[derive(Clone, PartialEq, Eq)]
pub struct OptOut {
    from: Number,
    to: Number,
    status: &'static str,
    source: String,
}

/// A text that is no [`OptOut`]. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected FROM,TO[,OptOut|OptIn[,SOURCE]] with both numbers in E.164")]
#[non_exhaustive]
pub struct ParseOptOutError;

const OPT_OUT: &str = "OptOut";
const OPT_IN: &str = "OptIn";
const SOURCE: &str = "Recipient";

impl FromStr for OptOut {
    type Err = ParseOptOutError;

    fn from_str(text: &str) -> Result<Self, ParseOptOutError> {
        let mut parts = text.trim().splitn(4, ',').map(str::trim);
        let mut number = || parts.next().and_then(Number::parse).ok_or(ParseOptOutError);
        let (from, to) = (number()?, number()?);
        let status = match parts.next() {
            None | Some(OPT_OUT) => OPT_OUT,
            Some(OPT_IN) => OPT_IN,
            Some(_) => return Err(ParseOptOutError),
        };
        let source = parts.next().unwrap_or(SOURCE);
        // It is written to CSV as it stands.
        if source.contains([',', '"', '\r', '\n']) {
            return Err(ParseOptOutError);
        }
        Ok(Self {
            from,
            to,
            status,
            source: source.to_owned(),
        })
    }
}

/// Without the numbers.
impl fmt::Debug for OptOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptOut")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct View<'o> {
    from: Number,
    to: Number,
    status: &'static str,
    source: &'o str,
}

pub(crate) fn opt_outs(
    state: &State,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["from", "to", "status", "perPage", "pageToken"])?;
    let from = query.value("from", E164, Number::parse)?;
    let to = query.value("to", E164, Number::parse)?;
    let status = query.value("status", "OptIn or OptOut", |text| {
        [OPT_IN, OPT_OUT].into_iter().find(|status| *status == text)
    })?;
    let paging = query.paging()?;
    let list = state
        .opt_outs
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    let found = (0..).zip(list.iter()).filter(|(_, opt_out)| {
        from.is_none_or(|from| opt_out.from == from)
            && to.is_none_or(|to| opt_out.to == to)
            && status.is_none_or(|status| opt_out.status == status)
    });
    let page = paging.page(
        found,
        |(index, _)| Key::new(0, *index),
        |(_, opt_out)| View {
            from: opt_out.from,
            to: opt_out.to,
            status: opt_out.status,
            source: &opt_out.source,
        },
    );
    if !wants_csv(headers) {
        return Ok(answer::json(StatusCode::OK, &page));
    }
    let mut csv = "from,to,status,source\r\n".to_owned();
    for View {
        from,
        to,
        status,
        source,
    } in page.records()
    {
        // Writing to a string does not fail.
        let _ = write!(csv, "{from},{to},{status},{source}\r\n");
    }
    Ok(answer::csv(csv))
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| {
        accept
            .split(',')
            .any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/csv")
    })
}

#[cfg(test)]
mod tests {
    use super::{OptOut, ParseOptOutError};

    #[test]
    fn opt_outs_are_parsed() {
        for text in [
            "+16505550100,+14155550100",
            " +16505550100 , +14155550100 ",
            "+16505550100,+14155550100,OptOut",
            "+16505550100,+14155550100,OptOut,Recipient",
        ] {
            let parsed: OptOut = text.parse().expect(text);
            assert!(parsed == "+16505550100,+14155550100".parse().expect("the same"));
            assert!(!format!("{parsed:?}").contains("5550100"));
        }
        for text in [
            "",
            "+16505550100",
            "+16505550100,4155550100",
            "+16505550100,+14155550100,Out",
            "+16505550100,+14155550100,OptIn,a,b",
            "+16505550100,+14155550100,OptIn,\"a\"",
        ] {
            assert_eq!(text.parse::<OptOut>(), Err(ParseOptOutError), "{text}");
        }
    }
}
