//! All rules, in the order in which they run:
//!
//! 1. `import`: checks the revision of the settings, replays and the budget; applies each element in order; then
//!    appends the log entry, quarantined elements and the recorded answer.
//! 2. `element`: applies one element, as a whole or not at all: customer, event, device.
//! 3. `resolve`: resolves identifiers to users; `guard`: withholds identifiers that would merge what must stay apart;
//!    `review`: records them for people; `review_decision`: carries out what people decide.
//! 4. `join`: chooses the survivor and merges; `merge_users`: merges two users at the request of a person.
//! 5. `write`: writes values, binds and releases identifiers.
//! 6. `revert`: reverts a merge, lifts a separation.
//! 7. `activation`: activates kinds over stored data.
//! 8. `delete`: marks and sweeps a live profile; `discard`: deletes and restores a quarantine entry.
//! 9. `expire`: removes expired rows; `log`: bounds an entry of the ingestion log.
//!
//! All of them work on `decision_state`: the facts with the changes so far on top. A rule that lacks a fact records the
//! need and gives up its element; the decision then runs again from the start with more facts, so rules are written as
//! if everything were known.

pub mod activation;
pub mod merge_users;
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
pub use delete::{Delete, DeleteOutcome, NamedUser, Sweep};
pub use discard::{Discard, Restore, Restored};
pub use expire::{Expire, Retention};
pub use import::{ImportDecision, Wire, cost};
pub use log::bound_entry;
pub use merge_users::{MergeUsers, MergeUsersOutcome};
pub use revert::{Lift, Revert, RevertOutcome};
pub use review_decision::{Choose, DecideReview, ReviewOutcome, ReviewRefusal};
