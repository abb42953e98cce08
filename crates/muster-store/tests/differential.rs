//! Random histories of rows on all engines: after each decision they answer the same, and at the end their whole dumps
//! are equal, also after the embedded engine was reopened and verified. PostgreSQL takes part if there is one.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
#![expect(clippy::disallowed_methods, reason = "the command that runs the tests says where the database is")]
#![expect(dead_code, reason = "the rig serves other tests, too")]

#[path = "postgres/rig.rs"]
mod rig;

use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::decision::{Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::ProfileNo;
use muster_core::record::{Counters, Write};
use muster_core::value::Value;
use muster_store::conformance::random::Dice;
use muster_store::conformance::rig::{Decide, HandClock, Made, id, run, wait, workspace};
use muster_store::engine::{Engine, EngineError, apply};
use muster_store::memory::Memory;
use muster_store::postgres::PostgresEngine;
use muster_store::reader::dump;
use muster_store::sqlite::{Sqlite, SqliteOptions, verify};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn decide(engine: &dyn Engine, dice: &Dice, mode: Mode) -> Dice {
    let dice = dice.clone();
    let decided = run(engine, &id("shop"), mode, move |facts, _| {
        let mut dice = dice.clone();
        let changes = dice.changes(facts.counters);
        Step::Done(changes, dice)
    });
    decided.unwrap()
}

/// The engine of many nodes, over a database of its own.
struct Many {
    server: rig::Server,
    home: rig::Home,
    engine: PostgresEngine,
}

impl Many {
    /// Opens it, if there is a database for tests.
    fn open() -> Option<Self> {
        let server = rig::server()?;
        let home = server.home();
        let engine = PostgresEngine::open(home.options_at(HandClock::at(5))).unwrap();
        Some(Self { server, home, engine })
    }

    fn engine(&self) -> &dyn Engine {
        &self.engine
    }

    fn wrong_sums(&self) -> Vec<String> {
        self.server.wrong_sums(&self.home, "shop")
    }
}

fn contents(engine: &dyn Engine) -> (Counters, Vec<RowChange>) {
    dump(&mut *engine.read(&id("shop")).unwrap()).unwrap()
}

/// What a decision of a group saw, as text in one order.
fn seen(facts: &Facts) -> String {
    fn rows<K: Debug, V: Debug>(rows: impl IntoIterator<Item = (K, V)>) -> String {
        let rows: BTreeMap<String, String> =
            rows.into_iter().map(|(key, row)| (format!("{key:?}"), format!("{row:?}"))).collect();
        format!("{rows:?}")
    }
    let of_profiles = [rows(&facts.bindings), rows(&facts.root_pointers), rows(&facts.records), rows(&facts.views)];
    let others = [rows(&facts.devices), rows(&facts.event_ids), rows(&facts.merges), rows(&facts.separation_nos)];
    let more = [rows(&facts.reviews), rows(&facts.quarantine), rows(&facts.idempotency), rows(&facts.tokens)];
    let lists = format!("{:?} {:?}", facts.noted.as_ref().map(Vec::len), facts.reviews_to_drop);
    format!("{:?} {of_profiles:?} {others:?} {more:?} {} {lists}", facts.counters, rows(&facts.holders))
}

/// One decision of a group: what it asks for, and what it changes.
#[derive(Clone)]
struct Planned {
    needs: Needs,
    rows: Vec<RowChange>,
    mode: Mode,
    is_broken: bool,
}

impl Planned {
    /// Runs it; `runs` counts how often that was tried.
    fn apply<'e>(
        &self,
        engine: &'e dyn Engine,
        runs: &Arc<AtomicUsize>,
    ) -> impl Future<Output = Result<String, EngineError>> + use<'e> {
        let (rows, mode, runs) = (self.rows.clone(), self.mode, Arc::clone(runs));
        let decide: Decide<String> = Box::new(move |facts, _| {
            runs.fetch_add(1, Ordering::Relaxed);
            let counters = Counters { seq: facts.counters.seq + 1, ..facts.counters };
            Step::Done(Changes { rows: rows.clone(), counters, rate: None }, seen(facts))
        });
        let decision = Made { needs: self.needs.clone(), decide };
        async move { apply(engine, &id("shop"), decision, mode).await }
    }
}

/// Puts records and views of some kilobytes in place of some small ones, around the size from which they are stored in
/// chunks.
fn enlarge(rows: &mut [RowChange], dice: &mut Dice) {
    for row in rows {
        let names = (0..24).filter(|_| dice.below(4) > 0).map(|n| format!("large {n}")).collect::<Vec<_>>();
        let text = |dice: &mut Dice| Value::Text(format!("{} {}", dice.below(3), "x".repeat(1_900)).into());
        match row {
            RowChange::Upsert(StoredRow::MemberRecord(record)) if dice.below(3) > 0 => {
                for name in &names {
                    record.attributes.put(name, Some(Write { seq: dice.below(3), value: Some(text(dice)) }));
                }
            }
            RowChange::Upsert(StoredRow::View(_, view)) if dice.below(3) > 0 => {
                for name in &names {
                    view.put(name, Some(text(dice)));
                }
            }
            _ => {}
        }
    }
}

/// Decisions by dice; some delete a row that is not there, or are dry. If they are to be logged, they ask only for rows by
/// their keys, and no row is large or broken.
fn plan(dice: &mut Dice, count: usize, is_logged: bool) -> Vec<Planned> {
    let mut plan = Vec::new();
    for _ in 0..count {
        let mut after = dice.clone();
        let (mut needs, mut rows) = (after.needs(), after.changes(Counters::default()).rows);
        if after.below(3) == 0 {
            // All that there are.
            needs.records = (1..=6).map(ProfileNo).collect();
        }
        if is_logged {
            needs = keys_of(&needs);
        } else {
            enlarge(&mut rows, &mut after);
        }
        let mode = if after.below(8) == 0 { Mode::Dry } else { Mode::Commit };
        let is_broken = !is_logged && after.below(12) == 0;
        if is_broken {
            rows.push(RowChange::Delete(RowKey::Event(1_000)));
        }
        if is_broken || mode == Mode::Dry {
            // Nothing of it is stored: the dice continue as before it, but for one roll.
            dice.bits();
        } else {
            *dice = after;
        }
        plan.push(Planned { needs, rows, mode, is_broken });
    }
    plan
}

/// Returns the needs that rows by their keys answer.
fn keys_of(needs: &Needs) -> Needs {
    let Needs { bindings, root_pointers, records, devices, event_ids, .. } = needs.clone();
    let Needs { merges, change_times, separation_nos, reviews, quarantine, idempotency, .. } = needs.clone();
    let people = Needs { bindings, root_pointers, records, devices, event_ids, ..Needs::default() };
    Needs { merges, change_times, separation_nos, reviews, quarantine, idempotency, ..people }
}

/// Runs all decisions of a plan in one group: they are queued while the decision before them waits. Returns their results,
/// and how often decisions were run.
fn run_group(engine: &dyn Engine, plan: &[Planned]) -> (Vec<Result<String, EngineError>>, usize) {
    let runs = Arc::default();
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let opened = std::sync::Mutex::new(opened);
    let decide: Decide<()> = Box::new(move |_, _| {
        // Once it was opened it stays open: a decision may run twice.
        let _is_open = opened.lock().unwrap().recv();
        Step::Leave(())
    });
    let shop = id("shop");
    let gate = apply(engine, &shop, Made { needs: Needs::default(), decide }, Mode::Commit);
    let mut waiting: Vec<_> = plan.iter().map(|planned| Box::pin(planned.apply(engine, &runs))).collect();
    let mut gate = std::pin::pin!(gate);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(gate.as_mut().poll(&mut context).is_pending());
    for decision in &mut waiting {
        assert!(decision.as_mut().poll(&mut context).is_pending());
    }
    drop(open);
    wait(gate).unwrap();
    let results = waiting.into_iter().map(wait).collect();
    (results, runs.load(Ordering::Relaxed))
}

/// What `verify` finds that is not about the laws.
fn broken(dir: &Path) -> Vec<String> {
    let found = verify(dir).unwrap().workspaces.remove(0).breaches;
    let words = ["checksum", "rows, expected", "redo log", "acknowledged", "the file"];
    found.into_iter().filter(|breach| words.iter().any(|word| breach.contains(word))).collect()
}

/// Copies the files as a crash leaves them. What SQLite shares between processes is not among them.
fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_files(&from, &to);
        } else if from.extension().is_none_or(|ending| ending != "db-shm") {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    // Fails when `WorkingSet::bind` forgets `self.bindings.set(key, profile)`, or `Dice` rows miss a column of `codec`.
    #[test]
    fn random_histories_leave_both_engines_equal(seed: u64, decisions in 1..60_usize, dry_every in 2..9_usize) {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(HandClock::at(5));
        let mut options = SqliteOptions::new(dir.path(), HandClock::at(5));
        // Small maps are dropped on the way in some cases, so that both ways of finding a binding are met.
        options.binding_map_bytes_max = if seed.is_multiple_of(2) { 1 << 20 } else { 100 };
        let sqlite = Sqlite::open(options.clone()).unwrap();
        let many = Many::open();
        for engine in [&memory as &dyn Engine, &sqlite].into_iter().chain(many.as_ref().map(Many::engine)) {
            engine.create_workspace(&workspace("shop")).unwrap();
        }
        let mut dice = Dice::new(seed);
        for n in 0..decisions {
            let mode = if n % dry_every == 1 { Mode::Dry } else { Mode::Commit };
            let (ours, theirs) = (decide(&memory, &dice, mode), decide(&sqlite, &dice, mode));
            prop_assert_eq!(format!("{ours:?}").len(), format!("{theirs:?}").len());
            if let Some(many) = &many {
                decide(many.engine(), &dice, mode);
            }
            if mode == Mode::Commit {
                dice = ours;
            }
        }
        prop_assert_eq!(contents(&memory), contents(&sqlite));
        if let Some(many) = &many {
            prop_assert_eq!(contents(&memory), contents(many.engine()));
            prop_assert_eq!(many.wrong_sums(), Vec::<String>::new());
        }
        sqlite.close();
        drop(sqlite);
        prop_assert_eq!(broken(dir.path()), Vec::<String>::new(), "rows need not be lawful, but they are as they were written");
        let again = Sqlite::open(options).unwrap();
        prop_assert_eq!(contents(&memory), contents(&again));
    }
    // Fails when `Writer::open` leaves the fill out, when `replay` takes a group twice or not at all, when `Generation::absorb`
    // forgets `was_put`, or when `place_row` takes the later `stored` of a row.
    #[test]
    fn a_copy_of_the_files_at_any_moment_opens_to_what_was_answered(
        seed: u64, decisions in 2..40_usize, copy_every in 1..12_usize, read_every in 2..20_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(HandClock::at(5));
        let mut options = SqliteOptions::new(dir.path(), HandClock::at(5));
        // Nothing is filled but for readers, and for groups that ask questions about all rows.
        options.bounds.redo_age = Duration::MAX;
        let sqlite = Sqlite::open(options.clone()).unwrap();
        for engine in [&memory as &dyn Engine, &sqlite] {
            engine.create_workspace(&workspace("shop")).unwrap();
        }
        let mut dice = Dice::new(seed);
        for n in 0..decisions {
            let (ours, _) = (decide(&memory, &dice, Mode::Commit), decide(&sqlite, &dice, Mode::Commit));
            dice = ours;
            if n % read_every == 1 {
                prop_assert_eq!(contents(&memory), contents(&sqlite));
            }
            if n % copy_every == 0 || n + 1 == decisions {
                let copy = tempfile::tempdir().unwrap();
                copy_files(dir.path(), copy.path());
                prop_assert_eq!(broken(copy.path()), Vec::<String>::new(), "before it is opened");
                let opened = Sqlite::open(SqliteOptions { data_dir: copy.path().into(), ..options.clone() }).unwrap();
                prop_assert_eq!(contents(&memory), contents(&opened));
                drop(opened);
                prop_assert_eq!(broken(copy.path()), Vec::<String>::new(), "after it was opened");
            }
        }
    }
    // Fails when `PendingRows::get` finds nothing, when `WorkingSet::queries` does not write what is pending, when
    // `PendingRow::was_put` stays false, when `Writer::run_each` answers all decisions with the error of one, or when
    // `ChunkWriter::delete` deletes no chunk.
    #[test]
    fn decisions_of_one_group_see_and_store_what_they_would_one_by_one(seed: u64, is_logged: bool, groups in 1..6_usize, size in 1..12_usize) {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(HandClock::at(5));
        let mut options = SqliteOptions::new(dir.path(), HandClock::at(5));
        options.binding_map_bytes_max = if seed.is_multiple_of(2) { 1 << 20 } else { 100 };
        // The last groups are in the redo log alone.
        options.bounds.redo_age = Duration::MAX;
        let sqlite = Sqlite::open(options.clone()).unwrap();
        let many = Many::open();
        for engine in [&memory as &dyn Engine, &sqlite].into_iter().chain(many.as_ref().map(Many::engine)) {
            engine.create_workspace(&workspace("shop")).unwrap();
        }
        let mut dice = Dice::new(seed);
        for _ in 0..groups {
            let plan = plan(&mut dice, size, is_logged);
            let ours: Vec<_> = plan.iter().map(|planned| wait(planned.apply(&memory, &Arc::default()))).collect();
            let (theirs, runs) = run_group(&sqlite, &plan);
            if let Some(many) = &many {
                let (theirs, runs) = run_group(many.engine(), &plan);
                prop_assert_eq!(&ours, &theirs);
                prop_assert!(runs <= plan.len() || plan.iter().any(|planned| planned.is_broken));
            }
            prop_assert_eq!(ours, theirs);
            // A group that asks what the redo log cannot answer is run again over the tables. To run each decision alone after
            // that would hide what is wrong in the group.
            let most = if is_logged { plan.len() } else { 2 * plan.len() };
            prop_assert!(runs <= most || plan.iter().any(|planned| planned.is_broken));
        }
        let copy = tempfile::tempdir().unwrap();
        copy_files(dir.path(), copy.path());
        prop_assert_eq!(broken(copy.path()), Vec::<String>::new());
        let opened = Sqlite::open(SqliteOptions { data_dir: copy.path().into(), ..options }).unwrap();
        prop_assert_eq!(contents(&memory), contents(&opened));
        prop_assert_eq!(contents(&memory), contents(&sqlite));
        if let Some(many) = &many {
            prop_assert_eq!(contents(&memory), contents(many.engine()));
            prop_assert_eq!(many.wrong_sums(), Vec::<String>::new());
        }
        sqlite.close();
        drop(sqlite);
        prop_assert_eq!(broken(dir.path()), Vec::<String>::new());
    }
}
