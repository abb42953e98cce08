//! Which requests somebody wants to see: one reading of the parameters and one rule, for the log and for live streams,
//! those of the console with them.

use super::users::members_of;
use super::{Call, Refusal, blocking};
use crate::app::App;
use crate::pulse::{LiveRequest, Traits};
use crate::workspaces::Entry;
use muster_core::command::ElementKind;
use muster_core::id::{ProfileId, ProfileNo, WorkspaceId};
use muster_core::outcome::Outcome;
use muster_core::record::Request;
use muster_wire::data::answer::kind_name;
use muster_wire::manage::problem::Problem;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// What a request must be like; the default wants all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Of this status.
    pub(crate) status: Option<u16>,
    /// With an element of this outcome.
    pub(crate) outcome: Option<Outcome>,
    /// With an element of this kind.
    kind: Option<ElementKind>,
    /// From this address, as the log writes it. It is personal data, so no query string tells it (behaviour.md 4) and no
    /// stream asks for it.
    origin: Option<String>,
    /// One of its members was touched.
    user: Option<Followed>,
}

/// A user whose requests are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Followed {
    id: ProfileId,
    /// Who belonged to it when that was read last, and what a stream saw join them since.
    members: BTreeSet<ProfileNo>,
}

impl Wanted {
    /// Of the parameters `status`, `outcome`, `kind` and `user_id`.
    ///
    /// # Errors
    /// 400 for what cannot be read, 404 for a user that is not there; those of the storage.
    pub(crate) async fn of(call: &Call, entry: &Entry) -> Result<Self, Refusal> {
        if call.parameter("origin_address").is_some() {
            let why = "an origin address is personal data and stands in no query string: POST requests/find takes it";
            return Err(Problem::new(400, why).into());
        }
        let no_status = || Problem::new(400, "status must be an HTTP status, like 200 or 400");
        Ok(Self {
            status: call.parameter("status").map(|text| text.parse().map_err(|_| no_status())).transpose()?,
            outcome: call.parameter("outcome").map(outcome).transpose()?,
            kind: call.parameter("kind").map(kind).transpose()?,
            origin: None,
            user: match call.parameter("user_id") {
                Some(id) => Some(Followed::of(call, entry, id).await?),
                None => None,
            },
        })
    }

    /// The same, but from this origin address alone, in any spelling of it.
    ///
    /// # Errors
    /// 400 for what is no address.
    pub(crate) fn with_origin(self, text: &str) -> Result<Self, Problem> {
        let none = |_| Problem::at("/origin_address", "give an IPv4 or IPv6 address");
        // As the log writes it, where IPv4 mapped into IPv6 is IPv4.
        let origin = text.parse::<IpAddr>().map_err(none)?.to_canonical().to_string();
        Ok(Self { origin: Some(origin), ..self })
    }

    /// Whether the storage alone can tell which requests these are.
    pub(crate) fn is_plain(&self) -> bool {
        self.kind.is_none() && self.origin.is_none() && self.user.is_none()
    }

    /// Whether an entry of the log is wanted.
    pub(crate) fn keeps(&self, request: &Request) -> bool {
        let came_from = |origin: &str| request.origin.as_deref() == Some(origin);
        self.origin.as_deref().is_none_or(came_from) && (self.is_plain() || self.fits(&Traits::of(request, usize::MAX)))
    }

    /// Whether a request of a live stream is wanted. What it merged with the user belongs to the user from then on.
    pub(crate) fn shows(&mut self, request: &LiveRequest) -> bool {
        if let Some(user) = &mut self.user {
            request.traits.widen(&mut user.members);
        }
        self.fits(&request.traits)
    }

    /// Reads anew who belongs to the user, if one is followed: merges by a review, by an activation or by a call are no
    /// request that a stream sees, and a revert takes members away. A user that is gone has none; while the storage does
    /// not answer they stay as they were.
    pub(crate) async fn read_again(&mut self, app: &App, workspace: &WorkspaceId) {
        let Some(user) = &mut self.user else { return };
        let (engine, workspace, id) = (Arc::clone(&app.engine), workspace.clone(), user.id);
        if let Ok(found) = blocking(move || members_of(&mut *engine.read(&workspace)?, id)).await {
            user.members = found.unwrap_or_default();
        }
    }

    fn fits(&self, traits: &Traits) -> bool {
        self.status.is_none_or(|status| traits.status == status)
            && self.outcome.is_none_or(|outcome| traits.had(outcome))
            && self.kind.is_none_or(|kind| traits.held(kind))
            && self.user.as_ref().is_none_or(|user| traits.touched(&user.members))
    }
}

fn outcome(text: &str) -> Result<Outcome, Problem> {
    let unknown = || Problem::new(400, "outcome must be created, updated, merged, skipped, duplicate or rejected");
    Outcome::ALL.into_iter().find(|outcome| outcome.name() == text).ok_or_else(unknown)
}

fn kind(text: &str) -> Result<ElementKind, Problem> {
    let unknown = || Problem::new(400, "kind must be customer, event or device");
    let kinds = [ElementKind::Customer, ElementKind::Event, ElementKind::Device];
    kinds.into_iter().find(|kind| kind_name(*kind) == Some(text)).ok_or_else(unknown)
}

impl Followed {
    async fn of(call: &Call, entry: &Entry, id: &str) -> Result<Self, Refusal> {
        let nobody = || Problem::new(404, "no such user");
        let id = ProfileId::parse(id).ok_or_else(nobody)?;
        let members = call.read(entry.id(), move |reader| members_of(reader, id)).await?.ok_or_else(nobody)?;
        Ok(Self { id, members })
    }
}
