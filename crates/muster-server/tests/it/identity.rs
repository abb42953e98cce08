//! Identity resolution through the management API: activation and preview, reviews, replays, history.

use crate::world::{Workspace, World, comes_true};
use serde_json::{Value as Json, json};

fn customer(id: &str, attributes: Json) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": attributes})
}

fn kinds(customer_id: Json, others: &[&str]) -> Json {
    let mut first = json!({"kind": "customer_id"});
    first.as_object_mut().unwrap().extend(customer_id.as_object().unwrap().clone());
    let all: Vec<Json> = std::iter::once(first).chain(others.iter().map(|kind| json!({"kind": kind}))).collect();
    json!({"enabled": true, "identifiers": all})
}

fn get(workspace: &Workspace<'_>, path: &str) -> Json {
    workspace.admin("GET", path, &Json::Null).json()
}

/// Waits until no kind is becoming active.
fn settled(workspace: &Workspace<'_>) {
    assert!(comes_true(|| get(workspace, "/identity")["state"] == "active"), "{}", get(workspace, "/identity"));
}

/// The opposite: `Index` notes nobody, or the switch is never made.
#[test]
fn a_kind_that_becomes_active_joins_whom_preview_said() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let elements: Vec<Json> = ["a", "b", "c", "d"]
        .iter()
        .zip(["x@y.test", "X@y.test", "other@y.test", "x@y.test"])
        .map(|(id, email)| customer(id, json!({"email": email})))
        .collect();
    assert_eq!(workspace.import(&[], &Json::from(elements)).status, 200);
    let mut wanted = kinds(json!({}), &["email"]);
    wanted["identifiers"][1]["normalise"] = json!("lowercase");
    let preview = workspace.admin("POST", "/identity/preview", &wanted).json();
    let figures = ["merges", "profiles_merged", "largest", "reviews", "complete"].map(|name| preview[name].clone());
    assert_eq!(figures, [json!(2), json!(3), json!(3), json!(0), json!(true)]);
    let drawn = ["groups", "holders"].map(|name| preview[name].clone());
    let holders = json!([{"kind": "customer_id", "records": 4}, {"kind": "email", "records": 4}]);
    assert_eq!(drawn, [json!([{"profiles": 3, "count": 1}]), holders]);
    assert_eq!(preview["samples"][0]["value_kind"], "email");
    let nothing = workspace.admin("POST", "/identity/preview", &kinds(json!({}), &[])).json();
    assert_eq!((&nothing["merges"], &nothing["holders"]), (&json!(0), &json!([])), "nothing is looked through");
    assert_eq!(get(&workspace, "/stats")["merges"], 0, "a preview stores nothing");
    assert_eq!(workspace.admin("PUT", "/identity", &wanted).status, 200);
    settled(&workspace);
    let stats = get(&workspace, "/stats");
    assert_eq!((&stats["users"], &stats["merges"]), (&json!(2), &json!(2)));
    let merge = get(&workspace, "/merges")["items"][0].clone();
    assert_eq!((&merge["cause"], &merge["request_id"]), (&json!("activation"), &json!(null)));
    let id_of = |kind: &str, value: &str| workspace.find(kind, value).unwrap()["id"].clone();
    assert_eq!(id_of("email", "X@Y.test"), id_of("customer_id", "d"));
    let mut ids: Vec<Json> = preview["samples"][0]["ids"].as_array().unwrap().clone();
    ids.retain(|id| get(&workspace, &format!("/users/{}", id.as_str().unwrap()))["id"] == id_of("customer_id", "a"));
    assert_eq!(ids.len(), 3, "the sample names those that were joined");
}

/// The opposite: `into_changes` takes a view that was not read for one that is stored.
#[test]
fn kinds_that_become_active_together_join_a_chain_over_both() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    for element in [
        customer("a", json!({"email": "e@y.test"})),
        customer("b", json!({"email": "e@y.test", "mobile": "+1555"})),
        customer("c", json!({"mobile": "+1555"})),
    ] {
        world.clock.step(1);
        workspace.results(&json!([element]));
    }
    let wanted = kinds(json!({}), &["email", "mobile"]);
    let preview = workspace.admin("POST", "/identity/preview", &wanted).json();
    assert_eq!((&preview["merges"], &preview["largest"]), (&json!(2), &json!(3)), "{preview}");
    assert_eq!(workspace.admin("PUT", "/identity", &wanted).status, 200);
    settled(&workspace);
    assert_eq!((&get(&workspace, "/stats")["users"], &get(&workspace, "/stats")["merges"]), (&json!(1), &json!(2)));
}

/// More holders than one read returns. The opposite: a batch continues where the holders that it read are used up.
#[test]
fn a_value_that_very_many_hold_is_settled_to_the_last_of_them() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let all: Vec<Json> = (0..300).map(|n| customer(&format!("c{n}"), json!({"email": "same@y.test"}))).collect();
    workspace.results(&Json::from(all));
    assert_eq!(workspace.admin("PUT", "/identity", &kinds(json!({}), &["email"])).status, 200);
    settled(&workspace);
    let stats = get(&workspace, "/stats");
    assert_eq!((&stats["users"], &stats["merges"], &stats["reviews"]), (&json!(251), &json!(49), &json!(250)));
}

#[test]
fn how_values_are_normalised_is_fixed_while_a_kind_is_active() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let (plain, mut lower) = (kinds(json!({}), &["email"]), kinds(json!({}), &["email"]));
    lower["identifiers"][1]["normalise"] = json!("lowercase");
    assert_eq!(workspace.admin("PUT", "/identity", &plain).status, 200);
    assert_eq!(workspace.import(&[], &json!([customer("a", json!({"email": "X@y.test"}))])).status, 200);
    let refused = workspace.admin("PUT", "/identity", &lower);
    assert_eq!(refused.status, 409);
    assert!(refused.json()["detail"].as_str().unwrap().contains("pause the kind first"));
    let mut paused = plain;
    paused["identifiers"][1]["paused"] = json!(true);
    assert_eq!(workspace.admin("PUT", "/identity", &paused).status, 200);
    assert!(workspace.find("email", "X@y.test").is_none(), "values of a paused kind are not matched");
    assert_eq!(workspace.admin("PUT", "/identity", &lower).status, 200);
    settled(&workspace);
    assert_eq!(workspace.find("email", "x@y.TEST").unwrap()["id"], workspace.find("customer_id", "a").unwrap()["id"]);
}

/// The opposite: `set_aside` opens a review each time, or `merge` keeps the pin.
#[test]
fn a_key_that_is_set_aside_is_reviewed_and_merged_by_hand() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.admin("PUT", "/identity", &kinds(json!({"pinned": true}), &["mobile"]));
    let phone = json!({"mobile": "+15550100"});
    let results =
        workspace.results(&json!([customer("a", phone.clone()), customer("b", phone.clone()), customer("b", phone),]));
    let explanation = &results[1]["because"];
    assert_eq!((&results[1]["outcome"], &explanation["keys"][1]["reason"]), (&json!("created"), &json!("pinned")));
    assert_eq!(explanation["keys"][1]["profile"], results[0]["id"]);
    let listed = get(&workspace, "/reviews?state=open")["items"].clone();
    let review = &listed[0];
    assert_eq!((listed.as_array().unwrap().len(), &review["count"]), (1, &json!(2)));
    assert_eq!(review["profiles"], json!([results[1]["id"], results[0]["id"]]));
    assert_eq!(
        (&review["kind"], &review["value"], &review["reason"]),
        (&json!("mobile"), &json!("+15550100"), &json!("pinned"))
    );
    assert_eq!((&review["record"]["customer_id"], &review["because"]), (&json!("b"), explanation));
    let path = format!("/reviews/{}", review["id"].as_str().unwrap());
    let sides = get(&workspace, &path)["sides"].clone();
    assert_eq!([&sides[0]["identifiers"]["customer_id"], &sides[1]["identifiers"]["customer_id"]], ["b", "a"]);
    let decide = |query: &str, decision: &str| {
        workspace.admin("POST", &format!("{path}{query}"), &json!({"decision": decision}))
    };
    let dry = decide("?dry_run=true", "merge").json();
    assert_eq!((&dry["review"]["state"], dry["preview"].as_array().unwrap().len()), (&json!("merged"), 1));
    assert_eq!(get(&workspace, "/stats")["reviews"], 1, "a dry run decides nothing");
    assert_eq!(decide("", "perhaps").status, 400);
    let done = decide("", "merge").json();
    assert_eq!((&done["review"]["state"], &done["merge_id"]), (&json!("merged"), &json!("m1")));
    assert_eq!(get(&workspace, "/merges/m1")["cause"], json!({"review_id": review["id"]}));
    assert_eq!((get(&workspace, "/stats")["users"].clone(), decide("", "dismiss").status), (json!(1), 409));
}

/// The opposite: `Sweep` leaves reviews alone.
#[test]
fn reviews_of_a_user_who_was_deleted_go_with_her() {
    let world = World::start();
    let workspace = world.workspace(&json!({"delete_buffer_hours": 0}));
    workspace.admin("PUT", "/identity", &kinds(json!({"pinned": true}), &["mobile"]));
    let phone = json!({"mobile": "+15550100"});
    workspace.results(&json!([customer("a", phone.clone()), customer("b", phone)]));
    assert_eq!(get(&workspace, "/stats")["reviews"], 1);
    let deleted = workspace.world.call(
        "POST",
        &format!("/v1/customer/delete?app_id={}", workspace.id),
        &[("Content-Type", "application/json"), ("Authorization", &workspace.basic())],
        br#"{"identity_type": "customer_id", "identity_value": "a"}"#,
    );
    assert_eq!(deleted.status, 200, "{}", deleted.json());
    let id = muster_core::id::WorkspaceId::parse(&workspace.id).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(muster_server::jobs::sweep(&world.app, &id)).unwrap(), 1);
    let left = (get(&workspace, "/stats")["reviews"].clone(), get(&workspace, "/reviews")["items"].clone());
    assert_eq!(left, (json!(0), json!([])));
}

#[test]
fn profiles_that_are_kept_apart_by_a_review_are_not_merged_again() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let capped =
        json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "mobile", "max_profiles": 1}]});
    workspace.admin("PUT", "/identity", &capped);
    let phone = json!({"mobile": "+15550100"});
    workspace.results(&json!([customer("a", phone.clone()), customer("b", json!({})), customer("b", phone.clone())]));
    let review = get(&workspace, "/reviews")["items"][0].clone();
    assert_eq!(review["reason"], "max_profiles");
    let path = format!("/reviews/{}", review["id"].as_str().unwrap());
    let done = workspace.admin("POST", &path, &json!({"decision": "keep_apart"})).json();
    assert_eq!((&done["review"]["state"], &done["separation_id"]), (&json!("kept_apart"), &json!("s1")));
    workspace.admin("PUT", "/identity", &kinds(json!({}), &["mobile"]));
    let results = workspace.results(&json!([customer("b", phone)]));
    assert_eq!(results[0]["because"]["keys"][1]["reason"], "separated");
}

/// The opposite: a replay does not mark its entry, or quarantines again what stays refused.
#[test]
fn a_refused_record_is_found_corrected_and_replayed_once() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let device = json!({"type": "device", "customer_id": "late", "device_id": "d1", "attributes": {"platform": "ANDROID", "push_id": "t"}});
    workspace.results(&json!([device.clone()]));
    let entry = get(&workspace, "/quarantine")["items"][0].clone();
    let path = format!("/quarantine/{}", entry["id"].as_str().unwrap());
    let again = workspace.admin("POST", &format!("{path}/replay"), &Json::Null).json();
    assert_eq!(again["results"][0]["outcome"], "rejected");
    assert_eq!(get(&workspace, "/stats")["quarantined"], 1, "it stays, and is there once");
    workspace.results(&json!([customer("early", json!({}))]));
    let mut corrected = device;
    corrected["customer_id"] = json!("early");
    let done = workspace.admin("POST", &format!("{path}/replay"), &json!({"element": corrected}));
    assert_eq!((done.status, &done.json()["results"][0]["outcome"]), (200, &json!("updated")));
    assert_eq!(get(&workspace, &path)["replayed_as"], done.json()["request_id"]);
    let twice = workspace.admin("POST", &format!("{path}/replay"), &Json::Null);
    assert_eq!((twice.status, &get(&workspace, "/stats")["quarantined"]), (409, &json!(0)));
    let gone =
        [workspace.admin("DELETE", &path, &Json::Null).status, workspace.admin("DELETE", &path, &Json::Null).status];
    assert_eq!(gone, [204, 404]);
}

#[test]
fn a_suspended_workspace_replays_nothing() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.results(&json!([{"type": "event", "customer_id": "a", "actions": [{"action": "moe_x"}]}]));
    assert_eq!(workspace.admin("PATCH", "", &json!({"suspended": true})).status, 200);
    assert_eq!(workspace.admin("POST", "/quarantine/q1/replay", &Json::Null).status, 403);
}

#[test]
fn a_replay_keeps_the_first_receipt_for_times_that_are_missing() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.results(&json!([customer("a", json!({}))]));
    let reserved = json!({"type": "event", "customer_id": "a", "actions": [{"action": "moe_seen"}]});
    workspace.results(&json!([reserved]));
    world.clock.step(3_600);
    let entry = get(&workspace, "/quarantine")["items"][0].clone();
    let path = format!("/quarantine/{}/replay", entry["id"].as_str().unwrap());
    let corrected = json!({"type": "event", "customer_id": "a", "actions": [{"action": "seen"}]});
    assert_eq!(
        workspace.admin("POST", &path, &json!({"element": corrected})).json()["results"][0]["outcome"],
        "updated"
    );
    let id = workspace.find("customer_id", "a").unwrap()["id"].as_str().unwrap().to_owned();
    let event = get(&workspace, &format!("/users/{id}/events"))["items"][0].clone();
    assert_eq!(event["time"], entry["at"]);
}

#[test]
fn many_entries_of_one_reason_are_replayed_by_a_job() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let device = |n: usize| json!({"type": "device", "customer_id": "late", "device_id": format!("d{n}"), "attributes": {"platform": "ANDROID", "push_id": format!("t{n}")}});
    let mut elements: Vec<Json> = (0..5).map(device).collect();
    elements.push(json!({"type": "event", "customer_id": "late", "actions": [{"action": "moe_x"}]}));
    workspace.results(&Json::from(elements));
    workspace.results(&json!([customer("late", json!({}))]));
    let begun = workspace.admin("POST", "/quarantine/replay", &json!({"type": "UnknownUser"}));
    assert_eq!(begun.status, 202);
    let path = format!("/jobs/{}", begun.json()["job_id"].as_str().unwrap());
    assert!(comes_true(|| get(&workspace, &path)["state"] != "running"));
    let job = get(&workspace, &path);
    let figures = ["state", "done", "total", "applied", "rejected"].map(|name| job[name].clone());
    assert_eq!(figures, [json!("done"), json!(5), json!(5), json!(5), json!(0)]);
    assert_eq!(
        (&get(&workspace, "/stats")["quarantined"], &get(&workspace, "/stats")["devices"]),
        (&json!(1), &json!(5))
    );
}

/// The opposite: `attribute` forgets what it writes over.
#[test]
fn history_tells_who_wrote_a_value_when_and_by_which_request_and_merge() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.admin("PUT", "/identity", &kinds(json!({}), &["email"]));
    let send = |elements: Json| workspace.import(&[], &elements).json()["request_id"].clone();
    let first = send(json!([
        customer("a", json!({"tier": "blue"})),
        customer("b", json!({"email": "b@y.test", "city": "Pune"}))
    ]));
    world.clock.step(60);
    let second = send(json!([customer("a", json!({"tier": "gold"}))]));
    world.clock.step(60);
    let third = send(json!([customer("a", json!({"email": "b@y.test"}))]));
    let user = workspace.find("customer_id", "a").unwrap();
    let items = get(&workspace, &format!("/users/{}/history", user["id"].as_str().unwrap()))["items"].clone();
    let of = |field: &str| -> Vec<Json> {
        let items = items.as_array().unwrap().iter().filter(|item| item["field"] == field);
        items.map(|item| json!([item["old"], item["new"], item["request_id"], item["merge_id"]])).collect()
    };
    assert_eq!(of("tier"), [json!(["blue", "gold", second, null]), json!([null, "blue", first, null])]);
    assert_eq!(of("city"), [json!([null, "Pune", third, "m1"]), json!([null, "Pune", first, null])]);
    assert_eq!(of("email")[1], json!([null, "b@y.test", third, "m1"]), "also where the same value was written since");
    let page = get(&workspace, &format!("/users/{}/history?limit=1", user["id"].as_str().unwrap()));
    assert_eq!((&page["items"][0], page["next_cursor"].is_string()), (&items[0], true));
}

/// The opposite: `View::join` changes a value and does not tell of it.
#[test]
fn history_and_merge_record_tell_what_an_attribute_rule_and_an_email_flag_changed() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let mut settings = kinds(json!({}), &["mobile"]);
    settings["attribute_rules"] = json!({"points": "sum"});
    workspace.admin("PUT", "/identity", &settings);
    let mail = |points: u8, spam: Json| json!({"email": "a@y.test", "points": points, "moe_spam": spam});
    workspace.results(&json!([customer("a", mail(1, json!(0))), customer("b", mail(2, json!("yes")))]));
    workspace.results(&json!([customer("a", json!({"mobile": "+15550100"}))]));
    workspace.results(&json!([customer("b", json!({"mobile": "+15550100"}))]));
    let merge = get(&workspace, "/merges/m1");
    let old_and_new = json!([
        {"field": "moe_spam", "old": false, "new": true},
        {"field": "points", "old": 1, "new": 3},
    ]);
    assert_eq!(merge["combined"], old_and_new);
    let items = get(&workspace, &format!("/users/{}/history", merge["survivor"].as_str().unwrap()))["items"].clone();
    let by_merge = items.as_array().unwrap().iter().filter(|item| item["merge_id"] == "m1");
    let told: Vec<Json> = by_merge.map(|i| json!({"field": i["field"], "old": i["old"], "new": i["new"]})).collect();
    assert_eq!(json!(told), old_and_new);
}

/// The opposite: the cursor of a page of history names the write and the field alone.
#[test]
fn history_in_pages_of_one_lists_what_it_lists_in_one_page() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.admin("PUT", "/identity", &kinds(json!({}), &["mobile", "email"]));
    let of = |id: &str| customer(id, json!({"mobile": "+15550100", "email": format!("{id}@y.test")}));
    workspace
        .results(&json!([customer("a", json!({"email": "a@y.test"})), customer("b", json!({"email": "b@y.test"}))]));
    workspace.results(&json!([
        customer("a", json!({"mobile": "+15550100"})),
        customer("b", json!({"mobile": "+15550100"}))
    ]));
    workspace.results(&json!([customer("a", json!({"email": []})), of("a")]));
    let path = format!("/users/{}/history", workspace.find("customer_id", "a").unwrap()["id"].as_str().unwrap());
    let whole = get(&workspace, &path)["items"].clone();
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&workspace, &format!("{path}?limit=1{cursor}"));
        pages.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let unset = |item: &&Json| item["field"] == "email" && item["new"].is_null();
    assert_eq!((json!(pages), pages.iter().filter(unset).count()), (whole, 2));
}
