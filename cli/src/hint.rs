//! From what went wrong to the flag that helps.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::time::{Duration, SystemTime};

use batchcast::journal::JournalError;
use batchcast::send::{ClientError, FailureKind, Stopped};
use batchcast::{Error, ErrorKind, HeaderError, PhoneNumberError, RecordError, TextError};
use jiff::Timestamp;

use crate::readable::short_time;
use crate::report::is_untouched;

/// What to do about an error, if there is something.
pub(crate) fn of(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return of_client(error);
    }
    if let Some(error) = error.downcast_ref::<JournalError>() {
        return of_journal(error);
    }
    error
        .downcast_ref::<Error>()
        .and_then(|error| of_kind(error.kind()))
}

/// The same for a fault of the list, or of the flags.
pub(crate) fn of_kind(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Record {
            fault:
                RecordError::PhoneNumber(PhoneNumberError::NoPlus | PhoneNumberError::NotADigit { .. }),
            ..
        } => {
            "--region US (or CA) reads numbers as people write them there, such as (650) 555-0100; \
             --on-invalid skip passes over what is none, --invalid PATH writes it to a file"
        }
        ErrorKind::Record { fault, .. } => of_record(fault).unwrap_or(
            "--on-invalid skip passes over such records, --invalid PATH writes them to a file",
        ),
        ErrorKind::Header { fault, .. } => match fault {
            HeaderError::Separated { by, is_said } => separated(*by, *is_said),
            HeaderError::TwoColumns(_) => {
                "give one of the two another name in the list; or, if neither is meant, name another column: --to-field, \
                 --text-field, or the field of --text"
            }
            HeaderError::Utf8 => NOT_UTF8,
            HeaderError::NoColumn { .. } => {
                "--to-field NAME says which column holds the numbers, --text-field NAME which one the texts; \
                 if the list is no CSV, say what it is with --format"
            }
            HeaderError::NoField { .. } => {
                "a field of --text is called as its column is; a literal {{ is written {{{{"
            }
            _ => "if the list is no CSV, say what it is with --format",
        },
        ErrorKind::PhoneNumber(_) => {
            "--from (or BATCHCAST_FROM) takes a number such as +16505550100"
        }
        ErrorKind::Text(TextError::Empty) => "--text TEXT or --text-file PATH gives a text",
        ErrorKind::LimitTooSmall { .. } => "raise --max-bytes, or shorten the text (--text)",
        _ => return None,
    })
}

/// What to do about bytes that are no UTF-8: it is nearly always the same.
const NOT_UTF8: &str = "\
export the list as UTF-8 ('CSV UTF-8'), or convert it; one of an older program for Windows by \
'iconv -f WINDOWS-1252 -t UTF-8 FILE'";

/// How columns that are not separated by commas come to be.
const fn separated(by: char, is_said: bool) -> &'static str {
    match (by, is_said) {
        ('\t', _) => "export the list with commas, or convert it: csvformat -t FILE",
        ('|', _) => "export the list with commas, or convert it: csvformat -d '|' FILE",
        (_, true) => {
            "export the list with commas, or convert what is behind its first line: tail -n +2 FILE | csvformat -d ';'"
        }
        _ => "export the list with commas, or convert it: csvformat -d ';' FILE",
    }
}

/// The same for what is wrong with one record, if a flag helps against just that.
pub(crate) const fn of_record(fault: &RecordError) -> Option<&'static str> {
    Some(match fault {
        RecordError::NoText => {
            "--text TEXT gives a text to all that have none, --text-field NAME says where to find it"
        }
        RecordError::NoRecipient | RecordError::RecipientType => {
            "--to-field NAME says where to find the number"
        }
        RecordError::TextType => "--text-field NAME says where to find the text",
        RecordError::EmptyField { .. } => {
            "--text with {{name|there}} gives a default for an empty field, {{name|}} leaves it out"
        }
        RecordError::MissingField { .. } => {
            "a field of --text is called as its key is, in upper and lower case, too; {{name|there}} gives a default for \
             where it is not, {{name|}} leaves it out"
        }
        RecordError::PhoneNumber(PhoneNumberError::NoPlus | PhoneNumberError::NotADigit { .. }) => {
            "--region US (or CA) reads numbers as people write them there, such as (650) 555-0100"
        }
        RecordError::EntryTooLarge { .. } => "raise --max-bytes",
        RecordError::Utf8 => NOT_UTF8,
        RecordError::Json(_) | RecordError::NotAnObject => {
            "if the list is not one JSON object a line, say what it is with --format"
        }
        _ => return None,
    })
}

/// The same for a connection that cannot be set up.
const fn of_client(error: &ClientError) -> Option<&'static str> {
    Some(match error {
        ClientError::Tls(_) | ClientError::CaBundle(_) => {
            "--ca-bundle PEMFILE names the certificate authorities to trust, in PEM"
        }
        ClientError::Url(_) | ClientError::UrlParts | ClientError::Insecure { .. } => {
            "--base-url (RC_SERVER_URL) takes a URL such as https://platform.ringcentral.com"
        }
        _ => return None,
    })
}

/// The same for a journal that cannot be begun or opened.
fn of_journal(error: &JournalError) -> Option<&'static str> {
    Some(match error {
        JournalError::Io { op: "create", .. } => {
            "--journal PATH puts the journal elsewhere; with --no-journal what is stopped cannot be resumed"
        }
        JournalError::Io { op: "write to", .. } => {
            "make room; the journal of a new run can be elsewhere, by --journal PATH"
        }
        JournalError::Exists { .. } => "--journal PATH puts the journal elsewhere",
        _ => return None,
    })
}

/// The same for why a send stopped, of which there is a journal or not.
pub(crate) fn of_stopped(stopped: &Stopped, has_journal: bool) -> Option<Cow<'static, str>> {
    // A rate limit that is used up as well is not why it stopped.
    let wants_pause = match stopped.failure.kind() {
        FailureKind::Paused { .. } | FailureKind::Interrupted => true,
        FailureKind::Answer(answer) if answer.status == 429 => true,
        _ => stopped.failure.retry_after().is_some(),
    };
    match (stopped.failure.kind(), stopped.report.not_before) {
        (_, Some(until)) if wants_pause => {
            let pause = pause(until);
            Some(Cow::Owned(if has_journal {
                format!("{pause}; 'batchcast resume' keeps to it")
            } else {
                format!("{pause}: a request before would make it longer")
            }))
        }
        (FailureKind::Declined, _) if !has_journal => Some(Cow::Borrowed(
            "without a journal the rest is another send, to which --skip passes over the records of this one",
        )),
        (FailureKind::Handler(_), _) if !has_journal || is_untouched(&stopped.report) => {
            Some(Cow::Borrowed("make room, or name another file"))
        }
        (kind, _) => of_failure(kind).map(Cow::Borrowed),
    }
}

/// How long the server wants to be left alone, and until when.
pub(crate) fn pause(until: SystemTime) -> String {
    let wait = until.duration_since(SystemTime::now()).unwrap_or_default();
    // In whole seconds, and not too early.
    let wait = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    format!(
        "the server wants a pause of {}, until {:.0}",
        short_time(wait),
        timestamp(until)
    )
}

/// A time, or the last one that the calendar has.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

/// The same for why the server could not be asked, or a send stopped.
pub(crate) fn of_failure(failure: &FailureKind) -> Option<&'static str> {
    Some(match failure {
        FailureKind::Input(error) => return of_kind(error.kind()),
        FailureKind::TooManyInvalid { .. } => {
            "look at the list, and at --format and --to-field; --invalid PATH writes the invalid records to a file, \
             --max-invalid lets more of them pass"
        }
        FailureKind::Authorization(_) => {
            "check RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT, and that they belong to --base-url"
        }
        FailureKind::Answer(answer) => match answer.status {
            401 => {
                "check the credentials: an access token (RC_ACCESS_TOKEN) is valid for an hour only"
            }
            403 => {
                "the account or the app may lack the permission to send (A2PSMS), or --from the feature"
            }
            404 => "check --base-url (RC_SERVER_URL)",
            411 => {
                "the server wants to know a batch's length before: without --spool none it is told"
            }
            413 => "the server takes not even one message of this size",
            429 => "the account's rate limit: wait before you try again",
            _ => return None,
        },
        FailureKind::Unsplit { .. } => {
            "without --spool none it is split until the server takes it, down to a single message"
        }
        FailureKind::Transport { .. } | FailureKind::Timeout { .. } => {
            "check the network and --base-url (RC_SERVER_URL); --ca-bundle PEMFILE names \
             the certificate authorities to trust"
        }
        FailureKind::Spool(_) => {
            "--spool DIR (or TMPDIR) puts batches on another disk; --spool none does without, and then stops at every failure"
        }
        FailureKind::Unclear { failure, .. } if is_too_large(failure.kind()) => {
            "the server takes no batch of this size any more, and one that may have been accepted is not split: look at the \
             server's list of batches; a resume with --in-doubt skip takes it for sent, and if it is not there, its records are \
             to be sent as a list of their own (--skip, --limit, --journal)"
        }
        // The list said nothing at all.
        FailureKind::Unclear { why, .. } if is_unanswered(why.kind()) => {
            "the server's list of batches could not be asked: a resume asks it again; look at it yourself before a resume \
             with --in-doubt skip, which takes the batch for sent"
        }
        FailureKind::Unclear { .. } => {
            "look at the server's list of batches; a resume with --in-doubt skip takes the batch for sent"
        }
        FailureKind::Declined => {
            "'batchcast resume' goes on with the rest: it asks, or is told so by --yes"
        }
        FailureKind::Changed(_) => {
            "the run goes on with the list, the sender and the text as they were when it was begun"
        }
        FailureKind::Journal(_) => "what is in the journal is safe: make room, then resume",
        FailureKind::Handler(_) => {
            "make room; a new file of --rejected, --invalid or --passed-over gets all of its lines by 'batchcast resume'"
        }
        _ => return None,
    })
}

fn is_too_large(failure: &FailureKind) -> bool {
    matches!(failure, FailureKind::Answer(answer) if answer.status == 413)
}

/// Whether a question got no answer, or one that is none.
fn is_unanswered(failure: &FailureKind) -> bool {
    match failure {
        FailureKind::Answer(_) | FailureKind::Timeout { .. } | FailureKind::Receipt { .. } => true,
        FailureKind::Transport { step, .. } => matches!(*step, "asking the server" | "connecting"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use batchcast::Position;

    #[test]
    fn the_flag_that_helps_is_named() {
        let position = Position::of_record(3);
        let record = |fault| ErrorKind::Record { position, fault };
        let (wanted, found) = ("to".to_owned(), "name".to_owned());
        let fault = HeaderError::NoColumn { wanted, found };
        for (kind, flag) in [
            (record(RecordError::NoText), "--text "),
            (record(RecordError::NoText), "--text-field"),
            (record(RecordError::NoRecipient), "--to-field"),
            (record(RecordError::Utf8), "iconv"),
            (
                record(RecordError::FieldCount {
                    expected: 2,
                    found: 3,
                }),
                "--invalid",
            ),
            (
                record(RecordError::EntryTooLarge {
                    bytes: 2,
                    max_bytes: 1,
                }),
                "--max-bytes",
            ),
            (ErrorKind::Header { position, fault }, "--to-field"),
            (
                ErrorKind::LimitTooSmall {
                    max_bytes: 1,
                    needed: 2,
                },
                "--max-bytes",
            ),
        ] {
            let hint = of(&Error::from(kind)).unwrap();
            assert!(hint.contains(flag), "{hint}");
        }
    }
}
