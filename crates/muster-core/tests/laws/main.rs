//! The laws of identity resolution (behaviour.md 3.6), held by property tests over random histories against a naive
//! model, by a generator of its own for "as if they had never been merged", and by worked examples. That they find what they must is proved from outside:
//! `cargo xtask mutants` injects bugs into a copy of the rules and runs them.
//!
//! `MUSTER_LAW_CASES` sets how many histories each property tries, `MUSTER_LAW_SEED` where the search begins,
//! `MUSTER_LAW_SHRINK` how many steps a failing case is shrunk by before it is printed. Nothing is kept.

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
mod renames;
mod resolve;
mod reviews;
mod strategies;
mod undone;
mod unset_rules;
mod variants;
mod world;
