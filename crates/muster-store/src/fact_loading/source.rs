//! What facts are read from.

use crate::engine::EngineError;
use muster_core::facts::{Needs, ReviewPair};
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::record::{
    Change, Device, DeviceRef, DeviceToken, EventId, Idempotency, MemberRecord, Merge, MergeLink, QuarantinedElement,
    RootPointer, Separation, View,
};
use muster_core::review::Review;
use muster_core::time::Timestamp;

/// Rows that may be removed, each with its bytes.
pub(crate) type WithBytes<T> = Vec<(T, u64)>;

/// The place of an event, with its event id.
pub(crate) type Placed = (Seq, Option<Box<str>>);

/// Reads rows by their keys, at one snapshot.
pub(crate) trait FactSource {
    /// Called before the facts of a round are read one by one: a source that pays for each reading reads them here, at once.
    fn prefetch(&mut self, needs: &Needs) -> Result<(), EngineError> {
        let _read_one_by_one = needs;
        Ok(())
    }
    /// Returns what answers every other question about the same snapshot.
    fn queries(&mut self) -> Result<&mut dyn FactQueries, EngineError>;
    /// The decision loads much: waits until there is room for it.
    fn large(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError>;
    fn profile(&mut self, no: ProfileNo) -> Result<Option<MemberRecord>, EngineError>;
    fn root_pointer(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError>;
    fn view(&mut self, root: ProfileNo) -> Result<Option<View>, EngineError>;
    fn link(&mut self, child: ProfileNo) -> Result<Option<MergeLink>, EngineError>;
    fn device(&mut self, at: &DeviceRef) -> Result<Option<Device>, EngineError>;
    fn event_id(&mut self, id: &str) -> Result<Option<EventId>, EngineError>;
    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError>;
    fn change(&mut self, seq: Seq) -> Result<Option<Change>, EngineError>;
    fn separation(&mut self, no: SeparationNo) -> Result<Option<Separation>, EngineError>;
    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError>;
    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError>;
    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError>;
}

/// Questions about rows that no single key names, at one snapshot.
pub(crate) trait FactQueries {
    /// The members of a root without itself, in order of their number.
    fn members(&mut self, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError>;
    /// The separations that name this id, by number.
    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError>;
    /// Places of events recorded under this id with their event ids, up to `limit`.
    fn events_of(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<Placed>, EngineError>;
    /// The devices of this id.
    fn devices_of(&mut self, no: ProfileNo) -> Result<Vec<DeviceRef>, EngineError>;
    fn token(&mut self, token: &DeviceToken) -> Result<Option<DeviceRef>, EngineError>;
    /// The same of several.
    fn tokens(&mut self, tokens: &[&DeviceToken]) -> Result<Vec<Option<DeviceRef>>, EngineError> {
        tokens.iter().map(|token| self.token(token)).collect()
    }
    /// Log entries received until then, applied ones first, of each family the oldest first; up to `limit`, with their
    /// bytes.
    fn expired_requests(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<RequestNo>, EngineError>;
    /// The same of quarantine entries by first receipt; whether they are open.
    fn expired_quarantine(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(QuarantineNo, bool)>, EngineError>;
    /// The same of deleted quarantine entries by their deletion.
    fn expired_deleted(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<QuarantineNo>, EngineError>;
    /// The same of event ids.
    fn expired_event_ids(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<Box<str>>, EngineError>;
    /// The same of recorded answers.
    fn expired_idempotency(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(Route, Box<str>)>, EngineError>;
    /// Up to `limit` reviews of two profiles that name this id and are open, or were decided without a merge.
    fn review_pairs(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<ReviewPair>, EngineError>;
    /// The same that name these two ids, all of them.
    fn reviews_between(&mut self, a: ProfileNo, b: ProfileNo) -> Result<Vec<ReviewPair>, EngineError>;
    /// Up to `limit` reviews of a value without a second profile that are open, or were decided without a merge.
    fn reviews_of_value(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ReviewAlone>, EngineError>;
    /// The same that name this id, all of them.
    fn reviews_of_holder(&mut self, key: &Identifier, no: ProfileNo) -> Result<Vec<ReviewAlone>, EngineError>;
    /// Reviews of every state that name this id, and whether each is open; up to `limit`.
    fn reviews_naming(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError>;
    /// Up to `limit` reviews and whether each is open: decided ones first, in each the oldest first.
    fn reviews_to_drop(&mut self, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError>;
    /// Up to `limit` rows of the index of holders.
    fn noted(&mut self, limit: usize) -> Result<Vec<(Identifier, ProfileNo)>, EngineError>;
    /// The member records that hold a value of a kind that is being made active, by number.
    fn holders(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError>;
    /// Whether a member record is among them.
    fn holds(&mut self, key: &Identifier, no: ProfileNo) -> Result<bool, EngineError>;
    /// The member records after a number, by number.
    fn profiles_after(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<ProfileNo>, EngineError>;
    /// Events from the first of all up to one that was received later.
    fn expired_events(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<(ProfileNo, Seq)>, EngineError>;
}

/// A review of a value without a second profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReviewAlone {
    /// The review.
    pub(crate) no: ReviewNo,
    /// Its profile.
    pub(crate) profile: ProfileNo,
    /// Whether it is open.
    pub(crate) is_open: bool,
}
