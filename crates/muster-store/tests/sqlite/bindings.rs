//! A workspace of more bindings than one slice of the map answers from the start.

use super::rig::Home;
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::facts::Needs;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_store::conformance::rig::{facts, id, put, workspace};
use muster_store::engine::Engine;

/// More than two slices.
const BINDINGS: u64 = 20_000;

fn key(n: u64) -> Identifier {
    Identifier { kind: IdentifierKind::new("customer_id"), value: format!("{n:08}").into() }
}

fn bound(engine: &dyn Engine, numbers: &[u64]) -> Vec<Option<u64>> {
    let needs = Needs { bindings: numbers.iter().map(|n| key(*n).into()).collect(), ..Needs::default() };
    let facts = facts(engine, &id("shop"), needs).unwrap();
    numbers.iter().map(|n| facts.bindings[&key(*n)].map(|no| no.0)).collect()
}

#[test]
fn a_workspace_of_many_bindings_answers_while_they_are_loaded_and_after() {
    let home = Home::new();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    for n in (0..BINDINGS).step_by(5_000) {
        let rows = (n..n + 5_000).map(|n| RowChange::Upsert(StoredRow::Binding(key(n), ProfileNo(n + 1))));
        put(&engine, &id("shop"), rows.collect()).unwrap();
    }
    engine.close();
    drop(engine);

    let engine = home.open().unwrap();
    let (first, last) = (0, BINDINGS - 1);
    // The first decision after the start: one slice is loaded, and the table answers for the rest.
    assert_eq!(bound(&engine, &[first, last, BINDINGS]), [Some(1), Some(BINDINGS), None]);
    let changes = vec![
        RowChange::Delete(RowKey::Binding(key(first))),
        RowChange::Upsert(StoredRow::Binding(key(last), ProfileNo(7))),
        RowChange::Upsert(StoredRow::Binding(key(BINDINGS), ProfileNo(8))),
    ];
    put(&engine, &id("shop"), changes).unwrap();
    for _ in 0..2 * BINDINGS / 8_192 {
        assert_eq!(bound(&engine, &[first, 10_000, last, BINDINGS]), [None, Some(10_001), Some(7), Some(8)]);
    }
}
