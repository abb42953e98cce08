//! Few descriptors: connections never take those that the storage needs (behaviour.md 1.11.g).

use std::net::TcpStream;

use serde_json::json;

use crate::server::{Launch, Workspace};

const DESCRIPTORS: u32 = 256;

// Fails when `connections_max` is not what `shares` says: the change of settings finds no descriptor.
#[test]
fn idle_connections_take_no_descriptor_from_the_storage() {
    let folder = tempfile::tempdir().unwrap();
    let server = Launch::new(&folder.path().join("data")).start_with_descriptors(DESCRIPTORS);
    let workspace = Workspace::create(&server);
    let mut connection = server.connect();
    // Connections that never asked give way before one that did.
    assert_eq!(connection.call("GET", "/readyz", &[], b"").unwrap().status, 200);
    let idle: Vec<TcpStream> = (0..2 * DESCRIPTORS).filter_map(|_| TcpStream::connect(server.address).ok()).collect();
    let renamed = workspace.manage(&mut connection, "PATCH", "", Some(&json!({"name": "Renamed"}))).unwrap();
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    let made = workspace.manage(&mut connection, "POST", "/keys/rotate", Some(&json!({}))).unwrap();
    assert_eq!(made.status, 200, "{}", made.text());
    drop(idle);
    assert_eq!(connection.call("GET", "/readyz", &[], b"").unwrap().status, 200);
}
