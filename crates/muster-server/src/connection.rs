//! One connection: who is at its other end, which requests it carries, and when its client has had time enough. `table`
//! holds all connections of a listener and bounds them, `socket` is the bytes, `answer` what is sent and whether it is taken,
//! `serving` runs HTTP over it.
//!
//! A connection ends when its client stays silent, asks for nothing more, or does not take an answer. Nothing of that is
//! left to the protocol: HTTP/2 knows no such end, and a window of zero would hold an answer for ever.

pub(crate) mod answer;
pub(crate) mod head;
pub(crate) mod serving;
pub(crate) mod socket;
pub(crate) mod table;

use crate::limits::{
    ANSWER_TIME_MAX, CONNECTION_AGE_MAX, FIRST_REQUEST_TIMEOUT, HEADER_TIMEOUT, IDLE_TIMEOUT, LIVE_CHECK_PERIOD,
    WRITE_TIMEOUT,
};
use crate::sync::lock;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a client may take for what.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For the head of a request, from its first byte on; a new connection for its whole first request.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Without taking anything of an answer that waits for it.
    pub write: Duration,
    /// For a whole request, from its head to the last byte of its answer, except for live streams.
    pub answer: Duration,
    /// For all requests of one connection; those that run then are finished.
    pub age: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let (head, idle, write) = (HEADER_TIMEOUT, IDLE_TIMEOUT, WRITE_TIMEOUT);
        Self { head, idle, write, answer: ANSWER_TIME_MAX, age: CONNECTION_AGE_MAX }
    }
}

impl Deadlines {
    /// Returns how often deadlines are checked: a quarter of the shortest, and often enough for viewers that left.
    fn period(&self) -> Duration {
        let shortest = [self.head, self.idle, self.write, self.answer, self.age].into_iter().min();
        (shortest.unwrap_or(self.head).max(Duration::from_millis(4)) / 4).min(LIVE_CHECK_PERIOD)
    }
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Overdue {
    /// It asked for nothing for long enough, or has lived long enough: it ends in good order.
    Idle,
    /// It began to send something and stopped.
    Silent,
    /// It does not take an answer.
    Stalled,
}

/// What is known of one connection while it is open.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The network that it is counted for: an address, or the half of an IPv6 address that one client has to itself.
    network: IpAddr,
    deadlines: Deadlines,
    state: Mutex<State>,
    /// Notified when it must make room.
    gives_way: Notify,
}

#[derive(Debug)]
struct State {
    opened: Instant,
    has_asked: bool,
    is_http2: bool,
    streams: Vec<Weak<Stream>>,
    /// Since when no request is in progress.
    idle_since: Instant,
    /// Since when bytes of a head come, of HTTP/1.
    head_since: Option<Instant>,
    /// The next bytes begin a head, of HTTP/1.
    is_between: bool,
    /// A body was left unread, so that more may come that nobody wants.
    leaves_body: bool,
}

impl Connection {
    fn new(network: IpAddr, deadlines: Deadlines) -> Self {
        let now = Instant::now();
        let state = State {
            opened: now,
            has_asked: false,
            is_http2: false,
            streams: Vec::new(),
            idle_since: now,
            head_since: None,
            is_between: true,
            leaves_body: false,
        };
        Self { network, deadlines, state: Mutex::new(state), gives_way: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Returns how long its client may take for what.
    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// Returns a request was read.
    pub(crate) fn begin(self: &Arc<Self>, is_http2: bool) -> Arc<Stream> {
        let stream = Arc::new(Stream::new(Arc::clone(self)));
        let mut state = self.state();
        (state.has_asked, state.is_http2, state.head_since) = (true, is_http2, None);
        state.streams.push(Arc::downgrade(&stream));
        stream
    }

    /// The last byte of an answer was taken, or its request came to nothing.
    fn end(&self, stream: *const Stream) {
        let mut state = self.state();
        state.streams.retain(|known| known.as_ptr() != stream);
        if state.streams.is_empty() {
            (state.idle_since, state.is_between) = (Instant::now(), true);
        }
    }

    /// Bytes came.
    pub(crate) fn note_bytes(&self) {
        let mut state = self.state();
        if state.streams.is_empty() && !state.is_http2 {
            state.head_since.get_or_insert_with(Instant::now);
        }
    }

    /// Returns the requests in progress. A caller must not hold the state at the same time: a request that ends locks it.
    fn streams(&self) -> Vec<Arc<Stream>> {
        self.state().streams.iter().filter_map(Weak::upgrade).collect()
    }

    /// Returns whether it carries an answer that has no end, over HTTP/1: of those nobody else learns that the client
    /// is gone.
    pub(crate) fn is_watching(&self) -> bool {
        let streams = self.streams();
        !self.state().is_http2 && streams.iter().any(|stream| stream.is_endless())
    }

    /// Returns whether the bytes that were just read begin a head of HTTP/1 or continue one; None if they belong to a
    /// request in progress, or to HTTP/2.
    pub(crate) fn begins_head(&self) -> Option<bool> {
        let mut state = self.state();
        let is_head = state.streams.is_empty() && !state.is_http2;
        is_head.then(|| std::mem::take(&mut state.is_between))
    }

    /// A body was left unread.
    pub(crate) fn leaves_body(&self) {
        self.state().leaves_body = true;
    }

    /// Returns whether more may come that nobody wants: the rest of a body, or of a head that was refused.
    pub(crate) fn may_get_more(&self) -> bool {
        let state = self.state();
        !state.is_http2 && (state.leaves_body || state.head_since.is_some())
    }

    /// Returns whether it ever asked for something, and since when it asks for nothing; None while a request is in
    /// progress.
    fn idle_since(&self) -> Option<(bool, Instant)> {
        let state = self.state();
        state.streams.is_empty().then_some((state.has_asked, state.idle_since))
    }

    /// Returns whether its client has had time enough, and for what.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Overdue> {
        let (deadlines, streams) = (&self.deadlines, self.streams());
        let state = self.state();
        let is_old = now >= state.opened + deadlines.age;
        let (since, head_since) = (state.idle_since, state.head_since);
        let (has_asked, is_http2) = (state.has_asked, state.is_http2);
        drop(state);
        // One request of many is ended by itself first; the connection with all of them only where that is too late.
        let patience = if is_http2 { deadlines.period() * 4 } else { Duration::ZERO };
        let judged_at = now.checked_sub(patience).unwrap_or(now);
        if streams.iter().any(|stream| stream.is_overdue(judged_at)) {
            return Some(Overdue::Stalled);
        }
        if !streams.is_empty() {
            return is_old.then_some(Overdue::Idle);
        }
        let is_silent = !has_asked && now >= since + deadlines.head.min(FIRST_REQUEST_TIMEOUT);
        if is_silent || head_since.is_some_and(|since| now >= since + deadlines.head) {
            return Some(Overdue::Silent);
        }
        (is_old || now >= since + deadlines.idle).then_some(Overdue::Idle)
    }

    /// Waits until it must make room for another.
    pub(crate) async fn gives_way(&self) {
        self.gives_way.notified().await;
    }
}

/// One request and its answer, from its head to the last byte that its client takes.
#[derive(Debug)]
pub(crate) struct Stream {
    connection: Arc<Connection>,
    began: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// The answer's head was given out.
    is_answered: bool,
    /// The answer has no end to wait for.
    is_endless: bool,
    /// When the client took something last, or was first given something.
    moved: Instant,
    /// Pieces that were given out and not written.
    untaken: usize,
    /// The answer has nothing to give at the moment.
    is_dry: bool,
}

impl Stream {
    fn new(connection: Arc<Connection>) -> Self {
        let now = Instant::now();
        let progress = Progress { is_answered: false, is_endless: false, moved: now, untaken: 0, is_dry: false };
        Self { connection, began: now, progress: Mutex::new(progress) }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }

    /// Returns whether the answer has no end to wait for.
    fn is_endless(&self) -> bool {
        self.progress().is_endless
    }

    /// The answer's head is there.
    fn begin_answer(&self, is_endless: bool) {
        let mut progress = self.progress();
        (progress.is_answered, progress.is_endless, progress.moved) = (true, is_endless, Instant::now());
    }

    /// Returns whether its client had time enough to take the answer.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        let deadlines = self.connection.deadlines();
        let progress = self.progress();
        let waits_for_us = progress.is_dry && progress.untaken == 0;
        let is_stalled = progress.is_answered && !waits_for_us && now >= progress.moved + deadlines.write;
        is_stalled || (!progress.is_endless && now >= self.began + deadlines.answer)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.end(self);
    }
}

/// Returns the network that an address is counted for: an IPv6 client has 2^64 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}
