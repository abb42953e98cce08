//! Owns the figure P: how many elements a second all cores together can parse, without storing anything. It bounds what
//! any server that reads these bodies can reach. Beside it the same with Muster's own reading, which validates and
//! converts: a yardstick must not move with the product, but what reading costs is worth knowing.

use super::window::{WindowPhase, check_interrupted};
use crate::bodies::{Bodies, Kind, Rng, World};
use anyhow::{Context, Result, anyhow};
use muster_core::identifier::KindSettings;
use muster_core::kinds::Route;
use muster_core::settings::{Identity, Settings};
use muster_core::time::Timestamp;
use muster_wire::data::transition::{self, ReadContext};
use muster_wire::zone::Zone;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How P was computed, for the report.
pub(crate) const METHOD: &str =
    "serde_json on all cores: the body into borrowed raw elements, each of them into a `Value`";

/// Who reads the bodies.
#[derive(Clone, Debug)]
pub(crate) enum BodyReader {
    /// The yardstick.
    Plain,
    /// `muster_wire`, as the server calls it.
    Muster(ReadContext),
}

impl BodyReader {
    /// Muster's reading with the identity settings that the measured workspaces have.
    pub(crate) fn muster() -> Self {
        let kinds = ["customer_id", "mobile", "email"].map(KindSettings::plain).to_vec();
        let identity = Identity { enabled: true, kinds, ..Identity::off() };
        let settings = Arc::new(Settings { identity, ..Settings::default() });
        Self::Muster(ReadContext {
            route: Route::Transition,
            settings,
            lenient: false,
            null_clears: false,
            parity: false,
            zone: Zone::UTC,
            received_at: Timestamp(0),
        })
    }
}

#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow)]
    elements: Vec<&'a RawValue>,
}

/// Elements per second of all cores over `run`.
pub(crate) fn rate(reader: &BodyReader, run: Duration) -> Result<f64> {
    let bodies = Bodies::new(Kind::Full, 1);
    let world = World::new(1_000_000);
    let (phase, parsed) = (WindowPhase::default(), AtomicU64::new(0));
    let cores = std::thread::available_parallelism()?.get();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                scope.spawn({
                    let (source, counters) = ((&bodies, &world, reader), (&phase, &parsed));
                    move || worker(source, core as u64, counters)
                })
            })
            .collect();
        while began.elapsed() < run && check_interrupted().is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        phase.end();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a parser panicked"))?)
    })?;
    check_interrupted()?;
    Ok(parsed.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

fn worker(
    (bodies, world, reader): (&Bodies, &World, &BodyReader),
    seed: u64,
    (phase, parsed): (&WindowPhase, &AtomicU64),
) -> Result<()> {
    let mut rng = Rng::new(seed);
    let mut body = Vec::new();
    while !phase.is_over() {
        body.clear();
        bodies.fill(world, &mut rng, &mut body);
        let elements = match reader {
            BodyReader::Plain => plain(&body)?,
            BodyReader::Muster(context) => own(&body, context)?,
        };
        parsed.fetch_add(elements, Ordering::Relaxed);
    }
    Ok(())
}

fn plain(body: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(body).context("a body that is not UTF-8")?;
    let split: Split<'_> = serde_json::from_str(text)?;
    for element in &split.elements {
        let value: Value = serde_json::from_str(element.get())?;
        std::hint::black_box(&value);
    }
    Ok(split.elements.len() as u64)
}

fn own(body: &[u8], context: &ReadContext) -> Result<u64> {
    let parsed = transition::read(body, context).map_err(|fault| anyhow!("a body was refused: {fault:?}"))?;
    Ok(std::hint::black_box(&parsed).elements.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readers_take_every_element_of_a_body() {
        let mut body = Vec::new();
        Bodies::new(Kind::Full, 1).fill(&World::new(1000), &mut Rng::new(2), &mut body);
        let BodyReader::Muster(context) = BodyReader::muster() else { panic!("not Muster's reader") };
        assert_eq!((plain(&body).unwrap(), own(&body, &context).unwrap()), (294, 294));
    }
}
