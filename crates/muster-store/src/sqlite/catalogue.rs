//! The catalogue: workspaces with their settings and keys, the installation's secrets, (`access`) tokens and the audit log,
//! and (`sessions`) sessions of the console, in DATA_DIR/muster.db.

mod access;
mod sessions;

use super::directory::Directory;
use super::entry::key_record;
use super::own_entry::Versioned;
use super::{errors, schema, settings};
use crate::catalogue_sums::{key_sum, secret_sum, workspace_sum};
use crate::codec::{Cell, cells_sum};
use crate::engine::{EngineError, KeyRecord, Workspace};
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Seed of the checksums of versions: no other table has this number.
const VERSIONS_SEED: u64 = 2_006;

/// How long a change that could not be made is retried: its caller has a timeout of its own, and other changes wait for
/// it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause before a retry.
const RETRY: Duration = Duration::from_millis(20);

/// The open catalogue.
pub(crate) struct Catalogue {
    conn: Connection,
    /// Set after a write that may or may not be on disk: nothing more is written.
    failed: Option<Arc<str>>,
    folder: PathBuf,
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new(".")).to_owned()
}

fn corrupt_row_of(what: &str) -> EngineError {
    EngineError::Corrupt(format!("a row of the catalogue's {what} fails its checksum").into())
}

impl Catalogue {
    /// Opens the catalogue, or creates it.
    pub(crate) fn open(path: &Path) -> Result<Self, schema::SchemaError> {
        let mut conn = settings::catalogue(path)?;
        schema::catalogue(&mut conn)?;
        Ok(Self { conn, failed: None, folder: folder_of(path) })
    }

    /// Opens an existing catalogue and changes nothing, except to complete what a crash interrupted.
    pub(crate) fn open_for_reading(path: &Path) -> Result<Self, schema::SchemaError> {
        let conn = settings::catalogue_for_reading(path)?;
        if !schema::is_current_catalogue(&conn)? {
            return Err(EngineError::Broken("its version is older than this one: start it once".into()).into());
        }
        Ok(Self { conn, failed: None, folder: folder_of(path) })
    }

    /// Every workspace, in order of id.
    pub(crate) fn workspaces(&self) -> Result<Vec<Workspace>, EngineError> {
        let mut select =
            self.conn.prepare_cached("SELECT id, created_at, revision, settings, sum FROM workspaces ORDER BY id")?;
        let mut rows = select.query([])?;
        let mut workspaces = Vec::new();
        while let Some(row) = rows.next()? {
            let id = WorkspaceId::parse(&row.get::<_, String>(0)?).ok_or_else(|| corrupt_row_of("workspaces"))?;
            let (created_at, revision) = (Timestamp(row.get(1)?), row.get::<_, i64>(2)?.cast_unsigned());
            let keys = self.keys(&id)?;
            let workspace = Workspace { id, created_at, revision, settings: row.get(3)?, keys };
            if workspace_sum(&workspace) != row.get::<_, i64>(4)? {
                return Err(corrupt_row_of("workspaces"));
            }
            workspaces.push(workspace);
        }
        Ok(workspaces)
    }

    fn keys(&self, id: &WorkspaceId) -> Result<Vec<KeyRecord>, EngineError> {
        let mut select = self.conn.prepare_cached(
            "SELECT sha256, scopes, created_at, valid_until, place, sum FROM keys WHERE workspace = ?1 ORDER BY place",
        )?;
        let mut rows = select.query([id.as_str()])?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            keys.push(key_record(id, row)?.ok_or_else(|| corrupt_row_of("keys"))?);
        }
        Ok(keys)
    }

    /// Runs a change in a transaction of its own; durable when it returns. A change that could not be written is
    /// retried for a while. If it is not known whether it was written, nothing more is written in this process.
    fn write<T>(&mut self, change: impl Fn(&Connection) -> Result<T, EngineError>) -> Result<T, EngineError> {
        if let Some(failed) = &self.failed {
            return Err(EngineError::Unavailable(failed.clone()));
        }
        let begun = Instant::now();
        loop {
            let (error, is_unknown) = match self.attempt(&change) {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let error = errors::in_folder(error, &self.folder);
            if error != EngineError::Full && (is_unknown || !self.conn.is_autocommit()) {
                self.failed = Some(format!("the catalogue could not be written: {error}").into());
                return Err(error);
            }
            if !matches!(error, EngineError::Busy(_)) || begun.elapsed() >= PATIENCE {
                return Err(error);
            }
            std::thread::sleep(RETRY);
        }
    }

    /// Tries once; an error says whether the result is unknown.
    fn attempt<T>(
        &mut self,
        change: &impl Fn(&Connection) -> Result<T, EngineError>,
    ) -> Result<T, (EngineError, bool)> {
        let before = |error: EngineError| {
            let is_sync = errors::is_sync(&error);
            (error, is_sync)
        };
        let transaction = self.conn.transaction().map_err(|error| before(error.into()))?;
        let value = change(&transaction).map_err(before)?;
        transaction.commit().map_err(|error| {
            let is_unknown = errors::is_unknown_end(&error);
            (error.into(), is_unknown)
        })?;
        Ok(value)
    }

    /// Why it cannot be written any more.
    pub(crate) fn failed(&self) -> Option<Arc<str>> {
        self.failed.clone()
    }

    /// Whether there is such a workspace.
    pub(crate) fn has(&self, id: &WorkspaceId) -> Result<bool, EngineError> {
        Ok(self.conn.prepare_cached("SELECT 1 FROM workspaces WHERE id = ?1")?.exists([id.as_str()])?)
    }

    /// Whether there is a workspace of this id, in whatever case.
    pub(crate) fn has_alike(&self, id: &WorkspaceId) -> Result<bool, EngineError> {
        let sql = "SELECT 1 FROM workspaces WHERE id = ?1 COLLATE NOCASE";
        Ok(self.conn.prepare_cached(sql)?.exists([id.as_str()])?)
    }

    /// Returns the number of changes of a workspace's entry; 0 if it is older than this count, or does not exist.
    pub(crate) fn version(&self, id: &WorkspaceId) -> Result<u64, EngineError> {
        let mut select = self.conn.prepare_cached("SELECT version, sum FROM versions WHERE workspace = ?1")?;
        let row = select.query_row([id.as_str()], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)));
        match row.optional()? {
            Some((version, sum)) if version_sum(id, version) != sum => Err(corrupt_row_of("versions")),
            row => Ok(row.map_or(0, |(version, _)| version)),
        }
    }

    /// Stores a workspace with its keys and the version of its entry.
    pub(crate) fn put(&mut self, Versioned { entry: w, version }: &Versioned) -> Result<(), EngineError> {
        self.write(|conn| {
            let id = w.id.as_str();
            conn.execute(
                "INSERT OR REPLACE INTO versions VALUES (?1, ?2, ?3)",
                params![id, version.cast_signed(), version_sum(&w.id, *version)],
            )?;
            conn.execute(
                "INSERT OR REPLACE INTO workspaces VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, w.created_at.0, w.revision.cast_signed(), w.settings, workspace_sum(w)],
            )?;
            conn.execute("DELETE FROM keys WHERE workspace = ?1", [id])?;
            for (place, key) in (0_i64..).zip(&w.keys) {
                let valid_until = key.valid_until.map(|at| at.0);
                conn.execute(
                    "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        id,
                        place,
                        key.sha256,
                        key.scopes,
                        key.created_at.0,
                        valid_until,
                        key_sum(&w.id, place, key)
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// Whether nothing was ever written to it.
    pub(crate) fn is_empty(&self) -> Result<bool, EngineError> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM workspaces) AND NOT EXISTS (SELECT 1 FROM audit)
            AND NOT EXISTS (SELECT 1 FROM tokens) AND NOT EXISTS (SELECT 1 FROM deleted)";
        Ok(self.conn.query_row(sql, [], |row| row.get(0))?)
    }

    /// Removes the entry of a workspace that could not be created.
    pub(crate) fn forget(&mut self, id: &WorkspaceId) -> Result<(), EngineError> {
        self.write(|conn| {
            for table in ["keys", "versions"] {
                conn.execute(&format!("DELETE FROM {table} WHERE workspace = ?1"), [id.as_str()])?;
            }
            conn.execute("DELETE FROM workspaces WHERE id = ?1", [id.as_str()])?;
            Ok(())
        })
    }

    /// Removes a workspace's entry and records that its folder is being removed.
    pub(crate) fn delete(&mut self, id: &WorkspaceId) -> Result<(), EngineError> {
        self.write(|conn| {
            conn.execute("INSERT OR REPLACE INTO deleted VALUES (?1)", [id.as_str()])?;
            conn.execute("DELETE FROM keys WHERE workspace = ?1", [id.as_str()])?;
            remove_sessions_of_tokens(conn, "workspace", id.as_str())?;
            conn.execute("DELETE FROM tokens WHERE workspace = ?1", [id.as_str()])?;
            conn.execute("DELETE FROM versions WHERE workspace = ?1", [id.as_str()])?;
            conn.execute("DELETE FROM workspaces WHERE id = ?1", [id.as_str()])?;
            Ok(())
        })
    }

    /// Returns the workspaces whose folder is being removed.
    pub(crate) fn deleted(&self) -> Result<Vec<WorkspaceId>, EngineError> {
        let mut select = self.conn.prepare("SELECT id FROM deleted")?;
        let ids = select.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        ids.iter().map(|id| WorkspaceId::parse(id).ok_or_else(|| corrupt_row_of("deleted"))).collect()
    }

    /// Moves the folder of a deleted workspace away to be removed, and notes that. Returns where it is now.
    pub(crate) fn finish_deletion(&mut self, directory: &Directory, id: &WorkspaceId) -> Result<PathBuf, EngineError> {
        let moved_to = directory.set_aside(id).map_err(|error| errors::of_system(&error))?;
        self.note_moved(id)?;
        Ok(moved_to)
    }

    /// Records that the folder of a deleted workspace was moved away.
    pub(crate) fn note_moved(&mut self, id: &WorkspaceId) -> Result<(), EngineError> {
        self.write(|conn| {
            conn.execute("DELETE FROM deleted WHERE id = ?1", [id.as_str()])?;
            Ok(())
        })
    }

    /// Returns a secret.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let mut select = self.conn.prepare_cached("SELECT value, sum FROM secrets WHERE name = ?1")?;
        let row = select.query_row([name], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))).optional()?;
        match row {
            Some((value, sum)) if secret_sum(name, &value) != sum => Err(corrupt_row_of("secrets")),
            row => Ok(row.map(|(value, _)| value)),
        }
    }

    /// Stores a secret.
    pub(crate) fn put_secret(&mut self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        self.write(|conn| {
            let sum = secret_sum(name, value);
            conn.execute("INSERT OR REPLACE INTO secrets VALUES (?1, ?2, ?3)", params![name, value, sum])?;
            Ok(())
        })
    }
}

/// Removes, within a transaction, the sessions of the tokens whose column has this value.
fn remove_sessions_of_tokens(conn: &Connection, column: &'static str, value: &str) -> Result<(), EngineError> {
    let sql = format!("DELETE FROM sessions WHERE token IN (SELECT sha256 FROM tokens WHERE {column} = ?1)");
    conn.execute(&sql, [value])?;
    Ok(())
}

fn version_sum(id: &WorkspaceId, version: u64) -> i64 {
    cells_sum(VERSIONS_SEED, &[Cell::text(id.as_str()), Cell::unsigned(version)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    // Fails when `write` does not try again, or tries again what may have been written.
    #[test]
    fn a_change_that_could_not_be_made_just_now_is_tried_again_and_no_other_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut catalogue = Catalogue::open(&folder.path().join("muster.db")).expect("it opens");
        let tries = Cell::new(0);
        let change = |error: EngineError| {
            let tries = &tries;
            move |_: &Connection| {
                tries.set(tries.get() + 1);
                if tries.get() < 3 { Err(error.clone()) } else { Ok(tries.get()) }
            }
        };
        assert_eq!(catalogue.write(change(EngineError::Busy("".into()))), Ok(3));
        tries.set(0);
        let other = EngineError::Unavailable("".into());
        assert_eq!((catalogue.write(change(other.clone())), tries.get()), (Err(other), 1));
    }
}
