//! Owns a data directory of Muster with preloaded users: loading it, copying it for a run, and counting afterwards.

use super::super::disk::copy_directory;
use super::super::figures::{BenchRow, Figures};
use super::super::load::{self, ClientTarget};
use super::super::server::{BenchServer, BenchWorkspace};
use super::loads::CLIENTS;
use crate::bodies::{IdOrder, World};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// A stopped data directory with its workspaces.
pub(super) struct LoadedData {
    pub(super) dir: PathBuf,
    pub(super) workspaces: Vec<BenchWorkspace>,
}

impl LoadedData {
    /// Loads `users` into `count` workspaces of a new directory; also returns the users per second.
    pub(super) fn load(binary: &Path, dir: PathBuf, users: u64, (count, order): (u64, IdOrder)) -> Result<(Self, f64)> {
        eprintln!("loading {users} users into Muster, {count} workspace(s), {order:?} ids");
        let server = BenchServer::muster(binary, &dir)?;
        let world = || World::with_order(users / count, order);
        let workspaces = (0..count).map(|i| server.workspace(&format!("bench{i}"), world()));
        let workspaces = workspaces.collect::<Result<Vec<_>>>()?;
        let data = Self { dir, workspaces };
        let rate = load::preload(&data.targets(&server), CLIENTS)?;
        for workspace in &data.workspaces {
            let (users, _) = server.counts(&workspace.id)?;
            if users < workspace.world.preloaded_users() {
                bail!("after the preload {} has {users} users, fewer than were acknowledged", workspace.id);
            }
        }
        server.stop()?;
        Ok((data, rate))
    }

    /// Copies the directory, in the place of the last copy.
    pub(super) fn copy(&self) -> Result<Self> {
        let dir = self.dir.with_extension("copy");
        copy_directory(&self.dir, &dir)?;
        Ok(Self { dir, workspaces: self.workspaces.iter().map(BenchWorkspace::copy).collect() })
    }

    /// The clients' view of all workspaces.
    pub(super) fn targets(&self, server: &BenchServer) -> Vec<ClientTarget> {
        self.workspaces.iter().map(|workspace| server.target(workspace)).collect()
    }

    /// Compares what was sent with what the server counts.
    pub(super) fn check_counts(&self, server: &BenchServer, row: BenchRow, figures: &mut Figures) -> Result<()> {
        let (mut counted, mut sent) = ((0, 0), (0, 0));
        for workspace in &self.workspaces {
            let (users, events) = server.counts(&workspace.id)?;
            counted = (counted.0 + users, counted.1 + events);
            let (users, events) = workspace.world.handed_out();
            sent = (sent.0 + users, sent.1 + events);
        }
        figures.compare(row, sent, counted);
        Ok(())
    }
}
