//! Kinds become active over stored data while the same people are imported and the process is killed (behaviour.md 3.5):
//! the result is the model's, and preview's where no import came. `town` is the people and the model, `traffic` the
//! imports; here are the watcher that kills, and the judgement.
//!
//! The short form runs in every test run. The long form (`cargo xtask activation`) sets `MUSTER_ACTIVATION_PROFILES`, has
//! one e-mail that several have for every twenty people, and prints how fast it was. `MUSTER_TEST_SEED` repeats the
//! imports of a failed run (not its timing).

mod town;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Connection;
use crate::random::{Random, seed};
use crate::server::{Launch, Server, Workspace};
use town::{Group, Town};
use traffic::{Acknowledged, BEFORE, CLIENTS, Client, INDEXING, JOINING, PHASES, Scene};

/// People of the short form.
const PEOPLE: usize = 2_000;
/// People for each e-mail address that several have.
const PEOPLE_PER_DUPLICATE: usize = 20;
/// Elements of one request that stores people.
const ELEMENTS: usize = 1_000;
/// When the process is killed: at the first look that finds this many percent of a phase done.
const KILLS: [(usize, u64); 4] = [(INDEXING, 5), (INDEXING, 60), (JOINING, 5), (JOINING, 60)];
/// How long an activation may take until the test gives up.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long imports run before the activation, as what they are compared with.
const BEFOREHAND: Duration = Duration::from_millis(500);

fn target() -> Value {
    let email = json!({"kind": "email", "normalise": "lowercase"});
    json!({
        "enabled": true,
        "identifiers": [{"kind": "customer_id"}, email, {"kind": "mobile"}],
        "survivor": {"rule": "first_seen"},
    })
}

/// A workspace with the people of a town stored in it.
struct Stored {
    workspace: Workspace,
    /// The id that each person's profile was given.
    ids: Vec<String>,
}

impl Stored {
    fn new(server: &Server, town: &Town) -> Stored {
        let workspace = Workspace::create_plain(server);
        let mut connection = server.connect();
        let mut ids = Vec::new();
        let numbers: Vec<usize> = (0..town.people.len()).collect();
        for some in numbers.chunks(ELEMENTS) {
            let elements: Vec<Value> = some.iter().map(|number| town.element(*number)).collect();
            let body = json!({"type": "transition", "elements": elements});
            let answer = workspace.import_told(&mut connection, &body).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            let answer = answer.json();
            let results = answer["results"].as_array().unwrap();
            ids.extend(results.iter().map(|result| result["id"].as_str().unwrap().to_owned()));
        }
        Stored { workspace, ids }
    }

    fn look<'a>(&'a self, server: &Server) -> ProfileView<'a> {
        ProfileView { connection: server.connect(), stored: self }
    }
}

/// Reads through the management API.
struct ProfileView<'a> {
    connection: Connection,
    stored: &'a Stored,
}

impl ProfileView<'_> {
    fn get(&mut self, path: &str) -> Value {
        let answer = self.stored.workspace.manage(&mut self.connection, "GET", path, None).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// What activation would merge.
    fn preview(&mut self) -> Value {
        let path = "/identity/preview";
        let answer = self.stored.workspace.manage(&mut self.connection, "POST", path, Some(&target())).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn activate(&mut self) {
        self.stored.workspace.set(&mut self.connection, ("PUT", "/identity"), &target());
    }

    /// How far it is: done and total, none when it is over.
    fn progress(&mut self) -> Option<(u64, u64)> {
        let identity = self.get("/identity");
        let number = |name: &str| identity[name].as_u64().unwrap();
        (identity["state"] != "active").then(|| (number("done"), number("total")))
    }

    fn find(&mut self, kind: &str, value: &str) -> Option<Value> {
        let wanted = json!({"kind": kind, "value": value});
        let answer = self.stored.workspace.manage(&mut self.connection, "POST", "/users/find", Some(&wanted)).unwrap();
        assert!(matches!(answer.status, 200 | 404), "{}", answer.text());
        (answer.status == 200).then(|| answer.json())
    }

    fn counts(&mut self, names: &[&str]) -> Vec<u64> {
        let stats = self.get("/stats");
        names.iter().map(|name| stats[*name].as_u64().unwrap()).collect()
    }

    /// The id that answers for each of these.
    fn ids_now(&mut self, ids: &Value) -> BTreeSet<String> {
        let ids = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap());
        ids.map(|id| self.get(&format!("/users/{id}"))["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// What the watcher did.
#[derive(Default)]
struct Watched {
    kills: [u64; 4],
    /// Until it was over, without the time in which no server ran.
    took: Duration,
}

/// Polls until the activation is over, and kills and restarts the server on the way. What was done stays done.
fn watch(
    launch: &Launch,
    server: &mut Server,
    stored: &Stored,
    scene: &Scene,
    begun: Instant,
) -> Result<Watched, String> {
    let (mut watched, mut down, mut furthest) = (Watched::default(), Duration::ZERO, 0);
    let mut kills = KILLS.iter().peekable();
    let mut look = stored.look(server);
    let people = stored.ids.len() as u64;
    while begun.elapsed() < PATIENCE {
        let Some((done, total)) = look.progress() else {
            scene.phase.store(PHASES.len() - 1, Ordering::Relaxed);
            watched.took = begun.elapsed() - down;
            return Ok(watched);
        };
        if total != 2 * people || done < furthest {
            return Err(format!("{done} of {total} are done of {people} people, {furthest} were before"));
        }
        furthest = done;
        let phase = if done < people { INDEXING } else { JOINING };
        if done > 0 {
            scene.phase.store(phase, Ordering::Relaxed);
        }
        let percent = 100 * (done % people) / people;
        while kills.next_if(|(of, at)| *of < phase || (*of == phase && kill_is_late(*at, percent))).is_some() {}
        if kills.next_if(|(of, at)| *of == phase && percent >= *at).is_some() {
            watched.kills[phase] += 1;
            let killed = Instant::now();
            server.kill();
            *server = launch.try_start()?;
            *scene.address.lock().unwrap() = server.address;
            look = stored.look(server);
            down += killed.elapsed();
        }
    }
    Err(format!("it is not over after {PATIENCE:?}: {:?}", look.progress()))
}

/// Another kill of the phase would come right after it.
fn kill_is_late(at: u64, percent: u64) -> bool {
    percent >= at + 50
}

/// Traffic, the activation with its kills, and what must be there afterwards.
fn under_imports(launch: &Launch, server: &mut Server, town: &Town, stored: &Stored, seed: u64) -> Result<(), String> {
    let scene = Scene {
        workspace: &stored.workspace,
        town,
        address: Mutex::new(server.address),
        phase: AtomicUsize::new(BEFORE),
        stop: AtomicBool::new(false),
    };
    let mut random = Random::seeded(seed);
    let (watched, acknowledged) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|name| {
                let client = Client::new(&scene, name, Random::seeded(random.next()));
                scope.spawn(move || client.run())
            })
            .collect();
        std::thread::sleep(BEFOREHAND);
        stored.look(server).activate();
        let watched = watch(launch, server, stored, &scene, Instant::now());
        scene.stop.store(true, Ordering::Relaxed);
        // A client that waits for a server that is not there would wait long.
        *scene.address.lock().unwrap() = server.address;
        (
            watched,
            clients.into_iter().map(|client| client.join().unwrap()).collect::<Result<Vec<Acknowledged>, String>>(),
        )
    });
    let (acknowledged, watched) = (acknowledged?, watched?);
    report(town.people.len(), &watched, &acknowledged);
    if watched.kills.iter().sum::<u64>() == 0 {
        return Err("it was over before it could be killed: take more people".to_owned());
    }
    judge(server, town, stored, &acknowledged)
}

fn report(people: usize, watched: &Watched, acknowledged: &[Acknowledged]) {
    let rate = people as f64 / watched.took.as_secs_f64();
    println!("under imports: {people} people in {:?} of running, {rate:.0} a second", watched.took);
    println!("kills while indexing, joining: {:?}", &watched.kills[INDEXING..=JOINING]);
    for (phase, name) in PHASES.iter().enumerate() {
        let mut took: Vec<Duration> =
            acknowledged.iter().flat_map(|acknowledged| &acknowledged.took[phase]).copied().collect();
        took.sort_unstable();
        let new: usize = acknowledged.iter().map(|acknowledged| acknowledged.new_emails[phase]).sum();
        if let Some(last) = took.last() {
            let at = |percent: usize| took[(took.len() - 1) * percent / 100];
            let (half, most) = (at(50), at(99));
            println!("imports {name}: {}, p50 {half:?}, p99 {most:?}, max {last:?}; new e-mails {new}", took.len());
        }
    }
    println!("sent again: {}", acknowledged.iter().map(|acknowledged| acknowledged.again).sum::<u64>());
}

/// Compares everything with the model.
fn judge(server: &Server, town: &Town, stored: &Stored, acknowledged: &[Acknowledged]) -> Result<(), String> {
    let users = town.in_the_end() as u64;
    let events = acknowledged.iter().map(|acknowledged| acknowledged.events).sum();
    let counted = stored.look(server).counts(&["users", "merges", "events", "reviews"]);
    let expected = [users, town.people.len() as u64 - users, events, 0];
    if counted != expected {
        return Err(format!("users, merges, events, reviews: {counted:?} for {expected:?}"));
    }
    let mut values: BTreeMap<usize, Vec<(&str, u64)>> = BTreeMap::new();
    for ((group, name), value) in acknowledged.iter().flat_map(|acknowledged| &acknowledged.values) {
        values.entry(*group).or_default().push((name, *value));
    }
    let numbers: Vec<usize> = (0..town.groups.len()).collect();
    std::thread::scope(|scope| {
        let shares = numbers.chunks(numbers.len().div_ceil(CLIENTS)).map(|share| {
            let values = &values;
            scope.spawn(move || {
                let mut look = stored.look(server);
                let none = Vec::new();
                share.iter().try_for_each(|number| {
                    let group = &town.groups[*number];
                    judge_group(&mut look, town, group, values.get(number).unwrap_or(&none))
                        .map_err(|wrong| format!("group {number}: {wrong}"))
                })
            })
        });
        let shares: Vec<_> = shares.collect();
        shares.into_iter().try_for_each(|share| share.join().unwrap())
    })
}

/// Everything that a group is addressed by finds one user, which shows what was stored and written.
fn judge_group(look: &mut ProfileView, town: &Town, group: &Group, values: &[(&str, u64)]) -> Result<(), String> {
    let id = look.stored.ids[town.survivor(group)].clone();
    let mut finds = Vec::new();
    let mut shown = Vec::new();
    for member in group.members() {
        let person = &town.people[member];
        finds.push(("customer_id", &person.customer_id));
        finds.extend(person.mobile.iter().map(|mobile| ("mobile", mobile)));
        finds.extend(person.new_email.iter().map(|email| ("email", email)));
        shown.push((format!("home_{}", person.slot), json!(person.customer_id)));
        let changed = person.new_email.is_some() && group.holders.len() == 1;
        if changed && look.find("email", &person.email).is_some() {
            return Err(format!("{} is found by the e-mail that it had", person.customer_id));
        }
    }
    finds.extend(group.emails.iter().map(|email| ("email", email)));
    let mut user = Value::Null;
    for (kind, value) in finds {
        user = look.find(kind, value).ok_or_else(|| format!("nobody has the {kind} {value}"))?;
        if user["id"] != id.as_str() {
            return Err(format!("{kind} {value} finds {} for {id}", user["id"]));
        }
    }
    shown.extend(values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    match shown.iter().find(|(name, value)| user["attributes"][name] != *value) {
        Some((name, value)) => Err(format!("{id} shows {} as {name}, not {value}", user["attributes"][name])),
        None => Ok(()),
    }
}

/// Without imports: what preview said is what happens, to each group and figure.
fn as_previewed(server: &Server, town: &Town, stored: &Stored) -> Value {
    let mut look = stored.look(server);
    let preview = look.preview();
    let [merges, profiles, largest] = town.by_stored_values();
    let figures = ["merges", "profiles_merged", "largest", "reviews"].map(|name| preview[name].clone());
    assert_eq!(figures, [json!(merges), json!(profiles), json!(largest), json!(0)]);
    assert_eq!(preview["complete"], true);
    let samples = preview["samples"].as_array().unwrap();
    assert!(samples.len() > 1);
    let people = town.people.len();
    assert_eq!(look.counts(&["users", "merges"]), [people as u64, 0], "a preview changes nothing");
    let begun = Instant::now();
    look.activate();
    while look.progress().is_some() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    println!(
        "alone: {people} people in {:?}, {:.0} a second",
        begun.elapsed(),
        people as f64 / begun.elapsed().as_secs_f64()
    );
    assert_eq!(look.counts(&["users", "merges"]), [(people - merges) as u64, merges as u64]);
    let mut taking_part = 0;
    for group in town.groups.iter().filter(|group| group.holders.len() > 1) {
        let alone = Group { holders: group.holders.clone(), ..Group::default() };
        let ids: Vec<&String> = alone.holders.iter().map(|member| &stored.ids[*member]).collect();
        assert_eq!(look.ids_now(&json!(ids)), BTreeSet::from([stored.ids[town.survivor(&alone)].clone()]));
        taking_part += ids.len();
    }
    assert_eq!(taking_part, profiles);
    samples.iter().for_each(|sample| assert_eq!(look.ids_now(&sample["ids"]).len(), 1, "{sample}"));
    preview
}

// Fails if the place of a batch is not kept (what was done is not any more after a restart), if an import while kinds are
// joined does not look for who holds a value (it makes a stray user), or if one while they are indexed does not keep the
// index (who has a new e-mail is found by the old).
#[test]
fn kinds_become_active_under_imports_and_kills_as_the_model_and_preview_say() {
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let people = std::env::var("MUSTER_ACTIVATION_PROFILES").map_or(PEOPLE, |text| text.parse().expect("a number"));
    let (seed, town) = (seed(), Town::new(people, people / PEOPLE_PER_DUPLICATE));
    let launch = Launch::new(&dir.path().join("data"));
    let mut server = launch.start();
    let quiet = Stored::new(&server, &town);
    let busy = Stored::new(&server, &town);
    let said = as_previewed(&server, &town, &quiet);
    let before = busy.look(&server).preview();
    let figures = |preview: &Value| ["merges", "profiles_merged", "largest"].map(|name| preview[name].clone());
    assert_eq!(figures(&before), figures(&said));
    assert_eq!(under_imports(&launch, &mut server, &town, &busy, seed), Ok(()), "MUSTER_TEST_SEED={seed}");
    let mut look = busy.look(&server);
    for sample in before["samples"].as_array().unwrap() {
        assert_eq!(look.ids_now(&sample["ids"]).len(), 1, "{sample}");
    }
    server.kill();
    assert_eq!(launch.verify(), Ok(()), "MUSTER_TEST_SEED={seed}");
}
