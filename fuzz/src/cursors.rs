//! Ids and cursors. A string that is read as an id is written again as the same string. Every list answers a cursor with a
//! page or a refusal, never a 500. The cursor of a page is accepted, and its page is another one.

use super::server::{Ask, Asked, CREDENTIALS, FuzzAnswer, FuzzWorkspace, TOKEN, header};
use muster_core::id::{MergeNo, ProfileId, QuarantineNo, RequestId, ReviewNo, SeparationNo, WorkspaceId};
use serde_json::json;
use std::fmt::Write as _;

#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "m1", "s1", "q1", "r1", "_", "-", "+", "0", "9223372036854775807", "-9223372036854775808", "18446744073709551616",
    "1767571200000_", "fDaHEuNq", "019b8b741800000000000001", "email", "admin", "DEMO", "%", "&", "=",
];

/// The lists; `USER` is replaced by the id of a user.
const LISTS: [&str; 11] = [
    "/workspaces",
    "/tokens",
    "/audit",
    "/workspaces/DEMO/requests",
    "/workspaces/DEMO/merges",
    "/workspaces/DEMO/quarantine",
    "/workspaces/DEMO/reviews",
    "/workspaces/DEMO/separations",
    "/workspaces/DEMO/users/USER/events",
    "/workspaces/DEMO/users/USER/history",
    "/workspaces/DEMO/users/USER/members",
];

static SERVER: FuzzWorkspace = FuzzWorkspace::empty();

/// The first byte chooses the list, the rest is the cursor.
pub(super) fn check(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    ids(&text);
    let list = LISTS[usize::from(*first) % LISTS.len()];
    SERVER.with(prepare, |ask, user| follow(ask, &list.replace("USER", user), &text));
}

fn ids(text: &str) {
    let written = [
        WorkspaceId::parse(text).map(|id| id.to_string()),
        ProfileId::parse(text).map(|id| id.to_string()),
        RequestId::parse(text).map(|id| id.to_string()),
        MergeNo::parse(text).map(|id| id.to_string()),
        SeparationNo::parse(text).map(|id| id.to_string()),
        QuarantineNo::parse(text).map(|id| id.to_string()),
        ReviewNo::parse(text).map(|id| id.to_string()),
    ];
    for written in written.into_iter().flatten() {
        assert_eq!(written, text, "an id is written otherwise than it was read");
    }
}

fn follow(ask: Ask<'_>, list: &str, cursor: &str) {
    let Some(page) = get(ask, list, cursor) else { return };
    assert!(matches!(page.status, 200 | 400 | 409), "{list} answered {}", page.status);
    if page.status != 200 {
        assert!(page.json["detail"].is_string(), "{list}: a refusal that is not a problem document");
        return;
    }
    assert!(page.json["items"].as_array().is_some_and(|items| items.len() <= 1), "{list}: a page of another size");
    let Some(next) = page.json["next_cursor"].as_str() else { return };
    assert_ne!(next, cursor, "{list}: the cursor of a page is that of the page itself");
    let status = get(ask, list, next).map(|page| page.status);
    assert_eq!(status, Some(200), "{list}: a cursor that was given is refused");
}

fn get(ask: Ask<'_>, list: &str, cursor: &str) -> Option<FuzzAnswer> {
    let mut path = format!("/api/v1{list}?limit=1&cursor=");
    for byte in cursor.bytes() {
        write!(path, "%{byte:02X}").expect("memory takes every write");
    }
    let token = format!("Bearer {TOKEN}");
    ask(&Asked { method: "GET", path: &path, headers: vec![header("authorization", &token)], body: "" })
}

/// Fills each list with more than a page; returns the id of a user whose lists are filled, too.
fn prepare(ask: Ask<'_>) -> String {
    let long = "x".repeat(600);
    let customer =
        |id: &str, email: &str| json!({"type": "customer", "customer_id": id, "attributes": {"email": email}});
    let event = |id: &str| json!({"type": "event", "customer_id": id, "actions": [{"action": "a"}, {"action": "b"}]});
    for elements in [
        json!([customer("c1", "1@x.test"), customer("c2", "2@x.test"), customer("c3", "3@x.test"), event("c1")]),
        json!([customer("c1", "2@x.test"), customer("c1", "3@x.test"), event("c2")]),
        json!([{"type": "customer", "customer_id": long}, {"type": "customer", "customer_id": long}]),
    ] {
        let body = json!({"type": "transition", "elements": elements}).to_string();
        let basic = format!("Basic {CREDENTIALS}");
        let headers = vec![header("authorization", &basic), header("content-type", "application/json")];
        let done = ask(&Asked { method: "POST", path: "/v1/transition/DEMO", headers, body: &body });
        assert_eq!(done.map(|done| done.status), Some(200), "the lists cannot be filled");
    }
    let body = json!({"kind": "customer_id", "value": "c1"}).to_string();
    let token = format!("Bearer {TOKEN}");
    let headers = vec![header("authorization", &token), header("content-type", "application/json")];
    let found = ask(&Asked { method: "POST", path: "/api/v1/workspaces/DEMO/users/find", headers, body: &body });
    let id = found.and_then(|found| found.json["id"].as_str().map(str::to_owned));
    id.expect("the user of the lists is there")
}
