//! The sessions of the console: a random cookie for the hash of a token. The token is checked again at each request, so that
//! a session ends with its token. Sessions are in memory, and stored by the engine as hashes, so that they survive a restart:
//! the begin and the end of a session are written at once, its last use from time to time. `ending` says why one ended,
//! `cookies` writes and reads cookies, `persistence` stores sessions, and `flash` keeps messages for the next page.

pub(crate) mod cookies;
pub(crate) mod ending;
pub(crate) mod flash;
pub(crate) mod persistence;

use crate::keys::{Hash, sha256};
use crate::limits::{
    SESSION_IDLE_MS, SESSION_MS, SESSION_SEEN_MS, SESSIONS_KEPT, SESSIONS_MAX, SESSIONS_TOKEN_MAX,
    SIGN_IN_ADDRESSES_MAX, SIGN_IN_RECORD_MS,
};
use crate::sync::lock;
use ending::{Ending, SessionEndings, SessionState};
use flash::{Flash, Flashes};
use muster_core::time::Timestamp;
use muster_store::access::{SessionChanges, SessionRecord};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

/// Refused sign-ins that were recorded lately, by address.
#[derive(Debug, Default)]
pub(crate) struct SignInRefusals(Mutex<HashMap<IpAddr, Timestamp>>);

impl SignInRefusals {
    /// Returns whether a refusal of this address is recorded: one a minute, and of a bounded number of addresses.
    pub(crate) fn is_recorded(&self, address: IpAddr, now: Timestamp) -> bool {
        let mut recorded = lock(&self.0);
        recorded.retain(|_, at| now.0 - at.0 < SIGN_IN_RECORD_MS);
        if recorded.contains_key(&address) || recorded.len() >= SIGN_IN_ADDRESSES_MAX {
            return false;
        }
        recorded.insert(address, now);
        true
    }
}

/// The sessions of this process, by the hash of their cookie: a copy of the memory has no usable cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    table: Mutex<Table>,
    /// Held from taking what is to be written until it is: nothing older is written over something newer.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Table {
    live: HashMap<Hash, Session>,
    ends: SessionEndings,
    /// Those that ended and may be stored still; bounded by [`SESSIONS_MAX`].
    unwritten: HashSet<Hash>,
}

#[derive(Debug)]
struct Session {
    token: Hash,
    began: Timestamp,
    seen: Timestamp,
    /// `seen` as the engine has it; None before it was written.
    stored: Option<Timestamp>,
    /// What its next pages say, in memory alone.
    flashes: Flashes,
}

impl Session {
    /// Returns why it is over by time, if it is.
    fn over(&self, now: Timestamp) -> Option<Ending> {
        if now.0 - self.began.0 >= SESSION_MS {
            return Some(Ending::Age);
        }
        (now.0 - self.seen.0 >= SESSION_IDLE_MS).then_some(Ending::Idle)
    }

    /// Returns whether what the engine has of it is older than it may be.
    fn is_due(&self) -> bool {
        self.stored.is_none_or(|stored| self.seen.0 - stored.0 >= SESSION_SEEN_MS)
    }
}

impl Table {
    /// Ends a session, and remembers why.
    fn end(&mut self, cookie: Hash, why: Ending) {
        if self.live.remove(&cookie).is_none() {
            return;
        }
        self.ends.remember(cookie, why);
        if self.unwritten.len() < SESSIONS_MAX {
            self.unwritten.insert(cookie);
        }
    }

    /// Ends the sessions for which there is a reason.
    fn end_all(&mut self, why: impl Fn(&Session) -> Option<Ending>) {
        let over: Vec<_> = self.live.iter().filter_map(|(cookie, session)| Some((*cookie, why(session)?))).collect();
        over.into_iter().for_each(|(cookie, why)| self.end(cookie, why));
    }

    /// Returns the session of a cookie; one that is over ends.
    fn find(&mut self, cookie: &str, now: Timestamp) -> Option<&mut Session> {
        let key = sha256(cookie.as_bytes());
        if let Some(why) = self.live.get(&key)?.over(now) {
            self.end(key, why);
        }
        self.live.get_mut(&key)
    }

    /// Returns what is to be written, taken as if it were.
    fn changes(&mut self) -> SessionChanges {
        let mut put = Vec::new();
        for (cookie, session) in self.live.iter_mut().filter(|(_, session)| session.is_due()) {
            session.stored = Some(session.seen);
            let Session { token, began, seen, .. } = *session;
            put.push(SessionRecord { cookie: *cookie, token, began, seen });
        }
        SessionChanges { put, ended: self.unwritten.drain().collect() }
    }

    /// What was taken and could not be written is to be written still.
    fn not_written(&mut self, changes: &SessionChanges) {
        for record in &changes.put {
            if let Some(session) = self.live.get_mut(&record.cookie) {
                session.stored = None;
            }
        }
        let room = SESSIONS_MAX.saturating_sub(self.unwritten.len());
        self.unwritten.extend(changes.ended.iter().take(room));
    }
}

impl Sessions {
    fn table(&self) -> MutexGuard<'_, Table> {
        // What panics under the lock leaves whole entries.
        lock(&self.table)
    }

    /// Begins a session of a checked token and returns the cookie. A full table takes the place of this token's own
    /// session that was used least lately, never another's; None if it has none. Some places are kept for administrators.
    pub(crate) fn begin(&self, (cookie, now): (String, Timestamp), token: &str, is_admin: bool) -> Option<String> {
        let token = sha256(token.as_bytes());
        let mut table = self.table();
        table.end_all(|session| session.over(now));
        let max = if is_admin { SESSIONS_MAX } else { SESSIONS_MAX - SESSIONS_KEPT };
        let own = |session: &Session| session.token == token;
        let count = table.live.values().filter(|session| own(session)).count();
        if count >= SESSIONS_TOKEN_MAX || table.live.len() >= max {
            let mine = table.live.iter().filter(|(_, session)| own(session));
            let oldest = mine.min_by_key(|(_, session)| session.seen).map(|(key, _)| *key)?;
            table.end(oldest, Ending::Evicted);
        }
        let session = Session { token, began: now, seen: now, stored: None, flashes: Flashes::default() };
        table.live.insert(sha256(cookie.as_bytes()), session);
        Some(cookie)
    }

    /// Returns the hash of the token of a session, if the session is active.
    pub(crate) fn token(&self, cookie: &str, now: Timestamp) -> Option<Hash> {
        let mut table = self.table();
        let session = table.find(cookie, now)?;
        session.seen = session.seen.max(now);
        Some(session.token)
    }

    /// The same, without taking it for a use: a page that is left open keeps no session alive.
    pub(crate) fn token_unused(&self, cookie: &str, now: Timestamp) -> Option<Hash> {
        self.table().find(cookie, now).map(|session| session.token)
    }

    /// Returns what is known of the session of a cookie.
    pub(crate) fn state(&self, cookie: &str, now: Timestamp) -> SessionState {
        let mut table = self.table();
        if table.find(cookie, now).is_some() {
            return SessionState::Live;
        }
        table.ends.get(&sha256(cookie.as_bytes())).map_or(SessionState::Unknown, SessionState::Ended)
    }

    /// Returns the number of active sessions.
    pub(crate) fn count(&self, now: Timestamp) -> u64 {
        self.table().live.values().filter(|session| session.over(now).is_none()).count() as u64
    }

    /// Returns the number of active sessions by the hash of their token.
    pub(crate) fn counts_by_token(&self, now: Timestamp) -> HashMap<Hash, u64> {
        let mut counts = HashMap::new();
        for session in self.table().live.values().filter(|session| session.over(now).is_none()) {
            *counts.entry(session.token).or_default() += 1;
        }
        counts
    }

    /// Ends a session.
    pub(crate) fn end(&self, cookie: &str, why: Ending) {
        self.table().end(sha256(cookie.as_bytes()), why);
    }

    /// Has the next page at this place say something, once; lost with a session that is over.
    pub(crate) fn flash(&self, cookie: &str, place: &str, flash: Flash, now: Timestamp) {
        if let Some(session) = self.table().find(cookie, now) {
            session.flashes.put(place, flash, now);
        }
    }

    /// Returns what the page at this place is to say, which no later one says again.
    pub(crate) fn take_flashes(&self, cookie: &str, place: &str, now: Timestamp) -> Vec<Flash> {
        self.table().find(cookie, now).map(|session| session.flashes.take(place, now)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `is_recorded` leaves out either half of its condition.
    #[test]
    fn a_refused_sign_in_is_recorded_once_a_minute_and_address_and_of_a_bounded_number_of_addresses() {
        let refusals = SignInRefusals::default();
        let address = |n: usize| IpAddr::from([192, 0, 2, u8::try_from(n).unwrap_or_default()]);
        let at = |n: usize, ms: i64| refusals.is_recorded(address(n), Timestamp(ms));
        assert_eq!([at(0, 0), at(0, 59_999), at(1, 59_999), at(0, 60_000)], [true, false, true, true]);
        let recorded = (2..=SIGN_IN_ADDRESSES_MAX + 5).filter(|n| at(*n, 60_001)).count();
        assert_eq!(recorded, SIGN_IN_ADDRESSES_MAX - 2);
    }

    /// Returns a table with one session that began at 0 and was not written.
    fn table() -> (Table, Hash) {
        let (mut table, cookie) = (Table::default(), sha256(b"cookie"));
        let at = Timestamp(0);
        let session = Session { token: [7; 32], began: at, seen: at, stored: None, flashes: Flashes::default() };
        table.live.insert(cookie, session);
        (table, cookie)
    }

    fn put(cookie: Hash, seen: i64) -> SessionChanges {
        let record = SessionRecord { cookie, token: [7; 32], began: Timestamp(0), seen: Timestamp(seen) };
        SessionChanges { put: vec![record], ended: Vec::new() }
    }

    // Fails when `is_due` compares with no bound, or `changes` does not note what it took.
    #[test]
    fn a_session_is_written_when_it_begins_and_its_use_once_a_minute() {
        let (mut table, cookie) = table();
        let nothing = SessionChanges::default();
        assert_eq!([table.changes(), table.changes()], [put(cookie, 0), nothing.clone()]);
        let mut used = |at: i64| {
            table.find("cookie", Timestamp(at)).unwrap().seen = Timestamp(at);
            table.changes()
        };
        assert_eq!([used(59_999), used(60_000), used(60_001)], [nothing.clone(), put(cookie, 60_000), nothing]);
    }

    // Fails when `not_written` forgets either kind.
    #[test]
    fn what_could_not_be_written_is_written_with_the_next() {
        let (mut table, cookie) = table();
        let first = table.changes();
        table.not_written(&first);
        assert_eq!(table.changes(), first);
        table.end(cookie, Ending::SignedOut);
        let second = table.changes();
        assert_eq!(second, SessionChanges { put: Vec::new(), ended: vec![cookie] });
        table.not_written(&second);
        assert_eq!([table.changes(), table.changes()], [second, SessionChanges::default()]);
    }
}
