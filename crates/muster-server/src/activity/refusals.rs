//! Refusals that the log does not keep: the last of them, so that a client's request id can be looked up while the server
//! runs (behaviour.md 4.p).

use super::live::RequestFacets;
use crate::limits::REFUSALS_KEPT;
use crate::sync::lock;
use muster_core::id::RequestNo;
use muster_core::kinds::Route;
use muster_core::time::Timestamp;
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use muster_wire::manage::request::{Away, RefusedRequestDetail, RequestDocument};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Its number; that of its answer.
    pub(crate) no: RequestNo,
    /// The API whose spelling of errors applied.
    pub(crate) api: Api,
    /// Why.
    pub(crate) failure: Failure,
    /// The call; None if there is no such call.
    pub(crate) route: Option<Route>,
    /// The origin address, if it is kept.
    pub(crate) origin: Option<Arc<str>>,
    /// Its receipt.
    pub(crate) received_at: Timestamp,
    /// Microseconds from its head to its answer, where they are known.
    pub(crate) duration_us: Option<u64>,
}

impl Refusal {
    fn with<T>(&self, document: impl FnOnce(&Away<'_>) -> T) -> T {
        let (kind, message) = self.failure.type_and_message(self.api);
        document(&Away {
            no: Some(self.no),
            status: self.failure.status(),
            route: self.route,
            origin: self.origin.as_deref(),
            received_at: self.received_at,
            duration_us: self.duration_us,
            failure: Some((kind, &message)),
            replayed: false,
            dry_run: false,
        })
    }

    /// Returns the refusal as an item of a list.
    pub(crate) fn document(&self) -> RequestDocument {
        self.with(|away| RequestDocument::from(away))
    }

    /// Returns the refusal as the log shows one of its own entries.
    pub(crate) fn detail(&self) -> RefusedRequestDetail {
        self.with(|away| RefusedRequestDetail::from(away))
    }

    /// Returns what filters ask of it.
    pub(crate) fn facets(&self) -> RequestFacets {
        RequestFacets::unlogged(self.failure.status(), self.received_at, Some(self.failure.kind(self.api)))
    }

    /// Returns its position in a list of requests, as a cursor of the log has it.
    pub(crate) fn place(&self) -> (Timestamp, RequestNo) {
        (self.received_at, self.no)
    }
}

/// The last refusals, each with its position among all that there ever were.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(Mutex<RecentRefusals>);

#[derive(Debug, Default)]
struct RecentRefusals {
    /// The newest last.
    entries: VecDeque<Refusal>,
    /// How many went before the first.
    gone: u64,
}

impl RefusalLog {
    /// Keeps a refusal; when the list is full, the oldest is forgotten.
    pub(crate) fn push(&self, refusal: Refusal) {
        let mut recent = lock(&self.0);
        if recent.entries.len() == REFUSALS_KEPT {
            recent.entries.pop_front();
            recent.gone += 1;
        }
        recent.entries.push_back(refusal);
    }

    /// Returns the refusal with this number.
    pub(crate) fn get(&self, no: RequestNo) -> Option<Refusal> {
        lock(&self.0).entries.iter().rfind(|refusal| refusal.no == no).cloned()
    }

    /// Returns all refusals that fit, in no particular order.
    pub(crate) fn fitting(&self, fits: impl Fn(&Refusal) -> bool) -> Vec<Refusal> {
        lock(&self.0).entries.iter().filter(|refusal| fits(refusal)).cloned().collect()
    }

    /// Returns up to `limit` refusals before this place, the newest first, and the place where the next page starts.
    pub(crate) fn page(&self, before: Option<u64>, limit: usize) -> (Vec<Refusal>, Option<u64>) {
        let recent = lock(&self.0);
        let all = recent.entries.len();
        let end =
            before.map_or(all, |place| usize::try_from(place.saturating_sub(recent.gone)).unwrap_or(all).min(all));
        let start = end.saturating_sub(limit);
        let next = (start > 0).then(|| recent.gone + start as u64);
        (recent.entries.range(start..end).rev().cloned().collect(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(no: u64) -> Refusal {
        Refusal {
            no: RequestNo(no),
            api: Api::Transition,
            failure: Failure::KeyMismatch,
            route: Some(Route::Transition),
            origin: None,
            received_at: Timestamp(0),
            duration_us: Some(1),
        }
    }

    // Fails when `push` drops nothing, or a page begins at places of the list instead of those of all refusals.
    #[test]
    fn the_last_of_them_are_kept_and_pages_go_on_where_they_ended() {
        let refusals = RefusalLog::default();
        let last = REFUSALS_KEPT as u64 + 5;
        (1..=last).for_each(|no| refusals.push(refusal(no)));
        let page = |before, limit| {
            let (found, next) = refusals.page(before, limit);
            (found.iter().map(|refusal| refusal.no.0).collect::<Vec<_>>(), next)
        };
        let (first, next) = page(None, 2);
        assert_eq!(first, [last, last - 1]);
        refusals.push(refusal(last + 1));
        assert_eq!(page(next, 2).0, [last - 2, last - 3], "a newer one moves nothing");
        assert_eq!(page(None, usize::MAX).0.len(), REFUSALS_KEPT);
        assert_eq!(page(None, REFUSALS_KEPT).1, None);
        assert_eq!(page(Some(0), 2), (vec![], None));
        assert!(refusals.get(RequestNo(6)).is_none() && refusals.get(RequestNo(7)).is_some());
    }
}
