//! Rows as cells, the checksum over them, and reading them one after another.

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
}

/// A record that is a row of a family.
pub trait Record: Sized {
    /// The family.
    const FAMILY: Family;

    /// Returns the cells, in the order of [`Family::columns`].
    fn cells(&self) -> Vec<Cell<'_>>;

    /// Returns the record of these cells.
    ///
    /// # Errors
    /// [`CorruptRow`] if the cells are not such a record.
    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, CorruptRow>;
}

/// Returns the checksum over a whole row: xxh3 of all cells with their types and lengths, seeded by the family. Part of
/// the stored format.
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

    /// Bytes that are borrowed.
    pub fn blob(bytes: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(bytes))
    }
}

/// Reads cells one after another.
pub(super) struct CellReader<'r, 'a>(std::slice::Iter<'r, Cell<'a>>);

impl<'r, 'a> CellReader<'r, 'a> {
    pub(super) fn new(family: Family, cells: &'r [Cell<'a>]) -> Result<Self, CorruptRow> {
        if cells.len() == family.columns().len() {
            Ok(Self(cells.iter()))
        } else {
            Err(CorruptRow("a row has too few columns"))
        }
    }

    pub(super) fn next(&mut self) -> Result<&'r Cell<'a>, CorruptRow> {
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
}
