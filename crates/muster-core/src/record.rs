//! What is stored: the rows of every record family of a workspace, each with its fields in one order. An engine keeps a
//! family as a table of the same name; the rules never see more of an engine than these.

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

/// An identifier that a record held and holds no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerIdentifier {
    /// The key.
    pub identifier: Identifier,
    /// When it was released.
    pub until: Timestamp,
}

/// Family `profiles`: the own record of one id. Merges never change it (behaviour.md 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct MemberRecord {
    /// Its number.
    pub no: ProfileNo,
    /// When it was created; with the number its public id.
    pub created: Timestamp,
    /// The keys bound to this id, in no order that means something: at most one of each kind, but any number of
    /// `customer_id`, which is never released for another (behaviour.md 3.2.h, 3.2.i).
    pub identifiers: Vec<Identifier>,
    /// The attributes written to it.
    pub attributes: Attributes,
    /// The platforms written to it.
    pub platforms: BTreeMap<Platform, Write<bool>>,
    /// Identifiers it held, oldest first, at most 100.
    pub former: Vec<FormerIdentifier>,
    /// Its rows of history, oldest first, at most [`crate::limits::HISTORY_MAX`].
    pub history: Vec<Seq>,
}

impl MemberRecord {
    /// Its public id.
    pub fn id(&self) -> ProfileId {
        ProfileId { created: self.created, no: self.no }
    }
}

/// Family `root_pointers`: where an id stands and its running figures, apart from the own record since they change with
/// every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootPointer {
    /// The id.
    pub no: ProfileNo,
    /// When it was created, as in the own record: with the number the public id, so that events need no more than this.
    pub created: Timestamp,
    /// The live profile that it belongs to: itself if it is live, else one hop to the root.
    pub root: ProfileNo,
    /// First seen, of its own: what it was created with, or an older action (behaviour.md 2.ad).
    pub first_seen: Timestamp,
    /// Last seen, of its own.
    pub last_seen: Timestamp,
    /// Its own events.
    pub events: u64,
    /// Its own devices.
    pub devices: u32,
    /// The figures of the whole tree; kept for live profiles, meaningless on members.
    pub tree: TreeTotals,
    /// What the own records of the whole tree weigh ([`Size::weight`]), which bounds what a look at it costs; kept for live
    /// profiles.
    pub weight: u64,
    /// When the live profile goes, if its deletion was asked for (behaviour.md 4); kept for live profiles.
    pub deletion: Option<Timestamp>,
}

impl RootPointer {
    /// Its public id.
    pub fn id(&self) -> ProfileId {
        ProfileId { created: self.created, no: self.no }
    }
}

/// Figures of a tree of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeTotals {
    /// The earliest first seen.
    pub first_seen: Timestamp,
    /// The latest last seen.
    pub last_seen: Timestamp,
    /// All events.
    pub events: u64,
    /// All devices.
    pub devices: u32,
    /// All members, the root with them.
    pub members: u32,
}

impl TreeTotals {
    /// The figures of two trees together.
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

/// Family `views`: what a live profile with more than one member shows; live profiles without members need none.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct View {
    /// The shown attributes by canonical name.
    pub attributes: BTreeMap<Box<str>, Value>,
    /// The shown platforms.
    pub platforms: BTreeMap<Platform, bool>,
}

/// Family `links`: one merge as an edge of the tree, there until it is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeLink {
    /// The id that was the root of the joined tree; the key.
    pub child: ProfileNo,
    /// The id that it was joined to, then the root of the other tree.
    pub parent: ProfileNo,
    /// Its merge record.
    pub merge: MergeNo,
    /// When, in the change sequence.
    pub seq: Seq,
    /// The attribute rules in force then, by canonical name.
    pub rules: Vec<(Box<str>, Combine)>,
    /// Both sides showed the same e-mail address then, or what caused the join wrote one: of differing flags true wins
    /// (behaviour.md 3.1.k).
    pub same_email: bool,
}

/// A device within its own record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceRef {
    /// The id whose device it is.
    pub profile: ProfileNo,
    /// Its id there.
    pub device_id: Box<str>,
}

/// Family `devices`.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Whose and which.
    pub at: DeviceRef,
    /// The latest write, in the change sequence.
    pub seq: Seq,
    /// When that was.
    pub updated_at: Timestamp,
    /// What is stored of it.
    pub fields: DeviceFields,
}

/// What two devices of a workspace never share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DeviceTokenKind {
    /// The push token.
    Push = 1,
    /// Google's advertising id.
    Gaid = 2,
    /// Apple's id for vendors.
    Idfv = 3,
}

/// A token that finds the device that carries it. Engines derive the family `device_tokens` from `devices` or keep it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceToken {
    /// Of which kind.
    pub kind: DeviceTokenKind,
    /// Its text.
    pub value: Box<str>,
}

impl DeviceFields {
    /// The tokens by which this device replaces others.
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
    /// Its place in the change sequence; the key.
    pub seq: Seq,
    /// The id that it is recorded under.
    pub profile: ProfileNo,
    /// Its instant.
    pub time: Timestamp,
    /// Its local time in milliseconds.
    pub user_time: i64,
    /// When it was received.
    pub received_at: Timestamp,
    /// The request that brought it.
    pub request: RequestNo,
    /// The origin address of that request.
    pub origin: Option<Arc<str>>,
    /// The device it names.
    pub device_id: Option<Arc<str>>,
    /// The rest, as it was sent.
    pub action: Arc<Action>,
}

/// Family `event_ids`: what was seen, for de-duplication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The client's id.
    pub id: Box<str>,
    /// When it was first received.
    pub at: Timestamp,
    /// The event.
    pub seq: Seq,
    /// The id that the event is recorded under.
    pub profile: ProfileNo,
    /// The name of its action: the same id with another name, or of another user, is told (behaviour.md 1.4.h).
    pub name: Box<str>,
}

/// Family `requests`: the ingestion log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Its number; the public id is its permutation.
    pub no: RequestNo,
    /// Its receipt.
    pub received_at: Timestamp,
    /// The status of its answer.
    pub status: u16,
    /// The call.
    pub route: Route,
    /// Its origin address.
    pub origin: Option<Arc<str>>,
    /// Bytes of its decoded body.
    pub bytes: u32,
    /// Microseconds from its arrival until its commit began.
    pub duration_us: u64,
    /// Warnings about the request as a whole.
    pub warnings: Vec<Warning>,
    /// What became of each element (of a refused request: nothing).
    pub elements: Arc<[ElementResult]>,
    /// The faults of a refused request.
    pub faults: Vec<Fault>,
    /// What is not listed, for the entry's bound of bytes.
    pub omitted: Omitted,
}

/// Faults and warnings that a log entry counts and does not list ([`crate::decide::bounded`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Omitted {
    /// Faults; those that an event element repeats of its actions once.
    pub faults: u32,
    /// Warnings.
    pub warnings: u32,
}

/// Family `quarantine`: a rejected element.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarantinedElement {
    /// Its number.
    pub no: QuarantineNo,
    /// Its first receipt.
    pub at: Timestamp,
    /// Its request.
    pub request: RequestNo,
    /// Its place there.
    pub index: u32,
    /// Its type.
    pub kind: ElementKind,
    /// Why.
    pub errors: Faults,
    /// Its JSON; of an event with the rejected actions only.
    pub element: Box<[u8]>,
    /// The request that replayed it.
    pub replayed_as: Option<RequestNo>,
    /// When it was deleted: no reader sees it any more. It can be restored for [`crate::limits::RESTORE_MS`], and is removed
    /// after that.
    pub deleted_at: Option<Timestamp>,
}

impl QuarantinedElement {
    /// Whether it waits for a correction: it was neither replayed nor deleted.
    pub fn is_open(&self) -> bool {
        self.replayed_as.is_none() && self.deleted_at.is_none()
    }
}

/// Family `idempotency`: the recorded answer of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Idempotency {
    /// The call.
    pub route: Route,
    /// The client's key.
    pub key: Box<str>,
    /// SHA-256 of the decoded body.
    pub body_hash: [u8; 32],
    /// When it was recorded.
    pub at: Timestamp,
    /// The answer, verbatim.
    pub answer: RecordedAnswer,
}

/// Family `outbox`: a request on its way to the upstream (behaviour.md 5; the relay reads it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Its request.
    pub request: RequestNo,
    /// The accepted elements, as JSON.
    pub body: Box<[u8]>,
}

/// Family `changes`: what happened at a place of the change sequence. Events stand at their own place and need no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The place.
    pub seq: Seq,
    /// What.
    pub kind: ChangeKind,
    /// To which id; of merges and reverts the part.
    pub profile: ProfileNo,
    /// Of merges and reverts the record, else 0.
    pub merge: u64,
    /// When.
    pub at: Timestamp,
    /// The request that did it.
    pub request: Option<RequestNo>,
}

/// What happened.
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

/// Family `counters`: the one row of running figures of a workspace, changed in every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// The last place taken in the change sequence.
    pub seq: Seq,
    /// The last profile number given.
    pub profile: u64,
    /// The last request number given.
    pub request: u64,
    /// The last merge number given: all merges, reverted ones too.
    pub merge: u64,
    /// The last separation number given.
    pub separation: u64,
    /// The last quarantine number given.
    pub quarantine: u64,
    /// Live profiles.
    pub users: u64,
    /// Events stored.
    pub events: u64,
    /// Actions accepted, ever: events = accepted - erased - expired (law L4).
    pub events_accepted: u64,
    /// Events that went by erasure or expiry.
    pub events_removed: u64,
    /// Devices stored.
    pub devices: u64,
    /// Requests answered 200.
    pub requests_applied: u64,
    /// Quarantine entries not yet replayed.
    pub quarantined: u64,
    /// The last review number given.
    pub review: u64,
    /// Reviews stored.
    pub reviews_stored: u64,
    /// Reviews open.
    pub reviews_open: u64,
    /// Open reviews that went to keep the list within its bound (behaviour.md 3.3).
    pub reviews_dropped: u64,
    /// The phase of an activation that `activation_done` belongs to: [`crate::settings::Activation::since`].
    pub activation: u64,
    /// The last profile number that this phase has seen.
    pub activation_done: u64,
    /// The latest moment that a decision took as now.
    pub now: Timestamp,
}
