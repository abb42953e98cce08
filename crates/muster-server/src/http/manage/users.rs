//! Users: found by an identifier, shown, and their timeline.

use super::lookup::holder;
use super::{Answer, Call, Refusal, tree};
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
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::{body, event, history, user};
use std::collections::BTreeSet;
use std::sync::Arc;

fn nobody() -> Problem {
    Problem::new(404, "no such user")
}

/// `POST .../users/find` `{"kind", "value"}`: whom an identifier resolves to. A kind that is no identifier here is a 400 that
/// names those that are: nobody is found by it, which is no answer about the value.
pub(crate) async fn find(call: Call) -> Answer {
    let entry = call.entry()?;
    let members = body::object(&call.body)?;
    body::only_known(&members, "", &["kind", "value"])?;
    let text = |name: &str| {
        let missing = || Problem::at(format!("/{name}"), "kind and value must both be given");
        body::text(members.get(name).ok_or_else(missing)?, &format!("/{name}")).map(str::to_owned)
    };
    let (kind, value) = (text("kind")?, text("value")?);
    let identity = &entry.settings.identity;
    let active = identity.active_kind(canonical(&kind)).ok_or_else(|| no_kind(identity))?;
    let key = Identifier { kind: active.kind.clone(), value: normalise(active.normaliser, &value) };
    let identity = entry.settings.identity.clone();
    let find = move |reader: &mut dyn Reader| {
        let Some(no) = holder(reader, &identity, &key)? else { return Ok(None) };
        reader.profile(no)
    };
    user_answer(call, entry, find, None).await
}

/// Answers with the live profile that `find` finds; `asked` is the id that was asked for, if it was one.
async fn user_answer(
    call: Call,
    entry: Arc<Entry>,
    find: impl FnOnce(&mut dyn Reader) -> Result<Option<LiveProfile>, EngineError> + Send + 'static,
    asked: Option<ProfileId>,
) -> Answer {
    let of = Arc::clone(&entry);
    let shown = call.answer(entry.id(), find, move |live| {
        let snapshot = assembled(&of, live.ok_or_else(nobody)?)?;
        let redirected_from = asked.filter(|id| *id != snapshot.id);
        Ok::<_, Refusal>((snapshot.id, tree(200, &user::json(&snapshot, redirected_from))))
    });
    let (id, response) = shown.await??;
    call.saw(&entry, id, "profile");
    Ok(Call::about(&entry, response))
}

fn no_kind(identity: &Identity) -> Problem {
    let active = identity.kinds.iter().map(|kind| kind.kind.name());
    let names: Vec<&str> = active.filter(|name| identity.active_kind(name).is_some()).collect();
    Problem::at("/kind", format!("no identifier of this workspace; its identifiers are: {}", names.join(", ")))
}

fn assembled(entry: &Entry, live: LiveProfile) -> Result<Profile, Refusal> {
    let broken = || EngineError::Corrupt("a live profile without its own record".into());
    let snapshot = assemble(live.root, &live.members, live.view, &entry.settings.identity);
    snapshot.ok_or_else(|| broken().into())
}

/// The live profile that an id answers; None if there is no such id.
fn live(reader: &mut dyn Reader, id: ProfileId) -> Result<Option<LiveProfile>, EngineError> {
    let found = reader.profile(id.no)?;
    Ok(found.filter(|live| live.members.iter().any(|member| member.record.id() == id)))
}

/// Every member of the live profile that an id belongs to; None if there is no such id.
pub(super) fn members_of(reader: &mut dyn Reader, id: ProfileId) -> Result<Option<BTreeSet<ProfileNo>>, EngineError> {
    Ok(live(reader, id)?.map(|live| live.members.iter().map(|member| member.record.no).collect()))
}

/// `GET .../users/{id}`: the live profile that the id belongs to.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let id = ProfileId::parse(call.part(1)).ok_or_else(nobody)?;
    user_answer(call, entry, move |reader| live(reader, id), Some(id)).await
}

/// `GET .../users/{id}/members?limit=&cursor=`: the members of the live profile, the root first and each below its parent,
/// with what its own record holds and what its part shows.
pub(crate) async fn members(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?.min(MEMBERS_PAGE_MAX);
    let after = call.cursor(ProfileId::parse)?;
    let id = ProfileId::parse(call.part(1)).ok_or_else(nobody)?;
    let settings = Arc::clone(&entry.settings);
    // Folding the parts of a large tree takes a while: it is done where reading is.
    let found = call.read(entry.id(), move |reader| {
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
            let item = user::own(&own);
            bytes += item.to_string().len();
            items.push(item);
            if items.len() == limit || bytes > MEMBERS_PAGE_BYTES_MAX {
                break;
            }
        }
        let is_last = from + items.len() >= order.len();
        Ok(Some(Some((items, is_last))))
    });
    let changed = || Problem::new(409, "this member has left the live profile since; begin again without cursor");
    let (items, is_last) = found.await?.ok_or_else(nobody)?.ok_or_else(changed)?;
    call.saw(&entry, id, "members");
    let last = items.last().and_then(|last| last["id"].as_str()).map(str::to_owned);
    let next = last.filter(|_| !is_last);
    Ok(Call::about(&entry, tree(200, &page(items, next.as_deref()))))
}

/// `GET .../users/{id}/events?limit=&cursor=&name=`: newest first, of all members.
pub(crate) async fn events(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let below = call.cursor(parse_cursor)?;
    let name = call.parameter("name").map(str::to_owned);
    let id = ProfileId::parse(call.part(1)).ok_or_else(nobody)?;
    let find = move |reader: &mut dyn Reader| {
        let Some(live) = live(reader, id)? else { return Ok(None) };
        let profiles: Vec<ProfileNo> = live.members.iter().map(|member| member.record.no).collect();
        let query = EventQuery { profiles: &profiles, name: name.as_deref(), below, limit };
        let events = reader.events(&query)?;
        Ok(Some((events, live)))
    };
    let shown = call.answer(entry.id(), find, move |found| {
        let (events, live) = found?;
        let next = events.items.last().filter(|_| events.more).map(cursor);
        let recorded_for = |event: &Event| {
            let member = live.members.iter().find(|member| member.record.no == event.profile);
            member.map_or(id, |member| member.record.id())
        };
        let items = events.items.iter().map(|e| event::json(e, recorded_for(e), true)).collect();
        Some(tree(200, &page(items, next.as_deref())))
    });
    let response = shown.await?.ok_or_else(nobody)?;
    call.saw(&entry, id, "events");
    Ok(Call::about(&entry, response))
}

/// `GET .../users/{id}/history?limit=&cursor=`: why values are there, newest first.
pub(crate) async fn history(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let after = call.cursor(|text| {
        let mut parts = text.splitn(4, '_');
        let (seq, under, nth) =
            (parts.next()?.parse().ok()?, ProfileId::parse(parts.next()?)?, parts.next()?.parse().ok()?);
        Some(Line { seq, field: parts.next()?.to_owned(), under, nth })
    })?;
    let id = ProfileId::parse(call.part(1)).ok_or_else(nobody)?;
    let shown = call.answer(
        entry.id(),
        move |reader| told(reader, id),
        move |items| {
            let items = items?;
            let lines = lines(&items);
            let is_left = |line: &Line| after.as_ref().is_none_or(|after| line.is_after(after));
            let mut rest = items.iter().zip(&lines).filter(|(_, line)| is_left(line));
            let listed: Vec<_> = rest.by_ref().take(limit).collect();
            let more = rest.next().is_some();
            let next =
                listed.last().filter(|_| more).map(|(_, l)| format!("{}_{}_{}_{}", l.seq, l.under, l.nth, l.field));
            let listed = listed.into_iter().map(|(item, _)| history::json(item)).collect();
            Some(tree(200, &page(listed, next.as_deref())))
        },
    );
    let response = shown.await?.ok_or_else(nobody)?;
    call.saw(&entry, id, "history");
    Ok(Call::about(&entry, response))
}

/// The place of an item in the list: newest first, of one write by name, of one name by the id that it is recorded under;
/// what one element wrote twice under one id is told apart by a number.
#[derive(PartialEq)]
struct Line {
    seq: Seq,
    field: String,
    under: ProfileId,
    nth: usize,
}

impl Line {
    fn is_after(&self, other: &Self) -> bool {
        let rest = |line: &Self| (line.field.clone(), line.under, line.nth);
        self.seq < other.seq || self.seq == other.seq && rest(self) > rest(other)
    }
}

fn lines(items: &[HistoryItem]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(items.len());
    for item in items {
        let (seq, field, under) = (item.seq, item.field.to_string(), item.recorded_under);
        let same = lines.last().filter(|last| (last.seq, &last.field, last.under) == (seq, &field, under));
        let nth = same.map_or(0, |last| last.nth + 1);
        lines.push(Line { seq, field, under, nth });
    }
    lines
}

fn told(reader: &mut dyn Reader, id: ProfileId) -> Result<Option<Vec<HistoryItem>>, EngineError> {
    let Some(live) = live(reader, id)? else { return Ok(None) };
    let (mut rows, mut merges, mut places) = (Vec::new(), Vec::new(), BTreeSet::new());
    for member in &live.members {
        rows.extend(reader.history(&member.record)?);
        places.extend(member.record.attributes.values().map(|write| write.seq));
        if let Some(link) = &member.link {
            merges.extend(reader.merge(link.merge)?);
        }
    }
    places.extend(rows.iter().flat_map(|row| row.replaced.iter().map(|r| r.since).chain([row.seq])));
    let places: Vec<Seq> = places.into_iter().collect();
    let stamps = reader.changes(&places)?.into_iter().map(|change| (change.seq, (change.at, change.request))).collect();
    Ok(Some(muster_core::profile::history::history(&live.members, &rows, &stamps, &merges)))
}

fn cursor(event: &Event) -> String {
    format!("{}_{}", event.time.0, event.seq)
}

fn parse_cursor(text: &str) -> Option<(Timestamp, Seq)> {
    let (time, seq) = text.split_once('_')?;
    Some((Timestamp(time.parse().ok()?), seq.parse().ok()?))
}
