//! The Data API: what is read from requests and what is answered (FACTS 1, 2 and 5; behaviour.md 1).

pub mod answer;
pub mod api;
pub mod delete;
pub mod failure;
pub mod faults;
pub mod forwarded;
pub mod kept;
pub mod known;
pub mod malformed;
mod members;
pub mod transition;
