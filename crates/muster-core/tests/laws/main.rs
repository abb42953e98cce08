//! The laws of identity resolution (behaviour.md 3.6), held by property tests over random histories against a naive
//! model, by a generator of its own for "as if they had never been merged", and by worked examples; the meta test plants
//! rule bugs and shows that the search finds each.
//!
//! `MUSTER_LAW_CASES` sets how many histories each property tries, `MUSTER_LAW_SEED` where the search begins. A failing
//! case is printed, shrunk, and kept nowhere.

#![expect(clippy::unwrap_used, reason = "tests: what is missing fails the test that asked for it")]

mod activation;
mod before;
mod chains;
mod elements;
mod driver;
mod engine;
mod examples;
mod facts;
mod guards;
mod histories;
mod laws;
mod model;
mod planted;
mod renames;
mod resolve;
mod reviews;
mod strategies;
mod undone;
mod unset_rules;
mod variants;
mod world;
