//! Random histories from small pools of identifiers, names and values, so that collisions are frequent. A history is a
//! short description that shrinks well; its commands depend on the settings and are built here, too.

use crate::variants::Variant;
use muster_core::command::{
    Action, ArrayOperation, Body, CustomerElement, DeviceElement, DeviceFields, Element, EventElement, GivenIdentifier,
    Import, Matching, SeenTimes, Unset,
};
use muster_core::decide::Choose;
use muster_core::identifier::{Identifier, IdentifierKind, KindSettings};
use muster_core::kinds::{ElementKind, Platform, Route};
use muster_core::reason::{Fault, Reason};
use muster_core::settings::Settings;
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_core::warning::Warnings;
use std::sync::Arc;

const DAY: i64 = 86_400_000;
/// Start of every history.
pub(crate) const START: i64 = 1_767_571_200_000;
pub(crate) const KINDS: [&str; 3] = ["customer_id", "mobile", "email"];
const NAMES: [&str; 9] = ["tier", "city", "size", "spent", "best", "tags", "moe_spam", "email", "mobile"];

/// Element: identifiers from the pools by kind, in the order of `KINDS`, and its content.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) keys: [Option<u8>; 3],
    pub(crate) existing_only: bool,
    pub(crate) what: What,
}

/// Content of an element, by indexes into the pools.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Customer {
        sets: Vec<(u8, u8)>,
        arrays: Vec<(bool, u8)>,
        unsets: Vec<u8>,
        platforms: Vec<(u8, bool)>,
        seen: [Option<u8>; 2],
        /// New id beside a `customer_id`.
        uid: Option<u8>,
    },
    Event {
        actions: Vec<(u8, Option<u8>)>,
    },
    Device {
        id: u8,
        push: u8,
        gaid: Option<u8>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A request; `dry`: the same is sent as a dry run before.
    Send {
        later: u8,
        dry: bool,
        elements: Vec<Draft>,
    },
    Revert(u8),
    Lift(u8),
    /// A review is decided.
    Decide(u8, Choose),
    /// A deletion is requested.
    Delete(u8),
    /// Two users are merged by an API call.
    Merge(u8, u8),
    /// The identity settings change.
    Turn(Turn),
    /// An activation advances by this many batches and phases.
    Advance(u8),
}

/// Change of the settings; refused while an activation is in progress.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// Starts the activation of inactive kinds; the bits choose them.
    Activate(u8),
    Pause(u8),
    Remove(u8),
    Off,
    /// Cancels the activation in progress.
    Cancel,
}

#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) variant: Variant,
    pub(crate) steps: Vec<Step>,
}

/// Returns how much later a step happens, in milliseconds.
pub(crate) fn later(n: u8) -> i64 {
    match n {
        0..8 => 0,
        19 => 4 * DAY + 1,
        n => i64::from(n) * 1_000,
    }
}

fn text(kind: &str, n: u8) -> String {
    match kind {
        "customer_id" => format!("c{n}"),
        // Also written as a number.
        "mobile" if n == 3 => "7".into(),
        "mobile" => format!("+1555010000{n}"),
        _ => format!("e{n}@example.test"),
    }
}

pub(crate) fn key(kind: &str, n: u8) -> Identifier {
    Identifier { kind: IdentifierKind::new(kind), value: text(kind, n).into() }
}

fn value(name: &str, n: u8) -> Value {
    let letter = |n: u8| Value::text(["x", "y", "z"][usize::from(n % 3)]);
    match name {
        "tags" if n.is_multiple_of(6) => letter(0),
        "tags" => Value::Array(
            (0..3)
                .filter(|bit| (n % 8) >> bit & 1 == 1)
                .map(letter)
                .chain(n.is_multiple_of(8).then(|| letter(2)))
                .collect(),
        ),
        "size" | "spent" | "best" if n == 7 => Value::Float(1.5),
        "size" | "spent" | "best" => Value::Integer(i64::from(n) % 5 - 1),
        "moe_spam" => Value::Boolean(n.is_multiple_of(2)),
        "mobile" if n == 8 => Value::Integer(7),
        "email" if n == 8 => Value::text(&text(name, 0).to_uppercase()),
        "email" | "mobile" if n == 9 => Value::text(" Null "),
        "email" | "mobile" if n == 10 => Value::Boolean(true),
        "email" | "mobile" => Value::text(&text(name, n % 4)),
        _ => Value::text(["gold", "blue", "red"][usize::from(n % 3)]),
    }
}

fn unset(n: u8) -> Unset {
    let (matching, text, case_sensitive) = match n {
        0 => (Matching::Equals, "tier", true),
        1 => (Matching::Equals, "city", true),
        2 => (Matching::Prefix, "s", true),
        3 => (Matching::Suffix, "s", true),
        4 => (Matching::Contains, "e", true),
        5 => (Matching::Equals, "tags", true),
        6 => (Matching::Equals, "moe_spam", true),
        7 => (Matching::Equals, "spent", true),
        8 => (Matching::Contains, "", true),
        9 => (Matching::Equals, "email", true),
        10 => (Matching::Equals, "mobile", true),
        11 => (Matching::Equals, "customer_id", true),
        12 => (Matching::Equals, "EMAIL", false),
        _ => (Matching::Prefix, "MO", false),
    };
    Unset { matching, text: text.into(), case_sensitive, pointer: "/u".into() }
}

/// Returns the element of a draft; without an identifier that the settings accept, it is refused.
pub(crate) fn element(index: usize, draft: &Draft, settings: &Settings, now: Timestamp) -> Element {
    let active = |k: &&KindSettings| KINDS.iter().position(|n| *n == k.kind.name());
    let customer = matches!(draft.what, What::Customer { .. });
    let given = |k: &KindSettings| {
        let n = draft.keys[active(&k)?]?;
        let written = customer && k.kind.name() != "customer_id";
        Some(GivenIdentifier { identifier: key(k.kind.name(), n), pointer: "/k".into(), written, is_new_id: false })
    };
    let mut keys: Vec<GivenIdentifier> = settings.identity.active().filter_map(given).collect();
    if let (What::Customer { uid: Some(uid), .. }, Some(at)) =
        (&draft.what, keys.iter().position(|given| given.identifier.kind.name() == "customer_id"))
    {
        let new = key("customer_id", *uid);
        if new != keys[at].identifier {
            keys.insert(
                at + 1,
                GivenIdentifier { identifier: new, pointer: "/u".into(), written: true, is_new_id: true },
            );
        }
    }
    with_keys(index, keys, draft, settings, now)
}

/// Returns the element of a draft with these identifiers.
pub(crate) fn with_keys(
    index: usize,
    keys: Vec<GivenIdentifier>,
    draft: &Draft,
    settings: &Settings,
    now: Timestamp,
) -> Element {
    let usable = !keys.is_empty();
    let (kind, actions, body) = match &draft.what {
        What::Customer { .. } => {
            (ElementKind::Customer, 0, Body::Customer(Box::new(customer(keys, draft, settings, now))))
        }
        What::Event { actions } => {
            (ElementKind::Event, actions.len(), Body::Event(Box::new(event(keys, draft, actions, now))))
        }
        What::Device { id, push, gaid } => {
            (ElementKind::Device, 0, Body::Device(Box::new(device(keys, *id, *push, *gaid))))
        }
    };
    let body = if usable { Ok(body) } else { Err(Fault::new(Reason::NoUsableIdentifier, "/e", None).into()) };
    Element { index: index as u32, kind, body, actions: actions as u32, warnings: Warnings::default() }
}

fn customer(keys: Vec<GivenIdentifier>, draft: &Draft, settings: &Settings, now: Timestamp) -> CustomerElement {
    let What::Customer { sets, arrays, unsets, platforms, seen, uid: _ } = &draft.what else { unreachable!() };
    let mut customer =
        CustomerElement { identifiers: keys, update_existing_only: draft.existing_only, ..CustomerElement::default() };
    // A value that no active kind accepts as an identifier is a plain attribute.
    for (name, n) in KINDS.iter().zip(draft.keys).skip(1) {
        if let Some(n) = n.filter(|_| settings.identity.active_kind(name).is_none()) {
            customer.sets.push(((*name).into(), Value::text(&text(name, n))));
        }
    }
    for (name, n) in sets {
        let name = NAMES[usize::from(*name)];
        if settings.identity.active_kind(name).is_none() && customer.sets.iter().all(|(s, _)| **s != *name) {
            customer.sets.push((name.into(), value(name, *n)));
        }
    }
    let set = customer.sets.iter().any(|(s, _)| **s == *"tags");
    customer.arrays = arrays
        .iter()
        .filter(|_| !set)
        .map(|(add, n)| ArrayOperation {
            name: "tags".into(),
            add: *add,
            values: (0..3).filter(|bit| n >> bit & 1 == 1).map(|b| Value::text(["x", "y", "z"][b])).collect(),
            pointer: "/a".into(),
        })
        .collect();
    customer.unsets = unsets.iter().map(|n| unset(*n)).collect();
    for (p, active) in platforms {
        let platform = [Platform::Android, Platform::Ios, Platform::Web][usize::from(*p)];
        customer.platforms.push((platform, *active));
    }
    let back = |n: Option<u8>| n.map(|n| Timestamp(now.0 - DAY * i64::from(n) + 3 * DAY));
    customer.seen = SeenTimes { first: back(seen[0]), last: back(seen[1]) };
    for (name, given) in [("first_seen", seen[0]), ("last_seen", seen[1])] {
        customer.create_only_names.extend(given.map(|_| (name.into(), "/s".into())));
    }
    if seen[0].is_some_and(|n| n > 2) {
        customer.create_only.push(("publisher_name".into(), value("tier", 1)));
        customer.create_only_names.push(("publisher_name".into(), "/p".into()));
    }
    customer
}

fn event(keys: Vec<GivenIdentifier>, draft: &Draft, actions: &[(u8, Option<u8>)], now: Timestamp) -> EventElement {
    let action = |(when, id): &(u8, Option<u8>)| {
        let time = match when {
            0..3 => None,
            3..7 => Some(Timestamp(now.0 - i64::from(*when) * DAY)),
            7 => Some(Timestamp(now.0 + 200_000)),
            8 => Some(Timestamp(now.0 + 300_001)),
            _ => return Err(Fault::new(Reason::ReservedName, "/a", Some("action")).into()),
        };
        Ok(Arc::new(Action {
            name: if *when == 1 { "opened" } else { "seen" }.into(),
            attributes: vec![("n".into(), Value::Integer(i64::from(*when)))],
            time,
            user_time: None,
            offset_seconds: 3_600,
            platform: None,
            os_type: None,
            app_version: None,
            event_id: id.map(|n| format!("ev{n}").into()),
            pointer: "/a".into(),
        }))
    };
    EventElement {
        identifiers: keys,
        update_existing_only: draft.existing_only,
        device_id: None,
        actions: actions.iter().map(action).collect(),
    }
}

fn device(keys: Vec<GivenIdentifier>, id: u8, push: u8, gaid: Option<u8>) -> DeviceElement {
    let fields = DeviceFields {
        platform: Platform::Android,
        push_id: if push == 5 { "null".into() } else { format!("t{push}").into() },
        model: None,
        app_version: None,
        os_version: None,
        push_opted: None,
        push_provisional_opted: None,
        gaid: gaid.map(|n| format!("g{n}").into()),
        idfv: None,
        push_id_is_word: push == 5,
    };
    DeviceElement { identifiers: keys, device_id: format!("d{id}").into(), fields, pointer: "/d".into() }
}

/// Returns a request of these elements.
pub(crate) fn import(settings: &Arc<Settings>, elements: Vec<Element>, dry: bool) -> Import {
    Import {
        route: Route::Transition,
        settings: settings.clone(),
        all_or_nothing: false,
        dry,
        elements,
        origin: None,
        warnings: Warnings::default(),
        bytes: 0,
        arrived_micros: 0,
        idempotency: None,
        replay: None,
    }
}
