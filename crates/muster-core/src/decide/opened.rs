//! Reviews that a decision opened or completed, by profile and by value: scanning them for each element is quadratic.

use crate::facts::FactHasher;
use crate::id::{ProfileNo, ReviewNo};
use crate::identifier::Identifier;
use crate::review::Review;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Opened {
    list: Vec<(ReviewNo, [Option<ProfileNo>; 2], Identifier)>,
    of_profile: HashMap<ProfileNo, Vec<ReviewNo>, FactHasher>,
    /// Reviews without a second profile, by value and profile.
    of_value: HashMap<Identifier, HashMap<ProfileNo, Vec<ReviewNo>, FactHasher>, FactHasher>,
}

impl Opened {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a review between these live profiles. It may name other members of them, which need not be known.
    pub(super) fn push(&mut self, review: &Review, root: ProfileNo, other: Option<ProfileNo>) {
        let profiles = [Some(root), other];
        for no in profiles.into_iter().flatten() {
            self.of_profile.entry(no).or_default().push(review.no);
        }
        if review.b.is_none() {
            let of_value = self.of_value.entry(review.identifier.clone()).or_default();
            of_value.entry(root).or_default().push(review.no);
        }
        self.list.push((review.no, profiles, review.identifier.clone()));
    }

    pub(super) fn truncate(&mut self, len: usize) {
        while self.list.len() > len
            && let Some((_, profiles, identifier)) = self.list.pop()
        {
            for no in profiles.into_iter().flatten() {
                self.of_profile.get_mut(&no).map(Vec::pop);
            }
            if let [Some(no), None] = profiles {
                self.of_value.get_mut(&identifier).and_then(|of_value| of_value.get_mut(&no)).map(Vec::pop);
            }
        }
    }

    pub(super) fn since(&self, len: usize) -> Vec<ReviewNo> {
        self.list[len..].iter().map(|(no, ..)| *no).collect()
    }

    pub(super) fn with_profile(&self, no: ProfileNo) -> &[ReviewNo] {
        self.of_profile.get(&no).map_or(&[], Vec::as_slice)
    }

    /// Returns reviews of a value without a second profile that may name these members: one for each, or all.
    pub(super) fn with_value(&self, identifier: &Identifier, members: &[ProfileNo]) -> Vec<ReviewNo> {
        match self.of_value.get(identifier) {
            None => Vec::new(),
            Some(of_value) if of_value.len() < members.len() => of_value.values().flatten().copied().collect(),
            Some(of_value) => members.iter().filter_map(|no| of_value.get(no)).flatten().copied().collect(),
        }
    }
}
