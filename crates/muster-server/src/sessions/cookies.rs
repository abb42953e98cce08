//! The cookies of the console: that of the session, and those that say how pages look.

use crate::limits::SESSION_MS;
use axum::http::{HeaderMap, header};

/// The cookie of a session.
const SESSION: &str = "muster-session";
/// The same where it travels over TLS alone: browsers take this name from the host itself and nobody else (RFC 6265bis).
const SECURE_SESSION: &str = "__Host-muster-session";
/// The cookie that has the next sign-in page say that its browser signed out; the session's own is gone by then.
const SIGNED_OUT: &str = "muster-signed-out";
/// The cookie of a theme, which the script writes, too.
pub(crate) const THEME: &str = "theme";
/// The cookie of the zone that a browser chose in place of the workspace's.
pub(crate) const ZONE: &str = "zone";

/// Returns a cookie of a request.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Returns what the cookie of a session says.
pub(crate) fn session(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    cookie(headers, if is_secure { SECURE_SESSION } else { SESSION })
}

/// Returns the line that sets the cookie of a session; the empty one ends it. Over TLS, or behind a proxy that has it,
/// it never travels otherwise.
pub(crate) fn set_session(value: &str, is_secure: bool) -> String {
    let age = if value.is_empty() { 0 } else { SESSION_MS / 1_000 };
    let (name, rest) = if is_secure { (SECURE_SESSION, "SameSite=Strict; Secure") } else { (SESSION, "SameSite=Lax") };
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; {rest}")
}

/// Returns whether the browser signed out right before.
pub(crate) fn has_signed_out(headers: &HeaderMap) -> bool {
    cookie(headers, SIGNED_OUT) == Some("1")
}

/// Returns the line that notes that a browser signed out, for a minute and the sign-in page alone; or that this was
/// said.
pub(crate) fn set_signed_out(is_new: bool) -> String {
    let (value, age) = if is_new { ("1", 60) } else { ("", 0) };
    format!("{SIGNED_OUT}={value}; Path=/sign-in; Max-Age={age}; HttpOnly; SameSite=Lax")
}
