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

    fn has(&self, customer: &str) -> bool {
        let body = json!({"kind": "customer_id", "value": customer});
        let answer = self.workspace.manage(&mut self.server.connect(), "POST", "/users/find", Some(&body)).unwrap();
        answer.status == 200
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
