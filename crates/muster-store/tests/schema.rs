//! The tables of each dialect, as they are created: kept in `schema/`, to be read when they change. A change after a release
//! needs the next version and a migration (`sqlite/schema.rs`). `MUSTER_BLESS=1 cargo test` rewrites the files.

#![expect(dead_code, reason = "the rig serves other tests, too")]
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
#![expect(clippy::disallowed_methods, reason = "the person who runs the test chooses whether to rewrite the files")]

#[path = "sqlite/rig.rs"]
mod rig;

use muster_store::conformance::rig::workspace;
use muster_store::ddl::{Dialect, create_table};
use muster_store::engine::Engine as _;
use muster_store::family::Family;
use muster_store::postgres;
use rig::Home;
use rusqlite::Connection;
use std::path::Path;

/// What a database holds, each with the statement that made it, as SQLite keeps them.
fn statements(database: &Path) -> String {
    let conn = Connection::open(database).unwrap();
    let mut query = conn.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").unwrap();
    let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|sql| sql.unwrap() + ";\n\n").collect()
}

fn compare(name: &str, got: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema").join(name);
    if std::env::var_os("MUSTER_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, got).unwrap();
    }
    let want = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(want == got, "{} differs:\n  want {want}\n  got {got}", file.display());
}

// Fails when a column, its type or a key of a family changes, or an index or a view.
#[test]
fn a_new_workspace_and_a_new_catalogue_have_these_tables_in_sqlite() {
    let home = Home::new();
    home.open().unwrap().create_workspace(&workspace("shop")).unwrap();
    compare("sqlite-workspace.sql", &statements(&home.database("shop")));
    compare("sqlite-catalogue.sql", &statements(&home.path().join("muster.db")));
}

// Fails when a table does not begin with the workspace, or text is compared by the rules of a language.
#[test]
fn a_new_database_has_these_tables_in_postgresql() {
    compare("postgres.sql", &postgres::tables_sql());
}

// Fails when a family is created without its workspace, or with a column of a number that PostgreSQL counts itself.
#[test]
fn the_tables_of_postgresql_can_be_spread_by_workspace() {
    for family in Family::ALL {
        let table = create_table(family, Dialect::Postgres);
        assert!(table.contains("PRIMARY KEY (workspace_id, "), "{table}");
    }
    let mut wrong = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let used: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let words = ["TRIGGER", "LISTEN", "NOTIFY", "SEQUENCE", "SERIAL", "IDENTITY", "REFERENCES", "FOREIGN"];
            let is_banned = |word: &&str| words.contains(word) || word.contains("advisory") || *word == "nextval";
            let found = used.into_iter().filter(is_banned);
            wrong.extend(found.map(|word| format!("{}: {word}", path.display())));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
