//! Owns one request over a connection of its own, and the time until its whole answer is there. Knows no case.

use super::super::window::check_interrupted;
use anyhow::{Context, Result};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longest wait for an answer; a call that needs longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a wait looks whether the run was interrupted.
const GLANCE: Duration = Duration::from_millis(200);

/// An answer, or that there was none.
#[derive(Debug)]
pub(crate) struct CallAnswer {
    /// 0: none within the patience, or the connection ended before it.
    pub(crate) status: u16,
    /// The header `Muster-Outcomes`.
    pub(crate) outcomes: String,
    /// From the first byte sent to the last received.
    pub(crate) seconds: f64,
}

/// Sends a request: `head` is everything of its head but the length and the empty line at its end.
///
/// # Errors
/// When nobody can be connected to, or the run was interrupted.
pub(crate) fn send(addr: SocketAddr, head: &str, body: &[u8]) -> Result<CallAnswer> {
    let mut stream = TcpStream::connect(addr).with_context(|| format!("cannot connect to {addr}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(GLANCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(body);
    let began = Instant::now();
    // A server that refuses early may close before it has read all; its answer is there all the same.
    let _refused_early = stream.write_all(&request);
    let mut answer = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    while began.elapsed() < PATIENCE {
        check_interrupted()?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let (status, outcomes) = head_of(&answer).unwrap_or_default();
    Ok(CallAnswer { status, outcomes, seconds })
}

/// The status and the outcomes; None if the head is not whole.
fn head_of(answer: &[u8]) -> Option<(u16, String)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let outcomes = fields.find(|(name, _)| name.eq_ignore_ascii_case("muster-outcomes"));
    Some((status, outcomes.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::head_of;

    #[test]
    fn the_outcomes_are_found_in_a_head() {
        let answer = b"HTTP/1.1 200 OK\r\nmuster-outcomes: applied=1, rejected=0\r\nx: y\r\n\r\n{}";
        assert_eq!(head_of(answer), Some((200, "applied=1, rejected=0".to_owned())));
        assert_eq!(head_of(b"HTTP/1.1 200 OK\r\n"), None);
    }
}
