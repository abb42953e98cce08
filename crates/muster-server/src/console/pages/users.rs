//! Users: what a value resolves to, and one user with why every value is there.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, redirect};
use super::as_refusal;
use super::members::{self, Members, known_as};
use crate::limits::{PAGE_MAX, USER_ROWS_MAX, WHY_LINES_MAX};
use crate::manage::answers::{CreatedAnswer, DoneOrDry};
use crate::manage::arguments::{DryRun, Id, JsonBody, PageQuery};
use crate::manage::users::EventFilter;
use crate::manage::{lookup, merges, requests, users};
use askama::Template;
use muster_core::id::{ProfileId, RequestId};
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::event::EventDocument;
use muster_wire::manage::history::ChangeDocument;
use muster_wire::manage::lookup::{LookupDocument, LookupEntryDocument, LookupRequest};
use muster_wire::manage::merge::{MergeContent, MergeDocument, MergeUsersRequest};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::user::{FormerIdentifierDocument, UserDocument};
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    layout: Layout,
    /// The search term; empty before the first search.
    value: String,
    kind: String,
    kinds: Vec<String>,
    headline: String,
    found: Vec<Found>,
    /// Who held it before: kind, live profile, until.
    former: Vec<(String, String, Html)>,
}

/// What one kind found for the value.
struct Found {
    kind: String,
    /// The value as it is compared.
    value: String,
    status: Html,
    /// The live profile; empty if no user matches.
    id: String,
    name: Html,
    last_seen: String,
    events: u64,
}

fn kinds(context: &PageContext) -> Vec<String> {
    let entry = context.entry().ok();
    entry
        .into_iter()
        .flat_map(|entry| entry.settings.identity.active().map(|k| k.kind.name().to_owned()).collect::<Vec<_>>())
        .collect()
}

/// `GET /w/{ws}/users`: the box alone. Values are never taken from an address, which ends up in logs.
pub(crate) async fn blank(context: Arc<PageContext>) -> PageResult {
    let layout = Layout::new(&context, "Users", "users").await?;
    let (value, kind, headline) = (String::new(), String::new(), String::new());
    html(&Users { kinds: kinds(&context), layout, value, kind, headline, found: Vec::new(), former: Vec::new() })
}

/// `POST /w/{ws}/users` with `q` and `kind`: an id, or a value that resolves to one user alone, goes to the page of it. The
/// way back is the page that asked: the answer to a form has no entry in the history of a browser if it is a redirect.
/// Else the page shows what each kind found.
pub(crate) async fn find(context: Arc<PageContext>) -> PageResult {
    let value = context.field("q").unwrap_or_default().trim().to_owned();
    if value.is_empty() {
        return blank(context).await;
    }
    let kind = context.field("kind").unwrap_or_default().to_owned();
    if let Some(place) = by_id(&context, &value).await? {
        return Ok(redirect(&place));
    }
    let looked = look_up(&context, &value).await?;
    let items = looked.items.into_iter().filter(|item| kind.is_empty() || item.kind == kind);
    let items: Vec<LookupEntryDocument> = items.collect();
    if let Some(id) = only_hit(&items) {
        return Ok(redirect(&context.within(&format!("users/{id}"))));
    }
    let mut found = Vec::new();
    for item in &items {
        found.push(found_under(&context, item).await?);
    }
    let layout = Layout::new(&context, "Users", "users").await?;
    let mut former = Vec::new();
    for item in &items {
        let holders = item.former.iter();
        former.extend(holders.map(|it| (item.kind.clone(), it.id.to_string(), layout.times.full(it.until))));
    }
    let headline = headline(&found, former.len());
    html(&Users { kinds: kinds(&context), layout, value, kind, headline, found, former })
}

async fn look_up(context: &PageContext, value: &str) -> Result<LookupDocument, Problem> {
    context.perform(lookup::lookup, (JsonBody(LookupRequest { value: value.to_owned() }),)).await
}

/// Returns the one user that a value concerns: every kind that finds one finds this, and no other user held the value
/// before.
fn only_hit(items: &[LookupEntryDocument]) -> Option<ProfileId> {
    let live = items.iter().filter_map(|item| item.id);
    let former = items.iter().flat_map(|item| &item.former).map(|it| it.id);
    let mut hits = live.clone().chain(former);
    let first = hits.next()?;
    let is_live = live.into_iter().any(|id| id == first);
    (is_live && hits.all(|id| id == first)).then_some(first.0)
}

/// Returns what a search found, behind the value that was searched for.
fn headline(found: &[Found], former: usize) -> String {
    let mut users: Vec<&str> = found.iter().filter(|it| !it.id.is_empty()).map(|it| &*it.id).collect();
    users.sort_unstable();
    users.dedup();
    match (users.len(), former) {
        (0, 0) => "matches no user.".to_owned(),
        (0, _) => "matches no user now. A user held it before.".to_owned(),
        (1, _) => {
            let kinds: Vec<&str> = found.iter().filter(|it| !it.id.is_empty()).map(|it| &*it.kind).collect();
            format!("matches one user, by {}. Other users held it before.", kinds.join(" and "))
        }
        (n, _) => format!("matches {n} users, one per identifier kind. Choose one:"),
    }
}

/// Returns the page of a user's or a request's id, if the value is one that exists.
async fn by_id(context: &PageContext, value: &str) -> Result<Option<String>, Problem> {
    fn exists<T>(answer: Result<T, Problem>) -> Result<bool, Problem> {
        match answer {
            Ok(_) => Ok(true),
            Err(problem) if problem.status == 404 || problem.status == 410 => Ok(problem.status == 410),
            Err(problem) => Err(problem),
        }
    }
    if let Some(id) = ProfileId::parse(value)
        && exists(context.perform(users::show, (Id(id),)).await)?
    {
        return Ok(Some(context.within(&format!("users/{value}"))));
    }
    if let Some(id) = RequestId::parse(value)
        && exists(context.perform(requests::show, (Id(id),)).await)?
    {
        return Ok(Some(context.within(&format!("requests/{value}"))));
    }
    Ok(None)
}

/// Returns the users that an id or an identifier resolves to, each once: by several kinds it may be several.
pub(super) async fn users_of(context: &PageContext, value: &str) -> Result<Vec<ProfileId>, Problem> {
    let looked = look_up(context, value).await?;
    let by_kind = looked.items.iter().filter_map(|item| item.id);
    let mut users: Vec<ProfileId> = looked.user_id.into_iter().chain(by_kind).map(|id| id.0).collect();
    users.sort_unstable();
    users.dedup();
    Ok(users)
}

async fn found_under(context: &PageContext, item: &LookupEntryDocument) -> Result<Found, Problem> {
    let user = match item.id {
        Some(AsText(id)) => Some(context.perform(users::show, (Id(id),)).await?),
        None => None,
    };
    let status = match &user {
        _ if !item.active => components::muted("the kind is paused"),
        _ if item.excepted => components::muted("an exception: not matched and not stored"),
        None => components::muted("no match"),
        Some(user) if user.identifiers.get(&item.kind) == Some(&item.value) => components::identifier_status("current"),
        Some(_) => components::identifier_status("alias"),
    };
    let user = user.as_ref();
    Ok(Found {
        kind: item.kind.clone(),
        value: item.value.clone(),
        status,
        name: components::phrase(&user.and_then(|user| known_as(&user.identifiers)).unwrap_or_default()),
        last_seen: user.map(|user| user.last_seen.to_string()).unwrap_or_default(),
        events: user.map_or(0, |user| user.event_count),
        id: item.id.map(|id| id.to_string()).unwrap_or_default(),
    })
}

#[derive(Template)]
#[template(path = "user.html")]
struct User {
    layout: Layout,
    doc: UserDocument,
    name: String,
    identifiers: Vec<Identifier>,
    attributes: Vec<Attribute>,
    /// Identifiers and attributes that are not listed.
    untold: (usize, usize),
    days: Vec<Day>,
    event_name: String,
    next: String,
    members: Option<Members>,
    /// Who would be merged into this user, from a dry run.
    other: Option<Other>,
    /// Why nobody can be.
    merge_error: String,
}

/// The user to be merged into the one that is shown.
struct Other {
    id: String,
    name: String,
    events: u64,
    identifiers: u64,
}

struct Identifier {
    kind: String,
    value: String,
    status: Html,
    since: Html,
    from: Html,
    is_former: bool,
}

struct Attribute {
    name: String,
    value: Html,
    kind: &'static str,
    changed: Html,
    by: Html,
    history: Vec<ChangeRow>,
}

/// One line of why a value is there.
pub(super) struct ChangeRow {
    at: Html,
    what: Html,
    by: Html,
}

struct Day {
    name: String,
    events: Vec<Event>,
}

struct Event {
    time: Html,
    action: Html,
    properties: Vec<(Html, Html)>,
    platform: String,
    recorded_for: ProfileId,
    request: String,
}

/// `GET /w/{ws}/users/{id}?name=&cursor=&after=`.
pub(crate) async fn show(context: Arc<PageContext>) -> PageResult {
    page(&context, None, String::new()).await
}

/// `POST /w/{ws}/users/{id}/merge` with `other`, an identifier or an id, which shows what merging would do; with `merged`, the
/// id that was shown, which does it.
pub(crate) async fn merge(context: Arc<PageContext>) -> PageResult {
    let survivor: ProfileId = context.id()?;
    if let Some(merged) = context.field("merged") {
        let wrong = || Problem::at("/merged", "must be a user id of 24 hexadecimal digits");
        let merged = ProfileId::parse(merged).ok_or_else(wrong);
        let done = match merged {
            Ok(merged) => merge_users(&context, survivor, merged, DryRun(false)).await,
            Err(problem) => Err(problem),
        };
        return match done {
            Ok(DoneOrDry::Done(made)) => context.done(
                &context.within(&format!("merges/{}", made.document.id)),
                "2 users merged. The merge can be reverted on this page.",
            ),
            Ok(DoneOrDry::Dry(_)) => Err(Problem::new(500, "a merge was carried out as a dry run only")),
            Err(problem) => merge_refused(&context, problem).await,
        };
    }
    let value = context.field("other").unwrap_or_default().trim();
    let found = match value {
        "" => Vec::new(),
        value => match ProfileId::parse(value) {
            Some(id) => vec![id],
            None => users_of(&context, value).await?,
        },
    };
    let [other] = &found[..] else {
        let error = match found.len() {
            0 => "No user has this value. Enter an identifier or a user id.".to_owned(),
            n => format!("This value resolves to {n} users, one per kind. Enter the id of one of them."),
        };
        return as_refusal(page(&context, None, error).await);
    };
    match merge_users(&context, survivor, *other, DryRun(true)).await {
        Ok(DoneOrDry::Dry(dry)) => {
            let other = other_user(&context, &dry).await?;
            page(&context, Some(other), String::new()).await
        }
        Ok(DoneOrDry::Done(_)) => Err(Problem::new(500, "a dry run of a merge was carried out")),
        Err(problem) => merge_refused(&context, problem).await,
    }
}

/// Merges two users; a dry run returns what merging them would do.
async fn merge_users(
    context: &PageContext,
    survivor: ProfileId,
    merged: ProfileId,
    dry_run: DryRun,
) -> Result<DoneOrDry<CreatedAnswer<MergeDocument>, MergeContent>, Problem> {
    let wanted = MergeUsersRequest { survivor: AsText(survivor), merged: AsText(merged) };
    context.perform(merges::merge_users, (JsonBody(wanted), dry_run)).await
}

/// Returns the user that a merge would merge into another.
async fn other_user(context: &PageContext, dry: &MergeContent) -> Result<Other, Problem> {
    let user = context.perform(users::show, (Id(dry.merged.0),)).await?;
    Ok(Other {
        id: dry.merged.to_string(),
        name: known_as(&user.identifiers).unwrap_or_else(|| components::short(dry.merged)),
        events: user.event_count,
        identifiers: dry.identifiers.len() as u64,
    })
}

/// Shows why a merge was refused beside its form; a missing right or a failure of the server gets its own page.
async fn merge_refused(context: &PageContext, problem: Problem) -> PageResult {
    match problem.status {
        400 | 404 | 409 => as_refusal(page(context, None, super::problem::sentence(&problem.detail)).await),
        _ => Err(problem),
    }
}

async fn page(context: &PageContext, other: Option<Other>, merge_error: String) -> PageResult {
    let id: ProfileId = context.id()?;
    let doc = context.perform(users::show, (Id(id),)).await?;
    if doc.redirected_from.is_some() {
        return Ok(redirect(&context.within(&format!("users/{}", doc.id))));
    }
    let all = PageQuery { limit: PAGE_MAX, cursor: None };
    let history = context.perform(users::history, (all, Id(id))).await?.items;
    let event_name = context.parameter("name").unwrap_or_default().to_owned();
    let filter = EventFilter { name: Some(event_name.clone()).filter(|name| !name.is_empty()) };
    let events = context.perform(users::events, (context.rows()?, filter, Id(id))).await?;
    let name = known_as(&doc.identifiers).unwrap_or_else(|| id.to_string());
    let layout = Layout::new(context, "User", "users").await?;
    let (identifiers, untold) = identifiers(&layout, &doc, &history);
    let untold = (untold, doc.attributes.len().saturating_sub(USER_ROWS_MAX));
    let page = User {
        identifiers,
        attributes: attributes(&layout, &doc, &history),
        untold,
        days: days(&layout, &events.items),
        next: events.next_cursor.unwrap_or_default(),
        members: members::load(context, &layout, &doc, None).await?,
        other,
        merge_error,
        event_name,
        name,
        layout,
        doc,
    };
    html(&page)
}

/// Returns the first values that resolve or resolved to the user, at most [`USER_ROWS_MAX`], current ones first; how
/// many there are besides.
fn identifiers(layout: &Layout, doc: &UserDocument, history: &[ChangeDocument]) -> (Vec<Identifier>, usize) {
    let origin = |kind: &str, value: &str| {
        history.iter().find(|item| item.field == kind && item.new.as_ref().and_then(Json::as_str) == Some(value))
    };
    let row = |kind: &str, value: &str, name: &'static str| {
        let came = origin(kind, value);
        Identifier {
            kind: kind.to_owned(),
            value: value.to_owned(),
            status: components::identifier_status(name),
            since: came.map(|item| layout.times.full(item.at)).unwrap_or_default(),
            from: came.map(|item| by(layout, item)).unwrap_or_default(),
            is_former: false,
        }
    };
    let former = |it: &FormerIdentifierDocument| Identifier {
        kind: it.kind.clone(),
        value: it.value.clone(),
        status: components::identifier_status("former"),
        since: components::with_word("until", &layout.times.full(it.until)),
        from: Html::default(),
        is_former: true,
    };
    let aliases = || doc.aliases.iter().flat_map(|(kind, values)| values.iter().map(move |value| (kind, value)));
    let all = doc.identifiers.len() + aliases().count() + doc.former_identifiers.len();
    let rows = doc.identifiers.iter().map(|(kind, value)| row(kind, value, "current"));
    let rows = rows.chain(aliases().map(|(kind, value)| row(kind, value, "alias")));
    let rows = rows.chain(doc.former_identifiers.iter().map(former));
    (rows.take(USER_ROWS_MAX).collect(), all.saturating_sub(USER_ROWS_MAX))
}

/// By which merge or request something was done.
fn by(layout: &Layout, item: &ChangeDocument) -> Html {
    let merge = item.merge_id.map(|id| components::with_word("merge", &layout.merge(id)));
    let request = item.request_id.map(|id| layout.request(id));
    match (merge, request) {
        (Some(merge), Some(request)) => components::pair(&merge, "with", &request),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Html::default(),
    }
}

fn attributes(layout: &Layout, doc: &UserDocument, history: &[ChangeDocument]) -> Vec<Attribute> {
    let attribute = |(name, value): (&String, &Json)| {
        let own: Vec<&ChangeDocument> = history.iter().filter(|item| item.field == *name).collect();
        Attribute {
            name: name.clone(),
            value: components::value(value),
            kind: type_name(value),
            changed: own.first().map(|item| layout.times.brief(item.at)).unwrap_or_default(),
            by: own.first().map(|item| by(layout, item)).unwrap_or_default(),
            history: own.iter().take(WHY_LINES_MAX).map(|item| change(layout, doc, item)).collect(),
        }
    };
    doc.attributes.iter().take(USER_ROWS_MAX).map(attribute).collect()
}

fn change(layout: &Layout, doc: &UserDocument, item: &ChangeDocument) -> ChangeRow {
    let side = |value: &Option<Json>| match value {
        None if item.omitted => components::muted("too long to be kept"),
        None => components::muted("not set"),
        Some(value) => components::value(value),
    };
    let by = if item.recorded_for == doc.id {
        by(layout, item)
    } else {
        let under = components::short(item.recorded_for);
        components::pair(&by(layout, item), "recorded for", &components::phrase(&under))
    };
    let what = components::pair(&side(&item.old), "\u{2192}", &side(&item.new));
    ChangeRow { at: layout.times.full(item.at), what, by }
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "",
        Json::Bool(_) => "boolean",
        Json::Number(n) if n.is_f64() => "float",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn days(layout: &Layout, events: &[EventDocument]) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for event in events {
        let name = layout.times.day(event.time);
        if days.last().is_none_or(|day| day.name != name) {
            days.push(Day { name, events: Vec::new() });
        }
        let properties =
            event.attributes.iter().map(|(name, value)| (components::phrase(name), components::value(value)));
        let platform = event.platform.map(|platform| platform.to_string()).unwrap_or_default();
        let version = event.app_version.as_deref().unwrap_or_default();
        if let Some(day) = days.last_mut() {
            day.events.push(Event {
                time: layout.times.clock(event.time),
                action: components::phrase(&event.action),
                properties: properties.collect(),
                platform: format!("{platform} {version}").trim().to_owned(),
                recorded_for: event.recorded_for.0,
                request: event.request_id.to_string(),
            });
        }
    }
    days
}

impl User {
    /// Returns the line below the figures of the profile.
    fn merged(&self) -> String {
        match self.doc.members.len() {
            0 => "no merge".to_owned(),
            n => count_noun(n, "merge"),
        }
    }
}
