//! Requests of the management API and Delete Users whose bodies are small and whose work is not: what they are about is
//! stored in the size that is measured.

use super::super::super::window::check_interrupted;
use super::super::caller::send;
use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{USUAL, kinds, known_by, lone_hub, meets, others, user};
use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// The members that a profile comes to beside its root: nearly the most that there may be.
const MEMBERS: usize = 990;
/// Users that a preview copies: a sixth of the most that it takes.
const PREVIEWED: usize = 8_000;
/// How long a job in the background may take, and how often it is looked at.
const JOB_PATIENCE: Duration = Duration::from_secs(120);
const JOB_GLANCE: Duration = Duration::from_millis(5);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = trees();
    cases.extend(reads());
    cases.push(
        Case::call("manage: a replay of many entries", 4_000, quarantine, |place| {
            let job = place.manage("POST", "/quarantine/replay", &json!({}))?;
            let id = job["job_id"].as_str().context("no job was named")?.to_owned();
            wait_for_job(place, &id)
        })
        .in_background(),
    );
    cases.push(Case::call("delete users: one of a flat profile", MEMBERS, flat, |place| delete(place, "h")));
    cases
}

/// A hub and this many users that were joined to it one by one.
fn flat(place: &CaseWorkspace<'_>, n: usize) -> Result<()> {
    place.identity(&kinds(&USUAL, &[], 1_000))?;
    lone_hub(place)?;
    others(place, n)?;
    place.store_in(100, (0..n).map(|at| meets("hub", &format!("x{at}"))))
}

/// A profile in which each of this many members is below the next.
fn chain(place: &CaseWorkspace<'_>, n: usize) -> Result<()> {
    let mut settings = kinds(&USUAL, &[], 1_000);
    settings["survivor"] = json!({"rule": "first_seen"});
    place.identity(&settings)?;
    let element = |at: usize| {
        let seen = format!("2020-01-01T00:{:02}:{:02}.000Z", at / 60, at % 60);
        known_by(&json!({"email": format!("e{at}"), "mobile": format!("m{at}"), "first_seen": seen}))
    };
    place.store((0..n).map(element))?;
    // Each merge lists the identifiers of all members so far: a request takes few of them.
    place.store_in(20, (0..n - 1).rev().map(|at| meets(&format!("e{at}"), &format!("m{}", at + 1))))
}

/// Two profiles of half as many members each with a review between them.
fn two_trees(place: &CaseWorkspace<'_>, n: usize) -> Result<()> {
    place.identity(&kinds(&USUAL, &[], 1_000))?;
    place.store([user("h0", &json!({"email": "hub0"})), user("h1", &json!({"email": "hub1"}))])?;
    others(place, n)?;
    place.store_in(100, (0..n).map(|at| meets(&format!("hub{}", at % 2), &format!("x{at}"))))?;
    place.identity(&kinds(&USUAL, &["customer_id"], 1_000))?;
    place.store([user("h0", &json!({"email": "hub1"}))])
}

/// Finds the merge at this place of the list, which begins with the newest.
fn merge_at(list_at: impl Fn(usize) -> usize) -> impl Fn(&CaseWorkspace<'_>) -> Result<String> {
    move |place| {
        let mut merges = place.ids("merges")?;
        let at = list_at(merges.len());
        if at < merges.len() { Ok(merges.swap_remove(at)) } else { bail!("nothing was merged") }
    }
}

fn revert(place: &CaseWorkspace<'_>, id: &str) -> Result<()> {
    place.manage("POST", &format!("/merges/{id}/revert"), &json!({})).map(drop)
}

fn first_review(place: &CaseWorkspace<'_>) -> Result<String> {
    place.ids("reviews")?.into_iter().next().context("there is no review")
}

fn decide(place: &CaseWorkspace<'_>, id: &str, decision: &str) -> Result<()> {
    place.manage("POST", &format!("/reviews/{id}"), &json!({"decision": decision})).map(drop)
}

fn trees() -> Vec<Case> {
    let newest = || merge_at(|_| 0);
    vec![
        Case::call_about("manage: the last merge of a flat profile is reverted", MEMBERS, flat, newest(), revert),
        Case::call_about(
            "manage: the first merge of a flat profile is reverted",
            MEMBERS,
            flat,
            merge_at(|merges| merges.saturating_sub(1)),
            revert,
        ),
        Case::call_about("manage: the last merge of a chain is reverted", MEMBERS, chain, newest(), revert),
        Case::call_about(
            "manage: the middle merge of a chain is reverted",
            MEMBERS,
            chain,
            merge_at(|merges| merges / 2),
            revert,
        ),
        Case::call_about(
            "manage: a review between two large profiles is decided, merge",
            MEMBERS,
            two_trees,
            first_review,
            |place, id| decide(place, id, "merge"),
        ),
        Case::call_about(
            "manage: a review between two large profiles is decided, keep apart",
            MEMBERS,
            two_trees,
            first_review,
            |place, id| decide(place, id, "keep_apart"),
        ),
    ]
}

/// Finds the user with this e-mail address.
fn user_of(email: &str) -> impl Fn(&CaseWorkspace<'_>) -> Result<String> {
    move |place| {
        let user = place.manage("POST", "/users/find", &json!({"kind": "email", "value": email}))?;
        user["id"].as_str().map(str::to_owned).context("the user has no id")
    }
}

fn history(place: &CaseWorkspace<'_>, id: &str) -> Result<()> {
    place.manage("GET", &format!("/users/{id}/history"), &Json::Null).map(drop)
}

fn reads() -> Vec<Case> {
    let preview =
        |place: &CaseWorkspace<'_>| place.manage("POST", "/identity/preview", &kinds(&USUAL, &[], 50)).map(drop);
    let lookup = |place: &CaseWorkspace<'_>| place.manage("POST", "/users/lookup", &json!({"value": "a@b"})).map(drop);
    let replacing = |place: &CaseWorkspace<'_>, n: usize| -> Result<()> {
        place.identity(&kinds(&USUAL, &[], 50))?;
        place.store((0..n).map(|at| known_by(&json!({"mobile": format!("m{at}")}))))?;
        // Each takes the value from nobody, and gives it up for another.
        let turns = (0..n).flat_map(|at| {
            let with = |email: &str| known_by(&json!({"mobile": format!("m{at}"), "email": email}));
            [with("a@b"), with(&format!("own{at}"))]
        });
        place.store(turns)
    };
    vec![
        Case::call("manage: a preview of one value that all hold", PREVIEWED, one_value, preview),
        Case::call("manage: a preview of pairs", PREVIEWED, in_pairs, preview),
        Case::call("manage: a lookup of a value that many held", 2_000, replacing, lookup),
        Case::call("manage: a user of a flat profile", MEMBERS, flat, |place| user_of("hub")(place).map(drop)),
        Case::call("manage: a user of a chain", MEMBERS, chain, |place| user_of("e0")(place).map(drop)),
        Case::call_about("manage: the history of a user of a flat profile", MEMBERS, flat, user_of("hub"), history),
        Case::call_about("manage: the history of a user of a chain", MEMBERS, chain, user_of("e0"), history),
        Case::call("manage: a page of the merges of a chain", MEMBERS, chain, |place| {
            place.manage("GET", "/merges?limit=1000", &Json::Null).map(drop)
        }),
        Case::call_about(
            "manage: both sides of a merge in a chain",
            MEMBERS,
            chain,
            merge_at(|merges| merges / 2),
            |place, id| place.manage("GET", &format!("/merges/{id}/before"), &Json::Null).map(drop),
        ),
    ]
}

fn one_value(place: &CaseWorkspace<'_>, n: usize) -> Result<()> {
    place.identity(&kinds(&USUAL[..2], &[], 50))?;
    place.store((0..n).map(|at| user(&format!("c{at}"), &json!({"email": "a@b"}))))
}

fn in_pairs(place: &CaseWorkspace<'_>, n: usize) -> Result<()> {
    place.identity(&kinds(&USUAL[..2], &[], 50))?;
    place.store((0..n).map(|at| user(&format!("c{at}"), &json!({"email": format!("e{}", at / 2)}))))
}

/// This many entries of devices whose users exist since.
fn quarantine(place: &CaseWorkspace<'_>, n: usize) -> Result<()> {
    let device = |at: usize| {
        let attributes = json!({"platform": "iOS", "push_id": format!("p{at}")});
        let (id, of) = (format!("d{at}"), format!("u{}", at % 100));
        json!({"type": "device", "customer_id": of, "device_id": id, "attributes": attributes})
    };
    let head = place.server.target(place.workspace).head;
    for from in (0..n).step_by(1_000) {
        let elements: Vec<Json> = (from..(from + 1_000).min(n)).map(device).collect();
        let body = json!({"type": "transition", "elements": elements}).to_string();
        let answer = send(place.server.addr, &head, body.as_bytes())?;
        if answer.status != 200 {
            bail!("what a case prepares was answered {}", answer.status);
        }
    }
    place.store((0..100).map(|at| user(&format!("u{at}"), &json!({}))))
}

/// Waits for the end of a job.
fn wait_for_job(place: &CaseWorkspace<'_>, job: &str) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < JOB_PATIENCE {
        check_interrupted()?;
        let state = place.manage("GET", &format!("/jobs/{job}"), &Json::Null)?;
        if state["state"] != "running" {
            return Ok(());
        }
        std::thread::sleep(JOB_GLANCE);
    }
    bail!("the job did not end")
}

/// Delete Users of one of them.
fn delete(place: &CaseWorkspace<'_>, id: &str) -> Result<()> {
    let path = format!("/v1/transition/{}", place.workspace.id);
    let called = format!("/v1/customer/delete?app_id={}", place.workspace.id);
    let head = place.server.target(place.workspace).head.replacen(&path, &called, 1);
    let body = json!({"identity_type": "customer_id", "identity_value": id}).to_string();
    let answer = send(place.server.addr, &head, body.as_bytes())?;
    if answer.status == 200 { Ok(()) } else { bail!("deleting was answered {}", answer.status) }
}
