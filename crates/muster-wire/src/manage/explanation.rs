//! Why an element had its outcome, as a document: in merge records, reviews and the ingestion log.

use super::as_text::AsText;
use super::masking::Mask;
use crate::explanation;
use muster_core::explanation::{Explanation, GuardReason, IdentifierDecision, IdentifierOutcome};
use muster_core::id::ProfileId;
use muster_core::kinds::SurvivorChoice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an element had its outcome. It names kinds, ids and guards, and never a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplanationDocument {
    /// The identifiers of the element, in order of rank.
    pub keys: Vec<IdentifierDecisionDocument>,
    /// The rule that chose the survivor; null if nothing was merged.
    pub rule: Option<AsText<SurvivorChoice>>,
    /// The same as one sentence.
    pub text: String,
}

/// What was decided about one identifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IdentifierDecisionDocument {
    /// Its kind.
    pub kind: String,
    /// The decision.
    pub verdict: IdentifierOutcomeWord,
    /// The id that the identifier was bound to; null if it was new.
    pub id: Option<AsText<ProfileId>>,
    /// The profile that the identifier resolved to; null if it was new.
    pub profile: Option<AsText<ProfileId>>,
    /// Why the identifier was withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<AsText<GuardReason>>,
}

/// What was decided about an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierOutcomeWord {
    /// It resolved to a profile.
    Found,
    /// It was new and is bound now.
    Bound,
    /// It was new and replaced the earlier value.
    Replaced,
    /// It was new; events and devices bind no identifier.
    NotBound,
    /// A guard withheld it.
    SetAside,
}

impl ExplanationDocument {
    /// Returns the explanation of an element; `is_rejected` says that nothing of the element was stored.
    pub fn new(explanation: &Explanation, is_rejected: bool) -> Self {
        Self {
            keys: explanation.identifiers.iter().map(IdentifierDecisionDocument::from).collect(),
            rule: explanation.rule.map(AsText),
            text: explanation::sentence(explanation, is_rejected, |id| id.to_string()),
        }
    }
}

impl From<&IdentifierDecision> for IdentifierDecisionDocument {
    fn from(key: &IdentifierDecision) -> Self {
        let (verdict, reason) = match key.outcome {
            IdentifierOutcome::Found => (IdentifierOutcomeWord::Found, None),
            IdentifierOutcome::Bound => (IdentifierOutcomeWord::Bound, None),
            IdentifierOutcome::Replaced => (IdentifierOutcomeWord::Replaced, None),
            IdentifierOutcome::NotBound => (IdentifierOutcomeWord::NotBound, None),
            IdentifierOutcome::Withheld(reason) => (IdentifierOutcomeWord::SetAside, Some(AsText(reason))),
        };
        Self {
            kind: key.kind.name().to_owned(),
            verdict,
            id: key.id.map(AsText),
            profile: key.profile.map(AsText),
            reason,
        }
    }
}

impl Mask for ExplanationDocument {
    /// It has no received value but the names of kinds.
    fn mask(&mut self) {
        let Self { keys: _, rule: _, text: _ } = self;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_core::id::ProfileNo;
    use muster_core::identifier::IdentifierKind;
    use muster_core::time::Timestamp;

    // Fails when a member is added to one of the two, or its order differs.
    #[test]
    fn the_document_is_the_explanation_that_answers_of_the_data_api_write() {
        let id = ProfileId { created: Timestamp(1_767_571_200_000), no: ProfileNo(7) };
        let verdicts = [
            IdentifierOutcome::Found,
            IdentifierOutcome::Bound,
            IdentifierOutcome::Replaced,
            IdentifierOutcome::NotBound,
        ];
        let all = verdicts.into_iter().chain(GuardReason::ALL.map(IdentifierOutcome::Withheld));
        let keys = all.map(|outcome| IdentifierDecision {
            kind: IdentifierKind::new("email"),
            outcome,
            id: Some(id),
            profile: (outcome != IdentifierOutcome::Bound).then_some(id),
        });
        let explanation = Explanation { identifiers: keys.collect(), rule: Some(SurvivorChoice::NewId) };
        for is_rejected in [false, true] {
            let mut written = Vec::new();
            explanation::write(&mut written, &explanation, is_rejected, None);
            let document = serde_json::to_vec(&ExplanationDocument::new(&explanation, is_rejected)).unwrap();
            assert_eq!(String::from_utf8(document).unwrap(), String::from_utf8(written).unwrap());
        }
    }
}
