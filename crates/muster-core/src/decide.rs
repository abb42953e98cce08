//! All rules, in the order in which they run. This file is the table of contents:
//!
//! 1. `import`: is the request read under the settings in force, is it a replay, does it fit the budget; then each
//!    element in order, then the log, the quarantine and the recorded answer.
//! 2. `element`: one element, whole or not at all: customer, event, device.
//! 3. `resolve`: user the keys lead to, and which of them are set aside; `guard`: what they must not bring together;
//!    `review`: what is left to decide; `review_decision`: deciding it.
//! 4. `join`: who survives, and what a merge is; `by_hand`: two users merged since somebody says so.
//! 5. `write`: what is written where, bound and released.
//! 6. `revert`: cutting a link and lifting a separation.
//! 7. `activation`: kinds that become active over stored data.
//! 8. `delete`: marking a live profile for deletion and sweeping it; `discard`: deleting a quarantine entry, and restoring it.
//! 9. `expire`: removing what is past its time; `log`: what an entry of the ingestion log lists.
//!
//! `state` is what all of them work on: the facts with the changes so far on top. A rule that lacks a fact notes the
//! need and gives up its element; the decision is then run again from the start with more facts, so rules are written as
//! if everything were known.

pub mod activation;
pub mod by_hand;
pub mod delete;
pub mod discard;
pub mod expire;
pub mod import;
pub mod revert;

mod arrays;
mod element;
mod guard;
mod join;
mod layer;
mod log;
mod names;
mod notes;
mod opened;
mod resolve;
mod review;
mod target;
mod review_decision;
mod decision_state;
mod write;
mod write_target;

pub use activation::{ActivationProgress, ClearIndex, Index, Settle};
pub use by_hand::{MergeUsers, MergeUsersOutcome};
pub use delete::{Delete, DeleteOutcome, NamedUser, Sweep};
pub use discard::{Discard, Restore, Restored};
pub use expire::{Expire, Retention};
pub use import::{ImportDecision, Wire, cost};
pub use log::bounded;
pub use revert::{Lift, Revert, RevertOutcome};
pub use review_decision::{Choose, DecideReview, ReviewOutcome, ReviewRefusal};
