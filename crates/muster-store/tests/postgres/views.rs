//! The views are what people query (docs/postgres.md).

use super::rig::with_database;
use super::round_trips::{customer, event, import};
use muster_core::command::Body;
use muster_core::settings::Settings;
use muster_core::value::Value;
use muster_store::conformance::rig::workspace;
use muster_store::engine::{Engine, Workspace};

const PROFILES: &str = "SELECT concat_ws(' ', attributes->>'first_name', events, members, length(id), \
    (SELECT count(*) FROM jsonb_object_keys(attributes))) FROM live_profiles WHERE workspace_id = 'shop' ORDER BY id";
const EVENTS: &str = "SELECT concat_ws(' ', e.name, e.attributes->>'total', p.attributes->>'first_name', \
    e.profile_id = e.recorded_under) FROM live_events AS e JOIN live_profiles AS p \
    ON p.workspace_id = e.workspace_id AND p.id = e.profile_id ORDER BY e.seq";

// Fails when a view leaves the attributes in chunks out, or joins rows of another workspace.
#[test]
fn people_find_profiles_and_events_in_the_views() {
    with_database(|server| {
        let home = server.home();
        let engine = home.open();
        let revision = Settings::default().revision;
        for id in ["shop", "other"] {
            engine.create_workspace(&Workspace { revision, ..workspace(id) }).unwrap();
        }
        let mut large = customer(2);
        if let Ok(Body::Customer(customer)) = &mut large.body {
            customer.sets.extend((0..40).map(|n| (format!("large {n}").into(), Value::text(&"x".repeat(2_000)))));
        }
        import(&engine, vec![customer(1), large, event(2)]);
        assert_eq!(server.strings(&home, PROFILES), ["name 1 0 1 24 3", "name 2 1 1 24 43"]);
        assert_eq!(server.strings(&home, EVENTS), ["order_placed 2 name 2 t"]);
        assert_eq!(server.strings(&home, "SELECT id FROM merges"), Vec::<String>::new());
    });
}
