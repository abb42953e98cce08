//! Health, metrics, host names, and an orderly end.

use crate::world::{World, customer};
use muster_server::serve::ServeOptions;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_healthy_server_is_alive_ready_and_counts() {
    let world = World::start();
    assert_eq!(world.call("GET", "/healthz", &[], b"").json(), json!({"status": "alive"}));
    assert_eq!(world.call("GET", "/readyz", &[], b"").json(), json!({"status": "ready"}));
    let workspace = world.workspace(&json!(null));
    workspace.import(&[], &json!([customer("a"), {"type": "event", "customer_id": "a", "actions": [{"action": "x"}]}]));
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    for line in [
        "muster_http_requests_total{route=\"/v1/transition/{workspace_id}\",status=\"200\"} 1",
        "muster_elements_total{type=\"customer\",outcome=\"created\"} 1",
        "muster_elements_total{type=\"event\",outcome=\"updated\"} 1",
        "muster_engine_writable 1",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is not in\n{metrics}");
    }
}

// Fails when the last bound of `Buckets` is `f64::MAX`, or its bounds are products.
#[test]
fn histograms_end_with_infinity_and_have_round_bounds() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.import(&[], &json!([customer("a")]));
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    let bounds = |name: &str| {
        let begin = format!("{name}_bucket{{");
        let lines = metrics.lines().filter(|line| line.starts_with(&begin) && !line.contains("/metrics"));
        let bound = |line: &str| line.split("le=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let mut bounds: Vec<String> = Vec::new();
        lines.map(bound).for_each(|bound| {
            if !bounds.contains(&bound) {
                bounds.push(bound);
            }
        });
        bounds
    };
    let commit = "0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 +Inf";
    assert_eq!(bounds("muster_commit_seconds").join(" "), commit);
    assert_eq!(bounds("muster_group_size").join(" "), "1.0 2.0 4.0 8.0 16.0 32.0 64.0 128.0 +Inf");
    let request = "0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 +Inf";
    assert_eq!(bounds("muster_http_request_duration_seconds").join(" "), request);
}

// Fails when `Scraped::of` takes all workspaces, or those that were used last.
#[test]
fn figures_by_workspace_are_those_of_a_bounded_number_and_always_the_same() {
    let world = World::start();
    for no in 0..105 {
        let id = format!("ws-{no:03}");
        assert_eq!(world.admin("POST", "/workspaces", &json!({"name": id, "id": id})).status, 201);
    }
    let workspace = world.workspace(&json!(null));
    let guest = json!({"type": "customer", "customer_id": "guest"});
    workspace.import(&[], &json!([customer("a"), customer("b"), guest]));
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    let of = |name: &str| metrics.lines().filter(|line| line.starts_with(&format!("{name}{{workspace="))).count();
    let names = ["users", "quarantined_elements", "open_reviews", "reviews_dropped_total", "disk_bytes"];
    assert_eq!(names.map(|name| of(&format!("muster_workspace_{name}"))), [100; 5]);
    // Its generated id comes before the others.
    for line in [
        format!("muster_workspace_users{{workspace=\"{}\"}} 2", workspace.id),
        format!("muster_workspace_quarantined_elements{{workspace=\"{}\"}} 1", workspace.id),
        "muster_workspaces 106".to_owned(),
        "muster_console_sessions 0".to_owned(),
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains("muster_build_info{version=\"") && metrics.contains("process_resident_memory_bytes "));
}

// Fails when `metrics_alone` does not look at what is accepted.
#[test]
fn metrics_come_in_the_format_that_is_asked_for() {
    let world = World::start();
    let kind = |accept: &[(&str, &str)]| {
        let answer = world.call("GET", "/metrics", accept, b"");
        let text = String::from_utf8(answer.body.clone()).unwrap();
        let named = text.contains("# TYPE muster_decisions_total counter");
        (answer.header("content-type").unwrap().to_owned(), named, text.ends_with("# EOF\n"))
    };
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8".to_owned();
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
    assert_eq!(kind(&[("Accept", accept)]), (open, false, true));
    let text = "text/plain; version=0.0.4; charset=utf-8".to_owned();
    assert_eq!(kind(&[("Accept", "*/*")]), (text.clone(), true, false));
    assert_eq!(kind(&[]), (text, true, false));
}

#[test]
fn with_a_list_of_host_names_others_are_not_answered() {
    // Without the check a page whose name was bound to 127.0.0.1 talks to a developer's server.
    let world = World::with(|options| options.hosts = Some(vec!["localhost".to_owned(), "::1".to_owned()]), |_| {});
    let answer = |host: &str, path: &str| {
        let mut connection = world.connect();
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        connection.answer().unwrap()
    };
    let status = |host: &str| answer(host, "/metrics").status;
    assert_eq!(["localhost", "LOCALHOST:8080", "[::1]:8080"].map(status), [200, 200, 200]);
    let others = ["evil.example", "localhost.evil.example", "10.244.0.5:8080", ""];
    assert_eq!(others.map(status), [403; 4]);
    // Without a list it is a 400 (RFC 9112 3.2). Fails when `front` judges that before the list.
    let mut nameless = world.connect();
    nameless.send(b"GET /metrics HTTP/1.1\r\n\r\n");
    assert_eq!(nameless.answer().unwrap().status, 403);
    // behaviour.md 1.10.h. Fails when `is_host_allowed` does not know probes, or `host_refused` speaks of addresses.
    for path in ["/healthz", "/readyz"] {
        assert_eq!(others.map(|host| answer(host, path).status), [200; 4], "{path}");
    }
    let message = "this server answers only to local host names and to those given with --allow-host";
    let error = json!({"message": message, "type": "Host Not Allowed"});
    let refused = answer("10.244.0.5", "/v1/transition/X").refusal();
    assert_eq!(refused, (403, json!({"status": "fail", "error": error})));
    let problem = answer("10.244.0.5", "/api/v1/workspaces");
    assert_eq!((problem.status, &problem.json()["detail"]), (403, &json!(message)));
}

#[test]
fn a_stop_lets_a_request_in_flight_finish() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let basic = workspace.basic();
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let mut connection = world.connect();
    connection.send(
        format!(
            "POST /v1/transition/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            workspace.id,
            body.len()
        )
        .as_bytes(),
    );
    // The server asks for the body: the request is in flight.
    assert_eq!(connection.answer().unwrap().status, 100);
    let stopping = std::thread::spawn(move || world.stop());
    connection.send(body.as_bytes());
    assert_eq!(connection.answer().unwrap().status, 200);
    assert!(stopping.join().unwrap().is_ok());
}

#[test]
fn metrics_on_a_listener_of_their_own_are_there_alone() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let put = |listening: &mut ServeOptions| listening.metrics = Some(listener);
    let world = World::with(|options| options.metrics_elsewhere = true, put);
    assert_eq!(world.call("GET", "/metrics", &[], b"").status, 404);
    let mut connection = crate::wire::Connection::open(address);
    assert_eq!(connection.call("GET", "/metrics", &[], b"").status, 200);
    assert_eq!(connection.call("GET", "/healthz", &[], b"").status, 404);
}

// Fails when the listener of the metrics is served without the bounds of the other one.
#[test]
fn a_head_that_is_too_slow_ends_its_connection_on_the_listener_for_metrics_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _world = World::with(
        |options| options.metrics_elsewhere = true,
        |listening| {
            listening.metrics = Some(listener);
            listening.deadlines.head = Duration::from_millis(100);
        },
    );
    let mut slow = crate::wire::Connection::open(address);
    slow.send(b"GET /metrics HTTP/1.1\r\nHost:");
    assert!(slow.is_ended(), "the connection is still open");
}
