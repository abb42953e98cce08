//! Why a session ended, for the browser that still has its cookie: remembered by the hash of the cookie, so that nobody else
//! learns of it.

use crate::keys::Hash;
use crate::limits::{SESSION_ENDS_MAX, SESSION_IDLE_MS, SESSION_MS, SESSIONS_TOKEN_MAX};
use std::collections::{HashMap, VecDeque};

/// What ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The user signed out.
    SignedOut,
    /// The same browser signed in again.
    Replaced,
    /// Nobody used it for too long.
    Idle,
    /// It lasted as long as one may.
    Age,
    /// Its token is not there any more.
    TokenGone,
    /// Its token is over.
    TokenExpired,
    /// The same token began too many sessions after it.
    Evicted,
}

/// What is known of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// Its session is active.
    Live,
    /// Its session ended by this.
    Ended(Ending),
    /// Nothing.
    Unknown,
}

impl Ending {
    /// Returns the sentence for the sign-in page.
    pub(crate) fn words(self) -> String {
        match self {
            Self::SignedOut => "You are signed out.".to_owned(),
            Self::Replaced => "You were signed out because this browser signed in again.".to_owned(),
            Self::Idle => format!("You were signed out after {} hours without use.", SESSION_IDLE_MS / 3_600_000),
            Self::Age => format!("You were signed out: a session lasts {} days at most.", SESSION_MS / 86_400_000),
            Self::TokenGone => {
                "You were signed out because your token is no longer valid: it was revoked or replaced, or its workspace \
                 was deleted."
                    .to_owned()
            }
            Self::TokenExpired => "You were signed out because your token has expired.".to_owned(),
            Self::Evicted => format!(
                "You were signed out by newer sessions of the same token, which may have {SESSIONS_TOKEN_MAX} at a time."
            ),
        }
    }
}

impl SessionState {
    /// Returns the sentence for the sign-in page; empty if there is nothing to say.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Live => String::new(),
            Self::Ended(why) => why.words(),
            Self::Unknown => {
                "This server does not know your session. It may have ended some time ago, or the server lost \
                              it in a restart."
                    .to_owned()
            }
        }
    }
}

/// Why the last sessions ended; the oldest is forgotten first.
#[derive(Debug, Default)]
pub(super) struct SessionEndings {
    by_cookie: HashMap<Hash, Ending>,
    order: VecDeque<Hash>,
}

impl SessionEndings {
    /// Remembers why a session ended that did not end before.
    pub(super) fn remember(&mut self, cookie: Hash, why: Ending) {
        if self.by_cookie.insert(cookie, why).is_none() {
            self.order.push_back(cookie);
        }
        if self.order.len() > SESSION_ENDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_cookie.remove(&oldest);
        }
    }

    /// Returns why a session ended, if it is remembered.
    pub(super) fn get(&self, cookie: &Hash) -> Option<Ending> {
        self.by_cookie.get(cookie).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `remember` forgets nothing, or the newest.
    #[test]
    fn of_too_many_ends_the_oldest_is_forgotten() {
        let mut ends = SessionEndings::default();
        let cookie = |n: usize| crate::keys::sha256(&n.to_le_bytes());
        for n in 0..=SESSION_ENDS_MAX {
            ends.remember(cookie(n), Ending::Idle);
        }
        let known = [0, 1, SESSION_ENDS_MAX].map(|n| ends.get(&cookie(n)));
        assert_eq!(known, [None, Some(Ending::Idle), Some(Ending::Idle)]);
        assert_eq!([ends.by_cookie.len(), ends.order.len()], [SESSION_ENDS_MAX; 2]);
    }
}
