//! Owns the measured product: its data directories with preloaded users, and its runs, each on a copy of such a
//! directory. Leaves the directories to `loaded_data.rs`, imports beside other work to `beside.rs`.

use super::super::figures::{BenchRow, Figures, StartFrom, StartTimes};
use super::super::launch::Launch;
use super::super::load;
use super::super::options::{BenchOptions, Part};
use super::super::proc;
use super::super::server::BenchServer;
use super::super::slow_sync::SlowSync;
use super::super::window::{Times, check_interrupted};
use super::beside;
use super::loaded_data::LoadedData;
use super::loads::{Round, full, one_element};
use super::starts::first_answer;
use crate::bodies::{IdOrder, World};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Workspaces of the run with several writers.
const WORKSPACES: u64 = 4;
/// How long the server sits idle before its idle memory is read, and is loaded before it is killed.
const SETTLE: Duration = Duration::from_secs(2);

/// The measured product: the same users in one workspace and in four.
pub(super) struct Muster {
    binary: PathBuf,
    one: LoadedData,
    four: LoadedData,
    /// Both with random ids.
    random: Option<(LoadedData, LoadedData)>,
    /// One workspace with five times the users.
    grown: Option<LoadedData>,
    slow_sync: Option<SlowSync>,
}

impl Muster {
    pub(super) fn prepare(
        binary: PathBuf,
        scratch: &Path,
        options: &BenchOptions,
        figures: &mut Figures,
    ) -> Result<Self> {
        for i in 0..options.rounds {
            let dir = scratch.join(format!("empty{i}"));
            let server = BenchServer::muster(&binary, &dir)?;
            std::thread::sleep(SETTLE);
            figures.memory_idle.push(proc::memory(server.pid())?.0 as f64);
            let workspace = server.workspace("empty", World::new(0))?;
            server.stop()?;
            let server = BenchServer::muster(&binary, &dir)?;
            figures.push_start(StartFrom::Empty, first_answer(&server, &workspace, i)?);
            server.stop()?;
        }
        let load = |name, of| LoadedData::load(&binary, scratch.join(name), options.users, of);
        let (one, rate) = load("one", (1, IdOrder::Sequential))?;
        figures.preload.0 = Some(rate);
        let (four, _) = load("four", (WORKSPACES, IdOrder::Sequential))?;
        let random = if options.parts.has(Part::Random) {
            let (one, _) = load("one-random", (1, IdOrder::Random))?;
            let (four, _) = load("four-random", (WORKSPACES, IdOrder::Random))?;
            Some((one, four))
        } else {
            None
        };
        let grown = options.parts.has(Part::Grown).then(|| {
            let of = (1, IdOrder::Sequential);
            LoadedData::load(&binary, scratch.join("grown"), options.grown_users(), of)
        });
        let grown = grown.transpose()?.map(|(data, _)| data);
        let slow_sync =
            options.parts.has(Part::Sync).then(|| SlowSync::build(scratch)).and_then(|built| {
                built.map_err(|error| figures.left_out.insert(Part::Sync, format!("{error:#}"))).ok()
            });
        Ok(Self { binary, one, four, random, grown, slow_sync })
    }

    pub(super) fn round(&self, round: &mut Round<'_>) -> Result<()> {
        let plain = Launch::default();
        let (start, memory) = self.one_workspace(&plain, (BenchRow::One, BenchRow::OneElement), round)?;
        round.figures.push_start(StartFrom::Clean, start);
        round.figures.memory_loaded.push(memory as f64);
        if let Some(slow) = &self.slow_sync {
            self.one_workspace(&slow.launch()?, (BenchRow::OneSlowSync, BenchRow::OneElementSlowSync), round)?;
            round.figures.delayed_syncs.push(slow.count()?);
        }
        self.full_bodies((&self.four, &plain), BenchRow::Four, round)?;
        if let Some((one, four)) = &self.random {
            self.full_bodies((one, &plain), BenchRow::OneRandom, round)?;
            self.full_bodies((four, &plain), BenchRow::FourRandom, round)?;
        }
        if let Some(grown) = &self.grown {
            self.full_bodies((grown, &plain), BenchRow::OneGrown, round)?;
        }
        for (count, row) in [(1, BenchRow::OneOnOneCore), (2, BenchRow::OneOnTwoCores)] {
            if round.can_use_cores(count) {
                self.full_bodies((&self.one, &Launch::on_cores(count)), row, round)?;
            }
        }
        if round.options.parts.has(Part::Beside) {
            beside::activation(&self.binary, &self.one, round)?;
            beside::deletion(&self.binary, &self.one, round)?;
        }
        Ok(())
    }

    /// Full bodies into a copy of `data`.
    fn full_bodies(&self, (data, launch): (&LoadedData, &Launch), row: BenchRow, round: &mut Round<'_>) -> Result<()> {
        let data = data.copy()?;
        let server = BenchServer::start(&self.binary, &data.dir, launch)?;
        let load = full(data.targets(&server), round.number);
        let outcome = round.disk.measure(|| load::drive(&load, round.options.times(), || server.usage()))?;
        round.figures.push(row, outcome);
        data.check_counts(&server, row, round.figures)?;
        server.stop()
    }

    /// Full bodies into a copy of one workspace, then one-element requests to the same server; returns how it started,
    /// and its resident bytes after the full bodies.
    fn one_workspace(
        &self,
        launch: &Launch,
        rows: (BenchRow, BenchRow),
        round: &mut Round<'_>,
    ) -> Result<(StartTimes, u64)> {
        let Round { number, options, disk, figures } = round;
        let data = self.one.copy()?;
        let server = BenchServer::start(&self.binary, &data.dir, launch)?;
        let start = first_answer(&server, &data.workspaces[0], *number)?;
        let load = full(data.targets(&server), *number);
        figures.push(rows.0, disk.measure(|| load::drive(&load, options.times(), || server.usage()))?);
        let memory = proc::memory(server.pid())?.0;
        let load = one_element(data.targets(&server), *number);
        figures.push(rows.1, disk.measure(|| load::drive(&load, options.short(), || server.usage()))?);
        data.check_counts(&server, rows.1, figures)?;
        server.stop()?;
        Ok((start, memory))
    }

    /// Full bodies for as long as the part long asks.
    pub(super) fn long_run(&self, round: &mut Round<'_>) -> Result<()> {
        let data = self.one.copy()?;
        let server = BenchServer::muster(&self.binary, &data.dir)?;
        let load = full(data.targets(&server), round.number);
        let outcome = round.disk.measure(|| load::drive(&load, round.options.long(), || server.usage()))?;
        round.figures.push(BenchRow::OneLong, outcome);
        data.check_counts(&server, BenchRow::OneLong, round.figures)?;
        server.stop()
    }

    /// Measures starts after a kill. Nobody knows which of the last requests were applied, so nothing is counted.
    pub(super) fn kill_under_load(&self, options: &BenchOptions, figures: &mut Figures) -> Result<()> {
        for round in 0..options.rounds {
            check_interrupted()?;
            let data = self.one.copy()?;
            let server = BenchServer::muster(&self.binary, &data.dir)?;
            let load = full(data.targets(&server), 100 + round);
            let times = Times { warm: SETTLE + Duration::from_secs(1), run: Duration::ZERO };
            let clients = std::thread::spawn(move || load::drive(&load, times, || Ok(proc::Usage::default())));
            std::thread::sleep(SETTLE);
            server.kill()?;
            // The clients end with an error, as they should: their server is gone.
            drop(clients.join());
            let server = BenchServer::muster(&self.binary, &data.dir)?;
            figures.push_start(StartFrom::Killed, first_answer(&server, &data.workspaces[0], round)?);
            server.stop()?;
        }
        Ok(())
    }
}
