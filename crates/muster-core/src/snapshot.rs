//! A live profile as it is shown to people: current identifiers and aliases, attributes, figures, members.

use crate::fold::{MemberRef, Tree};
use crate::id::{MergeNo, ProfileId, ProfileNo};
use crate::identifier::{Key, Kind, normalise, spelled};
use crate::record::{Device, Former, Link, Platform, Profile, Standing, Tally, View};
use crate::settings::{Identity, KindSettings};
use crate::time::Timestamp;
use crate::value::Value;
use std::collections::BTreeMap;

/// A member with all that is stored of it, as engines read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its own record.
    pub profile: Profile,
    /// Its standing.
    pub standing: Standing,
    /// How it was joined; None for the root.
    pub link: Option<Link>,
    /// When, by its merge record; None for the root.
    pub joined_at: Option<Timestamp>,
    /// Its devices.
    pub devices: Vec<Device>,
}

/// A live profile, assembled.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Its id.
    pub id: ProfileId,
    /// The current value of each active kind that it holds.
    pub identifiers: Vec<Key>,
    /// The other values that resolve to it, by kind in order of rank.
    pub aliases: Vec<(Kind, Vec<Box<str>>)>,
    /// Values that its members held, oldest first.
    pub former: Vec<Former>,
    /// What it shows, by name.
    pub attributes: BTreeMap<Box<str>, Value>,
    /// The platforms that it shows.
    pub platforms: BTreeMap<Platform, bool>,
    /// The devices of all members, by member and `device_id`.
    pub devices: Vec<Device>,
    /// Its figures.
    pub tally: Tally,
    /// Its members but the root, in the order of joining.
    pub members: Vec<MemberEntry>,
}

/// A member in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEntry {
    /// Its id.
    pub id: ProfileId,
    /// The id that it was joined to.
    pub parent: ProfileId,
    /// The merge record.
    pub merge: MergeNo,
    /// When.
    pub joined_at: Timestamp,
}

/// Assembles the live profile of these members, whose root is the one without link in `top`'s place. What is shown is
/// folded from the own records, or taken from the view that the engine keeps. None if `top` is not among the members.
pub fn assemble(top: ProfileNo, members: &[Member], view: Option<View>, identity: &Identity) -> Option<Snapshot> {
    let root = members.iter().find(|m| m.profile.no == top)?;
    let view = view.unwrap_or_else(|| {
        Tree::new(members.iter().map(|m| MemberRef { profile: &m.profile, link: m.link.as_ref() })).shown(top)
    });
    let (identifiers, aliases) = identifiers(members, &view, identity);
    let mut former: Vec<Former> = members.iter().flat_map(|m| m.profile.former.iter().cloned()).collect();
    former.sort_by_key(|f| f.until);
    let mut joined: Vec<&Member> = members.iter().filter(|m| m.profile.no != top && m.link.is_some()).collect();
    joined.sort_by_key(|m| m.link.as_ref().map(|l| l.seq));
    let id_of = |no| members.iter().find(|m| m.profile.no == no).map(|m| m.profile.id());
    let entry = |m: &&Member| {
        let link = m.link.as_ref()?;
        let joined_at = m.joined_at.unwrap_or_default();
        Some(MemberEntry { id: m.profile.id(), parent: id_of(link.parent)?, merge: link.merge, joined_at })
    };
    Some(Snapshot {
        id: root.profile.id(),
        identifiers,
        aliases,
        former,
        members: joined.iter().filter_map(entry).collect(),
        attributes: view.attributes,
        platforms: view.platforms,
        devices: members.iter().flat_map(|m| m.devices.iter().cloned()).collect(),
        tally: root.standing.tree,
    })
}

/// Values by kind.
type Aliases = Vec<(Kind, Vec<Box<str>>)>;

/// Current values are the shown ones that are bound; the other bound ones are aliases (behaviour.md 3.1).
fn identifiers(members: &[Member], view: &View, identity: &Identity) -> (Vec<Key>, Aliases) {
    let (mut current, mut aliases) = (Vec::new(), Vec::new());
    for KindSettings { kind, normaliser, .. } in identity.active() {
        let mut held: Vec<&str> =
            members.iter().flat_map(|m| &m.profile.keys).filter(|k| k.kind == *kind).map(|k| &*k.value).collect();
        held.sort_unstable();
        let shown = view.attributes.get(kind.name()).and_then(spelled).map(|text| normalise(*normaliser, &text));
        if let Some(shown) = shown
            && let Ok(place) = held.binary_search(&&*shown)
        {
            current.push(Key { kind: kind.clone(), value: held.remove(place).into() });
        }
        if !held.is_empty() {
            aliases.push((kind.clone(), held.into_iter().map(Into::into).collect()));
        }
    }
    (current, aliases)
}
