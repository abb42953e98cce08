//! The memory that readers use, the same for every engine.

use crate::engine::EngineError;
use crate::page::READ_BYTES_SMALL;
use crate::queue::cores::{Cores, LargeRead};
use crate::reader::Charge;
use std::sync::Arc;

/// Memory that a reader uses: beyond a small amount it waits for its turn and charges the budget of its caller.
#[derive(Default)]
pub(crate) struct ReadRoom {
    charge: Option<Charge>,
    cores: Option<Arc<Cores>>,
    turn: Option<LargeRead>,
    /// Bytes of rows of the page that is being read.
    paged: u64,
    /// Bytes that were charged for pages. A caller that reads several pages holds about one at a time.
    asked: u64,
}

impl ReadRoom {
    /// Returns the room of a reader in a server, where others read, too.
    pub(crate) fn of_server(cores: &Arc<Cores>) -> Self {
        Self { cores: Some(Arc::clone(cores)), ..Self::default() }
    }

    /// Names the budget that is charged.
    pub(crate) fn set_charge(&mut self, charge: Charge) {
        self.charge = Some(charge);
    }

    /// Starts a page.
    pub(crate) fn turn_page(&mut self) {
        self.paged = 0;
    }

    /// Call this before a row of a page with this many bytes is decoded, which may take twenty-five times as much
    /// memory.
    pub(crate) fn reads_row(&mut self, bytes: u64) -> Result<(), EngineError> {
        self.paged += bytes;
        match self.paged.saturating_sub(self.asked) {
            more if more > READ_BYTES_SMALL => {
                self.asked = self.paged;
                self.reads(more)
            }
            _ => Ok(()),
        }
    }

    /// Call this before rows with this many bytes are decoded.
    pub(crate) fn reads(&mut self, bytes: u64) -> Result<(), EngineError> {
        if bytes <= READ_BYTES_SMALL {
            return Ok(());
        }
        if let (Some(cores), None) = (&self.cores, &self.turn) {
            self.turn = Some(LargeRead::wait(cores)?);
        }
        self.charge.as_mut().map_or(Ok(()), |charge| charge(bytes))
    }
}
