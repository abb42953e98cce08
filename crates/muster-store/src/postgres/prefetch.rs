//! Reads what decisions will ask for, all families in one round trip: rows by their keys, and of identifiers also the rows
//! of the ids that they are bound to, and of their roots, which joins find.

use super::connection::{Command, DatabaseConnection};
use super::errors::DatabaseFailure;
use super::prefetched::{KeyBytes, Prefetched, key_bytes};
use super::row;
use super::statements::family_statements;
use crate::codec::Cell;
use crate::engine::EngineError;
use crate::family::Family;
use crate::working_set::NeededRow;
use muster_core::facts::Reach;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;
use tokio_postgres::Row;

/// Rows that are asked for at a time. A request of seven megabytes asks for some four times as many.
pub(super) const ROWS_MAX: usize = 16_384;
/// Bytes of member records, and of views, that are read at a time; what is beyond is asked for one by one, as long as the
/// decision may load more. A record has a kilobyte, and 32 at most.
const RECORD_BYTES_MAX: usize = 32 << 20;

/// The place of the bound id in a row of bindings, and of the root in a root pointer.
const BOUND: usize = 2;
const ROOT: usize = 2;

/// The ids in $2 and those that the identifiers in $3 and $4 are bound to.
const IDS: &str = "ids AS (SELECT unnest($2::bigint[]) AS no UNION SELECT b.profile FROM unnest($3::text[], $4::text[]) \
    AS k(kind, value) CROSS JOIN LATERAL (SELECT b.profile FROM bindings AS b WHERE b.workspace_id = $1 \
    AND b.kind = k.kind AND b.value = k.value LIMIT 1) AS b)";

/// Their root pointers.
const OWN: &str = "own AS (SELECT t.* FROM ids CROSS JOIN LATERAL (SELECT t.* FROM standings AS t \
    WHERE t.workspace_id = $1 AND t.no = ids.no LIMIT 1) AS t)";

static POINTERS: LazyLock<String> = LazyLock::new(|| {
    let columns = &family_statements(Family::Standings).columns;
    format!(
        "WITH {IDS}, {OWN} SELECT {columns}, t.sum FROM own AS t UNION ALL SELECT {columns}, t.sum \
         FROM (SELECT DISTINCT root FROM own WHERE root <> no) AS r CROSS JOIN LATERAL (SELECT t.* FROM standings AS t \
         WHERE t.workspace_id = $1 AND t.no = r.root LIMIT 1) AS t"
    )
});

static RECORDS: LazyLock<String> = LazyLock::new(|| {
    let columns = &family_statements(Family::Profiles).columns;
    format!(
        "WITH {IDS}, {OWN}, all_ids AS (SELECT no FROM ids UNION SELECT root FROM own) {} \
         FROM all_ids CROSS JOIN LATERAL (SELECT t.* FROM profiles AS t WHERE t.workspace_id = $1 AND t.no = all_ids.no \
         LIMIT 1) AS t) AS t WHERE t.bytes <= {RECORD_BYTES_MAX}",
        bounded(columns)
    )
});

static VIEWS: LazyLock<String> = LazyLock::new(|| {
    let columns = &family_statements(Family::Views).columns;
    format!(
        "WITH {IDS}, {OWN} {} FROM (SELECT DISTINCT root FROM own) AS r CROSS JOIN LATERAL \
         (SELECT t.* FROM views AS t WHERE t.workspace_id = $1 AND t.profile = r.root LIMIT 1) AS t) AS t \
         WHERE t.bytes <= {RECORD_BYTES_MAX}",
        bounded(columns)
    )
});

/// Selects these columns with the bytes of all rows up to each.
fn bounded(columns: &str) -> String {
    format!(
        "SELECT {columns}, t.sum FROM (SELECT t.*, sum(octet_length(t.attributes_typed) + octet_length(t.record)) \
         OVER (ROWS UNBOUNDED PRECEDING) AS bytes"
    )
}

/// Ids whose rows are read, by number and by identifier.
#[derive(Default)]
struct Ids<'n> {
    numbers: HashSet<i64>,
    identifiers: Vec<Vec<Cell<'n>>>,
}

impl Ids<'_> {
    fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.identifiers.is_empty()
    }
}

/// What one round trip reads.
#[derive(Default)]
pub(super) struct Plan<'n> {
    /// Keys by family.
    keys: BTreeMap<Family, Vec<Vec<Cell<'n>>>>,
    /// Ids of which the root pointers are read, those with records among them.
    pointers: Ids<'n>,
    /// Ids of which member records and views are read, too.
    records: Ids<'n>,
}

impl<'n> Plan<'n> {
    /// Plans to read what is wanted and not known.
    pub(super) fn new(wanted: &[NeededRow<'n>], known: &Prefetched) -> Self {
        let mut plan = Self::default();
        let mut reaches: HashMap<KeyBytes, Reach> = HashMap::new();
        for wanted in wanted {
            let key = key_bytes(wanted.family, &wanted.key);
            let before = reaches.get(&key).copied();
            if before.is_none_or(|before| rank(before) < rank(wanted.reach)) {
                reaches.insert(key.clone(), wanted.reach);
                plan.put(wanted, (&key, before.is_some()), known);
            }
        }
        plan
    }

    fn put(&mut self, wanted: &NeededRow<'n>, (key, is_planned): (&KeyBytes, bool), known: &Prefetched) {
        let found = known.get(key);
        match wanted.family {
            Family::Standings | Family::Profiles => {
                if found.is_none()
                    && let Some(Cell::Int(no)) = wanted.key.first()
                {
                    self.put_id(*no, wanted.reach);
                }
            }
            Family::Bindings if found.is_some() => {
                if let Some(no) = known.number(key, BOUND) {
                    let family = if wanted.reach == Reach::Record { Family::Profiles } else { Family::Standings };
                    if known.get(&key_bytes(family, &[Cell::Int(no)])).is_none() {
                        self.put_id(no, wanted.reach);
                    }
                }
            }
            Family::Bindings => {
                if !is_planned {
                    self.keys.entry(Family::Bindings).or_default().push(wanted.key.clone());
                }
                if wanted.reach != Reach::Binding {
                    self.pointers.identifiers.push(wanted.key.clone());
                }
                if wanted.reach == Reach::Record {
                    self.records.identifiers.push(wanted.key.clone());
                }
            }
            family => {
                if found.is_none() {
                    self.keys.entry(family).or_default().push(wanted.key.clone());
                }
            }
        }
    }

    fn put_id(&mut self, no: i64, reach: Reach) {
        if reach != Reach::Binding {
            self.pointers.numbers.insert(no);
        }
        if reach == Reach::Record {
            self.records.numbers.insert(no);
        }
    }

    /// Whether nothing is to be read.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.pointers.is_empty()
    }

    /// Sends the statements before with those that read everything, and returns the answers to the first.
    pub(super) fn read(
        &self,
        connection: &mut DatabaseConnection,
        (id, before): (&str, &[Command<'_>]),
        into: &mut Prefetched,
    ) -> Result<Result<Vec<Vec<Row>>, DatabaseFailure>, EngineError> {
        let mut families = Vec::new();
        let mut parameters = Vec::new();
        for (family, keys) in &self.keys {
            families.push((*family, family_statements(*family).select.as_str()));
            parameters.push(row::key_columns(*family, keys)?);
        }
        let of_ids = [
            (Family::Standings, &POINTERS, &self.pointers),
            (Family::Profiles, &RECORDS, &self.records),
            (Family::Views, &VIEWS, &self.records),
        ];
        for (family, sql, ids) in of_ids {
            if ids.is_empty() {
                continue;
            }
            let numbers: Vec<i64> = ids.numbers.iter().copied().collect();
            let mut columns: Vec<row::Values<'_>> = vec![Box::new(numbers)];
            columns.extend(row::key_columns(Family::Bindings, &ids.identifiers)?);
            families.push((family, sql.as_str()));
            parameters.push(columns);
        }
        let mut commands: Vec<Command<'_>> = before.iter().map(Command::copy).collect();
        for ((_, sql), columns) in families.iter().zip(&parameters) {
            commands.push(Command::Query(sql, row::parameters(&id, columns)));
        }
        let mut answers = match connection.send(&commands) {
            Ok(answers) => answers,
            Err(failure) => return Ok(Err(failure)),
        };
        let found = answers.split_off(before.len());
        for ((family, _), rows) in families.into_iter().zip(found) {
            for row in rows {
                let key = stored_key(family, &row)?;
                into.put(key, row);
            }
        }
        self.note_absent(into);
        Ok(Ok(answers))
    }

    /// Remembers what was asked for and is not there.
    fn note_absent(&self, into: &mut Prefetched) {
        for (family, keys) in &self.keys {
            for key in keys {
                into.put_asked(key_bytes(*family, key));
            }
        }
        let bound = |ids: &Ids<'_>, into: &Prefetched| -> Vec<i64> {
            let of = |key: &Vec<Cell<'_>>| into.number(&key_bytes(Family::Bindings, key), BOUND);
            ids.numbers.iter().copied().chain(ids.identifiers.iter().filter_map(of)).collect()
        };
        let key = |family, no| key_bytes(family, &[Cell::Int(no)]);
        for no in bound(&self.pointers, into) {
            into.put_asked(key(Family::Standings, no));
            if let Some(root) = into.number(&key(Family::Standings, no), ROOT) {
                into.put_asked(key(Family::Standings, root));
            }
        }
        // With a root pointer there is a member record, if it was not beyond the bytes; whether there is a view, too, the
        // root pointer says.
        for no in bound(&self.records, into) {
            if into.get(&key(Family::Standings, no)).flatten().is_none() {
                into.put_asked(key(Family::Profiles, no));
            }
        }
    }
}

fn rank(reach: Reach) -> u8 {
    match reach {
        Reach::Binding => 0,
        Reach::RootPointer => 1,
        Reach::Record => 2,
    }
}

/// The key of a row that was read.
pub(super) fn stored_key(family: Family, read: &Row) -> Result<KeyBytes, EngineError> {
    Ok(key_bytes(family, &row::key(family, read)?))
}
