//! The reference engine keeps what the seam promises.

use muster_store::bounds::Bounds;
use muster_store::conformance::{self, rig::HandClock};
use muster_store::engine::Engine;
use muster_store::memory::Memory;

fn make(bounds: Bounds) -> Box<dyn Engine> {
    Box::new(Memory::with_bounds(HandClock::at(1_000), bounds))
}

#[test]
fn memory_keeps_what_the_seam_promises() {
    conformance::suite(&|| make(Bounds::default()));
    conformance::bounded(&|| make(conformance::small_bounds()));
}
