//! Reverts a merge at any place of the tree (behaviour.md 3.4), and lifts a separation.

use super::decision_state::{DecisionState, Known, Missing};
use crate::change::{RowChange, RowKey, StoredRow};
use crate::decision::{Decision, Step};
use crate::facts::{Facts, Needs};
use crate::id::{MergeNo, ProfileId, ProfileNo, SeparationNo};
use crate::profile::fold::{MemberRef, MemberTree};
use crate::profile::{Member, Profile, assemble};
use crate::record::{Change, ChangeKind, MemberRecord, Merge, MergeLink, Separation, SeparationCause, TreeTotals};
use crate::settings::{Identity, Settings};
use crate::time::{Moment, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;

/// Reverts a merge: detaches the subtree with its members, identifiers, attributes, devices and events.
pub struct Revert {
    /// Merge.
    pub merge: MergeNo,
    /// Settings in force, for the profiles of the outcome.
    pub settings: Arc<Settings>,
}

/// Result of a revert.
#[derive(Clone, Debug, PartialEq)]
pub enum RevertOutcome {
    /// The merge was reverted.
    Reverted {
        /// Live profile that the subtree was detached from.
        survivor: ProfileId,
        /// Root of the subtree, live again.
        restored: ProfileId,
        /// Separation that keeps them apart.
        separation: SeparationNo,
        /// Both profiles afterwards, in that order, without devices.
        sides: Box<(Profile, Profile)>,
    },
    /// The merge does not exist.
    Unknown,
    /// It was already reverted.
    AlreadyReverted(Timestamp),
    /// The profile was deleted.
    Gone,
    /// The live profile is being deleted and takes part in no revert.
    UnderDeletion,
}

impl Decision for Revert {
    type Output = RevertOutcome;

    fn needs(&self) -> Needs {
        Needs { merges: vec![self.merge], ..Needs::default() }
    }

    fn revision(&self) -> Option<u64> {
        Some(self.settings.revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<RevertOutcome> {
        let merge = match facts.merges.get(&self.merge) {
            None => return Step::NeedMore(self.needs()),
            Some(None) => return Step::Leave(RevertOutcome::Unknown),
            Some(Some(Merge { reverted_at: Some(at), .. })) => return Step::Leave(RevertOutcome::AlreadyReverted(*at)),
            Some(Some(merge)) => merge,
        };
        let mut state = DecisionState::new(facts, &self.settings.identity, now.at);
        match cut(&mut state, merge) {
            Ok(outcome @ (RevertOutcome::UnderDeletion | RevertOutcome::Gone)) => Step::Leave(outcome),
            Ok(outcome) => Step::Done(state.into_changes(), outcome),
            Err(Missing) => Step::NeedMore(state.needs),
        }
    }
}

fn cut(state: &mut DecisionState<'_>, merge: &Merge) -> Known<RevertOutcome> {
    let subtree_root = merge.merged.no;
    if let Some(None) = state.root_pointers.get(&subtree_root) {
        return Ok(RevertOutcome::Gone);
    }
    let root = state.root_of(subtree_root)?;
    if state.root_pointer(root)?.deletion.is_some() {
        return Ok(RevertOutcome::UnderDeletion);
    }
    let members = state.members(root)?;
    let profiles: Vec<MemberRecord> = members.iter().map(|no| state.record(*no).cloned()).collect::<Known<_>>()?;
    let subtree = subtree_of(state, &profiles, subtree_root);
    let detached: HashSet<ProfileNo> = subtree.iter().copied().collect();
    let staying: Vec<ProfileNo> = members.iter().copied().filter(|no| !detached.contains(no)).collect();

    let seq = state.next_seq();
    state.links.set(subtree_root, None);
    settle(state, root, &staying, &profiles)?;
    settle(state, subtree_root, &subtree, &profiles)?;
    state.counters.users += 1;
    state.push_merge(Merge { reverted_at: Some(state.now), ..merge.clone() });
    state.counters.separation += 1;
    let separation = SeparationNo(state.counters.separation);
    state.appended.push(RowChange::Upsert(StoredRow::Separation(Separation {
        no: separation,
        at: state.now,
        a: merge.survivor,
        b: merge.merged,
        cause: SeparationCause::Revert,
        merge: Some(merge.no),
    })));
    state.appended.push(RowChange::Upsert(StoredRow::Change(Change {
        seq,
        kind: ChangeKind::Revert,
        profile: subtree_root,
        merge: merge.no.0,
        at: state.now,
        request: None,
    })));
    let (stays, comes_off) = (profile_after(state, root, &staying), profile_after(state, subtree_root, &subtree));
    let sides = Box::new((stays?, comes_off?));
    Ok(RevertOutcome::Reverted { survivor: sides.0.id, restored: sides.1.id, separation, sides })
}

fn subtree_of(state: &DecisionState<'_>, profiles: &[MemberRecord], subtree_root: ProfileNo) -> Vec<ProfileNo> {
    let members =
        profiles.iter().map(|profile| MemberRef { record: profile, link: state.links.get(&profile.no).flatten() });
    MemberTree::new(members).subtree(subtree_root)
}

fn settle(
    state: &mut DecisionState<'_>,
    root: ProfileNo,
    members: &[ProfileNo],
    profiles: &[MemberRecord],
) -> Known<()> {
    let (mut tree, mut weight): (Option<TreeTotals>, u64) = (None, 0);
    for no in members {
        weight += state.record(*no)?.attributes.size().weight as u64;
        let root_pointer = state.root_pointer_mut(*no)?;
        root_pointer.root = root;
        let own = TreeTotals {
            first_seen: root_pointer.first_seen,
            last_seen: root_pointer.last_seen,
            events: root_pointer.events,
            devices: root_pointer.devices,
            members: 1,
        };
        tree = Some(tree.map_or(own, |tree| tree.with(own)));
    }
    if let Some(tree) = tree {
        let root_pointer = state.root_pointer_mut(root)?;
        (root_pointer.tree, root_pointer.weight) = (tree, weight);
    }
    let view = (members.len() > 1).then(|| {
        let members: HashSet<ProfileNo> = members.iter().copied().collect();
        let among = profiles.iter().filter(|profile| members.contains(&profile.no));
        MemberTree::new(
            among.map(|profile| MemberRef { record: profile, link: state.links.get(&profile.no).flatten() }),
        )
        .current_values(root)
    });
    // The live profile had a view because the subtree was part of it; the subtree had none to delete.
    let was_live = state.facts.root_pointers.get(&root).is_some_and(|stored| stored.is_some_and(|s| s.root == root));
    if view.is_some() || was_live {
        state.views.set(root, view);
    }
    state.trees.set(root, Some(members.to_vec()));
    Ok(())
}

pub(super) fn profile_after(state: &mut DecisionState<'_>, root: ProfileNo, members: &[ProfileNo]) -> Known<Profile> {
    let mut whole = Vec::with_capacity(members.len());
    let mut missing = false;
    for no in members {
        let (profile, root_pointer) = (state.record(*no)?.clone(), state.root_pointer(*no)?);
        let link = state.links.get(no).flatten().cloned();
        let joined_at = link.as_ref().and_then(|MergeLink { seq, .. }| {
            if *seq > state.facts.counters.seq {
                return Some(state.now);
            }
            let time = state.facts.change_times.get(seq);
            // All times are requested in one round.
            if time.is_none() {
                state.needs.change_times.push(*seq);
                missing = true;
            }
            *time?
        });
        whole.push(Member { record: profile, root_pointer, link, joined_at, devices: Vec::new() });
    }
    if missing {
        return Err(Missing);
    }
    let view = state.views.get(&root).flatten().cloned();
    assemble(root, &whole, view, state.identity).ok_or(Missing)
}

/// Lifts a separation; the output says whether it existed.
pub struct Lift {
    /// Separation.
    pub separation: SeparationNo,
}

impl Decision for Lift {
    type Output = bool;

    fn needs(&self) -> Needs {
        Needs { separation_nos: vec![self.separation], ..Needs::default() }
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<bool> {
        match facts.separation_nos.get(&self.separation) {
            None => Step::NeedMore(self.needs()),
            Some(None) => Step::Leave(false),
            Some(Some(_)) => {
                let identity = Identity::off();
                let mut state = DecisionState::new(facts, &identity, now.at);
                state.appended.push(RowChange::Delete(RowKey::Separation(self.separation)));
                Step::Done(state.into_changes(), true)
            }
        }
    }
}
