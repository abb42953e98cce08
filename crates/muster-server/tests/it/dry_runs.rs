//! A dry run predicts what the request gets in its place (behaviour.md 1.3, law L8), over random small histories whose keys
//! collide, under guards. What a dry run costs and how many may run at once is in `imports` and `overload`.

use crate::world::{Workspace, World};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

/// Requests of one history.
const REQUESTS: u64 = 200;
/// Names of each kind in use at once, few so that they meet.
const NAMES: u64 = 7;
/// After this number of requests the oldest name is replaced by a new one: else soon all are one profile, and none is
/// created.
const REQUESTS_PER_NAME: u64 = 3;

/// SplitMix64, which gives the same history for the same seed.
struct Random {
    state: u64,
    /// The oldest name in use.
    oldest: u64,
}

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn value(&mut self, kind: &str) -> Json {
        let number = self.oldest + self.below(NAMES);
        match self.below(25) {
            0 => json!("null"),
            1 if kind != "customer_id" => json!([]),
            2 => json!(number),
            _ => json!(format!("{kind}-{number}")),
        }
    }

    fn identifiers(&mut self, most: u64, kinds: &[&str]) -> Json {
        let mut object = json!({});
        for kind in kinds {
            if self.below(most) > 0 {
                continue;
            }
            object[*kind] = self.value(kind);
        }
        object
    }

    fn element(&mut self) -> Json {
        let family = ["customer", "event", "device", "customer"][self.below(4) as usize];
        let mut element = json!({ "type": family });
        if !self.one_in(3) {
            element["customer_id"] = self.value("customer_id");
        }
        if element["type"] == "customer" {
            let mut attributes = self.identifiers(2, &["email", "mobile"]);
            attributes["score"] = json!(self.below(5));
            if self.one_in(4) {
                attributes["tags"] = json!({"add": [self.below(3)]});
            }
            element["attributes"] = attributes;
            if self.one_in(6) {
                element["update_existing_only"] = json!(true);
            }
            if self.one_in(8) {
                let name = ["email", "score"][self.below(2) as usize];
                element["unset_attributes"] = json!([name]);
            }
            return element;
        }
        element["user_identifiers"] = self.identifiers(2, &["email", "mobile"]);
        if element["type"] == "event" {
            let actions = (0..1 + self.below(3)).map(|_| {
                let name = if self.one_in(6) { "moe_reserved" } else { "seen" };
                json!({"action": name, "event_id": format!("e{}", self.below(40))})
            });
            element["actions"] = actions.collect();
        } else {
            let platform = if self.one_in(8) { "FRIDGE" } else { "ANDROID" };
            element["device_id"] = json!(format!("d{}", self.below(5)));
            element["attributes"] = json!({"platform": platform, "push_id": format!("t{}", self.below(5))});
        }
        element
    }
}

/// Compares a prediction with what came. Ids of new profiles stand in it as references; each is one id, each id one.
#[derive(Default)]
struct Correspondence {
    ids: HashMap<String, String>,
}

impl Correspondence {
    /// Returns a string with ids in place of references.
    fn read(&self, text: &str) -> String {
        let mut ids: Vec<_> = self.ids.iter().collect();
        // `new-1` is the beginning of `new-12`.
        ids.sort_by_key(|(reference, _)| std::cmp::Reverse(reference.len()));
        ids.iter().fold(text.to_owned(), |text, (reference, id)| text.replace(reference.as_str(), id))
    }

    /// The first place where they differ.
    fn differ(&mut self, at: &str, dry: &Json, real: &Json) -> Option<String> {
        let said = || Some(format!("{at}: {dry} was predicted, {real} came"));
        match (dry, real) {
            (Json::Object(dry), Json::Object(real)) => {
                let mut dry = dry.clone();
                if let Some(reference) = dry.remove("ref") {
                    dry.insert("id".to_owned(), reference);
                }
                if dry.len() != real.len() || dry.keys().any(|name| !real.contains_key(name)) {
                    return said();
                }
                let mut members = dry.iter().filter(|(name, _)| *name != "request_id");
                members.find_map(|(name, dry)| self.differ(&format!("{at}/{name}"), dry, &real[name]))
            }
            (Json::Array(dry), Json::Array(real)) if dry.len() == real.len() => {
                let mut items = dry.iter().zip(real).enumerate();
                items.find_map(|(place, (dry, real))| self.differ(&format!("{at}/{place}"), dry, real))
            }
            (Json::String(dry), Json::String(real)) if dry.starts_with("new-") => {
                let known = self.ids.entry(dry.clone()).or_insert_with(|| real.clone()) == real;
                let once = self.ids.values().filter(|id| *id == real).count() == 1;
                if known && once { None } else { said() }
            }
            // A sentence names values that are elsewhere in the answer before it.
            (Json::String(dry), Json::String(real)) if self.read(dry) == *real => None,
            _ if dry == real => None,
            _ => said(),
        }
    }
}

/// What a history has beside imports: time passes, a merge is reverted, a review is decided.
fn meanwhile(world: &World, workspace: &Workspace<'_>, random: &mut Random) {
    if random.one_in(3) {
        world.clock.step(1 + random.below(100) as i64);
    }
    let pick = |path: &str, random: &mut Random| {
        let items = workspace.admin("GET", path, &Json::Null).json()["items"].as_array().unwrap().clone();
        let place = random.below(items.len().max(1) as u64) as usize;
        items.get(place).map(|item| item["id"].as_str().unwrap().to_owned())
    };
    match random.below(12) {
        0 => {
            if let Some(id) = pick("/merges", random) {
                // Reverted already is fine.
                workspace.admin("POST", &format!("/merges/{id}/revert"), &Json::Null);
            }
        }
        1 => {
            if let Some(id) = pick("/reviews?state=open", random) {
                let decision = ["merge", "keep_apart", "dismiss"][random.below(3) as usize];
                workspace.admin("POST", &format!("/reviews/{id}"), &json!({"decision": decision}));
            }
        }
        _ => {}
    }
}

/// Each request of a random history is tried first; answers what it met, by outcome.
fn history(seed: u64, identifiers: &Json) -> HashMap<String, usize> {
    let (world, mut random) = (World::start(), Random { state: seed, oldest: 0 });
    let workspace = world.workspace(&Json::Null);
    let identity = json!({"enabled": true, "identifiers": identifiers, "attribute_rules": {"score": "sum"}});
    assert_eq!(workspace.admin("PUT", "/identity", &identity).status, 200);
    let mut met = HashMap::new();
    for number in 0..REQUESTS {
        random.oldest = number / REQUESTS_PER_NAME;
        meanwhile(&world, &workspace, &mut random);
        let elements: Json = (0..1 + random.below(9)).map(|_| random.element()).collect();
        let body = json!({"type": "transition", "elements": elements}).to_string();
        let lenient = if random.one_in(4) { "" } else { ", handling=lenient" };
        let prefer = format!("return=representation{lenient}");
        let send = |call: &str| workspace.post(call, &[("Prefer", &prefer)], body.as_bytes());
        let before = workspace.stats();
        let dry = send("transition?dry_run=true");
        assert_eq!(workspace.stats(), before, "seed {seed}, request {number}: a dry run stores nothing: {body}");
        let real = send("transition");
        let (status, real) = (real.status, real.json());
        assert_eq!(dry.status, status, "seed {seed}, request {number}: {} for {real}", dry.json());
        let is_new = |id: &&Json| id.as_str().is_some_and(|id| id.starts_with("new-"));
        let results = dry.json()["results"].as_array().cloned().unwrap_or_default();
        let merged = results.iter().filter_map(|result| result["merged_ids"].as_array()).flatten();
        *met.entry("merged though new".to_owned()).or_default() += merged.filter(is_new).count();
        let differ = Correspondence::default().differ("", &dry.json(), &real);
        assert_eq!(differ, None, "seed {seed}, request {number}: {body}");
        for result in real["results"].as_array().into_iter().flatten() {
            *met.entry(result["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
            let withheld = |key: &Json| key["reason"].as_str().map(|reason| format!("withheld: {reason}"));
            for reason in result["because"]["keys"].as_array().into_iter().flatten().filter_map(withheld) {
                *met.entry(reason).or_default() += 1;
            }
        }
        if status == 400 {
            *met.entry("refused".to_owned()).or_default() += 1;
        }
    }
    met
}

// Fails if a dry run commits (its mode is `Commit` and `Import` gives its changes out: either alone changes nothing), or if
// `merged_ids` or the sentence of `because` name a new profile otherwise than its result does.
#[test]
fn a_dry_run_predicts_the_whole_answer_of_the_request_in_its_place() {
    let plain = json!([{"kind": "customer_id"}, {"kind": "email", "normalise": "lowercase"}, {"kind": "mobile"}]);
    let pinned = json!([{"kind": "customer_id", "pinned": true}, {"kind": "email"}, {"kind": "mobile"}]);
    let capped = json!([
        {"kind": "mobile", "max_profiles": 2},
        {"kind": "customer_id"},
        {"kind": "email", "pinned": true, "max_profiles": 3},
    ]);
    let mut met: HashMap<String, usize> = HashMap::new();
    for (seed, identifiers) in (1..).zip([&plain, &pinned, &capped]) {
        for (what, count) in history(seed, identifiers) {
            *met.entry(what).or_default() += count;
        }
    }
    let all = ["created", "updated", "merged", "skipped", "duplicate", "rejected", "refused", "merged though new"];
    let guards = ["withheld: pinned", "withheld: max_profiles", "withheld: separated"];
    for what in all.iter().chain(&guards) {
        assert!(met.get(*what).is_some_and(|count| *count > 2), "the histories meet too little {what}: {met:?}");
    }
}
