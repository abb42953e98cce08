//! Reads rows of a workspace within the transaction of a reader: by their keys, in pages, and all in the order of their
//! keys.

use super::answer::sql_limit;
use super::connection::SqlParameter;
use super::pool::Pooled;
use super::row;
use super::statements::family_statements;
use crate::codec::chunks::PartOf;
use crate::codec::{Cell, Record};
use crate::engine::EngineError;
use crate::family::{ColumnType, Family};
use crate::page::{PAGE_BYTES_MAX, Page, PageBuilder, payload};
use crate::read_room::ReadRoom;
use crate::working_set::{EachRow, chunks};
use muster_core::id::ProfileNo;
use muster_core::record::{MemberRecord, View};
use tokio_postgres::Row;

/// Rows of a dump that are read at a time.
const DUMPED_AT_A_TIME: i64 = 256;
/// Bytes of stored rows that a page may read: more than a page takes of them, however they are counted.
const PAGE_READ_MAX: i64 = 4 * PAGE_BYTES_MAX.cast_signed();

/// A condition on the rows `t` of a family, with its parameters from $2 on, and their order.
pub(super) struct Condition<'c> {
    pub(super) family: Family,
    pub(super) condition: &'c str,
    pub(super) order: &'c str,
    pub(super) parameters: &'c [SqlParameter<'c>],
}

/// The rows of a workspace as a transaction sees them.
pub(super) struct RowReader<'p> {
    pub(super) connection: Pooled<'p>,
    pub(super) id: Box<str>,
}

impl RowReader<'_> {
    /// Asks one question; the workspace is the first parameter.
    pub(super) fn rows(&mut self, sql: &str, parameters: &[SqlParameter<'_>]) -> Result<Vec<Row>, EngineError> {
        let Self { connection, id } = self;
        let id = &**id;
        let mut all: Vec<SqlParameter<'_>> = vec![&id];
        all.extend(parameters);
        Ok(connection.query(sql, &all)?)
    }

    pub(super) fn records<R: Record>(
        &mut self,
        family: Family,
        end: &str,
        parameters: &[SqlParameter<'_>],
    ) -> Result<Vec<R>, EngineError> {
        let sql = format!("{} {end}", family_statements(family).from);
        self.rows(&sql, parameters)?.iter().map(|found| Ok(row::record(family, found)?.0)).collect()
    }

    /// Returns the row under a key.
    pub(super) fn get<R: Record>(&mut self, family: Family, key: Vec<Cell<'_>>) -> Result<Option<R>, EngineError> {
        Ok(self.get_all(family, vec![key])?.pop())
    }

    /// Returns the rows that there are under these keys, in whatever order.
    pub(super) fn get_all<R: Record>(
        &mut self,
        family: Family,
        keys: Vec<Vec<Cell<'_>>>,
    ) -> Result<Vec<R>, EngineError> {
        let columns = row::key_columns(family, &keys)?;
        let Self { connection, id } = self;
        let id = &**id;
        let rows = connection.query(&family_statements(family).select, &row::parameters(&id, &columns))?;
        rows.iter().map(|found| Ok(row::record(family, found)?.0)).collect()
    }

    pub(super) fn by_number<R: Record>(&mut self, no: u64) -> Result<Option<R>, EngineError> {
        self.get(R::FAMILY, vec![Cell::unsigned(no)])
    }

    /// One page of a list, for which there is room. No more rows are sent than the page may hold.
    pub(super) fn page<R: Record>(
        &mut self,
        of: &Condition<'_>,
        limit: usize,
        room: &mut ReadRoom,
    ) -> Result<Page<R>, EngineError> {
        let Condition { family, condition, order, parameters } = of;
        let columns = &family_statements(*family).columns;
        let bytes = row_bytes(*family);
        let last = parameters.len() + 2;
        let sql = format!(
            "SELECT {columns}, t.sum FROM (SELECT t.*, sum(t.row_bytes) OVER (ORDER BY t.place) - t.row_bytes AS before FROM \
             (SELECT t.*, {bytes} AS row_bytes, row_number() OVER (ORDER BY {order}) AS place FROM {} AS t \
             WHERE t.workspace_id = $1 AND {condition} ORDER BY {order} LIMIT ${last}) AS t) AS t \
             WHERE t.before <= {PAGE_READ_MAX} ORDER BY t.place",
            family.table()
        );
        let one_more = sql_limit(limit.max(1).saturating_add(1));
        let mut all = parameters.to_vec();
        all.push(&one_more);
        let found = self.rows(&sql, &all)?;
        room.turn_page();
        let mut page = PageBuilder::new(limit);
        for found in &found {
            let (mut cells, _) = row::decoded(*family, found)?;
            let bytes = payload(&cells);
            if !page.takes(bytes) {
                break;
            }
            room.reads_row(bytes)?;
            page.put(R::from_cells(&mut cells)?);
        }
        Ok(page.done())
    }

    /// Gives a member record the attributes that are stored in chunks.
    pub(super) fn fill_record(&mut self, record: &mut MemberRecord) -> Result<(), EngineError> {
        let no = record.no;
        chunks::fill_record(record, |each| self.chunks(PartOf::Record, no, each)).map(drop)
    }

    pub(super) fn fill_view(&mut self, root: ProfileNo, view: &mut View) -> Result<(), EngineError> {
        chunks::fill_view(view, |each| self.chunks(PartOf::View, root, each)).map(drop)
    }

    pub(super) fn chunks(&mut self, of: PartOf, no: ProfileNo, each: EachRow<'_>) -> Result<(), EngineError> {
        let sql = format!("{} {}", family_statements(Family::Chunks).from, super::chunks::OF);
        for found in self.rows(&sql, &[&(of as i64), &no.0.cast_signed()])? {
            let (mut cells, sum) = row::decoded(Family::Chunks, &found)?;
            each(&mut cells, sum)?;
        }
        Ok(())
    }

    /// Hands over the rows of a family in the order of their keys, some at a time.
    pub(super) fn family<R: Record>(
        &mut self,
        family: Family,
        mut each: impl FnMut(&mut Self, R) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let keys = &family.columns()[..family.key_columns()];
        let names: Vec<String> = keys.iter().map(|key| format!("t.{}", key.name)).collect();
        let names = names.join(", ");
        let marks: Vec<String> = (3..).zip(keys).map(|(n, key)| format!("${n}::{}", scalar(key.column_type))).collect();
        let from = &family_statements(family).from;
        let first = format!("{from} ORDER BY {names} LIMIT $2");
        let next = format!("{from} AND ({names}) > ({}) ORDER BY {names} LIMIT $2", marks.join(", "));
        let mut last: Option<Row> = None;
        loop {
            let found = match &last {
                None => self.rows(&first, &[&DUMPED_AT_A_TIME])?,
                Some(row) => {
                    let key = row::key(family, row)?;
                    let values = row::scalars(&key);
                    let mut parameters: Vec<SqlParameter<'_>> = vec![&DUMPED_AT_A_TIME];
                    parameters.extend(values.iter().map(|value| &**value as SqlParameter<'_>));
                    self.rows(&next, &parameters)?
                }
            };
            for found in &found {
                let (record, _) = row::record(family, found)?;
                each(self, record)?;
            }
            if found.len() < usize::try_from(DUMPED_AT_A_TIME).unwrap_or(usize::MAX) {
                return Ok(());
            }
            last = found.into_iter().next_back();
        }
    }
}

fn scalar(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Int => "bigint",
        ColumnType::Text | ColumnType::Json => "text COLLATE \"C\"",
        ColumnType::Blob => "bytea",
    }
}

/// The bytes of what is large in a row `t`, as SQL.
fn row_bytes(family: Family) -> String {
    let of = |column: &crate::family::Column| match column.column_type {
        ColumnType::Int => None,
        ColumnType::Json => Some(crate::ddl::typed_name(column.name)),
        ColumnType::Text | ColumnType::Blob => Some(column.name),
    };
    let large: Vec<String> =
        family.columns().iter().filter_map(of).map(|name| format!("coalesce(octet_length(t.{name}), 0)")).collect();
    if large.is_empty() { "0::bigint".into() } else { format!("({})::bigint", large.join(" + ")) }
}
