//! What a group costs in round trips.

use super::rig::with_database;
use muster_core::change::Changes;
use muster_core::command::{Action, Body, CustomerElement, Element, EventElement, GivenIdentifier, Import};
use muster_core::decide::{ImportDecision, Wire};
use muster_core::decision::{Mode, Step};
use muster_core::facts::Needs;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::{ElementKind, Route};
use muster_core::outcome::{Applied, ImportOutcome, RecordedAnswer};
use muster_core::record::Counters;
use muster_core::settings::Settings;
use muster_core::value::Value;
use muster_core::warning::Warnings;
use muster_store::conformance::rig::{Decide, Made, id, wait, workspace};
use muster_store::engine::{Engine, Workspace, apply};
use muster_store::postgres::PostgresEngine;
use std::sync::Arc;

struct Quiet;

impl Wire for Quiet {
    fn answer(&self, _: &Applied) -> RecordedAnswer {
        RecordedAnswer { status: 200, outcomes: "".into(), body: Arc::from(&b""[..]) }
    }

    fn quarantined_json(&self, _: u32, _: Option<&[u32]>) -> Box<[u8]> {
        Box::default()
    }
}

fn key(user: u32, kind: &str) -> GivenIdentifier {
    let identifier = Identifier { kind: IdentifierKind::new(kind), value: format!("{kind}-{user}").into() };
    GivenIdentifier { identifier, pointer: "/elements/0".into(), written: true, is_new_id: false }
}

pub(crate) fn customer(index: u32) -> Element {
    let sets = vec![("first_name".into(), Value::text(&format!("name {index}")))];
    let identifiers = vec![key(index, "customer_id"), key(index, "email")];
    let body = Body::Customer(Box::new(CustomerElement { identifiers, sets, ..CustomerElement::default() }));
    Element { index, kind: ElementKind::Customer, body: Ok(body), actions: 1, warnings: Warnings::default() }
}

pub(crate) fn event(index: u32) -> Element {
    let action = Action {
        name: "order_placed".into(),
        attributes: vec![("total".into(), Value::Integer(i64::from(index)))],
        time: None,
        user_time: None,
        offset_seconds: 0,
        platform: None,
        os_type: None,
        app_version: None,
        event_id: Some(format!("event-{index}").into()),
        pointer: "/elements/0/actions/0".into(),
    };
    let actions = vec![Ok(Arc::new(action))];
    let identifiers = vec![key(index, "customer_id")];
    let body = Body::Event(Box::new(EventElement { identifiers, actions, ..EventElement::default() }));
    Element { index, kind: ElementKind::Event, body: Ok(body), actions: 1, warnings: Warnings::default() }
}

pub(crate) fn import(engine: &PostgresEngine, elements: Vec<Element>) -> u64 {
    let settings = Settings::default();
    let import = Import {
        route: Route::Transition,
        settings: Arc::new(settings),
        all_or_nothing: false,
        dry: false,
        elements,
        origin: None,
        warnings: Warnings::default(),
        bytes: 0,
        arrived_micros: 0,
        idempotency: None,
        replay: None,
    };
    let before = engine.group_round_trips();
    let decision = ImportDecision { import, wire: Quiet };
    let outcome = wait(apply(engine, &id("shop"), decision, Mode::Commit)).unwrap();
    assert!(matches!(outcome, ImportOutcome::Applied(..)), "{outcome:?}");
    engine.group_round_trips() - before
}

// Fails when `PostgresTables::begin` reads nothing ahead, when `Plan` leaves a family out that an import asks for, or when
// `ROWS_AT_A_TIME` is 64.
#[test]
fn an_import_takes_three_round_trips_whatever_its_elements() {
    with_database(|server| {
        let engine = server.home().open();
        let revision = Settings::default().revision;
        engine.create_workspace(&Workspace { revision, ..workspace("shop") }).unwrap();
        let mut counts = Vec::new();
        for users in [1, 40, 400] {
            // The first makes them, the second finds them.
            for _ in 0..2 {
                counts.push(import(&engine, (0..users).map(customer).collect()));
                counts.push(import(&engine, (0..users).map(event).collect()));
            }
        }
        // Begin and read, write, commit.
        assert_eq!(counts, [3; 12]);
        let counters = engine.counters(&id("shop"));
        assert_eq!((counters.users, counters.events), (400, 400), "event ids are known");
    });
}

// Fails when `PREFETCHES` is false.
#[test]
fn what_a_second_round_asks_for_is_one_more_round_trip() {
    with_database(|server| {
        let engine = server.home().open();
        engine.create_workspace(&workspace("shop")).unwrap();
        let mut counts = Vec::new();
        for ids in [1, 40] {
            let decide: Decide<()> = Box::new(move |facts, _| {
                if facts.records.is_empty() {
                    return Step::NeedMore(Needs { records: (1..=ids).map(ProfileNo).collect(), ..Needs::default() });
                }
                let counters = Counters { seq: facts.counters.seq + 1, ..facts.counters };
                Step::Done(Changes { rows: Vec::new(), counters, rate: None }, ())
            });
            let before = engine.group_round_trips();
            wait(apply(&engine, &id("shop"), Made { needs: Needs::default(), decide }, Mode::Commit)).unwrap();
            counts.push(engine.group_round_trips() - before);
        }
        // Begin, read, commit: there is nothing to write but the state.
        assert_eq!(counts, [3, 3]);
    });
}
