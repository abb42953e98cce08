//! The tables of a workspace as the working set of a group reads and writes them, within the group's transaction.

use super::chunks;
use super::jsonb;
use super::row_statements::RowStatements;
use super::table::{self, unsigned};
use crate::codec::chunks::PartOf;
use crate::codec::{Binding, Cell, Record, event_id, holder_cells};
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::fact_loading::{FactQueries, ReviewAlone, WithBytes};
use crate::family::{Family, FamilySums};
use crate::working_set::{ChunkSums, EachRow, FamilyWrites, RowWrite, StoredSum, Tables, WholeTables};
use muster_core::facts::ReviewPair;
use muster_core::id::{ProfileNo, QuarantineNo, RequestNo, ReviewNo, Seq};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::Route;
use muster_core::record::{Device, DeviceRef, DeviceToken, DeviceTokenKind, Idempotency, Separation};
use muster_core::review::ReviewState;
use muster_core::time::Timestamp;
use rusqlite::{Connection, Row};

/// What a bounded family counts of a row that is stored, as `codec::bounded_bytes` does.
const QUARANTINE_BYTES: &str = "SELECT length(element) + length(errors) FROM quarantine WHERE no = ?1";
const REFUSED_BYTES: &str = "SELECT length(record) FROM refused WHERE no = ?1";
const ANSWER_BYTES: &str = "SELECT length(body) FROM idempotency WHERE route = ?1 AND key = ?2";

/// The tables of a workspace within the transaction of a group.
pub(crate) struct GroupTables<'a, 'c> {
    pub(crate) rows: &'a RowStatements<'c>,
    pub(crate) sums: &'a mut FamilySums,
}

impl GroupTables<'_, '_> {
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

    /// Writes a row, notes what it replaced, and sees to the sum of its family.
    pub(crate) fn write_one(&mut self, family: Family, row: &mut RowWrite<'_>) -> Result<(), EngineError> {
        if row.stored != StoredSum::Absent {
            row.stored_bytes = bounded_bytes(self.rows, family, &row.cells[..family.key_columns()])?;
        }
        row.stored = StoredSum::found(self.write_row(family, row)?);
        self.sums.replace(family, row.stored.sum(), row.sum);
        Ok(())
    }

    /// Writes a row; returns the checksum of the one that it replaced.
    fn write_row(&self, family: Family, row: &RowWrite<'_>) -> Result<Option<i64>, EngineError> {
        let (cells, key) = (&row.cells, &row.cells[..family.key_columns()]);
        let is_as_it_was = match (row.sum, row.stored) {
            (Some(sum), StoredSum::Present(_)) => self.rows.update(family, cells, sum)?,
            (Some(sum), StoredSum::Absent) => self.rows.insert(family, cells, sum)?,
            (Some(sum), StoredSum::Unknown) => {
                // An insert is tried first, since most rows are new.
                if self.rows.insert(family, cells, sum)? {
                    return Ok(None);
                }
                let Some(stored) = self.rows.stored_sum(family, key)? else {
                    let text = format!("a row of {} does not fit its table", family.table());
                    return Err(EngineError::Broken(text.into()));
                };
                self.rows.update(family, cells, sum)?;
                return Ok(Some(stored));
            }
            (None, StoredSum::Present(_)) => self.rows.delete(family, key)?,
            (None, StoredSum::Absent) => true,
            (None, StoredSum::Unknown) => {
                let stored = self.rows.stored_sum(family, key)?;
                if stored.is_some() {
                    self.rows.delete(family, key)?;
                }
                return Ok(stored);
            }
        };
        if is_as_it_was {
            Ok(row.stored.sum())
        } else {
            Err(EngineError::Corrupt(format!("the table {} is not as it was read", family.table()).into()))
        }
    }
}

/// Returns the bytes of a stored row that count towards the bound of its family; 0 if there is no such row.
pub(crate) fn bounded_bytes(conn: &Connection, family: Family, key: &[Cell<'_>]) -> Result<u64, EngineError> {
    let sql = match family {
        Family::Quarantine => QUARANTINE_BYTES,
        Family::Refused => REFUSED_BYTES,
        Family::Idempotency => ANSWER_BYTES,
        _ => return Ok(0),
    };
    Ok(table::numbers(conn, sql, key)?.into_iter().sum())
}

impl Tables for GroupTables<'_, '_> {
    const ROWS_AT_A_TIME: usize = 64;
    const CHUNKS_AT_A_TIME: usize = 1;

    fn as_whole(&mut self) -> Option<&mut dyn WholeTables> {
        Some(self)
    }

    fn encode(cells: &mut [Cell<'_>]) {
        jsonb::encode(cells);
    }

    fn get<R: Record>(&mut self, key: &[Cell<'_>]) -> Result<Option<(R, i64)>, EngineError> {
        self.rows.get(key)
    }

    fn chunks(&mut self, of: PartOf, no: ProfileNo, each: EachRow<'_>) -> Result<(), EngineError> {
        chunks::each(self.rows, (of, no), each)
    }

    fn chunk_sums(&mut self, of: PartOf, no: ProfileNo) -> Result<ChunkSums, EngineError> {
        chunks::sums(self.rows, (of, no))
    }

    fn write(&mut self, writes: &mut [FamilyWrites<'_>]) -> Result<(), EngineError> {
        for FamilyWrites { family, rows } in writes {
            rows.iter_mut().try_for_each(|row| self.write_one(*family, row))?;
        }
        Ok(())
    }
}

impl WholeTables for GroupTables<'_, '_> {
    fn first_quarantined(&mut self) -> Result<Option<(QuarantineNo, bool)>, EngineError> {
        let sql = "SELECT no, replayed_as IS NULL AND deleted_at IS NULL FROM quarantine ORDER BY no LIMIT 1";
        let read = |row: &Row<'_>| Ok((QuarantineNo(unsigned(row, 0)?), row.get(1)?));
        Ok(table::answers(self.rows, sql, &[], read)?.into_iter().next())
    }

    fn first_answer(&mut self) -> Result<Option<(Route, Box<str>, Timestamp)>, EngineError> {
        let sql = "SELECT route, key, at FROM idempotency ORDER BY at, route, key LIMIT 1";
        let read = |row: &Row<'_>| Ok((route(row, 0)?, row.get(1)?, Timestamp(row.get(2)?)));
        Ok(table::answers(self.rows, sql, &[], read)?.into_iter().next())
    }

    fn first_refused(&mut self) -> Result<Option<RequestNo>, EngineError> {
        let sql = "SELECT no FROM refused ORDER BY received_at, no LIMIT 1";
        Ok(table::numbers(self.rows, sql, &[])?.into_iter().next().map(RequestNo))
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

impl FactQueries for GroupTables<'_, '_> {
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

    fn token(&mut self, token: &DeviceToken) -> Result<Option<DeviceRef>, EngineError> {
        let condition = match token.kind {
            DeviceTokenKind::Push => "WHERE push_id = ?1 AND push_id_is_word = 0 LIMIT 1",
            DeviceTokenKind::Gaid => "WHERE gaid = ?1 LIMIT 1",
            DeviceTokenKind::Idfv => "WHERE idfv = ?1 LIMIT 1",
        };
        let found: Vec<Device> = table::list(self.rows, (Family::Devices, condition), &[Cell::text(&token.value)])?;
        Ok(found.into_iter().next().map(|device| device.at))
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
        self.expired(sql, until, limit, |row| Ok(((route(row, 0)?, row.get(1)?), unsigned(row, 2)?)))
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

/// The route in this column.
fn route(row: &Row<'_>, column: usize) -> Result<Route, EngineError> {
    Ok(Route::from_code(row.get(column)?).ok_or(CorruptRow("a route is unknown"))?)
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

#[cfg(test)]
mod tests;
