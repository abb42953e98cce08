//! The rules of Muster, as pure functions of facts.
//!
//! This crate owns what an import *means*: values and their types, identifiers, profiles as trees of members, what a
//! record does to them, merges and reverts. It does no I/O, reads no clock, draws no random number and starts no
//! thread: time, ids and everything stored arrive as arguments, what shall be stored leaves as [`change::Changes`].
//! JSON belongs to `muster-wire`, durability to `muster-store`, HTTP to `muster-server`.
//!
//! Modules in reading order.
#![deny(missing_docs)]

pub mod attribute;
pub mod change;
pub mod command;
pub mod decide;
pub mod decision;
pub mod facts;
pub mod fold;
pub mod id;
pub mod identifier;
pub mod limits;
pub mod outcome;
pub mod planted;
pub mod rate;
pub mod reason;
pub mod record;
pub mod settings;
pub mod snapshot;
pub mod time;
pub mod value;
pub mod warning;
