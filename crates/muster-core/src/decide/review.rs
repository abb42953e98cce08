//! Reviews of withheld identifiers (behaviour.md 3.3). `review_decision` carries out what people decide.

use super::decision_state::{DecisionState, Known, Missing};
use super::guard::between;
use crate::explanation::{Explanation, GuardReason};
use crate::facts::{ReviewList, ReviewPair};
use crate::id::{ProfileNo, RequestNo, ReviewNo};
use crate::identifier::Identifier;
use crate::limits::REVIEWS_MAX;
use crate::review::{Review, ReviewState};

pub(super) struct WithheldIdentifier<'a> {
    /// Live profile that it was withheld from.
    pub(super) root: ProfileNo,
    pub(super) other: Option<ProfileNo>,
    pub(super) identifier: &'a Identifier,
    pub(super) reason: GuardReason,
    /// Request, with the index of the element; None = activation.
    pub(super) request: Option<(RequestNo, u32)>,
}

/// Counts the review of a withheld identifier, or opens one. A review that was decided without a merge stays closed
/// unless its separation was lifted (behaviour.md 3.3.h).
pub(super) fn withhold(state: &mut DecisionState<'_>, withheld: &WithheldIdentifier<'_>) -> Known<()> {
    if let Some(no) = review_of(state, withheld)? {
        if is_lifted(state, withheld, no)? {
            reopen(state, no);
        }
        let now = state.now;
        if let Some(review) = state.reviews.change(&no) {
            review.count += 1;
            review.last_at = now;
            if let (None, Some(other)) = (review.b, withheld.other) {
                let id = state.root_pointer(other)?.id();
                let review = state.reviews.change(&no).as_mut().ok_or(Missing)?;
                review.b = Some(id);
                // It was stored without a second profile; from now on it is found by the pair, like a new one.
                state.opened.push(review, withheld.root, Some(other));
            }
        }
        return Ok(());
    }
    make_room(state)?;
    state.counters.review += 1;
    state.counters.reviews_stored += 1;
    state.counters.reviews_open += 1;
    let no = ReviewNo(state.counters.review);
    let a = state.root_pointer(withheld.root)?.id();
    let b = withheld.other.map(|other| Ok(state.root_pointer(other)?.id())).transpose()?;
    let review = Review {
        no,
        at: state.now,
        last_at: state.now,
        count: 1,
        identifier: withheld.identifier.clone(),
        a,
        b,
        reason: withheld.reason,
        request: withheld.request,
        record: None,
        explanation: Explanation::default(),
        state: ReviewState::Open,
        closed_at: None,
    };
    state.opened.push(&review, withheld.root, withheld.other);
    state.reviews.set(no, Some(review));
    Ok(())
}

/// Returns the review: an open one of the pair and kind, else of profile and value, else the last decided one.
fn review_of(state: &mut DecisionState<'_>, withheld: &WithheldIdentifier<'_>) -> Known<Option<ReviewNo>> {
    let mut of_pair = match withheld.other {
        Some(other) => reviews_between(state, withheld.root, other)?,
        None => Vec::new(),
    };
    of_pair.retain(|no| kind_of(state, *no).as_ref() == Some(&withheld.identifier.kind));
    let is_open = |state: &DecisionState<'_>, no: &ReviewNo| state.review(*no).is_some_and(Review::is_open);
    if let Some(no) = of_pair.iter().find(|no| is_open(state, no)) {
        return Ok(Some(*no));
    }
    let alone = reviews_of_value(state, withheld)?;
    let open = alone.iter().find(|no| is_open(state, no)).copied();
    // A value that nobody had when it was dismissed is another question once a profile has it.
    let decided = if withheld.other.is_some() { of_pair } else { alone };
    Ok(open.or_else(|| decided.last().copied()))
}

fn is_lifted(state: &mut DecisionState<'_>, withheld: &WithheldIdentifier<'_>, no: ReviewNo) -> Known<bool> {
    match (state.review(no).map(|review| review.state), withheld.other) {
        (Some(ReviewState::KeptApart), Some(other)) => Ok(!between(state, &[withheld.root], other)?.separated),
        _ => Ok(false),
    }
}

fn reviews_of_value(state: &mut DecisionState<'_>, withheld: &WithheldIdentifier<'_>) -> Known<Vec<ReviewNo>> {
    let members = state.members(withheld.root)?;
    let mut found = Vec::new();
    if state.facts.counters.reviews_stored > 0 {
        let mut missing = false;
        for root in state.stored_roots(&members) {
            let asked = (withheld.identifier.clone(), root);
            match state.facts.reviews_of_value.get(&asked) {
                Some(stored) => found.extend(stored),
                None => {
                    state.needs.reviews_of_value.push(asked);
                    missing = true;
                }
            }
        }
        if missing || state.needs_reviews(&found) {
            return Err(Missing);
        }
    }
    found.extend(state.opened.with_value(withheld.identifier, &members));
    let asks = |review: &Review| review.state != ReviewState::Merged && review.b.is_none();
    let is_it = |review: &Review| asks(review) && state.belongs_to(review.a.no, withheld.root);
    found.retain(|no| state.review(*no).is_some_and(is_it));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn kind_of(state: &DecisionState<'_>, no: ReviewNo) -> Option<crate::identifier::IdentifierKind> {
    state.review(no).map(|review| review.identifier.kind.clone())
}

pub(super) fn open_between(state: &mut DecisionState<'_>, a: ProfileNo, b: ProfileNo) -> Known<Vec<ReviewNo>> {
    if state.counters.reviews_open == 0 {
        return Ok(Vec::new());
    }
    let mut found = reviews_between(state, a, b)?;
    found.retain(|no| state.review(*no).is_some_and(Review::is_open));
    Ok(found)
}

fn reviews_between(state: &mut DecisionState<'_>, a: ProfileNo, b: ProfileNo) -> Known<Vec<ReviewNo>> {
    if state.counters.reviews_stored == 0 {
        return Ok(Vec::new());
    }
    let sides = [state.named_by(a)?, state.named_by(b)?];
    let pairs = stored_reviews(state, sides.each_ref().map(|members| state.stored_roots(members)))?;
    if state.needs_root_pointers(pairs.iter().flat_map(|pair| [pair.a, pair.b])) {
        return Err(Missing);
    }
    let joins = |x: ProfileNo, y: ProfileNo| {
        state.belongs_to(x, a) && state.belongs_to(y, b) || state.belongs_to(x, b) && state.belongs_to(y, a)
    };
    let found = pairs.iter().filter(|pair| joins(pair.a, pair.b)).map(|pair| pair.no);
    let mut found: Vec<ReviewNo> = found.collect();
    if state.needs_reviews(&found) {
        return Err(Missing);
    }
    let opened = |side: &[ProfileNo]| side.iter().map(|no| state.opened.with_profile(*no).len()).sum::<usize>();
    let fewer = if opened(&sides[0]) > opened(&sides[1]) { &sides[1] } else { &sides[0] };
    found.extend(fewer.iter().flat_map(|no| state.opened.with_profile(*no)));
    let joins = |r: &Review| {
        let (own, other) = (|no| state.belongs_to(no, a), |no| state.belongs_to(no, b));
        r.b.is_some_and(|second| own(r.a.no) && other(second.no) || other(r.a.no) && own(second.no))
    };
    let asks = |review: &Review| review.state != ReviewState::Merged && joins(review);
    found.retain(|no| state.review(*no).is_some_and(asks));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Returns the stored reviews that may be between two lists of roots: those of the shorter list of reviews. If both
/// have too many to list, reviews are requested by pair.
fn stored_reviews(state: &mut DecisionState<'_>, sides: [Vec<ProfileNo>; 2]) -> Known<Vec<ReviewPair>> {
    let facts = state.facts;
    if facts.counters.reviews_stored == 0 {
        return Ok(Vec::new());
    }
    let unread = |root: &&ProfileNo| !facts.reviews_of.contains_key(root);
    let before = state.needs.reviews_of.len();
    state.needs.reviews_of.extend(sides.iter().flatten().filter(unread));
    if state.needs.reviews_of.len() > before {
        return Err(Missing);
    }
    let listed = |roots: &[ProfileNo]| -> (Vec<ReviewPair>, Vec<ProfileNo>) {
        let (mut pairs, mut long) = (Vec::new(), Vec::new());
        for root in roots {
            match &facts.reviews_of[root] {
                ReviewList::Whole(whole) => pairs.extend(whole),
                ReviewList::Long => long.push(*root),
            }
        }
        (pairs, long)
    };
    let [(mut first, long_first), (second, long_second)] = sides.each_ref().map(|roots| listed(roots));
    if long_first.is_empty() && (first.len() <= second.len() || !long_second.is_empty()) {
        return Ok(first);
    }
    if long_second.is_empty() {
        return Ok(second);
    }
    first.extend(second);
    let before = state.needs.reviews_between.len();
    for pair in long_first.iter().flat_map(|a| long_second.iter().map(|b| (*a.min(b), *a.max(b)))) {
        match facts.reviews_between.get(&pair) {
            Some(found) => first.extend(found),
            None => state.needs.reviews_between.push(pair),
        }
    }
    if state.needs.reviews_between.len() > before { Err(Missing) } else { Ok(first) }
}

/// Removes reviews beyond the bound: decided before open ones, each oldest first.
fn make_room(state: &mut DecisionState<'_>) -> Known<()> {
    if state.counters.reviews_stored < REVIEWS_MAX {
        return Ok(());
    }
    let listed = &state.facts.reviews_to_drop;
    let there = |(no, _): &&(ReviewNo, bool)| !matches!(state.reviews.get(no), Some(None));
    let Some((no, open)) = listed.iter().find(there).copied() else {
        // As many as a request may open, to take few rounds.
        state.needs.reviews_to_drop = (4 * listed.len()).max(4_096);
        return Err(Missing);
    };
    let open = state.review(no).map_or(open, Review::is_open);
    state.reviews.set(no, None);
    state.counters.reviews_stored -= 1;
    state.counters.reviews_open -= u64::from(open);
    state.counters.reviews_dropped += u64::from(open);
    Ok(())
}

pub(super) fn close(state: &mut DecisionState<'_>, no: ReviewNo, closed_as: ReviewState) {
    let now = state.now;
    if let Some(review) = state.reviews.change(&no).as_mut().filter(|review| review.is_open()) {
        (review.state, review.closed_at) = (closed_as, Some(now));
        state.counters.reviews_open -= 1;
    }
}

pub(super) fn reopen(state: &mut DecisionState<'_>, no: ReviewNo) {
    if let Some(review) = state.reviews.change(&no) {
        (review.state, review.closed_at) = (ReviewState::Open, None);
        state.counters.reviews_open += 1;
    }
}

/// Closes a review, and others of the same kind that a merge has assigned to the same pair.
pub(super) fn close_pair(
    state: &mut DecisionState<'_>,
    review: &Review,
    (a, b): (ProfileNo, ProfileNo),
    closed_as: ReviewState,
) -> Known<()> {
    if a != b {
        for no in open_between(state, a, b)? {
            if kind_of(state, no).as_ref() == Some(&review.identifier.kind) {
                close(state, no, closed_as);
            }
        }
    }
    close(state, review.no, closed_as);
    Ok(())
}

pub(super) fn close_merged(state: &mut DecisionState<'_>, a: ProfileNo, b: ProfileNo) -> Known<()> {
    // Only this decision can have opened a review of its own member: many joins must not scan all reviews.
    if b.0 > state.facts.counters.profile && state.opened.with_profile(b).is_empty() && !state.has_members(b)? {
        return Ok(());
    }
    for no in open_between(state, a, b)? {
        close(state, no, ReviewState::Merged);
    }
    Ok(())
}
