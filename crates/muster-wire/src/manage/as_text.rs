//! Values that travel as one JSON string: ids, instants, words of closed sets. The rules know no serde, so the wire wraps
//! their types; a document holds `AsText<ProfileId>` and never a bare string for an id.

use muster_core::explanation::GuardReason;
use muster_core::id::{MergeNo, ProfileId, QuarantineNo, RequestId, ReviewNo, SeparationNo, WorkspaceId};
use muster_core::kinds::{Platform, SurvivorChoice, SurvivorRule};
use muster_core::outcome::{ActionOutcome, Outcome};
use muster_core::record::SeparationCause;
use muster_core::review::ReviewState;
use muster_core::time::{Date, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A type that is written as one string and read from it again.
pub trait WireText: Sized {
    /// Name of its schema in the OpenAPI document.
    const NAME: &'static str;
    /// What the string is, for error messages and the OpenAPI document.
    const MEANING: &'static str;

    /// Returns the string.
    fn text(&self) -> Cow<'static, str>;

    /// Reads the string; None if it is not such a value.
    fn parse(text: &str) -> Option<Self>;

    /// Returns the keywords of JSON Schema that tell valid strings from others.
    fn format() -> Schema;
}

/// A value that is a JSON string in documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsText<T>(pub T);

impl<T> From<T> for AsText<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: WireText> fmt::Display for AsText<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

impl<T: WireText> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text())
    }
}

impl<'de, T: WireText> Deserialize<'de> for AsText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        T::parse(&text).map(Self).ok_or_else(|| D::Error::custom(format_args!("must be {}", T::MEANING)))
    }
}

impl<T: WireText> JsonSchema for AsText<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = T::format();
        schema.insert("description".to_owned(), T::MEANING.into());
        schema
    }
}

/// Writes [`WireText`] of an id whose `Display` and `parse` are its form on the wire.
macro_rules! ids {
    ($($type:ty, $name:literal, $meaning:literal, $pattern:literal;)*) => {$(
        impl WireText for $type {
            const NAME: &'static str = $name;
            const MEANING: &'static str = $meaning;

            fn text(&self) -> Cow<'static, str> {
                self.to_string().into()
            }

            fn parse(text: &str) -> Option<Self> {
                Self::parse(text)
            }

            fn format() -> Schema {
                json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    )*};
}

ids! {
    WorkspaceId, "WorkspaceId", "the id of a workspace", "^[A-Za-z0-9_-]{2,64}$";
    ProfileId, "UserId", "the id of a user or of a member of one: 24 hexadecimal digits", "^[0-9a-f]{24}$";
    RequestId, "RequestId", "the id of a request: 8 letters", "^[A-Za-z]{8}$";
    MergeNo, "MergeId", "the id of a merge", "^m[1-9][0-9]*$";
    SeparationNo, "SeparationId", "the id of a separation", "^s[1-9][0-9]*$";
    QuarantineNo, "QuarantineId", "the id of a quarantined element", "^q[1-9][0-9]*$";
    ReviewNo, "ReviewId", "the id of a review", "^r[1-9][0-9]*$";
}

impl WireText for Timestamp {
    const NAME: &'static str = "Instant";
    const MEANING: &'static str = "an instant in UTC with milliseconds";

    fn text(&self) -> Cow<'static, str> {
        self.to_string().into()
    }

    fn parse(text: &str) -> Option<Self> {
        match Date::parse(text)? {
            Date::Zoned(at) => Some(at),
            Date::Local(_) => None,
        }
    }

    fn format() -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// Writes [`WireText`] of a closed set of words.
macro_rules! words {
    ($($type:ty, $name:literal, $meaning:literal, $all:expr, $word:expr;)*) => {$(
        impl WireText for $type {
            const NAME: &'static str = $name;
            const MEANING: &'static str = $meaning;

            fn text(&self) -> Cow<'static, str> {
                let word: fn($type) -> &'static str = $word;
                word(*self).into()
            }

            fn parse(text: &str) -> Option<Self> {
                $all.into_iter().find(|value| value.text() == text)
            }

            fn format() -> Schema {
                let words: Vec<Cow<'static, str>> = $all.iter().map(WireText::text).collect();
                json_schema!({"enum": words})
            }
        }
    )*};
}

/// Every rule that chooses a survivor.
const CHOICES: [SurvivorChoice; 5] = [
    SurvivorChoice::Attribute,
    SurvivorChoice::Rule(SurvivorRule::LastSeen),
    SurvivorChoice::Rule(SurvivorRule::FirstSeen),
    SurvivorChoice::Rule(SurvivorRule::MostEvents),
    SurvivorChoice::NewId,
];

words! {
    SurvivorChoice, "MergeRule", "the rule that chose the survivor", CHOICES, crate::explanation::choice_name;
    GuardReason, "GuardReason", "why an identifier was withheld", GuardReason::ALL, GuardReason::name;
    ReviewState, "ReviewState", "the state of a review", ReviewState::ALL, ReviewState::name;
    Outcome, "ElementOutcome", "what happened to an element", Outcome::ALL, Outcome::name;
    ActionOutcome, "ActionOutcome", "what happened to an action", ActionOutcome::ALL, ActionOutcome::name;
    Platform, "Platform", "a platform", Platform::ALL, Platform::name;
    SeparationCause, "SeparationCause", "what made a separation",
        [SeparationCause::Revert, SeparationCause::Review],
        |cause| match cause {
            SeparationCause::Revert => "revert",
            SeparationCause::Review => "review",
        };
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_core::id::{ProfileNo, RequestNo};

    fn read_again<T: WireText + PartialEq + fmt::Debug>(value: T) {
        assert_eq!(T::parse(&value.text()), Some(value));
    }

    // Fails when one of the words is written otherwise than it is read, or a choice is missing in the list.
    #[test]
    fn every_value_that_is_a_string_is_read_from_it_again() {
        read_again(ProfileId { created: Timestamp(1_767_571_200_000), no: ProfileNo(7) });
        read_again(RequestId::from_no(RequestNo(3)));
        read_again(Timestamp(1_767_571_200_123));
        [SurvivorChoice::Attribute, SurvivorChoice::NewId].into_iter().for_each(read_again);
        let rules = [SurvivorRule::LastSeen, SurvivorRule::FirstSeen, SurvivorRule::MostEvents];
        rules.into_iter().for_each(|rule| read_again(SurvivorChoice::Rule(rule)));
        GuardReason::ALL.into_iter().for_each(read_again);
        ReviewState::ALL.into_iter().for_each(read_again);
        Platform::ALL.into_iter().for_each(read_again);
    }

    #[test]
    fn a_string_that_is_no_such_value_is_refused_with_what_it_must_be() {
        let refused = serde_json::from_str::<AsText<MergeNo>>("\"q1\"").expect_err("it is the id of another kind");
        assert_eq!(refused.to_string(), "must be the id of a merge");
        let local = serde_json::from_str::<AsText<Timestamp>>("\"2026-01-05T00:00:00\"");
        assert!(local.is_err(), "an instant has its zone");
    }
}
