//! What the suite wants of pages: none holds more than its bytes, none is empty while something is left, and together
//! they are the list.

use super::families::{event, request, seen_refused};
use super::limits::quarantined;
use super::rig::{Make, put, shop};
use crate::page::{PAGE_BYTES_MAX, Page};
use crate::reader::{EventQuery, RequestQuery};
use muster_core::change::{RowChange, StoredRow};
use muster_core::command::Action;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, REFUSED_REQUESTS, RequestNo};
use muster_core::reason::{Fault, Reason};
use muster_core::record::{Cause, Event, LogEntry, Merge, QuarantinedElement};
use muster_core::time::Timestamp;
use muster_core::value::Value;

/// A third of a page, about: a row beyond three is on the next.
const LARGE: usize = (PAGE_BYTES_MAX / 3) as usize - 2_000;
/// Rows of a list.
const ROWS: u64 = 7;

/// Reads a whole list and returns how many rows each page had.
fn walk<T: Clone>(mut page: impl FnMut(Option<&T>) -> Page<T>) -> (Vec<usize>, Vec<T>) {
    let (mut sizes, mut all) = (Vec::new(), Vec::<T>::new());
    loop {
        let page = page(all.last());
        sizes.push(page.items.len());
        all.extend(page.items);
        if !page.more || sizes.len() > 20 {
            return (sizes, all);
        }
    }
}

fn large_quarantined(no: u64) -> QuarantinedElement {
    // One row is larger than a page, and has one for itself.
    quarantined(no, if no == 4 { 4 * LARGE } else { LARGE })
}

fn large_event(seq: u64) -> Event {
    let plain = event(seq, ProfileNo(1 + seq % 2), 5, "large");
    let attributes = vec![("text".into(), Value::text(&"x".repeat(LARGE)))];
    Event { action: Action { attributes, ..(*plain.action).clone() }.into(), ..plain }
}

fn large_request(no: RequestNo, at: i64, status: u16) -> LogEntry {
    let fault = Fault { pointer: "x".repeat(LARGE).into(), ..Fault::new(Reason::KeyTooLong, "", None) };
    LogEntry { faults: vec![fault], warnings: Vec::new(), ..request(no, at, status) }
}

fn large_merge(no: u64) -> Merge {
    let id = |no| ProfileId { created: Timestamp(1), no: ProfileNo(no) };
    Merge {
        no: MergeNo(no),
        at: Timestamp(7),
        survivor: id(1),
        merged: id(2),
        request: None,
        cause: Cause::Api,
        explanation: None,
        filled: vec!["x".repeat(LARGE).into()],
        combined: Vec::new(),
        identifiers: Vec::new(),
        reverted_at: None,
    }
}

pub(super) fn a_page_ends_early_for_its_bytes_and_is_never_empty(make: Make<'_>) {
    let (engine, shop) = shop(make);
    for no in 1..=ROWS {
        let rows = vec![
            RowChange::Upsert(StoredRow::QuarantinedElement(large_quarantined(no))),
            RowChange::Upsert(StoredRow::Event(large_event(no))),
            RowChange::Upsert(StoredRow::Merge(large_merge(no))),
            RowChange::Upsert(StoredRow::LogEntry(large_request(RequestNo(no), 2 * no.cast_signed(), 200))),
        ];
        put(&*engine, &shop, rows).expect("it stores");
    }
    let mut reader = engine.read(&shop).expect("it reads");
    let (sizes, all) =
        walk(|last: Option<&QuarantinedElement>| reader.quarantine(last.map(|q| q.no), 100).expect("it reads"));
    assert!(all.iter().map(|q| q.no.0).eq((1..=ROWS).rev()));
    assert_eq!(sizes, [3, 1, 3], "three, the large one alone, three");
    let (sizes, all) = walk(|last: Option<&Event>| {
        let below = last.map(|e| (e.time, e.seq));
        let query = EventQuery { profiles: &[ProfileNo(1), ProfileNo(2)], name: None, below, limit: 100 };
        reader.events(&query).expect("it reads")
    });
    assert!(all.iter().map(|e| e.seq).eq((1..=ROWS).rev()));
    assert_eq!(sizes, [3, 3, 1]);
    let (sizes, _) = walk(|last: Option<&Merge>| reader.merges(last.map(|m| m.no), 100).expect("it reads"));
    assert_eq!(sizes, [3, 3, 1]);
    let (sizes, _) = walk(|last: Option<&Merge>| reader.merges(last.map(|m| m.no), 4).expect("it reads"));
    assert_eq!(sizes, [3, 3, 1], "whichever bound comes first");
    let (sizes, _) = walk(|last: Option<&Merge>| reader.merges(last.map(|m| m.no), 2).expect("it reads"));
    assert_eq!(sizes, [2, 2, 2, 1]);
}

pub(super) fn pages_of_the_log_miss_nothing_of_either_family(make: Make<'_>) {
    let (engine, shop) = shop(make);
    // Applied ones are large and refused ones small and later, or the other way round: the page of one family ends first.
    let refused = |n: u64| RequestNo(REFUSED_REQUESTS + n);
    for n in 1..=ROWS {
        let at = 2 * n.cast_signed();
        put(&*engine, &shop, vec![RowChange::Upsert(StoredRow::LogEntry(large_request(RequestNo(n), at, 200)))])
            .expect("it stores");
        engine.note_refused(&shop, request(refused(n), at + 1, 400));
        drop(seen_refused(&*engine, &shop, refused(n)));
    }
    let mut reader = engine.read(&shop).expect("it reads");
    for limit in [1, 2, 5, 100] {
        let (_, all) = walk(|last: Option<&LogEntry>| {
            let below = last.map(|r| (r.received_at, r.no));
            reader.requests(RequestQuery { below, limit, ..RequestQuery::default() }).expect("it reads")
        });
        let want = (1..=ROWS).rev().flat_map(|n| [refused(n), RequestNo(n)]);
        assert!(all.iter().map(|r| r.no).eq(want), "limit {limit}: {:?}", all.iter().map(|r| r.no).collect::<Vec<_>>());
    }
}
