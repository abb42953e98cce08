//! What guards, reviews, activations and replays ask for.

use super::{Source, fill_own, fill_standing, weigh};
use crate::engine::EngineError;
use muster_core::facts::{Facts, Needs};
use muster_core::id::{ProfileNo, ReviewNo};
use muster_core::limits::{HOLDERS_MAX, SCAN_BYTES_MAX};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

pub(super) fn fill(source: &mut dyn Source, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    reviews(source, needs, facts)?;
    for key in &needs.holders {
        if !facts.holders.contains_key(key) {
            let found = source.holders(key, HOLDERS_MAX)?;
            let found = light_enough(source, found, facts)?;
            facts.holders.insert(key.clone(), Some(found));
        }
    }
    if needs.noted > 0 && facts.noted.is_none() {
        facts.noted = Some(source.noted(needs.noted)?);
    }
    for (key, no) in &needs.held {
        if let Entry::Vacant(unread) = facts.held.entry((key.clone(), *no)) {
            unread.insert(source.holds(key, *no)?.then_some(()));
        }
    }
    if let Some((after, limit)) = needs.scan
        && facts.scan.is_none()
    {
        let numbers = source.profiles_after(after, limit)?;
        let (mut read, before) = (0, facts.bytes.0);
        for no in &numbers {
            if facts.bytes.0 - before > SCAN_BYTES_MAX {
                facts.scan_is_short = true;
                break;
            }
            fill_own(source, *no, facts)?;
            read += 1;
        }
        facts.scan = Some(numbers[..read].to_vec());
    }
    for no in &needs.quarantine {
        if !facts.quarantine.contains_key(no) {
            facts.quarantine.insert(*no, source.quarantined(*no)?);
        }
    }
    Ok(())
}

/// The first of these own records, so many that their live profiles can be loaded together; the others wait for the next
/// look.
fn light_enough(
    source: &mut dyn Source,
    mut holders: Vec<ProfileNo>,
    facts: &mut Facts,
) -> Result<Vec<ProfileNo>, EngineError> {
    let (mut roots, mut weight) = (HashSet::new(), 0);
    for (at, no) in holders.iter().enumerate() {
        fill_standing(source, *no, facts)?;
        let root = facts.standings[no].and_then(|standing| facts.standings[&standing.root]);
        if let Some(root) = root.filter(|root| roots.insert(root.no)) {
            weight += root.weight;
        }
        if at > 0 && weight > SCAN_BYTES_MAX {
            holders.truncate(at);
            break;
        }
    }
    Ok(holders)
}

fn reviews(source: &mut dyn Source, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    for root in &needs.reviews_of {
        if facts.reviews_of.contains_key(root) {
            continue;
        }
        let mut pairs = source.review_pairs(*root)?;
        for member in source.members(*root)? {
            pairs.extend(source.review_pairs(member)?);
        }
        pairs.sort_unstable();
        pairs.dedup();
        weigh(source, facts, size_of_val(&pairs[..]) as u64)?;
        facts.reviews_of.insert(*root, Some(pairs));
    }
    for key in &needs.reviews_of_value {
        if !facts.reviews_of_value.contains_key(key) {
            let mut found: HashMap<ProfileNo, (ReviewNo, bool)> = HashMap::new();
            let reviews = source.reviews_of_value(key)?;
            weigh(source, facts, 4 * size_of_val(&reviews[..]) as u64)?;
            for (profile, no, is_open) in reviews {
                if found.get(&profile).is_none_or(|(_, is_open)| !is_open) {
                    found.insert(profile, (no, is_open));
                }
            }
            let found = found.into_iter().map(|(profile, (no, _))| (profile, no)).collect();
            facts.reviews_of_value.insert(key.clone(), Some(found));
        }
    }
    for no in &needs.reviews {
        if !facts.reviews.contains_key(no) {
            let review = source.review(*no)?;
            weigh(source, facts, review.as_ref().and_then(|r| r.record.as_ref()).map_or(0, |r| r.len() as u64))?;
            facts.reviews.insert(*no, review);
        }
    }
    if needs.reviews_to_drop > facts.reviews_to_drop.len() {
        facts.reviews_to_drop = source.reviews_to_drop(needs.reviews_to_drop)?;
    }
    Ok(())
}
