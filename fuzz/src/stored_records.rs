//! Stored rows. A record that is read from any cells is written and read again as the same. Sound rows come back as
//! they were, and the checksum finds a changed cell. Nothing panics, whatever the bytes on disk are. Cells are those that
//! SQLite stores.
//!
//! The first byte of an input chooses: if it is even, the rest is cells of some record; if it is odd, the rest is a
//! seed for sound rows and their changes.

use muster_core::record::{
    Change, Counters, Device, Event, EventId, History, Idempotency, LogEntry, MemberRecord, Merge, MergeLink,
    OutboxMessage, QuarantinedElement, RootPointer, Separation,
};
use muster_core::review::Review;
use muster_store::codec::{Binding, Cell, FormerHolder, Holder, Record, ViewRow, row_sum};
use muster_store::conformance::random::Dice;
use muster_store::error::CorruptRow;
use muster_store::family::{Column, ColumnType, Family};
use muster_store::sqlite::jsonb;
use std::borrow::Cow;

/// Checks cells as one kind of record.
type Check = fn(&mut Bytes<'_>);

const RECORDS: [Check; 19] = [
    cells::<MemberRecord>,
    cells::<Event>,
    cells::<LogEntry>,
    cells::<RootPointer>,
    cells::<ViewRow>,
    cells::<MergeLink>,
    cells::<Device>,
    cells::<EventId>,
    cells::<Merge>,
    cells::<Separation>,
    cells::<QuarantinedElement>,
    cells::<Idempotency>,
    cells::<OutboxMessage>,
    cells::<Change>,
    cells::<Counters>,
    cells::<Review>,
    cells::<History>,
    cells::<Binding>,
    holders,
];

pub(super) fn check(data: &[u8]) {
    let mut bytes = Bytes(data);
    let first = usize::from(bytes.byte());
    if first.is_multiple_of(2) {
        RECORDS[first / 2 % RECORDS.len()](&mut bytes);
        return;
    }
    let mut dice = Dice::new(bytes.number().cast_unsigned());
    match first / 2 % 3 {
        0 => check_sound_row(&dice.profile(), &mut bytes),
        1 => check_sound_row(&dice.event(), &mut bytes),
        _ => check_sound_row(&dice.request(), &mut bytes),
    }
}

fn holders(bytes: &mut Bytes<'_>) {
    if bytes.byte().is_multiple_of(2) { cells::<Holder>(bytes) } else { cells::<FormerHolder>(bytes) }
}

/// Cells of the types that the family's columns have, out of the bytes.
fn cells<R: Record>(bytes: &mut Bytes<'_>) {
    let row: Vec<Cell<'static>> = R::FAMILY.columns().iter().map(|column| bytes.cell(column)).collect();
    check_cells::<R>(&row);
}

/// If the cells can be read, the record is written and read again as the same. Cells are compared, not records, because
/// NaN does not equal itself.
fn check_cells<R: Record>(row: &[Cell<'_>]) {
    let Ok(record) = record_of::<R>(row) else { return };
    let written = cells_of(&record);
    if is_in_chunks(R::FAMILY, &written) {
        return;
    }
    let Ok(again) = record_of::<R>(&written) else { panic!("a {:?} row that was written cannot be read", R::FAMILY) };
    assert!(cells_of(&again) == written, "a {:?} row is written otherwise the second time", R::FAMILY);
}

/// A sound row comes back; if its bytes are changed, the checksum differs and the reader does not panic.
fn check_sound_row<R: Record>(record: &R, bytes: &mut Bytes<'_>) {
    let sound = cells_of(record);
    let Ok(again) = record_of::<R>(&sound) else { panic!("a sound {:?} row cannot be read", R::FAMILY) };
    assert!(cells_of(&again) == sound, "a sound {:?} row comes back as another", R::FAMILY);
    let mut row = sound.clone();
    while !bytes.0.is_empty() {
        let place = usize::from(bytes.byte()) % row.len();
        bytes.change(&mut row[place]);
    }
    if row != sound {
        assert_ne!(row_sum(R::FAMILY, &row), row_sum(R::FAMILY, &sound), "a changed row has the same checksum");
    }
    check_cells::<R>(&row);
}

/// Whether the attributes of a large row are in chunks, so that the row is not complete by itself.
fn is_in_chunks(family: Family, row: &[Cell<'_>]) -> bool {
    let is_empty = |cell: &Cell<'_>| matches!(cell, Cell::Blob(bytes) if bytes.is_empty());
    matches!(family, Family::Profiles | Family::Views) && row.iter().any(is_empty)
}

/// Returns the record of stored cells.
fn record_of<R: Record>(row: &[Cell<'_>]) -> Result<R, CorruptRow> {
    let mut cells = row.to_vec();
    jsonb::decode(R::FAMILY, &mut cells)?;
    R::from_cells(&mut cells)
}

/// Returns owned cells of a record, as they are stored.
fn cells_of<R: Record>(record: &R) -> Vec<Cell<'static>> {
    let owned = |cell| match cell {
        Cell::Null => Cell::Null,
        Cell::Int(n) => Cell::Int(n),
        Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
        Cell::Blob(bytes) => Cell::Blob(Cow::Owned(bytes.into_owned())),
        Cell::Json(_) => unreachable!("a JSON column is stored as bytes"),
    };
    let mut cells = record.cells();
    jsonb::encode(&mut cells);
    cells.into_iter().map(owned).collect()
}

/// An input that is read from the front; after its end there are zeros.
struct Bytes<'d>(&'d [u8]);

impl<'d> Bytes<'d> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn take(&mut self, len: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> i64 {
        let mut number = [0; 8];
        let taken = self.take(8);
        number[..taken.len()].copy_from_slice(taken);
        i64::from_le_bytes(number)
    }

    /// A length of two bytes, then that many bytes.
    fn take_counted(&mut self) -> &'d [u8] {
        let len = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        self.take(len)
    }

    /// A cell of a column. Small numbers are common, since many are codes.
    fn cell(&mut self, column: &Column) -> Cell<'static> {
        if column.null && self.byte().is_multiple_of(2) {
            return Cell::Null;
        }
        match column.column_type {
            ColumnType::Int if self.byte().is_multiple_of(2) => Cell::Int(self.byte().into()),
            ColumnType::Int => Cell::Int(self.number()),
            ColumnType::Text => Cell::Text(Cow::Owned(String::from_utf8_lossy(self.take_counted()).into_owned())),
            ColumnType::Blob | ColumnType::Json => Cell::Blob(Cow::Owned(self.take_counted().to_vec())),
        }
    }

    /// Changes a cell.
    fn change(&mut self, cell: &mut Cell<'static>) {
        let (place, by) = (usize::from(u16::from_le_bytes([self.byte(), self.byte()])), self.byte());
        match cell {
            Cell::Null | Cell::Json(_) => {}
            Cell::Int(n) => *n ^= i64::from(by) << (place % 56),
            Cell::Text(text) => {
                text.to_mut().pop();
            }
            Cell::Blob(bytes) => {
                let bytes = bytes.to_mut();
                match bytes.len() {
                    0 => bytes.push(by),
                    len if by == 0 => bytes.truncate(place % len),
                    len => bytes[place % len] ^= by,
                }
            }
        }
    }
}
