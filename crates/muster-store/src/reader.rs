//! Reading for the management API, the console and `muster verify`.

use crate::error::EngineError;
use crate::page::Page;
use muster_core::change::RowChange;
use muster_core::facts::Cutoffs;
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::profile::Member;
use muster_core::record::{
    Change, Counters, Event, History, Idempotency, LogEntry, MemberRecord, Merge, QuarantinedElement, RootPointer,
    Separation, View,
};
use muster_core::review::{Review, ReviewState};
use muster_core::time::Timestamp;

/// A live profile and the time when its deletion is due.
pub type Due = (Timestamp, ProfileNo);

/// Asked before something large is read: with bytes of stored rows that the answer will be made of. An error ends the
/// reading with it.
pub type Charge = Box<dyn FnMut(u64) -> Result<(), EngineError> + Send>;

/// Reads one workspace at one snapshot. Lists have pages of at most `limit` items and about
/// [`crate::page::PAGE_BYTES_MAX`] bytes of rows. Every method may block on storage and answers [`EngineError::Unavailable`] or
/// [`EngineError::Corrupt`].
pub trait Reader {
    /// Budget to ask before a live profile or after a page is read; none where memory does not matter.
    fn charge(&mut self, _: Charge) {}

    /// The counters.
    ///
    /// # Errors
    /// See the trait.
    fn counters(&mut self) -> Result<Counters, EngineError>;

    /// Returns the id that an identifier is bound to, whichever kinds are active.
    ///
    /// # Errors
    /// See the trait.
    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError>;

    /// Returns the live profile of an id: its root, all members with devices and links (the root first, then by
    /// number), and the view if the engine stores one.
    ///
    /// # Errors
    /// See the trait.
    fn profile(&mut self, no: ProfileNo) -> Result<Option<LiveProfile>, EngineError>;

    /// Returns live profiles whose deletion is due, with the time since when, earliest first, after this one.
    ///
    /// # Errors
    /// See the trait.
    fn due_deletions(&mut self, now: Timestamp, after: Option<Due>, limit: usize) -> Result<Vec<Due>, EngineError>;

    /// Returns the receipt of the oldest row of each family with a retention, of events that of the first in the change
    /// sequence: whether [`muster_core::decide::Expire`] has work.
    ///
    /// # Errors
    /// See the trait.
    fn oldest(&mut self) -> Result<Cutoffs, EngineError>;

    /// Events recorded under any of these ids, newest first by (time, seq), of all names or of one, below the cursor.
    ///
    /// # Errors
    /// See the trait.
    fn events(&mut self, query: &EventQuery<'_>) -> Result<Page<Event>, EngineError>;

    /// Log entries, newest first: applied and refused ones by receipt.
    ///
    /// # Errors
    /// See the trait.
    fn requests(&mut self, query: RequestQuery) -> Result<Page<LogEntry>, EngineError>;

    /// One log entry.
    ///
    /// # Errors
    /// See the trait.
    fn request(&mut self, no: RequestNo) -> Result<Option<LogEntry>, EngineError>;

    /// Quarantine entries that were not deleted, newest first, below the cursor.
    ///
    /// # Errors
    /// See the trait.
    fn quarantine(
        &mut self,
        below: Option<QuarantineNo>,
        limit: usize,
    ) -> Result<Page<QuarantinedElement>, EngineError>;

    /// One quarantine entry, unless it was deleted.
    ///
    /// # Errors
    /// See the trait.
    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError>;

    /// Quarantine entries that were deleted later than this, the last one first.
    ///
    /// # Errors
    /// See the trait.
    fn deleted(&mut self, after: Timestamp, limit: usize) -> Result<Page<QuarantinedElement>, EngineError>;

    /// Merge records, newest first, below the cursor.
    ///
    /// # Errors
    /// See the trait.
    fn merges(&mut self, below: Option<MergeNo>, limit: usize) -> Result<Page<Merge>, EngineError>;

    /// One merge record.
    ///
    /// # Errors
    /// See the trait.
    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError>;

    /// The same without the identifiers of the merged profile, which are as many as it had members.
    ///
    /// # Errors
    /// See the trait.
    fn merge_effect(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        Ok(self.merge(no)?.map(|merge| Merge { identifiers: Vec::new(), ..merge }))
    }

    /// Separations, newest first, below the cursor.
    ///
    /// # Errors
    /// See the trait.
    fn separations(&mut self, below: Option<SeparationNo>, limit: usize) -> Result<Page<Separation>, EngineError>;

    /// Reviews, newest first, below the cursor, of all states or of one.
    ///
    /// # Errors
    /// See the trait.
    fn reviews(&mut self, query: ReviewQuery) -> Result<Page<Review>, EngineError>;

    /// One review.
    ///
    /// # Errors
    /// See the trait.
    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError>;

    /// Returns the root pointer of the live profile that an id belongs to.
    ///
    /// # Errors
    /// See the trait.
    fn root(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError>;

    /// Returns up to `limit` member records after a number, by number: fewer if they are large, none only at the end.
    ///
    /// # Errors
    /// See the trait.
    fn profiles(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<MemberRecord>, EngineError>;

    /// The separations that name this id, by number.
    ///
    /// # Errors
    /// See the trait.
    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError>;

    /// Returns the first member record, by number, that holds a value of an activating kind that is not settled.
    ///
    /// # Errors
    /// See the trait.
    fn holder(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError>;

    /// Returns the member records that list this former identifier, by number.
    ///
    /// # Errors
    /// See the trait.
    fn former(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError>;

    /// Returns the rows of history that a member record lists, by position in the change sequence.
    ///
    /// # Errors
    /// See the trait.
    fn history(&mut self, profile: &MemberRecord) -> Result<Vec<History>, EngineError>;

    /// Returns the changes at these positions of the change sequence; positions of events are left out.
    ///
    /// # Errors
    /// See the trait.
    fn changes(&mut self, places: &[Seq]) -> Result<Vec<Change>, EngineError>;

    /// The recorded answer of an idempotency key, however old.
    ///
    /// # Errors
    /// See the trait.
    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError>;

    /// Returns how many quarantine entries were removed for its bounds in total (behaviour.md 4).
    ///
    /// # Errors
    /// See the trait.
    fn quarantine_dropped(&mut self) -> Result<u64, EngineError>;

    /// Hands over every row except the counters, as the change that would write it, by family and by key; refused
    /// requests follow the applied ones. For `muster verify`, backups and comparisons of engines.
    ///
    /// # Errors
    /// See the trait; nothing more is read after one.
    fn rows(&mut self, each: &mut dyn FnMut(RowChange)) -> Result<(), EngineError>;
}

/// Returns everything that is stored of a workspace, to compare engines.
///
/// # Errors
/// Those of the reader.
pub fn dump(reader: &mut dyn Reader) -> Result<(Counters, Vec<RowChange>), EngineError> {
    let mut rows = Vec::new();
    reader.rows(&mut |row| rows.push(row))?;
    Ok((reader.counters()?, rows))
}

/// A live profile as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveProfile {
    /// The live profile's number.
    pub root: ProfileNo,
    /// Its members, the root first.
    pub members: Vec<Member>,
    /// Its view, if it has members beside the root.
    pub view: Option<View>,
}

/// A page of events.
#[derive(Clone, Copy, Debug)]
pub struct EventQuery<'a> {
    /// Recorded under any of these.
    pub profiles: &'a [ProfileNo],
    /// Only events of this name.
    pub name: Option<&'a str>,
    /// Below this (time, seq).
    pub below: Option<(Timestamp, Seq)>,
    /// Most items of the page.
    pub limit: usize,
}

/// A page of reviews.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReviewQuery {
    /// Only reviews of this state.
    pub state: Option<ReviewState>,
    /// Below this number.
    pub below: Option<ReviewNo>,
    /// Most items of the page.
    pub limit: usize,
}

/// A page of log entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestQuery {
    /// Only requests with this status.
    pub status: Option<u16>,
    /// Only requests with at least one element of this outcome.
    pub outcome: Option<muster_core::outcome::Outcome>,
    /// Received before, or at the same time with a smaller number.
    pub below: Option<(Timestamp, RequestNo)>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Most items of the page.
    pub limit: usize,
}
