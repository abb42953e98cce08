//! `CREATE TABLE` from the list of families, for each dialect of SQL: a family is described in `family` alone.

use crate::family::{Column, ColumnType, Family};
use std::fmt::Write as _;

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite: one file for each workspace. A number that is the whole key is the rowid; every other table is without one.
    Sqlite,
    /// PostgreSQL: all workspaces in one database, so that each key begins with the workspace. Text is compared by its
    /// bytes, as SQLite and `muster-core` do.
    Postgres,
}

impl Dialect {
    fn column_type(self, column_type: ColumnType) -> &'static str {
        match (self, column_type) {
            (Self::Sqlite, ColumnType::Int) => "INTEGER",
            (Self::Sqlite, ColumnType::Text) => "TEXT",
            // SQLite has no column type for its JSONB, which is a blob.
            (Self::Sqlite, ColumnType::Blob | ColumnType::Json) => "BLOB",
            (Self::Postgres, ColumnType::Int) => "bigint",
            (Self::Postgres, ColumnType::Text) => "text COLLATE \"C\"",
            (Self::Postgres, ColumnType::Blob) => "bytea",
            (Self::Postgres, ColumnType::Json) => "jsonb",
        }
    }

    fn column(self, column: Column) -> String {
        let null = if column.null { "" } else { " NOT NULL" };
        format!("{} {}{null}", column.name, self.column_type(column.column_type))
    }
}

/// The last column of every table: the checksum over the row.
const SUM: Column = Column { name: "sum", column_type: ColumnType::Int, null: false };
/// The first column of every table where one database holds all workspaces.
const WORKSPACE: Column = Column { name: "workspace_id", column_type: ColumnType::Text, null: false };

/// The column beside a JSON column, which has its values as typed bytes.
pub(crate) fn typed_name(json: &str) -> &'static str {
    match json {
        "attributes" => "attributes_typed",
        _ => "old_values_typed",
    }
}

/// The statement that creates a family's table, without indexes and without the semicolon.
pub fn create_table(family: Family, dialect: Dialect) -> String {
    let columns = family.columns();
    let key = &columns[..family.key_columns()];
    let is_rowid = dialect == Dialect::Sqlite && matches!(key, [Column { column_type: ColumnType::Int, .. }]);
    let mut lines = Vec::with_capacity(columns.len() + 3);
    let mut key_names: Vec<&str> = key.iter().map(|column| column.name).collect();
    if dialect == Dialect::Postgres {
        lines.push(dialect.column(WORKSPACE));
        key_names.insert(0, WORKSPACE.name);
    }
    for (place, column) in columns.iter().enumerate() {
        let is_key = is_rowid && place == 0;
        lines.push(if is_key { format!("{} INTEGER PRIMARY KEY", column.name) } else { dialect.column(*column) });
        if dialect == Dialect::Postgres && column.column_type == ColumnType::Json {
            // What JSON would change is read from these bytes (`codec::typed`).
            lines.push(dialect.column(Column {
                name: typed_name(column.name),
                column_type: ColumnType::Blob,
                null: false,
            }));
        }
    }
    lines.push(dialect.column(SUM));
    if !is_rowid {
        lines.push(format!("PRIMARY KEY ({})", key_names.join(", ")));
    }
    let mut sql = String::new();
    let end = match dialect {
        Dialect::Sqlite if is_rowid => " STRICT",
        Dialect::Sqlite => " STRICT, WITHOUT ROWID",
        Dialect::Postgres => "",
    };
    write!(sql, "CREATE TABLE {} (\n    {}\n){end}", family.table(), lines.join(",\n    ")).expect("memory");
    sql
}
