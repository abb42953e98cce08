//! The laws of behaviour.md 3.6 that can be checked on stored data through any engine's reader: L1 and L2 (bindings),
//! L3 (redirects), L4 (events), root pointers, links, views as the fold of member records, device tokens, counters.

use crate::engine::EngineError;
use crate::reader::{LiveProfile, Reader};
use muster_core::attribute::CUSTOMER_ID;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::{MergeNo, ProfileNo};
use muster_core::identifier::Identifier;
use muster_core::profile::fold::{MemberRef, MemberTree};
use muster_core::record::{Counters, DeviceToken, MergeLink, RootPointer, TreeTotals, View};
use std::collections::{BTreeMap, HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_128;

/// Most breaches reported; one cause often shows a thousand times.
pub const BREACHES_MAX: usize = 1_000;

/// What the laws need of all rows: numbers and hashes, no values.
#[derive(Default)]
struct Seen {
    counters: Counters,
    bindings: HashMap<u128, ProfileNo>,
    held: u64,
    /// Size of member records.
    own: HashMap<ProfileNo, u64>,
    root_pointers: BTreeMap<ProfileNo, RootPointer>,
    views: HashSet<ProfileNo>,
    links: HashMap<ProfileNo, (ProfileNo, MergeNo)>,
    devices: HashMap<ProfileNo, u32>,
    tokens: HashSet<u128>,
    events: HashMap<ProfileNo, u64>,
    merges: HashMap<MergeNo, (ProfileNo, bool)>,
    event_rows: u64,
    device_rows: u64,
    unreplayed: u64,
    reviews: u64,
    reviews_open: u64,
    former_told: Pairs,
    former_noted: Pairs,
    history_named: u64,
    history_rows: u64,
    breaches: Vec<String>,
}

/// Returns the breaches of the laws in what the reader sees, at most [`BREACHES_MAX`]. Takes memory for each profile
/// and identifier.
///
/// # Errors
/// Those of the reader.
pub fn breaches(reader: &mut dyn Reader) -> Result<Vec<String>, EngineError> {
    let mut seen = Seen { counters: reader.counters()?, ..Seen::default() };
    reader.rows(&mut |row| seen.row(&row))?;
    seen.bindings_agree();
    seen.trees_agree();
    seen.counters_agree();
    let roots: Vec<ProfileNo> = seen.root_pointers.values().filter(|s| s.tree.members > 1).map(|s| s.no).collect();
    for root in roots {
        if let Some(breach) = view_breach(reader, root)? {
            seen.breach(|| breach);
        }
    }
    Ok(seen.breaches)
}

fn key_hash(key: &Identifier) -> u128 {
    xxh3_128(format!("{}\0{}", key.kind.name(), key.value).as_bytes())
}

fn token_hash(token: &DeviceToken) -> u128 {
    xxh3_128(format!("{}\0{}", token.kind as u8, token.value).as_bytes())
}

/// Keys with member records: how many, and the sum of their hashes, whatever their order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pairs(u64, u128);

impl Pairs {
    fn add(&mut self, key: &Identifier, no: ProfileNo) {
        let hash = key_hash(key).rotate_left(64) ^ xxh3_128(&no.0.to_le_bytes());
        *self = Self(self.0 + 1, self.1.wrapping_add(hash));
    }
}

impl Seen {
    fn breach(&mut self, text: impl FnOnce() -> String) {
        if self.breaches.len() < BREACHES_MAX {
            self.breaches.push(text());
        }
    }

    fn require(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.breach(text);
        }
    }

    fn row(&mut self, row: &RowChange) {
        match row {
            RowChange::Upsert(StoredRow::Binding(key, no)) => drop(self.bindings.insert(key_hash(key), *no)),
            RowChange::Upsert(StoredRow::MemberRecord(profile)) => {
                let weight = profile.attributes.size().weight as u64;
                self.own.insert(profile.no, weight);
                self.history_named += profile.history.len() as u64;
                let former: HashSet<&Identifier> = profile.former.iter().map(|former| &former.identifier).collect();
                former.into_iter().for_each(|key| self.former_told.add(key, profile.no));
                // An id that was changed stays beside the new one (behaviour.md 3.2.i).
                let others =
                    || profile.identifiers.iter().map(|key| &key.kind).filter(|kind| kind.name() != CUSTOMER_ID);
                let kinds: HashSet<_> = others().collect();
                let no = profile.no;
                self.require(kinds.len() == others().count(), || format!("profile {} holds a kind twice", no.0));
                for key in &profile.identifiers {
                    let bound = self.bindings.get(&key_hash(key)).copied();
                    self.require(bound == Some(no), || {
                        format!("L2: profile {} holds a key of kind {} that is not bound to it", no.0, key.kind.name())
                    });
                    self.held += 1;
                }
            }
            RowChange::Upsert(StoredRow::RootPointer(root_pointer)) => {
                self.root_pointers.insert(root_pointer.no, *root_pointer);
            }
            RowChange::Upsert(StoredRow::View(root, _)) => drop(self.views.insert(*root)),
            RowChange::Upsert(StoredRow::MergeLink(MergeLink { child, parent, merge, .. })) => {
                self.links.insert(*child, (*parent, *merge));
            }
            RowChange::Upsert(StoredRow::Device(device)) => {
                *self.devices.entry(device.at.profile).or_default() += 1;
                self.device_rows += 1;
                for token in device.fields.tokens() {
                    let new = self.tokens.insert(token_hash(&token));
                    self.require(new, || format!("two devices share a token, one of profile {}", device.at.profile.0));
                }
            }
            RowChange::Upsert(StoredRow::Event(event)) => {
                *self.events.entry(event.profile).or_default() += 1;
                self.event_rows += 1;
                let last = self.counters.seq;
                self.require(event.seq <= last, || format!("event {} is beyond the change sequence", event.seq));
            }
            RowChange::Upsert(StoredRow::Merge(merge)) => {
                self.merges.insert(merge.no, (merge.merged.no, merge.reverted_at.is_some()));
            }
            RowChange::Upsert(StoredRow::Review(review)) => {
                self.reviews += 1;
                self.reviews_open += u64::from(review.is_open());
            }
            RowChange::Upsert(StoredRow::History(_)) => self.history_rows += 1,
            RowChange::Upsert(StoredRow::FormerHolder(key, no)) => self.former_noted.add(key, *no),
            RowChange::Upsert(StoredRow::QuarantinedElement(entry)) => self.unreplayed += u64::from(entry.is_open()),
            _ => {}
        }
    }

    /// L1 and L2: as many keys are held as are bound, and each is bound to its holder, so each has exactly one.
    fn bindings_agree(&mut self) {
        let (bound, held) = (self.bindings.len() as u64, self.held);
        self.require(bound == held, || format!("L1: {bound} keys are bound, member records hold {held}"));
        let nobody = self.bindings.values().filter(|no| !self.own.contains_key(no)).count();
        self.require(nobody == 0, || format!("L1: {nobody} keys are bound to nobody"));
    }

    /// L3, root pointers and links: redirects are one hop, every member has its link, totals of trees are those of
    /// members.
    fn trees_agree(&mut self) {
        let (profiles, root_pointers) = (self.own.len(), self.root_pointers.len());
        self.require(profiles == root_pointers, || format!("{profiles} member records have {root_pointers} standings"));
        let all: Vec<RootPointer> = self.root_pointers.values().copied().collect();
        let mut trees: HashMap<ProfileNo, (TreeTotals, u64)> = HashMap::new();
        for s in &all {
            let no = s.no.0;
            let root = self.root_pointers.get(&s.root).map(|root| root.root);
            self.require(root == Some(s.root), || {
                format!("L3: profile {no} points at {} which is not a root", s.root.0)
            });
            let events = self.events.get(&s.no).copied().unwrap_or_default();
            self.require(s.events == events, || format!("L4: profile {no} counts {} events, has {events}", s.events));
            let devices = self.devices.get(&s.no).copied().unwrap_or_default();
            self.require(s.devices == devices, || format!("profile {no} counts {} devices, has {devices}", s.devices));
            let Some(weight) = self.own.get(&s.no).copied() else {
                self.breach(|| format!("profile {no} has no member record"));
                continue;
            };
            self.link_agrees(s);
            let own = TreeTotals { first_seen: s.first_seen, last_seen: s.last_seen, events, devices, members: 1 };
            let with = |(tree, weighs): &mut (TreeTotals, u64)| (*tree, *weighs) = (tree.with(own), *weighs + weight);
            trees.entry(s.root).and_modify(with).or_insert((own, weight));
        }
        for s in all.iter().filter(|s| s.root == s.no) {
            let tree = trees.get(&s.no);
            self.require(tree == Some(&(s.tree, s.weight)), || {
                format!("the figures of live profile {} are not those of its members", s.no.0)
            });
            let (members, view) = (s.tree.members > 1, self.views.contains(&s.no));
            self.require(members == view, || format!("profile {} has a view without members, or none with", s.no.0));
        }
        let strays = self.views.iter().filter(|no| self.root_pointers.get(no).is_none_or(|s| s.root != **no)).count();
        self.require(strays == 0, || format!("{strays} views belong to no live profile"));
        let owners = self.events.keys().chain(self.devices.keys());
        let orphans = owners.filter(|no| !self.root_pointers.contains_key(no)).count();
        self.require(orphans == 0, || format!("L4: {orphans} ids have events or devices and no root pointer"));
    }

    fn link_agrees(&mut self, s: &RootPointer) {
        let no = s.no.0;
        match self.links.get(&s.no).copied() {
            None => self.require(s.root == s.no, || format!("member {no} has no link")),
            Some((parent, merge)) => {
                self.require(s.root != s.no, || format!("live profile {no} has a link"));
                let beside = self.root_pointers.get(&parent).map(|parent| parent.root);
                self.require(beside == Some(s.root), || format!("the link of {no} leads out of its tree"));
                let record = self.merges.get(&merge).copied();
                let merge = merge.0;
                self.require(record == Some((s.no, false)), || {
                    format!("the link of {no} has no open merge record {merge}")
                });
            }
        }
    }

    /// L4 as a whole, and what else the counters say.
    fn counters_agree(&mut self) {
        let c = self.counters;
        let users = self.root_pointers.values().filter(|s| s.root == s.no).count() as u64;
        let numbers = [
            ("L4: events", c.events, self.event_rows),
            ("L4: events accepted less removed", c.events_accepted.wrapping_sub(c.events_removed), self.event_rows),
            ("live profiles", c.users, users),
            ("devices", c.devices, self.device_rows),
            ("open quarantine entries", c.quarantined, self.unreplayed),
            ("reviews", c.reviews_stored, self.reviews),
            ("open reviews", c.reviews_open, self.reviews_open),
            ("rows of history that member records name", self.history_named, self.history_rows),
        ];
        for (what, counted, stored) in numbers {
            self.require(counted == stored, || format!("{what}: {counted} are counted, {stored} are stored"));
        }
        let (told, noted) = (self.former_told.0, self.former_noted.0);
        self.require(self.former_told == self.former_noted, || {
            format!("member records tell {told} former identifiers, {noted} are noted, or others than these")
        });
        let last = self.root_pointers.last_key_value().map_or(0, |(no, _)| no.0);
        self.require(last <= c.profile, || format!("profile {last} has a number that was never given"));
        let last = self.merges.keys().map(|no| no.0).max().unwrap_or_default();
        self.require(last <= c.merge, || format!("merge {last} has a number that was never given"));
    }
}

/// Whether the links of every member end at the root: a fold over a ring would never end.
fn leads_to_root(live: &LiveProfile) -> bool {
    let parents: HashMap<ProfileNo, ProfileNo> =
        live.members.iter().filter_map(|m| m.link.as_ref()).map(|link| (link.child, link.parent)).collect();
    let top = |from: ProfileNo| {
        // The number of links bounds the walk: after as many steps it is at a root, or in a ring.
        std::iter::successors(Some(from), |no| parents.get(no).copied()).take(parents.len() + 1).last()
    };
    !parents.contains_key(&live.root) && live.members.iter().all(|m| top(m.record.no) == Some(live.root))
}

/// Whether the stored view of a root is the fold of its member records.
fn view_breach(reader: &mut dyn Reader, root: ProfileNo) -> Result<Option<String>, EngineError> {
    let Some(live) = reader.profile(root)? else { return Ok(None) };
    if !leads_to_root(&live) {
        return Ok(Some(format!("the links of live profile {} do not all end at it", root.0)));
    }
    let tree = MemberTree::new(live.members.iter().map(|m| MemberRef { record: &m.record, link: m.link.as_ref() }));
    let agrees = live.view.as_ref().is_some_and(|view: &View| *view == tree.current_values(live.root));
    Ok((!agrees).then(|| format!("the view of live profile {} is not the fold of its members' member records", root.0)))
}
