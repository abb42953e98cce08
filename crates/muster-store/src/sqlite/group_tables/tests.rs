//! When a working set writes its rows, over tables in memory.

use super::*;
use crate::binding_map::BindingMap;
use crate::bounds::Bounds;
use crate::clock_check::ClockCheck;
use crate::engine::{Job, JobStep};
use crate::queue::cores::Cores;
use crate::queue::group::GroupRun;
use crate::sqlite::{schema, state};
use crate::working_set::WorkingSet;
use crate::workspace_state::WorkspaceState;
use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::decision::Mode;
use muster_core::facts::{Facts, Needs};
use muster_core::limits::{PROFILE_BYTES_MAX, facts_bytes};
use muster_core::pause::Pause;
use muster_core::rate::RateWindow;
use muster_core::record::{Attributes, MemberRecord, RootPointer, TreeTotals, View, Write};
use muster_core::time::{Clock, Moment};
use muster_core::value::Value;
use std::collections::BTreeMap;

fn tables() -> Connection {
    let mut conn = Connection::open_in_memory().expect("it opens");
    schema::workspace(&mut conn).unwrap_or_else(|_| panic!("it makes tables"));
    conn
}

// Fails without the pause in `ChunkWriter::write`, in `ChunkWriter::delete`, or in `RowWriter::write`.
#[test]
fn a_group_that_writes_its_rows_pauses_for_others_after_each_row_and_chunk() {
    const VALUES: u32 = 100;
    let conn = tables();
    let (mut state, mut bindings) = (WorkspaceState::load(&conn).expect("it loads"), BindingMap::new(0));
    let mut sums = state::load_sums(&conn).expect("it loads");
    let (rows, cores) = (RowStatements::new(&conn), Cores::new(1));
    let mut set =
        WorkingSet::new(GroupTables { rows: &rows, sums: &mut sums }, (&mut state, Some(&mut bindings)), &cores);
    let mut pauses_of = |changes| {
        let before = Cores::pauses();
        set.put_rows(changes);
        set.write_pending().expect("it writes");
        Cores::pauses() - before
    };
    let small = |no| RowChange::Upsert(StoredRow::View(ProfileNo(no), View::default()));
    assert_eq!(pauses_of((1..=10).map(small).collect()), 10);
    // Longer than a chunk may be: each has its own.
    let value = |n| (format!("name {n}").into(), Value::Text("x".repeat(20_000).into()));
    let large = View { attributes: (0..VALUES).map(value).collect(), ..View::default() };
    assert_eq!(pauses_of(vec![RowChange::Upsert(StoredRow::View(ProfileNo(1), large))]), VALUES + 1);
    assert_eq!(pauses_of(vec![RowChange::Delete(RowKey::View(ProfileNo(1)))]), VALUES + 1);
}

struct Midnight;

impl Clock for Midnight {
    fn now(&self) -> Moment {
        Moment::default()
    }
}

/// A decision that reads a member record and puts these rows.
struct Puts(ProfileNo, Vec<RowChange>);

impl Job for Puts {
    fn bytes(&self) -> usize {
        0
    }

    fn mode(&self) -> Mode {
        Mode::Commit
    }

    fn revision(&self) -> Option<u64> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { records: vec![self.0], ..Needs::default() }
    }

    fn rounds(&self) -> usize {
        1
    }

    fn facts_bytes_max(&self) -> u64 {
        facts_bytes(PROFILE_BYTES_MAX)
    }

    fn reads_ahead(&self, _: &Facts, _: Moment) -> bool {
        true
    }

    fn decide(&mut self, facts: &Facts, _: Moment) -> JobStep {
        JobStep::Done(Changes { rows: self.1.clone(), counters: facts.counters, rate: None })
    }

    fn answer(self: Box<Self>, _: Result<(), EngineError>) {}
}

/// A root with one attribute of this many bytes.
fn root(no: ProfileNo, bytes: usize) -> [RowChange; 2] {
    let created = Timestamp(0);
    let value = Write { seq: 1, value: Some(Value::Text("x".repeat(bytes).into())) };
    let tree = TreeTotals { first_seen: created, last_seen: created, events: 0, devices: 0, members: 1 };
    let (first_seen, last_seen, weight) = (created, created, bytes as u64);
    let pointer = RootPointer {
        no,
        created,
        root: no,
        first_seen,
        last_seen,
        events: 0,
        devices: 0,
        tree,
        weight,
        deletion: None,
    };
    let record = MemberRecord {
        no,
        created,
        identifiers: Vec::new(),
        attributes: Attributes::from([("name".into(), value)]),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: Vec::new(),
    };
    [RowChange::Upsert(StoredRow::MemberRecord(record)), RowChange::Upsert(StoredRow::RootPointer(pointer))]
}

fn run<'a>(bounds: &'a Bounds, cores: &'a Cores, clock_check: &'a ClockCheck) -> GroupRun<'a> {
    GroupRun {
        clock: &Midnight,
        bounds,
        cores,
        pause: Pause::default(),
        revision: 0,
        rate: RateWindow::default(),
        probe: false,
        clock_check,
    }
}

// Fails when the checksums of written chunks are kept, both in `RowWriter::write_chunks` and in `WorkingSet::write_pending`:
// the chunks are then deleted twice.
#[test]
fn a_record_that_has_left_its_chunks_in_the_middle_of_a_group_can_be_changed_again() {
    let conn = tables();
    let (mut state, mut bindings) = (WorkspaceState::load(&conn).expect("it loads"), BindingMap::new(0));
    let mut sums = state::load_sums(&conn).expect("it loads");
    let (rows, cores, bounds, clock_check) =
        (RowStatements::new(&conn), Cores::new(1), Bounds::default(), ClockCheck::new(true));
    let mut set =
        WorkingSet::new(GroupTables { rows: &rows, sums: &mut sums }, (&mut state, Some(&mut bindings)), &cores);
    let (no, mut run) = (ProfileNo(1), run(&bounds, &cores, &clock_check));
    set.put_rows(root(no, 100_000).into());
    set.write_pending().expect("it writes");
    for bytes in [10, 20] {
        let decided = set.decide(&mut Puts(no, root(no, bytes).into()), &mut run, &mut Timestamp::default());
        assert!(matches!(decided, Ok(Ok(true))));
        assert_eq!(set.write_pending(), Ok(()));
    }
    assert_eq!(table::numbers(&conn, "SELECT count(*) FROM chunks", &[]), Ok(vec![0]));
}

// Fails without `large.is_some()` or without `self.pending.is_full()` in `WorkingSet::decide`.
#[test]
fn rows_are_written_early_after_a_decision_that_loads_much_and_after_many_that_load_a_mebibyte() {
    let conn = tables();
    let (mut state, mut bindings) = (WorkspaceState::load(&conn).expect("it loads"), BindingMap::new(0));
    let mut sums = state::load_sums(&conn).expect("it loads");
    let (rows, cores, bounds, clock_check) =
        (RowStatements::new(&conn), Cores::new(1), Bounds::default(), ClockCheck::new(true));
    let mut set =
        WorkingSet::new(GroupTables { rows: &rows, sums: &mut sums }, (&mut state, Some(&mut bindings)), &cores);
    set.put_rows([root(ProfileNo(1), 100_000), root(ProfileNo(2), 300_000)].concat());
    set.write_pending().expect("it writes");
    let mut run = run(&bounds, &cores, &clock_check);
    let mut views_after = |of| {
        let view = RowChange::Upsert(StoredRow::View(ProfileNo(of), View::default()));
        let decided = set.decide(&mut Puts(ProfileNo(of), vec![view]), &mut run, &mut Timestamp::default());
        assert!(matches!(decided, Ok(Ok(true))));
        table::numbers(&conn, "SELECT count(*) FROM views", &[]).expect("it reads")
    };
    assert_eq!(views_after(1), [0], "a small one waits for the end of its group");
    assert_eq!(views_after(2), [2], "what loads much is written at once, with what is pending");
    conn.execute("DELETE FROM views", []).expect("it deletes");
    let written: Vec<Vec<u64>> = (0..11).map(|_| views_after(1)).collect();
    assert_eq!((&written[9], &written[10]), (&vec![0], &vec![1]), "eleven times 100 kB are a mebibyte");
}
