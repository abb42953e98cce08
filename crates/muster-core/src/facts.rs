//! What a decision must know: the needs that it names, and the facts that an engine reads for them in one snapshot.

use crate::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use crate::identifier::Identifier;
use crate::kinds::Route;
use crate::pause::Pause;
use crate::rate::RateWindow;
use crate::record::{
    Counters, Device, DeviceRef, DeviceToken, EventId, Idempotency, MemberRecord, Merge, MergeLink, QuarantinedElement,
    RootPointer, Separation, View,
};
use crate::review::Review;
use crate::time::Timestamp;
use std::collections::HashMap;

/// What to read. An engine reads each need once per decision; duplicates do no harm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// The ids that these identifiers are bound to, and what is read of them at once.
    pub bindings: Vec<BindingNeed>,
    /// Root pointers of these ids; for a member also that of its root.
    pub root_pointers: Vec<ProfileNo>,
    /// Member records and root pointers of these ids and their roots, and the view of a root with members.
    pub records: Vec<ProfileNo>,
    /// Member records, root pointers and links of all members of these roots.
    pub trees: Vec<ProfileNo>,
    /// Separations that name any member of these roots.
    pub separations: Vec<ProfileNo>,
    /// These devices.
    pub devices: Vec<DeviceRef>,
    /// Devices that carry these tokens.
    pub tokens: Vec<DeviceToken>,
    /// First receipts of these event ids.
    pub event_ids: Vec<Box<str>>,
    /// These merge records.
    pub merges: Vec<MergeNo>,
    /// Times of the changes at these positions: a merge has one, whose row is small, while its record lists identifiers.
    pub change_times: Vec<Seq>,
    /// These separations.
    pub separation_nos: Vec<SeparationNo>,
    /// Reviews of two profiles that name any member of these roots, of every kind: open ones and those decided without
    /// a merge.
    pub reviews_of: Vec<ProfileNo>,
    /// The same between the members of two roots, both of which have too many to list.
    pub reviews_between: Vec<(ProfileNo, ProfileNo)>,
    /// The same for these values and the members of these roots, without a second profile.
    pub reviews_of_value: Vec<(Identifier, ProfileNo)>,
    /// These reviews.
    pub reviews: Vec<ReviewNo>,
    /// These quarantine entries.
    pub quarantine: Vec<QuarantineNo>,
    /// Member records that hold these values of activating kinds, by number, at most [`crate::limits::HOLDERS_MAX`].
    pub holders: Vec<Identifier>,
    /// Up to this many rows of pending holders, whichever they are.
    pub noted: usize,
    /// Whether these member records are pending holders of these values.
    pub held: Vec<(Identifier, ProfileNo)>,
    /// Up to `.1` member records with a number greater than `.0`, ascending.
    pub scan: Option<(ProfileNo, usize)>,
    /// This many reviews, in the order of their removal: decided before open ones, each oldest first.
    pub reviews_to_drop: usize,
    /// Events, reviews and devices of all members of these roots, to be swept.
    pub belongings: Vec<ProfileNo>,
    /// Recorded answer of this idempotency key.
    pub idempotency: Option<(Route, Box<str>)>,
    /// Rows older than these instants.
    pub expired: Option<Box<Cutoffs>>,
}

impl Needs {
    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An identifier whose binding is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingNeed {
    /// Identifier.
    pub identifier: Identifier,
    /// What is read of the id that it is bound to.
    pub reach: Reach,
}

impl From<Identifier> for BindingNeed {
    fn from(identifier: Identifier) -> Self {
        Self { identifier, reach: Reach::Binding }
    }
}

/// What is read with a binding. Nearly every element asks for it next, and each round of loading runs the whole decision
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The binding alone.
    Binding,
    /// Also the root pointer ([`Needs::root_pointers`]).
    RootPointer,
    /// Also the member record ([`Needs::records`]).
    Record,
}

/// Events, reviews and devices of a live profile, for a sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Belongings {
    /// Events with the id that they are recorded under, at most [`crate::limits::SWEEP_EVENTS_MAX`].
    pub events: Vec<(ProfileNo, Seq)>,
    /// Event ids that are remembered for those events.
    pub event_ids: Vec<Box<str>>,
    /// Reviews that name any member, and whether they are open, at most [`crate::limits::SWEEP_EVENTS_MAX`]; only read
    /// when no event is left.
    pub reviews: Vec<(ReviewNo, bool)>,
    /// All devices; only read when no event is left.
    pub devices: Vec<DeviceRef>,
}

/// For each family: the instant until which rows have expired (None = kept), or the oldest receipt (None = no row).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cutoffs {
    /// Ingestion log, of applied and refused requests.
    pub log: Option<Timestamp>,
    /// Quarantine, by first receipt.
    pub quarantine: Option<Timestamp>,
    /// Deleted quarantine entries, by deletion.
    pub deleted: Option<Timestamp>,
    /// Event ids.
    pub event_ids: Option<Timestamp>,
    /// Recorded answers.
    pub idempotency: Option<Timestamp>,
    /// Events.
    pub events: Option<Timestamp>,
}

impl Cutoffs {
    /// Whether any of these oldest rows has expired.
    pub fn reach(&self, oldest: &Self) -> bool {
        let families = |of: &Self| [of.log, of.quarantine, of.deleted, of.event_ids, of.idempotency, of.events];
        families(self)
            .into_iter()
            .zip(families(oldest))
            .any(|pair| matches!(pair, (Some(until), Some(at)) if at <= until))
    }
}

/// Expired rows, the oldest of each family first: together at most [`crate::limits::EXPIRE_ROWS_MAX`], and about
/// [`crate::limits::EXPIRE_BYTES_MAX`] bytes. Empty only if nothing has expired.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expired {
    /// Log entries, those of applied requests first.
    pub requests: Vec<RequestNo>,
    /// Quarantine entries, and whether they are open.
    pub quarantine: Vec<(QuarantineNo, bool)>,
    /// Other quarantine entries, which are deleted.
    pub deleted: Vec<QuarantineNo>,
    /// Event ids.
    pub event_ids: Vec<Box<str>>,
    /// Recorded answers.
    pub idempotency: Vec<(Route, Box<str>)>,
    /// Events from the start of the change sequence up to the first that has not expired, with the id that they are
    /// recorded under. A late event may have an older first receipt than its position suggests; it expires with those
    /// before it.
    pub events: Vec<(ProfileNo, Seq)>,
}

/// A review with its two profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReviewPair {
    /// Review.
    pub no: ReviewNo,
    /// First profile.
    pub a: ProfileNo,
    /// Second profile.
    pub b: ProfileNo,
}

/// Reviews of two profiles that name any member of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewList {
    /// All of them, by number.
    Whole(Vec<ReviewPair>),
    /// More than [`crate::limits::REVIEWS_LISTED_MAX`]: asked for by pair ([`Needs::reviews_between`]).
    Long,
}

/// Hasher of facts and of what decisions keep about them. Senders choose some of the keys, so it is seeded at random,
/// for each map; SipHash took an eighth of a decision.
pub type FactHasher = foldhash::fast::RandomState;

/// Facts by key: absent = not read; None = read, and there is no row.
pub type FactMap<K, V> = HashMap<K, Option<V>, FactHasher>;

/// What was read, all in one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Counters.
    pub counters: Counters,
    /// Revision of the settings in force.
    pub settings_revision: u64,
    /// Rate window.
    pub rate: RateWindow,
    /// Number of rounds of loading so far.
    pub round: usize,
    /// Where the decision pauses for others.
    pub pause: Pause,
    /// Bytes that were read so far, and the most that may be read.
    pub bytes: (u64, u64),
    /// The scanned member records are so large that not all of the requested ones were read.
    pub scan_is_short: bool,
    /// [`Needs::bindings`].
    pub bindings: FactMap<Identifier, ProfileNo>,
    /// [`Needs::records`] and the members of [`Needs::trees`].
    pub records: FactMap<ProfileNo, MemberRecord>,
    /// Root pointers of the same ids, and [`Needs::root_pointers`].
    pub root_pointers: FactMap<ProfileNo, RootPointer>,
    /// Views of the roots among them; None for a root without members.
    pub views: FactMap<ProfileNo, View>,
    /// [`Needs::trees`]: members by root, the root first, the others by number.
    pub trees: FactMap<ProfileNo, Vec<ProfileNo>>,
    /// Links of all members of [`Needs::trees`], by child; None for roots.
    pub links: FactMap<ProfileNo, MergeLink>,
    /// [`Needs::separations`], by root.
    pub separations: FactMap<ProfileNo, Vec<Separation>>,
    /// [`Needs::devices`], and the devices found by [`Needs::tokens`].
    pub devices: FactMap<DeviceRef, Device>,
    /// [`Needs::tokens`].
    pub tokens: FactMap<DeviceToken, DeviceRef>,
    /// [`Needs::event_ids`].
    pub event_ids: FactMap<Box<str>, EventId>,
    /// [`Needs::merges`].
    pub merges: FactMap<MergeNo, Merge>,
    /// [`Needs::change_times`].
    pub change_times: FactMap<Seq, Timestamp>,
    /// [`Needs::separation_nos`].
    pub separation_nos: FactMap<SeparationNo, Separation>,
    /// [`Needs::reviews_of`], by root.
    pub reviews_of: HashMap<ProfileNo, ReviewList, FactHasher>,
    /// [`Needs::reviews_between`], by number.
    pub reviews_between: HashMap<(ProfileNo, ProfileNo), Vec<ReviewPair>, FactHasher>,
    /// [`Needs::reviews_of_value`], by number: of each member the first open review, else the last one.
    pub reviews_of_value: HashMap<(Identifier, ProfileNo), Vec<ReviewNo>, FactHasher>,
    /// [`Needs::quarantine`].
    pub quarantine: FactMap<QuarantineNo, QuarantinedElement>,
    /// [`Needs::reviews`].
    pub reviews: FactMap<ReviewNo, Review>,
    /// [`Needs::holders`]; fewer if their live profiles are large.
    pub holders: FactMap<Identifier, Vec<ProfileNo>>,
    /// [`Needs::noted`]; fewer if there are no more.
    pub noted: Option<Vec<(Identifier, ProfileNo)>>,
    /// [`Needs::held`].
    pub held: FactMap<(Identifier, ProfileNo), ()>,
    /// [`Needs::scan`]: numbers that were found; records and root pointers are in the maps.
    pub scan: Option<Vec<ProfileNo>>,
    /// [`Needs::reviews_to_drop`]: number and whether it is open; fewer if there are no more.
    pub reviews_to_drop: Vec<(ReviewNo, bool)>,
    /// [`Needs::belongings`], by root.
    pub belongings: FactMap<ProfileNo, Belongings>,
    /// [`Needs::idempotency`].
    pub idempotency: FactMap<(Route, Box<str>), Idempotency>,
    /// [`Needs::expired`]; includes the root pointers of its events and their roots.
    pub expired: Option<Expired>,
}
