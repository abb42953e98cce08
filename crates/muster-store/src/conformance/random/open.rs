//! Random rows of what identity resolution left open or wrote over.

use super::dice::Dice;
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::explanation::{Explanation, GuardReason, IdentifierDecision, IdentifierOutcome};
use muster_core::id::{RequestNo, ReviewNo};
use muster_core::identifier::IdentifierKind;
use muster_core::kinds::{SurvivorChoice, SurvivorRule};
use muster_core::record::{History, Replaced};
use muster_core::review::{Review, ReviewState};

impl Dice {
    pub(super) fn explanation(&mut self) -> Explanation {
        let outcome = |dice: &mut Self| {
            let aside = IdentifierOutcome::Withheld(dice.pick(&GuardReason::ALL));
            dice.pick(&[
                IdentifierOutcome::Found,
                IdentifierOutcome::Bound,
                IdentifierOutcome::Replaced,
                IdentifierOutcome::NotBound,
                aside,
            ])
        };
        let decision = |dice: &mut Self| IdentifierDecision {
            kind: IdentifierKind::new(dice.pick(&["customer_id", "email"])),
            id: dice.maybe(Self::id),
            profile: dice.maybe(Self::id),
            outcome: outcome(dice),
        };
        let rules = [
            SurvivorChoice::NewId,
            SurvivorChoice::Rule(SurvivorRule::LastSeen),
            SurvivorChoice::Rule(SurvivorRule::MostEvents),
        ];
        Explanation { identifiers: self.some(3, decision), rule: self.maybe(|dice| dice.pick(&rules)) }
    }

    fn review(&mut self) -> Review {
        Review {
            no: ReviewNo(self.below(8)),
            at: self.time(),
            last_at: self.time(),
            count: self.number(),
            identifier: self.key(),
            a: self.id(),
            b: self.maybe(Self::id),
            reason: self.pick(&GuardReason::ALL),
            request: self.maybe(|dice| (RequestNo(dice.number()), dice.small())),
            record: self.maybe(|dice| dice.text().into_boxed_bytes()),
            explanation: self.explanation(),
            state: self.pick(&ReviewState::ALL),
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
