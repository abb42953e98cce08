//! Which requests somebody wants to see: one reading of the parameters and one rule, for the log and for live streams,
//! those of the console with them.

use super::{Call, Refusal};
use crate::pulse::{LiveRequest, Traits};
use crate::workspaces::Entry;
use muster_core::command::ElementKind;
use muster_core::id::{ProfileId, ProfileNo};
use muster_core::outcome::Outcome;
use muster_core::record::Request;
use muster_wire::data::answer::kind_name;
use muster_wire::manage::problem::Problem;
use std::collections::BTreeSet;
use std::net::IpAddr;

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
    /// One of these was touched: the members of a user when it was asked for, and what a stream saw join them since.
    members: Option<BTreeSet<ProfileNo>>,
}

impl Wanted {
    /// Of the parameters `status`, `outcome`, `kind` and `user_id`.
    ///
    /// # Errors
    /// 400 for what cannot be read, 404 for a user that is not there; those of the storage.
    pub(crate) async fn of(call: &Call, entry: &Entry) -> Result<Self, Refusal> {
        let no_status = || Problem::new(400, "status must be an HTTP status, like 200 or 400");
        Ok(Self {
            status: call.parameter("status").map(|text| text.parse().map_err(|_| no_status())).transpose()?,
            outcome: call.parameter("outcome").map(outcome).transpose()?,
            kind: call.parameter("kind").map(kind).transpose()?,
            origin: None,
            members: match call.parameter("user_id") {
                Some(id) => Some(members(call, entry, id).await?),
                None => None,
            },
        })
    }

    /// The same from an origin address alone, in any spelling of it.
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
        self.kind.is_none() && self.origin.is_none() && self.members.is_none()
    }

    /// Whether an entry of the log is wanted.
    pub(crate) fn keeps(&self, request: &Request) -> bool {
        let came_from = |origin: &str| request.origin.as_deref() == Some(origin);
        self.origin.as_deref().is_none_or(came_from) && (self.is_plain() || self.fits(&Traits::of(request, usize::MAX)))
    }

    /// Whether a request of a live stream is wanted. What it merged with the user belongs to the user from then on.
    pub(crate) fn shows(&mut self, request: &LiveRequest) -> bool {
        if let Some(members) = &mut self.members {
            request.traits.widen(members);
        }
        self.fits(&request.traits)
    }

    fn fits(&self, traits: &Traits) -> bool {
        self.status.is_none_or(|status| traits.status == status)
            && self.outcome.is_none_or(|outcome| traits.had(outcome))
            && self.kind.is_none_or(|kind| traits.held(kind))
            && self.members.as_ref().is_none_or(|members| traits.touched(members))
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

async fn members(call: &Call, entry: &Entry, id: &str) -> Result<BTreeSet<ProfileNo>, Refusal> {
    let nobody = || Problem::new(404, "no such user");
    let id = ProfileId::parse(id).ok_or_else(nobody)?;
    let found = call.read(entry.id(), move |reader| reader.profile(id.no)).await?.ok_or_else(nobody)?;
    let is_there = found.members.iter().any(|member| member.profile.id() == id);
    let members = found.members.iter().map(|member| member.profile.no).collect();
    is_there.then_some(members).ok_or_else(|| nobody().into())
}
