//! The ingestion log: `GET /workspaces/{ws}/requests` and `GET .../requests/{request_id}`.

use crate::data::answer::{kind_name, summary as write_summary, write_logged_warning};
use crate::data::api::Api;
use crate::data::failure::{describe, fault_type, write_fault};
use crate::explanation;
use muster_core::id::{RequestId, RequestNo};
use muster_core::kinds::{ElementKind, Route};
use muster_core::outcome::{ActionResult, ElementResult, Outcome};
use muster_core::reason::Fault;
use muster_core::record::{LogEntry, Omitted};
use muster_core::time::Timestamp;
use muster_core::warning::Warning;
use serde_json::{Value as Json, json};

/// The members of a list.
pub fn summary(request: &LogEntry) -> Json {
    // A rejected event element repeats the faults of its actions: they count once.
    let of_elements = |e: &ElementResult| e.errors.len().max(e.actions.iter().map(|a| a.errors.len()).sum::<usize>());
    let listed = request.faults.len() + request.elements.iter().map(of_elements).sum::<usize>();
    let faults = listed as u64 + u64::from(request.omitted.faults);
    json!({
        "request_id": RequestId::from_no(request.no).to_string(),
        "received_at": request.received_at.to_string(),
        "status": request.status,
        "path": request.route.template(),
        "origin_address": request.origin.as_deref(),
        "bytes": request.bytes,
        "duration_us": request.duration_us,
        "summary": parsed(|out| write_summary(out, &request.elements)),
        "fault_count": faults,
        "first_error": all_faults(request).next().map(|fault| {
            let (kind, message) = describe(Api::from(request.route), fault);
            error(kind, &message)
        }),
    })
}

/// The first error of an item: enough to name it in a list.
fn error(kind: &str, message: &str) -> Json {
    json!({"type": kind, "message": message})
}

/// The faults of a request that its entry lists: of the request as a whole, then of its elements and of their actions.
fn all_faults(request: &LogEntry) -> impl Iterator<Item = &Fault> {
    let of_elements = request.elements.iter().flat_map(|element| {
        let of_actions = element.actions.iter().flat_map(|action| &action.errors);
        element.errors.iter().chain(of_actions)
    });
    request.faults.iter().chain(of_elements)
}

/// The types of the faults that the entry of a request lists, as its answer spelled them; one may come several times.
pub fn fault_types(request: &LogEntry) -> impl Iterator<Item = &'static str> {
    let api = Api::from(request.route);
    all_faults(request).map(move |fault| fault_type(api, fault))
}

/// Whether the entry of a request lists a warning, of the request or of an element.
pub fn has_warnings(request: &LogEntry) -> bool {
    !request.warnings.is_empty() || request.elements.iter().any(|element| !element.warnings.is_empty())
}

/// All of a request: with `elements`; of a refused one with its faults in `errors`, of any with its own `warnings`. An
/// entry that lists not all of them, for its bound of bytes, says how many are `omitted`.
pub fn full(request: &LogEntry) -> Json {
    let api = Api::from(request.route);
    let mut out = summary(request);
    if let Json::Object(members) = &mut out {
        let elements = request.elements.iter().map(|element| self::element(api, element)).collect();
        members.insert("elements".to_owned(), Json::Array(elements));
        members.insert("errors".to_owned(), faults(api, &request.faults));
        members.insert("warnings".to_owned(), warnings(ElementKind::Unknown, &request.warnings));
        if request.omitted != Omitted::default() {
            let Omitted { faults, warnings } = request.omitted;
            members.insert("omitted".to_owned(), json!({"faults": faults, "warnings": warnings}));
        }
    }
    out
}

/// A request that the log does not keep, as the live stream and the list of refusals tell it.
#[derive(Clone, Copy, Debug)]
pub struct Away<'a> {
    /// Its id, if it can be looked up by it (behaviour.md 4.p).
    pub no: Option<RequestNo>,
    /// The status of its answer.
    pub status: u16,
    /// The call; None if there is no such call.
    pub route: Option<Route>,
    /// The origin address, if it is kept.
    pub origin: Option<&'a str>,
    /// Its receipt.
    pub received_at: Timestamp,
    /// Microseconds from its head to its answer, where they are known.
    pub duration_us: Option<u64>,
    /// Type and message of the refusal, as the called API spells them; None if it was not refused.
    pub failure: Option<(&'static str, &'a str)>,
    /// Why the log does not keep it though it was not refused: `replayed` or `dry_run`.
    pub aside: Option<&'static str>,
}

/// A request that was turned away, tried out or answered from a record: the members of a list.
pub fn away(away: &Away<'_>) -> Json {
    let mut out = json!({
        "request_id": away.no.map(|no| RequestId::from_no(no).to_string()),
        "received_at": away.received_at.to_string(),
        "status": away.status,
        "path": away.route.map(Route::template),
        "origin_address": away.origin,
        "duration_us": away.duration_us,
        "failure": away.failure.map(|(kind, _)| kind),
        "first_error": away.failure.map(|(kind, message)| error(kind, message)),
    });
    if let (Some(name), Json::Object(members)) = (away.aside, &mut out) {
        members.insert(name.to_owned(), Json::from(true));
    }
    out
}

/// A refused request that is looked up by its id: as [`away`] and with the members of [`full`].
pub fn refused(away: &Away<'_>) -> Json {
    let mut out = self::away(away);
    if let (Some((kind, message)), Json::Object(members)) = (away.failure, &mut out) {
        let error = json!({"index": null, "pointer": "", "attribute": null, "type": kind, "message": message});
        members.insert("fault_count".to_owned(), json!(1));
        members.insert("elements".to_owned(), json!([]));
        members.insert("errors".to_owned(), json!([error]));
        members.insert("warnings".to_owned(), json!([]));
    }
    out
}

fn element(api: Api, element: &ElementResult) -> Json {
    let mut out = json!({
        "index": element.index,
        "type": kind_name(element.kind),
        "outcome": element.outcome.name(),
        "id": element.profile.map(|id| id.to_string()),
        "warnings": warnings(element.kind, &element.warnings),
        "errors": faults(api, &element.errors),
    });
    if let Json::Object(members) = &mut out {
        if let Some(explanation) = &element.explanation {
            let refused = element.outcome == Outcome::Rejected;
            members.insert("because".to_owned(), explanation::json(explanation, refused));
        }
        if !element.merged.is_empty() {
            let merged: Vec<String> = element.merged.iter().map(ToString::to_string).collect();
            members.insert("merged_ids".to_owned(), json!(merged));
        }
        if element.kind == ElementKind::Event {
            let actions = element.actions.iter().enumerate().map(|(at, a)| action(api, at, a)).collect();
            members.insert("actions".to_owned(), Json::Array(actions));
        }
    }
    out
}

fn action(api: Api, at: usize, action: &ActionResult) -> Json {
    let mut out = json!({"index": at, "outcome": action.outcome.name()});
    if let (false, Json::Object(members)) = (action.errors.is_empty(), &mut out) {
        members.insert("errors".to_owned(), faults(api, &action.errors));
    }
    out
}

/// Faults as `[{index, pointer, attribute, type, message}]`.
pub fn faults(api: Api, faults: &[Fault]) -> Json {
    faults.iter().map(|fault| parsed(|out| write_fault(out, api, fault))).collect()
}

fn warnings(of: ElementKind, warnings: &[Warning]) -> Json {
    warnings.iter().map(|warning| parsed(|out| write_logged_warning(out, of, warning))).collect()
}

/// The tree of what the Data API's answers write by hand, so that each shape is written in one place.
fn parsed(write: impl FnOnce(&mut Vec<u8>)) -> Json {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).expect("answers are written as JSON")
}
