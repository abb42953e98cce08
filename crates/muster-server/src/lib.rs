//! HTTP: routes, guards, authentication, telemetry, shutdown.
//!
//! Owned here: everything between a socket and a decision. Left to others: what a request means (`muster-core`), JSON
//! shapes and the literals of answers (`muster-wire`), durability (`muster-store`), where settings come from (the binary
//! `muster`). No engine is named outside `app.rs` and `app/`, no clock read outside `clock.rs`.
//!
//! Modules in reading order: each uses those above it.

pub mod limits;
pub mod clock;
mod sync;
mod keys;
mod callers;
mod lockout;
mod budget;
mod fair_places;
mod background;
mod sessions;
mod personal_data_log;
mod activity;
pub mod workspaces;
pub mod telemetry;
pub mod app;
mod ingest;
mod replays;
mod activation;
mod other_servers;
pub mod jobs;
mod manage;
mod http;
mod console;
pub mod router;
mod connection;
mod tls;
pub mod serve;
pub mod dev;
pub mod local;

pub use manage::openapi::openapi;
