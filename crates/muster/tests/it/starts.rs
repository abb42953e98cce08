//! What a start refuses, what it takes away, and what it leaves on the disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::server::{Launch, Server, Workspace};

/// The status of an import into DEMO with this key.
fn import(server: &Server, key: &str) -> u16 {
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("DEMO:{key}")));
    let headers = [("Authorization", basic.as_str()), ("Content-Type", "application/json")];
    let body = json!({"type": "transition", "elements": [{"type": "customer", "customer_id": "a"}]}).to_string();
    server.connect().call("POST", "/v1/transition/DEMO", &headers, body.as_bytes()).unwrap().status
}

const LOCAL: [&str; 3] = ["--dev", "--listen", "127.0.0.1:0"];
const OPEN: [&str; 4] = ["--dev", "--listen", "0.0.0.0:0", "--insecure-http"];
/// Lines that `--dev` prints after the ready line, at least.
const WORDS: usize = 8;

fn key_shown(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("Key of DEMO, shown once: ")).unwrap_or_default().to_owned()
}

// Fails when `reload_signal` is not spawned.
#[test]
fn a_hangup_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, _) = Launch::new(&folder.path().join("data")).start_with(&LOCAL, WORDS).unwrap();
    server.signal("HUP");
    assert_eq!(import(&server, "demo-key"), 200);
    assert_eq!(server.terminate(), Some(0), "it did not end by the signal before");
}

// Fails when `prepare_dev` does not call `revoke_fixed`.
#[test]
fn the_fixed_key_of_dev_is_replaced_when_others_can_reach_the_listener() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let (mut server, _) = launch.start_with(&LOCAL, WORDS).unwrap();
    assert_eq!(import(&server, "demo-key"), 200);
    assert_eq!(server.terminate(), Some(0));
    let (mut server, said) = launch.start_with(&OPEN, WORDS + 1).unwrap();
    let key = key_shown(&said);
    assert_eq!(key.len(), 43, "{said}");
    assert_eq!((import(&server, "demo-key"), import(&server, &key)), (401, 200));
    assert_eq!(server.terminate(), Some(0));
    // Back on loopback the key that was made stays, and the fixed one does not come back.
    let (server, _) = launch.start_with(&LOCAL, WORDS).unwrap();
    assert_eq!((import(&server, "demo-key"), import(&server, &key)), (401, 200));
}

// Fails when `run` does not call `without_fixed_key`.
#[test]
fn the_fixed_key_of_dev_is_revoked_by_a_start_without_dev_which_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let (mut server, _) = launch.start_with(&LOCAL, WORDS).unwrap();
    assert_eq!(server.terminate(), Some(0));
    let (mut server, _) = launch.start_with(&["--listen", "127.0.0.1:0"], 0).unwrap();
    assert_eq!(import(&server, "demo-key"), 401);
    assert!(launch.logs("the fixed key of --dev, which everybody knows: it is revoked"));
    assert_eq!(server.terminate(), Some(0));
    // DEMO has no key now, so --dev on loopback gives it the fixed one again.
    let (server, _) = launch.start_with(&LOCAL, WORDS).unwrap();
    assert_eq!(import(&server, "demo-key"), 200);
}

fn modes(folder: &Path, found: &mut Vec<(String, u32)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = std::fs::metadata(&path).unwrap();
        found.push((path.display().to_string(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            modes(&path, found);
        }
    }
}

// Fails when `settings::open` does not make the file first, or `directory::private` has another mode.
#[test]
fn every_file_of_a_data_directory_can_be_read_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let (mut server, _) = launch.start_with(&LOCAL, WORDS).unwrap();
    assert_eq!(import(&server, "demo-key"), 200);
    let mut found = Vec::new();
    modes(&data, &mut found);
    assert_eq!(server.terminate(), Some(0));
    modes(&data, &mut found);
    let is_folder = |path: &str| Path::new(path).is_dir();
    let wrong: Vec<_> =
        found.iter().filter(|(path, mode)| *mode != if is_folder(path) { 0o700 } else { 0o600 }).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for name in ["muster.db", "synced", "url", "admin-token", "lock", "format", "-wal", "-shm"] {
        assert!(found.iter().any(|(path, _)| path.ends_with(name)), "there was no {name}: {found:?}");
    }
}

// Fails when `check_tokens` is not called.
#[test]
fn tokens_that_are_too_short_or_the_same_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str, env: &[(&str, &str)]| {
        let data = folder.path().join(name);
        let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let launch = Launch::new(&data).env(env);
        let told = |launch: &Launch| launch.try_start().err().unwrap_or_default();
        told(&launch)
    };
    assert!(start("a", &[("MUSTER_READ_TOKEN", "r")]).contains("the read token must have at least 16 characters"));
    let same = "black-box-admin-token-0123456789";
    assert!(start("b", &[("MUSTER_READ_TOKEN", same)]).contains("the read token must differ from the admin token"));
    assert!(
        start("c", &[("MUSTER_ADMIN_TOKEN", "short")]).contains("the admin token must have at least 16 characters")
    );
    let data = folder.path().join("d");
    let launch = Launch::new(&data);
    let (mut server, _) = launch.start_with(&["--listen", "127.0.0.1:0"], 0).unwrap();
    assert_eq!(server.terminate(), Some(0));
    std::fs::write(data.join("admin-token"), "x\n").unwrap();
    assert!(launch.start_with(&["--listen", "127.0.0.1:0"], 0).is_none());
    assert!(launch.logs("the admin token must have at least 16 characters"), "{}", launch.logged());
}

// Fails when the certificate is read in `serve`, after the ready line.
#[test]
fn a_certificate_that_cannot_be_used_fails_the_start_before_it_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, "no certificate").unwrap();
    std::fs::write(&key, "no key").unwrap();
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    let tls = ["--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key];
    assert!(launch.start_with(&tls, 0).is_none(), "it said that it is ready");
    assert!(launch.logs("cert.pem"), "{}", launch.logged());
}

#[test]
fn a_removed_workspace_leaves_nothing_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).start();
    let workspace = Workspace::create(&server);
    let id = workspace.id().to_owned();
    let body = json!({"confirm": id});
    assert_eq!(workspace.manage(&mut server.connect(), "DELETE", "", Some(&body)).unwrap().status, 202);
    let mut found = Vec::new();
    modes(&data, &mut found);
    assert!(!found.iter().any(|(path, _)| path.contains(&id)), "{found:?}");
}
