//! Records changes in the audit log (behaviour.md 4). A change is recorded after it was made, in a commit of its own; if that
//! fails, the server log says so, and the change stays.

use super::audit_action::AuditAction;
use super::context::{ManageContext, WorkspaceContext, blocking};
use crate::app::App;
use crate::callers::Caller;
use crate::personal_data_log::Actor;
use crate::workspaces::Entry;
use muster_core::id::{ProfileId, WorkspaceId};
use muster_store::access::AuditRecord;
use muster_store::bounds::AUDIT_DETAIL_BYTES;
use serde_json::{Map, Value as Json, json};
use std::net::IpAddr;
use std::sync::Arc;

impl ManageContext {
    /// Records that this call showed one person's data, if the workspace wants that: which part of it, and of which profile.
    pub(crate) fn saw(&self, entry: &Entry, profile: ProfileId, part: &'static str) {
        if entry.document.record_reads {
            let actor = Actor { name: self.caller.name.to_string(), address: self.address };
            let what = (AuditAction::UserRead, profile.to_string(), json!({"part": part}));
            self.app.personal_data_log.note((self.app.now(), actor), entry.id(), what);
        }
    }

    /// Records a change that this call made: what, to which subject (an id, a fingerprint, a name), and more about it, an
    /// object without secrets and without personal data.
    pub(crate) async fn audit(
        &self,
        action: AuditAction,
        workspace: Option<&WorkspaceId>,
        subject: &str,
        detail: Json,
    ) {
        let record = AuditRecord {
            no: 0,
            at: self.app.now(),
            token: self.caller.name.to_string(),
            address: self.address,
            workspace: workspace.cloned(),
            action: action.name().to_owned(),
            class: action.class(),
            subject: subject.to_owned(),
            detail: bounded(&detail),
        };
        append(&self.app, action, record).await;
    }
}

impl WorkspaceContext {
    /// Records that this call showed one person's data, as [`ManageContext::saw`].
    pub(crate) fn saw(&self, profile: ProfileId, part: &'static str) {
        self.context.saw(&self.entry, profile, part);
    }

    /// Records a change of the workspace, as [`ManageContext::audit`].
    pub(crate) async fn audit(&self, action: AuditAction, subject: &str, detail: Json) {
        self.context.audit(action, Some(self.entry.id()), subject, detail).await;
    }
}

async fn append(app: &App, action: AuditAction, record: AuditRecord) {
    let engine = Arc::clone(&app.engine);
    // The failure is logged where the error is converted; the answer is about the change, which stays.
    if blocking(move || engine.append_audit(&record)).await.is_err() {
        tracing::error!(action = action.name(), "a change could not be recorded in the audit log");
    }
}

/// Records that a session of the console began, ended or was refused; `caller` is whose it is, None where the token is none.
/// It belongs to the workspace that the token is bound to, if it is to one.
pub(crate) async fn session(app: &App, action: AuditAction, caller: Option<&Caller>, address: IpAddr) {
    let name = caller.map(|caller| caller.name.to_string()).unwrap_or_default();
    let record = AuditRecord {
        no: 0,
        at: app.now(),
        token: name.clone(),
        address: Some(address),
        workspace: caller.and_then(|caller| caller.workspace.clone()),
        action: action.name().to_owned(),
        class: action.class(),
        subject: name,
        detail: "{}".to_owned(),
    };
    append(app, action, record).await;
}

/// Returns a detail as text, within the bound of the engine: one that is too long keeps its names alone.
fn bounded(detail: &Json) -> String {
    let text = detail.to_string();
    if text.len() <= AUDIT_DETAIL_BYTES {
        return text;
    }
    let names: Vec<&String> = detail.as_object().map(|members| members.keys().collect()).unwrap_or_default();
    json!({"too_long": names}).to_string()
}

/// Returns the members that differ, each with both values; None if none does.
pub(crate) fn differing(before: &Json, after: &Json) -> Option<Json> {
    let (Json::Object(before), Json::Object(after)) = (before, after) else { return None };
    let mut changed = Map::new();
    for name in before.keys().chain(after.keys()) {
        let (from, to) = (before.get(name), after.get(name));
        if from != to {
            changed.insert(name.clone(), json!({"from": from.map(redact), "to": to.map(redact)}));
        }
    }
    (!changed.is_empty()).then_some(Json::Object(changed))
}

/// Returns a setting as the log records it: exceptions are values of people, so only their number.
fn redact(setting: &Json) -> Json {
    match setting {
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| match value {
                Json::Array(values) if name == "exceptions" => (name.clone(), json!(values.len())),
                value => (name.clone(), redact(value)),
            };
            Json::Object(members.iter().map(member).collect())
        }
        Json::Array(items) => items.iter().map(redact).collect(),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `redact` lets exceptions pass, or `differing` compares redacted values.
    #[test]
    fn a_change_of_exceptions_is_told_by_their_number() {
        let with = |values: Json| json!({"identifiers": [{"kind": "email", "exceptions": values}], "enabled": true});
        let changed = differing(&with(json!(["a@example.test"])), &with(json!(["b@example.test"])));
        let one = json!([{"kind": "email", "exceptions": 1}]);
        assert_eq!(changed, Some(json!({"identifiers": {"from": one, "to": one}})));
        assert_eq!(differing(&with(json!([])), &with(json!([]))), None);
        assert_eq!(
            differing(&json!({"a": 1}), &json!({"b": 2})).map(|json| json.to_string()).as_deref(),
            Some(r#"{"a":{"from":1,"to":null},"b":{"from":null,"to":2}}"#)
        );
    }

    #[test]
    fn a_detail_that_is_too_long_keeps_its_names() {
        assert_eq!(bounded(&json!({"a": 1})), r#"{"a":1}"#);
        let long = json!({"allowed_addresses": "x".repeat(AUDIT_DETAIL_BYTES)});
        assert_eq!(bounded(&long), r#"{"too_long":["allowed_addresses"]}"#);
    }
}
