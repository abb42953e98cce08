//! One element of any type: whether it is an element, its type, and what all types have in common.

use super::context::ElementContext;
use super::findings::Findings;
use super::spoiled::Spoiled;
use super::{customer, device, event};
use crate::data::members;
use crate::json::{Json, Node};
use crate::path::{Path, pointer_of};
use muster_core::command::{Body, Element};
use muster_core::kinds::{ElementKind, Route};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::warning::Warnings;

/// An element that was read.
pub(super) struct Read {
    /// The element; its body has everything that could be read, even if there are faults.
    pub(super) element: Element,
    /// Faults of the element except those of its actions, in order: type, identifiers, attributes, actions.
    pub(super) faults: Vec<Fault>,
    /// A fault of the element that is in this action, and is reported with the faults of the action.
    pub(super) in_action: Option<(usize, Fault)>,
}

/// Reads the element at this place.
pub(super) fn read(context: &ElementContext, node: &Node, index: usize, at: &Path) -> Read {
    let index = u32::try_from(index).expect("a body has fewer elements than bytes, and those fit");
    let unread = |kind, fault| {
        let element = Element { index, kind, body: Err(Faults::default()), actions: 0, warnings: Warnings::default() };
        Read { element, faults: vec![fault], in_action: None }
    };
    if !matches!(node.json, Json::Object(_)) {
        return unread(ElementKind::Unknown, Fault::new(Reason::ElementNotObject, at.pointer(), None));
    }
    let kind = kind_of(context, node, at);
    if let Some(place) = node.first_of(&context.places.doubled) {
        let pointer = pointer_of(node, place, at).unwrap_or_else(|| at.pointer());
        let kind = kind.unwrap_or(ElementKind::Unknown);
        let mut read = unread(kind, Fault::new(Reason::DoubledMember, pointer, None));
        if kind == ElementKind::Event {
            read.element.actions = carried_actions(node);
        }
        return read;
    }
    match kind {
        Ok(kind) => read_kind(context, kind, node, index, at),
        Err(fault) => unread(ElementKind::Unknown, fault),
    }
}

fn read_kind(context: &ElementContext, kind: ElementKind, node: &Node, index: u32, at: &Path) -> Read {
    let mut found = Findings::new(context.request.parity);
    let mut actions = 0;
    let body = match kind {
        ElementKind::Event => {
            let event = event::read(context, node, at, &mut found);
            actions = u32::try_from(event.actions.len()).expect("a body has fewer actions than bytes");
            Ok(Body::Event(Box::new(event)))
        }
        ElementKind::Device => device::read(context, node, at, &mut found)
            .map(|device| Body::Device(Box::new(device)))
            .ok_or_else(Faults::default),
        ElementKind::Customer | ElementKind::Unknown => {
            Ok(Body::Customer(Box::new(customer::read(context, node, at, &mut found))))
        }
    };
    members::unknown_of_element(node, kind, at, &mut found.notices);
    let spoiled = Spoiled { context, element: node, at };
    let in_action = spoiled.note(&body, &mut found);
    let element = Element { index, kind, body, actions, warnings: std::mem::take(&mut found.notices.warnings) };
    Read { element, faults: found.take_faults(), in_action }
}

fn kind_of(context: &ElementContext, node: &Node, at: &Path) -> Result<ElementKind, Fault> {
    let (own, expected) = match context.request.route {
        Route::Transition | Route::Delete => (None, "customer/event/device"),
        Route::Customer => (Some(ElementKind::Customer), "customer"),
        Route::Event => (Some(ElementKind::Event), "event"),
        Route::Device => (Some(ElementKind::Device), "device"),
    };
    let Some(given) = node.some("type") else {
        return Err(Fault::new(Reason::UnknownElementType, at.pointer(), Some("type")));
    };
    let kind = match &given.json {
        Json::Text(text) => match &**text {
            "customer" => Some(ElementKind::Customer),
            "event" => Some(ElementKind::Event),
            "device" => Some(ElementKind::Device),
            _ => None,
        },
        _ => None,
    };
    let kind = kind.filter(|kind| own.is_none_or(|own| own == *kind));
    kind.ok_or_else(|| Fault::with_detail(Reason::UnknownElementType, at.name("type").pointer(), "type", expected))
}

/// Counts the actions of an event that is not read any further.
fn carried_actions(node: &Node) -> u32 {
    let Json::Object(members) = &node.json else { return 0 };
    let in_member = |value: &Node| match &value.json {
        Json::Array(items) => items.len(),
        _ => 0,
    };
    let actions = members.iter().filter(|m| m.name == "actions").map(|m| in_member(&m.value)).sum::<usize>();
    u32::try_from(actions).expect("a body has fewer actions than bytes")
}
