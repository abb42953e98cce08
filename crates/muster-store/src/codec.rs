//! Rows as cells: the one translation between the records of `muster_core::record` and the columns of `family`, shared
//! by every relational engine, and the checksum over a row. Open-ended parts are compact records that begin with a
//! version; attributes are SQLite's JSONB (`jsonb`), so that people can query them.

pub mod bytes;
mod cell;
pub(crate) mod chunks;
pub mod jsonb;
mod logs;
mod packed;
mod parts;
mod people;
mod reviews;
mod traffic;
mod values;

pub(crate) use cell::cells_sum;
pub use cell::{Cell, Record, row_sum};
pub(crate) use logs::{outcome_bit, quarantine_bytes, refused_bytes};
pub use people::{Binding, ViewRow};
pub(crate) use people::{binding_cells, view_cells};
pub(crate) use reviews::holder_cells;
pub use reviews::{FormerHolder, Holder};
pub(crate) use traffic::COUNTERS_ID;
pub(crate) use traffic::{answer_bytes, event_id};
