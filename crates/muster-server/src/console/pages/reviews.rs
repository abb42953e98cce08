//! Reviews: are these the same person? Both users side by side, why a guard asks, and what each decision would do.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html};
use super::as_refusal;
use super::members::known_as;
use crate::manage::arguments::{DryRun, Id, JsonBody, PageQuery};
use crate::manage::reviews;
use crate::manage::reviews::ReviewFilter;
use crate::sessions::flash::Flash;
use askama::Template;
use muster_core::id::ReviewNo;
use muster_core::review::ReviewState;
use muster_wire::manage::review::{DecideReviewRequest, ReviewDecision, ReviewDocument};
use muster_wire::manage::user::UserDocument;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "reviews.html")]
struct Reviews {
    layout: Layout,
    items: Vec<ReviewDocument>,
    state: ReviewState,
    next: String,
}

/// `GET /w/{ws}/reviews?state=&cursor=`: those that wait; else those of a state.
pub(crate) async fn list(context: Arc<PageContext>) -> PageResult {
    let filter = ReviewFilter::parse(Some(context.parameter("state").unwrap_or("open")))?;
    let found = context.perform(reviews::list, (context.rows()?, filter)).await?;
    let layout = Layout::new(&context, "Reviews", "reviews").await?;
    let (state, next) = (filter.state.unwrap_or(ReviewState::Open), found.next_cursor.unwrap_or_default());
    html(&Reviews { layout, items: found.items, state, next })
}

#[derive(Template)]
#[template(path = "review.html")]
struct Review {
    layout: Layout,
    doc: ReviewDocument,
    /// Both users: their ids and their names.
    names: Vec<(String, String)>,
    rows: Vec<Row>,
    merge: String,
    can_keep_apart: bool,
    record: Option<Html>,
}

/// A field of both users.
struct Row {
    field: String,
    values: Vec<Html>,
    is_same: bool,
}

/// `GET /w/{ws}/reviews/{id}`.
pub(crate) async fn show(context: Arc<PageContext>) -> PageResult {
    review_page(&context, None).await
}

/// The page, with why its form was refused.
async fn review_page(context: &PageContext, refusal: Option<&str>) -> PageResult {
    let no: ReviewNo = context.id()?;
    let detail = context.perform(reviews::show, (Id(no),)).await?;
    let doc = detail.review;
    let mut layout = Layout::new(context, format!("Review {no}"), "reviews").await?;
    layout.flashes.extend(refusal.map(Flash::refused));
    let mut sides: Vec<&UserDocument> = detail.sides.iter().flatten().collect();
    sides.dedup_by_key(|side| side.id);
    let is_open = doc.state.0 == ReviewState::Open;
    let merge = if context.may_operate() && is_open { preview(context, no, &sides).await } else { String::new() };
    let record = doc.record.as_ref().map(|record| components::json_code(record, &[], "The record as received"));
    let page = Review {
        names: sides.iter().map(|side| (side.id.to_string(), name_of(side))).collect(),
        rows: compare_users(&layout, &sides),
        merge,
        can_keep_apart: sides.len() == 2,
        record,
        layout,
        doc,
    };
    html(&page)
}

fn name_of(user: &UserDocument) -> String {
    known_as(&user.identifiers).unwrap_or_else(|| components::short(user.id))
}

/// Returns what merging would do, from a dry run; or why it cannot be done.
async fn preview(context: &PageContext, no: ReviewNo, sides: &[&UserDocument]) -> String {
    let merge = DecideReviewRequest { decision: ReviewDecision::Merge };
    match context.perform(reviews::decide, (JsonBody(merge), Id(no), DryRun(true))).await {
        Ok(dry) => {
            let Some(after) = dry.preview.as_ref().and_then(|preview| preview.first()) else { return String::new() };
            if sides.len() < 2 {
                return "This value replaces the user's current one.".to_owned();
            }
            let joins = sides.iter().filter(|side| side.id != after.id);
            let events: u64 = joins.map(|side| side.event_count).sum();
            format!(
                "{} survives and gets {} from the other user. You can revert this at any time.",
                name_of(after),
                count_noun(events, "event")
            )
        }
        Err(problem) => super::problem::sentence(&problem.detail),
    }
}

fn compare_users(layout: &Layout, sides: &[&UserDocument]) -> Vec<Row> {
    let row = |field: &str, values: Vec<Html>| Row {
        field: field.to_owned(),
        is_same: values.windows(2).all(|pair| pair[0] == pair[1]),
        values,
    };
    let none = || components::optional_value(None);
    let mut rows = Vec::new();
    let kinds: BTreeSet<&String> = sides.iter().flat_map(|side| side.identifiers.keys()).collect();
    for kind in kinds {
        let value =
            |side: &&UserDocument| side.identifiers.get(kind).map_or_else(none, |value| components::phrase(value));
        rows.push(row(kind, sides.iter().map(value).collect()));
    }
    let names: BTreeSet<&String> = sides.iter().flat_map(|side| side.attributes.keys()).collect();
    for name in names {
        let values: Vec<Option<&Json>> = sides.iter().map(|side| side.attributes.get(name)).collect();
        let is_same = values.windows(2).all(|pair| pair[0] == pair[1]);
        rows.push(Row { is_same, ..row(name, values.into_iter().map(components::optional_value).collect()) });
    }
    let figure =
        |field: &str, of: &dyn Fn(&UserDocument) -> Html| row(field, sides.iter().map(|side| of(side)).collect());
    rows.push(figure("first seen", &|side| layout.times.full(side.first_seen)));
    rows.push(figure("last seen", &|side| layout.times.full(side.last_seen)));
    rows.push(figure("events", &|side| components::words(&components::count(side.event_count))));
    rows
}

/// `POST /w/{ws}/reviews/{id}` with `decision`; then the next that waits.
pub(crate) async fn decide(context: Arc<PageContext>) -> PageResult {
    let Some(decision) = context.field("decision") else {
        let words = "Choose merge, keep apart or dismiss. Nothing was done.";
        return as_refusal(review_page(&context, Some(words)).await);
    };
    let no: ReviewNo = context.id()?;
    let decided = match ReviewDecision::parse(Some(decision)) {
        Ok(decision) => {
            let body = JsonBody(DecideReviewRequest { decision });
            context.perform(reviews::decide, (body, Id(no), DryRun(false))).await.map(|_| decision)
        }
        Err(problem) => Err(problem),
    };
    let decision = match decided {
        Err(problem) if matches!(problem.status, 400 | 409) => {
            return as_refusal(review_page(&context, Some(&super::problem::sentence(&problem.detail))).await);
        }
        decided => decided?,
    };
    let words = match decision {
        ReviewDecision::Reopen => {
            return context.done(&context.within(&format!("reviews/{no}")), format!("Review {no} reopened."));
        }
        ReviewDecision::Merge => format!("Review {no}: merged."),
        ReviewDecision::KeepApart => format!("Review {no}: kept apart."),
        ReviewDecision::Dismiss => format!("Review {no}: dismissed."),
    };
    let one = PageQuery { limit: 1, cursor: None };
    let open = ReviewFilter { state: Some(ReviewState::Open) };
    let left = context.perform(reviews::list, (one, open)).await?;
    let next = left.items.first().map(|review| format!("reviews/{}", review.id));
    context.done(&context.within(&next.unwrap_or_else(|| "reviews".to_owned())), words)
}

impl Reviews {
    fn is(&self, state: &str) -> Html {
        components::current(self.state.name() == state)
    }
}

impl Review {
    /// Returns the word of a state, as people write it.
    fn decided(&self) -> String {
        self.doc.state.0.name().replace('_', " ")
    }

    fn is(&self, state: &str) -> bool {
        self.doc.state.0.name() == state
    }
}
