//! Row images: rows as bytes, as the redo log and generations keep them. Part of the stored format.
//!
//! `family u8, kind u8, key length u32, rest length u32, key cells, rest`; the rest of a row that was put is its checksum
//! and the cells after the key, that of a deleted one is empty. A cell is a tag, and 8 bytes of a number, or a length
//! and the bytes of text or a blob. Numbers are little-endian.

use crate::codec::{Cell, row_sum};
use crate::error::CorruptRow;
use crate::family::Family;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Bytes before the key of an image.
const HEAD: usize = 10;

const DELETED: u8 = 0;
const PUT: u8 = 1;

const NULL: u8 = 0;
const INT: u8 = 1;
const TEXT: u8 = 2;
const BLOB: u8 = 3;

/// A row as bytes.
#[derive(Clone, Copy)]
pub(super) struct RowImage<'b> {
    pub(super) family: Family,
    /// The cells of its key.
    pub(super) key: &'b [u8],
    /// What follows; None = the row was deleted.
    put: Option<&'b [u8]>,
}

/// Adds cells to bytes. A JSON column must be encoded.
pub(super) fn put_cells(out: &mut Vec<u8>, cells: &[Cell<'_>]) {
    let put = |out: &mut Vec<u8>, tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(&length(bytes.len()).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    for cell in cells {
        match cell {
            Cell::Text(text) => put(out, TEXT, text.as_bytes()),
            Cell::Blob(bytes) => put(out, BLOB, bytes),
            Cell::Int(n) => {
                out.push(INT);
                out.extend_from_slice(&n.to_le_bytes());
            }
            Cell::Null => out.push(NULL),
            Cell::Json(_) => unreachable!("a JSON column is encoded before its row is written"),
        }
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a row is smaller than four gigabytes")
}

/// Adds the image of a row with all its cells and its checksum, or of a deleted one with the cells of its key.
pub(super) fn put_row(out: &mut Vec<u8>, family: Family, cells: &[Cell<'_>], sum: Option<i64>) {
    let start = out.len();
    out.extend_from_slice(&[family as u8, if sum.is_some() { PUT } else { DELETED }]);
    out.extend_from_slice(&[0; HEAD - 2]);
    let (key, rest) = cells.split_at(family.key_columns());
    put_cells(out, key);
    let key_end = out.len();
    if let Some(sum) = sum {
        out.extend_from_slice(&sum.to_le_bytes());
        put_cells(out, rest);
    }
    let lengths = [key_end - start - HEAD, out.len() - key_end].map(length);
    for (place, length) in [2, 6].into_iter().zip(lengths) {
        out[start + place..start + place + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// Splits the first image off; None if there is none.
pub(super) fn split_row(bytes: &[u8]) -> Option<(RowImage<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let family = Family::ALL.into_iter().find(|family| *family as u8 == head[0])?;
    let length = |place: usize| {
        let bytes = head[place..place + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let (key, rest) = rest.split_at_checked(length(2)?)?;
    let (put, rest) = rest.split_at_checked(length(6)?)?;
    let put = match head[1] {
        PUT => Some(put),
        DELETED => None,
        _ => return None,
    };
    Some((RowImage { family, key, put }, rest))
}

impl<'b> RowImage<'b> {
    /// Whether the row was deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.put.is_none()
    }

    /// Returns the number that its key begins with; 0 if that is none.
    pub(super) fn first_number(&self) -> u64 {
        match self.key.split_first() {
            Some((&INT, rest)) => rest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
            _ => 0,
        }
    }

    /// Returns the cells of its key.
    pub(super) fn key_cells(&self) -> Result<Vec<Cell<'b>>, CorruptRow> {
        cells(self.key, Vec::with_capacity(self.family.key_columns()))
    }

    /// Returns all its cells with its checksum, which they agree with; None = the row was deleted.
    pub(super) fn checked(&self) -> Result<Option<(Vec<Cell<'b>>, i64)>, CorruptRow> {
        let Some((cells, sum)) = self.unchecked()? else { return Ok(None) };
        if row_sum(self.family, &cells) == sum { Ok(Some((cells, sum))) } else { Err(DAMAGED) }
    }

    /// The same without the check, for images that this process made.
    pub(super) fn unchecked(&self) -> Result<Option<(Vec<Cell<'b>>, i64)>, CorruptRow> {
        let Some(put) = self.put else { return Ok(None) };
        let (sum, rest) = put.split_first_chunk().ok_or(DAMAGED)?;
        let key = cells(self.key, Vec::with_capacity(self.family.columns().len()))?;
        Ok(Some((cells(rest, key)?, i64::from_le_bytes(*sum))))
    }
}

const DAMAGED: CorruptRow = CorruptRow("a row of the redo log is damaged");

/// Reads cells behind those that are there.
pub(super) fn cells<'b>(mut bytes: &'b [u8], mut cells: Vec<Cell<'b>>) -> Result<Vec<Cell<'b>>, CorruptRow> {
    while let Some((tag, rest)) = bytes.split_first() {
        let (cell, rest) = match *tag {
            NULL => (Cell::Null, rest),
            INT => {
                let (n, rest) = rest.split_first_chunk().ok_or(DAMAGED)?;
                (Cell::Int(i64::from_le_bytes(*n)), rest)
            }
            tag => {
                let (length, rest) = rest.split_first_chunk().ok_or(DAMAGED)?;
                let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| DAMAGED)?;
                let (bytes, rest) = rest.split_at_checked(length).ok_or(DAMAGED)?;
                let cell = match tag {
                    TEXT => Cell::Text(Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| DAMAGED)?)),
                    BLOB => Cell::blob(bytes),
                    _ => return Err(DAMAGED),
                };
                (cell, rest)
            }
        };
        cells.push(cell);
        bytes = rest;
    }
    Ok(cells)
}

/// Compares the cells of two keys as tables do: numbers as they are stored, text by its bytes.
pub(super) fn cmp_keys(mut one: &[u8], mut other: &[u8]) -> Ordering {
    loop {
        match (first_cell(one), first_cell(other)) {
            (Some((a, rest)), Some((b, other_rest))) => match a.cmp(&b) {
                Ordering::Equal => (one, other) = (rest, other_rest),
                different => return different,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

/// A cell of a key as a number and bytes, of which one is 0 or empty: in the order of the table.
type OrderedCell<'k> = (i64, &'k [u8]);

/// Splits the first cell of a key off.
fn first_cell(key: &[u8]) -> Option<(OrderedCell<'_>, &[u8])> {
    let (tag, rest) = key.split_first()?;
    if *tag == INT {
        let (n, rest) = rest.split_first_chunk()?;
        return Some(((i64::from_le_bytes(*n), &[]), rest));
    }
    let (length, rest) = rest.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some(((0, bytes), rest))
}
