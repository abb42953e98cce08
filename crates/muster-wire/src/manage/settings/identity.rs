//! Identity resolution as JSON: `GET` and `PUT /workspaces/{ws}/identity`, and what a change of it takes.

use crate::manage::body;
use crate::manage::problem::Problem;
use muster_core::attribute::{CUSTOMER_ID, Policy, canonical, policy};
use muster_core::identifier::{IdentifierKind, KindSettings, Normaliser};
use muster_core::kinds::SurvivorRule;
use muster_core::limits::{ATTRIBUTE_RULES_MAX, IDENTIFIER_BYTES_MAX, KINDS_MAX, MEMBERS_MAX, NAME_BYTES_MAX};
use muster_core::settings::Identity;
use muster_core::value::Combine;
use serde_json::Value as Json;

/// Most exceptions of one kind.
const EXCEPTIONS_MAX: usize = 1_000;

/// What a change of identity resolution takes (behaviour.md 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityChange {
    /// Nothing changes.
    None,
    /// It holds from the next request on; stored data needs no pass.
    Immediate,
    /// These kinds become active: their stored values must be indexed first.
    Activates(Vec<Box<str>>),
    /// This kind is active and would be normalised otherwise, which stored data does not allow.
    Fixed(Box<str>),
}

/// What it takes to get from one to the other: guards, exceptions, survivor, rules, order, removing, pausing and
/// switching off are immediate.
pub fn compare(old: &Identity, new: &Identity) -> IdentityChange {
    if old == new {
        return IdentityChange::None;
    }
    let was = |k: &KindSettings| old.active().find(|o| o.kind == k.kind);
    let name = |k: &KindSettings| k.kind.name().into();
    if let Some(fixed) = new.active().find(|k| was(k).is_some_and(|o| o.normaliser != k.normaliser)) {
        return IdentityChange::Fixed(name(fixed));
    }
    let activates: Vec<Box<str>> = new.active().filter(|k| was(k).is_none()).map(name).collect();
    if activates.is_empty() { IdentityChange::Immediate } else { IdentityChange::Activates(activates) }
}

/// Reads the body of `PUT /workspaces/{ws}/identity`.
///
/// # Errors
/// 400 with the member that is wrong.
pub fn identity_from(bytes: &[u8]) -> Result<Identity, Problem> {
    let identity = from_json(&Json::Object(body::object(bytes)?))?;
    match identity.kinds.iter().position(|kind| !is_plain(kind.kind.name())) {
        Some(place) => Err(Problem::at(
            format!("/identifiers/{place}/kind"),
            "must be customer_id or a plain user attribute: not platforms, an array operator or a system name",
        )),
        None => Ok(identity),
    }
}

/// Whether an attribute that can be set holds values of the client's own, so that it can identify somebody
/// (behaviour.md 3.0.i): settings that are stored may be older than this rule.
fn is_plain(name: &str) -> bool {
    let others = ["platforms", "platform", "addValueToArrayField", "removeValueFromArrayField", "unset_attributes"];
    !others.contains(&name) && !name.starts_with("moe_")
}

/// Reads the object; `state`, `activating`, `done` and `total`, which `GET` shows, are taken and ignored.
///
/// # Errors
/// 400 with the member that is wrong.
pub fn from_json(value: &Json) -> Result<Identity, Problem> {
    let Json::Object(members) = value else { return Err(Problem::at("", "identity must be an object")) };
    let known = ["enabled", "identifiers", "survivor", "attribute_rules", "state", "activating", "done", "total"];
    body::only_known(members, "", &known)?;
    let enabled = members.get("enabled").ok_or_else(|| Problem::at("/enabled", "enabled is missing"))?;
    let mut identity = Identity { enabled: body::boolean(enabled, "/enabled")?, ..Identity::off() };
    if let Some(list) = members.get("identifiers") {
        identity.kinds = kinds(list)?;
    }
    if let Some(survivor) = members.get("survivor") {
        (identity.survivor_attribute, identity.survivor_rule) = self::survivor(survivor)?;
    }
    if let Some(rules) = members.get("attribute_rules") {
        identity.attribute_rules = attribute_rules(rules, &identity.kinds)?;
    }
    Ok(identity)
}

pub(super) fn combine_name(rule: Combine) -> &'static str {
    match rule {
        Combine::Sum => "sum",
        Combine::Max => "max",
        Combine::Min => "min",
    }
}

pub(super) fn normaliser_name(normaliser: Normaliser) -> &'static str {
    match normaliser {
        Normaliser::Lowercase => "lowercase",
        Normaliser::E164 => "e164",
    }
}

fn kinds(list: &Json) -> Result<Vec<KindSettings>, Problem> {
    let at = "/identifiers";
    let list = list.as_array().filter(|list| list.len() <= KINDS_MAX);
    let list = list.ok_or_else(|| Problem::at(at, format!("must be an array of at most {KINDS_MAX} kinds")))?;
    let mut kinds: Vec<KindSettings> = Vec::with_capacity(list.len());
    for (place, entry) in list.iter().enumerate() {
        let at = format!("{at}/{place}");
        let kind = kind(entry, &at)?;
        if kinds.iter().any(|k| k.kind == kind.kind) {
            return Err(Problem::at(format!("{at}/kind"), "the kind is listed twice"));
        }
        kinds.push(kind);
    }
    if !kinds.iter().any(|k| k.kind.name() == CUSTOMER_ID) {
        return Err(Problem::at(at, "customer_id must be among the identifiers"));
    }
    Ok(kinds)
}

fn kind(entry: &Json, at: &str) -> Result<KindSettings, Problem> {
    let Json::Object(members) = entry else { return Err(Problem::at(at, "must be an object")) };
    body::only_known(members, at, &["kind", "normalise", "pinned", "paused", "exceptions", "max_profiles"])?;
    let member = |name: &str| members.get(name).filter(|v| !v.is_null()).map(|v| (v, format!("{at}/{name}")));
    let (name, name_at) = member("kind").ok_or_else(|| Problem::at(format!("{at}/kind"), "kind is missing"))?;
    let name = attribute_name(name, &name_at)?;
    let mut kind = KindSettings::plain(&name);
    if let Some((value, at)) = member("normalise") {
        kind.normaliser = Some(match value.as_str() {
            Some("lowercase") => Normaliser::Lowercase,
            Some("e164") => Normaliser::E164,
            _ => return Err(Problem::at(at, "must be \"lowercase\" or \"e164\"")),
        });
    }
    if let Some((value, at)) = member("pinned") {
        kind.pinned = body::boolean(value, &at)?;
    }
    if let Some((value, at)) = member("paused") {
        kind.paused = body::boolean(value, &at)?;
        if kind.paused && &*name == CUSTOMER_ID {
            return Err(Problem::at(at, "customer_id is always active"));
        }
    }
    if let Some((value, at)) = member("exceptions") {
        kind.exceptions = Some(exceptions(value, &at)?);
    }
    if let Some((value, at)) = member("max_profiles") {
        let most = body::whole_number(value, &at, 1..=u64::from(MEMBERS_MAX))?;
        kind.max_profiles = u32::try_from(most).unwrap_or(MEMBERS_MAX);
    }
    Ok(kind)
}

fn exceptions(value: &Json, at: &str) -> Result<Vec<Box<str>>, Problem> {
    let list = value.as_array().filter(|list| list.len() <= EXCEPTIONS_MAX);
    let list = list.ok_or_else(|| Problem::at(at, format!("must be an array of at most {EXCEPTIONS_MAX} strings")))?;
    let text = |(place, entry): (usize, &Json)| {
        let at = format!("{at}/{place}");
        let text = entry.as_str().filter(|t| t.len() <= IDENTIFIER_BYTES_MAX);
        text.map(Into::into)
            .ok_or_else(|| Problem::at(at, format!("must be a string of at most {IDENTIFIER_BYTES_MAX} bytes")))
    };
    list.iter().enumerate().map(text).collect()
}

fn survivor(value: &Json) -> Result<(Option<Box<str>>, SurvivorRule), Problem> {
    let at = "/survivor";
    let Json::Object(members) = value else { return Err(Problem::at(at, "must be an object")) };
    body::only_known(members, at, &["attribute", "rule"])?;
    let attribute = match members.get("attribute").filter(|v| !v.is_null()) {
        Some(name) => Some(attribute_name(name, "/survivor/attribute")?),
        None => None,
    };
    let rule = match members.get("rule").map(Json::as_str) {
        None | Some(Some("last_seen")) => SurvivorRule::LastSeen,
        Some(Some("first_seen")) => SurvivorRule::FirstSeen,
        Some(Some("most_events")) => SurvivorRule::MostEvents,
        Some(_) => {
            return Err(Problem::at("/survivor/rule", "must be \"last_seen\", \"first_seen\" or \"most_events\""));
        }
    };
    Ok((attribute, rule))
}

fn attribute_rules(value: &Json, kinds: &[KindSettings]) -> Result<Vec<(Box<str>, Combine)>, Problem> {
    let at = "/attribute_rules";
    let members = value.as_object().filter(|members| members.len() <= ATTRIBUTE_RULES_MAX);
    let members =
        members.ok_or_else(|| Problem::at(at, format!("must be an object of at most {ATTRIBUTE_RULES_MAX} rules")))?;
    let mut rules: Vec<(Box<str>, Combine)> = Vec::with_capacity(members.len());
    for (name, rule) in members {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        let name = attribute_name(&Json::from(name.as_str()), &at)?;
        if rules.iter().any(|(other, _)| *other == name) || kinds.iter().any(|k| k.kind == IdentifierKind::new(&name)) {
            return Err(Problem::at(at, "the attribute has a rule already, or is an identifier"));
        }
        let rule = match rule.as_str() {
            Some("sum") => Combine::Sum,
            Some("max") => Combine::Max,
            Some("min") => Combine::Min,
            _ => return Err(Problem::at(at, "must be \"sum\", \"max\" or \"min\"")),
        };
        rules.push((name, rule));
    }
    Ok(rules)
}

/// The canonical name of an attribute that can be set at will.
fn attribute_name(value: &Json, at: &str) -> Result<Box<str>, Problem> {
    let name = canonical(body::text(value, at)?);
    if name.len() > NAME_BYTES_MAX || name.contains('\0') || policy(name) != Policy::Free {
        return Err(Problem::at(at, "must be the name of a user attribute that can be set"));
    }
    Ok(name.into())
}
