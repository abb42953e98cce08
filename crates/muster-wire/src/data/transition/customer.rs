//! A customer element (FACTS 1.2.1): identifiers and the members beside `attributes`, which [`super::attributes`] reads.

use super::attributes::{ElementAttributes, platforms};
use super::context::ElementContext;
use super::fields::flag;
use super::findings::Findings;
use super::keys::Keys;
use crate::json::{Json, Node};
use crate::notices::Notices;
use crate::path::Path;
use crate::value::parity::{self, CutNames};
use crate::value::read::boolean;
use muster_core::attribute::{Policy, canonical, policy};
use muster_core::command::{CustomerElement, Matching, Unset};
use muster_core::reason::{Fault, Reason};
use muster_core::warning::Code;
use std::borrow::Cow;

pub(super) fn read(context: &ElementContext, node: &Node, at: &Path, found: &mut Findings) -> CustomerElement {
    let mut keys = Keys::new(&context.request.settings.identity);
    keys.take_customer_id(node, at, found);
    let mut customer = CustomerElement {
        update_existing_only: flag(node, "update_existing_only", at, &mut found.notices).unwrap_or(false),
        ..CustomerElement::default()
    };
    if let Some(attributes) = node.some("attributes") {
        let at = at.name("attributes");
        match attributes.members() {
            Some(members) => {
                let attributes = ElementAttributes {
                    context: context.request,
                    keys: &mut keys,
                    customer: &mut customer,
                    found,
                    set: CutNames::default(),
                    operated: CutNames::default(),
                };
                attributes.read(members, &at);
            }
            None => {
                found.attributes.push(Fault::with_detail(Reason::AttributesType, at.pointer(), "attributes", "object"))
            }
        }
    }
    if let Some(list) = node.some("platforms") {
        platforms(list, "platforms", &at.name("platforms"), (&mut customer.platforms, &mut found.notices));
    }
    unset_attributes(node, at, &mut customer.unsets, &mut found.notices);
    customer.identifiers = keys.finish(at, found);
    customer
}

/// `unset_attributes`: rules that cannot be used are ignored with a warning.
fn unset_attributes(node: &Node, at: &Path, unsets: &mut Vec<Unset>, notices: &mut Notices) {
    const NAME: &str = "unset_attributes";
    let Some(given) = node.some(NAME) else { return };
    let at = at.name(NAME);
    let Json::Array(rules) = &given.json else { return notices.add(Code::TypeIgnored, NAME, &at) };
    for (index, rule) in rules.iter().enumerate() {
        let at = at.index(index);
        match unset(rule, &at, notices) {
            Some((unset, alias)) => unsets.extend([unset].into_iter().chain(alias)),
            None => notices.add(Code::UnsetRuleIgnored, NAME, &at),
        }
    }
}

/// Reads a rule, and a second one if, ignoring case, the name is an alias of another attribute.
fn unset(rule: &Node, at: &Path, notices: &mut Notices) -> Option<(Unset, Option<Unset>)> {
    let text = |name| match &rule.some(name)?.json {
        Json::Text(text) => Some(&**text),
        _ => None,
    };
    let matching = match text("type")? {
        "equals" => Matching::Equals,
        "prefix" => Matching::Prefix,
        "suffix" => Matching::Suffix,
        "contains" => Matching::Contains,
        _ => return None,
    };
    let attr = text("attr").filter(|attr| !attr.is_empty())?;
    let case_sensitive = match rule.some("case_sensitive").map(|node| &node.json) {
        None => true,
        Some(Json::Boolean(b)) => *b,
        Some(Json::Text(text)) => boolean(text)?,
        Some(_) => return None,
    };
    let rule = |text: &str, case_sensitive| Unset {
        matching,
        text: text.into(),
        case_sensitive,
        pointer: at.pointer().into(),
    };
    if matching != Matching::Equals {
        return Some((rule(attr, case_sensitive), None));
    }
    // The rule is about the attribute that was stored under the cut name.
    let attr = if notices.parity { parity::name(attr, at, notices) } else { attr };
    // Reserved names, aliases and prefixes are in lower case.
    let lower = if case_sensitive { Cow::Borrowed(attr) } else { attr.to_lowercase().into() };
    // What cannot be set cannot be unset. (Whether it is the last identifier depends on the profile.)
    if policy(&lower) != Policy::Free {
        return None;
    }
    if case_sensitive {
        return Some((rule(canonical(attr), true), None));
    }
    // A name in capitals may also be stored as it is, beside the attribute of which its lower case is an alias.
    let name = canonical(&lower);
    Some((rule(attr, false), (name != lower).then(|| rule(name, true))))
}
