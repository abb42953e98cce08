//! Working state of a decision: the facts with the changes so far on top, and the needs that came up.

mod arrays;
mod changes;
mod gather;
mod names;

use super::arrays::Arrays;
use super::layer::Layer;
use super::names::NameIndexes;
use super::opened::Opened;
use crate::attribute::CUSTOMER_ID;
use crate::change::{RowChange, StoredRow};
use crate::explanation::Explanation;
use crate::facts::{FactHasher, FactMap, Facts, Needs};
use crate::id::{ProfileNo, RequestNo, ReviewNo, Seq};
use crate::identifier::{Identifier, IdentifierKind, stored_identifier};
use crate::limits::{HISTORY_MAX, MERGED_BYTES_MAX, PROFILE_BYTES_DEFAULT, STEPS_MAX};
use crate::record::{
    Counters, Device, DeviceRef, DeviceToken, EventId, History, MemberRecord, Merge, MergeLink, Replaced, RootPointer,
    Separation, View, Write,
};
use crate::review::Review;
use crate::settings::{ActivationPhase, Identity};
use crate::time::Timestamp;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

/// A fact is not known yet; its need is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing;

pub(super) type Known<T> = Result<T, Missing>;

/// Decisions write history and never read it.
static NOTHING_READ: LazyLock<FactMap<(ProfileNo, Seq), History>> = LazyLock::new(FactMap::default);

/// Facts of a workspace with the changes of one decision.
pub(super) struct DecisionState<'f> {
    pub(super) facts: &'f Facts,
    pub(super) identity: &'f Identity,
    pub(super) now: Timestamp,
    pub(super) needs: Needs,
    pub(super) counters: Counters,
    pub(super) bindings: Layer<'f, Identifier, ProfileNo>,
    pub(super) records: Layer<'f, ProfileNo, MemberRecord>,
    pub(super) root_pointers: Layer<'f, ProfileNo, RootPointer>,
    pub(super) views: Layer<'f, ProfileNo, View>,
    pub(super) links: Layer<'f, ProfileNo, MergeLink>,
    pub(super) trees: Layer<'f, ProfileNo, Vec<ProfileNo>>,
    pub(super) devices: Layer<'f, DeviceRef, Device>,
    pub(super) tokens: Layer<'f, DeviceToken, DeviceRef>,
    pub(super) event_ids: Layer<'f, Box<str>, EventId>,
    pub(super) reviews: Layer<'f, ReviewNo, Review>,
    /// Pending holders of values of activating kinds.
    pub(super) holding: Layer<'f, (Identifier, ProfileNo), ()>,
    /// Values whose holders are not known yet: their needs are recorded once, however many elements use them.
    pub(super) unsettled: HashSet<Identifier, FactHasher>,
    /// Member records whose pending values are known.
    held_known: HashSet<ProfileNo, FactHasher>,
    history: Layer<'f, (ProfileNo, Seq), History>,
    pub(super) appended: Vec<RowChange>,
    /// Reviews that this decision opened or completed with a second profile.
    pub(super) opened: Opened,
    /// Values that the current element replaced, by member record.
    pub(super) replaced: Vec<(ProfileNo, Replaced)>,
    kinds_held: HashMap<ProfileNo, BTreeSet<IdentifierKind>, FactHasher>,
    /// Live profiles whose kinds the current element changed.
    kinds_changed: Vec<ProfileNo>,
    pub(super) arrays: Arrays,
    pub(super) names: NameIndexes,
    /// Names that the current element wrote, by live profile, if any element has unset rules.
    pub(super) wrote: Vec<(ProfileNo, Box<str>)>,
    /// Bytes that the current element added to its live profile.
    pub(super) weight: i64,
    steps: u64,
    /// Bytes that merge records list so far ([`MERGED_BYTES_MAX`]).
    listed: usize,
    pub(super) profile_bytes_max: u64,
    pub(super) request: Option<RequestNo>,
    /// First receipt: now, except for a replay.
    pub(super) receipt: Timestamp,
    saved: (Counters, usize, usize),
}

impl<'f> DecisionState<'f> {
    pub(super) fn new(facts: &'f Facts, identity: &'f Identity, now: Timestamp) -> Self {
        Self {
            facts,
            identity,
            now,
            needs: Needs::default(),
            counters: Counters { now, ..facts.counters },
            bindings: Layer::new(&facts.bindings),
            records: Layer::new(&facts.records),
            root_pointers: Layer::new(&facts.root_pointers),
            views: Layer::new(&facts.views),
            links: Layer::new(&facts.links),
            trees: Layer::new(&facts.trees),
            devices: Layer::new(&facts.devices),
            tokens: Layer::new(&facts.tokens),
            event_ids: Layer::new(&facts.event_ids),
            reviews: Layer::new(&facts.reviews),
            holding: Layer::new(&facts.held),
            unsettled: HashSet::default(),
            held_known: HashSet::default(),
            history: Layer::new(&NOTHING_READ),
            appended: Vec::new(),
            opened: Opened::default(),
            replaced: Vec::new(),
            kinds_held: HashMap::default(),
            kinds_changed: Vec::new(),
            arrays: Arrays::default(),
            names: NameIndexes::default(),
            wrote: Vec::new(),
            weight: 0,
            steps: 0,
            listed: 0,
            profile_bytes_max: PROFILE_BYTES_DEFAULT,
            request: None,
            receipt: now,
            saved: (facts.counters, 0, 0),
        }
    }

    pub(super) fn savepoint(&mut self) {
        self.saved = (self.counters, self.appended.len(), self.opened.len());
        self.replaced.clear();
        self.weight = 0;
        self.arrays.savepoint();
        self.names.savepoint();
        self.wrote.clear();
        self.kinds_changed.clear();
        self.reviews.savepoint();
        self.holding.savepoint();
        self.history.savepoint();
        self.bindings.savepoint();
        self.records.savepoint();
        self.root_pointers.savepoint();
        self.views.savepoint();
        self.links.savepoint();
        self.trees.savepoint();
        self.devices.savepoint();
        self.tokens.savepoint();
        self.event_ids.savepoint();
    }

    pub(super) fn roll_back(&mut self) {
        self.counters = self.saved.0;
        self.appended.truncate(self.saved.1);
        self.opened.truncate(self.saved.2);
        self.replaced.clear();
        self.weight = 0;
        self.arrays.roll_back();
        self.names.roll_back();
        for root in std::mem::take(&mut self.kinds_changed) {
            self.kinds_held.remove(&root);
        }
        self.reviews.roll_back();
        self.holding.roll_back();
        self.history.roll_back();
        self.bindings.roll_back();
        self.records.roll_back();
        self.root_pointers.roll_back();
        self.views.roll_back();
        self.links.roll_back();
        self.trees.roll_back();
        self.devices.roll_back();
        self.tokens.roll_back();
        self.event_ids.roll_back();
        self.refresh_names();
    }

    pub(super) fn count_steps(&mut self, steps: usize) {
        self.steps += steps as u64;
    }

    pub(super) fn count_listed_bytes(&mut self, bytes: usize) {
        self.listed += bytes;
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.steps > STEPS_MAX || self.listed > MERGED_BYTES_MAX
    }

    pub(super) fn has_merged(&self) -> bool {
        self.counters.merge > self.saved.0.merge
    }

    pub(super) fn next_seq(&mut self) -> Seq {
        self.counters.seq += 1;
        self.counters.seq
    }

    pub(super) fn binding(&mut self, identifier: &Identifier) -> Known<Option<ProfileNo>> {
        match self.bindings.get(identifier) {
            Some(bound) => Ok(bound.copied()),
            None => {
                self.needs.bindings.push(identifier.clone().into());
                Err(Missing)
            }
        }
    }

    pub(super) fn need_root_pointer(&mut self, no: ProfileNo) -> Missing {
        self.needs.root_pointers.push(no);
        Missing
    }

    fn need_record(&mut self, no: ProfileNo) -> Missing {
        self.needs.records.push(no);
        Missing
    }

    pub(super) fn root_pointer(&mut self, no: ProfileNo) -> Known<RootPointer> {
        match self.root_pointers.get(&no) {
            Some(Some(root_pointer)) => Ok(*root_pointer),
            _ => Err(self.need_root_pointer(no)),
        }
    }

    pub(super) fn root_pointer_mut(&mut self, no: ProfileNo) -> Known<&mut RootPointer> {
        self.root_pointer(no)?;
        self.root_pointers.change(&no).as_mut().ok_or(Missing)
    }

    pub(super) fn record(&mut self, no: ProfileNo) -> Known<&MemberRecord> {
        if !matches!(self.records.get(&no), Some(Some(_))) {
            return Err(self.need_record(no));
        }
        self.records.get(&no).flatten().ok_or(Missing)
    }

    pub(super) fn record_write(&self, no: ProfileNo, name: &str) -> Option<&Write<Value>> {
        self.records.get(&no).flatten()?.attributes.get(name)
    }

    pub(super) fn forget_kinds(&mut self, root: ProfileNo) {
        self.kinds_held.remove(&root);
        self.kinds_changed.push(root);
    }

    /// Changes the member record of an existing id; `edit` returns how to undo it.
    pub(super) fn edit_record<B: FnOnce(&mut MemberRecord) + 'static>(
        &mut self,
        no: ProfileNo,
        edit: impl FnOnce(&mut MemberRecord) -> B,
    ) -> Known<()> {
        self.record(no)?;
        if self.records.edit(&no, edit) { Ok(()) } else { Err(Missing) }
    }

    pub(super) fn root_of(&mut self, no: ProfileNo) -> Known<ProfileNo> {
        Ok(self.root_pointer(no)?.root)
    }

    pub(super) fn has_members(&mut self, root: ProfileNo) -> Known<bool> {
        Ok(self.root_pointer(root)?.tree.members > 1)
    }

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

    pub(super) fn current_values(&mut self, root: ProfileNo) -> Known<View> {
        if !self.has_members(root)? {
            return Ok(View::from_record(self.record(root)?));
        }
        match self.views.get(&root) {
            Some(Some(view)) => Ok(view.clone()),
            _ => Err(self.need_record(root)),
        }
    }

    pub(super) fn current_attribute(&mut self, root: ProfileNo, name: &str) -> Known<Option<&Value>> {
        if !self.has_members(root)? {
            return Ok(self.record(root)?.attributes.get(name).and_then(|write| write.value.as_ref()));
        }
        match self.views.get(&root) {
            Some(Some(_)) => {}
            _ => return Err(self.need_record(root)),
        }
        Ok(self.views.get(&root).flatten().and_then(|view| view.attributes.get(name)))
    }

    /// Changes the view of a live profile with members; `edit` returns how to undo it.
    pub(super) fn edit_view<B: FnOnce(&mut View) + 'static>(
        &mut self,
        root: ProfileNo,
        edit: impl FnOnce(&mut View) -> B,
    ) -> Known<()> {
        if !matches!(self.views.get(&root), Some(Some(_))) {
            return Err(self.need_record(root));
        }
        if self.views.edit(&root, edit) { Ok(()) } else { Err(Missing) }
    }

    /// Returns the stored separations that name any member of a live profile; imports create none.
    pub(super) fn separations(&mut self, root: ProfileNo) -> Known<&'f [Separation]> {
        let facts = self.facts;
        match facts.separations.get(&root) {
            Some(found) => Ok(found.as_deref().unwrap_or_default()),
            // A profile of this decision has no separations yet.
            None if root.0 > facts.counters.profile => Ok(&[]),
            None => {
                self.needs.separations.push(root);
                Err(Missing)
            }
        }
    }

    /// Stores the explanation of the current element with its merges and the reviews that it opened.
    pub(super) fn explain(&mut self, request: (RequestNo, u32), explanation: &Explanation) {
        for row in &mut self.appended[self.saved.1..] {
            if let RowChange::Upsert(StoredRow::Merge(merge)) = row
                && merge.request == Some(request)
            {
                merge.explanation = Some(explanation.clone());
            }
        }
        for no in self.opened.since(self.saved.2) {
            if let Some(review) = self.reviews.change(&no).as_mut().filter(|review| review.request == Some(request)) {
                review.explanation = explanation.clone();
            }
        }
    }

    pub(super) fn review(&self, no: ReviewNo) -> Option<&Review> {
        self.reviews.get(&no).flatten()
    }

    /// Whether a name is an active identifier kind, which patterns never unset.
    pub(super) fn is_kind(&self, name: &str) -> bool {
        name == CUSTOMER_ID || self.identity.active_kind(name).is_some()
    }

    pub(super) fn is_indexed(&self, name: &str) -> bool {
        self.identity.activation.as_ref().is_some_and(|a| a.kinds.iter().any(|kind| kind.kind.name() == name))
    }

    pub(super) fn reindex(&mut self, no: ProfileNo, name: &str, old: Option<&Value>, new: Option<&Value>) {
        let identity = self.identity;
        let Some(activation) = &identity.activation else { return };
        let Some(kind) = activation.kinds.iter().find(|kind| kind.kind.name() == name) else { return };
        if let Some(identifier) = old.and_then(|value| stored_identifier(kind, value)) {
            self.holding.set((identifier, no), None);
        }
        if activation.phase == ActivationPhase::Indexing
            && let Some(identifier) = new.and_then(|value| stored_identifier(kind, value))
        {
            self.holding.set((identifier, no), Some(()));
        }
    }

    /// Stores the values that the current element replaced, and removes the oldest row of a full history.
    pub(super) fn push_history(&mut self, seq: Seq) -> Known<()> {
        let mut rows: BTreeMap<ProfileNo, Vec<Replaced>> = BTreeMap::new();
        for (no, replaced) in std::mem::take(&mut self.replaced) {
            rows.entry(no).or_default().push(replaced);
        }
        for (profile, replaced) in rows {
            let gone = self.record(profile)?.history.first().copied();
            let gone = gone.filter(|_| self.record(profile).is_ok_and(|record| record.history.len() >= HISTORY_MAX));
            self.edit_record(profile, |record| {
                record.history.push(seq);
                if gone.is_some() {
                    record.history.remove(0);
                }
                move |record: &mut MemberRecord| {
                    record.history.pop();
                    record.history.splice(0..0, gone);
                }
            })?;
            self.history.set((profile, seq), Some(History { profile, seq, replaced }));
            if let Some(gone) = gone {
                self.history.set((profile, gone), None);
            }
        }
        Ok(())
    }

    pub(super) fn push_merge(&mut self, merge: Merge) {
        self.appended.push(RowChange::Upsert(StoredRow::Merge(merge)));
    }
}
