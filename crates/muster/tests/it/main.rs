//! Black-box tests of the real `muster` binary, through its command line and its sockets.
//!
//! One test binary: the harness (`http`, `server`, `random`) knows no rules of Muster; `disk` and the C shim beside
//! this folder know what a power loss leaves; `load` and `judge` know what was sent and what of it must be there.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failed step is the test's failure")]
#![expect(clippy::print_stdout, reason = "what a long run did is shown with the test's output")]

mod http;
mod random;
mod server;

mod disk;
mod judge;
mod load;

mod activation;
mod bait;
mod clock;
mod console;
mod descriptors;
mod durability;
mod operators;
mod orphans;
mod postgres;
mod unwritable_log;
mod settings;
mod starts;
mod failing_calls;
mod failing_disk;
mod shim;
