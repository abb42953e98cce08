//! Reviews (behaviour.md 3.3): what a key that is set aside leaves behind. How somebody decides it is `verdict`.

use super::guard::between;
use super::work::{Known, Missing, Work};
use crate::because::{Because, SetAside};
use crate::facts::ReviewPair;
use crate::id::{ProfileNo, RequestNo, ReviewNo};
use crate::identifier::Key;
use crate::limits::REVIEWS_MAX;
use crate::review::{Review, ReviewState};

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
            review.count += 1;
            review.last_at = now;
            if let (None, Some(other)) = (review.b, aside.other) {
                let id = work.standing(other)?.id();
                let review = work.reviews.change(&no).as_mut().ok_or(Missing)?;
                review.b = Some(id);
                // Stored as one without a second profile, it is found by the pair from now on like one just opened.
                work.opened.push(review, aside.root, Some(other));
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
    work.opened.push(&review, aside.root, aside.other);
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
    found.extend(work.opened.of_value(aside.key, &members));
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
pub(super) fn close(work: &mut Work<'_>, no: ReviewNo, state: ReviewState) {
    let now = work.now;
    if let Some(review) = work.reviews.change(&no).as_mut().filter(|review| review.is_open()) {
        (review.state, review.closed_at) = (state, Some(now));
        work.counters.reviews_open -= 1;
    }
}

/// Opens a review again that was decided.
pub(super) fn reopen(work: &mut Work<'_>, no: ReviewNo) {
    if let Some(review) = work.reviews.change(&no) {
        (review.state, review.closed_at) = (ReviewState::Open, None);
        work.counters.reviews_open += 1;
    }
}

/// Closes a review, and with it those of the same kind that a merge has made to be of the same pair.
pub(super) fn close_pair(
    work: &mut Work<'_>,
    review: &Review,
    (a, b): (ProfileNo, ProfileNo),
    state: ReviewState,
) -> Known<()> {
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
