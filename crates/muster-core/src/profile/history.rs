//! History of the values of a live profile: what was replaced, when, and by which request, id and merge.

use crate::id::{MergeNo, ProfileId, ProfileNo, RequestNo, Seq};
use crate::profile::Member;
use crate::profile::fold::{MemberRef, MemberTree};
use crate::record::{Combined, History, MemberRecord, Merge, Replaced};
use crate::time::Timestamp;
use crate::value::Value;
use std::collections::HashMap;

/// Time and request of positions in the change sequence.
pub type Stamps = HashMap<Seq, (Timestamp, Option<RequestNo>)>;

/// One change of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryItem {
    /// Position in the change sequence, by which the list is sorted.
    pub seq: Seq,
    /// Time; None if only the position is still known.
    pub at: Option<Timestamp>,
    /// Canonical name.
    pub field: Box<str>,
    /// Value before.
    pub old: Option<Value>,
    /// Value after.
    pub new: Option<Value>,
    /// Whether `old` or `new` was too long to be kept.
    pub omitted: bool,
    /// Request.
    pub request: Option<RequestNo>,
    /// Id that the change is recorded under.
    pub recorded_under: ProfileId,
    /// Merge that caused it.
    pub merge: Option<MergeNo>,
}

/// Returns the changes of a profile's values, newest first, with those of merges.
pub fn history(members: &[Member], rows: &[History], stamps: &Stamps, merges: &[Merge]) -> Vec<HistoryItem> {
    let mut items = Vec::new();
    let mut rows_of: HashMap<ProfileNo, Vec<&History>> = HashMap::new();
    for row in rows {
        rows_of.entry(row.profile).or_default().push(row);
    }
    rows_of.values_mut().for_each(|rows| rows.sort_by_key(|row| row.seq));
    let rows_of = |no: ProfileNo| rows_of.get(&no).map_or(&[][..], Vec::as_slice);
    for member in members {
        push_writes(&member.record, rows_of(member.record.no), stamps, &mut items);
    }
    let merges: HashMap<MergeNo, &Merge> = merges.iter().map(|merge| (merge.no, merge)).collect();
    let records: HashMap<ProfileNo, &MemberRecord> = members.iter().map(|m| (m.record.no, &m.record)).collect();
    let tree = MemberTree::new(members.iter().map(|m| MemberRef { record: &m.record, link: m.link.as_ref() }));
    for member in members {
        let Some(link) = &member.link else { continue };
        let Some(merge) = merges.get(&link.merge) else { continue };
        let by_merge = |field: &str, (old, new): (Option<Value>, Option<Value>), omitted: bool| HistoryItem {
            seq: link.seq,
            at: Some(merge.at),
            field: field.into(),
            old,
            new,
            omitted,
            request: merge.request.map(|(request, _)| request),
            recorded_under: member.record.id(),
            merge: Some(merge.no),
        };
        if merge.filled.is_empty() && merge.combined.is_empty() {
            continue;
        }
        let brought = tree.current_values_at(link.child, link.seq);
        let mut below: Option<Vec<ProfileNo>> = None;
        let mut filled = |field: &str| {
            if let Some(value) = brought.attributes.get(field) {
                return Some(value.clone());
            }
            // By number, as the members are.
            let below = below.get_or_insert_with(|| {
                let mut below = tree.subtree(link.child);
                below.sort_unstable();
                below
            });
            let mut records = below.iter().filter_map(|no| records.get(no));
            records.find_map(|record| value_at(record, rows_of(record.no), field, link.seq))
        };
        items.extend(merge.filled.iter().map(|field| by_merge(field, (None, filled(field)), false)));
        let changed = |c: &Combined| by_merge(&c.field, (c.old.clone(), c.new.clone()), c.is_omitted());
        items.extend(merge.combined.iter().map(changed));
    }
    // Two writes of one element have one position; the later one is listed first.
    items.reverse();
    items.sort_by(|a, b| (b.seq, &a.field, a.recorded_under).cmp(&(a.seq, &b.field, b.recorded_under)));
    items
}

/// Returns the value of a member record at a position of the change sequence, by its rows in order: the first value that was
/// replaced afterwards, else the current one. The fold cannot know it because a record keeps only its latest write.
fn value_at(profile: &MemberRecord, rows: &[&History], field: &str, seq: Seq) -> Option<Value> {
    let later = rows.iter().filter(|row| row.seq > seq);
    match later.flat_map(|row| &row.replaced).find(|replaced| *replaced.field == *field) {
        Some(replaced) => replaced.old.clone(),
        None => profile.attributes.get(field).and_then(|write| write.value.clone()),
    }
}

/// Adds the writes of one member record: each replaced value ends one change and starts the next.
fn push_writes(profile: &MemberRecord, rows: &[&History], stamps: &Stamps, items: &mut Vec<HistoryItem>) {
    let mut fields: HashMap<&str, Vec<(Seq, &Replaced)>> = HashMap::new();
    for row in rows {
        for replaced in &row.replaced {
            fields.entry(&replaced.field).or_default().push((row.seq, replaced));
        }
    }
    let mut item = |field: &str, seq: Seq, old: Option<&Replaced>, (new, cut): (Option<Value>, bool)| {
        let stamp = stamps.get(&seq);
        items.push(HistoryItem {
            seq,
            at: stamp.map(|(at, _)| *at),
            field: field.into(),
            old: old.and_then(|old| old.old.clone()),
            new,
            omitted: cut || old.is_some_and(|old| old.omitted),
            request: stamp.and_then(|(_, request)| *request),
            recorded_under: profile.id(),
            merge: None,
        });
    };
    for (name, write) in profile.attributes.iter() {
        let chain = fields.remove(&**name).unwrap_or_default();
        let after = |at: usize| match chain.get(at) {
            Some((_, next)) => (next.old.clone(), next.omitted),
            None => (write.value.clone(), false),
        };
        match chain.first() {
            None => item(name, write.seq, None, after(0)),
            // A replaced unset is not the start of a change.
            Some((_, first)) if first.old.is_some() || first.omitted => item(name, first.since, None, after(0)),
            Some(_) => {}
        }
        for (n, (seq, replaced)) in chain.iter().enumerate() {
            item(name, *seq, Some(replaced), after(n + 1));
        }
    }
    // Names that the record has forgotten: unset and not replaced any more.
    for (name, chain) in fields {
        for (n, (seq, replaced)) in chain.iter().enumerate() {
            let new = chain.get(n + 1).map_or((None, false), |(_, next)| (next.old.clone(), next.omitted));
            item(name, *seq, Some(replaced), new);
        }
    }
}
