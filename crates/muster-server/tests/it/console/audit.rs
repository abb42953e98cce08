//! The audit log as people read it: each record a sentence, its subject a link where there is a page.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, World, customer};
use serde_json::{Value as Json, json};

/// What the rows of the page say: who, what, on which subject; the markup left out.
fn rows(page: &str) -> Vec<[String; 3]> {
    let plain = |cell: &str| {
        let mut out = String::new();
        let mut is_text = true;
        for letter in cell.chars() {
            match letter {
                '<' => is_text = false,
                '>' => is_text = true,
                letter if is_text => out.push(letter),
                _ => {}
            }
        }
        out
    };
    let body = page.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    let cells = |row: &str| {
        let cells: Vec<String> = row
            .split("</td>")
            .map(|cell| plain(&format!("<td{}", cell.split_once("<td").unwrap_or(("", "")).1)))
            .collect();
        [1, 2, 3].map(|n| cells[n].clone())
    };
    body.split("</tr>").filter(|row| row.contains("<td")).map(cells).collect()
}

// Fails when `of_action` in `console/pages/audit/sentences.rs` does not know an action, or `subject` links what has no page.
#[test]
fn the_audit_page_tells_each_record_as_a_sentence_and_links_its_subject() {
    let world = World::start();
    assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "Shop", "id": "SHOP"})).status, 201);
    let shop = |method: &str, path: &str, body: Json| {
        let answer = world.admin(method, &format!("/workspaces/SHOP{path}"), &body);
        assert!(answer.status < 300, "{method} {path}: {}", answer.json());
        answer.json()
    };
    shop("PATCH", "", json!({"lenient": true, "limits": {"users_per_minute": 1_000}}));
    let kinds = json!([{"kind": "customer_id"}, {"kind": "mobile", "normalise": "e164"}]);
    shop("PUT", "/identity", json!({"enabled": true, "identifiers": kinds}));
    let made = shop("POST", "/keys/rotate", json!({"grace_seconds": 86_400, "scopes": ["import"]}));
    let basic = crate::world::basic("SHOP", made["data_api_key"].as_str().unwrap());
    let body = json!({"type": "transition", "elements": [customer("a"), customer("b")]}).to_string();
    let headers = [("Content-Type", "application/json"), ("Authorization", basic.as_str())];
    assert_eq!(world.call("POST", "/v1/transition/SHOP", &headers, body.as_bytes()).status, 200);
    let id = |value: &str| shop("POST", "/users/find", json!({"kind": "customer_id", "value": value}))["id"].clone();
    let (a, b) = (id("a"), id("b"));
    shop("POST", "/merges", json!({"survivor": a, "merged": b}));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let page = text(&browser.get("/w/SHOP/audit"));
    let told: Vec<[String; 2]> = rows(&page).into_iter().map(|[_, what, subject]| [what, subject]).collect();
    let fingerprint = shop("GET", "", Json::Null)["keys"][1]["fingerprint"].as_str().unwrap().to_owned();
    let [a, b] = [&a, &b].map(|id| id.as_str().unwrap());
    let want = [
        [format!("merged user {b} into {a}"), "m1".to_owned()],
        ["created a new Data API key (import); the previous one stays valid for 1 day".to_owned(), fingerprint],
        ["turned identity resolution on; added mobile (e164)".to_owned(), "SHOP".to_owned()],
        [
            "changed users per minute from 10,000 to 1,000; changed lenient by default from off to on".to_owned(),
            "SHOP".to_owned(),
        ],
        ["created the workspace, named Shop".to_owned(), "SHOP".to_owned()],
    ];
    assert_eq!(told, want);
    assert!(page.contains("href=\"/w/SHOP/merges/m1\""), "{page}");
    let kept = "Only the most recent records are kept: 100,000 changes, 5,000 sign-ins and sign-outs, and 100,000 reads and \
                deletions of people&#39;s data.";
    assert!(page.contains(kept), "{page}");
}
