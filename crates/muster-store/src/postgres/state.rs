//! The row of a workspace as a group reads and writes it: its state, under the lock that gives its decisions their order.

use crate::codec::{COUNTERS_ID, Cell, Record as _, bytes, cells_sum};
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::family::{Family, FamilySum, FamilySums};
use crate::workspace_state::{TableStats, WorkspaceState};
use muster_core::limits::RATE_SECONDS;
use muster_core::rate::RateWindow;
use muster_core::record::Counters;
use muster_core::time::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Seed of the checksum over the state: no family has such a number.
const STATE_SEED: u64 = 1_003;

/// Locks the row of a workspace that was created at this moment: an id may have been deleted and taken again by another process.
pub(super) const LOCK: &str = "SELECT revision, counters, figures, family_rows, family_sums, rate, state_sum \
    FROM workspaces WHERE id = $1 AND created_at = $2 AND NOT is_deleting FOR UPDATE";
/// Reads the same without a lock.
pub(super) const READ: &str = "SELECT revision, counters, figures, family_rows, family_sums, rate, state_sum \
    FROM workspaces WHERE id = $1 AND created_at = $2 AND NOT is_deleting";
/// The time of the database in microseconds. Asked after the lock, or it would be from before the wait.
pub(super) const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
/// Writes the state.
pub(super) const SAVE: &str = "UPDATE workspaces SET counters = $2, figures = $3, family_rows = $4, family_sums = $5, \
    rate = $6, state_sum = $7 WHERE id = $1";

/// The state of a workspace as its row has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LockedState {
    pub(super) revision: u64,
    pub(super) counters: Counters,
    pub(super) figures: TableStats,
    pub(super) answer_bytes: u64,
    pub(super) sums: FamilySums,
    /// By the clock of the database, if that is the clock of the engine.
    pub(super) rate: RateWindow,
}

/// The columns of a state that is written.
pub(super) struct StateColumns {
    counters: Vec<i64>,
    figures: Vec<i64>,
    rows: Vec<i64>,
    sums: Vec<i64>,
    rate: Vec<u8>,
    sum: i64,
}

impl StateColumns {
    /// Returns the parameters of [`SAVE`] after the first.
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [&self.counters, &self.figures, &self.rows, &self.sums, &self.rate, &self.sum]
    }

    fn sum(id: &str, numbers: [&[i64]; 4], rate: &[u8]) -> i64 {
        let mut cells = vec![Cell::text(id), Cell::blob(rate)];
        cells.extend(numbers.into_iter().flatten().map(|n| Cell::Int(*n)));
        cells_sum(STATE_SEED, &cells)
    }
}

fn damaged() -> EngineError {
    EngineError::Corrupt("the state of the workspace fails its checksum".into())
}

impl LockedState {
    /// Reads the row of a workspace that was selected by [`LOCK`] or [`READ`], and checks it.
    pub(super) fn read(id: &str, row: &Row) -> Result<Self, EngineError> {
        let numbers = |place| row.try_get::<_, Vec<i64>>(place).map_err(|_| damaged());
        let revision = row.try_get::<_, i64>(0).map_err(|_| damaged())?.cast_unsigned();
        let [counters, figures, rows, sums] = [numbers(1)?, numbers(2)?, numbers(3)?, numbers(4)?];
        let rate: &[u8] = row.try_get(5).map_err(|_| damaged())?;
        let sum: i64 = row.try_get(6).map_err(|_| damaged())?;
        if StateColumns::sum(id, [&counters, &figures, &rows, &sums], rate) != sum {
            return Err(damaged());
        }
        let mut cells: Vec<Cell<'_>> = vec![Cell::Int(COUNTERS_ID)];
        cells.extend(counters.into_iter().map(Cell::Int));
        let counters = Counters::from_cells(&mut cells)?;
        let figures: [i64; TableStats::NUMBERS + 1] = figures.try_into().map_err(|_| damaged())?;
        let [group, quarantine_bytes, quarantine_dropped, refused_bytes, answer_bytes] =
            figures.map(i64::cast_unsigned);
        let figures = TableStats { group, quarantine_bytes, quarantine_dropped, refused_bytes };
        let mut stored = FamilySums::default();
        if rows.len() != stored.0.len() || sums.len() != stored.0.len() {
            return Err(damaged());
        }
        for (of, (rows, sum)) in stored.0.iter_mut().zip(rows.into_iter().zip(sums)) {
            *of = FamilySum { rows, sum };
        }
        Ok(Self { revision, counters, figures, answer_bytes, sums: stored, rate: read_rate(rate)? })
    }

    /// Returns the columns to write.
    pub(super) fn columns(&self, id: &str) -> StateColumns {
        let number = |cell: Cell<'_>| if let Cell::Int(n) = cell { n } else { 0 };
        let counters: Vec<i64> = self.counters.cells().into_iter().skip(1).map(number).collect();
        let mut figures: Vec<i64> = self.figures.numbers().map(u64::cast_signed).into();
        figures.push(self.answer_bytes.cast_signed());
        let rows: Vec<i64> = self.sums.0.iter().map(|of| of.rows).collect();
        let sums: Vec<i64> = self.sums.0.iter().map(|of| of.sum).collect();
        let rate = rate_bytes(&self.rate);
        let sum = StateColumns::sum(id, [&counters, &figures, &rows, &sums], &rate);
        StateColumns { counters, figures, rows, sums, rate, sum }
    }

    /// Returns what the working set keeps.
    pub(super) fn to_workspace_state(&self) -> WorkspaceState {
        let rows = |family| self.sums.get(family).rows.cast_unsigned();
        WorkspaceState {
            counters: self.counters,
            figures: self.figures,
            quarantine_rows: rows(Family::Quarantine),
            refused_rows: rows(Family::Refused),
            answer_bytes: self.answer_bytes,
        }
    }
}

/// Writes a window: the newest second, and of each second in which something was spent its age and what was spent.
fn rate_bytes(rate: &RateWindow) -> Vec<u8> {
    let mut out = bytes::Encoder::new();
    out.u64(rate.newest());
    let spent = || (0_u64..).zip(rate.spent()).filter(|(_, spent)| **spent != [0; 3]);
    out.len(spent().count());
    for (age, spent) in spent() {
        out.u64(age);
        spent.iter().for_each(|n| out.u64((*n).into()));
    }
    out.done()
}

fn read_rate(bytes: &[u8]) -> Result<RateWindow, CorruptRow> {
    let mut read = bytes::Decoder::open(bytes)?;
    let newest = read.u64()?;
    let mut spent = [[0; 3]; RATE_SECONDS];
    for _ in 0..read.small::<usize>()? {
        let age: usize = read.small()?;
        let slot = spent.get_mut(age).ok_or(CorruptRow("a second is not in the window"))?;
        for n in slot {
            *n = read.small()?;
        }
    }
    read.end()?;
    Ok(RateWindow::new(newest, spent))
}

/// How the clock of the database and that of this process differ, measured in one round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockOffset {
    /// Milliseconds that the database is ahead of the instants of this process.
    pub(super) ahead_ms: i64,
    /// Whole seconds that the database is ahead of the monotonic clock of this process.
    seconds: i64,
}

impl ClockOffset {
    /// No difference: the instants are those of this process.
    pub(super) const NONE: Self = Self { ahead_ms: 0, seconds: 0 };

    /// Measures it: the time of the database in microseconds, and the moment of this process.
    pub(super) fn measured(database_us: i64, at: Timestamp, micros: u64) -> Self {
        // Whole seconds, so that a window that is read and written again is the same. The seconds of two processes begin at
        // different moments: between them a window is less than a second longer or shorter.
        let apart = database_us.saturating_sub(micros.cast_signed());
        Self { ahead_ms: database_us.div_euclid(1_000) - at.0, seconds: apart.div_euclid(1_000_000) }
    }

    /// Returns a window of the database by the monotonic clock of this process.
    pub(super) fn to_process(self, rate: &RateWindow) -> RateWindow {
        moved(rate, self.seconds.saturating_neg())
    }

    /// Returns a window of this process by the clock of the database.
    pub(super) fn to_database(self, rate: &RateWindow) -> RateWindow {
        moved(rate, self.seconds)
    }
}

/// Returns a window of another clock, which is this many seconds ahead. What was spent before that clock began is older, not
/// spent again.
fn moved(rate: &RateWindow, seconds: i64) -> RateWindow {
    let newest = rate.newest().cast_signed().saturating_add(seconds);
    let before = usize::try_from(newest.saturating_neg()).unwrap_or(0);
    let mut spent = [[0; 3]; RATE_SECONDS];
    for (age, of) in rate.spent().iter().enumerate() {
        if let Some(slot) = spent.get_mut(age.saturating_add(before)) {
            *slot = *of;
        }
    }
    RateWindow::new(newest.max(0).cast_unsigned(), spent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_core::rate::Cost;
    use muster_core::settings::RateLimits;
    use muster_core::time::Moment;

    const TEN: RateLimits = RateLimits { users: 10, events: 10, devices: 10 };

    fn spent() -> RateWindow {
        let mut window = RateWindow::default().at(Moment { micros: 7_000_000, ..Moment::default() });
        window.spend(TEN, Cost([1, 0, 3])).unwrap();
        window = window.at(Moment { micros: 9_500_000, ..Moment::default() });
        window.spend(TEN, Cost([0, 2, 0])).unwrap();
        window
    }

    // Fails when a second is written with the wrong age, or an empty window cannot be read.
    #[test]
    fn a_rate_window_is_read_as_it_was_written() {
        for window in [RateWindow::default(), spent()] {
            assert_eq!(read_rate(&rate_bytes(&window)), Ok(window));
        }
        assert!(read_rate(&rate_bytes(&spent())[..5]).is_err());
    }

    // Fails when `moved` takes what was spent before the process began for what it spent in its first second.
    #[test]
    fn what_was_spent_before_a_process_began_is_as_old_as_it_was() {
        // The process began 30 seconds after the newest second of the window, 32 after the other.
        let offset = ClockOffset::measured(39_000_000, Timestamp(0), 0);
        let here = offset.to_process(&spent());
        let left = |second: u64| {
            here.clone()
                .at(Moment { micros: second * 1_000_000, ..Moment::default() })
                .spent()
                .iter()
                .fold([0; 3], |sum, of| [0, 1, 2].map(|n| sum[n] + of[n]))
        };
        assert_eq!([left(0), left(29), left(31)], [[1, 2, 3], [0, 2, 0], [0; 3]]);
    }

    // Fails when `to_database` subtracts, or `measured` rounds up.
    #[test]
    fn a_window_goes_to_the_clock_of_a_process_and_back_unchanged() {
        for (database, process) in [(1_000_999_999, 5_000_000), (1_000_000_001, 5_999_999), (3_000_000, 9_000_000)] {
            let offset = ClockOffset::measured(database, Timestamp(0), process);
            let mut window = spent();
            let second = |us: i64| us.div_euclid(1_000_000);
            window = RateWindow::new(second(database).cast_unsigned(), *window.spent());
            let here = offset.to_process(&window);
            assert_eq!(offset.to_database(&here), window);
            let now = second(process.cast_signed()).cast_unsigned();
            assert!((now..=now + 1).contains(&here.newest()), "within a second");
        }
    }
}
