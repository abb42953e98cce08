//! The server through a real socket, on the reference engine and a clock that tests step. The binary, durability and
//! foreign clients have their tests in the crate `muster`.
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod clients;
mod deletion;
mod guards;
mod hostile;
mod imports;
mod manage;
mod operations;
mod tls;
mod wire;
mod world;
