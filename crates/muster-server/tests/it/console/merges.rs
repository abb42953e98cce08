//! Merges of three and more on their pages: one before/after table for what one element joined, the tree, the list
//! filtered by the user of a merge.

use super::{Browser, text};
use crate::merges::joined;
use crate::world::{ADMIN_TOKEN, World};
use serde_json::{Value as Json, json};

/// Returns what is between two pieces of a page.
fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("{from} is not there: {page}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{to} does not follow {from}")).0
}

// Fails when `sides` takes the merge of the page alone.
#[test]
fn merges_of_one_element_are_told_in_one_table_each_value_under_its_merge() {
    let world = World::start();
    let (workspace, _) = joined(&world);
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let [first, second, alone] =
        ["m1", "m2", "m3"].map(|id| text(&browser.get(&format!("/w/{}/merges/{id}", workspace.id))));
    for page in [&first, &second] {
        assert!(between(page, "class=\"headline\">", "</p>").starts_with("3 users were merged because element 0 of"));
        let city = between(page, "<bdi>city</bdi>", "</tr>");
        let labelled =
            |id: &str, value: &str| format!("<div><span class=\"meta mono\">{id}</span> <bdi>{value}</bdi></div>");
        assert_eq!(
            between(city, "data-label=\"merged\">", "</td>"),
            labelled("m1", "Pune") + &labelled("m2", "Goa"),
            "{page}"
        );
        let age = between(page, "<bdi>age</bdi>", "</tr>");
        assert_eq!(between(age, "data-label=\"merged\">", "</td>"), labelled("m2", "4"));
        assert_eq!(between(age, "data-label=\"survivor\">", "</td>"), "<span class=\"none\"></span>");
    }
    assert!(between(&first, "<dt>Merged together</dt>", "</dd>").contains("/merges/m2\">m2</a>"));
    assert!(between(&alone, "class=\"headline\">", "</p>").starts_with("Two users were merged"));
    assert!(!alone.contains("Merged together"));
}

// Fails when the rows are marked by the merge of the page alone, without what was below it.
#[test]
fn the_tree_marks_what_came_with_a_merge_and_tells_every_member() {
    let world = World::start();
    let (workspace, [z, a, b, c]) = joined(&world);
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let page = text(&browser.get(&format!("/w/{}/merges/m3", workspace.id)));
    let marked = |id: &str| page.contains(&format!("<tr id=\"u-{id}\" class=\"is-marked\">"));
    assert_eq!([&z, &a, &b, &c].map(|id| marked(id)), [false, true, true, true]);
    assert_eq!(between(&page, "<svg class=\"lineage tree\"", "</svg>").matches("<path class=\"joins\"").count(), 3);
    let user = text(&browser.get(&format!("/w/{}/users/{z}", workspace.id)));
    let members = between(&user, "id=\"members\">", "</section>");
    assert_eq!([z, a, b, c].map(|id| members.contains(&format!("<tr id=\"u-{id}\">"))), [true; 4]);
    assert!(between(&user, "<svg class=\"lineage tree\"", "</svg>").contains("4 profiles of one user"));
}

#[test]
fn an_identifier_leads_to_the_merges_of_whoever_has_it() {
    let world = World::start();
    let (workspace, [z, ..]) = joined(&world);
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let path = format!("/w/{}/merges", workspace.id);
    let led = browser.post(&path, &[("q", "+15550100"), ("cause", "keys"), ("state", "")]);
    let place = format!("{path}?cause=keys&user_id={z}");
    assert_eq!((led.status, led.header("location")), (303, Some(place.as_str())));
    let page = text(&browser.get(&place));
    assert_eq!(["m1", "m2", "m3"].map(|id| page.contains(&format!("<tr id=\"{id}\""))), [true; 3]);
    let nobody = browser.post(&path, &[("q", "+1999"), ("cause", ""), ("state", "")]);
    assert!(text(&nobody).contains("No user matches <bdi>+1999</bdi>."));
    assert_eq!(workspace.results(&serde_json::json!([{"type": "customer", "customer_id": "+15550100"}])).len(), 1);
    let several = text(&browser.post(&path, &[("q", "+15550100"), ("cause", "keys"), ("state", "")]));
    assert!(
        several.contains("matches 2 users") && several.contains(&format!("?cause=keys&#38;user_id={z}\"")),
        "{several}"
    );
    let reverted = text(&browser.get(&format!("{path}?state=reverted")));
    assert!(reverted.contains("No merges match."));
}

// Fails when the form of a user merges at once, or when what it showed is not what it does.
#[test]
fn two_users_are_merged_from_the_page_of_one_after_a_look_at_what_it_would_do() {
    let world = World::start();
    let workspace = world.workspace(&serde_json::json!(null));
    let customer = |id: &str| serde_json::json!({"type": "customer", "customer_id": id, "attributes": {}});
    workspace.results(&serde_json::json!([customer("asha"), customer("ash")]));
    let [asha, ash] =
        ["asha", "ash"].map(|id| workspace.find("customer_id", id).unwrap()["id"].as_str().unwrap().to_owned());
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let path = format!("/w/{}/users/{asha}", workspace.id);
    let form = text(&browser.get(&path));
    assert!(between(&form, "id=\"merge\"", "</form>").contains("name=\"other\""));
    let shown = text(&browser.post(&format!("{path}/merge"), &[("other", "ash")]));
    let panel = between(&shown, "id=\"merge\"", "</form>");
    assert!(
        panel.contains("<bdi>ash</bdi> is merged into <bdi>asha</bdi>, with 0 events and 1 identifier."),
        "{panel}"
    );
    assert!(panel.contains(&format!("name=\"merged\" value=\"{ash}\"")), "{panel}");
    assert_eq!(workspace.stats()["merges"], 0);
    let merged = browser.post(&format!("{path}/merge"), &[("merged", &ash)]);
    let place = format!("/w/{}/merges/m1", workspace.id);
    assert_eq!((merged.status, merged.header("location")), (303, Some(place.as_str())));
    assert_eq!(workspace.find("customer_id", "ash").unwrap()["id"], asha.as_str());
    let again = text(&browser.post(&format!("{path}/merge"), &[("other", "ash")]));
    assert!(between(&again, "id=\"merge\"", "</form>").contains("Both ids belong to the same user."), "{again}");
    let nobody = text(&browser.post(&format!("{path}/merge"), &[("other", "nobody")]));
    assert!(between(&nobody, "id=\"merge\"", "</form>").contains("No user has this value."), "{nobody}");
}

// Fails when a decided review has no button, or when reopening shows another one.
#[test]
fn a_review_that_was_dismissed_is_reopened_on_its_page() {
    let world = World::start();
    let workspace = world.workspace(&serde_json::json!(null));
    let kinds = serde_json::json!([{"kind": "customer_id", "pinned": true}, {"kind": "email"}]);
    workspace.admin("PUT", "/identity", &serde_json::json!({"enabled": true, "identifiers": kinds}));
    let customer = |id: &str| serde_json::json!({"type": "customer", "customer_id": id, "attributes": {"email": "e"}});
    // A second one waits, which is not where reopening leads.
    workspace.results(&serde_json::json!([customer("a"), customer("b"), customer("c")]));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let path = format!("/w/{}/reviews/r1", workspace.id);
    assert!(!text(&browser.get(&path)).contains("value=\"reopen\""), "it is open");
    assert_eq!(browser.post(&path, &[("decision", "dismiss")]).status, 303);
    assert!(text(&browser.get(&path)).contains("value=\"reopen\""));
    let reopened = browser.post(&path, &[("decision", "reopen")]);
    assert_eq!((reopened.status, reopened.header("location")), (303, Some(path.as_str())));
    assert_eq!(workspace.stats()["reviews"], 2);
}

// Fails when `preview` of `console/pages/merge.rs` takes the events of one side for those of the other, or `revert` asks for
// no name.
#[test]
fn a_revert_asks_with_its_numbers_and_for_the_name_of_the_merge() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let kinds = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}]});
    assert_eq!(workspace.admin("PUT", "/identity", &kinds).status, 200);
    let user = |id: &str, city: &str| json!({"type": "customer", "customer_id": id, "attributes": {"city": city}});
    let event = |id: &str| json!({"type": "event", "customer_id": id, "actions": [{"action": "opened"}]});
    workspace.results(&json!([event("a"), user("b", "Turin"), event("b"), user("c", "Pune"), event("c"), event("c")]));
    let id = |customer: &str| workspace.find("customer_id", customer).unwrap()["id"].clone();
    let survivor = id("a");
    for merged in [id("b"), id("c")] {
        let made = workspace.admin("POST", "/merges", &json!({"survivor": survivor, "merged": merged}));
        assert_eq!(made.status, 201, "{}", made.json());
    }
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let panel = |id: &str| {
        let page = text(&browser.get(&format!("/w/{}/merges/{id}?preview=revert", workspace.id)));
        between(&page, "id=\"revert\"", "</form>").to_owned()
    };
    let a = "<span class=\"mono\"><bdi>a</bdi></span>";
    let first = panel("m1");
    let told = [
        format!("<b>1</b><span>event moves back, 3 stay with {a}</span>"),
        "<b>1</b><span>identifier moves back: ".to_owned(),
        format!("<b>1</b><span>attribute is removed from {a}: <span class=\"mono\"><bdi>city</bdi></span></span>"),
    ];
    assert_eq!(told.map(|words| first.contains(&words)), [true, true, false], "{first}");
    let second = panel("m2");
    assert!(second.contains(&format!("<b>2</b><span>events move back, 2 stay with {a}</span>")), "{second}");
    let armed = "pattern=\"m2\" title=\"Type m2 exactly\" autocomplete=\"off\" spellcheck=\"false\" data-confirm>";
    assert!(second.contains(armed), "{second}");
    let revert = format!("/w/{}/merges/m2/revert", workspace.id);
    for wrong in ["", "m1", "M2"] {
        let refused = text(&browser.post(&revert, &[("confirm", wrong)]));
        assert!(refused.contains("Type m2 exactly to confirm"), "{wrong}: {refused}");
    }
    let is_reverted = || workspace.admin("GET", "/merges/m2", &Json::Null).json().get("reverted_at").is_some();
    assert_eq!((is_reverted(), browser.post(&revert, &[("confirm", "m2")]).status, is_reverted()), (false, 303, true));
    // The one merge that is left: what it brought goes with it.
    let last = panel("m1");
    let told = [
        format!("<b>1</b><span>event moves back, 1 stays with {a}</span>"),
        format!("<b>1</b><span>attribute is removed from {a}: <span class=\"mono\"><bdi>city</bdi></span></span>"),
    ];
    assert_eq!(told.map(|words| last.contains(&words)), [true; 2], "{last}");
}
