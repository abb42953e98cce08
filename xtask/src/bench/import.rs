//! Owns the course of `bench import`: set-up and preload, three alternating rounds of Muster and the yardsticks beside
//! it, the starts, and what is collected for the report. Leaves each measurement to its file.

use super::bodies::{Bodies, Kind, World};
use super::figures::Figures;
use super::load::{self, ClientTarget, Load, LoadOutcome};
use super::loader::{self, Feed, LoaderStyle};
use super::options::BenchOptions;
use super::parse::{self, BodyReader};
use super::postgres::Cluster;
use super::server::{BenchServer, BenchWorkspace, binary};
use super::window::{Times, check_interrupted};
use super::{proc, report};
use anyhow::{Context, Result, bail};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Alternating rounds; the report gives their medians.
const ROUNDS: u64 = 3;
/// Closed-loop clients of full bodies.
const CLIENTS: usize = 16;
/// Connections of one-element requests.
const ONE_ELEMENT_CONNECTIONS: usize = 256;
/// Workspaces of the run with several writers.
const WORKSPACES: u64 = 4;
/// How long the server sits idle before its idle memory is read, and is loaded before it is killed.
const SETTLE: Duration = Duration::from_secs(2);

/// Runs the benchmark and writes its report.
pub(crate) fn run(options: &BenchOptions) -> Result<()> {
    super::window::watch_signals()?;
    let binary = options.parts.muster.then(|| binary(options.binary.as_deref())).transpose()?;
    let scratch = tempfile::Builder::new().prefix("muster-bench-").tempdir_in(&options.dir)?;
    // PostgreSQL runs under an account of its own when this is root, and has to reach its directory.
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o711))?;
    let mut figures = Figures::default();
    let muster = binary.map(|binary| Muster::prepare(binary, scratch.path(), options, &mut figures)).transpose()?;
    let postgres =
        if options.parts.postgres { Postgres::prepare(scratch.path(), options, &mut figures)? } else { None };
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        if let Some(muster) = &muster {
            muster.round(round, options, &mut figures)?;
        }
        if let Some(postgres) = &postgres {
            figures.postgres.push(postgres.round(&postgres.feed(postgres.best, round), options.times())?);
            print_rates("PostgreSQL loader", figures.postgres.last());
            let single =
                Feed { style: LoaderStyle::Single, world: Arc::clone(&postgres.copy), ..postgres.feed(4, round) };
            figures.single_statements.push(postgres.round(&single, options.short())?);
            print_rates("PostgreSQL, one statement an element", figures.single_statements.last());
        }
        if options.parts.noop {
            noop(scratch.path(), round, options, &mut figures)?;
        }
        if options.parts.parse {
            figures.parse.push(parse::rate(&BodyReader::Plain, options.short().run)?);
            figures.parse_own.push(parse::rate(&BodyReader::muster(), options.short().run)?);
        }
    }
    if let Some(muster) = &muster {
        muster.kill_under_load(&mut figures)?;
    }
    if let Some(postgres) = &postgres {
        postgres.check_counts(&mut figures)?;
    }
    let machine = proc::machine(scratch.path());
    scratch.close().context("the temporary files were not removed")?;
    report::write(options, &figures, &machine)
}

fn print_rates(what: &str, outcome: Option<&LoadOutcome>) {
    if let Some(outcome) = outcome {
        eprintln!(
            "  {what}: {:.0} elements/s, {:.0} requests/s, p50 {:.1} ms, p99 {:.1} ms, refused {}, with rejected elements {}",
            outcome.element_rate(),
            outcome.request_rate(),
            outcome.quantile(0.5),
            outcome.quantile(0.99),
            outcome.refused,
            outcome.rejecting,
        );
    }
}

fn noop(scratch: &Path, round: u64, options: &BenchOptions, figures: &mut Figures) -> Result<()> {
    let server = BenchServer::noop(scratch)?;
    let target = server.target(&BenchWorkspace::anything(options.users));
    let load = one_element(vec![target], round);
    figures.noop.push(load::drive(&load, options.short(), || server.usage())?);
    print_rates("no-op server, one element", figures.noop.last());
    server.kill()
}

fn one_element(targets: Vec<ClientTarget>, round: u64) -> Load {
    let bodies = Arc::new(Bodies::new(Kind::One, round));
    Load { targets, bodies, connections: ONE_ELEMENT_CONNECTIONS, seed: 1000 + round }
}

fn full(targets: Vec<ClientTarget>, round: u64) -> Load {
    Load { targets, bodies: Arc::new(Bodies::new(Kind::Full, round)), connections: CLIENTS, seed: round }
}

/// The measured product: two data directories with the same users, in one workspace and in four.
struct Muster {
    binary: PathBuf,
    one: (PathBuf, Vec<BenchWorkspace>),
    four: (PathBuf, Vec<BenchWorkspace>),
}

impl Muster {
    fn prepare(binary: PathBuf, scratch: &Path, options: &BenchOptions, figures: &mut Figures) -> Result<Self> {
        for i in 0..ROUNDS {
            let server = BenchServer::muster(&binary, &scratch.join(format!("empty{i}")))?;
            figures.ready_empty.push(server.ready.as_secs_f64());
            std::thread::sleep(SETTLE);
            figures.memory_idle.push(proc::memory(server.pid())?.0 as f64);
            server.stop()?;
        }
        let load = |dir: &Path, count: u64| -> Result<(Vec<BenchWorkspace>, f64)> {
            eprintln!("loading {} users into Muster, {count} workspace(s)", options.users);
            let server = BenchServer::muster(&binary, dir)?;
            let names = (0..count).map(|i| format!("bench{i}"));
            let made = names.map(|id| server.workspace(&id, options.users / count)).collect::<Result<Vec<_>>>()?;
            let targets: Vec<_> = made.iter().map(|workspace| server.target(workspace)).collect();
            let rate = load::preload(&targets, CLIENTS)?;
            for workspace in &made {
                let (users, _) = server.counts(&workspace.id)?;
                if users < workspace.world.preloaded_users() {
                    bail!("after the preload {} has {users} users, fewer than were acknowledged", workspace.id);
                }
            }
            server.stop()?;
            Ok((made, rate))
        };
        let (one_dir, four_dir) = (scratch.join("one"), scratch.join("four"));
        let (one, rate) = load(&one_dir, 1)?;
        let (four, _) = load(&four_dir, WORKSPACES)?;
        figures.preload.0 = Some(rate);
        Ok(Self { binary, one: (one_dir, one), four: (four_dir, four) })
    }

    fn round(&self, round: u64, options: &BenchOptions, figures: &mut Figures) -> Result<()> {
        let server = BenchServer::muster(&self.binary, &self.one.0)?;
        figures.ready_clean.push(server.ready.as_secs_f64());
        let targets =
            |server: &BenchServer, of: &[BenchWorkspace]| of.iter().map(|workspace| server.target(workspace)).collect();
        let load = full(targets(&server, &self.one.1), round);
        figures.one.push(load::drive(&load, options.times(), || server.usage())?);
        print_rates("Muster, one workspace", figures.one.last());
        figures.memory_loaded.push(proc::memory(server.pid())?.0 as f64);
        let load = one_element(targets(&server, &self.one.1), round);
        figures.single.push(load::drive(&load, options.short(), || server.usage())?);
        print_rates("Muster, one element", figures.single.last());
        check_counts(&server, &self.one.1, figures)?;
        server.stop()?;
        let server = BenchServer::muster(&self.binary, &self.four.0)?;
        let load = full(targets(&server, &self.four.1), round);
        figures.four.push(load::drive(&load, options.times(), || server.usage())?);
        print_rates("Muster, four workspaces", figures.four.last());
        check_counts(&server, &self.four.1, figures)?;
        server.stop()
    }

    /// Last, because nobody knows afterwards which of the last requests were applied.
    fn kill_under_load(&self, figures: &mut Figures) -> Result<()> {
        for round in 0..ROUNDS {
            check_interrupted()?;
            let server = BenchServer::muster(&self.binary, &self.one.0)?;
            let load = full(self.one.1.iter().map(|workspace| server.target(workspace)).collect(), 100 + round);
            let times = Times { warm: SETTLE + Duration::from_secs(1), run: Duration::ZERO };
            let clients = std::thread::spawn(move || load::drive(&load, times, || Ok(proc::Usage::default())));
            std::thread::sleep(SETTLE);
            server.kill()?;
            // The clients end with an error, as they should: their server is gone.
            drop(clients.join());
            let server = BenchServer::muster(&self.binary, &self.one.0)?;
            figures.ready_killed.push(server.ready.as_secs_f64());
            server.stop()?;
        }
        Ok(())
    }
}

fn check_counts(server: &BenchServer, of: &[BenchWorkspace], figures: &mut Figures) -> Result<()> {
    let (mut counted, mut sent) = ((0, 0), (0, 0));
    for workspace in of {
        let (users, events) = server.counts(&workspace.id)?;
        counted = (counted.0 + users, counted.1 + events);
        let (users, events) = workspace.world.handed_out();
        sent = (sent.0 + users, sent.1 + events);
    }
    figures.compare(&format!("Muster, {} workspace(s)", of.len()), sent, counted);
    Ok(())
}

/// The yardstick G with its database.
struct Postgres {
    cluster: Cluster,
    world: Arc<World>,
    /// The world of N, over a copy of the preloaded users.
    copy: Arc<World>,
    best: usize,
}

impl Postgres {
    fn prepare(scratch: &Path, options: &BenchOptions, figures: &mut Figures) -> Result<Option<Self>> {
        let Some(cluster) = Cluster::create(scratch)? else {
            eprintln!(
                "PostgreSQL is not installed (Debian: apt-get install postgresql): the ratios against it are left out"
            );
            return Ok(None);
        };
        figures.postgres_version = Some(cluster.version.clone());
        eprintln!("loading {} users into {}", options.users, cluster.version);
        let server = cluster.start()?;
        loader::create_tables(&cluster.config())?;
        let world = Arc::new(World::new(options.users));
        let mut made = Self { cluster, copy: Arc::clone(&world), world, best: 0 };
        figures.preload.1 = Some(loader::preload(&made.feed(CLIENTS / 4, 1))?);
        made.copy = Arc::new(World::copy_of(&made.world));
        loader::copy_for_single(&made.cluster.config())?;
        loader::settle(&made.cluster.config())?;
        server.stop()?;
        for connections in 1..=4 {
            let outcome = made.round(&made.feed(connections, 50 + connections as u64), options.short())?;
            eprintln!("  PostgreSQL loader, {connections} connection(s): {:.0} elements/s", outcome.element_rate());
            figures.postgres_by_connections.push((connections, outcome.element_rate()));
        }
        let several = figures.postgres_by_connections.iter().skip(1);
        let best = several.max_by(|a, b| a.1.total_cmp(&b.1)).context("the calibration has runs")?;
        made.best = best.0;
        Ok(Some(made))
    }

    fn feed(&self, connections: usize, round: u64) -> Feed {
        Feed {
            config: self.cluster.config(),
            bodies: Arc::new(Bodies::new(Kind::Full, round)),
            world: Arc::clone(&self.world),
            connections,
            seed: round,
            style: LoaderStyle::Sets,
        }
    }

    fn round(&self, feed: &Feed, times: Times) -> Result<LoadOutcome> {
        let server = self.cluster.start()?;
        let outcome = loader::drive(feed, times, || server.usage())?;
        server.stop()?;
        Ok(outcome)
    }

    fn check_counts(&self, figures: &mut Figures) -> Result<()> {
        let server = self.cluster.start()?;
        let counted = loader::counts(&self.cluster.config())?;
        figures.compare("PostgreSQL loader", self.world.handed_out(), counted);
        server.stop()
    }
}
