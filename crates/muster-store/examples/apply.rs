//! How fast the embedded engine applies decisions, without HTTP and rules: 16 clients, requests of 294 elements (30 %
//! customers with ten attributes and three identifiers, 70 % events with six attributes), half of the users known,
//! uniformly random. `cargo run --release -p muster-store --features support --example apply -- [USERS] [SECONDS]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for people")]

use muster_core::change::{Changes, Put};
use muster_core::command::{Action, ElementKind, Route};
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::{ProfileNo, RequestNo};
use muster_core::identifier::{Key, Kind};
use muster_core::outcome::{ElementResult, Outcome};
use muster_core::record::{Change, ChangeKind, Counters, Event, Profile, Request, Standing, Tally, Write};
use muster_core::time::{Moment, Timestamp};
use muster_core::value::Value;
use muster_store::conformance::random::Dice;
use muster_store::conformance::rig::{HandClock, id, wait, workspace};
use muster_store::engine::{Engine, apply};
use muster_store::sqlite::{Sqlite, SqliteOptions};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const ELEMENTS: usize = 294;
const CLIENTS: u64 = 16;

struct Element {
    keys: Vec<Key>,
    event: Option<Arc<Action>>,
    attributes: Vec<(Box<str>, Value)>,
}

struct Import {
    elements: Vec<Element>,
}

fn keys(kinds: &[Kind; 3], user: u64, all: bool) -> Vec<Key> {
    let values = [format!("user-{user:012}"), format!("user{user}@example.test"), format!("+1555{user:010}")];
    let keys = kinds.iter().zip(values).map(|(kind, value)| Key { kind: kind.clone(), value: value.into() });
    keys.take(if all { 3 } else { 1 }).collect()
}

fn import(dice: &mut Dice, kinds: &[Kind; 3], users: u64, customers_only: bool) -> Import {
    let element = |_| {
        let user = dice.below(users);
        let customer = customers_only || dice.below(10) < 3;
        let attribute = |n: u64, dice: &mut Dice| {
            let value = match n % 3 {
                0 => Value::Integer(dice.below(100_000).cast_signed()),
                1 => Value::Text(format!("value {}", dice.below(1_000)).into()),
                _ => Value::Boolean(dice.below(2) == 0),
            };
            (format!("attribute_{n}").into(), value)
        };
        let attributes: Vec<_> = (0..if customer { 10 } else { 6 }).map(|n| attribute(n, dice)).collect();
        let event = (!customer).then(|| {
            Arc::new(Action {
                name: "Product Viewed".into(),
                attributes: attributes.clone(),
                time: Some(Timestamp(1_767_571_200_000)),
                user_time: None,
                offset_seconds: 0,
                platform: Some(muster_core::record::Platform::Web),
                os_type: None,
                app_version: Some("1.2.3".into()),
                event_id: None,
                pointer: "/elements/17/actions/0".into(),
            })
        });
        Element { keys: keys(kinds, user, customer), event, attributes }
    };
    Import { elements: (0..ELEMENTS).map(element).collect() }
}

impl Decision for Import {
    type Output = ();

    fn needs(&self) -> Needs {
        Needs { bindings: self.elements.iter().flat_map(|e| e.keys.clone()).collect(), ..Needs::default() }
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<()> {
        let profiles: Vec<ProfileNo> =
            facts.bindings.values().flatten().filter(|no| !facts.profiles.contains_key(no)).copied().collect();
        if !profiles.is_empty() {
            return Step::NeedMore(Needs { profiles, ..Needs::default() });
        }
        let mut counters = Counters { request: facts.counters.request + 1, now: now.at, ..facts.counters };
        let mut touched: BTreeMap<ProfileNo, (Option<Profile>, Standing)> = BTreeMap::new();
        let mut bound: HashMap<&Key, ProfileNo> = HashMap::new();
        let (mut rows, mut results) = (Vec::new(), Vec::new());
        for (index, element) in (0..).zip(&self.elements) {
            counters.seq += 1;
            let known = element.keys.iter().find_map(|k| bound.get(k).copied().or(facts.bindings[k]));
            let no = known.unwrap_or_else(|| {
                counters.profile += 1;
                counters.users += 1;
                ProfileNo(counters.profile)
            });
            let (profile, standing) = touched.entry(no).or_insert_with(|| {
                let tally = Tally { first_seen: now.at, last_seen: now.at, events: 0, devices: 0, members: 1 };
                let new = Standing {
                    no,
                    created: now.at,
                    root: no,
                    last_seen: now.at,
                    events: 0,
                    devices: 0,
                    tree: tally,
                    deletion: None,
                };
                (None, facts.standings.get(&no).copied().flatten().unwrap_or(new))
            });
            let own = || {
                facts.profiles.get(&no).cloned().flatten().unwrap_or_else(|| Profile {
                    no,
                    created: now.at,
                    first_seen: now.at,
                    keys: Vec::new(),
                    attributes: BTreeMap::new(),
                    platforms: BTreeMap::new(),
                    former: Vec::new(),
                })
            };
            for key in &element.keys {
                if facts.bindings[key].is_none() && !bound.contains_key(key) {
                    profile.get_or_insert_with(own).keys.push(key.clone());
                    bound.insert(key, no);
                    rows.push(Put::Binding(key.clone(), no));
                }
            }
            if let Some(action) = &element.event {
                standing.events += 1;
                standing.tree.events += 1;
                counters.events += 1;
                counters.events_accepted += 1;
                rows.push(Put::Event(Event {
                    seq: counters.seq,
                    profile: no,
                    time: Timestamp(1_767_571_200_000),
                    user_time: 1_767_571_200_000,
                    received_at: now.at,
                    request: RequestNo(counters.request),
                    origin: None,
                    device_id: None,
                    action: action.clone(),
                }));
            } else {
                let profile = profile.get_or_insert_with(own);
                for (name, value) in &element.attributes {
                    profile.attributes.insert(name.clone(), Write { seq: counters.seq, value: Some(value.clone()) });
                }
                rows.push(Put::Change(Change { seq: counters.seq, kind: ChangeKind::User, profile: no, merge: 0 }));
            }
            let kind = if element.event.is_some() { ElementKind::Event } else { ElementKind::Customer };
            results.push(ElementResult {
                index,
                kind,
                outcome: if known.is_some() { Outcome::Updated } else { Outcome::Created },
                profile: Some(muster_core::id::ProfileId { created: now.at, no }),
                merged: Vec::new(),
                warnings: Vec::new(),
                errors: Vec::new(),
                actions: Vec::new(),
            });
        }
        for (_, (profile, standing)) in touched {
            rows.extend(profile.map(Put::Profile));
            rows.push(Put::Standing(standing));
        }
        counters.requests_applied += 1;
        rows.push(Put::Request(Request {
            no: RequestNo(counters.request),
            received_at: now.at,
            status: 200,
            route: Route::Transition,
            origin: None,
            bytes: 97_800,
            duration_us: 0,
            warnings: Vec::new(),
            elements: results.into(),
            faults: Vec::new(),
        }));
        Step::Done(Changes { rows, counters, rate: None }, ())
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u64>().expect("a number"));
    let (users, seconds) = (args.next().unwrap_or(100_000), args.next().unwrap_or(10));
    let dir = tempfile::tempdir().unwrap();
    let engine = Sqlite::open(SqliteOptions::new(dir.path(), HandClock::at(1_767_571_200_000))).unwrap();
    engine.create_workspace(&workspace("bench")).unwrap();
    let (bench, kinds) = (id("bench"), ["customer_id", "email", "mobile"].map(Kind::new));
    let drive = |range: u64, until: &(dyn Fn(u64) -> bool + Sync), customers: bool| {
        let done = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (engine, bench, kinds, done) = (&engine, &bench, &kinds, &done);
                scope.spawn(move || {
                    let mut dice = Dice::new(client + u64::from(customers) * 1_000);
                    while !until(done.load(Ordering::Relaxed)) {
                        let import = import(&mut dice, kinds, range, customers);
                        wait(apply(engine, bench, import, Mode::Commit)).unwrap();
                        done.fetch_add(ELEMENTS as u64, Ordering::Relaxed);
                    }
                });
            }
        });
        done.into_inner()
    };
    let begun = Instant::now();
    let loaded = drive(users, &|done| done >= users * 3 / 2, true);
    println!("preload: {loaded} customers of {users} users, {:.0} el/s", loaded as f64 / begun.elapsed().as_secs_f64());
    let before = engine.health();
    let (begun, length) = (Instant::now(), Duration::from_secs(seconds));
    let done = drive(users * 3 / 2, &|_| begun.elapsed() >= length, false);
    let (took, health) = (begun.elapsed().as_secs_f64(), engine.health());
    let groups = health.groups - before.groups;
    println!(
        "{:.0} elements/s, {:.1} us each; {groups} groups of {:.1} requests; commits {:.1} ms; log {} MiB, {} checkpoints",
        done as f64 / took,
        took * 1e6 / done as f64,
        (health.decisions - before.decisions) as f64 / groups as f64,
        (health.commit_us_sum - before.commit_us_sum) as f64 / 1e3 / groups as f64,
        health.wal_bytes >> 20,
        health.checkpoints
    );
}
