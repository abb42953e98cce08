//! The working set of a group: decisions run against the tables as the decisions before them left them, their rows stay
//! in memory, and each changed row is encoded, hashed and written once, family by family in the order of the keys. The
//! same for every relational engine ([`Tables`]).
//!
//! Rows by their keys are read through what is pending. Every other question is for the tables alone, so what is pending
//! is written before it is asked ([`FactSource::queries`]).

mod bounded;
pub(crate) mod chunks;
mod loaded;
mod needed_rows;
mod pending;
mod row_id;
mod row_writer;
mod tables;

pub(crate) use tables::{ChunkSums, EachRow, FamilyWrites, NeededRow, RowWrite, StoredSum, Tables, WholeTables};

use crate::binding_map::BindingMap;
use crate::codec::chunks::PartOf;
use crate::codec::{Binding, Cell, Record, ViewRow, binding_cells, row_sum};
use crate::engine::{EngineError, Job};
use crate::fact_loading::{self, FactQueries, FactSource, LoadResult};
use crate::family::Family;
use crate::queue::cores::{Cores, Large};
use crate::queue::group::GroupRun;
use crate::workspace_state::WorkspaceState;
use loaded::{LoadedChunks, LoadedSums};
use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::decision::Mode;
use muster_core::facts::{Facts, Needs};
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::rate::RateWindow;
use muster_core::record::{
    Change, Device, DeviceRef, EventId, Idempotency, MemberRecord, Merge, MergeLink, QuarantinedElement, RootPointer,
    Separation, View,
};
use muster_core::review::Review;
use muster_core::time::{Moment, Timestamp};
use pending::PendingRows;
use row_id::RowId;
use row_writer::RowWriter;

/// The working set of a group that runs.
pub(crate) struct WorkingSet<'w, T> {
    tables: T,
    state: &'w mut WorkspaceState,
    /// None where the table alone knows, because others write it, too.
    bindings: Option<&'w mut BindingMap>,
    cores: &'w Cores,
    pending: PendingRows,
    loaded: LoadedSums,
    /// Chunks of records and views that decisions have read, as the tables have them.
    chunk_sums: LoadedChunks,
    /// Room for what a decision loads, once that is much.
    large: Option<Large<'w>>,
    /// Why the group must be stopped, once the decision that runs has ended.
    stop: Option<GroupStop>,
    /// Whether a decision asked a question about all rows.
    asked: bool,
}

/// Returns the needs that these decisions begin with.
pub(crate) fn first_needs(jobs: &[Box<dyn Job>]) -> Vec<Needs> {
    // One that panics is answered when it runs.
    jobs.iter().filter_map(|job| fact_loading::needs_of(&**job).ok()).collect()
}

/// Returns the rows that these needs name, for a group that begins.
pub(crate) fn first_needed_rows(needs: &[Needs]) -> Vec<NeededRow<'_>> {
    needed_rows::needed_rows(needs, &PendingRows::default())
}

/// Why a group is stopped.
pub(crate) enum GroupStop {
    /// The storage failed.
    Failed(EngineError),
    /// Rows of one decision, nobody knows which, cannot be written: each is run in a group of its own.
    BrokenRow(EngineError),
    /// The decision asks what these tables cannot answer ([`Tables::as_whole`]).
    NeedsTables,
}

impl From<EngineError> for GroupStop {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Broken(_) | EngineError::Corrupt(_) => Self::BrokenRow(error),
            error => Self::Failed(error),
        }
    }
}

impl<'w, T: Tables> WorkingSet<'w, T> {
    /// Makes one for a group that begins.
    pub(crate) fn new(
        tables: T,
        (state, bindings): (&'w mut WorkspaceState, Option<&'w mut BindingMap>),
        cores: &'w Cores,
    ) -> Self {
        Self {
            tables,
            state,
            bindings,
            cores,
            pending: PendingRows::default(),
            loaded: LoadedSums::default(),
            chunk_sums: LoadedChunks::default(),
            large: None,
            stop: None,
            asked: false,
        }
    }

    /// Runs one decision, at `now` or the latest moment that any decision took. Returns whether it changed something, or
    /// the error that it is answered alone.
    pub(crate) fn decide(
        &mut self,
        job: &mut dyn Job,
        run: &mut GroupRun<'_>,
        latest: &mut Timestamp,
    ) -> Result<Result<bool, EngineError>, GroupStop> {
        let now = run.clock.now();
        *latest = now.at.max(*latest).max(self.state.counters.now);
        self.loaded.clear();
        let facts = Facts {
            counters: self.state.counters,
            settings_revision: run.revision,
            rate: run.rate.clone(),
            pause: run.pause.clone(),
            ..Facts::default()
        };
        let verdict = fact_loading::load_facts(job, self, facts, Moment { at: *latest, ..now });
        // What was loaded is in the changes: the room is held until they are written.
        let large = self.large.take();
        if let Some(stop) = self.stop.take() {
            return Err(stop);
        }
        match verdict {
            Err(error) if error.is_of_one_decision() => Ok(Err(error)),
            Err(error) => Err(GroupStop::Failed(error)),
            Ok(LoadResult::Changes(changes, bytes)) if job.mode() == Mode::Commit => {
                if let Some(rate) = self.put(changes) {
                    run.rate = rate;
                }
                self.pending.count_bytes(bytes + job.bytes() as u64);
                if large.is_some() || self.pending.is_full() {
                    self.write_pending()?;
                }
                Ok(Ok(true))
            }
            // A dry decision saw what it would change; it is pure, so nothing is there to take back.
            Ok(LoadResult::Changes(..) | LoadResult::Leave) => Ok(Ok(false)),
        }
    }

    /// Adds the changes of a decision; returns the rate window after it.
    fn put(&mut self, changes: Changes) -> Option<RateWindow> {
        self.put_rows(changes.rows);
        self.state.counters = changes.counters;
        changes.rate
    }

    /// Adds changed rows.
    pub(crate) fn put_rows(&mut self, changes: Vec<RowChange>) {
        let Self { tables, pending, bindings, loaded, chunk_sums, .. } = self;
        let stored = |change: &RowChange, id: RowId<'_>| {
            let stored = match (change, bindings.as_deref_mut()) {
                (RowChange::Upsert(StoredRow::Binding(key, profile)), Some(map)) => bind(map, key, Some(*profile)),
                (RowChange::Delete(RowKey::Binding(key)), Some(map)) => bind(map, key, None),
                _ => id.as_number().map_or(StoredSum::Unknown, |(family, no)| loaded.get(family, no)),
            };
            // Of a record or view that no decision has read the chunks are not known.
            let is_asked = T::PREFETCHES && stored == StoredSum::Unknown && id.part_of().is_none();
            if is_asked { tables.known(id.family, &id.cells()) } else { stored }
        };
        pending.put(changes, stored);
        // The pending rows know them now, and once those are written they are out of date.
        chunk_sums.extend(loaded.chunks.drain());
        loaded.clear();
    }

    /// Writes all pending rows.
    ///
    /// # Errors
    /// Those of the storage; the group must be stopped then.
    pub(crate) fn write_pending(&mut self) -> Result<(), EngineError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let Self { tables, state, pending, cores, chunk_sums, .. } = self;
        let families = pending.in_order();
        let mut writer = RowWriter { tables, state, chunk_sums, cores };
        let mut batch: Vec<(Family, &[_])> = Vec::new();
        let mut room = T::ROWS_AT_A_TIME;
        for (family, rows) in Family::ALL.into_iter().zip(&families) {
            let mut rows = &rows[..];
            while !rows.is_empty() {
                let (now, later) = rows.split_at(rows.len().min(room));
                batch.push((family, now));
                (rows, room) = (later, room - now.len());
                if room == 0 {
                    writer.write(&batch)?;
                    batch.clear();
                    room = T::ROWS_AT_A_TIME;
                }
            }
        }
        writer.write(&batch)?;
        drop(batch);
        drop(families);
        pending.clear();
        chunk_sums.clear();
        Ok(())
    }

    /// Stops the group if its tables cannot answer questions about all rows.
    fn need_tables(&mut self) -> Result<(), EngineError> {
        self.asked = true;
        if self.tables.as_whole().is_some() {
            return Ok(());
        }
        self.stop = Some(GroupStop::NeedsTables);
        Err(no_tables())
    }

    /// Returns the tables.
    pub(crate) fn tables(&mut self) -> &mut T {
        &mut self.tables
    }

    /// Ends it. Rows that are pending are gone.
    pub(crate) fn into_tables(self) -> T {
        self.tables
    }

    /// Whether a decision asked a question about all rows.
    pub(crate) fn has_asked(&self) -> bool {
        self.asked
    }

    fn get<R: Record>(&mut self, key: &[Cell<'_>]) -> Result<Option<R>, EngineError> {
        Ok(self.tables.get::<R>(key)?.map(|(row, _)| row))
    }

    /// Reads a row whose key is a number from its table, and remembers its checksum.
    fn load<R: Record>(&mut self, no: u64) -> Result<Option<R>, EngineError> {
        let found = self.tables.get::<R>(&[Cell::unsigned(no)])?;
        self.loaded.set(R::FAMILY, no, found.as_ref().map(|(_, sum)| *sum));
        Ok(found.map(|(row, _)| row))
    }

    /// Returns a row as earlier decisions left it, if they changed it.
    fn pending<R: Clone>(&self, id: RowId<'_>, pick: impl FnOnce(&StoredRow) -> Option<&R>) -> Option<Option<R>> {
        self.pending.get(id).map(|row| row.and_then(pick).cloned())
    }

    fn numbered<R: Record + Clone>(
        &mut self,
        no: u64,
        pick: impl FnOnce(&StoredRow) -> Option<&R>,
    ) -> Result<Option<R>, EngineError> {
        match self.pending(RowId::number(R::FAMILY, no), pick) {
            Some(row) => Ok(row),
            None => self.load(no),
        }
    }
}

/// The error of a decision that is run again over the tables themselves.
fn no_tables() -> EngineError {
    EngineError::Broken("it asks what the redo log cannot answer".into())
}

/// Binds or releases an identifier in the map. Returns what the table has under it, unless an earlier change is pending or
/// the map cannot tell.
fn bind(bindings: &mut BindingMap, key: &Identifier, profile: Option<ProfileNo>) -> StoredSum {
    let sum = |bound: Option<ProfileNo>| bound.map(|no| row_sum(Family::Bindings, &binding_cells(key, no)));
    let stored = bindings.get(key).map_or(StoredSum::Unknown, |bound| StoredSum::found(sum(bound)));
    bindings.set(key, profile);
    stored
}

/// Returns the record in a row of this kind.
macro_rules! row {
    ($kind:ident) => {
        |row| if let StoredRow::$kind(row) = row { Some(row) } else { None }
    };
}

impl<T: Tables> FactSource for WorkingSet<'_, T> {
    fn prefetch(&mut self, needs: &Needs) -> Result<(), EngineError> {
        if !T::PREFETCHES {
            return Ok(());
        }
        self.tables.prefetch(&needed_rows::needed_rows(std::slice::from_ref(needs), &self.pending))
    }

    fn large(&mut self) -> Result<(), EngineError> {
        // What is large goes into the tables at once.
        self.need_tables()?;
        self.large = Some(self.cores.large()?);
        Ok(())
    }

    fn queries(&mut self) -> Result<&mut dyn FactQueries, EngineError> {
        self.need_tables()?;
        if let Err(error) = self.write_pending() {
            self.stop = Some(error.clone().into());
            return Err(error);
        }
        match self.tables.as_whole() {
            Some(whole) => Ok(whole),
            None => Err(no_tables()),
        }
    }

    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        if let Some(bound) = self.bindings.as_ref().and_then(|map| map.get(key)) {
            return Ok(bound);
        }
        match self.pending.get(RowId::binding(key)) {
            Some(Some(StoredRow::Binding(_, no))) => Ok(Some(*no)),
            Some(_) => Ok(None),
            None => {
                let key = [Cell::text(key.kind.name()), Cell::text(&key.value)];
                Ok(self.get::<Binding>(&key)?.map(|row| row.profile))
            }
        }
    }

    fn profile(&mut self, no: ProfileNo) -> Result<Option<MemberRecord>, EngineError> {
        if let Some(row) = self.pending(RowId::number(Family::Profiles, no.0), row!(MemberRecord)) {
            return Ok(row);
        }
        let Some(mut record) = self.load::<MemberRecord>(no.0)? else { return Ok(None) };
        let sums = chunks::fill_record(&mut record, |each| self.tables.chunks(PartOf::Record, no, each))?;
        self.loaded.set_chunks(PartOf::Record, no, sums);
        Ok(Some(record))
    }

    fn root_pointer(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError> {
        self.numbered(no.0, row!(RootPointer))
    }

    fn view(&mut self, root: ProfileNo) -> Result<Option<View>, EngineError> {
        let id = RowId::number(Family::Views, root.0);
        if let Some(row) = self.pending(id, |row| if let StoredRow::View(_, view) = row { Some(view) } else { None }) {
            return Ok(row);
        }
        let Some(ViewRow { mut view, .. }) = self.load::<ViewRow>(root.0)? else { return Ok(None) };
        let sums = chunks::fill_view(&mut view, |each| self.tables.chunks(PartOf::View, root, each))?;
        self.loaded.set_chunks(PartOf::View, root, sums);
        Ok(Some(view))
    }

    fn link(&mut self, child: ProfileNo) -> Result<Option<MergeLink>, EngineError> {
        self.numbered(child.0, row!(MergeLink))
    }

    fn device(&mut self, at: &DeviceRef) -> Result<Option<Device>, EngineError> {
        let id = RowId::number_and_text(Family::Devices, at.profile.0, &at.device_id);
        match self.pending(id, row!(Device)) {
            Some(row) => Ok(row),
            None => self.get(&id.cells()),
        }
    }

    fn event_id(&mut self, id: &str) -> Result<Option<EventId>, EngineError> {
        match self.pending(RowId::text(Family::EventIds, id), row!(EventId)) {
            Some(row) => Ok(row),
            None => self.get(&[Cell::text(id)]),
        }
    }

    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        self.numbered(no.0, row!(Merge))
    }

    fn change(&mut self, seq: Seq) -> Result<Option<Change>, EngineError> {
        self.numbered(seq, row!(Change))
    }

    fn separation(&mut self, no: SeparationNo) -> Result<Option<Separation>, EngineError> {
        self.numbered(no.0, row!(Separation))
    }

    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        let id = RowId::number_and_text(Family::Idempotency, route as u64, key);
        match self.pending(id, row!(Idempotency)) {
            Some(row) => Ok(row),
            None => self.get(&id.cells()),
        }
    }

    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError> {
        self.numbered(no.0, row!(Review))
    }

    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError> {
        self.numbered(no.0, row!(QuarantinedElement))
    }
}
