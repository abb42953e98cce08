//! What a decision wants stored: a closed list, applied whole or not at all.

use crate::id::{ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use crate::identifier::Key;
use crate::kinds::Route;
use crate::rate::RateWindow;
use crate::record::{
    Change, Counters, Device, DeviceRef, Event, EventId, History, Idempotency, Link, Merge, Outgoing, Profile,
    Quarantined, Request, Separation, Standing, View,
};
use crate::review::Review;

/// One row to put (insert or replace by its key) or to delete. Deletes name rows that exist.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// Binds a key to an id.
    Binding(Key, ProfileNo),
    /// Releases a key.
    Unbind(Key),
    /// Puts an own record.
    Profile(Profile),
    /// Deletes an own record; its standing goes with it in the same changes.
    DropProfile(ProfileNo),
    /// Deletes a standing.
    DropStanding(ProfileNo),
    /// Puts a standing.
    Standing(Standing),
    /// Puts what a live profile with members shows.
    View(ProfileNo, View),
    /// Deletes the view of a profile that is no root with members any more.
    DropView(ProfileNo),
    /// Puts a link.
    Link(Link),
    /// Cuts the link of this child.
    Cut(ProfileNo),
    /// Puts a device.
    Device(Device),
    /// Deletes a device.
    DropDevice(DeviceRef),
    /// Appends an event.
    Event(Event),
    /// Deletes an event.
    DropEvent(Seq),
    /// Remembers an event id, or renews an expired one.
    EventId(EventId),
    /// Forgets an event id.
    DropEventId(Box<str>),
    /// Puts a merge record.
    Merge(Merge),
    /// Puts a separation.
    Separation(Separation),
    /// Lifts a separation.
    Lift(SeparationNo),
    /// Puts a review.
    Review(Review),
    /// Deletes a review.
    DropReview(ReviewNo),
    /// Appends to the ingestion log.
    Request(Request),
    /// Deletes an entry of the ingestion log, of an applied or a refused request.
    DropRequest(RequestNo),
    /// Appends to the quarantine, or marks an entry as replayed.
    Quarantined(Quarantined),
    /// Deletes an entry of the quarantine.
    DropQuarantined(QuarantineNo),
    /// Records an answer under its idempotency key.
    Idempotency(Idempotency),
    /// Forgets the recorded answer of a key.
    DropIdempotency(Route, Box<str>),
    /// Appends to the outbox.
    Outgoing(Outgoing),
    /// Keeps what one element wrote over in an own record.
    History(History),
    /// Deletes such a row.
    DropHistory(ProfileNo, Seq),
    /// Notes that an own record holds a value of a kind that is being made active; no harm if it is noted.
    Holder(Key, ProfileNo),
    /// Takes that back; no harm if it is not noted.
    DropHolder(Key, ProfileNo),
    /// Notes that an own record tells an identifier among those that it held once; no harm if it is noted.
    Former(Key, ProfileNo),
    /// Takes that back; no harm if it is not noted.
    DropFormer(Key, ProfileNo),
    /// Appends to the change sequence.
    Change(Change),
}

/// Everything that one decision changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// The rows; each key at most once.
    pub rows: Vec<Put>,
    /// The counters as they are afterwards.
    pub counters: Counters,
    /// The rate window as it is afterwards; None = unchanged.
    pub rate: Option<RateWindow>,
}
