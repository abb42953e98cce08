//! Changes that a decision wants stored: a closed list, applied as a whole or not at all.

use crate::id::{ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use crate::identifier::Identifier;
use crate::kinds::Route;
use crate::rate::RateWindow;
use crate::record::{
    Change, Counters, Device, DeviceRef, Event, EventId, History, Idempotency, LogEntry, MemberRecord, Merge,
    MergeLink, OutboxMessage, QuarantinedElement, RootPointer, Separation, View,
};
use crate::review::Review;

/// Change of a row. Deletes name existing rows; those of `PendingHolder` and `FormerHolder` need not.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    /// Inserts the row, or replaces the one with the same key.
    Upsert(StoredRow),
    /// Deletes the row with this key.
    Delete(RowKey),
}

/// A row of any family, with its key where the row itself does not hold it.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredRow {
    /// The id that an identifier is bound to.
    Binding(Identifier, ProfileNo),
    /// What one id holds.
    MemberRecord(MemberRecord),
    /// The root of an id, with totals.
    RootPointer(RootPointer),
    /// Current values of a live profile that has members.
    View(ProfileNo, View),
    /// Edge of a merge.
    MergeLink(MergeLink),
    /// A device.
    Device(Device),
    /// An event; only ever inserted.
    Event(Event),
    /// An event id that was seen, or seen again after it had expired.
    EventId(EventId),
    /// Merge record.
    Merge(Merge),
    /// Two ids that must stay apart.
    Separation(Separation),
    /// A request for a decision.
    Review(Review),
    /// An entry of the ingestion log.
    LogEntry(LogEntry),
    /// A rejected element; replaced when it is replayed or deleted.
    QuarantinedElement(QuarantinedElement),
    /// The recorded answer of an idempotency key.
    Idempotency(Idempotency),
    /// A message of the outbox; only ever inserted.
    OutboxMessage(OutboxMessage),
    /// The values of a member record that one element replaced.
    History(History),
    /// A member record that holds a value of an identifier kind during its activation.
    PendingHolder(Identifier, ProfileNo),
    /// A member record that lists the identifier as a former one.
    FormerHolder(Identifier, ProfileNo),
    /// An entry of the change sequence; only ever inserted.
    Change(Change),
}

/// The key of a row that is deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum RowKey {
    /// Releases an identifier.
    Binding(Identifier),
    /// Its root pointer is deleted by the same changes.
    MemberRecord(ProfileNo),
    /// Of an id whose member record is deleted.
    RootPointer(ProfileNo),
    /// Of an id that is not a root with members any more.
    View(ProfileNo),
    /// Detaches this child.
    MergeLink(ProfileNo),
    /// A device.
    Device(DeviceRef),
    /// An event.
    Event(Seq),
    /// An event id.
    EventId(Box<str>),
    /// Lifts a separation.
    Separation(SeparationNo),
    /// A review.
    Review(ReviewNo),
    /// An entry of the ingestion log, of an applied or a refused request.
    LogEntry(RequestNo),
    /// An entry of the quarantine.
    QuarantinedElement(QuarantineNo),
    /// The recorded answer of a key.
    Idempotency(Route, Box<str>),
    /// Replaced values that an element of this place in the change sequence left.
    History(ProfileNo, Seq),
    /// The value is settled, or the record does not hold it any more.
    PendingHolder(Identifier, ProfileNo),
    /// The record does not list the identifier any more.
    FormerHolder(Identifier, ProfileNo),
}

/// All changes of one decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// Rows; each key at most once.
    pub rows: Vec<RowChange>,
    /// Counters after the decision.
    pub counters: Counters,
    /// Rate window after the decision; None = unchanged.
    pub rate: Option<RateWindow>,
}
