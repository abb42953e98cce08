//! Why an element went the way it went: the keys in order, what each led to, the rule that decided. Kept with results
//! that merged, set aside, replaced or rejected, with merge records and with reviews; never quotes a value.

use crate::id::ProfileId;
use crate::identifier::IdentifierKind;
use crate::kinds::SurvivorChoice;

/// Why a key was set aside (behaviour.md 3.3), in the order in which the guards are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum GuardReason {
    /// Two different values of a pinned kind would come into one profile.
    Pinned = 1,
    /// Two ids that are separated would come into one profile.
    Separated = 2,
    /// The deletion of one of the profiles is under way.
    Deletion = 3,
    /// The profile would have more members than a kind of the keys may join.
    MaxProfiles = 4,
    /// The profile would have more than 1,000 members.
    Members = 5,
    /// The profile would be larger than the workspace lets a profile be.
    Size = 6,
}

impl GuardReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Pinned, Self::Separated, Self::Deletion, Self::MaxProfiles, Self::Members, Self::Size];

    /// Its word on the wire.
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

    /// The reason of a stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|r| *r as u8 == code)
    }
}

/// What became of one key of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentifierOutcome {
    /// Bound before: it led to a live profile.
    Found,
    /// Bound to nothing, and bound to the record now.
    Bound,
    /// The same, in the place of the value that the record held.
    Replaced,
    /// Bound to nothing, and not bound: events and devices bind keys only when they create.
    NotBound,
    /// Set aside: neither matched nor stored.
    Withheld(GuardReason),
}

impl IdentifierOutcome {
    /// Its word on the wire.
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

/// One key of an element, weighed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentifierDecision {
    /// Its kind.
    pub kind: IdentifierKind,
    /// The id that it was bound to.
    pub id: Option<ProfileId>,
    /// The live profile of that id, before this element merged anybody.
    pub profile: Option<ProfileId>,
    /// What became of it.
    pub outcome: IdentifierOutcome,
}

/// Why an element went the way it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Explanation {
    /// Its keys in order of rank; none if it was refused before they were resolved.
    pub identifiers: Vec<IdentifierDecision>,
    /// What chose the survivor, if profiles were merged.
    pub rule: Option<SurvivorChoice>,
}

impl Explanation {
    /// Whether a key was set aside or replaced another.
    pub fn is_notable(&self) -> bool {
        self.rule.is_some()
            || self
                .identifiers
                .iter()
                .any(|key| matches!(key.outcome, IdentifierOutcome::Withheld(_) | IdentifierOutcome::Replaced))
    }
}
