//! Owns the load generator: closed-loop clients on kept-alive HTTP/1.1 connections in one thread, one request in flight
//! on each. Leaves the bodies to `bodies.rs` and the window to `window.rs`.

use super::proc::Usage;
use super::window::{Span, Times, WindowPhase, check_interrupted, measure};
use crate::bodies::{Bodies, Kind, Rng, World};
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest wait for one answer; a server that needs longer has failed the run.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause after a refusal, so that a loop of refusals does not eat the processor.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);
/// The longest answer that is understood, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// One workspace as the clients see it.
#[derive(Clone, Debug)]
pub(crate) struct ClientTarget {
    pub(crate) addr: SocketAddr,
    /// Everything of the request head but the content length.
    pub(crate) head: Arc<str>,
    pub(crate) world: Arc<World>,
}

/// One run: `connections` clients, spread evenly over `targets`.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) targets: Vec<ClientTarget>,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) connections: usize,
    pub(crate) seed: u64,
}

/// What the clients saw within the window.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadOutcome {
    /// Requests answered 200.
    pub(crate) requests: u64,
    /// Elements in them.
    pub(crate) elements: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: u64,
    /// Answers other than 200.
    pub(crate) refused: u64,
    /// Answers 200 that report a rejected element.
    pub(crate) rejecting: u64,
    /// Time from the first byte sent to the whole answer, in microseconds, ascending.
    pub(crate) latencies: Vec<u32>,
    pub(crate) span: Span,
    /// Elements and bytes of the bodies of all requests answered 200, also before and after the window.
    pub(crate) all_elements: u64,
    pub(crate) all_bytes: u64,
    /// Bytes that the device wrote meanwhile; `None` if they were not counted.
    pub(crate) device_written: Option<u64>,
}

impl LoadOutcome {
    /// Elements per second.
    pub(crate) fn element_rate(&self) -> f64 {
        self.elements as f64 / self.span.seconds
    }

    /// Requests per second.
    pub(crate) fn request_rate(&self) -> f64 {
        self.requests as f64 / self.span.seconds
    }

    /// The latency in milliseconds below which the given share of the requests stayed.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (self.latencies.len() as f64 * share) as usize;
        let at = rank.min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |us| f64::from(*us) / 1000.0)
    }

    /// Adds what another worker saw; the span stays.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.requests += other.requests;
        self.elements += other.elements;
        self.bytes += other.bytes;
        self.all_elements += other.all_elements;
        self.all_bytes += other.all_bytes;
        self.refused += other.refused;
        self.rejecting += other.rejecting;
        self.latencies.extend(other.latencies);
    }
}

/// Drives `load` for the given times; `server` reads the measured server's usage at both ends of the window.
pub(crate) fn drive(load: &Load, times: Times, server: impl Fn() -> Result<Usage>) -> Result<LoadOutcome> {
    run(load, |phase| async move { measure(&phase, times, server).await })
}

/// Loads every lane's world with its users; returns the elements per second.
pub(crate) fn preload(targets: &[ClientTarget], connections: usize) -> Result<f64> {
    let bodies = Arc::new(Bodies::new(Kind::Preload, 1));
    let load = Load { targets: targets.to_vec(), bodies, connections, seed: 1 };
    let began = Instant::now();
    let worlds: Vec<_> = targets.iter().map(|target| Arc::clone(&target.world)).collect();
    // The clients of a lane stop by themselves once its world is loaded.
    let outcome = run(&load, |phase| async move {
        while !worlds.iter().all(|world| world.is_loaded()) {
            check_interrupted()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        phase.end();
        Ok(Span::default())
    })?;
    if outcome.refused > 0 {
        bail!("the preload was refused {} times; the server's stderr says why", outcome.refused);
    }
    let users: u64 = targets.iter().map(|target| target.world.preloaded_users()).sum();
    Ok(users as f64 / began.elapsed().as_secs_f64())
}

fn run<F>(load: &Load, window: impl FnOnce(Arc<WindowPhase>) -> F) -> Result<LoadOutcome>
where
    F: Future<Output = Result<Span>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let phase = Arc::new(WindowPhase::default());
        let mut clients = tokio::task::JoinSet::new();
        for i in 0..load.connections {
            let target = load.targets[i % load.targets.len()].clone();
            let client = Client::connect(target, Arc::clone(&load.bodies), load.seed * 10_007 + i as u64).await?;
            clients.spawn(client.run(Arc::clone(&phase)));
        }
        let ended = window(Arc::clone(&phase)).await;
        phase.end();
        let mut total = LoadOutcome::default();
        while let Some(client) = clients.join_next().await {
            total.absorb(client.context("a client panicked")??);
        }
        total.latencies.sort_unstable();
        total.span = ended?;
        check_interrupted()?;
        Ok(total)
    })
}

struct Client {
    stream: TcpStream,
    target: ClientTarget,
    bodies: Arc<Bodies>,
    rng: Rng,
}

impl Client {
    async fn connect(target: ClientTarget, bodies: Arc<Bodies>, seed: u64) -> Result<Self> {
        let stream =
            TcpStream::connect(target.addr).await.with_context(|| format!("cannot connect to {}", target.addr))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, target, bodies, rng: Rng::new(seed) })
    }

    async fn run(mut self, phase: Arc<WindowPhase>) -> Result<LoadOutcome> {
        let mut seen = LoadOutcome::default();
        let (mut request, mut answer) = (Vec::with_capacity(128 * 1024), Vec::with_capacity(4096));
        while !phase.is_over() && !self.bodies.is_exhausted(&self.target.world) {
            request.clear();
            let length = self.bodies.fill_after(&self.target.head, &self.target.world, &mut self.rng, &mut request);
            let began = Instant::now();
            let exchange = self.exchange(&request, &mut answer);
            let reply = tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.context("no answer in time")??;
            let took = began.elapsed();
            if reply.status != 200 {
                seen.refused += 1;
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            }
            seen.all_elements += self.bodies.elements();
            seen.all_bytes += length as u64;
            if phase.counts() {
                seen.requests += 1;
                seen.elements += self.bodies.elements();
                seen.bytes += length as u64;
                seen.rejecting += u64::from(reply.rejected);
                seen.latencies.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
            }
        }
        Ok(seen)
    }

    async fn exchange(&mut self, request: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        self.stream.write_all(request).await.context("the server closed the connection while a request was sent")?;
        answer.clear();
        loop {
            let got = self.stream.read_buf(answer).await.context("the server broke the connection")?;
            if got == 0 {
                bail!("the server closed the connection without a whole answer");
            }
            if let Some(reply) = Reply::parse(answer)? {
                return Ok(reply);
            }
            if answer.len() > ANSWER_LIMIT {
                bail!("an answer longer than {ANSWER_LIMIT} bytes");
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: u16,
    rejected: bool,
}

impl Reply {
    /// The answer in `bytes`, or `None` while it is not whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&bytes[..end]).context("an answer head that is not UTF-8")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let (mut length, mut rejected) = (None, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<usize>().ok();
            } else if name.eq_ignore_ascii_case("muster-outcomes") {
                rejected = !value.contains("rejected=0");
            }
        }
        let length = length.context("an answer without Content-Length")?;
        let status = status.context("an answer without a status")?;
        Ok((bytes.len() >= end + 4 + length).then_some(Self { status, rejected }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_only_when_it_is_whole() {
        let whole =
            b"HTTP/1.1 200 OK\r\nMuster-Outcomes: applied=1, rejected=1, duplicate=0\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(Reply::parse(&whole[..whole.len() - 1]).unwrap(), None);
        assert_eq!(Reply::parse(whole).unwrap(), Some(Reply { status: 200, rejected: true }));
    }
}
