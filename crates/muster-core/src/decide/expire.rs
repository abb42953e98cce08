//! Retention (behaviour.md 4): removes expired rows in bounded batches, so that imports run in between.

use super::decision_state::{DecisionState, Known, Missing};
use crate::change::{RowChange, RowKey};
use crate::decision::{Decision, Step};
use crate::facts::{Cutoffs, Expired, Facts, Needs};
use crate::limits::{IDEMPOTENCY_MS, RESTORE_MS};
use crate::settings::Identity;
use crate::time::{Moment, Timestamp};

/// How long families are kept, in milliseconds from receipt; 0 = forever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Ingestion log.
    pub log_ms: i64,
    /// Quarantine.
    pub quarantine_ms: i64,
    /// Event ids.
    pub event_ids_ms: i64,
    /// Events.
    pub events_ms: i64,
}

impl Retention {
    /// Returns the latest receipts that have expired. Recorded answers and deleted quarantine entries have fixed times
    /// (behaviour.md 1.4). A row whose time is exactly over has expired, as in the rules that read ids and answers.
    pub fn cutoffs(self, now: Timestamp) -> Cutoffs {
        let before = |kept: i64| (kept > 0).then(|| Timestamp(now.0.saturating_sub(kept)));
        Cutoffs {
            log: before(self.log_ms),
            quarantine: before(self.quarantine_ms),
            deleted: before(RESTORE_MS),
            event_ids: before(self.event_ids_ms),
            idempotency: before(IDEMPOTENCY_MS),
            events: before(self.events_ms),
        }
    }
}

/// Removes one batch of expired rows; the output is their number. If it is zero, nothing is left.
pub struct Expire {
    /// Retention settings.
    pub retention: Retention,
    /// Revision of the settings.
    pub settings_revision: u64,
}

impl Decision for Expire {
    type Output = usize;

    /// Empty: what has expired depends on the time of the decision.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn revision(&self) -> Option<u64> {
        Some(self.settings_revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<usize> {
        let Some(expired) = &facts.expired else {
            let cutoffs = Box::new(self.retention.cutoffs(now.at));
            return Step::NeedMore(Needs { expired: Some(cutoffs), ..Needs::default() });
        };
        if *expired == Expired::default() {
            return Step::Leave(0);
        }
        let identity = Identity::off();
        let mut state = DecisionState::new(facts, &identity, now.at);
        match expire(&mut state, expired) {
            Ok(rows) => {
                let gone = rows.len();
                let mut changes = state.into_changes();
                changes.rows.extend(rows);
                Step::Done(changes, gone)
            }
            Err(Missing) => Step::NeedMore(state.needs),
        }
    }
}

/// Removes the rows; root pointers and counters follow in the same changes (law L4).
fn expire(state: &mut DecisionState<'_>, expired: &Expired) -> Known<Vec<RowChange>> {
    let mut rows: Vec<RowChange> = expired.requests.iter().map(|no| RowChange::Delete(RowKey::LogEntry(*no))).collect();
    rows.extend(expired.quarantine.iter().map(|(no, _)| RowChange::Delete(RowKey::QuarantinedElement(*no))));
    let open = expired.quarantine.iter().filter(|(_, is_open)| *is_open).count() as u64;
    state.counters.quarantined = state.counters.quarantined.saturating_sub(open);
    // Deleted entries are not counted any more.
    rows.extend(expired.deleted.iter().map(|no| RowChange::Delete(RowKey::QuarantinedElement(*no))));
    rows.extend(expired.event_ids.iter().cloned().map(|row| RowChange::Delete(RowKey::EventId(row))));
    rows.extend(
        expired.idempotency.iter().cloned().map(|(route, key)| RowChange::Delete(RowKey::Idempotency(route, key))),
    );
    for (no, seq) in &expired.events {
        let own = state.root_pointer_mut(*no)?;
        own.events = own.events.saturating_sub(1);
        let root = own.root;
        let tree = &mut state.root_pointer_mut(root)?.tree;
        tree.events = tree.events.saturating_sub(1);
        rows.push(RowChange::Delete(RowKey::Event(*seq)));
    }
    let gone = expired.events.len() as u64;
    state.counters.events = state.counters.events.saturating_sub(gone);
    state.counters.events_removed += gone;
    Ok(rows)
}
