//! The rules of Muster, as pure functions of facts.
//!
//! This crate owns what an import *means*: values, identifiers, profiles as trees of members, merges and reverts. It
//! does no I/O, reads no clock, draws no random numbers and starts no threads: time, ids and stored data are arguments,
//! and what must be stored is returned as [`change::Changes`]. JSON belongs to `muster-wire`, durability to
//! `muster-store`, HTTP to `muster-server`.
//!
//! Modules are in reading order.

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
