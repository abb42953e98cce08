//! The members of a live profile, on the pages of users and merges: drawn as a tree, and a table of what each holds by
//! itself and of the current values of its subtree.

use super::super::components::{self, Html, Style, TreeRow};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use crate::limits::{CONSOLE_ROWS, MEMBER_ATTRIBUTES_SHOWN_MAX};
use crate::manage::arguments::{Id, PageQuery};
use crate::manage::users;
use indexmap::IndexMap;
use muster_core::id::{MergeNo, ProfileId};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::user::{MemberDetailDocument, UserDocument};
use std::collections::HashSet;

/// The members of one live profile, fifty of them, each below its parent.
pub(super) struct Members {
    /// The tree; nothing on the pages after the first.
    pub(super) drawing: Html,
    pub(super) rows: Vec<MemberRow>,
    /// Members of the live profile, the root among them.
    pub(super) all: usize,
    /// Where the next page begins; empty at the end.
    pub(super) next: String,
}

/// One member.
pub(super) struct MemberRow {
    pub(super) id: String,
    pub(super) name: String,
    /// The merge that joined it; empty for the root.
    pub(super) merge: String,
    pub(super) joined: Html,
    /// The identifiers of its member record.
    pub(super) keys: Vec<Html>,
    /// Further members of its subtree, and the events of the whole subtree.
    pub(super) below: usize,
    pub(super) events: u64,
    /// Current attributes of its subtree, and how many more there are.
    pub(super) shows: Vec<(Html, Html)>,
    pub(super) more: usize,
    pub(super) is_marked: bool,
}

/// Returns the members of a user; `marked` is the merge that the page is about. None if the user has no member but
/// itself.
pub(super) async fn load(
    context: &PageContext,
    layout: &Layout,
    user: &UserDocument,
    marked: Option<MergeNo>,
) -> Result<Option<Members>, Problem> {
    let all = user.members.len() + 1;
    if all == 1 {
        return Ok(None);
    }
    let after = PageQuery::parse(None, context.parameter("after"))?.cursor;
    let page = PageQuery { limit: CONSOLE_ROWS, cursor: after };
    let page = context.perform(users::members, (page, Id(user.id.0))).await?;
    let came = came_with(user, marked);
    let drawing = if after.is_none() { drawn(layout, &page.items, all, &came) } else { Html::default() };
    let rows = page.items.iter().map(|item| row(layout, item, came.contains(&item.id.0))).collect();
    Ok(Some(Members { drawing, rows, all, next: page.next_cursor.unwrap_or_default() }))
}

/// Returns the members that a merge brought: the one that it merged, and those below.
fn came_with(user: &UserDocument, merge: Option<MergeNo>) -> HashSet<ProfileId> {
    let mut came = HashSet::new();
    let joined = user.members.iter().filter(|member| Some(member.merge_id.0) == merge);
    let mut open: Vec<ProfileId> = joined.map(|member| member.id.0).collect();
    while let Some(id) = open.pop() {
        if came.insert(id) {
            open.extend(user.members.iter().filter(|member| member.parent.0 == id).map(|member| member.id.0));
        }
    }
    came
}

fn drawn(layout: &Layout, items: &[MemberDetailDocument], all: usize, came: &HashSet<ProfileId>) -> Html {
    let tree_row = |item: &MemberDetailDocument| {
        let short = components::short(item.id);
        let words = match item.merge_id {
            None => format!("{short}, survivor"),
            Some(merge) => format!("{short}, {merge}, {}", layout.times.text(item.joined_at, Style::Short)),
        };
        TreeRow {
            parent: item.parent.and_then(|parent| items.iter().position(|other| other.id == parent)),
            name: name(item),
            words,
            is_marked: came.contains(&item.id.0),
        }
    };
    let tree_rows: Vec<TreeRow> = items.iter().map(tree_row).collect();
    components::tree(&tree_rows, all - tree_rows.len())
}

/// Returns what a member is called by the current values of its subtree; else by its id.
fn name(item: &MemberDetailDocument) -> String {
    known_as(&item.shows.identifiers).unwrap_or_else(|| components::short(item.id))
}

fn row(layout: &Layout, item: &MemberDetailDocument, is_marked: bool) -> MemberRow {
    let attributes = &item.shows.attributes;
    MemberRow {
        id: item.id.to_string(),
        name: name(item),
        merge: item.merge_id.map(|merge| merge.to_string()).unwrap_or_default(),
        joined: layout.times.brief(item.joined_at),
        keys: item.own.identifiers.iter().map(|key| components::key(&key.kind, &key.value)).collect(),
        below: item.shows.member_count,
        events: item.shows.event_count,
        shows: attributes
            .iter()
            .take(MEMBER_ATTRIBUTES_SHOWN_MAX)
            .map(|(name, value)| (components::phrase(name), components::value(value)))
            .collect(),
        more: attributes.len().saturating_sub(MEMBER_ATTRIBUTES_SHOWN_MAX),
        is_marked,
    }
}

/// Returns what a user is called: its customer id, else another identifier; None if it has none.
pub(super) fn known_as(identifiers: &IndexMap<String, String>) -> Option<String> {
    identifiers.get("customer_id").or_else(|| identifiers.values().next()).cloned()
}
