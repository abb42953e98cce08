//! The console of the real binary: who is signed in stays so when the process is killed, and the sign-in page says where
//! the token of this server is.

use std::path::Path;

use crate::http::Answer;
use crate::server::{Launch, Server};

/// The admin token that [`Launch`] gives.
const TOKEN: &str = "black-box-admin-token-0123456789";

fn post(server: &Server, path: &str, cookie: &str, form: &str) -> Answer {
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let headers = [kind, ("Sec-Fetch-Site", "same-origin"), ("Cookie", cookie)];
    server.connect().call("POST", path, &headers, form.as_bytes()).unwrap()
}

fn signed_in(server: &Server) -> String {
    let answer = post(server, "/sign-in", "", &format!("token={TOKEN}"));
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn page(server: &Server, path: &str, cookie: &str) -> Answer {
    server.connect().call("GET", path, &[("Cookie", cookie), ("Accept", "text/html")], b"").unwrap()
}

// Fails when `begin` or `end` in `console/pages/sign_in.rs` answers before the session is written.
#[test]
fn who_signed_in_or_out_right_before_a_kill_is_signed_in_or_out_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let mut server = launch.start();
    let out = signed_in(&server);
    assert_eq!(post(&server, "/sign-out", &out, "").status, 303);
    server.kill();
    let mut server = launch.start();
    assert_eq!(page(&server, "/workspaces", &out).status, 303);
    let stays = signed_in(&server);
    server.kill();
    let server = launch.start();
    assert_eq!(page(&server, "/workspaces", &stays).status, 200);
    // The form of a page from before the kill is taken, and its page says what was done.
    assert_eq!(post(&server, "/workspaces", &stays, "name=Shop").status, 303);
    let said = page(&server, "/workspaces", &stays).text();
    assert!(said.contains("Workspace Shop created."), "{said}");
    drop(server);
    launch.verify().unwrap();
}

/// The hint of the sign-in page.
fn hint(server: &Server) -> String {
    let page = page(server, "/sign-in", "").text();
    let (_, rest) = page.split_once("id=\"token-hint\">").unwrap();
    rest.split_once("</p>").unwrap().0.to_owned()
}

// Fails when `token_place` in `serve.rs` or `given` in `config.rs` takes one for another.
#[test]
fn the_sign_in_page_says_where_this_server_has_its_token_from_and_tells_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let started = |name: &str, arguments: &[&str]| Launch::new(&at(name)).start_with(arguments, 0).unwrap().0;
    let here = ["--listen", "127.0.0.1:0"];
    std::fs::write(at("token"), TOKEN).unwrap();
    let file = at("token");
    let from_file = ["--admin-token-file", file.to_str().unwrap()];
    std::fs::write(at("muster.toml"), format!("admin_token = \"{TOKEN}\"\n")).unwrap();
    let settings = at("muster.toml");
    let from_settings = ["--config", settings.to_str().unwrap()];
    let own = "the file admin-token of the server&#39;s data directory.";
    let given = "The admin token of this server is set by";
    for (server, words) in [
        (started("a", &here), format!("The admin token is in {own}")),
        (
            started("b", &["--dev", "--listen", "127.0.0.1:0"]),
            format!("The server printed the path of the admin token when it started: {own}"),
        ),
        (
            started("c", &["--dev", "--listen", "0.0.0.0:0", "--insecure-http"]),
            format!("The server printed the admin token when it started. It is also in {own}"),
        ),
        (Launch::new(&at("d")).start(), format!("{given} the environment variable MUSTER_ADMIN_TOKEN.")),
        (started("e", &[&here[..], &["--admin-token", TOKEN]].concat()), format!("{given} the flag --admin-token.")),
        (
            started("f", &[&here[..], &from_file].concat()),
            "The admin token is in the file that is set by the flag --admin-token-file.".to_owned(),
        ),
        (
            started("g", &[&here[..], &from_settings].concat()),
            format!("{given} the key admin_token of its settings file."),
        ),
    ] {
        assert_eq!(hint(&server), words);
        let page = page(&server, "/sign-in", "").text();
        assert!(!page.contains(TOKEN) && !page.contains(Path::new(folder.path()).to_str().unwrap()), "{page}");
    }
}

// Fails when `serve_with` names a file that holds no token.
#[test]
fn a_dev_server_with_a_given_token_does_not_send_anybody_to_a_file_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let dev = ["--dev", "--listen", "127.0.0.1:0", "--admin-token", TOKEN];
    let (_server, said) = launch.start_with(&dev, 8).unwrap();
    assert!(said.contains("the console takes the admin token that you gave."), "{said}");
    assert!(!said.contains("admin-token") && !said.contains(TOKEN), "{said}");
}

// Fails when both commands are printed with one address.
#[test]
fn a_dev_server_with_a_listener_for_management_prints_each_command_with_its_own_address() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let dev = ["--dev", "--listen", "127.0.0.1:0", "--manage-listen", "127.0.0.1:0"];
    let (server, said) = launch.start_with(&dev, 8).unwrap();
    let addresses = |start: &str| -> Vec<String> {
        let calls = said.lines().filter_map(|line| line.trim().strip_prefix(start));
        calls.filter_map(|call| call.split('/').next()).map(str::to_owned).collect()
    };
    let [data_api, managed] = &addresses("curl http://")[..] else { panic!("{said}") };
    assert_eq!(*data_api, server.address.to_string());
    assert_ne!(managed, data_api);
    assert!(
        said.contains(&format!("Data API at http://{data_api}, management API and console at http://{managed};")),
        "{said}"
    );
}
