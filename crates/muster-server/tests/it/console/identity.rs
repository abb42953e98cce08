//! The form of the identity settings: what it sends is what was set, and nothing that nobody chose.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, Workspace, World};
use serde_json::{Value as Json, json};

/// Fails when the form sends the exceptions that hold as a list of its own, or an empty list.
#[test]
fn a_form_that_is_sent_as_it_was_shown_fixes_no_exceptions_that_nobody_chose() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let on = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email", "exceptions": ["x"]}]});
    assert_eq!(workspace.admin("PUT", "/identity", &on).status, 200);
    let before = workspace.admin("GET", "/identity", &Json::Null).json();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let path = format!("/w/{}/identity", workspace.id);
    let page = String::from_utf8(browser.get(&path).body).unwrap();
    let area = |n: usize| {
        let from = page.split(&format!("name=\"exceptions-{n}\"")).nth(1).unwrap().split('>').nth(1).unwrap();
        from.split("</textarea")
            .next()
            .unwrap()
            .split('<')
            .next()
            .unwrap()
            .trim()
            .replace("&#34;", "\"")
            .replace("&quot;", "\"")
    };
    let (first, second) = (area(0), area(1));
    assert_eq!((first.lines().count(), second.as_str()), (32, "x"));
    let fields = [
        ("enabled", "on"),
        ("kind-0", "customer_id"),
        ("exceptions-0", &first),
        ("cap-0", "50"),
        ("kind-1", "email"),
        ("exceptions-1", &second),
        ("cap-1", "50"),
        ("rule", "last_seen"),
        ("confirm", &workspace.id),
        ("do", "activate"),
    ];
    assert_eq!(browser.post(&path, &fields).status, 303);
    assert_eq!(workspace.admin("GET", "/identity", &Json::Null).json(), before);
}

fn preview(browser: &Browser<'_>, workspace: &Workspace<'_>, kinds: &[&str], more: &[(&str, &str)]) -> String {
    let names: Vec<String> = (0..kinds.len()).map(|n| format!("kind-{n}")).collect();
    let kinds = names.iter().map(String::as_str).zip(kinds.iter().copied());
    let fields: Vec<(&str, &str)> = [("do", "preview")].into_iter().chain(kinds).chain(more.to_vec()).collect();
    text(&browser.post(&format!("/w/{}/identity", workspace.id), &fields))
}

fn headline(page: &str) -> &str {
    page.split_once("<p class=\"headline ").unwrap().1.split("</p>").next().unwrap()
}

// Fails when `headline` of `console/pages/identity.rs` passes over reviews where nothing is merged.
#[test]
fn conflicts_without_a_merge_are_a_warning_with_their_number() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let named = |id: &str| json!({"type": "customer", "customer_id": id, "attributes": {"first_name": "Ada"}});
    workspace.results(&json!([named("a"), named("b")]));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let both = |more: &[(&str, &str)]| preview(&browser, &workspace, &["customer_id", "first_name"], more);
    let conflicts = both(&[("enabled", "on"), ("pinned-0", "on")]);
    let words = headline(&conflicts);
    assert!(words.starts_with("warn\">") && words.ends_with("0 merges, 1 conflict for review."), "{words}");
    let merges = both(&[("enabled", "on")]);
    let want = "\">1 merge would join 2 users. The largest would have 2 merged profiles.";
    assert_eq!(headline(&merges), want);
    let nothing = preview(&browser, &workspace, &["customer_id", "city"], &[("enabled", "on")]);
    assert_eq!(headline(&nothing), "\">0 merges. No stored users would be joined.");
}

// Fails when `advice` takes no heed of the pin, or of whether identity resolution is on.
#[test]
fn what_is_advised_about_the_pin_depends_on_the_pin_and_on_what_is_on() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let path = format!("/w/{}/identity", workspace.id);
    let advised = |page: &str| page.split_once("<b>").unwrap().1.split("</b>").next().unwrap().to_owned();
    let set = |enabled: bool, pinned: bool| {
        let identity = json!({"enabled": enabled, "identifiers": [{"kind": "customer_id", "pinned": pinned}]});
        assert_eq!(workspace.admin("PUT", "/identity", &identity).status, 200);
        let page = text(&browser.get(&path));
        let notice = page.split_once("<div class=\"notice").unwrap().1.to_owned();
        (notice.starts_with(" warn"), advised(&notice))
    };
    let told = [(false, false), (true, false), (true, true)].map(|(enabled, pinned)| set(enabled, pinned));
    let want = [
        (true, "Pin customer_id before you turn this on."),
        (true, "Pin customer_id."),
        (false, "Keep customer_id pinned."),
    ];
    assert_eq!(told, want.map(|(is_warning, words)| (is_warning, words.to_owned())));
}

// Fails when the page of a draft that turns identity resolution off tells the numbers of a merge.
#[test]
fn turning_identity_resolution_off_asks_with_its_numbers() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let on = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email"}]});
    assert_eq!(workspace.admin("PUT", "/identity", &on).status, 200);
    let with_email =
        |id: &str| json!({"type": "customer", "customer_id": id, "attributes": {"email": "x@example.test"}});
    workspace.results(&json!([with_email("a"), with_email("b"), crate::world::customer("c")]));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let off = preview(&browser, &workspace, &["customer_id", "email"], &[]);
    let words = headline(&off);
    assert!(
        words.starts_with("warn\">")
            && words.ends_with("Turns identity resolution off: customer_id is then the only identifier."),
        "{words}"
    );
    let effects = off.split_once("<ul class=\"effects\">").unwrap().1.split("</ul>").next().unwrap();
    let want = "<li><b class=\"bad\">2</b><span>users can be found by customer_id only</span></li>\
        <li><b>1</b><span>merge so far: all of them stay</span></li>\
        <li><b class=\"bad\">1</b><span>identifier kind stops matching: <span class=\"mono\"><bdi>email</bdi></span></span></li>";
    assert_eq!(effects, want);
}
