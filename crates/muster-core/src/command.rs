//! What a request asks for, in the terms of the rules. `muster-wire` makes these from JSON; that conversion is the
//! validation, so what stands here is within its limits of shape and length.

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

/// One request that imports: the bulk import, or a Track call with its one element.
#[derive(Clone, Debug)]
pub struct Import {
    /// The call.
    pub route: Route,
    /// The settings that it was read under; under another revision it is not decided.
    pub settings: Arc<Settings>,
    /// A rejected element refuses the whole request: the Track calls, unless lenient (behaviour.md 1.2).
    pub all_or_nothing: bool,
    /// A dry run: it has a budget of its own, kept by the server (behaviour.md 1.3).
    pub dry: bool,
    /// The elements in order.
    pub elements: Vec<Element>,
    /// Its origin address, if the workspace keeps it (behaviour.md 1.9).
    pub origin: Option<Arc<str>>,
    /// Warnings about the request as a whole.
    pub warnings: Warnings,
    /// Bytes of the decoded body.
    pub bytes: u32,
    /// When it arrived, by [`crate::time::Moment::micros`].
    pub arrived_micros: u64,
    /// The idempotency key, if it has one (behaviour.md 1.4).
    pub idempotency: Option<IdempotencyKey>,
    /// The quarantine entry that its one element replays (behaviour.md 4).
    pub replay: Option<QuarantineNo>,
}

/// An idempotency key with what it came with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The client's key, 1 to 255 printable ASCII characters.
    pub key: Box<str>,
    /// SHA-256 of the decoded body.
    pub body_hash: [u8; 32],
}

/// One element.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its place in the request.
    pub index: u32,
    /// Its type.
    pub kind: ElementKind,
    /// What it asks for, or why it was refused while it was read.
    pub body: Result<Body, Faults>,
    /// Actions that it carries, refused ones with it: what it costs (behaviour.md 1.7).
    pub actions: u32,
    /// What was noticed while it was read.
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

/// A key that an element carries, and what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenIdentifier {
    /// The key, normalised.
    pub identifier: Identifier,
    /// Where it stands in the body, for warnings.
    pub pointer: Box<str>,
    /// It stood among the `attributes` and is written like any attribute, in the record of the id that it is bound to.
    /// False for `customer_id` (also as `uid` without an outer one) and `user_identifiers`: when bound, these only address.
    pub written: bool,
    /// It is a `uid` beside another outer `customer_id`: what that id is changed to (behaviour.md 3.2.i). Of customer
    /// elements alone, where it follows the outer one.
    pub is_new_id: bool,
}

/// A customer element.
#[derive(Clone, Debug, Default)]
pub struct CustomerElement {
    /// Its keys in order of rank, exceptions left out; never empty. At most one of each kind, but for a `uid` that changes
    /// the `customer_id` before it.
    pub identifiers: Vec<GivenIdentifier>,
    /// Nobody is created.
    pub update_existing_only: bool,
    /// Attributes set, by canonical name, no name twice; no active identifier kind and no create-only name among them.
    pub sets: Vec<(Box<str>, Value)>,
    /// Names that can be set only while creating (`publisher_name`, ...), kept for a new profile alone.
    pub create_only: Vec<(Box<str>, Value)>,
    /// `first_seen` and `last_seen` as they were sent; they count if the element creates a profile or a member.
    pub seen: SeenTimes,
    /// Every create-only name that the element carries, `first_seen` and `last_seen` with them: as spelled, and its
    /// pointer. What is warned of if the profile exists.
    pub create_only_names: Vec<(Box<str>, Box<str>)>,
    /// What is unset, after the sets.
    pub unsets: Vec<Unset>,
    /// Array operations, in the order of the body; no name in both directions.
    pub arrays: Vec<ArrayOperation>,
    /// Platforms and whether they are active, none twice.
    pub platforms: Vec<(Platform, bool)>,
}

/// First and last seen as a customer element carries them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenTimes {
    /// `first_seen`.
    pub first: Option<Timestamp>,
    /// `last_seen`.
    pub last: Option<Timestamp>,
}

/// One rule of unsetting: `[]` and `unset_attributes` (FACTS 1.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unset {
    /// How names are compared.
    pub matching: Matching,
    /// The text; for [`Matching::Equals`] with `case_sensitive` a canonical name.
    pub text: Box<str>,
    /// Compare letters in their case.
    pub case_sensitive: bool,
    /// Where it stands in the body, for warnings.
    pub pointer: Box<str>,
}

impl Unset {
    /// The rule, ready to be compared with many names.
    pub fn ready(&self) -> PreparedUnset<'_> {
        let text = if self.case_sensitive { Cow::Borrowed(&*self.text) } else { self.text.to_lowercase().into() };
        PreparedUnset { matching: self.matching, text, case_sensitive: self.case_sensitive }
    }
}

/// An [`Unset`] with its text in the case that is compared.
#[derive(Clone, Debug)]
pub struct PreparedUnset<'u> {
    matching: Matching,
    text: Cow<'u, str>,
    case_sensitive: bool,
}

impl PreparedUnset<'_> {
    /// Whether the rule names this attribute, given in lower case, too.
    pub fn names(&self, name: &str, lower: &str) -> bool {
        self.matching.holds(if self.case_sensitive { name } else { lower }, &self.text)
    }
}

/// How an unset rule compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matching {
    /// The whole name.
    Equals,
    /// Its start; never an identifier.
    Prefix,
    /// Its end; never an identifier.
    Suffix,
    /// Any part; never an identifier.
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
    /// The attribute's canonical name.
    pub name: Box<str>,
    /// Values are added; else removed.
    pub add: bool,
    /// The values, of one type, not empty.
    pub values: Vec<Value>,
    /// Where it stands in the body, for warnings.
    pub pointer: Box<str>,
}

/// An event element.
#[derive(Clone, Debug, Default)]
pub struct EventElement {
    /// Its keys in order of rank, at most one of each kind, exceptions left out; never empty.
    pub identifiers: Vec<GivenIdentifier>,
    /// Nobody is created.
    pub update_existing_only: bool,
    /// The device it names.
    pub device_id: Option<Arc<str>>,
    /// The actions in order: what to store, or why it was refused while it was read. Never empty.
    pub actions: Vec<Result<Arc<Action>, Faults>>,
}

/// One event as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its name, never empty.
    pub name: Box<str>,
    /// Its attributes in the order they came, no name twice.
    pub attributes: Vec<(Box<str>, Value)>,
    /// Its instant; None = the receipt.
    pub time: Option<Timestamp>,
    /// Its local time in milliseconds, as sent; None = derived from `time` with the offset.
    pub user_time: Option<i64>,
    /// The offset from UTC in seconds: of the action, else of the workspace, else 0.
    pub offset_seconds: i32,
    /// The platform; None = not said.
    pub platform: Option<Platform>,
    /// The operating system of a TV, as sent.
    pub os_type: Option<Box<str>>,
    /// The version of the app.
    pub app_version: Option<Box<str>>,
    /// The client's id for de-duplication (behaviour.md 1.4).
    pub event_id: Option<Box<str>>,
    /// Where it stands in the body, for faults.
    pub pointer: Box<str>,
}

/// A device element.
#[derive(Clone, Debug)]
pub struct DeviceElement {
    /// Its keys in order of rank, at most one of each kind, exceptions left out; never empty.
    pub identifiers: Vec<GivenIdentifier>,
    /// Its id within the own record.
    pub device_id: Box<str>,
    /// What is stored of it.
    pub fields: DeviceFields,
    /// Where it stands in the body, for faults.
    pub pointer: Box<str>,
}

/// What is stored of a device (FACTS 1.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFields {
    /// Its platform; never `unknown`.
    pub platform: Platform,
    /// The push token.
    pub push_id: Box<str>,
    /// The model.
    pub model: Option<Box<str>>,
    /// The version of the app.
    pub app_version: Option<Box<str>>,
    /// The version of the system.
    pub os_version: Option<Box<str>>,
    /// Push opted in or out.
    pub push_opted: Option<bool>,
    /// Provisional opt-in.
    pub push_provisional_opted: Option<bool>,
    /// Google advertising id; Android only, zeroes and exceptions left out.
    pub gaid: Option<Box<str>>,
    /// Apple's id for vendors; iOS only, zeroes and exceptions left out.
    pub idfv: Option<Box<str>>,
    /// `push_id` is one of the exception words: it is kept and replaces no other device.
    pub push_id_is_word: bool,
}
