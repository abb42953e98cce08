//! Answers to forms: an action redirects to a page that says once what was done, a refused form is shown again with what was
//! typed.

use super::{Browser, SAME_ORIGIN, addresses, rights, text};
use crate::tokens;
use crate::world::{ADMIN_TOKEN, World};
use serde_json::{Value as Json, json};

/// What a page says once, each with its class and role; the markup around the words left out.
fn flashes(page: &str) -> Vec<(String, String)> {
    let notice = |part: &str| {
        let (class, rest) = part.split_once(" flash\" role=\"").unwrap();
        let (role, rest) = rest.split_once('"').unwrap();
        let (_, rest) = rest.split_once("<bdi>").unwrap();
        (format!("{class} {role}"), rest.split_once("</bdi>").unwrap().0.to_owned())
    };
    let parts =
        page.split("<div class=\"notice ").skip(1).filter(|part| part.split('>').next().unwrap().contains(" flash\""));
    parts.map(notice).collect()
}

/// Where each form that changes something leads, and what is said there. `{...}` are the fixtures.
const DONE: [(&str, &str, &str); 18] = [
    ("/workspaces", "/workspaces", "Workspace New created. Copy its key now; you won&#39;t see it again."),
    ("/tokens", "/tokens", "Token new created. Copy it now; you won&#39;t see it again."),
    ("/tokens/{name}/revoke", "/tokens", "Token kept revoked. Its calls get 401, and its sessions have ended."),
    ("/w/{workspace_id}/quarantine/restore", "/w/{workspace_id}/quarantine", "1 entry restored."),
    (
        "/w/{workspace_id}/users/{user_id}/merge",
        "/w/{workspace_id}/merges/m",
        "2 users merged. The merge can be reverted on this page.",
    ),
    (
        "/w/{workspace_id}/merges/{merge_id}/revert",
        "/w/{workspace_id}/merges/{merge_id}",
        "Merge {merge_id} reverted. A separation keeps the two users apart.",
    ),
    (
        "/w/{workspace_id}/separations/{separation_id}/lift",
        "/w/{workspace_id}/merges#separations",
        "Separation lifted. A later record can merge the two users again.",
    ),
    ("/w/{workspace_id}/reviews/{review_id}", "/w/{workspace_id}/reviews", "Review {review_id}: dismissed."),
    (
        "/w/{workspace_id}/identity",
        "/w/{workspace_id}/identity",
        "Identity settings saved. They apply to requests from now on.",
    ),
    (
        "/w/{workspace_id}/keys/rotate",
        "/w/{workspace_id}/settings",
        "Key created. Copy it now; you won&#39;t see it again. The previous key works until 5 Jan 2026 00:01:00.",
    ),
    (
        "/w/{workspace_id}/keys/revoke",
        "/w/{workspace_id}/settings",
        "Key {fingerprint} revoked. Callers that use it get 401.",
    ),
    (
        "/w/{workspace_id}/settings/workspace",
        "/w/{workspace_id}/settings/workspace",
        "Settings saved. They apply to requests from now on.",
    ),
    (
        "/w/{workspace_id}/settings/suspend",
        "/w/{workspace_id}/settings/workspace",
        "Workspace suspended. Callers get 403.",
    ),
    ("/w/{workspace_id}/settings/delete", "/workspaces", "Workspace {workspace_id} deleted with all its data."),
    ("/w/{workspace_id}/quarantine/{entry_id}/replay", "/w/{workspace_id}/requests/", "1 element replayed: updated."),
    // What was deleted is said for as long as it can be undone (`deleting`).
    ("/w/{workspace_id}/quarantine", "", ""),
    // They change nothing that is stored: what is looked for, tried or chosen is shown.
    ("/w/{workspace_id}/quarantine/{entry_id}/check", "", ""),
    ("/w/{workspace_id}/identity/cancel", "", ""),
];

/// Forms whose answer says nothing: they begin or end a session, look for something, or show their effect themselves.
const SILENT: [&str; 7] = [
    "/zone",
    "/sign-in",
    "/sign-out",
    "/theme",
    "/w/{workspace_id}/live",
    "/w/{workspace_id}/users",
    "/w/{workspace_id}/merges",
];

// Fails when a handler answers with a page, or leads on without a word (`done` or `flash` in `console/visit.rs`).
#[test]
fn every_form_that_changes_something_leads_to_a_page_that_says_so_once() {
    let templates: Vec<&str> = muster_server::router::console_paths()
        .into_iter()
        .filter(|(method, template)| *method == "POST" && !SILENT.contains(template))
        .map(|(_, template)| template)
        .collect();
    let mut known: Vec<&str> = DONE.iter().map(|(template, ..)| *template).collect();
    let mut listed = templates.clone();
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(known, listed);
    for (template, place, words) in DONE.into_iter().filter(|(_, place, _)| !place.is_empty()) {
        let world = World::start();
        let workspace = world.workspace(&Json::Null);
        let mut fixtures = tokens::fixtures(&workspace);
        let path = addresses("POST", &fixtures).into_iter().find(|(known, _)| *known == template).unwrap().1;
        let fields = match template {
            // The stored settings with another name: a form has all of them.
            "/w/{workspace_id}/settings/workspace" => settings(&workspace.admin("GET", "", &Json::Null).json()),
            "/w/{workspace_id}/users/{user_id}/merge" => vec![("merged", other_than(&workspace, &fixtures))],
            _ => rights::fields(template, &workspace, &fixtures),
        };
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let fingerprint = fields.iter().find(|(name, _)| *name == "fingerprint").map_or("", |(_, value)| value);
        fixtures.push(("fingerprint", fingerprint.to_owned()));
        let filled = |text: &str| {
            fixtures.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let browser = Browser::signed_in(&world, ADMIN_TOKEN);
        let answer = browser.post(&path, &fields);
        let led = answer.header("location").unwrap_or_default().to_owned();
        assert!(answer.status == 303 && led.starts_with(&filled(place)), "{template}: {} {led}", text(&answer));
        let page = led.split('#').next().unwrap();
        let once = vec![("ok status".to_owned(), filled(words))];
        let seen = [(); 2].map(|()| flashes(&text(&browser.get(page))));
        assert_eq!(seen, [once, Vec::new()], "{template}");
    }
}

/// The fields of the settings' form as they are stored, with another name.
fn settings(doc: &Json) -> Vec<(&'static str, String)> {
    let number = |it: &Json| it.as_u64().unwrap().to_string();
    let limit = |name: &str| number(&doc["limits"][name]);
    vec![
        ("name", "Changed".to_owned()),
        ("time_zone", "UTC".to_owned()),
        ("limits.users_per_minute", limit("users_per_minute")),
        ("limits.events_per_minute", limit("events_per_minute")),
        ("limits.devices_per_minute", limit("devices_per_minute")),
        ("limits.body_bytes", limit("body_bytes")),
        ("limits.profile_bytes", limit("profile_bytes")),
        ("limits.disk_bytes", limit("disk_bytes")),
        ("future_skew_seconds", number(&doc["future_skew_seconds"])),
        ("log_retention_days", number(&doc["log_retention_days"])),
        ("quarantine_retention_days", number(&doc["quarantine_retention_days"])),
        ("event_retention_days", number(&doc["event_retention_days"])),
        ("event_id_retention_days", number(&doc["event_id_retention_days"])),
        ("delete_buffer_hours", number(&doc["delete_buffer_hours"])),
    ]
}

/// A user that is not the one of the fixtures.
fn other_than(workspace: &crate::world::Workspace<'_>, fixtures: &[(&'static str, String)]) -> String {
    workspace.results(&json!([crate::world::customer("somebody-else")]));
    let id = workspace.find("customer_id", "somebody-else").unwrap()["id"].as_str().unwrap().to_owned();
    assert!(fixtures.iter().all(|(_, value)| *value != id));
    id
}

/// The fields of a form as it is sent.
type Fields<'f> = &'f [(&'f str, &'f str)];

// Fails when a handler leaves out `refused`, or forgets what was typed.
#[test]
fn a_form_that_is_refused_comes_back_as_422_with_what_was_typed_and_nothing_is_changed() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let fixtures = tokens::fixtures(&workspace);
    let calls = tokens::calls(&workspace, &fixtures);
    let of = |name: &str| fixtures.iter().find(|(known, _)| *known == name).unwrap().1.as_str();
    let within = |rest: &str| format!("/w/{}/{rest}", workspace.id);
    let entry = |rest: &str| within(&format!("quarantine/{}/{rest}", of("entry_id")));
    let wrong = [("confirm", "wrong")];
    let exactly = |name: &str| format!("Type {name} exactly to confirm; nothing was done.");
    let zone = [("name", "Typed"), ("time_zone", "Nowhere/Never")];
    let id = [("name", "Typed"), ("id", "!")];
    let token = [("name", "typed"), ("expires_days", "7"), ("addresses", "10.0.0.1"), ("scope", "nothing")];
    let kinds = [
        ("do", "activate"),
        ("confirm", &*workspace.id),
        ("kind-0", "customer_id"),
        ("cap-0", "many"),
        ("attribute", "typed"),
    ];
    let forms: Vec<(String, Fields<'_>, Vec<String>)> = vec![
        ("/workspaces".into(), &id, vec!["value=\"Typed\"".into(), "id=\"n-error\"".into()]),
        ("/tokens".into(), &token, vec!["value=\"typed\"".into(), "value=\"7\"".into(), "value=\"10.0.0.1\"".into()]),
        ("/tokens/kept/revoke".into(), &wrong, vec![exactly("kept")]),
        (within("quarantine"), &[("action", "delete")], vec!["Select at least one entry. Nothing was done.".into()]),
        (entry("replay"), &[("element", "{typed")], vec!["{typed".into(), "Not JSON".into()]),
        (entry("check"), &[("element", "{typed")], vec!["{typed".into(), "Not JSON".into()]),
        (
            entry("replay"),
            &[("element", "{\"typed\": 1}")],
            vec!["Check failed: the element would be rejected again.".into()],
        ),
        (
            within(&format!("users/{}/merge", of("user_id"))),
            &[("other", "nobody")],
            vec!["No user has this value.".into()],
        ),
        (within(&format!("merges/{}/revert", of("merge_id"))), &wrong, vec![exactly(of("merge_id"))]),
        (within(&format!("reviews/{}", of("review_id"))), &[], vec!["Choose merge, keep apart or dismiss.".into()]),
        (within("identity"), &kinds, vec!["value=\"typed\"".into()]),
        (within("keys/rotate"), &wrong, vec![exactly(&workspace.id)]),
        (within("keys/revoke"), &[("fingerprint", "0123456789abcdef")], vec![exactly("0123456789abcdef")]),
        (
            within("settings/workspace"),
            &zone,
            vec!["Not saved: fix the time zone below.".into(), "value=\"Typed\"".into()],
        ),
        (within("settings/suspend"), &[("suspended", "true")], vec![exactly(&workspace.id), "value=\"Test\"".into()]),
        (within("settings/delete"), &wrong, vec![exactly(&workspace.id), "value=\"Test\"".into()]),
    ];
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let before = tokens::seen(&world, &calls);
    for (path, fields, wanted) in forms {
        let answer = browser.post(&path, fields);
        let page = text(&answer);
        assert_eq!(answer.status, 422, "{path}: {page}");
        for words in wanted {
            assert!(page.contains(&words), "{path} lacks {words}: {page}");
        }
        assert!(
            page.contains("role=\"alert\"") || page.contains("class=\"error\"") || page.contains("notice bad"),
            "{path}"
        );
    }
    assert_eq!(tokens::seen(&world, &calls), before);
}

// Fails when `take_flashes` ignores the session, or `take` in `sessions/flash.rs` leaves the flash.
#[test]
fn a_new_secret_is_shown_by_the_next_page_of_its_own_session_and_never_again() {
    let world = World::start();
    let (own, other) = (Browser::signed_in(&world, ADMIN_TOKEN), Browser::signed_in(&world, ADMIN_TOKEN));
    assert_eq!(own.post("/tokens", &[("name", "night"), ("scope", "read")]).status, 303);
    let shown = |browser: &Browser<'_>| {
        let page = text(&browser.get("/tokens"));
        let before = page.split_once("\" aria-label=\"Copy new token\"").map(|(before, _)| before.to_owned());
        before.map(|before| before.rsplit_once("data-copy=\"").unwrap().1.to_owned())
    };
    assert_eq!(shown(&other), None);
    let token = shown(&own).expect("it is shown");
    assert_eq!(
        world.call("GET", "/api/v1/workspaces", &[("Authorization", &format!("Bearer {token}"))], b"").status,
        200
    );
    assert_eq!([shown(&own), shown(&other)], [None, None]);
}

// Fails when `take_flashes` in `console/page_context.rs` does not ask who looks.
#[test]
fn what_is_said_once_waits_for_somebody_who_sees_it() {
    let world = World::start();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    assert_eq!(browser.post("/workspaces", &[("name", "Shop")]).status, 303);
    for unseen in [[("Sec-Fetch-Dest", "empty")], [("Sec-Purpose", "prefetch")]] {
        assert_eq!(flashes(&text(&browser.get_with(&unseen, "/workspaces"))), []);
    }
    let cookie = [("Cookie", browser.cookie.as_str()), SAME_ORIGIN];
    assert_eq!(world.call("HEAD", "/workspaces", &cookie, b"").status, 200);
    assert_eq!(flashes(&text(&browser.get("/tokens"))), [], "another page");
    assert_eq!(flashes(&text(&browser.get("/workspaces"))).len(), 1);
}
