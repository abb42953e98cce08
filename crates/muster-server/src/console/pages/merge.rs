//! One merge: why it was made, what each side showed before, the tree that it is part of, and undoing it. Merges that one
//! element made are told together.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::members::{self, Members};
use super::users::known_as;
use super::{confirmed, refused};
use crate::http::manage::{merges, users};
use crate::limits::MERGE_SIDES_MAX;
use askama::Template;
use muster_wire::manage::problem::Problem;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;

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
    /// What is not known of the sides any more, in words; empty if all is known.
    unknown: String,
    /// The others of one element's merges, and how many of them the table leaves out.
    others: Vec<String>,
    untold: usize,
    /// The tree that its survivor is in now, if there are more than the two.
    members: Option<Members>,
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
    /// Attributes of the survivor that get another value, and those that it has no more.
    changed: Vec<String>,
    removed: Vec<String>,
    stays: u64,
}

impl Preview {
    /// What becomes of the events, between their number and the name of the survivor.
    fn events_words(&self) -> String {
        let (moves, stays) = (self.events, self.stays);
        let back = if moves == 1 { "event moves back" } else { "events move back" };
        format!("{back}, {} {} with", parts::count(stays), if stays == 1 { "stays" } else { "stay" })
    }
}

/// `GET /w/{ws}/merges/{id}?preview=revert`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    let preview = visit.parameter("preview").is_some() && visit.may_operate();
    shown(&visit, preview, String::new()).await
}

async fn shown(visit: &Visit, with_preview: bool, error: String) -> Page {
    let id = visit.part(1);
    let doc = visit.ask(merges::show, &["merges", id], &[]).await?;
    let before = before(visit, id).await?;
    let now = known(visit.ask(users::show, &["users", doc.text("survivor")], &[]).await)?;
    let shell = Shell::of(visit, format!("Merge {id}"), "merges").await?;
    let others = doc.list("together").iter().filter_map(Json::as_str).filter(|other| *other != id);
    let others: Vec<String> = others.map(str::to_owned).collect();
    let (sides, untold) = sides(visit, (&doc, &before), &others).await?;
    let (survivor, merged) = (sides.survivor(), before.member("merged"));
    let named =
        |side: &Json, id: &str| Some(known_as(side)).filter(|it| !it.is_empty()).unwrap_or_else(|| parts::short(id));
    let is_reverted = doc.has("reverted_at");
    let (mut rows, same) = sides.rows(&now, is_reverted);
    rows.extend(figures(&shell, &sides, &now));
    let members =
        if is_reverted || now.list("members").len() < 2 { None } else { members::of(visit, &shell, &now, id).await? };
    let preview = if with_preview && !is_reverted { Some(preview(visit, &shell, &now).await?) } else { None };
    let page = Merge {
        verdict: verdict(&shell, &doc, others.len() + 2),
        names: (named(survivor, doc.text("survivor")), named(merged, doc.text("merged"))),
        rows,
        same,
        unknown: sides.unknown(),
        others,
        untold,
        members,
        preview,
        error,
        shell,
        doc,
    };
    html(&page)
}

/// A document of profiles; null if they were deleted since: the record of their merge stays.
fn known(answer: Result<Json, Problem>) -> Result<Json, Problem> {
    match answer {
        Err(problem) if matches!(problem.status, 404 | 410) => Ok(Json::Null),
        answer => answer,
    }
}

async fn before(visit: &Visit, id: &str) -> Result<Json, Problem> {
    known(visit.ask(merges::before, &["merges", id, "before"], &[]).await)
}

/// The merges that one element made, as far as they stand, each with both sides before it, in order. Of a merge by itself
/// it is that alone.
struct Sides(Vec<(Json, Json)>);

async fn sides(visit: &Visit, (doc, its): (&Json, &Json), others: &[String]) -> Result<(Sides, usize), Problem> {
    let mut sides = vec![(doc.clone(), its.clone())];
    // What is reverted is shown as it is now, which has no place beside how others were.
    if doc.has("reverted_at") || its.is_null() {
        return Ok((Sides(sides), 0));
    }
    for other in others.iter().take(MERGE_SIDES_MAX - 1) {
        let record = visit.ask(merges::show, &["merges", other], &[]).await?;
        let its = before(visit, other).await?;
        if !record.has("reverted_at") && !its.is_null() {
            sides.push((record, its));
        }
    }
    sides.sort_by_key(|(record, _)| record.text("id").trim_start_matches('m').parse().unwrap_or(u64::MAX));
    Ok((Sides(sides), others.len().saturating_sub(MERGE_SIDES_MAX - 1)))
}

/// Why it was made, in one sentence, of that many profiles.
fn verdict(shell: &Shell, doc: &Json, profiles: usize) -> Html {
    let cause = doc.member("cause");
    let (many, all) = if profiles == 2 { ("Two".to_owned(), "both") } else { (profiles.to_string(), "all of them") };
    if cause.is_object() && !cause.has("review_id") {
        let index = doc.count("index");
        let request = doc.text("request_id");
        let link = parts::link(request, &shell.to(&format!("requests/{request}?from={index}#el-{index}")));
        let words = format!("{many} users were merged because element {index} of");
        return parts::joined(&words, &link).then(&format!("carries identifiers of {all}."));
    }
    let why = match cause.as_str() {
        Some("activation") => "because they had the same value when its kind became active.",
        Some(_) => "by an API call.",
        None => "because a reviewer decided to merge them.",
    };
    parts::words(&format!("{many} users were merged {why}"))
}

impl Sides {
    /// The survivor before the first of them.
    fn survivor(&self) -> &Json {
        self.0.first().map_or(&Json::Null, |(_, before)| before.member("survivor"))
    }

    /// What is not known any more, in words.
    fn unknown(&self) -> String {
        let of = |(_, before): &'_ (Json, Json)| -> Vec<String> {
            before.list("unknown").iter().filter_map(Json::as_str).map(str::to_owned).collect()
        };
        let names: BTreeSet<String> = self.0.iter().flat_map(of).collect();
        if !names.is_empty() {
            let names: Vec<String> = names.into_iter().collect();
            return format!(
                "The earlier value of {} cannot be determined; the most likely one is shown.",
                names.join(", ")
            );
        }
        let is_whole = self.0.iter().all(|(_, before)| before.flag("complete") || before.is_null());
        if is_whole { String::new() } else { "Some names that were there before may be missing.".to_owned() }
    }

    /// The profiles that were merged into it, with their merges.
    fn merged(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(doc, before)| (doc.text("id"), before.member("merged")))
    }

    /// What is said of each merged side: by itself the value alone, of many each that has one under its merge.
    fn cell(&self, of: &dyn Fn(&Json) -> Html) -> Html {
        if self.0.len() == 1 {
            return self.merged().map(|(_, side)| of(side)).next().unwrap_or_default();
        }
        let none = parts::value(&Json::Null);
        let lines = self.merged().map(|(id, side)| (id, of(side))).filter(|(_, value)| *value != none);
        parts::lines(lines.map(|(id, value)| parts::labelled(id, &value)))
    }

    /// The names that the merges list under a member.
    fn lists(&self, names: impl Fn(&Json) -> Vec<&str>, name: &str) -> bool {
        self.0.iter().any(|(doc, _)| names(doc).contains(&name))
    }

    /// Identifiers and attributes before and after; how many were equal and are not listed.
    fn rows(&self, now: &Json, is_reverted: bool) -> (Vec<Row>, usize) {
        let (mut rows, mut same) = (Vec::new(), 0);
        for group in ["identifiers", "attributes"] {
            let sides = [self.survivor(), now].into_iter().chain(self.merged().map(|(_, side)| side));
            let names: BTreeSet<&str> = sides.flat_map(|side| side.members(group)).map(|(name, _)| name).collect();
            for name in names {
                let of = |side: &Json| side.member(group).member(name).clone();
                let (a, after) = (of(self.survivor()), of(now));
                if a == after && self.merged().all(|(_, side)| of(side) == a) {
                    same += 1;
                    continue;
                }
                let is_combined =
                    self.lists(|doc| doc.list("combined").iter().map(|it| it.text("field")).collect(), name);
                let is_listed = self.lists(|doc| doc.list("filled").iter().filter_map(Json::as_str).collect(), name);
                let is_filled = is_listed && self.merged().any(|(_, side)| of(side) == after);
                let is_held = self.merged().any(|(_, side)| !of(side).is_null());
                let origin = match () {
                    () if is_combined => "an attribute rule, or an e-mail flag",
                    () if is_filled => "filled by the merge",
                    () if is_reverted && after.is_null() && is_held => "removed by the revert",
                    () if after.is_null() => "",
                    () if after == a && is_held => "survivor's value",
                    () if after == a => "",
                    () => "written since",
                };
                rows.push(Row {
                    field: name.to_owned(),
                    survivor: parts::value(&a),
                    merged: self.cell(&|side| parts::value(&of(side))),
                    after: parts::value(&after),
                    origin,
                    is_from_merged: is_filled,
                });
            }
        }
        (rows, same)
    }
}

/// First seen, events and devices of both sides.
fn figures(shell: &Shell, sides: &Sides, now: &Json) -> Vec<Row> {
    let survivor = sides.survivor();
    if survivor.is_null() || now.is_null() {
        return Vec::new();
    }
    let row = |field: &str, of: &dyn Fn(&Json) -> Html, origin: &'static str| Row {
        field: field.to_owned(),
        survivor: of(survivor),
        merged: sides.cell(of),
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
    let now = now.members("attributes").into_iter();
    let then = now.map(|(name, value)| (name, value, survivor.member("attributes").member(name)));
    let (removed, changed): (Vec<_>, Vec<_>) =
        then.filter(|(_, is, was)| is != was).partition(|(.., was)| was.is_null());
    let names = |of: Vec<(&str, &Json, &Json)>| of.into_iter().map(|(name, ..)| name.to_owned()).collect();
    Ok(Preview {
        at: shell.moments.clock(&visit.now()),
        returns: restored.text("id").to_owned(),
        events: restored.count("event_count"),
        identifiers: identifiers.map(|(kind, value)| parts::key(kind, value.as_str().unwrap_or_default())).collect(),
        changed: names(changed),
        removed: names(removed),
        stays: survivor.count("event_count"),
    })
}

/// `POST /w/{ws}/merges/{id}/revert` with `confirm`.
pub(crate) async fn revert(visit: Arc<Visit>) -> Page {
    let id = visit.part(1);
    if let Err(problem) = confirmed(&visit, id) {
        return refused(shown(&visit, visit.may_operate(), super::frame::sentence(&problem.detail)).await);
    }
    visit.act(merges::revert, ("POST", &["merges", id, "revert"]), &json!({})).await?;
    let words = format!("Merge {id} reverted. A separation keeps the two users apart.");
    visit.done(&visit.within(&format!("merges/{id}")), words)
}

impl Merge {
    /// How many identifiers the part brought.
    fn brought_words(&self) -> String {
        counted(self.doc.list("identifiers").len() as u64, "identifier")
    }
}
