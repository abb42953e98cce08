//! Durability: the seam that decisions run through, and the engines behind it.
//!
//! This crate owns how rows are stored, grouped, synced, checked and read back. It leaves to others what a request
//! means (`muster-core`), JSON (`muster-wire`) and HTTP (`muster-server`). An engine knows decisions only as
//! [`muster_core::decision::Decision`].

pub mod access;
mod binding_map;
pub mod bounds;
mod catalogue_sums;
mod clock_check;
pub mod codec;
#[cfg(feature = "support")]
pub mod conformance;
pub mod ddl;
pub mod engine;
pub mod error;
pub mod family;
pub mod health;
pub mod laws;
pub mod memory;
pub mod page;
mod queue;
mod read_room;
pub mod reader;
mod fact_loading;
pub mod postgres;
pub mod sqlite;
mod sync;
mod working_set;
mod workspace_state;
