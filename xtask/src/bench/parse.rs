//! Owns the figure P: how many elements a second all cores together can parse and validate, without storing anything.
//! It bounds what any server that reads these bodies can reach.

use super::bodies::{Bodies, Kind, Rng, World};
use super::window::{Phase, check_interrupted};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How P was computed, for the report.
pub(crate) const METHOD: &str = "serde_json: the body into borrowed raw elements, each of them into a `Value`";

#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow)]
    elements: Vec<&'a RawValue>,
}

/// Elements per second of all cores over `run`.
pub(crate) fn rate(run: Duration) -> Result<f64> {
    let bodies = Bodies::new(Kind::Full, 1);
    let world = World::new(1_000_000);
    let (phase, parsed) = (Phase::default(), AtomicU64::new(0));
    let cores = std::thread::available_parallelism()?.get();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                scope.spawn({
                    let (bodies, world, phase, parsed) = (&bodies, &world, &phase, &parsed);
                    move || worker(bodies, world, core as u64, (phase, parsed))
                })
            })
            .collect();
        while began.elapsed() < run && check_interrupted().is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        phase.end();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a parser panicked"))?)
    })?;
    check_interrupted()?;
    Ok(parsed.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

fn worker(bodies: &Bodies, world: &World, seed: u64, (phase, parsed): (&Phase, &AtomicU64)) -> Result<()> {
    let mut rng = Rng::new(seed);
    let mut body = Vec::new();
    while !phase.is_over() {
        body.clear();
        bodies.fill(world, &mut rng, &mut body);
        parsed.fetch_add(parse(&body)?, Ordering::Relaxed);
    }
    Ok(())
}

fn parse(body: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(body).context("a body that is not UTF-8")?;
    let split: Split<'_> = serde_json::from_str(text)?;
    for element in &split.elements {
        let value: Value = serde_json::from_str(element.get())?;
        std::hint::black_box(&value);
    }
    Ok(split.elements.len() as u64)
}
