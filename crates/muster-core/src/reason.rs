//! Why an element or an action was refused: one closed list (behaviour.md 1.2). `muster-wire` has the messages.

use crate::excerpt::{excerpt, excerpt_of};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Reason of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    // Structural reasons, about the shape of an element: all or nothing, unless the request is lenient.
    /// The element is not an object.
    ElementNotObject = 1,
    /// An object has a member twice.
    DoubledMember = 2,
    /// `type` is not `customer`, `event` or `device`.
    UnknownElementType = 3,
    /// No identifier.
    MissingIdentifier = 4,
    /// A blank identifier, where this is the only fault of that kind; the Track calls tell the two apart.
    EmptyIdentifier = 5,
    /// An identifier with a JSON type that identifiers cannot have; `detail` names the expected type.
    IdentifierType = 6,
    /// `attributes` is not an object; `detail` names the expected type.
    AttributesType = 7,
    /// A device without `attributes`.
    MissingAttributes = 8,
    /// A device without `platform`.
    MissingPlatform = 9,
    /// A device without `push_id`.
    MissingPushId = 10,
    /// An event without `actions`.
    MissingActions = 11,
    /// `actions` is not an array; `detail` names the expected type.
    ActionsType = 12,
    /// `actions` is empty.
    EmptyActions = 13,
    /// An action is not an object.
    ActionNotObject = 14,
    /// An action without `action`.
    MissingAction = 15,
    /// `action` is empty.
    EmptyAction = 16,
    /// `action` is not a string.
    ActionType = 17,
    /// The same array is added to and removed from; `detail` names it.
    AddAndRemove = 18,
    /// A member of a device's `attributes` that must be a string is something else; `detail` names the expected type.
    DeviceFieldType = 19,
    /// The request as a whole; `detail` holds type and message of the answer, separated by a line break. Only in the
    /// log: a request with this fault has no elements.
    Envelope = 20,
    /// A string with half of a surrogate pair (behaviour.md 1.2.l).
    UnpairedSurrogate = 21,

    // Value faults, which depend on values or stored data: only the element or action is rejected.
    /// No identifier is left after exceptions.
    NoUsableIdentifier = 40,
    /// Two values for one identifier.
    ConflictingIdentifier = 41,
    /// A name or an identifier is longer than its limit.
    KeyTooLong = 42,
    /// U+0000 in a name or a value.
    KeyNotAllowed = 43,
    /// The action is too far in the future.
    FutureDate = 44,
    /// A device of a user that does not exist.
    UnknownUser = 45,
    /// A device with an unknown platform.
    UnknownPlatform = 46,
    /// A device without `device_id` and without a customer id to use instead.
    MissingDeviceId = 47,
    /// `event_id` is not a string, or is too long.
    InvalidEventId = 48,
    /// An action named `moe_...`.
    ReservedName = 49,
    /// The profile already has the maximum number of devices.
    TooManyDevices = 50,
    /// More actions than an element may hold.
    TooManyActions = 51,
    /// The member record would exceed its limits.
    ProfileTooLarge = 52,
    /// The identifier is on the block list.
    Blocked = 53,
}

impl Reason {
    /// Every reason; tables and tests check that none is forgotten.
    pub const ALL: [Self; 35] = [
        Self::ElementNotObject,
        Self::DoubledMember,
        Self::UnknownElementType,
        Self::MissingIdentifier,
        Self::EmptyIdentifier,
        Self::IdentifierType,
        Self::AttributesType,
        Self::MissingAttributes,
        Self::MissingPlatform,
        Self::MissingPushId,
        Self::MissingActions,
        Self::ActionsType,
        Self::EmptyActions,
        Self::ActionNotObject,
        Self::MissingAction,
        Self::EmptyAction,
        Self::ActionType,
        Self::AddAndRemove,
        Self::DeviceFieldType,
        Self::Envelope,
        Self::UnpairedSurrogate,
        Self::NoUsableIdentifier,
        Self::ConflictingIdentifier,
        Self::KeyTooLong,
        Self::KeyNotAllowed,
        Self::FutureDate,
        Self::UnknownUser,
        Self::UnknownPlatform,
        Self::MissingDeviceId,
        Self::InvalidEventId,
        Self::ReservedName,
        Self::TooManyDevices,
        Self::TooManyActions,
        Self::ProfileTooLarge,
        Self::Blocked,
    ];

    /// Returns the number that it is stored under.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the reason with this stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }

    /// Whether it is about the shape of the request, not about values.
    pub fn is_structural(self) -> bool {
        self.code() < Self::NoUsableIdentifier.code()
    }
}

/// One refusal with its location. Never quotes a value of the request.
///
/// ```
/// use muster_core::reason::{Fault, Reason};
///
/// let fault = Fault::new(Reason::KeyTooLong, "/elements/3/customer_id", Some("customer_id"));
/// assert_eq!(&*fault.pointer, "/elements/3/customer_id");
/// assert!(!fault.reason.is_structural());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Reason.
    pub reason: Reason,
    /// JSON Pointer into the body of the request (RFC 6901), shortened by [`excerpt`].
    pub pointer: Box<str>,
    /// Member that the documented envelope names in `attribute`.
    pub attribute: Option<Box<str>>,
    /// Additional data for the message: an expected type, or the array of [`Reason::AddAndRemove`].
    pub detail: Option<Box<str>>,
}

/// Faults of one element or action, in order. Shared by the element, its result, the log and the quarantine; an empty
/// list needs no memory of its own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Faults(Option<Arc<[Fault]>>);

impl Deref for Faults {
    type Target = [Fault];

    fn deref(&self) -> &[Fault] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(faults: Vec<Fault>) -> Self {
        Self((!faults.is_empty()).then(|| faults.into()))
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(Some([fault].into()))
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        Vec::from_iter(faults).into()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Fault {
    /// Creates a fault without detail.
    pub fn new(reason: Reason, pointer: impl Into<Box<str>>, attribute: Option<&str>) -> Self {
        Self { reason, pointer: excerpt(pointer.into()), attribute: attribute.map(excerpt_of), detail: None }
    }

    /// Creates a fault with the detail that its message needs.
    pub fn with_detail(reason: Reason, pointer: impl Into<Box<str>>, attribute: &str, detail: &str) -> Self {
        Self { detail: Some(excerpt_of(detail)), ..Self::new(reason, pointer, Some(attribute)) }
    }
}
