//! Reviews (behaviour.md 3.3): what a key that is set aside leaves behind, and how somebody decides it.

use super::activation::settle;
use super::guard::{self, between};
use super::join::{Causing, Origin, join_all};
use super::revert::side;
use super::work::{Known, Missing, Work};
use super::write::{self, Place};
use crate::attribute::CUSTOMER_ID;
use crate::because::{Because, SetAside};
use crate::change::Put;
use crate::decision::{Decision, Step};
use crate::facts::{Facts, Needs, ReviewPair};
use crate::id::{MergeNo, ProfileNo, RequestNo, ReviewNo, SeparationNo};
use crate::identifier::Key;
use crate::limits::{MEMBERS_MAX, REVIEWS_MAX};
use crate::planted;
use crate::record::{ChangeKind, Separation, SeparationCause};
use crate::review::{Review, ReviewState};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::time::Moment;
use std::sync::Arc;

/// A key that was set aside.
pub(super) struct Aside<'a> {
    /// The live profile that it was kept from.
    pub(super) root: ProfileNo,
    /// The live profile that it leads to.
    pub(super) other: Option<ProfileNo>,
    /// The key.
    pub(super) key: &'a Key,
    /// The guard.
    pub(super) reason: SetAside,
    /// Where it came from; None = an activation.
    pub(super) request: Option<(RequestNo, u32)>,
}

/// Counts the review of a key that was set aside, or opens one. A review that was decided without a merge stays closed, unless
/// it kept apart what no separation keeps apart any more (behaviour.md 3.3.h).
pub(super) fn set_aside(work: &mut Work<'_>, aside: &Aside<'_>) -> Known<()> {
    if let Some(no) = review_of(work, aside)? {
        if is_lifted(work, aside, no)? {
            reopen(work, no);
        }
        let now = work.now;
        if let Some(review) = work.reviews.change(&no) {
            review.count += 1 + u64::from(planted::REVIEW_COUNTED_TWICE.is_planted());
            review.last_at = now;
            if let (None, Some(other)) = (review.b, aside.other) {
                let other = work.standing(other)?.id();
                let review = work.reviews.change(&no).as_mut().ok_or(Missing)?;
                review.b = Some(other);
                // Stored as one without a second profile, it is found by the pair from now on like one just opened.
                work.opened.push(review);
            }
        }
        return Ok(());
    }
    make_room(work)?;
    work.counters.review += 1;
    work.counters.reviews_stored += 1;
    work.counters.reviews_open += 1;
    let no = ReviewNo(work.counters.review);
    let a = work.standing(aside.root)?.id();
    let b = aside.other.map(|other| Ok(work.standing(other)?.id())).transpose()?;
    let review = Review {
        no,
        at: work.now,
        last_at: work.now,
        count: 1,
        key: aside.key.clone(),
        a,
        b,
        reason: aside.reason,
        request: aside.request,
        record: None,
        because: Because::default(),
        state: ReviewState::Open,
        closed_at: None,
    };
    work.opened.push(&review);
    work.reviews.set(no, Some(review));
    Ok(())
}

/// The review that this key belongs to. An open one of the same pair of live profiles and kind, else of the profile and value;
/// else the last of those that were decided.
fn review_of(work: &mut Work<'_>, aside: &Aside<'_>) -> Known<Option<ReviewNo>> {
    let mut of_pair = match aside.other {
        Some(other) => between_of(work, aside.root, other)?,
        None => Vec::new(),
    };
    of_pair.retain(|no| kind_of(work, *no).as_ref() == Some(&aside.key.kind));
    let is_open = |work: &Work<'_>, no: &ReviewNo| work.review_now(*no).is_some_and(Review::is_open);
    if let Some(no) = of_pair.iter().find(|no| is_open(work, no)) {
        return Ok(Some(*no));
    }
    let alone = alone(work, aside)?;
    let open = alone.iter().find(|no| is_open(work, no)).copied();
    // A value that nobody had when it was dismissed is another question now that somebody has it.
    let decided = if aside.other.is_some() { of_pair } else { alone };
    Ok(open.or_else(|| decided.last().copied()))
}

/// Whether a review kept apart two live profiles that no separation keeps apart any more.
fn is_lifted(work: &mut Work<'_>, aside: &Aside<'_>, no: ReviewNo) -> Known<bool> {
    match (work.review_now(no).map(|review| review.state), aside.other) {
        (Some(ReviewState::KeptApart), Some(other)) => Ok(!between(work, &[aside.root], other)?.separated),
        (Some(ReviewState::Dismissed), _) => Ok(planted::DISMISSED_REVIEW_ASKS.is_planted()),
        _ => Ok(false),
    }
}

/// The reviews of a profile and a value without a second profile, but for those that ended in a merge, by number.
fn alone(work: &mut Work<'_>, aside: &Aside<'_>) -> Known<Vec<ReviewNo>> {
    let members = work.members(aside.root)?;
    let mut found = Vec::new();
    if work.facts.counters.reviews_stored > 0 && !work.stored_roots(&members).is_empty() {
        let Some(stored) = work.facts.reviews_of_value.get(aside.key) else {
            work.needs.reviews_of_value.push(aside.key.clone());
            return Err(Missing);
        };
        found.extend(members.iter().filter_map(|no| stored.as_ref()?.get(no).copied()));
        if work.lacks_reviews(&found) {
            return Err(Missing);
        }
    }
    found.extend(work.opened.of_value(aside.key));
    let asks = |review: &Review| review.state != ReviewState::Merged && review.b.is_none();
    let is_it = |review: &Review| asks(review) && work.is_of(review.a.no, aside.root);
    found.retain(|no| work.review_now(*no).is_some_and(is_it));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn kind_of(work: &Work<'_>, no: ReviewNo) -> Option<crate::identifier::Kind> {
    work.review_now(no).map(|review| review.key.kind.clone())
}

/// The open reviews between two live profiles, by number.
pub(super) fn open_between(work: &mut Work<'_>, a: ProfileNo, b: ProfileNo) -> Known<Vec<ReviewNo>> {
    if work.counters.reviews_open == 0 {
        return Ok(Vec::new());
    }
    let mut found = between_of(work, a, b)?;
    found.retain(|no| work.review_now(*no).is_some_and(Review::is_open));
    Ok(found)
}

/// The reviews between two live profiles but for those that ended in a merge, by number. The list of the one that has fewer
/// is looked through.
fn between_of(work: &mut Work<'_>, a: ProfileNo, b: ProfileNo) -> Known<Vec<ReviewNo>> {
    if work.counters.reviews_stored == 0 {
        return Ok(Vec::new());
    }
    let sides = [work.named_by(a)?, work.named_by(b)?];
    let facts = work.facts;
    let (mut missing, mut pairs) = (false, Vec::new());
    let stored = sides.each_ref().map(|members| work.stored_roots(members));
    if facts.counters.reviews_stored > 0 {
        for root in stored.iter().flatten().filter(|root| !facts.reviews_of.contains_key(root)) {
            work.needs.reviews_of.push(*root);
            missing = true;
        }
        if missing {
            return Err(Missing);
        }
        let listed = |roots: &[ProfileNo]| -> Vec<ReviewPair> {
            roots.iter().flat_map(|root| facts.reviews_of[root].iter().flatten().copied()).collect()
        };
        let len = |roots: &[ProfileNo]| -> usize {
            roots.iter().filter_map(|root| facts.reviews_of[root].as_ref()).map(Vec::len).sum()
        };
        pairs = listed(&stored[usize::from(len(&stored[0]) > len(&stored[1]))]);
    }
    if work.lacks_standings(pairs.iter().flat_map(|pair| [pair.a, pair.b])) {
        return Err(Missing);
    }
    let joins =
        |x: ProfileNo, y: ProfileNo| work.is_of(x, a) && work.is_of(y, b) || work.is_of(x, b) && work.is_of(y, a);
    let found = pairs.iter().filter(|pair| joins(pair.a, pair.b)).map(|pair| pair.no);
    let mut found: Vec<ReviewNo> = found.collect();
    if work.lacks_reviews(&found) {
        return Err(Missing);
    }
    let opened = |side: &[ProfileNo]| side.iter().map(|no| work.opened.of_profile(*no).len()).sum::<usize>();
    let fewer = if opened(&sides[0]) > opened(&sides[1]) { &sides[1] } else { &sides[0] };
    found.extend(fewer.iter().flat_map(|no| work.opened.of_profile(*no)));
    let joins = |r: &Review| {
        let (own, other) = (|no| work.is_of(no, a), |no| work.is_of(no, b));
        r.b.is_some_and(|second| own(r.a.no) && other(second.no) || other(r.a.no) && own(second.no))
    };
    let asks = |review: &Review| review.state != ReviewState::Merged && joins(review);
    found.retain(|no| work.review_now(*no).is_some_and(asks));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Keeps the list within its bound: decided reviews go before open ones, in each the oldest first.
fn make_room(work: &mut Work<'_>) -> Known<()> {
    if work.counters.reviews_stored < REVIEWS_MAX {
        return Ok(());
    }
    let listed = &work.facts.reviews_to_drop;
    let there = |(no, _): &&(ReviewNo, bool)| !matches!(work.reviews.get(no), Some(None));
    let Some((no, open)) = listed.iter().find(there).copied() else {
        // As many as a request may open, in few rounds.
        work.needs.reviews_to_drop = (4 * listed.len()).max(4_096);
        return Err(Missing);
    };
    let open = work.review_now(no).map_or(open, Review::is_open);
    work.reviews.set(no, None);
    work.counters.reviews_stored -= 1;
    work.counters.reviews_open -= u64::from(open);
    work.counters.reviews_dropped += u64::from(open);
    Ok(())
}

/// Closes a review that is open.
fn close(work: &mut Work<'_>, no: ReviewNo, state: ReviewState) {
    let now = work.now;
    if let Some(review) = work.reviews.change(&no).as_mut().filter(|review| review.is_open()) {
        (review.state, review.closed_at) = (state, Some(now));
        work.counters.reviews_open -= 1;
    }
}

/// Opens a review again that was decided.
fn reopen(work: &mut Work<'_>, no: ReviewNo) {
    if let Some(review) = work.reviews.change(&no) {
        (review.state, review.closed_at) = (ReviewState::Open, None);
        work.counters.reviews_open += 1;
    }
}

/// Closes a review, and with it those of the same kind that a merge has made to be of the same pair.
fn close_pair(work: &mut Work<'_>, review: &Review, (a, b): (ProfileNo, ProfileNo), state: ReviewState) -> Known<()> {
    if a != b {
        for no in open_between(work, a, b)? {
            if kind_of(work, no).as_ref() == Some(&review.key.kind) {
                close(work, no, state);
            }
        }
    }
    close(work, review.no, state);
    Ok(())
}

/// Two live profiles become one: nothing is left to decide between them.
pub(super) fn joined(work: &mut Work<'_>, a: ProfileNo, b: ProfileNo) -> Known<()> {
    // No review names a member that this decision created, unless it opened one: many such joins to one profile look
    // through its reviews not once.
    if b.0 > work.facts.counters.profile && work.opened.of_profile(b).is_empty() && !work.has_members(b)? {
        return Ok(());
    }
    for no in open_between(work, a, b)? {
        close(work, no, ReviewState::Merged);
    }
    Ok(())
}

/// How somebody decides a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choose {
    /// Merge the profiles, or give the profile the value; overrides pin, cap and separation.
    Merge,
    /// Separate the profiles.
    KeepApart,
    /// Close it without a consequence.
    Dismiss,
    /// Ask again what was decided without a merge; a separation stays in force.
    Reopen,
}

/// Decides a review.
pub struct DecideReview {
    /// The review.
    pub review: ReviewNo,
    /// How.
    pub choose: Choose,
    /// The settings in force.
    pub settings: Arc<Settings>,
}

/// What a decision of a review comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum ReviewOutcome {
    /// It is closed, or open again.
    Closed {
        /// The review as it is now.
        review: Box<Review>,
        /// The merge that was made.
        merge: Option<MergeNo>,
        /// The separation that was made.
        separation: Option<SeparationNo>,
        /// The live profiles of it as they are afterwards, without their devices; one if they are one.
        sides: Vec<Snapshot>,
    },
    /// There is no such review.
    Unknown,
    /// It was closed before.
    AlreadyClosed(ReviewState),
    /// It is open, and cannot be opened again.
    AlreadyOpen,
    /// It cannot be decided so.
    Refused(Refused),
}

/// Why a review cannot be decided as wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No two ids to keep apart: nobody has the value.
    NoSecondProfile,
    /// The deletion of one of the profiles is under way: it takes part in no merge.
    UnderDeletion,
    /// The profile would have more than 1,000 members.
    TooManyMembers,
    /// The profile would be larger than the workspace lets a profile be.
    TooLarge,
    /// One of the profiles is gone.
    ProfileGone,
    /// The kind is no active identifier kind any more, so that the value cannot be bound.
    KindNotActive,
    /// The profiles are one by now, so that nothing is left to ask.
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
        let mut work = Work::new(facts, &self.settings.identity, now.at);
        work.profile_bytes_max = self.settings.profile_bytes;
        work.mark();
        match self.close(&mut work, review) {
            Ok(ReviewOutcome::Refused(why)) => Step::Leave(ReviewOutcome::Refused(why)),
            Ok(outcome) => Step::Done(work.into_changes(), outcome),
            Err(Missing) => Step::NeedMore(work.needs),
        }
    }
}

impl DecideReview {
    fn close(&self, work: &mut Work<'_>, review: &Review) -> Known<ReviewOutcome> {
        gather(work, review)?;
        let (mut merge, mut separation) = (None, None);
        if review.b.is_none() && matches!(self.choose, Choose::Merge | Choose::KeepApart) {
            // Whoever holds the value of a kind that has just become active is found first.
            settle(work, &review.key)?;
        }
        let ends = match self.choose {
            Choose::Dismiss => {
                let ends = ends(work, review)?;
                match ends {
                    Some((a, Some(b))) => close_pair(work, review, (a, b), ReviewState::Dismissed)?,
                    _ => close(work, review.no, ReviewState::Dismissed),
                }
                ends
            }
            Choose::Reopen => {
                let ends = ends(work, review)?;
                if ends.is_some_and(|(a, b)| b == Some(a)) {
                    return Ok(ReviewOutcome::Refused(Refused::AlreadyOne));
                }
                reopen(work, review.no);
                ends
            }
            Choose::KeepApart => {
                let Some((a, Some(b))) = ends(work, review)? else {
                    return Ok(ReviewOutcome::Refused(Refused::NoSecondProfile));
                };
                if a != b {
                    self.name_second(work, review, b)?;
                }
                if a != b {
                    separation = Some(separate(work, review, (a, b))?);
                }
                close_pair(work, review, (a, b), ReviewState::KeptApart)?;
                Some((a, Some(b)))
            }
            Choose::Merge => match self.merge(work, review)? {
                Err(why) => return Ok(ReviewOutcome::Refused(why)),
                Ok((root, made)) => {
                    merge = made;
                    close(work, review.no, ReviewState::Merged);
                    Some((root, None))
                }
            },
        };
        let mut sides = Vec::new();
        let (a, b) = ends.map_or((None, None), |(a, b)| (Some(a), b.filter(|b| *b != a)));
        for root in a.into_iter().chain(b) {
            let members = work.members(root)?;
            sides.push(side(work, root, &members)?);
        }
        let review = Box::new(work.review_now(review.no).cloned().ok_or(Missing)?);
        Ok(ReviewOutcome::Closed { review, merge, separation, sides })
    }

    /// A review of a value that nobody had is of this profile, which has it now, so that the pair does not ask again.
    fn name_second(&self, work: &mut Work<'_>, review: &Review, b: ProfileNo) -> Known<()> {
        let id = work.standing(b)?.id();
        if let Some(review) = work.reviews.change(&review.no).as_mut().filter(|review| review.b.is_none()) {
            review.b = Some(id);
        }
        Ok(())
    }

    /// Merges the profiles, or binds the value; the live profile that it came to.
    fn merge(&self, work: &mut Work<'_>, review: &Review) -> Known<Result<(ProfileNo, Option<MergeNo>), Refused>> {
        let Some((a, b)) = ends(work, review)? else { return Ok(Err(Refused::ProfileGone)) };
        let Some(b) = b else { return self.bind(work, review, a) };
        if a == b {
            return Ok(Ok((a, None)));
        }
        for root in [a, b] {
            if work.standing(root)?.deletion.is_some() {
                return Ok(Err(Refused::UnderDeletion));
            }
        }
        if work.standing(a)?.tree.members + work.standing(b)?.tree.members > MEMBERS_MAX {
            return Ok(Err(Refused::TooManyMembers));
        }
        if work.standing(a)?.weight + work.standing(b)?.weight > work.profile_bytes_max {
            return Ok(Err(Refused::TooLarge));
        }
        both(work, a, b)?;
        for no in between(work, &[a], b)?.separations {
            work.appended.push(Put::Lift(no));
        }
        let causing = Causing { request: review.request, origin: Origin::Review(review.no), writes_email: false };
        let (root, _, _) = join_all(work, &[a, b], &causing)?;
        Ok(Ok((root, Some(MergeNo(work.counters.merge)))))
    }

    /// Gives the profile the value that nobody has, in the place of its own.
    fn bind(
        &self,
        work: &mut Work<'_>,
        review: &Review,
        root: ProfileNo,
    ) -> Known<Result<(ProfileNo, Option<MergeNo>), Refused>> {
        if self.settings.identity.active_kind(review.key.kind.name()).is_none() {
            return Ok(Err(Refused::KindNotActive));
        }
        if review.key.kind.name() == CUSTOMER_ID && write::is_full_of_ids(work, review.a.no)? {
            return Ok(Err(Refused::TooLarge));
        }
        let place = Place { record: review.a.no, root, seq: work.next_seq() };
        write::bind(work, place, &review.key)?;
        write::noted(work, place, ChangeKind::User)?;
        Ok(Ok((root, None)))
    }
}

/// Asks for everything that any decision needs, in few rounds.
fn gather(work: &mut Work<'_>, review: &Review) -> Known<()> {
    let mut missing = false;
    let ids = [Some(review.a.no), review.b.map(|b| b.no)];
    for no in ids.into_iter().flatten() {
        if work.standings.get(&no).is_none() {
            let Missing = work.need_standing(no);
            missing = true;
        }
    }
    missing |= review.b.is_none() && work.binding(&review.key).is_err();
    if missing {
        return Err(Missing);
    }
    let Some((a, b)) = ends(work, review)? else { return Ok(()) };
    for root in std::iter::once(a).chain(b) {
        missing |= work.separations(root).is_err() | work.members(root).is_err() | work.knows_shown(root).is_err();
        missing |= work.profile(root).is_err();
    }
    if let Some(b) = b.filter(|b| *b != a) {
        missing |= open_between(work, a, b).is_err();
    }
    if missing { Err(Missing) } else { Ok(()) }
}

/// The live profiles of a review as they are now; the second one also where the value was bound to somebody since. None
/// if a profile is gone.
fn ends(work: &mut Work<'_>, review: &Review) -> Known<Option<(ProfileNo, Option<ProfileNo>)>> {
    let live = |work: &mut Work<'_>, no: ProfileNo| match work.standings.get(&no) {
        None => Err(work.need_standing(no)),
        Some(found) => Ok(found.map(|standing| standing.root)),
    };
    let a = live(work, review.a.no);
    let b = match review.b {
        Some(b) => Ok(Some(b.no)),
        // What a kind was bound to when it was active, nobody is found by.
        None if work.identity.active_kind(review.key.kind.name()).is_none() => Ok(None),
        None => work.binding(&review.key),
    };
    // Both are asked for before it gives up.
    let b = b.and_then(|b| b.map(|b| live(work, b)).transpose());
    Ok(match (a?, b?) {
        (None, _) | (_, Some(None)) => None,
        (Some(a), b) => Some((a, b.flatten())),
    })
}

/// Asks for everything that joining two live profiles, or keeping them apart, needs before it gives up.
fn both(work: &mut Work<'_>, a: ProfileNo, b: ProfileNo) -> Known<()> {
    let missing = work.lacks(&[a, b]) | open_between(work, a, b).is_err();
    if missing { Err(Missing) } else { Ok(()) }
}

/// Separates the two; the one that stands if they are separated already.
fn separate(work: &mut Work<'_>, review: &Review, (a, b): (ProfileNo, ProfileNo)) -> Known<SeparationNo> {
    both(work, a, b)?;
    if let Some(no) = guard::between(work, &[a], b)?.separations.first() {
        return Ok(*no);
    }
    work.counters.separation += 1;
    let no = SeparationNo(work.counters.separation);
    let b = match review.b {
        Some(b) => b,
        None => work.standing(b)?.id(),
    };
    let cause = SeparationCause::Review;
    work.appended.push(Put::Separation(Separation { no, at: work.now, a: review.a, b, cause, merge: None }));
    Ok(no)
}
