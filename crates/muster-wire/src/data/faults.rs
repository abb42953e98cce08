//! The faults of elements as JSON: the answer that refuses a request for them, and each fault by itself (FACTS 1.4,
//! behaviour.md 1.2).

use super::api::Api;
use super::failure::Failure;
use super::failure::envelope::{More, open_error, write_description};
use super::failure::reasons::describe;
use crate::write;
use muster_core::id::RequestId;
use muster_core::limits::FAULTS_MAX;
use muster_core::reason::{Fault, Reason};

/// What `handling=lenient` would have stored of a refused request: the hint of each of its faults (behaviour.md 1.2.d).
/// Computed from reading alone: elements that stored data would reject count as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// Elements that it would have stored, in whole or in part.
    pub stored: usize,
    /// Elements of the request.
    pub of: usize,
}

impl Lenient {
    /// Nothing of the only element of a Track call.
    pub const NOTHING: Self = Self { stored: 0, of: 1 };

    fn hint(self) -> String {
        let Self { stored, of } = self;
        let elements = if of == 1 { "element" } else { "elements" };
        format!("with the header Prefer: handling=lenient, {stored} of {of} {elements} would have been stored")
    }
}

/// Returns the 400 for faults of elements: the envelope of the first fault, and `errors` with at most 1,000 of them
/// (behaviour.md 1.2). `faults` is not empty and in the documented order.
pub fn refusal(api: Api, faults: &[Fault], lenient: Lenient, request_id: RequestId) -> Vec<u8> {
    let Some(first) = faults.first() else { return Failure::Internal.render(api, request_id) };
    let (kind, message) = describe(api, first);
    let mut out = Vec::with_capacity(256 + 160 * faults.len().min(FAULTS_MAX));
    out.extend_from_slice(br#"{"status":"fail","#);
    open_error(&mut out, kind, &message, first.attribute.as_deref());
    out.extend_from_slice(b",\"request_id\":");
    write::quoted(&mut out, request_id);
    out.extend_from_slice(b",\"errors\":");
    let hint = lenient.hint();
    write::array(&mut out, faults.iter().take(FAULTS_MAX), |out, fault| {
        write_with(out, api, fault, More { place: None, hint: Some(&hint) });
    });
    out.extend_from_slice(b"}}");
    out
}

/// Writes a fault as `{index, pointer, attribute, type, message}`; a stored fault of malformed JSON also has `line`,
/// `column`, `offset` and `hint`.
pub fn write_fault(out: &mut Vec<u8>, api: Api, fault: &Fault) {
    let more = match (fault.reason, &fault.detail) {
        (Reason::Envelope, Some(detail)) => More::parse(detail),
        _ => More::default(),
    };
    write_with(out, api, fault, more);
}

fn write_with(out: &mut Vec<u8>, api: Api, fault: &Fault, more: More<'_>) {
    let (kind, message) = describe(api, fault);
    out.extend_from_slice(b"{\"index\":");
    match fault.reason {
        Reason::Envelope => out.extend_from_slice(b"null"),
        _ => write::raw(out, index_of(api, &fault.pointer)),
    }
    out.extend_from_slice(b",\"pointer\":");
    write::string(out, &fault.pointer);
    out.push(b',');
    write_description(out, kind, &message, fault.attribute.as_deref());
    more.write(out);
    out.push(b'}');
}

/// Writes a fault as `{type}` alone: after the first thousand the client knows the messages.
pub fn write_fault_type(out: &mut Vec<u8>, api: Api, fault: &Fault) {
    let (kind, _) = describe(api, fault);
    out.extend_from_slice(b"{\"type\":");
    write::string(out, kind);
    out.push(b'}');
}

/// Returns the index of the element that a pointer is in: 0 for Track calls, which have only one.
pub fn index_of(api: Api, pointer: &str) -> u32 {
    if api != Api::Transition {
        return 0;
    }
    let rest = pointer.strip_prefix("/elements/").unwrap_or_default();
    rest.split('/').next().and_then(|index| index.parse().ok()).unwrap_or(0)
}
