//! Users: found by an identifier, shown, their members, their timeline and why their values are there.

use super::arguments::{Arguments, Cursor, Id, JsonBody, PageQuery, PathId as _, Sent};
use super::context::WorkspaceContext;
use super::description::{CallDescription, Parameter};
use super::error::ManageError;
use super::lookup::holder;
use crate::limits::{MEMBERS_PAGE_BYTES_MAX, MEMBERS_PAGE_MAX};
use crate::workspaces::Entry;
use muster_core::attribute::canonical;
use muster_core::id::{ProfileId, ProfileNo, Seq};
use muster_core::identifier::{Identifier, normalise};
use muster_core::profile::history::HistoryItem;
use muster_core::profile::{Profile, Subtrees, assemble, member_detail, tree_order};
use muster_core::record::Event;
use muster_core::settings::Identity;
use muster_core::time::Timestamp;
use muster_store::engine::EngineError;
use muster_store::reader::{EventQuery, LiveProfile, Reader};
use muster_wire::manage::event::EventDocument;
use muster_wire::manage::history::ChangeDocument;
use muster_wire::manage::page::{PageDocument, render};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::user::{FindUserRequest, MemberDetailDocument, UserDocument};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Finds the user that an identifier resolves to. A kind that is not an identifier of the workspace is a 400 that names those
/// that are: that no user is found by it does not answer about the value.
pub(crate) async fn find(
    call: WorkspaceContext,
    (JsonBody(FindUserRequest { kind, value }),): (JsonBody<FindUserRequest>,),
) -> Result<UserDocument, ManageError> {
    let identity = call.entry.settings.identity.clone();
    let active = identity.active_kind(canonical(&kind)).ok_or_else(|| no_kind(&identity))?;
    let key = Identifier { kind: active.kind.clone(), value: normalise(active.normaliser, &value) };
    let find = move |reader: &mut dyn Reader| {
        let Some(no) = holder(reader, &identity, &key)? else { return Ok(None) };
        reader.profile(no)
    };
    user(call, find, None).await
}

/// Returns the live profile that `find` finds; `asked` is the id that was asked for, if it was one.
async fn user(
    call: WorkspaceContext,
    find: impl FnOnce(&mut dyn Reader) -> Result<Option<LiveProfile>, EngineError> + Send + 'static,
    asked: Option<ProfileId>,
) -> Result<UserDocument, ManageError> {
    let of = Arc::clone(&call.entry);
    let found = call.answer(find, move |live| {
        let snapshot = assembled(&of, live.ok_or_else(ProfileId::unknown)?)?;
        let redirected_from = asked.filter(|id| *id != snapshot.id);
        Ok::<_, ManageError>(UserDocument::new(&snapshot, redirected_from))
    });
    let user = found.await??;
    call.saw(user.id.0, "profile");
    Ok(user)
}

fn no_kind(identity: &Identity) -> Problem {
    let active = identity.kinds.iter().map(|kind| kind.kind.name());
    let names: Vec<&str> = active.filter(|name| identity.active_kind(name).is_some()).collect();
    Problem::at("/kind", format!("is not an identifier kind of this workspace; its kinds are: {}", names.join(", ")))
}

fn assembled(entry: &Entry, live: LiveProfile) -> Result<Profile, ManageError> {
    let broken = || EngineError::Corrupt("a live profile without its own record".into());
    let snapshot = assemble(live.root, &live.members, live.view, &entry.settings.identity);
    snapshot.ok_or_else(|| broken().into())
}

/// Returns the live profile that an id belongs to; None if no profile has it.
fn live(reader: &mut dyn Reader, id: ProfileId) -> Result<Option<LiveProfile>, EngineError> {
    let found = reader.profile(id.no)?;
    Ok(found.filter(|live| live.members.iter().any(|member| member.record.id() == id)))
}

/// Returns every member of the live profile that an id belongs to; None if no profile has it.
pub(crate) fn members_of(reader: &mut dyn Reader, id: ProfileId) -> Result<Option<BTreeSet<ProfileNo>>, EngineError> {
    Ok(live(reader, id)?.map(|live| live.members.iter().map(|member| member.record.no).collect()))
}

/// Shows the user that an id belongs to.
pub(crate) async fn show(call: WorkspaceContext, (Id(id),): (Id<ProfileId>,)) -> Result<UserDocument, ManageError> {
    user(call, move |reader| live(reader, id), Some(id)).await
}

/// Lists the members of a user, the root first and each below its parent, with what its record holds and what its subtree
/// holds.
pub(crate) async fn members(
    call: WorkspaceContext,
    (page, Id(id)): (PageQuery<ProfileId>, Id<ProfileId>),
) -> Result<PageDocument<MemberDetailDocument>, ManageError> {
    let (limit, after) = (page.limit.min(MEMBERS_PAGE_MAX), page.cursor);
    let settings = Arc::clone(&call.entry.settings);
    // Folding the subtrees of a large tree takes a while: it is done where reading is.
    let found = call.read(move |reader| {
        let Some(live) = live(reader, id)? else { return Ok(None) };
        let order = tree_order(&live.members, live.root);
        let from = match after {
            None => 0,
            Some(after) => match order.iter().position(|no| *no == after.no) {
                Some(at) => at + 1,
                None => return Ok(Some(None)),
            },
        };
        let (mut items, mut bytes, parts) = (Vec::new(), 0, Subtrees::new(&live.members));
        for own in order.iter().skip(from).filter_map(|no| member_detail(*no, &parts, &settings.identity)) {
            let item = MemberDetailDocument::from(&own);
            bytes += render(&item).len();
            items.push(item);
            if items.len() == limit || bytes > MEMBERS_PAGE_BYTES_MAX {
                break;
            }
        }
        let is_last = from + items.len() >= order.len();
        Ok(Some(Some((items, is_last))))
    });
    let changed =
        || Problem::new(409, "this member was detached from the user in the meantime; start again without cursor");
    let (items, is_last) = found.await?.ok_or_else(ProfileId::unknown)?.ok_or_else(changed)?;
    call.saw(id, "members");
    let next_cursor = items.last().filter(|_| !is_last).map(|last| last.id.to_string());
    Ok(PageDocument { items, next_cursor })
}

/// Which events are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventFilter {
    /// The name of the events; None is all.
    pub(crate) name: Option<String>,
}

impl Arguments for EventFilter {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Ok(Self { name: sent.parameter("name").map(str::to_owned) })
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.query(Parameter::text("name", "Only events with this name"));
    }
}

/// The place of an event in a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventPlace {
    time: Timestamp,
    seq: Seq,
}

impl Cursor for EventPlace {
    fn parse(text: &str) -> Option<Self> {
        let (time, seq) = text.split_once('_')?;
        Some(Self { time: Timestamp(time.parse().ok()?), seq: seq.parse().ok()? })
    }
}

/// Lists the events of a user, the newest first.
pub(crate) async fn events(
    call: WorkspaceContext,
    (page, EventFilter { name }, Id(id)): (PageQuery<EventPlace>, EventFilter, Id<ProfileId>),
) -> Result<PageDocument<EventDocument>, ManageError> {
    let (limit, below) = (page.limit, page.cursor.map(|place| (place.time, place.seq)));
    let find = move |reader: &mut dyn Reader| {
        let Some(live) = live(reader, id)? else { return Ok(None) };
        let profiles: Vec<ProfileNo> = live.members.iter().map(|member| member.record.no).collect();
        let query = EventQuery { profiles: &profiles, name: name.as_deref(), below, limit };
        let events = reader.events(&query)?;
        Ok(Some((events, live)))
    };
    let found = call.answer(find, move |found| {
        let (events, live) = found?;
        let next_cursor = events.items.last().filter(|_| events.more).map(|e| format!("{}_{}", e.time.0, e.seq));
        let recorded_for = |event: &Event| {
            let member = live.members.iter().find(|member| member.record.no == event.profile);
            member.map_or(id, |member| member.record.id())
        };
        let items = events.items.iter().map(|event| EventDocument::new(event, recorded_for(event))).collect();
        Some(PageDocument { items, next_cursor })
    });
    let found = found.await?.ok_or_else(ProfileId::unknown)?;
    call.saw(id, "events");
    Ok(found)
}

/// Lists why the values of a user are there, the newest change first.
pub(crate) async fn history(
    call: WorkspaceContext,
    (page, Id(id)): (PageQuery<HistoryPlace>, Id<ProfileId>),
) -> Result<PageDocument<ChangeDocument>, ManageError> {
    let PageQuery { limit, cursor: after } = page;
    let found = call.answer(
        move |reader| changes(reader, id),
        move |items| {
            let items = items?;
            let places = places(&items);
            let is_left = |place: &HistoryPlace| after.as_ref().is_none_or(|after| place.is_after(after));
            let mut rest = items.iter().zip(&places).filter(|(_, place)| is_left(place));
            let listed: Vec<_> = rest.by_ref().take(limit).collect();
            let more = rest.next().is_some();
            let next_cursor = listed.last().filter(|_| more).map(|(_, place)| place.text());
            Some(PageDocument {
                items: listed.into_iter().map(|(item, _)| ChangeDocument::from(item)).collect(),
                next_cursor,
            })
        },
    );
    let found = found.await?.ok_or_else(ProfileId::unknown)?;
    call.saw(id, "history");
    Ok(found)
}

/// The place of an item in the list: newest first, of one write by name, of one name by the id that it is recorded under;
/// what one element wrote twice under one id is told apart by a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistoryPlace {
    seq: Seq,
    field: String,
    under: ProfileId,
    nth: usize,
}

impl HistoryPlace {
    fn text(&self) -> String {
        format!("{}_{}_{}_{}", self.seq, self.under, self.nth, self.field)
    }

    fn is_after(&self, other: &Self) -> bool {
        let rest = |place: &Self| (place.field.clone(), place.under, place.nth);
        self.seq < other.seq || self.seq == other.seq && rest(self) > rest(other)
    }
}

impl Cursor for HistoryPlace {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '_');
        let (seq, under, nth) =
            (parts.next()?.parse().ok()?, ProfileId::parse(parts.next()?)?, parts.next()?.parse().ok()?);
        Some(Self { seq, field: parts.next()?.to_owned(), under, nth })
    }
}

fn places(items: &[HistoryItem]) -> Vec<HistoryPlace> {
    let mut places: Vec<HistoryPlace> = Vec::with_capacity(items.len());
    for item in items {
        let (seq, field, under) = (item.seq, item.field.to_string(), item.recorded_under);
        let same = places.last().filter(|last| (last.seq, &last.field, last.under) == (seq, &field, under));
        let nth = same.map_or(0, |last| last.nth + 1);
        places.push(HistoryPlace { seq, field, under, nth });
    }
    places
}

fn changes(reader: &mut dyn Reader, id: ProfileId) -> Result<Option<Vec<HistoryItem>>, EngineError> {
    let Some(live) = live(reader, id)? else { return Ok(None) };
    let (mut rows, mut merges, mut seqs) = (Vec::new(), Vec::new(), BTreeSet::new());
    for member in &live.members {
        rows.extend(reader.history(&member.record)?);
        seqs.extend(member.record.attributes.values().map(|write| write.seq));
        if let Some(link) = &member.link {
            merges.extend(reader.merge_effect(link.merge)?);
        }
    }
    seqs.extend(rows.iter().flat_map(|row| row.replaced.iter().map(|r| r.since).chain([row.seq])));
    let seqs: Vec<Seq> = seqs.into_iter().collect();
    let stamps = reader.changes(&seqs)?.into_iter().map(|change| (change.seq, (change.at, change.request))).collect();
    Ok(Some(muster_core::profile::history::history(&live.members, &rows, &stamps, &merges)))
}
