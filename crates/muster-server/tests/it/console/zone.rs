//! The time zone of the pages: the workspace's, UTC, or one that the browser chose and keeps.

use super::{Browser, SAME_ORIGIN, text};
use crate::world::{ADMIN_TOKEN, World, customer};
use serde_json::json;

// Fails when `times` ignores the cookie, or `choose` writes it whatever was sent.
#[test]
fn times_are_told_in_the_zone_that_was_chosen_until_that_of_the_workspace_is_chosen_again() {
    let world = World::start();
    let workspace = world.workspace(&json!({"time_zone": "Europe/Berlin"}));
    workspace.import(&[], &json!([customer("a")]));
    let mut browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let session = browser.cookie.clone();
    let live = format!("/w/{}/live?outcome=created", workspace.id);
    let referer = format!("http://muster.test{live}");
    let from = [SAME_ORIGIN, ("Referer", referer.as_str())];
    let mut told = Vec::new();
    for zone in ["", "Asia/Kolkata", "UTC", "workspace"] {
        if !zone.is_empty() {
            let answer = browser.post_from(&from, "/zone", &[("zone", zone)]);
            assert_eq!((answer.status, answer.header("location")), (303, Some(&*live)), "{zone}");
            let line = answer.header("set-cookie").unwrap();
            browser.cookie = format!("{session}; {}", line.split(';').next().unwrap());
        }
        let page = text(&browser.get(&live));
        let time = page.split_once(" UTC\">").unwrap().1.split('<').next().unwrap().to_owned();
        let bar = page.split_once("Times in ").unwrap().1.split('<').next().unwrap().to_owned();
        told.push((time, bar));
    }
    let row = |time: &str, bar: &str| (format!("5 Jan {time}:00.000"), bar.to_owned());
    let berlin = row("01:00", "Europe/Berlin, UTC+01:00");
    let want = [berlin.clone(), row("05:30", "Asia/Kolkata, UTC+05:30"), row("00:00", "UTC"), berlin];
    assert_eq!(told, want);
    for wrong in ["", "Mars/Olympus", "../etc/passwd", "UTC; Path=/x"] {
        let answer = browser.post_from(&from, "/zone", &[("zone", wrong)]);
        assert_eq!((answer.status, answer.header("set-cookie")), (400, None), "{wrong}");
    }
    assert_eq!(browser.post_from(&[("Sec-Fetch-Site", "cross-site")], "/zone", &[("zone", "UTC")]).status, 403);
    // A cookie that somebody else wrote names no zone: that of the workspace stays.
    browser.cookie = format!("{session}; zone=../../etc/localtime");
    assert!(text(&browser.get(&live)).contains("Times in Europe/Berlin, UTC+01:00"));
}
