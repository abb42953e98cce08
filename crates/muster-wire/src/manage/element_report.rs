//! The result of one element in the ingestion log, with its errors and warnings.

use super::as_text::AsText;
use super::explanation::ExplanationDocument;
use super::masking::Mask;
use crate::data::answer::{kind_name, write_logged_warning};
use crate::data::api::Api;
use crate::data::faults::write_fault;
use muster_core::id::ProfileId;
use muster_core::kinds::ElementKind;
use muster_core::outcome::{ActionOutcome, ActionResult, ElementResult, Outcome};
use muster_core::reason::Fault;
use muster_core::warning::Warning;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The result of one element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ElementReport {
    /// The place of the element in the request.
    pub index: u32,
    /// Its type: `customer`, `event` or `device`; null if it could not be read.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What happened to it.
    pub outcome: AsText<Outcome>,
    /// The member that it is recorded under; null if nothing was stored.
    pub id: Option<AsText<ProfileId>>,
    /// Its warnings.
    pub warnings: Vec<WarningDocument>,
    /// Its errors.
    pub errors: Vec<FaultDocument>,
    /// Why it had its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<ExplanationDocument>,
    /// The users that it merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_ids: Vec<AsText<ProfileId>>,
    /// Of an event element: the results of its actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<ActionReport>>,
}

/// The result of one action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionReport {
    /// The place of the action in its element.
    pub index: usize,
    /// What happened to it.
    pub outcome: AsText<ActionOutcome>,
    /// Its errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FaultDocument>,
}

/// An error of a request, an element or an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultDocument {
    /// The place of the element in the request; null if the error is about the request as a whole.
    pub index: Option<u32>,
    /// JSON Pointer to what is wrong (RFC 6901).
    pub pointer: String,
    /// The name of the member that is wrong.
    pub attribute: Option<String>,
    /// The type of the error.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is wrong, in words.
    pub message: String,
    /// Of malformed JSON: the line where it stops being JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Of malformed JSON: the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// Of malformed JSON: the bytes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A warning: something was not applied exactly as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WarningDocument {
    /// What happened.
    pub code: String,
    /// The name that the warning is about.
    pub name: String,
    /// JSON Pointer to it.
    pub pointer: String,
    /// How often it happened.
    pub count: u64,
    /// Of an unknown member: the name that was probably meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// Of a time that could not be read: its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
}

impl ElementReport {
    /// Returns the result of an element, in the spelling of the called API.
    pub fn new(api: Api, element: &ElementResult) -> Self {
        let is_rejected = element.outcome == Outcome::Rejected;
        let actions = || element.actions.iter().enumerate().map(|(at, action)| ActionReport::new(api, at, action));
        Self {
            index: element.index,
            kind: kind_name(element.kind).map(str::to_owned),
            outcome: AsText(element.outcome),
            id: element.profile.map(AsText),
            warnings: warnings(element.kind, &element.warnings),
            errors: faults(api, &element.errors),
            because: element.explanation.as_ref().map(|explanation| ExplanationDocument::new(explanation, is_rejected)),
            merged_ids: element.merged.iter().copied().map(AsText).collect(),
            actions: (element.kind == ElementKind::Event).then(|| actions().collect()),
        }
    }
}

impl ActionReport {
    fn new(api: Api, index: usize, action: &ActionResult) -> Self {
        Self { index, outcome: AsText(action.outcome), errors: faults(api, &action.errors) }
    }
}

/// Returns faults as documents, in the spelling of the called API.
pub fn faults(api: Api, faults: &[Fault]) -> Vec<FaultDocument> {
    faults.iter().map(|fault| parse_written(|out| write_fault(out, api, fault))).collect()
}

/// Returns warnings as documents.
pub(super) fn warnings(of: ElementKind, warnings: &[Warning]) -> Vec<WarningDocument> {
    warnings.iter().map(|warning| parse_written(|out| write_logged_warning(out, of, warning))).collect()
}

/// Reads what the answers of the Data API write by hand, so that each shape is written in one place.
pub(super) fn parse_written<T: DeserializeOwned>(write: impl FnOnce(&mut Vec<u8>)) -> T {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).expect("what answers write has the members of its document")
}

impl Mask for ElementReport {
    fn mask(&mut self) {
        let Self { index: _, kind: _, outcome: _, id: _, warnings, errors: _, because, merged_ids: _, actions: _ } =
            self;
        warnings.mask();
        because.mask();
    }
}

impl Mask for WarningDocument {
    fn mask(&mut self) {
        let Self { code: _, name: _, pointer: _, count: _, suggestion: _, given } = self;
        given.mask();
    }
}
