//! The log: requests as they come, and as they came.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::rows;
use crate::app::App;
use crate::http::manage::requests;
use crate::limits::{LIVE_RATE_MS, PULSE_SECONDS};
use crate::pulse::{Pulse, Sight, Viewer};
use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use muster_core::time::Timestamp;
use muster_wire::manage::mask::masked;
use muster_wire::manage::problem::Problem;
use serde_json::Value as Json;
use std::convert::Infallible;
use std::sync::Arc;

/// One request of the log as a row; rendered alone for the live view.
#[derive(Template)]
#[template(path = "request-row.html")]
pub(crate) struct Row {
    pub(super) id: String,
    at: Html,
    status: Html,
    path: String,
    elements: u64,
    map: Html,
    words: Vec<Html>,
    origin: String,
    bytes: String,
    took: String,
    to: String,
}

/// The outcomes of a mini map, in the order in which it shows them.
const OUTCOMES: [&str; 6] = ["created", "updated", "merged", "duplicate", "skipped", "rejected"];

impl Row {
    /// Of a summary, or of a request that was turned away and not kept.
    pub(crate) fn of(moments: &parts::Moments, workspace: &str, doc: &Json) -> Self {
        let counts = doc.member("summary").member("elements");
        let of = |name: &str| counts.count(name);
        let runs = OUTCOMES.into_iter().map(|name| (name, of(name)));
        let elements: u64 = OUTCOMES.into_iter().map(of).sum();
        let id = doc.text("request_id").to_owned();
        let path = doc.text("path").trim_start_matches("/v1/").trim_end_matches("/{workspace_id}").to_owned();
        Self {
            at: moments.log(doc.text("received_at")),
            status: parts::status(doc.count("status")),
            path,
            elements,
            map: if elements > 0 { parts::map(runs, true) } else { Html::default() },
            words: words(doc, elements),
            origin: doc.text("origin_address").to_owned(),
            bytes: if doc.has("bytes") { parts::bytes(doc.count("bytes")) } else { String::new() },
            took: parts::took(doc.count("duration_us")),
            to: format!("/w/{workspace}/requests/{id}"),
            id,
        }
    }

    /// The row, for the live view.
    pub(crate) fn markup(&self) -> String {
        self.render().unwrap_or_default()
    }
}

/// What became of it, in few words: what went well is quiet.
fn words(doc: &Json, elements: u64) -> Vec<Html> {
    let counts = doc.member("summary").member("elements");
    if elements == 0 {
        let failure = doc.text("failure");
        return match doc.count("fault_count") {
            0 if !failure.is_empty() => vec![parts::said(failure)],
            0 => Vec::new(),
            n => vec![parts::outcome("rejected", parts::counted(n, "fault"))],
        };
    }
    let applied = counts.count("created") + counts.count("updated") + counts.count("merged");
    let mut out = Vec::new();
    if applied > 0 {
        out.push(parts::outcome("updated", parts::tally(applied, "applied")));
    }
    for name in ["merged", "duplicate", "skipped", "rejected"] {
        if counts.count(name) > 0 {
            out.push(parts::outcome(name, parts::tally(counts.count(name), name)));
        }
    }
    out
}

#[derive(Template)]
#[template(path = "live.html")]
struct Live {
    shell: Shell,
    requests: Vec<Row>,
    outcome: String,
    status: String,
    next: String,
    is_older: bool,
    curl: Html,
    listens: String,
}

/// `GET /w/{ws}/live?outcome=&status=&cursor=`: the newest requests; the script lets further ones in.
pub(crate) async fn live(visit: Arc<Visit>) -> Page {
    let outcome = visit.parameter("outcome").unwrap_or_default().to_owned();
    let status = visit.parameter("status").unwrap_or_default().to_owned();
    let mut query = rows(&visit);
    query.extend(Some(("outcome", &*outcome)).filter(|(_, it)| !it.is_empty()));
    query.extend(Some(("status", &*status)).filter(|(_, it)| !it.is_empty()));
    let found = visit.ask(requests::list, &["requests"], &query).await?;
    let shell = Shell::of(&visit, "Live", "live").await?;
    let requests = found.list("items").iter().map(|doc| Row::of(&shell.moments, visit.workspace(), doc)).collect();
    html(&Live {
        requests,
        outcome,
        status,
        next: found.text("next_cursor").to_owned(),
        is_older: visit.parameter("cursor").is_some(),
        curl: curl(&visit),
        listens: visit.address(),
        shell,
    })
}

impl Live {
    /// The outcomes that can be filtered by, with their words.
    fn outcomes(&self) -> [(&'static str, &'static str); 7] {
        [
            ("", "Any"),
            ("rejected", "With rejections"),
            ("merged", "With merges"),
            ("created", "With new users"),
            ("updated", "With updates"),
            ("duplicate", "With duplicates"),
            ("skipped", "With skipped"),
        ]
    }

    fn query(&self) -> String {
        let pairs = [("outcome", &self.outcome), ("status", &self.status)];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        query.finish()
    }
}

/// What a viewer of the stream gets, and what it was told last.
struct Stream {
    viewer: Viewer,
    pulse: Arc<Pulse>,
    app: Arc<App>,
    moments: parts::Moments,
    workspace: String,
    outcome: String,
    status: u64,
    /// When the rate was told last.
    told_at: Timestamp,
}

/// `GET /w/{ws}/live/stream?outcome=&status=`: server-sent events (WHATWG HTML, section 9.2): `row`, a rendered row of the
/// table, and `rate`, a text.
pub(crate) async fn stream(visit: Arc<Visit>) -> Page {
    let entry = visit.entry()?;
    let judge = visit.watches();
    let viewer = Viewer::open(&visit.app, entry, judge)
        .ok_or_else(|| Problem::new(503, "as many viewers watch as may; try again when one has gone"))?;
    let state = Stream {
        viewer,
        pulse: Arc::clone(&entry.lane.pulse),
        app: Arc::clone(&visit.app),
        moments: visit.moments(),
        workspace: visit.workspace().to_owned(),
        outcome: visit.parameter("outcome").unwrap_or_default().to_owned(),
        status: visit.parameter("status").and_then(|it| it.parse().ok()).unwrap_or(0),
        told_at: Timestamp(0),
    };
    // The first bytes go at once, so that the browser knows that it watches.
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b": watching\n\n"))]);
    let rest = stream::unfold(state, |mut state| async {
        let sent = state.next().await?;
        Some((Ok(sent), state))
    });
    let mut response = Response::new(Body::from_stream(stream::StreamExt::chain(begun, rest)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

impl Stream {
    /// What is sent next; None ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = match self.viewer.next().await {
            Sight::Request(request, is_masked) => {
                let mut item = request.item.clone();
                if is_masked {
                    masked(&mut item);
                }
                if self.fits(&item) { self.row(&item) } else { ": another\n\n".to_owned() }
            }
            Sight::Lagged(lost) => sent("rate", &format!("Too fast to show: {} left out", counted(lost, "request"))),
            Sight::Quiet => ": still here\n\n".to_owned(),
            Sight::Ended => return None,
        };
        let now = self.app.now();
        if now.0 - self.told_at.0 >= LIVE_RATE_MS {
            self.told_at = now;
            let (_, recent, _) = self.pulse.rates(now);
            out += &sent("rate", &format!("{:.1} requests per s", f64::from(recent) / PULSE_SECONDS as f64));
        }
        Some(out.into())
    }

    fn fits(&self, item: &Json) -> bool {
        let counts = item.member("summary").member("elements");
        (self.status == 0 || item.count("status") == self.status)
            && (self.outcome.is_empty() || counts.count(&self.outcome) > 0)
    }

    fn row(&self, item: &Json) -> String {
        sent("row", &Row::of(&self.moments, &self.workspace, item).markup())
    }
}

/// A server-sent event: each line of the data is a line of its own.
fn sent(name: &str, data: &str) -> String {
    let lines: Vec<String> = data.lines().map(|line| format!("data: {line}\n")).collect();
    format!("event: {name}\n{}\n", lines.concat())
}

/// An import that is ready to run, against the address that this visit used.
pub(crate) fn curl(visit: &Visit) -> Html {
    let (address, id) = (visit.address(), visit.workspace());
    let text = format!(
        "curl {address}/v1/transition/{id} \\\n  -u \"{id}:$MUSTER_KEY\" \\\n  -H 'Content-Type: application/json' -d '{{\n  \
         \"type\": \"transition\",\n  \"elements\": [\n    {{\"type\": \"customer\", \"customer_id\": \"cust-1\",\n     \
         \"attributes\": {{\"email\": \"first@example.test\", \"mobile\": \"+15550100\"}}}},\n    {{\"type\": \"event\", \
         \"customer_id\": \"cust-1\",\n     \"actions\": [{{\"action\": \"signed_up\"}}]}}\n  ]}}'"
    );
    parts::command(&text, "curl command")
}
