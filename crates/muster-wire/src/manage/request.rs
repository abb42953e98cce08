//! The ingestion log: `GET /workspaces/{ws}/requests`, `GET .../requests/{request_id}` and the live stream.

use super::as_text::AsText;
use super::body;
use super::element_report::{ElementReport, FaultDocument, WarningDocument, faults, parse_written, warnings};
use super::masking::Mask;
use super::merge::is_false;
use super::problem::Problem;
use crate::data::answer::summary as write_summary;
use crate::data::api::Api;
use crate::data::failure::reasons::{describe, fault_type};
use muster_core::id::{RequestId, RequestNo};
use muster_core::kinds::{ElementKind, Route};
use muster_core::outcome::{ElementResult, Outcome};
use muster_core::reason::Fault;
use muster_core::record::{LogEntry, Omitted};
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An answered request: an entry of the log, or a request that the log does not keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RequestDocument {
    /// An entry of the log.
    Logged(LoggedRequest),
    /// A request that was refused, tried out or answered from a record.
    Unlogged(UnloggedRequest),
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedRequest {
    /// Its id.
    pub request_id: AsText<RequestId>,
    /// When it arrived.
    pub received_at: AsText<Timestamp>,
    /// The HTTP status of its answer.
    pub status: u16,
    /// The path that was called, with the workspace in braces.
    pub path: String,
    /// The address that it was sent from, if the workspace keeps addresses.
    pub origin_address: Option<String>,
    /// The bytes of its body.
    pub bytes: u32,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Its elements and actions by outcome.
    pub summary: RequestSummary,
    /// The errors of the request, its elements and their actions.
    pub fault_count: u64,
    /// The first of the errors.
    pub first_error: Option<FirstError>,
}

/// A request that the log does not keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnloggedRequest {
    /// Its id, if it can be looked up by it.
    pub request_id: Option<AsText<RequestId>>,
    /// When it arrived.
    pub received_at: AsText<Timestamp>,
    /// The HTTP status of its answer.
    pub status: u16,
    /// The path that was called; null if no call has such a path.
    pub path: Option<String>,
    /// The address that it was sent from, if it is kept.
    pub origin_address: Option<String>,
    /// How long it took, in microseconds, if that is known.
    pub duration_us: Option<u64>,
    /// The type of the refusal; null if it was not refused.
    pub failure: Option<String>,
    /// The refusal.
    pub first_error: Option<FirstError>,
    /// It was answered from the record of its idempotency key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replayed: bool,
    /// It was a dry run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// An error in a list: enough to name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FirstError {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its message.
    pub message: String,
}

/// Elements and actions of a request by outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestSummary {
    /// Its elements.
    pub elements: ElementCounts,
    /// The actions of its event elements.
    pub actions: ActionCounts,
}

/// Elements by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ElementCounts {
    /// Elements that created a user.
    pub created: u64,
    /// Elements that were applied to a user.
    pub updated: u64,
    /// Elements that merged users.
    pub merged: u64,
    /// Elements that changed nothing.
    pub skipped: u64,
    /// Elements that were stored before.
    pub duplicate: u64,
    /// Elements of which nothing was stored.
    pub rejected: u64,
}

/// Actions by outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionCounts {
    /// Actions that were stored.
    pub accepted: u64,
    /// Actions that were stored before.
    pub duplicate: u64,
    /// Actions that were rejected.
    pub rejected: u64,
    /// Actions that were not processed.
    pub skipped: u64,
}

impl ElementCounts {
    /// Returns the number of elements with an outcome.
    pub fn with_outcome(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Created => self.created,
            Outcome::Updated => self.updated,
            Outcome::Merged => self.merged,
            Outcome::Skipped => self.skipped,
            Outcome::Duplicate => self.duplicate,
            Outcome::Rejected => self.rejected,
        }
    }

    /// Returns the number of elements.
    pub fn all(&self) -> u64 {
        Outcome::ALL.into_iter().map(|outcome| self.with_outcome(outcome)).sum()
    }
}

/// One request with the result of every element; also a refused one, while the server remembers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RequestDetailDocument {
    /// An entry of the log.
    Logged(LoggedRequestDetail),
    /// A refusal that the log does not keep.
    Refused(RefusedRequestDetail),
}

/// An entry of the log with all that it lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedRequestDetail {
    /// The entry.
    #[serde(flatten)]
    pub request: LoggedRequest,
    /// The results of its elements, in their order.
    pub elements: Vec<ElementReport>,
    /// The errors of the request as a whole.
    pub errors: Vec<FaultDocument>,
    /// The warnings about the request as a whole.
    pub warnings: Vec<WarningDocument>,
    /// What the entry counts and does not list, since it would be too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<OmittedCounts>,
}

/// A refusal that the log does not keep, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedRequestDetail {
    /// The request.
    #[serde(flatten)]
    pub request: UnloggedRequest,
    /// Always 1.
    pub fault_count: u64,
    /// Always empty: the elements were not read.
    pub elements: Vec<ElementReport>,
    /// The refusal.
    pub errors: Vec<FaultDocument>,
    /// Always empty.
    pub warnings: Vec<WarningDocument>,
}

/// What an entry counts but does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OmittedCounts {
    /// Errors.
    pub faults: u32,
    /// Warnings.
    pub warnings: u32,
}

impl RequestDocument {
    /// Returns the same with another duration: the log counts until the commit begins, a stream until the answer.
    #[must_use]
    pub fn with_duration(self, micros: u64) -> Self {
        match self {
            Self::Logged(request) => Self::Logged(LoggedRequest { duration_us: micros, ..request }),
            Self::Unlogged(request) => Self::Unlogged(UnloggedRequest { duration_us: Some(micros), ..request }),
        }
    }
}

impl From<&LogEntry> for LoggedRequest {
    fn from(request: &LogEntry) -> Self {
        // A rejected event element repeats the faults of its actions: they count once.
        let of_elements =
            |e: &ElementResult| e.errors.len().max(e.actions.iter().map(|a| a.errors.len()).sum::<usize>());
        let listed = request.faults.len() + request.elements.iter().map(of_elements).sum::<usize>();
        Self {
            request_id: AsText(RequestId::from_no(request.no)),
            received_at: AsText(request.received_at),
            status: request.status,
            path: request.route.template().to_owned(),
            origin_address: request.origin.as_deref().map(str::to_owned),
            bytes: request.bytes,
            duration_us: request.duration_us,
            summary: parse_written(|out| write_summary(out, &request.elements)),
            fault_count: listed as u64 + u64::from(request.omitted.faults),
            first_error: all_faults(request).next().map(|fault| {
                let (kind, message) = describe(Api::from(request.route), fault);
                FirstError { kind: kind.to_owned(), message }
            }),
        }
    }
}

impl From<&LogEntry> for RequestDocument {
    fn from(request: &LogEntry) -> Self {
        Self::Logged(LoggedRequest::from(request))
    }
}

impl From<&LogEntry> for LoggedRequestDetail {
    fn from(request: &LogEntry) -> Self {
        let api = Api::from(request.route);
        let Omitted { faults: omitted_faults, warnings: omitted_warnings } = request.omitted;
        let is_whole = request.omitted == Omitted::default();
        Self {
            request: LoggedRequest::from(request),
            elements: request.elements.iter().map(|element| ElementReport::new(api, element)).collect(),
            errors: faults(api, &request.faults),
            warnings: warnings(ElementKind::Unknown, &request.warnings),
            omitted: (!is_whole).then_some(OmittedCounts { faults: omitted_faults, warnings: omitted_warnings }),
        }
    }
}

/// The faults of a request that its entry lists: of the request as a whole, then of its elements and of their actions.
fn all_faults(request: &LogEntry) -> impl Iterator<Item = &Fault> {
    let of_elements = request.elements.iter().flat_map(|element| {
        let of_actions = element.actions.iter().flat_map(|action| &action.errors);
        element.errors.iter().chain(of_actions)
    });
    request.faults.iter().chain(of_elements)
}

/// The types of the faults that the entry of a request lists, as its answer spelled them; one may be there several times.
pub fn fault_types(request: &LogEntry) -> impl Iterator<Item = &'static str> {
    let api = Api::from(request.route);
    all_faults(request).map(move |fault| fault_type(api, fault))
}

/// Whether the entry of a request lists a warning, of the request or of an element.
pub fn has_warnings(request: &LogEntry) -> bool {
    !request.warnings.is_empty() || request.elements.iter().any(|element| !element.warnings.is_empty())
}

/// What is known of a request that the log does not keep.
#[derive(Clone, Copy, Debug)]
pub struct Away<'a> {
    /// Its id, if it can be looked up by it (behaviour.md 4.p).
    pub no: Option<RequestNo>,
    /// The status of its answer.
    pub status: u16,
    /// The call; None if no call has such a path.
    pub route: Option<Route>,
    /// The origin address, if it is kept.
    pub origin: Option<&'a str>,
    /// Its receipt.
    pub received_at: Timestamp,
    /// Microseconds from its head to its answer, where they are known.
    pub duration_us: Option<u64>,
    /// Type and message of the refusal, as the called API spells them; None if it was not refused.
    pub failure: Option<(&'static str, &'a str)>,
    /// It was answered from the record of its idempotency key.
    pub replayed: bool,
    /// It was a dry run.
    pub dry_run: bool,
}

impl From<&Away<'_>> for UnloggedRequest {
    fn from(away: &Away<'_>) -> Self {
        let error = |(kind, message): (&str, &str)| FirstError { kind: kind.to_owned(), message: message.to_owned() };
        Self {
            request_id: away.no.map(|no| AsText(RequestId::from_no(no))),
            received_at: AsText(away.received_at),
            status: away.status,
            path: away.route.map(|route| route.template().to_owned()),
            origin_address: away.origin.map(str::to_owned),
            duration_us: away.duration_us,
            failure: away.failure.map(|(kind, _)| kind.to_owned()),
            first_error: away.failure.map(error),
            replayed: away.replayed,
            dry_run: away.dry_run,
        }
    }
}

impl From<&Away<'_>> for RequestDocument {
    fn from(away: &Away<'_>) -> Self {
        Self::Unlogged(UnloggedRequest::from(away))
    }
}

impl From<&Away<'_>> for RefusedRequestDetail {
    fn from(away: &Away<'_>) -> Self {
        let error = |(kind, message): (&str, &str)| FaultDocument {
            index: None,
            pointer: String::new(),
            attribute: None,
            kind: kind.to_owned(),
            message: message.to_owned(),
            line: None,
            column: None,
            offset: None,
            hint: None,
        };
        Self {
            request: UnloggedRequest::from(away),
            fault_count: u64::from(away.failure.is_some()),
            elements: Vec::new(),
            errors: away.failure.map(error).into_iter().collect(),
            warnings: Vec::new(),
        }
    }
}

impl Mask for RequestDocument {
    fn mask(&mut self) {
        match self {
            Self::Logged(request) => request.mask(),
            Self::Unlogged(request) => request.mask(),
        }
    }
}

impl Mask for LoggedRequest {
    fn mask(&mut self) {
        let Self {
            request_id: _,
            received_at: _,
            status: _,
            path: _,
            origin_address,
            bytes: _,
            duration_us: _,
            summary: _,
            fault_count: _,
            first_error: _,
        } = self;
        origin_address.mask();
    }
}

impl Mask for UnloggedRequest {
    fn mask(&mut self) {
        let Self {
            request_id: _,
            received_at: _,
            status: _,
            path: _,
            origin_address,
            duration_us: _,
            failure: _,
            first_error: _,
            replayed: _,
            dry_run: _,
        } = self;
        origin_address.mask();
    }
}

impl Mask for RequestDetailDocument {
    fn mask(&mut self) {
        match self {
            Self::Logged(LoggedRequestDetail { request, elements, errors: _, warnings, omitted: _ }) => {
                request.mask();
                elements.mask();
                warnings.mask();
            }
            Self::Refused(RefusedRequestDetail { request, fault_count: _, elements, errors: _, warnings }) => {
                request.mask();
                elements.mask();
                warnings.mask();
            }
        }
    }
}

/// The body of `POST /workspaces/{ws}/requests/find`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindRequestsRequest {
    /// The address that the requests came from, in any spelling.
    pub origin_address: String,
}

impl FindRequestsRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["origin_address"])?;
        let missing = || Problem::at("/origin_address", "origin_address must be the address to search for");
        let origin = members.get("origin_address").ok_or_else(missing)?;
        Ok(Self { origin_address: body::text(origin, "/origin_address")?.to_owned() })
    }
}
