//! Several nodes over one database.

use super::rig::with_database;
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decision::{Mode, Step};
use muster_core::facts::Facts;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::Counters;
use muster_core::time::{Moment, Timestamp};
use muster_store::conformance::rig::{id, put_with, run, workspace};
use muster_store::engine::{Created, Engine, EngineError, Workspace};
use muster_store::reader::dump;
use std::time::Duration;

fn next(facts: &Facts, _: Moment) -> Step<u64> {
    let counters = Counters { seq: facts.counters.seq + 1, ..facts.counters };
    Step::Done(Changes { rows: Vec::new(), counters, rate: None }, counters.seq)
}

// Fails when `state::LOCK` locks nothing, or a group keeps the counters of the last one.
#[test]
fn decisions_of_two_nodes_are_one_after_another() {
    with_database(|server| {
        let home = server.home();
        let nodes = [home.open(), home.open()];
        assert_eq!(nodes[0].create_workspace(&workspace("shop")), Ok(Created::Made));
        assert_eq!(nodes[1].create_workspace(&workspace("Shop")), Ok(Created::Taken), "in whatever case");
        assert_eq!(nodes[1].workspaces(), Ok(vec![workspace("shop")]));
        let mut taken: Vec<u64> = std::thread::scope(|scope| {
            let decide = |node| move || (0..50).map(|_| run(node, &id("shop"), Mode::Commit, next).unwrap()).collect();
            let threads = [0, 1, 0, 1].map(|node: usize| scope.spawn(decide(&nodes[node] as &dyn Engine)));
            threads.into_iter().flat_map(|thread| -> Vec<u64> { thread.join().unwrap() }).collect()
        });
        taken.sort_unstable();
        assert_eq!(taken, (1..=200).collect::<Vec<u64>>());
        for node in &nodes {
            let mut reader = node.read(&id("shop")).unwrap();
            assert_eq!(reader.counters().map(|counters| counters.seq), Ok(200));
        }
    });
}

// Fails when `PostgresInner::look` keeps workspaces that are gone, or entries that are old.
#[test]
fn a_node_follows_what_another_one_did_with_workspaces() {
    with_database(|server| {
        let home = server.home();
        let [one, other] = [home.open(), home.open()];
        one.create_workspace(&workspace("shop")).unwrap();
        let change = |settings: &'static str| {
            Box::new(move |entry: &Workspace, _: &Counters| {
                Some(Workspace { settings: settings.into(), ..entry.clone() })
            })
        };
        let changed = other.configure(&id("shop"), change("{\"a\":1}")).unwrap();
        assert_eq!((changed.revision, one.workspaces()), (2, Ok(vec![changed])));
        assert_eq!(one.configure(&id("shop"), change("{}")).map(|entry| entry.revision), Ok(3));
        one.put_secret("token", b"\0secret").unwrap();
        assert_eq!(other.secret("token"), Ok(Some(b"\0secret".to_vec())));
        one.delete_workspace(&id("shop")).unwrap();
        assert_eq!(run(&other, &id("shop"), Mode::Commit, next), Err(EngineError::UnknownWorkspace));
        assert!(matches!(other.read(&id("shop")), Err(EngineError::UnknownWorkspace)));
        assert_eq!(other.workspaces(), Ok(Vec::new()));
        assert_eq!(other.create_workspace(&workspace("shop")), Ok(Created::Made));
        assert_eq!(run(&other, &id("shop"), Mode::Commit, next), Ok(1), "nothing is left of the first one");
    });
}

// Fails when `state::LOCK` or `state::READ` asks for the id alone.
#[test]
fn an_id_that_was_taken_again_is_another_workspace() {
    with_database(|server| {
        let home = server.home();
        let one = home.open();
        one.create_workspace(&workspace("shop")).unwrap();
        let other = home.open();
        assert_eq!(run(&other, &id("shop"), Mode::Commit, next), Ok(1));
        one.delete_workspace(&id("shop")).unwrap();
        let again = Workspace { created_at: Timestamp(2), ..workspace("shop") };
        assert_eq!(one.create_workspace(&again), Ok(Created::Made));
        assert!(matches!(other.read(&id("shop")), Err(EngineError::UnknownWorkspace)));
        assert_eq!(run(&other, &id("shop"), Mode::Commit, next), Err(EngineError::UnknownWorkspace));
        assert_eq!(other.workspaces(), Ok(vec![again]));
        assert_eq!(run(&other, &id("shop"), Mode::Commit, next), Ok(1));
    });
}

// Fails when `catalogue::finish_deletion` does not lock the workspace that it deletes, or does not look whether it is deleted.
#[test]
fn rows_are_removed_of_a_workspace_that_is_still_deleted_alone() {
    with_database(|server| {
        let home = server.home();
        let key = Identifier { kind: IdentifierKind::new("customer_id"), value: "a".into() };
        let rows = vec![RowChange::Upsert(StoredRow::Binding(key, ProfileNo(1)))];
        let one = home.open();
        one.create_workspace(&workspace("shop")).unwrap();
        put_with(&one, &id("shop"), rows.clone(), |counters| Counters { profile: 1, ..counters }).unwrap();
        drop(one);
        server.execute(&home, "UPDATE workspaces SET is_deleting = true");
        std::thread::scope(|scope| {
            // What another process does that finishes the deletion and creates a workspace of this id.
            let taken = "BEGIN; SELECT 1 FROM workspaces FOR UPDATE; SELECT pg_sleep(1); \
                UPDATE workspaces SET is_deleting = false; COMMIT";
            let other = scope.spawn(|| server.execute(&home, taken));
            std::thread::sleep(Duration::from_millis(300));
            let node = home.open();
            other.join().unwrap();
            let found = dump(&mut *node.read(&id("shop")).unwrap()).unwrap();
            assert_eq!((found.0.profile, found.1), (1, rows));
        });
    });
}

// Fails when `migrate` does not try again.
#[test]
fn nodes_that_start_together_over_an_empty_database_make_its_tables_once() {
    with_database(|server| {
        for _ in 0..5 {
            let home = server.home();
            std::thread::scope(|scope| {
                let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| home.open())).collect();
                let nodes: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
                assert_eq!(nodes[0].create_workspace(&workspace("shop")), Ok(Created::Made));
                assert_eq!(run(&nodes[0], &id("shop"), Mode::Commit, next), Ok(1));
            });
        }
    });
}
