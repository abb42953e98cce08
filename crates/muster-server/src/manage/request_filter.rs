//! Which requests are listed and streamed: one reading of the parameters and one rule, for the log and for live streams, of
//! the API and of the console.

use super::arguments::{Arguments, PathId as _, Sent, flag, one_of};
use super::context::{WorkspaceContext, blocking};
use super::description::{CallDescription, Parameter};
use super::error::ManageError;
use super::users::members_of;
use crate::activity::{LiveRequest, Refusal, RequestFacets};
use crate::app::App;
use muster_core::id::{ProfileId, ProfileNo, WorkspaceId};
use muster_core::kinds::ElementKind;
use muster_core::outcome::Outcome;
use muster_core::record::LogEntry;
use muster_core::time::{Date, Timestamp};
use muster_wire::data::answer::kind_name;
use muster_wire::data::known::{is_logged, known_statuses, known_types};
use muster_wire::manage::as_text::WireText as _;
use muster_wire::manage::problem::Problem;
use schemars::json_schema;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The parameters of a filter of requests; the default takes all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestFilterQuery {
    /// Of this status.
    status: Option<u16>,
    /// With an element of this outcome.
    outcome: Option<Outcome>,
    /// With an element of this kind.
    kind: Option<ElementKind>,
    /// With an error of this type.
    fault: Option<&'static str>,
    /// With a warning, or without any.
    warnings: Option<bool>,
    /// Received at this instant or later.
    since: Option<Timestamp>,
    /// Received earlier.
    until: Option<Timestamp>,
    /// That touched the user of this id; it is checked together with whether the user exists.
    user: Option<String>,
}

impl RequestFilterQuery {
    /// Reads the parameters `status`, `outcome`, `kind`, `fault`, `warnings`, `since`, `until` and `user_id`.
    ///
    /// # Errors
    /// 400 for what cannot be read.
    pub(crate) fn parse<'p>(parameter: impl Fn(&str) -> Option<&'p str>) -> Result<Self, Problem> {
        if parameter("origin_address").is_some() {
            let why = "an origin address is personal data and must not be in a query string: use POST requests/find";
            return Err(Problem::new(400, why));
        }
        let instant = |name: &str| parameter(name).map(|text| instant(name, text)).transpose();
        let (since, until) = (instant("since")?, instant("until")?);
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            return Err(Problem::new(400, "since must be earlier than until"));
        }
        Ok(Self {
            status: parameter("status").map(status).transpose()?,
            outcome: parameter("outcome").map(outcome).transpose()?,
            kind: parameter("kind").map(kind).transpose()?,
            fault: parameter("fault").map(fault).transpose()?,
            warnings: parameter("warnings").map(|text| flag("warnings", text)).transpose()?,
            since,
            until,
            user: parameter("user_id").map(str::to_owned),
        })
    }
}

impl Arguments for RequestFilterQuery {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Self::parse(|name| sent.parameter(name))
    }

    fn describe(call: &mut CallDescription<'_>) {
        let instant = || json_schema!({"type": "string", "format": "date-time"});
        let parameters = [
            (
                "status",
                "With this status; it must be one that imports are answered with",
                json_schema!({"type": "integer"}),
            ),
            ("outcome", "With an element of this outcome", Outcome::format()),
            ("kind", "With an element of this type", one_of(&["customer", "event", "device"])),
            ("fault", "With an error of this type, spelled as in answers", json_schema!({"type": "string"})),
            ("warnings", "With a warning, or without any", json_schema!({"type": "boolean"})),
            ("since", "Received at this instant or later; UTC unless it has an offset", instant()),
            ("until", "Received earlier than this instant", instant()),
            (
                "user_id",
                "With an element that touched this user. A filter by kind, fault, warnings or user reads a bounded \
                 number of entries: a page can be short or empty and still have a next_cursor",
                ProfileId::format(),
            ),
        ];
        for (name, meaning, schema) in parameters {
            call.query(Parameter::new(name, meaning, schema));
        }
    }
}

/// A filter of requests with all that it must know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestFilter {
    query: RequestFilterQuery,
    /// From this address, as the log writes it. It is personal data, so no query string has it (behaviour.md 4) and no
    /// stream asks for it.
    origin: Option<String>,
    /// One of its members was touched.
    user: Option<FollowedUser>,
}

/// A user whose requests are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FollowedUser {
    id: ProfileId,
    /// The members when they were read last, and those that a stream saw join them since.
    members: BTreeSet<ProfileNo>,
}

impl RequestFilter {
    /// Reads what the filter must know of the user that it names.
    ///
    /// # Errors
    /// 404 for a user that does not exist; those of the storage.
    pub(crate) async fn new(call: &WorkspaceContext, query: RequestFilterQuery) -> Result<Self, ManageError> {
        let user = match &query.user {
            None => None,
            Some(id) => {
                let id = ProfileId::parse(id).ok_or_else(ProfileId::unknown)?;
                let members = call.read(move |reader| members_of(reader, id)).await?;
                Some(FollowedUser { id, members: members.ok_or_else(ProfileId::unknown)? })
            }
        };
        Ok(Self { query, origin: None, user })
    }

    /// Returns the status that is wanted.
    pub(crate) fn status(&self) -> Option<u16> {
        self.query.status
    }

    /// Returns the outcome of an element that is wanted.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.query.outcome
    }

    /// Returns the instant that requests are received at or later.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.query.since
    }

    /// Returns the instant that requests are received before.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.query.until
    }

    /// The same, but from this origin address alone, in any spelling of it.
    ///
    /// # Errors
    /// 400 for what is not an address.
    pub(crate) fn with_origin(self, text: &str) -> Result<Self, Problem> {
        let none = |_| Problem::at("/origin_address", "give an IPv4 or IPv6 address");
        // As the log writes it, where IPv4 mapped into IPv6 is IPv4.
        let origin = text.parse::<IpAddr>().map_err(none)?.to_canonical().to_string();
        Ok(Self { origin: Some(origin), ..self })
    }

    /// Returns whether the storage alone can tell which requests these are; those of a time are beside each other
    /// there.
    pub(crate) fn is_plain(&self) -> bool {
        let RequestFilterQuery { kind, fault, warnings, .. } = &self.query;
        let by_elements = kind.is_some() || fault.is_some() || warnings.is_some();
        !by_elements && self.origin.is_none() && self.user.is_none()
    }

    /// Returns whether an entry of the log is wanted, except for its time, which bounds the reader.
    pub(crate) fn keeps(&self, request: &LogEntry) -> bool {
        let came_from = |origin: &str| request.origin.as_deref() == Some(origin);
        self.origin.as_deref().is_none_or(came_from)
            && (self.is_plain() || self.fits(&RequestFacets::from_entry(request, usize::MAX)))
    }

    /// Returns whether refusals that the log does not keep are among them where nobody asks for those: a status that no
    /// entry of the log has.
    pub(crate) fn is_of_refusals(&self) -> bool {
        self.query.status.is_some_and(|status| !is_logged(status))
    }

    /// Returns whether a refusal that the log does not keep is wanted. Nothing is known of its elements.
    pub(crate) fn keeps_refusal(&self, refusal: &Refusal) -> bool {
        let came_from = |origin: &str| refusal.origin.as_deref() == Some(origin);
        self.origin.as_deref().is_none_or(came_from) && self.fits(&refusal.facets())
    }

    /// Returns whether a request of a live stream is wanted. What it merged with the user belongs to the user from then
    /// on.
    pub(crate) fn shows(&mut self, request: &LiveRequest) -> bool {
        if let Some(user) = &mut self.user {
            request.facets.widen(&mut user.members);
        }
        self.fits(&request.facets)
    }

    /// Reads the members of the followed user again: a stream does not see merges by a review, an activation or an API
    /// call, and a revert detaches members. A deleted user has none; while the storage does not answer they stay as they
    /// were.
    pub(crate) async fn read_again(&mut self, app: &App, workspace: &WorkspaceId) {
        let Some(user) = &mut self.user else { return };
        let (engine, workspace, id) = (Arc::clone(&app.engine), workspace.clone(), user.id);
        if let Ok(found) = blocking(move || members_of(&mut *engine.read(&workspace)?, id)).await {
            user.members = found.unwrap_or_default();
        }
    }

    fn fits(&self, facets: &RequestFacets) -> bool {
        let query = &self.query;
        query.status.is_none_or(|status| facets.status == status)
            && query.outcome.is_none_or(|outcome| facets.has_outcome(outcome))
            && query.kind.is_none_or(|kind| facets.has_kind(kind))
            && query.fault.is_none_or(|fault| facets.has_fault(fault))
            && query.warnings.is_none_or(|with| facets.has_warnings == with)
            && query.since.is_none_or(|since| facets.received_at >= since)
            && query.until.is_none_or(|until| facets.received_at < until)
            && self.user.as_ref().is_none_or(|user| facets.touched(&user.members))
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

/// Returns an instant of a query, in UTC unless it has an offset.
fn instant(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let wrong = || Problem::new(400, format!("{name} must be an instant as ISO 8601, such as 2026-11-24T13:05:00Z"));
    Ok(Date::parse(text).ok_or_else(wrong)?.instant(0))
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
