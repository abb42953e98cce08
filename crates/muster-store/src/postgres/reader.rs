//! Reads a workspace through a transaction of its own, so that everything is from one snapshot.

use super::answer::{MEMBERS, column, sql_limit, unsigned};
use super::connection::{BEGIN_READING, Command, SqlParameter};
use super::pool::Pooled;
use super::row::stored_text;
use super::row_reader::{Condition, RowReader};
use super::state::{self, LockedState};
use crate::codec::{Binding, Cell, FormerHolder, Holder, Record, ViewRow, outcome_bit};
use crate::engine::EngineError;
use crate::family::Family;
use crate::page::{self, Page, payload};
use crate::queue::cores::Cores;
use crate::read_room::ReadRoom;
use crate::reader::{Charge, Due, EventQuery, LiveProfile, Reader, RequestQuery, ReviewQuery};
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
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// A reader of one workspace at one snapshot.
pub(super) struct PostgresReader<'p> {
    rows: RowReader<'p>,
    counters: Counters,
    quarantine_dropped: u64,
    room: ReadRoom,
}

impl<'p> PostgresReader<'p> {
    /// Takes a snapshot of a workspace.
    pub(super) fn open(
        mut connection: Pooled<'p>,
        (id, created_at): (&str, i64),
        cores: &Arc<Cores>,
    ) -> Result<Self, EngineError> {
        let read = Command::Query(state::READ, vec![&id, &created_at]);
        let answers = connection.send(&[Command::Plain(BEGIN_READING), read])?;
        let row = answers[1].first().ok_or(EngineError::UnknownWorkspace)?;
        let LockedState { counters, figures, .. } = LockedState::read(id, row)?;
        let room = ReadRoom::of_server(cores);
        Ok(Self {
            rows: RowReader { connection, id: id.into() },
            counters,
            quarantine_dropped: figures.quarantine_dropped,
            room,
        })
    }

    /// One page of a list, for which there is room.
    fn page<R: Record>(&mut self, of: &Condition<'_>, limit: usize) -> Result<Page<R>, EngineError> {
        self.rows.page(of, limit, &mut self.room)
    }

    /// The rows of a family below a number, newest first.
    fn newest<R: Record>(&mut self, below: Option<u64>, limit: usize) -> Result<Page<R>, EngineError> {
        let below = below.map_or(i64::MAX, |no| i64::try_from(no).unwrap_or(i64::MAX));
        let of = Condition { family: R::FAMILY, condition: "t.no < $2", order: "t.no DESC", parameters: &[&below] };
        self.page(&of, limit)
    }

    /// The members of a tree, the root first, the others by number: a statement for each family, not for each member.
    fn members(&mut self, root: ProfileNo) -> Result<Vec<Member>, EngineError> {
        let missing =
            |no: ProfileNo, what: &str| EngineError::Corrupt(format!("profile {} has no {what}", no.0).into());
        let mut numbers = vec![root.0.cast_signed()];
        for row in self.rows.rows(MEMBERS, &[&root.0.cast_signed()])? {
            numbers.push(column(&row, 0)?);
        }
        let keys = || numbers.iter().map(|no| vec![Cell::Int(*no)]).collect::<Vec<_>>();
        let mut pointers: HashMap<ProfileNo, RootPointer> = HashMap::new();
        for row in self.rows.get_all::<RootPointer>(Family::Standings, keys())? {
            pointers.insert(row.no, row);
        }
        let mut links: HashMap<ProfileNo, MergeLink> = HashMap::new();
        for row in self.rows.get_all::<MergeLink>(Family::Links, keys())? {
            links.insert(row.child, row);
        }
        // The change has the time of the merge, too: a merge record lists the identifiers of all that it joined.
        let places = links.values().map(|link| vec![Cell::unsigned(link.seq)]).collect();
        let mut joined: HashMap<Seq, Timestamp> = HashMap::new();
        for row in self.rows.get_all::<Change>(Family::Changes, places)? {
            joined.insert(row.seq, row.at);
        }
        let mut devices: HashMap<ProfileNo, Vec<Device>> = HashMap::new();
        let of_all = "AND t.profile = ANY($2::bigint[]) ORDER BY t.profile, t.device_id";
        for row in self.rows.records::<Device>(Family::Devices, of_all, &[&numbers])? {
            devices.entry(row.at.profile).or_default().push(row);
        }
        let mut records = self.rows.get_all::<MemberRecord>(Family::Profiles, keys())?;
        records.sort_by_key(|record| (record.no != root, record.no));
        if records.len() != numbers.len() || records.first().is_none_or(|first| first.no != root) {
            return Err(missing(root, "member record, or a member of it has none"));
        }
        let mut members = Vec::with_capacity(records.len());
        for mut record in records {
            self.rows.fill_record(&mut record)?;
            let root_pointer = pointers.remove(&record.no).ok_or_else(|| missing(record.no, "root pointer"))?;
            let link = links.remove(&record.no);
            let joined_at = link.as_ref().and_then(|link| joined.get(&link.seq).copied());
            let devices = devices.remove(&record.no).unwrap_or_default();
            members.push(Member { record, root_pointer, link, joined_at, devices });
        }
        Ok(members)
    }

    fn requests_of(&mut self, family: Family, query: RequestQuery) -> Result<Page<LogEntry>, EngineError> {
        let (time, no) = query.below.map_or((i64::MAX, i64::MAX), |(time, no)| (time.0, no.0.cast_signed()));
        let (status, outcome) = (query.status.map(i64::from), query.outcome.map(outcome_bit));
        let since = query.since.map_or(i64::MIN, |since| since.0);
        let condition = "(t.received_at, t.no) < ($2, $3) AND t.received_at >= $6 AND ($4::bigint IS NULL OR t.status = $4) \
             AND ($5::bigint IS NULL OR t.outcomes & $5 <> 0)";
        let parameters: [SqlParameter<'_>; 5] = [&time, &no, &status, &outcome, &since];
        let of = Condition { family, condition, order: "t.received_at DESC, t.no DESC", parameters: &parameters };
        self.page(&of, query.limit)
    }

    /// The member records that are noted with a key, by number: in the family `holders`, or in `former`.
    fn noted(&mut self, family: Family, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        let sql = format!(
            "SELECT profile FROM {} WHERE workspace_id = $1 AND kind = $2 AND value = $3 ORDER BY profile LIMIT $4",
            family.table()
        );
        let (kind, value) = (stored_text(key.kind.name()), stored_text(&key.value));
        let rows = self.rows.rows(&sql, &[&kind, &value, &sql_limit(limit)])?;
        rows.iter().map(|row| unsigned(row, 0).map(ProfileNo)).collect()
    }
}

impl Reader for PostgresReader<'_> {
    fn charge(&mut self, charge: Charge) {
        self.room.set_charge(charge);
    }

    fn counters(&mut self) -> Result<Counters, EngineError> {
        Ok(self.counters)
    }

    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        let found: Option<Binding> =
            self.rows.get(Family::Bindings, vec![Cell::text(key.kind.name()), Cell::text(&key.value)])?;
        Ok(found.map(|row| row.profile))
    }

    fn profile(&mut self, no: ProfileNo) -> Result<Option<LiveProfile>, EngineError> {
        let Some(pointer) = self.rows.by_number::<RootPointer>(no.0)? else { return Ok(None) };
        let root = pointer.root;
        let whole = if root == no { Some(pointer) } else { self.rows.by_number::<RootPointer>(root.0)? };
        self.room.reads(whole.map_or(0, |whole| whole.weight))?;
        let members = self.members(root)?;
        let mut view = self.rows.by_number::<ViewRow>(root.0)?.map(|row| row.view);
        if let Some(view) = &mut view {
            self.rows.fill_view(root, view)?;
        }
        Ok(Some(LiveProfile { root, members, view }))
    }

    fn due_deletions(&mut self, now: Timestamp, after: Option<Due>, limit: usize) -> Result<Vec<Due>, EngineError> {
        let sql = "SELECT deletion, no FROM standings WHERE workspace_id = $1 AND deletion <= $2 AND (deletion, no) > ($3, $4) \
             AND root = no ORDER BY deletion, no LIMIT $5";
        let (since, no) = after.map_or((i64::MIN, 0), |(since, no)| (since.0, no.0.cast_signed()));
        let rows = self.rows.rows(sql, &[&now.0, &since, &no, &sql_limit(limit)])?;
        rows.iter().map(|row| Ok((Timestamp(column(row, 0)?), ProfileNo(unsigned(row, 1)?)))).collect()
    }

    fn oldest(&mut self) -> Result<Cutoffs, EngineError> {
        const QUESTIONS: [&str; 7] = [
            "SELECT min(received_at) FROM requests WHERE workspace_id = $1",
            "SELECT min(received_at) FROM refused WHERE workspace_id = $1",
            "SELECT min(at) FROM quarantine WHERE workspace_id = $1",
            "SELECT min(deleted_at) FROM quarantine WHERE workspace_id = $1 AND deleted_at IS NOT NULL",
            "SELECT min(at) FROM event_ids WHERE workspace_id = $1",
            "SELECT min(at) FROM idempotency WHERE workspace_id = $1",
            "SELECT received_at FROM events WHERE workspace_id = $1 ORDER BY seq LIMIT 1",
        ];
        let id = &*self.rows.id;
        let questions = QUESTIONS.map(|sql| Command::Query(sql, vec![&id]));
        let answers = self.rows.connection.send(&questions)?;
        let first = |place: usize| match answers[place].first() {
            Some(row) => Ok::<_, EngineError>(column::<Option<i64>>(row, 0)?.map(Timestamp)),
            None => Ok(None),
        };
        Ok(Cutoffs {
            log: [first(0)?, first(1)?].into_iter().flatten().min(),
            quarantine: first(2)?,
            deleted: first(3)?,
            event_ids: first(4)?,
            idempotency: first(5)?,
            events: first(6)?,
        })
    }

    fn events(&mut self, query: &EventQuery<'_>) -> Result<Page<Event>, EngineError> {
        // The newest of each id first: one of many events reads no more of them than the page holds.
        const NEWEST: &str = "SELECT e.seq FROM unnest($2::bigint[]) AS p(profile) CROSS JOIN LATERAL \
             (SELECT t.time, t.seq FROM events AS t WHERE t.workspace_id = $1 AND t.profile = p.profile \
             AND (t.time, t.seq) < ($3, $4) AND ($5::text IS NULL OR t.name = $5) ORDER BY t.time DESC, t.seq DESC \
             LIMIT $6) AS e ORDER BY e.time DESC, e.seq DESC LIMIT $6";
        let profiles: Vec<i64> = query.profiles.iter().map(|no| no.0.cast_signed()).collect();
        let below = query.below.map(|(time, seq)| (time.0, i64::try_from(seq).unwrap_or(i64::MAX)));
        let (time, seq) = below.unwrap_or((i64::MAX, i64::MAX));
        // One more than requested, to know whether there is a next page.
        let limit = sql_limit(query.limit.max(1).saturating_add(1));
        let name = query.name.map(stored_text);
        let rows = self.rows.rows(NEWEST, &[&profiles, &time, &seq, &name, &limit])?;
        let places = rows.iter().map(|row| column(row, 0)).collect::<Result<Vec<i64>, _>>()?;
        let condition = "t.seq = ANY($2::bigint[])";
        let of =
            Condition { family: Family::Events, condition, order: "t.time DESC, t.seq DESC", parameters: &[&places] };
        let page: Page<Event> = self.page(&of, query.limit)?;
        if page.items.is_empty() && !places.is_empty() {
            return Err(EngineError::Corrupt("an event is missing".into()));
        }
        Ok(page)
    }

    fn requests(&mut self, query: RequestQuery) -> Result<Page<LogEntry>, EngineError> {
        let pages = [self.requests_of(Family::Requests, query)?, self.requests_of(Family::Refused, query)?];
        Ok(page::merged(pages, query.limit, |r| Reverse((r.received_at, r.no))))
    }

    fn request(&mut self, no: RequestNo) -> Result<Option<LogEntry>, EngineError> {
        let family = if no.is_refused() { Family::Refused } else { Family::Requests };
        self.rows.get(family, vec![Cell::unsigned(no.0)])
    }

    fn quarantine(
        &mut self,
        below: Option<QuarantineNo>,
        limit: usize,
    ) -> Result<Page<QuarantinedElement>, EngineError> {
        let below = below.map_or(i64::MAX, |no| i64::try_from(no.0).unwrap_or(i64::MAX));
        // Skips deleted ones: those of the minute in which they can be restored.
        let of = Condition {
            family: Family::Quarantine,
            condition: "t.no < $2 AND t.deleted_at IS NULL",
            order: "t.no DESC",
            parameters: &[&below],
        };
        self.page(&of, limit)
    }

    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError> {
        Ok(self.rows.by_number(no.0)?.filter(|entry: &QuarantinedElement| entry.deleted_at.is_none()))
    }

    fn deleted(&mut self, after: Timestamp, limit: usize) -> Result<Page<QuarantinedElement>, EngineError> {
        let of = Condition {
            family: Family::Quarantine,
            condition: "t.deleted_at > $2",
            order: "t.deleted_at DESC, t.no DESC",
            parameters: &[&after.0],
        };
        self.page(&of, limit)
    }

    fn merges(&mut self, below: Option<MergeNo>, limit: usize) -> Result<Page<Merge>, EngineError> {
        self.newest(below.map(|no| no.0), limit)
    }

    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        self.rows.by_number(no.0)
    }

    fn separations(&mut self, below: Option<SeparationNo>, limit: usize) -> Result<Page<Separation>, EngineError> {
        self.newest(below.map(|no| no.0), limit)
    }

    fn reviews(&mut self, query: ReviewQuery) -> Result<Page<Review>, EngineError> {
        let below = query.below.map_or(i64::MAX, |no| i64::try_from(no.0).unwrap_or(i64::MAX));
        let state = query.state.map(|state| state as i64);
        let all: [SqlParameter<'_>; 1] = [&below];
        let one: [SqlParameter<'_>; 2] = [&below, &state];
        let (condition, parameters) = match state {
            None => ("t.no < $2", &all[..]),
            Some(_) => ("t.state = $3 AND t.no < $2", &one[..]),
        };
        self.page(&Condition { family: Family::Reviews, condition, order: "t.no DESC", parameters }, query.limit)
    }

    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError> {
        self.rows.by_number(no.0)
    }

    fn root(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError> {
        match self.rows.by_number::<RootPointer>(no.0)? {
            Some(pointer) if pointer.root != no => self.rows.by_number(pointer.root.0),
            found => Ok(found),
        }
    }

    fn profiles(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<MemberRecord>, EngineError> {
        let end = "AND t.no > $2 ORDER BY t.no LIMIT $3";
        let mut profiles: Vec<MemberRecord> =
            self.rows.records(Family::Profiles, end, &[&after.0.cast_signed(), &sql_limit(limit)])?;
        let (mut bytes, mut read) = (0, 0);
        for profile in &mut profiles {
            if bytes > SCAN_BYTES_MAX {
                break;
            }
            self.rows.fill_record(profile)?;
            bytes += profile.attributes.size().weight as u64;
            read += 1;
        }
        profiles.truncate(read);
        Ok(profiles)
    }

    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError> {
        self.rows.records(Family::Separations, "AND (t.a = $2 OR t.b = $2) ORDER BY t.no", &[&no.0.cast_signed()])
    }

    fn holder(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        Ok(self.noted(Family::Holders, key, 1)?.first().copied())
    }

    fn former(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        self.noted(Family::Former, key, limit)
    }

    fn history(&mut self, profile: &MemberRecord) -> Result<Vec<History>, EngineError> {
        let key = |seq: &Seq| vec![Cell::unsigned(*seq), Cell::unsigned(profile.no.0)];
        let mut rows: Vec<History> = self.rows.get_all(Family::History, profile.history.iter().map(key).collect())?;
        rows.sort_by_key(|row| row.seq);
        self.room.reads(rows.iter().map(|row| payload(&row.cells())).sum())?;
        Ok(rows)
    }

    fn changes(&mut self, places: &[Seq]) -> Result<Vec<Change>, EngineError> {
        let keys = places.iter().map(|seq| vec![Cell::unsigned(*seq)]).collect();
        let found: HashMap<Seq, Change> = self
            .rows
            .get_all::<Change>(Family::Changes, keys)?
            .into_iter()
            .map(|change| (change.seq, change))
            .collect();
        Ok(places.iter().filter_map(|seq| found.get(seq).cloned()).collect())
    }

    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        self.rows.get(Family::Idempotency, vec![Cell::Int(route as i64), Cell::text(key)])
    }

    fn quarantine_dropped(&mut self) -> Result<u64, EngineError> {
        Ok(self.quarantine_dropped)
    }

    fn rows(&mut self, each: &mut dyn FnMut(RowChange)) -> Result<(), EngineError> {
        use Family as F;
        use StoredRow as R;
        let mut put = |row: StoredRow| -> Result<(), EngineError> {
            each(RowChange::Upsert(row));
            Ok(())
        };
        self.rows.family(F::Bindings, |_, row: Binding| put(R::Binding(row.key, row.profile)))?;
        self.rows.family(F::Profiles, |reader, mut row: MemberRecord| {
            reader.fill_record(&mut row)?;
            put(R::MemberRecord(row))
        })?;
        self.rows.family(F::Standings, |_, row| put(R::RootPointer(row)))?;
        self.rows.family(F::Views, |reader, ViewRow { profile, mut view }| {
            reader.fill_view(profile, &mut view)?;
            put(R::View(profile, view))
        })?;
        self.rows.family(F::Links, |_, row| put(R::MergeLink(row)))?;
        self.rows.family(F::Devices, |_, row| put(R::Device(row)))?;
        self.rows.family(F::Events, |_, row| put(R::Event(row)))?;
        self.rows.family(F::EventIds, |_, row: EventId| put(R::EventId(row)))?;
        self.rows.family(F::Merges, |_, row| put(R::Merge(row)))?;
        self.rows.family(F::Separations, |_, row| put(R::Separation(row)))?;
        self.rows.family(F::Requests, |_, row| put(R::LogEntry(row)))?;
        self.rows.family(F::Refused, |_, row| put(R::LogEntry(row)))?;
        self.rows.family(F::Quarantine, |_, row| put(R::QuarantinedElement(row)))?;
        self.rows.family(F::Idempotency, |_, row| put(R::Idempotency(row)))?;
        self.rows.family(F::Outbox, |_, row: OutboxMessage| put(R::OutboxMessage(row)))?;
        self.rows.family(F::Changes, |_, row| put(R::Change(row)))?;
        self.rows.family(F::Reviews, |_, row| put(R::Review(row)))?;
        self.rows.family(F::History, |_, row| put(R::History(row)))?;
        self.rows.family(F::Holders, |_, row: Holder| put(R::PendingHolder(row.key, row.profile)))?;
        self.rows.family(F::Former, |_, row: FormerHolder| put(R::FormerHolder(row.key, row.profile)))
    }
}
