//! Every bound of an engine's queues, groups and bounded families, each with its reason. Bounds of the rules are in
//! `muster_core::limits`.

use std::time::Duration;

/// Bytes of the detail of an audit record: room for a dozen changed settings, and a full log is still below half a gigabyte.
pub const AUDIT_DETAIL_BYTES: usize = 4_096;

/// How far the clock may be behind the newest stored time of a workspace, in milliseconds: clocks that are synchronised
/// differ by less than a second, and clocks that are set manually by minutes.
pub const CLOCK_BEHIND_MS_MAX: i64 = 600_000;
/// How far the clock may be ahead of the newest stored time at a start, in milliseconds: longer than a pause between
/// two starts, and shorter than the error of a clock with a wrong year.
pub const CLOCK_AHEAD_MS_MAX: i64 = 366 * 86_400_000;

/// How long a recorded answer is kept regardless of its size, in milliseconds: clients retry within an hour (clients.md
/// 4), and without the answer their data would be stored twice.
pub const ANSWERS_KEPT_MS: i64 = 3_600_000;
/// Bytes of requests and facts from which pending rows are written before the group ends: seven full bodies with what they
/// load. Arrays of short items take some ten times their bytes in memory.
pub const PENDING_BYTES_MAX: u64 = 1 << 20;
/// How long a write-ahead log may keep what was written to it, deleted data included.
pub const LOG_KEPT: Duration = Duration::from_secs(600);

/// The bounds of an engine. [`Bounds::default`] is for production; tests use smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Decisions that wait in one queue: at 20 us an element about half a second of one-element requests. More would
    /// exceed the timeout of the client.
    pub queue_jobs: usize,
    /// Bytes of the decisions in one queue, so that a thousand full queues do not use up the memory.
    pub queue_bytes: usize,
    /// Decisions of one group: a larger one adds latency, and the sync is shared already.
    pub group_jobs: usize,
    /// Bytes of one group: bounds the pages that one transaction dirties.
    pub group_bytes: usize,
    /// Bytes of the redo logs of all workspaces from which they are written to the tables, about; until that is done they
    /// may take as much again. 0 = every group writes the tables itself.
    pub redo_bytes: usize,
    /// How long a group may be in the redo log alone before it is written to the tables. That begins up to half a second
    /// later, and takes up to another half.
    pub redo_age: Duration,
    /// Refused requests that wait to be written, of one queue; more are dropped (behaviour.md 4: unsynced, bounded).
    pub refused_buffer: usize,
    /// Approximate bytes of those.
    pub refused_buffer_bytes: usize,
    /// Refused requests that are kept, oldest dropped first (behaviour.md 4: bounded).
    pub refused_entries: u64,
    /// Bytes of their faults.
    pub refused_bytes: u64,
    /// Quarantine entries that are kept, oldest dropped first (behaviour.md 4).
    pub quarantine_entries: u64,
    /// Bytes of their elements and faults (behaviour.md 4).
    pub quarantine_bytes: u64,
    /// Bytes of recorded answers, as they are stored; the oldest go first, but none that is younger than
    /// [`ANSWERS_KEPT_MS`].
    pub answer_bytes: u64,
    /// Named tokens of the management API: each call compares with all of them, which at a thousand takes some 30 us.
    pub tokens: usize,
    /// Sessions of the console that are kept: two megabytes, and as many as the server allows at a time.
    pub sessions: usize,
    /// Records of changes in the audit log that are kept, oldest dropped first: at 300 bytes each 30 MB, and years of
    /// changes that people make.
    pub audit_records: usize,
    /// Records of sessions of the console, which have a bound of their own: a token that may only read can sign in and out
    /// without limit, and must not push the changes out.
    pub audit_sessions: usize,
    /// Records of reads and deletions of persons' data: a client that deletes thousands must not push the changes out.
    pub audit_people: usize,
    /// Bytes of the detail of one record.
    pub audit_detail_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            queue_jobs: 4_096,
            queue_bytes: 64 << 20,
            group_jobs: 256,
            group_bytes: 16 << 20,
            redo_bytes: 48 << 20,
            redo_age: Duration::from_millis(500),
            refused_buffer: 1_000,
            refused_buffer_bytes: 8 << 20,
            refused_entries: 10_000,
            refused_bytes: 64 << 20,
            quarantine_entries: 1_000_000,
            quarantine_bytes: 1 << 30,
            answer_bytes: 256 << 20,
            tokens: 1_000,
            sessions: 10_000,
            audit_records: 100_000,
            audit_sessions: 5_000,
            audit_people: 100_000,
            audit_detail_bytes: AUDIT_DETAIL_BYTES,
        }
    }
}
