//! Merges: what was joined, by what, what each showed before, and undoing it; with the separations that reverts leave.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::head::redirect;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::users::known_as;
use super::{confirmed, rows};
use crate::http::manage::{merges, separations, users};
use askama::Template;
use muster_wire::manage::problem::Problem;
use serde_json::{Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "merges.html")]
struct Merges {
    shell: Shell,
    items: Vec<Json>,
    next: String,
    separations: Vec<Json>,
    more_separations: bool,
}

/// `GET /w/{ws}/merges?cursor=`.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    let found = visit.ask(merges::list, &["merges"], &rows(&visit)).await?;
    let apart = visit.ask(separations::list, &["separations"], &[("limit", "50")]).await?;
    let shell = Shell::of(&visit, "Merges", "merges").await?;
    html(&Merges {
        shell,
        items: found.list("items").to_vec(),
        next: found.text("next_cursor").to_owned(),
        separations: apart.list("items").to_vec(),
        more_separations: apart.has("next_cursor"),
    })
}

impl Merges {
    fn cause(&self, merge: &Json) -> Html {
        cause(&self.shell, merge)
    }
}

/// What caused a merge, in few words.
fn cause(shell: &Shell, merge: &Json) -> Html {
    let cause = merge.member("cause");
    match cause.as_str() {
        Some("activation") => parts::words("a kind became active"),
        Some(_) => parts::words("by hand"),
        None if cause.has("review_id") => {
            let id = cause.text("review_id");
            parts::joined("decided in", &parts::id_link(id, &shell.to(&format!("reviews/{id}")), "review id"))
        }
        None => {
            let kinds: Vec<&str> = cause.list("keys").iter().map(|key| key.text("kind")).collect();
            parts::shown(&kinds.join(" + "))
        }
    }
}

#[derive(Template)]
#[template(path = "merge.html")]
struct Merge {
    shell: Shell,
    doc: Json,
    verdict: Html,
    /// The names of both sides.
    names: (String, String),
    rows: Vec<Row>,
    same: usize,
    is_complete: bool,
    /// Members that the part brought with itself, oldest first.
    brought: Vec<(String, String)>,
    preview: Option<Preview>,
    error: String,
}

/// One field before and after.
struct Row {
    field: String,
    survivor: Html,
    merged: Html,
    after: Html,
    origin: &'static str,
    is_from_merged: bool,
}

/// What a revert would do, from a dry run.
struct Preview {
    at: Html,
    returns: String,
    events: u64,
    identifiers: Vec<Html>,
    attributes: Vec<String>,
    stays: u64,
}

/// `GET /w/{ws}/merges/{id}?preview=revert`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    let preview = visit.parameter("preview").is_some() && visit.may_operate();
    shown(&visit, preview, String::new()).await
}

async fn shown(visit: &Visit, with_preview: bool, error: String) -> Page {
    let id = visit.part(1);
    let doc = visit.ask(merges::show, &["merges", id], &[]).await?;
    let before = match visit.ask(merges::before, &["merges", id, "before"], &[]).await {
        Ok(before) => before,
        // Deleted since: the record stays, the profiles are gone.
        Err(problem) if matches!(problem.status, 404 | 410) => Json::Null,
        Err(problem) => return Err(problem),
    };
    let now = match visit.ask(users::show, &["users", doc.text("survivor")], &[]).await {
        Ok(now) => now,
        Err(problem) if matches!(problem.status, 404 | 410) => Json::Null,
        Err(problem) => return Err(problem),
    };
    let shell = Shell::of(visit, format!("Merge {id}"), "merges").await?;
    let (survivor, merged) = (before.member("survivor"), before.member("merged"));
    let named =
        |side: &Json, id: &str| Some(known_as(side)).filter(|it| !it.is_empty()).unwrap_or_else(|| parts::short(id));
    let (mut rows, same) = rows_of(&doc, survivor, merged, &now);
    rows.extend(figures(&shell, survivor, merged, &now));
    let brought = merged.list("members").iter().map(|m| (m.text("id").to_owned(), m.text("joined_at").to_owned()));
    let preview =
        if with_preview && !doc.has("reverted_at") { Some(preview(visit, &shell, &now).await?) } else { None };
    let page = Merge {
        verdict: verdict(&shell, &doc),
        names: (named(survivor, doc.text("survivor")), named(merged, doc.text("merged"))),
        rows,
        same,
        is_complete: before.flag("complete"),
        brought: brought.collect(),
        preview,
        error,
        shell,
        doc,
    };
    html(&page)
}

/// Why it was made, in one sentence.
fn verdict(shell: &Shell, doc: &Json) -> Html {
    let cause = doc.member("cause");
    if cause.is_object() && !cause.has("review_id") {
        let index = doc.count("index");
        let request = doc.text("request_id");
        let link = parts::link(request, &shell.to(&format!("requests/{request}?from={index}#el-{index}")));
        let words = format!("Two profiles became one because element {index} of");
        return parts::joined(&words, &link).then("named both.");
    }
    match cause.as_str() {
        Some("activation") => {
            parts::words("Two profiles became one because they held the same value when its kind became active.")
        }
        Some(_) => parts::words("Two profiles became one by a call."),
        None => parts::words("Two profiles became one because somebody decided their review so."),
    }
}

/// Identifiers and attributes before and after; how many were equal and are not listed.
fn rows_of(doc: &Json, survivor: &Json, merged: &Json, now: &Json) -> (Vec<Row>, usize) {
    let mut rows = Vec::new();
    let mut same = 0;
    let filled: Vec<&str> = doc.list("filled").iter().filter_map(Json::as_str).collect();
    let combined: Vec<&str> = doc.list("combined").iter().map(|it| it.text("field")).collect();
    for group in ["identifiers", "attributes"] {
        let sides = [survivor, merged, now].map(|side| side.members(group));
        let mut names: Vec<&str> = sides.iter().flatten().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of = |side: &Json| side.member(group).member(name).clone();
            let (a, b, after) = (of(survivor), of(merged), of(now));
            if a == b && b == after {
                same += 1;
                continue;
            }
            let is_filled = filled.contains(&name);
            let origin = match name {
                name if combined.contains(&name) => "an attribute rule, or an e-mail flag",
                _ if is_filled && after == b => "gap filled",
                _ if after == a && !b.is_null() => "survivor stays",
                _ if after == a => "",
                _ => "written since",
            };
            rows.push(Row {
                field: name.to_owned(),
                survivor: parts::value(&a),
                merged: parts::value(&b),
                after: parts::value(&after),
                origin,
                is_from_merged: is_filled && after == b,
            });
        }
    }
    (rows, same)
}

/// First seen, events and devices of both sides.
fn figures(shell: &Shell, survivor: &Json, merged: &Json, now: &Json) -> Vec<Row> {
    if survivor.is_null() || now.is_null() {
        return Vec::new();
    }
    let row = |field: &str, of: &dyn Fn(&Json) -> Html, origin: &'static str| Row {
        field: field.to_owned(),
        survivor: of(survivor),
        merged: of(merged),
        after: of(now),
        origin,
        is_from_merged: false,
    };
    vec![
        row("first seen", &|side| shell.moments.whole(side.text("first_seen")), "earliest"),
        row("events", &|side| parts::words(&parts::count(side.count("event_count"))), ""),
        row("members", &|side| parts::words(&parts::count(side.list("members").len() as u64 + 1)), ""),
    ]
}

/// What a revert would do now: a dry run of it.
async fn preview(visit: &Visit, shell: &Shell, now: &Json) -> Result<Preview, Problem> {
    let parts_of = ["merges", visit.part(1), "revert"];
    let dry = visit.acts(merges::revert, ("POST", &parts_of), &[("dry_run", "true")], &json!({})).await?;
    let sides = dry.member("preview");
    let (survivor, restored) = (sides.member("survivor"), sides.member("restored"));
    let identifiers = restored.members("identifiers").into_iter();
    let names = now
        .members("attributes")
        .into_iter()
        .map(|(name, value)| (name, value, survivor.member("attributes").member(name)));
    Ok(Preview {
        at: shell.moments.clock(&visit.now()),
        returns: restored.text("id").to_owned(),
        events: restored.count("event_count"),
        identifiers: identifiers.map(|(kind, value)| parts::key(kind, value.as_str().unwrap_or_default())).collect(),
        attributes: names.filter(|(_, is, was)| is != was).map(|(name, ..)| name.to_owned()).collect(),
        stays: survivor.count("event_count"),
    })
}

/// `POST /w/{ws}/merges/{id}/revert` with `confirm`.
pub(crate) async fn revert(visit: Arc<Visit>) -> Page {
    let id = visit.part(1);
    if let Err(problem) = confirmed(&visit, id) {
        return shown(&visit, visit.may_operate(), super::frame::sentence(&problem.detail)).await;
    }
    visit.act(merges::revert, ("POST", &["merges", id, "revert"]), &json!({})).await?;
    Ok(redirect(&visit.within(&format!("merges/{id}"))))
}

/// `POST /w/{ws}/separations/{id}/lift`.
pub(crate) async fn lift(visit: Arc<Visit>) -> Page {
    visit.act(separations::lift, ("DELETE", &["separations", visit.part(1)]), &Json::Null).await?;
    Ok(redirect(&visit.within("merges#separations")))
}

impl Merge {
    /// How many identifiers the part brought.
    fn brought_words(&self) -> String {
        counted(self.doc.list("identifiers").len() as u64, "identifier")
    }
}
