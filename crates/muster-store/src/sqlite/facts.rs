//! Facts of a decision, read row by row inside its transaction. Remembers the checksums of rows that it read, so that
//! replacing such a row need not read it again.

use super::chunks;
use super::loaded::LoadedSums;
use super::row_statements::RowStatements;
use super::table::{self, unsigned};
use crate::binding_map::BindingMap;
use crate::codec::chunks::PartOf;
use crate::codec::{Binding, Cell, Record, ViewRow, event_id, holder_cells};
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::fact_loading::{FactSource, ReviewAlone, WithBytes};
use crate::family::Family;
use crate::queue::cores::{Cores, Large};
use muster_core::facts::ReviewPair;
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::Route;
use muster_core::record::{
    Device, DeviceRef, DeviceToken, DeviceTokenKind, EventId, Idempotency, MemberRecord, Merge, MergeLink,
    QuarantinedElement, RootPointer, Separation, View,
};
use muster_core::review::{Review, ReviewState};
use muster_core::time::Timestamp;
use rusqlite::{Connection, Row};

/// Reads facts through a connection.
pub(crate) struct FactReader<'a, 'c, 't> {
    pub(crate) rows: &'a RowStatements<'c>,
    pub(crate) bindings: &'a BindingMap,
    pub(crate) loaded: &'a mut LoadedSums,
    pub(crate) cores: &'t Cores,
    /// Room for what it loads, once that is much.
    pub(crate) large: Option<Large<'t>>,
}

impl FactReader<'_, '_, '_> {
    /// The oldest rows of a family until then.
    fn expired<T>(
        &self,
        sql: &str,
        until: Timestamp,
        limit: usize,
        read: impl FnMut(&Row<'_>) -> Result<T, EngineError>,
    ) -> Result<Vec<T>, EngineError> {
        table::answers(self.rows, sql, &[Cell::Int(until.0), Cell::unsigned(limit as u64)], read)
    }

    fn numbered<R: Record>(&mut self, no: u64) -> Result<Option<R>, EngineError> {
        let key = Cell::unsigned(no);
        let found = self.rows.get::<R>(std::slice::from_ref(&key))?;
        self.loaded.set(R::FAMILY, &key, found.as_ref().map(|(_, sum)| *sum));
        Ok(found.map(|(row, _)| row))
    }
}

/// The members of a root without itself, in order of their number.
pub(crate) fn members(conn: &Connection, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError> {
    let sql = "SELECT no FROM standings WHERE root = ?1 AND root <> no ORDER BY no";
    Ok(table::numbers(conn, sql, &[Cell::unsigned(root.0)])?.into_iter().map(ProfileNo).collect())
}

/// Reads from the table the id that an identifier is bound to.
pub(crate) fn binding(conn: &Connection, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
    let found = table::get::<Binding>(conn, &[Cell::text(key.kind.name()), Cell::text(&key.value)])?;
    Ok(found.map(|(row, _)| row.profile))
}

/// The separations that name an id.
pub(crate) fn separations_of(conn: &Connection, no: ProfileNo) -> Result<Vec<Separation>, EngineError> {
    let of = |condition| table::list(conn, (Family::Separations, condition), &[Cell::unsigned(no.0)]);
    let mut found: Vec<Separation> = of("WHERE a = ?1")?;
    found.extend(of("WHERE b = ?1")?);
    Ok(found)
}

/// The member records that are noted with a key, by number: in the family `holders`, or in `former`.
pub(crate) fn noted(
    conn: &Connection,
    family: Family,
    key: &Identifier,
    limit: usize,
) -> Result<Vec<ProfileNo>, EngineError> {
    let table = family.table();
    let sql = format!("SELECT profile FROM {table} WHERE kind = ?1 AND value = ?2 ORDER BY profile LIMIT ?3");
    let parameters = [Cell::text(key.kind.name()), Cell::text(&key.value), Cell::unsigned(limit as u64)];
    Ok(table::numbers(conn, &sql, &parameters)?.into_iter().map(ProfileNo).collect())
}

/// A recorded answer.
pub(crate) fn idempotency(conn: &Connection, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
    Ok(table::get(conn, &[Cell::Int(route as i64), Cell::text(key)])?.map(|(row, _)| row))
}

impl FactSource for FactReader<'_, '_, '_> {
    fn large(&mut self) -> Result<(), EngineError> {
        self.large = Some(self.cores.large()?);
        Ok(())
    }

    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        self.bindings.get(key).map_or_else(|| binding(self.rows, key), Ok)
    }

    fn profile(&mut self, no: ProfileNo) -> Result<Option<MemberRecord>, EngineError> {
        let Some(mut profile) = self.numbered::<MemberRecord>(no.0)? else { return Ok(None) };
        let sums = chunks::fill_record(self.rows, &mut profile)?;
        self.loaded.set_chunks(PartOf::Record, no, sums);
        Ok(Some(profile))
    }

    fn root_pointer(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError> {
        self.numbered(no.0)
    }

    fn view(&mut self, root: ProfileNo) -> Result<Option<View>, EngineError> {
        let Some(mut row) = self.numbered::<ViewRow>(root.0)? else { return Ok(None) };
        let sums = chunks::fill_view(self.rows, root, &mut row.view)?;
        self.loaded.set_chunks(PartOf::View, root, sums);
        Ok(Some(row.view))
    }

    fn link(&mut self, child: ProfileNo) -> Result<Option<MergeLink>, EngineError> {
        self.numbered(child.0)
    }

    fn members(&mut self, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError> {
        members(self.rows, root)
    }

    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError> {
        separations_of(self.rows, no)
    }

    fn events_of(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(Seq, Option<Box<str>>)>, EngineError> {
        let sql = "SELECT seq, record FROM events WHERE profile = ?1 LIMIT ?2";
        let read = |row: &Row<'_>| Ok((unsigned(row, 0)?, row.get::<_, Vec<u8>>(1)?));
        let found = table::answers(self.rows, sql, &[Cell::unsigned(no.0), Cell::unsigned(limit as u64)], read)?;
        let id = |(seq, record): (Seq, Vec<u8>)| Ok((seq, event_id(&record)?));
        found.into_iter().map(id).collect()
    }

    fn devices_of(&mut self, no: ProfileNo) -> Result<Vec<DeviceRef>, EngineError> {
        let of = (Family::Devices, "WHERE profile = ?1 ORDER BY device_id");
        let devices: Vec<Device> = table::list(self.rows, of, &[Cell::unsigned(no.0)])?;
        Ok(devices.into_iter().map(|device| device.at).collect())
    }

    fn device(&mut self, at: &DeviceRef) -> Result<Option<Device>, EngineError> {
        let key = [Cell::unsigned(at.profile.0), Cell::text(&at.device_id)];
        Ok(self.rows.get(&key)?.map(|(row, _)| row))
    }

    fn token(&mut self, token: &DeviceToken) -> Result<Option<DeviceRef>, EngineError> {
        let condition = match token.kind {
            DeviceTokenKind::Push => "WHERE push_id = ?1 AND push_id_is_word = 0 LIMIT 1",
            DeviceTokenKind::Gaid => "WHERE gaid = ?1 LIMIT 1",
            DeviceTokenKind::Idfv => "WHERE idfv = ?1 LIMIT 1",
        };
        let found: Vec<Device> = table::list(self.rows, (Family::Devices, condition), &[Cell::text(&token.value)])?;
        Ok(found.into_iter().next().map(|device| device.at))
    }

    fn event_id(&mut self, id: &str) -> Result<Option<EventId>, EngineError> {
        Ok(self.rows.get(&[Cell::text(id)])?.map(|(row, _)| row))
    }

    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        self.numbered(no.0)
    }

    fn separation(&mut self, no: SeparationNo) -> Result<Option<Separation>, EngineError> {
        self.numbered(no.0)
    }

    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        idempotency(self.rows, route, key)
    }

    fn review_pairs(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<ReviewPair>, EngineError> {
        // Both from an index alone; the terms are those of the partial indexes, or SQLite could not use them.
        const FIRST: &str = "SELECT no, a, b FROM reviews INDEXED BY reviews_between \
             WHERE a = ?1 AND state <> 2 AND b IS NOT NULL LIMIT ?2";
        const SECOND: &str = "SELECT no, a, b FROM reviews INDEXED BY reviews_second \
             WHERE b = ?1 AND state <> 2 AND b IS NOT NULL LIMIT ?2";
        let mut pairs =
            table::answers(self.rows, FIRST, &[Cell::unsigned(no.0), Cell::unsigned(limit as u64)], review_pair)?;
        let left = Cell::unsigned((limit - pairs.len()) as u64);
        pairs.extend(table::answers(self.rows, SECOND, &[Cell::unsigned(no.0), left], review_pair)?);
        Ok(pairs)
    }

    fn reviews_between(&mut self, a: ProfileNo, b: ProfileNo) -> Result<Vec<ReviewPair>, EngineError> {
        let sql = "SELECT no, a, b FROM reviews INDEXED BY reviews_between WHERE a = ?1 AND b = ?2 AND state <> 2";
        let mut pairs = Vec::new();
        for (a, b) in [(a, b), (b, a)] {
            pairs.extend(table::answers(self.rows, sql, &[Cell::unsigned(a.0), Cell::unsigned(b.0)], review_pair)?);
        }
        Ok(pairs)
    }

    fn reviews_of_value(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ReviewAlone>, EngineError> {
        // Left to itself SQLite reads every review without a second profile.
        let sql = "SELECT no, a, state FROM reviews INDEXED BY reviews_of_value \
             WHERE kind = ?1 AND value = ?2 AND state <> 2 AND b IS NULL LIMIT ?3";
        let parameters = [Cell::text(key.kind.name()), Cell::text(&key.value), Cell::unsigned(limit as u64)];
        table::answers(self.rows, sql, &parameters, review_alone)
    }

    fn reviews_of_holder(&mut self, key: &Identifier, no: ProfileNo) -> Result<Vec<ReviewAlone>, EngineError> {
        let sql = "SELECT no, a, state FROM reviews INDEXED BY reviews_of_value \
             WHERE kind = ?1 AND value = ?2 AND a = ?3 AND state <> 2 AND b IS NULL";
        let parameters = [Cell::text(key.kind.name()), Cell::text(&key.value), Cell::unsigned(no.0)];
        table::answers(self.rows, sql, &parameters, review_alone)
    }

    fn reviews_naming(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError> {
        let sql = "SELECT no, state FROM reviews WHERE a = ?1 OR b = ?1 LIMIT ?2";
        let read = |row: &Row<'_>| Ok((ReviewNo(unsigned(row, 0)?), is_open(row, 1)?));
        table::answers(self.rows, sql, &[Cell::unsigned(no.0), Cell::unsigned(limit as u64)], read)
    }

    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError> {
        self.numbered(no.0)
    }

    fn reviews_to_drop(&mut self, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError> {
        // The term is that of the index `reviews_order`, which answers alone.
        let sql = "SELECT no, state = 1 FROM reviews ORDER BY (state = 1), no LIMIT ?1";
        let read = |row: &Row<'_>| Ok((ReviewNo(unsigned(row, 0)?), row.get(1)?));
        table::answers(self.rows, sql, &[Cell::unsigned(limit as u64)], read)
    }

    fn noted(&mut self, limit: usize) -> Result<Vec<(Identifier, ProfileNo)>, EngineError> {
        let sql = "SELECT kind, value, profile FROM holders LIMIT ?1";
        table::answers(self.rows, sql, &[Cell::unsigned(limit as u64)], |row| {
            let (kind, value): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((Identifier { kind: IdentifierKind::new(&kind), value: value.into() }, ProfileNo(unsigned(row, 2)?)))
        })
    }

    fn holders(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        noted(self.rows, Family::Holders, key, limit)
    }

    fn holds(&mut self, key: &Identifier, no: ProfileNo) -> Result<bool, EngineError> {
        Ok(self.rows.stored_sum(Family::Holders, &holder_cells(key, no))?.is_some())
    }

    fn profiles_after(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        let sql = "SELECT no FROM profiles WHERE no > ?1 ORDER BY no LIMIT ?2";
        let parameters = [Cell::unsigned(after.0), Cell::unsigned(limit as u64)];
        Ok(table::numbers(self.rows, sql, &parameters)?.into_iter().map(ProfileNo).collect())
    }

    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError> {
        self.numbered(no.0)
    }

    fn expired_requests(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<RequestNo>, EngineError> {
        const APPLIED: &str =
            "SELECT no, length(record) FROM requests WHERE received_at <= ?1 ORDER BY received_at, no LIMIT ?2";
        const REFUSED: &str =
            "SELECT no, length(record) FROM refused WHERE received_at <= ?1 ORDER BY received_at, no LIMIT ?2";
        let read = |row: &Row<'_>| Ok((RequestNo(unsigned(row, 0)?), unsigned(row, 1)?));
        let mut rows = self.expired(APPLIED, until, limit, read)?;
        rows.extend(self.expired(REFUSED, until, limit - rows.len(), read)?);
        Ok(rows)
    }

    fn expired_quarantine(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(QuarantineNo, bool)>, EngineError> {
        let sql = "SELECT no, replayed_as IS NULL AND deleted_at IS NULL, length(element) + length(errors) FROM quarantine \
             WHERE at <= ?1 ORDER BY at, no LIMIT ?2";
        let read = |row: &Row<'_>| Ok(((QuarantineNo(unsigned(row, 0)?), row.get(1)?), unsigned(row, 2)?));
        self.expired(sql, until, limit, read)
    }

    fn expired_deleted(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<QuarantineNo>, EngineError> {
        let sql = "SELECT no, length(element) + length(errors) FROM quarantine \
             WHERE deleted_at <= ?1 ORDER BY deleted_at, no LIMIT ?2";
        self.expired(sql, until, limit, |row| Ok((QuarantineNo(unsigned(row, 0)?), unsigned(row, 1)?)))
    }

    fn expired_event_ids(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<Box<str>>, EngineError> {
        let sql = "SELECT id FROM event_ids WHERE at <= ?1 ORDER BY at, id LIMIT ?2";
        self.expired(sql, until, limit, |row| {
            let id: Box<str> = row.get(0)?;
            let bytes = id.len() as u64;
            Ok((id, bytes))
        })
    }

    fn expired_idempotency(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(Route, Box<str>)>, EngineError> {
        let sql = "SELECT route, key, length(body) FROM idempotency WHERE at <= ?1 ORDER BY at, route, key LIMIT ?2";
        self.expired(sql, until, limit, |row| {
            let route = Route::from_code(row.get(0)?).ok_or(CorruptRow("a route is unknown"))?;
            Ok(((route, row.get(1)?), unsigned(row, 2)?))
        })
    }

    fn expired_events(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<(ProfileNo, Seq)>, EngineError> {
        // By the change sequence, which receipts follow: an index by receipt would cost every import.
        let sql = "SELECT profile, seq, length(attributes) + length(record), received_at <= ?1 FROM events \
             ORDER BY seq LIMIT ?2";
        let read = |row: &Row<'_>| {
            let event = (ProfileNo(unsigned(row, 0)?), unsigned(row, 1)?);
            Ok(((event, unsigned(row, 2)?), row.get::<_, bool>(3)?))
        };
        let rows = self.expired(sql, until, limit, read)?;
        Ok(rows.into_iter().take_while(|(_, past)| *past).map(|(event, _)| event).collect())
    }
}

/// Whether the review whose state is in this column is open.
fn is_open(row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
    Ok(row.get::<_, i64>(column)? == ReviewState::Open as i64)
}

fn review_pair(row: &Row<'_>) -> Result<ReviewPair, EngineError> {
    let [a, b] = [1, 2].map(|column| unsigned(row, column).map(ProfileNo));
    Ok(ReviewPair { no: ReviewNo(unsigned(row, 0)?), a: a?, b: b? })
}

fn review_alone(row: &Row<'_>) -> Result<ReviewAlone, EngineError> {
    let [no, profile] = [0, 1].map(|column| unsigned(row, column));
    Ok(ReviewAlone { no: ReviewNo(no?), profile: ProfileNo(profile?), is_open: is_open(row, 2)? })
}
