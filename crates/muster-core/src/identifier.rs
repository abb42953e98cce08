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

/// Whether a value is an exception of its kind: compared trimmed and case-insensitively; a given list replaces the
/// default (behaviour.md 3). Blank values are nobody's identifier.
pub fn is_exception(kind: &str, given: Option<&[Box<str>]>, value: &str) -> bool {
    let value = value.trim().to_lowercase();
    let default: &[&str] =
        if kind == crate::attribute::CUSTOMER_ID { &CUSTOMER_ID_EXCEPTIONS } else { &OTHER_EXCEPTIONS };
    match given {
        _ if value.is_empty() => true,
        Some(list) => list.iter().any(|e| e.trim().to_lowercase() == value),
        None => default.contains(&value.as_str()),
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

/// The key that a stored value is under the settings of a kind; None if it is no identifier: an exception, blank, too
/// long, or of another type.
pub fn key_of(kind: &KindSettings, value: &Value) -> Option<Key> {
    let text = spelled(value)?;
    if is_exception(kind.kind.name(), kind.exceptions.as_deref(), &text) {
        return None;
    }
    let value = normalise(kind.normaliser, &text);
    (value.len() <= IDENTIFIER_BYTES_MAX).then(|| Key { kind: kind.kind.clone(), value })
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

    #[test]
    fn exceptions_compare_trimmed_and_in_any_case_and_a_given_list_replaces_the_default() {
        assert!(is_exception("customer_id", None, " Guest "));
        assert!(is_exception("email", None, "N/A"));
        assert!(!is_exception("email", None, "1"));
        assert!(!is_exception("email", Some(&[]), "null"));
        assert!(is_exception("email", Some(&["Shared@x".into()]), "shared@X "));
        assert!(is_exception("email", Some(&[]), "  "));
    }
}
