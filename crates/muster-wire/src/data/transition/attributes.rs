//! Reads the attributes of a customer element: identifiers, values, unsets, array operations and platforms, each name
//! by its policy (behaviour.md 2, FACTS 6.2 and 6.3).

use super::context::ReadContext;
use super::findings::Findings;
use super::keys::{Keys, Named};
use super::time;
use crate::json::{Json, JsonMember, Node};
use crate::notices::Notices;
use crate::path::Path;
use crate::value::parity::{self, CutNames};
use crate::value::read::{attribute, boolean, operands};
use muster_core::attribute::{CUSTOMER_ID, FIRST_SEEN, LAST_SEEN, Policy, canonical, policy, reserved_in_parity};
use muster_core::command::{ArrayOperation, CustomerElement, Matching, Unset};
use muster_core::kinds::Platform;
use muster_core::limits::NAME_BYTES_MAX;
use muster_core::reason::{Fault, Reason};
use muster_core::value::Value;
use muster_core::warning::Code;
use std::collections::BTreeSet;

const ADD: &str = "addValueToArrayField";
const REMOVE: &str = "removeValueFromArrayField";

/// Reads the attributes of one element.
pub(super) struct ElementAttributes<'r, 'c> {
    pub(super) context: &'r ReadContext,
    pub(super) keys: &'r mut Keys<'c>,
    pub(super) customer: &'r mut CustomerElement,
    pub(super) found: &'r mut Findings,
    /// Names among the set attributes that longer ones may have been cut to.
    pub(super) set: CutNames,
    /// The same for array operations.
    pub(super) operated: CutNames,
}

impl ElementAttributes<'_, '_> {
    pub(super) fn read(mut self, members: &[JsonMember], at: &Path) {
        self.customer.sets.reserve_exact(members.len());
        for member in members {
            self.member(&member.name, &member.value, &at.name(&member.name));
        }
        self.added_and_removed(at);
    }

    fn member(&mut self, name: &str, value: &Node, at: &Path) {
        if let Some(kind) = self.keys.active(name) {
            if is_empty_array(value) {
                return self.unset(name, at);
            }
            let is_id = kind.kind.name() == CUSTOMER_ID;
            let named = Named { name, at: *at, written: !is_id, changes_id: is_id && name != CUSTOMER_ID };
            return self.keys.take(kind, value, &named, self.found);
        }
        match name {
            "platforms" => platforms(value, name, at, (&mut self.customer.platforms, &mut self.found.notices)),
            "platform" if holds_objects(value) => {
                platforms(value, name, at, (&mut self.customer.platforms, &mut self.found.notices));
            }
            ADD | REMOVE => self.array_operations(name, value, at),
            _ if name.len() > NAME_BYTES_MAX => {
                self.found.attributes.push(Fault::new(Reason::KeyTooLong, at.pointer(), None));
            }
            _ => self.by_policy(name, value, at),
        }
    }

    fn by_policy(&mut self, name: &str, value: &Node, at: &Path) {
        let notices = &mut self.found.notices;
        let stored = parity::name(name, at, notices);
        match policy(name) {
            Policy::Reserved => notices.add(Code::ReservedName, name, at),
            Policy::Free if notices.parity && reserved_in_parity(name) => notices.add(Code::ReservedName, name, at),
            // Only the part that was cut off may distinguish it from an identifier.
            Policy::Free if stored.len() < name.len() && self.keys.active(stored).is_some() => {
                notices.add(Code::ValueDropped, name, at)
            }
            Policy::Derived => notices.add(Code::DerivedIgnored, name, at),
            Policy::CreateOnly => self.create_only(name, value, at),
            Policy::Free => {
                let clears = self.context.null_clears && matches!(value.json, Json::Null);
                if clears || is_empty_array(value) {
                    return self.unset(stored, at);
                }
                if let Some(read) = attribute(value, name, at, notices) {
                    let set = (&mut self.customer.sets, &mut self.set);
                    put(set, stored, read, (at, notices));
                }
            }
        }
    }

    fn unset(&mut self, name: &str, at: &Path) {
        let text = canonical(name).into();
        self.customer.unsets.push(Unset {
            matching: Matching::Equals,
            text,
            case_sensitive: true,
            pointer: at.pointer().into(),
        });
    }

    fn create_only(&mut self, name: &str, value: &Node, at: &Path) {
        let notices = &mut self.found.notices;
        if matches!(value.json, Json::Null) {
            return notices.add(Code::NullIgnored, name, at);
        }
        if is_empty_array(value) {
            return notices.add(Code::CreateOnlyIgnored, name, at);
        }
        let seen = match canonical(name) {
            FIRST_SEEN => &mut self.customer.seen.first,
            LAST_SEEN => &mut self.customer.seen.last,
            _ => {
                let Some(read) = attribute(value, name, at, notices) else { return };
                self.customer.create_only_names.push((name.into(), at.pointer().into()));
                return put((&mut self.customer.create_only, &mut CutNames::default()), name, read, (at, notices));
            }
        };
        if let Some(date) = time::value(value, name, at, notices) {
            let instant = date.instant(self.context.zone.offset_of(date));
            if seen.is_some_and(|other| other != instant) {
                notices.add(Code::AliasOverridden, name, at);
            }
            *seen = Some(instant);
            self.customer.create_only_names.push((name.into(), at.pointer().into()));
        }
    }

    /// `addValueToArrayField` and `removeValueFromArrayField`: `{name: [values]}`.
    fn array_operations(&mut self, operator: &str, value: &Node, at: &Path) {
        let members = match (value.members(), &value.json) {
            (Some(members), _) => members,
            (None, Json::Null) => return self.found.notices.add(Code::NullIgnored, operator, at),
            (None, _) => return self.found.notices.add(Code::TypeIgnored, operator, at),
        };
        for member in members {
            let at = at.name(&member.name);
            let Some((name, values)) = self.operation(&member.name, &member.value, &at) else { continue };
            let (name, add) = (canonical(name).into(), operator == ADD);
            self.operate(ArrayOperation { name, add, values, pointer: at.pointer().into() }, &member.name, &at);
        }
    }

    /// Stores an operation. If two names were cut to the same one, the later operation wins.
    fn operate(&mut self, operation: ArrayOperation, name: &str, at: &Path) {
        let (arrays, notices) = (&mut self.customer.arrays, &mut self.found.notices);
        let earlier = self.operated.earlier(&operation.name, arrays.len(), notices);
        match earlier.map(|place| &mut arrays[place]).filter(|earlier| spelling(earlier) != name) {
            Some(earlier) => {
                *earlier = operation;
                notices.add(Code::AliasOverridden, name, at);
            }
            None => arrays.push(operation),
        }
    }

    /// Returns the name to store and the values of an array operation; None if there is nothing to do.
    fn operation<'m>(&mut self, name: &'m str, value: &Node, at: &Path) -> Option<(&'m str, Vec<Value>)> {
        let ignored = match policy(name) {
            _ if name == "platforms" => Some(Code::ReservedName),
            Policy::Reserved => Some(Code::ReservedName),
            Policy::Free if self.found.notices.parity && reserved_in_parity(name) => Some(Code::ReservedName),
            Policy::Derived => Some(Code::DerivedIgnored),
            Policy::CreateOnly => Some(Code::CreateOnlyIgnored),
            // An identifier has one string as its value.
            Policy::Free if self.keys.active(name).is_some() => Some(Code::NotAnArray),
            Policy::Free => None,
        };
        let notices = &mut self.found.notices;
        let items = match (&value.json, ignored) {
            (_, Some(code)) => {
                notices.add(code, name, at);
                return None;
            }
            (Json::Array(items), None) => items,
            (_, None) => {
                notices.add(Code::TypeIgnored, name, at);
                return None;
            }
        };
        if name.len() > NAME_BYTES_MAX {
            self.found.attributes.push(Fault::new(Reason::KeyTooLong, at.pointer(), None));
            return None;
        }
        let stored = parity::name(name, at, notices);
        if stored.len() < name.len() && self.keys.active(stored).is_some() {
            notices.add(Code::NotAnArray, name, at);
            return None;
        }
        Some((stored, operands(items, name, at, notices)?))
    }

    fn added_and_removed(&mut self, at: &Path) {
        let added: BTreeSet<&str> = self.customer.arrays.iter().filter(|o| o.add).map(|o| &*o.name).collect();
        if added.is_empty() {
            return;
        }
        for operation in self.customer.arrays.iter().filter(|o| !o.add && added.contains(&*o.name)) {
            let pointer = at.name(ADD).pointer();
            self.found.attributes.push(Fault::with_detail(Reason::AddAndRemove, pointer, ADD, &spelling(operation)));
        }
    }
}

/// Returns the name of the array as the client spelled it: the last step of the pointer.
fn spelling(operation: &ArrayOperation) -> String {
    operation.pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

fn is_empty_array(value: &Node) -> bool {
    matches!(&value.json, Json::Array(items) if items.is_empty())
}

fn holds_objects(value: &Node) -> bool {
    matches!(&value.json, Json::Array(items) if items.iter().any(|item| matches!(item.json, Json::Object(_))))
}

/// Whether the attribute has aliases, so that one object can have it twice.
fn has_aliases(canonical_name: &str) -> bool {
    matches!(canonical_name, "email" | "mobile" | "name" | "first_name" | "last_name" | "gender" | "birthday")
}

/// Set values, with the names that longer ones may have been cut to.
type Sets<'s> = (&'s mut Vec<(Box<str>, Value)>, &'s mut CutNames);

/// Stores a value under its canonical name; if two aliases are given, the later one wins (behaviour.md 2).
fn put((sets, names): Sets, name: &str, value: Value, (at, notices): (&Path, &mut Notices)) {
    let canonical = canonical(name);
    if has_aliases(canonical)
        && let Some((_, earlier)) = sets.iter_mut().find(|(other, _)| **other == *canonical)
    {
        if *earlier != value {
            notices.add(Code::AliasOverridden, name, at);
        }
        *earlier = value;
        return;
    }
    names.put(sets, (canonical, value), at, notices);
}

/// Platforms, with warnings about them.
type Platforms<'p> = (&'p mut Vec<(Platform, bool)>, &'p mut Notices);

/// Reads `[{platform, active}]`; of one platform the last entry counts.
pub(super) fn platforms(value: &Node, name: &str, at: &Path, (platforms, notices): Platforms) {
    let items = match &value.json {
        Json::Array(items) => items,
        Json::Null => return notices.add(Code::NullIgnored, name, at),
        _ => return notices.add(Code::TypeIgnored, name, at),
    };
    for (index, item) in items.iter().enumerate() {
        let at = at.index(index);
        let active = match item.some("active").map(|node| &node.json) {
            None => Some(true),
            Some(Json::Boolean(b)) => Some(*b),
            Some(Json::Text(text)) => boolean(text),
            Some(_) => None,
        };
        let text = match item.some("platform").map(|node| &node.json) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        };
        let (Some(text), Some(active)) = (text, active) else {
            notices.add(Code::TypeIgnored, name, &at);
            continue;
        };
        let Some(platform) = Platform::parse(text).filter(|p| *p != Platform::Unknown) else {
            notices.add(Code::PlatformUnknown, name, &at);
            continue;
        };
        match platforms.iter_mut().find(|(other, _)| *other == platform) {
            Some(entry) => entry.1 = active,
            None => platforms.push((platform, active)),
        }
    }
}
