//! Records as the management API shows them: exactly the members that its specification names.

#[path = "records/json_mask.rs"]
mod json_mask;

use json_mask::masked;
use muster_core::command::{Action, DeviceFields};
use muster_core::explanation::Explanation;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, QuarantineNo, RequestId, RequestNo, SeparationNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::{ElementKind, Platform, Route, SurvivorChoice, SurvivorRule};
use muster_core::outcome::{ActionOutcome, ActionResult, ElementResult, Outcome};
use muster_core::profile::{MemberEntry, Profile};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::record::{
    Cause, Combined, Counters, Device, DeviceRef, Event, FormerIdentifier, LogEntry, Merge, Omitted,
    QuarantinedElement, Separation, SeparationCause, TreeTotals,
};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::event::EventDocument;
use muster_wire::manage::masking::Mask;
use muster_wire::manage::merge::{MergeContent, MergeDocument, RevertDocument};
use muster_wire::manage::quarantine::QuarantinedDocument;
use muster_wire::manage::request::{LoggedRequestDetail, RequestDetailDocument, RequestDocument};
use muster_wire::manage::separation::SeparationDocument;
use muster_wire::manage::stats::StatsDocument;
use muster_wire::manage::user::UserDocument;
use muster_wire::manage::workspace::{CreatedWorkspaceDocument, RotatedKeyDocument};
use muster_wire::manage::{page, workspace};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use std::sync::Arc;

const AT: Timestamp = Timestamp(1_767_571_200_000);
const AT_TEXT: &str = "2026-01-05T00:00:00.000Z";

fn id(no: u64) -> ProfileId {
    ProfileId { created: AT, no: ProfileNo(no) }
}

/// The document as JSON. It is read from its JSON again, and its mask hides what the mask of any JSON hides.
fn document<T>(mut document: T) -> Json
where
    T: Serialize + DeserializeOwned + Mask + PartialEq + std::fmt::Debug,
{
    let json = json!(document);
    assert_eq!(serde_json::from_value::<T>(json.clone()).expect("a document is read again"), document);
    let mut hidden = json.clone();
    masked(&mut hidden);
    document.mask();
    assert_eq!(json!(document), hidden);
    json
}

fn key(kind: &str, value: &str) -> Identifier {
    Identifier { kind: IdentifierKind::new(kind), value: value.into() }
}

fn device() -> Device {
    let fields = DeviceFields {
        platform: Platform::Ios,
        push_id: "tok".into(),
        model: Some("Phone".into()),
        app_version: None,
        os_version: None,
        push_opted: Some(true),
        push_provisional_opted: None,
        gaid: None,
        idfv: Some("E6".into()),
        push_id_is_word: false,
    };
    Device { at: DeviceRef { profile: ProfileNo(1), device_id: "d1".into() }, seq: 9, updated_at: AT, fields }
}

#[test]
fn a_user_shows_identifiers_values_devices_and_members() {
    let snapshot = Profile {
        id: id(1),
        identifiers: vec![key("customer_id", "c1")],
        aliases: vec![(IdentifierKind::new("email"), vec!["a@example.test".into(), "b@example.test".into()])],
        former: vec![FormerIdentifier { identifier: key("mobile", "+1"), until: AT }],
        attributes: [
            ("tier".into(), Value::text("gold")),
            ("n".into(), Value::Float(1.0)),
            // Shown as identifier, and not a second time among the attributes.
            ("customer_id".into(), Value::text("c1")),
        ]
        .into(),
        platforms: [(Platform::Android, true)].into(),
        devices: vec![device()],
        totals: TreeTotals { first_seen: AT, last_seen: AT, events: 3, devices: 1, members: 2 },
        members: vec![MemberEntry { id: id(2), parent: id(1), merge: MergeNo(4), joined_at: AT }],
    };
    assert_eq!(
        document(UserDocument::new(&snapshot, Some(id(2)))),
        json!({
            "id": id(1).to_string(),
            "identifiers": {"customer_id": "c1"},
            "aliases": {"email": ["a@example.test", "b@example.test"]},
            "former_identifiers": [{"kind": "mobile", "value": "+1", "until": AT_TEXT}],
            "attributes": {"n": 1.0, "tier": "gold"},
            "platforms": [{"platform": "ANDROID", "active": true}],
            "devices": [{"device_id": "d1", "platform": "iOS", "push_id": "tok", "model": "Phone", "moe_push_opted": true,
                "idfv": "E6", "updated_at": AT_TEXT}],
            "first_seen": AT_TEXT,
            "last_seen": AT_TEXT,
            "event_count": 3,
            "members": [{"id": id(2).to_string(), "parent": id(1).to_string(), "merge_id": "m4", "joined_at": AT_TEXT}],
            "redirected_from": id(2).to_string(),
        })
    );
    assert_eq!(document(UserDocument::new(&snapshot, None)).get("redirected_from"), None);
}

#[test]
fn an_event_shows_what_was_sent_and_where_it_is_recorded() {
    let action = Action {
        name: "bought".into(),
        attributes: vec![("b".into(), Value::Integer(1)), ("a".into(), Value::text("2026-01-05"))],
        time: Some(AT),
        user_time: None,
        offset_seconds: 19_800,
        platform: Some(Platform::Tv),
        os_type: Some("ROKU".into()),
        app_version: Some("4.2".into()),
        event_id: Some("e1".into()),
        pointer: "/elements/0/actions/0".into(),
    };
    let stored = Event {
        seq: 5,
        profile: ProfileNo(2),
        time: AT,
        user_time: AT.0 + 19_800_000,
        received_at: AT,
        request: RequestNo(1),
        origin: Some("203.0.113.7".into()),
        device_id: Some("d1".into()),
        action: Arc::new(action),
    };
    let shown = document(EventDocument::new(&stored, id(2)));
    assert_eq!(
        shown,
        json!({
            "action": "bought",
            "attributes": {"b": 1, "a": "2026-01-05"},
            "time": AT_TEXT,
            "user_time": "2026-01-05T05:30:00.000",
            "received_at": AT_TEXT,
            "platform": "TV",
            "app_version": "4.2",
            "device_id": "d1",
            "origin_address": "203.0.113.7",
            "request_id": RequestId::from_no(RequestNo(1)).to_string(),
            "recorded_for": id(2).to_string(),
            "moe_os_type": "ROKU",
            "event_id": "e1",
        })
    );
}

fn logged() -> LogEntry {
    let element = ElementResult {
        index: 0,
        kind: ElementKind::Customer,
        outcome: Outcome::Rejected,
        profile: None,
        merged: vec![],
        warnings: vec![],
        errors: Fault::new(Reason::NoUsableIdentifier, "/elements/0/customer_id", Some("customer_id")).into(),
        explanation: Some(Box::default()),
        actions: vec![],
    };
    LogEntry {
        no: RequestNo(1),
        received_at: AT,
        status: 200,
        route: Route::Transition,
        origin: None,
        bytes: 80,
        duration_us: 12,
        warnings: vec![],
        elements: [element].into(),
        faults: vec![],
        omitted: Omitted::default(),
    }
}

#[test]
fn the_faults_of_a_rejected_event_count_once() {
    let fault = Fault::new(Reason::FutureDate, "/elements/0/actions/0", Some("current_time"));
    let action = ActionResult { outcome: ActionOutcome::Rejected, errors: fault.clone().into() };
    let mut request = logged();
    let element = &mut std::sync::Arc::get_mut(&mut request.elements).unwrap()[0];
    (element.kind, element.errors, element.actions) = (ElementKind::Event, fault.into(), vec![action]);
    assert_eq!(document(RequestDocument::from(&request))["fault_count"], 1);
}

#[test]
fn a_request_is_listed_with_figures_and_shown_with_its_elements() {
    let request_id = RequestId::from_no(RequestNo(1)).to_string();
    let none = json!({"created": 0, "updated": 0, "merged": 0, "skipped": 0, "duplicate": 0, "rejected": 1});
    let message = "No identifier has a value that is accepted as an identifier";
    let summary = json!({
        "request_id": request_id,
        "received_at": AT_TEXT,
        "status": 200,
        "path": "/v1/transition/{workspace_id}",
        "origin_address": null,
        "bytes": 80,
        "duration_us": 12,
        "summary": {"elements": none, "actions": {"accepted": 0, "duplicate": 0, "rejected": 0, "skipped": 0}},
        "fault_count": 1,
        "first_error": {"type": "NoUsableIdentifier", "message": message},
    });
    assert_eq!(document(RequestDocument::from(&logged())), summary);
    let full = document(RequestDetailDocument::Logged(LoggedRequestDetail::from(&logged())));
    assert_eq!(
        full["elements"],
        json!([{"index": 0, "type": "customer", "outcome": "rejected", "id": null, "warnings": [], "errors": [
            {"index": 0, "pointer": "/elements/0/customer_id", "attribute": "customer_id", "type": "NoUsableIdentifier",
                "message": message}],
            "because": {"keys": [], "rule": null, "text": "rejected before its identifiers were resolved"}}])
    );
    assert_eq!((&full["errors"], &full["warnings"], &full["path"]), (&json!([]), &json!([]), &summary["path"]));
}

#[test]
fn a_merge_tells_its_cause() {
    let mut record = Merge {
        no: MergeNo(3),
        at: AT,
        survivor: id(1),
        merged: id(2),
        request: Some((RequestNo(1), 4)),
        cause: Cause::Identifiers {
            identifiers: vec![key("email", "a")],
            rule: SurvivorChoice::Rule(SurvivorRule::LastSeen),
        },
        explanation: Some(Explanation { identifiers: vec![], rule: Some(SurvivorChoice::Attribute) }),
        filled: vec!["tier".into()],
        combined: vec![Combined { field: "points".into(), old: Some(Value::Integer(1)), new: None }],
        identifiers: vec![key("mobile", "+1")],
        reverted_at: None,
    };
    let mut want = json!({
        "id": "m3",
        "at": AT_TEXT,
        "survivor": id(1).to_string(),
        "merged": id(2).to_string(),
        "request_id": RequestId::from_no(RequestNo(1)).to_string(),
        "index": 4,
        "cause": {"keys": [{"kind": "email", "value": "a"}], "rule": "last_seen"},
        "because": {"keys": [], "rule": "attribute",
            "text": "the survivor is the only user that has the survivor attribute"},
        "filled": ["tier"],
        "combined": [{"field": "points", "old": 1, "new": null, "omitted": true}],
        "identifiers": [{"kind": "mobile", "value": "+1"}],
    });
    assert_eq!(document(MergeDocument::from(&record)), want);
    (record.request, record.cause, record.reverted_at) = (None, Cause::Activation, Some(AT));
    record.explanation = None;
    for (name, value) in [
        ("because", json!(null)),
        ("request_id", json!(null)),
        ("index", json!(null)),
        ("cause", json!("activation")),
        ("reverted_at", json!(AT_TEXT)),
    ] {
        want[name] = value;
    }
    assert_eq!(document(MergeDocument::from(&record)), want);
    let mut dry = document(MergeContent::from(&record));
    (dry["id"], dry["at"], dry["reverted_at"]) = (json!("m3"), json!(AT_TEXT), json!(AT_TEXT));
    assert_eq!(dry, want, "a dry run tells all of a merge but its id and its times");
    let reverted = json!({"survivor": id(1).to_string(), "restored": id(2).to_string(), "separation_id": "s7"});
    let done = RevertDocument {
        survivor: AsText(id(1)),
        restored: AsText(id(2)),
        separation_id: Some(AsText(SeparationNo(7))),
        preview: None,
    };
    assert_eq!(document(done), reverted);
}

#[test]
fn a_quarantine_entry_shows_its_element_as_it_came() {
    let entry = |element: &str, replayed_as| QuarantinedElement {
        no: QuarantineNo(5),
        at: AT,
        request: RequestNo(1),
        index: 0,
        kind: ElementKind::Event,
        errors: Faults::default(),
        element: element.as_bytes().into(),
        replayed_as,
        deleted_at: None,
    };
    let request_id = RequestId::from_no(RequestNo(1)).to_string();
    assert_eq!(
        document(QuarantinedDocument::from(&entry(r#"{"type":"event","b":1,"a":2}"#, Some(RequestNo(2))))),
        json!({"id": "q5", "at": AT_TEXT, "request_id": request_id, "index": 0, "type": "event", "errors": [],
            "element": {"type": "event", "b": 1, "a": 2}, "replayed_as": RequestId::from_no(RequestNo(2)).to_string()})
    );
    assert_eq!(document(QuarantinedDocument::from(&entry("[1e400]", None)))["element"], "[1e400]");
    // The opposite: compare with the blanks that it came with, or do not compare.
    let raw = |element: &str| document(QuarantinedDocument::from(&entry(element, None))).get("raw").cloned();
    assert_eq!(raw("{ \"a b\" : \"c \\\" d\" }"), None, "blanks say nothing");
    let doubled = r#"{"a":1,"a":2}"#;
    assert_eq!(raw(doubled), Some(json!(doubled)), "a tree holds a name once");
}

#[test]
fn separations_figures_pages_and_workspaces_have_their_members() {
    let record = Separation {
        no: SeparationNo(1),
        at: AT,
        a: id(1),
        b: id(2),
        cause: SeparationCause::Revert,
        merge: Some(MergeNo(3)),
    };
    let ids = [id(1).to_string(), id(2).to_string()];
    assert_eq!(
        document(SeparationDocument::from(&record)),
        json!({"id": "s1", "at": AT_TEXT, "ids": ids, "cause": "revert", "merge_id": "m3"})
    );
    let counters = Counters {
        users: 1,
        events: 2,
        devices: 3,
        merge: 4,
        requests_applied: 5,
        quarantined: 6,
        ..Counters::default()
    };
    assert_eq!(
        document(StatsDocument::from(&counters)),
        json!({"users": 1, "events": 2, "devices": 3, "merges": 4, "requests": 5, "quarantined": 6, "reviews": 0})
    );
    assert_eq!(page::page(vec![json!(1)], Some("c")), json!({"items": [1], "next_cursor": "c"}));
    assert_eq!(page::page(vec![], None), json!({"items": [], "next_cursor": null}));
    let new = workspace::new(br#"{"name":"Shop","id":"SHOP-1"}"#).expect("it is right");
    let id = AsText(new.id.expect("it was wished"));
    let data_api_key = "key".to_owned();
    let created = json!(CreatedWorkspaceDocument { id, name: new.name, data_api_key: data_api_key.clone() });
    assert_eq!(created, json!({"id": "SHOP-1", "name": "Shop", "data_api_key": "key"}));
    let rotated = json!(RotatedKeyDocument { data_api_key, previous_valid_until: None });
    assert_eq!(rotated, json!({"data_api_key": "key", "previous_valid_until": null}));
    for (body, pointer) in [
        ("{}", "/name"),
        (r#"{"name":"x","id":"A_DEBUG"}"#, "/id"),
        (r#"{"name":"x","id":"é!"}"#, "/id"),
        (r#"{"nam":"x"}"#, "/nam"),
    ] {
        assert_eq!(
            workspace::new(body.as_bytes()).expect_err("it is wrong").pointer.as_deref(),
            Some(pointer),
            "{body}"
        );
    }
}
