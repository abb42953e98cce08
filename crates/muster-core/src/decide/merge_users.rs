//! Merges two users by an API call (behaviour.md 4.ca): overrides pins and `max_profiles`, but no separation, deletion
//! or bound of a live profile. The merge can be reverted like any other.

use super::decision_state::{DecisionState, Known, Missing};
use super::guard::between;
use super::join::{Causing, Origin, join_chosen};
use crate::change::{RowChange, StoredRow};
use crate::decision::{Decision, Step};
use crate::facts::{Facts, Needs};
use crate::id::{ProfileId, ProfileNo};
use crate::limits::MEMBERS_MAX;
use crate::record::Merge;
use crate::settings::Settings;
use crate::time::Moment;
use std::sync::Arc;

/// Merges one live profile into another.
pub struct MergeUsers {
    /// Any member of the profile that survives.
    pub survivor: ProfileId,
    /// Any member of the profile that is merged into it.
    pub merged: ProfileId,
    /// Settings in force.
    pub settings: Arc<Settings>,
}

/// Result of a merge by an API call.
#[derive(Clone, Debug, PartialEq)]
pub enum MergeUsersOutcome {
    /// Merged; with the merge record.
    Merged(Box<Merge>),
    /// No profile has this id.
    Unknown(ProfileId),
    /// Both ids belong to the same live profile.
    SameProfile,
    /// They are separated; the separation must be lifted first.
    Separated,
    /// One of them is being deleted.
    UnderDeletion,
    /// The profile would have more than [`MEMBERS_MAX`] members.
    TooManyMembers,
    /// The profile would weigh more than the workspace allows.
    TooLarge,
}

impl Decision for MergeUsers {
    type Output = MergeUsersOutcome;

    fn needs(&self) -> Needs {
        Needs { root_pointers: vec![self.survivor.no, self.merged.no], ..Needs::default() }
    }

    fn revision(&self) -> Option<u64> {
        Some(self.settings.revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<MergeUsersOutcome> {
        let mut state = DecisionState::new(facts, &self.settings.identity, now.at);
        state.profile_bytes_max = self.settings.profile_bytes;
        state.savepoint();
        match self.merge(&mut state) {
            Ok(outcome @ MergeUsersOutcome::Merged(_)) => Step::Done(state.into_changes(), outcome),
            Ok(outcome) => Step::Leave(outcome),
            Err(Missing) => Step::NeedMore(state.needs),
        }
    }
}

impl MergeUsers {
    fn merge(&self, state: &mut DecisionState<'_>) -> Known<MergeUsersOutcome> {
        let mut roots = Vec::with_capacity(2);
        for id in [self.survivor, self.merged] {
            match root_of(state, id)? {
                Some(root) => roots.push(root),
                None => return Ok(MergeUsersOutcome::Unknown(id)),
            }
        }
        let (survivor, merged) = (roots[0], roots[1]);
        if survivor == merged {
            return Ok(MergeUsersOutcome::SameProfile);
        }
        let (first, second) = (state.root_pointer(survivor)?, state.root_pointer(merged)?);
        if first.deletion.or(second.deletion).is_some() {
            return Ok(MergeUsersOutcome::UnderDeletion);
        }
        if first.tree.members + second.tree.members > MEMBERS_MAX {
            return Ok(MergeUsersOutcome::TooManyMembers);
        }
        if first.weight + second.weight > state.profile_bytes_max {
            return Ok(MergeUsersOutcome::TooLarge);
        }
        if state.needs_more_facts(&[survivor, merged]) {
            return Err(Missing);
        }
        if between(state, &[survivor], merged)?.separated {
            return Ok(MergeUsersOutcome::Separated);
        }
        join_chosen(state, survivor, merged, &Causing { request: None, origin: Origin::Api, writes_email: false })?;
        let record = state.appended.iter().find_map(|row| match row {
            RowChange::Upsert(StoredRow::Merge(merge)) => Some(merge.clone()),
            _ => None,
        });
        Ok(MergeUsersOutcome::Merged(Box::new(record.ok_or(Missing)?)))
    }
}

fn root_of(state: &mut DecisionState<'_>, id: ProfileId) -> Known<Option<ProfileNo>> {
    match state.root_pointers.get(&id.no) {
        None => Err(state.need_root_pointer(id.no)),
        Some(found) => Ok(found.filter(|found| found.id() == id).map(|found| found.root)),
    }
}
