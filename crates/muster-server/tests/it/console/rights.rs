//! What a token may see and change through the console: nothing is written by one that may only read, nothing of this
//! workspace is seen by one of another, no personal value by one that may not see them.

use super::{Browser, addresses, text};
use crate::world::{ADMIN_TOKEN, READ_TOKEN, Workspace, World, customer};
use crate::{mask, tokens};
use serde_json::{Value as Json, json};

/// Fields with which a form would change something, were it let in.
pub(super) fn fields(
    template: &str,
    workspace: &Workspace<'_>,
    fixtures: &[(&'static str, String)],
) -> Vec<(&'static str, String)> {
    let of = |name: &str| fixtures.iter().find(|(known, _)| *known == name).map(|(_, it)| it.clone()).unwrap();
    let element =
        json!({"type": "device", "customer_id": "planted-a", "attributes": {"platform": "iOS", "push_id": "x"}});
    let (all, last) = (template.rsplit_once('/').unwrap_or_default(), template.rsplit('/').next().unwrap());
    let text = |name: &'static str, value: &str| (name, value.to_owned());
    match last {
        "workspaces" => vec![text("name", "New")],
        "tokens" => vec![text("name", "new"), text("scope", "admin")],
        "revoke" if all.0.starts_with("/tokens") => vec![("confirm", of("name"))],
        "revoke" => {
            let shown = workspace.admin("GET", "", &Json::Null).json();
            let fingerprint = shown["keys"][0]["fingerprint"].as_str().unwrap().to_owned();
            vec![("confirm", fingerprint.clone()), ("fingerprint", fingerprint)]
        }
        "quarantine" => vec![text("confirmed", "delete"), ("entry", of("entry_id"))],
        "restore" => vec![("entry", of("entry_id"))],
        "replay" | "check" => vec![("element", element.to_string())],
        "revert" => vec![("confirm", of("merge_id"))],
        "merge" => vec![("merged", of("user_id"))],
        "{review_id}" => vec![text("decision", "dismiss")],
        "identity" => vec![("confirm", workspace.id.clone()), text("do", "activate"), text("kind-0", "customer_id")],
        "users" | "merges" => vec![text("q", "planted-a")],
        "rotate" => vec![("confirm", workspace.id.clone()), text("grace_seconds", "60")],
        "workspace" => vec![text("name", "Changed")],
        "suspend" => vec![("confirm", workspace.id.clone()), text("suspended", "true")],
        "delete" => vec![("confirm", workspace.id.clone())],
        "theme" => vec![text("theme", "dark")],
        "zone" => vec![text("zone", "UTC")],
        _ => Vec::new(),
    }
}

/// What a write would show in. The use of a token is told by the list of tokens alone; that somebody signs in is recorded,
/// and does not count as a write of a form.
fn seen(world: &World, calls: &[(&'static str, &'static str, String, Json)]) -> Vec<(String, Vec<u8>)> {
    let logged = world.admin("GET", "/audit?limit=1000", &Json::Null).json();
    assert_eq!(logged["next_cursor"], Json::Null);
    let is_change = |record: &&Json| !record["action"].as_str().unwrap().starts_with("session.");
    let changes: Json = logged["items"].as_array().unwrap().iter().filter(is_change).cloned().collect();
    let mut seen = tokens::seen(world, calls);
    seen.retain(|(path, _)| !["/api/v1/tokens", "/api/v1/audit"].contains(&path.as_str()));
    seen.push(("/api/v1/audit".to_owned(), changes.to_string().into_bytes()));
    seen
}

/// Forms that change nothing that is stored: every signed-in user may send them.
const HARMLESS: [&str; 7] = [
    "/sign-in",
    "/sign-out",
    "/theme",
    "/zone",
    "/w/{workspace_id}/live",
    "/w/{workspace_id}/users",
    "/w/{workspace_id}/merges",
];

// Fails when `act` and `act_of` leave out `scopes::has`.
#[test]
fn every_form_is_refused_to_a_token_that_may_only_read_and_nothing_is_written() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let fixtures = tokens::fixtures(&workspace);
    let named = tokens::make(&world, &json!({"name": "named", "scopes": ["read", "personal"]}));
    let calls = tokens::calls(&workspace, &fixtures);
    let before = seen(&world, &calls);
    let mut refused = 0;
    for token in [READ_TOKEN, &named] {
        for (template, path) in addresses("GET", &fixtures) {
            let answer = Browser::signed_in(&world, token).get(&path);
            let wanted: &[u16] =
                if template.ends_with("/audit") || template == "/tokens" { &[403] } else { &[200, 303, 404] };
            assert!(wanted.contains(&answer.status), "{template}: {}", answer.status);
        }
        for (template, path) in addresses("POST", &fixtures) {
            let fields = fields(template, &workspace, &fixtures);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = Browser::signed_in(&world, token).post(&path, &fields);
            if !HARMLESS.contains(&template) {
                refused += 1;
                assert_eq!(answer.status, 403, "{template}: {}", text(&answer));
            }
        }
    }
    assert_eq!(refused, 2 * 18);
    assert_eq!(seen(&world, &calls), before);
}

// Fails when `PageContext::open` leaves out `sees`, or `Layout::new` or `list` in `manage/workspaces.rs`
// lists every workspace.
#[test]
fn a_token_of_another_workspace_sees_nothing_of_this_one_and_changes_nothing() {
    let world = World::start();
    let workspace = world.workspace(&json!({"name": "Planted name"}));
    let fixtures = tokens::fixtures(&workspace);
    assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "Other", "id": "OTHER"})).status, 201);
    let scopes = json!(["admin", "operate", "personal", "erase"]);
    let token = tokens::make(&world, &json!({"name": "other", "scopes": scopes, "workspace": "OTHER"}));
    let calls = tokens::calls(&workspace, &fixtures);
    let before = seen(&world, &calls);
    let browser = || Browser::signed_in(&world, &token);
    let id = fixtures.iter().find(|(name, _)| *name == "user_id").unwrap().1.clone();
    let own = [workspace.id.as_str(), "Planted name", "planted", &id];
    let mut of_it = 0;
    for (method, (template, path)) in
        ["GET", "POST"].into_iter().flat_map(|it| addresses(it, &fixtures).into_iter().map(move |at| (it, at)))
    {
        let fields = fields(template, &workspace, &fixtures);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let is_of_it = template.starts_with("/w/");
        if !is_of_it && method == "POST" && !["/tokens", "/workspaces", "/tokens/{name}/revoke"].contains(&template) {
            continue;
        }
        let answer = if method == "GET" { browser().get(&path) } else { browser().post(&path, &fields) };
        if is_of_it {
            of_it += 1;
            let nobody = path.replace(&workspace.id, &"N".repeat(workspace.id.len()));
            let none = if method == "GET" { browser().get(&nobody) } else { browser().post(&nobody, &fields) };
            assert_eq!((answer.status, &answer.body), (404, &none.body), "{method} {template}");
        }
        let page = text(&answer);
        for planted in own {
            assert!(!page.contains(planted), "{method} {template} tells {planted}: {page}");
        }
        let place = answer.header("location").unwrap_or_default();
        assert!(!place.contains(&workspace.id), "{method} {template} redirects to {place}");
    }
    assert_eq!(of_it, 45);
    assert_eq!(seen(&world, &calls), before);
    for path in ["/w/OTHER/users", "/w/OTHER/live", "/w/OTHER/overview"] {
        assert_eq!(browser().get(path).status, 200);
    }
}

// Fails when `Visit::run` leaves out `masked`, or the live stream does.
#[test]
fn no_page_tells_a_personal_value_to_a_token_without_that_right_and_the_live_stream_neither() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    let mut fixtures = mask::fixtures(&workspace);
    fixtures.push(("separation_id", "1".to_owned()));
    let (reader, admin) = (Browser::signed_in(&world, READ_TOKEN), Browser::signed_in(&world, ADMIN_TOKEN));
    let mut told = Vec::new();
    let more = ["users/{user_id}?name=bought", "quarantine?type=Missing", "live?outcome=rejected"];
    let more = more.map(|rest| (rest, format!("/w/{}/{}", workspace.id, rest.replace("{user_id}", &fixtures[1].1))));
    for (template, path) in addresses("GET", &fixtures).into_iter().chain(more) {
        let answer = reader.get(&path);
        assert!(!mask::is_told(&answer.body), "{template}: {}", text(&answer));
        told.extend(mask::is_told(&admin.get(&path).body).then_some(template));
    }
    for route in
        ["users/{user_id}", "live", "requests/{request_id}", "merges/{merge_id}", "reviews", "reviews/{review_id}"]
    {
        assert!(told.iter().any(|template| template.ends_with(route)), "nothing is planted for {route}: {told:?}");
    }
    let found = reader.post(&format!("/w/{}/users", workspace.id), &[("q", "+1555planted1")]);
    let page = text(&found);
    // What was typed is repeated in the box and in the sentence, and nowhere else.
    let rest = page.replace("+1555planted1", "");
    assert!(!mask::is_told(rest.as_bytes()), "{page}");
    let mut viewers = [&reader, &admin].map(|browser| {
        let mut viewer = world.connect();
        let (id, cookie) = (&workspace.id, &browser.cookie);
        let head = format!("GET /w/{id}/live/stream HTTP/1.1\r\nHost: muster.test\r\nCookie: {cookie}\r\n\r\n");
        viewer.send(head.as_bytes());
        viewer.until(": watching\n\n").unwrap();
        viewer
    });
    let headers = [("X-Forwarded-For", "203.0.113.77")];
    assert_eq!(workspace.import(&headers, &json!([customer("planted-live")])).status, 200);
    let rows = viewers.each_mut().map(|viewer| {
        viewer.until("event: row\n").unwrap();
        viewer.until("</tr>").unwrap()
    });
    assert_eq!(rows.each_ref().map(|row| mask::is_told(row.as_bytes())), [false, true], "{rows:?}");
}
