//! What a JSON column holds: values by name, in no form of JSON. Each engine writes them in its own.

use muster_core::record::{Attributes, Replaced, Write};
use muster_core::value::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Bytes that count for the header of a list of values.
const LIST_HEADER_BYTES: usize = 5;

/// Values by name, in the order in which they are stored.
pub(crate) type NamedValues = Vec<(Box<str>, Value)>;

/// The object of a JSON column. Values of a record that is written are borrowed from it, so that an engine can encode
/// them straight into the bytes that it stores.
#[derive(Clone, Debug)]
pub enum JsonObject<'a> {
    /// No object: the attributes of the row are in chunks.
    InChunks,
    /// Values that an engine read.
    Owned(NamedValues),
    /// Values in the order of a request.
    Listed(&'a [(Box<str>, Value)]),
    /// Current values.
    Current(&'a BTreeMap<Box<str>, Value>),
    /// The set attributes of a member record.
    Attributes(&'a Attributes),
    /// The set attributes in a chunk of a member record.
    Writes(&'a [(&'a str, &'a Write<Value>)]),
    /// The current values in a chunk of a view.
    Chunk(&'a [(&'a str, &'a Value)]),
    /// The replaced values that are kept.
    Replaced(&'a [Replaced]),
}

impl<'a> JsonObject<'a> {
    /// Gives each name with its value to `each`, in the order in which they are stored.
    pub fn for_each<'s>(&'s self, mut each: impl FnMut(&'s str, &'s Value)) {
        let mut set = |name: &'s str, value: &'s Option<Value>| value.iter().for_each(|value| each(name, value));
        match self {
            Self::InChunks => {}
            Self::Owned(values) => values.iter().for_each(|(name, value)| each(name, value)),
            Self::Listed(values) => values.iter().for_each(|(name, value)| each(name, value)),
            Self::Current(values) => values.iter().for_each(|(name, value)| each(name, value)),
            Self::Attributes(attributes) => attributes.iter().for_each(|(name, write)| set(name, &write.value)),
            Self::Writes(writes) => writes.iter().for_each(|(name, write)| set(name, &write.value)),
            Self::Chunk(values) => values.iter().for_each(|(name, value)| each(name, value)),
            Self::Replaced(replaced) => replaced.iter().for_each(|replaced| set(&replaced.field, &replaced.old)),
        }
    }

    /// Returns the same object, which borrows nothing.
    pub(super) fn into_owned(mut self) -> JsonObject<'static> {
        if matches!(self, Self::InChunks) { JsonObject::InChunks } else { JsonObject::Owned(self.take()) }
    }

    /// Takes the values out; borrowed ones are copied.
    pub(super) fn take(&mut self) -> NamedValues {
        if let Self::Owned(values) = self {
            return std::mem::take(values);
        }
        let mut values = Vec::new();
        self.for_each(|name, value| values.push((name.into(), value.clone())));
        values
    }

    /// Returns the bytes that the object counts for bounds. Every engine must count the same, whatever it stores: the
    /// names, strings and digits, with a header of 1, 2, 3 or 5 bytes before each, and of 5 bytes before each list of
    /// values.
    pub fn bytes(&self) -> u64 {
        if matches!(self, Self::InChunks) {
            return 0;
        }
        let mut bytes = LIST_HEADER_BYTES;
        self.for_each(|name, value| bytes += text_bytes(name.len()) + value_bytes(value));
        bytes as u64
    }
}

impl PartialEq for JsonObject<'_> {
    /// Compares the values, wherever they are.
    fn eq(&self, other: &Self) -> bool {
        let values = |object: &JsonObject<'_>| object.clone().take();
        matches!(self, Self::InChunks) == matches!(other, Self::InChunks) && values(self) == values(other)
    }
}

/// Counts what is written.
struct ByteCounter(usize);

impl fmt::Write for ByteCounter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

fn text_bytes(len: usize) -> usize {
    len + match len {
        0..=11 => 1,
        12..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    }
}

fn number_bytes(number: fmt::Arguments<'_>) -> usize {
    let mut digits = ByteCounter(0);
    digits.write_fmt(number).expect("counting takes every write");
    digits.0 + if digits.0 <= 11 { 1 } else { 3 }
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Boolean(_) => 1,
        Value::Integer(n) => number_bytes(format_args!("{n}")),
        Value::Float(n) => number_bytes(format_args!("{n:?}")),
        Value::Text(text) | Value::DateTime(text) => text_bytes(text.len()),
        Value::Location { lat, lon } => {
            let degrees = number_bytes(format_args!("{lat:?}")) + number_bytes(format_args!("{lon:?}"));
            LIST_HEADER_BYTES + text_bytes("lat".len()) + text_bytes("lon".len()) + degrees
        }
        Value::Array(items) => LIST_HEADER_BYTES + items.iter().map(value_bytes).sum::<usize>(),
        Value::Object(values) => {
            let bytes = |(name, value): &(Box<str>, Value)| text_bytes(name.len()) + value_bytes(value);
            LIST_HEADER_BYTES + values.iter().map(bytes).sum::<usize>()
        }
    }
}
