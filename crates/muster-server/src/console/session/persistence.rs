//! When sessions are written and read: those that begin or end at once, their last use once a minute. A restart forgets the
//! last minute of their use, and nothing else.

use super::ending::Ending;
use super::{Hash, Session, Sessions};
use crate::app::App;
use crate::callers::Callers;
use crate::console::flash::Flashes;
use crate::limits::SESSION_WRITE_PERIOD;
use muster_core::time::Timestamp;
use muster_store::access::SessionRecord;
use muster_store::engine::Engine;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// Why the sessions of a token end with it, if they do.
pub(crate) fn token_ending(callers: &Callers, token: &Hash, now: Timestamp) -> Option<Ending> {
    match callers.by_hash(token) {
        None => Some(Ending::TokenGone),
        Some(caller) if caller.is_over(now) => Some(Ending::TokenExpired),
        Some(_) => None,
    }
}

impl Sessions {
    /// The sessions that are stored, without those that ended while nobody looked: these are removed with the next write.
    /// Where they cannot be read everybody signs in again.
    pub(crate) fn read(engine: &dyn Engine, callers: &Callers, now: Timestamp) -> Self {
        let sessions = Self::default();
        match engine.sessions() {
            Ok(records) => sessions.load(records),
            Err(error) => {
                tracing::error!(%error, "the stored sessions of the console cannot be read: everybody signs in again");
                if let Err(error) = engine.clear_sessions() {
                    tracing::warn!(%error, "and they cannot be removed");
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
}

/// Stores the sessions that began, were used or ended since the last call; blocks. After an error the next call stores
/// them.
pub(crate) fn write(app: &App) {
    let _until_it_is_written = app.sessions.writing.lock().unwrap_or_else(PoisonError::into_inner);
    let changes = app.sessions.table().changes();
    if changes.is_empty() {
        return;
    }
    if let Err(error) = app.engine.change_sessions(&changes) {
        tracing::warn!(%error, "sessions of the console could not be stored: until they are, a restart may end or revive them");
        app.sessions.table().not_written(&changes);
    }
}

/// The same on a thread that may block.
pub(crate) async fn write_off_thread(app: &Arc<App>) {
    let app = Arc::clone(app);
    let _written = tokio::task::spawn_blocking(move || write(&app)).await;
}

/// Sweeps and writes from time to time, for as long as the server does.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(SESSION_WRITE_PERIOD).await;
        let app = Arc::clone(&app);
        let swept = tokio::task::spawn_blocking(move || {
            app.sessions.sweep(&app.callers, app.now());
            write(&app);
        });
        let _swept = swept.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Options, Storage};
    use crate::clock::SystemRandom;
    use crate::limits::{SESSION_IDLE_MS, SESSION_SEEN_MS};
    use muster_core::time::{Clock, Moment};
    use std::sync::atomic::{AtomicI64, Ordering};

    const TOKEN: &str = "the-admin-token-of-the-tests";

    /// A clock that a test sets.
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Moment {
            let at = self.0.load(Ordering::SeqCst);
            Moment { at: Timestamp(at), micros: at.unsigned_abs() * 1_000 }
        }
    }

    // Fails when `run` leaves out the write or the sweep, or a use of a session is no reason to write.
    #[tokio::test(start_paused = true)]
    async fn what_is_used_is_written_and_what_is_over_is_removed_though_nobody_signs_in_or_out() {
        let clock = Arc::new(Hand(AtomicI64::new(0)));
        let hand = Arc::clone(&clock);
        let app = App::open(Options::new(Storage::Memory, clock, Arc::new(SystemRandom), TOKEN.to_owned()))
            .expect("it opens");
        let cookie = app.sessions.begin(&app, TOKEN, true).expect("there is room");
        let job = tokio::spawn(run(Arc::clone(&app)));
        let mut seen = Vec::new();
        for (at, is_used) in [(0, true), (SESSION_SEEN_MS, true), (SESSION_SEEN_MS + SESSION_IDLE_MS, false)] {
            hand.0.store(at, Ordering::SeqCst);
            assert_eq!(is_used && app.sessions.token(&cookie, app.now()).is_some(), is_used);
            tokio::time::sleep(SESSION_WRITE_PERIOD * 2).await;
            let stored = app.engine.sessions().expect("it reads");
            seen.push(stored.into_iter().map(|session| session.seen.0).collect::<Vec<_>>());
        }
        job.abort();
        assert_eq!(seen, [vec![0], vec![SESSION_SEEN_MS], Vec::new()]);
    }
}
