//! Random rows of every family from a seed: with keys out of small spaces, so that rows are replaced and deleted, and
//! with values of every type. Deletes name rows that exist; a decision names each key at most once.

mod open;

use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::command::{Action, DeviceFields};
use muster_core::id::{MergeNo, ProfileId, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::{ElementKind, Platform, Route, SurvivorChoice, SurvivorRule};
use muster_core::outcome::{ActionOutcome, ActionResult, ElementResult, Outcome, RecordedAnswer};
use muster_core::reason::{Fault, Reason};
use muster_core::record::{
    Cause, Change, ChangeKind, Combined, Counters, Device, DeviceRef, Event, EventId, FormerIdentifier, Idempotency,
    LogEntry, MemberRecord, Merge, MergeLink, Omitted, OutboxMessage, QuarantinedElement, RootPointer, Separation,
    SeparationCause, TreeTotals, View, Write,
};
use muster_core::time::Timestamp;
use muster_core::value::{Combine, Value};
use muster_core::warning::{Code, Warning};
use std::collections::HashSet;

/// Makes random rows (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
    there: HashSet<String>,
}

const TEXTS: [&str; 9] =
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

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("a place in a slice")]
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }

    fn some<T>(&mut self, max: u64, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(max + 1)).map(|_| make(self)).collect()
    }

    /// A number that is small, large, or at an end.
    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(3),
            1 => self.below(1 << 20),
            2 => i64::MAX.cast_unsigned() - self.below(2),
            _ => self.bits() >> 1,
        }
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.bits() >> 40).expect("24 bits")
    }

    fn text(&mut self) -> Box<str> {
        let (text, number) = (self.of(&TEXTS), self.below(50));
        match self.below(8) {
            0 => text.repeat(40).into(),
            _ => format!("{text}{number}").into(),
        }
    }

    fn time(&mut self) -> Timestamp {
        match self.below(6) {
            0 => Timestamp(self.of(&[-1, 0, -62_135_596_800_000, 253_402_300_799_999])),
            _ => Timestamp(1_767_571_200_000 + self.below(50).cast_signed()),
        }
    }

    fn no(&mut self) -> ProfileNo {
        ProfileNo(1 + self.below(6))
    }

    fn id(&mut self) -> ProfileId {
        ProfileId { created: self.time(), no: self.no() }
    }

    fn key(&mut self) -> Identifier {
        let kind = self.of(&["customer_id", "email", "mobile"]);
        let value = self.below(4);
        Identifier { kind: IdentifierKind::new(kind), value: format!("v{value}").into() }
    }

    fn float(&mut self) -> f64 {
        self.of(&[0.0, -0.0, 1.5, 1e300, -2.5e-300, 5e-324, f64::MAX, 0.1, 1e21])
    }

    /// A value of any type, nested at most so deep.
    pub fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Boolean(self.coin()),
            1 => Value::Integer(self.of(&[0, -1, 42, i64::MIN, i64::MAX, 1 << 40])),
            2 => Value::Float(self.float()),
            3 => Value::DateTime(self.of(&DATES).into()),
            4 => Value::Location { lat: self.float(), lon: self.float() },
            5 => Value::Text(self.text()),
            6 => Value::Array(self.some(4, |dice| dice.value(depth - 1))),
            _ => Value::Object(self.named(4, depth - 1)),
        }
    }

    fn named(&mut self, max: u64, depth: u32) -> Vec<(Box<str>, Value)> {
        self.some(max, |dice| (dice.text(), dice.value(depth)))
    }

    fn platform(&mut self) -> Platform {
        self.of(&Platform::ALL)
    }

    /// An own record.
    pub fn profile(&mut self) -> MemberRecord {
        let attribute = |dice: &mut Self| {
            let value = if dice.below(4) == 0 { None } else { Some(dice.value(2)) };
            (dice.text(), Write { seq: dice.number(), value })
        };
        let platform = |dice: &mut Self| (dice.platform(), Write { seq: dice.number(), value: dice.maybe(Self::coin) });
        MemberRecord {
            no: self.no(),
            created: self.time(),
            identifiers: self.some(3, Self::key),
            attributes: self.some(9, attribute).into_iter().collect(),
            platforms: self.some(3, platform).into_iter().collect(),
            former: self.some(2, |dice| FormerIdentifier { identifier: dice.key(), until: dice.time() }),
            history: self.some(3, Self::number),
        }
    }

    fn root_pointer(&mut self) -> RootPointer {
        RootPointer {
            no: self.no(),
            created: self.time(),
            root: self.no(),
            first_seen: self.time(),
            last_seen: self.time(),
            events: self.number(),
            devices: self.small(),
            tree: TreeTotals {
                first_seen: self.time(),
                last_seen: self.time(),
                events: self.number(),
                devices: self.small(),
                members: self.small(),
            },
            weight: 0,
            deletion: self.maybe(Self::time),
        }
    }

    fn view(&mut self) -> View {
        View {
            attributes: self.named(5, 2).into_iter().collect(),
            platforms: self.some(3, |dice| (dice.platform(), dice.coin())).into_iter().collect(),
        }
    }

    fn link(&mut self) -> MergeLink {
        MergeLink {
            child: self.no(),
            parent: self.no(),
            merge: MergeNo(self.number()),
            seq: self.number(),
            rules: self.some(3, |dice| (dice.text(), dice.of(&[Combine::Sum, Combine::Max, Combine::Min]))),
            same_email: self.coin(),
        }
    }

    fn device_ref(&mut self) -> DeviceRef {
        let device = self.below(3);
        DeviceRef { profile: self.no(), device_id: format!("d{device}").into() }
    }

    fn device(&mut self) -> Device {
        Device {
            at: self.device_ref(),
            seq: self.number(),
            updated_at: self.time(),
            fields: DeviceFields {
                platform: self.platform(),
                push_id: self.text(),
                model: self.maybe(Self::text),
                app_version: self.maybe(Self::text),
                os_version: self.maybe(Self::text),
                push_opted: self.maybe(Self::coin),
                push_provisional_opted: self.maybe(Self::coin),
                gaid: self.maybe(Self::text),
                idfv: self.maybe(Self::text),
                push_id_is_word: self.coin(),
            },
        }
    }

    /// An event.
    pub fn event(&mut self) -> Event {
        let action = Action {
            name: self.text(),
            attributes: self.named(7, 3),
            time: self.maybe(Self::time),
            user_time: self.maybe(|dice| dice.time().0),
            offset_seconds: self.of(&[0, 19_800, -43_200, i32::MIN, i32::MAX]),
            platform: self.maybe(Self::platform),
            os_type: self.maybe(Self::text),
            app_version: self.maybe(Self::text),
            event_id: self.maybe(Self::text),
            pointer: self.text(),
        };
        Event {
            seq: self.below(40),
            profile: self.no(),
            time: self.time(),
            user_time: self.time().0,
            received_at: self.time(),
            request: RequestNo(self.number()),
            origin: self.maybe(|dice| dice.text().into()),
            device_id: self.maybe(|dice| dice.text().into()),
            action: action.into(),
        }
    }

    fn merge(&mut self) -> Merge {
        let cause = match self.below(4) {
            0 => Cause::Activation,
            1 => Cause::Api,
            2 => Cause::Review(ReviewNo(self.number())),
            _ => {
                use SurvivorRule::{FirstSeen, LastSeen, MostEvents};
                let rules = [LastSeen, FirstSeen, MostEvents].map(SurvivorChoice::Rule);
                let rule = self.of(&[SurvivorChoice::Attribute, SurvivorChoice::NewId, rules[0], rules[1], rules[2]]);
                Cause::Identifiers { identifiers: self.some(3, Self::key), rule }
            }
        };
        Merge {
            no: MergeNo(self.below(6)),
            at: self.time(),
            survivor: self.id(),
            merged: self.id(),
            request: self.maybe(|dice| (RequestNo(dice.number()), dice.small())),
            cause,
            explanation: self.maybe(Self::explanation),
            filled: self.some(3, Self::text),
            combined: self.some(3, |dice| Combined {
                field: dice.text(),
                old: dice.maybe(|dice| dice.value(0)),
                new: dice.maybe(|dice| dice.value(0)),
            }),
            identifiers: self.some(3, Self::key),
            reverted_at: self.maybe(Self::time),
        }
    }

    fn separation(&mut self) -> Separation {
        Separation {
            no: SeparationNo(self.below(6)),
            at: self.time(),
            a: self.id(),
            b: self.id(),
            cause: self.of(&[SeparationCause::Revert, SeparationCause::Review]),
            merge: self.maybe(|dice| MergeNo(dice.number())),
        }
    }

    fn fault(&mut self) -> Fault {
        Fault {
            reason: self.of(&Reason::ALL),
            pointer: self.text(),
            attribute: self.maybe(Self::text),
            detail: self.maybe(Self::text),
        }
    }

    fn warning(&mut self) -> Warning {
        Warning {
            code: self.of(&Code::ALL),
            name: self.text(),
            pointer: self.text(),
            count: self.small(),
            given: self.maybe(Self::text),
        }
    }

    fn element_kind(&mut self) -> ElementKind {
        self.of(&[ElementKind::Customer, ElementKind::Event, ElementKind::Device, ElementKind::Unknown])
    }

    fn result(&mut self) -> ElementResult {
        ElementResult {
            index: self.small(),
            kind: self.element_kind(),
            outcome: self.of(&Outcome::ALL),
            profile: self.maybe(Self::id),
            merged: self.some(2, Self::id),
            warnings: self.some(2, Self::warning),
            errors: self.some(2, Self::fault).into(),
            explanation: self.maybe(|dice| Box::new(dice.explanation())),
            actions: self.some(3, |dice| ActionResult {
                outcome: dice.of(&ActionOutcome::ALL),
                errors: dice.some(2, Self::fault).into(),
            }),
        }
    }

    /// A log entry of an applied request.
    pub fn request(&mut self) -> LogEntry {
        LogEntry {
            no: RequestNo(self.below(20)),
            received_at: self.time(),
            status: self.of(&[200, 400]),
            route: self.of(&Route::ALL),
            origin: self.maybe(|dice| dice.text().into()),
            bytes: self.small(),
            duration_us: self.number(),
            warnings: self.some(2, Self::warning),
            elements: self.some(4, Self::result).into(),
            faults: self.some(2, Self::fault),
            omitted: Omitted { faults: self.small(), warnings: self.small() },
        }
    }

    fn quarantined(&mut self) -> QuarantinedElement {
        QuarantinedElement {
            no: QuarantineNo(self.below(9)),
            at: self.time(),
            request: RequestNo(self.number()),
            index: self.small(),
            kind: self.element_kind(),
            errors: self.some(2, Self::fault).into(),
            element: self.text().into_boxed_bytes(),
            replayed_as: self.maybe(|dice| RequestNo(dice.number())),
            deleted_at: self.maybe(Self::time),
        }
    }

    fn idempotency(&mut self) -> Idempotency {
        Idempotency {
            route: self.of(&Route::ALL),
            key: self.of(&["one", "two"]).into(),
            body_hash: [self.small().to_le_bytes()[0]; 32],
            at: self.time(),
            answer: RecordedAnswer { status: 200, outcomes: self.text(), body: self.text().into_boxed_bytes().into() },
        }
    }

    /// One row, with the key that it is about and whether it is a delete.
    fn row(&mut self) -> (RowChange, String, bool) {
        let row = match self.below(33) {
            0 => RowChange::Upsert(StoredRow::Binding(self.key(), self.no())),
            1 => RowChange::Delete(RowKey::Binding(self.key())),
            2 | 3 => RowChange::Upsert(StoredRow::MemberRecord(self.profile())),
            4 => RowChange::Upsert(StoredRow::RootPointer(self.root_pointer())),
            5 => RowChange::Upsert(StoredRow::View(self.no(), self.view())),
            6 => RowChange::Delete(RowKey::View(self.no())),
            7 => RowChange::Upsert(StoredRow::MergeLink(self.link())),
            8 => RowChange::Delete(RowKey::MergeLink(self.no())),
            9 => RowChange::Upsert(StoredRow::Device(self.device())),
            10 => RowChange::Delete(RowKey::Device(self.device_ref())),
            11 => RowChange::Upsert(StoredRow::Event(self.event())),
            12 => RowChange::Upsert(StoredRow::EventId(EventId {
                id: self.text(),
                at: self.time(),
                seq: self.number(),
                profile: self.no(),
                name: self.text(),
            })),
            13 => RowChange::Upsert(StoredRow::Merge(self.merge())),
            14 => RowChange::Upsert(StoredRow::Separation(self.separation())),
            15 => RowChange::Delete(RowKey::Separation(SeparationNo(self.below(6)))),
            16 => RowChange::Upsert(StoredRow::LogEntry(self.request())),
            17 => RowChange::Upsert(StoredRow::QuarantinedElement(self.quarantined())),
            18 => RowChange::Upsert(StoredRow::Idempotency(self.idempotency())),
            19 => RowChange::Delete(RowKey::MemberRecord(self.no())),
            20 => RowChange::Delete(RowKey::RootPointer(self.no())),
            21 => RowChange::Delete(RowKey::Event(self.below(30))),
            22 => RowChange::Delete(RowKey::EventId(self.text())),
            23 => RowChange::Delete(RowKey::LogEntry(RequestNo(self.below(20)))),
            24 => RowChange::Delete(RowKey::QuarantinedElement(QuarantineNo(self.below(9)))),
            25 => RowChange::Delete(RowKey::Idempotency(self.of(&Route::ALL), self.of(&["one", "two"]).into())),
            26..32 => self.open_row(),
            _ => match self.coin() {
                true => RowChange::Upsert(StoredRow::OutboxMessage(OutboxMessage {
                    request: RequestNo(self.below(9)),
                    body: self.text().into_boxed_bytes(),
                })),
                false => RowChange::Upsert(StoredRow::Change(Change {
                    seq: self.below(40),
                    kind: self.of(&[ChangeKind::User, ChangeKind::Device, ChangeKind::Merge, ChangeKind::Revert]),
                    profile: self.no(),
                    merge: self.number(),
                    at: self.time(),
                    request: self.maybe(|dice| RequestNo(dice.number())),
                })),
            },
        };
        let (key, delete) = key_of(&row);
        (row, key, delete)
    }

    /// The changes of one decision.
    pub fn changes(&mut self, counters: Counters) -> Changes {
        let (mut rows, mut named) = (Vec::new(), HashSet::new());
        for _ in 0..self.below(12) {
            let (row, key, delete) = self.row();
            if delete && !self.there.contains(&key) || !named.insert(key.clone()) {
                continue;
            }
            if delete {
                self.there.remove(&key)
            } else {
                self.there.insert(key)
            };
            rows.push(row);
        }
        let counters = Counters { seq: counters.seq + 1, quarantined: self.below(4), ..counters };
        Changes { rows, counters, rate: None }
    }
}

/// A row's family and key as text, and whether the row is a delete.
fn key_of(row: &RowChange) -> (String, bool) {
    match row {
        RowChange::Upsert(StoredRow::Binding(key, _)) => (format!("binding {key:?}"), false),
        RowChange::Delete(RowKey::Binding(key)) => (format!("binding {key:?}"), true),
        RowChange::Upsert(StoredRow::MemberRecord(row)) => (format!("profile {:?}", row.no), false),
        RowChange::Upsert(StoredRow::RootPointer(row)) => (format!("standing {:?}", row.no), false),
        RowChange::Delete(RowKey::MemberRecord(no)) => (format!("profile {no:?}"), true),
        RowChange::Delete(RowKey::RootPointer(no)) => (format!("standing {no:?}"), true),
        RowChange::Upsert(StoredRow::View(root, _)) => (format!("view {root:?}"), false),
        RowChange::Delete(RowKey::View(root)) => (format!("view {root:?}"), true),
        RowChange::Upsert(StoredRow::MergeLink(row)) => (format!("link {:?}", row.child), false),
        RowChange::Delete(RowKey::MergeLink(child)) => (format!("link {child:?}"), true),
        RowChange::Upsert(StoredRow::Device(row)) => (format!("device {:?}", row.at), false),
        RowChange::Delete(RowKey::Device(at)) => (format!("device {at:?}"), true),
        RowChange::Upsert(StoredRow::Event(row)) => (format!("event {}", row.seq), false),
        RowChange::Delete(RowKey::Event(seq)) => (format!("event {seq}"), true),
        RowChange::Upsert(StoredRow::EventId(row)) => (format!("event id {}", row.id), false),
        RowChange::Delete(RowKey::EventId(id)) => (format!("event id {id}"), true),
        RowChange::Upsert(StoredRow::Merge(row)) => (format!("merge {}", row.no), false),
        RowChange::Upsert(StoredRow::Separation(row)) => (format!("separation {}", row.no), false),
        RowChange::Delete(RowKey::Separation(no)) => (format!("separation {no}"), true),
        RowChange::Upsert(StoredRow::LogEntry(row)) => (format!("request {:?}", row.no), false),
        RowChange::Delete(RowKey::LogEntry(no)) => (format!("request {no:?}"), true),
        RowChange::Upsert(StoredRow::QuarantinedElement(row)) => (format!("quarantine {}", row.no), false),
        RowChange::Delete(RowKey::QuarantinedElement(no)) => (format!("quarantine {no}"), true),
        RowChange::Upsert(StoredRow::Idempotency(row)) => (format!("idempotency {:?} {}", row.route, row.key), false),
        RowChange::Delete(RowKey::Idempotency(route, key)) => (format!("idempotency {route:?} {key}"), true),
        RowChange::Upsert(StoredRow::OutboxMessage(row)) => (format!("outbox {:?}", row.request), false),
        RowChange::Upsert(StoredRow::Change(row)) => (format!("change {}", row.seq), false),
        row => open::key_of(row),
    }
}
