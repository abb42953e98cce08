//! When sessions are written and read: those that begin or end at once, their last use once a minute. A restart forgets the
//! last minute of their use, and nothing else.

use super::ending::Ending;
use super::flash::Flashes;
use super::{Session, Sessions};
use crate::callers::Callers;
use crate::keys::Hash;
use crate::sync::lock;
use muster_core::time::Timestamp;
use muster_store::access::SessionRecord;
use muster_store::engine::Engine;
use std::collections::HashMap;

/// Returns why the sessions of a token end with it, if they do.
pub(crate) fn token_ending(callers: &Callers, token: &Hash, now: Timestamp) -> Option<Ending> {
    match callers.by_hash(token) {
        None => Some(Ending::TokenGone),
        Some(caller) if caller.is_over(now) => Some(Ending::TokenExpired),
        Some(_) => None,
    }
}

impl Sessions {
    /// Returns the sessions that are stored, without those that ended while nobody looked: these are removed with the
    /// next write. Where they cannot be read all users must sign in again.
    pub(crate) fn read(engine: &dyn Engine, callers: &Callers, now: Timestamp) -> Self {
        let sessions = Self::default();
        match engine.sessions() {
            Ok(records) => sessions.load(records),
            Err(error) => {
                tracing::error!(%error, "the stored sessions of the console cannot be read: all users must sign in again");
                if let Err(error) = engine.clear_sessions() {
                    tracing::warn!(%error, "the stored sessions of the console cannot be removed");
                }
            }
        }
        sessions.sweep(callers, now);
        sessions
    }

    fn load(&self, records: Vec<SessionRecord>) {
        let mut table = self.table();
        for SessionRecord { cookie, token, began, seen } in records {
            let session = Session { token, began, seen, stored: Some(seen), flashes: Flashes::default() };
            table.live.insert(cookie, session);
        }
    }

    /// Ends the sessions that are over, and those of tokens that are gone.
    pub(crate) fn sweep(&self, callers: &Callers, now: Timestamp) {
        let mut table = self.table();
        // Each token once: a look takes as long as there are tokens.
        let mut of_tokens: HashMap<Hash, Option<Ending>> = HashMap::new();
        for session in table.live.values() {
            of_tokens.entry(session.token).or_insert_with_key(|token| token_ending(callers, token, now));
        }
        // What nobody came to see: a secret may be among it.
        table.live.values_mut().for_each(|session| session.flashes.forget(now));
        table.end_all(|session| session.over(now).or(of_tokens.get(&session.token).copied().flatten()));
    }

    /// Stores the sessions that began, were used or ended since the last call; blocks. After an error the next call stores
    /// them.
    pub(crate) fn write(&self, engine: &dyn Engine) {
        let _until_it_is_written = lock(&self.writing);
        let changes = self.table().changes();
        if changes.is_empty() {
            return;
        }
        if let Err(error) = engine.change_sessions(&changes) {
            tracing::warn!(%error, "sessions of the console could not be stored: until they are, a restart may end or revive them");
            self.table().not_written(&changes);
        }
    }
}
