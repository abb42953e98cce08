//! Previews an activation: the profiles that share a value are copied into a store in memory, and the activation runs there
//! by the same rules.

use crate::app::scratch;
use crate::limits::PREVIEW_PROFILES_MAX;
use muster_core::attribute::EMAIL;
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decide::{ActivationProgress, Index, Settle};
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::{ProfileId, ProfileNo, WorkspaceId};
use muster_core::identifier::{Identifier, KindSettings, stored_identifier};
use muster_core::limits::ACTIVATION_BATCH;
use muster_core::record::{Counters, MemberRecord};
use muster_core::settings::{Activation, ActivationPhase, Identity};
use muster_core::time::{Clock, Moment, Timestamp};
use muster_store::engine::{Engine, EngineError, Workspace, apply};
use muster_store::reader::{LiveProfile, Reader};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::Arc;

/// Member records that are read at a time.
const BATCH: usize = 200;
/// Most samples of a preview.
const SAMPLES_MAX: usize = 20;
/// Most ids of one sample.
const SAMPLE_IDS_MAX: usize = 50;

/// Values, each with the member records that hold it.
type Shared = Vec<(Identifier, Vec<ProfileNo>)>;
/// Live profiles by root.
type Trees = BTreeMap<ProfileNo, LiveProfile>;

/// Effects of an activation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Preview {
    /// Merges.
    pub(crate) merges: u64,
    /// Live profiles that these merges would join, survivors included.
    pub(crate) profiles: u64,
    /// Members of the largest resulting profile.
    pub(crate) largest: u64,
    /// Reviews that the guards would open.
    pub(crate) reviews: u64,
    /// Numbers of profiles that would be merged into one, each with how often; the smallest first.
    pub(crate) groups: Vec<(u64, u64)>,
    /// Kinds in order of rank, each with the number of member records that hold a value; empty if no kind becomes active.
    pub(crate) holders: Vec<(String, u64)>,
    /// Examples of values that resolve to several live profiles now and to fewer afterwards: the kind, and the profiles.
    pub(crate) samples: Vec<(String, Vec<ProfileId>)>,
    /// False if the preview covers only the first [`PREVIEW_PROFILES_MAX`] profiles.
    pub(crate) complete: bool,
}

/// Previews an activation on a snapshot. Takes as long as reading every member record twice; returns nothing if no kind
/// becomes active.
///
/// # Errors
/// Those of the reader.
pub(crate) fn preview(
    reader: &mut dyn Reader,
    (target, profile_bytes): (&Identity, u64),
    kinds: &[Box<str>],
) -> Result<Preview, EngineError> {
    // It keeps little of what it reads.
    reader.charge(Box::new(|_| Ok(())));
    let becomes = |k: &KindSettings| kinds.iter().any(|kind| **kind == *k.kind.name());
    let kinds: Vec<KindSettings> = target.kinds.iter().filter(|k| becomes(k)).cloned().collect();
    if kinds.is_empty() {
        return Ok(Preview { complete: true, ..Preview::default() });
    }
    let (repeated, holders) = find_repeated_values(reader, &target.kinds, becomes)?;
    let shared = shared_values(reader, &kinds, &repeated)?;
    let counters = reader.counters()?;
    let (mut trees, mut complete): (Trees, bool) = (BTreeMap::new(), true);
    for no in shared.iter().flat_map(|(_, holders)| holders) {
        // The root alone first: a thousand holders of one tree would read it a thousand times.
        let Some(root) = reader.root(*no)? else { continue };
        if trees.contains_key(&root.no) {
            continue;
        }
        if trees.len() >= PREVIEW_PROFILES_MAX {
            complete = false;
            break;
        }
        if let Some(live) = reader.profile(root.no)? {
            trees.insert(live.root, slim(live, target));
        }
    }
    let rows = rows(reader, &trees)?;
    let outcome = run(rows, counters, (target, profile_bytes), &kinds)?;
    Ok(Preview { holders, ..summarize(&outcome, (&shared, &trees), complete) })
}

/// Reduces a live profile to what the rules of a merge read: its attributes may be megabytes.
fn slim(mut live: LiveProfile, target: &Identity) -> LiveProfile {
    let is_needed = |name: &str| {
        target.kinds.iter().any(|kind| kind.kind.name() == name)
            || target.survivor_attribute.as_deref() == Some(name)
            || name == EMAIL
    };
    for member in &mut live.members {
        let writes = member.record.attributes.iter().filter(|(name, _)| is_needed(name));
        member.record.attributes = writes.map(|(name, write)| (name.clone(), write.clone())).collect();
        (member.record.former, member.record.history, member.devices) = (Vec::new(), Vec::new(), Vec::new());
    }
    if let Some(view) = &mut live.view {
        view.attributes.retain(|name, _| is_needed(name));
    }
    live
}

/// Hashes of values that may be held by several member records.
struct RepeatedValues {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

/// Reads every member record. Returns the values of the newly active kinds that occur more than once, and how many records
/// hold each kind.
fn find_repeated_values(
    reader: &mut dyn Reader,
    kinds: &[KindSettings],
    becomes: impl Fn(&KindSettings) -> bool,
) -> Result<(RepeatedValues, Vec<(String, u64)>), EngineError> {
    let mut repeated = RepeatedValues { hasher: RandomState::new(), hashes: HashSet::new() };
    let (mut once, mut counts) = (HashSet::new(), vec![0; kinds.len()]);
    let becomes: Vec<bool> = kinds.iter().map(becomes).collect();
    each_value(reader, kinds, |rank, key, _| {
        counts[rank] += 1;
        let hash = repeated.hasher.hash_one(&key);
        if becomes[rank] && !once.insert(hash) {
            repeated.hashes.insert(hash);
        }
    })?;
    let holders = kinds.iter().zip(counts).map(|(kind, count)| (kind.kind.name().to_owned(), count)).collect();
    Ok((repeated, holders))
}

/// Returns the values that several member records hold, each with these records.
fn shared_values(
    reader: &mut dyn Reader,
    kinds: &[KindSettings],
    repeated: &RepeatedValues,
) -> Result<Shared, EngineError> {
    let mut shared: BTreeMap<Identifier, Vec<ProfileNo>> = BTreeMap::new();
    each_value(reader, kinds, |_, key, no| {
        if repeated.hashes.contains(&repeated.hasher.hash_one(&key)) {
            shared.entry(key).or_default().push(no);
        }
    })?;
    Ok(shared.into_iter().filter(|(_, holders)| holders.len() > 1).collect())
}

/// Calls `each` with every value: the rank of its kind, the identifier, and the member record that holds it.
fn each_value(
    reader: &mut dyn Reader,
    kinds: &[KindSettings],
    mut each: impl FnMut(usize, Identifier, ProfileNo),
) -> Result<(), EngineError> {
    let mut after = ProfileNo(0);
    loop {
        let profiles = reader.profiles(after, BATCH)?;
        for profile in &profiles {
            for (rank, kind) in kinds.iter().enumerate() {
                let value = profile.attributes.get(kind.kind.name()).and_then(|write| write.value.as_ref());
                if let Some(key) = value.and_then(|value| stored_identifier(kind, value)) {
                    each(rank, key, profile.no);
                }
            }
        }
        // Fewer than were asked for may come where they are large.
        let Some(last) = profiles.last() else { return Ok(()) };
        after = last.no;
    }
}

/// Returns all rows of these live profiles that the rules of an activation may read.
fn rows(reader: &mut dyn Reader, trees: &Trees) -> Result<Vec<RowChange>, EngineError> {
    let mut rows = Vec::new();
    let mut separations = BTreeMap::new();
    for live in trees.values() {
        for member in &live.members {
            rows.extend(
                member
                    .record
                    .identifiers
                    .iter()
                    .map(|key| RowChange::Upsert(StoredRow::Binding(key.clone(), member.record.no))),
            );
            rows.push(RowChange::Upsert(StoredRow::MemberRecord(member.record.clone())));
            rows.push(RowChange::Upsert(StoredRow::RootPointer(member.root_pointer)));
            rows.extend(member.link.clone().map(StoredRow::MergeLink).map(RowChange::Upsert));
            separations.extend(reader.separations_of(member.record.no)?.into_iter().map(|s| (s.no, s)));
        }
        rows.extend(live.view.clone().map(|view| RowChange::Upsert(StoredRow::View(live.root, view))));
    }
    rows.extend(separations.into_values().map(StoredRow::Separation).map(RowChange::Upsert));
    Ok(rows)
}

/// The copy after the activation.
struct ActivatedCopy {
    counters: Counters,
    before: Counters,
    roots: HashMap<ProfileNo, (ProfileNo, u32)>,
}

/// A clock that shows one time.
struct FixedClock(Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Moment {
        Moment { at: self.0, micros: 0 }
    }
}

/// Stores rows unchanged.
struct CopyRows(Vec<RowChange>, Counters);

impl Decision for CopyRows {
    type Output = ();

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn decide(&self, _: &Facts, _: Moment) -> Step<()> {
        Step::Done(Changes { rows: self.0.clone(), counters: self.1, rate: None }, ())
    }
}

/// Runs the activation on a copy.
fn run(
    rows: Vec<RowChange>,
    before: Counters,
    (target, profile_bytes): (&Identity, u64),
    kinds: &[KindSettings],
) -> Result<ActivatedCopy, EngineError> {
    const REVISION: u64 = 1;
    // Without the reviews of the original, so that none of them is counted or closed.
    let before = Counters { review: 0, reviews_stored: 0, reviews_open: 0, activation: 0, ..before };
    let engine = scratch(Arc::new(FixedClock(before.now)));
    let id = WorkspaceId::parse("preview").expect("it is an id");
    let (created_at, settings) = (before.now, "{}".to_owned());
    engine.create_workspace(&Workspace {
        id: id.clone(),
        created_at,
        revision: REVISION,
        settings,
        keys: Vec::new(),
    })?;
    let numbers: Vec<ProfileNo> = rows
        .iter()
        .filter_map(|row| if let RowChange::Upsert(StoredRow::RootPointer(s)) = row { Some(s.no) } else { None })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| EngineError::Broken(error.to_string().into()))?;
    runtime.block_on(async {
        apply(&*engine, &id, CopyRows(rows, before), Mode::Commit).await?;
        for (phase, since) in [(ActivationPhase::Indexing, 1), (ActivationPhase::Joining, 2)] {
            let activation = Some(Activation { phase, kinds: kinds.to_vec(), since });
            let identity = Identity { activation, ..target.clone() };
            batches(&*engine, &id, (&identity, profile_bytes), (phase, REVISION)).await?;
        }
        Ok::<_, EngineError>(())
    })?;
    let mut reader = engine.read(&id)?;
    let mut roots = HashMap::new();
    for no in numbers {
        if let Some(root) = reader.root(no)? {
            roots.insert(no, (root.no, root.tree.members));
        }
    }
    Ok(ActivatedCopy { counters: reader.counters()?, before, roots })
}

async fn batches(
    engine: &dyn Engine,
    id: &WorkspaceId,
    (identity, profile_bytes): (&Identity, u64),
    (phase, revision): (ActivationPhase, u64),
) -> Result<(), EngineError> {
    let batch = ACTIVATION_BATCH;
    loop {
        let identity = identity.clone();
        let progress = match phase {
            ActivationPhase::Indexing => apply(engine, id, Index { identity, revision, batch }, Mode::Commit).await?,
            ActivationPhase::Joining => {
                apply(engine, id, Settle { identity, profile_bytes, revision, batch }, Mode::Commit).await?
            }
        };
        if !matches!(progress, ActivationProgress::At { .. }) {
            return Ok(());
        }
    }
}

/// Summarizes the effects.
fn summarize(done: &ActivatedCopy, (shared, trees): (&Shared, &Trees), complete: bool) -> Preview {
    let mut parts: HashMap<ProfileNo, BTreeSet<ProfileNo>> = HashMap::new();
    for root in trees.keys() {
        if let Some((now, _)) = done.roots.get(root) {
            parts.entry(*now).or_default().insert(*root);
        }
    }
    parts.retain(|_, roots| roots.len() > 1);
    let before = trees.values().flat_map(|live| live.members.iter().map(move |m| (m.record.no, root_id(live))));
    let before: HashMap<ProfileNo, Option<ProfileId>> = before.collect();
    let mut samples = Vec::new();
    for (key, holders) in shared {
        if samples.len() == SAMPLES_MAX {
            break;
        }
        let mut by_root: BTreeMap<ProfileNo, BTreeSet<ProfileId>> = BTreeMap::new();
        for holder in holders.iter().take(SAMPLE_IDS_MAX) {
            let (Some((now, _)), Some(was)) = (done.roots.get(holder), before.get(holder)) else { continue };
            by_root.entry(*now).or_default().extend(*was);
        }
        let together = by_root.into_values().filter(|ids| ids.len() > 1);
        samples.extend(together.map(|ids| (key.kind.name().to_owned(), ids.into_iter().collect())));
    }
    let mut groups: BTreeMap<u64, u64> = BTreeMap::new();
    for roots in parts.values() {
        *groups.entry(roots.len() as u64).or_default() += 1;
    }
    Preview {
        groups: groups.into_iter().collect(),
        holders: Vec::new(),
        merges: done.counters.merge - done.before.merge,
        profiles: parts.values().map(|roots| roots.len() as u64).sum(),
        largest: parts.keys().filter_map(|root| done.roots.get(root)).map(|(_, n)| u64::from(*n)).max().unwrap_or(0),
        reviews: done.counters.review,
        samples,
        complete,
    }
}

fn root_id(live: &LiveProfile) -> Option<ProfileId> {
    live.members.iter().map(|member| &member.record).find(|profile| profile.no == live.root).map(MemberRecord::id)
}
