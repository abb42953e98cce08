//! Attributes of one member record, with their number and size.

use crate::id::Seq;
use crate::limits::ATTRIBUTE_OVERHEAD_BYTES;
use crate::value::{Value, text_json_bytes};
use std::collections::BTreeMap;
use std::ops::Deref;

/// Latest write of a name in one member record.
#[derive(Clone, Debug, PartialEq)]
pub struct Write<V> {
    /// Position in the change sequence.
    pub seq: Seq,
    /// Value; None: unset.
    pub value: Option<V>,
}

/// Latest write of each attribute by canonical name, including unset ones. It derefs to a map; [`Self::put`] is the
/// only way to change it and keeps the size up to date, so that a limit costs no scan.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    writes: BTreeMap<Box<str>, Write<Value>>,
    size: Size,
}

/// Number and size of attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Number of set attributes.
    pub set: usize,
    /// Bytes of names and JSON values of set attributes (behaviour.md 2.l).
    pub bytes: usize,
    /// Bytes of all attributes, unset ones too, each with [`ATTRIBUTE_OVERHEAD_BYTES`]: for the bound on a profile.
    pub weight: usize,
}

impl Size {
    /// Returns the size of one write; `value` is the size of its JSON value, None = unset.
    pub(crate) fn new(name: &str, value: Option<usize>) -> Self {
        let weight = name.len() + value.unwrap_or_default() + ATTRIBUTE_OVERHEAD_BYTES;
        match value {
            Some(value) => Self { set: 1, bytes: text_json_bytes(name) + value, weight },
            None => Self { set: 0, bytes: 0, weight },
        }
    }

    fn from_write(name: &str, write: &Write<Value>) -> Self {
        Self::new(name, write.value.as_ref().map(Value::json_bytes))
    }

    fn plus(self, other: Self) -> Self {
        Self { set: self.set + other.set, bytes: self.bytes + other.bytes, weight: self.weight + other.weight }
    }

    fn minus(self, other: Self) -> Self {
        let Self { set, bytes, weight } = other;
        Self {
            set: self.set.saturating_sub(set),
            bytes: self.bytes.saturating_sub(bytes),
            weight: self.weight.saturating_sub(weight),
        }
    }
}

impl Attributes {
    /// Returns the number and size of all attributes.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Replaces a write, or removes it if None; returns the previous one.
    pub fn put(&mut self, name: &str, write: Option<Write<Value>>) -> Option<Write<Value>> {
        let new = write.as_ref().map_or(Size::default(), |write| Size::from_write(name, write));
        let old = self.writes.get(name).map_or(Size::default(), |write| Size::from_write(name, write));
        self.put_sized(name, write, (old, new))
    }

    /// Replaces a write with given sizes of both: a value may be a placeholder for one that is computed later.
    pub(crate) fn put_sized(
        &mut self,
        name: &str,
        write: Option<Write<Value>>,
        (old, new): (Size, Size),
    ) -> Option<Write<Value>> {
        self.size = self.size.plus(new).minus(old);
        match write {
            None => self.writes.remove(name),
            Some(write) => match self.writes.get_mut(name) {
                Some(there) => Some(std::mem::replace(there, write)),
                None => self.writes.insert(name.into(), write),
            },
        }
    }
}

impl Deref for Attributes {
    type Target = BTreeMap<Box<str>, Write<Value>>;

    fn deref(&self) -> &Self::Target {
        &self.writes
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.writes == other.writes
    }
}

impl From<BTreeMap<Box<str>, Write<Value>>> for Attributes {
    fn from(writes: BTreeMap<Box<str>, Write<Value>>) -> Self {
        let sizes = writes.iter().map(|(name, write)| Size::from_write(name, write));
        let size = sizes.fold(Size::default(), Size::plus);
        Self { writes, size }
    }
}

impl FromIterator<(Box<str>, Write<Value>)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Write<Value>)>>(writes: I) -> Self {
        writes.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl<const N: usize> From<[(Box<str>, Write<Value>); N]> for Attributes {
    fn from(writes: [(Box<str>, Write<Value>); N]) -> Self {
        writes.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(value: Option<&str>) -> Write<Value> {
        Write { seq: 1, value: value.map(Value::text) }
    }

    #[test]
    fn the_size_is_that_of_the_writes_that_are_there() {
        let mut attributes = Attributes::default();
        for (name, value, (set, bytes, weight)) in [
            ("tier", Some(write(Some("gold"))), (1, 12, 74)),
            ("city", Some(write(Some("Pune"))), (2, 24, 148)),
            ("tier", Some(write(Some("x"))), (2, 21, 145)),
            ("city", Some(write(None)), (1, 9, 139)),
            ("city", None, (1, 9, 71)),
            ("tier", Some(write(None)), (0, 0, 68)),
        ] {
            attributes.put(name, value);
            assert_eq!(attributes.size(), Size { set, bytes, weight }, "{name}");
            assert_eq!(Attributes::from((*attributes).clone()).size(), attributes.size(), "{name}, counted again");
        }
    }
}
