//! `muster verify`: every row against its checksum, every family against its sum, the file against SQLite's own check
//! and the number of the last synced group, and then the laws. Reads a stopped directory and changes nothing in it.

use super::catalogue::Catalogue;
use super::directory::{Directory, OpenError, at};
use super::inner::refusal;
use super::orphans;
use super::own_entry;
use super::reader::SqliteReader;
use super::redo::{self, Tail};
use super::schema::{self, SchemaError};
use super::settings;
use super::state;
use super::synced::Synced;
use super::table;
use super::writer::{DATABASE, SYNCED, WriterError};
use crate::engine::{EngineError, Workspace};
use crate::family::{Family, FamilySum};
use crate::laws;
use crate::workspace_state::TableStats;
use muster_core::id::WorkspaceId;
use rusqlite::Connection;
use std::path::Path;

/// Result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Of each workspace, in order of id.
    pub workspaces: Vec<WorkspaceReport>,
    /// Folders that belong to no workspace of the catalogue.
    pub orphans: Vec<String>,
}

/// Result for one workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceReport {
    /// The workspace.
    pub id: WorkspaceId,
    /// Rows that were read.
    pub rows: u64,
    /// The number of the last group.
    pub group: u64,
    /// Differences to what was written, one line each, for people; empty = clean.
    pub breaches: Vec<String>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.orphans.is_empty() && self.workspaces.iter().all(|workspace| workspace.breaches.is_empty())
    }
}

/// Verifies a data directory that no process uses.
///
/// # Errors
/// [`OpenError`] if the directory is in use, or is none, or its catalogue cannot be read.
pub fn verify(data_dir: &Path) -> Result<Report, OpenError> {
    let directory = Directory::open_for_reading(data_dir)?;
    let path = directory.catalogue();
    let unreadable = |error: WriterError| refusal(&path, None, error);
    // A lost catalogue is not created here: the start must notice it, too.
    if std::fs::metadata(&path).map_or(true, |file| file.len() == 0) {
        let orphans = at(&path, directory.workspaces())?;
        return Ok(Report { orphans, ..Report::default() });
    }
    let catalogue = Catalogue::open_for_reading(&path).map_err(|error| unreadable(error.into()))?;
    catalogue.check_access().map_err(|error| unreadable(error.into()))?;
    let orphans = orphans::names(&directory, &catalogue).map_err(|error| unreadable(error.into()))?;
    let mut report = Report { orphans, ..Report::default() };
    for workspace in catalogue.workspaces().map_err(|error| unreadable(error.into()))? {
        let folder = directory.workspace(&workspace.id);
        let version = catalogue.version(&workspace.id).map_err(|error| unreadable(error.into()))?;
        let mut found = WorkspaceReport { id: workspace.id.clone(), rows: 0, group: 0, breaches: Vec::new() };
        if let Err(error) = check_workspace(&folder, (&workspace, version), &mut found) {
            found.breaches.push(format!("it could not be read completely: {error}"));
        }
        report.workspaces.push(found);
    }
    Ok(report)
}

fn check_workspace(folder: &Path, entry: (&Workspace, u64), found: &mut WorkspaceReport) -> Result<(), EngineError> {
    let conn = settings::open_for_reading(&folder.join(DATABASE))?;
    match schema::is_current(&conn) {
        Ok(true) => {}
        Ok(false) => return Err(EngineError::Broken("its version is older than this one: start it once".into())),
        Err(SchemaError::Newer(version)) => {
            return Err(EngineError::Broken(format!("it has the later version {version}").into()));
        }
        Err(SchemaError::Storage(error)) => return Err(error),
    }
    let mut reader = SqliteReader::with_connection(conn)?;
    file_is_sound(reader.conn(), found)?;
    sums_agree(reader.conn(), found)?;
    group_is_synced(reader.conn(), folder, found)?;
    entry_is_known(reader.conn(), entry, found)?;
    // On damaged rows the laws would only repeat the damage, less clearly.
    if found.breaches.is_empty() {
        found.breaches = laws::breaches(&mut reader)?;
    }
    Ok(())
}

/// Checks the workspace's own copy of its entry against the catalogue.
fn entry_is_known(
    conn: &Connection,
    (entry, version): (&Workspace, u64),
    found: &mut WorkspaceReport,
) -> Result<(), EngineError> {
    match own_entry::load(conn) {
        Ok(Some(own)) if own.is_unknown_to(entry, version) => {
            found.breaches.push("it keeps a newer entry than the catalogue, which is an older copy".into());
        }
        Ok(_) => {}
        Err(EngineError::Corrupt(why)) => found.breaches.push(why.to_string()),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Runs SQLite's own check of pages, order of keys, and indexes.
fn file_is_sound(conn: &Connection, found: &mut WorkspaceReport) -> Result<(), EngineError> {
    let mut check = conn.prepare("PRAGMA integrity_check(100)")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            found.breaches.push(format!("the file: {line}"));
        }
    }
    Ok(())
}

/// Checks every row against its checksum, and every family against its sum.
fn sums_agree(conn: &Connection, found: &mut WorkspaceReport) -> Result<(), EngineError> {
    let kept = match state::load_sums(conn) {
        Ok(kept) => Some(kept),
        Err(EngineError::Corrupt(why)) => {
            found.breaches.push(why.to_string());
            None
        }
        Err(error) => return Err(error),
    };
    for family in Family::ALL {
        let mut sum = FamilySum::default();
        let damaged = table::scan(conn, family, |_, row| {
            sum = FamilySum { rows: sum.rows + 1, sum: sum.sum.wrapping_add(row) };
            true
        });
        let damaged = match damaged {
            Ok(damaged) => damaged,
            Err(error) => {
                found.breaches.push(format!("{} could not be read completely: {error}", family.table()));
                continue;
            }
        };
        found.rows += sum.rows.cast_unsigned() + damaged;
        if damaged > 0 {
            found.breaches.push(format!("{damaged} rows of {} fail their checksum", family.table()));
        } else if let Some(kept) = kept.map(|kept| kept.get(family))
            && kept != sum
        {
            let table = family.table();
            let text = format!("{table}: found {} rows, expected {} (or their contents differ)", sum.rows, kept.rows);
            found.breaches.push(text);
        }
    }
    Ok(())
}

/// Checks the number of the last group against the acknowledged one.
fn group_is_synced(conn: &Connection, folder: &Path, found: &mut WorkspaceReport) -> Result<(), EngineError> {
    match TableStats::load(conn) {
        Ok(figures) => found.group = figures.group,
        Err(EngineError::Corrupt(why)) => {
            found.breaches.push(why.to_string());
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    match redo::tail(folder, found.group) {
        Ok(Ok(Tail::Empty)) => {}
        Ok(Ok(Tail::Groups(last))) => found.group = last,
        Ok(Ok(Tail::Broken(why))) => found.breaches.push(why),
        Ok(Err(error)) => found.breaches.push(format!("the redo log: {error}")),
        Err(error) => found.breaches.push(format!("the redo log cannot be read: {error}")),
    }
    match Synced::read(&folder.join(SYNCED)) {
        Ok(Some(synced)) if synced <= found.group => {}
        Ok(Some(synced)) => found.breaches.push(format!(
            "it ends at group {}, but group {synced} was acknowledged: the write-ahead log or the redo log lost its end",
            found.group
        )),
        Ok(None) => found.breaches.push("the number of the last synced group cannot be read".into()),
        Err(error) => found.breaches.push(format!("the number of the last synced group: {error}")),
    }
    Ok(())
}
