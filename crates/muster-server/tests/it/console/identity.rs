//! The form of the identity settings: what it sends is what was set, and nothing that nobody chose.

use super::Browser;
use crate::world::{ADMIN_TOKEN, World};
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
