//! Clients that send bulk imports as fast as they can, each request tagged so that it can be told from every other
//! after a crash. Beside them they delete users, revert merges, and read what was acknowledged. Leaves the judgement to
//! `judge`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, Connection, Cut};
use crate::random::Random;
use crate::server::{Server, Workspace};

/// Clients at once, each with one request in flight.
pub(crate) const CLIENTS: u64 = 16;
/// Which customer of a request is deleted at times: the first two may be merged.
const DELETED: u64 = 2;
/// How long a client waits after a 503.
const BACK_OFF: Duration = Duration::from_millis(5);

/// What must be there if a request was applied, and not if it was not. Customer ids stand for users.
#[derive(Debug, Clone)]
pub(crate) enum Claim {
    /// The user is found and carries this request's tag.
    User { customer: String },
    /// The event is on the user's timeline.
    Event { customer: String, event_id: String },
    /// Both resolve to one user.
    Merged { left: String, right: String },
    /// Both are found, and are two users.
    Apart { left: String, right: String },
    /// The deletion of the user under this key is recorded. To look sends it again.
    Deletion { customer: String, key: String },
}

/// What a request adds to the counters of the workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) customers: u64,
    pub(crate) events: u64,
    pub(crate) merges: u64,
    pub(crate) reverts: u64,
}

/// How a request ended for its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 200: whole, from now on and for ever.
    Acknowledged,
    /// Another status with its body; a 503 is in doubt.
    Refused(u16, String),
    /// No whole answer: in doubt.
    Cut(Cut),
}

/// One request as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) client: u64,
    pub(crate) tag: String,
    pub(crate) body: Value,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) claims: Vec<Claim>,
    /// What must be there in place of the claims if the request was not applied.
    pub(crate) otherwise: Vec<Claim>,
    pub(crate) effect: Effect,
    pub(crate) fate: Fate,
    /// A reader did not find what was acknowledged before it asked.
    pub(crate) unseen: bool,
}

impl Flight {
    /// The request was applied, or was not, as far as its client knows.
    pub(crate) fn settle(&mut self, answered: Result<Answer, Cut>) {
        self.fate = match answered {
            Ok(answer) if answer.status == 200 => Fate::Acknowledged,
            Ok(answer) => Fate::Refused(answer.status, answer.text()),
            Err(cut) => Fate::Cut(cut),
        };
    }
}

/// Runs the clients while `during` runs; it may kill the server or spoil its disk. Returns every request that was
/// sent, each client's in its order. A client stops at the first lost connection.
pub(crate) fn under_load(
    server: &mut Server,
    workspace: &Workspace,
    round: u64,
    random: &mut Random,
    during: impl FnOnce(&mut Server),
) -> Vec<Flight> {
    let stop = AtomicBool::new(false);
    let address = server.address;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut sender = Sender::new(round, client, Random::seeded(random.next()));
                let stop = &stop;
                scope.spawn(move || match Connection::open(address) {
                    Ok(mut connection) => sender.run(&mut connection, workspace, stop),
                    Err(_) => Vec::new(),
                })
            })
            .collect();
        during(server);
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

struct Sender {
    round: u64,
    client: u64,
    random: Random,
    /// Two acknowledged users that are still apart.
    apart: Option<[String; 2]>,
}

impl Sender {
    fn new(round: u64, client: u64, random: Random) -> Sender {
        Sender { round, client, random, apart: None }
    }

    fn run(&mut self, connection: &mut Connection, workspace: &Workspace, stop: &AtomicBool) -> Vec<Flight> {
        let mut flights = Vec::new();
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let (mut flight, apart) = self.request(number);
            flight.settle(workspace.import(connection, &flight.body, flight.idempotency_key.as_deref()));
            // A pair that a request in doubt may have merged is not used again: its merge would be counted twice.
            self.apart = apart.filter(|_| flight.fate == Fate::Acknowledged);
            let follow = if flight.fate == Fate::Acknowledged {
                self.follow((connection, workspace), &mut flight)
            } else {
                Ok(None)
            };
            flights.push(flight);
            // A connection that a reader lost is closed for the next request, too.
            flights.extend(follow.unwrap_or_default());
            match flights.last().map(|last| &last.fate) {
                Some(Fate::Cut(_)) => break,
                Some(Fate::Refused(..)) => std::thread::sleep(BACK_OFF),
                _ => {}
            }
        }
        flights
    }

    /// What follows an acknowledged import at times: it is read; its merge is reverted, or one of its users deleted, by a
    /// request of its own.
    fn follow(&mut self, over: (&mut Connection, &Workspace), done: &mut Flight) -> Result<Option<Flight>, Cut> {
        let (connection, workspace) = over;
        // In half of the rounds nobody reads, so that what is logged is not filled at once.
        if !self.round.is_multiple_of(2) && self.random.one_in(4) {
            done.unseen = is_unseen((connection, workspace), done)?;
        }
        match done.claims.iter().find(|claim| matches!(claim, Claim::Merged { .. })).cloned() {
            Some(merged) if self.random.one_in(2) => revert((connection, workspace), done, merged),
            None if self.random.one_in(8) => Ok(delete((connection, workspace), done)),
            _ => Ok(None),
        }
    }

    /// The next request, and the two users that its success leaves apart.
    fn request(&mut self, number: u64) -> (Flight, Option<[String; 2]>) {
        let tag = format!("{}-{}-{number}", self.round, self.client);
        let mut request = Request { tag: &tag, elements: Vec::new(), claims: Vec::new(), effect: Effect::default() };
        for i in 0..self.random.between(2, 6) {
            request.customer(i, self.random.between(0, 300) as usize);
        }
        for i in 0..self.random.between(0, 3) {
            request.events(&format!("k-{tag}-0"), &format!("own{i}"), self.random.between(1, 4));
        }
        if self.random.one_in(3) {
            request.events_by_email(1);
        }
        let pair = [format!("k-{tag}-0"), format!("k-{tag}-1")];
        let mut apart = Some(pair.clone());
        // Merges ask what only the tables can answer. In half of the rounds there are none, so that groups are logged.
        if !(self.round / 2).is_multiple_of(2) {
            apart = None;
        } else if self.random.one_in(4) {
            request.merge(&pair);
            apart = None;
        } else if let Some(earlier) = self.apart.as_ref().filter(|_| self.random.one_in(2)) {
            request.merge(earlier);
            request.events(&earlier[1], "joined", 2);
        }
        let Request { elements, claims, effect, .. } = request;
        let flight = Flight {
            client: self.client,
            body: json!({"type": "transition", "elements": elements}),
            idempotency_key: self.random.one_in(2).then(|| format!("key-{tag}")),
            claims,
            otherwise: Vec::new(),
            effect,
            fate: Fate::Refused(0, String::new()),
            unseen: false,
            tag,
        };
        (flight, apart)
    }
}

/// The status of a search for a customer id, and the user that it resolves to.
fn find((connection, workspace): (&mut Connection, &Workspace), customer: &str) -> Result<(u16, Value), Cut> {
    let body = json!({"kind": "customer_id", "value": customer});
    let answer = workspace.manage(connection, "POST", "/users/find", Some(&body))?;
    Ok((answer.status, answer.json()))
}

/// Whether a reader lacks the last user of an acknowledged request. A server that cannot answer says so.
pub(crate) fn is_unseen(over: (&mut Connection, &Workspace), done: &Flight) -> Result<bool, Cut> {
    let last = done.claims.iter().rev().find_map(|claim| match claim {
        Claim::User { customer } => Some(customer),
        _ => None,
    });
    let Some(customer) = last else { return Ok(false) };
    let (status, user) = find(over, customer)?;
    Ok(status == 404 || status == 200 && user["attributes"]["tag"] != done.tag.as_str())
}

/// Reverts the merge of an acknowledged request, whose claim goes over to the revert.
pub(crate) fn revert(
    (connection, workspace): (&mut Connection, &Workspace),
    done: &mut Flight,
    merged: Claim,
) -> Result<Option<Flight>, Cut> {
    let Claim::Merged { left, right } = merged.clone() else { return Ok(None) };
    let (_, user) = find((connection, workspace), &left)?;
    let Some(merge) = user["members"].as_array().and_then(|members| members.first()?["merge_id"].as_str()) else {
        return Ok(None);
    };
    done.claims.retain(|claim| !matches!(claim, Claim::Merged { .. }));
    let mut flight = Flight {
        tag: format!("{}-revert", done.tag),
        body: json!({}),
        idempotency_key: None,
        claims: vec![Claim::Apart { left, right }],
        otherwise: vec![merged],
        effect: Effect { reverts: 1, ..Effect::default() },
        ..done.clone()
    };
    flight.settle(workspace.manage(connection, "POST", &format!("/merges/{merge}/revert"), None));
    Ok(Some(flight))
}

/// Deletes a user of an acknowledged request that takes part in no merge, if there is one: the user is marked and stays.
pub(crate) fn delete((connection, workspace): (&mut Connection, &Workspace), done: &Flight) -> Option<Flight> {
    let customer = format!("k-{}-{DELETED}", done.tag);
    done.claims.iter().find(|claim| matches!(claim, Claim::User { customer: other } if *other == customer))?;
    let key = format!("delete-{}", done.tag);
    let answered = workspace.delete_user(connection, &customer, &key);
    let mut flight = Flight {
        tag: format!("{}-delete", done.tag),
        body: json!({}),
        idempotency_key: None,
        claims: vec![Claim::Deletion { customer, key }],
        effect: Effect::default(),
        ..done.clone()
    };
    flight.settle(answered);
    Some(flight)
}

/// A request under construction.
struct Request<'a> {
    tag: &'a str,
    elements: Vec<Value>,
    claims: Vec<Claim>,
    effect: Effect,
}

impl Request<'_> {
    /// Customer `i` of this request, with an email and a mobile of its own, and `padding` bytes more.
    fn customer(&mut self, i: u64, padding: usize) {
        let customer = format!("k-{}-{i}", self.tag);
        let attributes = json!({
            "tag": self.tag,
            "email": email_of(&customer),
            "mobile": mobile_of(&customer),
            "padding": "x".repeat(padding),
        });
        self.elements.push(json!({"type": "customer", "customer_id": customer, "attributes": attributes}));
        self.claims.push(Claim::User { customer });
        self.effect.customers += 1;
    }

    fn events(&mut self, customer: &str, label: &str, count: u64) {
        let actions = self.actions(customer, label, count);
        self.elements.push(json!({"type": "event", "customer_id": customer, "actions": actions}));
    }

    /// Two events of customer `i`, addressed by its email alone.
    fn events_by_email(&mut self, i: u64) {
        let customer = format!("k-{}-{i}", self.tag);
        let actions = self.actions(&customer, "email", 2);
        let identifiers = json!({"email": email_of(&customer)});
        self.elements.push(json!({"type": "event", "user_identifiers": identifiers, "actions": actions}));
    }

    fn actions(&mut self, customer: &str, label: &str, count: u64) -> Vec<Value> {
        let event_ids: Vec<String> = (0..count).map(|j| format!("e-{}-{label}-{j}", self.tag)).collect();
        self.effect.events += count;
        for event_id in event_ids.clone() {
            self.claims.push(Claim::Event { customer: customer.to_owned(), event_id });
        }
        let action = |event_id| json!({"action": "viewed", "event_id": event_id, "attributes": {"label": label}});
        event_ids.into_iter().map(action).collect()
    }

    /// A record with keys of both, which makes them one.
    fn merge(&mut self, [left, right]: &[String; 2]) {
        let attributes = json!({"mobile": mobile_of(right)});
        self.elements.push(json!({"type": "customer", "customer_id": left, "attributes": attributes}));
        self.claims.push(Claim::Merged { left: left.clone(), right: right.clone() });
        self.effect.merges += 1;
    }
}

fn email_of(customer: &str) -> String {
    format!("{customer}@example.org")
}

fn mobile_of(customer: &str) -> String {
    format!("+1-{customer}")
}
