//! The binding map: the id of every bound identifier, in memory. It is loaded in slices, in key order, between groups:
//! a miss is an answer for keys up to where it is loaded, and the table answers for those after. Above its bound it is
//! dropped for the table. It is kept in step with the transaction and undone with it.

use crate::error::EngineError;
use muster_core::id::ProfileNo;
use muster_core::identifier::Identifier;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// A key's hash: 128 bits with a seed of the process. Two of a billion keys share one with a chance of 10^-21.
type Hash = (u64, u64);

/// Hashes of hashes are themselves.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 ^= n;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Map = HashMap<Hash, ProfileNo, BuildHasherDefault<Itself>>;

/// Bytes that a place of the table takes, its control byte with it, and how full a table gets at worst after it grew.
const BYTES_A_PLACE: usize = size_of::<(Hash, ProfileNo)>() + 1;

/// Bindings that are loaded at a time: 5 to 12 ms (`docs/benchmarks.md`), the most that loading adds to the wait of a
/// decision. A workspace of fewer has its map before its first decision.
const SLICE_ROWS: usize = 8_192;

/// Up to which key the map is loaded.
enum Progress {
    /// Nothing is loaded.
    Nothing,
    /// Up to this key, and more may follow.
    UpTo(Identifier),
    /// Everything is loaded.
    Whole,
    /// It would not fit: the table answers.
    Dropped,
}

/// The binding map of one workspace.
pub(crate) struct BindingMap {
    seed: u64,
    bytes_max: usize,
    slice_rows: usize,
    map: Map,
    progress: Progress,
    undo: Vec<(Hash, Option<ProfileNo>)>,
}

impl BindingMap {
    /// A map that is not loaded yet.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let seed = RandomState::new().hash_one("bindings");
        let (map, progress) = (Map::default(), Progress::Nothing);
        Self { seed, bytes_max, slice_rows: SLICE_ROWS, map, progress, undo: Vec::new() }
    }

    /// Whether nothing is loaded yet.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.progress, Progress::Nothing)
    }

    /// Whether more must be loaded.
    pub(crate) fn is_loading(&self) -> bool {
        matches!(self.progress, Progress::Nothing | Progress::UpTo(_))
    }

    /// Loads the next slice of the `rows` bindings, between two transactions. `read` returns the bindings after a key, or
    /// from the first, in order of kind and value, up to the given number.
    pub(crate) fn load_slice(
        &mut self,
        rows: usize,
        read: impl FnOnce(Option<&Identifier>, usize) -> Result<Vec<(Identifier, ProfileNo)>, EngineError>,
    ) -> Result<(), EngineError> {
        let after = match &self.progress {
            Progress::Nothing if rows.saturating_mul(BYTES_A_PLACE) > self.bytes_max => {
                self.drop_all();
                return Ok(());
            }
            Progress::Nothing => None,
            Progress::UpTo(key) => Some(key),
            Progress::Whole | Progress::Dropped => return Ok(()),
        };
        let slice = read(after, self.slice_rows)?;
        if self.is_empty() {
            // At once: a table that grows moves everything that it holds.
            self.map.reserve(rows);
        }
        for (key, profile) in &slice {
            self.map.insert(self.hash(key), *profile);
        }
        let is_last = slice.len() < self.slice_rows;
        self.progress = match slice.into_iter().next_back() {
            Some((key, _)) if !is_last => Progress::UpTo(key),
            _ => Progress::Whole,
        };
        self.drop_if_large();
        Ok(())
    }

    fn drop_all(&mut self) {
        self.map = Map::default();
        self.progress = Progress::Dropped;
        self.undo.clear();
    }

    fn drop_if_large(&mut self) {
        if self.map.capacity().saturating_mul(BYTES_A_PLACE) > self.bytes_max {
            self.drop_all();
        }
    }

    /// Whether the map answers for this key.
    fn answers_for(&self, key: &Identifier) -> bool {
        match &self.progress {
            Progress::Whole => true,
            // The order of the table: SQLite compares text by its bytes, as Rust does.
            Progress::UpTo(last) => key <= last,
            Progress::Nothing | Progress::Dropped => false,
        }
    }

    fn hash(&self, key: &Identifier) -> Hash {
        // The kinds of a workspace are few and attribute names; the separator is in no name of one (U+0000 is refused).
        let (kind, value) = (key.kind.name().as_bytes(), key.value.as_bytes());
        let mut short = [0; 128];
        let hash = if kind.len() + 1 + value.len() <= short.len() {
            short[..kind.len()].copy_from_slice(kind);
            let end = kind.len() + 1 + value.len();
            short[kind.len() + 1..end].copy_from_slice(value);
            xxh3_128_with_seed(&short[..end], self.seed)
        } else {
            xxh3_128_with_seed(&[kind, &[0], value].concat(), self.seed)
        };
        ((hash >> 64) as u64, hash as u64)
    }

    /// Returns the id that the identifier is bound to; None if the map cannot tell.
    pub(crate) fn get(&self, key: &Identifier) -> Option<Option<ProfileNo>> {
        self.answers_for(key).then(|| self.map.get(&self.hash(key)).copied())
    }

    /// Binds or releases a key, as the table has it from now on.
    pub(crate) fn set(&mut self, key: &Identifier, profile: Option<ProfileNo>) {
        // What is not loaded yet will be read from the table.
        if !self.answers_for(key) {
            return;
        }
        let hash = self.hash(key);
        let before = match profile {
            Some(profile) => self.map.insert(hash, profile),
            None => self.map.remove(&hash),
        };
        self.undo.push((hash, before));
        self.drop_if_large();
    }

    /// Takes back everything since the last commit.
    pub(crate) fn undo(&mut self) {
        while let Some((hash, before)) = self.undo.pop() {
            match before {
                Some(profile) => self.map.insert(hash, profile),
                None => self.map.remove(&hash),
            };
        }
    }

    /// The transaction is committed: nothing is taken back any more.
    pub(crate) fn keep(&mut self) {
        self.undo.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_core::identifier::IdentifierKind;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Table = BTreeMap<Identifier, ProfileNo>;

    #[derive(Clone, Debug)]
    enum Step {
        /// A transaction that sets keys, and is committed or not.
        Transaction(Vec<(Identifier, Option<ProfileNo>)>, bool),
        /// A slice is loaded.
        Load,
    }

    fn key() -> impl Strategy<Value = Identifier> {
        let kind = prop_oneof![Just("email"), Just("mobile")];
        (kind, "[a-c]{1,2}")
            .prop_map(|(kind, value)| Identifier { kind: IdentifierKind::new(kind), value: value.into() })
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let change = (key(), proptest::option::of((1..9_u64).prop_map(ProfileNo)));
        let transaction = (proptest::collection::vec(change, 0..4), any::<bool>());
        let transaction = transaction.prop_map(|(changes, is_committed)| Step::Transaction(changes, is_committed));
        proptest::collection::vec(prop_oneof![transaction, Just(Step::Load)], 0..24)
    }

    fn load(map: &mut BindingMap, table: &Table) {
        map.load_slice(table.len(), |after, limit| {
            let rows = table.iter().filter(|(key, _)| after.is_none_or(|after| *key > after));
            Ok(rows.take(limit).map(|(key, profile)| (key.clone(), *profile)).collect())
        })
        .expect("it reads");
    }

    proptest! {
        #[test]
        fn a_map_that_is_loaded_in_slices_never_contradicts_the_table(table in proptest::collection::btree_map(key(), (1..9_u64).prop_map(ProfileNo), 0..8), steps in steps()) {
            let (mut table, mut map) = (table, BindingMap::new(usize::MAX));
            map.slice_rows = 2;
            for step in steps {
                match step {
                    Step::Load => load(&mut map, &table),
                    Step::Transaction(changes, is_committed) => {
                        let mut changed = table.clone();
                        for (key, profile) in changes {
                            map.set(&key, profile);
                            let _before = match profile {
                                Some(profile) => changed.insert(key, profile),
                                None => changed.remove(&key),
                            };
                        }
                        if is_committed {
                            table = changed;
                        } else {
                            map.undo();
                        }
                        map.keep();
                    }
                }
                for kind in ["email", "mobile"] {
                    for value in ["a", "ab", "b", "ca", "cc"] {
                        let key = Identifier { kind: IdentifierKind::new(kind), value: value.into() };
                        if let Some(answer) = map.get(&key) {
                            prop_assert_eq!(answer, table.get(&key).copied());
                        }
                    }
                }
            }
            let slices = table.len() + 2;
            (0..slices).for_each(|_| load(&mut map, &table));
            prop_assert!(!map.is_loading());
            let all: Vec<_> = table.keys().map(|key| map.get(key)).collect();
            prop_assert_eq!(all, table.values().map(|profile| Some(Some(*profile))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_map_beyond_its_bound_is_dropped_and_the_table_answers() {
        let key = Identifier { kind: IdentifierKind::new("email"), value: "a".into() };
        let table = Table::from([(key.clone(), ProfileNo(1))]);
        let mut map = BindingMap::new(BYTES_A_PLACE - 1);
        load(&mut map, &table);
        assert_eq!((map.is_loading(), map.get(&key)), (false, None));
    }
}
