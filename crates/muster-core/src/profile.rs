//! Live profile as people read it: current identifiers and aliases, attributes, totals, members.

pub mod fold;
pub mod history;
pub mod pre_merge;

use crate::id::{MergeNo, ProfileId, ProfileNo};
use crate::identifier::{Identifier, IdentifierKind, KindSettings, identifier_text, normalise};
use crate::kinds::Platform;
use crate::profile::fold::{MemberRef, MemberTree};
use crate::record::{Device, FormerIdentifier, MemberRecord, MergeLink, RootPointer, TreeTotals, View};
use crate::settings::Identity;
use crate::time::Timestamp;
use crate::value::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Member with everything that is stored about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Member record.
    pub record: MemberRecord,
    /// Root pointer.
    pub root_pointer: RootPointer,
    /// Merge link; None for the root.
    pub link: Option<MergeLink>,
    /// Time of the merge; None for the root.
    pub joined_at: Option<Timestamp>,
    /// Devices of the member.
    pub devices: Vec<Device>,
}

/// Live profile, assembled from its members.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Id.
    pub id: ProfileId,
    /// Current identifier of each active kind.
    pub identifiers: Vec<Identifier>,
    /// Other identifiers that resolve to it, by kind in order of rank.
    pub aliases: Vec<(IdentifierKind, Vec<Box<str>>)>,
    /// Former identifiers of all members, oldest first.
    pub former: Vec<FormerIdentifier>,
    /// Current attributes.
    pub attributes: BTreeMap<Box<str>, Value>,
    /// Current platforms.
    pub platforms: BTreeMap<Platform, bool>,
    /// Devices of all members, by member and `device_id`.
    pub devices: Vec<Device>,
    /// Totals.
    pub totals: TreeTotals,
    /// Members except the root, in the order of joining.
    pub members: Vec<MemberEntry>,
}

/// Member in a [`Profile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEntry {
    /// Id.
    pub id: ProfileId,
    /// Id that it was joined to.
    pub parent: ProfileId,
    /// Merge record.
    pub merge: MergeNo,
    /// Time of the merge.
    pub joined_at: Timestamp,
}

/// One member with its subtree.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberDetail {
    /// Id.
    pub id: ProfileId,
    /// How it was joined; None for the root.
    pub joined: Option<MemberEntry>,
    /// Identifiers bound to its member record.
    pub identifiers: Vec<Identifier>,
    /// Attributes of its member record.
    pub attributes: BTreeMap<Box<str>, Value>,
    /// Totals of its member record.
    pub totals: TreeTotals,
    /// Its subtree as a profile: what a revert of its merge detaches (behaviour.md 3.4).
    pub subtree: Profile,
}

/// Returns the members by number: the root first, each below its parent, siblings in the order of joining.
pub fn tree_order(members: &[Member], root: ProfileNo) -> Vec<ProfileNo> {
    let all: Vec<&Member> = members.iter().collect();
    let mut below: BTreeMap<ProfileNo, Vec<ProfileNo>> = BTreeMap::new();
    for link in joined_members(&all, root).iter().filter_map(|member| member.link.as_ref()) {
        below.entry(link.parent).or_default().push(link.child);
    }
    let (mut order, mut open) = (Vec::new(), vec![root]);
    while let Some(no) = open.pop() {
        order.push(no);
        // Removed, so that a corrupt ring of links cannot loop forever.
        open.extend(below.remove(&no).into_iter().flatten().rev());
    }
    order
}

/// Members of one live profile, to be read one by one; values that subtrees share are folded once.
#[derive(Debug)]
pub struct Subtrees<'m> {
    members: &'m [Member],
    tree: MemberTree<'m>,
    ids: Ids,
}

impl<'m> Subtrees<'m> {
    /// Prepares these members.
    pub fn new(members: &'m [Member]) -> Self {
        Self { members, tree: tree_of(members.iter()), ids: ids_of(members) }
    }
}

/// Returns one of the members with its subtree; None if it is not among them.
pub fn member_detail(
    no: ProfileNo,
    Subtrees { members, tree, ids }: &Subtrees<'_>,
    identity: &Identity,
) -> Option<MemberDetail> {
    let subtree: HashSet<ProfileNo> = tree.subtree(no).into_iter().collect();
    let subtree: Vec<&Member> = members.iter().filter(|member| subtree.contains(&member.record.no)).collect();
    let member = subtree.iter().find(|member| member.record.no == no)?;
    let view = tree.current_values(no);
    let totals = subtree.iter().map(|member| member.totals()).reduce(TreeTotals::with)?;
    Some(MemberDetail {
        id: member.record.id(),
        joined: member_entry(member, ids),
        identifiers: member.record.identifiers.clone(),
        attributes: View::from_record(&member.record).attributes,
        totals: member.totals(),
        subtree: assemble_members(&subtree, ids, (member.record.id(), view, totals), identity),
    })
}

/// Assembles the live profile of these members with the root `top`. Current values are folded from the member records,
/// or taken from the stored view. None if `top` is not among the members.
pub fn assemble(top: ProfileNo, members: &[Member], view: Option<View>, identity: &Identity) -> Option<Profile> {
    let root = members.iter().find(|m| m.record.no == top)?;
    let view = view.unwrap_or_else(|| tree_of(members.iter()).current_values(top));
    let all: Vec<&Member> = members.iter().collect();
    Some(assemble_members(&all, &ids_of(members), (root.record.id(), view, root.root_pointer.tree), identity))
}

impl Member {
    fn totals(&self) -> TreeTotals {
        let RootPointer { first_seen, last_seen, events, devices, .. } = self.root_pointer;
        TreeTotals { first_seen, last_seen, events, devices, members: 1 }
    }
}

fn tree_of<'m>(members: impl Iterator<Item = &'m Member>) -> MemberTree<'m> {
    MemberTree::new(members.map(|m| MemberRef { record: &m.record, link: m.link.as_ref() }))
}

fn joined_members<'m>(members: &[&'m Member], root: ProfileNo) -> Vec<&'m Member> {
    let mut joined: Vec<&Member> =
        members.iter().copied().filter(|m| m.record.no != root && m.link.is_some()).collect();
    joined.sort_by_key(|m| m.link.as_ref().map(|l| l.seq));
    joined
}

type Ids = HashMap<ProfileNo, ProfileId>;

fn ids_of(members: &[Member]) -> Ids {
    members.iter().map(|member| (member.record.no, member.record.id())).collect()
}

fn member_entry(member: &Member, ids: &Ids) -> Option<MemberEntry> {
    let link = member.link.as_ref()?;
    let parent = *ids.get(&link.parent)?;
    let joined_at = member.joined_at.unwrap_or_default();
    Some(MemberEntry { id: member.record.id(), parent, merge: link.merge, joined_at })
}

fn assemble_members(
    members: &[&Member],
    ids: &Ids,
    (id, view, totals): (ProfileId, View, TreeTotals),
    identity: &Identity,
) -> Profile {
    let (identifiers, aliases) = identifiers(members, &view, identity);
    let mut former: Vec<FormerIdentifier> = members.iter().flat_map(|m| m.record.former.iter().cloned()).collect();
    former.sort_by_key(|f| f.until);
    Profile {
        id,
        identifiers,
        aliases,
        former,
        members: joined_members(members, id.no).into_iter().filter_map(|member| member_entry(member, ids)).collect(),
        attributes: view.attributes,
        platforms: view.platforms,
        devices: members.iter().flat_map(|m| m.devices.iter().cloned()).collect(),
        totals,
    }
}

type Aliases = Vec<(IdentifierKind, Vec<Box<str>>)>;

/// Splits bound identifiers into those that are the current value of the attribute, and aliases (behaviour.md 3.1).
fn identifiers(members: &[&Member], view: &View, identity: &Identity) -> (Vec<Identifier>, Aliases) {
    let (mut current, mut aliases) = (Vec::new(), Vec::new());
    for KindSettings { kind, normaliser, .. } in identity.active() {
        let mut held: Vec<&str> =
            members.iter().flat_map(|m| &m.record.identifiers).filter(|k| k.kind == *kind).map(|k| &*k.value).collect();
        held.sort_unstable();
        let value =
            view.attributes.get(kind.name()).and_then(identifier_text).map(|text| normalise(*normaliser, &text));
        if let Some(value) = value
            && let Ok(place) = held.binary_search(&&*value)
        {
            current.push(Identifier { kind: kind.clone(), value: held.remove(place).into() });
        }
        if !held.is_empty() {
            aliases.push((kind.clone(), held.into_iter().map(Into::into).collect()));
        }
    }
    (current, aliases)
}
