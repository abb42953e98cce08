//! Users: whose a value is, and one user with why every value is there.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::head::redirect;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::members::{self, Members};
use super::{refused, rows};
use crate::http::manage::{by_hand, lookup, users};
use crate::limits::{PAGE_MAX, USER_ROWS_MAX, WHY_LINES_MAX};
use askama::Template;
use muster_core::id::{ProfileId, RequestId};
use muster_wire::manage::problem::Problem;
use serde_json::{Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    shell: Shell,
    /// What was looked for; empty before anything was.
    value: String,
    kind: String,
    kinds: Vec<String>,
    verdict: String,
    found: Vec<Found>,
    /// Who held it before: kind, live profile, until.
    former: Vec<(String, String, Html)>,
}

/// How one kind looked the value up.
struct Found {
    kind: String,
    /// The value as it is compared.
    value: String,
    standing: Html,
    /// The live profile; empty if no user matches.
    id: String,
    name: Html,
    last_seen: String,
    events: u64,
}

fn kinds(visit: &Visit) -> Vec<String> {
    let entry = visit.entry().ok();
    entry
        .into_iter()
        .flat_map(|entry| entry.settings.identity.active().map(|k| k.kind.name().to_owned()).collect::<Vec<_>>())
        .collect()
}

/// `GET /w/{ws}/users`: the box alone. Values are never taken from an address, which ends up in logs.
pub(crate) async fn blank(visit: Arc<Visit>) -> Page {
    let shell = Shell::of(&visit, "Users", "users").await?;
    let (value, kind, verdict) = (String::new(), String::new(), String::new());
    html(&Users { kinds: kinds(&visit), shell, value, kind, verdict, found: Vec::new(), former: Vec::new() })
}

/// `POST /w/{ws}/users` with `q` and `kind`: an id, or a value that resolves to one user alone, goes to the page of it. The
/// way back is the page that asked: the answer to a form has no entry in the history of a browser if it is a redirect.
/// Else the page says how each kind looked the value up.
pub(crate) async fn find(visit: Arc<Visit>) -> Page {
    let value = visit.field("q").unwrap_or_default().trim().to_owned();
    if value.is_empty() {
        return blank(visit).await;
    }
    let kind = visit.field("kind").unwrap_or_default().to_owned();
    if let Some(place) = by_id(&visit, &value).await? {
        return Ok(redirect(&place));
    }
    let body = json!({"value": value});
    let looked = visit.told(lookup::lookup, &["users", "lookup"], &[], &body).await?;
    let asked = |item: &&Json| kind.is_empty() || item.text("kind") == kind;
    let items: Vec<&Json> = looked.list("items").iter().filter(asked).collect();
    if let Some(id) = only_hit(&items) {
        return Ok(redirect(&visit.within(&format!("users/{id}"))));
    }
    let mut found = Vec::new();
    for item in &items {
        found.push(led(&visit, item).await?);
    }
    let shell = Shell::of(&visit, "Users", "users").await?;
    let mut former = Vec::new();
    for item in &items {
        let held =
            |it: &Json| (item.text("kind").to_owned(), it.text("id").to_owned(), shell.moments.whole(it.text("until")));
        former.extend(item.list("former").iter().map(held));
    }
    let verdict = verdict(&found, former.len());
    html(&Users { kinds: kinds(&visit), shell, value, kind, verdict, found, former })
}

/// The one user that a value concerns: every kind that finds one finds this, and no other user held the value before.
fn only_hit<'d>(items: &[&'d Json]) -> Option<&'d str> {
    let live = items.iter().map(|item| item.text("id"));
    let former = items.iter().flat_map(|item| item.list("former")).map(|it| it.text("id"));
    let mut hits = live.clone().chain(former).filter(|id| !id.is_empty());
    let first = hits.next()?;
    let is_live = live.into_iter().any(|id| id == first);
    (is_live && hits.all(|id| id == first)).then_some(first)
}

/// What a search found, behind the value that was searched for.
fn verdict(found: &[Found], former: usize) -> String {
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

/// The page of a user's or a request's id, if the value is one that exists.
async fn by_id(visit: &Visit, value: &str) -> Result<Option<String>, Problem> {
    let exists = |answer: Result<Json, Problem>| match answer {
        Ok(_) => Ok(true),
        Err(problem) if problem.status == 404 || problem.status == 410 => Ok(problem.status == 410),
        Err(problem) => Err(problem),
    };
    if ProfileId::parse(value).is_some() && exists(visit.ask(users::show, &["users", value], &[]).await)? {
        return Ok(Some(visit.within(&format!("users/{value}"))));
    }
    let requests = crate::http::manage::requests::show;
    if RequestId::parse(value).is_some() && exists(visit.ask(requests, &["requests", value], &[]).await)? {
        return Ok(Some(visit.within(&format!("requests/{value}"))));
    }
    Ok(None)
}

/// The live profiles that an id or an identifier leads to, each once: by several kinds it may be several.
pub(super) async fn whose(visit: &Visit, value: &str) -> Result<Vec<String>, Problem> {
    let looked = visit.told(lookup::lookup, &["users", "lookup"], &[], &json!({"value": value})).await?;
    let by_kind = looked.list("items").iter().map(|item| item.text("id"));
    let mut leads: Vec<&str> = std::iter::once(looked.text("user_id")).chain(by_kind).collect();
    leads.retain(|id| !id.is_empty());
    leads.sort_unstable();
    leads.dedup();
    Ok(leads.into_iter().map(str::to_owned).collect())
}

async fn led(visit: &Visit, item: &Json) -> Result<Found, Problem> {
    let id = item.text("id").to_owned();
    let user = if id.is_empty() { Json::Null } else { visit.ask(users::show, &["users", &id], &[]).await? };
    let standing = if !item.flag("active") {
        parts::said("the kind is paused")
    } else if item.flag("excepted") {
        parts::said("an exception: not matched and not stored")
    } else if id.is_empty() {
        parts::said("no match")
    } else if user.member("identifiers").text(item.text("kind")) == item.text("value") {
        parts::standing("current")
    } else {
        parts::standing("alias")
    };
    Ok(Found {
        kind: item.text("kind").to_owned(),
        value: item.text("value").to_owned(),
        standing,
        name: parts::shown(&known_as(&user)),
        last_seen: user.text("last_seen").to_owned(),
        events: user.count("event_count"),
        id,
    })
}

/// What a user is called: its customer id, else another identifier.
pub(super) fn known_as(user: &Json) -> String {
    let identifiers = user.members("identifiers");
    let own = identifiers.iter().find(|(kind, _)| *kind == "customer_id").or(identifiers.first());
    own.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}

#[derive(Template)]
#[template(path = "user.html")]
struct User {
    shell: Shell,
    doc: Json,
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

/// A user whom somebody wants to merge into the one that is shown.
struct Other {
    id: String,
    name: String,
    events: u64,
    identifiers: u64,
}

struct Identifier {
    kind: String,
    value: String,
    standing: Html,
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
    history: Vec<Change>,
}

/// One line of why a value is there.
pub(super) struct Change {
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
    recorded_for: String,
    request: String,
}

/// `GET /w/{ws}/users/{id}?name=&cursor=&after=`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    page(&visit, None, String::new()).await
}

/// `POST /w/{ws}/users/{id}/merge` with `other`, an identifier or an id, which shows what merging would do; with `merged`, the
/// id that was shown, which does it.
pub(crate) async fn merge(visit: Arc<Visit>) -> Page {
    let id = visit.part(1);
    if let Some(merged) = visit.field("merged") {
        let body = json!({"survivor": id, "merged": merged});
        return match visit.act(by_hand::merge_users, ("POST", &["merges"]), &body).await {
            Ok(made) => visit.done(
                &visit.within(&format!("merges/{}", made.text("id"))),
                "2 users merged. The merge can be reverted on this page.",
            ),
            Err(problem) => merge_refused(&visit, problem).await,
        };
    }
    let value = visit.field("other").unwrap_or_default().trim();
    let found = match value {
        "" => Vec::new(),
        id if ProfileId::parse(id).is_some() => vec![id.to_owned()],
        value => whose(&visit, value).await?,
    };
    let [other] = &found[..] else {
        let error = match found.len() {
            0 => "No user has this value. Give an identifier, or the id of a user.".to_owned(),
            n => format!("This value resolves to {n} users, one per kind. Give the id of one."),
        };
        return refused(page(&visit, None, error).await);
    };
    let body = json!({"survivor": id, "merged": other});
    match visit.acts(by_hand::merge_users, ("POST", &["merges"]), &[("dry_run", "true")], &body).await {
        Ok(dry) => {
            let user = visit.ask(users::show, &["users", dry.text("merged")], &[]).await?;
            let name = Some(known_as(&user)).filter(|name| !name.is_empty());
            let other = Other {
                id: dry.text("merged").to_owned(),
                name: name.unwrap_or_else(|| parts::short(dry.text("merged"))),
                events: user.count("event_count"),
                identifiers: dry.list("identifiers").len() as u64,
            };
            page(&visit, Some(other), String::new()).await
        }
        Err(problem) => merge_refused(&visit, problem).await,
    }
}

/// What is wrong with a merge stands beside its form; that the token may not, or that the server cannot, is a page.
async fn merge_refused(visit: &Visit, problem: Problem) -> Page {
    match problem.status {
        400 | 404 | 409 => refused(page(visit, None, super::frame::sentence(&problem.detail)).await),
        _ => Err(problem),
    }
}

async fn page(visit: &Visit, other: Option<Other>, merge_error: String) -> Page {
    let id = visit.part(1);
    let doc = visit.ask(users::show, &["users", id], &[]).await?;
    if doc.has("redirected_from") {
        return Ok(redirect(&visit.within(&format!("users/{}", doc.text("id")))));
    }
    let all = PAGE_MAX.to_string();
    let history = visit.ask(users::history, &["users", id, "history"], &[("limit", &all)]).await?;
    let mut query = rows(visit);
    let event_name = visit.parameter("name").unwrap_or_default().to_owned();
    query.extend(Some(("name", &*event_name)).filter(|(_, name)| !name.is_empty()));
    let events = visit.ask(users::events, &["users", id, "events"], &query).await?;
    let name = Some(known_as(&doc)).filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_owned());
    let shell = Shell::of(visit, "User", "users").await?;
    let (identifiers, untold) = identifiers(&shell, &doc, history.list("items"));
    let untold = (untold, doc.members("attributes").len().saturating_sub(USER_ROWS_MAX));
    let page = User {
        identifiers,
        attributes: attributes(&shell, &doc, history.list("items")),
        untold,
        days: days(&shell, events.list("items")),
        next: events.text("next_cursor").to_owned(),
        members: members::of(visit, &shell, &doc, "").await?,
        other,
        merge_error,
        event_name,
        name,
        shell,
        doc,
    };
    html(&page)
}

/// The first so many values that lead or led to the user, current ones first; how many there are beside.
fn identifiers(shell: &Shell, doc: &Json, history: &[Json]) -> (Vec<Identifier>, usize) {
    let origin =
        |kind: &str, value: &str| history.iter().find(|item| item.text("field") == kind && item.text("new") == value);
    let row = |kind: &str, value: &str, name: &'static str| {
        let came = origin(kind, value);
        Identifier {
            kind: kind.to_owned(),
            value: value.to_owned(),
            standing: parts::standing(name),
            since: came.map(|item| shell.moments.whole(item.text("at"))).unwrap_or_default(),
            from: came.map(|item| by(shell, item)).unwrap_or_default(),
            is_former: false,
        }
    };
    let former = |it: &Json| Identifier {
        kind: it.text("kind").to_owned(),
        value: it.text("value").to_owned(),
        standing: parts::standing("former"),
        since: parts::joined("until", &shell.moments.whole(it.text("until"))),
        from: Html::default(),
        is_former: true,
    };
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let (current, aliases) = (doc.members("identifiers"), doc.members("aliases"));
    let aliases: Vec<(&str, &Json)> = aliases
        .into_iter()
        .flat_map(|(kind, values)| values.as_array().into_iter().flatten().map(move |value| (kind, value)))
        .collect();
    let all = current.len() + aliases.len() + doc.list("former_identifiers").len();
    let rows = current.iter().map(|(kind, value)| row(kind, &text(value), "current"));
    let rows = rows.chain(aliases.iter().map(|(kind, value)| row(kind, &text(value), "alias")));
    let rows = rows.chain(doc.list("former_identifiers").iter().map(former));
    (rows.take(USER_ROWS_MAX).collect(), all.saturating_sub(USER_ROWS_MAX))
}

/// By which merge or request something was done.
fn by(shell: &Shell, item: &Json) -> Html {
    let (merge, request) = (item.text("merge_id"), item.text("request_id"));
    let merge = Some(merge).filter(|id| !id.is_empty()).map(|id| parts::joined("merge", &shell.merge(id)));
    let request = Some(request).filter(|id| !id.is_empty()).map(|id| shell.request(id));
    match (merge, request) {
        (Some(merge), Some(request)) => parts::both(&merge, "with", &request),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Html::default(),
    }
}

fn attributes(shell: &Shell, doc: &Json, history: &[Json]) -> Vec<Attribute> {
    let attribute = |(name, value): (&str, &Json)| {
        let own: Vec<&Json> = history.iter().filter(|item| item.text("field") == name).collect();
        Attribute {
            name: name.to_owned(),
            value: parts::value(value),
            kind: type_name(value),
            changed: own.first().map(|item| shell.moments.brief(item.text("at"))).unwrap_or_default(),
            by: own.first().map(|item| by(shell, item)).unwrap_or_default(),
            history: own.iter().take(WHY_LINES_MAX).map(|item| change(shell, doc, item)).collect(),
        }
    };
    doc.members("attributes").into_iter().take(USER_ROWS_MAX).map(attribute).collect()
}

fn change(shell: &Shell, doc: &Json, item: &Json) -> Change {
    let side = |name: &str| match item.member(name) {
        Json::Null if item.flag("omitted") => parts::said("too long to be kept"),
        Json::Null => parts::said("not set"),
        value => parts::value(value),
    };
    let (old, new) = (side("old"), side("new"));
    let under = item.text("recorded_for");
    let by = if under.is_empty() || under == doc.text("id") {
        by(shell, item)
    } else {
        parts::both(&by(shell, item), "recorded for", &parts::shown(&parts::short(under)))
    };
    Change { at: shell.moments.whole(item.text("at")), what: parts::both(&old, "\u{2192}", &new), by }
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

fn days(shell: &Shell, events: &[Json]) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for event in events {
        let name = shell.moments.day(event.text("time"));
        if days.last().is_none_or(|day| day.name != name) {
            days.push(Day { name, events: Vec::new() });
        }
        let properties =
            event.members("attributes").into_iter().map(|(name, value)| (parts::shown(name), parts::value(value)));
        let version = event.text("app_version");
        if let Some(day) = days.last_mut() {
            day.events.push(Event {
                time: shell.moments.clock(event.text("time")),
                action: parts::shown(event.text("action")),
                properties: properties.collect(),
                platform: format!("{} {version}", event.text("platform")).trim().to_owned(),
                recorded_for: event.text("recorded_for").to_owned(),
                request: event.text("request_id").to_owned(),
            });
        }
    }
    days
}

impl User {
    /// What is said of the profile under its figures.
    fn merged(&self) -> String {
        match self.doc.list("members").len() as u64 {
            0 => "no merge".to_owned(),
            n => counted(n, "merge"),
        }
    }
}
