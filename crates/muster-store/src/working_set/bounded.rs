//! Keeps the bounded families within their bounds, oldest dropped first.

use super::{Tables, WorkingSet};
use crate::bounds::{ANSWERS_KEPT_MS, Bounds};
use crate::engine::EngineError;
use crate::family::Family;
use muster_core::change::{RowChange, RowKey};

impl<T: Tables> WorkingSet<'_, T> {
    /// Drops what is beyond the bounds, once all pending rows are written.
    pub(crate) fn trim(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        self.trim_quarantine(bounds)?;
        self.trim_answers(bounds)?;
        self.trim_refused(bounds)
    }

    fn drop_row(&mut self, key: RowKey) -> Result<(), EngineError> {
        self.put_rows(vec![RowChange::Delete(key)]);
        self.write_pending()
    }

    fn rows(&self, family: Family) -> u64 {
        self.state.sums.get(family).rows.cast_unsigned()
    }

    /// Drops quarantine entries, and counts them.
    fn trim_quarantine(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        while self.rows(Family::Quarantine) > bounds.quarantine_entries
            || self.state.figures.quarantine_bytes > bounds.quarantine_bytes
        {
            let Some((no, is_open)) = self.tables.first_quarantined()? else { break };
            self.drop_row(RowKey::QuarantinedElement(no))?;
            self.state.figures.quarantine_dropped += 1;
            let open = &mut self.state.counters.quarantined;
            *open = open.saturating_sub(is_open.into());
        }
        Ok(())
    }

    /// Drops recorded answers; young ones stay whatever they take.
    fn trim_answers(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        while self.state.answer_bytes > bounds.answer_bytes {
            let Some((route, key, at)) = self.tables.first_answer()? else { break };
            if self.state.counters.now.0 - at.0 < ANSWERS_KEPT_MS {
                break;
            }
            self.drop_row(RowKey::Idempotency(route, key))?;
        }
        Ok(())
    }

    fn trim_refused(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        while self.rows(Family::Refused) > bounds.refused_entries
            || self.state.figures.refused_bytes > bounds.refused_bytes
        {
            let Some(no) = self.tables.first_refused()? else { break };
            self.drop_row(RowKey::LogEntry(no))?;
        }
        Ok(())
    }
}
