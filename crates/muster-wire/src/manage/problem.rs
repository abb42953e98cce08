//! Errors of the management API: RFC 9457.

use serde_json::{Value as Json, json};

/// The content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// An error: what was wrong, where, and what to do. Never quotes personal data.
///
/// ```
/// use muster_wire::manage::problem::Problem;
///
/// let problem = Problem::at("/limits/users_per_minute", "must be a whole number");
/// assert_eq!((problem.status, problem.title), (400, "Bad Request"));
/// assert_eq!(problem.pointer.as_deref(), Some("/limits/users_per_minute"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: &'static str,
    /// What was wrong with this request.
    pub detail: String,
    /// JSON Pointer to the member of the body that is wrong (RFC 6901).
    pub pointer: Option<String>,
}

impl Problem {
    /// A problem with the title of its status.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, title: title(status), detail: detail.into(), pointer: None }
    }

    /// A 400 about a member of the body.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::new(400, detail) }
    }

    /// The body: `{"type": "about:blank", "title", "status", "detail", "pointer"?}`.
    pub fn render(&self) -> Vec<u8> {
        let mut body =
            json!({"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail});
        if let (Some(pointer), Json::Object(members)) = (&self.pointer, &mut body) {
            members.insert("pointer".to_owned(), Json::from(pointer.as_str()));
        }
        super::page::render(&body)
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.detail)?;
        self.pointer.as_ref().map_or(Ok(()), |pointer| write!(f, " (at {pointer})"))
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_where() {
        let body = Problem::at("/limits", "limits must be an object").render();
        assert_eq!(
            String::from_utf8(body).expect("it is text"),
            r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"limits must be an object","pointer":"/limits"}"#
        );
    }
}
