//! Durability of the real binary under sixteen clients: `kill -9`, power loss, SIGTERM (behaviour.md 1.1, 1.4).
//!
//! Rounds on one data directory: load, the end of the process at a random moment, restart, judgement, `muster verify`.
//! The short form runs in every test run. The long form (`cargo xtask durability`) sets `MUSTER_DURABILITY_ROUNDS`, and
//! `MUSTER_PROVE_OPPOSITES=1`, which also builds the binary without its sync and proves that these tests find it out.
//! `MUSTER_TEST_SEED` repeats the choices of a failed run (not its timing).

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::disk::{Disk, Unsynced};
use crate::http::Cut;
use crate::judge::{Ledger, judge};
use crate::load::{Fate, under_load};
use crate::random::{Random, seed};
use crate::server::{Launch, Server, Workspace};

/// How a round ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Kill,
    /// `kill -9`, then every file goes back to its last sync.
    PowerLoss,
    /// The same, but each unsynced page reached the disk or not by chance.
    TornPowerLoss,
    Terminate,
}

/// A data directory with one workspace that goes through rounds of load.
struct Torture {
    launch: Launch,
    disk: Option<Disk>,
    workspace: Workspace,
    server: Server,
    ledger: Ledger,
    round: u64,
    /// Rounds whose end found acknowledged groups in the redo log alone.
    unfilled: u64,
    random: Random,
}

impl Torture {
    fn new(launch: Launch, disk: Option<Disk>, seed: u64) -> Torture {
        let server = launch.start();
        let workspace = Workspace::create(&server);
        let (ledger, random) = (Ledger::default(), Random::seeded(seed));
        Torture { launch, disk, workspace, server, ledger, round: 0, unfilled: 0, random }
    }

    /// One round; the error says what was lost, torn, invented, or did not start again.
    fn round(&mut self, end: End) -> Result<(), String> {
        self.round += 1;
        let moment = Duration::from_millis(self.random.between(150, 400));
        let mut exit = Some(0);
        let flights = under_load(&mut self.server, &self.workspace, self.round, &mut self.random, |server| {
            std::thread::sleep(moment);
            match end {
                End::Terminate => exit = server.terminate(),
                _ => server.kill(),
            }
        });
        if exit != Some(0) {
            return Err(format!("SIGTERM ended in exit code {exit:?}"));
        }
        if let (End::Terminate, Some(torn)) = (end, flights.iter().find(|f| matches!(f.fate, Fate::Cut(Cut::Torn(_)))))
        {
            return Err(format!("SIGTERM tore the answer of request {}: {:?}", torn.tag, torn.fate));
        }
        // Before the power is lost, and the number of the last group with it.
        self.unfilled += u64::from(self.launch.lives_by_the_redo_log(&self.workspace));
        if let Some(disk) = &self.disk {
            match end {
                End::PowerLoss => disk.lose_power(Unsynced::Lost),
                End::TornPowerLoss => disk.lose_power(Unsynced::Torn(&mut self.random)),
                End::Kill | End::Terminate => {}
            }
        }
        // Half of the time only: `verify` opens the store, which must also be found as the crash left it.
        if self.random.one_in(2) {
            self.launch.verify()?;
        }
        self.server = self.launch.try_start()?;
        judge(&self.server, &self.workspace, &flights, &mut self.ledger)
    }

    /// The first thing that went wrong in this many rounds.
    fn rounds(&mut self, count: u64, ends: &[End]) -> Result<(), String> {
        for &end in ends.iter().cycle().take(count as usize) {
            self.round(end).map_err(|error| format!("round {} ({end:?}): {error}", self.round))?;
        }
        self.server.kill();
        self.launch.verify()?;
        self.server = self.launch.try_start()?;
        Ok(())
    }

    fn assert_rounds(mut self, seed: u64, count: u64, ends: &[End]) {
        let outcome = self.rounds(count, ends);
        println!(
            "seed {seed}: {} rounds, {} with groups in the redo log alone, {:?}",
            self.round, self.unfilled, self.ledger
        );
        assert_eq!(outcome, Ok(()), "MUSTER_TEST_SEED={seed}");
        assert!(self.ledger.acknowledged > count, "the load did nothing: {:?}", self.ledger);
        // Fails when every group writes the tables itself, or a stop leaves the redo log as it is.
        let is_clean = ends.iter().all(|end| matches!(end, End::Terminate));
        assert_eq!(
            self.unfilled == 0,
            is_clean,
            "{} of {count} rounds ended with groups in the redo log alone",
            self.unfilled
        );
    }
}

/// Rounds, unless the long form asks for another number.
fn rounds(short: u64) -> u64 {
    std::env::var("MUSTER_DURABILITY_ROUNDS").map_or(short, |text| text.parse().expect("a number of rounds"))
}

fn on_watched_disk(seed: u64) -> Torture {
    let disk = Disk::new();
    Torture::new(Launch::new(&disk.data_dir()).env(disk.env()), Some(disk), seed)
}

// Fails if the committer answers before it commits, or commits without a savepoint per request.
#[test]
fn kill_9_loses_nothing_acknowledged_and_leaves_every_other_request_whole_or_absent() {
    let (dir, seed) = (TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), seed());
    Torture::new(Launch::new(&dir.path().join("data")), None, seed).assert_rounds(seed, rounds(20), &[End::Kill]);
}

// Fails if `synchronous=FULL` becomes NORMAL, or a directory is not synced when a file is made in it.
#[test]
fn a_power_loss_loses_nothing_acknowledged() {
    let seed = seed();
    on_watched_disk(seed).assert_rounds(seed, rounds(6), &[End::PowerLoss, End::TornPowerLoss]);
}

// Fails if shutdown drops the requests that wait for the committer, or their connections with an answer half sent.
#[test]
fn sigterm_under_load_loses_nothing_acknowledged_and_exits_0() {
    let (dir, seed) = (TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), seed());
    Torture::new(Launch::new(&dir.path().join("data")), None, seed).assert_rounds(seed, rounds(4), &[End::Terminate]);
}

/// The proof that the power loss test can fail: on a disk that lies about syncs the same rounds find a loss.
#[test]
fn on_a_disk_that_ignores_syncs_the_power_loss_test_finds_the_loss() {
    let seed = seed();
    let mut torture = on_watched_disk(seed);
    torture.rounds(1, &[End::PowerLoss]).expect("the disk is still honest");
    torture.disk.as_ref().unwrap().ignore_syncs();
    assert_found_out(seed, torture.rounds(3, &[End::PowerLoss]));
}

/// The same proof with the binary itself at fault: its feature `unsafe-no-sync` removes the sync. Only in the long form,
/// since it builds the binary once more.
#[test]
fn without_its_sync_the_power_loss_test_finds_the_loss() {
    if std::env::var_os("MUSTER_PROVE_OPPOSITES").is_none_or(|value| value != "1") {
        println!("not run: needs MUSTER_PROVE_OPPOSITES=1 (cargo xtask durability sets it)");
        return;
    }
    let unsafe_binary = build_without_sync();
    let seed = seed();
    // The workspace is made by the safe binary, so that what is lost are imports.
    let mut torture = on_watched_disk(seed);
    torture.rounds(1, &[End::PowerLoss]).expect("the safe binary loses nothing");
    assert_eq!(torture.server.terminate(), Some(0));
    torture.launch = torture.launch.clone().program(unsafe_binary);
    torture.server = torture.launch.start();
    assert_found_out(seed, torture.rounds(3, &[End::PowerLoss]));
}

/// A loss shows as a request that is gone, as counters that do not add up, or as a store that refuses to open.
fn assert_found_out(seed: u64, outcome: Result<(), String>) {
    let error = outcome.expect_err(&format!("nothing was lost without syncs (MUSTER_TEST_SEED={seed})"));
    println!("found out: {error}");
}

fn build_without_sync() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no-sync");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--package", "muster", "--features", "unsafe-no-sync", "--target-dir"]).arg(&target);
    assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(), "the build failed");
    target.join("debug").join("muster")
}
