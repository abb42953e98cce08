//! Array operators (FACTS 1.2.1; behaviour.md 2): adding to and removing from the current array. An array holds one
//! type; an added value is cast to the type of the first element or dropped (FACTS 11 row 26).
//!
//! [`ArrayLog`] makes an operator cost what it adds and removes, however long the array is, and lets it be undone. The
//! values at any point are computed on request.

use crate::value::{Value, float_text};
use std::collections::HashMap;
use std::num::NonZeroU32;

/// Types that one array may mix; its first element decides. Numbers are one family: a cast would lose digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFamily {
    /// Booleans.
    Boolean,
    /// Integers and floats.
    Number,
    /// Strings and dates.
    Text,
    /// Objects, arrays and locations.
    Object,
}

/// Array with the operators that were applied to it, until it has no values left.
#[derive(Clone, Debug)]
pub struct ArrayLog {
    items: Vec<Item>,
    /// Last of the values that count as equal.
    there: HashMap<Alike, u32>,
    head: Head,
}

#[derive(Clone, Debug)]
struct Item {
    value: Value,
    added: u32,
    /// Operator that removed it; the first one has the number 1.
    removed: Option<NonZeroU32>,
    /// Previous item that counts as equal: arrays that were set directly may hold a value twice.
    same: Option<u32>,
}

/// Items that a log has room for beside those of its array: growing would copy all of them.
fn spare(len: usize) -> usize {
    len / 4
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    operators: u32,
    len: usize,
    bytes: usize,
    strings: usize,
    /// Operator that found a string among dates: from then on, dates are strings.
    dates_are_texts: Option<u32>,
    /// All items before this one are removed.
    first: usize,
    /// Last operator that changed the array.
    changed: u32,
}

/// What one operator changed, for [`ArrayLog::undo`].
#[derive(Debug)]
pub struct ArrayUndo {
    head: Head,
    len: usize,
    removed: Vec<u32>,
    /// Number of values that were cast or dropped because of their type.
    pub mixed: usize,
}

impl Item {
    fn is_date(&self) -> bool {
        matches!(self.value, Value::DateTime(_))
    }
}

impl ArrayLog {
    /// Creates the log of an array without operators.
    pub fn new(values: &[Value]) -> Self {
        let room = values.len() + spare(values.len());
        let (items, there) = (Vec::with_capacity(room), HashMap::with_capacity(room));
        let mut log = Self { items, there, head: Head::default() };
        values.iter().for_each(|value| log.push(value.clone()));
        log
    }

    /// Returns the number of operators; a point for [`Self::at`].
    pub fn operators(&self) -> u32 {
        self.head.operators
    }

    /// Whether any operator after the first `operators` changed the array.
    pub fn has_changed_since(&self, operators: u32) -> bool {
        self.head.changed > operators
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.head.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.head.len == 0
    }

    /// Returns the bytes of the array as JSON.
    pub fn json_bytes(&self) -> usize {
        1 + self.head.len.max(1) + self.head.bytes
    }

    fn push(&mut self, value: Value) {
        // A record of 1 MiB and a body have fewer values than this.
        let at = u32::try_from(self.items.len()).expect("an array has fewer items than four billion");
        self.head.len += 1;
        self.head.bytes += value.json_bytes();
        self.head.strings += usize::from(matches!(value, Value::Text(_)));
        let same = self.there.insert(equality_key(&value), at);
        self.items.push(Item { value, added: self.head.operators, removed: None, same });
    }

    fn begin(&mut self) -> ArrayUndo {
        let done = ArrayUndo { head: self.head, len: self.items.len(), removed: Vec::new(), mixed: 0 };
        self.head.operators += 1;
        done
    }

    /// Adds the values that are missing.
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
            if let Some(value) = value.filter(|value| !self.there.contains_key(&equality_key(value))) {
                self.push(value);
            }
        }
        let mut is_change = self.items.len() > done.len;
        if self.head.strings > 0 && self.head.dates_are_texts.is_none() {
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
            let mut next = self.there.remove(&equality_key(value));
            while let Some(at) = next {
                let item = &mut self.items[at as usize];
                item.removed = NonZeroU32::new(self.head.operators);
                self.head.len -= 1;
                self.head.bytes -= item.value.json_bytes();
                self.head.strings -= usize::from(matches!(item.value, Value::Text(_)));
                next = item.same;
                done.removed.push(at);
            }
        }
        if !done.removed.is_empty() {
            self.head.changed = self.head.operators;
        }
        done
    }

    /// Undoes the last operator that was not undone yet.
    pub fn undo(&mut self, done: ArrayUndo) {
        for item in self.items.drain(done.len..).rev() {
            let alike = equality_key(&item.value);
            match item.same {
                Some(at) => drop(self.there.insert(alike, at)),
                None => drop(self.there.remove(&alike)),
            }
        }
        // Of equal values, the last one is restored last.
        for at in done.removed.into_iter().rev() {
            let item = &mut self.items[at as usize];
            item.removed = None;
            self.there.insert(equality_key(&item.value), at);
        }
        self.head = done.head;
    }

    /// Returns the array after the first `operators` operators; None if it has no values then.
    pub fn at(&self, operators: u32) -> Option<Value> {
        let strings = self.has_strings_at(operators);
        let value = |item: &Item| match &item.value {
            Value::DateTime(text) if strings => Value::Text(text.clone()),
            other => other.clone(),
        };
        let mut values = Vec::with_capacity(self.items_at(operators).count());
        values.extend(self.items_at(operators).map(value));
        if values.is_empty() { None } else { Some(Value::Array(values)) }
    }

    /// Whether [`Self::at`] returns this array, without making a copy.
    pub fn is_at(&self, operators: u32, array: Option<&Value>) -> bool {
        let values = match array {
            Some(Value::Array(values)) => &values[..],
            Some(_) => return false,
            None => &[],
        };
        let strings = self.has_strings_at(operators);
        let is_same = |(item, value): (&Item, &Value)| match (&item.value, value) {
            (Value::DateTime(text), Value::Text(other)) if strings => text == other,
            (Value::DateTime(_), _) if strings => false,
            (item, value) => item == value,
        };
        values.len() == self.items_at(operators).count() && self.items_at(operators).zip(values).all(is_same)
    }

    /// Returns the items that are there after the first `operators` operators.
    fn items_at(&self, operators: u32) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(move |item| item.added <= operators && item.removed.is_none_or(|removed| removed.get() > operators))
    }

    /// Whether dates are strings after the first `operators` operators.
    fn has_strings_at(&self, operators: u32) -> bool {
        self.head.dates_are_texts.is_some_and(|since| since <= operators)
    }
}

/// Equality of values: strings and dates by their characters, numbers by their value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Alike {
    Text(Box<str>),
    Integer(i64),
    Other(String),
}

fn equality_key(value: &Value) -> Alike {
    match value {
        Value::Text(text) | Value::DateTime(text) => Alike::Text(text.clone()),
        Value::Integer(number) => Alike::Integer(*number),
        Value::Float(number) => integral(*number).map_or_else(|| Alike::Other(float_text(*number)), Alike::Integer),
        other => Alike::Other(format!("{other:?}")),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number within the bounds of an integer")]
fn integral(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    (number.fract() == 0.0 && (-BOUND..BOUND).contains(&number)).then_some(number as i64)
}

/// Returns the family of a value.
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

    fn strings(items: &[&str]) -> Vec<Value> {
        items.iter().map(|text| Value::Text((*text).into())).collect()
    }

    fn now(log: &ArrayLog) -> Option<Value> {
        log.at(log.operators())
    }

    #[test]
    fn a_date_among_strings_equals_its_string_when_it_is_added_or_removed() {
        let mut log = ArrayLog::new(&strings(&["a", "2026-01-05"]));
        assert_eq!(log.add(&[Value::text("2026-01-05")]).mixed, 0);
        assert_eq!(now(&log), Some(Value::Array(strings(&["a", "2026-01-05"]))));
        log.remove(&[Value::text("2026-01-05")]);
        assert_eq!(now(&log), Some(Value::Array(strings(&["a"]))));
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
            (strings(&["a"]), Value::Integer(1), strings(&["a", "1"]), 1),
            (vec![Value::Integer(1)], Value::text("2"), vec![Value::Integer(1), Value::Integer(2)], 1),
            (vec![Value::Integer(1)], Value::text("x"), vec![Value::Integer(1)], 1),
            (vec![Value::Integer(1)], Value::text("1."), vec![Value::Integer(1)], 1),
            (vec![Value::Boolean(true)], Value::text("FALSE"), vec![Value::Boolean(true), Value::Boolean(false)], 1),
        ] {
            let mut log = ArrayLog::new(&items);
            assert_eq!((log.add(&[added]).mixed, now(&log)), (mixed, Some(Value::Array(want))));
        }
    }

    /// Applies an operator to a plain list, as the contract describes it.
    fn apply_plainly(items: &mut Vec<Value>, add: bool, values: &[Value]) {
        if !add {
            items.retain(|item| !values.iter().any(|value| equality_key(value) == equality_key(item)));
            return;
        }
        let Some(family) = items.first().or(values.first()).map(family) else { return };
        for value in values {
            let value = if self::family(value) == family { Some(value.clone()) } else { cast(value, family) };
            let is_new = |value: &Value| !items.iter().any(|item| equality_key(item) == equality_key(value));
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
        /// Fails if `undo` forgets to restore removed values, or if `at` includes what a later operator added.
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
                    apply_plainly(&mut plain, add, &values);
                    points.push((log.operators(), plain.clone()));
                }
                prop_assert_eq!(log.json_bytes(), Value::Array(plain.clone()).json_bytes());
                prop_assert_eq!(log.len(), plain.len());
                // An empty array ends the log: the next operator starts another one.
                if plain.is_empty() {
                    break;
                }
            }
            let arrays = points.iter().map(|(_, plain)| (!plain.is_empty()).then(|| Value::Array(plain.clone())));
            for (array, (point, _)) in arrays.clone().zip(&points) {
                prop_assert_eq!(log.at(*point), array);
                for other in arrays.clone() {
                    prop_assert_eq!(log.is_at(*point, other.as_ref()), log.at(*point) == other);
                }
            }
        }
    }
}
