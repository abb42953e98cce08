//! The key of any row: what tells rows apart in a working set, and the order in which an engine writes them.

use crate::codec::chunks::PartOf;
use crate::codec::{Cell, Record as _, binding_cells, holder_cells, view_cells};
use crate::family::Family;
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::id::{ProfileNo, RequestNo};
use muster_core::identifier::Identifier;
use std::cmp::Ordering;

/// A family and a key of it, in the order of its table: tables compare text by its bytes, as Rust does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RowId<'r> {
    pub(super) family: Family,
    key: Key<'r>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key<'r> {
    Number(u64),
    Numbers(u64, u64),
    Text(&'r str),
    NumberAndText(u64, &'r str),
    Identifier(&'r Identifier),
    IdentifierAndNumber(&'r Identifier, u64),
}

impl<'r> RowId<'r> {
    /// Returns the id of a row whose key is a number.
    pub(super) fn number(family: Family, no: u64) -> Self {
        Self { family, key: Key::Number(no) }
    }

    /// Returns the id of a row whose key is text.
    pub(super) fn text(family: Family, text: &'r str) -> Self {
        Self { family, key: Key::Text(text) }
    }

    /// Returns the id of a row whose key is a number and text.
    pub(super) fn number_and_text(family: Family, no: u64, text: &'r str) -> Self {
        Self { family, key: Key::NumberAndText(no, text) }
    }

    /// Returns the id of a binding.
    pub(super) fn binding(identifier: &'r Identifier) -> Self {
        Self { family: Family::Bindings, key: Key::Identifier(identifier) }
    }

    fn numbers(family: Family, first: u64, second: u64) -> Self {
        Self { family, key: Key::Numbers(first, second) }
    }

    fn holder(family: Family, identifier: &'r Identifier, no: ProfileNo) -> Self {
        Self { family, key: Key::IdentifierAndNumber(identifier, no.0) }
    }

    fn log_entry(no: RequestNo) -> Self {
        Self::number(if no.is_refused() { Family::Refused } else { Family::Requests }, no.0)
    }

    /// Returns the id of the row that a change is about.
    pub(super) fn from_change(change: &'r RowChange) -> Self {
        match change {
            RowChange::Upsert(row) => Self::from_row(row),
            RowChange::Delete(key) => Self::from_key(key),
        }
    }

    fn from_row(row: &'r StoredRow) -> Self {
        match row {
            StoredRow::Binding(identifier, _) => Self::binding(identifier),
            StoredRow::MemberRecord(row) => Self::number(Family::Profiles, row.no.0),
            StoredRow::RootPointer(row) => Self::number(Family::Standings, row.no.0),
            StoredRow::View(root, _) => Self::number(Family::Views, root.0),
            StoredRow::MergeLink(row) => Self::number(Family::Links, row.child.0),
            StoredRow::Device(row) => Self::number_and_text(Family::Devices, row.at.profile.0, &row.at.device_id),
            StoredRow::Event(row) => Self::number(Family::Events, row.seq),
            StoredRow::EventId(row) => Self::text(Family::EventIds, &row.id),
            StoredRow::Merge(row) => Self::number(Family::Merges, row.no.0),
            StoredRow::Separation(row) => Self::number(Family::Separations, row.no.0),
            StoredRow::Review(row) => Self::number(Family::Reviews, row.no.0),
            StoredRow::LogEntry(row) => Self::log_entry(row.no),
            StoredRow::QuarantinedElement(row) => Self::number(Family::Quarantine, row.no.0),
            StoredRow::Idempotency(row) => Self::number_and_text(Family::Idempotency, row.route as u64, &row.key),
            StoredRow::OutboxMessage(row) => Self::number(Family::Outbox, row.request.0),
            StoredRow::History(row) => Self::numbers(Family::History, row.seq, row.profile.0),
            StoredRow::PendingHolder(identifier, no) => Self::holder(Family::Holders, identifier, *no),
            StoredRow::FormerHolder(identifier, no) => Self::holder(Family::Former, identifier, *no),
            StoredRow::Change(row) => Self::number(Family::Changes, row.seq),
        }
    }

    fn from_key(key: &'r RowKey) -> Self {
        match key {
            RowKey::Binding(identifier) => Self::binding(identifier),
            RowKey::MemberRecord(no) => Self::number(Family::Profiles, no.0),
            RowKey::RootPointer(no) => Self::number(Family::Standings, no.0),
            RowKey::View(root) => Self::number(Family::Views, root.0),
            RowKey::MergeLink(child) => Self::number(Family::Links, child.0),
            RowKey::Device(at) => Self::number_and_text(Family::Devices, at.profile.0, &at.device_id),
            RowKey::Event(seq) => Self::number(Family::Events, *seq),
            RowKey::EventId(id) => Self::text(Family::EventIds, id),
            RowKey::Separation(no) => Self::number(Family::Separations, no.0),
            RowKey::Review(no) => Self::number(Family::Reviews, no.0),
            RowKey::LogEntry(no) => Self::log_entry(*no),
            RowKey::QuarantinedElement(no) => Self::number(Family::Quarantine, no.0),
            RowKey::Idempotency(route, key) => Self::number_and_text(Family::Idempotency, *route as u64, key),
            RowKey::History(no, seq) => Self::numbers(Family::History, *seq, no.0),
            RowKey::PendingHolder(identifier, no) => Self::holder(Family::Holders, identifier, *no),
            RowKey::FormerHolder(identifier, no) => Self::holder(Family::Former, identifier, *no),
        }
    }

    /// Returns the key of a row whose key is one number.
    pub(super) fn as_number(self) -> Option<(Family, u64)> {
        if let Key::Number(no) = self.key { Some((self.family, no)) } else { None }
    }

    /// Returns what the chunks of the row belong to, if rows of its family have any.
    pub(super) fn part_of(self) -> Option<(PartOf, ProfileNo)> {
        let of = match self.family {
            Family::Profiles => PartOf::Record,
            Family::Views => PartOf::View,
            _ => return None,
        };
        self.as_number().map(|(_, no)| (of, ProfileNo(no)))
    }

    /// Compares the keys of two rows of one family.
    pub(super) fn cmp_keys(&self, other: &Self) -> Ordering {
        match (&self.key, &other.key) {
            (Key::Text(one), Key::Text(other)) => one.cmp(other),
            (Key::Identifier(one), Key::Identifier(other)) => one.cmp(other),
            (one, other) => one.cmp(other),
        }
    }

    /// Returns the cells of the key.
    pub(super) fn cells(self) -> Vec<Cell<'r>> {
        match self.key {
            Key::Number(no) => vec![Cell::unsigned(no)],
            Key::Numbers(first, second) => vec![Cell::unsigned(first), Cell::unsigned(second)],
            Key::Text(text) => vec![Cell::text(text)],
            Key::NumberAndText(no, text) => vec![Cell::unsigned(no), Cell::text(text)],
            Key::Identifier(of) => vec![Cell::text(of.kind.name()), Cell::text(&of.value)],
            Key::IdentifierAndNumber(of, no) => {
                vec![Cell::text(of.kind.name()), Cell::text(&of.value), Cell::unsigned(no)]
            }
        }
    }
}

/// Returns the cells of a row.
pub(super) fn cells(row: &StoredRow) -> Vec<Cell<'_>> {
    match row {
        StoredRow::Binding(identifier, no) => binding_cells(identifier, *no).into(),
        StoredRow::MemberRecord(row) => row.cells(),
        StoredRow::RootPointer(row) => row.cells(),
        StoredRow::View(root, view) => view_cells(*root, view),
        StoredRow::MergeLink(row) => row.cells(),
        StoredRow::Device(row) => row.cells(),
        StoredRow::Event(row) => row.cells(),
        StoredRow::EventId(row) => row.cells(),
        StoredRow::Merge(row) => row.cells(),
        StoredRow::Separation(row) => row.cells(),
        StoredRow::Review(row) => row.cells(),
        StoredRow::LogEntry(row) => row.cells(),
        StoredRow::QuarantinedElement(row) => row.cells(),
        StoredRow::Idempotency(row) => row.cells(),
        StoredRow::OutboxMessage(row) => row.cells(),
        StoredRow::History(row) => row.cells(),
        StoredRow::PendingHolder(identifier, no) | StoredRow::FormerHolder(identifier, no) => {
            holder_cells(identifier, *no).into()
        }
        StoredRow::Change(row) => row.cells(),
    }
}
