//! Types and statuses that an answer of the Data API can have. Filters refuse all others.

use super::api::Api;
use super::failure::Failure;
use super::failure::reasons::{ENVELOPE_TYPES, fault_type};
use muster_core::reason::{Fault, Reason};

/// The calls of the Data API, each with its spelling.
const APIS: [Api; 6] = [Api::Transition, Api::Customer, Api::Event, Api::Device, Api::CustomerDelete, Api::Unknown];

/// Statuses of requests that the ingestion log keeps (behaviour.md 4.p).
const LOGGED: [u16; 2] = [200, 400];

/// One failure of every type whose requests the ingestion log does not keep.
static REFUSALS: [Failure; 19] = [
    Failure::NotFound,
    Failure::MethodNotAllowed,
    Failure::AuthorizationMissing,
    Failure::WorkspaceMismatch,
    Failure::KeyScope,
    Failure::Suspended,
    Failure::AddressRefused,
    Failure::HostRefused,
    Failure::ContentTypeOther,
    Failure::TooLarge { limit_bytes: 0 },
    Failure::UnsupportedEncoding,
    Failure::IdempotencyConflict,
    Failure::RateLimited,
    Failure::DryRunsBusy,
    Failure::Timeout,
    Failure::Unavailable,
    Failure::DecisionTooLarge,
    Failure::DiskQuota,
    Failure::Internal,
];

/// Returns every type of an error that an entry of the log or a refusal can have, in the spelling of every call: sorted,
/// each once.
pub fn known_types() -> Vec<&'static str> {
    let of_elements = APIS.into_iter().flat_map(|api| {
        let plain = Reason::ALL.into_iter().map(move |reason| fault_type(api, &Fault::new(reason, "", None)));
        let typed = Fault::with_detail(Reason::UnknownElementType, "", "type", "");
        plain.chain([fault_type(api, &typed)])
    });
    let of_requests = APIS.into_iter().flat_map(|api| REFUSALS.iter().map(move |failure| failure.kind(api)));
    let mut types: Vec<&'static str> = of_elements.chain(ENVELOPE_TYPES).chain(of_requests).collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// Returns every status that an answer can have, in ascending order.
pub fn known_statuses() -> Vec<u16> {
    let mut statuses: Vec<u16> = REFUSALS.iter().map(Failure::status).chain(LOGGED).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// Whether the ingestion log keeps requests of this status.
pub fn is_logged(status: u16) -> bool {
    LOGGED.contains(&status)
}

/// Whether errors of this type are about the values of an element of a bulk import: the rest of its request is applied,
/// and the element waits in the quarantine. Every other type refuses its request as a whole, unless that is lenient.
pub fn is_of_a_value(kind: &str) -> bool {
    // Blocked elements are counted and not quarantined (behaviour.md 1.2.j).
    let values = Reason::ALL.into_iter().filter(|reason| !reason.is_structural() && *reason != Reason::Blocked);
    let mut types = values.map(|reason| fault_type(Api::Transition, &Fault::new(reason, "", None)));
    types.any(|known| known == kind)
}
