//! A server over PostgreSQL, if the tests were given a database (`cargo xtask test` starts one).

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::judge::{Ledger, judge};
use crate::load::under_load;
use crate::random::{Random, seed};
use crate::server::{Launch, Server, Workspace};

/// The address of the database, if there is one; says so if there is none.
fn database() -> Option<String> {
    let url = std::env::var("MUSTER_TEST_POSTGRES").ok();
    if url.is_none() {
        // Not by a macro, whose line the harness would keep for itself.
        let line = "skipped: MUSTER_TEST_POSTGRES is not set (`cargo xtask test` starts PostgreSQL and sets it)\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    url
}

fn launch(data_dir: &Path, url: &str) -> Launch {
    Launch::new(data_dir).env(vec![("MUSTER_DATABASE_URL".into(), url.into())])
}

/// What is found under an email, by the management API.
fn find(server: &Server, workspace: &Workspace, email: &str) -> (u16, Value) {
    let asked = json!({"kind": "email", "value": email});
    let found = workspace.manage(&mut server.connect(), "POST", "/users/find", Some(&asked)).unwrap();
    (found.status, found.json())
}

/// Whether something holds within the time that a server takes to follow another one.
fn soon(holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(15) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

fn body(email: &str, name: &str) -> Value {
    let customer =
        json!({"type": "customer", "customer_id": email, "attributes": {"first_name": name, "email": email}});
    let actions = json!([{"action": "order_placed", "attributes": {"total": 12.5}}]);
    json!({"type": "transition", "elements": [customer, {"type": "event", "customer_id": email, "actions": actions}]})
}

// Fails when `options` does not read the setting, or a group is answered before its commit.
#[test]
fn what_was_imported_is_there_after_a_kill_and_for_a_second_server() {
    let Some(url) = database() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (launch(&folder.path().join("one"), &url), launch(&folder.path().join("other"), &url));
    let mut server = one.start();
    let workspace = Workspace::create(&server);
    let mut connection = server.connect();
    let imported = workspace.import(&mut connection, &body("asha@example.test", "Asha"), Some("first")).unwrap();
    assert_eq!(imported.status, 200, "{}", imported.text());
    server.kill();

    let mut server = one.start();
    assert_eq!(server.get("/readyz").status, 200);
    let again = workspace.import(&mut server.connect(), &body("asha@example.test", "Asha"), Some("first")).unwrap();
    assert_eq!((again.status, again.text()), (200, imported.text()), "it is answered from what is stored");
    let (status, found) = find(&server, &workspace, "asha@example.test");
    assert_eq!(
        (status, &found["attributes"]["first_name"], &found["event_count"]),
        (200, &json!("Asha"), &json!(1)),
        "{found}"
    );

    let second = other.start();
    let imported = workspace.import(&mut second.connect(), &body("ben@example.test", "Ben"), None).unwrap();
    assert_eq!(imported.status, 200, "{}", imported.text());
    assert_eq!(find(&server, &workspace, "ben@example.test").0, 200, "the first server has it at once");
    let elsewhere = Workspace::create(&second);
    let status =
        |of: &Workspace| of.import(&mut server.connect(), &body("cy@example.test", "Cy"), None).unwrap().status;
    assert!(soon(|| status(&elsewhere) == 200), "the first server knows the workspace");
    let rotated = workspace.manage(&mut second.connect(), "POST", "/keys/rotate", Some(&json!({}))).unwrap();
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    assert!(soon(|| status(&workspace) == 401), "the first server refuses the key that was taken away");
    assert!(one.logs("postgres://"), "{}", one.logged());
    assert_eq!(server.terminate(), Some(0));
    for workspace in [workspace, elsewhere] {
        let confirmed = json!({"confirm": workspace.id()});
        assert_eq!(workspace.manage(&mut second.connect(), "DELETE", "", Some(&confirmed)).unwrap().status, 202);
    }
}

/// Rounds of the short form; `MUSTER_DURABILITY_ROUNDS` asks for another number.
const ROUNDS: u64 = 4;

// Fails when a group is answered before its commit, or `state::LOCK` locks nothing.
#[test]
fn of_two_servers_one_is_killed_and_nothing_acknowledged_is_lost_or_torn() {
    let Some(url) = database() else { return };
    let rounds = std::env::var("MUSTER_DURABILITY_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let launches = ["one", "other"].map(|name| launch(&folder.path().join(name), &url));
    let mut servers = launches.each_ref().map(Launch::start);
    let workspace = Workspace::create(&servers[0]);
    // The other server follows within some seconds.
    let asked = || workspace.manage(&mut servers[1].connect(), "GET", "", None).unwrap().status;
    assert!(soon(|| asked() == 200));
    let seed = seed();
    let (mut random, mut ledger) = (Random::seeded(seed), Ledger::default());
    for round in 1..=rounds {
        let moment = Duration::from_millis(random.between(200, 500));
        let mut randoms = [Random::seeded(random.next()), Random::seeded(random.next())];
        let victim = usize::from(random.one_in(2));
        let [one, other] = &mut servers;
        let [of_one, of_other] = &mut randoms;
        let end = |server: &mut Server, is_victim: bool| {
            std::thread::sleep(moment);
            if is_victim {
                server.kill();
            } else {
                // The other one continues without it.
                std::thread::sleep(moment);
            }
        };
        let flights = std::thread::scope(|scope| {
            let load = |server, round, random, is_victim| {
                let workspace = &workspace;
                move || under_load(server, workspace, round, random, |server| end(server, is_victim))
            };
            let first = scope.spawn(load(one, 2 * round, of_one, victim == 0));
            let second = scope.spawn(load(other, 2 * round + 1, of_other, victim == 1));
            [first.join().unwrap(), second.join().unwrap()].concat()
        });
        servers[victim] = launches[victim].start();
        let judged = judge(&servers[victim], &workspace, &flights, &mut ledger);
        assert_eq!(judged, Ok(()), "round {round}, MUSTER_TEST_SEED={seed}");
    }
    println!("seed {seed}: {rounds} rounds, {ledger:?}");
    assert!(ledger.acknowledged > rounds, "the load did nothing: {ledger:?}");
}

// Fails when `not_opened` or the refusal of an address repeats it.
#[test]
fn a_database_that_cannot_be_used_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for (url, want) in [
        ("postgres://muster:secret-word@127.0.0.1:1/muster", "the database cannot be used"),
        (
            "postgres://muster:secret-word@db.internal/muster?sslmode=maybe",
            "sslmode is disable, require or verify-full",
        ),
        ("mysql://muster:secret-word@127.0.0.1/muster", "is not an address of a database"),
    ] {
        let mut command = launch(&folder.path().join("data"), url).command("serve");
        let ended = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && said.contains(want) && !said.contains("secret-word"), "{said}");
    }
}
