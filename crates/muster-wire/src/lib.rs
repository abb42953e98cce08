//! What goes over the wire: the JSON of the Data API and of the management API.
//!
//! Shapes are converted into commands of `muster-core`, and that conversion *is* the validation; outcomes are
//! converted back into answers. The one table of error types and messages is [`data::failure`]. There is no I/O, no
//! clock and no HTTP here, and no rule beyond shape and range: those belong to `muster-server` and `muster-core`.

mod explanation;
pub mod data;
pub mod json;
pub mod manage;
mod notices;
mod path;
pub mod value;
mod write;
pub mod zone;
