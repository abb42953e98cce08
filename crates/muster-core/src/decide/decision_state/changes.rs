//! Changes of a decision, as rows for the engine.

use super::DecisionState;
use crate::change::{Changes, RowChange, RowKey, StoredRow};
use crate::id::ProfileNo;
use crate::identifier::Identifier;
use crate::record::{FormerIdentifier, MemberRecord};
use std::collections::BTreeSet;

impl DecisionState<'_> {
    /// Returns all changes. Only valid if no fact was missing.
    pub(in crate::decide) fn into_changes(self) -> Changes {
        let before = self.facts.counters.profile;
        let old = |no: &ProfileNo| no.0 <= before;
        let upsert = RowChange::Upsert;
        let mut rows = Vec::new();
        // A record holds only identifiers that are bound to it: a released one is stored, unless it was read as absent.
        for (identifier, bound) in self.bindings.into_changes(|_| true) {
            rows.push(match bound {
                Some(no) => upsert(StoredRow::Binding(identifier, no)),
                None => RowChange::Delete(RowKey::Binding(identifier)),
            });
        }
        let stored = &self.facts.records;
        for mut row in self.records.into_changes(old).into_iter().filter_map(|(_, row)| row) {
            self.arrays.fill_record(&mut row);
            rows.extend(former_holder_changes(stored.get(&row.no).and_then(Option::as_ref), &row));
            rows.push(upsert(StoredRow::MemberRecord(row)));
        }
        let pointers = self.root_pointers.into_changes(old).into_iter().filter_map(|(_, row)| row);
        rows.extend(pointers.map(StoredRow::RootPointer).map(upsert));
        // A batch of an activation reads no views; a profile without members may have gained and lost one here.
        let root_pointers = &self.facts.root_pointers;
        let had_view =
            |no: &ProfileNo| matches!(root_pointers.get(no), Some(Some(s)) if s.root == *no && s.tree.members > 1);
        for (root, mut view) in self.views.into_changes(had_view) {
            view.iter_mut().for_each(|view| self.arrays.fill_view(root, view));
            rows.push(row_change(view.map(|view| StoredRow::View(root, view)), RowKey::View(root)));
        }
        for (child, link) in self.links.into_changes(old) {
            rows.push(row_change(link.map(StoredRow::MergeLink), RowKey::MergeLink(child)));
        }
        for (at, device) in self.devices.into_changes(|at| old(&at.profile)) {
            rows.push(row_change(device.map(StoredRow::Device), RowKey::Device(at)));
        }
        let event_ids = self.event_ids.into_changes(|_| false).into_iter().filter_map(|(_, row)| row);
        rows.extend(event_ids.map(StoredRow::EventId).map(upsert));
        for (no, review) in self.reviews.into_changes(|_| true) {
            rows.push(row_change(review.map(StoredRow::Review), RowKey::Review(no)));
        }
        for ((identifier, no), held) in self.holding.into_changes(|_| true) {
            rows.push(match held {
                Some(()) => upsert(StoredRow::PendingHolder(identifier, no)),
                None => RowChange::Delete(RowKey::PendingHolder(identifier, no)),
            });
        }
        let before = self.facts.counters.seq;
        for ((no, seq), row) in self.history.into_changes(|(_, seq)| *seq <= before) {
            rows.push(row_change(row.map(StoredRow::History), RowKey::History(no, seq)));
        }
        if rows.is_empty() {
            rows = self.appended;
        } else {
            rows.extend(self.appended);
        }
        Changes { rows, counters: self.counters, rate: None }
    }
}

fn row_change(row: Option<StoredRow>, key: RowKey) -> RowChange {
    row.map_or(RowChange::Delete(key), RowChange::Upsert)
}

/// Returns the changes of family `former`: what the record lists now, and what it does not list any more.
fn former_holder_changes(before: Option<&MemberRecord>, after: &MemberRecord) -> Vec<RowChange> {
    let told = before.map_or(&[][..], |before| &before.former[..]);
    if told == after.former {
        return Vec::new();
    }
    let identifiers = |former: &[FormerIdentifier]| -> BTreeSet<Identifier> {
        former.iter().map(|former| former.identifier.clone()).collect()
    };
    let (old, new) = (identifiers(told), identifiers(&after.former));
    let come =
        new.difference(&old).map(|identifier| RowChange::Upsert(StoredRow::FormerHolder(identifier.clone(), after.no)));
    come.chain(
        old.difference(&new).map(|identifier| RowChange::Delete(RowKey::FormerHolder(identifier.clone(), after.no))),
    )
    .collect()
}
