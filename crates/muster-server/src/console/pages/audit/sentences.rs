//! A record of the audit log as a sentence without its subject, which is beside it. What is not known as a word here is
//! shown as the log has it.

use super::super::super::components::{count, count_noun};
use super::super::settings::label;
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// Returns what was done, as a sentence.
pub(super) fn sentence(action: &str, detail: &Json) -> String {
    let TooLong { too_long: Some(names) } = read(detail) else { return of_action(action, detail) };
    let names: Vec<String> = names.iter().map(|name| label(name)).collect();
    format!("{}: {} (too long to be kept)", plain(action), names.join(", "))
}

fn of_action(action: &str, detail: &Json) -> String {
    match action {
        "workspace.created" => format!("created the workspace, named {}", read::<Named>(detail).name),
        "workspace.removed" => "deleted the workspace with all its data".to_owned(),
        "workspace.adopted" => "adopted an orphaned folder".to_owned(),
        "workspace.orphan_removed" => "moved an orphaned folder to removed/".to_owned(),
        "settings.changed" => settings(detail),
        "identity.changed" => identity(&read(detail)),
        "identity.activation_cancelled" => "cancelled a failed activation of identifier kinds".to_owned(),
        "key.rotated" => rotation(&read(detail)),
        "key.revoked" => "revoked a Data API key".to_owned(),
        "token.created" => token(&read(detail)),
        "token.revoked" => "revoked the token".to_owned(),
        "users.merged" => {
            let Merged { merged, survivor } = read(detail);
            format!("merged user {merged} into {survivor}")
        }
        "merge.reverted" => {
            format!("reverted the merge; user {} is separate again", read::<Reverted>(detail).restored)
        }
        "separation.lifted" => "lifted the separation".to_owned(),
        "review.decided" => match &*read::<Decided>(detail).decision {
            "merge" => "decided the review: merge".to_owned(),
            "keep_apart" => "decided the review: keep apart".to_owned(),
            "dismiss" => "dismissed the review".to_owned(),
            _ => "reopened the review".to_owned(),
        },
        "quarantine.replayed" => replay(&read(detail)),
        "quarantine.replay_started" => {
            let ReplayStarted { entries, kind } = read(detail);
            let of = kind.map(|kind| format!(" with {kind}")).unwrap_or_default();
            format!("started a bulk replay of {}{of}", count_noun(entries, "entry"))
        }
        "quarantine.discarded" => "deleted the quarantine entry".to_owned(),
        "user.deleted" => match &*read::<Deleted>(detail).by {
            "id" => "deleted a user, found by its id, with the request".to_owned(),
            _ => "deleted a user, found by its customer_id, with the request".to_owned(),
        },
        "user.read" => format!("read the {} of the user", read::<UserRead>(detail).part),
        "session.begun" => "signed in".to_owned(),
        "session.ended" => "signed out".to_owned(),
        "session.refused" => "tried to sign in with a token that does not exist".to_owned(),
        action if detail.as_object().is_none_or(serde_json::Map::is_empty) => plain(action),
        action => format!("{}: {}", plain(action), value(detail)),
    }
}

/// Reads the detail of an action; one that is not what the action records, since it was cut, reads as empty.
fn read<T: Default + DeserializeOwned>(detail: &Json) -> T {
    T::deserialize(detail).unwrap_or_default()
}

/// Of a detail that was too long: the names of its members.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TooLong {
    too_long: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Merged {
    merged: String,
    survivor: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reverted {
    restored: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Decided {
    decision: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReplayStarted {
    entries: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Replayed {
    corrected: bool,
    applied: bool,
    request_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Deleted {
    by: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserRead {
    part: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RotatedKey {
    scopes: Json,
    grace_seconds: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CreatedToken {
    scopes: Json,
    expires_at: Option<String>,
    allowed_addresses: Option<String>,
}

/// A member before and after a change.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Changed<T> {
    from: T,
    to: T,
}

/// What changed of identity settings.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ChangedIdentity {
    enabled: Option<Changed<bool>>,
    identifiers: Option<Changed<Vec<KindRule>>>,
    survivor: Option<Json>,
    attribute_rules: Option<Json>,
}

/// An identifier kind with its rules.
#[derive(Default, PartialEq, Deserialize)]
#[serde(default)]
struct KindRule {
    kind: String,
    normalise: Option<String>,
    /// Its further rules: the sentence says only that they differ.
    #[serde(flatten)]
    more: IndexMap<String, Json>,
}

/// Returns a word of the log as people write it.
fn plain(action: &str) -> String {
    action.replace(['.', '_'], " ")
}

/// Returns a setting as people write it.
fn value(json: &Json) -> String {
    match json {
        Json::Null => "nothing".to_owned(),
        Json::Bool(true) => "on".to_owned(),
        Json::Bool(false) => "off".to_owned(),
        Json::Number(number) => number.as_u64().map_or_else(|| number.to_string(), count),
        Json::String(text) if text.is_empty() => "nothing".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) if items.is_empty() => "nothing".to_owned(),
        Json::Array(items) => items.iter().map(value).collect::<Vec<_>>().join(", "),
        Json::Object(_) => json.to_string(),
    }
}

/// `lenient by default from off to on`, for each setting that changed.
fn settings(detail: &Json) -> String {
    let Ok(members) = IndexMap::<String, Changed<Json>>::deserialize(detail) else {
        return format!("changed settings: {}", value(detail));
    };
    let mut changes = Vec::new();
    for (name, Changed { from, to }) in &members {
        if name == "suspended" {
            let is_suspended = *to == Json::Bool(true);
            changes.push(if is_suspended { "suspended the workspace" } else { "resumed the workspace" }.to_owned());
            continue;
        }
        let Json::Object(limits) = to else {
            changes.push(format!("changed {} from {} to {}", label(name), value(from), value(to)));
            continue;
        };
        for (limit, to) in limits {
            let from = from.get(limit).unwrap_or(&Json::Null);
            if from != to {
                let path = format!("{name}.{limit}");
                changes.push(format!("changed {} from {} to {}", label(&path), value(from), value(to)));
            }
        }
    }
    changes.join("; ")
}

/// `turned identity resolution on; added email (lowercase), mobile (e164)`.
fn identity(detail: &ChangedIdentity) -> String {
    let mut changes = Vec::new();
    if let Some(enabled) = &detail.enabled {
        changes.push(format!("turned identity resolution {}", if enabled.to { "on" } else { "off" }));
    }
    if let Some(identifiers) = &detail.identifiers {
        changes.extend(kinds(identifiers));
    }
    for (change, words) in [(&detail.survivor, "the survivor rule"), (&detail.attribute_rules, "the attribute rules")] {
        if change.is_some() {
            changes.push(format!("changed {words}"));
        }
    }
    if changes.is_empty() { "changed identity settings".to_owned() } else { changes.join("; ") }
}

/// Which kinds were added and removed, and which have other rules now.
fn kinds(Changed { from, to }: &Changed<Vec<KindRule>>) -> Vec<String> {
    let before = |kind: &str| from.iter().find(|it| it.kind == kind);
    let with_rule = |it: &KindRule| match &it.normalise {
        None => it.kind.clone(),
        Some(rule) => format!("{} ({rule})", it.kind),
    };
    let added: Vec<String> = to.iter().filter(|it| before(&it.kind).is_none()).map(with_rule).collect();
    let is_removed = |it: &&KindRule| to.iter().all(|other| other.kind != it.kind);
    let removed: Vec<&str> = from.iter().filter(is_removed).map(|it| &*it.kind).collect();
    let is_other = |it: &&KindRule| before(&it.kind).is_some_and(|before| before != *it);
    let changed: Vec<&str> = to.iter().filter(is_other).map(|it| &*it.kind).collect();
    let mut out = Vec::new();
    for (word, of) in [("added", added.join(", ")), ("removed", removed.join(", ")), ("changed", changed.join(", "))] {
        if !of.is_empty() {
            out.push(format!("{word} {of}"));
        }
    }
    if out.is_empty() {
        out.push("changed the order of the identifier kinds".to_owned());
    }
    out
}

fn rotation(detail: &RotatedKey) -> String {
    let previous = match detail.grace_seconds {
        0 => "the previous one ended".to_owned(),
        n if n.is_multiple_of(86_400) => format!("the previous one stays valid for {}", count_noun(n / 86_400, "day")),
        n if n.is_multiple_of(3_600) => format!("the previous one stays valid for {}", count_noun(n / 3_600, "hour")),
        n => format!("the previous one stays valid for {}", count_noun(n, "second")),
    };
    format!("created a new Data API key ({}); {previous}", value(&detail.scopes))
}

fn token(detail: &CreatedToken) -> String {
    let mut words = format!("created the token ({})", value(&detail.scopes));
    if let Some(at) = &detail.expires_at {
        words += &format!(", which expires at {at}");
    }
    if let Some(addresses) = &detail.allowed_addresses {
        words += &format!(", only from {}", addresses.replace(',', ", "));
    }
    words
}

fn replay(detail: &Replayed) -> String {
    let how = if detail.corrected { "corrected and replayed" } else { "replayed" };
    let outcome = if detail.applied { "applied" } else { "rejected again" };
    format!("{how} the quarantine entry: {outcome} by request {}", detail.request_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sentence_of(action: &str, detail: Json) -> String {
        sentence(action, &detail)
    }

    // Fails when `kinds` compares by place, or `identity` leaves out the switch.
    #[test]
    fn a_change_of_identity_settings_names_what_came_and_what_went() {
        let detail = json!({
            "enabled": {"from": false, "to": true},
            "identifiers": {
                "from": [{"kind": "customer_id", "pinned": false}, {"kind": "crm"}],
                "to": [{"kind": "email", "normalise": "lowercase"}, {"kind": "mobile", "normalise": "e164"},
                    {"kind": "customer_id", "pinned": true}],
            },
        });
        let want =
            "turned identity resolution on; added email (lowercase), mobile (e164); removed crm; changed customer_id";
        assert_eq!(sentence_of("identity.changed", detail), want);
        let swapped =
            json!({"identifiers": {"from": [{"kind": "a"}, {"kind": "b"}], "to": [{"kind": "b"}, {"kind": "a"}]}});
        assert_eq!(sentence_of("identity.changed", swapped), "changed the order of the identifier kinds");
    }

    // Fails when `settings` does not look into the limits.
    #[test]
    fn a_change_of_settings_names_each_with_both_values() {
        let limits = |users: u64| json!({"users_per_minute": users, "body_bytes": 1});
        let detail = json!({
            "lenient": {"from": false, "to": true},
            "limits": {"from": limits(0), "to": limits(1_000)},
            "suspended": {"from": false, "to": true},
        });
        let want = "changed lenient by default from off to on; changed users per minute from 0 to 1,000; \
                    suspended the workspace";
        assert_eq!(sentence_of("settings.changed", detail), want);
    }

    #[test]
    fn what_is_not_known_is_told_as_the_log_has_it() {
        assert_eq!(sentence_of("moon.risen", json!({})), "moon risen");
        assert_eq!(sentence_of("moon.risen", json!({"at": 1})), "moon risen: {\"at\":1}");
        assert_eq!(
            sentence_of("settings.changed", json!({"too_long": ["name"]})),
            "settings changed: name (too long to be kept)"
        );
    }
}
