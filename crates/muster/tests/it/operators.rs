//! `muster workspace`, `muster key` and `muster token`: on a running server, over TLS, and on the data directory of a stopped one.

use std::process::Output;

use serde_json::Value;

use crate::server::Launch;

/// Runs a subcommand; its JSON, or what it said on standard error.
pub(crate) fn run(launch: &Launch, command: &str, arguments: &[&str]) -> Result<Value, String> {
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
    assert!(run(&launch, "workspace", &["list"]).unwrap_err().contains("is not a Muster data directory"));
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

/// Every file below a directory, but for the one that holds the admin token.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.file_name().is_some_and(|name| name != "admin-token")).collect()
}

/// Whether bytes hold a string.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

// Fails when `create` in `manage/tokens.rs` records the token in the detail.
#[test]
fn a_token_is_made_used_and_revoked_and_its_text_is_in_no_file_no_log_and_no_later_answer() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let server = launch.start();
    let token = |arguments: &[&str]| run(&launch, "token", arguments);
    run(&launch, "workspace", &["create", "SHOP"]).unwrap();
    run(&launch, "workspace", &["create", "OTHER"]).unwrap();
    let made = token(&["create", "ci", "--workspace", "SHOP", "--scope", "read,limits"]).unwrap();
    let text = made["token"].as_str().unwrap().to_owned();
    let listed = token(&["list"]).unwrap();
    let shown = ["name", "workspace"].map(|name| listed[0][name].as_str().unwrap().to_owned());
    assert_eq!(
        (shown, &listed[0]["scopes"]),
        (["ci", "SHOP"].map(str::to_owned), &serde_json::json!(["read", "limits"]))
    );
    let with_it =
        |command: &str, arguments: &[&str]| run(&launch, command, &[arguments, &["--admin-token", &text]].concat());
    assert_eq!(with_it("workspace", &["suspend", "SHOP"]).unwrap()["suspended"], true);
    assert!(with_it("workspace", &["show", "OTHER"]).unwrap_err().contains("no such workspace"));
    assert!(with_it("token", &["list"]).unwrap_err().contains("lacks the scope admin"));
    assert!(token(&["create", "ci", "--scope", "read"]).unwrap_err().contains("exists"));
    assert!(
        token(&["create", "x", "--scope", "write"])
            .unwrap_err()
            .contains("read, personal, operate, limits, erase and admin")
    );
    assert!(!listed.to_string().contains(&text));
    assert_eq!(token(&["revoke", "ci"]), Ok(Value::Null));
    assert!(with_it("workspace", &["show", "SHOP"]).unwrap_err().contains("no such token"));
    assert!(token(&["revoke", "ci"]).unwrap_err().contains("no such token"));
    drop(server);
    // Stopped, the command line works on the directory, and is recorded without an address.
    let other = token(&["create", "night", "--scope", "read"]).unwrap()["token"].as_str().unwrap().to_owned();
    let kept = files(&folder.path().join("data"));
    assert!(kept.iter().any(|path| holds(&std::fs::read(path).unwrap(), "night")), "the search finds what is there");
    for path in kept {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!holds(&bytes, &text) && !holds(&bytes, &other), "{}", path.display());
    }
    assert!(launch.logs("/api/v1/tokens"), "the log has the calls");
    assert!(!launch.logged().contains(&text));
    let server = launch.start();
    assert_eq!(token(&["list"]).unwrap()[0]["name"], "night");
    drop(server);
}
