//! The rules of Muster, as pure functions of facts.
//!
//! This crate owns what an import *means*: values and their types, identifiers, profiles as trees of members, what a
//! record does to them, merges and reverts. It does no I/O, reads no clock, draws no random number and starts no
//! thread: time, ids and everything stored arrive as arguments, what shall be stored leaves as [`change::Changes`].
//! JSON belongs to `muster-wire`, durability to `muster-store`, HTTP to `muster-server`.
//!
//! Modules in reading order.
#![deny(missing_docs)]

pub mod limits;
pub mod time;
pub mod id;
pub mod value;
pub mod array;
pub mod attribute;
pub mod identifier;
pub mod kinds;
pub mod settings;
pub mod excerpt;
pub mod reason;
pub mod warning;
pub mod command;
pub mod pattern;
pub mod record;
pub mod explanation;
pub mod review;
pub mod pause;
pub mod facts;
pub mod change;
pub mod outcome;
pub mod rate;
pub mod profile;
pub mod decision;
pub mod decide;
