//! The tables of a workspace as the working set of a group reads and writes them, within the group's transaction.

mod queries;

use super::connection::{Command, SqlParameter};
use super::errors::DatabaseFailure;
use super::pool::Pooled;
use super::prefetch::{Plan, ROWS_MAX, stored_key};
use super::prefetched::{Prefetched, key_bytes};
use super::row;
use super::state::{self, LockedState};
use super::statements::family_statements;
use crate::codec::chunks::PartOf;
use crate::codec::{Cell, Record, typed};
use crate::engine::EngineError;
use crate::family::{Family, FamilySums};
use crate::working_set::{ChunkSums, EachRow, FamilyWrites, NeededRow, RowWrite, StoredSum, Tables, WholeTables};
use muster_core::id::ProfileNo;
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::Row;

/// How long a transaction may wait for its next statement: a fifth of what the server allows.
const IDLE_MAX: Duration = Duration::from_secs(2);
/// Groups whose marks are kept: as many as other nodes commit while one finds out how its own commit ended.
const MARKS_KEPT: i64 = 10_000;

const MARK: &str = "INSERT INTO commits (workspace_id, group_no, process, mark) VALUES ($1, $2, $3, $4)";
const TRIM_MARKS: &str = "DELETE FROM commits WHERE workspace_id = $1 AND group_no <= $2";

/// What tells the commit of a group from all others: the process, and the number of the attempt in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) process: i64,
    pub(super) attempt: i64,
}

/// The tables of a workspace within the transaction of a group.
pub(super) struct PostgresTables<'p> {
    connection: Pooled<'p>,
    id: &'p str,
    pub(super) sums: FamilySums,
    known: Prefetched,
    /// Round trips of the connection before the group.
    before: u64,
    /// Why the transaction is of no use any more.
    pub(super) failure: Option<DatabaseFailure>,
}

/// A group that began: its tables, the state of the workspace, and the time of the database in microseconds.
pub(super) struct Begun<'p> {
    pub(super) tables: PostgresTables<'p>,
    pub(super) state: LockedState,
    pub(super) database_us: i64,
}

impl<'p> PostgresTables<'p> {
    /// Begins a transaction, locks the workspace, and reads what is wanted; all in one round trip. None = there is no such
    /// workspace.
    pub(super) fn begin(
        mut connection: Pooled<'p>,
        (id, created_at): (&'p str, i64),
        wanted: &[NeededRow<'_>],
    ) -> Result<Result<Option<Begun<'p>>, DatabaseFailure>, EngineError> {
        let (mut known, before) = (Prefetched::default(), connection.round_trips());
        // The rest is read when its decision begins.
        let plan = Plan::new(&wanted[..wanted.len().min(ROWS_MAX)], &known);
        let first = [
            Command::Plain(super::connection::BEGIN),
            Command::Query(state::LOCK, vec![&id, &created_at]),
            Command::Query(state::TIME, Vec::new()),
        ];
        let answers = match plan.read(&mut connection, (id, &first), &mut known)? {
            Ok(answers) => answers,
            Err(failure) => return Ok(Err(failure)),
        };
        let Some(locked) = answers[1].first() else { return Ok(Ok(None)) };
        let state = LockedState::read(id, locked)?;
        let database_us = answers[2].first().and_then(|row| row.try_get(0).ok()).unwrap_or_default();
        let tables = Self { connection, id, sums: state.sums, known, before, failure: None };
        Ok(Ok(Some(Begun { tables, state, database_us })))
    }

    /// Writes the state and commits. The error of a connection that was lost leaves open how it ended.
    pub(super) fn commit(mut self, state: &LockedState, mark: Mark) -> Result<(), DatabaseFailure> {
        let columns = state.columns(self.id);
        let id = self.id;
        let mut saved: Vec<SqlParameter<'_>> = vec![&id];
        saved.extend(columns.parameters());
        let group = state.figures.group.cast_signed();
        let last = group - MARKS_KEPT;
        self.connection.send(&[
            Command::Query(state::SAVE, saved),
            Command::Query(MARK, vec![&id, &group, &mark.process, &mark.attempt]),
            Command::Query(TRIM_MARKS, vec![&id, &last]),
            Command::Plain("COMMIT"),
        ])?;
        self.connection.ended();
        self.connection.count_group(self.connection.round_trips() - self.before);
        Ok(())
    }

    /// Between two decisions: the server ends a transaction that waits too long for its next statement, and many decisions
    /// of one group may take as long.
    pub(super) fn keep_alive(&mut self) -> Result<(), EngineError> {
        if self.connection.idle_for() < IDLE_MAX {
            return Ok(());
        }
        self.ask(&[Command::Plain("SELECT 1")]).map(drop)
    }

    fn ask(&mut self, commands: &[Command<'_>]) -> Result<Vec<Vec<Row>>, EngineError> {
        let sent = self.connection.send(commands);
        sent.map_err(|failure| self.failed(failure))
    }

    /// Notes why the transaction is of no use any more: an error that ends the group, whosever fault it is.
    fn failed(&mut self, failure: DatabaseFailure) -> EngineError {
        self.failure.get_or_insert_with(|| failure.clone());
        match failure.into() {
            error @ (EngineError::Full | EngineError::Busy(_) | EngineError::Unavailable(_)) => error,
            error => EngineError::Unavailable(error.to_string().into()),
        }
    }

    /// Asks one question; the workspace is the first parameter.
    fn rows(&mut self, sql: &str, parameters: &[SqlParameter<'_>]) -> Result<Vec<Row>, EngineError> {
        let id = self.id;
        let mut all: Vec<SqlParameter<'_>> = vec![&id];
        all.extend(parameters);
        Ok(self.ask(&[Command::Query(sql, all)])?.pop().unwrap_or_default())
    }

    /// Reads a row that was not read ahead.
    fn read(&mut self, family: Family, key: &[Cell<'_>]) -> Result<(), EngineError> {
        let keys = [key.to_vec()];
        let columns = row::key_columns(family, &keys)?;
        let id = self.id;
        let rows = self.ask(&[Command::Query(&family_statements(family).select, row::parameters(&id, &columns))])?;
        let bytes = key_bytes(family, key);
        match rows.into_iter().flatten().next() {
            Some(found) => self.known.put(bytes, found),
            None => self.known.put_asked(bytes),
        }
        Ok(())
    }
}

/// What one statement writes.
struct Statement<'w> {
    family: Family,
    sql: &'static str,
    columns: Vec<row::Values<'w>>,
    /// Whether it returns what was stored before.
    returns: bool,
}

/// The statements that write these rows.
fn statements_of<'w>(writes: &'w [FamilyWrites<'w>]) -> Result<Vec<Statement<'w>>, EngineError> {
    let mut all = Vec::new();
    for FamilyWrites { family, rows } in writes {
        let (family, sql) = (*family, family_statements(*family));
        // Of a bounded family the bytes that a row counted are needed, whatever else is known of it.
        let is_known = |row: &RowWrite<'_>| row.stored != StoredSum::Unknown && !family.is_bounded();
        let of = |keep: &dyn Fn(&RowWrite<'_>) -> bool| -> Vec<&'w RowWrite<'w>> {
            rows.iter().filter(|row| keep(row)).collect()
        };
        let known = of(&|row| row.sum.is_some() && is_known(row));
        let unknown = of(&|row| row.sum.is_some() && !is_known(row));
        let deleted = of(&|row| row.sum.is_none() && row.stored != StoredSum::Absent);
        if !known.is_empty() {
            all.push(Statement { family, sql: &sql.put, columns: row::put_columns(family, &known)?, returns: false });
        }
        if !unknown.is_empty() {
            let columns = row::put_columns(family, &unknown)?;
            all.push(Statement { family, sql: &sql.put_unknown, columns, returns: true });
        }
        if !deleted.is_empty() {
            let columns = row::deleted_columns(family, &deleted)?;
            all.push(Statement { family, sql: &sql.delete, columns, returns: true });
        }
    }
    Ok(all)
}

impl Tables for PostgresTables<'_> {
    // All that is pending goes in one round trip, a statement for each family.
    const ROWS_AT_A_TIME: usize = usize::MAX;
    const CHUNKS_AT_A_TIME: usize = 1_024;
    const PREFETCHES: bool = true;

    fn prefetch(&mut self, wanted: &[NeededRow<'_>]) -> Result<(), EngineError> {
        for wanted in wanted.chunks(ROWS_MAX) {
            let plan = Plan::new(wanted, &self.known);
            if plan.is_empty() {
                continue;
            }
            let id = self.id;
            if let Err(failure) = plan.read(&mut self.connection, (id, &[]), &mut self.known)? {
                return Err(self.failed(failure));
            }
        }
        Ok(())
    }

    fn known(&self, family: Family, key: &[Cell<'_>]) -> StoredSum {
        self.known.known(family, key)
    }

    fn as_whole(&mut self) -> Option<&mut dyn WholeTables> {
        Some(self)
    }

    fn encode(cells: &mut [Cell<'_>]) {
        typed::encode(cells);
    }

    fn get<R: Record>(&mut self, key: &[Cell<'_>]) -> Result<Option<(R, i64)>, EngineError> {
        let bytes = key_bytes(R::FAMILY, key);
        if self.known.get(&bytes).is_none() {
            self.read(R::FAMILY, key)?;
        }
        self.known.get(&bytes).flatten().map(|found| row::record(R::FAMILY, found)).transpose()
    }

    fn chunks(&mut self, of: PartOf, no: ProfileNo, each: EachRow<'_>) -> Result<(), EngineError> {
        let sql = format!("{} {}", family_statements(Family::Chunks).from, super::chunks::OF);
        for found in self.rows(&sql, &[&(of as i64), &no.0.cast_signed()])? {
            let (mut cells, sum) = row::decoded(Family::Chunks, &found)?;
            each(&mut cells, sum)?;
        }
        Ok(())
    }

    fn chunk_sums(&mut self, of: PartOf, no: ProfileNo) -> Result<ChunkSums, EngineError> {
        let mut sums = ChunkSums::new();
        self.chunks(of, no, &mut |cells, sum| {
            if let Cell::Text(first) = &cells[2] {
                sums.insert((&**first).into(), sum);
            }
            Ok(())
        })?;
        Ok(sums)
    }

    fn write(&mut self, writes: &mut [FamilyWrites<'_>]) -> Result<(), EngineError> {
        let mut stored: HashMap<Vec<u8>, (i64, i64)> = HashMap::new();
        let statements = statements_of(writes)?;
        if !statements.is_empty() {
            let id = self.id;
            let commands: Vec<_> =
                statements.iter().map(|s| Command::Query(s.sql, row::parameters(&id, &s.columns))).collect();
            let answers = self.ask(&commands)?;
            for (Statement { family, .. }, rows) in statements.iter().zip(answers).filter(|(s, _)| s.returns) {
                for found in rows {
                    let unreadable = |_| EngineError::Broken("an answer of the database has another form".into());
                    let place = family.key_columns();
                    let sum = found.try_get(place).map_err(unreadable)?;
                    let counted = found.try_get(place + 1).map_err(unreadable)?;
                    stored.insert(stored_key(*family, &found)?, (sum, counted));
                }
            }
        }
        drop(statements);
        for FamilyWrites { family, rows } in writes {
            for row in rows {
                let key = key_bytes(*family, &row.cells[..family.key_columns()]);
                self.settle(*family, row, stored.get(&key).copied())?;
                self.known.forget(&key);
            }
        }
        Ok(())
    }
}

impl PostgresTables<'_> {
    /// Notes what a row that was written replaced, and counts it in the sum of its family.
    fn settle(&mut self, family: Family, row: &mut RowWrite<'_>, found: Option<(i64, i64)>) -> Result<(), EngineError> {
        let is_asked = row.sum.is_none() && row.stored != StoredSum::Absent || family.is_bounded();
        if row.stored == StoredSum::Unknown || is_asked {
            let sum = StoredSum::found(found.map(|(sum, _)| sum));
            if row.stored != StoredSum::Unknown && row.stored != sum {
                return Err(EngineError::Corrupt(format!("the table {} is not as it was read", family.table()).into()));
            }
            row.stored = sum;
            row.stored_bytes = found.map_or(0, |(_, counted)| counted.cast_unsigned());
        }
        self.sums.replace(family, row.stored.sum(), row.sum);
        Ok(())
    }
}
