//! What must be there after a crash: every acknowledged request whole, every other whole or absent, and the counters of
//! the workspace equal to the sum of the whole ones. Errors say which request broke it and how.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::http::Connection;
use crate::load::{Claim, Effect, Fate, Flight};
use crate::server::{Server, Workspace};

/// Connections that look at once.
const JUDGES: usize = 8;
/// More than any user of the load has events.
const EVENTS_PAGE: usize = 500;

/// What every whole request since the workspace was made adds up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    effect: Effect,
    pub(crate) acknowledged: u64,
    pub(crate) in_doubt_whole: u64,
    pub(crate) in_doubt_absent: u64,
}

/// Judges the requests of one round on a restarted server, sends those in doubt that have an idempotency key again, and
/// compares the counters.
pub(crate) fn judge(
    server: &Server,
    workspace: &Workspace,
    flights: &[Flight],
    ledger: &mut Ledger,
) -> Result<(), String> {
    let share = flights.len().div_ceil(JUDGES).max(1);
    let verdicts: Vec<Result<bool, String>> = std::thread::scope(|scope| {
        let judges: Vec<_> = flights
            .chunks(share)
            .map(|some| {
                scope.spawn(move || {
                    let mut look = ProfileView { connection: server.connect(), workspace };
                    some.iter().map(|flight| verdict(&mut look, flight)).collect::<Vec<_>>()
                })
            })
            .collect();
        judges.into_iter().flat_map(|judge| judge.join().unwrap()).collect()
    });
    let mut look = ProfileView { connection: server.connect(), workspace };
    for (flight, verdict) in flights.iter().zip(verdicts) {
        let mut whole = verdict?;
        match flight.fate {
            Fate::Acknowledged => ledger.acknowledged += 1,
            _ if whole => ledger.in_doubt_whole += 1,
            _ => ledger.in_doubt_absent += 1,
        }
        if flight.fate != Fate::Acknowledged && flight.idempotency_key.is_some() {
            send_again(&mut look, flight, whole)?;
            whole = true;
        }
        if whole {
            ledger.effect.customers += flight.effect.customers;
            ledger.effect.events += flight.effect.events;
            ledger.effect.merges += flight.effect.merges;
            ledger.effect.reverts += flight.effect.reverts;
        }
    }
    compare_counters(&mut look, ledger)
}

/// Whether the request is whole (true) or absent (false); neither, or absent though acknowledged, is an error.
fn verdict(look: &mut ProfileView, flight: &Flight) -> Result<bool, String> {
    let Flight { tag, fate, .. } = flight;
    if let Fate::Refused(status, body) = fate
        && *status != 503
    {
        return Err(format!("request {tag} was answered {status}: {body}"));
    }
    if flight.unseen {
        return Err(format!("request {tag} was acknowledged, and a reader did not find it"));
    }
    let found = look.claims(flight, &flight.claims);
    let missing: Vec<&Claim> = flight.claims.iter().zip(&found).filter(|(_, found)| !**found).map(|(c, _)| c).collect();
    match (missing.is_empty(), fate) {
        (true, _) => Ok(true),
        (false, Fate::Acknowledged) => Err(format!("request {tag} was acknowledged and is lost: no {:?}", missing[0])),
        (false, _) if found.iter().any(|found| *found) => Err(format!(
            "request {tag} ({fate:?}) is there in part: {} of {}: no {missing:?}",
            found.len() - missing.len(),
            found.len()
        )),
        (false, _) if look.claims(flight, &flight.otherwise).contains(&false) => {
            Err(format!("request {tag} ({fate:?}) is not there, and what was before is not either"))
        }
        (false, _) => Ok(false),
    }
}

/// The same key and body again: a replay if the request was whole, else its first application (behaviour.md 1.4).
fn send_again(look: &mut ProfileView, flight: &Flight, whole: bool) -> Result<(), String> {
    let tag = &flight.tag;
    let key = flight.idempotency_key.as_deref();
    let answer = look.workspace.import(&mut look.connection, &flight.body, key).unwrap();
    let replayed = answer.header("Idempotency-Replayed") == Some("true");
    if answer.status != 200 || replayed != whole {
        let status = answer.status;
        return Err(format!(
            "request {tag} (whole: {whole}) sent again: {status}, replayed: {replayed}, {}",
            answer.text()
        ));
    }
    if look.claims(flight, &flight.claims).contains(&false) {
        return Err(format!("request {tag} sent again was acknowledged and is not whole"));
    }
    Ok(())
}

fn compare_counters(look: &mut ProfileView, ledger: &Ledger) -> Result<(), String> {
    let stats = look.manage("GET", "/stats", None).1;
    let Effect { customers, events, merges, reverts } = ledger.effect;
    let want = [customers + reverts - merges, events, merges];
    let got = ["users", "events", "merges"].map(|name| stats[name].as_u64().unwrap_or(u64::MAX));
    if got == want {
        Ok(())
    } else {
        Err(format!("stats show users, events, merges {got:?}, the whole requests make {want:?}"))
    }
}

/// Reads users and timelines through the management API.
struct ProfileView<'a> {
    connection: Connection,
    workspace: &'a Workspace,
}

impl ProfileView<'_> {
    /// Which of the claims of a request hold, in their order.
    fn claims(&mut self, flight: &Flight, claims: &[Claim]) -> Vec<bool> {
        let mut users = HashMap::new();
        let mut timelines = HashMap::new();
        let mut held = Vec::new();
        for claim in claims {
            held.push(match claim {
                Claim::User { customer } => {
                    self.user(&mut users, customer).is_some_and(|user| user["attributes"]["tag"] == flight.tag.as_str())
                }
                Claim::Merged { left, right } => {
                    let ids = [left, right].map(|customer| self.id_of(&mut users, customer));
                    ids[0].is_some() && ids[0] == ids[1]
                }
                Claim::Apart { left, right } => {
                    let ids = [left, right].map(|customer| self.id_of(&mut users, customer));
                    ids.iter().all(Option::is_some) && ids[0] != ids[1]
                }
                Claim::Deletion { customer, key } => {
                    let answer = self.workspace.delete_user(&mut self.connection, customer, key).unwrap();
                    // A user that is lost with its deletion is not found, which is a 400.
                    assert!(matches!(answer.status, 200 | 400), "{} {}", answer.status, answer.text());
                    answer.header("Idempotency-Replayed") == Some("true")
                }
                Claim::Event { customer, event_id } => match self.user(&mut users, customer) {
                    None => false,
                    Some(user) => {
                        let id = user["id"].as_str().unwrap().to_owned();
                        let timeline = timelines.entry(id.clone()).or_insert_with(|| self.timeline(&id));
                        timeline.iter().filter(|event| event["event_id"] == event_id.as_str()).count() == 1
                    }
                },
            });
        }
        held
    }

    fn user(&mut self, known: &mut HashMap<String, Option<Value>>, customer: &str) -> Option<Value> {
        let find = |look: &mut Self| {
            let (status, user) =
                look.manage("POST", "/users/find", Some(&json!({"kind": "customer_id", "value": customer})));
            (status == 200).then_some(user)
        };
        known.entry(customer.to_owned()).or_insert_with(|| find(self)).clone()
    }

    fn id_of(&mut self, known: &mut HashMap<String, Option<Value>>, customer: &str) -> Option<Value> {
        self.user(known, customer).map(|user| user["id"].clone())
    }

    fn timeline(&mut self, id: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.manage("GET", &format!("/users/{id}/events?limit=100{cursor}"), None).1;
            events.extend(page["items"].as_array().expect("a list has items").clone());
            match page["next_cursor"].as_str() {
                Some(next) if events.len() < EVENTS_PAGE => cursor = format!("&cursor={next}"),
                _ => return events,
            }
        }
    }

    fn manage(&mut self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.workspace.manage(&mut self.connection, method, path, body).unwrap();
        assert!(matches!(answer.status, 200 | 404), "{method} {path}: {} {}", answer.status, answer.text());
        (answer.status, answer.json())
    }
}
