//! Deleting from the quarantine on its pages: a question with numbers, then an undo for a minute.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, Workspace, World};
use muster_server::limits::CONSOLE_ROWS;
use serde_json::{Value as Json, json};

fn quarantined(workspace: &Workspace<'_>, n: usize) -> Vec<String> {
    let device = json!({"type": "device", "customer_id": "nobody", "attributes": {"platform": "iOS", "push_id": "x"}});
    let long = json!({"type": "customer", "customer_id": "x".repeat(600)});
    workspace.results(&json!(std::iter::repeat_n(device, n - 1).chain([long]).collect::<Vec<_>>()));
    open(workspace)
}

fn open(workspace: &Workspace<'_>) -> Vec<String> {
    let items = workspace.admin("GET", "/quarantine?limit=1000", &Json::Null).json()["items"].clone();
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn entries<'i>(ids: &'i [String], more: &[(&'i str, &'i str)]) -> Vec<(&'i str, &'i str)> {
    ids.iter().map(|id| ("entry", id.as_str())).chain(more.to_vec()).collect()
}

// Fails when `many` of `console/pages/quarantine.rs` deletes at once, or `restore` brings back nothing.
#[test]
fn a_deletion_asks_with_its_numbers_and_is_undone_by_the_page_after_it() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let ids = quarantined(&workspace, 4);
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let page = format!("/w/{}/quarantine", workspace.id);
    let asked = browser.post(&page, &entries(&ids[..3], &[("action", "delete")]));
    let question = text(&asked);
    let told = [
        "<h1>Delete 3 elements from the quarantine?</h1>",
        "<b class=\"bad\">2</b><span>rejected with UnknownUser</span>",
        "<b class=\"bad\">1</b><span>rejected with KeyTooLong</span>",
        "name=\"confirmed\" value=\"delete\"",
    ];
    assert_eq!((asked.status, told.map(|it| question.contains(it))), (200, [true; 4]), "{question}");
    assert_eq!(open(&workspace), ids, "nothing is deleted before the answer");
    let deleted = browser.post(&page, &entries(&ids[..3], &[("confirmed", "delete")]));
    let mut sorted = ids[..3].to_vec();
    sorted.sort_unstable();
    let place = format!("{page}?deleted={}", sorted.join("_"));
    assert_eq!((deleted.status, deleted.header("location")), (303, Some(&*place)));
    assert_eq!(open(&workspace), ids[3..]);
    let after = text(&browser.get(&place));
    assert!(after.contains("3 elements deleted.") && after.contains(">Undo</button>"), "{after}");
    let restore = format!("{page}/restore");
    let undone = browser.post(&restore, &entries(&ids[..3], &[]));
    assert_eq!((undone.status, undone.header("location"), open(&workspace)), (303, Some(&*page), ids.clone()));
    assert!(!text(&browser.get(&place)).contains("Undo"), "there is nothing to undo any more");
    // A minute later it is too late.
    browser.post(&page, &entries(&ids[..1], &[("confirmed", "delete")]));
    let last = format!("{page}?deleted={}", ids[0]);
    assert!(text(&browser.get(&last)).contains("1 element deleted."));
    world.clock.step(60);
    assert!(!text(&browser.get(&last)).contains("Undo"));
    let late = browser.post(&restore, &entries(&ids[..1], &[]));
    let words = "1 entry of 1 could not be restored: deleted more than a minute ago.";
    assert_eq!((late.status, text(&late).contains(words), open(&workspace)), (422, true, ids[1..].to_vec()));
}

// Fails when a form of the page that selects nothing, or more than a page has, is answered by a page of its own or done.
#[test]
fn a_form_that_selects_nothing_or_too_much_is_answered_on_its_page() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let ids = quarantined(&workspace, CONSOLE_ROWS + 1);
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let page = format!("/w/{}/quarantine", workspace.id);
    let answers = [
        (browser.post(&page, &[("action", "delete")]), "Select at least one entry."),
        (browser.post(&page, &[("action", "replay")]), "Select at least one entry."),
        (browser.post(&page, &entries(&ids, &[("confirmed", "delete")])), "Select at most 50 entries"),
        (browser.post(&page, &entries(&ids, &[("action", "delete")])), "Select at most 50 entries"),
    ];
    for (answer, words) in answers {
        let shown = text(&answer);
        let rows = shown.matches("<tr id=\"q").count();
        assert_eq!((answer.status, shown.contains(words), rows), (422, true, CONSOLE_ROWS), "{words}");
    }
    assert_eq!(open(&workspace), ids);
}
