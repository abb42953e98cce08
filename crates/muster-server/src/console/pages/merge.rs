//! One merge: why it was made, what each side showed before, the tree that it is part of, and undoing it. Merges that one
//! element made are shown together.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html};
use super::members::known_as;
use super::members::{self, Members};
use super::{as_refusal, check_confirmation};
use crate::limits::MERGE_SIDES_MAX;
use crate::manage::arguments::{DryRun, Id, NoBody};
use crate::manage::{merges, users};
use askama::Template;
use muster_core::id::MergeNo;
use muster_wire::manage::merge::{MergeCauseDocument, MergeDocument, PlainCause, PreMergeDocument};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::user::UserDocument;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "merge.html")]
struct Merge {
    layout: Layout,
    doc: MergeDocument,
    headline: Html,
    /// The names of both sides.
    names: (String, String),
    rows: Vec<Row>,
    same: usize,
    /// What is not known of the sides any more, in words; empty if all is known.
    unknown: String,
    /// The others of one element's merges, and how many of them the table leaves out.
    others: Vec<MergeNo>,
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
    /// Attributes of the survivor that get another value, and those that are removed.
    changed: Vec<String>,
    removed: Vec<String>,
    stays: u64,
}

impl Preview {
    /// Returns what becomes of the events, between their number and the name of the survivor.
    fn events_words(&self) -> String {
        let (moves, stays) = (self.events, self.stays);
        let back = if moves == 1 { "event moves back" } else { "events move back" };
        format!("{back}, {} {} with", components::count(stays), if stays == 1 { "stays" } else { "stay" })
    }
}

/// `GET /w/{ws}/merges/{id}?preview=revert`.
pub(crate) async fn show(context: Arc<PageContext>) -> PageResult {
    let preview = context.parameter("preview").is_some() && context.may_operate();
    page(&context, preview, String::new()).await
}

async fn page(context: &PageContext, with_preview: bool, error: String) -> PageResult {
    let no: MergeNo = context.id()?;
    let detail = context.perform(merges::show, (Id(no),)).await?;
    let doc = detail.merge;
    let before = before(context, no).await?;
    let now = known(context.perform(users::show, (Id(doc.content.survivor.0),)).await)?;
    let layout = Layout::new(context, format!("Merge {no}"), "merges").await?;
    let others: Vec<MergeNo> = detail.together.into_iter().map(|other| other.0).filter(|other| *other != no).collect();
    let is_reverted = doc.reverted_at.is_some();
    let (sides, untold) = sides(context, (&doc, before), &others).await?;
    let (mut rows, same) = sides.rows(now.as_ref(), is_reverted);
    rows.extend(figures(&layout, &sides, now.as_ref()));
    let joined = now.as_ref().filter(|now| !is_reverted && now.members.len() >= 2);
    let members = match joined {
        Some(now) => members::load(context, &layout, now, Some(no)).await?,
        None => None,
    };
    let preview =
        if with_preview && !is_reverted { Some(preview(context, &layout, now.as_ref()).await?) } else { None };
    let template = Merge {
        headline: headline(&layout, &doc, others.len() + 2),
        names: sides.names(&doc),
        rows,
        same,
        unknown: sides.unknown(),
        others,
        untold,
        members,
        preview,
        error,
        layout,
        doc,
    };
    html(&template)
}

/// Returns a document about users; None if they were deleted since: the record of their merge stays.
fn known<T>(answer: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match answer {
        Err(problem) if matches!(problem.status, 404 | 410) => Ok(None),
        answer => answer.map(Some),
    }
}

async fn before(context: &PageContext, no: MergeNo) -> Result<Option<PreMergeDocument>, Problem> {
    known(context.perform(merges::before, (Id(no),)).await)
}

/// One merge with both users before it; None if they were deleted since.
struct Side {
    merge: MergeDocument,
    before: Option<PreMergeDocument>,
}

impl Side {
    fn merged(&self) -> Option<&UserDocument> {
        self.before.as_ref().map(|before| &before.merged)
    }
}

/// The merges that one element made and that were not reverted, in order. Of a merge by itself it is that alone.
struct Sides(Vec<Side>);

async fn sides(
    context: &PageContext,
    (merge, before_it): (&MergeDocument, Option<PreMergeDocument>),
    others: &[MergeNo],
) -> Result<(Sides, usize), Problem> {
    // What is reverted is shown as it is now, which has no place beside how others were.
    let is_alone = merge.reverted_at.is_some() || before_it.is_none();
    let mut sides = vec![Side { merge: merge.clone(), before: before_it }];
    if is_alone {
        return Ok((Sides(sides), 0));
    }
    for other in others.iter().take(MERGE_SIDES_MAX - 1) {
        let merge = context.perform(merges::show, (Id(*other),)).await?.merge;
        let before = before(context, *other).await?;
        if merge.reverted_at.is_none() && before.is_some() {
            sides.push(Side { merge, before });
        }
    }
    sides.sort_by_key(|side| side.merge.id);
    Ok((Sides(sides), others.len().saturating_sub(MERGE_SIDES_MAX - 1)))
}

/// Returns why it was made, in one sentence, of that many profiles.
fn headline(layout: &Layout, doc: &MergeDocument, profiles: usize) -> Html {
    let content = &doc.content;
    let (many, all) = if profiles == 2 { ("Two".to_owned(), "both") } else { (profiles.to_string(), "all of them") };
    let why = match &content.cause {
        MergeCauseDocument::Identifiers { .. } => {
            let index = content.index.unwrap_or_default();
            let request = content.request_id.map(|id| id.to_string()).unwrap_or_default();
            let link = components::link(&request, &layout.to(&format!("requests/{request}?from={index}#el-{index}")));
            let words = format!("{many} users were merged because element {index} of");
            let words = components::words(&words);
            return components::row(&[words, link, components::words(&format!("carries identifiers of {all}."))]);
        }
        MergeCauseDocument::Plain(PlainCause::Activation) => {
            "because they had the same value when its kind was activated."
        }
        MergeCauseDocument::Plain(PlainCause::Api) => "by an API call.",
        MergeCauseDocument::Review { .. } => "because a reviewer decided to merge them.",
    };
    components::words(&format!("{many} users were merged {why}"))
}

/// A group of fields in which users are compared.
#[derive(Clone, Copy)]
enum Group {
    Identifiers,
    Attributes,
}

/// The value of a field.
#[derive(Clone, Copy, PartialEq)]
enum Field<'u> {
    Identifier(&'u str),
    Attribute(&'u Json),
}

impl Group {
    fn names(self, user: &UserDocument) -> Vec<&str> {
        match self {
            Self::Identifiers => user.identifiers.keys().map(String::as_str).collect(),
            Self::Attributes => user.attributes.keys().map(String::as_str).collect(),
        }
    }

    fn field<'u>(self, user: &'u UserDocument, name: &str) -> Option<Field<'u>> {
        match self {
            Self::Identifiers => user.identifiers.get(name).map(|value| Field::Identifier(value)),
            Self::Attributes => user.attributes.get(name).map(Field::Attribute),
        }
    }
}

impl Field<'_> {
    fn html(self) -> Html {
        match self {
            Self::Identifier(value) => components::phrase(value),
            Self::Attribute(value) => components::value(value),
        }
    }
}

impl Sides {
    /// Returns the survivor before the first of them.
    fn survivor(&self) -> Option<&UserDocument> {
        self.0.first()?.before.as_ref().map(|before| &before.survivor)
    }

    /// Returns the names of both users of a merge.
    fn names(&self, merge: &MergeDocument) -> (String, String) {
        let its = self.0.iter().find(|side| side.merge.id == merge.id).and_then(|side| side.before.as_ref());
        let name = |user: Option<&UserDocument>| user.and_then(|user| known_as(&user.identifiers));
        let MergeDocument { content, .. } = merge;
        (
            name(self.survivor()).unwrap_or_else(|| components::short(content.survivor)),
            name(its.map(|its| &its.merged)).unwrap_or_else(|| components::short(content.merged)),
        )
    }

    /// Returns what is not known any more, in words.
    fn unknown(&self) -> String {
        let known = || self.0.iter().filter_map(|side| side.before.as_ref());
        let names: BTreeSet<&str> = known().flat_map(|before| &before.unknown).map(String::as_str).collect();
        if !names.is_empty() {
            let names: Vec<&str> = names.into_iter().collect();
            return format!(
                "The earlier value of {} cannot be determined; the most likely one is shown.",
                names.join(", ")
            );
        }
        let is_whole = known().all(|before| before.complete);
        if is_whole { String::new() } else { "Some earlier attributes may be missing.".to_owned() }
    }

    /// Returns the profiles that were merged into it.
    fn merged(&self) -> impl Iterator<Item = &UserDocument> {
        self.0.iter().filter_map(Side::merged)
    }

    /// Returns what is said of each merged side: by itself the value alone, of many each that has one under its merge.
    fn cell(&self, of: &dyn Fn(&UserDocument) -> Option<Html>) -> Html {
        if let [side] = &self.0[..] {
            return side.merged().and_then(of).unwrap_or_else(|| components::optional_value(None));
        }
        let lines = self.0.iter().filter_map(|side| Some((side.merge.id.to_string(), of(side.merged()?)?)));
        components::lines(lines.map(|(id, value)| components::with_label(&id, &value)))
    }

    /// Identifiers and attributes before and after; how many were equal and are not listed.
    fn rows(&self, now: Option<&UserDocument>, is_reverted: bool) -> (Vec<Row>, usize) {
        let (mut rows, mut same) = (Vec::new(), 0);
        for group in [Group::Identifiers, Group::Attributes] {
            let sides = [self.survivor(), now].into_iter().flatten().chain(self.merged());
            let names: BTreeSet<&str> = sides.flat_map(|side| group.names(side)).collect();
            for name in names {
                match self.row((group, name), now, is_reverted) {
                    Some(row) => rows.push(row),
                    None => same += 1,
                }
            }
        }
        (rows, same)
    }

    /// One field before and after; None if it was equal everywhere.
    fn row(&self, (group, name): (Group, &str), now: Option<&UserDocument>, is_reverted: bool) -> Option<Row> {
        let field = |side| group.field(side, name);
        let (before, after) = (self.survivor().and_then(field), now.and_then(field));
        if before == after && self.0.iter().all(|side| side.merged().and_then(field) == before) {
            return None;
        }
        let mut merges = self.0.iter().map(|side| &side.merge.content);
        let is_combined = merges.clone().any(|merge| merge.combined.iter().any(|it| it.field == name));
        let is_listed = merges.any(|merge| merge.filled.iter().any(|filled| filled == name));
        let is_filled = is_listed && self.0.iter().any(|side| side.merged().and_then(field) == after);
        let is_held = self.merged().any(|side| field(side).is_some());
        let origin = match () {
            () if is_combined => "set by an attribute rule or an e-mail flag",
            () if is_filled => "filled by the merge",
            () if is_reverted && after.is_none() && is_held => "removed by the revert",
            () if after.is_none() => "",
            () if after == before && is_held => "survivor's value",
            () if after == before => "",
            () => "written since",
        };
        let html = |field: Option<Field<'_>>| field.map_or_else(|| components::optional_value(None), Field::html);
        Some(Row {
            field: name.to_owned(),
            survivor: html(before),
            merged: self.cell(&|side| group.field(side, name).map(Field::html)),
            after: html(after),
            origin,
            is_from_merged: is_filled,
        })
    }
}

/// First seen, events and devices of both sides.
fn figures(layout: &Layout, sides: &Sides, now: Option<&UserDocument>) -> Vec<Row> {
    let (Some(survivor), Some(now)) = (sides.survivor(), now) else { return Vec::new() };
    let row = |field: &str, of: &dyn Fn(&UserDocument) -> Html, origin: &'static str| Row {
        field: field.to_owned(),
        survivor: of(survivor),
        merged: sides.cell(&|side| Some(of(side))),
        after: of(now),
        origin,
        is_from_merged: false,
    };
    vec![
        row("first seen", &|side| layout.times.full(side.first_seen), "earliest"),
        row("events", &|side| components::words(&components::count(side.event_count)), ""),
        row("members", &|side| components::words(&components::count(side.members.len() + 1)), ""),
    ]
}

/// Returns what a revert would do now: a dry run of it.
async fn preview(context: &PageContext, layout: &Layout, now: Option<&UserDocument>) -> Result<Preview, Problem> {
    let dry = context.perform(merges::revert, (NoBody, Id(context.id()?), DryRun(true))).await?;
    let missing = || Problem::new(500, "a dry run of a revert returned no preview");
    let sides = dry.preview.ok_or_else(missing)?;
    let (mut changed, mut removed) = (Vec::new(), Vec::new());
    for (name, is) in now.iter().flat_map(|now| now.attributes.iter()) {
        match sides.survivor.attributes.get(name) {
            None => removed.push(name.clone()),
            Some(was) if was != is => changed.push(name.clone()),
            Some(_) => {}
        }
    }
    Ok(Preview {
        at: layout.times.clock(context.now()),
        returns: sides.restored.id.to_string(),
        events: sides.restored.event_count,
        identifiers: sides.restored.identifiers.iter().map(|(kind, value)| components::key(kind, value)).collect(),
        changed,
        removed,
        stays: sides.survivor.event_count,
    })
}

/// `POST /w/{ws}/merges/{id}/revert` with `confirm`.
pub(crate) async fn revert(context: Arc<PageContext>) -> PageResult {
    let no: MergeNo = context.id()?;
    if let Err(problem) = check_confirmation(&context, &no.to_string()) {
        return as_refusal(page(&context, context.may_operate(), super::problem::sentence(&problem.detail)).await);
    }
    context.perform(merges::revert, (NoBody, Id(no), DryRun(false))).await?;
    let words = format!("Merge {no} reverted. A separation keeps the two users apart.");
    context.done(&context.within(&format!("merges/{no}")), words)
}

impl Merge {
    /// Returns how many identifiers the merged profile brought.
    fn brought_words(&self) -> String {
        count_noun(self.doc.content.identifiers.len(), "identifier")
    }
}
