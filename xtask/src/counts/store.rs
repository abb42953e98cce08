//! Owns the piece of work `store`: bodies are read, decided and stored by the SQLite engine, one after another, as the
//! server does it. It includes the other pieces, the JSON form of SQLite and its statements.

use super::work::{EXISTING, Quiet, context, import, preload};
use crate::bodies::{Bodies, Kind, Rng, World};
use anyhow::{Context as _, Result, bail};
use muster_core::decide::ImportDecision;
use muster_core::decision::Mode;
use muster_core::id::WorkspaceId;
use muster_core::outcome::ImportOutcome;
use muster_core::time::{Clock, Moment, Timestamp};
use muster_store::engine::{Engine as _, Workspace, apply_sized};
use muster_store::sqlite::{Sqlite, SqliteOptions};
use std::sync::Arc;
use std::time::Duration;

/// A clock that does not move, so that the same run stores the same rows.
struct FixedClock(Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Moment {
        Moment { at: self.0, micros: self.0.0.unsigned_abs() * 1_000 }
    }
}

/// Stores users, then this many bodies.
pub(super) fn run(rounds: u64) -> Result<()> {
    let context = context();
    let dir = tempfile::tempdir()?;
    let clock = Arc::new(FixedClock(context.received_at));
    let mut options = SqliteOptions::new(dir.path(), clock);
    // The redo log is written to the tables at the end, however long that takes here.
    options.bounds.redo_age = Duration::from_secs(86_400);
    let engine = Sqlite::open(options)?;
    let id = WorkspaceId::parse("counts").context("a workspace id is refused")?;
    engine.create_workspace(&Workspace {
        id: id.clone(),
        created_at: Timestamp(0),
        revision: context.settings.revision,
        settings: "{}".to_owned(),
        keys: Vec::new(),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let apply = |body: &[u8]| -> Result<()> {
        let decision = ImportDecision { import: import(body, &context)?, wire: Quiet };
        match runtime.block_on(apply_sized(&engine, &id, (decision, body.len()), Mode::Commit))? {
            ImportOutcome::Applied(..) => Ok(()),
            other => bail!("a body was not applied: {other:?}"),
        }
    };
    let (world, mut rng) = (World::new(EXISTING), Rng::new(1));
    preload(&world, &mut rng, apply)?;
    let (bodies, mut body) = (Bodies::new(Kind::Full, 1), Vec::new());
    for _ in 0..rounds {
        body.clear();
        bodies.fill(&world, &mut rng, &mut body);
        apply(&body)?;
    }
    engine.close();
    Ok(())
}
