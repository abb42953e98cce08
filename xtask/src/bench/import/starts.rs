//! Owns the time from the start of a server to its first answered import: what a client waits for after a restart.

use super::super::figures::StartTimes;
use super::super::server::{BenchServer, BenchWorkspace};
use super::super::window::check_interrupted;
use super::super::worst::send;
use crate::bodies::{Bodies, Kind, Rng};
use anyhow::{Result, bail};
use std::time::Duration;

/// The longest wait for an answer 200.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause after another answer.
const RETRY: Duration = Duration::from_millis(1);

/// Sends an import of one element until the server answers 200.
pub(super) fn first_answer(server: &BenchServer, workspace: &BenchWorkspace, seed: u64) -> Result<StartTimes> {
    let mut body = Vec::new();
    Bodies::new(Kind::One, seed).fill(&workspace.world, &mut Rng::new(seed), &mut body);
    let target = server.target(workspace);
    while server.began.elapsed() < PATIENCE {
        check_interrupted()?;
        if send(target.addr, &target.head, &body)?.status == 200 {
            let answered = server.began.elapsed().as_secs_f64();
            return Ok(StartTimes { ready: server.ready.as_secs_f64(), answered });
        }
        std::thread::sleep(RETRY);
    }
    bail!("no import was answered 200 within {} s of the start", PATIENCE.as_secs())
}
