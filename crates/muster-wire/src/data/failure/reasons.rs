//! Type and message of every reason why an element or an action is refused, in the spelling of the called API's page.
//! No message quotes a received value; the name in `Cannot add and remove ...` is a documented literal.

use crate::data::api::Api;
use muster_core::reason::{Fault, Reason};

/// Documented message for a body that cannot be read.
pub const MALFORMED: &str = "Could not decode the request body. The JSON was incorrect or not encoded as UTF-8.";
/// Documented type for a body that cannot be read.
pub const MALFORMED_TYPE: &str = "Malformed JSON";
/// Documented type for a member that is missing, empty or of the wrong type.
pub const MISSING_TYPE: &str = "MissingAttributeError";

/// Returns `type` and `message` of a fault (behaviour.md 1.2; FACTS 1.4, 2.1, 2.2, 2.3).
pub fn describe(api: Api, fault: &Fault) -> (&'static str, String) {
    if fault.reason.is_structural() { structural(api, fault) } else { value(api, fault) }
}

/// Returns the type of a fault in the spelling of its API.
pub fn fault_type(api: Api, fault: &Fault) -> &'static str {
    describe(api, fault).0
}

fn structural(api: Api, fault: &Fault) -> (&'static str, String) {
    let name = fault.attribute.as_deref().unwrap_or_default();
    let detail = fault.detail.as_deref().unwrap_or_default();
    // Track Device's page puts names into quotes.
    let named = if api == Api::Device { format!("'{name}'") } else { name.to_owned() };
    match fault.reason {
        Reason::UnknownElementType => unknown_type(api, fault.detail.as_deref()),
        Reason::MissingIdentifier if api == Api::Transition => {
            (MISSING_TYPE, format!("{named} not found in the payload"))
        }
        Reason::EmptyIdentifier => (MISSING_TYPE, format!("{named} can not be empty Unicode String")),
        Reason::MissingPlatform if api == Api::Device => (MISSING_TYPE, format!("{named} is not found in payload")),
        Reason::MissingIdentifier
        | Reason::MissingAttributes
        | Reason::MissingPlatform
        | Reason::MissingPushId
        | Reason::MissingActions
        | Reason::MissingAction => (MISSING_TYPE, format!("{named} is not found in the payload")),
        Reason::IdentifierType | Reason::AttributesType | Reason::ActionsType | Reason::DeviceFieldType => {
            (MISSING_TYPE, format!("{named} is expected to be {detail}"))
        }
        Reason::EmptyActions => (MISSING_TYPE, "actions can not be empty Array".to_owned()),
        Reason::EmptyAction => (MISSING_TYPE, "action cannot be empty Unicode string".to_owned()),
        Reason::Envelope => envelope(detail),
        Reason::AddAndRemove => ("ArrayFieldError", format!("Cannot add and remove '{detail}' at the same time")),
        _ => (MALFORMED_TYPE, MALFORMED.to_owned()),
    }
}

/// Types of faults of a request as a whole that answers 400.
pub(in crate::data) const ENVELOPE_TYPES: [&str; 9] = [
    MALFORMED_TYPE,
    MISSING_TYPE,
    "AttributeError",
    "Body type is not JSON",
    "Empty request body",
    "InvalidIdempotencyKey",
    "Missing header value",
    "Not Found",
    "ParamsRequired",
];

/// Type and message of [`Failure::fault`](super::Failure::fault).
fn envelope(detail: &str) -> (&'static str, String) {
    let mut lines = detail.split('\n');
    let (kind, message) = (lines.next().unwrap_or(MALFORMED_TYPE), lines.next().unwrap_or(MALFORMED));
    let kind = ENVELOPE_TYPES.into_iter().find(|known| *known == kind).unwrap_or(MALFORMED_TYPE);
    (kind, message.to_owned())
}

/// `expected` is what the type must be; None if it was missing.
fn unknown_type(api: Api, expected: Option<&str>) -> (&'static str, String) {
    match (api, expected) {
        (Api::Transition, _) => ("AttributeError", "type in elements should be customer/event/device".to_owned()),
        (_, None) => (MISSING_TYPE, "type is not found in the payload".to_owned()),
        (_, Some(expected)) => ("AttributeError", format!("type is expected to be {expected}")),
    }
}

fn value(api: Api, fault: &Fault) -> (&'static str, String) {
    let track = matches!(api, Api::Customer | Api::Event | Api::Device);
    let (kind, message) = match fault.reason {
        // FACTS 11 row 14: the Track calls answer a refused id like a missing one.
        Reason::NoUsableIdentifier if track => {
            (MISSING_TYPE, "customer_id has a value that is not accepted as an identifier")
        }
        Reason::NoUsableIdentifier => {
            ("NoUsableIdentifier", "No identifier has a value that is accepted as an identifier")
        }
        Reason::ConflictingIdentifier => ("ConflictingIdentifier", "One identifier has two different values"),
        Reason::KeyTooLong => {
            ("KeyTooLong", "Too long: at most 512 bytes for identifiers, device_id and push tokens, 800 for names")
        }
        Reason::KeyNotAllowed => ("KeyNotAllowed", "The character U+0000 is not allowed in names and values"),
        Reason::FutureDate => ("FutureDate", "The time of the action lies too far in the future"),
        Reason::UnknownUser => ("UnknownUser", "The user of the device does not exist; create it first"),
        Reason::UnknownPlatform if api == Api::Device => ("ValueError", "'platform' is not a valid platform."),
        Reason::UnknownPlatform => ("UnknownPlatform", "platform must be ANDROID, iOS, web or TV"),
        Reason::MissingDeviceId => ("MissingDeviceId", "A device without customer_id needs a device_id"),
        Reason::InvalidEventId => ("InvalidEventId", "event_id must be a string of at most 128 bytes"),
        Reason::ReservedName => ("ReservedName", "Action names must not begin with moe_"),
        Reason::TooManyDevices => ("TooManyDevices", "The user already has the maximum of 1000 devices"),
        Reason::TooManyActions => ("TooManyActions", "An element may have at most 10000 actions"),
        Reason::ProfileTooLarge => {
            ("ProfileTooLarge", "The record of the user would exceed 1 MiB of attributes, or 2000 of them")
        }
        Reason::Blocked => ("Blocked", "The identifier is on the block list"),
        _ => (MALFORMED_TYPE, MALFORMED),
    };
    (kind, message.to_owned())
}
