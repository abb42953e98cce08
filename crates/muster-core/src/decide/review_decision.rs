//! Carries out decisions of reviews (behaviour.md 3.3.j, 3.3.h): merge, keep apart, dismiss, reopen.

use super::activation::settle;
use super::decision_state::{DecisionState, Known, Missing};
use super::guard::{self, between};
use super::join::{Causing, Origin, join_all};
use super::revert::profile_after;
use super::review::{close, close_pair, open_between, reopen};
use super::write;
use super::write_target::WriteTarget;
use crate::attribute::CUSTOMER_ID;
use crate::change::{RowChange, RowKey, StoredRow};
use crate::decision::{Decision, Step};
use crate::facts::{Facts, Needs};
use crate::id::{MergeNo, ProfileNo, ReviewNo, SeparationNo};
use crate::limits::MEMBERS_MAX;
use crate::profile::Profile;
use crate::record::{ChangeKind, Separation, SeparationCause};
use crate::review::{Review, ReviewState};
use crate::settings::Settings;
use crate::time::Moment;
use std::sync::Arc;

/// Decision of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choose {
    /// Merge the profiles, or give the profile the value; overrides pin, cap and separation.
    Merge,
    /// Separate the profiles.
    KeepApart,
    /// Close without a consequence.
    Dismiss,
    /// Reopen what was decided without a merge; a separation stays in force.
    Reopen,
}

/// Decides a review.
pub struct DecideReview {
    /// Review.
    pub review: ReviewNo,
    /// Decision.
    pub choose: Choose,
    /// Settings in force.
    pub settings: Arc<Settings>,
}

/// Result of deciding a review.
#[derive(Clone, Debug, PartialEq)]
pub enum ReviewOutcome {
    /// The review is closed, or reopened.
    Closed {
        /// Review afterwards.
        review: Box<Review>,
        /// Merge that was made.
        merge: Option<MergeNo>,
        /// Separation that was created.
        separation: Option<SeparationNo>,
        /// Its live profiles afterwards, without devices; one if they are merged.
        sides: Vec<Profile>,
    },
    /// The review does not exist.
    Unknown,
    /// It was already closed.
    AlreadyClosed(ReviewState),
    /// It is open and cannot be reopened.
    AlreadyOpen,
    /// The decision cannot be carried out.
    Refused(ReviewRefusal),
}

/// Why a decision cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewRefusal {
    /// There is no second profile: no profile has the value.
    NoSecondProfile,
    /// One of the profiles is being deleted and takes part in no merge.
    UnderDeletion,
    /// The profile would have more than 1,000 members.
    TooManyMembers,
    /// The profile would be larger than the workspace allows.
    TooLarge,
    /// One of the profiles was deleted.
    ProfileGone,
    /// The kind is not active any more, so the value cannot be bound.
    KindNotActive,
    /// The profiles are already merged: nothing to ask or keep apart.
    AlreadyOne,
}

impl Decision for DecideReview {
    type Output = ReviewOutcome;

    fn needs(&self) -> Needs {
        Needs { reviews: vec![self.review], ..Needs::default() }
    }

    fn revision(&self) -> Option<u64> {
        Some(self.settings.revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<ReviewOutcome> {
        let review = match facts.reviews.get(&self.review) {
            None => return Step::NeedMore(self.needs()),
            Some(None) => return Step::Leave(ReviewOutcome::Unknown),
            Some(Some(review)) if self.choose == Choose::Reopen && review.is_open() => {
                return Step::Leave(ReviewOutcome::AlreadyOpen);
            }
            Some(Some(review)) if !review.is_open() => {
                if self.choose != Choose::Reopen || review.state == ReviewState::Merged {
                    return Step::Leave(ReviewOutcome::AlreadyClosed(review.state));
                }
                review
            }
            Some(Some(review)) => review,
        };
        let mut state = DecisionState::new(facts, &self.settings.identity, now.at);
        state.profile_bytes_max = self.settings.profile_bytes;
        state.savepoint();
        match self.close(&mut state, review) {
            Ok(ReviewOutcome::Refused(why)) => Step::Leave(ReviewOutcome::Refused(why)),
            Ok(outcome) => Step::Done(state.into_changes(), outcome),
            Err(Missing) => Step::NeedMore(state.needs),
        }
    }
}

impl DecideReview {
    fn close(&self, state: &mut DecisionState<'_>, review: &Review) -> Known<ReviewOutcome> {
        gather(state, review)?;
        let (mut merge, mut separation) = (None, None);
        if review.b.is_none() && matches!(self.choose, Choose::Merge | Choose::KeepApart) {
            // Holders of an activating kind are settled first.
            settle(state, &review.identifier)?;
        }
        let ends = match self.choose {
            Choose::Dismiss => {
                let ends = live_profiles(state, review)?;
                match ends {
                    Some((a, Some(b))) => close_pair(state, review, (a, b), ReviewState::Dismissed)?,
                    _ => close(state, review.no, ReviewState::Dismissed),
                }
                ends
            }
            Choose::Reopen => {
                let ends = live_profiles(state, review)?;
                if ends.is_some_and(|(a, b)| b == Some(a)) {
                    return Ok(ReviewOutcome::Refused(ReviewRefusal::AlreadyOne));
                }
                reopen(state, review.no);
                ends
            }
            Choose::KeepApart => {
                let Some((a, Some(b))) = live_profiles(state, review)? else {
                    return Ok(ReviewOutcome::Refused(ReviewRefusal::NoSecondProfile));
                };
                if a == b {
                    return Ok(ReviewOutcome::Refused(ReviewRefusal::AlreadyOne));
                }
                self.name_second(state, review, b)?;
                separation = Some(separate(state, review, (a, b))?);
                close_pair(state, review, (a, b), ReviewState::KeptApart)?;
                Some((a, Some(b)))
            }
            Choose::Merge => match self.merge(state, review)? {
                Err(why) => return Ok(ReviewOutcome::Refused(why)),
                Ok((root, made)) => {
                    merge = made;
                    close(state, review.no, ReviewState::Merged);
                    Some((root, None))
                }
            },
        };
        let mut sides = Vec::new();
        let (a, b) = ends.map_or((None, None), |(a, b)| (Some(a), b.filter(|b| *b != a)));
        for root in a.into_iter().chain(b) {
            let members = state.members(root)?;
            sides.push(profile_after(state, root, &members)?);
        }
        let review = Box::new(state.review(review.no).cloned().ok_or(Missing)?);
        Ok(ReviewOutcome::Closed { review, merge, separation, sides })
    }

    /// Names the present holder of a value that no profile had, so that the pair does not ask again.
    fn name_second(&self, state: &mut DecisionState<'_>, review: &Review, b: ProfileNo) -> Known<()> {
        let id = state.root_pointer(b)?.id();
        if let Some(review) = state.reviews.change(&review.no).as_mut().filter(|review| review.b.is_none()) {
            review.b = Some(id);
        }
        Ok(())
    }

    /// Merges the profiles, or binds the value; returns the live profile.
    fn merge(
        &self,
        state: &mut DecisionState<'_>,
        review: &Review,
    ) -> Known<Result<(ProfileNo, Option<MergeNo>), ReviewRefusal>> {
        let Some((a, b)) = live_profiles(state, review)? else { return Ok(Err(ReviewRefusal::ProfileGone)) };
        let Some(b) = b else { return self.bind(state, review, a) };
        if a == b {
            return Ok(Ok((a, None)));
        }
        for root in [a, b] {
            if state.root_pointer(root)?.deletion.is_some() {
                return Ok(Err(ReviewRefusal::UnderDeletion));
            }
        }
        if state.root_pointer(a)?.tree.members + state.root_pointer(b)?.tree.members > MEMBERS_MAX {
            return Ok(Err(ReviewRefusal::TooManyMembers));
        }
        if state.root_pointer(a)?.weight + state.root_pointer(b)?.weight > state.profile_bytes_max {
            return Ok(Err(ReviewRefusal::TooLarge));
        }
        request_pair(state, a, b)?;
        for no in between(state, &[a], b)?.separations {
            state.appended.push(RowChange::Delete(RowKey::Separation(no)));
        }
        let causing = Causing { request: review.request, origin: Origin::Review(review.no), writes_email: false };
        let (root, _, _) = join_all(state, &[a, b], &causing)?;
        Ok(Ok((root, Some(MergeNo(state.counters.merge)))))
    }

    fn bind(
        &self,
        state: &mut DecisionState<'_>,
        review: &Review,
        root: ProfileNo,
    ) -> Known<Result<(ProfileNo, Option<MergeNo>), ReviewRefusal>> {
        if self.settings.identity.active_kind(review.identifier.kind.name()).is_none() {
            return Ok(Err(ReviewRefusal::KindNotActive));
        }
        if review.identifier.kind.name() == CUSTOMER_ID && write::is_full_of_ids(state, review.a.no)? {
            return Ok(Err(ReviewRefusal::TooLarge));
        }
        let place = WriteTarget { record: review.a.no, root, seq: state.next_seq() };
        write::bind(state, place, &review.identifier)?;
        write::append_change(state, place, ChangeKind::User)?;
        Ok(Ok((root, None)))
    }
}

/// Requests everything that any decision needs, in few rounds.
fn gather(state: &mut DecisionState<'_>, review: &Review) -> Known<()> {
    let mut missing = false;
    let ids = [Some(review.a.no), review.b.map(|b| b.no)];
    for no in ids.into_iter().flatten() {
        if state.root_pointers.get(&no).is_none() {
            let Missing = state.need_root_pointer(no);
            missing = true;
        }
    }
    missing |= review.b.is_none() && state.binding(&review.identifier).is_err();
    if missing {
        return Err(Missing);
    }
    let Some((a, b)) = live_profiles(state, review)? else { return Ok(()) };
    for root in std::iter::once(a).chain(b) {
        missing |= state.separations(root).is_err()
            | state.members(root).is_err()
            | state.require_current_values(root).is_err();
        missing |= state.record(root).is_err();
    }
    if let Some(b) = b.filter(|b| *b != a) {
        missing |= open_between(state, a, b).is_err();
    }
    if missing { Err(Missing) } else { Ok(()) }
}

/// Returns the live profiles of a review, the second also if the value was bound since. None if one was deleted.
fn live_profiles(state: &mut DecisionState<'_>, review: &Review) -> Known<Option<(ProfileNo, Option<ProfileNo>)>> {
    let live = |state: &mut DecisionState<'_>, no: ProfileNo| match state.root_pointers.get(&no) {
        None => Err(state.need_root_pointer(no)),
        Some(found) => Ok(found.map(|root_pointer| root_pointer.root)),
    };
    let a = live(state, review.a.no);
    let b = match review.b {
        Some(b) => Ok(Some(b.no)),
        // A binding of an inactive kind resolves to no profile.
        None if state.identity.active_kind(review.identifier.kind.name()).is_none() => Ok(None),
        None => state.binding(&review.identifier),
    };
    let b = b.and_then(|b| b.map(|b| live(state, b)).transpose());
    Ok(match (a?, b?) {
        (None, _) | (_, Some(None)) => None,
        (Some(a), b) => Some((a, b.flatten())),
    })
}

fn request_pair(state: &mut DecisionState<'_>, a: ProfileNo, b: ProfileNo) -> Known<()> {
    let missing = state.needs_more_facts(&[a, b]) | open_between(state, a, b).is_err();
    if missing { Err(Missing) } else { Ok(()) }
}

fn separate(state: &mut DecisionState<'_>, review: &Review, (a, b): (ProfileNo, ProfileNo)) -> Known<SeparationNo> {
    request_pair(state, a, b)?;
    if let Some(no) = guard::between(state, &[a], b)?.separations.first() {
        return Ok(*no);
    }
    state.counters.separation += 1;
    let no = SeparationNo(state.counters.separation);
    let b = match review.b {
        Some(b) => b,
        None => state.root_pointer(b)?.id(),
    };
    let cause = SeparationCause::Review;
    state.appended.push(RowChange::Upsert(StoredRow::Separation(Separation {
        no,
        at: state.now,
        a: review.a,
        b,
        cause,
        merge: None,
    })));
    Ok(no)
}
