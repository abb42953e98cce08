//! Interface of everything that an engine runs: it names its needs and decides when it has the facts.

use crate::change::Changes;
use crate::facts::{Facts, Needs};
use crate::limits::{PROFILE_BYTES_MAX, ROUNDS_MAX, facts_bytes};
use crate::time::Moment;

/// Decision over the stored data of one workspace. An engine reads its needs in one snapshot, lets it decide, and
/// commits the changes atomically before it returns the output.
pub trait Decision: Send + 'static {
    /// Result for the caller, once the changes are durable.
    type Output: Send + 'static;

    /// Returns the initial needs.
    fn needs(&self) -> Needs;

    /// Returns the revision of the settings that it was prepared under, the only valid one; None = independent.
    fn revision(&self) -> Option<u64> {
        None
    }

    /// Returns how often it may ask for more facts before that counts as a bug.
    fn rounds(&self) -> usize {
        ROUNDS_MAX
    }

    /// Returns the most bytes that its facts may have; beyond it, it is too large (behaviour.md 1.11.f).
    fn facts_bytes_max(&self) -> u64 {
        facts_bytes(PROFILE_BYTES_MAX)
    }

    /// Returns whether the rows of bound ids are read with their bindings ([`crate::facts::Reach`]), given the other facts
    /// of the first round. False if these refuse or answer the request already: then nothing more is loaded for it.
    fn reads_ahead(&self, facts: &Facts, now: Moment) -> bool {
        let _always = (facts, now);
        true
    }

    /// Decides. Deterministic and without effects; may run twice, also with different facts.
    fn decide(&self, facts: &Facts, now: Moment) -> Step<Self::Output>;
}

/// Result of one run of a decision.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a round and taken apart at once: a box would cost more")]
pub enum Step<O> {
    /// Needs more facts; at most [`Decision::rounds`] times.
    NeedMore(Needs),
    /// Commit these changes, then return the output.
    Done(Changes, O),
    /// Change nothing; return the output.
    Leave(O),
    /// Change nothing: it needs more work than one decision may take ([`crate::limits::STEPS_MAX`]).
    TooLarge,
}

/// Whether a decision is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Changes are made durable before the output is returned.
    Commit,
    /// Runs in the order of decisions and stores nothing.
    Dry,
}
