//! Stored rows of every record family of a workspace. An engine keeps each family as a table of the same name; the
//! rules see nothing else of an engine.

mod attributes;
mod history;
mod joins;

pub use attributes::{Attributes, Size, Write};
pub use history::{History, Replaced};
pub use joins::{Cause, Combined, Merge, Separation, SeparationCause};

use crate::command::{Action, DeviceFields};
use crate::id::{MergeNo, ProfileId, ProfileNo, QuarantineNo, RequestNo, Seq};
use crate::identifier::Identifier;
use crate::kinds::{ElementKind, Platform, Route};
use crate::outcome::{ElementResult, RecordedAnswer};
use crate::reason::{Fault, Faults};
use crate::time::Timestamp;
use crate::value::{Combine, Value};
use crate::warning::Warning;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Identifier that a record has released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerIdentifier {
    /// Identifier.
    pub identifier: Identifier,
    /// Time of the release.
    pub until: Timestamp,
}

/// Family `profiles`: what one id holds. Merges never change it (behaviour.md 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct MemberRecord {
    /// Number of the profile.
    pub no: ProfileNo,
    /// Creation time; forms the public id with the number.
    pub created: Timestamp,
    /// Identifiers bound to this id, in no particular order: at most one of each kind, but any number of `customer_id`,
    /// which is never released for another (behaviour.md 3.2.h, 3.2.i).
    pub identifiers: Vec<Identifier>,
    /// Attributes written to it.
    pub attributes: Attributes,
    /// Platforms written to it.
    pub platforms: BTreeMap<Platform, Write<bool>>,
    /// Former identifiers, oldest first, at most 100.
    pub former: Vec<FormerIdentifier>,
    /// Rows of history, oldest first, at most [`crate::limits::HISTORY_MAX`].
    pub history: Vec<Seq>,
}

impl MemberRecord {
    /// Returns the public id.
    pub fn id(&self) -> ProfileId {
        ProfileId { created: self.created, no: self.no }
    }
}

/// Family `standings`: the root of an id, with totals. A row of its own because it changes with every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootPointer {
    /// Number of the profile.
    pub no: ProfileNo,
    /// Creation time as in the member record, so that events need no more than this row for the public id.
    pub created: Timestamp,
    /// Root of the tree: the id itself if it is live, else one hop away.
    pub root: ProfileNo,
    /// First seen of the id alone: from its creation, or an older action (behaviour.md 2.ad).
    pub first_seen: Timestamp,
    /// Last seen of the id alone.
    pub last_seen: Timestamp,
    /// Events of the id alone.
    pub events: u64,
    /// Devices of the id alone.
    pub devices: u32,
    /// Totals of the whole tree; only valid for live profiles.
    pub tree: TreeTotals,
    /// Size of all member records of the tree ([`Size::weight`]): bounds the cost of reading it; only of live profiles.
    pub weight: u64,
    /// When the live profile is deleted, if its deletion was requested (behaviour.md 4); only valid for live profiles.
    pub deletion: Option<Timestamp>,
}

impl RootPointer {
    /// Returns the public id.
    pub fn id(&self) -> ProfileId {
        ProfileId { created: self.created, no: self.no }
    }
}

/// Totals of a tree of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeTotals {
    /// Earliest first seen.
    pub first_seen: Timestamp,
    /// Latest last seen.
    pub last_seen: Timestamp,
    /// Number of events.
    pub events: u64,
    /// Number of devices.
    pub devices: u32,
    /// Number of members, including the root.
    pub members: u32,
}

impl TreeTotals {
    /// Returns the totals of both trees together.
    pub fn with(self, other: Self) -> Self {
        Self {
            first_seen: self.first_seen.min(other.first_seen),
            last_seen: self.last_seen.max(other.last_seen),
            events: self.events + other.events,
            devices: self.devices + other.devices,
            members: self.members + other.members,
        }
    }
}

/// Family `views`: current values of a live profile with more than one member; others need none.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct View {
    /// Current attributes by canonical name.
    pub attributes: BTreeMap<Box<str>, Value>,
    /// Current platforms.
    pub platforms: BTreeMap<Platform, bool>,
}

/// Family `links`: edge of a merge, until the merge is reverted.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeLink {
    /// Root of the joined tree; the key.
    pub child: ProfileNo,
    /// Id that it was joined to, then the root of the other tree.
    pub parent: ProfileNo,
    /// Merge record.
    pub merge: MergeNo,
    /// Position in the change sequence.
    pub seq: Seq,
    /// Attribute rules in force at the time, by canonical name.
    pub rules: Vec<(Box<str>, Combine)>,
    /// Both profiles had the same e-mail address at the time, or the cause of the merge wrote one: of different flags
    /// true wins (behaviour.md 3.1.k).
    pub same_email: bool,
}

/// Device of a member record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceRef {
    /// Id that the device belongs to.
    pub profile: ProfileNo,
    /// Id of the device.
    pub device_id: Box<str>,
}

/// Family `devices`.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Key.
    pub at: DeviceRef,
    /// Latest write, in the change sequence.
    pub seq: Seq,
    /// Time of the latest write.
    pub updated_at: Timestamp,
    /// Stored fields.
    pub fields: DeviceFields,
}

/// Kinds of tokens; two devices of a workspace never share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DeviceTokenKind {
    /// Push token.
    Push = 1,
    /// Google's advertising id.
    Gaid = 2,
    /// Apple's id for vendors.
    Idfv = 3,
}

/// Token that finds the device that carries it. Engines derive the family `device_tokens` from `devices` or store it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceToken {
    /// Kind.
    pub kind: DeviceTokenKind,
    /// Value.
    pub value: Box<str>,
}

impl DeviceFields {
    /// Returns the tokens by which this device replaces others.
    pub fn tokens(&self) -> impl Iterator<Item = DeviceToken> {
        let token = |kind, value: Option<&str>| value.map(|v| DeviceToken { kind, value: v.into() });
        [
            token(DeviceTokenKind::Push, (!self.push_id_is_word).then_some(&*self.push_id)),
            token(DeviceTokenKind::Gaid, self.gaid.as_deref()),
            token(DeviceTokenKind::Idfv, self.idfv.as_deref()),
        ]
        .into_iter()
        .flatten()
    }
}

/// Family `events`: append-only.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Position in the change sequence; the key.
    pub seq: Seq,
    /// Id that the event is recorded under.
    pub profile: ProfileNo,
    /// Instant.
    pub time: Timestamp,
    /// Local time in milliseconds.
    pub user_time: i64,
    /// Time of receipt.
    pub received_at: Timestamp,
    /// Request of the event.
    pub request: RequestNo,
    /// Origin address of the request.
    pub origin: Option<Arc<str>>,
    /// Device of the event.
    pub device_id: Option<Arc<str>>,
    /// Everything else, as sent.
    pub action: Arc<Action>,
}

/// Family `event_ids`: known event ids, for de-duplication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    /// Id of the client.
    pub id: Box<str>,
    /// First receipt.
    pub at: Timestamp,
    /// Event.
    pub seq: Seq,
    /// Id that the event is recorded under.
    pub profile: ProfileNo,
    /// Name of its action: the same id with another name, or of another user, causes a warning (behaviour.md 1.4.h).
    pub name: Box<str>,
}

/// Family `requests`: the ingestion log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Number; the public id is a permutation of it.
    pub no: RequestNo,
    /// Time of receipt.
    pub received_at: Timestamp,
    /// Status of the answer.
    pub status: u16,
    /// Route.
    pub route: Route,
    /// Origin address.
    pub origin: Option<Arc<str>>,
    /// Bytes of the decoded body.
    pub bytes: u32,
    /// Microseconds from arrival to the start of the commit.
    pub duration_us: u64,
    /// Warnings about the request as a whole.
    pub warnings: Vec<Warning>,
    /// Result of each element; empty for a refused request.
    pub elements: Arc<[ElementResult]>,
    /// Faults of a refused request.
    pub faults: Vec<Fault>,
    /// What is not listed because of the bound on an entry.
    pub omitted: Omitted,
}

/// Number of faults and warnings that a log entry does not list ([`crate::decide::bound_entry`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Omitted {
    /// Faults; an event element and its actions count once.
    pub faults: u32,
    /// Warnings.
    pub warnings: u32,
}

/// Family `quarantine`: rejected element that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarantinedElement {
    /// Number.
    pub no: QuarantineNo,
    /// First receipt.
    pub at: Timestamp,
    /// Request of the element.
    pub request: RequestNo,
    /// Position in the request.
    pub index: u32,
    /// Type.
    pub kind: ElementKind,
    /// Reasons of the rejection.
    pub errors: Faults,
    /// JSON of the element; of an event only with the rejected actions.
    pub element: Box<[u8]>,
    /// Request that replayed it.
    pub replayed_as: Option<RequestNo>,
    /// Time of deletion: hidden from readers, can be restored for [`crate::limits::RESTORE_MS`] and is then removed.
    pub deleted_at: Option<Timestamp>,
}

impl QuarantinedElement {
    /// Whether it was neither replayed nor deleted.
    pub fn is_open(&self) -> bool {
        self.replayed_as.is_none() && self.deleted_at.is_none()
    }
}

/// Family `idempotency`: the recorded answer of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Idempotency {
    /// Route.
    pub route: Route,
    /// Key of the client.
    pub key: Box<str>,
    /// SHA-256 of the decoded body.
    pub body_hash: [u8; 32],
    /// Time of recording.
    pub at: Timestamp,
    /// Answer, verbatim.
    pub answer: RecordedAnswer,
}

/// Family `outbox`: message to the upstream (behaviour.md 5; the relay reads it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Request.
    pub request: RequestNo,
    /// Accepted elements, as JSON.
    pub body: Box<[u8]>,
}

/// Family `changes`: what happened at a position of the change sequence. Events have no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Position.
    pub seq: Seq,
    /// Kind of change.
    pub kind: ChangeKind,
    /// Id that was changed; of merges and reverts the root of the joined or detached subtree.
    pub profile: ProfileNo,
    /// Number of the merge record; else 0.
    pub merge: u64,
    /// Time.
    pub at: Timestamp,
    /// Request that caused it.
    pub request: Option<RequestNo>,
}

/// Kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChangeKind {
    /// A user was created or written.
    User = 1,
    /// A device was written.
    Device = 2,
    /// A merge.
    Merge = 3,
    /// A revert.
    Revert = 4,
}

/// Family `counters`: one row per workspace, changed by every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Last position in the change sequence.
    pub seq: Seq,
    /// Last profile number.
    pub profile: u64,
    /// Last request number.
    pub request: u64,
    /// Last merge number; counts reverted merges, too.
    pub merge: u64,
    /// Last separation number.
    pub separation: u64,
    /// Last quarantine number.
    pub quarantine: u64,
    /// Live profiles.
    pub users: u64,
    /// Events stored.
    pub events: u64,
    /// Actions accepted in total: events = accepted - erased - expired (law L4).
    pub events_accepted: u64,
    /// Events removed by erasure or expiry.
    pub events_removed: u64,
    /// Devices stored.
    pub devices: u64,
    /// Requests answered 200.
    pub requests_applied: u64,
    /// Quarantine entries that are open.
    pub quarantined: u64,
    /// Last review number.
    pub review: u64,
    /// Reviews stored.
    pub reviews_stored: u64,
    /// Reviews open.
    pub reviews_open: u64,
    /// Open reviews that were removed to keep the list within its bound (behaviour.md 3.3).
    pub reviews_dropped: u64,
    /// Phase of an activation that `activation_done` belongs to: [`crate::settings::Activation::since`].
    pub activation: u64,
    /// Last profile number that this phase has processed.
    pub activation_done: u64,
    /// Latest time of a decision.
    pub now: Timestamp,
}
