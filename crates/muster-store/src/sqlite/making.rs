//! How workspaces start to be served: all at the start, new ones, and one that could not be deleted.

use super::catalogue::Catalogue;
use super::commit;
use super::directory::{self, OpenError};
use super::inner::{Inner, io, refusal};
use super::own_entry::Versioned;
use super::schema::SchemaError;
use super::workspace::SqliteWorkspace;
use super::writer::{DATABASE, Writer, WriterError};
use crate::engine::{EngineError, Workspace};
use crate::sync::lock;
use muster_core::time::Timestamp;
use std::sync::{Arc, PoisonError};

impl Inner {
    /// Opens every workspace once, so that problems show at the start.
    pub(super) fn open_all(&self) -> Result<(), OpenError> {
        let (mut newer, mut newest) = (Vec::new(), Timestamp::default());
        for (place, workspace) in self.all_workspaces().iter().enumerate() {
            let mut writer = lock(&workspace.writer);
            let checked = self.check_entry_of(workspace, &mut writer);
            newest = writer.as_ref().map_or(newest, |writer| newest.max(writer.counters().now));
            match checked {
                Ok(false) => newer.push(workspace.id.to_string()),
                Ok(true) if place < self.options.open_max => {}
                Ok(true) => match workspace.close(&mut writer, &self.cores) {
                    Ok(()) => {}
                    // Nothing is lost; it is closed again when that has passed.
                    Err(error @ (EngineError::Full | EngineError::Busy(_))) => {
                        workspace.queue.set_failing(Some(&error))
                    }
                    Err(error) => return Err(refusal(&workspace.folder, None, error.into())),
                },
                Err(WriterError::Schema(SchemaError::Newer(version))) => {
                    return Err(refusal(&workspace.folder, None, SchemaError::Newer(version).into()));
                }
                // It passes, unless the file is gone, and is opened when it is asked; until then nothing can be written.
                Err(WriterError::Schema(SchemaError::Storage(error @ (EngineError::Full | EngineError::Busy(_)))))
                    if workspace.folder.join(DATABASE).exists() =>
                {
                    *writer = None;
                    workspace.front.abandon(&self.cores);
                    workspace.queue.set_failing(Some(&error));
                }
                Err(error) => {
                    *writer = None;
                    workspace.front.abandon(&self.cores);
                    workspace.set_damaged(refusal(&workspace.folder, Some(&workspace.id), error).to_string().into());
                }
            }
        }
        self.clock_check.start(&*self.clock, newest);
        let path = self.directory.catalogue();
        if newer.is_empty() { Ok(()) } else { Err(OpenError::OldCatalogue { path, workspaces: newer.join(", ") }) }
    }

    /// Opens one workspace; false if it keeps a newer entry than the catalogue has.
    fn check_entry_of(&self, workspace: &SqliteWorkspace, writer: &mut Option<Writer>) -> Result<bool, WriterError> {
        let open = workspace.open_writer(writer, self.options.binding_map_bytes_max, self.options.accept_loss)?;
        Ok(self.compare(&workspace.queue.entry(), open)?)
    }

    /// Serves a workspace again that could not be deleted: nothing of it was removed.
    pub(super) fn put_back(&self, catalogue: &Catalogue, workspace: &SqliteWorkspace) {
        if catalogue.has(&workspace.id).unwrap_or(true) {
            let again = SqliteWorkspace::new((*workspace.queue.entry()).clone(), workspace.folder.clone());
            let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
            workspaces.insert(workspace.id.clone(), Arc::new(again));
        }
    }

    /// Creates a workspace under a temporary name, then its entry, then renames it: after a crash at any point the next
    /// start completes or removes it, and an existing folder is never changed.
    pub(super) fn make(
        &self,
        catalogue: &mut Catalogue,
        workspace: &Workspace,
    ) -> Result<SqliteWorkspace, EngineError> {
        let made = Versioned { entry: workspace.clone(), version: 1 };
        let folder = self.directory.make_unfinished(&workspace.id).map_err(io)?;
        let unfinished = SqliteWorkspace::new(workspace.clone(), folder);
        let mut writer = lock(&unfinished.writer);
        unfinished.open_writer(&mut writer, 0, false).map_err(commit::opening)?.keep_entry(&made, &self.cores)?;
        unfinished.close(&mut writer, &self.cores)?;
        directory::sync(&unfinished.folder).map_err(io)?;
        catalogue.put(&made)?;
        if let Err(error) = self.directory.finish(&workspace.id) {
            catalogue.forget(&workspace.id)?;
            return Err(io(error));
        }
        Ok(SqliteWorkspace::new(workspace.clone(), self.directory.workspace(&workspace.id)))
    }
}
