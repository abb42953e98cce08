//! Whom the keys of an element lead to (behaviour.md 3.2, 3.3): keys are tried in order of rank and kept if they
//! conflict with none kept before; a key set aside is neither matched nor stored from this element.

use super::work::{Known, Missing, Work};
use crate::command::GivenKey;
use crate::id::ProfileNo;
use crate::limits::MEMBERS_MAX;
use crate::warning::{Code, Warnings};

/// What became of the keys.
#[derive(Debug, Default)]
pub(super) struct Resolved<'k> {
    /// The kept keys in order of rank, with the id that each is bound to.
    pub(super) kept: Vec<(&'k GivenKey, Option<ProfileNo>)>,
    /// The live profiles that they lead to, in order of the keys, none twice.
    pub(super) roots: Vec<ProfileNo>,
}

impl Resolved<'_> {
    /// The one id that all bound keys belong to, if there is just one.
    pub(super) fn one_id(&self) -> Option<ProfileNo> {
        let mut bound = self.kept.iter().filter_map(|(_, id)| *id);
        let first = bound.next()?;
        bound.all(|id| id == first).then_some(first)
    }
}

/// Resolves the keys of one element. `writes` tells that it will write to own records: they are asked for with the
/// standings, which are all that events need.
pub(super) fn resolve<'k>(
    work: &mut Work<'_>,
    keys: &'k [GivenKey],
    writes: bool,
    warnings: &mut Warnings,
) -> Known<Resolved<'k>> {
    let found = look_up(work, keys, writes)?;
    let mut resolved = Resolved::default();
    for (given, bound) in found {
        let Some((_, root)) = bound else {
            resolved.kept.push((given, None));
            continue;
        };
        if !resolved.roots.contains(&root) {
            if conflicts(work, &resolved.roots, root)? {
                warnings.add(Code::KeySetAside, given.key.kind.name(), || given.pointer.to_string());
                continue;
            }
            resolved.roots.push(root);
        }
        resolved.kept.push((given, bound.map(|(id, _)| id)));
    }
    Ok(resolved)
}

/// A key, and the id that it is bound to with that id's live profile.
type Found<'k> = (&'k GivenKey, Option<(ProfileNo, ProfileNo)>);

/// Each key with its id and that id's live profile. Looks all of them up before it gives up, so that the needs of one
/// element are noted in one round; with more than one live profile those of a merge, too.
fn look_up<'k>(work: &mut Work<'_>, keys: &'k [GivenKey], writes: bool) -> Known<Vec<Found<'k>>> {
    let mut found = Vec::with_capacity(keys.len());
    let mut missing = false;
    for given in keys {
        let bound = work.binding(&given.key);
        if let Ok(Some(id)) = bound {
            missing |= writes && work.profile(id).is_err();
        }
        match bound.and_then(|id| id.map(|id| Ok((id, work.root_of(id)?))).transpose()) {
            Ok(bound) => found.push((given, bound)),
            Err(Missing) => missing = true,
        }
    }
    if missing {
        return Err(Missing);
    }
    let first = found.iter().find_map(|(_, bound)| bound.map(|(_, root)| root));
    let several = found.iter().any(|(_, bound)| bound.map(|(_, root)| root) != first && bound.is_some());
    if several {
        for (_, root) in found.iter().filter_map(|(_, bound)| *bound) {
            missing |= work.separations(root).is_err() | work.members(root).is_err() | work.shown(root).is_err();
        }
    }
    if missing { Err(Missing) } else { Ok(found) }
}

/// Whether one more live profile would join what must stay apart, or pass the cap of members.
fn conflicts(work: &mut Work<'_>, kept: &[ProfileNo], candidate: ProfileNo) -> Known<bool> {
    if kept.is_empty() {
        return Ok(false);
    }
    // A profile whose deletion is under way takes part in no merge.
    for root in kept.iter().chain([&candidate]) {
        if work.standing(*root)?.deletion.is_some() {
            return Ok(true);
        }
    }
    let mut others = Vec::new();
    for root in kept {
        others.extend(work.members(*root)?);
    }
    let own = work.members(candidate)?;
    if others.len() + own.len() > MEMBERS_MAX as usize {
        return Ok(true);
    }
    let apart = |(a, b): (ProfileNo, ProfileNo)| own.contains(&a) && others.contains(&b);
    let mut stored = Vec::new();
    // A profile may have been joined within this decision: its separations stand with its members' stored roots.
    for member in own.iter().chain(&others) {
        if let Some(found) = work.facts.separations.get(member) {
            stored.extend(found.iter().flatten().map(|s| (s.a.no, s.b.no)));
        }
    }
    Ok(stored.into_iter().any(|(a, b)| apart((a, b)) || apart((b, a))))
}
