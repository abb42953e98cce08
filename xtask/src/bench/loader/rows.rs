//! Owns what one body means to the loader G: its parsed form, the identifiers in it, and the columns of the statements
//! once the known identifiers are looked up. No I/O.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// The identifier kinds; their place is the `kind` column.
const KINDS: [&str; 3] = ["customer_id", "mobile", "email"];

/// A transition request as the loader reads it.
#[derive(Debug, Deserialize)]
pub(super) struct LoadedBody<'a> {
    #[serde(borrow)]
    pub(super) elements: Vec<LoadedElement<'a>>,
}

/// One customer or event.
#[derive(Debug, Deserialize)]
pub(super) struct LoadedElement<'a> {
    pub(super) customer_id: Option<&'a str>,
    #[serde(default)]
    pub(super) attributes: Map<String, Value>,
    #[serde(default, borrow)]
    pub(super) actions: Vec<LoadedAction<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoadedAction<'a> {
    pub(super) action: &'a str,
    pub(super) event_id: Option<&'a str>,
    #[serde(default)]
    pub(super) attributes: Map<String, Value>,
    pub(super) platform: Option<&'a str>,
    pub(super) current_time: Option<f64>,
}

type Key<'a> = (i16, &'a str);

impl LoadedElement<'_> {
    /// The identifiers of the element: `(kind, value)`.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        let attribute = |kind: usize| self.attributes.get(KINDS[kind]).and_then(Value::as_str);
        let all = [self.customer_id, attribute(1), attribute(2)];
        all.into_iter().zip(0..).filter_map(|(value, kind)| Some((kind, value?)))
    }
}

/// Identifiers as the columns of a statement.
#[derive(Debug, Default)]
pub(super) struct LoadedKeys<'a> {
    pub(super) kinds: Vec<i16>,
    pub(super) values: Vec<&'a str>,
    pub(super) users: Vec<i64>,
}

impl<'a> LoadedBody<'a> {
    /// Every identifier of the body once, in ascending order.
    pub(super) fn keys(&self) -> LoadedKeys<'_> {
        let mut all: Vec<_> = self.elements.iter().flat_map(LoadedElement::keys).collect();
        all.sort_unstable();
        all.dedup();
        let (kinds, values) = all.into_iter().unzip();
        LoadedKeys { kinds, values, users: Vec::new() }
    }
}

/// Users as columns; ascending by id, so that two transactions lock rows in the same order.
#[derive(Debug, Default)]
pub(super) struct UserColumns {
    pub(super) ids: Vec<i64>,
    pub(super) attributes: Vec<Option<String>>,
    pub(super) first_seen: Vec<f64>,
    pub(super) last_seen: Vec<f64>,
    pub(super) events: Vec<i64>,
}

/// Events as columns.
#[derive(Debug, Default)]
pub(super) struct EventColumns<'a> {
    pub(super) users: Vec<i64>,
    pub(super) names: Vec<&'a str>,
    pub(super) attributes: Vec<String>,
    pub(super) platforms: Vec<Option<&'a str>>,
    pub(super) times: Vec<f64>,
    pub(super) ids: Vec<Option<&'a str>>,
}

/// Everything that one request writes.
#[derive(Debug, Default)]
pub(super) struct Rows<'a> {
    pub(super) created: UserColumns,
    pub(super) updated: UserColumns,
    /// Identifiers seen for the first time.
    pub(super) bound: LoadedKeys<'a>,
    /// Identifiers of users that this request showed to be one person.
    pub(super) moved: LoadedKeys<'a>,
    pub(super) events: EventColumns<'a>,
}

#[derive(Debug, Default)]
struct Change {
    is_new: bool,
    attributes: Map<String, Value>,
    first_seen: f64,
    last_seen: f64,
    events: i64,
}

impl<'a> Rows<'a> {
    /// Resolves the elements in order against the `known` identifiers, taking new user ids from `ids`.
    pub(super) fn decide(
        body: &'a LoadedBody<'_>,
        known: &HashMap<Key<'_>, i64>,
        ids: &mut Range<i64>,
        now: f64,
    ) -> Self {
        let mut rows = Self::default();
        let mut changes: BTreeMap<i64, Change> = BTreeMap::new();
        let mut bindings: HashMap<Key<'a>, i64> = HashMap::new();
        for element in &body.elements {
            let bound = |key: &Key<'a>| bindings.get(key).or_else(|| known.get(key)).copied();
            // The oldest of the users that the element's identifiers name; the others' identifiers move to it.
            let user = element.keys().filter_map(|key| bound(&key)).min();
            let (user, is_new) = user.map_or_else(
                || (ids.next().expect("a block holds more ids than a body has elements"), true),
                |user| (user, false),
            );
            for key in element.keys() {
                if bindings.get(&key).or_else(|| known.get(&key)) != Some(&user) {
                    bindings.insert(key, user);
                }
            }
            let change = changes.entry(user).or_insert_with(|| Change { is_new, first_seen: now, ..Change::default() });
            if element.actions.is_empty() {
                change.last_seen = now;
            }
            for (name, value) in element.attributes.iter().filter(|(name, _)| !KINDS.contains(&name.as_str())) {
                change.attributes.insert(name.clone(), value.clone());
            }
            for action in &element.actions {
                rows.events.push(user, action, change, now);
            }
        }
        rows.spread(changes);
        // In order: neighbours in the index are written together, and two transactions lock alike.
        let mut bindings: Vec<_> = bindings.into_iter().collect();
        bindings.sort_unstable();
        for (key, user) in bindings {
            let of = if known.contains_key(&key) { &mut rows.moved } else { &mut rows.bound };
            of.kinds.push(key.0);
            of.values.push(key.1);
            of.users.push(user);
        }
        rows
    }

    fn spread(&mut self, changes: BTreeMap<i64, Change>) {
        for (id, change) in changes {
            let of = if change.is_new { &mut self.created } else { &mut self.updated };
            let keep = change.is_new || !change.attributes.is_empty();
            of.ids.push(id);
            of.attributes.push(keep.then(|| Value::Object(change.attributes).to_string()));
            of.first_seen.push(change.first_seen);
            of.last_seen.push(change.last_seen);
            of.events.push(change.events);
        }
    }
}

impl<'a> EventColumns<'a> {
    fn push(&mut self, user: i64, action: &'a LoadedAction<'_>, change: &mut Change, now: f64) {
        let time = action.current_time.unwrap_or(now);
        change.events += 1;
        change.first_seen = change.first_seen.min(time);
        change.last_seen = change.last_seen.max(time);
        self.users.push(user);
        self.names.push(action.action);
        self.attributes.push(serde_json::to_string(&action.attributes).expect("a map of JSON values is JSON"));
        self.platforms.push(action.platform);
        self.times.push(time);
        self.ids.push(action.event_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_user_made_in_the_same_body_lands_on_that_user() {
        let text = r#"{"elements":[
            {"type":"customer","customer_id":"a","attributes":{"mobile":"+1","tier":"gold"}},
            {"type":"event","customer_id":"a","actions":[{"action":"seen","current_time":5,"event_id":"e"}]},
            {"type":"event","customer_id":"b","actions":[{"action":"seen"}]}]}"#;
        let body: LoadedBody<'_> = serde_json::from_str(text).unwrap();
        let known = HashMap::from([((0, "b"), 3)]);
        let rows = Rows::decide(&body, &known, &mut (10..20), 7.0);
        assert_eq!((rows.created.ids, rows.updated.ids), (vec![10], vec![3]));
        assert_eq!(rows.created.attributes, [Some(r#"{"tier":"gold"}"#.to_owned())]);
        assert_eq!((rows.created.first_seen, rows.created.last_seen), (vec![5.0], vec![7.0]));
        assert_eq!((rows.events.users, rows.events.times), (vec![10, 3], vec![5.0, 7.0]));
        assert_eq!((rows.bound.values.len(), rows.moved.values.len()), (2, 0));
    }
}
