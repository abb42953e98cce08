//! Random rows of every family from a seed: with keys out of small spaces, so that rows are replaced and deleted, and
//! with values of every type. Deletes name rows that exist; a decision names each key at most once.

mod dice;
mod open;

pub use dice::Dice;
use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::command::{Action, DeviceFields};
use muster_core::facts::{BindingNeed, Needs, Reach};
use muster_core::id::{MergeNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo};
use muster_core::kinds::{ElementKind, Route, SurvivorChoice, SurvivorRule};
use muster_core::outcome::{ActionOutcome, ActionResult, ElementResult, Outcome, RecordedAnswer};
use muster_core::reason::{Fault, Reason};
use muster_core::record::{
    Cause, Change, ChangeKind, Combined, Counters, Device, DeviceRef, DeviceToken, DeviceTokenKind, Event, EventId,
    FormerIdentifier, Idempotency, LogEntry, MemberRecord, Merge, MergeLink, Omitted, OutboxMessage,
    QuarantinedElement, RootPointer, Separation, SeparationCause, TreeTotals, View, Write,
};
use muster_core::value::Combine;
use muster_core::warning::{Code, Warning};
use std::collections::HashSet;

impl Dice {
    /// A member record.
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
            rules: self.some(3, |dice| (dice.text(), dice.pick(&[Combine::Sum, Combine::Max, Combine::Min]))),
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
            offset_seconds: self.pick(&[0, 19_800, -43_200, i32::MIN, i32::MAX]),
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
                let rule = self.pick(&[SurvivorChoice::Attribute, SurvivorChoice::NewId, rules[0], rules[1], rules[2]]);
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
            cause: self.pick(&[SeparationCause::Revert, SeparationCause::Review]),
            merge: self.maybe(|dice| MergeNo(dice.number())),
        }
    }

    fn fault(&mut self) -> Fault {
        Fault {
            reason: self.pick(&Reason::ALL),
            pointer: self.text(),
            attribute: self.maybe(Self::text),
            detail: self.maybe(Self::text),
        }
    }

    fn warning(&mut self) -> Warning {
        Warning {
            code: self.pick(&Code::ALL),
            name: self.text(),
            pointer: self.text(),
            count: self.small(),
            given: self.maybe(Self::text),
        }
    }

    fn element_kind(&mut self) -> ElementKind {
        self.pick(&[ElementKind::Customer, ElementKind::Event, ElementKind::Device, ElementKind::Unknown])
    }

    fn result(&mut self) -> ElementResult {
        ElementResult {
            index: self.small(),
            kind: self.element_kind(),
            outcome: self.pick(&Outcome::ALL),
            profile: self.maybe(Self::id),
            merged: self.some(2, Self::id),
            warnings: self.some(2, Self::warning),
            errors: self.some(2, Self::fault).into(),
            explanation: self.maybe(|dice| Box::new(dice.explanation())),
            actions: self.some(3, |dice| ActionResult {
                outcome: dice.pick(&ActionOutcome::ALL),
                errors: dice.some(2, Self::fault).into(),
            }),
        }
    }

    /// A log entry of an applied request.
    pub fn request(&mut self) -> LogEntry {
        LogEntry {
            no: RequestNo(self.below(20)),
            received_at: self.time(),
            status: self.pick(&[200, 400]),
            route: self.pick(&Route::ALL),
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
            route: self.pick(&Route::ALL),
            key: self.pick(&["one", "two"]).into(),
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
            25 => RowChange::Delete(RowKey::Idempotency(self.pick(&Route::ALL), self.pick(&["one", "two"]).into())),
            26..32 => self.open_row(),
            _ => match self.coin() {
                true => RowChange::Upsert(StoredRow::OutboxMessage(OutboxMessage {
                    request: RequestNo(self.below(9)),
                    body: self.text().into_boxed_bytes(),
                })),
                false => RowChange::Upsert(StoredRow::Change(Change {
                    seq: self.below(40),
                    kind: self.pick(&[ChangeKind::User, ChangeKind::Device, ChangeKind::Merge, ChangeKind::Revert]),
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

    /// What one decision asks for: rows by their keys, and rows that a query finds.
    pub fn needs(&mut self) -> Needs {
        let binding = |dice: &mut Self| BindingNeed { identifier: dice.key(), reach: Reach::Record };
        let token = |dice: &mut Self| DeviceToken { kind: DeviceTokenKind::Gaid, value: dice.text() };
        let queries = self.below(4) == 0;
        Needs {
            bindings: self.some(3, binding),
            root_pointers: self.some(3, Self::no),
            records: self.some(3, Self::no),
            devices: self.some(3, Self::device_ref),
            event_ids: self.some(3, Self::text),
            merges: self.some(3, |dice| MergeNo(dice.below(6))),
            separation_nos: self.some(3, |dice| SeparationNo(dice.below(6))),
            reviews: self.some(3, |dice| ReviewNo(dice.below(6))),
            quarantine: self.some(3, |dice| QuarantineNo(dice.below(9))),
            idempotency: Some((self.pick(&Route::ALL), self.pick(&["one", "two"]).into())),
            tokens: if queries { self.some(3, token) } else { Vec::new() },
            holders: if queries { self.some(3, Self::key) } else { Vec::new() },
            noted: if queries { 100 } else { 0 },
            reviews_to_drop: if queries { 100 } else { 0 },
            ..Needs::default()
        }
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
        RowChange::Upsert(StoredRow::RootPointer(row)) => (format!("root pointer {:?}", row.no), false),
        RowChange::Delete(RowKey::MemberRecord(no)) => (format!("profile {no:?}"), true),
        RowChange::Delete(RowKey::RootPointer(no)) => (format!("root pointer {no:?}"), true),
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
