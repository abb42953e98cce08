//! Golden files: for each row of FACTS 1.2 to 1.4 and 2.1 to 2.3 a sample that is accepted and one that is refused (or
//! taken with a warning, where nothing can be refused), for FACTS 4 what parity cuts, and for FACTS 5 every failure in
//! every spelling.
//!
//! A case `golden/SECTION/ROW.json` says how to read its `body` (as JSON) or `raw` (as text); `ROW.out` is what comes
//! out: the commands, one line each, or the exact body of the 400. `MUSTER_BLESS=1 cargo test` rewrites the outputs.

#![expect(clippy::disallowed_methods, reason = "the crate does no I/O; its golden files are read by this test")]

use muster_core::id::{RequestId, RequestNo};
use muster_core::identifier::KindSettings;
use muster_core::kinds::Route;
use muster_core::rate::Class;
use muster_core::settings::Settings;
use muster_core::time::Timestamp;
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use muster_wire::data::faults::{Lenient, refusal};
use muster_wire::data::known::{known_statuses, known_types};
use muster_wire::data::malformed::JsonPosition;
use muster_wire::data::transition::{Parsed, ReadContext, Unreadable, read};
use muster_wire::json::{Json, Node, parse};
use muster_wire::zone::Zone;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn request_id() -> RequestId {
    RequestId::from_no(RequestNo(1))
}

fn text<'n>(case: &'n Node, name: &str) -> Option<&'n str> {
    match &case.some(name)?.json {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

fn flag(case: &Node, name: &str) -> bool {
    matches!(case.some(name).map(|node| &node.json), Some(Json::Boolean(true)))
}

fn context(case: &Node) -> ReadContext {
    let mut settings = Settings::default();
    if let Some(Json::Array(kinds)) = case.some("kinds").map(|node| &node.json) {
        let name = |node: &Node| match &node.json {
            Json::Text(text) => KindSettings::plain(text),
            _ => panic!("kinds are strings"),
        };
        settings.identity.enabled = true;
        settings.identity.kinds = kinds.iter().map(name).collect();
    }
    let route = match text(case, "route").unwrap_or("transition") {
        "customer" => Route::Customer,
        "event" => Route::Event,
        "device" => Route::Device,
        _ => Route::Transition,
    };
    let (lenient, null_clears, parity) = (flag(case, "lenient"), flag(case, "null_clears"), flag(case, "parity"));
    // One hour east of Greenwich; the sign of these names is that of POSIX.
    let zone = Zone::from_name("Etc/GMT-1").expect("a zone");
    let received_at = Timestamp(1_767_571_200_000);
    ReadContext { route, settings: Arc::new(settings), lenient, null_clears, parity, zone, received_at }
}

/// What comes out of a case, as its file has it.
fn outcome(file: &[u8]) -> String {
    let document = parse(file).expect("a case is JSON");
    let case = &document.root;
    let context = context(case);
    let body = match (case.member("body"), text(case, "raw")) {
        (Some(body), _) => &file[body.span()],
        (None, Some(raw)) => raw.as_bytes(),
        (None, None) => panic!("a case has a body or raw"),
    };
    let api = Api::from(context.route);
    match read(body, &context) {
        Ok(parsed) => match (&parsed.elements[0].body, context.lenient) {
            // A Track call answers a rejected element with a 400 (behaviour.md 1.2).
            (Err(faults), false) if api != Api::Transition => {
                format!("400 {}\n", utf8(refusal(api, faults, Lenient::NOTHING, request_id())))
            }
            _ => commands(&parsed),
        },
        Err(Unreadable::Failure(failure)) => {
            format!("{} {}\n", failure.status(), utf8(failure.render(api, request_id())))
        }
        Err(Unreadable::Faults(faults, lenient)) => {
            format!("400 {}\n", utf8(refusal(api, &faults, lenient, request_id())))
        }
    }
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("answers are UTF-8")
}

fn commands(parsed: &Parsed) -> String {
    let mut out = String::new();
    for element in &parsed.elements {
        writeln!(out, "{:?} {} of {} actions", element.kind, element.index, element.actions).expect("memory");
        match &element.body {
            Ok(body) => writeln!(out, "  {body:?}").expect("memory"),
            Err(faults) => faults.iter().for_each(|fault| writeln!(out, "  {fault:?}").expect("memory")),
        }
        for warning in &element.warnings.0 {
            writeln!(out, "  {}", format!("{warning:?}").replace(", given: None", "")).expect("memory");
        }
    }
    out
}

/// Compares with the file, or writes it when blessing; the name if it differs.
fn differs(file: &Path, got: &str) -> Option<String> {
    if std::env::var_os("MUSTER_BLESS").is_some() {
        std::fs::write(file, got).expect("the folder can be written");
    }
    let want = std::fs::read_to_string(file).unwrap_or_default();
    (want != got).then(|| format!("{}\n  want {want}\n  got  {got}", file.display()))
}

fn cases(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            cases(&path, into);
        } else if path.extension().is_some_and(|e| e == "json") {
            into.push(path);
        }
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn every_case_comes_out_as_its_golden_file_has_it() {
    let mut files = Vec::new();
    cases(&golden(), &mut files);
    files.sort();
    assert!(files.len() > 80, "the cases are there: {}", files.len());
    let compare = |file: &PathBuf| {
        let got = outcome(&std::fs::read(file).expect("a case can be read"));
        differs(&file.with_extension("out"), &got)
    };
    let broken: Vec<String> = files.iter().filter_map(compare).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// FACTS 5 and 11 row 4: the status and the exact body of every failure, for every call.
#[test]
fn every_failure_is_answered_as_its_golden_file_has_it() {
    let failures = [
        Failure::NotFound,
        Failure::MethodNotAllowed,
        Failure::AuthorizationMissing,
        Failure::AuthorizationEmpty,
        Failure::AuthorizationUndecodable,
        Failure::UserMissing,
        Failure::PasswordMissing,
        Failure::WorkspaceMismatch,
        Failure::AppKeyMismatch,
        Failure::WorkspaceMissing,
        Failure::KeyMismatch,
        Failure::KeyScope,
        Failure::Suspended,
        Failure::AddressRefused,
        Failure::HostRefused,
        Failure::NotBuilt("Get User (POST /v1/customers/export)"),
        Failure::ContentTypeMissing,
        Failure::ContentTypeOther,
        Failure::TooLarge { limit_bytes: 102_400 },
        Failure::TooLarge { limit_bytes: 200_000 },
        Failure::UnsupportedEncoding,
        Failure::UndecodableEncoding,
        Failure::IdempotencyKeyUnusable,
        Failure::IdempotencyConflict,
        Failure::EmptyBody,
        Failure::NotAnObject(None),
        Failure::Malformed(None),
        Failure::Malformed(Some(
            JsonPosition { pointer: "/a".into(), line: 4, column: 24, offset: 98, hint: Some("a hint") }.into(),
        )),
        Failure::ElementsMissing,
        Failure::ElementsEmpty,
        Failure::ElementsType(Some("a hint")),
        Failure::TypeMissing,
        Failure::TypeWrong,
        Failure::MemberMissing("identity_type"),
        Failure::MemberType { name: "identity_value", expected: "String or Unicode String" },
        Failure::UserNotFound("a \"quoted\" id".into()),
        Failure::RateLimited,
        Failure::OverBudget { class: Class::Events, limit: 30_000 },
        Failure::DryRunsBusy,
        Failure::Timeout,
        Failure::Unavailable,
        Failure::DecisionTooLarge,
        Failure::DiskQuota,
        Failure::Internal,
    ];
    let apis = [Api::Transition, Api::Customer, Api::Event, Api::Device, Api::CustomerDelete, Api::Unknown];
    let (types, statuses) = (known_types(), known_statuses());
    let mut got = String::new();
    for failure in &failures {
        writeln!(got, "{failure:?}: {}", failure.status()).expect("memory");
        // Fails when a failure of a new type or status is missing in `known.rs`.
        assert!(statuses.contains(&failure.status()), "{failure:?} has a status that is not known");
        for api in apis {
            let body = utf8(failure.render(api, request_id()));
            let json: serde_json::Value = serde_json::from_str(&body).expect("an answer is JSON");
            assert_eq!(json["status"], "fail", "{body}");
            assert!(types.contains(&failure.kind(api)), "{failure:?} has a type that is not known");
            writeln!(got, "  {api:?} {body}").expect("memory");
        }
    }
    assert_eq!(differs(&golden().join("failures.out"), &got), None);
}
