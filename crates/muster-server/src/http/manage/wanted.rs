//! Which requests somebody wants to see: one reading of the parameters and one rule, for the log and for live streams,
//! those of the console with them.

use super::{Call, ManageError, blocking};
use crate::app::App;
use crate::manage::users::members_of;
use crate::pulse::{LiveRequest, Refusal as Refused, Traits};
use crate::workspaces::Entry;
use muster_core::id::{ProfileId, ProfileNo, WorkspaceId};
use muster_core::kinds::ElementKind;
use muster_core::outcome::Outcome;
use muster_core::record::LogEntry;
use muster_core::time::{Date, Timestamp};
use muster_wire::data::answer::kind_name;
use muster_wire::data::failure::{is_logged, known_statuses, known_types};
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
    /// With an error of this type.
    fault: Option<&'static str>,
    /// With a warning, or without any.
    warnings: Option<bool>,
    /// Received then or later.
    pub(crate) since: Option<Timestamp>,
    /// Received earlier.
    pub(crate) until: Option<Timestamp>,
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
    /// Of the parameters `status`, `outcome`, `kind`, `fault`, `warnings`, `since`, `until` and `user_id`.
    ///
    /// # Errors
    /// 400 for what cannot be read, 404 for a user that is not there; those of the storage.
    pub(crate) async fn of(call: &Call, entry: &Entry) -> Result<Self, ManageError> {
        if call.parameter("origin_address").is_some() {
            let why = "an origin address is personal data and stands in no query string: POST requests/find takes it";
            return Err(Problem::new(400, why).into());
        }
        let (since, until) = (instant(call, "since")?, instant(call, "until")?);
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            return Err(Problem::new(400, "since must be earlier than until").into());
        }
        Ok(Self {
            status: call.parameter("status").map(status).transpose()?,
            outcome: call.parameter("outcome").map(outcome).transpose()?,
            kind: call.parameter("kind").map(kind).transpose()?,
            fault: call.parameter("fault").map(fault).transpose()?,
            warnings: call.parameter("warnings").map(|text| flag("warnings", text)).transpose()?,
            since,
            until,
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

    /// Whether the storage alone can tell which requests these are; those of a time are beside each other there.
    pub(crate) fn is_plain(&self) -> bool {
        let by_elements = self.kind.is_some() || self.fault.is_some() || self.warnings.is_some();
        !by_elements && self.origin.is_none() && self.user.is_none()
    }

    /// Whether an entry of the log is wanted, the time aside, which is where its reader begins and ends.
    pub(crate) fn keeps(&self, request: &LogEntry) -> bool {
        let came_from = |origin: &str| request.origin.as_deref() == Some(origin);
        self.origin.as_deref().is_none_or(came_from) && (self.is_plain() || self.fits(&Traits::of(request, usize::MAX)))
    }

    /// Whether refusals that the log does not keep are among them where nobody asks for those: a status that no entry of
    /// the log has.
    pub(crate) fn is_of_refusals(&self) -> bool {
        self.status.is_some_and(|status| !is_logged(status))
    }

    /// Whether a refusal that the log does not keep is wanted. Nothing is known of its elements.
    pub(crate) fn keeps_refusal(&self, refusal: &Refused) -> bool {
        let came_from = |origin: &str| refusal.origin.as_deref() == Some(origin);
        self.origin.as_deref().is_none_or(came_from) && self.fits(&refusal.traits())
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
            && self.fault.is_none_or(|fault| traits.failed(fault))
            && self.warnings.is_none_or(|with| traits.has_warnings == with)
            && self.since.is_none_or(|since| traits.received_at >= since)
            && self.until.is_none_or(|until| traits.received_at < until)
            && self.user.as_ref().is_none_or(|user| traits.touched(&user.members))
    }
}

fn status(text: &str) -> Result<u16, Problem> {
    let known = known_statuses();
    let status = text.parse().ok().filter(|status| known.contains(status));
    status.ok_or_else(|| {
        let known: Vec<String> = known.iter().map(u16::to_string).collect();
        Problem::new(400, format!("status must be one that imports are answered with: {}", known.join(", ")))
    })
}

fn fault(text: &str) -> Result<&'static str, Problem> {
    let unknown = || Problem::new(400, "fault must be the type of an error, as answers and the log spell it");
    known_types().into_iter().find(|known| *known == text).ok_or_else(unknown)
}

/// A flag of a query.
///
/// # Errors
/// 400 for what is neither.
pub(super) fn flag(name: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::new(400, format!("{name} must be true or false"))),
    }
}

/// An instant of a query, in UTC unless it has an offset.
fn instant(call: &Call, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let wrong = || Problem::new(400, format!("{name} must be an instant as ISO 8601, such as 2026-11-24T13:05:00Z"));
    Ok(Some(Date::parse(text).ok_or_else(wrong)?.instant(0)))
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
    async fn of(call: &Call, entry: &Entry, id: &str) -> Result<Self, ManageError> {
        let nobody = || Problem::new(404, "no such user");
        let id = ProfileId::parse(id).ok_or_else(nobody)?;
        let members = call.read(entry.id(), move |reader| members_of(reader, id)).await?.ok_or_else(nobody)?;
        Ok(Self { id, members })
    }
}
