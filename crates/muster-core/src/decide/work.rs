//! What a decision works on: the facts with the changes so far on top, and the needs that came up.

use super::layer::Layer;
use crate::because::Because;
use crate::change::{Changes, Put};
use crate::facts::{Facts, Found, Needs};
use crate::history::{History, Replaced};
use crate::id::{ProfileNo, RequestNo, ReviewNo, Seq};
use crate::identifier::{Key, key_of};
use crate::limits::HISTORY_MAX;
use crate::record::{
    Counters, Device, DeviceRef, EventId, Former, Link, Merge, Profile, Separation, Standing, Token, View,
};
use crate::review::Review;
use crate::settings::{Identity, Phase};
use crate::time::Timestamp;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

/// A fact that is not known yet; the need for it is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing;

/// What is known, or a need that is noted.
pub(super) type Known<T> = Result<T, Missing>;

/// History is written and never read by a decision.
static NOTHING_READ: LazyLock<Found<(ProfileNo, Seq), History>> = LazyLock::new(HashMap::new);

/// The facts of a workspace under the changes of one decision.
pub(super) struct Work<'f> {
    pub(super) facts: &'f Facts,
    pub(super) identity: &'f Identity,
    pub(super) now: Timestamp,
    pub(super) needs: Needs,
    pub(super) counters: Counters,
    pub(super) bindings: Layer<'f, Key, ProfileNo>,
    pub(super) profiles: Layer<'f, ProfileNo, Profile>,
    pub(super) standings: Layer<'f, ProfileNo, Standing>,
    pub(super) views: Layer<'f, ProfileNo, View>,
    pub(super) links: Layer<'f, ProfileNo, Link>,
    pub(super) trees: Layer<'f, ProfileNo, Vec<ProfileNo>>,
    pub(super) devices: Layer<'f, DeviceRef, Device>,
    pub(super) tokens: Layer<'f, Token, DeviceRef>,
    pub(super) event_ids: Layer<'f, Box<str>, EventId>,
    pub(super) reviews: Layer<'f, ReviewNo, Review>,
    /// Which own records hold which values of kinds that are being made active.
    pub(super) holding: Layer<'f, (Key, ProfileNo), ()>,
    history: Layer<'f, (ProfileNo, Seq), History>,
    /// Rows that are only ever added.
    pub(super) appended: Vec<Put>,
    /// Reviews that this decision opened, or gave their second profile.
    pub(super) opened: Vec<ReviewNo>,
    /// What the running element wrote over, by own record.
    pub(super) replaced: Vec<(ProfileNo, Replaced)>,
    /// The request that asks for all this.
    pub(super) request: Option<RequestNo>,
    /// When what it carries was received first: now, but for a replay.
    pub(super) receipt: Timestamp,
    marked: (Counters, usize, usize),
    /// Live profiles that one element brings together, of all elements; kept when an element fails.
    meeting: Vec<BTreeSet<ProfileNo>>,
}

impl<'f> Work<'f> {
    pub(super) fn new(facts: &'f Facts, identity: &'f Identity, now: Timestamp) -> Self {
        Self {
            facts,
            identity,
            now,
            needs: Needs::default(),
            counters: Counters { now, ..facts.counters },
            bindings: Layer::new(&facts.bindings),
            profiles: Layer::new(&facts.profiles),
            standings: Layer::new(&facts.standings),
            views: Layer::new(&facts.views),
            links: Layer::new(&facts.links),
            trees: Layer::new(&facts.trees),
            devices: Layer::new(&facts.devices),
            tokens: Layer::new(&facts.tokens),
            event_ids: Layer::new(&facts.event_ids),
            reviews: Layer::new(&facts.reviews),
            holding: Layer::new(&facts.held),
            history: Layer::new(&NOTHING_READ),
            appended: Vec::new(),
            opened: Vec::new(),
            replaced: Vec::new(),
            request: None,
            receipt: now,
            marked: (facts.counters, 0, 0),
            meeting: Vec::new(),
        }
    }

    /// A new element begins.
    pub(super) fn mark(&mut self) {
        self.marked = (self.counters, self.appended.len(), self.opened.len());
        self.replaced.clear();
        self.reviews.mark();
        self.holding.mark();
        self.history.mark();
        self.bindings.mark();
        self.profiles.mark();
        self.standings.mark();
        self.views.mark();
        self.links.mark();
        self.trees.mark();
        self.devices.mark();
        self.tokens.mark();
        self.event_ids.mark();
    }

    /// The running element fails: nothing of it stays.
    pub(super) fn roll_back(&mut self) {
        self.counters = self.marked.0;
        self.appended.truncate(self.marked.1);
        self.opened.truncate(self.marked.2);
        self.replaced.clear();
        self.reviews.roll_back();
        self.holding.roll_back();
        self.history.roll_back();
        self.bindings.roll_back();
        self.profiles.roll_back();
        self.standings.roll_back();
        self.views.roll_back();
        self.links.roll_back();
        self.trees.roll_back();
        self.devices.roll_back();
        self.tokens.roll_back();
        self.event_ids.roll_back();
    }

    /// The next place in the change sequence.
    pub(super) fn next_seq(&mut self) -> Seq {
        self.counters.seq += 1;
        self.counters.seq
    }

    /// Whom a key is bound to.
    pub(super) fn binding(&mut self, key: &Key) -> Known<Option<ProfileNo>> {
        match self.bindings.get(key) {
            Some(bound) => Ok(bound.copied()),
            None => {
                self.needs.bindings.push(key.clone());
                Err(Missing)
            }
        }
    }

    pub(super) fn need_standing(&mut self, no: ProfileNo) -> Missing {
        self.needs.standings.push(no);
        Missing
    }

    fn need_profile(&mut self, no: ProfileNo) -> Missing {
        self.needs.profiles.push(no);
        Missing
    }

    /// The standing of an id that exists.
    pub(super) fn standing(&mut self, no: ProfileNo) -> Known<Standing> {
        match self.standings.get(&no) {
            Some(Some(standing)) => Ok(*standing),
            _ => Err(self.need_standing(no)),
        }
    }

    /// The standing of an id that exists, to change.
    pub(super) fn standing_mut(&mut self, no: ProfileNo) -> Known<&mut Standing> {
        self.standing(no)?;
        self.standings.change(&no).as_mut().ok_or(Missing)
    }

    /// The own record of an id that exists.
    pub(super) fn profile(&mut self, no: ProfileNo) -> Known<&Profile> {
        if !matches!(self.profiles.get(&no), Some(Some(_))) {
            return Err(self.need_profile(no));
        }
        self.profiles.get(&no).flatten().ok_or(Missing)
    }

    /// The own record of an id that exists, to change.
    pub(super) fn profile_mut(&mut self, no: ProfileNo) -> Known<&mut Profile> {
        self.profile(no)?;
        self.profiles.change(&no).as_mut().ok_or(Missing)
    }

    /// The live profile that an id belongs to.
    pub(super) fn root_of(&mut self, no: ProfileNo) -> Known<ProfileNo> {
        Ok(self.standing(no)?.root)
    }

    /// Whether a live profile has members beside itself, so that it has a view.
    pub(super) fn has_members(&mut self, root: ProfileNo) -> Known<bool> {
        Ok(self.standing(root)?.tree.members > 1)
    }

    /// The members of a live profile, itself first.
    pub(super) fn members(&mut self, root: ProfileNo) -> Known<Vec<ProfileNo>> {
        if !self.has_members(root)? {
            return Ok(vec![root]);
        }
        match self.trees.get(&root) {
            Some(Some(members)) => Ok(members.clone()),
            _ => {
                self.needs.trees.push(root);
                Err(Missing)
            }
        }
    }

    /// What a live profile shows.
    pub(super) fn shown(&mut self, root: ProfileNo) -> Known<View> {
        if !self.has_members(root)? {
            return Ok(View::of(self.profile(root)?));
        }
        match self.views.get(&root) {
            Some(Some(view)) => Ok(view.clone()),
            _ => Err(self.need_profile(root)),
        }
    }

    /// What a live profile shows of one attribute.
    pub(super) fn shown_attribute(&mut self, root: ProfileNo, name: &str) -> Known<Option<&Value>> {
        if !self.has_members(root)? {
            return Ok(self.profile(root)?.attributes.get(name).and_then(|write| write.value.as_ref()));
        }
        match self.views.get(&root) {
            Some(Some(_)) => {}
            _ => return Err(self.need_profile(root)),
        }
        Ok(self.views.get(&root).flatten().and_then(|view| view.attributes.get(name)))
    }

    /// What a live profile with members shows, to change.
    pub(super) fn view_mut(&mut self, root: ProfileNo) -> Known<&mut View> {
        if !matches!(self.views.get(&root), Some(Some(_))) {
            return Err(self.need_profile(root));
        }
        self.views.change(&root).as_mut().ok_or(Missing)
    }

    /// The separations that name any member of a live profile, as they are stored; imports make none.
    pub(super) fn separations(&mut self, root: ProfileNo) -> Known<&'f [Separation]> {
        let facts = self.facts;
        match facts.separations.get(&root) {
            Some(found) => Ok(found.as_deref().unwrap_or_default()),
            // Made by this decision: whom nobody knew nobody separated.
            None if root.0 > facts.counters.profile => Ok(&[]),
            None => {
                self.needs.separations.push(root);
                Err(Missing)
            }
        }
    }

    /// Why the running element went the way it went stands with the merges that it caused and the reviews it opened, too.
    pub(super) fn explain(&mut self, request: (RequestNo, u32), because: &Because) {
        for row in &mut self.appended[self.marked.1..] {
            if let Put::Merge(merge) = row
                && merge.request == Some(request)
            {
                merge.because = Some(because.clone());
            }
        }
        for no in &self.opened[self.marked.2..] {
            if let Some(review) = self.reviews.change(no).as_mut().filter(|review| review.request == Some(request)) {
                review.because = because.clone();
            }
        }
    }

    /// What is asked of reviews is asked of all that come together by several elements at once: one after another, each
    /// merge into the same profile would take a round of its own.
    pub(super) fn foresee(&mut self) {
        if self.needs.reviews_between.is_empty() && self.needs.reviews_of_value.is_empty() {
            return;
        }
        let mut groups: Vec<BTreeSet<ProfileNo>> = Vec::new();
        for mut group in std::mem::take(&mut self.meeting) {
            groups.retain(|other| {
                let apart = other.is_disjoint(&group);
                if !apart {
                    group.extend(other);
                }
                apart
            });
            groups.push(group);
        }
        let facts = self.facts;
        let live = |no: &ProfileNo| matches!(facts.standings.get(no), Some(Some(standing)) if standing.root == *no);
        for group in &mut groups {
            group.retain(live);
        }
        let mut pairs: BTreeSet<(ProfileNo, ProfileNo)> = self.needs.reviews_between.drain(..).collect();
        let asked = |group: &&BTreeSet<ProfileNo>| pairs.iter().any(|(a, b)| group.contains(a) && group.contains(b));
        for group in groups.iter().filter(asked).collect::<Vec<_>>() {
            let of = |a: &ProfileNo| group.range(*a..).skip(1).map(|b| (*a, *b)).collect::<Vec<_>>();
            pairs.extend(group.iter().flat_map(of).filter(|pair| !facts.reviews_between.contains_key(pair)));
        }
        self.needs.reviews_between.extend(pairs);
        for (root, key) in std::mem::take(&mut self.needs.reviews_of_value) {
            let others = groups.iter().find(|group| group.contains(&root)).into_iter().flatten().copied();
            let wanted = std::iter::once(root).chain(others).map(|root| (root, key.clone()));
            self.needs.reviews_of_value.extend(wanted.filter(|wanted| !facts.reviews_of_value.contains_key(wanted)));
        }
    }

    /// A review as it is now.
    pub(super) fn review_now(&self, no: ReviewNo) -> Option<&Review> {
        self.reviews.get(&no).flatten()
    }

    /// The own records that hold a value of a kind that is being joined and was not settled yet, by number.
    pub(super) fn holders(&mut self, key: &Key) -> Known<Vec<ProfileNo>> {
        let facts = self.facts;
        let Some(found) = facts.holders.get(key) else {
            self.needs.holders.push(key.clone());
            return Err(Missing);
        };
        let still = |no: &ProfileNo| !matches!(self.holding.get(&(key.clone(), *no)), Some(None));
        Ok(found.iter().flatten().copied().filter(still).collect())
    }

    /// Whether an own record is among them.
    pub(super) fn holds(&mut self, key: &Key, no: ProfileNo) -> Known<bool> {
        let wanted = (key.clone(), no);
        match self.holding.get(&wanted) {
            Some(held) => Ok(held.is_some()),
            // Made by this decision, under the new settings.
            None if no.0 > self.facts.counters.profile => Ok(false),
            None => {
                self.needs.held.push(wanted);
                Err(Missing)
            }
        }
    }

    /// The keys that an own record holds: those bound to it, and while kinds are being joined what it holds of them.
    /// Asks for all of them before it gives up.
    pub(super) fn held(&mut self, no: ProfileNo) -> Known<Vec<Key>> {
        let mut keys = self.profile(no)?.keys.clone();
        let identity = self.identity;
        let Some(activation) = identity.activation.as_ref().filter(|a| a.phase == Phase::Joining) else {
            return Ok(keys);
        };
        let mut missing = false;
        for kind in &activation.kinds {
            let value = self.profile(no)?.attributes.get(kind.kind.name()).and_then(|write| write.value.as_ref());
            let Some(key) = value.and_then(|value| key_of(kind, value)) else { continue };
            if !keys.contains(&key) {
                match self.holds(&key, no) {
                    Ok(true) => keys.push(key),
                    Ok(false) => {}
                    Err(Missing) => missing = true,
                }
            }
        }
        if missing { Err(Missing) } else { Ok(keys) }
    }

    /// The keys that any of these own records holds. Asks for all of them before it gives up: one by one they would take
    /// a round each.
    pub(super) fn held_by(&mut self, members: &[ProfileNo]) -> Known<Vec<Key>> {
        let (mut keys, mut missing) = (Vec::new(), false);
        for no in members {
            match self.held(*no) {
                Ok(held) => keys.extend(held),
                Err(Missing) => missing = true,
            }
        }
        if missing { Err(Missing) } else { Ok(keys) }
    }

    /// Asks for everything that judging and joining these live profiles needs; true if something is missing.
    pub(super) fn lacks(&mut self, roots: &[ProfileNo]) -> bool {
        self.meeting.push(roots.iter().copied().collect());
        let mut missing = false;
        for root in roots {
            missing |= self.separations(*root).is_err() | self.shown(*root).is_err();
            match self.members(*root) {
                Ok(members) => missing |= self.held_by(&members).is_err(),
                Err(Missing) => missing = true,
            }
        }
        missing
    }

    /// An own record is written: what is indexed of it follows.
    pub(super) fn reindex(&mut self, no: ProfileNo, name: &str, old: Option<&Value>, new: Option<&Value>) {
        let identity = self.identity;
        let Some(activation) = &identity.activation else { return };
        let Some(kind) = activation.kinds.iter().find(|kind| kind.kind.name() == name) else { return };
        if let Some(key) = old.and_then(|value| key_of(kind, value)) {
            self.holding.set((key, no), None);
        }
        if activation.phase == Phase::Indexing
            && let Some(key) = new.and_then(|value| key_of(kind, value))
        {
            self.holding.set((key, no), Some(()));
        }
    }

    /// Keeps what the running element wrote over, and drops the oldest of it where there is too much.
    pub(super) fn keep_history(&mut self, seq: Seq) -> Known<()> {
        let mut rows: BTreeMap<ProfileNo, Vec<Replaced>> = BTreeMap::new();
        for (no, replaced) in std::mem::take(&mut self.replaced) {
            rows.entry(no).or_default().push(replaced);
        }
        for (profile, replaced) in rows {
            let record = self.profile_mut(profile)?;
            record.history.push(seq);
            let too_many = record.history.len() > HISTORY_MAX;
            let gone = too_many.then(|| record.history.remove(0));
            self.history.set((profile, seq), Some(History { profile, seq, replaced }));
            if let Some(gone) = gone {
                self.history.set((profile, gone), None);
            }
        }
        Ok(())
    }

    pub(super) fn merged(&mut self, merge: Merge) {
        self.appended.push(Put::Merge(merge));
    }

    /// Everything that was changed. Call it only when nothing was missing.
    pub(super) fn into_changes(self) -> Changes {
        let before = self.facts.counters.profile;
        let old = |no: &ProfileNo| no.0 <= before;
        let mut rows = Vec::with_capacity(self.appended.len() * 2);
        // A record holds only keys that are bound to it, so a released one is stored unless it was read and is not.
        for (key, bound) in self.bindings.into_changes(|_| true) {
            rows.push(match bound {
                Some(no) => Put::Binding(key, no),
                None => Put::Unbind(key),
            });
        }
        let stored = &self.facts.profiles;
        for row in self.profiles.into_changes(old).into_iter().filter_map(|(_, row)| row) {
            rows.extend(former(stored.get(&row.no).and_then(Option::as_ref), &row));
            rows.push(Put::Profile(row));
        }
        rows.extend(self.standings.into_changes(old).into_iter().filter_map(|(_, row)| row.map(Put::Standing)));
        // A batch of an activation reads no views: who has no members has none, and may have got and lost one here.
        let standings = &self.facts.standings;
        let had_view =
            |no: &ProfileNo| matches!(standings.get(no), Some(Some(s)) if s.root == *no && s.tree.members > 1);
        for (root, view) in self.views.into_changes(had_view) {
            rows.push(view.map_or(Put::DropView(root), |view| Put::View(root, view)));
        }
        for (child, link) in self.links.into_changes(old) {
            rows.push(link.map_or(Put::Cut(child), Put::Link));
        }
        for (at, device) in self.devices.into_changes(|at| old(&at.profile)) {
            rows.push(device.map_or(Put::DropDevice(at), Put::Device));
        }
        rows.extend(self.event_ids.into_changes(|_| false).into_iter().filter_map(|(_, row)| row.map(Put::EventId)));
        for (no, review) in self.reviews.into_changes(|_| true) {
            rows.push(review.map_or(Put::DropReview(no), Put::Review));
        }
        for ((key, no), held) in self.holding.into_changes(|_| true) {
            rows.push(if held.is_some() { Put::Holder(key, no) } else { Put::DropHolder(key, no) });
        }
        let before = self.facts.counters.seq;
        for ((no, seq), row) in self.history.into_changes(|(_, seq)| *seq <= before) {
            rows.push(row.map_or(Put::DropHistory(no, seq), Put::History));
        }
        rows.extend(self.appended);
        Changes { rows, counters: self.counters, rate: None }
    }
}

/// What the family `former` learns when an own record changes: the identifiers that it tells to have held and did not
/// tell before, and those that it told and does no more.
fn former(before: Option<&Profile>, after: &Profile) -> Vec<Put> {
    let told = before.map_or(&[][..], |before| &before.former[..]);
    if told == after.former {
        return Vec::new();
    }
    let keys = |former: &[Former]| -> BTreeSet<Key> { former.iter().map(|former| former.key.clone()).collect() };
    let (old, new) = (keys(told), keys(&after.former));
    let come = new.difference(&old).map(|key| Put::Former(key.clone(), after.no));
    come.chain(old.difference(&new).map(|key| Put::DropFormer(key.clone(), after.no))).collect()
}
