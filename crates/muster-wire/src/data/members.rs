//! Members of elements and actions in the documented API. Others are ignored with a warning, which names the member
//! that was probably meant (behaviour.md 1.3.n, FACTS 1.2).

use crate::json::{Json, Node};
use crate::notices::Notices;
use crate::path::Path;
use muster_core::attribute::{CUSTOMER_ID, EMAIL, MOBILE, canonical};
use muster_core::kinds::ElementKind;
use muster_core::settings::Identity;
use muster_core::warning::Code;

/// FACTS 1.2.1.
const CUSTOMER: [&str; 6] =
    ["type", "customer_id", "attributes", "update_existing_only", "platforms", "unset_attributes"];
/// FACTS 1.2.2.
const EVENT: [&str; 6] = ["type", "customer_id", "actions", "user_identifiers", "device_id", "update_existing_only"];
/// FACTS 1.2.3; `user_identifiers` by behaviour.md 3.0.d.
const DEVICE: [&str; 5] = ["type", "customer_id", "attributes", "device_id", "user_identifiers"];
/// FACTS 1.2.2; `event_id` by behaviour.md 1.4.h.
const ACTION: [&str; 10] = [
    "action",
    "attributes",
    "platform",
    "current_time",
    "user_time",
    "user_timezone_offset",
    "app_version",
    "moe_os_type",
    "real_time_action",
    "event_id",
];
/// Members that real clients add to both, without a warning (clients.md 2.6).
const ADDED: [&str; 2] = ["timestamp", "device_time"];

/// One of this many characters of a known name may be wrong, so that short names must match exactly.
const CHARACTERS_OF_A_SLIP: usize = 5;
/// Longer names are not taken for a misspelt known one.
const SLIP_BYTES_MAX: usize = 40;

fn known_members(kind: ElementKind) -> &'static [&'static str] {
    match kind {
        ElementKind::Customer => &CUSTOMER,
        ElementKind::Event => &EVENT,
        ElementKind::Device => &DEVICE,
        ElementKind::Unknown => &[],
    }
}

/// Warns of the members of an element that its kind does not have.
pub(crate) fn unknown_of_element(node: &Node, kind: ElementKind, at: &Path, notices: &mut Notices) {
    let known = known_members(kind);
    unknown(node, |name| known.contains(&name), at, notices);
}

/// Warns of unknown members of an action, except names of identifiers, which clients repeat there.
pub(crate) fn unknown_of_action(node: &Node, identity: &Identity, at: &Path, notices: &mut Notices) {
    let is_identifier = |name: &str| {
        let name = canonical(name);
        [CUSTOMER_ID, EMAIL, MOBILE].contains(&name) || identity.active_kind(name).is_some()
    };
    unknown(node, |name| ACTION.contains(&name) || is_identifier(name), at, notices);
}

fn unknown(node: &Node, is_known: impl Fn(&str) -> bool, at: &Path, notices: &mut Notices) {
    let Json::Object(members) = &node.json else { return };
    for member in members {
        let name = &*member.name;
        if !is_known(name) && !ADDED.contains(&name) {
            notices.add(Code::UnknownMember, name, &at.name(name));
        }
    }
}

/// Returns the known member that an unknown one is probably a misspelling of; the pointer of the warning says where it
/// is.
pub(crate) fn suggestion(kind: ElementKind, name: &str, pointer: &str) -> Option<&'static str> {
    if name.len() > SLIP_BYTES_MAX {
        return None;
    }
    // A slash within a name is escaped, so this one separates an event from its action.
    let known = if pointer.contains("/actions/") { &ACTION } else { known_members(kind) };
    let given = letters(name);
    let slips = |known: &&'static str| {
        let known = letters(known);
        let slips = strsim::damerau_levenshtein(&known, &given);
        (slips <= known.len() / CHARACTERS_OF_A_SLIP).then_some(slips)
    };
    known
        .iter()
        .filter_map(|known| Some((slips(known)?, *known)))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known)
}

/// Returns a name without case, underscores, dashes and blanks.
fn letters(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when names are compared as they are written, or any nearest name is one that was meant.
    #[test]
    fn a_likely_misspelling_is_told_and_another_word_is_not() {
        let element = |kind, name| suggestion(kind, name, "/elements/0/x");
        let action = |name| suggestion(ElementKind::Event, name, "/elements/0/actions/1/x");
        for (name, want) in [
            ("atributes", Some("attributes")),
            ("customerId", Some("customer_id")),
            ("Update-Existing-Only", Some("update_existing_only")),
            ("platform", Some("platforms")),
            ("zzz", None),
            ("tip", None),
            ("user_identifiers", None),
            ("email", None),
            ("curent_time", None),
        ] {
            assert_eq!(element(ElementKind::Customer, name), want, "{name}");
        }
        assert_eq!(element(ElementKind::Device, "devise_id"), Some("device_id"));
        assert_eq!(element(ElementKind::Event, "action"), Some("actions"));
        assert_eq!(action("curent_time"), Some("current_time"));
        assert_eq!(action("actoin"), Some("action"));
        assert_eq!(action("atributes"), Some("attributes"));
        assert_eq!(action("customer_ids"), None);
        assert_eq!(action(&"attributes".repeat(5)), None);
    }
}
