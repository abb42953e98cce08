//! What does not depend on the order in which things arrive, and what is said of what arrives twice: when a user was first
//! seen, opt-outs of an address that moves, event ids.

use crate::world::{Workspace, World};
use serde_json::{Value as Json, json};

fn customer(id: &str, attributes: Json) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": attributes})
}

fn resolving<'w>(world: &'w World, kinds: &[&str]) -> Workspace<'w> {
    let workspace = world.workspace(&json!(null));
    let kinds: Vec<Json> = kinds.iter().map(|kind| json!({"kind": kind})).collect();
    assert_eq!(workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds})).status, 200);
    workspace
}

/// Opposite: in `write::seen_first` return at once.
#[test]
fn a_user_was_first_seen_at_the_oldest_action_in_whatever_order_actions_arrive() {
    let action = |time: &str| json!({"type": "event", "customer_id": "a", "actions": [{"action": "seen", "current_time": time}]});
    let (old, new) = (action("2020-01-01T00:00:00Z"), action("2024-01-01T00:00:00Z"));
    let user = customer("a", json!({"first_seen": "2022-01-01T00:00:00Z"}));
    for order in [[&old, &user, &new], [&user, &old, &new], [&user, &new, &old], [&new, &old, &user]] {
        let world = World::start();
        let workspace = world.workspace(&json!(null));
        order.into_iter().for_each(|element| drop(workspace.results(&json!([element]))));
        let found = workspace.find("customer_id", "a").unwrap();
        assert_eq!(found["first_seen"], "2020-01-01T00:00:00.000Z", "{order:?}");
    }
}

/// Opposite: in `customer.rs` answer false from `writes_email`.
#[test]
fn an_opt_out_is_not_lost_when_an_address_moves() {
    let of = |id: &str, email: &str, mobile: &str, out: bool| {
        customer(id, json!({"email": email, "mobile": mobile, "moe_unsubscribe": out}))
    };
    // To the survivor, to a third address, and where the survivor's own address is repeated.
    for email in ["b@example.test", "c@example.test", "a@example.test"] {
        let world = World::start();
        let workspace = resolving(&world, &["customer_id", "mobile", "email"]);
        let people = [of("a", "a@example.test", "+1", false), of("b", "b@example.test", "+2", true)];
        workspace.results(&json!(people));
        let merged = workspace.results(&json!([customer("a", json!({"mobile": "+2", "email": email}))]));
        assert_eq!(merged[0]["outcome"], "merged");
        let found = workspace.find("customer_id", "b").unwrap();
        let shown = (&found["identifiers"]["email"], &found["attributes"]["moe_unsubscribe"]);
        assert_eq!(shown, (&json!(email), &json!(true)));
    }
    // No address is written, and the two have different ones: nothing says that the flag is about the survivor's.
    let world = World::start();
    let workspace = resolving(&world, &["customer_id", "mobile", "email"]);
    workspace.results(&json!([of("a", "a@example.test", "+1", false), of("b", "b@example.test", "+2", true)]));
    workspace.results(&json!([customer("a", json!({"mobile": "+2"}))]));
    assert_eq!(workspace.find("customer_id", "b").unwrap()["attributes"]["moe_unsubscribe"], false);
}

/// Opposite: in `warn_of_reuse` compare the names only, or the users only.
#[test]
fn an_event_id_that_is_taken_again_with_another_name_or_for_another_user_is_warned_of() {
    let world = World::start();
    let workspace = resolving(&world, &["customer_id", "email"]);
    let event = |id: &str, names: &[&str]| {
        let actions: Vec<Json> = names.iter().map(|name| json!({"action": name, "event_id": "e1"})).collect();
        json!({"type": "event", "customer_id": id, "actions": actions})
    };
    workspace.results(&json!([customer("a", json!({"email": "a@example.test"})), customer("b", json!({}))]));
    let told = |elements: Json| -> Vec<Json> {
        let shown = |result: &Json| {
            json!([
                result["outcome"],
                result["warnings"].as_array().unwrap().iter().map(|w| w["code"].clone()).collect::<Vec<_>>()
            ])
        };
        workspace.results(&elements).iter().map(shown).collect()
    };
    let by_email = json!({"type": "event", "user_identifiers": {"email": "a@example.test"}, "actions": [{"action": "buy", "event_id": "e1"}]});
    assert_eq!(told(json!([event("a", &["buy"])])), [json!(["updated", []])]);
    assert_eq!(told(json!([event("a", &["buy"]), by_email])), [json!(["duplicate", []]), json!(["duplicate", []])]);
    let reused = json!(["duplicate", ["EventIdReused"]]);
    assert_eq!(told(json!([event("a", &["sell"]), event("b", &["buy"]), event("nobody", &["buy"])])), vec![reused; 3]);
    assert_eq!(workspace.find("customer_id", "nobody"), None, "what is only known is resolved for nobody");
    workspace.results(&json!([customer("b", json!({"email": "a@example.test"}))]));
    assert_eq!(told(json!([event("b", &["buy"])])), [json!(["duplicate", []])], "they are one user now");
}
