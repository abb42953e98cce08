//! The quarantine: `GET /workspaces/{ws}/quarantine`, replays of its entries, and the jobs that replay many.

use super::as_text::AsText;
use super::body;
use super::element_report::{ActionReport, FaultDocument, WarningDocument, faults};
use super::explanation::IdentifierOutcomeWord;
use super::masking::Mask;
use super::page::render;
use super::problem::Problem;
use super::request::RequestSummary;
use crate::data::answer::kind_name;
use crate::data::api::Api;
use crate::data::failure::reasons::fault_type;
use muster_core::explanation::GuardReason;
use muster_core::id::{ProfileId, QuarantineNo, RequestId};
use muster_core::kinds::SurvivorChoice;
use muster_core::outcome::Outcome;
use muster_core::record::QuarantinedElement;
use muster_core::time::{Date, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// A rejected element that is kept. An element of a Track call is shown in the form of a bulk import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuarantinedDocument {
    /// Its id.
    pub id: AsText<QuarantineNo>,
    /// When it was received.
    pub at: AsText<Timestamp>,
    /// The request that it came with.
    pub request_id: AsText<RequestId>,
    /// Its place in that request.
    pub index: u32,
    /// Its type: `customer`, `event` or `device`; null if it could not be read.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Why it was rejected.
    pub errors: Vec<FaultDocument>,
    /// The element; of an event with the rejected actions only.
    pub element: Json,
    /// The text of the element, where `element` does not show all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The request that replayed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_as: Option<AsText<RequestId>>,
    /// When it was deleted; it can be restored for a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<AsText<Timestamp>>,
}

impl From<&QuarantinedElement> for QuarantinedDocument {
    fn from(entry: &QuarantinedElement) -> Self {
        let element = element(&entry.element);
        // A tree holds a name once and a number as it can; what it does not hold is shown as it was received.
        let is_whole = render(&element) == without_blanks(&entry.element);
        Self {
            id: AsText(entry.no),
            at: AsText(entry.at),
            request_id: AsText(RequestId::from_no(entry.request)),
            index: entry.index,
            kind: kind_name(entry.kind).map(str::to_owned),
            errors: faults(Api::Transition, &entry.errors),
            element,
            raw: (!is_whole).then(|| String::from_utf8_lossy(&entry.element).into_owned()),
            replayed_as: entry.replayed_as.map(|no| AsText(RequestId::from_no(no))),
            deleted_at: entry.deleted_at.map(AsText),
        }
    }
}

impl Mask for QuarantinedDocument {
    fn mask(&mut self) {
        let Self {
            id: _,
            at: _,
            request_id: _,
            index: _,
            kind: _,
            errors: _,
            element,
            raw,
            replayed_as: _,
            deleted_at: _,
        } = self;
        element.mask();
        raw.mask();
    }
}

/// Returns JSON without the blanks outside of its strings.
fn without_blanks(json: &[u8]) -> Vec<u8> {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |byte: &u8| {
        let is_blank = !in_text && byte.is_ascii_whitespace();
        in_text ^= *byte == b'"' && !escaped;
        escaped = in_text && *byte == b'\\' && !escaped;
        !is_blank
    };
    json.iter().copied().filter(keep).collect()
}

/// The element as a tree; what a tree cannot hold (a number that overflows) is shown as its text.
pub(crate) fn element(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Json::from(String::from_utf8_lossy(bytes)))
}

/// The types of an entry's errors, as answers name them.
pub fn types(entry: &QuarantinedElement) -> impl Iterator<Item = &'static str> {
    entry.errors.iter().map(|fault| fault_type(Api::Transition, fault))
}

/// The body of `POST /workspaces/{ws}/quarantine/{id}/replay`.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The corrected element; without it the entry is replayed as received.
    #[schemars(with = "Option<Map<String, Json>>", skip_serializing_if = "Option::is_none")]
    pub element: Option<Vec<u8>>,
}

impl ReplayRequest {
    /// Reads the body. The element stays as it was sent, so that numbers and doubled members stay what they are.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["element"])?;
        let parsed = match members.get("element") {
            None => return Ok(Self::default()),
            Some(element @ Json::Object(_)) => element,
            Some(_) => return Err(Problem::at("/element", "must be an object: the corrected element")),
        };
        let sent: Option<BTreeMap<String, Box<RawValue>>> = serde_json::from_slice(bytes).ok();
        let element = sent.as_ref().and_then(|sent| sent.get("element"));
        Ok(Self { element: Some(element.map_or_else(|| render(parsed), |element| element.get().into())) })
    }
}

/// The body of `POST /workspaces/{ws}/quarantine/replay`: which entries are replayed. An entry must match all members that are given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaySelection {
    /// Entries with an error of this type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Entries received at this instant or later; UTC unless it has an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<AsText<Timestamp>>,
    /// These entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<AsText<QuarantineNo>>>,
}

/// Most entries that one bulk replay takes.
pub const REPLAY_ENTRIES_MAX: usize = 100_000;

impl ReplaySelection {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["type", "since", "ids"])?;
        let kind = members.get("type").map(|value| body::text(value, "/type").map(str::to_owned)).transpose()?;
        let since = members.get("since").map(|value| {
            let date = Date::parse(body::text(value, "/since")?);
            let wrong = || Problem::at("/since", "must be an instant as ISO 8601, such as 2026-11-24T13:05:00Z");
            date.map(|date| AsText(date.instant(0))).ok_or_else(wrong)
        });
        let ids = members.get("ids").map(|value| {
            let wrong =
                || Problem::at("/ids", format!("must be an array of at most {REPLAY_ENTRIES_MAX} quarantine ids"));
            let list = value.as_array().filter(|list| list.len() <= REPLAY_ENTRIES_MAX).ok_or_else(wrong)?;
            list.iter().map(|id| id.as_str().and_then(QuarantineNo::parse).map(AsText).ok_or_else(wrong)).collect()
        });
        Ok(Self { kind, since: since.transpose()?, ids: ids.transpose()? })
    }
}

/// The answer to starting a bulk replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobStartedDocument {
    /// The id of its job.
    pub job_id: String,
}

impl Mask for JobStartedDocument {
    fn mask(&mut self) {
        let Self { job_id: _ } = self;
    }
}

/// The progress of a bulk replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobDocument {
    /// Its id.
    pub id: String,
    /// Whether it runs, and how it ended.
    pub state: JobState,
    /// Entries that it has handled.
    pub done: u64,
    /// All entries that it takes.
    pub total: u64,
    /// Entries of which something was applied.
    pub applied: u64,
    /// Entries that were rejected again.
    pub rejected: u64,
}

/// The state of a bulk replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It runs.
    #[default]
    Running,
    /// It is done.
    Done,
    /// The storage failed; the entries that it had not handled stay.
    Failed,
}

impl Mask for JobDocument {
    fn mask(&mut self) {
        let Self { id: _, state: _, done: _, total: _, applied: _, rejected: _ } = self;
    }
}

/// The answer of a replay: that of an import with `return=representation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayDocument {
    /// `success`.
    pub status: String,
    /// The success message of an import.
    pub message: String,
    /// The id of the replay, which is a request like any other.
    pub request_id: AsText<RequestId>,
    /// The warnings about the request as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<WarningDocument>>,
    /// The result of the one element.
    pub results: Vec<ReplayResult>,
    /// Its elements and actions by outcome.
    pub summary: RequestSummary,
}

/// The result of a replayed element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayResult {
    /// Its place in the request.
    pub index: u32,
    /// Its type: `customer`, `event` or `device`; null if it could not be read.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What happened to it, or would happen.
    pub outcome: AsText<Outcome>,
    /// The member that it is recorded under; null if nothing was stored, or if a dry run would create the user.
    pub id: Option<AsText<ProfileId>>,
    /// Of a dry run: the user that it would create, `new-1`.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The users that it merged: ids, or `new-N` of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_ids: Option<Vec<String>>,
    /// Its warnings.
    pub warnings: Vec<WarningDocument>,
    /// Its errors, if it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FaultDocument>>,
    /// Why it had its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<ReplayExplanation>,
    /// Of an event element: the results of its actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<ActionReport>>,
}

/// Why a replayed element had its outcome. Its profiles are ids, or `new-N` of a dry run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayExplanation {
    /// The identifiers of the element, in order of rank.
    pub keys: Vec<ReplayIdentifierDecision>,
    /// The rule that chose the survivor; null if nothing was merged.
    pub rule: Option<AsText<SurvivorChoice>>,
    /// The same as one sentence.
    pub text: String,
}

/// What was decided about one identifier of a replayed element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayIdentifierDecision {
    /// Its kind.
    pub kind: String,
    /// The decision.
    pub verdict: IdentifierOutcomeWord,
    /// The id that the identifier was bound to; null if it was new.
    pub id: Option<String>,
    /// The profile that the identifier resolved to; null if it was new.
    pub profile: Option<String>,
    /// Why the identifier was withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<AsText<GuardReason>>,
}

impl Mask for ReplayDocument {
    fn mask(&mut self) {
        let Self { status: _, message: _, request_id: _, warnings, results, summary: _ } = self;
        warnings.mask();
        results.mask();
    }
}

impl Mask for ReplayResult {
    fn mask(&mut self) {
        let Self {
            index: _,
            kind: _,
            outcome: _,
            id: _,
            reference: _,
            merged_ids: _,
            warnings,
            errors: _,
            because: _,
            actions: _,
        } = self;
        warnings.mask();
    }
}
