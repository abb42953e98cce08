//! Owns imports beside viewers of the live stream: the same load without and with twenty viewers, of which ten never
//! read, in turn. Two loads: 200 requests a second as they arrive, and as many as sixteen clients get through.

use super::super::output::print_line;
use super::super::proc;
use super::super::server::{BenchServer, BenchWorkspace};
use super::super::window::check_interrupted;
use super::client::{self, ConsoleClient};
use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Requests that arrive in a second.
const ARRIVING: u64 = 200;
/// Viewers, and how many of them never read.
const VIEWERS: usize = 20;
const STALLED: usize = 10;
/// Connections that import.
const CLIENTS: usize = 16;
/// Elements of a request, each with three events.
const ELEMENTS: u64 = 20;
/// The users that the events are about.
const USERS: u64 = 1_000;

/// What one run saw.
#[derive(Debug)]
struct Seen {
    /// Requests a second that were answered 200.
    rate: f64,
    /// Milliseconds that nine of ten stayed below.
    p90: f64,
    refused: u64,
    /// Bytes that the reading viewers got.
    viewed: u64,
    /// Resident bytes of the server.
    resident: u64,
    /// Processor seconds of the server for each second.
    cores: f64,
}

/// Runs both loads and prints their tables.
pub(super) fn beside_imports(
    server: &BenchServer,
    workspace: &BenchWorkspace,
    rounds: u64,
    seconds: u64,
) -> Result<()> {
    for (name, paced) in [("200 requests/s arriving", true), ("sixteen clients without a pause", false)] {
        print_line(&format!("Imports of {ELEMENTS} elements, {name}, {seconds} s a run:\n"));
        print_line(
            "| round | viewers | requests/s | p90 ms | refused | MB read by viewers | server cores | server memory MB |\n|---|---|---|---|---|---|---|---|",
        );
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            for viewers in [0, VIEWERS] {
                let seen = run(server, workspace, viewers, (paced, seconds))?;
                let mega = |bytes: u64| bytes as f64 / 1_000_000.0;
                print_line(&format!(
                    "| {round} | {viewers} | {:.1} | {:.1} | {} | {:.1} | {:.2} | {:.1} |",
                    seen.rate,
                    seen.p90,
                    seen.refused,
                    mega(seen.viewed),
                    seen.cores,
                    mega(seen.resident)
                ));
                if viewers == 0 { without.push(seen.rate) } else { with.push(seen.rate) }
            }
        }
        let kept = median(&mut with) / median(&mut without) * 100.0;
        print_line(&format!("\nrate kept with viewers, of the medians: {kept:.1} % (target 90 %)\n"));
    }
    let (now, most) = proc::memory(server.pid())?;
    print_line(&format!(
        "memory of the server at the end: {:.1} MB, at most {:.1} MB",
        now as f64 / 1e6,
        most as f64 / 1e6
    ));
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run(
    server: &BenchServer,
    workspace: &BenchWorkspace,
    viewers: usize,
    (paced, seconds): (bool, u64),
) -> Result<Seen> {
    let (over, viewed, sent, refused) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let streams: Vec<TcpStream> = (0..viewers).map(|_| watch(server, workspace)).collect::<Result<_>>()?;
    let head = server.target(workspace).head;
    let (began, before) = (Instant::now(), server.usage()?.cpu);
    let end = began + Duration::from_secs(seconds);
    let import = || -> Result<Vec<f64>> {
        let (mut client, mut times) = (ConsoleClient::connect(server)?, Vec::new());
        while Instant::now() < end {
            check_interrupted()?;
            let nth = sent.fetch_add(1, Ordering::Relaxed);
            let due = began + Duration::from_millis(nth * 1_000 / ARRIVING);
            if paced {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let elements: Vec<Json> = (0..ELEMENTS).map(|n| client::events((nth * ELEMENTS + n) % USERS)).collect();
            let request = client::import(&head, &elements);
            let asked = Instant::now();
            let answer = client.send(&request)?;
            if answer.status == 200 {
                times.push(asked.elapsed().as_secs_f64() * 1_000.0);
            } else {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(times)
    };
    let (mut times, took) = std::thread::scope(|scope| {
        for stream in streams.iter().skip(STALLED) {
            scope.spawn(|| read(stream, &over, &viewed));
        }
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(import)).collect();
        let all = clients.into_iter().map(|it| it.join().expect("a client does not panic"));
        let all = all.collect::<Result<Vec<_>>>();
        // Before the viewers are waited for: they notice the end only when a read times out.
        let took = began.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        Ok::<_, anyhow::Error>((all?.concat(), took))
    })?;
    times.sort_by(f64::total_cmp);
    Ok(Seen {
        rate: times.len() as f64 / took,
        p90: times.get(times.len() * 9 / 10).copied().unwrap_or(0.0),
        refused: refused.into_inner(),
        viewed: viewed.into_inner(),
        resident: proc::memory(server.pid())?.0,
        cores: (server.usage()?.cpu - before) / took,
    })
}

/// A viewer of the live stream that was told that it watches.
fn watch(server: &BenchServer, workspace: &BenchWorkspace) -> Result<TcpStream> {
    let cookie = ConsoleClient::signed_in(server)?.cookie;
    let mut stream = TcpStream::connect(server.addr)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let path = format!("/w/{}/live/stream", workspace.id);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\n\r\n").as_bytes())?;
    let mut first = [0; 15];
    stream.read_exact(&mut first).context("no stream begins")?;
    anyhow::ensure!(&first == b"HTTP/1.1 200 OK", "a viewer is answered {:?}", String::from_utf8_lossy(&first));
    Ok(stream)
}

/// Reads what a viewer is sent until the run is over.
fn read(mut stream: &TcpStream, over: &AtomicBool, viewed: &AtomicU64) {
    let mut buffer = [0; 65_536];
    while !over.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(got) => drop(viewed.fetch_add(got as u64, Ordering::Relaxed)),
            // Nothing was sent for a while.
            Err(_) => {}
        }
    }
}
