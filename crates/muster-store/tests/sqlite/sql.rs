//! The queries of docs/sql.md, as people copy them from there, through a connection that is not ours.

use super::rig::{Home, plain_merge};
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::command::Action;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, RequestNo};
use muster_core::record::{Event, MemberRecord, MergeLink, RootPointer, TreeTotals, View, Write};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::Engine;
use rusqlite::types::Value as Sql;
use std::collections::BTreeMap;

const DOC: &str = include_str!("../../../../docs/sql.md");
const AT: Timestamp = Timestamp(1_767_571_200_000);

fn profile(no: u64, city: &str, email: &str) -> [RowChange; 2] {
    let write = |value: &str| Write { seq: no, value: Some(Value::text(value)) };
    let attributes = BTreeMap::from([("city".into(), write(city)), ("email".into(), write(email))]);
    let no = ProfileNo(no);
    let profile = MemberRecord {
        no,
        created: AT,
        identifiers: Vec::new(),
        attributes: attributes.into(),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: vec![],
    };
    let tree = TreeTotals { first_seen: AT, last_seen: AT, events: 0, devices: 0, members: 1 };
    [
        RowChange::Upsert(StoredRow::MemberRecord(profile)),
        RowChange::Upsert(StoredRow::RootPointer(RootPointer {
            no,
            created: AT,
            root: no,
            first_seen: AT,
            last_seen: AT,
            events: 0,
            devices: 0,
            tree,
            weight: 0,
            deletion: None,
        })),
    ]
}

fn event(seq: u64, profile: u64, price: f64) -> RowChange {
    let action = Action {
        name: "Bought".into(),
        attributes: vec![("price".into(), Value::Float(price))],
        time: None,
        user_time: None,
        offset_seconds: 0,
        platform: None,
        os_type: None,
        app_version: None,
        event_id: None,
        pointer: "".into(),
    };
    let time = Timestamp(AT.0 + seq.cast_signed());
    RowChange::Upsert(StoredRow::Event(Event {
        seq,
        profile: ProfileNo(profile),
        time,
        user_time: time.0,
        received_at: time,
        request: RequestNo(1),
        origin: None,
        device_id: None,
        action: action.into(),
    }))
}

/// Users 1 and 2, both in Pune, 2 merged into 1; and user 3 in Delhi.
fn home() -> Home {
    let home = Home::new();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    let users = [profile(1, "Pune", "asha@example.test"), profile(2, "Goa", "b@x"), profile(3, "Delhi", "c@x")];
    let rows = users.into_iter().flatten().chain([event(11, 1, 1.5), event(12, 2, 2.5), event(13, 3, 9.0)]);
    put(&engine, &id("shop"), rows.collect()).unwrap();
    let no = |no| ProfileId { created: AT, no: ProfileNo(no) };
    let tree = TreeTotals { first_seen: AT, last_seen: AT, events: 2, devices: 0, members: 2 };
    let root_pointer = |n| RootPointer {
        no: ProfileNo(n),
        created: AT,
        root: ProfileNo(1),
        first_seen: AT,
        last_seen: AT,
        events: 1,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    };
    let shown =
        [("city", "Pune"), ("email", "asha@example.test")].map(|(name, value)| (name.into(), Value::text(value)));
    let merge = plain_merge(MergeNo(1), AT, no(1), no(2));
    let rows = vec![
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(1))),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(2))),
        RowChange::Upsert(StoredRow::View(ProfileNo(1), View { attributes: shown.into(), platforms: BTreeMap::new() })),
        RowChange::Upsert(StoredRow::MergeLink(MergeLink {
            child: ProfileNo(2),
            parent: ProfileNo(1),
            merge: MergeNo(1),
            seq: 20,
            rules: Vec::new(),
            same_email: false,
        })),
        RowChange::Upsert(StoredRow::Merge(merge)),
    ];
    put(&engine, &id("shop"), rows).unwrap();
    home
}

fn text(text: &str) -> Sql {
    Sql::Text(text.into())
}

/// A profile that is stored in chunks reads as any other: each type of value, its members of other profiles not among it.
#[test]
fn a_large_profile_shows_all_its_attributes() {
    let home = home();
    let engine = home.open().unwrap();
    let large = |no: u64| {
        let [RowChange::Upsert(StoredRow::MemberRecord(mut profile)), root_pointer] = profile(no, "Pune", "d@x") else {
            unreachable!()
        };
        let object = Value::Object(vec![("a".into(), Value::Boolean(false))]);
        for (name, value) in [
            ("yes", Value::Boolean(true)),
            ("count", Value::Integer(-7)),
            ("share", Value::Float(2.0)),
            ("list", Value::Array(vec![Value::Integer(1), Value::text("x")])),
            ("nested", object),
        ] {
            profile.attributes.put(name, Some(Write { seq: 1, value: Some(value) }));
        }
        for n in 0..2_000 {
            let value = Value::text(&format!("{n} of {no} is some text that takes room"));
            profile.attributes.put(&format!("name {n}"), Some(Write { seq: n, value: Some(value) }));
        }
        [RowChange::Upsert(StoredRow::MemberRecord(profile)), root_pointer]
    };
    put(&engine, &id("shop"), [4, 5].into_iter().flat_map(large).collect()).unwrap();
    let database = rusqlite::Connection::open(home.database("shop")).unwrap();
    let sql = "SELECT attributes ->> 'yes', attributes ->> 'count', attributes -> 'share', attributes -> 'list', \
         attributes -> 'nested', attributes ->> 'name 1999', (SELECT count(*) FROM json_each(attributes)) \
         FROM live_profiles ORDER BY id DESC LIMIT 1";
    let row: [Sql; 7] = database.query_row(sql, [], |row| Ok(std::array::from_fn(|n| row.get(n).unwrap()))).unwrap();
    let want = [
        Sql::Integer(1),
        Sql::Integer(-7),
        text("2.0"),
        text(r#"[1,"x"]"#),
        text(r#"{"a":false}"#),
        text("1999 of 5 is some text that takes room"),
        Sql::Integer(2_007),
    ];
    assert_eq!(row, want);
    let chunks: i64 = database.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0)).unwrap();
    assert!(chunks > 20, "{chunks} chunks");
    // What goes takes its chunks along, and what is small again has none.
    let [RowChange::Upsert(StoredRow::MemberRecord(small)), _] = profile(5, "Goa", "e@x") else { unreachable!() };
    put(
        &engine,
        &id("shop"),
        vec![RowChange::Delete(RowKey::MemberRecord(ProfileNo(4))), RowChange::Upsert(StoredRow::MemberRecord(small))],
    )
    .unwrap();
    let chunks: i64 = database.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0)).unwrap();
    assert_eq!(chunks, 0);
}

#[test]
fn the_three_queries_of_the_document_answer_what_they_say() {
    let home = home();
    let queries: Vec<&str> = DOC.split("```sql\n").skip(1).map(|part| part.split("```").next().unwrap()).collect();
    let database = rusqlite::Connection::open(home.database("shop")).unwrap();
    let answers: Vec<Vec<Vec<Sql>>> = queries
        .iter()
        .map(|sql| {
            let mut statement = database.prepare(sql).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| (0..columns).map(|c| row.get(c)).collect()).unwrap();
            rows.map(Result::unwrap).collect()
        })
        .collect();
    let (one, two) = ("019b8b741800000000000001", "019b8b741800000000000002");
    assert_eq!(
        answers,
        [
            vec![vec![text("Delhi"), Sql::Integer(1)], vec![text("Pune"), Sql::Integer(1)]],
            vec![
                vec![text("2026-01-05T00:00:00.012Z"), text("Bought"), Sql::Real(2.5)],
                vec![text("2026-01-05T00:00:00.011Z"), text("Bought"), Sql::Real(1.5)],
            ],
            vec![vec![text(one), Sql::Integer(2), Sql::Integer(2), text(two)]],
        ]
    );
}

#[test]
fn the_documented_columns_are_those_of_the_views() {
    let home = home();
    let database = rusqlite::Connection::open(home.database("shop")).unwrap();
    for view in ["live_profiles", "live_events", "merges"] {
        let mut statement = database.prepare(&format!("SELECT name FROM pragma_table_info('{view}')")).unwrap();
        let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let documented = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        let line = DOC.lines().find(|line| line.starts_with(&format!("| `{view}`"))).unwrap();
        assert!(line.ends_with(&format!("| {documented} |")), "{view}: {documented}");
    }
}
