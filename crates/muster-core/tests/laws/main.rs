//! The laws of identity resolution (behaviour.md 3.6): property tests over random histories against a naive model, a
//! generator of its own for "as if they had never been merged", and worked examples. `cargo xtask mutants` proves that
//! they find bugs: it injects them into a copy of the rules.
//!
//! `MUSTER_LAW_CASES` sets the number of histories for each property, `MUSTER_LAW_SEED` the start of the search,
//! `MUSTER_LAW_SHRINK` the number of steps for shrinking a failing case before it is printed. Nothing is kept.

#![expect(clippy::unwrap_used, reason = "tests: what is missing fails the test that asked for it")]

mod activation;
mod pre_merge;
mod chains;
mod elements;
mod driver;
mod engine;
mod examples;
mod explanations;
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
