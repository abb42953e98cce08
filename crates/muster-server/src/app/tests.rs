//! An entry in memory that proves to be old, and an activation that fails: what the application does about them.

use super::{App, Options, Storage, secret};
use crate::clock::{Random, SystemClock, SystemRandom};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::{ProfileNo, WorkspaceId};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::{Counters, MemberRecord, RootPointer, TreeTotals, Write};
use muster_core::settings::Identity;
use muster_core::time::Moment;
use muster_core::value::Value;
use muster_store::engine::{Workspace, apply};
use muster_wire::manage::settings::{Activating, WorkspaceSettings, identity_from};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tower::ServiceExt as _;

const TOKEN: &str = "the-admin-token-of-the-tests";

fn app() -> (Arc<App>, WorkspaceId) {
    let options = Options::new(Storage::Memory, Arc::new(SystemClock::new()), Arc::new(SystemRandom), TOKEN.to_owned());
    (App::open(options).unwrap(), WorkspaceId::parse("SHOP").unwrap())
}

async fn send(app: &Arc<App>, request: Builder, body: &'static str) -> Response {
    let request = request
        .header("Content-Type", "application/json")
        .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
        .body(Body::from(body))
        .unwrap();
    crate::router::router(Arc::clone(app)).oneshot(request).await.unwrap()
}

/// Sends one request to a server whose entry of SHOP in memory is older than the engine's, as if the process had
/// died in the middle of a change of settings; the status, and the name in memory afterwards.
async fn sent_to_an_old_entry(path: &str, authorization: &str, body: &'static str) -> (u16, String) {
    let (app, id) = app();
    app.create_workspace(&id, &WorkspaceSettings::new("Shop"), "key").unwrap().created().unwrap();
    let renamed = String::from_utf8(WorkspaceSettings::new("Other").to_json()).unwrap();
    let change = move |workspace: &Workspace, _: &_| Some(Workspace { settings: renamed, ..workspace.clone() });
    app.engine.configure(&id, Box::new(change)).unwrap();
    let response = send(&app, Request::post(path).header("Authorization", authorization), body).await;
    (response.status().as_u16(), app.workspace("SHOP").unwrap().document.name.clone())
}

// Fails when `latest_entry` answers what is in memory and never asks the engine.
#[tokio::test]
async fn an_import_under_settings_that_prove_to_be_old_is_read_again_under_those_of_the_engine() {
    let basic = format!("Basic {}", BASE64_STANDARD.encode("SHOP:key"));
    let body = r#"{"type":"transition","elements":[{"type":"customer","customer_id":"a"}]}"#;
    let got = sent_to_an_old_entry("/v1/transition/SHOP", &basic, body).await;
    assert_eq!(got, (200, "Other".to_owned()));
}

// Fails when `DecideReview` or `Revert` has no revision: it is decided under the old settings, and they stay.
#[tokio::test]
async fn reviews_and_reverts_are_never_decided_under_settings_that_prove_to_be_old() {
    let bearer = format!("Bearer {TOKEN}");
    let review = ("/api/v1/workspaces/SHOP/reviews/r1", r#"{"decision":"merge"}"#);
    for (path, body) in [review, ("/api/v1/workspaces/SHOP/merges/m1/revert", "{}")] {
        let got = sent_to_an_old_entry(path, &bearer, body).await;
        assert_eq!(got, (404, "Other".to_owned()), "{path}");
    }
}

/// Stores two profiles that hold one e-mail and belong to live profiles that are not there: whatever joins them asks for
/// those in vain.
struct Broken;

impl Decision for Broken {
    type Output = ();

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<()> {
        let email = Identifier { kind: IdentifierKind::new("email"), value: "a@example.test".into() };
        let broken = |no: ProfileNo| {
            let held = Write { seq: 1, value: Some(Value::text(&email.value)) };
            let profile = MemberRecord {
                no,
                created: now.at,
                identifiers: Vec::new(),
                attributes: [("email".into(), held)].into(),
                platforms: BTreeMap::new(),
                former: Vec::new(),
                history: Vec::new(),
            };
            let tree = TreeTotals { first_seen: now.at, last_seen: now.at, events: 0, devices: 0, members: 1 };
            let pointer = RootPointer {
                no,
                created: now.at,
                root: ProfileNo(no.0 + 97),
                first_seen: now.at,
                last_seen: now.at,
                events: 0,
                devices: 0,
                tree,
                weight: 0,
                deletion: None,
            };
            [
                RowChange::Upsert(StoredRow::MemberRecord(profile)),
                RowChange::Upsert(StoredRow::RootPointer(pointer)),
                RowChange::Upsert(StoredRow::PendingHolder(email.clone(), no)),
            ]
        };
        let rows = [1, 2].map(ProfileNo).into_iter().flat_map(broken).collect();
        Step::Done(Changes { rows, counters: Counters { users: 2, profile: 2, ..facts.counters }, rate: None }, ())
    }
}

// Fails when `activation::run` does not note the failure.
#[tokio::test]
async fn an_activation_that_fails_again_and_again_says_why_where_its_progress_is_shown() {
    let (app, id) = app();
    let on = br#"{"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email"}]}"#;
    let target = identity_from(on).unwrap();
    let activating = Some(Activating::begin((Identity::off(), target.clone()), vec!["email".into()], 1).joining(1));
    let mut settings = WorkspaceSettings::new("Shop");
    (settings.identity, settings.activating) = (target, activating);
    app.create_workspace(&id, &settings, "key").unwrap().created().unwrap();
    apply(&*app.engine, &id, Broken, Mode::Commit).await.unwrap();
    let running = tokio::spawn(crate::activation::run(Arc::clone(&app)));
    while app.activations.error(&id).is_none() {
        tokio::task::yield_now().await;
    }
    let get = Request::get("/api/v1/workspaces/SHOP/identity").header("Authorization", format!("Bearer {TOKEN}"));
    let body = axum::body::to_bytes(send(&app, get, "").await.into_body(), 1 << 16).await.unwrap();
    running.abort();
    let shown: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let want = "the last batch failed inside the server; it is retried every few seconds (see the server log) and can be \
                cancelled (POST identity/cancel)";
    assert_eq!((&shown["state"], shown["error"].as_str()), (&"activating".into(), Some(want)));
    // Opposite: in `cancel` leave the settings as they are, or give up one that has not failed.
    let cancel = || Request::post("/api/v1/workspaces/SHOP/identity/cancel");
    let given_up = send(&app, cancel().header("Authorization", format!("Bearer {TOKEN}")), "").await;
    let status = given_up.status();
    let body = axum::body::to_bytes(given_up.into_body(), 1 << 16).await.unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &shown["state"], &shown["enabled"]), (StatusCode::OK, &"active".into(), &false.into()));
    let again = send(&app, cancel().header("Authorization", format!("Bearer {TOKEN}")), "").await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
}

/// Fills with one byte.
struct Fixed(u8);

impl Random for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

// Fails when `secret` leaves the first byte as it is.
#[test]
fn no_secret_begins_with_a_hyphen_whatever_bytes_it_is_made_of() {
    let begins = |byte: u8| secret(&Fixed(byte)).chars().next();
    let wrong: Vec<u8> = (0..=u8::MAX).filter(|byte| begins(*byte).is_none_or(|first| first == '-')).collect();
    assert_eq!(wrong, Vec::<u8>::new());
}
