//! The engine of many nodes keeps what the seam promises. Without a database these tests say that they are skipped.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
#![expect(clippy::disallowed_methods, reason = "the command that runs the tests says where the database is")]

mod postgres {
    mod lost;
    mod nodes;
    pub(crate) mod proxy;
    pub(crate) mod rig;
    mod round_trips;
    mod text;
    mod views;
}

use muster_store::bounds::Bounds;
use muster_store::conformance;
use postgres::rig::with_database;

#[test]
fn postgres_keeps_what_the_seam_promises() {
    with_database(|server| {
        conformance::suite(&|| Box::new(server.home().open_with(Bounds::default())));
        conformance::bounded(&|| Box::new(server.home().open_with(conformance::small_bounds())));
    });
}
