//! What guards, reviews, activations and replays ask for.

use super::profiles::{count_bytes, fill_own, fill_standing};
use super::source::{FactSource, ReviewAlone};
use crate::engine::EngineError;
use muster_core::facts::{Facts, Needs, ReviewList, ReviewPair};
use muster_core::id::{ProfileNo, ReviewNo};
use muster_core::identifier::Identifier;
use muster_core::limits::{HOLDERS_MAX, REVIEWS_LISTED_MAX, SCAN_BYTES_MAX};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

pub(super) fn fill(source: &mut dyn FactSource, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    reviews(source, needs, facts)?;
    for key in &needs.holders {
        if !facts.holders.contains_key(key) {
            let found = source.queries()?.holders(key, HOLDERS_MAX)?;
            let found = light_enough(source, found, facts)?;
            facts.holders.insert(key.clone(), Some(found));
        }
    }
    if needs.noted > 0 && facts.noted.is_none() {
        facts.noted = Some(source.queries()?.noted(needs.noted)?);
    }
    for (key, no) in &needs.held {
        if let Entry::Vacant(unread) = facts.held.entry((key.clone(), *no)) {
            unread.insert(source.queries()?.holds(key, *no)?.then_some(()));
        }
    }
    if let Some((after, limit)) = needs.scan
        && facts.scan.is_none()
    {
        let numbers = source.queries()?.profiles_after(after, limit)?;
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

/// Returns the first of these member records whose live profiles can be loaded together; the others wait for the next
/// look.
fn light_enough(
    source: &mut dyn FactSource,
    mut holders: Vec<ProfileNo>,
    facts: &mut Facts,
) -> Result<Vec<ProfileNo>, EngineError> {
    let (mut roots, mut weight) = (HashSet::new(), 0);
    for (at, no) in holders.iter().enumerate() {
        fill_standing(source, *no, facts)?;
        let root = facts.root_pointers[no].and_then(|root_pointer| facts.root_pointers[&root_pointer.root]);
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

fn reviews(source: &mut dyn FactSource, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    for root in &needs.reviews_of {
        if !facts.reviews_of.contains_key(root) {
            let list = review_list(source, *root)?;
            if let ReviewList::Whole(pairs) = &list {
                count_bytes(source, facts, size_of_val(&pairs[..]) as u64)?;
            }
            facts.reviews_of.insert(*root, list);
        }
    }
    for pair in &needs.reviews_between {
        if !facts.reviews_between.contains_key(pair) {
            let pairs = reviews_between(source, *pair)?;
            count_bytes(source, facts, size_of_val(&pairs[..]) as u64)?;
            facts.reviews_between.insert(*pair, pairs);
        }
    }
    for asked in &needs.reviews_of_value {
        if !facts.reviews_of_value.contains_key(asked) {
            let reviews = reviews_of_value(source, asked)?;
            count_bytes(source, facts, size_of_val(&reviews[..]) as u64)?;
            facts.reviews_of_value.insert(asked.clone(), reviews);
        }
    }
    for no in &needs.reviews {
        if !facts.reviews.contains_key(no) {
            let review = source.review(*no)?;
            count_bytes(source, facts, review.as_ref().and_then(|r| r.record.as_ref()).map_or(0, |r| r.len() as u64))?;
            facts.reviews.insert(*no, review);
        }
    }
    if needs.reviews_to_drop > facts.reviews_to_drop.len() {
        facts.reviews_to_drop = source.queries()?.reviews_to_drop(needs.reviews_to_drop)?;
    }
    Ok(())
}

fn members_of(source: &mut dyn FactSource, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError> {
    let mut members = source.queries()?.members(root)?;
    members.push(root);
    Ok(members)
}

/// The reviews of two profiles that name any member of a root, unless they are too many.
fn review_list(source: &mut dyn FactSource, root: ProfileNo) -> Result<ReviewList, EngineError> {
    let mut pairs = Vec::new();
    for member in members_of(source, root)? {
        pairs.extend(source.queries()?.review_pairs(member, REVIEWS_LISTED_MAX + 1)?);
        if pairs.len() > REVIEWS_LISTED_MAX {
            // One between two members of the root was read twice.
            pairs.sort_unstable();
            pairs.dedup();
        }
        if pairs.len() > REVIEWS_LISTED_MAX {
            return Ok(ReviewList::Long);
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    Ok(ReviewList::Whole(pairs))
}

/// The reviews between the members of two roots. What names a member of the smaller side is read where it is little, else
/// each pair is looked up: never more than twice what the cheaper of both costs.
fn reviews_between(
    source: &mut dyn FactSource,
    (a, b): (ProfileNo, ProfileNo),
) -> Result<Vec<ReviewPair>, EngineError> {
    let [mut few, mut many] = [members_of(source, a)?, members_of(source, b)?];
    if few.len() > many.len() {
        (few, many) = (many, few);
    }
    let others: HashSet<ProfileNo> = many.iter().copied().collect();
    let mut found = Vec::new();
    for no in few {
        let pairs = source.queries()?.review_pairs(no, many.len() + 1)?;
        if pairs.len() <= many.len() {
            let other = |pair: &ReviewPair| if pair.a == no { pair.b } else { pair.a };
            found.extend(pairs.into_iter().filter(|pair| others.contains(&other(pair))));
        } else {
            for other in &many {
                found.extend(source.queries()?.reviews_between(no, *other)?);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Of each member of a root that has reviews of a value without a second profile the first that is open, else the last.
/// What the value has is read where it is little, else each member is looked up.
fn reviews_of_value(
    source: &mut dyn FactSource,
    (key, root): &(Identifier, ProfileNo),
) -> Result<Vec<ReviewNo>, EngineError> {
    let members = members_of(source, *root)?;
    let mut reviews = source.queries()?.reviews_of_value(key, members.len() + 1)?;
    if reviews.len() <= members.len() {
        let members: HashSet<ProfileNo> = members.into_iter().collect();
        reviews.retain(|review| members.contains(&review.profile));
    } else {
        reviews.clear();
        for no in members {
            reviews.extend(source.queries()?.reviews_of_holder(key, no)?);
        }
    }
    reviews.sort_unstable_by_key(|review| review.no);
    let mut found: HashMap<ProfileNo, ReviewAlone> = HashMap::new();
    for review in reviews {
        if found.get(&review.profile).is_none_or(|other| !other.is_open) {
            found.insert(review.profile, review);
        }
    }
    let mut found: Vec<ReviewNo> = found.into_values().map(|review| review.no).collect();
    found.sort_unstable();
    Ok(found)
}
