//! The rows that decisions will probably ask for, told from their needs.

use super::pending::PendingRows;
use super::row_id::RowId;
use super::tables::NeededRow;
use crate::family::Family;
use muster_core::change::StoredRow;
use muster_core::facts::{BindingNeed, Needs, Reach};
use muster_core::id::ProfileNo;

/// Returns the rows that these needs name and that are not pending.
pub(super) fn needed_rows<'n>(needs: &'n [Needs], pending: &PendingRows) -> Vec<NeededRow<'n>> {
    let mut list = List { pending, wanted: Vec::new() };
    for needs in needs {
        for BindingNeed { identifier, reach } in &needs.bindings {
            match pending.get(RowId::binding(identifier)) {
                None => list.put(RowId::binding(identifier), *reach),
                Some(Some(StoredRow::Binding(_, no))) => list.put_id(*no, *reach),
                Some(_) => {}
            }
        }
        needs.root_pointers.iter().for_each(|no| list.put_id(*no, Reach::RootPointer));
        needs.records.iter().chain(&needs.trees).for_each(|no| list.put_id(*no, Reach::Record));
        let rows = needs.devices.iter().map(|at| RowId::number_and_text(Family::Devices, at.profile.0, &at.device_id));
        let rows = rows.chain(needs.event_ids.iter().map(|id| RowId::text(Family::EventIds, id)));
        let answer = needs.idempotency.as_ref();
        let rows =
            rows.chain(answer.map(|(route, key)| RowId::number_and_text(Family::Idempotency, *route as u64, key)));
        let rows = rows.chain(needs.merges.iter().map(|no| RowId::number(Family::Merges, no.0)));
        let rows = rows.chain(needs.change_times.iter().map(|seq| RowId::number(Family::Changes, *seq)));
        let rows = rows.chain(needs.separation_nos.iter().map(|no| RowId::number(Family::Separations, no.0)));
        let rows = rows.chain(needs.reviews.iter().map(|no| RowId::number(Family::Reviews, no.0)));
        let rows = rows.chain(needs.quarantine.iter().map(|no| RowId::number(Family::Quarantine, no.0)));
        rows.for_each(|id| list.put(id, Reach::Binding));
    }
    list.wanted
}

struct List<'p, 'n> {
    pending: &'p PendingRows,
    wanted: Vec<NeededRow<'n>>,
}

impl<'n> List<'_, 'n> {
    fn put(&mut self, id: RowId<'n>, reach: Reach) {
        if self.pending.get(id).is_none() {
            self.wanted.push(NeededRow { family: id.family, key: id.cells(), reach });
        }
    }

    /// Puts the rows of an id, or of the root that a pending row names.
    fn put_id(&mut self, no: ProfileNo, reach: Reach) {
        let row = |family, no: ProfileNo| RowId::number(family, no.0);
        let family = match reach {
            Reach::Binding => return,
            Reach::RootPointer => Family::Standings,
            Reach::Record => Family::Profiles,
        };
        match self.pending.get(row(Family::Standings, no)) {
            Some(Some(StoredRow::RootPointer(pointer))) if pointer.root != no => {
                self.put(row(family, pointer.root), reach);
            }
            Some(_) => {}
            None => self.wanted.push(NeededRow { family, key: row(family, no).cells(), reach }),
        }
    }
}
