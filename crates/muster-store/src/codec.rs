//! Rows as cells: the one translation between the records of `muster_core::record` and the columns of `family`, shared
//! by every relational engine, and the checksum over a row. Open-ended parts are compact records that begin with a
//! version; attributes are JSON columns (`json`), so that people can query them in the engine's own JSON.

pub mod bytes;
mod cell;
pub(crate) mod chunks;
mod json;
mod logs;
mod packed;
mod parts;
mod people;
mod reviews;
mod traffic;
pub(crate) mod typed;
mod values;

pub(crate) use cell::cells_sum;
pub use cell::{Cell, Record, row_sum};
pub use json::JsonObject;
pub(crate) use json::NamedValues;
pub(crate) use logs::{MergeEffect, bounded_bytes, outcome_bit, quarantine_bytes, refused_bytes};
pub use people::{Binding, ViewRow};
pub(crate) use people::{binding_cells, view_cells};
pub(crate) use reviews::holder_cells;
pub use reviews::{FormerHolder, Holder};
pub(crate) use traffic::COUNTERS_ID;
pub(crate) use traffic::{answer_bytes, event_id};
pub(crate) use values::DEPTH_MAX;
