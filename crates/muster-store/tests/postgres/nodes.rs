//! Several nodes over one database.

use super::rig::with_database;
use muster_core::change::Changes;
use muster_core::decision::{Mode, Step};
use muster_core::facts::Facts;
use muster_core::record::Counters;
use muster_core::time::Moment;
use muster_store::conformance::rig::{id, run, workspace};
use muster_store::engine::{Created, Engine, EngineError, Workspace};

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
