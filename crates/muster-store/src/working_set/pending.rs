//! The rows that the decisions of a group have changed and that are not written yet: each key once, as the last decision
//! left it.

use super::row_id::{self, RowId};
use super::tables::{RowWrite, StoredSum, Tables};
use crate::bounds::PENDING_BYTES_MAX;
use crate::codec::row_sum;
use crate::family::Family;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use muster_core::change::{RowChange, StoredRow};
use muster_core::facts::FactHasher;
use std::hash::BuildHasher as _;

/// What is pending under a key.
#[derive(Clone, Copy)]
struct PendingKey {
    /// The decision, and its change, that came last.
    last: (u32, u32),
    stored: StoredSum,
    was_put: bool,
}

/// A changed row.
#[derive(Clone, Copy)]
pub(super) struct PendingRow<'r> {
    pub(super) id: RowId<'r>,
    pub(super) change: &'r RowChange,
    /// What the table has under its key.
    pub(super) stored: StoredSum,
    /// Whether an earlier change put it, so that a deletion need not find it in the table.
    pub(super) was_put: bool,
}

impl<'r> PendingRow<'r> {
    /// Encodes and hashes the row.
    pub(super) fn to_write<T: Tables>(self) -> RowWrite<'r> {
        let (cells, sum) = match self.change {
            RowChange::Upsert(row) => {
                let mut cells = row_id::cells(row);
                T::encode(&mut cells);
                let sum = row_sum(self.id.family, &cells);
                (cells, Some(sum))
            }
            RowChange::Delete(_) => (self.id.cells(), None),
        };
        RowWrite::new(cells, sum, self.stored)
    }
}

/// All changed rows.
#[derive(Default)]
pub(super) struct PendingRows {
    /// The changes of each decision; they stay where they were made, since rows are large.
    decisions: Vec<Vec<RowChange>>,
    keys: Vec<PendingKey>,
    /// Bytes of what the decisions were given.
    bytes: u64,
    /// Places in `keys` by the row's id.
    places: HashTable<u32>,
    hasher: FactHasher,
}

fn change(decisions: &[Vec<RowChange>], (decision, row): (u32, u32)) -> &RowChange {
    &decisions[decision as usize][row as usize]
}

impl PendingRows {
    /// Whether nothing is pending.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns what was changed under a key; None = nothing, Some(None) = its row was deleted.
    pub(super) fn get(&self, id: RowId<'_>) -> Option<Option<&StoredRow>> {
        if self.is_empty() {
            return None;
        }
        let last = |place: &u32| change(&self.decisions, self.keys[*place as usize].last);
        let place = self.places.find(self.hasher.hash_one(id), |place| RowId::from_change(last(place)) == id)?;
        Some(match last(place) {
            RowChange::Upsert(row) => Some(row),
            RowChange::Delete(_) => None,
        })
    }

    /// Adds the changes of a decision, each in place of an earlier one of the same row. `stored` returns what the table has
    /// under the key of a change; it counts only if nothing is pending for it.
    pub(super) fn put(&mut self, changes: Vec<RowChange>, mut stored: impl FnMut(&RowChange, RowId<'_>) -> StoredSum) {
        let Self { decisions, keys, places, hasher, .. } = self;
        let decision = number(decisions.len());
        let rows = changes.len();
        decisions.push(changes);
        keys.reserve(rows);
        places
            .reserve(rows, |place| hasher.hash_one(RowId::from_change(change(decisions, keys[*place as usize].last))));
        for row in 0..rows {
            let last = (decision, number(row));
            let change_of =
                |place: &u32, keys: &[PendingKey]| RowId::from_change(change(decisions, keys[*place as usize].last));
            let new = change(decisions, last);
            let id = RowId::from_change(new);
            let stored = stored(new, id);
            let is_it = |place: &u32| change_of(place, keys) == id;
            match places.entry(hasher.hash_one(id), is_it, |place| hasher.hash_one(change_of(place, keys))) {
                Entry::Occupied(place) => {
                    let key = &mut keys[*place.get() as usize];
                    key.was_put |= matches!(change(decisions, key.last), RowChange::Upsert(_));
                    key.last = last;
                }
                Entry::Vacant(place) => {
                    place.insert(number(keys.len()));
                    keys.push(PendingKey { last, stored, was_put: false });
                }
            }
        }
    }

    /// Returns the rows, those of each family in the order of their keys.
    pub(super) fn in_order(&self) -> Vec<Vec<PendingRow<'_>>> {
        let mut families: Vec<Vec<(RowId<'_>, u32)>> = Family::ALL.map(|_| Vec::new()).into();
        for (place, key) in self.keys.iter().enumerate() {
            let id = RowId::from_change(change(&self.decisions, key.last));
            families[id.family.place()].push((id, number(place)));
        }
        families.into_iter().map(|ids| self.sorted(ids)).collect()
    }

    fn sorted<'r>(&'r self, mut ids: Vec<(RowId<'r>, u32)>) -> Vec<PendingRow<'r>> {
        let row = |id, place: u32| {
            let PendingKey { last, stored, was_put } = self.keys[place as usize];
            PendingRow { id, change: change(&self.decisions, last), stored, was_put }
        };
        let no = |id: &RowId<'_>| id.as_number().map_or(0, |(_, no)| no);
        let is_numbered = ids.first().is_some_and(|(id, _)| id.as_number().is_some());
        // Each decision's rows are in order, which a stable sort makes use of. Numbers are cheaper to sort than whole ids.
        if is_numbered && !ids.is_sorted_by_key(|(id, _)| no(id)) {
            let mut numbers: Vec<(u64, u32)> = (0..).zip(&ids).map(|(at, (id, _))| (no(id), at)).collect();
            numbers.sort();
            let at = |at: u32| ids[at as usize];
            return numbers.into_iter().map(|(_, n)| row(at(n).0, at(n).1)).collect();
        }
        if !is_numbered {
            ids.sort_by(|(one, _), (other, _)| one.cmp_keys(other));
        }
        ids.into_iter().map(|(id, place)| row(id, place)).collect()
    }

    /// Counts the bytes of the request and the facts of a decision whose changes were added.
    pub(super) fn count_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Whether the rows are to be written before more are added, because they may take much memory.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= PENDING_BYTES_MAX
    }

    /// Forgets everything: it is written, or its group failed.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).expect("a group changes fewer rows than four billion")
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_core::change::RowKey;
    use muster_core::id::ProfileNo;
    use muster_core::identifier::{Identifier, IdentifierKind};

    fn binding(value: &str) -> (Identifier, RowChange) {
        let key = Identifier { kind: IdentifierKind::new("email"), value: value.into() };
        (key.clone(), RowChange::Upsert(StoredRow::Binding(key, ProfileNo(1))))
    }

    fn put_all(rows: &mut PendingRows, changes: Vec<RowChange>, stored: StoredSum) {
        rows.put(changes, |_, _| stored);
    }

    // Fails without `was_put`: then a group that puts and deletes a row would be run again, each decision alone.
    #[test]
    fn a_row_that_was_put_and_deleted_again_need_not_be_in_its_table() {
        let ((key, put), mut rows) = (binding("a"), PendingRows::default());
        put_all(&mut rows, vec![put], StoredSum::Absent);
        put_all(&mut rows, vec![RowChange::Delete(RowKey::Binding(key.clone()))], StoredSum::Unknown);
        assert_eq!(rows.get(RowId::binding(&key)), Some(None));
        let left: Vec<_> = rows.in_order().concat().iter().map(|row| (row.stored, row.was_put)).collect();
        assert_eq!(left, [(StoredSum::Absent, true)], "one row, with what the table has under its key");
    }

    // Fails when `clear` keeps the bytes, or `count_bytes` forgets those before.
    #[test]
    fn rows_are_written_when_a_mebibyte_of_requests_and_facts_is_pending() {
        let mut rows = PendingRows::default();
        rows.count_bytes(1 << 19);
        assert!(!rows.is_full());
        rows.count_bytes(1 << 19);
        assert!(rows.is_full());
        rows.clear();
        assert!(!rows.is_full());
    }

    #[test]
    fn rows_are_in_the_order_of_families_and_keys_and_each_is_there_once() {
        let mut rows = PendingRows::default();
        let event = |seq| RowChange::Delete(RowKey::Event(seq));
        for change in [event(9), binding("b").1, event(2), binding("a").1, event(9)] {
            put_all(&mut rows, vec![change], StoredSum::Unknown);
        }
        let order: Vec<RowId<'_>> = rows.in_order().concat().iter().map(|row| row.id).collect();
        let (a, b) = (binding("a").0, binding("b").0);
        let events = [2, 9].map(|seq| RowId::number(Family::Events, seq));
        assert_eq!(order, [RowId::binding(&a), RowId::binding(&b), events[0], events[1]]);
    }
}
