//! Current values of a live profile (behaviour.md 3.1): its member records, folded in the order of the change sequence.
//!
//! The newest write after the join of its subtree wins; a join fills attributes without a value. Member records keep
//! only the latest write of a name, which is enough: a replay would have overwritten an earlier one, and a later write
//! after a join counts by itself.
//!
//! A join fills from the values that the subtree *had at that time*, so a subtree is folded up to the position of its
//! link.

use crate::attribute::{EMAIL, EMAIL_FLAGS};
use crate::id::{ProfileNo, Seq};
use crate::kinds::Platform;
use crate::limits::HISTORY_VALUE_BYTES_MAX;
use crate::record::{Combined, MemberRecord, MergeLink, View, Write};
use crate::value::{Combine, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Member of a tree, for the fold.
#[derive(Clone, Copy, Debug)]
pub struct MemberRef<'a> {
    /// Member record.
    pub record: &'a MemberRecord,
    /// Merge link; None for the root.
    pub link: Option<&'a MergeLink>,
}

/// Tree of members by parent.
#[derive(Debug)]
pub struct MemberTree<'a> {
    members: HashMap<ProfileNo, MemberRef<'a>>,
    children: HashMap<ProfileNo, Vec<ProfileNo>>,
    /// Newest write of each subtree: members without later writes are not visited.
    newest: HashMap<ProfileNo, Seq>,
    /// Values of each subtree when it was joined; every subtree above it needs them.
    when_joined: RefCell<HashMap<ProfileNo, View>>,
}

/// Effect of a join on a view.
#[derive(Clone, Debug, Default)]
pub struct JoinEffect {
    /// Names of filled attributes.
    pub filled: Vec<Box<str>>,
    /// Values that were combined.
    pub combined: Vec<Combined>,
    /// Previous values of those, in full.
    replaced: Vec<Value>,
    platforms: Vec<Platform>,
}

enum Step<'a> {
    Write(&'a str, Option<&'a Value>),
    Platform(Platform, Option<bool>),
    Join(View, &'a MergeLink),
}

impl<'a> MemberTree<'a> {
    /// Builds the tree of these members. If the parent of a link is not among them, its child is a root.
    pub fn new(members: impl IntoIterator<Item = MemberRef<'a>>) -> Self {
        let members: HashMap<_, _> = members.into_iter().map(|m| (m.record.no, m)).collect();
        let mut children: HashMap<ProfileNo, Vec<ProfileNo>> = HashMap::new();
        for member in members.values() {
            if let Some(link) = member.link {
                children.entry(link.parent).or_default().push(link.child);
            }
        }
        children.values_mut().for_each(|c| c.sort_unstable());
        let newest = members.iter().map(|(no, member)| (*no, newest_write(member.record))).collect();
        let mut tree = Self { members, children, newest, when_joined: RefCell::default() };
        tree.carry_up();
        tree
    }

    /// Propagates the newest writes to the roots, leaves first. In a corrupt ring of links, each member keeps its own.
    fn carry_up(&mut self) {
        let is_top = |m: &MemberRef<'_>| m.link.is_none_or(|link| !self.members.contains_key(&link.parent));
        let mut order: Vec<ProfileNo> = self.members.values().filter(|m| is_top(m)).map(|m| m.record.no).collect();
        let mut next = 0;
        while let Some(no) = order.get(next) {
            order.extend(self.children.get(no).into_iter().flatten().copied().collect::<Vec<_>>());
            next += 1;
        }
        for no in order.into_iter().rev() {
            let newest = self.newest[&no];
            if let Some(above) = self.members[&no].link.and_then(|link| self.newest.get_mut(&link.parent)) {
                *above = newest.max(*above);
            }
        }
    }

    /// Returns the ids of the subtree of `top`, `top` first.
    pub fn subtree(&self, top: ProfileNo) -> Vec<ProfileNo> {
        let mut subtree = vec![top];
        let mut next = 0;
        // A corrupt ring of links ends here, too: no subtree has more ids than the tree.
        while next < subtree.len() && subtree.len() <= self.members.len() {
            subtree.extend(self.children.get(&subtree[next]).into_iter().flatten());
            next += 1;
        }
        subtree
    }

    /// Returns the current values of the subtree of `top`.
    pub fn current_values(&self, top: ProfileNo) -> View {
        self.values_until(top, Seq::MAX)
    }

    /// Returns the values of the subtree of `top` at this position of the change sequence.
    pub fn current_values_at(&self, top: ProfileNo, seq: Seq) -> View {
        self.values_until(top, seq)
    }

    fn push_since(&self, steps: &mut Vec<(Seq, Step<'a>)>, top: ProfileNo, (after, until): (Seq, Seq)) {
        let (mut open, mut seen) = (vec![top], 0);
        while let Some(no) = open.pop() {
            seen += 1;
            if self.newest.get(&no).is_none_or(|newest| *newest <= after) || seen > self.members.len() {
                continue;
            }
            push_writes(steps, self.members[&no].record, after, until);
            open.extend(self.children.get(&no).into_iter().flatten());
        }
    }

    fn values_when_joined(&self, child: ProfileNo, seq: Seq) -> View {
        if let Some(view) = self.when_joined.borrow().get(&child) {
            return view.clone();
        }
        let view = self.values_until(child, seq);
        self.when_joined.borrow_mut().insert(child, view.clone());
        view
    }

    fn values_until(&self, top: ProfileNo, until: Seq) -> View {
        let mut steps: Vec<(Seq, Step<'a>)> = Vec::new();
        if let Some(member) = self.members.get(&top) {
            push_writes(&mut steps, member.record, 0, until);
        }
        for child in self.children.get(&top).into_iter().flatten() {
            let Some(link) = self.members[child].link.filter(|link| link.seq < until) else { continue };
            steps.push((link.seq, Step::Join(self.values_when_joined(*child, link.seq), link)));
            self.push_since(&mut steps, *child, (link.seq, until));
        }
        steps.sort_by_key(|(seq, _)| *seq);
        let mut view = View::default();
        for (_, step) in steps {
            match step {
                Step::Write(name, value) => view.write(name, value),
                Step::Platform(platform, active) => view.write_platform(platform, active),
                Step::Join(subtree, link) => {
                    view.join(subtree, &link.rules, link.same_email);
                }
            }
        }
        view
    }
}

fn newest_write(profile: &MemberRecord) -> Seq {
    let attributes = profile.attributes.values().map(|write| write.seq);
    attributes.chain(profile.platforms.values().map(|write| write.seq)).max().unwrap_or_default()
}

fn push_writes<'a>(steps: &mut Vec<(Seq, Step<'a>)>, profile: &'a MemberRecord, after: Seq, until: Seq) {
    let counts = |seq: Seq| seq > after && seq <= until;
    for (name, Write { seq, value }) in profile.attributes.iter().filter(|(_, w)| counts(w.seq)) {
        steps.push((*seq, Step::Write(name, value.as_ref())));
    }
    for (platform, Write { seq, value }) in profile.platforms.iter().filter(|(_, w)| counts(w.seq)) {
        steps.push((*seq, Step::Platform(*platform, *value)));
    }
}

impl View {
    /// Returns the current values of a profile without members.
    pub fn from_record(profile: &MemberRecord) -> Self {
        Self {
            attributes: record_values(&profile.attributes).map(|(name, value)| (name.into(), value.clone())).collect(),
            platforms: profile.platforms.iter().filter_map(|(p, write)| Some((*p, write.value?))).collect(),
        }
    }

    /// Applies a write to any member: a new write is always the newest, so it is one assignment.
    pub fn write(&mut self, name: &str, value: Option<&Value>) {
        self.put(name, value.cloned());
    }

    /// Sets or removes an attribute; returns its previous value.
    pub fn put(&mut self, name: &str, value: Option<Value>) -> Option<Value> {
        match value {
            Some(value) => match self.attributes.get_mut(name) {
                Some(current) => Some(std::mem::replace(current, value)),
                None => self.attributes.insert(name.into(), value),
            },
            None => self.attributes.remove(name),
        }
    }

    /// Sets or removes a platform.
    pub fn write_platform(&mut self, platform: Platform, active: Option<bool>) {
        match active {
            Some(active) => {
                self.platforms.insert(platform, active);
            }
            None => {
                self.platforms.remove(&platform);
            }
        }
    }

    /// Joins a subtree: it fills attributes without a value, attribute rules combine, and of e-mail flags with the same
    /// address true wins. Costs what the subtree holds, independent of this view.
    pub fn join(&mut self, subtree: Self, rules: &[(Box<str>, Combine)], same_email: bool) -> JoinEffect {
        let mut joined = JoinEffect::default();
        for (name, value) in subtree.attributes {
            let Some(current) = self.attributes.get_mut(&name) else {
                joined.filled.push(name.clone());
                self.attributes.insert(name, value);
                continue;
            };
            let new = match rules.iter().find(|(of, _)| *of == name) {
                Some((_, rule)) => Value::combine(*rule, current, &value),
                None if same_email && EMAIL_FLAGS.contains(&&*name) && value == Value::Boolean(true) => value,
                None => continue,
            };
            if new != *current {
                let old = std::mem::replace(current, new);
                joined.combined.push(Combined { field: name, old: bounded_value(&old), new: bounded_value(current) });
                joined.replaced.push(old);
            }
        }
        for (platform, active) in subtree.platforms {
            self.platforms.entry(platform).or_insert_with(|| {
                joined.platforms.push(platform);
                active
            });
        }
        joined
    }

    /// Undoes the last join that was not undone yet.
    pub fn undo_join(&mut self, joined: JoinEffect) {
        for name in &joined.filled {
            self.attributes.remove(name);
        }
        for (combined, old) in joined.combined.into_iter().zip(joined.replaced) {
            self.attributes.insert(combined.field, old);
        }
        for platform in joined.platforms {
            self.platforms.remove(&platform);
        }
    }

    /// Whether both have the same e-mail address.
    pub fn same_email(&self, other: &Self) -> bool {
        self.attributes.get(EMAIL).is_some_and(|email| other.attributes.get(EMAIL) == Some(email))
    }
}

fn bounded_value(value: &Value) -> Option<Value> {
    (value.json_bytes() <= HISTORY_VALUE_BYTES_MAX).then(|| value.clone())
}

/// Returns the set attributes of a member record, by name.
pub fn record_values(attributes: &BTreeMap<Box<str>, Write<Value>>) -> impl Iterator<Item = (&str, &Value)> {
    attributes.iter().filter_map(|(name, write)| Some((&**name, write.value.as_ref()?)))
}
