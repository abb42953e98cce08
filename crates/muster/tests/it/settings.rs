//! What the command line says: which version, which settings, what runs, whether it is ready, and what to do about a start
//! that cannot be.

use std::process::Output;

use crate::server::Launch;

fn run(launch: &Launch, command: &str, arguments: &[&str]) -> (bool, String, String) {
    let Output { status, stdout, stderr } = launch.command(command).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

fn get(server: &crate::server::Server, path: &str) -> u16 {
    server.connect().call("GET", path, &[], b"").unwrap().status
}

// Fails when `started` is not called, or `note` tells probes like requests.
#[test]
fn the_log_tells_what_started_and_where_and_probes_only_at_debug() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let listen = ["--listen", "0", "--metrics-listen", "127.0.0.1:0"];
    let (mut server, _) = launch.start_with(&listen, 0).unwrap();
    assert_eq!([get(&server, "/healthz"), get(&server, "/readyz"), get(&server, "/v1/none")], [200, 200, 404]);
    assert_eq!(server.terminate(), Some(0));
    let logged = launch.logged();
    let started: serde_json::Value = logged
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|line: &serde_json::Value| line["message"] == "started")
        .unwrap();
    assert_eq!((&started["engine"], &started["version"]), (&"sqlite".into(), &env!("CARGO_PKG_VERSION").into()));
    assert!(started["directory"].as_str().is_some_and(|path| path.ends_with("/data") && path.starts_with('/')));
    assert_eq!(started["listen"], format!("http://{}", server.address));
    assert!(started["metrics_listen"].as_str().is_some_and(|at| at.starts_with("127.0.0.1:")));
    assert!(logged.contains("\"route\":\"unmatched\"") && !logged.contains("/healthz") && !logged.contains("/readyz"));
    let (mut server, _) = launch.start_with(&["--listen", "0", "--log", "debug"], 0).unwrap();
    assert_eq!([get(&server, "/healthz"), get(&server, "/metrics")], [200, 200]);
    assert_eq!(server.terminate(), Some(0));
    assert!(launch.logs("/healthz") && launch.logs("\"/metrics\""));
}

#[test]
fn the_version_tells_the_commit_and_its_day() {
    let launch = Launch::new(std::path::Path::new("unused"));
    let (is_done, said, _) = run(&launch, "--version", &[]);
    let (version, rest) = said.trim_end().rsplit_once(" (").unwrap();
    assert_eq!((is_done, version), (true, concat!("muster ", env!("CARGO_PKG_VERSION"))));
    let (commit, day) = rest.strip_suffix(')').unwrap().split_once(", ").unwrap();
    let is_known = commit.len() == 12 && day.len() == 10;
    assert!(is_known || (commit, day) == ("unknown", "unknown"), "{said}");
}

// Fails when `config` does not continue to `Settings::check`, or reads no environment.
#[test]
fn settings_are_checked_and_shown_without_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("muster.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "listen = \":8080\"\n").unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let (is_valid, _, said) = run(&launch, "config", &["check", "--config", path]);
    assert!(!is_valid && said.contains("0.0.0.0:8080 can be reached from other machines"), "{said}");
    let env = vec![("MUSTER_INSECURE_HTTP".into(), "on".into()), ("MUSTER_LISTN".into(), "9".into())];
    let launch = launch.env(env);
    let (is_valid, said, aside) = run(&launch, "config", &["check", "--config", path]);
    assert_eq!((is_valid, said), (true, format!("the settings are valid ({path})\n")));
    assert!(
        aside.contains("MUSTER_LISTN is not a setting of Muster and is ignored; did you mean MUSTER_LISTEN?"),
        "{aside}"
    );
    let (_, shown, _) = run(&launch, "config", &["show", "--config", path]);
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap_or_default();
        line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("listen"), format!("listen 0.0.0.0:8080 file {path}"));
    assert_eq!(line("insecure_http"), "insecure_http true variable MUSTER_INSECURE_HTTP");
    assert_eq!(line("admin_token"), "admin_token *** variable MUSTER_ADMIN_TOKEN");
    std::fs::write(&file, "[serve]\nlisten = \"1\"\n").unwrap();
    let (is_valid, _, said) = run(&launch, "config", &["check", "--config", path]);
    assert!(!is_valid && said.contains("settings must be at the top level; remove the line [serve]"), "{said}");
}

// Fails when `Probe::run` takes any answer for a good one.
#[test]
fn a_healthcheck_ends_with_success_only_if_the_server_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    assert!(!run(&launch, "healthcheck", &["--url", "http://127.0.0.1:1"]).0);
    let server = launch.start();
    assert_eq!(run(&launch, "healthcheck", &[]), (true, String::new(), String::new()));
    let elsewhere = format!("http://{}/v1", server.address);
    let (is_ready, _, said) = run(&launch, "healthcheck", &["--url", &elsewhere]);
    assert!(!is_ready && said.contains("is not ready (404)"), "{said}");
}

#[test]
fn completions_and_man_pages_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(folder.path());
    for shell in ["bash", "zsh", "fish"] {
        let (is_done, said, _) = run(&launch, "completions", &[shell]);
        assert!(is_done && said.contains("healthcheck"), "{shell}");
    }
    let pages = folder.path().join("man");
    assert!(run(&launch, "man", &[pages.to_str().unwrap()]).0);
    let text = std::fs::read_to_string(pages.join("muster-serve.1")).unwrap();
    assert!(text.contains("\\-\\-listen") && pages.join("muster.1").exists());
}

// Fails when `not_bound` or `not_opened` says the same of every error.
#[test]
fn a_start_that_cannot_be_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(launch.start_with(&["--listen", &address], 0).is_none());
    let want = format!("cannot listen on {address}: the port is in use: stop the other server, or choose another port");
    assert!(launch.logs(&want), "{}", launch.logged());
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let launch = Launch::new(&file.join("data"));
    let (_, _, said) = run(&launch, "serve", &["--listen", "0"]);
    assert!(said.contains("is not a directory: choose another with --data-dir"), "{said}");
}

// Fails when `build.rs` hands the commit on under a name that begins with MUSTER_: `cargo run` sets it, and each start warns.
#[test]
fn the_build_sets_no_variable_that_a_start_would_warn_of() {
    assert_eq!([option_env!("MUSTER_COMMIT"), option_env!("MUSTER_COMMIT_DATE")], [None, None]);
}
