//! Durability of the real binary under sixteen clients: `kill -9`, power loss, SIGTERM (behaviour.md 1.1, 1.4).
//!
//! Rounds on one data directory: load, the end of the process at a random moment, restart, judgement, `muster verify`.
//! The short form runs in every test run. The long form (`cargo xtask durability`) sets `MUSTER_DURABILITY_ROUNDS`, and
//! `MUSTER_PROVE_OPPOSITES=1`, which also builds the binary without its sync and proves that these tests find it out.
//! `MUSTER_TEST_SEED` repeats the choices of a failed run (not its timing).

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::disk::{Disk, Unsynced};
use crate::http::Cut;
use crate::judge::{Ledger, judge};
use crate::load::{Fate, under_load};
use crate::random::{Random, seed};
use crate::server::{Launch, Server, Workspace};

/// Rounds on one data directory.
const ROUNDS_EACH: u64 = 40;

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
    server: Server,
    launch: Launch,
    disk: Option<Disk>,
    /// The folder of the data directory, if no disk has it.
    _dir: Option<TempDir>,
    workspace: Workspace,
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
        Torture { server, launch, disk, _dir: None, workspace, ledger, round: 0, unfilled: 0, random }
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
}

/// Runs rounds, on a new data directory from time to time, so that the last ones take no longer than the first.
fn assert_rounds(seed: u64, count: u64, ends: &[End], make: impl Fn(u64) -> Torture) {
    let begun = Instant::now();
    let (mut done, mut unfilled, mut acknowledged) = (0, 0, 0);
    while done < count {
        let mut torture = make(seed.wrapping_add(done));
        let outcome = torture.rounds((count - done).min(ROUNDS_EACH), ends);
        println!(
            "seed {seed}: rounds {done} to {}, {} with groups in the redo log alone, {:?}, {:?}",
            done + torture.round,
            torture.unfilled,
            torture.ledger,
            begun.elapsed()
        );
        // A seed repeats a data directory, whichever it was.
        assert_eq!(outcome, Ok(()), "MUSTER_TEST_SEED={}", seed.wrapping_add(done));
        done += torture.round;
        unfilled += torture.unfilled;
        acknowledged += torture.ledger.acknowledged;
    }
    assert!(acknowledged > count, "the load did nothing: {acknowledged} requests");
    // Fails when every group writes the tables itself, or a stop leaves the redo log as it is.
    let is_clean = ends.iter().all(|end| matches!(end, End::Terminate));
    assert_eq!(unfilled == 0, is_clean, "{unfilled} of {count} rounds ended with groups in the redo log alone");
}

/// Rounds, unless the long form asks for another number.
fn rounds(short: u64) -> u64 {
    std::env::var("MUSTER_DURABILITY_ROUNDS").map_or(short, |text| text.parse().expect("a number of rounds"))
}

/// Rounds without the shim.
fn on_real_disk(seed: u64) -> Torture {
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let launch = Launch::new(&dir.path().join("data"));
    Torture { _dir: Some(dir), ..Torture::new(launch, None, seed) }
}

fn on_watched_disk(seed: u64) -> Torture {
    let disk = Disk::new();
    Torture::new(Launch::new(&disk.data_dir()).env(disk.env()), Some(disk), seed)
}

// Fails if the committer answers before it commits, or commits without a savepoint per request.
#[test]
fn kill_9_loses_nothing_acknowledged_and_leaves_every_other_request_whole_or_absent() {
    assert_rounds(seed(), rounds(20), &[End::Kill], on_real_disk);
}

// Fails if `synchronous=FULL` becomes NORMAL, or a directory is not synced when a file is made in it.
#[test]
fn a_power_loss_loses_nothing_acknowledged() {
    assert_rounds(seed(), rounds(6), &[End::PowerLoss, End::TornPowerLoss], on_watched_disk);
}

// Fails if shutdown drops the requests that wait for the committer, or their connections with an answer half sent.
#[test]
fn sigterm_under_load_loses_nothing_acknowledged_and_exits_0() {
    assert_rounds(seed(), rounds(4), &[End::Terminate], on_real_disk);
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

/// Two runs with a clean stop, and a third that ends in a power loss after its `last` import. All but the last are filled, and
/// each goes into the other file of the redo log. The error says what is lost.
fn runs_until_a_power_loss(ignored: Option<&str>, last: u64) -> Result<(), String> {
    let disk = Disk::new();
    let launch = Launch::new(&disk.data_dir()).env(disk.env());
    let mut server = launch.start();
    let workspace = Workspace::create(&server);
    assert_eq!(server.terminate(), Some(0));
    if let Some(file) = ignored {
        disk.ignore_syncs_of(&file.replace("ID", workspace.id()));
    }
    let mut number = 0;
    // Enough users that a later import does not change every page again.
    let mut import = |server: &Server| {
        number += 1;
        let customer = |n| json!({"type": "customer", "customer_id": format!("c{number}-{n}"), "attributes": {"a": 1}});
        let body = json!({"type": "transition", "elements": (0..100).map(customer).collect::<Vec<_>>()});
        assert_eq!(workspace.import(&mut server.connect(), &body, None).unwrap().status, 200);
    };
    let found = |server: &Server, n: u64| {
        let body = json!({"kind": "customer_id", "value": format!("c{n}-50")});
        let status = workspace.manage(&mut server.connect(), "POST", "/users/find", Some(&body)).unwrap().status;
        if status == 200 { Ok(()) } else { Err(format!("import {n} was acknowledged and is answered {status}")) }
    };
    for run in 0..3_u64 {
        let server = &mut launch.try_start()?;
        if run == 0 {
            workspace.set(&mut server.connect(), ("PATCH", ""), &json!({"name": "Another name"}));
        }
        let imports = if run < 2 { 3 } else { last };
        for n in 1..=imports {
            import(server);
            if run < 2 || n < last {
                found(server, run * 3 + n)?;
            }
        }
        if run < 2 {
            assert_eq!(server.terminate(), Some(0));
        } else {
            server.kill();
        }
    }
    disk.lose_power(Unsynced::Lost);
    launch.verify()?;
    let server = launch.try_start()?;
    (1..=number).try_for_each(|n| found(&server, n))?;
    let shown = workspace.manage(&mut server.connect(), "GET", "", None).unwrap().json();
    if shown["name"] == "Another name" { Ok(()) } else { Err(format!("the settings are lost: {shown}")) }
}

/// The proof that the power loss reaches every file: where the syncs of one of them do nothing, something is lost.
#[test]
fn on_a_disk_that_ignores_the_syncs_of_one_file_the_loss_is_found_whichever_it_is() {
    for last in 1..=3 {
        assert_eq!(runs_until_a_power_loss(None, last), Ok(()));
    }
    // The third import of a run is written over the first one, which must be in the tables by then.
    let files = [("redo-0", 1), ("redo-1", 2), ("ID/muster.db-wal", 3), ("ID/muster.db", 1), ("data/muster.db", 1)];
    for (file, last) in files {
        let found = runs_until_a_power_loss(Some(file), last);
        println!("syncs of {file} ignored: {found:?}");
        assert!(found.is_err(), "nothing was lost without the syncs of {file}");
    }
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
