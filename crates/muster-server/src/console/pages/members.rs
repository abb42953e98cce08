//! The members of a live profile, on the pages of users and merges: drawn as a tree, and a table of what each holds by
//! itself and what its part would show if its link were cut.

use super::super::doc::Doc as _;
use super::super::parts::{self, Html, Style, Twig};
use super::super::shell::Shell;
use super::super::visit::Visit;
use super::users::known_as;
use crate::http::manage::users;
use crate::limits::{CONSOLE_ROWS, MEMBER_ATTRIBUTES_SHOWN_MAX};
use muster_wire::manage::problem::Problem;
use serde_json::Value as Json;
use std::collections::HashSet;

/// The members of one live profile, fifty of them, each below its parent.
pub(super) struct Members {
    /// The tree; nothing on the pages after the first.
    pub(super) drawing: Html,
    pub(super) rows: Vec<Member>,
    /// Members of the live profile, the root among them.
    pub(super) all: usize,
    /// Where the next page begins; empty at the end.
    pub(super) next: String,
}

/// One member.
pub(super) struct Member {
    pub(super) id: String,
    pub(super) name: String,
    /// The merge that joined it; empty for the root.
    pub(super) merge: String,
    pub(super) joined: Html,
    /// The identifiers of its own record.
    pub(super) keys: Vec<Html>,
    /// How many members its part has beside it, and the events of these all.
    pub(super) below: usize,
    pub(super) events: u64,
    /// Attributes that its part shows, and how many more there are.
    pub(super) shows: Vec<(Html, Html)>,
    pub(super) more: usize,
    pub(super) is_marked: bool,
}

/// The members of the live profile of this document; `marked` is the merge that the page is about. None if it has no
/// member but itself.
pub(super) async fn of(visit: &Visit, shell: &Shell, user: &Json, marked: &str) -> Result<Option<Members>, Problem> {
    let all = user.list("members").len() + 1;
    if all == 1 {
        return Ok(None);
    }
    let (limit, after) = (CONSOLE_ROWS.to_string(), visit.parameter("after"));
    let mut query = vec![("limit", &*limit)];
    query.extend(after.map(|after| ("cursor", after)));
    let page = visit.ask(users::members, &["users", user.text("id"), "members"], &query).await?;
    let items = page.list("items");
    let came = came_with(user, marked);
    let drawing = if after.is_none() { drawn(shell, items, all, &came) } else { Html::default() };
    let rows = items.iter().map(|item| row(shell, item, came.contains(item.text("id")))).collect();
    Ok(Some(Members { drawing, rows, all, next: page.text("next_cursor").to_owned() }))
}

/// The members that a merge brought: the one that it merged, and those below.
fn came_with<'d>(user: &'d Json, merge: &str) -> HashSet<&'d str> {
    let members = user.list("members");
    let mut came = HashSet::new();
    let mut open: Vec<&str> =
        members.iter().filter(|member| member.text("merge_id") == merge).map(|member| member.text("id")).collect();
    while let Some(id) = open.pop() {
        if came.insert(id) {
            open.extend(members.iter().filter(|member| member.text("parent") == id).map(|member| member.text("id")));
        }
    }
    came
}

fn drawn(shell: &Shell, items: &[Json], all: usize, came: &HashSet<&str>) -> Html {
    let row_of = |id: &str| items.iter().position(|item| item.text("id") == id);
    let twig = |item: &Json| {
        let (id, merge) = (item.text("id"), item.text("merge_id"));
        let words = if merge.is_empty() {
            format!("{}, survivor", parts::short(id))
        } else {
            format!("{}, {merge}, {}", parts::short(id), shell.moments.text(item.text("joined_at"), Style::Short))
        };
        Twig { parent: row_of(item.text("parent")), name: name(item), words, is_marked: came.contains(id) }
    };
    let twigs: Vec<Twig> = items.iter().map(twig).collect();
    parts::tree(&twigs, all - twigs.len())
}

/// What a member is called by what its part shows; else by its id.
fn name(item: &Json) -> String {
    let known = known_as(item.member("shows"));
    if known.is_empty() { parts::short(item.text("id")) } else { known }
}

fn row(shell: &Shell, item: &Json, is_marked: bool) -> Member {
    let (own, shows) = (item.member("own"), item.member("shows"));
    let attributes = shows.members("attributes");
    let told = attributes.iter().take(MEMBER_ATTRIBUTES_SHOWN_MAX);
    Member {
        id: item.text("id").to_owned(),
        name: name(item),
        merge: item.text("merge_id").to_owned(),
        joined: shell.moments.brief(item.text("joined_at")),
        keys: own.list("identifiers").iter().map(|key| parts::key(key.text("kind"), key.text("value"))).collect(),
        below: usize::try_from(shows.count("member_count")).unwrap_or_default(),
        events: shows.count("event_count"),
        shows: told.map(|(name, value)| (parts::shown(name), parts::value(value))).collect(),
        more: attributes.len().saturating_sub(MEMBER_ATTRIBUTES_SHOWN_MAX),
        is_marked,
    }
}
