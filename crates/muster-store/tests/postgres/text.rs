//! Values that PostgreSQL itself would change.

use super::rig::with_database;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::record::{Attributes, EventId, MemberRecord, Write};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::Engine;
use muster_store::reader::dump;

// Fails when `row::stored_text` stores U+0000 as it is, or attributes are read from `jsonb`.
#[test]
fn what_jsonb_and_text_cannot_hold_comes_back_and_people_can_query_the_rest() {
    with_database(|server| {
        let home = server.home();
        let engine = home.open();
        engine.create_workspace(&workspace("shop")).unwrap();
        let object = Value::Object(vec![("b".into(), Value::Float(1e2)), ("a".into(), Value::Text("x\0".into()))]);
        let attributes = [
            ("z\0\u{1}".into(), Write { seq: 1, value: Some(Value::Text("a\0b\u{1}".into())) }),
            ("city".into(), Write { seq: 2, value: Some(Value::Text("Köln".into())) }),
            ("nested".into(), Write { seq: 3, value: Some(object) }),
        ];
        let record = MemberRecord {
            no: ProfileNo(1),
            created: Timestamp(1),
            identifiers: Vec::new(),
            attributes: attributes.into_iter().collect::<Attributes>(),
            platforms: Default::default(),
            former: Vec::new(),
            history: Vec::new(),
        };
        let event_id =
            |id: &str, seq| EventId { id: id.into(), at: Timestamp(1), seq, profile: ProfileNo(1), name: "n\0".into() };
        let rows = vec![
            RowChange::Upsert(StoredRow::MemberRecord(record)),
            RowChange::Upsert(StoredRow::EventId(event_id("a\0", 1))),
            RowChange::Upsert(StoredRow::EventId(event_id("a\u{1}", 2))),
            RowChange::Upsert(StoredRow::EventId(event_id("ab", 3))),
        ];
        put(&engine, &id("shop"), rows.clone()).unwrap();
        let mut reader = engine.read(&id("shop")).unwrap();
        assert_eq!(dump(&mut *reader).unwrap().1, rows);
        let query = "SELECT 1 / count(*)::int FROM profiles WHERE attributes->>'city' = 'Köln' \
             AND (attributes#>>'{nested,b}')::float = 100";
        server.execute(&home, &format!("SET search_path = {}; {query}", home.schema()));
        assert_eq!(server.wrong_sums(&home, "shop"), Vec::<String>::new());
    });
}
