//! What the API's codes about single messages mean, in one place.

/// What one of the API's codes about a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCode {
    /// The code, such as `SMS-CAR-411`.
    pub code: &'static str,
    /// What it means, in a sentence without a full stop.
    pub meaning: &'static str,
    /// Whose word it is.
    pub source: CodeSource,
}

/// Who says that a message has failed: it is told by the code's middle part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeSource {
    /// `RC`: `RingCentral` itself. Nothing was handed on.
    Service,
    /// `UP`: the gateway between `RingCentral` and the carriers.
    Upstream,
    /// `CAR`: the recipient's carrier.
    Carrier,
}

/// All codes that the API's guide names, in the order of source and number:
///
/// | code | meaning |
/// |---|---|
/// | `SMS-RC-410` | the number is not one that messages can be sent to |
/// | `SMS-RC-413` | the recipient has opted out |
/// | `SMS-RC-430` | `RingCentral`'s filter took the message for spam |
/// | `SMS-RC-500` | an internal error of `RingCentral` |
/// | `SMS-RC-501` | `RingCentral` sent something invalid upstream: tell its support |
/// | `SMS-RC-503` | the sender is wrongly provisioned: tell `RingCentral`'s support |
/// | `SMS-UP-410` | the number is invalid, not assigned, or takes no such messages (gateway) |
/// | `SMS-UP-430` | the gateway took the message for spam |
/// | `SMS-UP-431` | the sender is blocked by the gateway for spam or other violations |
/// | `SMS-UP-500` | the gateway failed |
/// | `SMS-CAR-104` | the carrier has not said whether it was delivered |
/// | `SMS-CAR-199` | the carrier says that it does not know |
/// | `SMS-CAR-400` | the carrier takes no such messages |
/// | `SMS-CAR-411` | the number is invalid, not assigned, or takes no such messages (carrier) |
/// | `SMS-CAR-412` | the recipient cannot be reached |
/// | `SMS-CAR-413` | the recipient has opted out at the carrier |
/// | `SMS-CAR-430` | the carrier took the message for spam |
/// | `SMS-CAR-431` | the carrier refused the message without a reason |
/// | `SMS-CAR-432` | the message is too long for the carrier |
/// | `SMS-CAR-433` | the message is malformed for the carrier |
/// | `SMS-CAR-450` | too many messages for a person-to-person number |
/// | `SMS-CAR-460` | the recipient does not take messages from short codes |
/// | `SMS-CAR-500` | the carrier failed |
pub const ERROR_CODES: &[ErrorCode] = &[
    service(
        "SMS-RC-410",
        "The number is not one that messages can be sent to",
    ),
    service("SMS-RC-413", "The recipient has opted out"),
    service(
        "SMS-RC-430",
        "RingCentral's filter took the message for spam",
    ),
    service("SMS-RC-500", "An internal error of RingCentral"),
    service(
        "SMS-RC-501",
        "RingCentral sent something invalid upstream: tell its support",
    ),
    service(
        "SMS-RC-503",
        "The sender is wrongly provisioned: tell RingCentral's support",
    ),
    upstream(
        "SMS-UP-410",
        "The number is invalid, not assigned, or takes no such messages (gateway)",
    ),
    upstream("SMS-UP-430", "The gateway took the message for spam"),
    upstream(
        "SMS-UP-431",
        "The sender is blocked by the gateway for spam or other violations",
    ),
    upstream("SMS-UP-500", "The gateway failed"),
    carrier(
        "SMS-CAR-104",
        "The carrier has not said whether it was delivered",
    ),
    carrier("SMS-CAR-199", "The carrier says that it does not know"),
    carrier("SMS-CAR-400", "The carrier takes no such messages"),
    carrier(
        "SMS-CAR-411",
        "The number is invalid, not assigned, or takes no such messages (carrier)",
    ),
    carrier("SMS-CAR-412", "The recipient cannot be reached"),
    carrier("SMS-CAR-413", "The recipient has opted out at the carrier"),
    carrier("SMS-CAR-430", "The carrier took the message for spam"),
    carrier(
        "SMS-CAR-431",
        "The carrier refused the message without a reason",
    ),
    carrier("SMS-CAR-432", "The message is too long for the carrier"),
    carrier("SMS-CAR-433", "The message is malformed for the carrier"),
    carrier(
        "SMS-CAR-450",
        "Too many messages for a person-to-person number",
    ),
    carrier(
        "SMS-CAR-460",
        "The recipient does not take messages from short codes",
    ),
    carrier("SMS-CAR-500", "The carrier failed"),
];

/// What a code means; `None` if the API's guide does not name it.
///
/// ```
/// use batchcast::status::meaning;
///
/// assert_eq!(meaning("SMS-CAR-412"), Some("The recipient cannot be reached"));
/// assert_eq!(meaning("SMS-CAR-999"), None);
/// ```
#[must_use]
pub fn meaning(code: &str) -> Option<&'static str> {
    let known = ERROR_CODES.iter().find(|known| known.code == code);
    known.map(|known| known.meaning)
}

const fn service(code: &'static str, meaning: &'static str) -> ErrorCode {
    ErrorCode {
        code,
        meaning,
        source: CodeSource::Service,
    }
}

const fn upstream(code: &'static str, meaning: &'static str) -> ErrorCode {
    ErrorCode {
        code,
        meaning,
        source: CodeSource::Upstream,
    }
}

const fn carrier(code: &'static str, meaning: &'static str) -> ErrorCode {
    ErrorCode {
        code,
        meaning,
        source: CodeSource::Carrier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_under_its_source() {
        for (at, known) in ERROR_CODES.iter().enumerate() {
            let prefix = match known.source {
                CodeSource::Service => "SMS-RC-",
                CodeSource::Upstream => "SMS-UP-",
                CodeSource::Carrier => "SMS-CAR-",
            };
            assert!(known.code.starts_with(prefix), "{}", known.code);
            let before = &ERROR_CODES[..at];
            assert!(before.iter().all(|other| other.code != known.code));
            assert!(!known.meaning.ends_with('.'), "{}", known.meaning);
        }
    }

    #[test]
    fn the_table_in_the_documentation_is_this_one() {
        let source = include_str!("codes.rs");
        for known in ERROR_CODES {
            let row = format!("/// | `{}` | ", known.code);
            let row = source.lines().find_map(|line| line.strip_prefix(&row));
            let told = row.unwrap().trim_end_matches(" |").replace('`', "");
            assert_eq!(told.to_lowercase(), known.meaning.to_lowercase());
        }
    }
}
