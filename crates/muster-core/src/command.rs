//! What a request asks for, in the terms of the rules. `muster-wire` creates these types from JSON; that conversion is
//! the validation, so shape and length are within their limits.

use crate::id::QuarantineNo;
use crate::identifier::Identifier;
use crate::kinds::{ElementKind, Platform, Route};
use crate::reason::Faults;
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::value::Value;
use crate::warning::Warnings;
use std::borrow::Cow;
use std::sync::Arc;

/// Request that imports: the bulk import, or a Track call with one element.
#[derive(Clone, Debug)]
pub struct Import {
    /// Route.
    pub route: Route,
    /// Settings under which the request was read; under another revision it is refused.
    pub settings: Arc<Settings>,
    /// A rejected element refuses the whole request: Track calls, unless lenient (behaviour.md 1.2).
    pub all_or_nothing: bool,
    /// Dry run; the server keeps a separate budget for it (behaviour.md 1.3).
    pub dry: bool,
    /// Elements, in order.
    pub elements: Vec<Element>,
    /// Origin address, if the workspace keeps it (behaviour.md 1.9).
    pub origin: Option<Arc<str>>,
    /// Warnings about the request as a whole.
    pub warnings: Warnings,
    /// Bytes of the decoded body.
    pub bytes: u32,
    /// Time of arrival, by [`crate::time::Moment::micros`].
    pub arrived_micros: u64,
    /// Idempotency key (behaviour.md 1.4).
    pub idempotency: Option<IdempotencyKey>,
    /// Quarantine entry that the only element replays (behaviour.md 4).
    pub replay: Option<QuarantineNo>,
}

/// Idempotency key of a request, with the hash of its body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Key of the client, 1 to 255 printable ASCII characters.
    pub key: Box<str>,
    /// SHA-256 of the decoded body.
    pub body_hash: [u8; 32],
}

/// Element of a request.
#[derive(Clone, Debug)]
pub struct Element {
    /// Position in the request.
    pub index: u32,
    /// Type.
    pub kind: ElementKind,
    /// What it asks for, or why it was refused while it was read.
    pub body: Result<Body, Faults>,
    /// Number of its actions, including refused ones: its cost (behaviour.md 1.7).
    pub actions: u32,
    /// Warnings from reading it.
    pub warnings: Warnings,
}

/// What an element asks for. Boxed, so that a request of tens of thousands of rejected elements stays small.
#[derive(Clone, Debug)]
pub enum Body {
    /// Create or update a user.
    Customer(Box<CustomerElement>),
    /// Store events.
    Event(Box<EventElement>),
    /// Store a device.
    Device(Box<DeviceElement>),
}

/// Identifier of an element, with how it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenIdentifier {
    /// Normalised identifier.
    pub identifier: Identifier,
    /// Location in the body, for warnings.
    pub pointer: Box<str>,
    /// Given among the `attributes`: written like any attribute, to the record that it is bound to. False for
    /// `customer_id` (also given as `uid` alone) and `user_identifiers`: if bound, these only address the user.
    pub written: bool,
    /// A `uid` that changes the outer `customer_id` before it (behaviour.md 3.2.i); only in customer elements.
    pub is_new_id: bool,
}

/// Customer element.
#[derive(Clone, Debug, Default)]
pub struct CustomerElement {
    /// Identifiers by rank, without exceptions; never empty. One of each kind, except a `uid` that changes the id.
    pub identifiers: Vec<GivenIdentifier>,
    /// Creates no user.
    pub update_existing_only: bool,
    /// Attributes to set by canonical name, each once; without active identifier kinds and create-only names.
    pub sets: Vec<(Box<str>, Value)>,
    /// Attributes that can be set only while creating (`publisher_name`, ...); used for a new profile.
    pub create_only: Vec<(Box<str>, Value)>,
    /// `first_seen` and `last_seen` as sent; used if the element creates a profile or a member.
    pub seen: SeenTimes,
    /// Every create-only name of the element, including `first_seen` and `last_seen`, as spelled and with its pointer.
    /// If the profile exists, each causes a warning.
    pub create_only_names: Vec<(Box<str>, Box<str>)>,
    /// Unset rules, applied after the sets.
    pub unsets: Vec<Unset>,
    /// Array operations, in the order of the body; no name has both directions.
    pub arrays: Vec<ArrayOperation>,
    /// Platforms and whether they are active, each once.
    pub platforms: Vec<(Platform, bool)>,
}

/// First and last seen of a customer element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenTimes {
    /// `first_seen`.
    pub first: Option<Timestamp>,
    /// `last_seen`.
    pub last: Option<Timestamp>,
}

/// Unset rule: `[]` and `unset_attributes` (FACTS 1.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unset {
    /// How names are compared.
    pub matching: Matching,
    /// Pattern; for [`Matching::Equals`] with `case_sensitive` a canonical name.
    pub text: Box<str>,
    /// Whether case matters.
    pub case_sensitive: bool,
    /// Location in the body, for warnings.
    pub pointer: Box<str>,
}

impl Unset {
    /// Prepares the rule for comparisons with many names.
    pub fn prepare(&self) -> PreparedUnset<'_> {
        let text = if self.case_sensitive { Cow::Borrowed(&*self.text) } else { self.text.to_lowercase().into() };
        PreparedUnset { matching: self.matching, text, case_sensitive: self.case_sensitive }
    }
}

/// [`Unset`] with its pattern in the case that is compared.
#[derive(Clone, Debug)]
pub struct PreparedUnset<'u> {
    matching: Matching,
    text: Cow<'u, str>,
    case_sensitive: bool,
}

impl PreparedUnset<'_> {
    /// Whether the rule matches this attribute; `lower` is its name in lower case.
    pub fn matches(&self, name: &str, lower: &str) -> bool {
        self.matching.holds(if self.case_sensitive { name } else { lower }, &self.text)
    }
}

/// How an unset rule compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matching {
    /// Whole name.
    Equals,
    /// Start of the name; never an identifier.
    Prefix,
    /// End of the name; never an identifier.
    Suffix,
    /// Part of the name; never an identifier.
    Contains,
}

impl Matching {
    fn holds(self, name: &str, text: &str) -> bool {
        match self {
            Self::Equals => name == text,
            Self::Prefix => name.starts_with(text),
            Self::Suffix => name.ends_with(text),
            Self::Contains => name.contains(text),
        }
    }
}

/// `addValueToArrayField` or `removeValueFromArrayField` for one attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayOperation {
    /// Canonical name of the attribute.
    pub name: Box<str>,
    /// Adds the values if true, else removes them.
    pub add: bool,
    /// Values of one type; never empty.
    pub values: Vec<Value>,
    /// Location in the body, for warnings.
    pub pointer: Box<str>,
}

/// Event element.
#[derive(Clone, Debug, Default)]
pub struct EventElement {
    /// Identifiers in order of rank, at most one of each kind, without exceptions; never empty.
    pub identifiers: Vec<GivenIdentifier>,
    /// Creates no user.
    pub update_existing_only: bool,
    /// Device of the events.
    pub device_id: Option<Arc<str>>,
    /// Actions in order: what to store, or why it was refused while it was read. Never empty.
    pub actions: Vec<Result<Arc<Action>, Faults>>,
}

/// Event as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Name, never empty.
    pub name: Box<str>,
    /// Attributes in the order of the request, each once.
    pub attributes: Vec<(Box<str>, Value)>,
    /// Instant; None = the receipt.
    pub time: Option<Timestamp>,
    /// Local time in milliseconds, as sent; None = computed from `time` with the offset.
    pub user_time: Option<i64>,
    /// Offset from UTC in seconds: of the action, else of the workspace, else 0.
    pub offset_seconds: i32,
    /// Platform; None = not given.
    pub platform: Option<Platform>,
    /// Operating system of a TV, as sent.
    pub os_type: Option<Box<str>>,
    /// Version of the app.
    pub app_version: Option<Box<str>>,
    /// Id for de-duplication (behaviour.md 1.4).
    pub event_id: Option<Box<str>>,
    /// Location in the body, for faults.
    pub pointer: Box<str>,
}

/// Device element.
#[derive(Clone, Debug)]
pub struct DeviceElement {
    /// Identifiers in order of rank, at most one of each kind, without exceptions; never empty.
    pub identifiers: Vec<GivenIdentifier>,
    /// Id within the member record.
    pub device_id: Box<str>,
    /// Stored fields.
    pub fields: DeviceFields,
    /// Location in the body, for faults.
    pub pointer: Box<str>,
}

/// Stored fields of a device (FACTS 1.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFields {
    /// Platform; never `unknown`.
    pub platform: Platform,
    /// Push token.
    pub push_id: Box<str>,
    /// Model.
    pub model: Option<Box<str>>,
    /// Version of the app.
    pub app_version: Option<Box<str>>,
    /// Version of the system.
    pub os_version: Option<Box<str>>,
    /// Push opted in or out.
    pub push_opted: Option<bool>,
    /// Provisional opt-in.
    pub push_provisional_opted: Option<bool>,
    /// Google advertising id; Android only, without zeroes and exceptions.
    pub gaid: Option<Box<str>>,
    /// Apple's id for vendors; iOS only, without zeroes and exceptions.
    pub idfv: Option<Box<str>>,
    /// `push_id` is an exception word: it is kept and replaces no other device.
    pub push_id_is_word: bool,
}
