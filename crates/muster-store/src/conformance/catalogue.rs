//! What the suite wants of the catalogue.

use super::rig::{Make, id, put, run, shop, workspace};
use crate::engine::{Created, EngineError, KeyRecord, Workspace};
use muster_core::change::{RowChange, StoredRow};
use muster_core::decision::{Mode, Step};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::Counters;
use muster_core::time::Timestamp;

fn key(byte: u8) -> KeyRecord {
    KeyRecord {
        sha256: [byte; 32],
        scopes: "import,read".into(),
        created_at: Timestamp(2),
        valid_until: (byte > 1).then_some(Timestamp(9)),
    }
}

pub(super) fn workspaces_are_kept_in_order(make: Make<'_>) {
    let engine = make();
    let b = Workspace { settings: "{\"b\":1}".into(), keys: vec![key(1), key(2)], ..workspace("bb") };
    assert_eq!(engine.create_workspace(&b), Ok(Created::Made));
    assert_eq!(engine.create_workspace(&workspace("aa")), Ok(Created::Made));
    assert_eq!(engine.create_workspace(&workspace("bb")), Ok(Created::Taken), "the id is taken");
    assert_eq!(engine.workspaces(), Ok(vec![workspace("aa"), b]));
    assert_eq!(put(&*engine, &id("cc"), Vec::new()), Err(EngineError::UnknownWorkspace));
    assert_eq!(engine.read(&id("cc")).err(), Some(EngineError::UnknownWorkspace));
}

pub(super) fn a_change_of_settings_counts_the_revision_up_for_the_decisions_after_it(make: Make<'_>) {
    let (engine, shop) = shop(make);
    put(&*engine, &shop, Vec::new()).expect("it stores");
    let keys = engine.configure(&shop, Box::new(|w, _| Some(Workspace { keys: vec![key(1)], ..w.clone() })));
    let with_key = Workspace { keys: vec![key(1)], ..workspace("shop") };
    assert_eq!(keys, Ok(with_key.clone()), "keys are not settings");
    let change = |w: &Workspace, counters: &Counters| {
        assert_eq!(counters.seq, 1, "it sees the counters between two decisions");
        Some(Workspace { settings: "{\"x\":1}".into(), revision: 77, ..w.clone() })
    };
    let changed = Workspace { settings: "{\"x\":1}".into(), revision: 2, ..with_key };
    assert_eq!(engine.configure(&shop, Box::new(change)), Ok(changed.clone()));
    let revision = run(&*engine, &shop, Mode::Commit, |facts, _| Step::Leave(facts.settings_revision));
    assert_eq!(revision, Ok(2));
    assert_eq!(engine.configure(&shop, Box::new(|_, _| None)), Ok(changed.clone()), "None leaves it");
    assert_eq!(engine.workspaces(), Ok(vec![changed]));
    let unknown = engine.configure(&id("none"), Box::new(|w, _| Some(w.clone())));
    assert_eq!(unknown, Err(EngineError::UnknownWorkspace));
}

pub(super) fn a_deleted_workspace_is_gone_with_its_data(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: "a".into() };
    put(&*engine, &shop, vec![RowChange::Upsert(StoredRow::Binding(key.clone(), ProfileNo(1)))]).expect("it stores");
    assert_eq!(engine.delete_workspace(&shop), Ok(()));
    assert_eq!(engine.delete_workspace(&shop), Err(EngineError::UnknownWorkspace));
    assert_eq!(put(&*engine, &shop, Vec::new()), Err(EngineError::UnknownWorkspace));
    assert_eq!(engine.create_workspace(&workspace("shop")), Ok(Created::Made));
    let mut reader = engine.read(&shop).expect("it reads");
    assert_eq!((reader.binding(&key), reader.counters()), (Ok(None), Ok(Counters::default())));
}

pub(super) fn secrets_are_kept_by_name(make: Make<'_>) {
    let engine = make();
    assert_eq!(engine.secret("token"), Ok(None));
    assert_eq!(engine.put_secret("token", b"one"), Ok(()));
    assert_eq!(engine.put_secret("token", b"two"), Ok(()));
    assert_eq!(engine.secret("token"), Ok(Some(b"two".to_vec())));
}
