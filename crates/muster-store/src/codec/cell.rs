//! Rows as cells, the checksum over them, and reading them one after another.

use super::bytes::Encoder;
use super::json::{JsonObject, NamedValues};
use super::values::put_value;
use crate::error::CorruptRow;
use crate::family::Family;
use std::borrow::Cow;
use std::cell::RefCell;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One column's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A whole number; unsigned ones as their bits.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Blob(Cow<'a, [u8]>),
    /// The object of a JSON column. An engine replaces it by its own form of JSON when it writes a row, and restores it when
    /// it reads one.
    Json(JsonObject<'a>),
}

/// A record that is a row of a family.
pub trait Record: Sized {
    /// The family.
    const FAMILY: Family;

    /// Returns the cells, in the order of [`Family::columns`].
    fn cells(&self) -> Vec<Cell<'_>>;

    /// Returns the record of these cells, and takes the values out of JSON columns.
    ///
    /// # Errors
    /// [`CorruptRow`] if the cells are not such a record.
    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow>;
}

/// Returns the checksum over a whole row: xxh3 of all cells with their types and lengths, seeded by the family. An engine
/// that reads the bytes of its JSON back unchanged sums those bytes instead of the values. Part of the stored format.
pub fn row_sum(family: Family, cells: &[Cell<'_>]) -> i64 {
    cells_sum(family as u64, cells)
}

/// Returns the same for a row of no family, with a seed of its own.
pub(crate) fn cells_sum(seed: u64, cells: &[Cell<'_>]) -> i64 {
    thread_local! { static ROW: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) }; }
    ROW.with_borrow_mut(|row| {
        row.clear();
        for cell in cells {
            let (tag, bytes): (u8, &[u8]) = match cell {
                Cell::Null => (0, &[]),
                Cell::Int(n) => {
                    row.push(1);
                    row.extend_from_slice(&n.to_le_bytes());
                    continue;
                }
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Blob(bytes) => (3, bytes),
                Cell::Json(object) => {
                    sum_object(row, object);
                    continue;
                }
            };
            row.push(tag);
            row.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            row.extend_from_slice(bytes);
        }
        let sum = xxh3_64_with_seed(row, seed).cast_signed();
        // A huge row must not keep its memory forever.
        row.shrink_to(1 << 20);
        sum
    })
}

/// Adds the values of a JSON column as typed bytes, and a tag that ends them.
fn sum_object(row: &mut Vec<u8>, object: &JsonObject<'_>) {
    const IN_CHUNKS: u8 = 4;
    const MEMBER: u8 = 5;
    const END: u8 = 6;
    let mut out = Encoder::append(std::mem::take(row));
    if matches!(object, JsonObject::InChunks) {
        out.u8(IN_CHUNKS);
    }
    object.for_each(|name, value| {
        out.u8(MEMBER);
        out.str(name);
        put_value(&mut out, value);
    });
    out.u8(END);
    *row = out.done();
}

impl<'a> Cell<'a> {
    /// A number that is never negative.
    pub fn unsigned(n: u64) -> Self {
        Self::Int(n.cast_signed())
    }

    /// A borrowed string.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// An optional string.
    pub fn text_or_null(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// A number that may be absent.
    pub fn int_or_null(n: Option<i64>) -> Self {
        n.map_or(Self::Null, Self::Int)
    }

    /// Bytes that were made for the row.
    pub fn owned(bytes: Vec<u8>) -> Self {
        Self::Blob(Cow::Owned(bytes))
    }

    /// Returns the same cell, which borrows nothing.
    pub(crate) fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(n) => Cell::Int(n),
            Self::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Self::Blob(bytes) => Cell::Blob(Cow::Owned(bytes.into_owned())),
            Self::Json(object) => Cell::Json(object.into_owned()),
        }
    }

    /// Bytes that are borrowed.
    pub fn blob(bytes: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(bytes))
    }
}

/// Reads cells one after another.
pub(super) struct CellReader<'r, 'a>(std::slice::IterMut<'r, Cell<'a>>);

impl<'r, 'a> CellReader<'r, 'a> {
    pub(super) fn new(family: Family, cells: &'r mut [Cell<'a>]) -> Result<Self, CorruptRow> {
        if cells.len() == family.columns().len() {
            Ok(Self(cells.iter_mut()))
        } else {
            Err(CorruptRow("a row has too few columns"))
        }
    }

    pub(super) fn next(&mut self) -> Result<&'r mut Cell<'a>, CorruptRow> {
        self.0.next().ok_or(CorruptRow("a row has too few columns"))
    }

    pub(super) fn int_or_null(&mut self) -> Result<Option<i64>, CorruptRow> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Int(n) => Ok(Some(*n)),
            _ => Err(CorruptRow("a column holds no number")),
        }
    }

    pub(super) fn int(&mut self) -> Result<i64, CorruptRow> {
        self.int_or_null()?.ok_or(CorruptRow("a column holds nothing"))
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, CorruptRow> {
        Ok(self.int()?.cast_unsigned())
    }

    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> Result<T, CorruptRow> {
        T::try_from(self.int()?).map_err(|_| CorruptRow("a number is out of range"))
    }

    pub(super) fn bool(&mut self) -> Result<bool, CorruptRow> {
        Ok(self.int()? != 0)
    }

    pub(super) fn text_or_null(&mut self) -> Result<Option<&'r str>, CorruptRow> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            _ => Err(CorruptRow("a column holds no text")),
        }
    }

    pub(super) fn text(&mut self) -> Result<&'r str, CorruptRow> {
        self.text_or_null()?.ok_or(CorruptRow("a column holds nothing"))
    }

    pub(super) fn blob_or_null(&mut self) -> Result<Option<&'r [u8]>, CorruptRow> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(CorruptRow("a column holds no bytes")),
        }
    }

    pub(super) fn blob(&mut self) -> Result<&'r [u8], CorruptRow> {
        self.blob_or_null()?.ok_or(CorruptRow("a column holds nothing"))
    }

    /// Takes the values of a JSON column.
    pub(super) fn json(&mut self) -> Result<NamedValues, CorruptRow> {
        match self.next()? {
            Cell::Json(JsonObject::InChunks) => Err(CorruptRow("a column holds nothing")),
            Cell::Json(object) => Ok(object.take()),
            _ => Err(CorruptRow("a column holds no object")),
        }
    }

    /// Takes the same of a row whose attributes may be in chunks: none, if they are.
    pub(super) fn json_beside_chunks(&mut self) -> Result<NamedValues, CorruptRow> {
        match self.next()? {
            Cell::Json(object) => Ok(object.take()),
            _ => Err(CorruptRow("a column holds no object")),
        }
    }
}
