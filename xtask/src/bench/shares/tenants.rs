//! Owns the tenants: the modest one, who sends one element and reads one figure twenty times a second whatever the outcome of
//! the last, and the heavy ones, who send the costliest requests of the default size one after another.

use super::super::window::check_interrupted;
use super::super::worst::things::{
    ARRAY_LENGTH, adds, array, event, known_by, meets, object, record, user, wide_profile,
};
use super::super::worst::{CaseWorkspace, send};
use anyhow::Result;
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often the modest tenant asks for something of each kind.
const PERIOD: Duration = Duration::from_millis(50);
/// The pause after what was not answered, so that a loop of refusals does not eat the processor.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);
/// Elements of the heavy bodies, just below the default size.
const ADDS: usize = 1_000;
const UNSETS: usize = 900;
const WRITES: usize = 1_400;
const ACTIONS: usize = 6_500;
const JOINS: usize = 600;
/// Users that are joined to one hub.
const OF_ONE_HUB: usize = 40;

/// What somebody waited for, of one kind of request.
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) what: &'static str,
    millis: Vec<f64>,
    refused: u64,
}

impl Waits {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, millis: Vec::new(), refused: 0 }
    }

    fn add(&mut self, since: Instant, answered: bool) {
        self.millis.push(since.elapsed().as_secs_f64() * 1_000.0);
        self.refused += u64::from(!answered);
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        self.millis.extend(&other.millis);
        self.refused += other.refused;
    }

    /// Below what so large a share of them stayed; 0 without any.
    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.millis.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() as f64 * share) as usize;
        sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
    }

    /// A row of the report.
    pub(super) fn row(&self, what: &str) -> String {
        let [half, most, all] = [0.5, 0.99, 1.0].map(|share| self.quantile(share));
        format!("| {what} | {} | {half:.1} | {most:.1} | {all:.1} | {} |", self.millis.len(), self.refused)
    }
}

/// The tenant who asks for little.
pub(super) struct Modest<'s> {
    place: CaseWorkspace<'s>,
    /// Users made so far.
    next: AtomicUsize,
}

impl<'s> Modest<'s> {
    pub(super) fn new(place: CaseWorkspace<'s>) -> Result<Self> {
        place.store((0..1_000).map(|at| user(&format!("u{at}"), &json!({"city": "Pune"}))))?;
        Ok(Self { place, next: AtomicUsize::new(0) })
    }

    /// What its imports and its reads waited for in so much time.
    pub(super) fn measure(&self, time: Duration) -> Result<Vec<Waits>> {
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| run_at_pace("a management read", time, || self.read()));
            let imports = run_at_pace("an import of one element", time, || self.import())?;
            Ok(vec![imports, reads.join().expect("reading does not panic")?])
        })
    }

    fn import(&self) -> bool {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        sent(&self.place, &[user(&format!("u{}", at % 2_000), &json!({"visits": at}))])
    }

    fn read(&self) -> bool {
        self.place.manage("GET", "/stats", &Json::Null).is_ok()
    }
}

/// Asks once a period; what is late since the one before took long counts from when it was due.
fn run_at_pace(what: &'static str, time: Duration, ask: impl Fn() -> bool) -> Result<Waits> {
    let (began, mut due) = (Instant::now(), Instant::now());
    let mut waits = Waits::new(what);
    while began.elapsed() < time {
        check_interrupted()?;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answered = ask();
        waits.add(due, answered);
        due += PERIOD;
    }
    Ok(waits)
}

/// Whether these elements were answered 200.
fn sent(place: &CaseWorkspace<'_>, elements: &[Json]) -> bool {
    let body = json!({"type": "transition", "elements": elements}).to_string();
    let target = place.server.target(place.workspace);
    send(target.addr, &target.head, body.as_bytes()).is_ok_and(|answer| answer.status == 200)
}

/// A tenant who sends what costs most.
pub(super) struct Heavy<'s> {
    place: CaseWorkspace<'s>,
    round: usize,
}

/// What a kind of request is called, and its elements in a round.
type Kind = (&'static str, fn(usize) -> Vec<Json>);

impl<'s> Heavy<'s> {
    /// Stores what the requests are about.
    pub(super) fn prepare(place: CaseWorkspace<'s>) -> Result<()> {
        wide_profile(&place)?;
        array(&place, ARRAY_LENGTH, false)?;
        record(&place)
    }

    pub(super) fn new(place: CaseWorkspace<'s>) -> Self {
        Self { place, round: 0 }
    }

    /// Sends one kind of request after another until it is over; what each kind waited for.
    pub(super) fn run(mut self, over: &AtomicBool) -> Vec<Waits> {
        let kinds: [Kind; 5] = [
            ("adds to a large array", array_adds),
            ("unset rules on a large profile", unset_rules),
            ("writes to a record of 1 MiB", record_writes),
            ("actions of one element", many_actions),
            ("merges", joins),
        ];
        let mut waits: Vec<Waits> = kinds.iter().map(|(what, _)| Waits::new(what)).collect();
        while !over.load(Ordering::Relaxed) {
            for ((_, elements), waits) in kinds.iter().zip(&mut waits) {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let elements = elements(self.round);
                let began = Instant::now();
                let answered = sent(&self.place, &elements);
                waits.add(began, answered);
                if !answered {
                    std::thread::sleep(REFUSED_PAUSE);
                }
            }
            self.round += 1;
        }
        waits
    }
}

/// Adds new values in one round and takes them away in the next, so that the array stays as large as it is.
fn array_adds(round: usize) -> Vec<Json> {
    let value = |at: usize| json!([10_000_000 + at]);
    let removes = |at: usize| user("arr", &json!({"removeValueFromArrayField": {"t": value(at)}}));
    let element = |at: usize| if round.is_multiple_of(2) { adds("arr", &value(at)) } else { removes(at) };
    (0..ADDS).map(element).collect()
}

fn unset_rules(_: usize) -> Vec<Json> {
    let element = |at: usize| {
        let mut element = known_by(&json!({"mobile": "m1"}));
        element["unset_attributes"] = json!([{"type": "contains", "attr": format!("q{at}")}]);
        element
    };
    (0..UNSETS).map(element).collect()
}

fn record_writes(round: usize) -> Vec<Json> {
    (0..WRITES).map(|at| user("big", &json!({"x": at + round}))).collect()
}

fn many_actions(_: usize) -> Vec<Json> {
    vec![event("big", ACTIONS)]
}

/// New users, each joined to one of some hubs.
fn joins(round: usize) -> Vec<Json> {
    let pair = |at: usize| {
        let mobile = format!("r{round}_{at}");
        let new = known_by(&object([("mobile".to_owned(), json!(mobile))]));
        [new, meets(&format!("r{round}_{}", at / OF_ONE_HUB), &mobile)]
    };
    (0..JOINS).flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_bodies_are_of_the_default_size() {
        for elements in [array_adds(1), unset_rules(1), record_writes(1_000_000), many_actions(1), joins(1_000_000)] {
            let length = json!({"type": "transition", "elements": elements}).to_string().len();
            assert!((70_000..=102_400).contains(&length), "{length}");
        }
    }

    #[test]
    fn the_largest_wait_is_the_last() {
        let waits = Waits { what: "x", millis: vec![3.0, 1.0, 2.0], refused: 0 };
        assert_eq!([waits.quantile(0.5), waits.quantile(1.0)], [2.0, 3.0]);
    }
}
