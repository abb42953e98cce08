//! Law L6 with a generator of its own: people, merges among them, people with a new customer id beside an identifier of
//! another person, traffic under the identifiers of one id each, and reverts in any order; with a twin in which the
//! merges never happened. The content of a merging element goes to the survivor, in the twin under the survivor's own
//! identifier; the content of a new customer id belongs to that id, in the twin without the other identifier.

use crate::engine::Store;
use crate::histories::{Draft, START, What, key, later, with_keys};
use crate::strategies::contents;
use crate::variants::{Variant, variants};
use crate::world::{invariants, merged, plain, revert, send};
use muster_core::command::{Element, GivenIdentifier};
use muster_core::decide::{Lift, RevertOutcome};
use muster_core::id::{MergeNo, ProfileNo};
use muster_core::outcome::{ElementResult, Outcome};
use muster_core::record::Event;
use muster_core::settings::Settings;
use muster_core::time::{Moment, Timestamp};
use muster_core::warning::{Code, Warning};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

/// One event.
#[derive(Clone, Debug)]
pub(crate) enum Happens {
    /// An element with identifiers of one id; the bits choose which.
    Traffic {
        who: u8,
        keys: u8,
        later: u8,
        what: What,
    },
    /// An element that merges two people.
    Merge {
        a: u8,
        b: u8,
        what: What,
    },
    /// A new customer id beside an identifier of a person: one more person (behaviour.md 3.2.h).
    NewId {
        beside: u8,
        key: u8,
        what: What,
    },
    /// A merge in force is reverted.
    Revert(u8),
    Lift(u8),
}

/// People and their events.
#[derive(Clone, Debug)]
pub(crate) struct Undone {
    variant: Variant,
    people: u8,
    happens: Vec<Happens>,
    order: Vec<u8>,
}

pub(crate) fn cases() -> impl Strategy<Value = Undone> {
    let traffic = (any::<u8>(), 1..8u8, 0..20u8, contents()).prop_map(|(who, keys, later, what)| Happens::Traffic {
        who,
        keys,
        later,
        what: without_arrays(what),
    });
    let merge = (any::<u8>(), any::<u8>(), contents()).prop_map(|(a, b, what)| Happens::Merge {
        a,
        b,
        what: without_arrays(what),
    });
    let new_id = (any::<u8>(), any::<u8>(), contents()).prop_filter_map("a customer", |(beside, key, what)| {
        let what = without_arrays(what);
        matches!(what, What::Customer { .. }).then_some(Happens::NewId { beside, key, what })
    });
    let happens = prop_oneof![
        6 => traffic,
        3 => merge,
        2 => new_id,
        1 => any::<u8>().prop_map(Happens::Revert),
        1 => any::<u8>().prop_map(Happens::Lift),
    ];
    // Merges need two kinds, and no guards except the separations of reverts.
    let variants = variants().prop_filter("merges need two kinds", |v| v.kinds != 0);
    let variants = variants.prop_map(|v| Variant { pins: 0, caps: [0; 3], dormant: 0, ..v });
    (variants, 2..6u8, vec(happens, 1..30), vec(any::<u8>(), 30)).prop_map(|(variant, people, happens, order)| Undone {
        variant,
        people,
        happens,
        order,
    })
}

/// Plain attributes set and unset, platforms, devices, events: what the law covers.
fn without_arrays(what: What) -> What {
    match what {
        What::Customer { sets, unsets, platforms, seen, .. } => {
            let unsets = unsets.into_iter().filter(|n| *n < 9).collect();
            What::Customer { sets, arrays: Vec::new(), unsets, platforms, seen, uid: None }
        }
        What::Event { actions } if actions.iter().all(|(when, _)| *when >= 8) => {
            What::Event { actions: vec![(0, None)] }
        }
        other => other,
    }
}

struct Both {
    /// For each person: known only by a customer id.
    people: Vec<bool>,
    settings: Arc<Settings>,
    main: Store,
    twin: Store,
    now: Timestamp,
    root_pointer: Vec<MergeNo>,
}

impl Undone {
    /// Runs both and compares every person.
    pub(crate) fn check(&self) -> Result<(), String> {
        let settings = Arc::new(self.variant.settings());
        let mut both = Both {
            people: Vec::new(),
            settings,
            main: Store::new(),
            twin: Store::new(),
            now: Timestamp(START),
            root_pointer: Vec::new(),
        };
        for person in 0..self.people {
            both.people.push(false);
            both.traffic(
                person,
                7,
                &What::Customer {
                    sets: vec![(person, person), (3, person)],
                    arrays: Vec::new(),
                    unsets: Vec::new(),
                    platforms: vec![(person % 3, true)],
                    seen: [Some(person), None],
                    uid: None,
                },
            )?;
        }
        for happens in &self.happens {
            both.happens(happens)?;
            invariants(&both.main)?;
        }
        for n in &self.order {
            both.revert(*n)?;
            invariants(&both.main)?;
        }
        both.compare()
    }
}

impl Both {
    /// Returns all identifiers of a person, in order of rank.
    fn keys(&self, person: u8, written: bool) -> Vec<GivenIdentifier> {
        let given = |kind: &str| GivenIdentifier {
            identifier: key(kind, person),
            pointer: "/k".into(),
            written: written && kind != "customer_id",
            is_new_id: false,
        };
        let is_alone = self.people[usize::from(person)];
        let kinds = self.settings.identity.active().map(|k| k.kind.name());
        kinds.filter(|kind| !is_alone || *kind == "customer_id").map(given).collect()
    }

    fn element(&self, keys: Vec<GivenIdentifier>, what: &What) -> Element {
        let draft = Draft { keys: [None; 3], existing_only: false, what: what.clone() };
        with_keys(0, keys, &draft, &self.settings, self.now)
    }

    fn traffic(&mut self, person: u8, bits: u8, what: &What) -> Result<(), String> {
        let mut keys = self.keys(person, matches!(what, What::Customer { .. }));
        let all = keys.clone();
        let mut bit = 0;
        keys.retain(|_| {
            bit += 1;
            bits >> (bit - 1) & 1 == 1
        });
        let element = self.element(if keys.is_empty() { all } else { keys }, what);
        let in_main = send(&mut self.main, &self.settings, vec![element.clone()], self.now)?;
        let in_twin = send(&mut self.twin, &self.settings, vec![element], self.now)?;
        // Warnings of known event ids depend on the profile at the time.
        let told = |result: &ElementResult| -> Vec<Warning> {
            result.warnings.iter().filter(|warning| warning.code != Code::EventIdReused).cloned().collect()
        };
        if in_main[0].outcome == in_twin[0].outcome && told(&in_main[0]) == told(&in_twin[0]) {
            return Ok(());
        }
        Err(format!("traffic of {person}: {:?} and in the twin {:?}", in_main[0], in_twin[0]))
    }

    fn happens(&mut self, happens: &Happens) -> Result<(), String> {
        let people = u8::try_from(self.people.len()).unwrap();
        match happens {
            Happens::Traffic { who, keys, later: by, what } => {
                self.now.0 += later(*by);
                self.traffic(who % people, *keys, what)
            }
            Happens::Merge { a, b, what } => self.merge(a % people, b % people, what),
            Happens::NewId { beside, key, what } => self.new_id(beside % people, *key, what),
            Happens::Revert(n) => self.revert(*n),
            Happens::Lift(n) => {
                let Some(no) = self.main.separations.keys().nth(usize::from(*n) % self.main.separations.len().max(1))
                else {
                    return Ok(());
                };
                self.main.run(&Lift { separation: *no }, Moment { at: self.now, micros: 0 }).map(drop)
            }
        }
    }

    fn merge(&mut self, a: u8, b: u8, what: &What) -> Result<(), String> {
        let root = |person: u8| self.main.root(ProfileNo(u64::from(person) + 1));
        if root(a) == root(b) || self.main.separated(root(a), root(b)) {
            return Ok(());
        }
        let mut keys = self.keys(a, false);
        keys.truncate(1);
        // Two people known only by a customer id cannot be named in one element.
        let Some(other) =
            self.keys(b, false).into_iter().find(|given| given.identifier.kind != keys[0].identifier.kind)
        else {
            return Ok(());
        };
        keys.push(other);
        let element = self.element(keys, what);
        let results = send(&mut self.main, &self.settings, vec![element], self.now)?;
        // An event element without an accepted action merges nothing.
        let known = matches!(results[0].outcome, Outcome::Duplicate | Outcome::Rejected);
        if !merged(&results[0]) && !known {
            return Err(format!("{a} and {b} are not merged: {:?}", results[0]));
        }
        let survivor = results[0].profile.map_or(a, |id| u8::try_from(id.no.0 - 1).unwrap());
        if !known {
            self.root_pointer.push(MergeNo(self.main.counters.merge));
        }
        let element = self.element(self.keys(survivor, false), what);
        send(&mut self.twin, &self.settings, vec![element], self.now).map(drop)
    }

    fn new_id(&mut self, beside: u8, key: u8, what: &What) -> Result<(), String> {
        let mut others = self.keys(beside, false);
        others.retain(|given| given.identifier.kind.name() != "customer_id");
        if others.is_empty() {
            return Ok(());
        }
        let other = others.swap_remove(usize::from(key) % others.len());
        self.people.push(true);
        let own = self.keys(u8::try_from(self.people.len() - 1).unwrap(), false);
        let (main, twin) = (self.element(own.iter().cloned().chain([other]).collect(), what), self.element(own, what));
        let in_main = send(&mut self.main, &self.settings, vec![main], self.now)?;
        let in_twin = send(&mut self.twin, &self.settings, vec![twin], self.now)?;
        self.root_pointer.push(MergeNo(self.main.counters.merge));
        let outcomes = (in_main[0].outcome, in_twin[0].outcome, in_main[0].merged.len());
        if outcomes == (Outcome::Merged, Outcome::Created, 1) && in_main[0].warnings == in_twin[0].warnings {
            return Ok(());
        }
        Err(format!("a new id beside {beside}: {:?} and in the twin {:?}", in_main[0], in_twin[0]))
    }

    fn revert(&mut self, n: u8) -> Result<(), String> {
        if self.root_pointer.is_empty() {
            return Ok(());
        }
        let no = self.root_pointer.remove(usize::from(n) % self.root_pointer.len());
        match revert(&mut self.main, &self.settings, no, self.now)? {
            RevertOutcome::Reverted { .. } => Ok(()),
            other => Err(format!("{no} is not reverted: {other:?}")),
        }
    }

    fn compare(&self) -> Result<(), String> {
        let side = |store: &Store, no: ProfileNo| {
            let events: Vec<Event> =
                store.events.values().filter(|e| e.profile == no).map(|e| Event { seq: 0, ..e.clone() }).collect();
            Ok::<_, String>((plain(store.snapshot(no, &self.settings.identity, false)?), events))
        };
        for no in self.twin.profiles.keys() {
            let (main, twin) = (side(&self.main, *no)?, side(&self.twin, *no)?);
            if main != twin {
                return Err(format!("law L6: {no:?} is\n {main:?}\nand had it never been merged\n {twin:?}"));
            }
        }
        Ok(())
    }
}
