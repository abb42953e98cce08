//! Owns full bodies into one workspace beside other work on it: an identifier kind that becomes active over all stored
//! users, one activation after another, and the deletion of users with many events.

use super::super::figures::BenchRow;
use super::super::load;
use super::super::server::{BenchServer, BenchWorkspace};
use super::super::window::check_interrupted;
use super::super::worst::things::{USUAL, event, kinds};
use super::super::worst::{CaseWorkspace, send};
use super::loaded_data::LoadedData;
use super::loads::{Round, full};
use anyhow::{Result, bail};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is checked whether a kind is active.
const PAUSE: Duration = Duration::from_millis(20);
/// Profiles that a value of a kind may join: more than any here does.
const PROFILES_MAX: u32 = 50;
/// From the start of a server to its first sweep of deleted users (`SWEEP_PERIOD` of the server), and how much earlier
/// the window begins.
const SWEEP_AFTER: Duration = Duration::from_secs(30);
const SWEEP_LEAD: Duration = Duration::from_millis(500);
/// Events of one element that prepares a user to be deleted.
const EVENTS_OF_ELEMENT: usize = 1_000;

/// Activates the third kind over all stored users for as long as the load runs.
pub(super) fn activation(binary: &Path, data: &LoadedData, round: &mut Round<'_>) -> Result<()> {
    let data = data.copy()?;
    let server = BenchServer::muster(binary, &data.dir)?;
    let place = CaseWorkspace { server: &server, workspace: &data.workspaces[0] };
    let load = full(data.targets(&server), round.number);
    let is_over = AtomicBool::new(false);
    let (outcome, activations) = std::thread::scope(|scope| {
        let work = scope.spawn(|| activate_until(&place, &is_over));
        let outcome = round.disk.measure(|| load::drive(&load, round.options.times(), || server.usage()));
        is_over.store(true, Ordering::Relaxed);
        (outcome, work.join().expect("activations do not panic"))
    });
    let activations = activations?;
    round.figures.push(BenchRow::BesideActivation, outcome?);
    round
        .figures
        .beside
        .push(format!("{activations} activations of a kind over all users, the last ended after the run"));
    data.check_counts(&server, BenchRow::BesideActivation, round.figures)?;
    server.stop()
}

/// Returns how many activations there were.
fn activate_until(place: &CaseWorkspace<'_>, is_over: &AtomicBool) -> Result<u64> {
    let mut activations = 0;
    while !is_over.load(Ordering::Relaxed) {
        place.manage("PUT", "/identity", &kinds(&USUAL[..2], &[], PROFILES_MAX))?;
        place.manage("PUT", "/identity", &kinds(&USUAL, &[], PROFILES_MAX))?;
        while place.manage("GET", "/identity", &Json::Null)?["state"] == "activating" {
            check_interrupted()?;
            std::thread::sleep(PAUSE);
        }
        activations += 1;
    }
    Ok(activations)
}

/// Deletes users with many events while the load runs. The window begins just before the first sweep of the server.
pub(super) fn deletion(binary: &Path, data: &LoadedData, round: &mut Round<'_>) -> Result<()> {
    let (users, events) = if round.options.quick { (10, 10_000) } else { (20, 20_000) };
    let data = data.copy()?;
    let server = BenchServer::muster(binary, &data.dir)?;
    let workspace = &data.workspaces[0];
    prepare_deletions(&server, workspace, (users, events))?;
    let load = full(data.targets(&server), round.number);
    let begin = (SWEEP_AFTER - SWEEP_LEAD).saturating_sub(round.options.times().warm);
    if server.began.elapsed() > begin {
        bail!("preparing the deletions took longer than the time to the first sweep");
    }
    std::thread::sleep(begin.saturating_sub(server.began.elapsed()));
    let outcome = round.disk.measure(|| load::drive(&load, round.options.times(), || server.usage()))?;
    let (_, left) = server.counts(&workspace.id)?;
    let stored = workspace.world.handed_out().1 + (users * events) as u64;
    let deleted = stored.saturating_sub(left);
    if deleted == 0 {
        bail!("no event was deleted within the run beside the deletion of users");
    }
    round.figures.push(BenchRow::BesideDeletion, outcome);
    let text =
        format!("deletion of {users} users of {events} events each: {deleted} events deleted by the end of the run");
    round.figures.beside.push(text);
    server.stop()
}

/// Stores users with events and requests their deletion, which is due at once.
fn prepare_deletions(server: &BenchServer, workspace: &BenchWorkspace, (users, events): (usize, usize)) -> Result<()> {
    let place = CaseWorkspace { server, workspace };
    place.manage("PATCH", "", &json!({"delete_buffer_hours": 0, "limits": {"body_bytes": 1_048_576}}))?;
    let elements = (0..users).flat_map(|user| (0..events / EVENTS_OF_ELEMENT).map(move |_| user));
    place.store(elements.map(|user| event(&format!("deleted-{user}"), EVENTS_OF_ELEMENT)))?;
    let target = server.target(workspace);
    let import = format!("/v1/transition/{}", workspace.id);
    let head = target.head.replacen(&import, &format!("/v1/customer/delete?app_id={}", workspace.id), 1);
    for user in 0..users {
        let body = json!({"identity_type": "customer_id", "identity_value": format!("deleted-{user}")}).to_string();
        let status = send(target.addr, &head, body.as_bytes())?.status;
        if status != 200 {
            bail!("the deletion of a user was answered {status}");
        }
    }
    Ok(())
}
