//! The one table of refusals: status, type and message of every failure of a request, in the spelling of the called
//! API's page (FACTS 1.4, 2.1-2.3, 2.7, 5; behaviour.md 1.2 and 1.8). Reasons of elements are in [`reasons`], the JSON
//! in `envelope`.

pub(super) mod envelope;
pub mod reasons;

use super::api::Api;
use super::malformed::JsonPosition;
use crate::write;
use envelope::{More, open_error, write_description};
use muster_core::id::RequestId;
use muster_core::rate::Class;
use muster_core::reason::{Fault, Reason};
use reasons::{MALFORMED, MALFORMED_TYPE, MISSING_TYPE};

/// Message of both APIs for a name in `Host` that the server does not answer to.
pub const HOST_REFUSED: &str = "this server answers only to local host names and to those given with --allow-host";

/// Why a request as a whole is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 404: the path does not belong to the API.
    NotFound,
    /// 404: a call of the documented API that this server does not have; with its name, method and path.
    NotBuilt(&'static str),
    /// 405; the server names the methods in `Allow`.
    MethodNotAllowed,
    /// 401: no `Authorization`.
    AuthorizationMissing,
    /// 401: `Authorization` is empty.
    AuthorizationEmpty,
    /// 401: `Authorization` is not Basic or not base64 of text.
    AuthorizationUndecodable,
    /// 401: the user name is empty.
    UserMissing,
    /// 401: the password is empty.
    PasswordMissing,
    /// 409: the ids of path, `app_id` and user name disagree.
    WorkspaceMismatch,
    /// 401: `MOE-APPKEY` was sent and differs from the user name.
    AppKeyMismatch,
    /// 400: no workspace in path or query.
    WorkspaceMissing,
    /// 401: a wrong key or an unknown workspace; the answer does not say which.
    KeyMismatch,
    /// 403: the key lacks the scope that the call needs.
    KeyScope,
    /// 403: the workspace is suspended.
    Suspended,
    /// 403: the connecting address is not on the allow-list (behaviour.md 1.10.h).
    AddressRefused,
    /// 403: the server does not answer to the name in `Host` (behaviour.md 1.10.h).
    HostRefused,
    /// 400: no `Content-Type`.
    ContentTypeMissing,
    /// 415: `Content-Type` is not `application/json`.
    ContentTypeOther,
    /// 413: the decoded body is longer than this.
    TooLarge {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// 415: a `Content-Encoding` other than gzip, zstd or identity.
    UnsupportedEncoding,
    /// 400: the body is not what its `Content-Encoding` says.
    UndecodableEncoding,
    /// 400: `Idempotency-Key` is not 1 to 255 printable ASCII characters.
    IdempotencyKeyUnusable,
    /// 409: the idempotency key was used with another body.
    IdempotencyConflict,
    /// 400: no body.
    EmptyBody,
    /// 400: the body is JSON, but not an object; with a hint.
    NotAnObject(Option<&'static str>),
    /// 400: the body is not JSON, not UTF-8, nested too deep, or has a doubled member or half a surrogate pair outside
    /// the elements; with the place, unless the body was cut off in transit.
    Malformed(Option<Box<JsonPosition>>),
    /// 400: no `elements`.
    ElementsMissing,
    /// 400: `elements` is empty.
    ElementsEmpty,
    /// 400: `elements` is not an array; with a hint.
    ElementsType(Option<&'static str>),
    /// 400: no `type`.
    TypeMissing,
    /// 400: `type` is not `transition`.
    TypeWrong,
    /// 400: a member of a call without elements is missing, null or blank.
    MemberMissing(&'static str),
    /// 400: a member of a call without elements has a wrong type or an invalid value.
    MemberType {
        /// The member.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// 400: Delete Users names an unknown user; the documented message quotes the id that was sent.
    UserNotFound(Box<str>),
    /// 429: over a budget; the server adds `Retry-After`.
    RateLimited,
    /// 413: the request costs more than a whole budget, so waiting does not help.
    OverBudget {
        /// Class of the budget.
        class: Class,
        /// Budget per minute.
        limit: u32,
    },
    /// 429: the workspace has as many dry runs in progress as it may.
    DryRunsBusy,
    /// 408: the body did not arrive in time.
    Timeout,
    /// 503: overload, a full disk or a stop; the server adds `Retry-After`.
    Unavailable,
    /// 503: the decision needs more data or work than allowed (behaviour.md 1.11.f).
    DecisionTooLarge,
    /// 507: the data of the workspace has reached its limit of disk.
    DiskQuota,
    /// 500.
    Internal,
}

/// Type, message and, for payload errors, member in the envelope.
struct ErrorText {
    kind: &'static str,
    message: String,
    attribute: Option<&'static str>,
}

impl Failure {
    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::AuthorizationMissing | Self::AuthorizationEmpty | Self::AuthorizationUndecodable => 401,
            Self::UserMissing | Self::PasswordMissing | Self::AppKeyMismatch | Self::KeyMismatch => 401,
            Self::KeyScope | Self::Suspended | Self::AddressRefused | Self::HostRefused => 403,
            Self::NotFound | Self::NotBuilt(_) => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::WorkspaceMismatch | Self::IdempotencyConflict => 409,
            Self::TooLarge { .. } | Self::OverBudget { .. } => 413,
            Self::ContentTypeOther | Self::UnsupportedEncoding => 415,
            Self::RateLimited | Self::DryRunsBusy => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::DecisionTooLarge => 503,
            Self::DiskQuota => 507,
            _ => 400,
        }
    }

    /// Returns the type in the spelling of the called API.
    pub fn kind(&self, api: Api) -> &'static str {
        self.error_text(api).kind
    }

    /// Returns type and message for readers other than the caller: without the value that the message of
    /// [`Self::UserNotFound`] quotes.
    pub fn type_and_message(&self, api: Api) -> (&'static str, String) {
        let text = self.without_value().error_text(api);
        (text.kind, text.message)
    }

    fn without_value(&self) -> std::borrow::Cow<'_, Self> {
        match self {
            Self::UserNotFound(_) => std::borrow::Cow::Owned(Self::UserNotFound("***".into())),
            other => std::borrow::Cow::Borrowed(other),
        }
    }

    /// Returns the body of the answer: the documented envelope, whatever the status (clients.md 4.1).
    pub fn render(&self, api: Api, request_id: RequestId) -> Vec<u8> {
        let text = self.error_text(api);
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(br#"{"status":"fail","#);
        if api == Api::CustomerDelete && matches!(self.status(), 429 | 500) {
            // Delete's page has a shape of its own for these two (FACTS 2.7); it goes beside the envelope.
            out.extend_from_slice(b"\"title\":");
            write::string(&mut out, &text.message);
            let description = if self.status() == 429 { "Exceeded rate limit for this url" } else { &text.message };
            out.extend_from_slice(b",\"description\":");
            write::string(&mut out, description);
            out.push(b',');
        }
        open_error(&mut out, text.kind, &text.message, text.attribute);
        out.extend_from_slice(b",\"request_id\":");
        write::quoted(&mut out, request_id);
        if let Some(pointer) = self.structural() {
            out.extend_from_slice(b",\"errors\":[{\"index\":null,\"pointer\":");
            write::string(&mut out, pointer);
            out.push(b',');
            write_description(&mut out, text.kind, &text.message, text.attribute);
            self.more().write(&mut out);
            out.extend_from_slice(b"}]");
        }
        out.extend_from_slice(b"}}");
        out
    }

    /// Returns the failure as the ingestion log stores it: a fault of the whole request, without the value that the
    /// message of [`Self::UserNotFound`] quotes.
    pub fn fault(&self, api: Api) -> Fault {
        let text = self.without_value().error_text(api);
        let detail = format!("{}\n{}{}", text.kind, text.message, self.more().lines());
        let pointer = self.structural().unwrap_or_default();
        Fault { detail: Some(detail.into()), ..Fault::new(Reason::Envelope, pointer, text.attribute) }
    }

    /// Returns the pointer of a structural fault of the envelope, which lists all faults (behaviour.md 1.2).
    fn structural(&self) -> Option<&str> {
        match self {
            Self::Malformed(place) => Some(place.as_ref().map_or("", |place| &place.pointer)),
            Self::NotAnObject(_) => Some(""),
            Self::ElementsMissing | Self::ElementsEmpty | Self::ElementsType(_) => Some("/elements"),
            Self::TypeMissing | Self::TypeWrong => Some("/type"),
            _ => None,
        }
    }

    /// Returns the further members of the fault's entry (behaviour.md 1.2.d).
    fn more(&self) -> More<'_> {
        match self {
            Self::Malformed(Some(place)) => {
                More { place: Some([place.line, place.column, place.offset]), hint: place.hint }
            }
            Self::NotAnObject(hint) | Self::ElementsType(hint) => More { place: None, hint: *hint },
            _ => More::default(),
        }
    }

    fn error_text(&self, api: Api) -> ErrorText {
        let plain = |kind, message: &str| ErrorText { kind, message: message.to_owned(), attribute: None };
        let member = |attribute, kind, message: String| ErrorText { kind, message, attribute: Some(attribute) };
        let missing = |name: &'static str| member(name, MISSING_TYPE, format!("{name} is not found in the payload"));
        match self {
            Self::Malformed(_) | Self::UndecodableEncoding => plain(MALFORMED_TYPE, MALFORMED),
            Self::EmptyBody => plain("Empty request body", "A valid JSON document is required"),
            Self::NotAnObject(_) => plain("Body type is not JSON", "A valid JSON document is required."),
            Self::ElementsMissing => missing("elements"),
            Self::ElementsEmpty => member("elements", MISSING_TYPE, "elements cannot be empty array".to_owned()),
            Self::ElementsType(_) => member("elements", MISSING_TYPE, "elements is expected to be array".to_owned()),
            Self::TypeMissing => missing("type"),
            Self::TypeWrong => member("type", "AttributeError", "type is expected to be transition".to_owned()),
            Self::MemberMissing(name) => missing(name),
            Self::MemberType { name, expected } => {
                member(name, MISSING_TYPE, format!("{name} is expected to be {expected}"))
            }
            Self::UserNotFound(id) => plain("Not Found", &format!("User doesn't exists with customer id {id}")),
            Self::IdempotencyKeyUnusable => {
                plain("InvalidIdempotencyKey", "Idempotency-Key must be 1 to 255 printable ASCII characters")
            }
            Self::IdempotencyConflict => plain(
                "IdempotencyConflict",
                "Idempotency-Key was used within 24 hours with another body; use a new key",
            ),
            Self::WorkspaceMissing => plain("ParamsRequired", "app_id is required in path/query params."),
            Self::ContentTypeMissing => plain("Missing header value", "The Content-Type Header is required"),
            _ if self.status() == 401 => plain("Authentication required", self.credentials()),
            _ => self.server_error_text(api),
        }
    }

    /// Messages of 401 (FACTS 5).
    fn credentials(&self) -> &'static str {
        match self {
            Self::AuthorizationMissing => "Authentication Header Required",
            Self::AuthorizationEmpty => "No identity information found",
            Self::AuthorizationUndecodable => "Invalid identity information found",
            Self::UserMissing => "APP_KEY missing in the authentication header",
            Self::PasswordMissing => "APP_SECRET missing in the authentication header",
            Self::AppKeyMismatch => "MOE-APPKEY differs from the user name in the authentication header",
            _ => "App Secret key mismatch. Please login to the dashboard to verify key",
        }
    }

    /// What does not depend on the body or the credentials.
    fn server_error_text(&self, api: Api) -> ErrorText {
        let plain = |kind, message: &str| ErrorText { kind, message: message.to_owned(), attribute: None };
        match self {
            Self::WorkspaceMismatch => {
                plain("Authentication Mismatch", "App key mismatch in params and authentication")
            }
            Self::KeyScope => plain("InsufficientScope", "The key does not have the scope that this call needs"),
            Self::Suspended => plain("Account Suspended", "Your account is suspended. Please contact MoEngage team."),
            Self::AddressRefused => plain("IP Validation Required", "IP Validation Failed. Please check your IP!!"),
            Self::HostRefused => plain("Host Not Allowed", HOST_REFUSED),
            Self::NotFound => plain("Not Found", "There is no such path in the Data API"),
            Self::NotBuilt(call) => plain("Not Found", &format!("This server does not have this call: {call}")),
            Self::MethodNotAllowed => {
                plain("Method Not Allowed", "The method is not allowed here; see the Allow header")
            }
            Self::TooLarge { limit_bytes } => {
                plain("PayloadTooLarge", &format!("Payload size exceeds {}", size(*limit_bytes)))
            }
            Self::OverBudget { class, limit } => {
                let what = class.name();
                plain(
                    "PayloadTooLarge",
                    &format!("The request has more {what} than the limit of {limit} {what} per minute"),
                )
            }
            Self::ContentTypeOther => media_type_text(api, None),
            Self::UnsupportedEncoding => media_type_text(api, Some("Content-Encoding must be gzip, zstd or identity")),
            Self::RateLimited => rate_limit_text(api),
            Self::DryRunsBusy => {
                plain("RateLimitError", "Two dry runs of this workspace are in progress; try again later")
            }
            Self::Timeout => plain("Request Timeout", "The request did not arrive in time"),
            Self::Unavailable => {
                plain("Service Unavailable", "The server cannot take this request now; try again later")
            }
            Self::DecisionTooLarge => plain(
                "DecisionTooLarge",
                "The request needs more data or work at once than one may; send fewer elements in one request",
            ),
            Self::DiskQuota => plain(
                "DiskQuotaExceeded",
                "The data of this workspace takes as much disk as it may; delete data, or have its limit raised",
            ),
            _ => internal_error_text(api),
        }
    }
}

/// 415 in the spelling of the page, with its message unless another is given.
fn media_type_text(api: Api, message: Option<&str>) -> ErrorText {
    let (kind, own) = match api {
        Api::Transition | Api::Customer => ("MediaTypeError", "Unsupported Media Type"),
        Api::Event | Api::Device => ("Unsupported media type", "Content type is not supported"),
        Api::CustomerDelete | Api::Unknown => ("Unsupported Media Type", "Unsupported Media Type"),
    };
    ErrorText { kind, message: message.unwrap_or(own).to_owned(), attribute: None }
}

/// 429 in the spelling of the page.
fn rate_limit_text(api: Api) -> ErrorText {
    let (kind, message) = match api {
        Api::Transition | Api::Customer => ("RateLimitError", "Rate limit exceeded"),
        Api::Event | Api::Device => {
            ("Rate Limits Exceeded", "Rate limits for customers exceeded. Please Try After Some Time")
        }
        Api::CustomerDelete | Api::Unknown => ("Rate Limit Exceeded", "Rate limit exceeded"),
    };
    ErrorText { kind, message: message.to_owned(), attribute: None }
}

/// 500 in the spelling of the page.
fn internal_error_text(api: Api) -> ErrorText {
    let (kind, message) = match api {
        Api::Transition | Api::Customer => ("ServerError", "Internal Server Error"),
        Api::Event | Api::Device => (
            "ServerError",
            "An unexpected error was encountered while processing this request. Please contact MoEngage Team",
        ),
        Api::CustomerDelete | Api::Unknown => ("Server Error", "Internal Server Error"),
    };
    ErrorText { kind, message: message.to_owned(), attribute: None }
}

/// Returns a limit as the documented message writes it: in KB of 1,024 bytes where that is exact.
fn size(bytes: u64) -> String {
    if bytes > 0 && bytes.is_multiple_of(1024) { format!("{} KB", bytes / 1024) } else { format!("{bytes} bytes") }
}
