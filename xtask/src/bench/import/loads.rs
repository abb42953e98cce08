//! Owns the two loads that the targets name: how many clients send which bodies; and what a round of them is given.

use super::super::disk::DiskMeter;
use super::super::figures::Figures;
use super::super::launch::why_not_on_cores;
use super::super::load::{ClientTarget, Load};
use super::super::options::{BenchOptions, Part};
use crate::bodies::{Bodies, Kind};
use std::sync::Arc;

/// Closed-loop clients of full bodies.
pub(super) const CLIENTS: usize = 16;
/// Connections of one-element requests.
const ONE_ELEMENT_CONNECTIONS: usize = 256;

/// A round: its number is the seed of the bodies.
pub(super) struct Round<'a> {
    pub(super) number: u64,
    pub(super) options: &'a BenchOptions,
    pub(super) disk: &'a DiskMeter,
    pub(super) figures: &'a mut Figures,
}

impl Round<'_> {
    /// Whether runs on this many cores are asked for and possible; if they are not possible, the report says why.
    pub(super) fn can_use_cores(&mut self, count: usize) -> bool {
        if !self.options.parts.has(Part::Cores) {
            return false;
        }
        let why_not = why_not_on_cores(count);
        let possible = why_not.is_none();
        self.figures.left_out.extend(why_not.map(|why| (Part::Cores, why)));
        possible
    }
}

/// One-element requests, half of the users existing.
pub(super) fn one_element(targets: Vec<ClientTarget>, round: u64) -> Load {
    let bodies = Arc::new(Bodies::new(Kind::One, round));
    Load { targets, bodies, connections: ONE_ELEMENT_CONNECTIONS, seed: 1000 + round }
}

/// Full bodies, half of the users existing.
pub(super) fn full(targets: Vec<ClientTarget>, round: u64) -> Load {
    Load { targets, bodies: Arc::new(Bodies::new(Kind::Full, round)), connections: CLIENTS, seed: round }
}
