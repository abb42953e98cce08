//! Random histories of rows on both engines: after each decision they answer the same, and at the end their whole dumps
//! are equal, also after the embedded engine was reopened and verified.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

use muster_core::decision::{Mode, Step};
use muster_core::record::Counters;
use muster_store::conformance::random::Dice;
use muster_store::conformance::rig::{HandClock, id, run, workspace};
use muster_store::engine::Engine;
use muster_store::memory::Memory;
use muster_store::reader::dump;
use muster_store::sqlite::{Sqlite, SqliteOptions, verify};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn decide(engine: &dyn Engine, dice: &Dice, mode: Mode) -> Dice {
    let dice = dice.clone();
    let decided = run(engine, &id("shop"), mode, move |facts, _| {
        let mut dice = dice.clone();
        let changes = dice.changes(facts.counters);
        Step::Done(changes, dice)
    });
    decided.unwrap()
}

fn contents(engine: &dyn Engine) -> (Counters, Vec<muster_core::change::RowChange>) {
    dump(&mut *engine.read(&id("shop")).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    // Fails when `Apply::unbind` forgets `self.bindings.set(key, None)`, or `Dice` rows miss a column of `codec`.
    #[test]
    fn random_histories_leave_both_engines_equal(seed: u64, decisions in 1..60_usize, dry_every in 2..9_usize) {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(HandClock::at(5));
        let mut options = SqliteOptions::new(dir.path(), HandClock::at(5));
        // Small maps are dropped on the way in some cases, so that both ways of finding a binding are met.
        options.binding_map_bytes_max = if seed.is_multiple_of(2) { 1 << 20 } else { 100 };
        let sqlite = Sqlite::open(options.clone()).unwrap();
        for engine in [&memory as &dyn Engine, &sqlite] {
            engine.create_workspace(&workspace("shop")).unwrap();
        }
        let mut dice = Dice::new(seed);
        for n in 0..decisions {
            let mode = if n % dry_every == 1 { Mode::Dry } else { Mode::Commit };
            let (ours, theirs) = (decide(&memory, &dice, mode), decide(&sqlite, &dice, mode));
            prop_assert_eq!(format!("{ours:?}").len(), format!("{theirs:?}").len());
            if mode == Mode::Commit {
                dice = ours;
            }
        }
        prop_assert_eq!(contents(&memory), contents(&sqlite));
        sqlite.close();
        drop(sqlite);
        let sums = verify(dir.path()).unwrap().workspaces.remove(0);
        let broken: Vec<String> = sums.breaches.into_iter().filter(|b| b.contains("checksum") || b.contains("rows, expected")).collect();
        prop_assert_eq!(broken, Vec::<String>::new(), "rows need not be lawful, but they are as they were written");
        let again = Sqlite::open(options).unwrap();
        prop_assert_eq!(contents(&memory), contents(&again));
    }
}
