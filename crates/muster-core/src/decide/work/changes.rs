//! What a decision changed, as rows for the engine.

use super::Work;
use crate::change::{Changes, Put};
use crate::id::ProfileNo;
use crate::identifier::Key;
use crate::record::{Former, Profile};
use std::collections::BTreeSet;

impl Work<'_> {
    /// Everything that was changed. Call it only when nothing was missing.
    pub(in crate::decide) fn into_changes(self) -> Changes {
        let before = self.facts.counters.profile;
        let old = |no: &ProfileNo| no.0 <= before;
        let mut rows = Vec::new();
        // A record holds only keys that are bound to it, so a released one is stored unless it was read and is not.
        for (key, bound) in self.bindings.into_changes(|_| true) {
            rows.push(match bound {
                Some(no) => Put::Binding(key, no),
                None => Put::Unbind(key),
            });
        }
        let stored = &self.facts.profiles;
        for mut row in self.profiles.into_changes(old).into_iter().filter_map(|(_, row)| row) {
            self.arrays.fill_profile(&mut row);
            rows.extend(former(stored.get(&row.no).and_then(Option::as_ref), &row));
            rows.push(Put::Profile(row));
        }
        rows.extend(self.standings.into_changes(old).into_iter().filter_map(|(_, row)| row.map(Put::Standing)));
        // A batch of an activation reads no views: who has no members has none, and may have got and lost one here.
        let standings = &self.facts.standings;
        let had_view =
            |no: &ProfileNo| matches!(standings.get(no), Some(Some(s)) if s.root == *no && s.tree.members > 1);
        for (root, view) in self.views.into_changes(had_view) {
            rows.push(match view {
                None => Put::DropView(root),
                Some(mut view) => {
                    self.arrays.fill_view(root, &mut view);
                    Put::View(root, view)
                }
            });
        }
        for (child, link) in self.links.into_changes(old) {
            rows.push(link.map_or(Put::Cut(child), Put::Link));
        }
        for (at, device) in self.devices.into_changes(|at| old(&at.profile)) {
            rows.push(device.map_or(Put::DropDevice(at), Put::Device));
        }
        rows.extend(self.event_ids.into_changes(|_| false).into_iter().filter_map(|(_, row)| row.map(Put::EventId)));
        for (no, review) in self.reviews.into_changes(|_| true) {
            rows.push(review.map_or(Put::DropReview(no), Put::Review));
        }
        for ((key, no), held) in self.holding.into_changes(|_| true) {
            rows.push(if held.is_some() { Put::Holder(key, no) } else { Put::DropHolder(key, no) });
        }
        let before = self.facts.counters.seq;
        for ((no, seq), row) in self.history.into_changes(|(_, seq)| *seq <= before) {
            rows.push(row.map_or(Put::DropHistory(no, seq), Put::History));
        }
        if rows.is_empty() {
            rows = self.appended;
        } else {
            rows.extend(self.appended);
        }
        Changes { rows, counters: self.counters, rate: None }
    }
}

/// What the family `former` learns when an own record changes: the identifiers that it tells to have held and did not
/// tell before, and those that it told and does no more.
fn former(before: Option<&Profile>, after: &Profile) -> Vec<Put> {
    let told = before.map_or(&[][..], |before| &before.former[..]);
    if told == after.former {
        return Vec::new();
    }
    let keys = |former: &[Former]| -> BTreeSet<Key> { former.iter().map(|former| former.key.clone()).collect() };
    let (old, new) = (keys(told), keys(&after.former));
    let come = new.difference(&old).map(|key| Put::Former(key.clone(), after.no));
    come.chain(old.difference(&new).map(|key| Put::DropFormer(key.clone(), after.no))).collect()
}
