//! The embedded engine keeps what the seam promises, and what its own files promise.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod sqlite {
    mod access;
    mod bindings;
    mod clock;
    mod cut;
    mod damage;
    mod full;
    mod groups;
    mod queues;
    mod large;
    mod orphans;
    mod passing;
    mod restart;
    pub(crate) mod rig;
    mod sql;
}

use muster_store::bounds::Bounds;
use muster_store::conformance;
use sqlite::rig::Home;

#[test]
fn sqlite_keeps_what_the_seam_promises() {
    conformance::suite(&|| Box::new(Home::new().into_engine(Bounds::default())));
    conformance::bounded(&|| Box::new(Home::new().into_engine(conformance::small_bounds())));
}
