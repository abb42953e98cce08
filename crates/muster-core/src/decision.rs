//! What an engine runs: something that names its needs and, given the facts, decides. Engines know no more of imports
//! and reverts than this.

use crate::change::Changes;
use crate::facts::{Facts, Needs};
use crate::limits::{PROFILE_BYTES_MAX, ROUNDS_MAX, facts_bytes};
use crate::time::Moment;

/// A decision over the stored data of one workspace. An engine asks for the needs, reads them at one snapshot, lets it
/// decide, and commits the changes atomically before it hands out the output.
pub trait Decision: Send + 'static {
    /// What whoever asked gets, once the changes are durable.
    type Output: Send + 'static;

    /// What it needs at first.
    fn needs(&self) -> Needs;

    /// The revision of the settings that it was made under: under another it is not decided, but made anew by whoever
    /// asked. None = it knows no settings.
    fn revision(&self) -> Option<u64> {
        None
    }

    /// How often it may ask for more facts before that counts as a bug.
    fn rounds(&self) -> usize {
        ROUNDS_MAX
    }

    /// The most that its facts may weigh, in bytes: beyond it, it is too large (behaviour.md 1.11.f).
    fn facts_bytes_max(&self) -> u64 {
        facts_bytes(PROFILE_BYTES_MAX)
    }

    /// Decides. Deterministic in its arguments, without effects; may run twice, also on other facts.
    fn decide(&self, facts: &Facts, now: Moment) -> Step<Self::Output>;
}

/// How far a decision came.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a round and taken apart at once: a box would cost more")]
pub enum Step<O> {
    /// More facts are needed; at most [`Decision::rounds`] times.
    NeedMore(Needs),
    /// Commit this, then hand out the output.
    Done(Changes, O),
    /// Nothing changes; hand out the output.
    Leave(O),
    /// Nothing changes: it takes more work than one decision may ([`crate::limits::STEPS_MAX`]).
    TooLarge,
}

/// Whether a decision is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its changes are made durable before its output is handed out.
    Commit,
    /// It takes its place in the order of decisions and stores nothing.
    Dry,
}
