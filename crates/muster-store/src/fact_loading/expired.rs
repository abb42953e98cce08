//! What is past its time, read for one batch of an expiry: the oldest of each family, as long as the batch has room.

use super::profiles::fill_standing;
use super::source::{FactSource, WithBytes};
use crate::engine::EngineError;
use muster_core::facts::{Cutoffs, Expired, Facts};
use muster_core::id::QuarantineNo;
use muster_core::limits::{EXPIRE_BYTES_MAX, EXPIRE_ROWS_MAX};
use muster_core::time::Timestamp;
use std::collections::BTreeSet;

/// What room a batch has left.
struct Room {
    rows: usize,
    bytes: u64,
}

impl Room {
    /// The oldest rows of one family, as many as fit; the first of a batch always does.
    fn take<T>(
        &mut self,
        until: Option<Timestamp>,
        read: impl FnOnce(Timestamp, usize) -> Result<WithBytes<T>, EngineError>,
    ) -> Result<Vec<T>, EngineError> {
        let Some(until) = until.filter(|_| self.rows > 0 && self.bytes > 0) else { return Ok(Vec::new()) };
        let mut taken = Vec::new();
        for (row, bytes) in read(until, self.rows)? {
            if bytes > self.bytes && self.rows < EXPIRE_ROWS_MAX {
                // What comes after it waits, too: the order of a family is the order in which it goes.
                self.bytes = 0;
                break;
            }
            self.rows -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            taken.push(row);
        }
        Ok(taken)
    }
}

/// Reads a batch, with the standings that follow its events.
pub(super) fn fill(source: &mut dyn FactSource, cutoffs: &Cutoffs, facts: &mut Facts) -> Result<(), EngineError> {
    let mut room = Room { rows: EXPIRE_ROWS_MAX, bytes: EXPIRE_BYTES_MAX };
    let mut expired = Expired {
        requests: room.take(cutoffs.log, |until, limit| source.queries()?.expired_requests(until, limit))?,
        quarantine: room.take(cutoffs.quarantine, |until, limit| source.queries()?.expired_quarantine(until, limit))?,
        deleted: room.take(cutoffs.deleted, |until, limit| source.queries()?.expired_deleted(until, limit))?,
        event_ids: room.take(cutoffs.event_ids, |until, limit| source.queries()?.expired_event_ids(until, limit))?,
        idempotency: room
            .take(cutoffs.idempotency, |until, limit| source.queries()?.expired_idempotency(until, limit))?,
        events: Vec::new(),
    };
    // Those whose own time is over are deleted once.
    let gone: BTreeSet<QuarantineNo> = expired.quarantine.iter().map(|(no, _)| *no).collect();
    expired.deleted.retain(|no| !gone.contains(no));
    expired.events = room.take(cutoffs.events, |until, limit| source.queries()?.expired_events(until, limit))?;
    for (no, _) in &expired.events {
        fill_standing(source, *no, facts)?;
    }
    facts.expired = Some(expired);
    Ok(())
}
