//! HTTP: routes, guards, authentication, telemetry, shutdown.
//!
//! Owned here: everything between a socket and a decision. Left to others: what a request means (`muster-core`), JSON
//! shapes and the literals of answers (`muster-wire`), durability (`muster-store`), where settings come from (the binary
//! `muster`). No engine is named outside `app.rs`, no clock read outside `clock.rs`.
//!
//! Modules in reading order.
#![deny(missing_docs)]

pub mod app;
mod budget;
pub mod clock;
pub mod dev;
pub mod http;
mod ingest;
pub mod limits;
mod lockout;
pub mod serve;
pub mod telemetry;
pub mod workspaces;

/// The OpenAPI 3.1 document of every call that exists.
pub const OPENAPI: &str = include_str!("openapi.json");
