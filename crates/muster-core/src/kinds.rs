//! Closed sets that requests, results and stored rows share: platforms, types of elements, calls, survivor rules. Each has
//! stored numbers or spellings that do not change.

/// A platform of users, devices and events; compared in any case (FACTS 11 row 8).
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
    /// `unknown`; of events alone.
    Unknown = 5,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 5] = [Self::Android, Self::Ios, Self::Web, Self::Tv, Self::Unknown];

    /// Its documented spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Android => "ANDROID",
            Self::Ios => "iOS",
            Self::Web => "web",
            Self::Tv => "TV",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a spelling in any case; None if it is none of the documented ones.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(text))
    }
}

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ElementKind {
    /// A user.
    Customer = 1,
    /// Events of one user.
    Event = 2,
    /// A device of one user.
    Device = 3,
    /// Its type could not be read (lenient requests only).
    Unknown = 4,
}

/// The calls that import or write through the same path; also the scope of idempotency keys.
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

    /// The route's template, as the log and the metrics name it.
    pub fn template(self) -> &'static str {
        match self {
            Self::Transition => "/v1/transition/{workspace_id}",
            Self::Customer => "/v1/customer/{workspace_id}",
            Self::Event => "/v1/event/{workspace_id}",
            Self::Device => "/v1/device/{workspace_id}",
            Self::Delete => "/v1/customer/delete",
        }
    }

    /// The route of a stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|r| *r as u8 == code)
    }
}

/// Survivor rule 2; ties go to the earliest first seen, then to the smallest id (behaviour.md 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SurvivorRule {
    /// The latest last seen, not counting the causing element.
    LastSeen,
    /// The earliest first seen.
    FirstSeen,
    /// The most events.
    MostEvents,
}

/// The rule that chose a survivor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SurvivorChoice {
    /// Rule 1: it was the only one that showed the attribute.
    Attribute,
    /// Rule 2.
    Rule(SurvivorRule),
    /// None was needed: the profile that was found survives, and a member for a `customer_id` that was new is joined to it
    /// (behaviour.md 3.2.h).
    NewId,
}
