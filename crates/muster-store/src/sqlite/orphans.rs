//! Folders of workspaces that the catalogue does not know, and lost or old catalogues. Nothing here removes data: a
//! folder is adopted or moved away on request (behaviour.md 1.11.h).

use super::catalogue::Catalogue;
use super::commit;
use super::directory::{Directory, OpenError, at};
use super::errors::closed;
use super::inner::{Inner, io, refusal};
use super::own_entry::Versioned;
use super::workspace::SqliteWorkspace;
use super::writer::{DATABASE, Writer};
use crate::access::AuditRecord;
use crate::engine::{Adopted, EngineError, Workspace};
use crate::queue::cores::Cores;
use crate::sync::lock;
use muster_core::id::WorkspaceId;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Content of a folder that is to be adopted.
struct Found {
    own: Option<Versioned>,
    workspace: SqliteWorkspace,
}

/// Names of the folders that belong to no entry of the catalogue, in order.
pub(crate) fn names(directory: &Directory, catalogue: &Catalogue) -> Result<Vec<String>, EngineError> {
    let mut known: Vec<WorkspaceId> = catalogue.workspaces()?.into_iter().map(|entry| entry.id).collect();
    // Deleted ones, whose removal the next start completes.
    known.extend(catalogue.deleted()?);
    Ok(unknown(directory.workspaces().map_err(io)?, &known))
}

/// The names that are those of no workspace. A file system without case may keep a name in another one: a name that differs
/// from an id in case alone is that of the id, unless the id has a folder of its own.
fn unknown(names: Vec<String>, known: &[WorkspaceId]) -> Vec<String> {
    let is_own = |name: &str, id: &WorkspaceId| {
        name == id.as_str() || name.eq_ignore_ascii_case(id.as_str()) && !names.iter().any(|other| other == id.as_str())
    };
    names.iter().filter(|name| !known.iter().any(|id| is_own(name, id))).cloned().collect()
}

/// Refuses a catalogue that holds nothing beside folders that hold data: it was lost.
pub(crate) fn refuse_lost_catalogue(directory: &Directory, catalogue: &Catalogue) -> Result<(), OpenError> {
    let path = directory.catalogue();
    if !catalogue.is_empty().map_err(|error| refusal(&path, None, error.into()))? {
        return Ok(());
    }
    let mut names = at(&path, directory.workspaces())?;
    names.retain(|name| directory.folder(name).join(DATABASE).exists());
    if names.is_empty() { Ok(()) } else { Err(OpenError::NoCatalogue { path, workspaces: names.join(", ") }) }
}

/// Looks into a folder; None if there is none.
fn find(inner: (&Directory, usize), id: &WorkspaceId, unknown: &Workspace) -> Result<Option<Found>, EngineError> {
    let (directory, binding_bytes_max) = inner;
    if !directory.workspaces().map_err(io)?.iter().any(|name| name == id.as_str()) {
        return Ok(None);
    }
    let folder = directory.workspace(id);
    if !folder.join(DATABASE).exists() {
        return Err(EngineError::Broken(format!("the folder {id} holds no database of a workspace").into()));
    }
    let workspace = SqliteWorkspace::new(unknown.clone(), folder);
    let own = {
        let mut writer = lock(&workspace.writer);
        workspace.open_writer(&mut writer, binding_bytes_max, false).map_err(commit::opening)?.own_entry()?
    };
    match own {
        Some(own) if own.entry.id != *id => {
            let holds = own.entry.id;
            Err(EngineError::Broken(format!("the folder {id} holds the data of workspace {holds}").into()))
        }
        own => Ok(Some(Found { own, workspace })),
    }
}

/// Adopts a folder with the entry that it keeps itself, or with the given one if it is older than such copies. Returns
/// the entry and its workspace, whose writer is open.
fn take_in(
    directory: (&Directory, usize),
    catalogue: &mut Catalogue,
    id: &WorkspaceId,
    unknown: &Workspace,
) -> Result<(Adopted, Option<SqliteWorkspace>), EngineError> {
    let same = |entry: &Workspace| entry.id.as_str().eq_ignore_ascii_case(id.as_str());
    let known = catalogue.workspaces()?.into_iter().find(same);
    if known.as_ref().is_some_and(|entry| entry.id != *id) {
        return Ok((Adopted::Taken, None));
    }
    let Some(Found { own, workspace }) = find(directory, id, unknown)? else { return Ok((Adopted::Nothing, None)) };
    let version = catalogue.version(id)?;
    let own = match (own, known) {
        (Some(own), Some(_)) if own.version <= version => return Ok((Adopted::Taken, None)),
        (None, Some(_)) => return Ok((Adopted::Taken, None)),
        (own, _) => own.unwrap_or(Versioned { entry: unknown.clone(), version: version + 1 }),
    };
    catalogue.put(&own)?;
    workspace.queue.set_entry(own.entry.clone());
    if let Some(writer) = lock(&workspace.writer).as_ref() {
        writer.keep_entry(&own, &Cores::new(1))?;
    }
    Ok((Adopted::TakenIn(own.entry), Some(workspace)))
}

/// Adopts the folder of a stopped data directory, also if the catalogue has an older entry than the folder itself.
///
/// # Errors
/// [`OpenError`] if the directory is in use, or is none, or something in it cannot be read or written.
pub fn adopt(
    data_dir: &Path,
    id: &WorkspaceId,
    unknown: &Workspace,
    record: &AuditRecord,
) -> Result<Adopted, OpenError> {
    let directory = Directory::open_existing(data_dir)?;
    let path = directory.catalogue();
    let mut catalogue = Catalogue::open(&path).map_err(|error| refusal(&path, None, error.into()))?;
    let failed = |error: EngineError| refusal(&directory.workspace(id), None, error.into());
    let (adopted, workspace) = take_in((&directory, 0), &mut catalogue, id, unknown).map_err(failed)?;
    if let Some(workspace) = workspace {
        workspace.close(&mut lock(&workspace.writer), &Cores::new(1)).map_err(failed)?;
        catalogue.append_audit(record, &crate::bounds::Bounds::default()).map_err(failed)?;
    }
    Ok(adopted)
}

/// Moves a folder of a stopped data directory away that the catalogue does not know. Returns its new place below the
/// data directory; None if the folder does not exist.
///
/// # Errors
/// As [`adopt`].
pub fn remove_orphan(data_dir: &Path, id: &WorkspaceId, record: &AuditRecord) -> Result<Option<String>, OpenError> {
    let directory = Directory::open_existing(data_dir)?;
    let path = directory.catalogue();
    let mut catalogue = Catalogue::open(&path).map_err(|error| refusal(&path, None, error.into()))?;
    let failed = |error: EngineError| refusal(&directory.workspace(id), None, error.into());
    if !names(&directory, &catalogue).map_err(failed)?.iter().any(|name| name == id.as_str()) {
        return Ok(None);
    }
    let aside = at(&path, directory.keep_aside(id))?;
    catalogue.append_audit(record, &crate::bounds::Bounds::default()).map_err(failed)?;
    Ok(Some(aside))
}

impl Inner {
    /// Records and returns the folders that the catalogue does not know.
    pub(crate) fn note_orphans(&self) -> Result<Vec<String>, EngineError> {
        let names = names(&self.directory, &lock(&self.catalogue))?;
        (*lock(&self.orphans)).clone_from(&names);
        Ok(names)
    }

    /// Adopts a folder that the catalogue does not know.
    pub(crate) fn adopt(&self, id: &WorkspaceId, unknown: &Workspace) -> Result<Adopted, EngineError> {
        if self.is_closing() {
            return Err(closed());
        }
        let directory = (&self.directory, self.options.binding_map_bytes_max);
        let (adopted, workspace) = self.write_catalogue(|catalogue| {
            if catalogue.has_alike(id)? {
                Ok((Adopted::Taken, None))
            } else {
                take_in(directory, catalogue, id, unknown)
            }
        })?;
        if let Some(workspace) = workspace {
            let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
            workspaces.insert(id.clone(), Arc::new(workspace));
        }
        self.note_orphans()?;
        Ok(adopted)
    }

    /// Moves a folder away that the catalogue does not know.
    pub(crate) fn set_orphan_aside(&self, id: &WorkspaceId) -> Result<Option<String>, EngineError> {
        if self.is_closing() {
            return Err(closed());
        }
        let aside = self.write_catalogue(|catalogue| {
            let is_orphan = names(&self.directory, catalogue)?.iter().any(|name| name == id.as_str());
            if is_orphan { self.directory.keep_aside(id).map(Some).map_err(io) } else { Ok(None) }
        })?;
        self.note_orphans()?;
        Ok(aside)
    }

    /// Compares a workspace's own copy of its entry with the catalogue's: an older copy is replaced; a newer one, or one of
    /// another workspace of this id, means that the catalogue is not the one that belongs here: false.
    pub(crate) fn compare(&self, entry: &Workspace, open: &Writer) -> Result<bool, EngineError> {
        let own = open.own_entry()?;
        if let Some(holds) = own.as_ref().map(|own| &own.entry.id).filter(|id| **id != entry.id) {
            return Err(EngineError::Broken(format!("its folder holds the data of workspace {holds}").into()));
        }
        let mut catalogue = lock(&self.catalogue);
        let mut version = catalogue.version(&entry.id)?;
        if let Some(own) = own.as_ref().filter(|own| own.is_unknown_to(entry, version)) {
            if !self.options.accept_catalogue {
                return Ok(false);
            }
            version = own.version.max(version) + 1;
            catalogue.put(&Versioned { entry: entry.clone(), version })?;
        }
        let kept = Versioned { entry: entry.clone(), version };
        if own.as_ref() != Some(&kept) {
            open.keep_entry(&kept, &self.cores)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `unknown` compares with case alone, or without.
    #[test]
    fn a_folder_in_another_case_is_the_workspaces_own_unless_that_has_one() {
        let known = ["SHOP", "other"].map(|id| WorkspaceId::parse(id).expect("an id"));
        let of = |names: &[&str]| unknown(names.iter().map(|name| (*name).to_owned()).collect(), &known);
        assert_eq!(of(&["shop", "OTHER"]), Vec::<String>::new());
        assert_eq!(of(&["SHOP", "shop", "lost"]), ["shop", "lost"]);
    }
}
