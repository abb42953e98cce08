//! Time of a decision with all facts present: 294 elements, 30 % customers with ten attributes and three identifiers,
//! 70 % events with six attributes, half of the users existing (the workload of the import benchmark). `cargo bench -p
//! muster-core`; medians of several runs for noisy machines.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads a clock and says what it read")]

use muster_core::command::{Action, Body, CustomerElement, Element, EventElement, GivenIdentifier, Import};
use muster_core::decide::{ImportDecision, Wire};
use muster_core::decision::{Decision, Step};
use muster_core::facts::Facts;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind, KindSettings};
use muster_core::kinds::{ElementKind, Route};
use muster_core::outcome::{Applied, RecordedAnswer};
use muster_core::record::{MemberRecord, RootPointer, TreeTotals, Write};
use muster_core::settings::{Identity, RateLimits, Settings};
use muster_core::time::{Moment, Timestamp};
use muster_core::value::Value;
use muster_core::warning::Warnings;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const ELEMENTS: u32 = 294;
const RUNS: usize = 400;

struct Quiet;

impl Wire for Quiet {
    fn answer(&self, _: &Applied) -> RecordedAnswer {
        RecordedAnswer { status: 200, outcomes: "".into(), body: Arc::from(&b""[..]) }
    }

    fn quarantined_json(&self, _: u32, _: Option<&[u32]>) -> Box<[u8]> {
        Box::default()
    }
}

fn keys(user: u32, kinds: &[IdentifierKind]) -> Vec<GivenIdentifier> {
    let key =
        |kind: &IdentifierKind| Identifier { kind: kind.clone(), value: format!("{}-{user}", kind.name()).into() };
    let given = |kind| GivenIdentifier {
        identifier: key(kind),
        pointer: "/elements/0".into(),
        written: true,
        is_new_id: false,
    };
    kinds.iter().map(given).collect()
}

fn attributes(salt: u32) -> Vec<(Box<str>, Value)> {
    (0..10).map(|i| (format!("attribute_{i}").into(), Value::text(&format!("value {salt} {i}")))).collect()
}

fn element(index: u32, kinds: &[IdentifierKind]) -> Element {
    let keys = keys(index, kinds);
    let (kind, body) = if index % 10 < 3 {
        (
            ElementKind::Customer,
            Body::Customer(Box::new(CustomerElement {
                identifiers: keys,
                sets: attributes(index),
                ..CustomerElement::default()
            })),
        )
    } else {
        let action = Action {
            name: "order_placed".into(),
            attributes: attributes(index).into_iter().take(6).collect(),
            time: None,
            user_time: None,
            offset_seconds: 0,
            platform: None,
            os_type: None,
            app_version: None,
            event_id: None,
            pointer: "/elements/0/actions/0".into(),
        };
        let actions = vec![Ok(Arc::new(action))];
        let keys = keys.into_iter().take(1).collect();
        (
            ElementKind::Event,
            Body::Event(Box::new(EventElement { identifiers: keys, actions, ..EventElement::default() })),
        )
    };
    Element { index, kind, body: Ok(body), actions: 1, warnings: Warnings::default() }
}

fn existing(facts: &mut Facts, user: u32, keys: Vec<GivenIdentifier>) {
    let no = ProfileNo(u64::from(user) + 1);
    let tree = TreeTotals { first_seen: Timestamp(1), last_seen: Timestamp(1), events: 0, devices: 0, members: 1 };
    let at = Timestamp(1);
    let root_pointer = RootPointer {
        no,
        created: at,
        root: no,
        first_seen: at,
        last_seen: at,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    };
    let written = attributes(user + 1).into_iter().map(|(name, value)| (name, Write { seq: 1, value: Some(value) }));
    let profile = MemberRecord {
        no,
        created: Timestamp(1),
        identifiers: keys.iter().map(|given| given.identifier.clone()).collect(),
        attributes: written.collect(),
        platforms: [].into(),
        former: Vec::new(),
        history: Vec::new(),
    };
    facts.records.insert(no, Some(profile));
    facts.root_pointers.insert(no, Some(root_pointer));
    facts.views.insert(no, None);
    facts.bindings.extend(keys.into_iter().map(|given| (given.identifier, Some(no))));
}

fn main() {
    let kinds: Vec<IdentifierKind> = ["customer_id", "mobile", "email"].map(IdentifierKind::new).into();
    let identity = Identity {
        enabled: true,
        kinds: kinds.iter().map(|k| KindSettings::plain(k.name())).collect(),
        ..Identity::off()
    };
    let limits = RateLimits { users: 0, events: 0, devices: 0 };
    let mut facts = Facts { settings_revision: 1, ..Facts::default() };
    facts.counters.profile = u64::from(ELEMENTS);
    for user in 0..ELEMENTS {
        let keys = keys(user, &kinds);
        if user % 2 == 0 {
            existing(&mut facts, user, keys);
        } else {
            facts.bindings.extend(keys.into_iter().map(|given| (given.identifier, None)));
        }
    }
    let import = Import {
        route: Route::Transition,
        settings: Arc::new(Settings { identity, limits, ..Settings::default() }),
        all_or_nothing: false,
        dry: false,
        elements: (0..ELEMENTS).map(|i| element(i, &kinds)).collect(),
        origin: None,
        warnings: Warnings::default(),
        bytes: 98_000,
        arrived_micros: 0,
        idempotency: None,
        replay: None,
    };
    let decision = ImportDecision { import, wire: Quiet };
    let mut nanos: Vec<u128> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            let step = decision.decide(&facts, Moment { at: Timestamp(2_000_000), micros: 0 });
            let took = began.elapsed().as_nanos();
            assert!(matches!(step, Step::Done(..)), "all facts are there");
            black_box(step);
            took
        })
        .collect();
    nanos.sort_unstable();
    let per_element = nanos[RUNS / 2] / u128::from(ELEMENTS);
    println!("decide: {per_element} ns an element (median of {RUNS} runs of {ELEMENTS} elements)");
}
