//! The rows of one decision, written inside its savepoint, with the sums of their families.

use super::chunks::ChunkWriter;
use super::jsonb;
use super::loaded::LoadedSums;
use super::row_statements::RowStatements;
use super::state::State;
use super::table;
use crate::binding_map::BindingMap;
use crate::bounds::{ANSWERS_KEPT_MS, Bounds};
use crate::codec::chunks::PartOf;
use crate::codec::{Cell, Record, binding_cells, holder_cells, quarantine_bytes, refused_bytes, row_sum, view_cells};
use crate::engine::EngineError;
use crate::family::Family;
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::id::{ProfileNo, QuarantineNo, RequestNo};
use muster_core::identifier::Identifier;
use muster_core::record::{Idempotency, LogEntry, MemberRecord, QuarantinedElement, View};
use rusqlite::Row;

/// What `codec` counts of a quarantine entry, of a row that is stored.
const QUARANTINE_BYTES: &str = "SELECT length(element) + length(errors) FROM quarantine WHERE no = ?1";
/// The same of a refused request.
const REFUSED_BYTES: &str = "SELECT length(record) FROM refused WHERE no = ?1";

/// The same of a recorded answer.
const ANSWER_BYTES: &str = "SELECT length(body) FROM idempotency WHERE route = ?1 AND key = ?2";

/// Writes rows through a connection.
pub(crate) struct Apply<'a, 'c> {
    pub(crate) rows: &'a RowStatements<'c>,
    pub(crate) state: &'a mut State,
    pub(crate) bindings: &'a mut BindingMap,
    pub(crate) loaded: &'a mut LoadedSums,
}

fn not_there() -> EngineError {
    EngineError::Broken("it deletes a row that is not there".into())
}

impl<'c> Apply<'_, 'c> {
    /// One row.
    pub(crate) fn row(&mut self, row: &RowChange) -> Result<(), EngineError> {
        match row {
            RowChange::Upsert(StoredRow::Binding(key, profile)) => self.bind(key, *profile),
            RowChange::Delete(RowKey::Binding(key)) => self.unbind(key),
            RowChange::Upsert(StoredRow::MemberRecord(row)) => self.member_record(row),
            RowChange::Delete(RowKey::MemberRecord(no)) => {
                self.delete_with_chunks((Family::Profiles, PartOf::Record), *no)
            }
            RowChange::Delete(RowKey::RootPointer(no)) => self.delete(Family::Standings, &[Cell::unsigned(no.0)]),
            RowChange::Upsert(StoredRow::RootPointer(row)) => self.put(row),
            RowChange::Upsert(StoredRow::View(root, view)) => self.view(*root, view),
            RowChange::Delete(RowKey::View(root)) => self.delete_with_chunks((Family::Views, PartOf::View), *root),
            RowChange::Upsert(StoredRow::MergeLink(row)) => self.put(row),
            RowChange::Delete(RowKey::MergeLink(child)) => self.delete(Family::Links, &[Cell::unsigned(child.0)]),
            RowChange::Upsert(StoredRow::Device(row)) => self.put(row),
            RowChange::Delete(RowKey::Device(at)) => {
                self.delete(Family::Devices, &[Cell::unsigned(at.profile.0), Cell::text(&at.device_id)])
            }
            RowChange::Upsert(StoredRow::Event(row)) => self.put(row),
            RowChange::Delete(RowKey::Event(seq)) => self.delete(Family::Events, &[Cell::unsigned(*seq)]),
            RowChange::Upsert(StoredRow::EventId(row)) => self.put(row),
            RowChange::Delete(RowKey::EventId(id)) => self.delete(Family::EventIds, &[Cell::text(id)]),
            RowChange::Upsert(StoredRow::Merge(row)) => self.put(row),
            RowChange::Upsert(StoredRow::Separation(row)) => self.put(row),
            RowChange::Delete(RowKey::Separation(no)) => self.delete(Family::Separations, &[Cell::unsigned(no.0)]),
            RowChange::Upsert(StoredRow::LogEntry(row)) => self.put(row),
            RowChange::Delete(RowKey::LogEntry(no)) if no.is_refused() => self.drop_refused(*no),
            RowChange::Delete(RowKey::LogEntry(no)) => self.delete(Family::Requests, &[Cell::unsigned(no.0)]),
            RowChange::Upsert(StoredRow::QuarantinedElement(row)) => self.quarantine(row),
            RowChange::Delete(RowKey::QuarantinedElement(no)) => self.drop_quarantined(*no),
            RowChange::Upsert(StoredRow::Idempotency(row)) => self.record_answer(row),
            RowChange::Delete(RowKey::Idempotency(route, key)) => self.drop_answer(*route as i64, key),
            RowChange::Upsert(StoredRow::OutboxMessage(row)) => self.put(row),
            RowChange::Upsert(StoredRow::Change(row)) => self.put(row),
            RowChange::Upsert(StoredRow::Review(row)) => self.put(row),
            RowChange::Delete(RowKey::Review(no)) => self.delete(Family::Reviews, &[Cell::unsigned(no.0)]),
            RowChange::Upsert(StoredRow::History(row)) => self.put(row),
            RowChange::Delete(RowKey::History(no, seq)) => {
                self.delete(Family::History, &[Cell::unsigned(*seq), Cell::unsigned(no.0)])
            }
            RowChange::Upsert(StoredRow::PendingHolder(key, no)) => self.note(Family::Holders, key, *no),
            RowChange::Delete(RowKey::PendingHolder(key, no)) => self.forget(Family::Holders, key, *no),
            RowChange::Upsert(StoredRow::FormerHolder(key, no)) => self.note(Family::Former, key, *no),
            RowChange::Delete(RowKey::FormerHolder(key, no)) => self.forget(Family::Former, key, *no),
        }
    }

    fn put<R: Record>(&mut self, row: &R) -> Result<(), EngineError> {
        self.put_cells(R::FAMILY, row.cells()).map(|_| ())
    }

    /// Puts a row. One that was read as a fact is replaced by its key; of any other an insert is tried first, since
    /// most rows are new. Answers whether it was there.
    fn put_cells(&mut self, family: Family, mut cells: Vec<Cell<'_>>) -> Result<bool, EngineError> {
        jsonb::encode(&mut cells);
        let sum = row_sum(family, &cells);
        let mut old = self.loaded.get(family, &cells[0]).flatten();
        if old.is_none() && !self.rows.insert(family, &cells, sum)? {
            old = self.rows.stored_sum(family, &cells[..family.key_columns()])?;
            if old.is_none() {
                return Err(EngineError::Broken(format!("a row of {} does not fit its table", family.table()).into()));
            }
        }
        self.replace((family, &cells), sum, old)?;
        Ok(old.is_some())
    }

    fn chunks(&mut self) -> ChunkWriter<'_, 'c> {
        ChunkWriter { rows: self.rows, sums: &mut self.state.sums, loaded: self.loaded }
    }

    /// Puts a member record: in one row, or in a row and chunks.
    fn member_record(&mut self, record: &MemberRecord) -> Result<(), EngineError> {
        let existed = self.put_cells(Family::Profiles, record.cells())?;
        self.chunks().write_record(record, existed)
    }

    /// Puts a view, in the same way.
    fn view(&mut self, root: ProfileNo, view: &View) -> Result<(), EngineError> {
        let existed = self.put_cells(Family::Views, view_cells(root, view))?;
        self.chunks().write_view(root, view, existed)
    }

    /// Deletes a member record or a view with its chunks.
    fn delete_with_chunks(&mut self, (family, part_of): (Family, PartOf), no: ProfileNo) -> Result<(), EngineError> {
        self.chunks().delete(part_of, no)?;
        self.delete(family, &[Cell::unsigned(no.0)])
    }

    /// Replaces a row whose old checksum is known; None = it was just inserted.
    fn replace(
        &mut self,
        (family, cells): (Family, &[Cell<'_>]),
        sum: i64,
        old: Option<i64>,
    ) -> Result<(), EngineError> {
        if old.is_some() && !self.rows.update(family, cells, sum)? {
            return Err(EngineError::Corrupt(format!("a row of {} is not there any more", family.table()).into()));
        }
        self.state.sums.replace(family, old, Some(sum));
        self.loaded.set(family, &cells[0], Some(sum));
        Ok(())
    }

    fn delete(&mut self, family: Family, key: &[Cell<'_>]) -> Result<(), EngineError> {
        let old = match self.loaded.get(family, &key[0]) {
            Some(known) => known,
            None => self.rows.stored_sum(family, key)?,
        };
        let old = old.ok_or_else(not_there)?;
        if !self.rows.delete(family, key)? {
            return Err(not_there());
        }
        self.state.sums.replace(family, Some(old), None);
        self.loaded.set(family, &key[0], None);
        Ok(())
    }

    /// The checksum of a binding follows from the map: the table need not be read.
    fn bound(&self, key: &Identifier) -> Result<Option<i64>, EngineError> {
        match self.bindings.get(key) {
            Some(profile) => Ok(profile.map(|no| row_sum(Family::Bindings, &binding_cells(key, no)))),
            None => {
                let key = [Cell::text(key.kind.name()), Cell::text(&key.value)];
                Ok(self.rows.stored_sum(Family::Bindings, &key)?)
            }
        }
    }

    fn bind(&mut self, key: &Identifier, profile: ProfileNo) -> Result<(), EngineError> {
        let cells = binding_cells(key, profile);
        let (sum, old) = (row_sum(Family::Bindings, &cells), self.bound(key)?);
        if !self.rows.put((Family::Bindings, old.is_some()), &cells, sum)? {
            return Err(EngineError::Corrupt("the bindings are not as they were loaded".into()));
        }
        self.state.sums.replace(Family::Bindings, old, Some(sum));
        self.bindings.set(key, Some(profile));
        Ok(())
    }

    fn unbind(&mut self, key: &Identifier) -> Result<(), EngineError> {
        let old = self.bound(key)?.ok_or_else(not_there)?;
        if !self.rows.delete(Family::Bindings, &[Cell::text(key.kind.name()), Cell::text(&key.value)])? {
            return Err(not_there());
        }
        self.state.sums.replace(Family::Bindings, Some(old), None);
        self.bindings.set(key, None);
        Ok(())
    }

    /// Notes who holds or held a key, unless it is noted: batches of an index and imports meet.
    fn note(&mut self, family: Family, key: &Identifier, no: ProfileNo) -> Result<(), EngineError> {
        let cells = holder_cells(key, no);
        let sum = row_sum(family, &cells);
        if self.rows.insert(family, &cells, sum)? {
            self.state.sums.replace(family, None, Some(sum));
        }
        Ok(())
    }

    /// Takes that back, if it is noted.
    fn forget(&mut self, family: Family, key: &Identifier, no: ProfileNo) -> Result<(), EngineError> {
        let cells = holder_cells(key, no);
        if self.rows.delete(family, &cells)? {
            self.state.sums.replace(family, Some(row_sum(family, &cells)), None);
        }
        Ok(())
    }

    /// What a row takes of its family's bound of bytes, as it is stored; 0 = it is not there.
    fn stored_bytes(&self, sql: &str, no: u64) -> Result<u64, EngineError> {
        Ok(table::numbers(self.rows, sql, &[Cell::unsigned(no)])?.into_iter().sum())
    }

    fn quarantine(&mut self, row: &QuarantinedElement) -> Result<(), EngineError> {
        let before = self.stored_bytes(QUARANTINE_BYTES, row.no.0)?;
        self.put(row)?;
        let bytes = &mut self.state.figures.quarantine_bytes;
        *bytes = bytes.saturating_sub(before) + quarantine_bytes(row);
        Ok(())
    }

    fn drop_quarantined(&mut self, no: QuarantineNo) -> Result<(), EngineError> {
        let bytes = self.stored_bytes(QUARANTINE_BYTES, no.0)?;
        self.delete(Family::Quarantine, &[Cell::unsigned(no.0)])?;
        let kept = &mut self.state.figures.quarantine_bytes;
        *kept = kept.saturating_sub(bytes);
        Ok(())
    }

    fn answer_bytes(&self, key: &[Cell<'_>; 2]) -> Result<u64, EngineError> {
        Ok(table::numbers(self.rows, ANSWER_BYTES, key)?.into_iter().sum())
    }

    fn record_answer(&mut self, row: &Idempotency) -> Result<(), EngineError> {
        let key = [Cell::Int(row.route as i64), Cell::text(&row.key)];
        let before = self.answer_bytes(&key)?;
        self.put(row)?;
        let after = self.answer_bytes(&key)?;
        self.state.answer_bytes = self.state.answer_bytes.saturating_sub(before) + after;
        Ok(())
    }

    fn drop_answer(&mut self, route: i64, key: &str) -> Result<(), EngineError> {
        let cells = [Cell::Int(route), Cell::text(key)];
        let bytes = self.answer_bytes(&cells)?;
        self.delete(Family::Idempotency, &cells)?;
        self.state.answer_bytes = self.state.answer_bytes.saturating_sub(bytes);
        Ok(())
    }

    /// Keeps the recorded answers within their bound, oldest dropped first; young ones stay whatever they take.
    pub(crate) fn trim_answers(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        while self.state.answer_bytes > bounds.answer_bytes {
            let sql = "SELECT route, key, at FROM idempotency ORDER BY at, route, key LIMIT 1";
            let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?));
            let oldest = table::answers(self.rows, sql, &[], read)?.into_iter().next();
            let now = self.state.counters.now.0;
            let Some((route, key, _)) = oldest.filter(|(_, _, at)| now - at >= ANSWERS_KEPT_MS) else { break };
            self.drop_answer(route, &key)?;
        }
        Ok(())
    }

    fn drop_refused(&mut self, no: RequestNo) -> Result<(), EngineError> {
        let bytes = self.stored_bytes(REFUSED_BYTES, no.0)?;
        self.delete(Family::Refused, &[Cell::unsigned(no.0)])?;
        let kept = &mut self.state.figures.refused_bytes;
        *kept = kept.saturating_sub(bytes);
        Ok(())
    }

    /// Keeps the quarantine within its bounds, oldest dropped first and counted.
    pub(crate) fn trim_quarantine(&mut self, bounds: &Bounds) -> Result<(), EngineError> {
        let over = |state: &State| {
            state.sums.get(Family::Quarantine).rows.cast_unsigned() > bounds.quarantine_entries
                || state.figures.quarantine_bytes > bounds.quarantine_bytes
        };
        while over(self.state) {
            let sql = "SELECT no, replayed_as IS NULL AND deleted_at IS NULL FROM quarantine ORDER BY no LIMIT 1";
            let read = |row: &Row<'_>| Ok((QuarantineNo(table::unsigned(row, 0)?), row.get::<_, bool>(1)?));
            let oldest = table::answers(self.rows, sql, &[], read)?;
            let Some((no, counted)) = oldest.into_iter().next() else { break };
            self.drop_quarantined(no)?;
            let State { counters, figures, .. } = &mut *self.state;
            figures.quarantine_dropped += 1;
            counters.quarantined = counters.quarantined.saturating_sub(counted.into());
        }
        Ok(())
    }

    /// Appends refused requests, and drops the oldest beyond the bounds.
    pub(crate) fn refused(&mut self, requests: &[LogEntry], bounds: &Bounds) -> Result<(), EngineError> {
        for request in requests {
            let before = self.stored_bytes(REFUSED_BYTES, request.no.0)?;
            self.put_cells(Family::Refused, request.cells())?;
            let bytes = &mut self.state.figures.refused_bytes;
            *bytes = bytes.saturating_sub(before) + refused_bytes(request);
        }
        while self.state.sums.get(Family::Refused).rows.cast_unsigned() > bounds.refused_entries
            || self.state.figures.refused_bytes > bounds.refused_bytes
        {
            let sql = "SELECT no FROM refused ORDER BY received_at, no LIMIT 1";
            let Some(no) = table::numbers(self.rows, sql, &[])?.into_iter().next() else { break };
            self.drop_refused(RequestNo(no))?;
        }
        Ok(())
    }
}
