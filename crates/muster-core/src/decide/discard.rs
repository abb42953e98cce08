//! Dropping a quarantine entry by hand (behaviour.md 4).

use crate::change::{Changes, Put};
use crate::decision::{Decision, Step};
use crate::facts::{Facts, Needs};
use crate::id::QuarantineNo;
use crate::record::Counters;
use crate::time::Moment;

/// Drops an entry; the output tells whether it was there.
pub struct Discard {
    /// The entry.
    pub entry: QuarantineNo,
}

impl Decision for Discard {
    type Output = bool;

    fn needs(&self) -> Needs {
        Needs { quarantine: vec![self.entry], ..Needs::default() }
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<bool> {
        match facts.quarantine.get(&self.entry) {
            None => Step::NeedMore(self.needs()),
            Some(None) => Step::Leave(false),
            Some(Some(entry)) => {
                let open = u64::from(entry.replayed_as.is_none());
                let quarantined = facts.counters.quarantined.saturating_sub(open);
                let counters = Counters { quarantined, now: now.at, ..facts.counters };
                let rows = vec![Put::DropQuarantined(self.entry)];
                Step::Done(Changes { rows, counters, rate: None }, true)
            }
        }
    }
}
