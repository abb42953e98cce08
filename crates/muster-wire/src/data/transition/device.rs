//! A device element (FACTS 1.2.3, 2.3; behaviour.md 2).

use super::context::ElementContext;
use super::fields::{flag, optional_text};
use super::findings::Findings;
use super::keys::{Keys, absent, device_id};
use crate::json::{Json, Node, is_integer};
use crate::path::Path;
use muster_core::command::{DeviceElement, DeviceFields};
use muster_core::identifier::OTHER_EXCEPTIONS;
use muster_core::kinds::Platform;
use muster_core::limits::IDENTIFIER_BYTES_MAX;
use muster_core::reason::{Fault, Reason};
use muster_core::warning::Code;

/// Reads the element; None if it has a fault.
pub(super) fn read(context: &ElementContext, node: &Node, at: &Path, found: &mut Findings) -> Option<DeviceElement> {
    let mut keys = Keys::new(&context.request.settings.identity);
    keys.take_customer_id(node, at, found);
    keys.take_user_identifiers(node, at, found);
    let customer_id = keys.customer_id().map(Box::from);
    let keys = keys.finish(at, found);
    let faults = found.identifiers.len();
    let device = device_id(node, at, found).map(Box::from);
    let broken = found.identifiers.len() > faults;
    let device = device.or(customer_id);
    if device.is_none() && !broken && !keys.is_empty() {
        found.identifiers.push(Fault::new(Reason::MissingDeviceId, at.pointer(), Some("device_id")));
    }
    let fields = fields(node, at, found);
    Some(DeviceElement { identifiers: keys, device_id: device?, fields: fields?, pointer: at.pointer().into() })
}

fn fields(node: &Node, at: &Path, found: &mut Findings) -> Option<DeviceFields> {
    const NAME: &str = "attributes";
    let Some(given) = node.some(NAME) else {
        found.attributes.push(Fault::new(Reason::MissingAttributes, at.pointer(), Some(NAME)));
        return None;
    };
    let at = at.name(NAME);
    if given.members().is_none() {
        found.attributes.push(Fault::with_detail(Reason::AttributesType, at.pointer(), NAME, "object"));
        return None;
    }
    let platform = platform(given, &at, found);
    let push_id = push_id(given, &at, found);
    let gaid = advertising(given, ("moe_gaid", platform == Some(Platform::Android)), &at, found);
    let idfv = advertising(given, ("idfv", platform == Some(Platform::Ios)), &at, found);
    let notices = &mut found.notices;
    let push_id = push_id?;
    let push_id_is_word = is_word(&push_id);
    if push_id_is_word {
        absent("push_id", &at.name("push_id"), notices);
    }
    Some(DeviceFields {
        platform: platform?,
        push_id,
        model: optional_text(given, "model", &at, notices),
        app_version: optional_text(given, "app_version", &at, notices),
        os_version: optional_text(given, "os_version", &at, notices),
        push_opted: flag(given, "moe_push_opted", &at, notices),
        push_provisional_opted: flag(given, "moe_push_provisional_opted", &at, notices),
        gaid,
        idfv,
        push_id_is_word,
    })
}

/// Reads a required string; a fault if it is missing, empty or of another type.
fn required_text<'v>(
    given: &'v Node,
    name: &str,
    missing: Reason,
    (at, found): (&Path, &mut Findings),
) -> Option<&'v str> {
    let fault = match given.some(name).map(|node| &node.json) {
        Some(Json::Text(text)) if !text.trim().is_empty() => return Some(text),
        None | Some(Json::Text(_)) => Fault::new(missing, at.pointer(), Some(name)),
        Some(Json::Number(text)) if is_integer(text) && missing == Reason::MissingPushId => {
            found.notices.add(Code::IdentifierFromNumber, name, &at.name(name));
            return Some(text);
        }
        Some(_) => {
            Fault::with_detail(Reason::DeviceFieldType, at.name(name).pointer(), name, "String or Unicode String")
        }
    };
    found.attributes.push(fault);
    None
}

fn platform(given: &Node, at: &Path, found: &mut Findings) -> Option<Platform> {
    const NAME: &str = "platform";
    let text = required_text(given, NAME, Reason::MissingPlatform, (at, &mut *found))?;
    let platform = Platform::parse(text.trim()).filter(|p| *p != Platform::Unknown);
    if platform.is_none() {
        found.attributes.push(Fault::new(Reason::UnknownPlatform, at.name(NAME).pointer(), Some(NAME)));
    }
    platform
}

fn push_id(given: &Node, at: &Path, found: &mut Findings) -> Option<Box<str>> {
    const NAME: &str = "push_id";
    let text = required_text(given, NAME, Reason::MissingPushId, (at, &mut *found))?;
    if text.len() > IDENTIFIER_BYTES_MAX {
        found.attributes.push(Fault::new(Reason::KeyTooLong, at.name(NAME).pointer(), Some(NAME)));
        return None;
    }
    Some(text.into())
}

/// Reads an advertising id. It is dropped with a warning if the platform has no such id, and if it is zero or an
/// exception word.
fn advertising(given: &Node, (name, fits): (&str, bool), at: &Path, found: &mut Findings) -> Option<Box<str>> {
    let text = optional_text(given, name, at, &mut found.notices).filter(|text| !text.trim().is_empty())?;
    let at = at.name(name);
    if text.len() > IDENTIFIER_BYTES_MAX {
        found.attributes.push(Fault::new(Reason::KeyTooLong, at.pointer(), Some(name)));
        return None;
    }
    if is_word(&text) || text.bytes().all(|b| matches!(b, b'0' | b'-')) {
        absent(name, &at, &mut found.notices);
        return None;
    }
    if !fits {
        found.notices.add(Code::ValueDropped, name, &at);
        return None;
    }
    Some(text)
}

/// Whether a token is one of the words for "none" (behaviour.md 2 and 3).
fn is_word(text: &str) -> bool {
    OTHER_EXCEPTIONS.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}
