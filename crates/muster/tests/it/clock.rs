//! A clock that was set while no server ran is noticed by the next one of the same boot (docs/adr/0020).

use std::fs;

use serde_json::json;

use crate::server::{Launch, Server, Workspace};

const HOUR: i64 = 3_600_000;

fn import(server: &Server, workspace: &Workspace) -> u16 {
    let body = json!({"type": "transition", "elements": [{"type": "customer", "customer_id": "a"}]});
    workspace.import(&mut server.connect(), &body, None).unwrap().status
}

// Fails when `seen::clock` does not compare, when `run` notes nothing, or when `not_ready` does not tell of the clock.
#[test]
fn a_clock_that_was_set_between_two_servers_stops_writing_until_it_is_accepted() {
    if !std::path::Path::new("/proc/sys/kernel/random/boot_id").exists() {
        println!("skipped: this system does not tell one boot from another");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let mut server = launch.start();
    let workspace = Workspace::create(&server);
    assert_eq!(import(&server, &workspace), 200);
    assert_eq!(server.terminate(), Some(0));
    // As if the clock had shown an hour less then: it was set ahead since.
    let noted = fs::read_to_string(data.join("clock")).unwrap();
    let words: Vec<&str> = noted.split_whitespace().collect();
    let wall: i64 = words[1].parse().unwrap();
    fs::write(data.join("clock"), format!("{} {} {}", words[0], wall - HOUR, words[2])).unwrap();
    let mut server = launch.start();
    assert_eq!(import(&server, &workspace), 503);
    let (health, ready) = (server.get("/healthz"), server.get("/readyz"));
    assert_eq!((health.status, ready.status), (200, 503));
    assert!(ready.text().contains("clock"), "{}", ready.text());
    assert!(server.get_as_admin("/readyz").text().contains("--accept-clock"));
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(import(&launch.start(), &workspace), 503, "what is not believed is not noted");
    let accepting = launch.clone().env(vec![("MUSTER_ACCEPT_CLOCK".into(), "true".into())]);
    let mut server = accepting.start();
    assert_eq!(import(&server, &workspace), 200);
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(import(&launch.start(), &workspace), 200, "it was accepted once and for all");
}
