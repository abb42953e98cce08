//! Merges: listed, shown, reverted (behaviour.md 3.4).

use super::audit::Action;
use super::{Answer, Call, tree};
use muster_core::decide::{Revert, RevertOutcome};
use muster_core::decision::Mode;
use muster_core::id::MergeNo;
use muster_wire::manage::merge;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::{body, user};
use serde_json::json;

fn unknown() -> Problem {
    Problem::new(404, "no such merge")
}

/// `GET .../merges`: newest first.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let below = call.cursor(MergeNo::parse)?;
    let found = call.read(entry.id(), move |reader| reader.merges(below, limit)).await?;
    let next = found.items.last().filter(|_| found.more).map(|last| last.no.to_string());
    Ok(Call::about(&entry, tree(200, &page(found.items.iter().map(merge::json).collect(), next.as_deref()))))
}

/// `GET .../merges/{id}`.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let no = MergeNo::parse(call.part(1)).ok_or_else(unknown)?;
    let found = call.read(entry.id(), move |reader| reader.merge(no)).await?.ok_or_else(unknown)?;
    Ok(Call::about(&entry, tree(200, &merge::json(&found))))
}

/// `POST .../merges/{id}/revert?dry_run=`: cuts the link; a dry run shows both sides as they will be.
pub(crate) async fn revert(call: Call) -> Answer {
    let entry = call.entry()?;
    body::only_known(&body::object(&call.body)?, "", &[])?;
    let no = MergeNo::parse(call.part(1)).ok_or_else(unknown)?;
    let dry = call.is_true("dry_run");
    let mode = if dry { Mode::Dry } else { Mode::Commit };
    let outcome = call.app.decide(&entry, mode, |settings| Revert { merge: no, settings }).await?;
    let (survivor, restored, separation, sides) = match outcome {
        RevertOutcome::Reverted { survivor, restored, separation, sides } => (survivor, restored, separation, sides),
        RevertOutcome::Unknown => return Err(unknown().into()),
        RevertOutcome::Gone => return Err(Problem::new(410, "the profile of this merge was deleted").into()),
        RevertOutcome::AlreadyReverted(at) => {
            return Err(Problem::new(409, format!("this merge was reverted at {at}")).into());
        }
        RevertOutcome::UnderDeletion => {
            let why = "the deletion of this live profile is under way: it takes part in no merge and no revert";
            return Err(Problem::new(409, why).into());
        }
    };
    let mut answer = merge::reverted(survivor, restored, separation);
    if dry {
        answer["separation_id"] = json!(null);
        answer["preview"] = json!({"survivor": user::json(&sides.0, None), "restored": user::json(&sides.1, None)});
    } else {
        call.audit(Action::MergeReverted, Some(entry.id()), &no.to_string(), answer.clone()).await;
    }
    Ok(Call::about(&entry, tree(200, &answer)))
}
