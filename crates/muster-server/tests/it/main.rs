//! The server through a real socket, on the reference engine and a clock that tests step. The binary, durability and
//! foreign clients have their tests in the crate `muster`.
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod abuse;
mod amplification;
mod arrivals;
mod audit;
mod clients;
mod console;
mod damaged;
mod deletion;
mod discards;
mod documented;
mod dry_runs;
mod fairness;
mod figures;
mod filters;
mod frames;
mod framing;
mod guards;
mod hang_up;
mod holding;
mod hostile;
mod identity;
mod imports;
mod live;
mod manage;
mod mask;
mod matrix;
mod merges;
mod operations;
mod narrowed;
mod overload;
mod personal_data;
mod refusals;
mod retention;
mod rights;
mod schemas;
mod tls;
mod tokens;
mod weight;
mod wire;
mod world;
