//! Closed sets that requests, results and stored rows share. Their stored numbers and spellings do not change.

/// Platform of users, devices and events; case-insensitive (FACTS 11 row 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Platform {
    /// `ANDROID`.
    Android = 1,
    /// `iOS`.
    Ios = 2,
    /// `web`.
    Web = 3,
    /// `TV`.
    Tv = 4,
    /// `unknown`; only of events.
    Unknown = 5,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 5] = [Self::Android, Self::Ios, Self::Web, Self::Tv, Self::Unknown];

    /// Returns the documented spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Android => "ANDROID",
            Self::Ios => "iOS",
            Self::Web => "web",
            Self::Tv => "TV",
            Self::Unknown => "unknown",
        }
    }

    /// Parses a spelling in any case; None if it is not documented.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(text))
    }
}

/// Type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ElementKind {
    /// User.
    Customer = 1,
    /// Events of one user.
    Event = 2,
    /// Device of one user.
    Device = 3,
    /// The type could not be read (lenient requests only).
    Unknown = 4,
}

/// Calls that write users and events; also the scope of idempotency keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Route {
    /// `POST /v1/transition`: the bulk import.
    Transition = 1,
    /// `POST /v1/customer`: Track User.
    Customer = 2,
    /// `POST /v1/event`: Track Event.
    Event = 3,
    /// `POST /v1/device`: Track Device.
    Device = 4,
    /// `POST /v1/customer/delete`: Delete Users.
    Delete = 5,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 5] = [Self::Transition, Self::Customer, Self::Event, Self::Device, Self::Delete];

    /// Returns the route's template, as the log and the metrics name it.
    pub fn template(self) -> &'static str {
        match self {
            Self::Transition => "/v1/transition/{workspace_id}",
            Self::Customer => "/v1/customer/{workspace_id}",
            Self::Event => "/v1/event/{workspace_id}",
            Self::Device => "/v1/device/{workspace_id}",
            Self::Delete => "/v1/customer/delete",
        }
    }

    /// Returns the route with this stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|r| *r as u8 == code)
    }
}

/// Second survivor rule; ties go to the earliest first seen, then to the smallest id (behaviour.md 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SurvivorRule {
    /// Latest last seen, not counting the causing element.
    LastSeen,
    /// Earliest first seen.
    FirstSeen,
    /// Most events.
    MostEvents,
}

/// What chose a survivor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SurvivorChoice {
    /// First rule: it was the only profile with a value of the attribute.
    Attribute,
    /// Second rule.
    Rule(SurvivorRule),
    /// No rule: a member with a new `customer_id` is joined to the existing profile (behaviour.md 3.2.h).
    NewId,
}
