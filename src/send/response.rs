//! Reading the API's answers: receipts as they stream in, errors whatever they look like.

use std::io::{self, BufReader, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::send::outcome::{ApiError, ApiErrorDetail, Failure, FailureKind};
use crate::send::sanitize::{cleaned, id};
use crate::send::{blocking, clock};

/// How much of an error answer is read: more than any envelope, less than would hurt.
const ERROR_PREFIX: usize = 64 * 1024;
/// How long the body of an error answer is waited for. Its status is known by then.
const ERROR_PATIENCE: Duration = Duration::from_secs(10);

/// What a receipt says, apart from the rejects, which were handed over one by one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ReceiptBody {
    pub(super) id: Option<String>,
    pub(super) batch_size: Option<u64>,
    pub(super) status: Option<String>,
    pub(super) creation_time: Option<String>,
}

/// One of the `rejected`. Any part may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RejectBody {
    pub(super) index: Option<u64>,
    #[serde(deserialize_with = "one_or_first")]
    pub(super) to: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) description: Option<String>,
}

/// Takes the rejects of a receipt, one after the other.
pub(super) trait TakeReject {
    /// The receipt's id: the API's answers begin with it, but need not.
    fn id(&mut self, _id: &str) {}

    fn take(&mut self, reject: RejectBody);

    /// There are no more, for whatever reason.
    fn end(&mut self) {}
}

/// Reads a receipt while it streams in, and hands over each reject as it comes: two million of them
/// are an answer of over 200 MB.
///
/// Parsing is done on a thread for blocking work, with [`serde_json`] reading from a bounded channel.
/// An error says what is wrong with the receipt, in words that quote nothing of it.
pub(super) async fn read_receipt<R>(
    response: Response,
    patience: Duration,
    mut rejects: R,
) -> (Result<ReceiptBody, String>, R)
where
    R: TakeReject + Send + 'static,
{
    let (pieces, receiver) = mpsc::channel(2);
    let parsed = tokio::task::spawn_blocking(move || {
        let reader = BufReader::with_capacity(16 * 1024, PieceReader::new(receiver));
        let parsed = parse_receipt(reader, &mut rejects);
        rejects.end();
        (parsed, rejects)
    });
    let cut_off = forward(response, patience, pieces).await;
    let (parsed, rejects) = blocking::outcome(parsed).await;
    let receipt = parsed.map_err(|error| match cut_off {
        Some(reason) => reason,
        None if error.is_eof() => "it ends too early".to_owned(),
        None if error.is_syntax() => "it is not JSON".to_owned(),
        None => "it is not what a receipt looks like".to_owned(),
    });
    (receipt, rejects)
}

/// Moves the body's pieces to the parser. `Some` says why there are no more, if not because it ended.
async fn forward(
    mut response: Response,
    patience: Duration,
    pieces: mpsc::Sender<Bytes>,
) -> Option<String> {
    loop {
        match timeout(patience, response.chunk()).await {
            Ok(Ok(Some(piece))) => {
                // The parser has seen enough: what it says about it counts.
                if pieces.send(piece).await.is_err() {
                    return None;
                }
            }
            Ok(Ok(None)) => return None,
            Ok(Err(_)) => return Some("the connection was lost in the middle of it".to_owned()),
            Err(_) => {
                let seconds = patience.as_secs_f32();
                return Some(format!("nothing more of it came for {seconds} s"));
            }
        }
    }
}

/// Reads the pieces of a body on a thread that may wait.
struct PieceReader {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl PieceReader {
    fn new(pieces: mpsc::Receiver<Bytes>) -> Self {
        let current = Bytes::new();
        Self { pieces, current }
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let len = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..len]);
        Ok(len)
    }
}

fn parse_receipt(
    reader: impl Read,
    rejects: &mut impl TakeReject,
) -> serde_json::Result<ReceiptBody> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let receipt = deserializer.deserialize_map(ReceiptVisitor(rejects))?;
    deserializer.end()?;
    Ok(receipt)
}

struct ReceiptVisitor<'a, R>(&'a mut R);

impl<'de, R: TakeReject> Visitor<'de> for ReceiptVisitor<'_, R> {
    type Value = ReceiptBody;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a receipt")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReceiptBody, A::Error> {
        let mut receipt = ReceiptBody::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "id" => {
                    receipt.id = map.next_value()?;
                    if let Some(id) = &receipt.id {
                        self.0.id(id);
                    }
                }
                "batchSize" => receipt.batch_size = map.next_value()?,
                "status" => receipt.status = map.next_value()?,
                "creationTime" => receipt.creation_time = map.next_value()?,
                "rejected" => map.next_value_seed(RejectsSeed(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(receipt)
    }
}

/// The array of rejects, or `null`.
struct RejectsSeed<'a, R>(&'a mut R);

impl<'de, R: TakeReject> DeserializeSeed<'de> for RejectsSeed<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: TakeReject> Visitor<'de> for RejectsSeed<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of rejects")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rejects: A) -> Result<(), A::Error> {
        while let Some(reject) = rejects.next_element()? {
            self.0.take(reject);
        }
        Ok(())
    }
}

/// `to` is an array by the guide; a bare string is understood too.
pub(crate) fn one_or_first<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum To {
        Many(Vec<String>),
        One(String),
    }
    Ok(match Option::<To>::deserialize(deserializer)? {
        Some(To::Many(numbers)) => numbers.into_iter().next(),
        Some(To::One(number)) => Some(number),
        None => None,
    })
}

/// The largest JSON answer that is read as a whole: a page of a list, and more than that ever needs.
const MAX_JSON: usize = 32 * 1024 * 1024;

/// Reads a JSON answer as a whole.
pub(super) async fn read_json<T: DeserializeOwned>(
    mut response: Response,
    patience: Duration,
) -> Result<T, Failure> {
    let status = response.status().as_u16();
    let request_id = request_id(response.headers());
    let mut body = Vec::new();
    let reason = loop {
        match timeout(patience, response.chunk()).await {
            Ok(Ok(Some(piece))) if body.len() + piece.len() <= MAX_JSON => {
                body.extend_from_slice(&piece);
            }
            Ok(Ok(Some(_))) => break "it is too long",
            Ok(Ok(None)) => match serde_json::from_slice(&body) {
                Ok(json) => return Ok(json),
                // serde_json's own words could quote what stands in the answer.
                Err(_) => break "it is not what it should be",
            },
            Ok(Err(_)) => break "the connection was lost in the middle of it",
            Err(_) => break "no more of it came",
        }
    };
    let reason = reason.to_owned();
    Err(FailureKind::Receipt {
        status,
        reason,
        request_id,
    }
    .into())
}

/// Reads an error answer, as far as it can be read.
pub(super) async fn read_error(response: Response) -> ApiError {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = read_prefix(response).await;
    parse_error(status, &headers, &body)
}

/// The first bytes of an answer; fewer if it is cut off or too slow.
pub(super) async fn read_prefix(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(piece)) = response.chunk().await {
            let room = ERROR_PREFIX - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if body.len() == ERROR_PREFIX {
                break;
            }
        }
    };
    // What came until then is what there is.
    let _in_time = timeout(ERROR_PATIENCE, read).await;
    body
}

fn parse_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ApiError {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Envelope {
        error_code: Option<String>,
        message: Option<String>,
        errors: Vec<Detail>,
        // The token endpoint's spelling (RFC 6749, 5.2).
        error: Option<String>,
        #[serde(rename = "error_description")]
        error_description: Option<String>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Detail {
        error_code: Option<String>,
        message: Option<String>,
        parameter_name: Option<String>,
    }

    let envelope = serde_json::from_slice::<Envelope>(body);
    let is_json = envelope.is_ok();
    let envelope = envelope.unwrap_or_default();
    let message = envelope.message.or(envelope.error_description);
    let message = match message {
        None if !is_json => page_title(headers, body),
        message => message,
    };
    ApiError {
        status,
        code: envelope
            .error_code
            .or(envelope.error)
            .map(|code| cleaned(&code)),
        message: message.map(|message| cleaned(&message)),
        details: envelope
            .errors
            .into_iter()
            .map(|detail| ApiErrorDetail {
                code: detail.error_code.map(|code| cleaned(&code)),
                message: detail.message.map(|message| cleaned(&message)),
                parameter: detail.parameter_name.map(|name| cleaned(&name)),
            })
            .collect(),
        request_id: request_id(headers),
        retry_after: retry_after(headers),
    }
}

/// `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = clock::parse_http_date(value)?;
    // By the server's own clock, if it says what that is.
    let now = headers
        .get(DATE)
        .and_then(|date| clock::parse_http_date(date.to_str().ok()?));
    let wait = until.duration_since(now.unwrap_or_else(Timestamp::now));
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// The id by which the API's support finds a request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("RCRequestId")?.to_str().ok().map(id)
}

/// What a page that is no JSON is about: an HTML page's title, or its first words.
fn page_title(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    let is_html = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
        || lower.trim_start().starts_with("<!doctype html")
        || lower.trim_start().starts_with("<html");
    if is_html {
        // ASCII lower case keeps every offset.
        let title = lower.find("<title>").map(|at| at + "<title>".len());
        let title = title.map(|start| {
            let len = lower[start..].find("</title>");
            &text[start..len.map_or(text.len(), |len| start + len)]
        });
        return Some(match title {
            Some(title) => format!("an HTML page: {}", title.trim()),
            None => "an HTML page".to_owned(),
        });
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    impl TakeReject for Vec<RejectBody> {
        fn take(&mut self, reject: RejectBody) {
            self.push(reject);
        }
    }

    fn receipt(json: &str) -> serde_json::Result<(ReceiptBody, Vec<RejectBody>)> {
        let mut rejects = Vec::new();
        let body = parse_receipt(json.as_bytes(), &mut rejects)?;
        Ok((body, rejects))
    }

    #[test]
    fn a_receipt_is_read_in_any_order_and_with_parts_missing() {
        let (body, rejects) = receipt(
            r#"{"rejected":[{"index":2,"to":["+4088070206"],"errorCode":"SMS-RC-410","description":"invalid"},
                {"to":"+1","index":null},{}],"cost":1.5,"batchSize":3,"id":"x","status":"Processing"}"#,
        )
        .unwrap();
        assert_eq!(body.id.as_deref(), Some("x"));
        assert_eq!(body.batch_size, Some(3));
        assert_eq!(rejects.len(), 3);
        assert_eq!(rejects[0].index, Some(2));
        assert_eq!(rejects[0].to.as_deref(), Some("+4088070206"));
        assert_eq!(rejects[1].to.as_deref(), Some("+1"));
        assert_eq!(rejects[2].index, None);

        let (body, rejects) = receipt(r#"{"id":"x","rejected":null}"#).unwrap();
        assert_eq!((body.batch_size, rejects.len()), (None, 0));
        assert_eq!(receipt("{}").unwrap().0.id, None);
    }

    #[test]
    fn what_is_no_receipt_is_an_error() {
        for json in [
            "",
            "[]",
            "{",
            r#"{"id":"x"} x"#,
            r#"{"rejected":[{"#,
            r#"{"rejected":3}"#,
        ] {
            assert!(receipt(json).is_err(), "{json}");
        }
    }

    #[test]
    fn errors_are_read_whatever_they_look_like() {
        let mut headers = HeaderMap::new();
        headers.insert("RCRequestId", HeaderValue::from_static("abc-1"));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        let error = parse_error(
            400,
            &headers,
            br#"{"errorCode":"CMN-101","message":"Parameter [to] value [+14155550100] is invalid",
                "errors":[{"errorCode":"CMN-101","message":"Parameter [to] value [+14155550100] is invalid","parameterName":"to"}]}"#,
        );
        assert_eq!(
            error.to_string(),
            "400 CMN-101: Parameter [to] value […] is invalid [to] (RCRequestId abc-1)"
        );
        assert_eq!(error.brief(), "400 CMN-101 [to] (RCRequestId abc-1)");
        assert_eq!(error.retry_after, Some(Duration::from_secs(60)));

        for (body, shown) in [
            ("", "502"),
            ("{}", "502"),
            (
                "<html>\n<head><TITLE>502 Bad Gateway</title>",
                "502: an HTML page: 502 Bad Gateway",
            ),
            ("<!DOCTYPE html><p>x", "502: an HTML page"),
            ("up\x1b[2Jstream", "502: up [2Jstream"),
            (
                r#"{"error":"invalid_client","error_description":"no"}"#,
                "502 invalid_client: no",
            ),
            (
                r#"{"errorCode":"CMN-101","mess"#,
                r#"502: {"errorCode":"CMN-101","mess"#,
            ),
        ] {
            let error = parse_error(502, &HeaderMap::new(), body.as_bytes());
            assert_eq!(error.to_string(), shown);
        }
    }
}
