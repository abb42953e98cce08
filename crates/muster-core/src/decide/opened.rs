//! Reviews that a decision opened, or gave their second profile, found by profile and by value: to look through all of
//! them for each element would make a request cost its square.

use crate::id::{ProfileNo, ReviewNo};
use crate::identifier::Key;
use crate::review::Review;
use std::collections::HashMap;

/// The reviews, in order.
#[derive(Debug, Default)]
pub(super) struct Opened {
    list: Vec<(ReviewNo, [Option<ProfileNo>; 2], Key)>,
    of_profile: HashMap<ProfileNo, Vec<ReviewNo>>,
    of_value: HashMap<Key, Vec<ReviewNo>>,
}

impl Opened {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Notes one as it is now.
    pub(super) fn push(&mut self, review: &Review) {
        let profiles = [Some(review.a.no), review.b.map(|b| b.no)];
        for no in profiles.into_iter().flatten() {
            self.of_profile.entry(no).or_default().push(review.no);
        }
        self.of_value.entry(review.key.clone()).or_default().push(review.no);
        self.list.push((review.no, profiles, review.key.clone()));
    }

    /// Forgets those after the first `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.list.len() > len
            && let Some((_, profiles, key)) = self.list.pop()
        {
            for no in profiles.into_iter().flatten() {
                self.of_profile.get_mut(&no).map(Vec::pop);
            }
            self.of_value.get_mut(&key).map(Vec::pop);
        }
    }

    /// Those after the first `len`.
    pub(super) fn since(&self, len: usize) -> Vec<ReviewNo> {
        self.list[len..].iter().map(|(no, ..)| *no).collect()
    }

    /// Those that name a profile.
    pub(super) fn of_profile(&self, no: ProfileNo) -> &[ReviewNo] {
        self.of_profile.get(&no).map_or(&[], Vec::as_slice)
    }

    /// Those of a value.
    pub(super) fn of_value(&self, key: &Key) -> &[ReviewNo] {
        self.of_value.get(key).map_or(&[], Vec::as_slice)
    }
}
