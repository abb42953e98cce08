//! The stored format: rows come back as they were, from neutral cells and from those that SQLite stores; damaged bytes are
//! errors and never panics, SQLite takes the values for sound JSONB, and the bytes of today's version never change.

use muster_core::command::Action;
use muster_core::id::{ProfileId, ProfileNo, RequestNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::{ElementKind, Platform, Route};
use muster_core::outcome::{ActionOutcome, ActionResult, ElementResult, Outcome};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::record::{Event, FormerIdentifier, LogEntry, MemberRecord, Omitted, Write};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_core::warning::{Code, Warning};
use muster_store::codec::{Cell, JsonObject, Record, row_sum};
use muster_store::conformance::random::Dice;
use muster_store::error::CorruptRow;
use muster_store::family::Family;
use muster_store::sqlite::jsonb;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The cells of a record as SQLite stores them.
fn encoded<R: Record>(row: &R) -> Vec<Cell<'_>> {
    let mut cells = row.cells();
    jsonb::encode(&mut cells);
    cells
}

fn decoded<R: Record>(mut cells: Vec<Cell<'_>>) -> Result<R, CorruptRow> {
    jsonb::decode(R::FAMILY, &mut cells)?;
    R::from_cells(&mut cells)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back_as_they_were(seed: u64) {
        let mut dice = Dice::new(seed);
        let (profile, event, request) = (dice.profile(), dice.event(), dice.request());
        prop_assert_eq!(MemberRecord::from_cells(&mut profile.cells()), Ok(profile.clone()));
        prop_assert_eq!(Event::from_cells(&mut event.cells()), Ok(event.clone()));
        prop_assert_eq!(LogEntry::from_cells(&mut request.cells()), Ok(request.clone()));
        prop_assert_eq!(decoded::<MemberRecord>(encoded(&profile)), Ok(profile.clone()));
        prop_assert_eq!(decoded::<Event>(encoded(&event)), Ok(event.clone()));
        prop_assert_eq!(decoded::<LogEntry>(encoded(&request)), Ok(request.clone()));
    }

    #[test]
    fn damaged_bytes_are_errors_or_other_rows_and_never_panics(seed: u64, place in 0..500_usize, bit in 0..8_u8) {
        let mut dice = Dice::new(seed);
        let (profile, event) = (dice.profile(), dice.event());
        let flip = |cells: Vec<Cell<'_>>| -> Vec<Cell<'static>> {
            let flip = |cell: Cell<'_>| match cell {
                Cell::Blob(bytes) => {
                    let mut bytes = bytes.into_owned();
                    let place = place % bytes.len();
                    bytes[place] ^= 1 << bit;
                    Cell::Blob(Cow::Owned(bytes))
                }
                Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
                Cell::Int(n) => Cell::Int(n),
                Cell::Null => Cell::Null,
                Cell::Json(_) => panic!("every JSON column is encoded"),
            };
            cells.into_iter().map(flip).collect()
        };
        let (profile_cells, event_cells) = (flip(encoded(&profile)), flip(encoded(&event)));
        // Whatever a reader made of it, the checksum told before.
        prop_assert_ne!(row_sum(MemberRecord::FAMILY, &profile_cells), row_sum(MemberRecord::FAMILY, &encoded(&profile)));
        prop_assert_ne!(row_sum(Event::FAMILY, &event_cells), row_sum(Event::FAMILY, &encoded(&event)));
        let _either = (decoded::<MemberRecord>(profile_cells).is_ok(), decoded::<Event>(event_cells).is_ok());
    }

    #[test]
    fn values_are_jsonb_that_sqlite_reads(seed: u64) {
        let mut dice = Dice::new(seed);
        let value = dice.value(3);
        let values = [("a".into(), value.clone()), ("plain".into(), Value::Integer(7))];
        let object = jsonb_of(JsonObject::Listed(&values));
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let sql = "SELECT json_valid(?1, 8), json_valid(json(?1)), ?1 ->> 'plain', ?1 ->> 'a'";
        let (sound, json, plain, a) = sqlite
            .query_row(sql, [&object], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, rusqlite::types::Value>(3)?)))
            .unwrap();
        prop_assert_eq!((sound, json, plain), (true, true, 7_i64));
        match value {
            Value::Text(text) | Value::DateTime(text) => prop_assert_eq!(a, rusqlite::types::Value::Text(text.into())),
            Value::Integer(n) => prop_assert_eq!(a, rusqlite::types::Value::Integer(n)),
            Value::Boolean(b) => prop_assert_eq!(a, rusqlite::types::Value::Integer(b.into())),
            Value::Float(n) => prop_assert_eq!(a, rusqlite::types::Value::Real(n)),
            _ => {}
        }
    }
}

fn jsonb_of(object: JsonObject<'_>) -> Vec<u8> {
    let mut cells = [Cell::Json(object)];
    jsonb::encode(&mut cells);
    match cells {
        [Cell::Blob(bytes)] => bytes.into_owned(),
        other => panic!("no bytes: {other:?}"),
    }
}

/// Fails if `JsonObject::bytes` counts another header for one of these.
#[test]
fn a_json_column_counts_as_many_bytes_as_sqlite_stores() {
    let strings = [0, 11, 12, 255, 256, 65_535, 65_536].map(|len| Value::Text("x".repeat(len).into()));
    let integers = [0, -1, 9_999_999_999, 99_999_999_999, i64::MIN, i64::MAX].map(Value::Integer);
    let floats = [0.5, -0.0, 1e21, f64::MIN, f64::MIN_POSITIVE].map(Value::Float);
    let mut dice = Dice::new(1);
    let values = [Value::Boolean(true), Value::text("2026-01-05"), Value::Location { lat: 1.5, lon: -120.123_456_789 }]
        .into_iter()
        .chain(strings.into_iter().chain(integers).chain(floats))
        .chain((0..300).map(|_| dice.value(3)));
    for value in values {
        let nested = Value::Object(vec![("list".into(), Value::Array(vec![value.clone(), value.clone()]))]);
        let values = [("a long attribute name".into(), value), ("nested".into(), nested)];
        let object = JsonObject::Listed(&values);
        assert_eq!(object.bytes(), jsonb_of(object.clone()).len() as u64, "{object:?}");
    }
    assert_eq!((JsonObject::InChunks.bytes(), jsonb_of(JsonObject::InChunks)), (0, Vec::new()));
}

/// An engine whose JSON does not come back byte by byte sums the values. Fails if the sum leaves one of these out.
#[test]
fn the_checksum_over_values_covers_names_types_order_and_where_they_are() {
    let integer = |name: &str, n| (Box::from(name), Value::Integer(n));
    let objects = [
        JsonObject::InChunks,
        JsonObject::Owned(vec![]),
        JsonObject::Owned(vec![integer("a", 1), integer("b", 2)]),
        JsonObject::Owned(vec![integer("b", 2), integer("a", 1)]),
        JsonObject::Owned(vec![integer("a", 1), integer("c", 2)]),
        JsonObject::Owned(vec![integer("n", 1)]),
        JsonObject::Owned(vec![("n".into(), Value::Float(1.0))]),
        JsonObject::Owned(vec![("n".into(), Value::Text("2026-01-05".into()))]),
        JsonObject::Owned(vec![("n".into(), Value::DateTime("2026-01-05".into()))]),
    ];
    let count = objects.len();
    let sums = objects.map(|object| row_sum(Family::Chunks, &[Cell::Json(object), Cell::Int(1)]));
    assert_eq!(BTreeSet::from(sums).len(), count);
    let values = [integer("a", 1), integer("b", 2)];
    assert_eq!(row_sum(Family::Chunks, &[Cell::Json(JsonObject::Listed(&values)), Cell::Int(1)]), sums[2]);
}

/// Every relational engine shares the codec: what one of them alone writes is made in that engine.
#[test]
fn the_codec_names_no_database() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = std::fs::read_dir(source.join("codec")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = folder.chain([source.join("codec.rs"), source.join("page.rs")]).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
        let found: Vec<&str> = ["sqlite", "jsonb", "postgres"].into_iter().filter(|name| text.contains(name)).collect();
        assert_eq!(found, [""; 0], "{}", file.display());
    }
}

/// The cells of a row from one on, and its checksum.
fn stored<R: Record>(row: &R, from: usize) -> Vec<String> {
    let text = |cell: &Cell<'_>| match cell {
        Cell::Blob(blob) => blob.iter().map(|b| format!("{b:02x}")).collect(),
        other => format!("{other:?}"),
    };
    let cells = encoded(row);
    cells[from..].iter().map(text).chain([format!("{:016x}", row_sum(R::FAMILY, &cells))]).collect()
}

fn profile() -> MemberRecord {
    let key = |value: &str| Identifier { kind: IdentifierKind::new("email"), value: value.into() };
    let write = |seq, value| Write { seq, value };
    let attributes = BTreeMap::from([
        ("at".into(), write(9, Some(Value::text("2026-01-05")))),
        ("city".into(), write(5, Some(Value::text("Pune")))),
        ("gone".into(), write(7, None)),
        ("home".into(), write(8, Some(Value::Location { lat: 1.5, lon: -2.0 }))),
    ]);
    MemberRecord {
        no: ProfileNo(3),
        created: Timestamp(1_000),
        identifiers: vec![key("a@b")],
        attributes: attributes.into(),
        platforms: BTreeMap::from([(Platform::Web, Write { seq: 6, value: Some(true) })]),
        former: vec![FormerIdentifier { identifier: key("o@b"), until: Timestamp(950) }],
        history: vec![5, 9],
    }
}

fn event() -> Event {
    let action = Action {
        name: "Viewed".into(),
        attributes: vec![("n".into(), Value::Array(vec![Value::Integer(1), Value::Float(0.5)]))],
        time: Some(Timestamp(2_000)),
        user_time: None,
        offset_seconds: 60,
        platform: Some(Platform::Ios),
        os_type: None,
        app_version: Some("1".into()),
        event_id: Some("x".into()),
        pointer: "/p".into(),
    };
    Event {
        seq: 4,
        profile: ProfileNo(3),
        time: Timestamp(2_000),
        user_time: 62_000,
        received_at: Timestamp(2_001),
        request: RequestNo(1),
        origin: None,
        device_id: None,
        action: action.into(),
    }
}

fn request() -> LogEntry {
    let warning = Warning { code: Code::NullIgnored, name: "n".into(), pointer: "/n".into(), count: 2, given: None };
    let result = ElementResult {
        index: 0,
        kind: ElementKind::Event,
        outcome: Outcome::Merged,
        profile: Some(ProfileId { created: Timestamp(1), no: ProfileNo(2) }),
        merged: vec![ProfileId { created: Timestamp(1), no: ProfileNo(3) }],
        warnings: vec![],
        errors: Faults::default(),
        explanation: None,
        actions: vec![ActionResult {
            outcome: ActionOutcome::Rejected,
            errors: Fault::new(Reason::FutureDate, "/e", None).into(),
        }],
    };
    LogEntry {
        no: RequestNo(1),
        received_at: Timestamp(5),
        status: 200,
        route: Route::Transition,
        origin: Some("1.2.3.4".into()),
        bytes: 10,
        duration_us: 20,
        warnings: vec![warning],
        elements: [result].into(),
        faults: vec![],
        omitted: Omitted { faults: 3, warnings: 4 },
    }
}

/// If this fails, a data directory of a released version can no longer be read: make a new version instead.
#[test]
fn the_bytes_of_version_one_never_change() {
    let attributes = "ec000000332a6174a8323032362d30312d30354a636974794a50756e654a686f6d65ec00000011376c617435312e35376c6f6e452d322e30";
    let record = "010105656d61696c036140621207060104676f6e6501010301020105656d61696c036f4062ec0e020a08";
    assert_eq!(stored(&profile(), 2), [attributes, record, "1643810077204504"]);
    let (attributes, record) = ("ec0000000d1a6eeb00000006133135302e35", "0101000078000278022f70");
    let event_cells = ["Text(\"Viewed\")", attributes, "Int(2)", "Text(\"1\")", record, "7958ad56fb7eb16d"];
    assert_eq!(stored(&event(), 8), event_cells);
    let record = "010101016e022f6e02011300020302020102030183012c022f650000000304";
    assert_eq!(stored(&request(), 7), ["Int(8)", record, "b3214e9a252af402"]);
}
