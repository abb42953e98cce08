//! The laws as properties over random histories.

use crate::engine::{PlainWire, Store};
use crate::histories::{Draft, History, Step, Turn, What, element, import, later};
use crate::model::Written;
use crate::strategies::{activations, histories};
use crate::undone::{self, Undone};
use crate::variants::{PLAIN, Variant};
use crate::world::World;
use muster_core::command::IdempotencyKey;
use muster_core::decide::ImportDecision;
use muster_core::id::RequestNo;
use muster_core::limits::{FORMER_IDENTIFIERS_MAX, HISTORY_MAX};
use muster_core::outcome::ImportOutcome;
use muster_core::profile::Member;
use muster_core::profile::history::Stamps;
use muster_core::review::Review;
use muster_core::time::{Moment, Timestamp};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::fmt::Debug;

/// Reads a number from the environment.
fn wish(name: &str) -> Option<u32> {
    #[expect(clippy::disallowed_methods, reason = "the person who runs the tests chooses how long to search")]
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

/// Searches for a case that breaks a law; the error describes the smallest one.
pub(crate) fn search<S: Strategy>(
    cases: u32,
    shrink: u32,
    strategy: &S,
    law: impl Fn(&S::Value) -> Result<(), String>,
) -> Result<(), String>
where
    S::Value: Debug,
{
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: shrink,
        max_shrink_time: 30_000,
        ..Config::default()
    };
    let seed = wish("MUSTER_LAW_SEED").unwrap_or(1);
    let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner.run(strategy, |case| law(&case).map_err(TestCaseError::fail)).map_err(|e| match e {
        TestError::Fail(why, case) => format!("{why}\nMUSTER_LAW_SEED={seed}, smallest case: {case:?}"),
        TestError::Abort(why) => format!("search given up: {why}"),
    })
}

pub(crate) fn hold<S: Strategy>(default: u32, strategy: &S, law: impl Fn(&S::Value) -> Result<(), String>)
where
    S::Value: Debug,
{
    let (cases, shrink) = (wish("MUSTER_LAW_CASES"), wish("MUSTER_LAW_SHRINK"));
    if let Err(failure) = search(cases.unwrap_or(default), shrink.unwrap_or(20_000), strategy, law) {
        panic!("{failure}");
    }
}

/// Checks that rules and model agree on a history.
pub(crate) fn agree(history: &History) -> Result<(), String> {
    World::run(history).map(drop)
}

#[test]
fn rules_and_naive_model_agree_after_every_step() {
    hold(300, &histories(40), agree);
}

/// Opposite: in `settle` bind to the last kept holder.
#[test]
fn rules_and_naive_model_agree_while_kinds_become_active() {
    hold(300, &activations(), agree);
}

#[test]
fn l5_elements_one_a_request_give_the_same_state() {
    hold(150, &histories(20), |history| {
        let whole = World::run(history)?;
        let mut split = World::new(&history.variant);
        for step in &history.steps {
            let Step::Send { later: by, dry, elements } = step else {
                split.step(step)?;
                continue;
            };
            split.step(&Step::Send { later: *by, dry: *dry, elements: Vec::new() })?;
            for draft in elements {
                split.step(&Step::Send { later: 0, dry: *dry, elements: vec![draft.clone()] })?;
            }
        }
        let (a, b) = (without_requests(whole.store), without_requests(split.store));
        if a == b { Ok(()) } else { Err(format!("together {a:#?}\none by one {b:#?}")) }
    });
}

/// Returns the state without request ids.
fn without_requests(mut store: Store) -> Store {
    store.requests.clear();
    (store.counters.request, store.counters.requests_applied) = (0, 0);
    store.events.values_mut().for_each(|e| e.request = RequestNo(0));
    store.merges.values_mut().for_each(|m| m.request = None);
    store.changes.values_mut().for_each(|c| c.request = None);
    store.reviews.values_mut().for_each(|r| (r.request, r.record) = (None, None));
    store.quarantine.values_mut().for_each(|q| (q.request, q.index, q.element) = (RequestNo(0), 0, Box::default()));
    store
}

#[test]
fn l7_a_replay_and_known_events_leave_the_state_unchanged() {
    hold(100, &histories(15), |history| {
        let mut world = World::new(&history.variant);
        for (n, step) in history.steps.iter().enumerate() {
            if let Step::Send { later: by, elements, .. } = step {
                let mut withheld = World { store: world.store.clone(), ..World::new(&history.variant) };
                (withheld.settings, withheld.now) = (world.settings.clone(), Timestamp(world.now.0 + later(*by)));
                replayed(&mut withheld, n, elements)?;
                known_events(&mut withheld, elements)?;
            }
            world.step(step)?;
        }
        Ok(())
    });
}

fn replayed(world: &mut World, n: usize, drafts: &[Draft]) -> Result<(), String> {
    let elements = || drafts.iter().enumerate().map(|(i, d)| element(i, d, &world.settings, world.now)).collect();
    let keyed = |body| {
        let idempotency = Some(IdempotencyKey { key: format!("k{n}").into(), body_hash: [body; 32] });
        ImportDecision {
            import: muster_core::command::Import { idempotency, ..import(&world.settings, elements(), false) },
            wire: PlainWire,
        }
    };
    let now = Moment { at: world.now, micros: 0 };
    let (_, first) = world.store.run(&keyed(1), now)?;
    let ImportOutcome::Applied(_, recorded) = first else { return Err(format!("not applied: {first:?}")) };
    let before = world.store.clone();
    let (_, again) = world.store.run(&keyed(1), now)?;
    let (_, other) = world.store.run(&keyed(2), now)?;
    if (again, other) != (ImportOutcome::Replayed(recorded), ImportOutcome::KeyConflict) {
        return Err("a repeated key is neither replayed nor refused".into());
    }
    if world.store == before { Ok(()) } else { Err("law L7: a replay changed something".into()) }
}

fn known_events(world: &mut World, drafts: &[Draft]) -> Result<(), String> {
    let known = |d: &Draft| match &d.what {
        What::Event { actions } => {
            let actions = actions.iter().filter(|(_, id)| id.is_some()).map(|(_, id)| (0, *id)).collect::<Vec<_>>();
            (!actions.is_empty()).then(|| Draft { what: What::Event { actions }, ..d.clone() })
        }
        _ => None,
    };
    let repeated: Vec<Draft> = drafts.iter().filter_map(known).collect();
    let elements: Vec<_> =
        repeated.iter().enumerate().map(|(i, d)| element(i, d, &world.settings, world.now)).collect();
    let mut before = world.store.clone();
    let results = crate::world::send(&mut world.store, &world.settings, elements.clone(), world.now)?;
    if results.iter().all(|r| r.outcome == muster_core::outcome::Outcome::Duplicate) {
        let mut after = world.store.clone();
        for store in [&mut before, &mut after] {
            store.requests.clear();
            (store.counters.request, store.counters.requests_applied) = (0, 0);
            store.rate = muster_core::rate::RateWindow::default();
        }
        if after != before {
            return Err("law L7: elements of known events changed something".into());
        }
    }
    Ok(())
}

#[test]
fn l6_merge_traffic_and_revert_leave_both_sides_as_if_never_merged() {
    hold(400, &undone::cases(), Undone::check);
}

/// Opposite: in `history` do not reverse the items.
#[test]
fn history_ends_with_the_current_value_and_names_its_request_and_time() {
    hold(200, &histories(40), |history| check_history(&World::run(history)?));
}

/// Checks, for each member record, the newest change of each attribute against the last writes in the model.
fn check_history(world: &World) -> Result<(), String> {
    let (store, model) = (&world.store, &world.model);
    let stamps: Stamps = store.changes.values().map(|c| (c.seq, (c.at, c.request))).collect();
    let rows: Vec<_> = store.history.values().cloned().collect();
    for person in &model.people {
        let no = person.id.no;
        let (profile, root_pointer) = (store.profiles[&no].clone(), store.root_pointers[&no]);
        let alone = Member { record: profile, root_pointer, link: None, joined_at: None, devices: Vec::new() };
        let items = muster_core::profile::history::history(&[alone], &rows, &stamps, &[]);
        for name in model.names() {
            let mut log: Vec<&Written> = person.writes.iter().filter(|w| w.name == name).collect();
            let value = log.last().and_then(|w| w.value.clone());
            // An equal value may be written again, or not: any of its last writes is accepted.
            while log.len() > 1 && log[0].value != value || log.len() > 1 && log[log.len() - 2].value != value {
                log.remove(0);
            }
            let newest = items.iter().find(|item| item.field == name);
            let right = match newest {
                // A name that was only ever unset has no history.
                None => value.is_none(),
                Some(item) => {
                    let stamp = (item.at.unwrap_or_default(), item.request);
                    item.new == value && item.recorded_under == person.id && log.iter().any(|w| w.stamp == stamp)
                }
            };
            if !right {
                return Err(format!("{name} of {no:?} is {value:?}, written {log:?}, and history says {newest:?}"));
            }
        }
    }
    Ok(())
}

/// Opposite: in `DecisionState::push_history` never remove a row.
#[test]
fn history_keeps_its_newest_rows_and_no_more_than_it_may() {
    let mut world = World::new(&PLAIN);
    let keys = [Some(0), None, None];
    for n in 0..HISTORY_MAX as u8 + 20 {
        let what = What::Customer {
            sets: vec![(0, n)],
            arrays: vec![],
            unsets: vec![],
            platforms: vec![],
            seen: [None; 2],
            uid: None,
        };
        let elements = vec![Draft { keys, existing_only: false, what }];
        world.step(&Step::Send { later: 8, dry: false, elements }).and_then(|()| world.compare()).unwrap();
    }
    assert_eq!(world.store.history.len(), HISTORY_MAX);
    assert_eq!(check_history(&world), Ok(()));
}

/// Opposite: in `former_holder_changes` delete nothing; `compare` finds rows that no record lists.
#[test]
fn a_member_record_lists_its_last_hundred_former_identifiers_and_no_others_are_stored() {
    let mut world = World::new(&PLAIN);
    for n in 0..=FORMER_IDENTIFIERS_MAX as u8 + 20 {
        let what = What::Customer {
            sets: vec![],
            arrays: vec![],
            unsets: vec![],
            platforms: vec![],
            seen: [None; 2],
            uid: None,
        };
        let elements = vec![Draft { keys: [Some(0), None, Some(n)], existing_only: false, what }];
        world.step(&Step::Send { later: 8, dry: false, elements }).and_then(|()| world.compare()).unwrap();
    }
    assert_eq!(world.store.former.len(), FORMER_IDENTIFIERS_MAX);
}

/// Opposite: in `batch` store the next profile number as done.
#[test]
fn an_activation_in_batches_ends_like_one_large_pass() {
    hold(200, &histories(25), |history| {
        let history = History { variant: Variant { dormant: 6, ..history.variant.clone() }, ..history.clone() };
        let mut world = World::new(&history.variant);
        for step in history.steps.iter().filter(|step| !matches!(step, Step::Turn(_) | Step::Advance(_))) {
            world.step(step)?;
        }
        let mut ends = Vec::new();
        for batch in [1, 2, 1_000] {
            let mut world = world.clone();
            world.driver.batch = batch;
            world.step(&Step::Turn(Turn::Activate(0)))?;
            while world.settings.identity.activation.is_some() {
                world.step(&Step::Advance(0)).and_then(|()| world.compare())?;
            }
            everyone_is_found(&world)?;
            ends.push(world.store);
        }
        if ends.iter().all(|end| *end == ends[2]) { Ok(()) } else { Err(format!("{:#?}\n{:#?}", ends[0], ends[2])) }
    });
}

/// Law L2 after an activation: a profile with an identifier is found by it, or is withheld from the profile that is.
fn everyone_is_found(world: &World) -> Result<(), String> {
    let (store, model) = (&world.store, &world.model);
    for kind in world.settings.identity.active() {
        for (key, no) in model.holders(kind) {
            let found = store.bindings.get(&key).map(|bound| store.root(*bound));
            let pair = |r: &Review| [Some(store.root(r.a.no)), r.b.map(|b| store.root(b.no))];
            let withheld = |r: &Review| r.identifier.kind == key.kind && pair(r).contains(&found);
            if found != Some(store.root(no)) && (found.is_none() || !store.reviews.values().any(withheld)) {
                return Err(format!("law L2: {no:?} has {key:?}, which resolves to {found:?}, and no review says so"));
            }
        }
    }
    Ok(())
}
