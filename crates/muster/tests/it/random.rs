//! Seeded choices, so that a failure can name what it drew. Leaves to the caller to print the seed.

use std::hash::{BuildHasher, RandomState};

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose moments and mixes.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        Random { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// The seed of this run: `MUSTER_TEST_SEED` if it is set, else a fresh one.
pub(crate) fn seed() -> u64 {
    match std::env::var("MUSTER_TEST_SEED") {
        Ok(text) => text.parse().expect("MUSTER_TEST_SEED is a number"),
        Err(_) => RandomState::new().hash_one(0_u8),
    }
}
