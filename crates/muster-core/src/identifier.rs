//! Identifier kinds and identifiers: which values can identify a user (behaviour.md 3).

use crate::limits::IDENTIFIER_BYTES_MAX;
use crate::value::Value;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;

/// Identifier kind: `customer_id`, or the canonical name of the user attribute chosen as identifier. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentifierKind(Arc<str>);

impl IdentifierKind {
    /// Creates the kind of a canonical name.
    pub fn new(canonical: &str) -> Self {
        Self(canonical.into())
    }

    /// Returns the canonical name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Kind and value that identify a user. Bound to at most one id (law L1). The value is normalised, at most 512 bytes
/// and not blank.
///
/// ```
/// use muster_core::identifier::{KindSettings, Normaliser, UnusableIdentifier, identifier};
///
/// let mobile = KindSettings { normaliser: Some(Normaliser::E164), ..KindSettings::plain("mobile") };
/// let number = identifier(&mobile, "0091 98000-00001").expect("an identifier");
/// assert_eq!((number.kind.name(), &*number.value), ("mobile", "+919800000001"));
/// assert_eq!(identifier(&mobile, "unknown"), Err(UnusableIdentifier::Exception));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// Kind.
    pub kind: IdentifierKind,
    /// Normalised value.
    pub value: Box<str>,
}

/// Settings of one identifier kind.
#[derive(Clone, Debug, PartialEq)]
pub struct KindSettings {
    /// Kind.
    pub kind: IdentifierKind,
    /// Applied to values before they are compared; fixed while the kind is active.
    pub normaliser: Option<Normaliser>,
    /// Two different values are never merged into one profile (behaviour.md 3.3).
    pub pinned: bool,
    /// Values are kept and not matched.
    pub paused: bool,
    /// Replaces the default exceptions.
    pub exceptions: Option<Vec<Box<str>>>,
    /// Most members of a profile that this kind may create by merging (behaviour.md 3.3).
    pub max_profiles: u32,
}

impl KindSettings {
    /// Creates a kind with every setting at its default.
    pub fn plain(canonical: &str) -> Self {
        Self {
            kind: IdentifierKind::new(canonical),
            normaliser: None,
            pinned: false,
            paused: false,
            exceptions: None,
            max_profiles: 50,
        }
    }
}

/// Optional normalisers of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normaliser {
    /// Trimmed, composed (NFC), in lower case.
    Lowercase,
    /// Removes white space, dashes, dots, slashes, brackets and invisible marks and replaces a leading 00 by +; values
    /// that do not start with + afterwards are not changed.
    E164,
}

/// Default exceptions of `customer_id` beside [`OTHER_EXCEPTIONS`] (FACTS 6.4), trimmed and in lower case.
pub const CUSTOMER_ID_EXCEPTIONS: [&str; 15] = [
    "1",
    "true",
    "false",
    "user_attribute_unique_id",
    "(empty)",
    "\"\"",
    "dummy_seller_code",
    "user_id",
    "id",
    "customer_id",
    "uid",
    "userid",
    "-2",
    "-1",
    "2",
];
/// Default exceptions of every kind: what programs write for a missing value (behaviour.md 3.0.e).
pub const OTHER_EXCEPTIONS: [&str; 17] = [
    "null",
    "none",
    "nil",
    "unknown",
    "guest",
    "anonymous",
    "n/a",
    "na",
    "nan",
    "#n/a",
    "0",
    "undefined",
    "[object object]",
    "(null)",
    "(none)",
    "\\n",
    "00000000-0000-0000-0000-000000000000",
];

/// Why a string cannot be an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusableIdentifier {
    /// Only white space, or a number of which the normaliser leaves a bare `+`.
    Blank,
    /// Listed as an exception.
    Exception,
    /// Longer than an identifier may be (behaviour.md 2).
    TooLong,
}

/// Returns the identifier of a string under the settings of a kind (behaviour.md 3).
///
/// # Errors
/// Why the string cannot be an identifier.
pub fn identifier(kind: &KindSettings, text: &str) -> Result<Identifier, UnusableIdentifier> {
    let value = normalise(kind.normaliser, text);
    if is_blank(kind.normaliser, text, &value) {
        return Err(UnusableIdentifier::Blank);
    }
    if is_exception(kind, text, &value) {
        return Err(UnusableIdentifier::Exception);
    }
    if value.len() > IDENTIFIER_BYTES_MAX {
        return Err(UnusableIdentifier::TooLong);
    }
    Ok(Identifier { kind: kind.kind.clone(), value })
}

fn is_blank(normaliser: Option<Normaliser>, text: &str, normalised: &str) -> bool {
    text.trim().is_empty() || normaliser == Some(Normaliser::E164) && normalised == "+"
}

/// Whether a string, or its normalised form, is an exception of its kind: trimmed, in any case.
fn is_exception(kind: &KindSettings, text: &str, normalised: &str) -> bool {
    let folded = |text: &str| text.trim().to_lowercase();
    let text = folded(text);
    let normalised = Some(folded(normalised)).filter(|normalised| *normalised != text);
    let is = |entry: &str| entry == text || normalised.as_deref() == Some(entry);
    let own_form = |entry: &str| kind.normaliser.is_some() && is(&folded(&normalise(kind.normaliser, entry)));
    match &kind.exceptions {
        Some(list) => list.iter().any(|entry| is(&folded(entry)) || own_form(entry)),
        // Normalisers do not change the default exceptions.
        None => {
            let is_id = kind.kind.name() == crate::attribute::CUSTOMER_ID;
            OTHER_EXCEPTIONS.iter().any(|e| is(e)) || is_id && CUSTOMER_ID_EXCEPTIONS.iter().any(|e| is(e))
        }
    }
}

/// Punctuation between the digits of a phone number: ASCII, and every character with the Unicode property `Dash`.
const PUNCTUATION: &str = "()[]{}./-\u{58a}\u{5be}\u{1400}\u{1806}\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2053}\
    \u{207b}\u{208b}\u{2212}\u{2e17}\u{2e1a}\u{2e3a}\u{2e3b}\u{2e40}\u{2e5d}\u{301c}\u{3030}\u{30a0}\u{fe31}\u{fe32}\u{fe58}\u{fe63}\
    \u{ff0d}\u{10d6e}\u{10ead}";

/// Whether a character is one of the invisible marks that phones and messengers put around a copied number.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Normalises a value (behaviour.md 3.0.h).
pub fn normalise(normaliser: Option<Normaliser>, value: &str) -> Box<str> {
    match normaliser {
        None => value.into(),
        // Composed last: a letter with its mark may have a composed small form but no composed capital.
        Some(Normaliser::Lowercase) => value.trim().to_lowercase().nfc().collect::<String>().into(),
        Some(Normaliser::E164) => {
            let stays = |c: &char| !c.is_whitespace() && !is_invisible(*c) && !PUNCTUATION.contains(*c);
            let digits: String = value.chars().filter(stays).collect();
            let plus = digits.strip_prefix("00").map(|rest| format!("+{rest}")).unwrap_or(digits);
            if plus.starts_with('+') { plus.into() } else { value.into() }
        }
    }
}

/// Returns a stored value as the string of an identifier: a string, or an integer as JSON.
pub fn identifier_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Integer(number) => Some(number.to_string().into()),
        value => value.as_text().map(Into::into),
    }
}

/// Returns the identifier of a stored value under the settings of a kind; None if it cannot be one.
pub fn stored_identifier(kind: &KindSettings, value: &Value) -> Option<Identifier> {
    identifier(kind, &identifier_text(value)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opposites: remove a dash of `PUNCTUATION`; make `is_invisible` false; drop the value at the end of `normalise`.
    #[test]
    fn e164_removes_punctuation_and_invisible_marks_and_changes_only_values_that_then_start_with_plus() {
        for (value, want) in [
            ("0015550100001", "+15550100001"),
            ("+1 (555) 010-0001", "+15550100001"),
            ("+1 [555] {010} 0001", "+15550100001"),
            ("555 010 0001", "555 010 0001"),
            ("555.010/0001", "555.010/0001"),
            ("00 1 555", "+1555"),
            ("\u{202a}+1\u{2011}555.010/0001\u{202c}", "+15550100001"),
            ("001 \u{2013}555\u{2212}010\u{3000}0001\u{feff}", "+15550100001"),
            ("+1\u{ad}555", "+1\u{ad}555"),
        ] {
            assert_eq!(&*normalise(Some(Normaliser::E164), value), want, "{value}");
        }
        let dashes = ["\u{58a}", "\u{5be}", "\u{1806}", "\u{2015}", "\u{2e3b}", "\u{301c}", "\u{fe63}", "\u{ff0d}"];
        for dash in dashes {
            assert_eq!(&*normalise(Some(Normaliser::E164), &format!("+1{dash}555")), "+1555", "{dash}");
        }
    }

    /// Opposites: in `normalise` omit `trim` or `nfc`, or compose before lower-casing.
    #[test]
    fn lowercase_trims_composes_and_lower_cases_and_is_idempotent() {
        for (value, want) in [
            ("Asha@Example.TEST", "asha@example.test"),
            (" jose\u{301}@example.test\u{a0}", "jos\u{e9}@example.test"),
            ("JOSE\u{301}@EXAMPLE.TEST\n", "jos\u{e9}@example.test"),
            ("J\u{30c}", "\u{1f0}"),
            ("\u{212b}", "\u{e5}"),
            ("\u{131}", "\u{131}"),
        ] {
            let once = normalise(Some(Normaliser::Lowercase), value);
            assert_eq!(&*once, want, "{value}");
            assert_eq!(normalise(Some(Normaliser::Lowercase), &once), once, "{value}");
        }
    }

    fn kind(name: &str, normaliser: Option<Normaliser>, exceptions: Option<&[&str]>) -> KindSettings {
        let exceptions = exceptions.map(|list| list.iter().map(|e| Box::from(*e)).collect());
        KindSettings { normaliser, exceptions, ..KindSettings::plain(name) }
    }

    /// Opposite: in `is_exception` apply the list of the other kinds only to those.
    #[test]
    fn exceptions_compare_trimmed_and_in_any_case_and_a_given_list_replaces_the_default() {
        let of = |name, exceptions, text| identifier(&kind(name, None, exceptions), text).map(|key| key.value);
        assert_eq!(of("customer_id", None, " Guest "), Err(UnusableIdentifier::Exception));
        let placeholders = ["undefined", "NaN", " [object Object]", "\\N", "00000000-0000-0000-0000-000000000000"];
        for text in placeholders.into_iter().chain(["nil", "Anonymous", "#N/A", "(null)", "(NONE)"]) {
            assert_eq!(of("customer_id", None, text), Err(UnusableIdentifier::Exception), "{text}");
            assert_eq!(of("mobile", None, text), Err(UnusableIdentifier::Exception), "{text}");
            assert_eq!(of("customer_id", Some(&["guest"]), text), Ok(text.into()), "{text}");
        }
        assert_eq!(of("customer_id", None, "user_id"), Err(UnusableIdentifier::Exception));
        assert_eq!(of("mobile", None, "user_id"), Ok("user_id".into()));
        assert_eq!(of("email", None, "N/A"), Err(UnusableIdentifier::Exception));
        assert_eq!(of("email", None, "1"), Ok("1".into()));
        assert_eq!(of("email", Some(&[]), "null"), Ok("null".into()));
        assert_eq!(of("email", Some(&["Shared@x"]), "shared@X "), Err(UnusableIdentifier::Exception));
        assert_eq!(of("email", Some(&[]), "  "), Err(UnusableIdentifier::Blank));
    }

    #[test]
    fn exceptions_are_compared_before_and_after_normalisation() {
        let e164 = Some(Normaliser::E164);
        let (exception, usable) = (Err(UnusableIdentifier::Exception), |text: &str| Ok(Box::from(text)));
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
            assert_eq!(identifier(&kind, text).map(|key| key.value), want, "{text} {list:?}");
            assert_eq!(stored_identifier(&kind, &Value::text(text)), identifier(&kind, text).ok(), "{text}: stored");
        }
    }

    #[test]
    fn a_number_that_normalises_to_a_bare_plus_is_blank() {
        for text in ["00", "+", "00 -", " (+) "] {
            assert_eq!(
                identifier(&kind("mobile", Some(Normaliser::E164), None), text),
                Err(UnusableIdentifier::Blank),
                "{text}"
            );
            assert_eq!(identifier(&kind("mobile", None, None), text).map(|key| key.value), Ok(text.into()), "{text}");
        }
    }
}
