//! Keeps the bounded families within their bounds, oldest dropped first.

use super::tables::WholeTables;
use super::{GroupStop, Tables, WorkingSet};
use crate::bounds::{ANSWERS_KEPT_MS, Bounds};
use crate::engine::EngineError;
use muster_core::change::{RowChange, RowKey};

impl<T: Tables> WorkingSet<'_, T> {
    /// Drops what is beyond the bounds, once all pending rows are written.
    pub(crate) fn trim(&mut self, bounds: &Bounds) -> Result<(), GroupStop> {
        if self.is_within(bounds) {
            return Ok(());
        }
        if self.tables.as_whole().is_none() {
            return Err(GroupStop::NeedsTables);
        }
        self.trim_quarantine(bounds)?;
        self.trim_answers(bounds)?;
        self.trim_refused(bounds)?;
        Ok(())
    }

    /// Whether nothing is beyond the bounds.
    pub(crate) fn is_within(&self, bounds: &Bounds) -> bool {
        self.state.is_within(bounds, 0)
    }

    fn has_too_many_quarantined(&self, bounds: &Bounds) -> bool {
        self.state.has_too_many_quarantined(bounds)
    }

    fn has_too_many_refused(&self, bounds: &Bounds) -> bool {
        self.state.has_too_many_refused(bounds, 0)
    }

    fn whole_tables(&mut self) -> Result<&mut dyn WholeTables, EngineError> {
        self.tables.as_whole().ok_or_else(|| EngineError::Broken("the tables cannot be asked".into()))
    }

    fn drop_row(&mut self, key: RowKey) -> Result<(), EngineError> {
        self.put_rows(vec![RowChange::Delete(key)]);
        self.write_pending()
    }

    /// Drops quarantine entries, and counts them.
    fn trim_quarantine(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        while self.has_too_many_quarantined(bounds) {
            let Some((no, is_open)) = self.whole_tables()?.first_quarantined()? else { break };
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
            let Some((route, key, at)) = self.whole_tables()?.first_answer()? else { break };
            if self.state.counters.now.0 - at.0 < ANSWERS_KEPT_MS {
                break;
            }
            self.drop_row(RowKey::Idempotency(route, key))?;
        }
        Ok(())
    }

    fn trim_refused(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        while self.has_too_many_refused(bounds) {
            let Some(no) = self.whole_tables()?.first_refused()? else { break };
            self.drop_row(RowKey::LogEntry(no))?;
        }
        Ok(())
    }
}
