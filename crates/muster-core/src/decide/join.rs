//! Merges (behaviour.md 3.1, 3.2): chooses the survivor and writes one link, one merge record, the root pointers of the
//! joined subtree and the survivor's view. Member records, events and devices do not change.

use super::decision_state::{DecisionState, Known};
use super::review;
use crate::attribute::EMAIL;
use crate::change::{RowChange, StoredRow};
use crate::id::{MergeNo, ProfileId, ProfileNo, RequestNo, ReviewNo};
use crate::identifier::Identifier;
use crate::kinds::{SurvivorChoice, SurvivorRule};
use crate::limits::IDENTIFIER_OVERHEAD_BYTES;
use crate::profile::fold::JoinEffect;
use crate::record::{Cause, Change, ChangeKind, Merge, MergeLink, RootPointer, TreeTotals, View};
use crate::value::Combine;
use std::cmp::Ordering;

pub(super) struct Causing {
    pub(super) request: Option<(RequestNo, u32)>,
    pub(super) origin: Origin,
    /// Writes an e-mail address, which counts as the current one of all profiles (behaviour.md 3.1.k).
    pub(super) writes_email: bool,
}

pub(super) enum Origin {
    Identifiers(Vec<Identifier>),
    /// Value with several holders, when its kind is activated.
    Activation,
    Review(ReviewNo),
    Api,
}

impl Origin {
    fn cause(&self, rule: SurvivorChoice) -> Cause {
        match self {
            Self::Identifiers(identifiers) => Cause::Identifiers { identifiers: identifiers.clone(), rule },
            Self::Activation => Cause::Activation,
            Self::Review(no) => Cause::Review(*no),
            Self::Api => Cause::Api,
        }
    }
}

/// Joins live profiles; returns the survivor, the merged ids in order, and what chose the survivor.
pub(super) fn join_all(
    state: &mut DecisionState<'_>,
    roots: &[ProfileNo],
    causing: &Causing,
) -> Known<(ProfileNo, Vec<ProfileId>, SurvivorChoice)> {
    let mut candidates = Vec::with_capacity(roots.len());
    for root in roots {
        candidates.push((state.root_pointer(*root)?.tree, *root));
    }
    let rule = state.identity.survivor_rule;
    candidates.sort_by(|a, b| precedence(rule, a, b));
    let mut choice = SurvivorChoice::Rule(rule);
    if let Some(only) = only_with_attribute(state, &candidates)? {
        choice = SurvivorChoice::Attribute;
        let first = candidates.remove(only);
        candidates.insert(0, first);
    }
    let survivor = candidates[0].1;
    let mut merged = Vec::new();
    for (_, other) in &candidates[1..] {
        merged.push(join(state, survivor, *other, (causing, choice))?);
    }
    Ok((survivor, merged, choice))
}

pub(super) fn join_chosen(
    state: &mut DecisionState<'_>,
    survivor: ProfileNo,
    merged: ProfileNo,
    causing: &Causing,
) -> Known<ProfileId> {
    // The cause alone says what chose the survivor.
    join(state, survivor, merged, (causing, SurvivorChoice::Attribute))
}

/// Joins a member with a new `customer_id` to the profile that was found (behaviour.md 3.2.h).
pub(super) fn join_member(
    state: &mut DecisionState<'_>,
    survivor: ProfileNo,
    member: ProfileNo,
    causing: &Causing,
) -> Known<ProfileId> {
    join(state, survivor, member, (causing, SurvivorChoice::NewId))
}

/// Compares by the second survivor rule; ties by earliest first seen, then smallest id.
fn precedence(rule: SurvivorRule, a: &(TreeTotals, ProfileNo), b: &(TreeTotals, ProfileNo)) -> Ordering {
    let by_rule = match rule {
        SurvivorRule::LastSeen => b.0.last_seen.cmp(&a.0.last_seen),
        SurvivorRule::FirstSeen => a.0.first_seen.cmp(&b.0.first_seen),
        SurvivorRule::MostEvents => b.0.events.cmp(&a.0.events),
    };
    by_rule.then(a.0.first_seen.cmp(&b.0.first_seen)).then(a.1.cmp(&b.1))
}

/// First survivor rule: returns the index of the only candidate with a value of the attribute.
fn only_with_attribute(state: &mut DecisionState<'_>, candidates: &[(TreeTotals, ProfileNo)]) -> Known<Option<usize>> {
    let Some(attribute) = state.identity.survivor_attribute.as_deref() else { return Ok(None) };
    let mut showing = Vec::new();
    for (place, (_, root)) in candidates.iter().enumerate() {
        if state.current_attribute(*root, attribute)?.is_some() {
            showing.push(place);
        }
    }
    Ok(if let [only] = showing[..] { Some(only) } else { None })
}

fn join(
    state: &mut DecisionState<'_>,
    survivor: ProfileNo,
    merged: ProfileNo,
    (causing, choice): (&Causing, SurvivorChoice),
) -> Known<ProfileId> {
    let (request, cause) = (causing.request, causing.origin.cause(choice));
    review::close_merged(state, survivor, merged)?;
    let (joined, staying) = (state.members(merged)?, state.members(survivor)?);
    let current = state.current_values(merged)?;
    state.count_steps(3 * current.attributes.len() + joined.len());
    let mut identifiers = state.identifiers_of_all(&joined)?;
    state.count_listed_bytes(
        identifiers.iter().map(|identifier| identifier.value.len() + IDENTIFIER_OVERHEAD_BYTES).sum(),
    );
    identifiers.sort_by_key(|identifier| (state.identity.rank(&identifier.kind), identifier.value.clone()));
    let email = state.current_attribute(survivor, EMAIL)?;
    let same_email = causing.writes_email || email.is_some() && current.attributes.get(EMAIL) == email;
    let rules = state.identity.attribute_rules.clone();
    let JoinEffect { filled, combined, .. } = fill(state, survivor, (merged, current), (&rules, same_email))?;
    let merge = {
        state.counters.merge += 1;
        MergeNo(state.counters.merge)
    };
    let seq = state.next_seq();
    let link = MergeLink { child: merged, parent: survivor, merge, seq, rules, same_email };
    re_root(state, survivor, merged, &joined)?;
    let (survivor_id, merged_id) = (state.root_pointer(survivor)?.id(), state.root_pointer(merged)?.id());
    state.links.set(merged, Some(link));
    state.join_names((survivor, &staying), (merged, &joined), seq);
    state.trees.set(merged, None);
    state.trees.set(survivor, Some(staying.into_iter().chain(joined).collect()));
    state.join_kinds(survivor, merged);
    state.counters.users -= 1;
    state.push_merge(Merge {
        no: merge,
        at: state.now,
        survivor: survivor_id,
        merged: merged_id,
        request,
        cause,
        explanation: None,
        filled,
        combined,
        identifiers,
        reverted_at: None,
    });
    let (at, kind) = (state.now, ChangeKind::Merge);
    let request = request.map(|(request, _)| request);
    state.appended.push(RowChange::Upsert(StoredRow::Change(Change {
        seq,
        kind,
        profile: merged,
        merge: merge.0,
        at,
        request,
    })));
    Ok(merged_id)
}

fn re_root(state: &mut DecisionState<'_>, survivor: ProfileNo, merged: ProfileNo, joined: &[ProfileNo]) -> Known<()> {
    let RootPointer { tree, weight, .. } = state.root_pointer(merged)?;
    if state.has_members(merged)? {
        state.views.set(merged, None);
    }
    for member in joined {
        state.root_pointer_mut(*member)?.root = survivor;
    }
    let root_pointer = state.root_pointer_mut(survivor)?;
    root_pointer.tree = root_pointer.tree.with(tree);
    root_pointer.weight += weight;
    Ok(())
}

fn fill(
    state: &mut DecisionState<'_>,
    survivor: ProfileNo,
    (merged, current): (ProfileNo, View),
    (rules, same_email): (&[(Box<str>, Combine)], bool),
) -> Known<JoinEffect> {
    let joined = if state.has_members(survivor)? {
        let mut made = JoinEffect::default();
        state.edit_view(survivor, |view| {
            made = view.join(current, rules, same_email);
            let made = made.clone();
            |view: &mut View| view.undo_join(made)
        })?;
        made
    } else {
        let mut view = state.current_values(survivor)?;
        state.count_steps(view.attributes.len());
        let joined = view.join(current, rules, same_email);
        state.views.set(survivor, Some(view));
        joined
    };
    state.arrays.join(survivor, merged, &joined.filled);
    state.count_listed_bytes(joined.filled.iter().map(|name| name.len()).sum());
    Ok(joined)
}
