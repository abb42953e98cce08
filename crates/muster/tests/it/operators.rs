//! `muster workspace` and `muster key`: on a running server, over TLS, and on the data directory of a stopped one.

use std::process::Output;

use serde_json::Value;

use crate::server::Launch;

/// Runs a subcommand; its JSON, or what it said on standard error.
fn run(launch: &Launch, command: &str, arguments: &[&str]) -> Result<Value, String> {
    let mut command = launch.command(command);
    // The data directory is an argument of the inner subcommand.
    let Output { status, stdout, stderr } = command.args(arguments).output().unwrap();
    if !status.success() {
        return Err(String::from_utf8_lossy(&stderr).into_owned());
    }
    Ok(serde_json::from_slice(&stdout).unwrap_or(Value::Null))
}

// Fails when `client` goes to `remote` whether a server has the directory or not.
#[test]
fn workspaces_and_keys_are_managed_on_the_data_of_a_stopped_server_and_of_a_running_one() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    assert!(run(&launch, "workspace", &["list"]).unwrap_err().contains("is no data directory of Muster"));
    let mut server = launch.start();
    let made = run(&launch, "workspace", &["create", "SHOP"]).unwrap();
    assert_eq!(made["id"], "SHOP");
    assert_eq!(server.terminate(), Some(0));
    let rotated = run(&launch, "key", &["rotate", "SHOP"]).unwrap();
    assert!(rotated["data_api_key"].as_str().is_some_and(|key| key != made["data_api_key"]));
    assert_eq!(run(&launch, "workspace", &["suspend", "SHOP"]).unwrap()["suspended"], true);
    assert!(run(&launch, "workspace", &["show", "NOBODY"]).unwrap_err().contains("no such workspace"));
    let server = launch.start();
    let shown = run(&launch, "workspace", &["list"]).unwrap();
    assert_eq!((&shown[0]["id"], &shown[0]["suspended"]), (&Value::from("SHOP"), &Value::from(true)));
    drop(server);
    // Killed: the file `url` is still there, and nobody listens at it.
    assert_eq!(run(&launch, "workspace", &["resume", "SHOP"]).unwrap()["suspended"], false);
}

// Fails when `remote` does not give its roots to the agent.
#[test]
fn an_https_server_is_managed_if_its_certificate_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    let (server, _) =
        launch.start_with(&["--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key], 0).unwrap();
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let url = format!("https://localhost:{}", server.address.port());
    let with =
        |more: &[&str]| run(&launch, "workspace", &[&["list", "--url", &url, "--admin-token", &token], more].concat());
    assert_eq!(with(&["--ca-cert", certificate]), Ok(Value::Array(Vec::new())));
    assert!(with(&[]).is_err());
    assert!(with(&["--ca-cert", key]).unwrap_err().contains("holds no certificate"));
}
