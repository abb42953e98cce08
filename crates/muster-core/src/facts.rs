//! What a decision must know: needs it names, and the facts an engine reads for them at one snapshot.

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

/// Keys to read. A need that was read once is not read again within a decision; duplicates do no harm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Whom these keys are bound to.
    pub bindings: Vec<Identifier>,
    /// These ids' standings; of a member also its root's.
    pub root_pointers: Vec<ProfileNo>,
    /// These ids' own records and standings; of a member also its root's, and the view of a root with members.
    pub records: Vec<ProfileNo>,
    /// Of these roots: all members' own records, standings and links.
    pub trees: Vec<ProfileNo>,
    /// The separations that name any member of these roots.
    pub separations: Vec<ProfileNo>,
    /// These devices.
    pub devices: Vec<DeviceRef>,
    /// The devices that carry these tokens.
    pub tokens: Vec<DeviceToken>,
    /// When these event ids were seen.
    pub event_ids: Vec<Box<str>>,
    /// These merge records.
    pub merges: Vec<MergeNo>,
    /// When these merges were made.
    pub merge_times: Vec<MergeNo>,
    /// These separations.
    pub separation_nos: Vec<SeparationNo>,
    /// The reviews of two profiles that name any member of these roots, of every kind, open ones and those that were decided
    /// without a merge.
    pub reviews_of: Vec<ProfileNo>,
    /// The same between the members of two roots, each of which has too many to list.
    pub reviews_between: Vec<(ProfileNo, ProfileNo)>,
    /// The same of these values and the members of these roots without a second profile.
    pub reviews_of_value: Vec<(Identifier, ProfileNo)>,
    /// These reviews.
    pub reviews: Vec<ReviewNo>,
    /// These quarantine entries.
    pub quarantine: Vec<QuarantineNo>,
    /// Which own records hold these values of kinds that are being made active, by number, at most
    /// [`crate::limits::HOLDERS_MAX`].
    pub holders: Vec<Identifier>,
    /// Up to this many rows of the index of holders, whatever they are of.
    pub noted: usize,
    /// Whether these own records are among the holders of these values.
    pub held: Vec<(Identifier, ProfileNo)>,
    /// The own records after this number, so many of them, by number.
    pub scan: Option<(ProfileNo, usize)>,
    /// So many reviews, those first that go first: decided ones before open ones, in each the oldest first.
    pub reviews_to_drop: usize,
    /// What belongs to any member of these roots, to be swept.
    pub belongings: Vec<ProfileNo>,
    /// The recorded answer of this idempotency key.
    pub idempotency: Option<(Route, Box<str>)>,
    /// What is past its time.
    pub expired: Option<Box<Cutoffs>>,
}

impl Needs {
    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Events, reviews and devices of a live profile, as a sweep takes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Belongings {
    /// Events with the id that they are recorded under: at most [`crate::limits::SWEEP_EVENTS_MAX`] of them.
    pub events: Vec<(ProfileNo, Seq)>,
    /// The event ids that are remembered for those events.
    pub event_ids: Vec<Box<str>>,
    /// Reviews that name any member, and whether they are open: at most [`crate::limits::SWEEP_EVENTS_MAX`] of them; read
    /// only when no event is left.
    pub reviews: Vec<(ReviewNo, bool)>,
    /// All devices; read only when no event is left.
    pub devices: Vec<DeviceRef>,
}

/// An instant for each family that has a retention: until when rows must have been received to be past their time (None =
/// the family is kept), or when the oldest row was received (None = there is none).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cutoffs {
    /// The ingestion log, applied and refused requests.
    pub log: Option<Timestamp>,
    /// The quarantine, by first receipt.
    pub quarantine: Option<Timestamp>,
    /// Deleted quarantine entries, by their deletion.
    pub deleted: Option<Timestamp>,
    /// Event ids.
    pub event_ids: Option<Timestamp>,
    /// Recorded answers.
    pub idempotency: Option<Timestamp>,
    /// Events.
    pub events: Option<Timestamp>,
}

impl Cutoffs {
    /// Whether any of these oldest rows is past its time.
    pub fn reach(&self, oldest: &Self) -> bool {
        let families = |of: &Self| [of.log, of.quarantine, of.deleted, of.event_ids, of.idempotency, of.events];
        families(self)
            .into_iter()
            .zip(families(oldest))
            .any(|pair| matches!(pair, (Some(until), Some(at)) if at <= until))
    }
}

/// Rows past their time, the oldest of each family first: at most [`crate::limits::EXPIRE_ROWS_MAX`] of them together,
/// and no more than about [`crate::limits::EXPIRE_BYTES_MAX`]. Empty only if nothing is past its time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expired {
    /// Log entries, applied ones first.
    pub requests: Vec<RequestNo>,
    /// Quarantine entries, and whether they are open.
    pub quarantine: Vec<(QuarantineNo, bool)>,
    /// Deleted quarantine entries that are not among those.
    pub deleted: Vec<QuarantineNo>,
    /// Event ids.
    pub event_ids: Vec<Box<str>>,
    /// Recorded answers.
    pub idempotency: Vec<(Route, Box<str>)>,
    /// Events from the beginning of the change sequence up to the first that is not past its time, with the id that they
    /// are recorded under. Receipts follow the sequence but for events that came in late by their first receipt, and
    /// those go with the ones before them.
    pub events: Vec<(ProfileNo, Seq)>,
}

/// A review that is open, or was decided without a merge, and its two profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReviewPair {
    /// The review.
    pub no: ReviewNo,
    /// Its first profile.
    pub a: ProfileNo,
    /// Its second one.
    pub b: ProfileNo,
}

/// The reviews of two profiles that name any member of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewList {
    /// All of them, by number.
    Whole(Vec<ReviewPair>),
    /// More than [`crate::limits::REVIEWS_LISTED_MAX`]: a request that touches such a profile asks for the pairs that it
    /// needs ([`Needs::reviews_between`]).
    Long,
}

/// A fact about a key: absent from the map = not read; None = read, and there is none.
pub type FactMap<K, V> = HashMap<K, Option<V>>;
/// The same by a number that the server counts: nobody chooses such numbers so that they collide, and each attribute that
/// is written looks several of them up.
pub type NumberedFacts<K, V> = HashMap<K, Option<V>, foldhash::fast::RandomState>;

/// What was read. Every row of one decision is of one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The counters.
    pub counters: Counters,
    /// The revision of the settings in force.
    pub settings_revision: u64,
    /// The rate window.
    pub rate: RateWindow,
    /// How often facts were read for this decision.
    pub round: usize,
    /// Where the decision lets others go on.
    pub pause: Pause,
    /// What was read so far weighs, in bytes, and the most that it may.
    pub bytes: (u64, u64),
    /// Own records that were scanned weigh so much that not all that were asked for were read.
    pub scan_is_short: bool,
    /// [`Needs::bindings`].
    pub bindings: FactMap<Identifier, ProfileNo>,
    /// [`Needs::profiles`] and the members of [`Needs::trees`].
    pub records: NumberedFacts<ProfileNo, MemberRecord>,
    /// The same ids' standings, and those of [`Needs::root_pointers`].
    pub root_pointers: NumberedFacts<ProfileNo, RootPointer>,
    /// Views of the roots among them; None for a root without members.
    pub views: NumberedFacts<ProfileNo, View>,
    /// [`Needs::trees`]: the members by root, the root first, the others in order of their number.
    pub trees: NumberedFacts<ProfileNo, Vec<ProfileNo>>,
    /// The links of all members of [`Needs::trees`], by child; None for roots.
    pub links: NumberedFacts<ProfileNo, MergeLink>,
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
    /// [`Needs::merge_times`].
    pub merge_times: FactMap<MergeNo, Timestamp>,
    /// [`Needs::separation_nos`].
    pub separation_nos: FactMap<SeparationNo, Separation>,
    /// [`Needs::reviews_of`], by root.
    pub reviews_of: HashMap<ProfileNo, ReviewList>,
    /// [`Needs::reviews_between`], by number.
    pub reviews_between: HashMap<(ProfileNo, ProfileNo), Vec<ReviewPair>>,
    /// [`Needs::reviews_of_value`], by number: of each member that has one the first that is open, else the last.
    pub reviews_of_value: HashMap<(Identifier, ProfileNo), Vec<ReviewNo>>,
    /// [`Needs::quarantine`].
    pub quarantine: FactMap<QuarantineNo, QuarantinedElement>,
    /// [`Needs::reviews`].
    pub reviews: FactMap<ReviewNo, Review>,
    /// [`Needs::holders`]: fewer where their live profiles are large.
    pub holders: FactMap<Identifier, Vec<ProfileNo>>,
    /// [`Needs::noted`]; fewer if there are no more.
    pub noted: Option<Vec<(Identifier, ProfileNo)>>,
    /// [`Needs::held`].
    pub held: FactMap<(Identifier, ProfileNo), ()>,
    /// [`Needs::scan`]: the numbers that were found; their own records and standings are in the maps.
    pub scan: Option<Vec<ProfileNo>>,
    /// [`Needs::reviews_to_drop`]: number and whether it is open; fewer if there are no more.
    pub reviews_to_drop: Vec<(ReviewNo, bool)>,
    /// [`Needs::belongings`], by root.
    pub belongings: FactMap<ProfileNo, Belongings>,
    /// [`Needs::idempotency`].
    pub idempotency: FactMap<(Route, Box<str>), Idempotency>,
    /// [`Needs::expired`]; the standings of its events and their roots are read with it.
    pub expired: Option<Expired>,
}
