//! Identity resolution of a workspace: shown and changed. A change that must look at stored data first is an activation.

use super::workspaces::{document, matches, tag, with};
use super::{Answer, Call, tree};
use crate::workspaces::Entry;
use axum::response::Response;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::{IdentityChange, compare, identity_from};

/// `GET .../identity`.
pub(crate) async fn show(call: Call) -> Answer {
    Ok(shown(&*call.entry()?))
}

fn shown(entry: &Entry) -> Response {
    let mut response = tree(200, &entry.document.identity_json());
    tag(&mut response, entry.workspace.revision);
    Call::about(entry, response)
}

/// `PUT .../identity`.
pub(crate) async fn change(call: Call) -> Answer {
    let entry = call.entry()?;
    let wanted = identity_from(&call.body)?;
    let headers = call.headers.clone();
    let changed = call.configure(entry.id(), move |workspace, counters| {
        matches(&headers, workspace)?;
        let mut document = document(workspace)?;
        let needs_activation = compare(&document.identity, &wanted) == IdentityChange::NeedsActivation;
        if needs_activation && counters.profile > 0 {
            return Err(Problem::new(
                409,
                "this change makes a kind active over stored data, or changes how its values are compared: that needs \
                 an activation, which this version does not do yet; change it while the workspace has no data",
            ));
        }
        document.identity = wanted;
        Ok(with(workspace, &document))
    });
    let changed = changed.await?;
    Ok(shown(&changed))
}
