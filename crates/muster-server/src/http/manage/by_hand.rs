//! Two users merged by hand (behaviour.md 4.ca).

use super::audit::Action;
use super::{Answer, Call, tree};
use axum::http::HeaderValue;
use axum::http::header::LOCATION;
use muster_core::decide::{MergeUsers, MergeUsersOutcome};
use muster_core::decision::Mode;
use muster_core::id::ProfileId;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::{body, merge};
use serde_json::{Map, Value as Json, json};

/// `POST .../merges?dry_run=` `{"survivor", "merged"}`: each any id of a user. A dry run answers the record that would be
/// made, without its number and time.
pub(crate) async fn merge_users(call: Call) -> Answer {
    let entry = call.entry()?;
    let members = body::object(&call.body)?;
    body::only_known(&members, "", &["survivor", "merged"])?;
    let (survivor, merged) = (id(&members, "survivor")?, id(&members, "merged")?);
    let dry = call.is_true("dry_run");
    let mode = if dry { Mode::Dry } else { Mode::Commit };
    let outcome = call.app.decide(&entry, mode, |settings| MergeUsers { survivor, merged, settings }).await?;
    let record = match outcome {
        MergeUsersOutcome::Merged(record) => record,
        refused => return Err(problem(&refused, (survivor, merged)).into()),
    };
    let mut answer = merge::json(&record);
    if dry {
        if let Json::Object(members) = &mut answer {
            members.retain(|name, _| name != "id" && name != "at");
        }
        return Ok(Call::about(&entry, tree(200, &answer)));
    }
    let detail = json!({"survivor": record.survivor.to_string(), "merged": record.merged.to_string()});
    call.audit(Action::UsersMerged, Some(entry.id()), &record.no.to_string(), detail).await;
    let mut response = tree(201, &answer);
    let place = format!("/api/v1/workspaces/{}/merges/{}", entry.id(), record.no);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(Call::about(&entry, response))
}

fn id(members: &Map<String, Json>, name: &str) -> Result<ProfileId, Problem> {
    let text = members.get(name).and_then(Json::as_str);
    let wrong = || Problem::at(format!("/{name}"), "must be a user id of 24 hexadecimal digits");
    text.and_then(ProfileId::parse).ok_or_else(wrong)
}

fn problem(outcome: &MergeUsersOutcome, (survivor, _): (ProfileId, ProfileId)) -> Problem {
    match outcome {
        MergeUsersOutcome::Unknown(id) => {
            let name = if *id == survivor { "survivor" } else { "merged" };
            Problem { pointer: Some(format!("/{name}")), ..Problem::new(404, "no such user") }
        }
        MergeUsersOutcome::SameProfile | MergeUsersOutcome::Merged(_) => {
            Problem::at("/merged", "both ids are of one user already")
        }
        MergeUsersOutcome::Separated => {
            Problem::new(409, "a separation keeps these users apart: lift it first (DELETE .../separations/{id})")
        }
        MergeUsersOutcome::UnderDeletion => {
            Problem::new(409, "the deletion of one of these users is in progress: it takes part in no merge")
        }
        MergeUsersOutcome::TooManyMembers => Problem::new(409, "the user would have more than 1,000 members"),
        MergeUsersOutcome::TooLarge => {
            Problem::new(409, "the user would be larger than the workspace allows (limits.profile_bytes)")
        }
    }
}
