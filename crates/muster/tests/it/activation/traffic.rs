//! Clients that import while kinds become active: attributes by customer id, by e-mail and by both, events, new e-mails.
//! Each group belongs to one client and each attribute to one writer, so that the last value is known whatever the
//! order. What got no answer is sent again, after a restart too, until it has one.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::town::Town;
use crate::http::Connection;
use crate::random::Random;
use crate::server::Workspace;

/// Clients at once, each with one request in flight.
pub(crate) const CLIENTS: usize = 4;
/// Elements of a request beside a new e-mail.
const ELEMENTS: u64 = 5;
/// How long a client waits after a 503 or a lost connection.
const BACK_OFF: Duration = Duration::from_millis(20);
/// How long a client tries before it says that the server is gone.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the watcher saw last. As numbers, for an atomic.
pub(crate) const BEFORE: usize = 0;
pub(crate) const INDEXING: usize = 1;
pub(crate) const JOINING: usize = 2;
pub(crate) const PHASES: [&str; 4] = ["before", "indexing", "joining", "after"];

/// What the clients share with who watches the server.
pub(crate) struct Scene<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) town: &'a Town,
    pub(crate) address: Mutex<SocketAddr>,
    pub(crate) phase: AtomicUsize,
    pub(crate) stop: AtomicBool,
}

/// What the server acknowledged to one client.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// The last value of each attribute, by group.
    pub(crate) values: BTreeMap<(usize, String), u64>,
    pub(crate) events: u64,
    /// New e-mails acknowledged in each phase.
    pub(crate) new_emails: [usize; 4],
    /// How long each acknowledged request took, by the phase in which it was sent.
    pub(crate) took: [Vec<Duration>; 4],
    /// Requests sent again.
    pub(crate) again: u64,
}

/// What one element does if it is applied.
enum Effect {
    Value(usize, String, u64),
    Event,
    NewEmail,
}

pub(crate) struct Client<'a> {
    scene: &'a Scene<'a>,
    name: usize,
    random: Random,
    groups: Vec<usize>,
    /// Who still gets a new e-mail, lowest first: they are indexed first.
    to_change: VecDeque<usize>,
    connection: Option<Connection>,
    /// An e-mail alone was resolved: from then on each is.
    resolves: bool,
    count: u64,
    acknowledged: Acknowledged,
}

impl<'a> Client<'a> {
    pub(crate) fn new(scene: &'a Scene<'a>, name: usize, random: Random) -> Client<'a> {
        let town = scene.town;
        let groups: Vec<usize> = (0..town.groups.len())
            .filter(|number| town.groups[*number].touched && number / 2 % CLIENTS == name)
            .collect();
        let mut changing: Vec<usize> = groups
            .iter()
            .flat_map(|number| town.groups[*number].members())
            .filter(|member| town.people[*member].new_email.is_some())
            .collect();
        changing.sort_unstable();
        let to_change = changing.into();
        let acknowledged = Acknowledged::default();
        Client { scene, name, random, groups, to_change, connection: None, resolves: false, count: 0, acknowledged }
    }

    /// Sends until it is told to stop, and then what must have been sent.
    pub(crate) fn run(mut self) -> Result<Acknowledged, String> {
        while !self.scene.stop.load(Ordering::Relaxed) {
            self.request(1, ELEMENTS)?;
        }
        while !self.to_change.is_empty() {
            self.request(20, 1)?;
        }
        Ok(self.acknowledged)
    }

    fn request(&mut self, new_emails: usize, others: u64) -> Result<(), String> {
        let phase = self.scene.phase.load(Ordering::Relaxed);
        let mut elements = Vec::new();
        // Who is indexed already changes while others are not: the index must follow.
        while phase != BEFORE && elements.len() < new_emails {
            let Some(number) = self.to_change.pop_front() else { break };
            let person = &self.scene.town.people[number];
            let attributes = json!({"email": person.new_email});
            let element = json!({"type": "customer", "customer_id": person.customer_id, "attributes": attributes});
            elements.push((element, false, Effect::NewEmail));
        }
        for _ in 0..others {
            let element = self.element();
            elements.push(element);
        }
        let body = json!({
            "type": "transition",
            "elements": elements.iter().map(|(element, ..)| element.clone()).collect::<Vec<_>>(),
        });
        let results = self.send(&body, phase)?;
        for (place, (element, by_email, effect)) in elements.into_iter().enumerate() {
            let result = &results[place];
            let rejected = result["outcome"] == "rejected" && result["errors"][0]["type"] == "MissingAttributeError";
            match result["outcome"].as_str() {
                // Under the old settings an e-mail alone finds nobody.
                Some("rejected") if rejected && by_email && !self.resolves => continue,
                Some("updated" | "merged" | "duplicate") => {}
                _ => return Err(format!("{element} in {}: {result}", PHASES[phase])),
            }
            self.resolves |= by_email;
            match effect {
                Effect::Value(group, name, value) => drop(self.acknowledged.values.insert((group, name), value)),
                Effect::Event => self.acknowledged.events += 1,
                Effect::NewEmail => self.acknowledged.new_emails[phase] += 1,
            }
        }
        Ok(())
    }

    /// An element about a group of this client; whether it has an e-mail alone; what it does.
    fn element(&mut self) -> (Value, bool, Effect) {
        let number = self.groups[self.random.between(0, self.groups.len() as u64 - 1) as usize];
        let (town, group) = (self.scene.town, &self.scene.town.groups[number]);
        self.count += 1;
        let value = self.count;
        let members = group.holders.len() + group.movers.len();
        let member = group.members().nth(self.random.between(0, members as u64 - 1) as usize).unwrap();
        let person = &town.people[member];
        let seen = format!("seen_{}", person.slot);
        let customer = |attributes: Value| json!({"type": "customer", "attributes": attributes});
        let slot = self.random.between(0, group.emails.len().max(1) as u64 - 1) as usize;
        match (self.random.between(0, 3), group.emails.get(slot)) {
            (0, Some(email)) => {
                let name = format!("mail_{slot}");
                (customer(json!({"email": email, (name.as_str()): value})), true, Effect::Value(number, name, value))
            }
            (1, Some(email)) => {
                let actions = json!([{"action": "seen", "event_id": format!("e{}-{value}", self.name)}]);
                let event = json!({"type": "event", "user_identifiers": {"email": email}, "actions": actions});
                (event, true, Effect::Event)
            }
            (choice, _) => {
                let mut element = customer(json!({ (seen.as_str()): value }));
                element["customer_id"] = json!(person.customer_id);
                if choice == 2 && person.new_email.is_none() {
                    element["attributes"]["email"] = json!(person.email);
                }
                (element, false, Effect::Value(number, seen, value))
            }
        }
    }

    /// The results of one request, which is sent until it is answered 200.
    fn send(&mut self, body: &Value, phase: usize) -> Result<Value, String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let address = *self.scene.address.lock().unwrap();
            if self.connection.is_none() {
                self.connection = Connection::open(address).ok();
            }
            let begun = Instant::now();
            match self.connection.as_mut().map(|connection| self.scene.workspace.import_told(connection, body)) {
                Some(Ok(answer)) if answer.status == 200 => {
                    self.acknowledged.took[phase].push(begun.elapsed());
                    return Ok(answer.json()["results"].clone());
                }
                Some(Ok(answer)) if answer.status == 503 => {}
                Some(Ok(answer)) => return Err(format!("{}: {}", answer.status, answer.text())),
                Some(Err(_)) | None => self.connection = None,
            }
            self.acknowledged.again += 1;
            std::thread::sleep(BACK_OFF);
        }
        Err(format!("no answer for {PATIENCE:?}"))
    }
}
