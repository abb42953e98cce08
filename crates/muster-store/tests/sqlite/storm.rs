//! Everything at once: with one core and with two, whatever waits for another thread gets its turn.

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::View;
use muster_core::value::Value;
use muster_store::bounds::Bounds;
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::{Created, Engine, EngineError, Workspace};
use muster_store::reader::dump;
use muster_store::sqlite::{Sqlite, SqliteOptions, verify};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SHOPS: u64 = 8;
const IMPORTS: u64 = 60;
/// After so long nobody is thought to come any more.
const PATIENCE: Duration = Duration::from_secs(60);

fn shop(n: u64) -> String {
    format!("shop{n}")
}

fn binding(n: u64) -> RowChange {
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: n.to_string().into() };
    RowChange::Upsert(StoredRow::Binding(key, ProfileNo(n)))
}

/// A view that is stored in chunks, so that its group writes the tables itself.
fn large(n: u64) -> RowChange {
    let value = |m| (format!("name {m}").into(), Value::Text("x".repeat(2_000).into()));
    let view = View { attributes: (0..24).map(value).collect(), ..View::default() };
    RowChange::Upsert(StoredRow::View(ProfileNo(n), view))
}

fn import(engine: &Sqlite, of: u64) {
    for n in 1..=IMPORTS {
        let rows = if n % 16 == 0 { vec![binding(n), large(n)] } else { vec![binding(n)] };
        assert_eq!(put(engine, &id(&shop(of)), rows), Ok(()));
    }
}

/// Reads, changes the entry, asks for the cut of the logs, and creates and deletes, until it is told to stop.
fn disturb(engine: &Sqlite, n: u64, is_over: &AtomicBool) {
    let mut round = n;
    while !is_over.load(Ordering::Acquire) {
        round += 1;
        let at = id(&shop(round % SHOPS));
        match n % 4 {
            0 => drop(dump(&mut *engine.read(&at).unwrap()).unwrap()),
            1 => {
                let settings = format!("{{\"a\":{round}}}");
                let change = move |entry: &Workspace, _: &_| Some(Workspace { settings, ..entry.clone() });
                engine.configure(&at, Box::new(change)).unwrap();
            }
            2 => {
                engine.cut_log(&at);
                thread::sleep(Duration::from_millis(5));
            }
            _ => {
                engine.create_workspace(&workspace("passing")).unwrap();
                assert_eq!(put(engine, &id("passing"), vec![binding(1)]), Ok(()));
                assert_eq!(engine.read(&id("passing")).unwrap().counters().map(|c| c.seq), Ok(1));
                assert!(matches!(engine.delete_workspace(&id("passing")), Ok(()) | Err(EngineError::Busy(_))));
            }
        }
    }
}

fn storm(committers: usize, open_max: usize) {
    let home = Home::new();
    // Fills begin at once, and logs are cut all the time.
    let bounds = Bounds { redo_age: Duration::from_millis(1), ..Bounds::default() };
    let options = SqliteOptions { bounds, committers, open_max, log_kept: Duration::ZERO, ..home.options() };
    let engine = Sqlite::open(options).unwrap();
    for n in 0..SHOPS {
        assert_eq!(engine.create_workspace(&workspace(&shop(n))), Ok(Created::Made));
    }
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (engine, is_over) = (&engine, &is_over);
            let imports: Vec<_> = (0..SHOPS).map(|n| scope.spawn(move || import(engine, n))).collect();
            for n in 0..6 {
                scope.spawn(move || disturb(engine, n, is_over));
            }
            let ended: Vec<_> = imports.into_iter().map(|import| import.join()).collect();
            is_over.store(true, Ordering::Release);
            assert!(ended.iter().all(Result::is_ok), "an import failed");
        });
        let seq = |n| engine.read(&id(&shop(n))).unwrap().counters().unwrap().seq;
        let seqs: Vec<u64> = (0..SHOPS).map(seq).collect();
        drop(engine);
        tell.send(seqs).unwrap();
    });
    let ended = told.recv_timeout(PATIENCE);
    assert_eq!(ended, Ok(vec![IMPORTS; SHOPS as usize]), "somebody waits for ever, or failed");
    let report = verify(home.path()).unwrap();
    let broken = report.workspaces.iter().flat_map(|workspace| &workspace.breaches);
    let words = ["checksum", "rows, expected", "redo log", "acknowledged", "the file"];
    let broken: Vec<_> = broken.filter(|breach| words.iter().any(|word| breach.contains(word))).collect();
    assert_eq!(broken, Vec::<&String>::new());
}

// Fails when `Front::tables` waits with the core that the thread has.
#[test]
fn everything_at_once_ends_with_one_core() {
    storm(1, 64);
}

#[test]
fn everything_at_once_ends_with_two_cores() {
    storm(2, 64);
}

// Fails when `Front::tables` waits with the core that the thread has.
#[test]
fn everything_at_once_ends_with_one_core_while_idle_workspaces_are_closed() {
    storm(1, 1);
}
