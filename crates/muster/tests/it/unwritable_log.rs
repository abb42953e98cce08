//! A log that cannot be written: every call is answered as before, lines are dropped and counted, and SIGTERM ends the
//! process (behaviour.md 1.11.g).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::server::{Launch, Server, Workspace};

/// More lines than wait in the buffer of the log and in a pipe together.
const FLOOD: usize = 6_000;

struct Stage {
    _folder: tempfile::TempDir,
    launch: Launch,
}

impl Stage {
    fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch::new(&folder.path().join("data"));
        Stage { _folder: folder, launch }
    }
}

/// Lines that were dropped, as `/metrics` tells it.
fn dropped(server: &Server) -> u64 {
    let text = server.get("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix("muster_log_lines_dropped_total ")).unwrap();
    line.parse().unwrap()
}

/// An import, a read of what it stored, and the health are answered.
fn answers(server: &Server) {
    let workspace = Workspace::create(server);
    let body = json!({"type": "transition", "elements": [{"type": "customer", "customer_id": "a"}]});
    assert_eq!(workspace.import(&mut server.connect(), &body, None).unwrap().status, 200);
    let stats = workspace.manage(&mut server.connect(), "GET", "/stats", None).unwrap();
    assert_eq!(stats.json()["users"], 1);
    assert_eq!((server.get("/healthz").status, server.get("/readyz").status), (200, 200));
}

// Fails when `logs::start` gives `std::io::stderr` to the subscriber: the calls end without an answer.
#[test]
fn a_log_on_a_full_disk_costs_lines_and_nothing_else() {
    let stage = Stage::new();
    let mut server = stage.launch.start_logging_to(File::options().write(true).open("/dev/full").unwrap());
    answers(&server);
    assert!(dropped(&server) > 0);
    assert_eq!(server.terminate(), Some(0));
}

// Fails when `Lines::write_to` ends its thread at an error, or does not count it.
#[test]
fn a_log_whose_reader_is_gone_costs_lines_and_nothing_else() {
    let stage = Stage::new();
    let mut server = stage.launch.start_logging_to(Stdio::piped());
    drop(server.stderr());
    answers(&server);
    let before = dropped(&server);
    assert!(before > 0);
    answers(&server);
    assert!(dropped(&server) > before);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_closed_standard_error_costs_nothing() {
    let stage = Stage::new();
    let mut server = stage.launch.start_without_stderr();
    answers(&server);
    assert_eq!(server.terminate(), Some(0));
}

// Fails when `Lines::push` waits for room, when `finish` waits without an end, or when `tell_dropped` says nothing.
#[test]
fn a_log_that_nobody_reads_holds_no_answer_and_no_end_and_goes_on_when_it_is_read() {
    let stage = Stage::new();
    let mut server = stage.launch.start_logging_to(Stdio::piped());
    let flood = |server: &Server| {
        let mut connection = server.connect();
        for _ in 0..FLOOD {
            // Probes are logged for who looks for faults alone.
            assert_eq!(connection.call("GET", "/api/v1/audit", &[], b"").unwrap().status, 401);
        }
        assert!(dropped(server) > 0);
    };
    flood(&server);
    answers(&server);
    let mut lines = BufReader::new(server.stderr().unwrap()).lines().map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line.contains("log lines were dropped")));
    server.get("/api/v1/audit");
    assert!(lines.any(|line| line.contains("/api/v1/audit")), "it logs again");
    assert_eq!(server.terminate(), Some(0));

    let mut server = stage.launch.start_logging_to(Stdio::piped());
    let _never_read = server.stderr();
    flood(&server);
    assert_eq!(server.terminate(), Some(0));
}
