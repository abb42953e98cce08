//! Owns the shared things that many requests touch: elements by their keys, large arrays, records and profiles, the
//! settings that let profiles meet. Knows no case.

use super::place::CaseWorkspace;
use anyhow::Result;
use serde_json::{Map, Value as Json, json};

/// Integers of a large array: with 7 bytes each nearly the whole of a record.
pub(crate) const ARRAY_LENGTH: usize = 142_500;
/// Members of a large profile: the default of `max_profiles`.
pub(crate) const MEMBERS: usize = 50;
/// Attributes of each of its members, with room for what a case adds (behaviour.md 2: 2,000).
const MEMBER_ATTRIBUTES: usize = 1_960;
/// Integers that one element adds to an array that is prepared.
const ARRAY_STEP: usize = 47_500;
/// A value of this length ten times is nearly a whole record.
const LONG_VALUE: usize = 100_000;

/// A customer element of this customer id.
pub(crate) fn user(id: &str, attributes: &Json) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": attributes})
}

/// A customer element without one: its attributes say who it is.
pub(crate) fn known_by(attributes: &Json) -> Json {
    json!({"type": "customer", "attributes": attributes})
}

/// An event element of this customer id with this many actions.
pub(crate) fn event(id: &str, actions: usize) -> Json {
    json!({"type": "event", "customer_id": id, "actions": vec![json!({"action": "a"}); actions]})
}

/// An object of these members.
pub(crate) fn object(members: impl IntoIterator<Item = (String, Json)>) -> Json {
    Json::Object(members.into_iter().collect::<Map<String, Json>>())
}

/// An element that adds these values to the array `t` of a user.
pub(crate) fn adds(id: &str, values: &Json) -> Json {
    user(id, &json!({"addValueToArrayField": {"t": values}}))
}

/// Identity resolution by these kinds in this order, some of them pinned, with this cap of members.
pub(crate) fn kinds(names: &[&str], pinned: &[&str], cap: u32) -> Json {
    let kind = |name: &&str| json!({"kind": name, "pinned": pinned.contains(name), "max_profiles": cap});
    json!({"enabled": true, "identifiers": names.iter().map(kind).collect::<Vec<Json>>()})
}

/// The usual kinds.
pub(crate) const USUAL: [&str; 3] = ["customer_id", "mobile", "email"];

/// A user `arr` with an array `t` of this many integers or strings.
pub(crate) fn array(place: &CaseWorkspace<'_>, length: usize, strings: bool) -> Result<()> {
    let value = |at: usize| if strings { json!(format!("t{at:07}")) } else { json!(at) };
    let steps = (0..length).step_by(ARRAY_STEP).map(|from| {
        let to = (from + ARRAY_STEP).min(length);
        adds("arr", &(from..to).map(value).collect::<Vec<Json>>().into())
    });
    place.store_in(1, steps)
}

/// A user `big` whose record is nearly 1 MiB, in ten values.
pub(crate) fn record(place: &CaseWorkspace<'_>) -> Result<()> {
    place.store([large_user("big")])
}

/// The element that makes a user whose record is nearly 1 MiB.
pub(crate) fn large_user(id: &str) -> Json {
    user(id, &long_values(""))
}

fn long_values(of: &str) -> Json {
    let value = "x".repeat(LONG_VALUE);
    object((0..10).map(|at| (format!("a{of}_{at}"), json!(value))))
}

/// A user `names` with 2,000 attributes whose names are long.
pub(crate) fn long_names(place: &CaseWorkspace<'_>) -> Result<()> {
    let beginning = "a".repeat(440);
    let element = |part: usize| {
        let names = (0..180).map(|at| (format!("{beginning}{:05}", part * 180 + at), json!(1)));
        user("names", &object(names))
    };
    place.store((0..11).map(element))
}

/// A live profile of this many members with the mobile numbers `m0`, `m1`, ... and the address `hub`; each member has what
/// `attributes` gives it.
pub(crate) fn hub(place: &CaseWorkspace<'_>, members: usize, attributes: impl Fn(usize) -> Json) -> Result<()> {
    tree(place, ("hub", "m"), members, attributes)
}

/// The same with this address, and with mobile numbers that begin so.
fn tree(
    place: &CaseWorkspace<'_>,
    (email, mobile): (&str, &str),
    members: usize,
    attributes: impl Fn(usize) -> Json,
) -> Result<()> {
    let member = |at: usize| {
        let mut element = known_by(&attributes(at));
        element["attributes"]["mobile"] = json!(format!("{mobile}{at}"));
        if at == 0 {
            element["attributes"]["email"] = json!(email);
        }
        element
    };
    place.store_in(20, (0..members).map(member))?;
    place.store_in(100, (1..members).map(|at| meets(email, &format!("{mobile}{at}"))))
}

/// An element that names the profile of an address and that of a mobile number.
pub(crate) fn meets(email: &str, mobile: &str) -> Json {
    known_by(&json!({"email": email, "mobile": mobile}))
}

/// A live profile of fifty members with 1,960 attributes each.
pub(crate) fn wide_profile(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&USUAL, &[], 50))?;
    hub(place, MEMBERS, |at| object((0..MEMBER_ATTRIBUTES).map(|name| (format!("m{at}_{name}"), json!(1)))))
}

/// A live profile of eight members with nearly 1 MiB each.
pub(crate) fn heavy_profile(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&USUAL, &[], 50))?;
    hub(place, 8, |at| long_values(&at.to_string()))
}

/// One more of them, with this address and mobile numbers that begin with it; identity resolution is on.
pub(crate) fn heavy_tree(place: &CaseWorkspace<'_>, name: &str) -> Result<()> {
    tree(place, (name, &format!("{name}_")), 8, |at| long_values(&at.to_string()))
}

/// Users with the customer ids `o0`, `o1`, ... and the mobile numbers `x0`, `x1`, ..., this many.
pub(crate) fn others(place: &CaseWorkspace<'_>, count: usize) -> Result<()> {
    place.store((0..count).map(|at| user(&format!("o{at}"), &json!({"mobile": format!("x{at}")}))))
}

/// A hub of the address `hub` without members.
pub(crate) fn lone_hub(place: &CaseWorkspace<'_>) -> Result<()> {
    place.store([user("h", &json!({"email": "hub"}))])
}
