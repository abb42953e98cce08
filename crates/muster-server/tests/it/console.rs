//! The console through the socket: a browser of a few lines that keeps its session's cookie and sends forms as pages of
//! the console do. `audit` is its log, `deleting` deletes from the quarantine, `documents` are those behind pages, `ended`
//! is what the sign-in page says of a session, `filters` are those of the live page, `flashes` what forms are answered
//! with, `identity` is the form of the identity settings, `missing` what is not there, `restart` sessions over a restart,
//! `search` looks for users, `session` signing in and out, `sources` where forms may come from and what pages carry,
//! `token_place` where the admin token is, `rights` what a token may see and change, `merges` merges of three and more,
//! `samples` every page with data of every shape, `markup` how a page is read, `zone` chooses a time zone.

mod audit;
mod deleting;
mod documents;
mod ended;
mod filters;
mod flashes;
mod identity;
mod markup;
mod merges;
mod missing;
mod restart;
mod rights;
mod samples;
mod search;
mod session;
mod sources;
mod token_place;
mod zone;

use crate::wire::Answer;
use crate::world::World;

/// What a browser says of a form that a page of this server sends.
const SAME_ORIGIN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");

/// A browser with a session; the empty cookie is none.
struct Browser<'a> {
    world: &'a World,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn nobody(world: &'a World) -> Self {
        Self { world, cookie: String::new() }
    }

    /// Signs in with a token that is taken.
    fn signed_in(world: &'a World, token: &str) -> Self {
        let answer = Self::nobody(world).post("/sign-in", &[("token", token)]);
        assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
        let line = answer.header("set-cookie").expect("a cookie is set");
        Self { world, cookie: line.split(';').next().unwrap().to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.get_with(&[], path)
    }

    /// As somebody goes to a page.
    fn goes_to(&self, path: &str) -> Answer {
        self.get_with(&[("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")], path)
    }

    fn get_with(&self, headers: &[(&str, &str)], path: &str) -> Answer {
        let headers: Vec<_> = [("Cookie", self.cookie.as_str())].into_iter().chain(headers.to_vec()).collect();
        self.world.call("GET", path, &headers, b"")
    }

    /// A form of a page of this server.
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(&[SAME_ORIGIN], path, fields)
    }

    /// A form that came from where these headers say.
    fn post_from(&self, origin: &[(&str, &str)], path: &str, fields: &[(&str, &str)]) -> Answer {
        let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect();
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = [kind, ("Cookie", self.cookie.as_str())].into_iter().chain(origin.to_vec()).collect();
        self.world.call("POST", path, &headers, form.join("&").as_bytes())
    }
}

/// Text as forms and queries write it.
fn coded(text: &str) -> String {
    let code = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(code).collect()
}

/// The body as text.
fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).expect("pages are UTF-8")
}

/// Every address of the console with this method, its parts filled in.
fn addresses(method: &str, fixtures: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let listed = muster_server::router::console_paths().into_iter().filter(|(known, _)| *known == method);
    let filled = listed.map(|(_, template)| {
        // What a path names after its resource is told by the resource.
        let mut path = if template.starts_with("/assets/") { "/assets/none".to_owned() } else { template.to_owned() };
        for (name, value) in fixtures {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{template} has a part that the fixtures do not know");
        (template, path)
    });
    filled.collect()
}
