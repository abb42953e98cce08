//! Random rows of what identity resolution left open or wrote over.

use super::Dice;
use muster_core::because::{Because, SetAside, Verdict, Weighed};
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::id::{RequestNo, ReviewNo};
use muster_core::identifier::Kind;
use muster_core::kinds::{Choice, SurvivorRule};
use muster_core::record::{History, Replaced};
use muster_core::review::{Review, ReviewState};

impl Dice {
    pub(super) fn because(&mut self) -> Because {
        let verdict = |dice: &mut Self| {
            let aside = Verdict::SetAside(dice.of(&SetAside::ALL));
            dice.of(&[Verdict::Found, Verdict::Bound, Verdict::Replaced, Verdict::NotBound, aside])
        };
        let weighed = |dice: &mut Self| Weighed {
            kind: Kind::new(dice.of(&["customer_id", "email"])),
            id: dice.maybe(Self::id),
            profile: dice.maybe(Self::id),
            verdict: verdict(dice),
        };
        let rules = [Choice::NewId, Choice::Rule(SurvivorRule::LastSeen), Choice::Rule(SurvivorRule::MostEvents)];
        Because { keys: self.some(3, weighed), rule: self.maybe(|dice| dice.of(&rules)) }
    }

    fn review(&mut self) -> Review {
        Review {
            no: ReviewNo(self.below(8)),
            at: self.time(),
            last_at: self.time(),
            count: self.number(),
            key: self.key(),
            a: self.id(),
            b: self.maybe(Self::id),
            reason: self.of(&SetAside::ALL),
            request: self.maybe(|dice| (RequestNo(dice.number()), dice.small())),
            record: self.maybe(|dice| dice.text().into_boxed_bytes()),
            because: self.because(),
            state: self.of(&ReviewState::ALL),
            closed_at: self.maybe(Self::time),
        }
    }

    fn history(&mut self) -> History {
        let replaced = self.named(4, 1).into_iter().map(|(field, value)| {
            let old = self.coin().then_some(value);
            Replaced { field, omitted: old.is_none() && self.coin(), old, since: self.number() }
        });
        let replaced = replaced.collect();
        History { profile: self.no(), seq: self.below(9), replaced }
    }

    fn note(&mut self) -> RowChange {
        match self.below(4) {
            0 => RowChange::Upsert(StoredRow::PendingHolder(self.key(), self.no())),
            1 => RowChange::Delete(RowKey::PendingHolder(self.key(), self.no())),
            2 => RowChange::Upsert(StoredRow::FormerHolder(self.key(), self.no())),
            _ => RowChange::Delete(RowKey::FormerHolder(self.key(), self.no())),
        }
    }

    /// One row of these families.
    pub(super) fn open_row(&mut self) -> RowChange {
        match self.below(6) {
            0 | 1 => RowChange::Upsert(StoredRow::Review(self.review())),
            2 => RowChange::Delete(RowKey::Review(ReviewNo(self.below(8)))),
            3 => RowChange::Upsert(StoredRow::History(self.history())),
            4 => RowChange::Delete(RowKey::History(self.no(), self.below(9))),
            _ => self.note(),
        }
    }
}

/// What [`super::key_of`] says of such a row.
pub(super) fn key_of(row: &RowChange) -> (String, bool) {
    match row {
        RowChange::Upsert(StoredRow::Review(row)) => (format!("review {}", row.no), false),
        RowChange::Delete(RowKey::Review(no)) => (format!("review {no}"), true),
        RowChange::Upsert(StoredRow::History(row)) => (format!("history {:?} {}", row.profile, row.seq), false),
        RowChange::Delete(RowKey::History(no, seq)) => (format!("history {no:?} {seq}"), true),
        // Does no harm where there is none, so it counts as no delete.
        RowChange::Upsert(StoredRow::PendingHolder(key, no)) | RowChange::Delete(RowKey::PendingHolder(key, no)) => {
            (format!("holder {key:?} {no:?}"), false)
        }
        RowChange::Upsert(StoredRow::FormerHolder(key, no)) | RowChange::Delete(RowKey::FormerHolder(key, no)) => {
            (format!("former {key:?} {no:?}"), false)
        }
        other => unreachable!("{other:?} is of another family"),
    }
}
