//! Both sides of a merge right before it, against the model at that time; and the subtree of each member, against the
//! model after a revert.

use crate::laws::hold;
use crate::strategies::{activations, histories};
use crate::world::{World, plain, same};
use muster_core::profile::pre_merge::{PLATFORMS, PreMerge, pre_merge};
use muster_core::profile::{Profile, Subtrees, member_detail};
use muster_core::record::{History, Merge};
use std::cell::Cell;

/// Returns what the rules reconstruct of a merge that is in force.
fn reconstruct(world: &World, merge: &Merge) -> Result<Option<PreMerge>, String> {
    let store = &world.store;
    let members = store.members_of(store.root(merge.merged.no))?;
    let rows: Vec<History> = store.history.values().cloned().collect();
    let cut = |m: &&Merge| m.no < merge.no && m.reverted_at.is_some_and(|at| at >= merge.at);
    let cut: Vec<Merge> = store.merges.values().filter(cut).cloned().collect();
    Ok(pre_merge(merge, &members, &rows, &cut, &world.settings.identity))
}

/// Compares a side with the model: every name that is not reported as unknown.
fn agrees(side: &Profile, model: &Profile, told: &PreMerge, is_same_revision: bool) -> Result<(), String> {
    let known = |shown: &Profile| {
        let mut shown = shown.attributes.clone();
        shown.retain(|name, _| !told.unknown.contains(name));
        shown
    };
    same(|| "attributes".into(), &known(side), &known(model))?;
    if !told.unknown.contains(PLATFORMS) {
        same(|| "platforms".into(), &side.platforms, &model.platforms)?;
    }
    let members = |shown: &Profile| shown.members.clone();
    same(|| "members".into(), &members(side), &members(model))?;
    if is_same_revision && told.is_complete() {
        let held = |shown: &Profile| (shown.identifiers.clone(), shown.aliases.clone());
        same(|| "identifiers and aliases".into(), &held(side), &held(model))?;
    }
    Ok(())
}

/// Checks every merge that is in force; counts those that are complete, and those that are complete although something
/// was written since.
fn check(world: &World) -> Result<(u32, u32, u32), String> {
    let (mut all, mut complete, mut although) = (0, 0, 0);
    for join in world.model.joins.iter().filter(|join| join.reverted.is_none()) {
        let merge = &world.store.merges[&join.no];
        let found =
            reconstruct(world, merge)?.ok_or_else(|| format!("{} is in force and not reconstructed", join.no))?;
        all += 1;
        if !found.whole {
            continue;
        }
        let (survivor, merged, revision) = &*join.before;
        let is_same_revision = *revision == world.settings.revision;
        let of =
            |side: &str, error: String| format!("{} before {}: {error}\n unknown {:?}", side, join.no, found.unknown);
        agrees(&found.survivor, survivor, &found, is_same_revision).map_err(|error| of("the survivor", error))?;
        agrees(&found.merged, merged, &found, is_same_revision).map_err(|error| of("the merged", error))?;
        complete += u32::from(found.is_complete());
        let seq = world.store.links[&merge.merged.no].seq;
        let written = world.store.profiles.values().any(|p| p.attributes.values().any(|write| write.seq > seq));
        although += u32::from(found.is_complete() && written);
    }
    Ok((all, complete, although))
}

// Fails when `value_at` in `pre_merge.rs` returns the present write without reading history, when it treats a repeated
// value as certain, or when reverted merges are ignored.
#[test]
fn both_sides_before_a_merge_equal_the_model_or_are_reported_as_unknown() {
    let counts = Cell::new((0, 0, 0));
    let law = |history: &crate::histories::History| {
        let (all, complete, although) = check(&World::run(history)?)?;
        let sum = counts.get();
        counts.set((sum.0 + all, sum.1 + complete, sum.2 + although));
        Ok(())
    };
    hold(300, &histories(30), law);
    hold(100, &activations(), law);
    let (all, complete, although) = counts.get();
    assert!(
        complete > all / 10 && although > 0,
        "of {all} merges {complete} are found in full, {although} written since"
    );
}

/// Checks every subtree; returns how many were below others.
fn parts(world: &World) -> Result<u32, String> {
    let (store, identity) = (&world.store, &world.settings.identity);
    let mut deep = 0;
    for join in world.model.joins.iter().filter(|join| join.reverted.is_none()) {
        let members = store.members_of(store.root(join.part))?;
        let all = Subtrees::new(&members);
        let above = member_detail(store.root(join.part), &all, identity);
        let own = member_detail(join.part, &all, identity).ok_or_else(|| format!("{:?} is not a member", join.part))?;
        let person = world.model.person(join.part);
        let (profile, root_pointer) = (&store.profiles[&join.part], &store.root_pointers[&join.part]);
        same(|| "its own keys".into(), &own.identifiers, &profile.identifiers)?;
        same(|| "its own events".into(), &own.totals.events, &(person.events.len() as u64))?;
        same(|| "its own devices".into(), &own.totals.devices, &root_pointer.devices)?;
        let written = profile.attributes.iter().filter_map(|(name, write)| Some((name.clone(), write.value.clone()?)));
        same(|| "its own attributes".into(), &own.attributes, &written.collect())?;
        let mut model = world.model.clone();
        model.revert(join.no).ok_or("the model cannot revert")?;
        same(|| format!("the part of {}", join.no), &plain(own.subtree), &model.snapshot(join.part))?;
        let root = above.map(|above| plain(above.subtree));
        same(|| "the whole".into(), &root, &Some(world.model.snapshot(store.root(join.part))))?;
        let joined = own.joined.map(|joined| (joined.merge, joined.parent.no, joined.joined_at));
        same(|| "how it was joined".into(), &joined, &Some((join.no, join.top, join.at)))?;
        deep += u32::from(join.top != store.root(join.part));
    }
    Ok(deep)
}

// Fails when `member_detail` uses the view of the whole tree, members outside the subtree, or the totals of the member
// alone.
#[test]
fn the_values_of_a_subtree_are_those_of_the_profile_that_a_revert_restores() {
    let deep = Cell::new(0);
    let law = |history: &crate::histories::History| {
        deep.set(deep.get() + parts(&World::run(history)?)?);
        Ok(())
    };
    hold(300, &histories(30), law);
    hold(100, &activations(), law);
    assert!(deep.get() > 0, "no part was below another");
}
