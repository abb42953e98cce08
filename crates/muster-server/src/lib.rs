//! HTTP: routes, guards, authentication, telemetry, shutdown.
//!
//! Owned here: everything between a socket and a decision. Left to others: what a request means (`muster-core`), JSON
//! shapes and the literals of answers (`muster-wire`), durability (`muster-store`), where settings come from (the binary
//! `muster`). No engine is named outside `app.rs`, no clock read outside `clock.rs`.
//!
//! Modules in reading order.

pub mod limits;
pub mod clock;
pub mod app;
pub mod workspaces;
mod callers;
mod manage;
mod lockout;
mod budget;
mod fair_places;
pub mod telemetry;
mod ingest;
mod replays;
mod activation;
mod console;
mod people;
mod activity;
pub mod http;
pub mod jobs;
mod connection;
mod tls;
pub mod serve;
pub mod dev;
pub mod local;

pub use manage::openapi::openapi;
