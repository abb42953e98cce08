//! What guards, reviews, activations and replays ask for.

use super::{Source, fill_own};
use crate::engine::EngineError;
use muster_core::facts::{Facts, Needs};
use muster_core::id::ProfileNo;
use muster_core::limits::HOLDERS_MAX;
use muster_core::review::Review;
use std::collections::hash_map::Entry;

pub(super) fn fill(source: &mut dyn Source, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    reviews(source, needs, facts)?;
    for key in &needs.holders {
        if !facts.holders.contains_key(key) {
            facts.holders.insert(key.clone(), Some(source.holders(key, HOLDERS_MAX)?));
        }
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
        for no in &numbers {
            fill_own(source, *no, facts)?;
        }
        facts.scan = Some(numbers);
    }
    for no in &needs.quarantine {
        if !facts.quarantine.contains_key(no) {
            facts.quarantine.insert(*no, source.quarantined(*no)?);
        }
    }
    Ok(())
}

fn reviews(source: &mut dyn Source, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    for (a, b) in &needs.reviews_between {
        if facts.reviews_between.contains_key(&(*a, *b)) {
            continue;
        }
        let mut between = Vec::new();
        let others = tree(source, *b)?;
        for x in tree(source, *a)? {
            for y in &others {
                between.extend(source.open_reviews(x, *y)?);
            }
        }
        between.sort_by_key(|review| review.no);
        facts.reviews_between.insert((*a, *b), Some(between.iter().map(|review| review.no).collect()));
        between.into_iter().for_each(|review| known(facts, review));
    }
    for (root, key) in &needs.reviews_of_value {
        let wanted = (*root, key.clone());
        if facts.reviews_of_value.contains_key(&wanted) {
            continue;
        }
        let mut found = None;
        for member in tree(source, *root)? {
            found = source.open_review_of(member, key)?;
            if found.is_some() {
                break;
            }
        }
        facts.reviews_of_value.insert(wanted, found.as_ref().map(|review| review.no));
        found.into_iter().for_each(|review| known(facts, review));
    }
    for no in &needs.reviews {
        if !facts.reviews.contains_key(no) {
            let review = source.review(*no)?;
            facts.reviews.insert(*no, review);
        }
    }
    if needs.reviews_to_drop > facts.reviews_to_drop.len() {
        facts.reviews_to_drop = source.reviews_to_drop(needs.reviews_to_drop)?;
    }
    Ok(())
}

fn known(facts: &mut Facts, review: Review) {
    facts.reviews.insert(review.no, Some(review));
}

/// A root with its members.
fn tree(source: &mut dyn Source, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError> {
    let mut members = vec![root];
    members.extend(source.members(root)?);
    Ok(members)
}
