//! Array operators (FACTS 1.2.1; behaviour.md 2): adding to and removing from an array that is shown. An array holds one
//! type; what is added is cast to the type of the first element or dropped (FACTS 11 row 26).
//!
//! An array under operators is a [`ArrayLog`]: an operator costs what it adds and removes, however long the array is, and can
//! be taken back. The values at any point are made from it when they are asked for.

use crate::value::{Value, float_text};
use std::collections::HashMap;

/// What values of one array have in common; its first element decides. All numbers are one family: none of them need to be cast, so none loses
/// digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFamily {
    /// true and false.
    Boolean,
    /// Integers and floats.
    Number,
    /// Texts and dates.
    Text,
    /// Objects and what is shaped like one.
    Object,
}

/// An array and what operators did to it, in order, until one leaves it without values.
#[derive(Clone, Debug)]
pub struct ArrayLog {
    items: Vec<Item>,
    /// The last of the values that count as one.
    there: HashMap<Alike, usize>,
    head: Head,
}

#[derive(Clone, Debug)]
struct Item {
    value: Value,
    /// The operator that added it.
    added: u32,
    /// The operator that removed it.
    removed: Option<u32>,
    /// The one before it that counts as the same: arrays that were set as they are may hold a value twice.
    same: Option<usize>,
}

/// The array as it is after the last operator.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    operators: u32,
    len: usize,
    /// Of the JSON of its values.
    bytes: usize,
    /// Texts that are no dates.
    texts: usize,
    /// The operator that found a text among dates: dates among other texts are texts.
    dates_are_texts: Option<u32>,
    /// Before it, all are removed.
    first: usize,
    /// The last operator that changed the array.
    changed: u32,
}

/// What one operator did, for [`ArrayLog::undo`].
#[derive(Debug)]
pub struct ArrayUndo {
    head: Head,
    len: usize,
    removed: Vec<usize>,
    /// Values that were cast or dropped since they are of another type.
    pub mixed: usize,
}

impl Item {
    fn is_date(&self) -> bool {
        matches!(self.value, Value::DateTime(_))
    }
}

impl ArrayLog {
    /// The log of an array that nothing was done to.
    pub fn new(values: &[Value]) -> Self {
        let mut log = Self { items: Vec::with_capacity(values.len()), there: HashMap::new(), head: Head::default() };
        values.iter().for_each(|value| log.push(value.clone()));
        log
    }

    /// How many operators there were; a point that [`Self::at`] takes.
    pub fn operators(&self) -> u32 {
        self.head.operators
    }

    /// Whether any operator after the first `operators` changed it.
    pub fn has_changed_since(&self, operators: u32) -> bool {
        self.head.changed > operators
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.head.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.head.len == 0
    }

    /// Bytes of the JSON of the array.
    pub fn json_bytes(&self) -> usize {
        1 + self.head.len.max(1) + self.head.bytes
    }

    fn push(&mut self, value: Value) {
        let at = self.items.len();
        self.head.len += 1;
        self.head.bytes += value.json_bytes();
        self.head.texts += usize::from(matches!(value, Value::Text(_)));
        let same = self.there.insert(alike(&value), at);
        self.items.push(Item { value, added: self.head.operators, removed: None, same });
    }

    fn begin(&mut self) -> ArrayUndo {
        let done = ArrayUndo { head: self.head, len: self.items.len(), removed: Vec::new(), mixed: 0 };
        self.head.operators += 1;
        done
    }

    /// Adds what is not there.
    pub fn add(&mut self, values: &[Value]) -> ArrayUndo {
        let mut done = self.begin();
        while self.items.get(self.head.first).is_some_and(|item| item.removed.is_some()) {
            self.head.first += 1;
        }
        let first = self.items.get(self.head.first).map(|item| &item.value);
        let Some(family) = first.or(values.first()).map(family) else { return done };
        for value in values {
            let fits = self::family(value) == family;
            done.mixed += usize::from(!fits);
            let value = if fits { Some(value.clone()) } else { cast(value, family) };
            if let Some(value) = value.filter(|value| !self.there.contains_key(&alike(value))) {
                self.push(value);
            }
        }
        let mut is_change = self.items.len() > done.len;
        if self.head.texts > 0 && self.head.dates_are_texts.is_none() {
            self.head.dates_are_texts = Some(self.head.operators);
            is_change |= self.items.iter().any(Item::is_date);
        }
        if is_change {
            self.head.changed = self.head.operators;
        }
        done
    }

    /// Removes these values.
    pub fn remove(&mut self, values: &[Value]) -> ArrayUndo {
        let mut done = self.begin();
        for value in values {
            let mut next = self.there.remove(&alike(value));
            while let Some(at) = next {
                let item = &mut self.items[at];
                item.removed = Some(self.head.operators);
                self.head.len -= 1;
                self.head.bytes -= item.value.json_bytes();
                self.head.texts -= usize::from(matches!(item.value, Value::Text(_)));
                next = item.same;
                done.removed.push(at);
            }
        }
        if !done.removed.is_empty() {
            self.head.changed = self.head.operators;
        }
        done
    }

    /// Takes the last operator back that was not taken back yet.
    pub fn undo(&mut self, done: ArrayUndo) {
        for item in self.items.drain(done.len..).rev() {
            let alike = alike(&item.value);
            match item.same {
                Some(at) => drop(self.there.insert(alike, at)),
                None => drop(self.there.remove(&alike)),
            }
        }
        // Of values that count as one the last is put back last.
        for at in done.removed.into_iter().rev() {
            self.items[at].removed = None;
            self.there.insert(alike(&self.items[at].value), at);
        }
        self.head = done.head;
    }

    /// The array after the first `operators` operators; None if it has no values then.
    pub fn at(&self, operators: u32) -> Option<Value> {
        let texts = self.head.dates_are_texts.is_some_and(|since| since <= operators);
        let there = |item: &&Item| item.added <= operators && item.removed.is_none_or(|removed| removed > operators);
        let value = |item: &Item| match &item.value {
            Value::DateTime(text) if texts => Value::Text(text.clone()),
            other => other.clone(),
        };
        let values: Vec<Value> = self.items.iter().filter(there).map(value).collect();
        if values.is_empty() { None } else { Some(Value::Array(values)) }
    }
}

/// What is the same in values that count as one: texts and dates by their text, numbers by their value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
pub fn family(value: &Value) -> ValueFamily {
    match value {
        Value::Boolean(_) => ValueFamily::Boolean,
        Value::Integer(_) | Value::Float(_) => ValueFamily::Number,
        Value::Text(_) | Value::DateTime(_) => ValueFamily::Text,
        Value::Location { .. } | Value::Array(_) | Value::Object(_) => ValueFamily::Object,
    }
}

fn cast(value: &Value, to: ValueFamily) -> Option<Value> {
    let text = match value {
        Value::Boolean(b) => b.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Float(n) => float_text(*n),
        other => other.as_text()?.to_owned(),
    };
    match to {
        ValueFamily::Text => Some(Value::Text(text.into())),
        ValueFamily::Boolean => text.trim().to_ascii_lowercase().parse().ok().map(Value::Boolean),
        ValueFamily::Number => number(&text),
        ValueFamily::Object => None,
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
    use proptest::prelude::*;

    fn texts(items: &[&str]) -> Vec<Value> {
        items.iter().map(|text| Value::Text((*text).into())).collect()
    }

    fn now(log: &ArrayLog) -> Option<Value> {
        log.at(log.operators())
    }

    #[test]
    fn a_date_among_texts_is_that_text_when_it_is_added_again_or_removed() {
        let mut log = ArrayLog::new(&texts(&["a", "2026-01-05"]));
        assert_eq!(log.add(&[Value::text("2026-01-05")]).mixed, 0);
        assert_eq!(now(&log), Some(Value::Array(texts(&["a", "2026-01-05"]))));
        log.remove(&[Value::text("2026-01-05")]);
        assert_eq!(now(&log), Some(Value::Array(texts(&["a"]))));
    }

    #[test]
    fn numbers_are_the_same_by_their_value() {
        let mut log = ArrayLog::new(&[Value::Integer(1), Value::Float(2.0), Value::Float(2.5)]);
        assert_eq!(log.add(&[Value::Float(1.0), Value::Integer(2)]).mixed, 0);
        log.remove(&[Value::Float(1.0), Value::Integer(2)]);
        assert_eq!(now(&log), Some(Value::Array(vec![Value::Float(2.5)])));
    }

    #[test]
    fn what_is_added_takes_the_type_of_the_first_element_or_is_dropped() {
        for (items, added, want, mixed) in [
            (texts(&["a"]), Value::Integer(1), texts(&["a", "1"]), 1),
            (vec![Value::Integer(1)], Value::text("2"), vec![Value::Integer(1), Value::Integer(2)], 1),
            (vec![Value::Integer(1)], Value::text("x"), vec![Value::Integer(1)], 1),
            (vec![Value::Integer(1)], Value::text("1."), vec![Value::Integer(1)], 1),
            (vec![Value::Boolean(true)], Value::text("FALSE"), vec![Value::Boolean(true), Value::Boolean(false)], 1),
        ] {
            let mut log = ArrayLog::new(&items);
            assert_eq!((log.add(&[added]).mixed, now(&log)), (mixed, Some(Value::Array(want))));
        }
    }

    /// The operators as they read in the contract, on a plain list.
    fn plainly(items: &mut Vec<Value>, add: bool, values: &[Value]) {
        if !add {
            items.retain(|item| !values.iter().any(|value| alike(value) == alike(item)));
            return;
        }
        let Some(family) = items.first().or(values.first()).map(family) else { return };
        for value in values {
            let value = if self::family(value) == family { Some(value.clone()) } else { cast(value, family) };
            let is_new = |value: &Value| !items.iter().any(|item| alike(item) == alike(value));
            let new = value.filter(is_new);
            items.extend(new);
        }
        if items.iter().any(|item| matches!(item, Value::Text(_))) {
            for item in items {
                if let Value::DateTime(text) = item {
                    *item = Value::Text(std::mem::take(text));
                }
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            (0_i64..6).prop_map(Value::Integer),
            Just(Value::Float(2.0)),
            Just(Value::Boolean(true)),
            prop_oneof![Just("a"), Just("b"), Just("2026-01-05"), Just("2026-01-06"), Just("3")].prop_map(Value::text),
        ]
    }

    proptest! {
        /// Fails if `undo` forgets to put removed values back, or if `at` takes what a later operator added.
        #[test]
        fn a_log_is_the_array_after_each_operator_and_an_undone_one_leaves_no_trace(
            start in prop::collection::vec(value(), 0..5),
            operators in prop::collection::vec((any::<bool>(), any::<bool>(), prop::collection::vec(value(), 1..4)), 0..12),
        ) {
            let (mut log, mut plain) = (ArrayLog::new(&start), start);
            let mut points = vec![(log.operators(), plain.clone())];
            for (add, undone, values) in operators {
                let before = now(&log);
                let done = if add { log.add(&values) } else { log.remove(&values) };
                prop_assert!(log.has_changed_since(log.operators() - 1) || now(&log) == before);
                if undone {
                    log.undo(done);
                } else {
                    plainly(&mut plain, add, &values);
                    points.push((log.operators(), plain.clone()));
                }
                prop_assert_eq!(log.json_bytes(), Value::Array(plain.clone()).json_bytes());
                prop_assert_eq!(log.len(), plain.len());
                // An array without values is none: the next operator begins another.
                if plain.is_empty() {
                    break;
                }
            }
            for (point, plain) in points {
                prop_assert_eq!(log.at(point), (!plain.is_empty()).then_some(Value::Array(plain)));
            }
        }
    }
}
