//! How workspaces come to be served: all of them at the start, one that is made, one that could not be deleted.

use super::catalogue::Catalogue;
use super::lane::{Lane, locked};
use super::own_entry::Versioned;
use super::schema::SchemaError;
use super::writer::{DATABASE, Writer, WriterError};
use super::{Inner, OpenError, committer, directory, io, refusal};
use crate::engine::{EngineError, Workspace};
use muster_core::time::Timestamp;
use std::sync::{Arc, PoisonError};

impl Inner {
    /// Opens every workspace once, so that what is wrong with it shows at the start.
    pub(super) fn look_at_all(&self) -> Result<(), OpenError> {
        let (mut newer, mut newest) = (Vec::new(), Timestamp::default());
        for (place, lane) in self.all_lanes().iter().enumerate() {
            let mut writer = locked(&lane.writer);
            let looked = self.look_at(lane, &mut writer);
            newest = writer.as_ref().map_or(newest, |writer| newest.max(writer.counters().now));
            match looked {
                Ok(false) => newer.push(lane.id.to_string()),
                Ok(true) if place < self.options.open_max => {}
                Ok(true) => lane.close(&mut writer).map_err(|error| refusal(&lane.folder, None, error.into()))?,
                Err(WriterError::Schema(SchemaError::Newer(version))) => {
                    return Err(refusal(&lane.folder, None, SchemaError::Newer(version).into()));
                }
                // It passes, unless the file is gone, and is opened when it is asked; until then nothing can be written.
                Err(WriterError::Schema(SchemaError::Storage(error @ (EngineError::Full | EngineError::Busy(_)))))
                    if lane.folder.join(DATABASE).exists() =>
                {
                    *writer = None;
                    lane.set_ailing(Some(&error));
                }
                Err(error) => {
                    *writer = None;
                    lane.set_damaged(refusal(&lane.folder, Some(&lane.id), error).to_string().into());
                }
            }
        }
        self.trust.start(&*self.clock, newest);
        let path = self.directory.catalogue();
        if newer.is_empty() { Ok(()) } else { Err(OpenError::OldCatalogue { path, workspaces: newer.join(", ") }) }
    }

    /// Opens one workspace; false if it keeps a newer entry than the catalogue has.
    fn look_at(&self, lane: &Lane, writer: &mut Option<Writer>) -> Result<bool, WriterError> {
        let open = lane.open_writer(writer, self.options.binding_map_bytes_max, self.options.accept_loss)?;
        Ok(self.compare(&lane.entry(), open)?)
    }

    /// Lets a workspace in again that could not be deleted: nothing of it is gone.
    pub(super) fn put_back(&self, catalogue: &Catalogue, lane: &Lane) {
        if catalogue.has(&lane.id).unwrap_or(true) {
            let again = Lane::new((*lane.entry()).clone(), lane.folder.clone());
            let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
            lanes.insert(lane.id.clone(), Arc::new(again));
        }
    }

    /// Makes a workspace beside all others, then its entry, then gives it its place: whenever a crash comes, the next start
    /// ends what was begun, and a folder that is there is never touched.
    pub(super) fn make(&self, catalogue: &mut Catalogue, workspace: &Workspace) -> Result<Lane, EngineError> {
        let made = Versioned { entry: workspace.clone(), version: 1 };
        let folder = self.directory.make_unfinished(&workspace.id).map_err(io)?;
        let unfinished = Lane::new(workspace.clone(), folder);
        let mut writer = locked(&unfinished.writer);
        unfinished.open_writer(&mut writer, 0, false).map_err(committer::opening)?.keep_entry(&made)?;
        unfinished.close(&mut writer)?;
        directory::sync(&unfinished.folder).map_err(io)?;
        catalogue.put(&made)?;
        if let Err(error) = self.directory.finish(&workspace.id) {
            catalogue.forget(&workspace.id)?;
            return Err(io(error));
        }
        Ok(Lane::new(workspace.clone(), self.directory.workspace(&workspace.id)))
    }
}
