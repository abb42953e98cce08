//! One element of any type: what is no element at all, what its type is, and what all types have in common.

use super::spoiled::Spoiled;
use super::{ReadContext, customer, device, event};
use crate::data::members;
use crate::json::{Json, Node, Places};
use crate::notices::Notices;
use crate::path::{Path, pointer_of};
use crate::value::read::boolean;
use muster_core::command::{Body, Element};
use muster_core::kinds::{ElementKind, Route};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::warning::{Code, Warnings};

/// Reads one element.
pub(super) struct ElementReader<'r> {
    pub(super) context: &'r ReadContext,
    /// What was noted in the element, and in nothing but it.
    pub(super) places: &'r Places,
}

/// An element that was read.
pub(super) struct Read {
    /// The element; its body holds whatever could be read, also beside faults.
    pub(super) element: Element,
    /// Faults of the element but those of its actions, in order: type, identifiers, attributes, actions.
    pub(super) faults: Vec<Fault>,
    /// A fault of the element that lies in the action of this index, and is told with the faults of that action.
    pub(super) in_action: Option<(usize, Fault)>,
}

/// What is gathered while one element is read.
pub(super) struct Found {
    /// Faults of identifiers, `device_id` among them.
    pub(super) identifiers: Vec<Fault>,
    pub(super) attributes: Vec<Fault>,
    pub(super) actions: Vec<Fault>,
    pub(super) notices: Notices,
}

impl Found {
    fn new(parity: bool) -> Self {
        let notices = Notices { parity, ..Notices::default() };
        Self { identifiers: Vec::new(), attributes: Vec::new(), actions: Vec::new(), notices }
    }

    /// All faults that were found, in the order of behaviour.md 1.2.e.
    fn faults(&mut self) -> Vec<Fault> {
        let mut faults = std::mem::take(&mut self.identifiers);
        faults.append(&mut self.attributes);
        faults.append(&mut self.actions);
        faults
    }
}

impl ElementReader<'_> {
    /// Reads the element at this place.
    pub(super) fn read(&self, node: &Node, index: usize, at: &Path) -> Read {
        let index = u32::try_from(index).expect("a body has fewer elements than bytes, and those fit");
        let unread = |kind, fault| {
            let element =
                Element { index, kind, body: Err(Faults::default()), actions: 0, warnings: Warnings::default() };
            Read { element, faults: vec![fault], in_action: None }
        };
        if !matches!(node.json, Json::Object(_)) {
            return unread(ElementKind::Unknown, Fault::new(Reason::ElementNotObject, at.pointer(), None));
        }
        let kind = self.kind(node, at);
        if let Some(place) = node.first_of(&self.places.doubled) {
            let pointer = pointer_of(node, place, at).unwrap_or_else(|| at.pointer());
            let kind = kind.unwrap_or(ElementKind::Unknown);
            let mut read = unread(kind, Fault::new(Reason::DoubledMember, pointer, None));
            if kind == ElementKind::Event {
                read.element.actions = carried_actions(node);
            }
            return read;
        }
        match kind {
            Ok(kind) => self.read_kind(kind, node, index, at),
            Err(fault) => unread(ElementKind::Unknown, fault),
        }
    }

    fn read_kind(&self, kind: ElementKind, node: &Node, index: u32, at: &Path) -> Read {
        let mut found = Found::new(self.context.parity);
        let mut actions = 0;
        let body = match kind {
            ElementKind::Event => {
                let event = event::read(self, node, at, &mut found);
                actions = u32::try_from(event.actions.len()).expect("a body has fewer actions than bytes");
                Ok(Body::Event(Box::new(event)))
            }
            ElementKind::Device => device::read(self, node, at, &mut found)
                .map(|device| Body::Device(Box::new(device)))
                .ok_or_else(Faults::default),
            ElementKind::Customer | ElementKind::Unknown => {
                Ok(Body::Customer(Box::new(customer::read(self, node, at, &mut found))))
            }
        };
        members::unknown_of_element(node, kind, at, &mut found.notices);
        let spoiled = Spoiled { reader: self, element: node, at };
        let in_action = spoiled.note(&body, &mut found);
        let element = Element { index, kind, body, actions, warnings: std::mem::take(&mut found.notices.warnings) };
        Read { element, faults: found.faults(), in_action }
    }

    fn kind(&self, node: &Node, at: &Path) -> Result<ElementKind, Fault> {
        let (own, expected) = match self.context.route {
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
}

/// The actions in an event that is not read any further, in each member that is called so.
fn carried_actions(node: &Node) -> u32 {
    let Json::Object(members) = &node.json else { return 0 };
    let in_member = |value: &Node| match &value.json {
        Json::Array(items) => items.len(),
        _ => 0,
    };
    let actions = members.iter().filter(|m| m.name == "actions").map(|m| in_member(&m.value)).sum::<usize>();
    u32::try_from(actions).expect("a body has fewer actions than bytes")
}

/// A flag: a boolean, or "true" and "false" in any case (behaviour.md 2). None: not given, or ignored with a warning.
pub(super) fn flag(parent: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<bool> {
    let read = match &parent.some(name)?.json {
        Json::Boolean(b) => Some(*b),
        Json::Text(text) => boolean(text),
        _ => None,
    };
    if read.is_none() {
        notices.add(Code::TypeIgnored, name, &at.name(name));
    }
    read
}

/// A text that may be missing, null or empty; a number counts as its text, other types are ignored with a warning.
pub(super) fn optional_text(parent: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Box<str>> {
    match &parent.some(name)?.json {
        Json::Text(text) if text.is_empty() => None,
        Json::Text(text) => Some((&**text).into()),
        Json::Number(text) => Some((*text).into()),
        _ => {
            notices.add(Code::TypeIgnored, name, &at.name(name));
            None
        }
    }
}
