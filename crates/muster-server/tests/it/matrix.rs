//! Who may call what, over the socket: every route of the one list, every scope, in the own workspace and in another. What is
//! expected is written here, by the contract and not by the server's table; a route without an expectation fails the test.

use crate::tokens::{fixtures, make};
use crate::world::{Workspace, World, basic};
use serde_json::{Value as Json, json};

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nobody,
    /// A key with this scope (behaviour.md 1.10).
    Key(&'static str),
    /// A token with one of these scopes (management-api.md, "Tokens"); `admin` has all.
    Token(&'static [&'static str]),
    /// The same, and not bound to one workspace.
    Unbound(&'static [&'static str]),
    /// A session of a token with one of these scopes; with none, of any.
    Session(&'static [&'static str]),
    /// The same, and not bound to one workspace.
    UnboundSession(&'static [&'static str]),
}

use Needs::{Key, Nobody, Session, Token, Unbound, UnboundSession};

const READ: &[&str] = &["read"];
const OPERATE: &[&str] = &["operate"];
const ADMIN: &[&str] = &["admin"];
const ANY: &[&str] = &[];
const SCOPES: [&str; 6] = ["read", "personal", "operate", "limits", "erase", "admin"];

/// What each route is expected to ask.
#[rustfmt::skip]
fn expected(method: &str, template: &str) -> Option<Needs> {
    let below = template.strip_prefix("/api/v1/workspaces/{workspace_id}");
    Some(match (method, below.unwrap_or(template)) {
        ("GET", "/healthz" | "/readyz" | "/metrics" | "/openapi.json" | "/docs" | "/sign-in" | "/assets/{name}") | ("POST", "/sign-in" | "/theme") => Nobody,
        ("POST", "/v1/customer/delete" | "/v1/customer/delete/bulk") => Key("erase"),
        ("POST", "/v1/transition" | "/v1/customer" | "/v1/event" | "/v1/device" | "/v1/transition/{workspace_id}"
            | "/v1/customer/{workspace_id}" | "/v1/event/{workspace_id}" | "/v1/device/{workspace_id}") => Key("import"),
        ("GET", "/api/v1/workspaces") => Token(READ),
        ("GET", "/api/v1/audit") => Token(OPERATE),
        ("POST", "/api/v1/workspaces") | ("GET", "/api/v1/orphans" | "/api/v1/requests/refused")
            | ("POST", "/api/v1/orphans/{workspace_id}/adopt") | ("DELETE", "/api/v1/orphans/{workspace_id}")
            | ("GET" | "POST", "/api/v1/tokens") | ("DELETE", "/api/v1/tokens/{name}") => Unbound(ADMIN),
        ("DELETE", "") if below.is_some() => Token(ADMIN),
        ("PATCH", "") if below.is_some() => Token(&["operate", "limits"]),
        ("GET", _) if below.is_some() => Token(READ),
        ("POST", "/identity/preview" | "/users/find" | "/users/lookup" | "/requests/find") if below.is_some() => Token(READ),
        ("POST", "/keys/rotate" | "/keys/revoke" | "/quarantine/replay" | "/quarantine/{entry_id}/replay"
            | "/quarantine/{entry_id}/restore" | "/merges" | "/merges/{merge_id}/revert" | "/reviews/{review_id}" | "/identity/cancel") if below.is_some() => Token(OPERATE),
        ("PUT", "/identity") | ("DELETE", "/quarantine/{entry_id}" | "/separations/{separation_id}") if below.is_some() => Token(OPERATE),
        ("GET", "/" | "/components") | ("POST", "/sign-out" | "/zone") => Session(ANY),
        _ => return console(method, template),
    })
}

/// The same of the pages of the console.
#[rustfmt::skip]
fn console(method: &str, template: &str) -> Option<Needs> {
    let below = template.strip_prefix("/w/{workspace_id}");
    Some(match (method, below.unwrap_or(template)) {
        ("GET", "/workspaces") => Session(READ),
        ("GET", "/audit") => Session(OPERATE),
        ("POST", "/workspaces" | "/tokens" | "/tokens/{name}/revoke") | ("GET", "/tokens") => UnboundSession(ADMIN),
        // They lead on to a page that is judged itself.
        ("GET", "") | ("POST", "/live" | "/merges") if below.is_some() => Session(ANY),
        ("GET", "/overview" | "/overview/figures" | "/overview/budget" | "/overview/first" | "/live" | "/live/stream" | "/live/rate"
            | "/requests/{request_id}" | "/requests/{request_id}/json" | "/quarantine" | "/quarantine/{entry_id}/json"
            | "/jobs/{job_id}" | "/users" | "/users/{user_id}" | "/users/{user_id}/json" | "/merges" | "/merges/{merge_id}"
            | "/merges/{merge_id}/json" | "/reviews" | "/reviews/{review_id}" | "/reviews/{review_id}/json" | "/identity"
            | "/identity/progress" | "/settings" | "/settings/workspace") | ("POST", "/users") if below.is_some() => Session(READ),
        ("POST", "/quarantine" | "/quarantine/{entry_id}/replay" | "/quarantine/{entry_id}/check"
            | "/quarantine/restore" | "/merges/{merge_id}/revert" | "/separations/{separation_id}/lift"
            | "/reviews/{review_id}" | "/identity" | "/identity/cancel" | "/users/{user_id}/merge" | "/keys/rotate" | "/keys/revoke" | "/settings/workspace"
            | "/settings/suspend") if below.is_some() => Session(OPERATE),
        ("POST", "/settings/delete") if below.is_some() => Session(ADMIN),
        _ => return None,
    })
}

/// Every route with its path filled in, and what is expected of it.
fn routes(workspace: &Workspace<'_>) -> Vec<(&'static str, &'static str, String, Needs)> {
    let known = fixtures(workspace);
    let all = muster_server::router::call_paths().into_iter().chain(muster_server::router::console_paths());
    let filled = all.map(|(method, template)| {
        let mut path = template.replace("/assets/{name}", "/assets/none");
        for (name, value) in &known {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let needs =
            expected(method, template).unwrap_or_else(|| panic!("what does {method} {template} need? Write it here"));
        (method, template, path, needs)
    });
    filled.collect()
}

/// A token for each scope: of one workspace, or of none.
fn tokens(world: &World, workspace: Option<&str>, with: &[&str]) -> Vec<(&'static str, String)> {
    let made = |scope: &&'static str| {
        let scopes: Vec<&str> = [*scope].into_iter().chain(with.iter().copied().filter(|more| more != scope)).collect();
        let name = format!("{scope}-{}-{}", workspace.unwrap_or("all"), with.len());
        (*scope, make(world, &json!({"name": name, "scopes": scopes, "workspace": workspace})))
    };
    SCOPES.iter().map(made).collect()
}

/// Whether a token with this scope may do what needs one of those.
fn may(scope: &str, needed: &[&str]) -> bool {
    needed.is_empty() || scope == "admin" || needed.contains(&scope)
}

// Fails when a row of the table in `manage/routes.rs` has another scope, or a handler leaves `unbound` out.
#[test]
fn every_call_of_the_management_api_takes_the_scopes_of_the_contract_in_its_own_workspace_alone() {
    let world = World::start();
    let (own, other) = (world.workspace(&Json::Null), world.workspace(&Json::Null));
    let routes = routes(&own);
    let (bound, unbound) = (tokens(&world, Some(&own.id), &[]), tokens(&world, None, &[]));
    let foreign = make(&world, &json!({"name": "foreign", "scopes": SCOPES, "workspace": other.id}));
    let ask = |method: &str, path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let answer = world.call(method, path, &[("Authorization", &bearer)], if method == "GET" { b"" } else { b"{}" });
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        (answer.status, detail)
    };
    let mut seen = 0;
    for (method, template, path, needs) in &routes {
        let (needed, callers) = match needs {
            Token(needed) => (needed, &bound),
            Unbound(needed) => (needed, &unbound),
            _ => continue,
        };
        for (scope, token) in callers {
            let (status, detail) = ask(method, path, token);
            let is_refused =
                status == 403 && needed.iter().any(|one| detail == format!("this token lacks the scope {one}"));
            assert_eq!(!is_refused, may(scope, needed), "{method} {template} with {scope}: {status} {detail}");
            assert_ne!(status, 401, "{method} {template}");
        }
        let (status, detail) = ask(method, path, &foreign);
        match needs {
            Unbound(_) => assert_eq!(status, 403, "{method} {template}: {detail}"),
            _ if template.contains("{workspace_id}") => {
                assert_eq!((status, detail.as_str()), (404, "no such workspace"), "{method} {template}");
            }
            // The lists, which show such a token its own.
            _ => assert_eq!(status, 200, "{method} {template}"),
        }
        assert_eq!(ask(method, path, "nobody's-token").0, 401, "{method} {template}");
        // An address is forgiven its wrong tokens.
        world.clock.step(61);
        seen += 1;
    }
    assert!(seen > 40, "{seen} calls");
}

// Fails when `judge` in `workspaces.rs` looks at no scope, or `same_workspace` in `http/guard.rs` at nothing.
#[test]
fn every_call_of_the_data_api_takes_the_scope_of_its_key_in_its_own_workspace_alone() {
    let world = World::start();
    let (own, other) = (world.workspace(&Json::Null), world.workspace(&Json::Null));
    let routes = routes(&own);
    let key = |scope: &str| {
        let body = json!({"scopes": [scope], "grace_seconds": 3_600});
        own.admin("POST", "/keys/rotate", &body).json()["data_api_key"].as_str().unwrap().to_owned()
    };
    let keys = ["import", "read", "erase"].map(|scope| (scope, key(scope)));
    for (method, template, path, needs) in &routes {
        let Key(needed) = needs else { continue };
        let path = if template.contains('{') { path.clone() } else { format!("{path}?app_id={}", own.id) };
        let ask = |basic: &str| {
            let headers = [("Authorization", basic), ("Content-Type", "application/json")];
            world.call(method, &path, &headers, b"{}").check()
        };
        for (scope, key) in &keys {
            let (status, kind) = ask(&basic(&own.id, key));
            assert_eq!(
                status == 403 && kind == "InsufficientScope",
                scope != needed,
                "{template} with {scope}: {status} {kind}"
            );
        }
        assert_eq!(ask(&basic(&other.id, &other.key)).0, 409, "{template}");
        assert_eq!(ask(&basic(&own.id, &other.key)).0, 401, "{template}");
        world.clock.step(61);
    }
}

/// A session of a token.
fn cookie(world: &World, token: &str) -> String {
    let body = format!("token={token}");
    let answer = world.call("POST", "/sign-in", &[("Sec-Fetch-Site", "same-origin")], body.as_bytes());
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// A form that goes through with whatever its page asks for.
fn form(template: &str, path: &str, workspace: &str) -> String {
    let named = path.rsplit('/').nth(1).unwrap_or_default();
    let confirm = match template {
        "/tokens/{name}/revoke" | "/w/{workspace_id}/merges/{merge_id}/revert" => named,
        "/w/{workspace_id}/keys/revoke" => "x",
        _ => workspace,
    };
    format!(
        "confirm={confirm}&fingerprint=x&entry=x&decision=dismiss&do=activate&merged=000000000000000000000000&name=New&scopes=read&element=%7B%7D&\
         suspended=true&kind=customer_id&value=x"
    )
}

// Fails when `perform` in `manage/routes.rs` leaves out `has`, or `PageContext::open` does not check the workspace.
#[test]
fn every_page_of_the_console_takes_the_scopes_of_its_call_in_its_own_workspace_alone() {
    let world = World::start();
    let (own, other) = (world.workspace(&Json::Null), world.workspace(&Json::Null));
    let routes = routes(&own);
    let signed_in = |tokens: Vec<(&'static str, String)>| -> Vec<(&'static str, String)> {
        tokens.into_iter().map(|(scope, token)| (scope, cookie(&world, &token))).collect()
    };
    // Without the right to read there are no pages, whatever other rights there are.
    let (bound, unbound) =
        (signed_in(tokens(&world, Some(&own.id), &["read"])), signed_in(tokens(&world, None, &["read"])));
    let blind = cookie(&world, &make(&world, &json!({"name": "blind", "scopes": ["erase"]})));
    let foreign = cookie(&world, &make(&world, &json!({"name": "foreign", "scopes": SCOPES, "workspace": other.id})));
    let ask = |method: &str, path: &str, cookie: &str, form: &str| {
        let headers = [("Cookie", cookie), ("Sec-Fetch-Site", "same-origin")];
        world.call(method, path, &headers, if method == "GET" { b"" } else { form.as_bytes() }).status
    };
    let mut seen = 0;
    for (method, template, path, needs) in &routes {
        let (needed, callers) = match needs {
            Session(needed) => (*needed, &bound),
            UnboundSession(needed) => (*needed, &unbound),
            _ => continue,
        };
        if *template == "/sign-out" {
            // It ends the session that asks.
            continue;
        }
        let whole = form(template, path, &own.id);
        for (scope, cookie) in callers {
            // Who may is asked without what the form needs, so that nothing is deleted on the way.
            let may = may(scope, needed) || needed == READ;
            let status = ask(method, path, cookie, if may { "x=1" } else { &whole });
            assert_eq!(status != 403, may, "{method} {template} with {scope}: {status}");
        }
        if !needed.is_empty() {
            assert_eq!(ask(method, path, &blind, &whole), 403, "{method} {template} without read");
        }
        let status = ask(method, path, &foreign, &whole);
        if template.starts_with("/w/") {
            assert_eq!(status, 404, "{method} {template} of another workspace");
        } else if let UnboundSession(_) = needs {
            assert_eq!(status, 403, "{method} {template} of a bound token");
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen} pages");
}
