//! The binding map: the id of every bound identifier, in memory. A miss is an answer, so it is complete or it is not there;
//! above its bound it is dropped for the table. It is kept in step with the transaction and taken back with it.

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

/// The binding map of one workspace.
pub(crate) struct BindingMap {
    seed: u64,
    bytes_max: usize,
    /// None: not loaded, or dropped.
    map: Option<Map>,
    dropped: bool,
    undo: Vec<(Hash, Option<ProfileNo>)>,
}

impl BindingMap {
    /// A map that is not loaded yet.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let seed = RandomState::new().hash_one("bindings");
        Self { seed, bytes_max, map: None, dropped: false, undo: Vec::new() }
    }

    /// Whether it must be loaded before it is asked: it is not there, and was not dropped.
    pub(crate) fn is_missing(&self) -> bool {
        self.map.is_none() && !self.dropped
    }

    /// Takes all bindings, if this many fit; `each` hands over one after another.
    pub(crate) fn load(
        &mut self,
        rows: usize,
        each: impl FnOnce(&mut dyn FnMut(&Identifier, ProfileNo)) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        if rows.saturating_mul(BYTES_A_PLACE) > self.bytes_max {
            self.dropped = true;
            return Ok(());
        }
        let mut map = Map::with_capacity_and_hasher(rows, BuildHasherDefault::default());
        each(&mut |identifier, profile| {
            map.insert(self.hash(identifier), profile);
        })?;
        self.map = Some(map);
        Ok(())
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
        let map = self.map.as_ref()?;
        Some(map.get(&self.hash(key)).copied())
    }

    /// Binds or releases a key, as the table has it from now on.
    pub(crate) fn set(&mut self, key: &Identifier, profile: Option<ProfileNo>) {
        let hash = self.hash(key);
        let Some(map) = &mut self.map else { return };
        let before = match profile {
            Some(profile) => map.insert(hash, profile),
            None => map.remove(&hash),
        };
        if map.capacity().saturating_mul(BYTES_A_PLACE) > self.bytes_max {
            self.map = None;
            self.dropped = true;
            self.undo.clear();
            return;
        }
        self.undo.push((hash, before));
    }

    /// A place to go back to.
    pub(crate) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back everything since the mark.
    pub(crate) fn undo_to(&mut self, mark: usize) {
        let Some(map) = &mut self.map else { return };
        while self.undo.len() > mark {
            let (hash, before) = self.undo.pop().expect("longer than the mark");
            match before {
                Some(profile) => map.insert(hash, profile),
                None => map.remove(&hash),
            };
        }
    }

    /// The transaction is committed: nothing is taken back any more.
    pub(crate) fn keep(&mut self) {
        self.undo.clear();
    }
}
