//! Merges: small users into one hub, into and out of large profiles, chains in which each next one survives, attribute
//! rules, and profiles that are kept apart repeatedly.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{
    MEMBERS, USUAL, heavy_profile, hub, kinds, known_by, lone_hub, meets, object, others, user, wide_profile,
};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Users that are joined to one: nearly the most that there may be.
const JOINED: usize = 990;
/// Users that stand by to be joined.
const STORED: usize = 1_000;
/// Merges that are made and reverted, so that as many pairs are kept apart.
const SEPARATED: usize = 900;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = into_a_hub();
    cases.extend(chains());
    cases.extend(with_large_ones());
    cases.extend(kept_apart());
    cases.push(of_five_kinds());
    cases
}

/// An address in every element, and another mobile number in each.
fn hub_meets(n: usize) -> Vec<Json> {
    (0..n).map(|at| meets("hub", &format!("x{at}"))).collect()
}

fn wide(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&USUAL, &[], 1_000))
}

/// Users `x0`, `x1`, ... with this many attributes each.
fn others_with(place: &CaseWorkspace<'_>, attributes: usize) -> Result<()> {
    place.store((0..STORED).map(|at| {
        let mut element = object((0..attributes).map(|name| (format!("a{at}_{name}"), json!(1))));
        element["mobile"] = json!(format!("x{at}"));
        user(&format!("o{at}"), &element)
    }))
}

fn into_a_hub() -> Vec<Case> {
    let rules = |place: &CaseWorkspace<'_>| -> Result<()> {
        let mut settings = kinds(&USUAL, &[], 1_000);
        settings["attribute_rules"] = json!({"p": "sum", "q": "max"});
        place.identity(&settings)?;
        place.store([user("h", &json!({"email": "hub", "p": 1, "q": 1}))])?;
        let other = |at: usize| user(&format!("o{at}"), &json!({"mobile": format!("x{at}"), "p": at, "q": at}));
        place.store((0..STORED).map(other))
    };
    let small = |place: &CaseWorkspace<'_>| -> Result<()> {
        wide(place)?;
        lone_hub(place)?;
        others(place, STORED)
    };
    let medium = |place: &CaseWorkspace<'_>| -> Result<()> {
        wide(place)?;
        lone_hub(place)?;
        others_with(place, 98)
    };
    let by_attribute = |place: &CaseWorkspace<'_>| -> Result<()> {
        let mut settings = kinds(&USUAL, &[], 1_000);
        settings["survivor"] = json!({"attribute": "vip", "rule": "last_seen"});
        place.identity(&settings)?;
        place.store([user("h", &json!({"email": "hub", "vip": true}))])?;
        others_with(place, 98)
    };
    vec![
        Case::import("merges: small users into a hub, cap 1,000", small, hub_meets).most(JOINED),
        Case::import("merges: small users into a hub, dry run", small, hub_meets).most(JOINED).query("?dry_run=true"),
        Case::import("merges: small users into a hub, representation", small, hub_meets)
            .most(JOINED)
            .headers("Prefer: return=representation\r\n"),
        Case::import("merges: users of 98 attributes into a hub", medium, hub_meets).most(JOINED),
        Case::import("merges: into a hub, by a survivor attribute", by_attribute, hub_meets).most(JOINED),
        Case::import("merges: into a hub under sum and max", rules, hub_meets).most(JOINED),
        Case::import("merges: users made and joined in the same request", wide, |n| {
            (0..n)
                .map(|at| {
                    if at.is_multiple_of(2) {
                        user(&format!("o{at}"), &json!({"mobile": format!("x{at}")}))
                    } else {
                        meets("hub", &format!("x{}", at - 1))
                    }
                })
                .collect()
        })
        .most(2 * JOINED),
    ]
}

/// Settings in which who was seen first survives, and users of which each was seen before the next.
fn descending(place: &CaseWorkspace<'_>) -> Result<()> {
    let mut settings = kinds(&USUAL, &[], 1_000);
    settings["survivor"] = json!({"rule": "first_seen"});
    place.identity(&settings)?;
    let element = |at: usize| {
        let seen = format!("2020-01-01T00:{:02}:{:02}.000Z", at / 60, at % 60);
        known_by(&json!({"email": format!("e{at}"), "mobile": format!("m{at}"), "first_seen": seen}))
    };
    place.store((0..STORED).map(element))
}

/// Each joins the profile so far to one that was seen before all of it.
fn downwards(n: usize) -> Vec<Json> {
    let last = STORED - 2;
    (0..n).map(|at| meets(&format!("e{}", last - at + 1), &format!("m{}", last - at))).collect()
}

fn chains() -> Vec<Case> {
    let names = |place: &CaseWorkspace<'_>| -> Result<()> {
        descending(place)?;
        let beginning = "n".repeat(480);
        let part = |part: usize| {
            let names = (0..990).map(|at| (format!("{beginning}{}", part * 990 + at), json!(1)));
            let mut attributes = object(names);
            attributes["email"] = json!(format!("e{}", STORED - 1));
            known_by(&attributes)
        };
        place.store((0..2).map(part))
    };
    vec![
        Case::import("merges: a chain in which each next one survives", descending, downwards).most(JOINED),
        Case::import("merges: a chain over a record of 2,000 long names", names, downwards).most(JOINED),
        Case::import("merges: pairs", descending, |n| {
            (0..n).map(|at| meets(&format!("e{}", 2 * at), &format!("m{}", 2 * at + 1))).collect()
        })
        .most(STORED / 2),
    ]
}

fn with_large_ones() -> Vec<Case> {
    let beside = |profile: fn(&CaseWorkspace<'_>) -> Result<()>| {
        move |place: &CaseWorkspace<'_>| -> Result<()> {
            profile(place)?;
            place.identity(&kinds(&USUAL, &[], 1_000))?;
            others(place, 2_000)
        }
    };
    let withheld = |place: &CaseWorkspace<'_>| -> Result<()> {
        wide_profile(place)?;
        others(place, 2_000)
    };
    let many_members = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.identity(&kinds(&USUAL, &["customer_id"], 1_000))?;
        hub(place, STORED, |at| if at == 0 { json!({"customer_id": "own"}) } else { json!({}) })?;
        place.store((0..2_500).map(|at| user(&format!("o{at}"), &json!({}))))
    };
    vec![
        Case::import("merges: small users into a profile of 50 x 1,960", beside(wide_profile), hub_meets).most(900),
        Case::import("merges: small users into a profile of 8 MiB", beside(heavy_profile), hub_meets).most(900),
        Case::import("merges: withheld by the cap from a profile of 50 x 1,960", withheld, hub_meets),
        Case::import("merges: withheld by a pin from a profile of 1,000 members", many_members, |n| {
            (0..n).map(|at| user(&format!("o{at}"), &json!({"email": "hub"}))).collect()
        }),
        Case::import("members: events of 1,000 members in turn", many_members, |n| {
            let element = |at: usize| {
                let of = json!({"mobile": format!("m{}", at % STORED)});
                json!({"type": "event", "user_identifiers": of, "actions": [{"action": "a"}]})
            };
            (0..n).map(element).collect()
        }),
        Case::import("members: writes to 1,000 members in turn", many_members, |n| {
            (0..n).map(|at| known_by(&json!({"mobile": format!("m{}", at % STORED), "x": at}))).collect()
        }),
        Case::import("members: an identifier of 1,000 members, given and unset in turn", many_members, |n| {
            let given = |at: usize| if at.is_multiple_of(2) { json!(format!("e{at}")) } else { json!([]) };
            (0..n).map(|at| user("own", &json!({"mobile": given(at)}))).collect()
        }),
        Case::import("members: an identifier of 1,000 members that stays", many_members, |n| {
            (0..n).map(|_| known_by(&json!({"email": "hub", "mobile": []}))).collect()
        }),
    ]
}

/// Events each of which names five users by five kinds.
fn of_five_kinds() -> Case {
    const KINDS: [&str; 5] = ["customer_id", "a", "b", "c", "d"];
    let prepare = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.identity(&kinds(&KINDS, &[], 1_000))?;
        place.store((0..STORED).map(|at| user(&format!("v{at}"), &json!({}))))?;
        for kind in &KINDS[1..] {
            let one = |at: usize| known_by(&object([((*kind).to_owned(), json!(format!("v{at}")))]));
            place.store((0..STORED).map(one))?;
        }
        Ok(())
    };
    Case::import("merges: events that name five users each", prepare, |n| {
        let element = |at: usize| {
            let value = format!("v{at}");
            let others = object(KINDS[1..].iter().map(|kind| ((*kind).to_owned(), json!(value))));
            json!({"type": "event", "customer_id": value, "user_identifiers": others, "actions": [{"action": "a"}]})
        };
        (0..n).map(element).collect()
    })
    .most(STORED)
}

fn kept_apart() -> Vec<Case> {
    let separated = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.identity(&kinds(&USUAL, &[], 1_000))?;
        lone_hub(place)?;
        others(place, STORED)?;
        place.store_in(100, hub_meets(SEPARATED))?;
        for id in place.ids("merges")? {
            place.manage("POST", &format!("/merges/{id}/revert"), &json!({}))?;
        }
        Ok(())
    };
    let by_cap = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.identity(&kinds(&USUAL, &[], 50))?;
        hub(place, MEMBERS, |_| json!({}))?;
        others(place, 2_500)
    };
    vec![
        Case::import("separations: users kept apart from one profile", separated, |n| {
            (0..n).map(|at| meets("hub", &format!("x{}", at % SEPARATED))).collect()
        }),
        Case::import("separations: others join a profile with many", separated, |n| {
            (0..n).map(|at| meets("hub", &format!("x{}", SEPARATED + at))).collect()
        })
        .most(STORED - SEPARATED),
        Case::import("reviews: a full hub and many others", by_cap, hub_meets),
    ]
}
