//! Identifier kinds and keys: what a value must be to find somebody (behaviour.md 3).

use crate::limits::IDENTIFIER_BYTES_MAX;
use crate::settings::{KindSettings, Normaliser};
use crate::value::Value;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// An identifier kind: `customer_id`, or the canonical name of the user attribute chosen as identifier. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(Arc<str>);

impl Kind {
    /// The kind of a canonical name.
    pub fn new(canonical: &str) -> Self {
        Self(canonical.into())
    }

    /// The canonical name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One (kind, value): what a record is found by. Bound to at most one id (law L1). The value is what the normaliser of
/// the kind made of it, at most 512 bytes, never blank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// The value, normalised.
    pub value: Box<str>,
}

/// Refused values of `customer_id` where a workspace gives no list of its own (FACTS 6.4), trimmed and in lower case.
/// The empty value is no value at all and needs no place here.
pub const CUSTOMER_ID_EXCEPTIONS: [&str; 22] = [
    "unknown",
    "guest",
    "null",
    "0",
    "1",
    "true",
    "false",
    "user_attribute_unique_id",
    "(empty)",
    "na",
    "n/a",
    "\"\"",
    "dummy_seller_code",
    "user_id",
    "id",
    "customer_id",
    "uid",
    "userid",
    "none",
    "-2",
    "-1",
    "2",
];
/// Exceptions of every other kind where a workspace gives no list of its own (behaviour.md 3).
pub const OTHER_EXCEPTIONS: [&str; 9] = ["null", "none", "unknown", "guest", "n/a", "na", "nan", "0", "undefined"];

/// Why a text is nobody's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Nothing but blanks, or a number of which the normaliser leaves a bare `+`.
    Blank,
    /// On the list of exceptions.
    Exception,
    /// Longer than an identifier may be (behaviour.md 2).
    TooLong,
}

/// The one way from a text to a key: what the settings of a kind make of it (behaviour.md 3).
///
/// # Errors
/// Why it is none.
pub fn key(kind: &KindSettings, text: &str) -> Result<Key, Unusable> {
    let value = normalise(kind.normaliser, text);
    if is_blank(kind.normaliser, text, &value) {
        return Err(Unusable::Blank);
    }
    if is_exception(kind, text, &value) {
        return Err(Unusable::Exception);
    }
    if value.len() > IDENTIFIER_BYTES_MAX {
        return Err(Unusable::TooLong);
    }
    Ok(Key { kind: kind.kind.clone(), value })
}

fn is_blank(normaliser: Option<Normaliser>, text: &str, normalised: &str) -> bool {
    text.trim().is_empty() || normaliser == Some(Normaliser::E164) && normalised == "+"
}

/// Whether a text is an exception of its kind, as it came or as it is normalised: compared trimmed and
/// case-insensitively; a given list replaces the default, and its entries, too, count in both forms.
fn is_exception(kind: &KindSettings, text: &str, normalised: &str) -> bool {
    let folded = |text: &str| text.trim().to_lowercase();
    let text = folded(text);
    let normalised = Some(folded(normalised)).filter(|normalised| *normalised != text);
    let is = |entry: &str| entry == text || normalised.as_deref() == Some(entry);
    let own_form = |entry: &str| kind.normaliser.is_some() && is(&folded(&normalise(kind.normaliser, entry)));
    match &kind.exceptions {
        Some(list) => list.iter().any(|entry| is(&folded(entry)) || own_form(entry)),
        // The entries of the default lists are words that no normaliser changes.
        None if kind.kind.name() == crate::attribute::CUSTOMER_ID => CUSTOMER_ID_EXCEPTIONS.iter().any(|e| is(e)),
        None => OTHER_EXCEPTIONS.iter().any(|e| is(e)),
    }
}

/// What a normaliser makes of a value (behaviour.md 3).
pub fn normalise(normaliser: Option<Normaliser>, value: &str) -> Box<str> {
    match normaliser {
        None => value.into(),
        Some(Normaliser::Lowercase) => value.to_lowercase().into(),
        Some(Normaliser::E164) => {
            let digits: String = value.chars().filter(|c| !c.is_whitespace() && !"-()[]{}".contains(*c)).collect();
            let plus = digits.strip_prefix("00").map(|rest| format!("+{rest}")).unwrap_or(digits);
            if plus.starts_with('+') { plus.into() } else { value.into() }
        }
    }
}

/// The text that a stored value is as an identifier: text, or an integer by its JSON text.
pub fn spelled(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Integer(number) => Some(number.to_string().into()),
        value => value.as_text().map(Into::into),
    }
}

/// The key that a stored value is under the settings of a kind; None if it is no identifier: [`Unusable`], or of
/// another type.
pub fn key_of(kind: &KindSettings, value: &Value) -> Option<Key> {
    key(kind, &spelled(value)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e164_changes_only_what_then_begins_with_plus() {
        for (value, want) in [
            ("0015550100001", "+15550100001"),
            ("+1 (555) 010-0001", "+15550100001"),
            ("555 010 0001", "555 010 0001"),
            ("00 1 555", "+1555"),
        ] {
            assert_eq!(&*normalise(Some(Normaliser::E164), value), want, "{value}");
        }
        assert_eq!(&*normalise(Some(Normaliser::Lowercase), "Asha@Example.TEST"), "asha@example.test");
    }

    fn kind(name: &str, normaliser: Option<Normaliser>, exceptions: Option<&[&str]>) -> KindSettings {
        let exceptions = exceptions.map(|list| list.iter().map(|e| Box::from(*e)).collect());
        KindSettings { normaliser, exceptions, ..KindSettings::plain(name) }
    }

    #[test]
    fn exceptions_compare_trimmed_and_in_any_case_and_a_given_list_replaces_the_default() {
        let of = |name, exceptions, text| key(&kind(name, None, exceptions), text).map(|key| key.value);
        assert_eq!(of("customer_id", None, " Guest "), Err(Unusable::Exception));
        assert_eq!(of("email", None, "N/A"), Err(Unusable::Exception));
        assert_eq!(of("email", None, "1"), Ok("1".into()));
        assert_eq!(of("email", Some(&[]), "null"), Ok("null".into()));
        assert_eq!(of("email", Some(&["Shared@x"]), "shared@X "), Err(Unusable::Exception));
        assert_eq!(of("email", Some(&[]), "  "), Err(Unusable::Blank));
    }

    #[test]
    fn exceptions_compare_as_they_came_and_as_they_are_normalised() {
        let e164 = Some(Normaliser::E164);
        let (exception, usable) = (Err(Unusable::Exception), |text: &str| Ok(Box::from(text)));
        for (normaliser, list, text, want) in [
            (e164, Some(&["+15550100"][..]), "0015550100", exception.clone()),
            (e164, Some(&["+15550100"]), "+1 (555) 0100", exception.clone()),
            (e164, Some(&["00 1 555 0100"]), "+15550100", exception.clone()),
            (e164, Some(&["0015550100"]), "0015550100", exception.clone()),
            (e164, Some(&["+15550100"]), "15550100", usable("15550100")),
            (None, Some(&["+15550100"]), "0015550100", usable("0015550100")),
            (Some(Normaliser::Lowercase), Some(&["SHARED"]), "Shared", exception.clone()),
            (e164, None, " None", exception),
        ] {
            let kind = kind("mobile", normaliser, list);
            assert_eq!(key(&kind, text).map(|key| key.value), want, "{text} {list:?}");
            assert_eq!(key_of(&kind, &Value::text(text)), key(&kind, text).ok(), "{text}: stored");
        }
    }

    #[test]
    fn a_number_of_which_nothing_but_a_plus_is_left_is_blank() {
        for text in ["00", "+", "00 -", " (+) "] {
            assert_eq!(key(&kind("mobile", Some(Normaliser::E164), None), text), Err(Unusable::Blank), "{text}");
            assert_eq!(key(&kind("mobile", None, None), text).map(|key| key.value), Ok(text.into()), "{text}");
        }
    }
}
