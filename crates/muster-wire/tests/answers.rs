//! What is answered to a request that was applied.

use muster_core::id::{ProfileId, ProfileNo, RequestId, RequestNo};
use muster_core::kinds::{ElementKind, SurvivorChoice, SurvivorRule};
use muster_core::outcome::{ActionOutcome, ActionResult, Applied, ElementResult, Outcome};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::time::Timestamp;
use muster_core::warning::{Code, Warning};
use muster_wire::data::answer::{Preferences, applied_answer, outcomes_header, success};
use muster_wire::data::api::Api;
use serde_json::{Value as Json, json};

fn id(no: u64) -> ProfileId {
    ProfileId { created: Timestamp(1_767_571_200_000), no: ProfileNo(no) }
}

fn result(index: u32, kind: ElementKind, outcome: Outcome, profile: Option<ProfileId>) -> ElementResult {
    ElementResult {
        index,
        kind,
        outcome,
        profile,
        merged: vec![],
        warnings: vec![],
        errors: Faults::default(),
        explanation: None,
        actions: vec![],
    }
}

fn warning(name: &str) -> Warning {
    Warning {
        code: Code::NullIgnored,
        name: name.into(),
        pointer: format!("/elements/0/attributes/{name}").into(),
        count: 2,
        given: None,
    }
}

/// One element of each outcome.
fn sample() -> Applied {
    let fault = |reason, pointer: &str, attribute| Fault::new(reason, pointer, attribute);
    let action = |outcome, errors| ActionResult { outcome, errors };
    let unnamed = fault(Reason::ReservedName, "/elements/5/actions/1/action", Some("action"));
    let elements = vec![
        ElementResult {
            warnings: vec![warning("a")],
            ..result(0, ElementKind::Customer, Outcome::Created, Some(id(7)))
        },
        ElementResult { merged: vec![id(3), id(8)], ..result(1, ElementKind::Customer, Outcome::Merged, Some(id(2))) },
        result(2, ElementKind::Customer, Outcome::Skipped, None),
        ElementResult {
            actions: vec![action(ActionOutcome::Duplicate, Faults::default())],
            ..result(3, ElementKind::Event, Outcome::Duplicate, None)
        },
        ElementResult {
            errors: fault(Reason::ElementNotObject, "/elements/4", None).into(),
            ..result(4, ElementKind::Unknown, Outcome::Rejected, None)
        },
        ElementResult {
            actions: vec![
                action(ActionOutcome::Accepted, Faults::default()),
                action(ActionOutcome::Rejected, unnamed.into()),
            ],
            ..result(5, ElementKind::Event, Outcome::Updated, Some(id(7)))
        },
    ];
    let received_at = Timestamp(1_767_571_200_000);
    Applied { request: RequestNo(1), received_at, elements: elements.into(), warnings: vec![], first_new: ProfileNo(7) }
}

fn body(applied_: &Applied, representation: bool, dry: bool) -> Json {
    serde_json::from_slice(&applied_answer(Api::Transition, applied_, representation, dry).body)
        .expect("an answer is JSON")
}

#[test]
fn the_plain_success_has_exactly_three_members() {
    let request_id = RequestId::from_no(RequestNo(1));
    let want = format!(
        r#"{{"status":"success","message":"Your request has been accepted and will be processed soon.","request_id":"{request_id}"}}"#
    );
    assert_eq!(String::from_utf8(success(request_id)).expect("it is text"), want);
    let recorded = applied_answer(Api::Transition, &sample(), false, false);
    assert_eq!((recorded.status, &*recorded.body), (200, want.as_bytes()));
}

/// behaviour.md 1.3.l. Fails when `outcomes_header` counts warnings instead of elements, or those of applied ones alone.
#[test]
fn the_header_counts_elements_skipped_ones_as_applied_and_those_with_a_warning() {
    let mut applied_ = sample();
    assert_eq!(outcomes_header(&applied_), "applied=4, rejected=1, duplicate=1, warnings=1");
    let warned = |element: &ElementResult| {
        let warnings = if element.index == 4 { vec![warning("a"), warning("b")] } else { element.warnings.clone() };
        ElementResult { warnings, ..element.clone() }
    };
    applied_.elements = applied_.elements.iter().map(warned).collect();
    let outcomes = applied_answer(Api::Transition, &applied_, false, false).outcomes;
    assert_eq!(&*outcomes, "applied=4, rejected=1, duplicate=1, warnings=2");
}

/// behaviour.md 1.3.n and 2.ub. Fails when an answer tells what was given, or any warning has a suggestion.
#[test]
fn a_warning_suggests_what_was_meant_and_an_answer_quotes_nothing() {
    let mut applied_ = sample();
    let told = |code, name: &str, given: Option<&str>| Warning { code, given: given.map(Into::into), ..warning(name) };
    let warnings = vec![
        told(Code::UnknownMember, "atributes", None),
        told(Code::UnknownMember, "zzz", None),
        told(Code::TimeUnreadable, "atributes", Some("half past nine")),
    ];
    applied_.elements =
        [ElementResult { warnings, ..result(0, ElementKind::Customer, Outcome::Updated, Some(id(7))) }].into();
    let pointer = |name: &str| format!("/elements/0/attributes/{name}");
    assert_eq!(
        body(&applied_, true, false)["results"][0]["warnings"],
        json!([
            {"code": "UnknownMember", "name": "atributes", "pointer": pointer("atributes"), "count": 2,
                "suggestion": "attributes"},
            {"code": "UnknownMember", "name": "zzz", "pointer": pointer("zzz"), "count": 2},
            {"code": "TimeUnreadable", "name": "atributes", "pointer": pointer("atributes"), "count": 2},
        ])
    );
}

#[test]
fn results_tell_what_became_of_each_element_and_action() {
    let malformed = "Could not decode the request body. The JSON was incorrect or not encoded as UTF-8.";
    let reserved = "Action names must not begin with moe_";
    let body = body(&sample(), true, false);
    assert_eq!(
        body["results"],
        json!([
            {"index": 0, "type": "customer", "outcome": "created", "id": id(7).to_string(), "warnings":
                [{"code": "NullIgnored", "name": "a", "pointer": "/elements/0/attributes/a", "count": 2}]},
            {"index": 1, "type": "customer", "outcome": "merged", "id": id(2).to_string(),
                "merged_ids": [id(3).to_string(), id(8).to_string()], "warnings": []},
            {"index": 2, "type": "customer", "outcome": "skipped", "id": null, "warnings": []},
            {"index": 3, "type": "event", "outcome": "duplicate", "id": null, "warnings": [],
                "actions": [{"index": 0, "outcome": "duplicate"}]},
            {"index": 4, "type": null, "outcome": "rejected", "id": null, "warnings": [], "errors":
                [{"index": 4, "pointer": "/elements/4", "attribute": null, "type": "Malformed JSON", "message": malformed}]},
            {"index": 5, "type": "event", "outcome": "updated", "id": id(7).to_string(), "warnings": [], "actions": [
                {"index": 0, "outcome": "accepted"},
                {"index": 1, "outcome": "rejected", "errors": [{"index": 5, "pointer": "/elements/5/actions/1/action",
                    "attribute": "action", "type": "ReservedName", "message": reserved}]},
            ]},
        ])
    );
    assert_eq!(
        body["summary"],
        json!({
            "elements": {"created": 1, "updated": 1, "merged": 1, "skipped": 1, "duplicate": 1, "rejected": 1},
            "actions": {"accepted": 1, "duplicate": 1, "rejected": 1, "skipped": 0},
        })
    );
}

#[test]
fn a_dry_run_names_profiles_that_do_not_exist() {
    let body = body(&sample(), false, true);
    assert_eq!((&body["results"][0]["id"], &body["results"][0]["ref"]), (&Json::Null, &json!("new-1")));
    assert_eq!((&body["results"][1]["id"], &body["results"][1]["ref"]), (&json!(id(2).to_string()), &Json::Null));
    assert_eq!(body["results"][1]["merged_ids"], json!([id(3).to_string(), "new-2"]));
    assert_eq!(body["results"][5]["ref"], "new-1");
}

#[test]
fn at_most_a_hundred_warnings_are_told() {
    let mut applied = sample();
    let element = |index| ElementResult {
        warnings: (0..60).map(|n| warning(&n.to_string())).collect(),
        ..result(index, ElementKind::Customer, Outcome::Updated, Some(id(1)))
    };
    applied.elements = (0..3).map(element).collect();
    let told: Vec<usize> = body(&applied, true, false)["results"]
        .as_array()
        .expect("results are an array")
        .iter()
        .map(|r| r["warnings"].as_array().expect("warnings are an array").len())
        .collect();
    assert_eq!(told, [60, 40, 0]);
}

#[test]
fn preferences_are_read_as_rfc_7240_has_them() {
    for (lines, lenient, representation, told) in [
        (vec![], None, false, None),
        (vec!["handling=lenient"], Some(true), false, Some("handling=lenient")),
        (
            vec!["return=representation, handling=strict"],
            Some(false),
            true,
            Some("handling=strict, return=representation"),
        ),
        (vec!["respond-async", "Return=\"representation\"; foo=bar"], None, true, Some("return=representation")),
        (vec!["handling=lenient", "handling=strict"], Some(true), false, Some("handling=lenient")),
        (vec!["return=minimal, return=representation"], None, false, None),
        (vec!["handling=lax, wait=10"], None, false, None),
    ] {
        let preferences = Preferences::parse(lines.clone());
        assert_eq!(preferences, Preferences { lenient, representation }, "{lines:?}");
        assert_eq!(preferences.applied(true).as_deref(), told, "{lines:?}");
    }
    let both = Preferences { lenient: Some(true), representation: true };
    assert_eq!(both.applied(false).as_deref(), Some("handling=lenient"), "no results, no representation");
}

#[test]
fn a_result_tells_why_in_members_and_in_a_sentence_without_values() {
    use muster_core::explanation::{Explanation, GuardReason, IdentifierDecision, IdentifierOutcome};
    use muster_core::identifier::IdentifierKind;
    let weighed = |kind, at: Option<ProfileId>, outcome| IdentifierDecision {
        kind: IdentifierKind::new(kind),
        id: at,
        profile: at,
        outcome,
    };
    let explanation = Explanation {
        identifiers: vec![
            weighed("customer_id", Some(id(2)), IdentifierOutcome::Found),
            weighed("email", Some(id(8)), IdentifierOutcome::Found),
            weighed("mobile", None, IdentifierOutcome::Withheld(GuardReason::Pinned)),
        ],
        rule: Some(SurvivorChoice::Rule(SurvivorRule::LastSeen)),
    };
    let mut applied_ = sample();
    applied_.elements = applied_
        .elements
        .iter()
        .map(|e| {
            let explanation = (e.outcome == Outcome::Merged).then(|| Box::new(explanation.clone()));
            ElementResult { explanation, ..e.clone() }
        })
        .collect();
    let told = body(&applied_, true, true)["results"][1]["because"].clone();
    let text = format!(
        "customer_id resolved to {}; email resolved to new-2; mobile was new and was withheld: a pinned identifier \
         differs; the survivor was chosen by last_seen",
        id(2)
    );
    assert_eq!(
        told,
        json!({
            "keys": [
                {"kind": "customer_id", "verdict": "found", "id": id(2).to_string(), "profile": id(2).to_string()},
                {"kind": "email", "verdict": "found", "id": "new-2", "profile": "new-2"},
                {"kind": "mobile", "verdict": "set_aside", "id": null, "profile": null, "reason": "pinned"},
            ],
            "rule": "last_seen",
            "text": text,
        })
    );
}
