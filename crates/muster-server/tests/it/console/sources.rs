//! Where forms may come from, and the headers of pages and assets.

use super::{Browser, text};
use crate::wire::Answer;
use crate::world::{ADMIN_TOKEN, World};
use serde_json::Value as Json;
use std::io::Read as _;

/// From everywhere but a page of this server, or from nowhere known.
const ELSEWHERE: [&[(&str, &str)]; 8] = [
    &[],
    &[("Sec-Fetch-Site", "cross-site")],
    &[("Sec-Fetch-Site", "same-site")],
    &[("Sec-Fetch-Site", "none")],
    &[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://muster.test")],
    &[("Origin", "http://evil.test")],
    &[("Origin", "null")],
    &[("Origin", "http://muster.test.evil.test")],
];

// Fails when `is_same_origin` answers true.
#[test]
fn a_form_of_another_site_is_refused_and_changes_nothing() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let fixtures = crate::tokens::fixtures(&workspace);
    let calls = crate::tokens::calls(&workspace, &fixtures);
    let admin = Browser::signed_in(&world, ADMIN_TOKEN);
    let before = crate::tokens::seen(&world, &calls);
    for origin in ELSEWHERE {
        for (template, path) in super::addresses("POST", &fixtures) {
            let fields = super::rights::fields(template, &workspace, &fixtures);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = admin.post_from(origin, &path, &fields);
            assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{template} {origin:?}");
        }
    }
    assert_eq!(crate::tokens::seen(&world, &calls), before);
    let own = [("Origin", "http://muster.test")];
    assert_eq!(admin.post_from(&own, "/workspaces", &[("name", "New")]).status, 303);
}

const PAGE: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cache-control", "no-store"),
];

fn assert_guarded(answer: &Answer, what: &str) {
    for (name, value) in PAGE {
        assert_eq!(answer.header(name), Some(value), "{name} of {what}, {}", answer.status);
    }
}

// Fails when `answering` or `sign_in` leaves out `guarded`.
#[test]
fn every_page_forbids_what_it_does_not_need_and_is_not_kept() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let fixtures = crate::tokens::fixtures(&workspace);
    let (admin, nobody) = (Browser::signed_in(&world, ADMIN_TOKEN), Browser::nobody(&world));
    for (template, path) in super::addresses("GET", &fixtures) {
        if template != "/assets/{name}" {
            assert_guarded(&admin.get(&path), template);
            assert_guarded(&nobody.get(&path), template);
        }
    }
    for path in ["/w/NOBODY/overview", "/w/NOBODY"] {
        assert_guarded(&admin.get(path), path);
    }
    assert_guarded(&nobody.post("/sign-in", &[("token", "wrong")]), "a wrong token");
    assert_guarded(&nobody.post_from(&[], "/sign-in", &[]), "a foreign form");
}

// Fails when the name of an asset leaves out the hash, or `serve` another header.
#[test]
fn assets_are_kept_for_ever_under_names_that_follow_their_content_and_another_name_is_none() {
    let world = World::start();
    let page = text(&Browser::nobody(&world).get("/sign-in"));
    let paths: Vec<&str> = page.split('"').filter(|it| it.starts_with("/assets/")).collect();
    assert_eq!(paths.len(), 2, "{page}");
    for (path, kind) in paths.iter().zip(["text/css; charset=utf-8", "text/javascript; charset=utf-8"]) {
        let answer = Browser::nobody(&world).get(path);
        let names = ["content-type", "cache-control", "x-content-type-options"];
        let want = [Some(kind), Some("public, max-age=31536000, immutable"), Some("nosniff")];
        assert_eq!((answer.status, names.map(|name| answer.header(name))), (200, want), "{path}");
        let packed = world.call("GET", path, &[("Accept-Encoding", "br, gzip")], b"");
        let how = ["content-encoding", "vary"].map(|name| packed.header(name));
        assert_eq!((how, names.map(|name| packed.header(name))), ([Some("gzip"), Some("accept-encoding")], want));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut plain).unwrap();
        assert!(plain == answer.body && packed.body.len() < plain.len() && answer.header("content-encoding").is_none());
    }
    for name in ["console.css", "..%2fCargo.toml", "console-0000000000000000.css"] {
        assert_eq!(Browser::nobody(&world).get(&format!("/assets/{name}")).status, 404);
    }
}
