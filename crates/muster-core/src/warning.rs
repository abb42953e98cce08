//! What was accepted differently from how it was sent: one closed list of codes (behaviour.md 1.3).

use crate::excerpt::{excerpt, excerpt_of};
use crate::limits::WARNINGS_MAX;

/// Code of a warning; its name is its text on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Code {
    /// A null was ignored.
    NullIgnored = 1,
    /// A number too large for any number type was dropped.
    NumberDropped = 2,
    /// An integer beyond 64 bits was converted to a float.
    NumberRounded = 3,
    /// A reserved name was dropped.
    ReservedName = 4,
    /// A name that the hosted service computes was ignored.
    DerivedIgnored = 5,
    /// A name that can be set only while creating was ignored.
    CreateOnlyIgnored = 6,
    /// Two aliases of one attribute had different values; the later one was used.
    AliasOverridden = 7,
    /// An integer was used as an identifier, as its JSON text.
    IdentifierFromNumber = 8,
    /// A value on the exception list was neither matched nor stored.
    ExceptionIgnored = 9,
    /// `user_identifiers` do nothing while identity resolution is off.
    IdentifiersIgnored = 10,
    /// A name in `user_identifiers` is not an active identifier kind.
    UnknownIdentifier = 11,
    /// An unbound identifier of an event or device was not stored.
    KeyNotBound = 12,
    /// An identifier was withheld because keeping it would have merged what must stay apart (behaviour.md 3.3).
    KeySetAside = 13,
    /// The record's value of a kind was released and replaced.
    IdentifierReplaced = 14,
    /// The last kind of identifier of a profile was not unset.
    LastIdentifierKept = 15,
    /// An element of an array was dropped or cast because an array holds one type.
    ArrayMixed = 16,
    /// A value of an unsupported shape was dropped.
    ValueDropped = 17,
    /// An array operation on a value that is not an array was ignored.
    NotAnArray = 18,
    /// An unknown platform was stored as `unknown`, or dropped from a user's platforms.
    PlatformUnknown = 19,
    /// A time that could not be read counts as missing (behaviour.md 2.ub).
    TimeUnreadable = 20,
    /// A time zone offset out of range was ignored.
    OffsetIgnored = 21,
    /// A name longer than the hosted service keeps.
    NameOverLimit = 22,
    /// A value longer, larger or nested deeper than the hosted service keeps.
    ValueOverLimit = 23,
    /// An array longer than the hosted service keeps.
    ArrayOverLimit = 24,
    /// More attributes of an event, or members of an object, than the hosted service keeps.
    TooManyAttributes = 25,
    /// `X-Forwarded-For` had an entry that is not an address.
    AddressUnreadable = 26,
    /// A member of the wrong type was ignored.
    TypeIgnored = 27,
    /// `unset_attributes` had a rule that could not be used.
    UnsetRuleIgnored = 28,
    /// The actions were accepted although the hosted service may refuse their names.
    NameUnusual = 29,
    /// A member that the documented API does not have was ignored (behaviour.md 1.3.n).
    UnknownMember = 30,
    /// A time was read in an undocumented format that programming languages print (behaviour.md 2.ua).
    TimeInterpreted = 31,
    /// The zero time of a programming language counts as missing (behaviour.md 2.ub).
    TimeZero = 32,
    /// An event id was seen before with another name, or for another user (behaviour.md 1.4.h).
    EventIdReused = 40,
}

impl Code {
    /// Every code; tables and tests check that none is forgotten.
    pub const ALL: [Self; 33] = [
        Self::NullIgnored,
        Self::NumberDropped,
        Self::NumberRounded,
        Self::ReservedName,
        Self::DerivedIgnored,
        Self::CreateOnlyIgnored,
        Self::AliasOverridden,
        Self::IdentifierFromNumber,
        Self::ExceptionIgnored,
        Self::IdentifiersIgnored,
        Self::UnknownIdentifier,
        Self::KeyNotBound,
        Self::KeySetAside,
        Self::IdentifierReplaced,
        Self::LastIdentifierKept,
        Self::ArrayMixed,
        Self::ValueDropped,
        Self::NotAnArray,
        Self::PlatformUnknown,
        Self::TimeUnreadable,
        Self::OffsetIgnored,
        Self::NameOverLimit,
        Self::ValueOverLimit,
        Self::ArrayOverLimit,
        Self::TooManyAttributes,
        Self::AddressUnreadable,
        Self::TypeIgnored,
        Self::UnsetRuleIgnored,
        Self::NameUnusual,
        Self::UnknownMember,
        Self::TimeInterpreted,
        Self::TimeZero,
        Self::EventIdReused,
    ];

    /// Returns the number that it is stored under.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the code with this stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }
}

/// Warning of an element: code, name, first location and number of occurrences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Code.
    pub code: Code,
    /// Attribute, kind or member that it is about, as the client spelled it, shortened by [`excerpt`].
    pub name: Box<str>,
    /// JSON Pointer to the first occurrence in the body of the request, shortened.
    pub pointer: Box<str>,
    /// Occurrences in the element.
    pub count: u32,
    /// An unreadable time, shortened, for the log alone (behaviour.md 2.ub); never in an answer.
    pub given: Option<Box<str>>,
}

/// Warnings of one element: one for each code and name, in order of first occurrence, at most [`WARNINGS_MAX`]. The
/// bound keeps the cost of an element proportional to its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(pub Vec<Warning>);

impl Warnings {
    /// Adds an occurrence; beyond the bound only existing warnings are counted on.
    pub fn add(&mut self, code: Code, name: &str, pointer: impl FnOnce() -> String) {
        self.add_given(code, name, pointer, || None);
    }

    /// Adds an occurrence; `given` returns the value of the first one.
    pub fn add_given<'g>(
        &mut self,
        code: Code,
        name: &str,
        pointer: impl FnOnce() -> String,
        given: impl FnOnce() -> Option<&'g str>,
    ) {
        let name = excerpt_of(name);
        let has_room = self.0.len() < WARNINGS_MAX;
        match self.0.iter_mut().find(|w| w.code == code && w.name == name) {
            Some(warning) => warning.count += 1,
            None if has_room => {
                let pointer = excerpt(pointer().into());
                self.0.push(Warning { code, name, pointer, count: 1, given: given().map(excerpt_of) });
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opposite: omit the bound in `add_given`.
    #[test]
    fn beyond_the_bound_only_existing_warnings_are_counted() {
        let mut warnings = Warnings::default();
        for name in (0..WARNINGS_MAX + 1).chain(0..WARNINGS_MAX + 1) {
            warnings.add(Code::NotAnArray, &name.to_string(), String::new);
        }
        let noted: Vec<(String, u32)> = warnings.0.iter().map(|w| (w.name.to_string(), w.count)).collect();
        assert_eq!(noted, (0..WARNINGS_MAX).map(|name| (name.to_string(), 2)).collect::<Vec<_>>());
    }
}
