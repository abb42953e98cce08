//! Random numbers and values from a seed.

use muster_core::id::{ProfileId, ProfileNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::Platform;
use muster_core::time::Timestamp;
use muster_core::value::Value;
use std::collections::HashSet;

/// Makes random rows (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
    /// Keys of the rows that exist.
    pub(super) there: HashSet<String>,
}

const STRINGS: [&str; 9] =
    ["", "a", "\u{e4}\u{f6}", "\"quoted\\\"", "line\nbreak", "\u{1f600}", "twelve bytes", "it's", "\u{7f}\t"];
const DATES: [&str; 4] =
    ["2026-01-05", "2026-01-05T00:00:00Z", "1969-12-31 23:59:59.999", "2026-01-05T05:30:00.25+05:30"];

impl Dice {
    /// Dice of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed, there: HashSet::new() }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("a place in a slice")]
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(super) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }

    pub(super) fn some<T>(&mut self, max: u64, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(max + 1)).map(|_| make(self)).collect()
    }

    /// A number that is small, large, or at an end.
    pub(super) fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(3),
            1 => self.below(1 << 20),
            2 => i64::MAX.cast_unsigned() - self.below(2),
            _ => self.bits() >> 1,
        }
    }

    pub(super) fn small(&mut self) -> u32 {
        u32::try_from(self.bits() >> 40).expect("24 bits")
    }

    pub(super) fn text(&mut self) -> Box<str> {
        let (text, number) = (self.pick(&STRINGS), self.below(50));
        match self.below(8) {
            0 => text.repeat(40).into(),
            _ => format!("{text}{number}").into(),
        }
    }

    pub(super) fn time(&mut self) -> Timestamp {
        match self.below(6) {
            0 => Timestamp(self.pick(&[-1, 0, -62_135_596_800_000, 253_402_300_799_999])),
            _ => Timestamp(1_767_571_200_000 + self.below(50).cast_signed()),
        }
    }

    pub(super) fn no(&mut self) -> ProfileNo {
        ProfileNo(1 + self.below(6))
    }

    pub(super) fn id(&mut self) -> ProfileId {
        ProfileId { created: self.time(), no: self.no() }
    }

    pub(super) fn key(&mut self) -> Identifier {
        let kind = self.pick(&["customer_id", "email", "mobile"]);
        let value = self.below(4);
        Identifier { kind: IdentifierKind::new(kind), value: format!("v{value}").into() }
    }

    pub(super) fn float(&mut self) -> f64 {
        self.pick(&[0.0, -0.0, 1.5, 1e300, -2.5e-300, 5e-324, f64::MAX, 0.1, 1e21])
    }

    /// A value of any type, nested at most so deep.
    pub fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Boolean(self.coin()),
            1 => Value::Integer(self.pick(&[0, -1, 42, i64::MIN, i64::MAX, 1 << 40])),
            2 => Value::Float(self.float()),
            3 => Value::DateTime(self.pick(&DATES).into()),
            4 => Value::Location { lat: self.float(), lon: self.float() },
            5 => Value::Text(self.text()),
            6 => Value::Array(self.some(4, |dice| dice.value(depth - 1))),
            _ => Value::Object(self.named(4, depth - 1)),
        }
    }

    pub(super) fn named(&mut self, max: u64, depth: u32) -> Vec<(Box<str>, Value)> {
        self.some(max, |dice| (dice.text(), dice.value(depth)))
    }

    pub(super) fn platform(&mut self) -> Platform {
        self.pick(&Platform::ALL)
    }
}
