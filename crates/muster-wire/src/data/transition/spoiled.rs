//! Faults of the characters of strings: half a surrogate pair anywhere in an element, and U+0000 outside of the actions,
//! which have faults of their own. The first of each is reported, among the faults of its member (behaviour.md 1.2.e).

use super::context::ElementContext;
use super::findings::Findings;
use crate::json::{Json, JsonMember, Node, NotedPlaces};
use crate::path::{Path, pointer_of};
use muster_core::attribute::{CUSTOMER_ID, canonical};
use muster_core::command::Body;
use muster_core::reason::{Fault, Faults, Reason};

/// An element whose strings are checked.
pub(super) struct Spoiled<'s> {
    pub(super) context: &'s ElementContext<'s>,
    pub(super) element: &'s Node<'s>,
    pub(super) at: &'s Path<'s>,
}

/// The part of an element that a string is in.
enum Part {
    Identifiers,
    Attributes,
    /// In `actions`, or in a member that has no place in the order.
    Actions,
    /// In the action of this index.
    Action(usize),
}

impl Spoiled<'_> {
    /// Adds the faults; returns the one that lies in an action.
    pub(super) fn note(&self, body: &Result<Body, Faults>, found: &mut Findings) -> Option<(usize, Fault)> {
        let NotedPlaces { nuls, unpaired, .. } = self.context.places;
        let is_event = matches!(body, Ok(Body::Event(_)));
        let actions = match self.element.some("actions") {
            Some(actions) if is_event && !nuls.is_empty() => actions.span(),
            _ => 0..0,
        };
        let half = unpaired.first().map(|place| (Reason::UnpairedSurrogate, *place));
        let nul = nuls.iter().find(|place| !actions.contains(&(**place as usize)));
        let mut in_action = None;
        for (reason, place) in half.into_iter().chain(nul.map(|place| (Reason::KeyNotAllowed, *place))) {
            let pointer = pointer_of(self.element, place, self.at).unwrap_or_else(|| self.at.pointer());
            let fault = Fault::new(reason, pointer, None);
            match self.part(place, is_event) {
                Part::Identifiers => found.identifiers.push(fault),
                Part::Attributes => found.attributes.push(fault),
                Part::Actions => found.actions.push(fault),
                Part::Action(index) => in_action = Some((index, fault)),
            }
        }
        in_action
    }

    fn part(&self, place: u32, is_event: bool) -> Part {
        let Some(member) = holding(self.element, place) else { return Part::Actions };
        match (&*member.name, &member.value.json) {
            (CUSTOMER_ID | "device_id" | "user_identifiers", _) => Part::Identifiers,
            ("attributes", _) => {
                let identity = &self.context.request.settings.identity;
                let is_kind = |member: &JsonMember| identity.active_kind(canonical(&member.name)).is_some();
                if holding(&member.value, place).is_some_and(is_kind) { Part::Identifiers } else { Part::Attributes }
            }
            ("actions", Json::Array(items)) if is_event => {
                let index = items.iter().position(|item| item.span().contains(&(place as usize)));
                index.map_or(Part::Actions, Part::Action)
            }
            _ => Part::Actions,
        }
    }
}

/// The member of an object whose value holds this place; None if a name does, which is not a known one.
fn holding<'n>(object: &'n Node<'n>, place: u32) -> Option<&'n JsonMember<'n>> {
    object.members()?.iter().find(|member| member.value.span().contains(&(place as usize)))
}
