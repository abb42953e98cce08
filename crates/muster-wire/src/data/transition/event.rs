//! Reads an event element and its actions (FACTS 1.2.2 and 7). A fault in an action is a fault of that action only.

use super::context::ElementContext;
use super::fields::{flag, optional_text};
use super::findings::Findings;
use super::keys::{Keys, device_id};
use super::time;
use crate::data::members;
use crate::json::{Json, JsonMember, Node};
use crate::notices::Notices;
use crate::path::{Path, pointer_of};
use crate::value::parity::{self, CutNames};
use crate::value::read::value;
use muster_core::attribute::reserved_in_events;
use muster_core::command::{Action, EventElement};
use muster_core::kinds::Platform;
use muster_core::limits::{ACTIONS_MAX, EVENT_ID_BYTES_MAX, NAME_BYTES_MAX, PARITY_EVENT_ATTRIBUTES};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::time::{Date, Timestamp};
use muster_core::value::Value;
use muster_core::warning::Code;
use std::sync::Arc;

const OS_TYPE: &str = "moe_os_type";

pub(super) fn read(context: &ElementContext, node: &Node, at: &Path, found: &mut Findings) -> EventElement {
    let mut keys = Keys::new(&context.request.settings.identity);
    keys.take_customer_id(node, at, found);
    keys.take_user_identifiers(node, at, found);
    let mut event = EventElement {
        update_existing_only: flag(node, "update_existing_only", at, &mut found.notices).unwrap_or(false),
        // FACTS 1.2.2: without one, the customer id is used as the device id.
        device_id: keys.customer_id().map(Arc::from),
        ..EventElement::default()
    };
    event.identifiers = keys.finish(at, found);
    if let Some(device_id) = device_id(node, at, found) {
        event.device_id = Some(device_id.into());
    }
    if let Some(attributes) = node.some("attributes")
        && attributes.members().is_none()
    {
        let pointer = at.name("attributes").pointer();
        found.attributes.push(Fault::with_detail(Reason::AttributesType, pointer, "attributes", "object"));
    }
    event.actions = actions(context, node, at, found);
    event
}

fn actions(context: &ElementContext, node: &Node, at: &Path, found: &mut Findings) -> Vec<Result<Arc<Action>, Faults>> {
    const NAME: &str = "actions";
    let Some(given) = node.some(NAME) else {
        found.actions.push(Fault::new(Reason::MissingActions, at.pointer(), Some(NAME)));
        return Vec::new();
    };
    let at = at.name(NAME);
    let items = match &given.json {
        Json::Array(items) if items.is_empty() => {
            found.actions.push(Fault::new(Reason::EmptyActions, at.pointer(), Some(NAME)));
            return Vec::new();
        }
        Json::Array(items) => items,
        _ => {
            found.actions.push(Fault::with_detail(Reason::ActionsType, at.pointer(), NAME, "array"));
            return Vec::new();
        }
    };
    if items.len() > ACTIONS_MAX {
        found.actions.push(Fault::new(Reason::TooManyActions, at.pointer(), Some(NAME)));
    }
    let notices = &mut found.notices;
    let read = |(index, item)| {
        ActionReader { context, faults: Vec::new(), notices: &mut *notices }.read(item, &at.index(index))
    };
    items.iter().enumerate().map(read).collect()
}

/// Reads one action.
struct ActionReader<'r> {
    context: &'r ElementContext<'r>,
    faults: Vec<Fault>,
    notices: &'r mut Notices,
}

impl ActionReader<'_> {
    fn read(mut self, node: &Node, at: &Path) -> Result<Arc<Action>, Faults> {
        if !matches!(node.json, Json::Object(_)) {
            return Err(Fault::new(Reason::ActionNotObject, at.pointer(), None).into());
        }
        let name = self.name(node, at);
        let mut os_type = optional_text(node, OS_TYPE, at, self.notices);
        let attributes = self.attributes(node, at, &mut os_type);
        let (time, user_time, offset_seconds) = self.times(node, at);
        let event_id = self.event_id(node, at);
        if let Some(place) = node.first_of(&self.context.places.nuls) {
            let pointer = pointer_of(node, place, at).unwrap_or_else(|| at.pointer());
            self.faults.push(Fault::new(Reason::KeyNotAllowed, pointer, None));
        }
        members::unknown_of_action(node, &self.context.request.settings.identity, at, self.notices);
        let action = Action {
            name: name.unwrap_or_default().into(),
            attributes,
            time,
            user_time,
            offset_seconds,
            platform: self.platform(node, at),
            os_type,
            app_version: optional_text(node, "app_version", at, self.notices),
            event_id,
            pointer: at.pointer().into(),
        };
        if self.faults.is_empty() { Ok(Arc::new(action)) } else { Err(self.faults.into()) }
    }

    fn name<'n>(&mut self, node: &'n Node, at: &Path) -> Option<&'n str> {
        const NAME: &str = "action";
        let own = at.name(NAME);
        let (reason, at) = match node.some(NAME).map(|node| &node.json) {
            None => (Reason::MissingAction, at),
            Some(Json::Text(text)) if text.is_empty() => (Reason::EmptyAction, &own),
            Some(Json::Text(text)) if text.starts_with("moe_") => (Reason::ReservedName, &own),
            Some(Json::Text(text)) if text.len() > NAME_BYTES_MAX => (Reason::KeyTooLong, &own),
            Some(Json::Text(text)) => {
                if is_unusual(text) {
                    self.notices.add(Code::NameUnusual, text, &own);
                }
                return Some(parity::name(text, &own, self.notices));
            }
            Some(_) => (Reason::ActionType, &own),
        };
        self.faults.push(Fault::new(reason, at.pointer(), Some(NAME)));
        None
    }

    fn attributes(&mut self, node: &Node, at: &Path, os_type: &mut Option<Box<str>>) -> Vec<(Box<str>, Value)> {
        const NAME: &str = "attributes";
        let Some(given) = node.some(NAME) else { return Vec::new() };
        let at = at.name(NAME);
        let Some(members) = given.members() else {
            self.faults.push(Fault::with_detail(Reason::AttributesType, at.pointer(), NAME, "object"));
            return Vec::new();
        };
        if members.len() > PARITY_EVENT_ATTRIBUTES {
            self.notices.add(Code::TooManyAttributes, NAME, &at);
        }
        let (mut kept, mut names) = (Vec::with_capacity(members.len()), CutNames::default());
        for member in members {
            if member.name == OS_TYPE {
                // An example of the documentation has it here (FACTS 1.2.2).
                let inner = optional_text(given, OS_TYPE, &at, self.notices);
                *os_type = os_type.take().or(inner);
                continue;
            }
            let at = at.name(&member.name);
            let Some(attribute) = self.attribute(member, &at) else { continue };
            if !self.notices.parity || kept.len() < PARITY_EVENT_ATTRIBUTES {
                names.put(&mut kept, attribute, &at, self.notices);
            }
        }
        kept
    }

    fn attribute<'m>(&mut self, member: &'m JsonMember, at: &Path) -> Option<(&'m str, Value)> {
        if reserved_in_events(&member.name) {
            self.notices.add(Code::ReservedName, &member.name, at);
            return None;
        }
        if member.name.len() > NAME_BYTES_MAX {
            self.faults.push(Fault::new(Reason::KeyTooLong, at.pointer(), None));
            return None;
        }
        let name = parity::name(&member.name, at, self.notices);
        Some((name, value(&member.value, &member.name, at, self.notices)?))
    }

    /// Returns instant, local time and offset (FACTS 7). Missing ones stay None; the rules use the receipt instead.
    fn times(&mut self, node: &Node, at: &Path) -> (Option<Timestamp>, Option<i64>, i32) {
        let own = time::offset(node, at, self.notices);
        let zone = &self.context.request.zone;
        let offset_of = |date| own.unwrap_or_else(|| zone.offset_of(date));
        let current = time::time(node, "current_time", at, self.notices).map(|date| Date::Zoned(date.instant(0)));
        let user = time::time(node, "user_time", at, self.notices);
        let taken = current.or(user);
        let offset = offset_of(taken.unwrap_or(Date::Zoned(self.context.request.received_at)));
        let local = user.map(|date| match date {
            Date::Zoned(at) => at.0 + i64::from(offset_of(date)) * 1_000,
            Date::Local(local) => local,
        });
        (taken.map(|date| date.instant(offset)), local, offset)
    }

    fn platform(&mut self, node: &Node, at: &Path) -> Option<Platform> {
        const NAME: &str = "platform";
        let text = match &node.some(NAME)?.json {
            Json::Text(text) if text.trim().is_empty() => return None,
            Json::Text(text) => text.trim(),
            _ => {
                self.notices.add(Code::TypeIgnored, NAME, &at.name(NAME));
                return None;
            }
        };
        Some(Platform::parse(text).unwrap_or_else(|| {
            self.notices.add(Code::PlatformUnknown, NAME, &at.name(NAME));
            Platform::Unknown
        }))
    }

    fn event_id(&mut self, node: &Node, at: &Path) -> Option<Box<str>> {
        const NAME: &str = "event_id";
        match &node.some(NAME)?.json {
            Json::Text(text) if text.is_empty() => None,
            Json::Text(text) if text.len() <= EVENT_ID_BYTES_MAX => Some((&**text).into()),
            _ => {
                self.faults.push(Fault::new(Reason::InvalidEventId, at.name(NAME).pointer(), Some(NAME)));
                None
            }
        }
    }
}

/// Whether the name has a character that the documentation prohibits, though its own examples use blanks (FACTS 6.3):
/// accepted and stored verbatim, with a warning (FACTS 11 row 30).
fn is_unusual(name: &str) -> bool {
    let ascii = |b: u8| b"$.<>+%!`&*#|{}?\"'=/\\:@".contains(&b) || b.is_ascii_whitespace();
    name.bytes().any(ascii)
}
