//! Reviews: are these the same person? Both profiles side by side, why a guard asks, and what each decision would do.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::flash::Flash;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::users::known_as;
use super::{refused, rows};
use crate::http::manage::reviews;
use askama::Template;
use serde_json::{Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "reviews.html")]
struct Reviews {
    shell: Shell,
    items: Vec<Json>,
    state: String,
    next: String,
}

/// `GET /w/{ws}/reviews?state=&cursor=`: those that wait; else those of a state, or `closed` for all that were decided.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    let state = visit.parameter("state").unwrap_or("open").to_owned();
    let mut query = rows(&visit);
    query.push(("state", &state));
    let found = visit.ask(reviews::list, &["reviews"], &query).await?;
    let shell = Shell::of(&visit, "Reviews", "reviews").await?;
    let next = found.text("next_cursor").to_owned();
    html(&Reviews { shell, items: found.list("items").to_vec(), state, next })
}

#[derive(Template)]
#[template(path = "review.html")]
struct Review {
    shell: Shell,
    doc: Json,
    names: Vec<(String, String)>,
    rows: Vec<Row>,
    merge: String,
    can_keep_apart: bool,
    record: Option<Html>,
}

/// A field of both profiles.
struct Row {
    field: String,
    values: Vec<Html>,
    is_same: bool,
}

/// `GET /w/{ws}/reviews/{id}`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    review_page(&visit, None).await
}

/// The page, with why its form was refused.
async fn review_page(visit: &Visit, refusal: Option<&str>) -> Page {
    let id = visit.part(1);
    let doc = visit.ask(reviews::show, &["reviews", id], &[]).await?;
    let mut shell = Shell::of(visit, format!("Review {id}"), "reviews").await?;
    shell.flashes.extend(refusal.map(Flash::refused));
    let mut sides: Vec<&Json> = doc.list("sides").iter().filter(|side| !side.is_null()).collect();
    sides.dedup_by_key(|side| side.text("id"));
    let named = |side: &&Json| {
        let name = Some(known_as(side)).filter(|name| !name.is_empty());
        (side.text("id").to_owned(), name.unwrap_or_else(|| parts::short(side.text("id"))))
    };
    let merge =
        if visit.may_operate() && doc.text("state") == "open" { foretold(visit, &sides).await } else { String::new() };
    let record = doc.member("record");
    let record = Some(record).filter(|it| !it.is_null()).map(|it| parts::json_code(it, &[], "The record as received"));
    let page = Review {
        names: sides.iter().map(named).collect(),
        rows: compared(&shell, &sides),
        merge,
        can_keep_apart: sides.len() == 2,
        record,
        shell,
        doc,
    };
    html(&page)
}

/// What merging would do, from a dry run; or why it cannot be done.
async fn foretold(visit: &Visit, sides: &[&Json]) -> String {
    let parts_of = ["reviews", visit.part(1)];
    let wish = json!({"decision": "merge"});
    match visit.acts(reviews::decide, ("POST", &parts_of), &[("dry_run", "true")], &wish).await {
        Ok(dry) => {
            let preview = dry.list("preview");
            let Some(after) = preview.first() else { return String::new() };
            let survivor =
                Some(known_as(after)).filter(|it| !it.is_empty()).unwrap_or_else(|| parts::short(after.text("id")));
            let joins = sides.iter().filter(|side| side.text("id") != after.text("id"));
            let events: u64 = joins.map(|side| side.count("event_count")).sum();
            if sides.len() < 2 {
                return "The user gets this value in place of its own.".to_owned();
            }
            format!(
                "{survivor} survives and gets {} of the other. You can revert this at any time.",
                counted(events, "event")
            )
        }
        Err(problem) => super::frame::sentence(&problem.detail),
    }
}

fn compared(shell: &Shell, sides: &[&Json]) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in ["identifiers", "attributes"] {
        let mut names: Vec<&str> = sides.iter().flat_map(|side| side.members(group)).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let values: Vec<&Json> = sides.iter().map(|side| side.member(group).member(name)).collect();
            rows.push(Row {
                field: name.to_owned(),
                is_same: values.windows(2).all(|pair| pair[0] == pair[1]),
                values: values.into_iter().map(parts::value).collect(),
            });
        }
    }
    let figure = |field: &str, of: &dyn Fn(&Json) -> Html| {
        let values: Vec<Html> = sides.iter().map(|side| of(side)).collect();
        Row { field: field.to_owned(), is_same: values.windows(2).all(|pair| pair[0] == pair[1]), values }
    };
    rows.push(figure("first seen", &|side| shell.moments.whole(side.text("first_seen"))));
    rows.push(figure("last seen", &|side| shell.moments.whole(side.text("last_seen"))));
    rows.push(figure("events", &|side| parts::words(&parts::count(side.count("event_count")))));
    rows
}

/// `POST /w/{ws}/reviews/{id}` with `decision`; then the next that waits.
pub(crate) async fn decide(visit: Arc<Visit>) -> Page {
    let Some(decision) = visit.field("decision") else {
        let words = "Choose to merge, to keep apart or to dismiss. Nothing was done.";
        return refused(review_page(&visit, Some(words)).await);
    };
    let id = visit.part(1);
    match visit.act(reviews::decide, ("POST", &["reviews", id]), &json!({"decision": decision})).await {
        Err(problem) if matches!(problem.status, 400 | 409) => {
            return refused(review_page(&visit, Some(&super::frame::sentence(&problem.detail))).await);
        }
        decided => drop(decided?),
    }
    let words = match decision {
        "reopen" => {
            return visit.done(&visit.within(&format!("reviews/{id}")), format!("Review {id} reopened."));
        }
        "merge" => format!("Review {id}: merged."),
        "keep_apart" => format!("Review {id}: kept apart."),
        _ => format!("Review {id}: dismissed."),
    };
    let left = visit.ask(reviews::list, &["reviews"], &[("state", "open"), ("limit", "1")]).await?;
    let next = left.list("items").first().map(|review| format!("reviews/{}", review.text("id")));
    visit.done(&visit.within(&next.unwrap_or_else(|| "reviews".to_owned())), words)
}

impl Reviews {
    fn is(&self, state: &str) -> Html {
        parts::current(self.state == state)
    }
}

impl Review {
    /// The word of a state, as people write it.
    fn decided(&self) -> String {
        self.doc.text("state").replace('_', " ")
    }
}
