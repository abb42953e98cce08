//! A disk that fails a sync, or is full: never an acknowledgement, a clear 503, a failing `/readyz`, and after a restart
//! everything that was acknowledged (behaviour.md 1.1, 1.11; architecture.md "Embedded").

use std::time::{Duration, Instant};

use serde_json::json;

use crate::disk::{Disk, Unsynced};
use crate::judge::{Ledger, judge};
use crate::load::{Fate, Flight, under_load};
use crate::random::{Random, seed};
use crate::server::{Launch, Server, Workspace};

/// How long load runs before and after the disk fails.
const PHASE: Duration = Duration::from_millis(200);
/// How long a server may take to notice that there is room again.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15);

struct Stage {
    disk: Disk,
    launch: Launch,
    server: Server,
    workspace: Workspace,
}

impl Stage {
    fn new() -> Stage {
        let disk = Disk::new();
        let launch = Launch::new(&disk.data_dir()).env(disk.env());
        let server = launch.start();
        let workspace = Workspace::create(&server);
        Stage { disk, launch, server, workspace }
    }

    /// Load during which the disk fails.
    fn load_while(&mut self, seed: u64, fail: impl FnOnce(&Disk)) -> Vec<Flight> {
        let disk = &self.disk;
        under_load(&mut self.server, &self.workspace, 1, &mut Random::seeded(seed), |_| {
            std::thread::sleep(PHASE);
            fail(disk);
            std::thread::sleep(PHASE);
        })
    }

    /// Status and body of one import of its own.
    fn import(&self, customer: &str) -> (u16, String) {
        let body = json!({"type": "transition", "elements": [{"type": "customer", "customer_id": customer, "attributes": {"a": 1}}]});
        let answer = self.workspace.import(&mut self.server.connect(), &body, None).unwrap();
        (answer.status, answer.text())
    }

    /// The status of a search for a user.
    fn find(&self, customer: &str) -> u16 {
        let body = json!({"kind": "customer_id", "value": customer});
        self.workspace.manage(&mut self.server.connect(), "POST", "/users/find", Some(&body)).unwrap().status
    }

    fn has(&self, customer: &str) -> bool {
        self.find(customer) == 200
    }

    fn kill_and_restart(&mut self) {
        self.server.kill();
        self.server = self.launch.start();
    }

    fn lose_power_and_restart(&mut self) {
        self.server.kill();
        self.disk.lose_power(Unsynced::Lost);
        self.launch.verify().unwrap();
        self.server = self.launch.start();
    }

    /// What is needed is a restart, or only room again.
    fn assert_not_ready(&self, needs_restart: bool) {
        let [health, ready] = ["/healthz", "/readyz"].map(|target| self.server.get(target).status);
        // Fails if `alive` does not ask `needs_restart`, or if the engine says so of a full disk.
        assert_eq!((health, ready), (if needs_restart { 503 } else { 200 }, 503));
        // Fails if `ready` shows the engine's words, which name workspaces, to everybody, or to nobody.
        let told = self.server.get("/readyz").text();
        let advice = if needs_restart { "restart" } else { "by itself" };
        assert!(told.contains(advice) && !told.contains(self.workspace.id()), "{told}");
        let told = self.server.get_as_admin("/readyz").json();
        assert!(told["detail"].is_string(), "{told}");
    }

    fn assert_judged(&self, seed: u64, flights: &[Flight]) {
        let mut ledger = Ledger::default();
        let judged = judge(&self.server, &self.workspace, flights, &mut ledger);
        assert_eq!(judged, Ok(()), "MUSTER_TEST_SEED={seed}");
        assert!(ledger.acknowledged > 0, "MUSTER_TEST_SEED={seed}: nothing was acknowledged before the disk failed");
    }
}

/// Every answer is 200 or 503, and no client sees a 200 after a 503; there are both.
fn assert_no_success_after_a_failure(flights: &[Flight]) {
    let failed = |flight: &Flight| matches!(flight.fate, Fate::Refused(503, _));
    for pair in flights.windows(2).filter(|pair| pair[0].client == pair[1].client) {
        assert!(!failed(&pair[0]) || failed(&pair[1]), "after a 503 {}: {:?}", pair[1].tag, pair[1].fate);
    }
    let odd = flights.iter().find(|flight| flight.fate != Fate::Acknowledged && !failed(flight));
    assert!(odd.is_none(), "{odd:?}");
    assert!(flights.iter().any(failed), "the disk failed and no request noticed");
}

// Fails if a commit error is answered like a success, or if the writer takes the next group after a failed sync.
#[test]
fn a_failed_sync_is_503_for_good_until_the_process_starts_anew() {
    let (mut stage, seed) = (Stage::new(), seed());
    let flights = stage.load_while(seed, |disk| disk.fail_syncs(true));
    assert_no_success_after_a_failure(&flights);
    stage.assert_not_ready(true);

    stage.disk.fail_syncs(false);
    let (status, body) = stage.import("later");
    assert_eq!(status, 503, "the writer continued after a failed sync: {body}");
    stage.assert_not_ready(true);

    stage.lose_power_and_restart();
    assert_eq!(stage.server.get("/readyz").status, 200);
    stage.assert_judged(seed, &flights);
    assert_eq!(stage.import("after").0, 200);
}

// Fails if a start trusts the pages of a failed sync: Linux marks them clean, and no later sync writes them, so that
// what is built on them goes with them at the next power loss. A checkpoint at start writes them again.
#[test]
fn what_is_acknowledged_after_a_failed_sync_and_a_restart_survives_a_power_loss() {
    let (mut stage, seed) = (Stage::new(), seed());
    let flights = stage.load_while(seed, |disk| disk.fail_syncs(true));
    stage.disk.fail_syncs(false);
    stage.kill_and_restart();
    stage.assert_judged(seed, &flights);
    assert_eq!(stage.import("after").0, 200);
    stage.lose_power_and_restart();
    assert!(stage.has("after"), "acknowledged after the restart and lost");
}

// Fails if `Front::fill_once` tries again after a failed sync, for a reader or for a stop, which then empties the redo log.
#[test]
fn a_failed_sync_of_the_tables_is_not_tried_again_and_the_redo_log_keeps_what_was_acknowledged() {
    let mut stage = Stage::new();
    assert_eq!(stage.import("logged").0, 200);
    stage.disk.fail_syncs(true);
    let deadline = Instant::now() + RECOVERY_TIMEOUT;
    while stage.server.get("/healthz").status == 200 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    stage.assert_not_ready(true);
    stage.disk.fail_syncs(false);
    // In memory, over tables that stay as they are.
    assert!(stage.has("logged"));
    stage.server.terminate();
    stage.disk.lose_power(Unsynced::Lost);
    stage.server = stage.launch.start();
    assert!(stage.has("logged"), "acknowledged and lost");
}

// Fails if `RedoLog::open` does not sync the folder in which it creates its files.
#[test]
fn a_redo_log_that_was_missing_survives_a_power_loss_with_what_it_holds() {
    let mut stage = Stage::new();
    assert_eq!(stage.server.terminate(), Some(0));
    let data = stage.disk.data_dir();
    for name in ["redo-0", "redo-1"] {
        // Moved, so that no new file gets the inode, by which the disk knows what was synced.
        let file = data.join("workspaces").join(stage.workspace.id()).join(name);
        std::fs::rename(file, data.parent().unwrap().join(name)).unwrap();
    }
    stage.server = stage.launch.start();
    assert_eq!(stage.import("new").0, 200);
    stage.lose_power_and_restart();
    assert!(stage.has("new"), "acknowledged and lost");
}

// Fails if ENOSPC is answered like a success or as a 500, or if a full disk leaves the server unready without advice.
#[test]
fn a_full_disk_is_503_and_the_server_goes_on_when_there_is_room_or_says_what_to_do() {
    let (mut stage, seed) = (Stage::new(), seed());
    let flights = stage.load_while(seed, |disk| disk.fill(true));
    assert_no_success_after_a_failure(&flights);
    stage.assert_not_ready(false);

    stage.disk.fill(false);
    let deadline = Instant::now() + RECOVERY_TIMEOUT;
    let mut last = stage.import("later");
    while last.0 != 200 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
        last = stage.import("later");
    }
    let ready = stage.server.get("/readyz");
    if last.0 == 200 {
        assert_eq!(ready.status, 200, "{}", ready.text());
    } else {
        assert_eq!((last.0, ready.status), (503, 503), "{last:?}");
        assert!(ready.text().to_lowercase().contains("restart"), "not ready and no advice: {}", ready.text());
    }
    stage.lose_power_and_restart();
    assert!(stage.has("later") || last.0 != 200);
    assert_eq!(stage.import("after").0, 200);
}

// Fails if a reader is given the tables although `Front::fill_for_reader` failed, or is refused then.
#[test]
fn a_reader_sees_what_was_acknowledged_before_the_disk_was_full() {
    let stage = Stage::new();
    let found = || {
        let body = json!({"kind": "customer_id", "value": "logged"});
        stage.workspace.manage(&mut stage.server.connect(), "POST", "/users/find", Some(&body)).unwrap().status
    };
    assert_eq!(stage.import("logged").0, 200);
    stage.disk.fill(true);
    assert_eq!([found(), found()], [200, 200]);
    stage.disk.fill(false);
    assert_eq!(found(), 200);
}

// Fails if the end of the process does not wait for `poisoned`, or does not say so by its code.
#[test]
fn a_process_that_only_a_restart_helps_ends_with_a_code_of_its_own_if_it_is_told_to() {
    let disk = Disk::new();
    let env = [disk.env(), vec![("MUSTER_EXIT_WHEN_POISONED".into(), "true".into())]].concat();
    let launch = Launch::new(&disk.data_dir()).env(env);
    let mut server = launch.start();
    let workspace = Workspace::create(&server);
    disk.fail_syncs(true);
    // A change of the catalogue, whose sync fails: how its commit ended is not known.
    let name = json!({"name": "Other"});
    assert_eq!(workspace.manage(&mut server.connect(), "PATCH", "", Some(&name)).unwrap().status, 503);
    assert_eq!(server.ended(), Some(74));
    disk.fail_syncs(false);
    assert_eq!(launch.start().get("/readyz").status, 200);
}

// Fails if a fill that found no room takes its groups away, if a start that cannot fill shows what the tables have, or if
// nothing tries again.
#[test]
fn groups_that_find_no_room_in_the_tables_are_neither_lost_nor_hidden() {
    let mut stage = Stage::new();
    assert_eq!(stage.import("kept").0, 200);
    stage.disk.fill(true);
    // Longer than a group may be in the redo log alone.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(stage.import("refused").0, 503);
    stage.assert_not_ready(false);
    assert_eq!([stage.find("kept"), stage.find("refused")], [200, 404]);
    stage.disk.fill(false);
    let deadline = Instant::now() + RECOVERY_TIMEOUT;
    while stage.import("later").0 != 200 {
        assert!(Instant::now() < deadline, "nothing is imported");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!([stage.find("kept"), stage.find("refused")], [200, 404]);
    stage.disk.fill(true);
    std::thread::sleep(Duration::from_secs(2));
    stage.server.kill();
    stage.disk.fill(false);
    stage.lose_power_and_restart();
    assert_eq!([stage.find("kept"), stage.find("later"), stage.find("refused")], [200, 200, 404]);
}

// Fails if `RedoLog::open` does not sync the folder in which it creates files.
#[test]
fn a_redo_file_that_a_start_creates_survives_a_power_loss() {
    let mut stage = Stage::new();
    assert_eq!(stage.server.terminate(), Some(0));
    // As an earlier version leaves it. Under the shim, which must know of it.
    let script = "rm redo-0 redo-1 && sync .";
    let mut shell = std::process::Command::new("sh");
    let folder = stage.launch.folder(&stage.workspace);
    assert!(shell.args(["-ec", script]).current_dir(folder).envs(stage.disk.env()).status().unwrap().success());
    stage.server = stage.launch.start();
    assert_eq!(stage.import("kept").0, 200);
    stage.lose_power_and_restart();
    assert_eq!(stage.find("kept"), 200);
}

// Fails if `RedoLog::clear` does not sync the files that it empties.
#[test]
fn what_a_stop_took_out_of_the_redo_log_does_not_come_back_with_a_power_loss() {
    let mut stage = Stage::new();
    assert_eq!(stage.import("erased later").0, 200);
    assert_eq!(stage.server.terminate(), Some(0));
    stage.disk.lose_power(Unsynced::Lost);
    let folder = stage.launch.folder(&stage.workspace);
    let lengths = ["redo-0", "redo-1"].map(|name| std::fs::metadata(folder.join(name)).unwrap().len());
    assert_eq!(lengths, [0, 0]);
}
