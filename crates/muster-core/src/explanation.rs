//! Why an element had its outcome: its identifiers in order, what each resolved to, and the rule that chose the
//! survivor. Stored with results that merged, withheld, replaced or rejected, with merge records and with reviews.
//! Never quotes a value.

use crate::id::ProfileId;
use crate::identifier::IdentifierKind;
use crate::kinds::SurvivorChoice;

/// Why an identifier was withheld (behaviour.md 3.3), in the order in which the guards are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum GuardReason {
    /// The profile would have two different values of a pinned kind.
    Pinned = 1,
    /// The profile would contain two separated ids.
    Separated = 2,
    /// One of the profiles is being deleted.
    Deletion = 3,
    /// The profile would have more members than a kind of its identifiers allows.
    MaxProfiles = 4,
    /// The profile would have more than 1,000 members.
    Members = 5,
    /// The profile would be larger than the workspace allows.
    Size = 6,
}

impl GuardReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Pinned, Self::Separated, Self::Deletion, Self::MaxProfiles, Self::Members, Self::Size];

    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Separated => "separated",
            Self::Deletion => "deletion",
            Self::MaxProfiles => "max_profiles",
            Self::Members => "members",
            Self::Size => "size",
        }
    }

    /// Returns the reason with this stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|r| *r as u8 == code)
    }
}

/// What was decided about an identifier of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentifierOutcome {
    /// Bound before; resolves to a live profile.
    Found,
    /// Unbound before; now bound to the record.
    Bound,
    /// Unbound before; now bound and replaces the record's value.
    Replaced,
    /// Unbound and not bound now: events and devices bind identifiers only when they create a profile.
    NotBound,
    /// Neither matched nor stored.
    Withheld(GuardReason),
}

impl IdentifierOutcome {
    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Bound => "bound",
            Self::Replaced => "replaced",
            Self::NotBound => "not_bound",
            Self::Withheld(_) => "set_aside",
        }
    }
}

/// One identifier in an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentifierDecision {
    /// Kind.
    pub kind: IdentifierKind,
    /// Id that it was bound to.
    pub id: Option<ProfileId>,
    /// Live profile of that id before this element merged any.
    pub profile: Option<ProfileId>,
    /// What was decided.
    pub outcome: IdentifierOutcome,
}

/// Why an element had its outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Explanation {
    /// Identifiers in order of rank; empty if the element was refused before they were resolved.
    pub identifiers: Vec<IdentifierDecision>,
    /// What chose the survivor, if profiles were merged.
    pub rule: Option<SurvivorChoice>,
}

impl Explanation {
    /// Whether profiles were merged, or an identifier was withheld or replaced another one.
    pub fn is_notable(&self) -> bool {
        self.rule.is_some()
            || self
                .identifiers
                .iter()
                .any(|key| matches!(key.outcome, IdentifierOutcome::Withheld(_) | IdentifierOutcome::Replaced))
    }
}
