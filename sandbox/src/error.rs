//! Error answers, in the API's own form.

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::header::HeaderName;
use serde::Serialize;

/// An error with everything its answer needs. No message ever contains a text, a number or a secret.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// Where in the request: `messages[3].to`, `perPage`.
    pub(crate) parameter: Option<String>,
    /// The OAuth name of the error, on the token endpoint.
    pub(crate) oauth: Option<&'static str>,
    /// A header of this error alone: `Allow`, `Retry-After`, `WWW-Authenticate`.
    pub(crate) header: Option<Box<(HeaderName, String)>>,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            parameter: None,
            oauth: None,
            header: None,
        }
    }

    /// `400 CMN-101`: the parameter `name` has a wrong value.
    pub(crate) fn parameter(name: impl Into<String>, reason: &str) -> Self {
        let name = name.into();
        let message = format!("Parameter [{name}] value is invalid: {reason}");
        Self {
            parameter: Some(name),
            ..Self::new(StatusCode::BAD_REQUEST, "CMN-101", message)
        }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "CMN-102",
            format!("Resource for parameter [{what}] is not found"),
        )
    }

    pub(crate) fn unsupported_media_type(expected: &str) -> Self {
        let message = format!("Content-Type must be {expected}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "CMN-115", message)
    }

    /// `500`: the sandbox itself failed, on its disk for instance. The cause goes to the log.
    pub(crate) fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(%cause, "the sandbox failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "CMN-203",
            "Internal error of the sandbox; its log has the cause",
        )
    }

    pub(crate) fn oauth(mut self, name: &'static str) -> Self {
        self.oauth = Some(name);
        self
    }

    pub(crate) fn with_header(
        mut self,
        name: hyper::header::HeaderName,
        value: impl Into<String>,
    ) -> Self {
        self.header = Some(Box::new((name, value.into())));
        self
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let envelope = Envelope {
            error: self.oauth,
            error_description: self.oauth.map(|_| self.message.as_str()),
            error_code: &self.code,
            message: &self.message,
            errors: [Detail {
                error_code: &self.code,
                message: &self.message,
                parameter_name: self.parameter.as_deref(),
            }],
        };
        serde_json::to_vec(&envelope).expect("strings and a struct always serialize")
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
    #[serde(rename = "errorCode")]
    error_code: &'a str,
    message: &'a str,
    errors: [Detail<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    error_code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter_name: Option<&'a str>,
}

/// The page that nginx makes.
pub(crate) fn page(status: StatusCode) -> String {
    let reason = match status {
        // It has its own word for this one.
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        _ => status.canonical_reason().unwrap_or("Error"),
    };
    let title = format!("{} {reason}", status.as_u16());
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}
