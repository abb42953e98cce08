//! Maintenance: one thread that, twice a second, writes refused requests of idle workspaces and tries failed ones again,
//! and, every few seconds, follows what other processes changed and sees whether the database answers.

use super::inner::PostgresInner;
use crate::sync::lock;
use std::sync::Arc;
use std::time::Duration;

/// Refused requests are in the log within about a second (two ticks at worst).
const TICK: Duration = Duration::from_millis(500);
/// Ticks between two looks at the catalogue: how long a node may not know a workspace that another one made.
const TICKS_TO_LOOK: u64 = 4;

/// Runs until the engine is closed.
pub(super) fn run(inner: &Arc<PostgresInner>) {
    let mut tick = 0_u64;
    while !inner.stop_signal.wait(TICK) {
        tick += 1;
        // Checked often, so that a jump is noticed even without requests.
        let _said_in_the_health = inner.clock_check.distrust(&*inner.clock);
        if tick.is_multiple_of(TICKS_TO_LOOK) {
            let why = inner.look().err().map(|error| error.to_string().into());
            *lock(&inner.unreachable) = why;
        }
        for workspace in inner.all_workspaces() {
            if workspace.queue.wake(false) {
                inner.run_queue.push(workspace);
            }
        }
    }
}
