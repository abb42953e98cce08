//! Array operators (FACTS 1.2.1; behaviour.md 2): adding to and removing from an array that is shown. An array holds one
//! type; what is added is cast to the type of the first element or dropped (FACTS 11 row 26).

use crate::value::{Value, float_text};
use std::collections::HashSet;

/// What values of one array have in common; its first element decides. All numbers are one family: none of them need to be cast, so none loses
/// digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// true and false.
    Boolean,
    /// Integers and floats.
    Number,
    /// Texts and dates.
    Text,
    /// Objects and what is shaped like one.
    Object,
}

/// Adds what is not there; answers how many values were cast or dropped since they are of another type.
pub fn add(items: &mut Vec<Value>, values: &[Value]) -> usize {
    let Some(family) = items.first().or(values.first()).map(family) else { return 0 };
    let mut there: HashSet<Alike> = items.iter().map(alike).collect();
    let mut mixed = 0;
    for value in values {
        let fits = self::family(value) == family;
        mixed += usize::from(!fits);
        let value = if fits { Some(value.clone()) } else { cast(value, family) };
        items.extend(value.filter(|value| there.insert(alike(value))));
    }
    // Dates among other texts are texts.
    if items.iter().any(|item| matches!(item, Value::Text(_))) {
        for item in items {
            if let Value::DateTime(text) = item {
                *item = Value::Text(std::mem::take(text));
            }
        }
    }
    mixed
}

/// Removes these values.
pub fn remove(items: &mut Vec<Value>, values: &[Value]) {
    let gone: HashSet<Alike> = values.iter().map(alike).collect();
    items.retain(|item| !gone.contains(&alike(item)));
}

/// What is the same in values that count as one: texts and dates by their text, numbers by their value. As keys of a
/// set, since comparing each with each would let one request hold a lane for seconds.
#[derive(PartialEq, Eq, Hash)]
enum Alike {
    Text(Box<str>),
    Integer(i64),
    Other(String),
}

fn alike(value: &Value) -> Alike {
    match value {
        Value::Text(text) | Value::DateTime(text) => Alike::Text(text.clone()),
        Value::Integer(number) => Alike::Integer(*number),
        Value::Float(number) => integral(*number).map_or_else(|| Alike::Other(float_text(*number)), Alike::Integer),
        other => Alike::Other(format!("{other:?}")),
    }
}

/// The integer that a float is, if it is one of 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "a whole number within the bounds of an integer")]
fn integral(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    (number.fract() == 0.0 && (-BOUND..BOUND).contains(&number)).then_some(number as i64)
}

/// The family of a value.
pub fn family(value: &Value) -> Family {
    match value {
        Value::Boolean(_) => Family::Boolean,
        Value::Integer(_) | Value::Float(_) => Family::Number,
        Value::Text(_) | Value::DateTime(_) => Family::Text,
        Value::Location { .. } | Value::Array(_) | Value::Object(_) => Family::Object,
    }
}

fn cast(value: &Value, to: Family) -> Option<Value> {
    let text = match value {
        Value::Boolean(b) => b.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Float(n) => float_text(*n),
        other => other.as_text()?.to_owned(),
    };
    match to {
        Family::Text => Some(Value::Text(text.into())),
        Family::Boolean => text.trim().to_ascii_lowercase().parse().ok().map(Value::Boolean),
        Family::Number => number(&text),
        Family::Object => None,
    }
}

/// A text that is a JSON number.
fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    let grammar = plain
        && !whole.is_empty()
        && (whole == "0" || !whole.starts_with('0'))
        && !digits.ends_with('.')
        && !digits.contains(".e")
        && !digits.contains(".E");
    if !grammar {
        return None;
    }
    text.parse().map(Value::Integer).ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        number.is_finite().then_some(Value::Float(number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[&str]) -> Vec<Value> {
        items.iter().map(|text| Value::Text((*text).into())).collect()
    }

    #[test]
    fn a_date_among_texts_is_that_text_when_it_is_added_again_or_removed() {
        let mut items = texts(&["a", "2026-01-05"]);
        assert_eq!(add(&mut items, &[Value::text("2026-01-05")]), 0);
        assert_eq!(items, texts(&["a", "2026-01-05"]));
        remove(&mut items, &[Value::text("2026-01-05")]);
        assert_eq!(items, texts(&["a"]));
    }

    #[test]
    fn numbers_are_the_same_by_their_value() {
        let mut items = vec![Value::Integer(1), Value::Float(2.0), Value::Float(2.5)];
        assert_eq!(add(&mut items, &[Value::Float(1.0), Value::Integer(2)]), 0);
        remove(&mut items, &[Value::Float(1.0), Value::Integer(2)]);
        assert_eq!(items, [Value::Float(2.5)]);
    }

    #[test]
    fn what_is_added_takes_the_type_of_the_first_element_or_is_dropped() {
        for (mut items, added, want, mixed) in [
            (texts(&["a"]), Value::Integer(1), texts(&["a", "1"]), 1),
            (vec![Value::Integer(1)], Value::text("2"), vec![Value::Integer(1), Value::Integer(2)], 1),
            (vec![Value::Integer(1)], Value::text("x"), vec![Value::Integer(1)], 1),
            (vec![Value::Integer(1)], Value::text("1."), vec![Value::Integer(1)], 1),
            (vec![Value::Boolean(true)], Value::text("FALSE"), vec![Value::Boolean(true), Value::Boolean(false)], 1),
        ] {
            assert_eq!((add(&mut items, &[added]), &items), (mixed, &want));
        }
    }
}
