//! Who is signed in: a random cookie that stands for the hash of a token. The token is judged again at each request, so
//! that a session ends with its token; a restart ends all of them.

use crate::app::App;
use crate::limits::{
    SESSION_IDLE_MS, SESSION_MS, SESSIONS_KEPT, SESSIONS_MAX, SESSIONS_TOKEN_MAX, SIGN_IN_ADDRESSES_MAX,
    SIGN_IN_RECORD_MS,
};
use crate::workspaces::sha256;
use axum::http::{HeaderMap, header};
use muster_core::time::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// The cookie of a session.
const SESSION: &str = "muster-session";
/// The same where it travels over TLS alone: browsers take this name from the host itself and nobody else (RFC 6265bis).
const SECURE_SESSION: &str = "__Host-muster-session";
/// The cookie of a theme, which the script writes, too.
pub(super) const THEME: &str = "theme";
/// The cookie of the zone that a browser chose in place of the workspace's.
pub(super) const ZONE: &str = "zone";

/// Refused sign-ins that were recorded lately, by address.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<IpAddr, Timestamp>>);

impl Refusals {
    /// Whether a refusal of this address is recorded: one a minute, and of so many addresses alone.
    pub(super) fn is_recorded(&self, address: IpAddr, now: Timestamp) -> bool {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.retain(|_, at| now.0 - at.0 < SIGN_IN_RECORD_MS);
        if recorded.contains_key(&address) || recorded.len() >= SIGN_IN_ADDRESSES_MAX {
            return false;
        }
        recorded.insert(address, now);
        true
    }
}

/// The sessions of this process, by the hash of their cookie: whoever reads memory finds no cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

#[derive(Clone, Debug)]
struct Session {
    token: [u8; 32],
    began: Timestamp,
    seen: Timestamp,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now.0 - self.began.0 >= SESSION_MS || now.0 - self.seen.0 >= SESSION_IDLE_MS
    }
}

impl Sessions {
    /// Begins a session of a token that was judged; what the cookie says. A full table takes the place of this token's own
    /// session that was used least lately, never another's; None if it has none. Some places are kept for administrators.
    pub(super) fn begin(&self, app: &App, token: &str, is_admin: bool) -> Option<String> {
        let (cookie, now, token) = (app.secret(), app.now(), sha256(token.as_bytes()));
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| !session.is_over(now));
        let max = if is_admin { SESSIONS_MAX } else { SESSIONS_MAX - SESSIONS_KEPT };
        let own = |session: &Session| session.token == token;
        let count = sessions.values().filter(|session| own(session)).count();
        if count >= SESSIONS_TOKEN_MAX || sessions.len() >= max {
            let mine = sessions.iter().filter(|(_, session)| own(session));
            let oldest = mine.min_by_key(|(_, session)| session.seen).map(|(key, _)| *key)?;
            sessions.remove(&oldest);
        }
        sessions.insert(sha256(cookie.as_bytes()), Session { token, began: now, seen: now });
        Some(cookie)
    }

    /// The hash of the token that the cookie stands for, if its session goes on.
    pub(super) fn token(&self, cookie: &str, now: Timestamp) -> Option<[u8; 32]> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = sha256(cookie.as_bytes());
        if sessions.get(&key)?.is_over(now) {
            sessions.remove(&key);
            return None;
        }
        let session = sessions.get_mut(&key)?;
        session.seen = now;
        Some(session.token)
    }

    /// The same, without taking it for a use: a page that is left open keeps no session alive.
    pub(super) fn token_unused(&self, cookie: &str, now: Timestamp) -> Option<[u8; 32]> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&sha256(cookie.as_bytes())).filter(|session| !session.is_over(now)).map(|session| session.token)
    }

    /// How many go on.
    pub(crate) fn count(&self, now: Timestamp) -> u64 {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.values().filter(|session| !session.is_over(now)).count() as u64
    }

    /// Ends a session.
    pub(super) fn end(&self, cookie: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sha256(cookie.as_bytes()));
    }
}

/// A cookie of a request.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// What the cookie of a session says.
pub(super) fn session(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    cookie(headers, if is_secure { SECURE_SESSION } else { SESSION })
}

/// The line that sets the cookie of a session; the empty one ends it. Over TLS, or behind a proxy that has it, it never
/// travels otherwise.
pub(super) fn set_session(value: &str, is_secure: bool) -> String {
    let age = if value.is_empty() { 0 } else { SESSION_MS / 1_000 };
    let (name, rest) = if is_secure { (SECURE_SESSION, "SameSite=Strict; Secure") } else { (SESSION, "SameSite=Lax") };
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `is_recorded` leaves out either half of its condition.
    #[test]
    fn a_refused_sign_in_is_recorded_once_a_minute_and_address_and_of_a_bounded_number_of_addresses() {
        let refusals = Refusals::default();
        let address = |n: usize| IpAddr::from([192, 0, 2, u8::try_from(n).unwrap_or_default()]);
        let at = |n: usize, ms: i64| refusals.is_recorded(address(n), Timestamp(ms));
        assert_eq!([at(0, 0), at(0, 59_999), at(1, 59_999), at(0, 60_000)], [true, false, true, true]);
        let recorded = (2..=SIGN_IN_ADDRESSES_MAX + 5).filter(|n| at(*n, 60_001)).count();
        assert_eq!(recorded, SIGN_IN_ADDRESSES_MAX - 2);
    }
}
