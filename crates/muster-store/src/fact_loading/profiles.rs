//! Loads profiles: pointers, member records, views and trees, and counts their bytes.

use super::source::FactSource;
use crate::engine::EngineError;
use muster_core::facts::Facts;
use muster_core::id::ProfileNo;
use std::collections::hash_map::Entry;

/// Approximate bytes in memory of a row beside its values: a member record with its root pointer and its entries in the facts.
const ROW_BYTES: u64 = 560;

/// Bytes of facts that a decision may load beside any number of others: nearly all load some kilobytes. An array of short
/// items takes forty times its bytes while it is changed: of these ten megabytes.
const FACTS_BYTES_SMALL: u64 = 256 << 10;

/// Counts the bytes of a row that was read, and checks the bound of the decision.
pub(super) fn count_bytes(source: &mut dyn FactSource, facts: &mut Facts, bytes: u64) -> Result<(), EngineError> {
    let before = facts.bytes.0;
    facts.bytes.0 += bytes + ROW_BYTES;
    facts.pause.run();
    if facts.bytes.0 > facts.bytes.1 {
        return Err(EngineError::TooLarge);
    }
    let is_small = |bytes: u64| bytes <= FACTS_BYTES_SMALL;
    if is_small(before) && !is_small(facts.bytes.0) { source.large() } else { Ok(()) }
}

/// Loads a root pointer, and that of the root.
pub(super) fn fill_standing(source: &mut dyn FactSource, no: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_one_standing(source, no, facts)?;
    match facts.root_pointers[&no] {
        Some(root_pointer) => fill_one_standing(source, root_pointer.root, facts),
        None => Ok(()),
    }
}

pub(super) fn fill_one_standing(
    source: &mut dyn FactSource,
    no: ProfileNo,
    facts: &mut Facts,
) -> Result<(), EngineError> {
    if let Entry::Vacant(unread) = facts.root_pointers.entry(no) {
        unread.insert(source.root_pointer(no)?);
    }
    Ok(())
}

/// Loads a member record and its root pointer, those of the root, and the view of the root.
pub(super) fn fill_profile(source: &mut dyn FactSource, no: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_own(source, no, facts)?;
    let root = facts.root_pointers[&no].map(|root_pointer| root_pointer.root);
    let Some(root) = root else { return Ok(()) };
    fill_own(source, root, facts)?;
    fill_view(source, root, facts)
}

pub(super) fn fill_own(source: &mut dyn FactSource, no: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_one_standing(source, no, facts)?;
    if facts.records.contains_key(&no) {
        return Ok(());
    }
    let profile = source.profile(no)?;
    let former = profile.as_ref().map_or(0, |profile| profile.former.len() as u64 * ROW_BYTES);
    let bytes = profile.as_ref().map_or(0, |profile| profile.attributes.size().weight as u64 + former);
    facts.records.insert(no, profile);
    count_bytes(source, facts, bytes)
}

pub(super) fn fill_view(source: &mut dyn FactSource, root: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    if !facts.views.contains_key(&root) {
        let root_pointer = facts.root_pointers[&root].filter(|root_pointer| root_pointer.tree.members > 1);
        // A view shows no more than the members hold; it is weighed before it is read.
        count_bytes(source, facts, root_pointer.map_or(0, |root_pointer| root_pointer.weight))?;
        facts.views.insert(root, root_pointer.map_or(Ok(None), |_| source.view(root))?);
    }
    Ok(())
}

pub(super) fn fill_tree(source: &mut dyn FactSource, root: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    if facts.trees.contains_key(&root) {
        return Ok(());
    }
    fill_profile(source, root, facts)?;
    if facts.root_pointers[&root].is_none() {
        facts.trees.insert(root, None);
        return Ok(());
    }
    let mut members = vec![root];
    members.extend(source.queries()?.members(root)?);
    // All of their member records follow.
    let weight = facts.root_pointers[&root].map_or(0, |root_pointer| root_pointer.weight);
    if facts.bytes.0 + weight > facts.bytes.1 {
        return Err(EngineError::TooLarge);
    }
    for member in &members {
        fill_own(source, *member, facts)?;
        if !facts.links.contains_key(member) {
            facts.links.insert(*member, source.link(*member)?);
        }
    }
    facts.trees.insert(root, Some(members));
    Ok(())
}

pub(super) fn fill_separations(
    source: &mut dyn FactSource,
    root: ProfileNo,
    facts: &mut Facts,
) -> Result<(), EngineError> {
    if facts.separations.contains_key(&root) {
        return Ok(());
    }
    let mut found = source.queries()?.separations_of(root)?;
    for member in source.queries()?.members(root)? {
        found.extend(source.queries()?.separations_of(member)?);
    }
    found.sort_by_key(|separation| separation.no);
    found.dedup_by_key(|separation| separation.no);
    count_bytes(source, facts, found.len() as u64 * ROW_BYTES)?;
    facts.separations.insert(root, Some(found));
    Ok(())
}
