//! The documented envelope, written by hand: `{"status":"fail","error":{...}}`, and in it `errors` with all faults of
//! the elements (FACTS 1.4, behaviour.md 1.2).

use super::{Failure, describe};
use crate::data::api::Api;
use crate::write;
use muster_core::id::RequestId;
use muster_core::limits::FAULTS_MAX;
use muster_core::reason::{Fault, Reason};

/// Opens the member `error`, up to where `request_id` follows.
pub(super) fn open_error(out: &mut Vec<u8>, kind: &str, message: &str, attribute: Option<&str>) {
    out.extend_from_slice(b"\"error\":{");
    if let Some(attribute) = attribute {
        out.extend_from_slice(b"\"attribute\":");
        write::string(out, attribute);
        out.push(b',');
    }
    out.extend_from_slice(b"\"message\":");
    write::string(out, message);
    out.extend_from_slice(b",\"type\":");
    write::string(out, kind);
}

/// Writes attribute, type and message of an entry of `errors`.
pub(super) fn described(out: &mut Vec<u8>, kind: &str, message: &str, attribute: Option<&str>) {
    out.extend_from_slice(b"\"attribute\":");
    match attribute {
        Some(attribute) => write::string(out, attribute),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"type\":");
    write::string(out, kind);
    out.extend_from_slice(b",\"message\":");
    write::string(out, message);
}

/// What an entry of `errors` says beside type and text: the place of malformed JSON, and what would help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct More<'a> {
    /// Line, column and offset.
    pub(super) place: Option<[usize; 3]>,
    pub(super) hint: Option<&'a str>,
}

const PLACE_NAMES: [&str; 3] = ["line", "column", "offset"];

impl<'a> More<'a> {
    /// Writes the members, each with a comma before it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (name, number) in PLACE_NAMES.into_iter().zip(self.place.into_iter().flatten()) {
            write::raw(out, format_args!(",\"{name}\":{number}"));
        }
        if let Some(hint) = self.hint {
            out.extend_from_slice(b",\"hint\":");
            write::string(out, hint);
        }
    }

    /// The same as the log keeps it: two lines more, each only if something stands in it or below it.
    pub(super) fn lines(&self) -> String {
        let place = self.place.map_or_else(String::new, |place| place.map(|number| number.to_string()).join(" "));
        match self.hint {
            Some(hint) => format!("\n{place}\n{hint}"),
            None if place.is_empty() => place,
            None => format!("\n{place}"),
        }
    }

    /// Reads what [`Self::lines`] wrote, after the lines of type and text.
    fn of(detail: &'a str) -> Self {
        let mut lines = detail.splitn(4, '\n').skip(2);
        let place = lines.next().and_then(|line| {
            let mut numbers = line.split(' ').map(|number| number.parse().ok());
            Some([numbers.next()??, numbers.next()??, numbers.next()??])
        });
        Self { place, hint: lines.next() }
    }
}

/// What `handling=lenient` would have made of a refused request: what the hint of each of its faults says
/// (behaviour.md 1.2.d). Known from reading alone: what stored data would reject counts as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// Elements that it would have stored, in whole or in part.
    pub stored: usize,
    /// Elements of the request.
    pub of: usize,
}

impl Lenient {
    /// Nothing of the one element of a Track call.
    pub const NOTHING: Self = Self { stored: 0, of: 1 };

    fn hint(self) -> String {
        let Self { stored, of } = self;
        let elements = if of == 1 { "element" } else { "elements" };
        format!("with the header Prefer: handling=lenient, {stored} of {of} {elements} would have been stored")
    }
}

/// The 400 of faults inside elements: the envelope of the first, and `errors` with all of them (behaviour.md 1.2).
/// `faults` is not empty and in the order that is promised; at most 1,000 are told.
pub fn refused(api: Api, faults: &[Fault], lenient: Lenient, request_id: RequestId) -> Vec<u8> {
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

/// Writes one fault as `{index, pointer, attribute, type, message}`; of malformed JSON, as the log keeps it, also with
/// `line`, `column`, `offset` and `hint`.
pub fn write_fault(out: &mut Vec<u8>, api: Api, fault: &Fault) {
    let more = match (fault.reason, &fault.detail) {
        (Reason::Envelope, Some(detail)) => More::of(detail),
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
    described(out, kind, &message, fault.attribute.as_deref());
    more.write(out);
    out.push(b'}');
}

/// Writes one fault as `{type}` alone: where so many are told that the client knows the messages.
pub fn write_fault_type(out: &mut Vec<u8>, api: Api, fault: &Fault) {
    let (kind, _) = describe(api, fault);
    out.extend_from_slice(b"{\"type\":");
    write::string(out, kind);
    out.push(b'}');
}

/// The type of a fault, as its API spells it.
pub fn fault_type(api: Api, fault: &Fault) -> &'static str {
    describe(api, fault).0
}

/// The element that a pointer leads into: the Track calls have only one.
pub fn index_of(api: Api, pointer: &str) -> u32 {
    if api != Api::Transition {
        return 0;
    }
    let rest = pointer.strip_prefix("/elements/").unwrap_or_default();
    rest.split('/').next().and_then(|index| index.parse().ok()).unwrap_or(0)
}
