//! Every page with typical, empty, huge and hostile data: read by a strict reader, and each of its links and forms
//! followed or found among the addresses.

use super::{Browser, coded, markup, text};
use crate::tokens;
use crate::world::{ADMIN_TOKEN, READ_TOKEN, Workspace, World};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Pages of one address that are read before the rest of them is only asked for.
const PAGES_OF_ONE_MAX: usize = 12;

/// A walk through the console along its links.
struct Walk<'a> {
    browser: &'a Browser<'a>,
    known: BTreeSet<String>,
    waiting: VecDeque<String>,
    read: BTreeMap<String, usize>,
    faults: Vec<String>,
    /// Links with a fragment: the page and the id that is to be on it.
    fragments: BTreeSet<(String, String)>,
    ids: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Walk<'a> {
    /// Walks from these pages on; which addresses were read, and what is wrong.
    fn from(
        browser: &'a Browser<'a>,
        pages: impl IntoIterator<Item = String>,
    ) -> (BTreeMap<String, usize>, Vec<String>) {
        let mut walk = Self {
            browser,
            known: BTreeSet::new(),
            waiting: VecDeque::new(),
            read: BTreeMap::new(),
            faults: Vec::new(),
            fragments: BTreeSet::new(),
            ids: BTreeMap::new(),
        };
        pages.into_iter().for_each(|page| walk.meets(page));
        while let Some(path) = walk.waiting.pop_front() {
            walk.reads(&path);
        }
        // The links of the component sheet are samples.
        for (page, id) in walk.fragments.iter().filter(|(page, _)| page != "/components") {
            if walk.ids.get(page).is_some_and(|ids| !ids.contains(id)) {
                walk.faults.push(format!("{page} has no #{id}, which a link refers to"));
            }
        }
        (walk.read, walk.faults)
    }

    fn meets(&mut self, path: String) {
        if self.known.insert(path.clone()) {
            self.waiting.push_back(path);
        }
    }

    fn reads(&mut self, path: &str) {
        // The document that `/docs` shows.
        if path == "/openapi.json" {
            return;
        }
        let Some(template) = template("GET", path) else {
            self.faults.push(format!("{path} is not an address of the console"));
            return;
        };
        if template == "/w/{workspace_id}/live/stream" {
            return;
        }
        let of_one = self.read.entry(template.to_owned()).or_default();
        *of_one += 1;
        if *of_one > PAGES_OF_ONE_MAX {
            return;
        }
        let answer = self.browser.get(path);
        if let Some(place) = answer.header("location") {
            let place = resolved(path, place).0;
            return self.meets(place);
        }
        if answer.status != 200 {
            self.faults.push(format!("{path} is answered {}", answer.status));
            return;
        }
        let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if is_page || !(template.starts_with("/assets/") || template.ends_with("/json")) {
            self.judges(path, &text(&answer));
        }
    }

    /// Reads a page and collects its links.
    fn judges(&mut self, path: &str, page: &str) {
        let tags = match markup::read(page) {
            Ok(tags) => tags,
            Err(fault) => return self.faults.push(format!("{path}: {fault}")),
        };
        let is_whole = page.starts_with("<!doctype html>");
        self.faults.extend(markup::faults(&tags, is_whole).into_iter().map(|fault| format!("{path}: {fault}")));
        let ids = tags.iter().filter_map(|tag| tag.get("id")).map(str::to_owned).collect();
        self.ids.insert(path.to_owned(), ids);
        for tag in tags.iter().filter(|tag| tag.name != "use") {
            let is_form = tag.get("method") == Some("post") || tag.get("formaction").is_some();
            for name in ["href", "src", "data-href", "data-refresh", "data-live", "action", "formaction"] {
                let Some(link) = tag.get(name).filter(|link| *link != "data:,") else { continue };
                let (to, id) = resolved(path, link);
                if is_form {
                    let faulty = template("POST", &to).is_none();
                    self.faults.extend(faulty.then(|| format!("{path}: a form redirects to {to}")));
                    continue;
                }
                self.fragments.extend(id.map(|id| (to.clone(), id)));
                self.meets(to);
            }
        }
    }
}

/// Where a link of a page leads on this server, and to which id there.
fn resolved(page: &str, link: &str) -> (String, Option<String>) {
    let (link, id) = link.split_once('#').map_or((link, None), |(link, id)| (link, Some(id.to_owned())));
    let to = match link {
        "" => page.to_owned(),
        query if query.starts_with('?') => format!("{}{query}", page.split('?').next().unwrap()),
        whole => whole.to_owned(),
    };
    (to.trim_end_matches('?').to_owned(), id.filter(|id| !id.is_empty()))
}

/// The template that answers a path.
fn template(method: &str, path: &str) -> Option<&'static str> {
    let path: Vec<&str> = path.split('?').next()?.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == path.len()
            && parts.iter().zip(&path).all(|(part, it)| part == it || part.starts_with('{') && !it.is_empty())
    };
    let listed = muster_server::router::console_paths();
    let mut fitting: Vec<&str> =
        listed.into_iter().filter(|(known, it)| *known == method && fits(it)).map(|(_, it)| it).collect();
    // The one that names most of it.
    fitting.sort_by_key(|it| it.matches('{').count());
    fitting.first().copied()
}

fn walked(world: &World, token: &str, pages: Vec<String>) -> BTreeMap<String, usize> {
    let browser = Browser::signed_in(world, token);
    let (read, faults) = Walk::from(&browser, pages);
    assert_eq!(faults, Vec::<String>::new());
    read
}

fn starts(workspace: &Workspace<'_>, more: &[String]) -> Vec<String> {
    let within = |rest: &str| format!("/w/{}/{rest}", workspace.id);
    let pages =
        ["overview", "live", "quarantine", "users", "merges", "reviews", "identity", "settings", "settings/workspace"];
    let fragments =
        ["overview/figures", "overview/budget", "overview/first", "identity/progress", "quarantine?state=replayed"];
    let outside = ["/", "/sign-in", "/components", "/workspaces", &format!("/w/{}", workspace.id)].map(str::to_owned);
    pages.iter().chain(&fragments).map(|it| within(it)).chain(outside).chain(more.iter().map(|it| within(it))).collect()
}

#[test]
fn without_data_every_page_is_sound_and_every_link_leads_somewhere() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    walked(&world, ADMIN_TOKEN, starts(&workspace, &["audit".to_owned()]));
    walked(&world, READ_TOKEN, starts(&workspace, &[]));
    let alone = World::start();
    walked(&alone, ADMIN_TOKEN, ["/", "/workspaces", "/tokens"].map(str::to_owned).to_vec());
}

#[test]
fn with_typical_data_every_page_is_sound_and_every_link_leads_somewhere() {
    let world = World::start();
    let workspace = world.workspace(&json!({"time_zone": "Europe/Berlin", "mask_personal_data": true}));
    let fixtures = tokens::fixtures(&workspace);
    assert_eq!(workspace.post("event", &[], b"{").status, 400);
    let of = |name: &str| fixtures.iter().find(|(known, _)| *known == name).unwrap().1.as_str();
    let job = workspace.admin("POST", "/quarantine/replay", &json!({}));
    assert_eq!(job.status, 202, "{}", job.json());
    let more = [
        format!("merges/{}?preview=revert", of("merge_id")),
        format!("jobs/{}", job.json()["job_id"].as_str().unwrap()),
    ];
    let read = walked(&world, ADMIN_TOKEN, starts(&workspace, &more));
    for (_, template) in muster_server::router::console_paths().into_iter().filter(|(method, _)| *method == "GET") {
        let is_page = template != "/w/{workspace_id}/live/stream";
        assert!(!is_page || read.contains_key(template), "{template} was not read: {read:?}");
    }
    walked(&world, READ_TOKEN, starts(&workspace, &more[1..]));
}

/// Text that would be markup, in a value or a name, or would turn the text around it.
fn hostile() -> Vec<String> {
    let long = "<x-evil>".repeat(25);
    let samples = [
        "<script>alert(1)</script>",
        "\"><x-evil onmarker=\"1\">",
        "' onmarker='1",
        "</textarea><x-evil>",
        "</title></svg><x-evil>",
        "a&amp;b&lt;c",
        "\u{202e}evil\u{2066}\u{200b}",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{631}\u{62d}\u{628}\u{627}",
        "tab\tline\nreturn\rbell\u{7}escape\u{1b}",
        "javascript:alert(1)",
        "a/b?c=d&e#f%3c",
        "{{ 7*7 }}",
    ];
    samples.into_iter().map(str::to_owned).chain([long]).collect()
}

/// Data with hostile text wherever text can stand.
fn plant(workspace: &Workspace<'_>) -> Vec<String> {
    let kinds = json!([{"kind": "customer_id"}, {"kind": "email"}, {"kind": "x-<b>\"'", "pinned": true}]);
    let set = workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds}));
    if set.status != 200 {
        let kinds = json!([{"kind": "customer_id"}, {"kind": "email"}, {"kind": "mobile", "pinned": true}]);
        assert_eq!(workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds})).status, 200);
    }
    let mut users = Vec::new();
    for (at, evil) in hostile().iter().enumerate() {
        let attributes = json!({evil: evil, "first_name": evil, "email": format!("{at}{evil}"), "mobile": format!("{evil}{at}"), "deep": {evil: [evil]}, "list": [evil, 1]});
        let action = json!({"action": evil, "attributes": {evil: evil}, "platform": evil});
        let elements = json!([
            {"type": "customer", "customer_id": format!("a{at}{evil}"), "attributes": attributes},
            {"type": "customer", "customer_id": format!("b{at}{evil}"), "attributes": {"mobile": format!("other{evil}{at}")}},
            {"type": "customer", "customer_id": format!("c{at}{evil}"), "attributes": {"email": format!("c{at}{evil}")}},
            {"type": "customer", "attributes": {"email": format!("{at}{evil}"), "customer_id": format!("b{at}{evil}")}},
            {"type": "customer", "attributes": {"email": format!("{at}{evil}"), "customer_id": format!("c{at}{evil}")}},
            {"type": "event", "customer_id": format!("a{at}{evil}"), "actions": [action, {"action": evil, "user_time": "2099-01-01T00:00:00Z", "attributes": {evil.as_str(): evil}}]},
            {"type": "device", "customer_id": format!("a{at}{evil}"), "attributes": {"platform": evil, "push_id": evil, "device_id": evil, "model": evil, "app_version": evil, evil: evil}},
            {"type": "device", "customer_id": format!("nobody{evil}"), "attributes": {"platform": "iOS", "push_id": evil}},
        ]);
        let headers = [("X-Forwarded-For", "<x-evil>"), ("User-Agent", "<x-evil>")];
        let answer = workspace.import(&headers, &elements);
        assert_eq!(answer.status, 200, "{evil:?}: {}", answer.json());
        // A request that is refused as a whole.
        let fatal =
            json!([{"type": evil, evil: evil}, {"type": "event", "customer_id": evil, "actions": [{evil: evil}]}]);
        assert_eq!(workspace.import(&headers, &fatal).status, 400);
        let found = workspace.find("customer_id", &format!("a{at}{evil}"));
        users.extend(found.map(|user| format!("users/{}", user["id"].as_str().unwrap())));
    }
    // Numbers and names that JSON takes and a tree of values does not.
    let raw = br#"{"type": "transition", "elements": [{"type": "event", "customer_id": 1e999, "actions": "<x-evil>"}, {"type": "customer", "customer_id": "\u0000", "attributes": {"<x-evil>": 1e400, "\u0001": "</textarea>"}}, [["<x-evil>"]], "<x-evil>", {"type": "device", "customer_id": "a", "customer_id": "b"}]}"#;
    let status = workspace.post("transition", &[], raw).status;
    assert!([200, 400].contains(&status), "{status}");
    users
}

// Fails when a template has the filter `safe` for text from outside.
#[test]
fn with_hostile_data_nothing_that_came_in_is_markup_and_every_link_leads_somewhere() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let mut users = plant(&workspace);
    assert!(users.len() >= 10, "{users:?}");
    users.push("audit".to_owned());
    for evil in hostile() {
        let named = world.admin("POST", "/workspaces", &json!({"name": evil}));
        assert!([201, 400].contains(&named.status), "{evil:?}: {}", named.json());
        let found = Browser::signed_in(&world, ADMIN_TOKEN);
        let token = found.post("/tokens", &[("name", &evil), ("scope", "read"), ("workspace", &evil)]);
        let page = found.post(&format!("/w/{}/users", workspace.id), &[("q", &evil), ("kind", &evil)]);
        let merges = found.post(&format!("/w/{}/merges", workspace.id), &[("q", &evil), ("cause", &evil)]);
        let identity = [
            ("do", "preview"),
            ("kind-0", evil.as_str()),
            ("normalise-0", &evil),
            ("cap-0", &evil),
            ("exceptions-0", &evil),
            ("rule", &evil),
            ("attribute", &evil),
            ("rule-name-0", &evil),
            ("rule-word-0", &evil),
        ];
        let draft = found.post(&format!("/w/{}/identity", workspace.id), &identity);
        let settings = found.post(
            &format!("/w/{}/settings/workspace", workspace.id),
            &[("name", &evil), ("time_zone", &evil), ("allowed_addresses", &evil)],
        );
        let made = found.post("/workspaces", &[("name", &evil), ("id", &evil)]);
        let signed = Browser::nobody(&world).post("/sign-in", &[("token", &evil), ("next", &evil)]);
        for answer in [token, page, merges, draft, settings, made, signed] {
            if answer.status != 303 {
                let page = text(&answer);
                let tags = markup::read(&page).unwrap_or_else(|fault| panic!("{evil:?}: {fault}\n{page}"));
                assert_eq!(markup::faults(&tags, true), Vec::<String>::new(), "{evil:?}");
            }
        }
        for query in [
            "live?outcome=",
            "live?status=",
            "live?cursor=",
            "live?fault=",
            "live?warnings=",
            "live?since=",
            "live?until=",
            "quarantine?deleted=",
            "quarantine?type=",
            "quarantine?state=",
            "reviews?state=",
            "merges?cursor=",
            "merges?cause=",
            "merges?state=",
            "merges?user_id=",
            "audit?cursor=",
        ] {
            let answer = found.get(&format!("/w/{}/{query}{}", workspace.id, coded(&evil)));
            let page = text(&answer);
            assert!([200, 400].contains(&answer.status), "{query} {evil:?}: {}", answer.status);
            let tags = markup::read(&page).unwrap_or_else(|fault| panic!("{query} {evil:?}: {fault}\n{page}"));
            assert_eq!(markup::faults(&tags, true), Vec::<String>::new(), "{query} {evil:?}");
        }
    }
    for user in users.clone() {
        users.push(format!("{user}?name={}", coded(&hostile()[0])));
    }
    walked(&world, ADMIN_TOKEN, starts(&workspace, &users));
}

#[test]
fn with_a_thousand_members_aliases_and_events_every_page_is_sound() {
    let world = World::start();
    let kinds = json!([{"kind": "customer_id", "max_profiles": 1000}, {"kind": "email", "max_profiles": 1000}]);
    let limits = json!({"users_per_minute": 0, "events_per_minute": 0, "devices_per_minute": 0});
    let workspace = world.workspace(&json!({"limits": limits}));
    let set = workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds}));
    assert_eq!(set.status, 200, "{}", set.json());
    for part in 0..10 {
        let mut elements = Vec::new();
        for n in part * 100..(part + 1) * 100 {
            elements.push(json!({"type": "customer", "customer_id": format!("m{n}"), "attributes": {format!("attribute-{n}"): n}}));
            elements.push(json!({"type": "customer", "attributes": {"customer_id": format!("m{n}"), "email": "all@example.test"}}));
        }
        assert_eq!(workspace.import(&[], &json!(elements)).status, 200);
        let actions: Vec<Json> =
            (0..100).map(|n| json!({"action": format!("event-{part}"), "attributes": {"n": n}})).collect();
        assert_eq!(
            workspace.import(&[], &json!([{"type": "event", "customer_id": "m1", "actions": actions}])).status,
            200
        );
        let bad: Vec<Json> = (0..100).map(|n| json!({"type": "device", "customer_id": format!("no{n}"), "attributes": {"platform": "iOS", "push_id": "x"}})).collect();
        assert_eq!(workspace.import(&[], &json!(bad)).status, 200);
    }
    let user = workspace.find("customer_id", "m1").unwrap();
    let shown = (user["members"].as_array().map(Vec::len), user["event_count"].as_u64());
    assert_eq!(shown, (Some(999), Some(1_000)));
    let page = format!("users/{}", user["id"].as_str().unwrap());
    walked(&world, ADMIN_TOKEN, starts(&workspace, &[page]));
}
