//! The embedded engine keeps what the seam promises, and what its own files promise.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod sqlite {
    mod access;
    mod bindings;
    mod clock;
    mod cut;
    mod damage;
    mod flips;
    mod full;
    mod groups;
    mod queues;
    mod large;
    mod orphans;
    mod passing;
    mod redo;
    mod restart;
    mod storm;
    pub(crate) mod rig;
    mod sql;
}

use muster_store::bounds::Bounds;
use muster_store::conformance;
use sqlite::rig::Home;

#[test]
fn sqlite_keeps_what_the_seam_promises() {
    // By the redo log, and without it.
    for redo_bytes in [Bounds::default().redo_bytes, 0] {
        let with = |bounds| Bounds { redo_bytes, ..bounds };
        conformance::suite(&|| Box::new(Home::new().into_engine(with(Bounds::default()))));
        conformance::bounded(&|| Box::new(Home::new().into_engine(with(conformance::small_bounds()))));
    }
}
