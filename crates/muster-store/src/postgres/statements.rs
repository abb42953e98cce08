//! The statements over the tables of the record families, made once from the family list. $1 is the workspace; the other
//! parameters are columns of keys or rows, one value for each.

use crate::ddl::typed_name;
use crate::family::{Column, ColumnType, Family};
use std::sync::LazyLock;

/// The statements of one family.
pub(super) struct FamilyStatements {
    /// The rows under many keys.
    pub(super) select: String,
    /// `SELECT columns, sum FROM table AS t WHERE t.workspace_id = $1`, for a condition to follow.
    pub(super) from: String,
    /// The columns of a row, as they are read.
    pub(super) columns: String,
    /// Puts rows; returns the keys and sums of those that were there, with the bytes that they counted.
    pub(super) put_unknown: String,
    /// Puts rows that need not be looked at.
    pub(super) put: String,
    /// Deletes rows; returns the same of those that were there.
    pub(super) delete: String,
}

static STATEMENTS: LazyLock<Vec<FamilyStatements>> = LazyLock::new(|| Family::ALL.map(FamilyStatements::new).into());

/// Returns the statements of a family.
pub(super) fn family_statements(family: Family) -> &'static FamilyStatements {
    &STATEMENTS[family.place()]
}

fn array(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Int => "bigint[]",
        // The text of an object becomes one where it is stored.
        ColumnType::Text | ColumnType::Json => "text[]",
        ColumnType::Blob => "bytea[]",
    }
}

/// The column that is read for one of the family.
fn read(column: &Column) -> &'static str {
    if column.column_type == ColumnType::Json { typed_name(column.name) } else { column.name }
}

/// What a row of a bounded family counts, as `codec::bounded_bytes` does.
fn counted(family: Family) -> &'static str {
    match family {
        Family::Quarantine => "(octet_length(t.element) + octet_length(t.errors))::bigint",
        Family::Refused => "octet_length(t.record)::bigint",
        Family::Idempotency => "octet_length(t.body)::bigint",
        _ => "0::bigint",
    }
}

/// Joins what `each` makes of items.
fn joined<T>(items: &[T], separator: &str, each: impl Fn(&T) -> String) -> String {
    items.iter().map(each).collect::<Vec<_>>().join(separator)
}

/// `unnest($2::bigint[], ...) AS k(no, ...)`.
fn unnested(columns: &[(&'static str, &'static str)], alias: &str) -> String {
    let parameters: Vec<String> = (2..).zip(columns).map(|(n, (_, array))| format!("${n}::{array}")).collect();
    format!("unnest({}) AS {alias}({})", parameters.join(", "), joined(columns, ", ", |(name, _)| (*name).into()))
}

impl FamilyStatements {
    fn new(family: Family) -> Self {
        let (table, columns) = (family.table(), family.columns());
        let keys = &columns[..family.key_columns()];
        let names = joined(columns, ", ", |column| format!("t.{}", read(column)));
        let key_arrays: Vec<_> = keys.iter().map(|key| (key.name, array(key.column_type))).collect();
        let of_key = |of: &str| joined(keys, " AND ", |key| format!("t.{0} = {of}.{0}", key.name));
        let mut stored: Vec<(&'static str, &'static str)> = Vec::new();
        for column in columns {
            stored.push((column.name, array(column.column_type)));
            if column.column_type == ColumnType::Json {
                stored.push((typed_name(column.name), "bytea[]"));
            }
        }
        stored.push(("sum", "bigint[]"));
        let values = joined(&stored, ", ", |(name, _)| {
            let is_json = columns.iter().any(|c| c.name == *name && c.column_type == ColumnType::Json);
            format!("n.{name}{}", if is_json { "::jsonb" } else { "" })
        });
        let key_names = joined(keys, ", ", |key| key.name.into());
        let sets: Vec<_> = stored.iter().filter(|(name, _)| !keys.iter().any(|key| key.name == *name)).collect();
        let insert = |from: &str| {
            format!(
                "INSERT INTO {table} (workspace_id, {}) SELECT $1, {values} FROM {from} \
                 ON CONFLICT (workspace_id, {key_names}) DO UPDATE SET {}",
                joined(&stored, ", ", |(name, _)| (*name).into()),
                joined(&sets, ", ", |(name, _)| format!("{name} = excluded.{name}")),
            )
        };
        let counted = counted(family);
        let returned = joined(keys, ", ", |key| format!("t.{}", key.name));
        // The lateral query keeps the planner from any other order than a lookup for each key.
        let lookup = |what: &str, of: &str| {
            format!(
                "CROSS JOIN LATERAL (SELECT {what} FROM {table} AS t WHERE t.workspace_id = $1 AND {} LIMIT 1) AS t",
                of_key(of)
            )
        };
        let key_set = unnested(&key_arrays, "k");
        let delete = if let [key] = keys {
            format!(
                "DELETE FROM {table} AS t WHERE t.workspace_id = $1 AND t.{} = ANY($2::{})",
                key.name,
                array(key.column_type)
            )
        } else {
            format!("DELETE FROM {table} AS t USING {key_set} WHERE t.workspace_id = $1 AND {}", of_key("k"))
        };
        Self {
            select: format!("SELECT {names}, t.sum FROM {key_set} {}", lookup("t.*", "k")),
            from: format!("SELECT {names}, t.sum FROM {table} AS t WHERE t.workspace_id = $1"),
            columns: names,
            put_unknown: format!(
                "WITH n AS (SELECT * FROM {}), old AS (SELECT {returned}, t.sum, {counted} AS counted FROM n {}), put AS ({}) \
                 SELECT * FROM old",
                unnested(&stored, "n"),
                lookup("t.*", "n"),
                insert("n"),
            ),
            put: insert(&unnested(&stored, "n")),
            delete: format!("{delete} RETURNING {returned}, t.sum, {counted}"),
        }
    }
}
