//! Large profiles: what a small write to one of 10 MiB writes, and what is read of one with many merges.

use super::rig::{Home, plain_merge};
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decide::{Revert, RevertOutcome};
use muster_core::decision::{Mode, Step};
use muster_core::facts::Needs;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, SeparationNo};
use muster_core::record::{
    Change, ChangeKind, Counters, MemberRecord, MergeLink, RootPointer, TreeTotals, View, Write,
};
use muster_core::settings::{Identity, Settings};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_store::conformance::rig::{Decide, Made, id, put, put_with, wait, workspace};
use muster_store::engine::{Engine, EngineError, apply};
use std::collections::BTreeMap;
use std::sync::Arc;

const AT: Timestamp = Timestamp(1_767_571_200_000);
const ROOT: ProfileNo = ProfileNo(1);

fn name(n: usize) -> Box<str> {
    format!("attribute {n:06}").into()
}

fn value(n: usize) -> Value {
    Value::Text(format!("{n} {}", "x".repeat(470)).into())
}

/// A root with a record of 1 MiB, a member, and a view of 10 MiB.
fn rows() -> Vec<RowChange> {
    let attributes = (0..2_000).map(|n| (name(n), Write { seq: 1, value: Some(value(n)) }));
    let profile = |no, attributes| {
        let (platforms, keys, former, history) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        RowChange::Upsert(StoredRow::MemberRecord(MemberRecord {
            no,
            created: AT,
            identifiers: keys,
            attributes,
            platforms,
            former,
            history,
        }))
    };
    let tree = TreeTotals { first_seen: AT, last_seen: AT, events: 0, devices: 0, members: 2 };
    let root_pointer = |no| {
        let (events, devices, weight, deletion) = (0, 0, 10 << 20, None);
        RowChange::Upsert(StoredRow::RootPointer(RootPointer {
            no,
            created: AT,
            root: ROOT,
            first_seen: AT,
            last_seen: AT,
            events,
            devices,
            tree,
            weight,
            deletion,
        }))
    };
    let shown = (0..20_000).map(|n| (name(n), value(n))).collect();
    vec![
        profile(ROOT, attributes.collect()),
        profile(ProfileNo(2), BTreeMap::new().into()),
        root_pointer(ROOT),
        root_pointer(ProfileNo(2)),
        RowChange::Upsert(StoredRow::View(ROOT, View { attributes: shown, platforms: BTreeMap::new() })),
    ]
}

/// Writes one attribute of the root, as an import does.
fn write(n: usize) -> Made<()> {
    let decide: Decide<()> = Box::new(move |facts, _| {
        let (mut profile, mut view) = (facts.records[&ROOT].clone().unwrap(), facts.views[&ROOT].clone().unwrap());
        let new = Value::Text("new".into());
        profile.attributes.put(&name(n), Some(Write { seq: 2, value: Some(new.clone()) }));
        view.put(&name(n), Some(new));
        let rows =
            vec![RowChange::Upsert(StoredRow::MemberRecord(profile)), RowChange::Upsert(StoredRow::View(ROOT, view))];
        Step::Done(Changes { rows, counters: facts.counters, rate: None }, ())
    });
    Made { needs: Needs { records: vec![ROOT], ..Needs::default() }, decide }
}

/// Fails when `is_large_view` is false whatever the view is.
#[test]
fn a_small_write_to_a_profile_of_10_mib_writes_less_than_64_kib() {
    let home = Home::new();
    let engine = home.open().unwrap();
    let shop = id("shop");
    engine.create_workspace(&workspace("shop")).unwrap();
    put(&engine, &shop, rows()).unwrap();
    for n in [0, 77, 1_999] {
        let before = engine.health().wal_bytes;
        wait(apply(&engine, &shop, write(n), Mode::Commit)).unwrap();
        let written = engine.health().wal_bytes - before;
        assert!(written <= 64 << 10, "{written} bytes for attribute {n}");
    }
    let live = engine.read(&shop).unwrap().profile(ROOT).unwrap().unwrap();
    let view = live.view.unwrap();
    assert_eq!((view.attributes.len(), &view.attributes[&name(77)]), (20_000, &Value::Text("new".into())));
    assert_eq!(view.attributes[&name(19_999)], value(19_999));
}

/// Fails when `ReadRoom::reads` takes no turn, or gives it back before the reader is dropped.
#[test]
fn readers_of_large_profiles_wait_for_one_another_and_beyond_a_bound_are_refused() {
    const AT_A_TIME: usize = 4;
    const WAITING: usize = 64;
    let home = Home::new();
    let engine = home.open().unwrap();
    let shop = id("shop");
    engine.create_workspace(&workspace("shop")).unwrap();
    // It is asked by its weight, before anything of it is read.
    let tree = TreeTotals { first_seen: AT, last_seen: AT, events: 0, devices: 0, members: 1 };
    let rows = rows().into_iter().filter_map(|row| match row {
        RowChange::Upsert(StoredRow::MemberRecord(profile)) if profile.no == ProfileNo(2) => {
            Some(RowChange::Upsert(StoredRow::MemberRecord(profile)))
        }
        RowChange::Upsert(StoredRow::RootPointer(row)) if row.no == ProfileNo(2) => {
            Some(RowChange::Upsert(StoredRow::RootPointer(RootPointer { root: row.no, tree, ..row })))
        }
        _ => None,
    });
    put(&engine, &shop, rows.collect()).unwrap();
    let read = || {
        let mut reader = engine.read(&shop).unwrap();
        reader.profile(ProfileNo(2)).map(|live| (reader, live.is_some()))
    };
    let held: Vec<_> = (0..AT_A_TIME).map(|_| read().unwrap()).collect();
    std::thread::scope(|scope| {
        let (done, ends) = std::sync::mpsc::channel();
        for _ in 0..=WAITING {
            let done = done.clone();
            scope.spawn(move || done.send(read().map(|(_, is_there)| is_there)).unwrap());
        }
        // While the four are held, only the one that finds no room to wait ends.
        assert_eq!(ends.recv(), Ok(Err(EngineError::Overloaded)));
        assert!(ends.try_recv().is_err());
        drop(held);
        assert_eq!(ends.iter().take(WAITING).collect::<Vec<_>>(), vec![Ok(true); WAITING]);
    });
}

/// A chain: each of three members is below the one before it, and the last one was merged first.
fn chain() -> Vec<RowChange> {
    let totals = |members| TreeTotals { first_seen: AT, last_seen: AT, events: 0, devices: 0, members };
    let member = |n: u64| {
        let no = ProfileNo(n);
        let profile = MemberRecord {
            no,
            created: AT,
            identifiers: Vec::new(),
            attributes: BTreeMap::new().into(),
            platforms: BTreeMap::new(),
            former: Vec::new(),
            history: Vec::new(),
        };
        let root_pointer = RootPointer {
            no,
            created: AT,
            root: ROOT,
            first_seen: AT,
            last_seen: AT,
            events: 0,
            devices: 0,
            tree: totals(if no == ROOT { 3 } else { 1 }),
            weight: 0,
            deletion: None,
        };
        [StoredRow::MemberRecord(profile), StoredRow::RootPointer(root_pointer)]
    };
    let merge = |(no, parent, child): (u64, u64, u64)| {
        let (no, at, child_no) = (MergeNo(no), Timestamp(AT.0 + no.cast_signed()), ProfileNo(child));
        let id = |no| ProfileId { created: AT, no: ProfileNo(no) };
        let link = MergeLink {
            child: child_no,
            parent: ProfileNo(parent),
            merge: no,
            seq: no.0,
            rules: Vec::new(),
            same_email: false,
        };
        let (kind, profile) = (ChangeKind::Merge, child_no);
        let record = plain_merge(no, at, id(parent), id(child));
        let change = Change { seq: no.0, kind, profile, merge: no.0, at, request: None };
        [StoredRow::MergeLink(link), StoredRow::Merge(record), StoredRow::Change(change)]
    };
    let merges = [(1, 2, 3), (2, 1, 2)].into_iter().flat_map(merge);
    let view = StoredRow::View(ROOT, View::default());
    [1, 2, 3].into_iter().flat_map(member).chain(merges).chain([view]).map(RowChange::Upsert).collect()
}

/// A merge record lists the identifiers of all members that it joined: read for each member of a chain, that would be the
/// square of their number. Fails when a reader or a revert reads it for the time of a merge.
#[test]
fn the_records_of_other_merges_are_read_neither_for_a_profile_nor_for_a_revert() {
    let home = Home::new();
    let engine = home.open().unwrap();
    let shop = id("shop");
    engine.create_workspace(&workspace("shop")).unwrap();
    put_with(&engine, &shop, chain(), |counters| Counters { seq: 2, merge: 2, profile: 3, users: 1, ..counters })
        .unwrap();
    drop(engine);
    // What is read of this row fails its checksum.
    let sql = rusqlite::Connection::open(home.database("shop")).unwrap();
    sql.execute_batch("UPDATE merge_records SET sum = sum + 1 WHERE no = 1").unwrap();
    drop(sql);
    let engine = home.open().unwrap();
    let mut reader = engine.read(&shop).unwrap();
    assert!(matches!(reader.merge(MergeNo(1)), Err(EngineError::Corrupt(_))));
    let live = reader.profile(ProfileNo(3)).unwrap().unwrap();
    let joined: Vec<_> = live.members.iter().map(|member| (member.record.no, member.joined_at)).collect();
    let at = |after| Some(Timestamp(AT.0 + after));
    assert_eq!(joined, [(ROOT, None), (ProfileNo(2), at(2)), (ProfileNo(3), at(1))]);
    let settings = Arc::new(Settings { identity: Identity::off(), ..Settings::default() });
    let outcome = wait(apply(&engine, &shop, Revert { merge: MergeNo(2), settings }, Mode::Commit)).unwrap();
    let RevertOutcome::Reverted { restored, separation, sides, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((restored.no, separation), (ProfileNo(2), SeparationNo(1)));
    let joined: Vec<_> = sides.1.members.iter().map(|member| (member.id.no, Some(member.joined_at))).collect();
    assert_eq!(joined, [(ProfileNo(3), at(1))]);
}
