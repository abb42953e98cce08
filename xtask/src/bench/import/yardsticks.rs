//! Owns the yardsticks over PostgreSQL: databases with preloaded users, and the runs of G and N, each on a copy of such
//! a database.

use super::super::disk::DiskMeter;
use super::super::figures::{BenchRow, Figures};
use super::super::launch::{Launch, on_cores};
use super::super::load::LoadOutcome;
use super::super::loader::{self, Feed, LoaderStyle};
use super::super::options::{BenchOptions, Part};
use super::super::postgres::{Cluster, RunningPostgres};
use super::super::window::Times;
use super::loads::{CLIENTS, Round};
use crate::bodies::{Bodies, IdOrder, Kind, World};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;

/// Connections of N.
const SINGLE_CONNECTIONS: usize = 4;

/// How bodies are loaded.
struct LoaderSetup {
    connections: usize,
    style: LoaderStyle,
    /// Settings of PostgreSQL beside the usual ones.
    settings: Vec<(&'static str, String)>,
    /// Cores of PostgreSQL and the loader together, if not all.
    cores: Option<usize>,
}

impl LoaderSetup {
    /// G, with this many connections.
    fn sets(connections: usize) -> Self {
        Self { connections, style: LoaderStyle::Sets, settings: Vec::new(), cores: None }
    }
}

/// A stopped database with the tables of G and N, both with the preloaded users.
struct LoadedDatabase {
    cluster: Cluster,
    world: World,
}

impl LoadedDatabase {
    /// Loads the users; also returns the users per second.
    fn load(cluster: Cluster, users: u64, order: IdOrder) -> Result<(Self, f64)> {
        eprintln!("loading {users} users into {}, {order:?} ids", cluster.version);
        let server = cluster.start()?;
        let config = cluster.config();
        loader::create_tables(&config)?;
        let mut made = Self { cluster, world: World::with_order(users, order) };
        let feed = made.feed(&made.cluster, &LoaderSetup::sets(CLIENTS / 4), 1);
        let rate = loader::preload(&feed)?;
        made.world = feed.world.copy();
        loader::copy_for_single(&config)?;
        loader::settle(&config)?;
        server.stop()?;
        Ok((made, rate))
    }

    /// Loads bodies into a copy of the database; `check` sees it before it is stopped.
    fn measure(
        &self,
        by: &LoaderSetup,
        disk: &DiskMeter,
        (round, times): (u64, Times),
        check: impl FnOnce(&Feed, &RunningPostgres) -> Result<()>,
    ) -> Result<LoadOutcome> {
        let copy = self.cluster.copy()?;
        let server = copy.start_with(&by.settings, &by.cores.map(Launch::on_cores).unwrap_or_default())?;
        let feed = self.feed(&copy, by, round);
        let drive = || disk.measure(|| loader::drive(&feed, times, || server.usage()));
        let outcome = by.cores.map_or_else(drive, |count| on_cores(count, drive))?;
        check(&feed, &server)?;
        server.stop()?;
        Ok(outcome)
    }

    fn feed(&self, cluster: &Cluster, by: &LoaderSetup, round: u64) -> Feed {
        Feed {
            config: cluster.config(),
            bodies: Arc::new(Bodies::new(Kind::Full, round)),
            world: Arc::new(self.world.copy()),
            connections: by.connections,
            seed: round,
            style: by.style,
        }
    }
}

/// The yardsticks over PostgreSQL.
pub(super) struct Postgres {
    sequential: LoadedDatabase,
    random: Option<LoadedDatabase>,
    /// The number of connections that gives G.
    best: usize,
}

impl Postgres {
    pub(super) fn prepare(
        scratch: &Path,
        disk: &DiskMeter,
        options: &BenchOptions,
        figures: &mut Figures,
    ) -> Result<Option<Self>> {
        let Some(cluster) = Cluster::create(scratch, "postgres")? else {
            let why = "PostgreSQL is not installed (Debian: apt-get install postgresql)";
            eprintln!("{why}: the ratios against it are left out");
            figures.left_out.insert(Part::Postgres, why.to_owned());
            return Ok(None);
        };
        figures.postgres_version = Some(cluster.version.clone());
        let (sequential, rate) = LoadedDatabase::load(cluster, options.users, IdOrder::Sequential)?;
        figures.preload.1 = Some(rate);
        let random = if options.parts.has(Part::Random) {
            let cluster = Cluster::create(scratch, "postgres-random")?.context("PostgreSQL is no longer there")?;
            Some(LoadedDatabase::load(cluster, options.users, IdOrder::Random)?.0)
        } else {
            None
        };
        for connections in 1..=4 {
            let by = LoaderSetup::sets(connections);
            let outcome = sequential.measure(&by, disk, (50 + connections as u64, options.short()), |_, _| Ok(()))?;
            eprintln!("  PostgreSQL loader, {connections} connection(s): {:.0} elements/s", outcome.element_rate());
            figures.postgres_by_connections.push((connections, outcome.element_rate()));
        }
        let several = figures.postgres_by_connections.iter().skip(1);
        let best = several.max_by(|a, b| a.1.total_cmp(&b.1)).context("the calibration has runs")?.0;
        Ok(Some(Self { sequential, random, best }))
    }

    pub(super) fn round(&self, round: &mut Round<'_>) -> Result<()> {
        let plain = LoaderSetup::sets(self.best);
        self.sets((&self.sequential, &plain), BenchRow::Sets, round)?;
        if round.options.parts.has(Part::Checkpoints) {
            let settings = vec![("max_wal_size", format!("{}MB", round.options.checkpoint_wal_megabytes()))];
            let setup = LoaderSetup { settings, ..LoaderSetup::sets(self.best) };
            let count = self.sets((&self.sequential, &setup), BenchRow::SetsCheckpoints, round)?;
            round.figures.checkpoints.push(count);
            if count == 0 {
                let why = "no checkpoint began within a run of G with checkpoints: it was too short";
                round.figures.left_out.insert(Part::Checkpoints, why.to_owned());
            }
        }
        if let Some(random) = &self.random {
            self.sets((random, &plain), BenchRow::SetsRandom, round)?;
        }
        for (count, row) in [(1, BenchRow::SetsOnOneCore), (2, BenchRow::SetsOnTwoCores)] {
            if round.can_use_cores(count) {
                let setup = LoaderSetup { cores: Some(count), ..LoaderSetup::sets(self.best) };
                self.sets((&self.sequential, &setup), row, round)?;
            }
        }
        let single = LoaderSetup { style: LoaderStyle::Single, ..LoaderSetup::sets(SINGLE_CONNECTIONS) };
        let times = (round.number, round.options.short());
        let outcome = self.sequential.measure(&single, round.disk, times, |_, _| Ok(()))?;
        round.figures.push(BenchRow::Statements, outcome);
        Ok(())
    }

    /// G, into a copy of `data`; returns how many checkpoints began.
    fn sets(&self, (data, by): (&LoadedDatabase, &LoaderSetup), row: BenchRow, round: &mut Round<'_>) -> Result<usize> {
        let mut checkpoints = 0;
        let (disk, times) = (round.disk, round.options.times());
        let outcome = data.measure(by, disk, (round.number, times), |feed, server| {
            checkpoints = server.checkpoint_count()?;
            round.figures.compare(row, feed.world.handed_out(), loader::counts(&feed.config)?);
            Ok(())
        })?;
        round.figures.push(row, outcome);
        Ok(checkpoints)
    }
}
