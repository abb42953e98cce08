//! Reads a workspace through a read-only connection, in one short transaction, so that everything is from one snapshot.

use super::chunks;
use super::group_tables;
use super::table;
use super::workspace::SqliteWorkspace;
use crate::codec::{Binding, COUNTERS_ID, Cell, FormerHolder, Holder, MergeEffect, Record, ViewRow, outcome_bit};
use crate::engine::EngineError;
use crate::family::Family;
use crate::page::{self, Page, PageBuilder, payload};
use crate::queue::cores::Cores;
use crate::read_room::ReadRoom;
use crate::reader::{Charge, Due, EventQuery, LiveProfile, Reader, RequestQuery, ReviewQuery};
use crate::workspace_state::TableStats;
use muster_core::change::{RowChange, StoredRow};
use muster_core::facts::Cutoffs;
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::limits::SCAN_BYTES_MAX;
use muster_core::profile::Member;
use muster_core::record::{
    Change, Counters, Device, Event, EventId, History, Idempotency, LogEntry, MemberRecord, Merge, MergeLink,
    OutboxMessage, QuarantinedElement, RootPointer, Separation,
};
use muster_core::review::Review;
use muster_core::time::Timestamp;
use rusqlite::{Connection, Row};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// A reader of one workspace at one snapshot.
pub(crate) struct SqliteReader {
    /// None only while it is dropped.
    conn: Option<Connection>,
    /// The owner of the connection; None = closed afterwards.
    workspace: Option<Arc<SqliteWorkspace>>,
    room: ReadRoom,
}

impl SqliteReader {
    /// Takes a snapshot of a workspace.
    pub(crate) fn open(workspace: Arc<SqliteWorkspace>, cores: &Arc<Cores>) -> Result<Self, EngineError> {
        if let Err(error) = workspace.front.fill_for_reader(cores) {
            match workspace.overlay(cores) {
                Ok(conn) => return Ok(Self { conn: Some(conn), workspace: None, room: ReadRoom::of_server(cores) }),
                Err(_) if workspace.front.is_filled() => {}
                Err(_what_it_met_too) => return Err(error),
            }
        }
        workspace.check_readable()?;
        let conn = workspace.reader()?;
        Self::begin(conn, Some(workspace), ReadRoom::of_server(cores))
    }

    /// Takes a snapshot through a connection of its own.
    pub(crate) fn with_connection(conn: Connection) -> Result<Self, EngineError> {
        Self::begin(conn, None, ReadRoom::default())
    }

    fn begin(conn: Connection, workspace: Option<Arc<SqliteWorkspace>>, room: ReadRoom) -> Result<Self, EngineError> {
        // A deferred transaction takes its snapshot with its first read, so read something at once.
        conn.execute_batch("BEGIN; SELECT 1 FROM engine;")?;
        Ok(Self { conn: Some(conn), workspace, room })
    }

    pub(crate) fn conn(&self) -> &Connection {
        self.conn.as_ref().expect("only drop takes it")
    }

    /// One page of a list, for which there is room.
    fn page<R: Record>(
        &mut self,
        of: (Family, &str),
        cells: &[Cell<'_>],
        limit: usize,
    ) -> Result<Page<R>, EngineError> {
        let conn = self.conn.as_ref().expect("only drop takes it");
        self.room.turn_page();
        table::page(conn, of, cells, limit, &mut |bytes| self.room.reads_row(bytes))
    }

    fn by_number<R: Record>(&self, no: u64) -> Result<Option<R>, EngineError> {
        Ok(table::get(self.conn(), &[Cell::unsigned(no)])?.map(|(row, _)| row))
    }

    fn member(&self, no: ProfileNo) -> Result<Member, EngineError> {
        let missing = |what: &str| EngineError::Corrupt(format!("profile {} has no {what}", no.0).into());
        let mut profile = self.by_number(no.0)?.ok_or_else(|| missing("member record"))?;
        chunks::fill_record(self.conn(), &mut profile)?;
        let root_pointer = self.by_number(no.0)?.ok_or_else(|| missing("root pointer"))?;
        let link: Option<MergeLink> = self.by_number(no.0)?;
        let joined_at = match &link {
            Some(link) => self.by_number::<Change>(link.seq)?.map(|change| change.at),
            None => None,
        };
        let of = (Family::Devices, "WHERE profile = ?1 ORDER BY device_id");
        let devices = table::list(self.conn(), of, &[Cell::unsigned(no.0)])?;
        Ok(Member { record: profile, root_pointer, link, joined_at, devices })
    }

    /// The members of a tree, the root first, the others by number: a statement for each family, not for each member.
    fn members(&self, root: ProfileNo) -> Result<Vec<Member>, EngineError> {
        const AMONG: &str = "IN (SELECT ?1 UNION ALL SELECT no FROM standings WHERE root = ?1 AND root <> no)";
        let of = |start: &str, end: &str| format!("WHERE {start} {AMONG} {end}");
        let (conn, at) = (self.conn(), [Cell::unsigned(root.0)]);
        let (mut root_pointers, mut links) = (HashMap::new(), HashMap::new());
        table::each(conn, (Family::Standings, &of("no", "")), &at, |row: RootPointer| {
            root_pointers.insert(row.no, row);
        })?;
        table::each(conn, (Family::Links, &of("child", "")), &at, |row: MergeLink| {
            links.insert(row.child, row);
        })?;
        let (mut joined, mut devices) = (HashMap::new(), HashMap::<_, Vec<Device>>::new());
        // The change has the time of the merge, too: a merge record lists the identifiers of all that it joined.
        let of_links = of("seq IN (SELECT seq FROM links WHERE child", ")");
        table::each(conn, (Family::Changes, &of_links), &at, |row: Change| {
            joined.insert(row.seq, row.at);
        })?;
        table::each(conn, (Family::Devices, &of("profile", "ORDER BY profile, device_id")), &at, |row: Device| {
            devices.entry(row.at.profile).or_default().push(row);
        })?;
        let order = of("no", "ORDER BY no <> ?1, no");
        let mut profiles: Vec<MemberRecord> = table::list(conn, (Family::Profiles, &order), &at)?;
        for profile in &mut profiles {
            chunks::fill_record(conn, profile)?;
        }
        let missing =
            |no: ProfileNo, what: &str| EngineError::Corrupt(format!("profile {} has no {what}", no.0).into());
        if profiles.len() != root_pointers.len() || profiles.first().is_none_or(|first| first.no != root) {
            return Err(missing(root, "member record, or a member of it has none"));
        }
        let member = |profile: MemberRecord| {
            let root_pointer = root_pointers.remove(&profile.no).ok_or_else(|| missing(profile.no, "root pointer"))?;
            let link = links.remove(&profile.no);
            let joined_at = link.as_ref().and_then(|link| joined.get(&link.seq).copied());
            let devices = devices.remove(&profile.no).unwrap_or_default();
            Ok(Member { record: profile, root_pointer, link, joined_at, devices })
        };
        profiles.into_iter().map(member).collect()
    }

    /// The rows of a family below a number, newest first.
    fn newest<R: Record>(&mut self, below: Option<u64>, limit: usize) -> Result<Page<R>, EngineError> {
        let below = below.map_or(i64::MAX, |no| i64::try_from(no).unwrap_or(i64::MAX));
        let of = (R::FAMILY, "WHERE no < ?1 ORDER BY no DESC");
        self.page(of, &[Cell::Int(below)], limit)
    }

    /// Puts the (time, seq) of one id's newest events into the heap, which keeps the newest of all.
    fn newest_of(
        &self,
        profile: ProfileNo,
        query: &EventQuery<'_>,
        newest: &mut BinaryHeap<Reverse<(Timestamp, Seq)>>,
    ) -> Result<(), EngineError> {
        const BY_INDEX: &str = "SELECT time, seq FROM events WHERE profile = ?1 AND (time, seq) < (?2, ?3) \
             AND (time, seq) > (?4, ?5) ORDER BY time DESC, seq DESC LIMIT ?6";
        const BY_NAME: &str = "SELECT time, seq FROM events WHERE profile = ?1 AND (time, seq) < (?2, ?3) \
             AND (time, seq) > (?4, ?5) AND name = ?7 ORDER BY time DESC, seq DESC LIMIT ?6";
        let above = newest.peek().filter(|_| newest.len() > query.limit).map(|Reverse((time, seq))| (time.0, *seq));
        let (above_time, above_seq) = above.map_or((i64::MIN, 0), |(time, seq)| (time, seq.cast_signed()));
        let below = query.below.map(|(time, seq)| (time.0, i64::try_from(seq).unwrap_or(i64::MAX)));
        let (below_time, below_seq) = below.unwrap_or((i64::MAX, i64::MAX));
        let mut statement = table::prepared(self.conn(), if query.name.is_some() { BY_NAME } else { BY_INDEX })?;
        for (place, n) in (1..).zip([profile.0.cast_signed(), below_time, below_seq, above_time, above_seq]) {
            statement.raw_bind_parameter(place, n)?;
        }
        // One more than requested, to know whether there is a next page.
        let limit = query.limit.saturating_add(1);
        statement.raw_bind_parameter(6, sql_limit(limit))?;
        if let Some(name) = query.name {
            statement.raw_bind_parameter(7, name)?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            newest.push(Reverse((Timestamp(row.get(0)?), row.get::<_, i64>(1)?.cast_unsigned())));
            if newest.len() > limit {
                newest.pop();
            }
        }
        Ok(())
    }

    fn requests_of(&mut self, family: Family, query: RequestQuery) -> Result<Page<LogEntry>, EngineError> {
        let (time, no) = query.below.map_or((i64::MAX, i64::MAX), |(time, no)| (time.0, no.0.cast_signed()));
        let condition = "WHERE (received_at, no) < (?1, ?2) AND received_at >= ?5 AND (?3 IS NULL OR status = ?3) \
             AND (?4 IS NULL OR outcomes & ?4 <> 0) ORDER BY received_at DESC, no DESC";
        let parameters = [
            Cell::Int(time),
            Cell::Int(no),
            Cell::int_or_null(query.status.map(i64::from)),
            Cell::int_or_null(query.outcome.map(outcome_bit)),
            Cell::Int(query.since.map_or(i64::MIN, |since| since.0)),
        ];
        self.page((family, condition), &parameters, query.limit)
    }

    fn family<R: Record>(
        &self,
        family: Family,
        row: impl Fn(R) -> RowChange,
        each: &mut dyn FnMut(RowChange),
    ) -> Result<(), EngineError> {
        let order = ["ORDER BY 1", "ORDER BY 1, 2", "ORDER BY 1, 2, 3"][family.key_columns() - 1];
        table::each(self.conn(), (family, order), &[], |record| each(row(record)))
    }
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn cell_limit(limit: usize) -> Cell<'static> {
    Cell::Int(sql_limit(limit))
}

impl Drop for SqliteReader {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        if let Some(workspace) = &self.workspace
            && conn.execute_batch("ROLLBACK").is_ok()
            && workspace.queue.stopped().is_none()
        {
            workspace.keep_reader(conn);
        }
    }
}

impl Reader for SqliteReader {
    fn charge(&mut self, charge: Charge) {
        self.room.set_charge(charge);
    }

    fn counters(&mut self) -> Result<Counters, EngineError> {
        let found = table::get(self.conn(), &[Cell::Int(COUNTERS_ID)])?;
        found.map(|(row, _)| row).ok_or(EngineError::Corrupt("the row of counters is missing".into()))
    }

    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        group_tables::binding(self.conn(), key)
    }

    fn profile(&mut self, no: ProfileNo) -> Result<Option<LiveProfile>, EngineError> {
        let Some(root_pointer) = self.by_number::<RootPointer>(no.0)? else { return Ok(None) };
        let root = root_pointer.root;
        let is_alone = root_pointer.root == no && root_pointer.tree.members == 1;
        let whole = if root == no { Some(root_pointer) } else { self.by_number::<RootPointer>(root.0)? };
        self.room.reads(whole.map_or(0, |whole| whole.weight))?;
        let members = if is_alone { vec![self.member(root)?] } else { self.members(root)? };
        let mut view = self.by_number::<ViewRow>(root.0)?.map(|row| row.view);
        if let Some(view) = &mut view {
            chunks::fill_view(self.conn(), root, view)?;
        }
        Ok(Some(LiveProfile { root, members, view }))
    }

    fn due_deletions(&mut self, now: Timestamp, after: Option<Due>, limit: usize) -> Result<Vec<Due>, EngineError> {
        let sql = "SELECT deletion, no FROM standings WHERE deletion <= ?1 AND (deletion, no) > (?2, ?3) AND root = no \
             ORDER BY deletion, no LIMIT ?4";
        let (since, no) = after.map_or((i64::MIN, 0), |(since, no)| (since.0, no.0));
        let parameters = [Cell::Int(now.0), Cell::Int(since), Cell::unsigned(no), cell_limit(limit)];
        table::answers(self.conn(), sql, &parameters, |row| {
            Ok((Timestamp(row.get(0)?), ProfileNo(table::unsigned(row, 1)?)))
        })
    }

    fn oldest(&mut self) -> Result<Cutoffs, EngineError> {
        let first = |sql| -> Result<Option<Timestamp>, EngineError> {
            let read = |row: &Row<'_>| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp));
            Ok(table::answers(self.conn(), sql, &[], read)?.into_iter().flatten().next())
        };
        let log = [first("SELECT min(received_at) FROM requests")?, first("SELECT min(received_at) FROM refused")?];
        Ok(Cutoffs {
            log: log.into_iter().flatten().min(),
            quarantine: first("SELECT min(at) FROM quarantine")?,
            deleted: first("SELECT min(deleted_at) FROM quarantine WHERE deleted_at IS NOT NULL")?,
            event_ids: first("SELECT min(at) FROM event_ids")?,
            idempotency: first("SELECT min(at) FROM idempotency")?,
            events: first("SELECT received_at FROM events ORDER BY seq LIMIT 1")?,
        })
    }

    fn events(&mut self, query: &EventQuery<'_>) -> Result<Page<Event>, EngineError> {
        let mut newest = BinaryHeap::new();
        for profile in query.profiles {
            self.newest_of(*profile, query, &mut newest)?;
        }
        let mut page = PageBuilder::new(query.limit);
        self.room.turn_page();
        for Reverse((_, seq)) in newest.into_sorted_vec() {
            let event: Event = self.by_number(seq)?.ok_or(EngineError::Corrupt("an event is missing".into()))?;
            let bytes = payload(&event.cells());
            if !page.takes(bytes) {
                break;
            }
            self.room.reads_row(bytes)?;
            page.put(event);
        }
        Ok(page.done())
    }

    fn requests(&mut self, query: RequestQuery) -> Result<Page<LogEntry>, EngineError> {
        let pages = [self.requests_of(Family::Requests, query)?, self.requests_of(Family::Refused, query)?];
        Ok(page::merged(pages, query.limit, |r| Reverse((r.received_at, r.no))))
    }

    fn request(&mut self, no: RequestNo) -> Result<Option<LogEntry>, EngineError> {
        let family = if no.is_refused() { Family::Refused } else { Family::Requests };
        Ok(table::get_of(self.conn(), family, &[Cell::unsigned(no.0)])?.map(|(row, _)| row))
    }

    fn quarantine(
        &mut self,
        below: Option<QuarantineNo>,
        limit: usize,
    ) -> Result<Page<QuarantinedElement>, EngineError> {
        let below = below.map_or(i64::MAX, |no| i64::try_from(no.0).unwrap_or(i64::MAX));
        // Skips deleted ones: those of the minute in which they can be restored.
        let of = (Family::Quarantine, "WHERE no < ?1 AND deleted_at IS NULL ORDER BY no DESC");
        self.page(of, &[Cell::Int(below)], limit)
    }

    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError> {
        Ok(self.by_number(no.0)?.filter(|entry: &QuarantinedElement| entry.deleted_at.is_none()))
    }

    fn deleted(&mut self, after: Timestamp, limit: usize) -> Result<Page<QuarantinedElement>, EngineError> {
        let of = (Family::Quarantine, "WHERE deleted_at > ?1 ORDER BY deleted_at DESC, no DESC");
        self.page(of, &[Cell::Int(after.0)], limit)
    }

    fn merges(&mut self, below: Option<MergeNo>, limit: usize) -> Result<Page<Merge>, EngineError> {
        self.newest(below.map(|no| no.0), limit)
    }

    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        self.by_number(no.0)
    }

    fn merge_effect(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        Ok(self.by_number(no.0)?.map(|MergeEffect(merge)| merge))
    }

    fn separations(&mut self, below: Option<SeparationNo>, limit: usize) -> Result<Page<Separation>, EngineError> {
        self.newest(below.map(|no| no.0), limit)
    }

    fn reviews(&mut self, query: ReviewQuery) -> Result<Page<Review>, EngineError> {
        let below = query.below.map_or(i64::MAX, |no| i64::try_from(no.0).unwrap_or(i64::MAX));
        let (condition, parameters) = match query.state {
            None => ("WHERE no < ?1 ORDER BY no DESC", vec![Cell::Int(below)]),
            Some(state) => {
                ("WHERE state = ?2 AND no < ?1 ORDER BY no DESC", vec![Cell::Int(below), Cell::Int(state as i64)])
            }
        };
        self.page((Family::Reviews, condition), &parameters, query.limit)
    }

    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError> {
        self.by_number(no.0)
    }

    fn root(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError> {
        match self.by_number::<RootPointer>(no.0)? {
            Some(root_pointer) if root_pointer.root != no => self.by_number(root_pointer.root.0),
            found => Ok(found),
        }
    }

    fn profiles(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<MemberRecord>, EngineError> {
        let of = (Family::Profiles, "WHERE no > ?1 ORDER BY no LIMIT ?2");
        let mut profiles: Vec<MemberRecord> =
            table::list(self.conn(), of, &[Cell::unsigned(after.0), cell_limit(limit)])?;
        let (mut bytes, mut read) = (0, 0);
        for profile in &mut profiles {
            if bytes > SCAN_BYTES_MAX {
                break;
            }
            chunks::fill_record(self.conn(), profile)?;
            bytes += profile.attributes.size().weight as u64;
            read += 1;
        }
        profiles.truncate(read);
        Ok(profiles)
    }

    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError> {
        group_tables::separations_of(self.conn(), no)
    }

    fn holder(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        Ok(group_tables::noted(self.conn(), Family::Holders, key, 1)?.first().copied())
    }

    fn former(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        group_tables::noted(self.conn(), Family::Former, key, limit)
    }

    fn history(&mut self, profile: &MemberRecord) -> Result<Vec<History>, EngineError> {
        let row = |seq: &Seq| table::get(self.conn(), &[Cell::unsigned(*seq), Cell::unsigned(profile.no.0)]);
        let mut rows: Vec<History> = Vec::new();
        for seq in &profile.history {
            rows.extend(row(seq)?.map(|(row, _)| row));
        }
        self.room.reads(rows.iter().map(|row| payload(&row.cells())).sum())?;
        Ok(rows)
    }

    fn changes(&mut self, places: &[Seq]) -> Result<Vec<Change>, EngineError> {
        let rows = places.iter().map(|seq| self.by_number(*seq)).collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().flatten().collect())
    }

    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        group_tables::idempotency(self.conn(), route, key)
    }

    fn quarantine_dropped(&mut self) -> Result<u64, EngineError> {
        Ok(TableStats::load(self.conn())?.quarantine_dropped)
    }

    fn rows(&mut self, each: &mut dyn FnMut(RowChange)) -> Result<(), EngineError> {
        use Family as F;
        self.family(F::Bindings, |row: Binding| RowChange::Upsert(StoredRow::Binding(row.key, row.profile)), each)?;
        table::each_checked(self.conn(), (F::Profiles, "ORDER BY 1"), &[], |cells, _| {
            let mut profile: MemberRecord = table::record(cells)?;
            chunks::fill_record(self.conn(), &mut profile)?;
            each(RowChange::Upsert(StoredRow::MemberRecord(profile)));
            Ok(())
        })?;
        self.family::<RootPointer>(F::Standings, |row| RowChange::Upsert(StoredRow::RootPointer(row)), each)?;
        table::each_checked(self.conn(), (F::Views, "ORDER BY 1"), &[], |cells, _| {
            let mut row: ViewRow = table::record(cells)?;
            chunks::fill_view(self.conn(), row.profile, &mut row.view)?;
            each(RowChange::Upsert(StoredRow::View(row.profile, row.view)));
            Ok(())
        })?;
        self.family::<MergeLink>(F::Links, |row| RowChange::Upsert(StoredRow::MergeLink(row)), each)?;
        self.family::<Device>(F::Devices, |row| RowChange::Upsert(StoredRow::Device(row)), each)?;
        self.family::<Event>(F::Events, |row| RowChange::Upsert(StoredRow::Event(row)), each)?;
        self.family::<EventId>(F::EventIds, |row| RowChange::Upsert(StoredRow::EventId(row)), each)?;
        self.family::<Merge>(F::Merges, |row| RowChange::Upsert(StoredRow::Merge(row)), each)?;
        self.family::<Separation>(F::Separations, |row| RowChange::Upsert(StoredRow::Separation(row)), each)?;
        self.family::<LogEntry>(F::Requests, |row| RowChange::Upsert(StoredRow::LogEntry(row)), each)?;
        self.family::<LogEntry>(F::Refused, |row| RowChange::Upsert(StoredRow::LogEntry(row)), each)?;
        self.family::<QuarantinedElement>(
            F::Quarantine,
            |row| RowChange::Upsert(StoredRow::QuarantinedElement(row)),
            each,
        )?;
        self.family::<Idempotency>(F::Idempotency, |row| RowChange::Upsert(StoredRow::Idempotency(row)), each)?;
        self.family::<OutboxMessage>(F::Outbox, |row| RowChange::Upsert(StoredRow::OutboxMessage(row)), each)?;
        self.family::<Change>(F::Changes, |row| RowChange::Upsert(StoredRow::Change(row)), each)?;
        self.family::<Review>(F::Reviews, |row| RowChange::Upsert(StoredRow::Review(row)), each)?;
        self.family::<History>(F::History, |row| RowChange::Upsert(StoredRow::History(row)), each)?;
        self.family(
            F::Holders,
            |row: Holder| RowChange::Upsert(StoredRow::PendingHolder(row.key, row.profile)),
            &mut *each,
        )?;
        self.family(
            F::Former,
            |row: FormerHolder| RowChange::Upsert(StoredRow::FormerHolder(row.key, row.profile)),
            each,
        )
    }
}
