//! Values of attributes: types, sizes and the arithmetic of attribute rules (behaviour.md 2, FACTS 6.1).

use crate::time::{Date, Timestamp};

/// Stored value. There is no null: null in a request means "not given" (behaviour.md 2).
///
/// ```
/// use muster_core::value::{Combine, Value};
///
/// assert_eq!(Value::text("2026-01-31"), Value::DateTime("2026-01-31".into()));
/// assert_eq!(Value::text("gold"), Value::Text("gold".into()));
/// let orders = Value::combine(Combine::Sum, &Value::Integer(2), &Value::Integer(3));
/// assert_eq!(orders, Value::Integer(5));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Boolean.
    Boolean(bool),
    /// Integer of 64 bits.
    Integer(i64),
    /// Any other finite number.
    Float(f64),
    /// String that is not a date of the API.
    Text(Box<str>),
    /// Date of the API (FACTS 6.1), kept as it was sent; [`Date::parse`] reads it.
    DateTime(Box<str>),
    /// Geographic position, in degrees.
    Location {
        /// Degrees north, -90 to 90.
        lat: f64,
        /// Degrees east, -180 to 180.
        lon: f64,
    },
    /// Scalars of one type, or objects; never empty (an empty array unsets the attribute), never nested.
    Array(Vec<Value>),
    /// Members in the order of the request; never empty, names are unique.
    Object(Vec<(Box<str>, Value)>),
}

impl Value {
    /// Returns the value of a string: a date of the API, or a plain string.
    pub fn text(text: &str) -> Self {
        if Date::parse(text).is_some() { Self::DateTime(text.into()) } else { Self::Text(text.into()) }
    }

    /// Returns the string of a string or date.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::DateTime(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the bytes of the value as JSON, which count for the limit of a member record (behaviour.md 2).
    pub fn json_bytes(&self) -> usize {
        match self {
            Self::Boolean(b) => 5 - usize::from(*b),
            Self::Integer(n) => n.checked_ilog10().map_or_else(|| n.to_string().len(), |digits| digits as usize + 1),
            Self::Float(n) => float_text(*n).len(),
            Self::Text(text) | Self::DateTime(text) => text_json_bytes(text),
            Self::Location { lat, lon } => {
                "{\"lat\":,\"lon\":}".len() + float_text(*lat).len() + float_text(*lon).len()
            }
            Self::Array(items) => 1 + items.len().max(1) + items.iter().map(Self::json_bytes).sum::<usize>(),
            Self::Object(members) => {
                let of = |(name, value): &(Box<str>, Self)| text_json_bytes(name) + 1 + value.json_bytes();
                1 + members.len().max(1) + members.iter().map(of).sum::<usize>()
            }
        }
    }

    /// Combines two values of one attribute under an attribute rule (behaviour.md 3.1). Numbers are added or compared,
    /// dates and strings compared; if the values cannot be combined, the first one is kept.
    pub fn combine(rule: Combine, first: &Self, second: &Self) -> Self {
        use std::cmp::Ordering::{Greater, Less};
        if rule == Combine::Sum {
            return Self::sum(first, second).unwrap_or_else(|| first.clone());
        }
        let second_wins =
            matches!((rule, second.compare(first)), (Combine::Max, Some(Greater)) | (Combine::Min, Some(Less)));
        if second_wins { second.clone() } else { first.clone() }
    }

    fn sum(first: &Self, second: &Self) -> Option<Self> {
        if let (Self::Integer(a), Self::Integer(b)) = (first, second)
            && let Some(sum) = a.checked_add(*b)
        {
            return Some(Self::Integer(sum));
        }
        let sum = first.number()? + second.number()?;
        sum.is_finite().then_some(Self::Float(sum))
    }

    fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a sum beyond 64 bits is a float, as behaviour.md 2 has it")]
            Self::Integer(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            _ => None,
        }
    }

    fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::DateTime(text) => Date::parse(text).map(|date| date.instant(0)),
            _ => None,
        }
    }

    fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        if let (Self::Integer(a), Self::Integer(b)) = (self, other) {
            return Some(a.cmp(b));
        }
        if let (Some(a), Some(b)) = (self.number(), other.number()) {
            return a.partial_cmp(&b);
        }
        if let (Some(a), Some(b)) = (self.instant(), other.instant()) {
            return Some(a.cmp(&b));
        }
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Attribute rules: how a merge combines the survivor's current value with that of the joined profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Sum of numbers.
    Sum,
    /// Greatest value.
    Max,
    /// Least value.
    Min,
}

/// Formats a finite float as JSON, always with a fraction or an exponent, so that it is parsed as a float again.
pub fn float_text(n: f64) -> String {
    format!("{n:?}")
}

/// Returns the bytes of a string as JSON, including quotes and escapes.
pub fn text_json_bytes(text: &str) -> usize {
    let escape = |b: u8| match b {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0,
    };
    2 + text.len() + text.bytes().map(escape).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_rules_combine_what_goes_together() {
        let text = |s: &str| Value::text(s);
        let (one, two, half) = (Value::Integer(1), Value::Integer(2), Value::Float(0.5));
        for (rule, first, second, want) in [
            (Combine::Sum, &one, &two, Value::Integer(3)),
            (Combine::Sum, &one, &half, Value::Float(1.5)),
            (Combine::Sum, &one, &text("x"), one.clone()),
            (Combine::Sum, &Value::Integer(i64::MAX), &one, Value::Float(9_223_372_036_854_775_808.0)),
            (Combine::Max, &one, &two, two.clone()),
            (Combine::Min, &one, &half, half.clone()),
            (Combine::Max, &text("2026-01-05"), &text("2026-01-04T23:00:00Z"), text("2026-01-05")),
            (Combine::Max, &text("x"), &two, text("x")),
        ] {
            assert_eq!(Value::combine(rule, first, second), want, "{rule:?} {first:?} {second:?}");
        }
    }

    #[test]
    fn json_bytes_are_those_of_the_json() {
        let object = Value::Object(vec![("a\"b".into(), Value::Array(vec![Value::Integer(-10), Value::Float(1.0)]))]);
        assert_eq!(object.json_bytes(), r#"{"a\"b":[-10,1.0]}"#.len());
        assert_eq!(Value::Integer(i64::MIN).json_bytes(), 20);
        assert_eq!([Value::Boolean(true).json_bytes(), Value::Boolean(false).json_bytes()], [4, 5]);
        assert_eq!(Value::text("a\nb\u{1}").json_bytes(), r#""a\nb\u0001""#.len());
    }
}
