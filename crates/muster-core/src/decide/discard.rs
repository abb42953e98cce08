//! Marks quarantine entries as deleted and restores them (behaviour.md 4); `expire` removes them after a minute.

use crate::change::{Changes, RowChange, StoredRow};
use crate::decision::{Decision, Step};
use crate::facts::{Facts, Needs};
use crate::id::QuarantineNo;
use crate::limits::RESTORE_MS;
use crate::record::{Counters, QuarantinedElement};
use crate::time::{Moment, Timestamp};

/// Deletes an entry; the output says whether it existed.
pub struct Discard {
    /// Entry.
    pub entry: QuarantineNo,
}

/// Restores an entry that was deleted less than [`RESTORE_MS`] ago.
pub struct Restore {
    /// Entry.
    pub entry: QuarantineNo,
}

/// Result of a restoration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// The entry is restored.
    Done,
    /// The entry does not exist, or was deleted too long ago.
    Unknown,
    /// It was not deleted.
    NotDeleted,
}

impl Decision for Discard {
    type Output = bool;

    fn needs(&self) -> Needs {
        Needs { quarantine: vec![self.entry], ..Needs::default() }
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<bool> {
        match facts.quarantine.get(&self.entry) {
            None => Step::NeedMore(self.needs()),
            Some(None) => Step::Leave(false),
            Some(Some(entry)) if entry.deleted_at.is_some() => Step::Leave(false),
            Some(Some(entry)) => {
                let open = u64::from(entry.is_open());
                let quarantined = facts.counters.quarantined.saturating_sub(open);
                Step::Done(mark_changes(entry, (Some(now.at), quarantined), facts, now.at), true)
            }
        }
    }
}

impl Decision for Restore {
    type Output = Restored;

    fn needs(&self) -> Needs {
        Needs { quarantine: vec![self.entry], ..Needs::default() }
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<Restored> {
        let entry = match facts.quarantine.get(&self.entry) {
            None => return Step::NeedMore(self.needs()),
            Some(None) => return Step::Leave(Restored::Unknown),
            Some(Some(entry)) => entry,
        };
        match entry.deleted_at {
            None => Step::Leave(Restored::NotDeleted),
            Some(at) if now.at.0 - at.0 >= RESTORE_MS => Step::Leave(Restored::Unknown),
            Some(_) => {
                let open = u64::from(entry.replayed_as.is_none());
                let quarantined = facts.counters.quarantined + open;
                Step::Done(mark_changes(entry, (None, quarantined), facts, now.at), Restored::Done)
            }
        }
    }
}

fn mark_changes(
    entry: &QuarantinedElement,
    (deleted_at, quarantined): (Option<Timestamp>, u64),
    facts: &Facts,
    now: Timestamp,
) -> Changes {
    let counters = Counters { quarantined, now, ..facts.counters };
    let rows =
        vec![RowChange::Upsert(StoredRow::QuarantinedElement(QuarantinedElement { deleted_at, ..entry.clone() }))];
    Changes { rows, counters, rate: None }
}
