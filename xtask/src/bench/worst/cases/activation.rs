//! A kind that becomes active over stored data while one of its values is held by thousands: the request arrives in the
//! middle of it.

use super::super::super::window::check_interrupted;
use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{USUAL, kinds, known_by, user};
use anyhow::Result;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// Users that hold the one value: enough that the request finds most of them not yet joined.
const HOLDERS: usize = 20_000;
/// Values that several hold, and how many hold each.
const VALUES: usize = 1_500;
const OF_ONE_VALUE: usize = 40;
/// How long it is waited for the second phase.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
const GLANCE: Duration = Duration::from_millis(2);

pub(super) fn cases() -> Vec<Case> {
    let one = |place: &CaseWorkspace<'_>| holders(place, HOLDERS, |_| "a@b".to_owned());
    let several =
        |place: &CaseWorkspace<'_>| holders(place, VALUES * OF_ONE_VALUE, |at| format!("e{}", at / OF_ONE_VALUE));
    vec![
        Case::import("activation: one value that all hold", one, |n| {
            (0..n).map(|_| known_by(&json!({"email": "a@b"}))).collect()
        })
        .after(joining),
        Case::import("activation: one value that all hold, other customers", one, |n| {
            (0..n).map(|at| user(&format!("c{}", HOLDERS - 1 - at), &json!({"email": "a@b"}))).collect()
        })
        .after(joining),
        Case::import("activation: values that forty hold each", several, |n| {
            // From the end: the pass begins with the oldest.
            (0..n).map(|at| known_by(&json!({"email": format!("e{}", VALUES - 1 - at)}))).collect()
        })
        .most(VALUES)
        .after(joining),
    ]
}

/// Two kinds; the third is a plain attribute so far.
fn holders(place: &CaseWorkspace<'_>, count: usize, value: impl Fn(usize) -> String) -> Result<()> {
    place.identity(&kinds(&USUAL[..2], &[], 1_000))?;
    place.store((0..count).map(|at| user(&format!("c{at}"), &json!({"email": value(at)}))))
}

/// Makes the third kind active, and waits until its values are being joined; false if that was over before it was seen.
fn joining(place: &CaseWorkspace<'_>) -> Result<bool> {
    place.manage("PUT", "/identity", &kinds(&USUAL, &[], 1_000))?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        check_interrupted()?;
        let state = place.manage("GET", "/identity", &Json::Null)?;
        if state["state"] != "activating" {
            return Ok(false);
        }
        // Both phases count: the first half is the index.
        let count = |name: &str| state[name].as_u64().unwrap_or(0);
        if 2 * count("done") > count("total") {
            return Ok(true);
        }
        std::thread::sleep(GLANCE);
    }
    Ok(false)
}
