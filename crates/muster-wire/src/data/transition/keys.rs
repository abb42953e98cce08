//! The identifiers of an element: which kinds are active, what a value must be, and what counts as absent
//! (behaviour.md 1.2 and 3).

use super::findings::Findings;
use crate::json::{Json, Node, is_integer};
use crate::notices::Notices;
use crate::path::Path;
use muster_core::attribute::{CUSTOMER_ID, canonical};
use muster_core::command::GivenIdentifier;
use muster_core::identifier::{Identifier, KindSettings, UnusableIdentifier, identifier};
use muster_core::limits::IDENTIFIER_BYTES_MAX;
use muster_core::reason::{Fault, Reason};
use muster_core::settings::Identity;
use muster_core::warning::Code;

/// Type of an identifier in documented messages.
const TEXT: &str = "String or Unicode String";

/// Collects the identifiers of one element.
pub(super) struct Keys<'c> {
    identity: &'c Identity,
    given: Vec<GivenIdentifier>,
    /// Pointer and name of the first blank one.
    blank: Option<(String, String)>,
    /// Pointer of the first one that is an exception.
    exception: Option<String>,
    /// Whether one of them has a fault.
    faulty: bool,
    /// Whether the member `customer_id` of the element has one.
    has_outer_id: bool,
}

impl<'c> Keys<'c> {
    pub(super) fn new(identity: &'c Identity) -> Self {
        Self { identity, given: Vec::new(), blank: None, exception: None, faulty: false, has_outer_id: false }
    }

    /// Returns the active kind of an attribute's name.
    pub(super) fn active(&self, name: &str) -> Option<&'c KindSettings> {
        self.identity.active_kind(canonical(name))
    }

    /// Reads the member `customer_id` of an element.
    pub(super) fn take_customer_id(&mut self, element: &Node, at: &Path, found: &mut Findings) {
        if let (Some(value), Some(kind)) = (element.member(CUSTOMER_ID), self.active(CUSTOMER_ID)) {
            let at = at.name(CUSTOMER_ID);
            self.take(kind, value, &Named { name: CUSTOMER_ID, at, written: false, changes_id: false }, found);
            self.has_outer_id = !self.given.is_empty();
        }
    }

    /// Reads the member `user_identifiers` of an event or a device.
    pub(super) fn take_user_identifiers(&mut self, element: &Node, at: &Path, found: &mut Findings) {
        const NAME: &str = "user_identifiers";
        let Some(value) = element.some(NAME) else { return };
        let at = at.name(NAME);
        if !self.identity.enabled {
            return found.notices.add(Code::IdentifiersIgnored, NAME, &at);
        }
        let Some(members) = value.members() else {
            return self.fault(Fault::with_detail(Reason::IdentifierType, at.pointer(), NAME, "object"), found);
        };
        for member in members {
            let at = at.name(&member.name);
            match self.active(&member.name) {
                Some(kind) => {
                    let named = Named { name: &member.name, at, written: false, changes_id: false };
                    self.take(kind, &member.value, &named, found);
                }
                None => found.notices.add(Code::UnknownIdentifier, &member.name, &at),
            }
        }
    }

    /// Adds a value of a kind.
    pub(super) fn take(&mut self, kind: &KindSettings, value: &Node, named: &Named, found: &mut Findings) {
        let text = match text(value, named.name, &named.at, &mut found.notices) {
            Ok(Some(text)) => text,
            Ok(None) => return,
            Err(fault) => return self.fault(fault, found),
        };
        let fault = |reason| Fault::new(reason, named.at.pointer(), Some(named.name));
        let key = match identifier(kind, text) {
            Ok(key) => key,
            Err(UnusableIdentifier::Blank) => {
                absent(named.name, &named.at, &mut found.notices);
                self.blank.get_or_insert_with(|| (named.at.pointer(), named.name.to_owned()));
                return;
            }
            Err(UnusableIdentifier::Exception) => {
                absent(named.name, &named.at, &mut found.notices);
                self.exception.get_or_insert_with(|| named.at.pointer());
                return;
            }
            Err(UnusableIdentifier::TooLong) => return self.fault(fault(Reason::KeyTooLong), found),
        };
        match self.given.iter().find(|given| given.identifier.kind == key.kind) {
            Some(given) if given.identifier == key => {}
            Some(_) if named.changes_id && self.has_outer_id => self.give(key, named, true),
            Some(_) => self.fault(fault(Reason::ConflictingIdentifier), found),
            None => self.give(key, named, false),
        }
    }

    fn give(&mut self, key: Identifier, named: &Named, is_new_id: bool) {
        let pointer = named.at.pointer().into();
        self.given.push(GivenIdentifier { identifier: key, pointer, written: named.written || is_new_id, is_new_id });
    }

    fn fault(&mut self, fault: Fault, found: &mut Findings) {
        self.faulty = true;
        found.identifiers.push(fault);
    }

    /// Returns the customer id, if the element has a usable one.
    pub(super) fn customer_id(&self) -> Option<&str> {
        self.given
            .iter()
            .find(|given| given.identifier.kind.name() == CUSTOMER_ID)
            .map(|given| &*given.identifier.value)
    }

    /// Returns the identifiers in order of rank. If there is none and none has a fault, adds the fault that says why.
    pub(super) fn finish(mut self, at: &Path, found: &mut Findings) -> Vec<GivenIdentifier> {
        let identity = self.identity;
        self.given.sort_by_key(|given| identity.rank(&given.identifier.kind));
        if self.given.is_empty() && !self.faulty {
            found.identifiers.push(match (self.exception, self.blank) {
                (Some(pointer), _) => Fault::new(Reason::NoUsableIdentifier, pointer, Some(CUSTOMER_ID)),
                (None, Some((pointer, name))) => Fault::new(Reason::EmptyIdentifier, pointer, Some(&name)),
                (None, None) => Fault::new(Reason::MissingIdentifier, at.pointer(), Some(CUSTOMER_ID)),
            });
        }
        self.given
    }
}

/// Name and place of a value.
pub(super) struct Named<'n> {
    /// The name as the client spelled it.
    pub(super) name: &'n str,
    pub(super) at: Path<'n>,
    /// See [`GivenIdentifier::written`].
    pub(super) written: bool,
    /// Whether it is a `uid` among the attributes of a customer, which changes an outer `customer_id` (behaviour.md
    /// 3.2.i).
    pub(super) changes_id: bool,
}

/// Returns the string of an identifier field; None for null (a warning).
///
/// # Errors
/// It has a wrong type.
fn text<'v>(value: &'v Node, name: &str, at: &Path, notices: &mut Notices) -> Result<Option<&'v str>, Fault> {
    match &value.json {
        Json::Text(text) => Ok(Some(text)),
        Json::Number(text) if is_integer(text) => {
            notices.add(Code::IdentifierFromNumber, name, at);
            Ok(Some(text))
        }
        Json::Null => {
            notices.add(Code::NullIgnored, name, at);
            Ok(None)
        }
        _ => Err(Fault::with_detail(Reason::IdentifierType, at.pointer(), name, TEXT)),
    }
}

/// Reads the member `device_id` of an event or a device; None if it is missing, null, blank or has a fault.
pub(super) fn device_id<'v>(element: &'v Node, at: &Path, found: &mut Findings) -> Option<&'v str> {
    const NAME: &str = "device_id";
    let at = at.name(NAME);
    let text = match text(element.some(NAME)?, NAME, &at, &mut found.notices) {
        Ok(text) => text.filter(|text| !text.trim().is_empty())?,
        Err(fault) => {
            found.identifiers.push(fault);
            return None;
        }
    };
    if text.len() > IDENTIFIER_BYTES_MAX {
        found.identifiers.push(Fault::new(Reason::KeyTooLong, at.pointer(), Some(NAME)));
        return None;
    }
    Some(text)
}

/// Warns of an exception word or a zero id, which counts as absent.
pub(super) fn absent(name: &str, at: &Path, notices: &mut Notices) {
    notices.add(Code::ExceptionIgnored, name, at);
}
