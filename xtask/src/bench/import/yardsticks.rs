//! Owns the yardsticks over PostgreSQL: a database with preloaded users, and the runs of G and N, each on a copy of it.

use super::super::bodies::{Bodies, Kind, World};
use super::super::figures::{BenchRow, Figures};
use super::super::load::LoadOutcome;
use super::super::loader::{self, Feed, LoaderStyle};
use super::super::options::{BenchOptions, Part};
use super::super::postgres::Cluster;
use super::super::window::Times;
use super::loads::CLIENTS;
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;

/// Connections of N.
const SINGLE_CONNECTIONS: usize = 4;

/// A stopped database with the tables of G and N, both with the preloaded users.
pub(super) struct Postgres {
    cluster: Cluster,
    world: World,
    /// The number of connections that gives G.
    best: usize,
}

impl Postgres {
    pub(super) fn prepare(scratch: &Path, options: &BenchOptions, figures: &mut Figures) -> Result<Option<Self>> {
        let Some(cluster) = Cluster::create(scratch)? else {
            let why = "PostgreSQL is not installed (Debian: apt-get install postgresql)";
            eprintln!("{why}: the ratios against it are left out");
            figures.left_out.insert(Part::Postgres, why.to_owned());
            return Ok(None);
        };
        figures.postgres_version = Some(cluster.version.clone());
        eprintln!("loading {} users into {}", options.users, cluster.version);
        let server = cluster.start()?;
        let config = cluster.config();
        loader::create_tables(&config)?;
        let mut made = Self { cluster, world: World::new(options.users), best: 0 };
        let feed = feed(&made.cluster, &made.world, (CLIENTS / 4, LoaderStyle::Sets), 1);
        figures.preload.1 = Some(loader::preload(&feed)?);
        made.world = feed.world.copy();
        loader::copy_for_single(&config)?;
        loader::settle(&config)?;
        server.stop()?;
        for connections in 1..=4 {
            let outcome =
                made.measure((connections, LoaderStyle::Sets), 50 + connections as u64, options.short(), |_| Ok(()))?;
            eprintln!("  PostgreSQL loader, {connections} connection(s): {:.0} elements/s", outcome.element_rate());
            figures.postgres_by_connections.push((connections, outcome.element_rate()));
        }
        let several = figures.postgres_by_connections.iter().skip(1);
        let best = several.max_by(|a, b| a.1.total_cmp(&b.1)).context("the calibration has runs")?;
        made.best = best.0;
        Ok(Some(made))
    }

    pub(super) fn round(&self, round: u64, options: &BenchOptions, figures: &mut Figures) -> Result<()> {
        let outcome = self.measure((self.best, LoaderStyle::Sets), round, options.times(), |feed| {
            figures.compare(BenchRow::Sets, feed.world.handed_out(), loader::counts(&feed.config)?);
            Ok(())
        })?;
        figures.push(BenchRow::Sets, outcome);
        let outcome = self.measure((SINGLE_CONNECTIONS, LoaderStyle::Single), round, options.short(), |_| Ok(()))?;
        figures.push(BenchRow::Statements, outcome);
        Ok(())
    }

    /// Loads bodies into a copy of the database; `check` sees it before it is stopped.
    fn measure(
        &self,
        by: (usize, LoaderStyle),
        round: u64,
        times: Times,
        check: impl FnOnce(&Feed) -> Result<()>,
    ) -> Result<LoadOutcome> {
        let copy = self.cluster.copy()?;
        let server = copy.start()?;
        let feed = feed(&copy, &self.world, by, round);
        let outcome = loader::drive(&feed, times, || server.usage())?;
        check(&feed)?;
        server.stop()?;
        Ok(outcome)
    }
}

fn feed(cluster: &Cluster, world: &World, (connections, style): (usize, LoaderStyle), round: u64) -> Feed {
    Feed {
        config: cluster.config(),
        bodies: Arc::new(Bodies::new(Kind::Full, round)),
        world: Arc::new(world.copy()),
        connections,
        seed: round,
        style,
    }
}
