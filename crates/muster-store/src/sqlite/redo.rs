//! The redo log in front of the tables: each group is one record of row images, synced before its requests are
//! answered. What a generation of groups changed is written to the tables later, as one transaction in the order of the
//! keys, and a start does so for what a stop left behind.

mod generation;
mod log;
mod record;
mod row;

pub(super) use generation::{FilledRow, Generation, GroupRows, GroupState};
pub(super) use log::{LogError, RedoLog, Tail, is_left, tail};
