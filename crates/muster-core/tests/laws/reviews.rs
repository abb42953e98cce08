//! Reviews in the naive model, and their decisions, from behaviour.md 3.3.

use crate::model::{Model, Why};
use muster_core::decide::{Choose, ReviewRefusal};
use muster_core::explanation::GuardReason;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, RequestNo, ReviewNo, SeparationNo};
use muster_core::identifier::Identifier;
use muster_core::review::{Review, ReviewState};
use muster_core::time::Timestamp;

/// Review, as far as model and rules are compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Noted {
    pub(crate) no: ReviewNo,
    pub(crate) a: ProfileId,
    pub(crate) b: Option<ProfileId>,
    pub(crate) key: Identifier,
    pub(crate) reason: GuardReason,
    pub(crate) request: Option<(RequestNo, u32)>,
    pub(crate) count: u64,
    pub(crate) at: (Timestamp, Timestamp),
    pub(crate) state: ReviewState,
    pub(crate) closed: Option<Timestamp>,
}

impl Noted {
    pub(crate) fn new(review: &Review) -> Self {
        Self {
            no: review.no,
            a: review.a,
            b: review.b,
            key: review.identifier.clone(),
            reason: review.reason,
            request: review.request,
            count: review.count,
            at: (review.at, review.last_at),
            state: review.state,
            closed: review.closed_at,
        }
    }

    fn open(&self) -> bool {
        self.state == ReviewState::Open
    }
}

/// Result of deciding a review.
#[derive(Debug)]
pub(crate) enum Decided {
    Unknown,
    AlreadyClosed(ReviewState),
    AlreadyOpen,
    Refused(ReviewRefusal),
    /// Merge or separation that was made, and the live profiles afterwards.
    Closed(Option<MergeNo>, Option<SeparationNo>, Vec<ProfileNo>),
}

impl Model {
    /// Adds the identifiers withheld from an element of this id.
    pub(crate) fn enter(&mut self, record: ProfileNo, withheld: &[(Identifier, Option<ProfileNo>, GuardReason)]) {
        let request = self.stamp.1.map(|request| (request, self.running));
        for (key, other, reason) in withheld {
            let other = other.map(|no| self.root(no));
            self.note(self.root(record), other, (key, *reason), request);
        }
    }

    /// Adds or counts a review: one for each pair of live profiles and kind, or profile and value without a second
    /// profile. A decided one stays closed, unless its separation was lifted.
    pub(crate) fn note(
        &mut self,
        root: ProfileNo,
        other: Option<ProfileNo>,
        (key, reason): (&Identifier, GuardReason),
        request: Option<(RequestNo, u32)>,
    ) {
        let other = other.filter(|other| *other != root);
        let pair = |r: &Noted| {
            let ends = (self.root(r.a.no), r.b.map(|b| self.root(b.no)));
            r.key.kind == key.kind && other.is_some_and(|o| ends == (root, Some(o)) || ends == (o, Some(root)))
        };
        let alone = |r: &Noted| r.key == *key && r.b.is_none() && self.root(r.a.no) == root;
        let decided = |r: &Noted| matches!(r.state, ReviewState::KeptApart | ReviewState::Dismissed);
        let found = self.reviews.iter().position(|r| r.open() && pair(r));
        let found = found.or_else(|| self.reviews.iter().position(|r| r.open() && alone(r)));
        let found = found.or_else(|| self.reviews.iter().rposition(|r| decided(r) && pair(r)));
        let found = found.or_else(|| {
            let alone = |r: &Noted| other.is_none() && decided(r) && alone(r);
            self.reviews.iter().rposition(alone)
        });
        let is_apart = other.is_some_and(|other| self.separated(root, other));
        let (now, b) = (self.stamp.0, other.map(|no| self.person(no).id));
        if let Some(review) = found.map(|place| &mut self.reviews[place]) {
            review.count += 1;
            review.at.1 = now;
            review.b = review.b.or(b);
            if review.state == ReviewState::KeptApart && b.is_some() && !is_apart {
                (review.state, review.closed) = (ReviewState::Open, None);
            }
            return;
        }
        self.reviews.push(Noted {
            no: ReviewNo(self.reviews.len() as u64 + 1),
            a: self.person(root).id,
            b,
            key: key.clone(),
            reason,
            request,
            count: 1,
            at: (now, now),
            state: ReviewState::Open,
            closed: None,
        });
    }

    /// Closes the reviews between two merged profiles.
    pub(crate) fn close_between(&mut self, a: ProfileNo, b: ProfileNo) {
        self.close_all((a, b), ReviewState::Merged, |_| true);
    }

    /// Closes a review, and others of the same kind that a merge has assigned to the same pair (ADR 0013).
    fn close_pair(&mut self, review: &Noted, (a, b): (ProfileNo, Option<ProfileNo>), state: ReviewState) {
        if let Some(b) = b.filter(|b| *b != a) {
            self.close_all((a, b), state, |r| r.key.kind == review.key.kind);
        }
        self.close(review.no, state);
    }

    fn close_all(&mut self, (a, b): (ProfileNo, ProfileNo), state: ReviewState, those: impl Fn(&Noted) -> bool) {
        let between = |r: &Noted| {
            let ends = (self.root(r.a.no), r.b.map(|b| self.root(b.no)));
            ends == (a, Some(b)) || ends == (b, Some(a))
        };
        let wanted = self.reviews.iter().filter(|r| r.open() && those(r) && between(r));
        let closed: Vec<ReviewNo> = wanted.map(|r| r.no).collect();
        closed.into_iter().for_each(|no| self.close(no, state));
    }

    fn close(&mut self, no: ReviewNo, state: ReviewState) {
        let now = self.stamp.0;
        if let Some(review) = self.reviews.iter_mut().find(|r| r.no == no && r.open()) {
            (review.state, review.closed) = (state, Some(now));
        }
    }

    /// Decides a review.
    pub(crate) fn decide(&mut self, no: ReviewNo, choose: Choose) -> Decided {
        let Some(review) = self.reviews.iter().find(|r| r.no == no).cloned() else { return Decided::Unknown };
        if choose == Choose::Reopen && review.open() {
            return Decided::AlreadyOpen;
        }
        if !review.open() && (choose != Choose::Reopen || review.state == ReviewState::Merged) {
            return Decided::AlreadyClosed(review.state);
        }
        if review.b.is_none() && matches!(choose, Choose::Merge | Choose::KeepApart) {
            // The holders of an activating value are settled first.
            self.settle(&review.key);
        }
        let a = self.root(review.a.no);
        let second = review.b.map(|b| b.no).or_else(|| self.bound(&review.key)).map(|no| self.root(no));
        let sides = |a, b: Option<ProfileNo>| [a].into_iter().chain(b.filter(|b| *b != a)).collect();
        match (choose, second) {
            (Choose::Dismiss, _) => {
                self.close_pair(&review, (a, second), ReviewState::Dismissed);
                Decided::Closed(None, None, sides(a, second))
            }
            (Choose::Reopen, b) if b == Some(a) => Decided::Refused(ReviewRefusal::AlreadyOne),
            (Choose::Reopen, b) => {
                let place = self.reviews.iter().position(|r| r.no == no).unwrap();
                (self.reviews[place].state, self.reviews[place].closed) = (ReviewState::Open, None);
                Decided::Closed(None, None, sides(a, b))
            }
            (Choose::KeepApart, None) => Decided::Refused(ReviewRefusal::NoSecondProfile),
            (Choose::KeepApart, Some(b)) if b == a => Decided::Refused(ReviewRefusal::AlreadyOne),
            (Choose::KeepApart, Some(b)) => {
                let separation = self.separate(&review, (a, b));
                let id = self.person(b).id;
                let place = self.reviews.iter().position(|r| r.no == no).unwrap();
                self.reviews[place].b.get_or_insert(id);
                self.close_pair(&review, (a, second), ReviewState::KeptApart);
                Decided::Closed(None, Some(separation), sides(a, second))
            }
            (Choose::Merge, None) => {
                if self.identity().active_kind(review.key.kind.name()).is_none() {
                    return Decided::Refused(ReviewRefusal::KindNotActive);
                }
                self.replace(review.a.no, &review.key);
                self.close(no, ReviewState::Merged);
                Decided::Closed(None, None, vec![a])
            }
            (Choose::Merge, Some(b)) => {
                let merged = match self.merge_anyway((a, b), no) {
                    Err(why) => return Decided::Refused(why),
                    Ok(merged) => merged,
                };
                self.close(no, ReviewState::Merged);
                Decided::Closed(merged, None, vec![self.root(a)])
            }
        }
    }

    /// Overrides pin, cap and separation.
    fn merge_anyway(&mut self, (a, b): (ProfileNo, ProfileNo), no: ReviewNo) -> Result<Option<MergeNo>, ReviewRefusal> {
        if a == b {
            return Ok(None);
        }
        if self.leaving.contains_key(&a) || self.leaving.contains_key(&b) {
            return Err(ReviewRefusal::UnderDeletion);
        }
        let (x, y) = (self.under(a), self.under(b));
        if x.len() + y.len() > 1_000 {
            return Err(ReviewRefusal::TooManyMembers);
        }
        let between = |m: &ProfileNo, n: &ProfileNo| x.contains(m) && y.contains(n) || x.contains(n) && y.contains(m);
        self.separations.retain(|(_, m, n)| !between(m, n));
        self.join_all(vec![a, b], Why::Review(no));
        Ok(self.joins.last().map(|join| join.no))
    }

    /// Separates both; an existing separation remains the only one.
    fn separate(&mut self, review: &Noted, (a, b): (ProfileNo, ProfileNo)) -> SeparationNo {
        let (x, y) = (self.under(a), self.under(b));
        let between = |m: &ProfileNo, n: &ProfileNo| x.contains(m) && y.contains(n) || x.contains(n) && y.contains(m);
        if let Some((no, _, _)) = self.separations.iter().find(|(_, m, n)| between(m, n)) {
            return *no;
        }
        self.separations_ever += 1;
        let no = SeparationNo(self.separations_ever);
        self.separations.push((no, review.a.no, review.b.map_or(b, |b| b.no)));
        no
    }
}
