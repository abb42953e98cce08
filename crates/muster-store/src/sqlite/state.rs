//! Reads and writes the state of a workspace.

use super::row_statements::RowStatements;
use super::table;
use crate::codec::{COUNTERS_ID, Cell, Record as _, cells_sum, row_sum};
use crate::engine::EngineError;
use crate::family::{Family, FamilySum, FamilySums};
use crate::workspace_state::{TableStats, WorkspaceState};
use muster_core::record::Counters;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Seeds of checksums over rows of no family: above every family's number.
const ENGINE_SEED: u64 = 1_001;
const SUMS_SEED: u64 = 1_002;

impl TableStats {
    fn sum(self) -> i64 {
        cells_sum(ENGINE_SEED, &self.numbers().map(Cell::unsigned))
    }

    /// Reads the figures and checks them.
    pub(crate) fn load(conn: &Connection) -> Result<Self, EngineError> {
        let row = conn
            .query_row(
                "SELECT group_no, quarantine_bytes, quarantine_dropped, refused_bytes, sum FROM engine WHERE id = 1",
                [],
                |row| {
                    let numbers =
                        [row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?].map(i64::cast_unsigned);
                    Ok((Self::from_numbers(numbers), row.get::<_, i64>(4)?))
                },
            )
            .optional()?;
        match row {
            Some((figures, sum)) if figures.sum() == sum => Ok(figures),
            _ => Err(EngineError::Corrupt("the row of engine fails its checksum".into())),
        }
    }
}

impl WorkspaceState {
    /// Reads the state and checks it.
    pub(crate) fn load(conn: &Connection) -> Result<Self, EngineError> {
        let StoredState { counters, sums, figures } = StoredState::load(conn)?;
        let sql = "SELECT coalesce(sum(length(body)), 0) FROM idempotency";
        let answer_bytes = table::numbers(conn, sql, &[])?.into_iter().sum();
        let rows = |family| sums.get(family).rows.cast_unsigned();
        let (quarantine_rows, refused_rows) = (rows(Family::Quarantine), rows(Family::Refused));
        Ok(Self { counters, figures, quarantine_rows, refused_rows, answer_bytes })
    }
}

/// The state of a workspace as its tables have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StoredState {
    pub(crate) counters: Counters,
    pub(crate) sums: FamilySums,
    pub(crate) figures: TableStats,
}

impl StoredState {
    /// Reads the state and checks it.
    pub(crate) fn load(conn: &Connection) -> Result<Self, EngineError> {
        let counters = table::get::<Counters>(conn, &[Cell::Int(COUNTERS_ID)])?;
        let (counters, _) = counters.ok_or(EngineError::Corrupt("the row of counters is missing".into()))?;
        Ok(Self { counters, sums: load_sums(conn)?, figures: TableStats::load(conn)? })
    }

    /// Writes the differences to the previous state; everything if there was none.
    pub(crate) fn save(&mut self, rows: &RowStatements<'_>, before: Option<&Self>) -> Result<(), EngineError> {
        let old = before.map(|b| row_sum(Family::Counters, &b.counters.cells()));
        let cells = self.counters.cells();
        let sum = row_sum(Family::Counters, &cells);
        if old != Some(sum) {
            if !rows.put((Family::Counters, old.is_some()), &cells, sum)? {
                return Err(EngineError::Corrupt("the row of counters is not as it was".into()));
            }
            self.sums.replace(Family::Counters, old, Some(sum));
        }
        for family in Family::ALL {
            let sum = self.sums.get(family);
            if before.is_none_or(|b| b.sums.get(family) != sum) {
                save_sum(rows, family, sum)?;
            }
        }
        let [group, quarantine_bytes, quarantine_dropped, refused_bytes] = self.figures.numbers().map(u64::cast_signed);
        rows.prepare_cached("INSERT OR REPLACE INTO engine VALUES (1, ?1, ?2, ?3, ?4, ?5)")?.execute(params![
            group,
            quarantine_bytes,
            quarantine_dropped,
            refused_bytes,
            self.figures.sum()
        ])?;
        Ok(())
    }
}

/// Writes the sum of one family.
pub(crate) fn save_sum(conn: &Connection, family: Family, of: FamilySum) -> Result<(), EngineError> {
    let mut upsert = conn.prepare_cached("INSERT OR REPLACE INTO family_sums VALUES (?1, ?2, ?3, ?4)")?;
    upsert.execute(params![family.table(), of.rows, of.sum, sums_check(family, of)])?;
    Ok(())
}

fn sums_check(family: Family, of: FamilySum) -> i64 {
    cells_sum(SUMS_SEED, &[Cell::text(family.table()), Cell::Int(of.rows), Cell::Int(of.sum)])
}

/// Reads the sums of all families and checks them.
pub(crate) fn load_sums(conn: &Connection) -> Result<FamilySums, EngineError> {
    let mut sums = FamilySums::default();
    let mut select = conn.prepare("SELECT row_count, row_sum, sum_check FROM family_sums WHERE family = ?1")?;
    for family in Family::ALL {
        let row = select
            .query_row([family.table()], |row| Ok((FamilySum { rows: row.get(0)?, sum: row.get(1)? }, row.get(2)?)))
            .optional()?;
        match row {
            Some((of, check)) if sums_check(family, of) == check => sums.0[family.place()] = of,
            _ => {
                let text = format!("the row of family_sums for {} fails its checksum", family.table());
                return Err(EngineError::Corrupt(text.into()));
            }
        }
    }
    Ok(sums)
}
