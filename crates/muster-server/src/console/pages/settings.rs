//! Settings: how callers reach a workspace and with which keys, and how strict it is.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, redirect};
use super::log::curl;
use super::problem::sentence;
use super::{as_refusal, check_confirmation};
use crate::manage::arguments::{IfMatch, JsonBody};
use crate::manage::{keys, stats, workspaces};
use crate::sessions::flash::{Flash, Secret};
use askama::Template;
use muster_core::time::Timestamp;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::{SettingsDocument, SettingsPatch, WorkspaceDocument};
use muster_wire::manage::stats::{KeyUseDocument, StatsDocument};
use muster_wire::manage::workspace::{RemoveWorkspaceRequest, RevokeKeyRequest, RotateKeyRequest};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    layout: Layout,
    keys: Vec<KeyUseDocument>,
    since: Html,
    address: String,
    curl: Html,
    error: String,
    now: Timestamp,
}

/// `GET /w/{ws}/settings`: how callers reach the workspace, and with which keys.
pub(crate) async fn apis(context: Arc<PageContext>) -> PageResult {
    page(&context, String::new()).await
}

async fn page(context: &PageContext, error: String) -> PageResult {
    let found = context.perform(stats::keys, ()).await?;
    let layout = Layout::new(context, "Settings", "settings").await?;
    html(&Settings {
        since: layout.times.full(found.since),
        keys: found.items,
        address: format!("{}/v1", context.address()),
        curl: curl(context),
        now: context.app.now(),
        layout,
        error,
    })
}

/// `POST /w/{ws}/keys/rotate` with `grace_seconds` and `confirm`: the new key is shown once, by the page that follows.
pub(crate) async fn rotate(context: Arc<PageContext>) -> PageResult {
    if let Err(problem) = check_confirmation(&context, context.workspace()) {
        return as_refusal(page(&context, sentence(&problem.detail)).await);
    }
    let grace: u64 = context.field("grace_seconds").and_then(|it| it.parse().ok()).unwrap_or(0);
    let wanted = RotateKeyRequest { grace_seconds: grace, scopes: None };
    let made = context.perform(keys::rotate, (JsonBody(wanted),)).await?;
    let before = match made.previous_valid_until {
        Some(until) => {
            let until = context.times().text(until, components::Style::Full);
            format!("The previous key works until {until}.")
        }
        None => "The previous key has ended.".to_owned(),
    };
    let words = format!("Key created. Copy it now; you won't see it again. {before}");
    let (value, place) = (made.data_api_key, context.within("settings"));
    let secret = Secret { what: "new Data API key", value, done: place.clone() };
    context.flash(&place, Flash::good(words).with(secret));
    Ok(redirect(&place))
}

/// `POST /w/{ws}/keys/revoke` with `fingerprint` and `confirm`.
pub(crate) async fn revoke(context: Arc<PageContext>) -> PageResult {
    let fingerprint = context.field("fingerprint").unwrap_or_default();
    if let Err(problem) = check_confirmation(&context, fingerprint) {
        return as_refusal(page(&context, sentence(&problem.detail)).await);
    }
    let wanted = RevokeKeyRequest { fingerprint: fingerprint.to_owned() };
    context.perform(keys::revoke, (JsonBody(wanted),)).await?;
    context.done(&context.within("settings"), format!("Key {fingerprint} revoked. Callers that use it get 401."))
}

impl Settings {
    /// Returns whether a key ends.
    fn ends(&self, key: &KeyUseDocument) -> bool {
        key.valid_until.is_some()
    }

    fn is_over(&self, key: &KeyUseDocument) -> bool {
        key.valid_until.is_some_and(|until| until.0 <= self.now)
    }
}

/// A number that a form sets: its field, its label, its unit.
struct Number {
    path: &'static str,
    label: &'static str,
    unit: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "settings-workspace.html")]
struct Workspace {
    layout: Layout,
    doc: WorkspaceDocument,
    stats: StatsDocument,
    name: String,
    zone: String,
    addresses: String,
    rates: Vec<Number>,
    size: Vec<Number>,
    intake: Vec<Number>,
    retention: Vec<Number>,
    flags: Vec<(&'static str, &'static str, &'static str, bool)>,
    error: Option<Problem>,
}

const RATES: [(&str, &str, &str); 3] = [
    ("limits.users_per_minute", "Users", "per minute"),
    ("limits.events_per_minute", "Events", "per minute"),
    ("limits.devices_per_minute", "Devices", "per minute"),
];
const SIZE: [(&str, &str, &str); 3] = [
    ("limits.body_bytes", "Body", "bytes"),
    ("limits.profile_bytes", "Profile", "bytes of a profile and all its members"),
    ("limits.disk_bytes", "Disk", "bytes; 0: no limit"),
];
const INTAKE: [(&str, &str, &str); 1] = [("future_skew_seconds", "Accept event times up to", "s in the future")];
const RETENTION: [(&str, &str, &str); 5] = [
    ("log_retention_days", "Log", "days"),
    ("quarantine_retention_days", "Quarantine", "days"),
    ("event_retention_days", "Events", "days"),
    ("event_id_retention_days", "Event ids", "days"),
    ("delete_buffer_hours", "Deleted users", "hours"),
];
const FLAGS: [(&str, &str, &str); 6] = [
    (
        "lenient",
        "Lenient by default",
        "An element with a structural error is rejected alone, not with its whole request. Clients can ask for strict handling",
    ),
    ("parity", "Parity", "Truncate and drop values exactly as the hosted service does, instead of warning"),
    ("null_clears", "null clears a value", "Otherwise null means not known and is ignored"),
    ("store_origin_address", "Store client IP addresses", "Of requests and events, shown in the log"),
    ("mask_personal_data", "Mask personal data", "For tokens without the scope personal"),
    ("record_reads", "Record reads of users", "The audit log says who read which user's data"),
];

/// Returns a setting by the path that the management API has for it, as a sentence names it.
pub(super) fn label(path: &str) -> String {
    let rate = RATES.iter().map(|(known, label, unit)| (*known, format!("{label} {unit}")));
    let size = SIZE.iter().map(|(known, label, _)| (*known, format!("{label} size in bytes")));
    let intake = INTAKE.iter().map(|(known, ..)| (*known, "seconds that event times may be in the future".to_owned()));
    let kept = RETENTION.iter().map(|(known, label, unit)| (*known, format!("{unit} of retention for {label}")));
    let flag = FLAGS.iter().map(|(known, label, ..)| (*known, (*label).to_owned()));
    let mut all = rate.chain(size).chain(intake).chain(kept).chain(flag);
    let found = all.find(|(known, _)| *known == path).map(|(_, label)| label);
    let label = found.unwrap_or_else(|| path.replace(['.', '_'], " "));
    let mut letters = label.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

/// Returns a number of the settings by its path.
fn setting_value(settings: &SettingsDocument, path: &str) -> String {
    let limits = &settings.limits;
    let number = match path {
        "limits.users_per_minute" => u64::from(limits.users_per_minute),
        "limits.events_per_minute" => u64::from(limits.events_per_minute),
        "limits.devices_per_minute" => u64::from(limits.devices_per_minute),
        "limits.body_bytes" => limits.body_bytes,
        "limits.profile_bytes" => limits.profile_bytes,
        "limits.disk_bytes" => limits.disk_bytes,
        "future_skew_seconds" => u64::from(settings.future_skew_seconds),
        "log_retention_days" => u64::from(settings.log_retention_days),
        "quarantine_retention_days" => u64::from(settings.quarantine_retention_days),
        "event_retention_days" => u64::from(settings.event_retention_days),
        "event_id_retention_days" => u64::from(settings.event_id_retention_days),
        _ => u64::from(settings.delete_buffer_hours),
    };
    number.to_string()
}

/// Returns a flag of the settings by its name.
fn is_set(settings: &SettingsDocument, name: &str) -> bool {
    match name {
        "lenient" => settings.lenient,
        "parity" => settings.parity,
        "null_clears" => settings.null_clears,
        "store_origin_address" => settings.store_origin_address,
        "mask_personal_data" => settings.mask_personal_data,
        _ => settings.record_reads,
    }
}

fn numbers(
    context: &PageContext,
    settings: &SettingsDocument,
    of: &[(&'static str, &'static str, &'static str)],
) -> Vec<Number> {
    let number = |(path, label, unit): &(&'static str, &'static str, &'static str)| {
        let value = context.field(path).map_or_else(|| setting_value(settings, path), str::to_owned);
        Number { path, label, unit, value }
    };
    of.iter().map(number).collect()
}

/// `GET /w/{ws}/settings/workspace`.
pub(crate) async fn workspace(context: Arc<PageContext>) -> PageResult {
    form(&context, None).await
}

async fn form(context: &PageContext, error: Option<Problem>) -> PageResult {
    let doc = context.perform(workspaces::show, ()).await?.document;
    let settings = &doc.settings;
    let stats = context.perform(stats::stats, ()).await?;
    let layout = Layout::new(context, "Settings", "settings").await?;
    // A name that was mistyped to confirm something else was sent without the settings.
    let is_sent = error.as_ref().is_some_and(|problem| problem.pointer.as_deref() != Some("/confirm"));
    let flag = |(name, label, hint): &(&'static str, &'static str, &'static str)| {
        (*name, *label, *hint, if is_sent { context.field(name).is_some() } else { is_set(settings, name) })
    };
    let sent =
        |name: &str, stored: String| if is_sent { context.field(name).unwrap_or_default().to_owned() } else { stored };
    html(&Workspace {
        name: sent("name", settings.name.clone()),
        zone: sent("time_zone", settings.time_zone.clone()),
        addresses: sent("allowed_addresses", settings.allowed_addresses.join("\n")),
        rates: numbers(context, settings, &RATES),
        size: numbers(context, settings, &SIZE),
        intake: numbers(context, settings, &INTAKE),
        retention: numbers(context, settings, &RETENTION),
        flags: FLAGS.iter().map(flag).collect(),
        layout,
        doc,
        stats,
        error,
    })
}

/// `POST /w/{ws}/settings/workspace`: all of the form as one change.
pub(crate) async fn save(context: Arc<PageContext>) -> PageResult {
    match change(&context, &patch(&context)).await {
        Ok(_) => {
            context.done(&context.within("settings/workspace"), "Settings saved. They apply to requests from now on.")
        }
        Err(problem) if problem.status == 400 => as_refusal(form(&context, Some(problem)).await),
        Err(problem) => Err(problem),
    }
}

async fn change(context: &PageContext, patch: &Json) -> Result<(), Problem> {
    let patch = SettingsPatch(patch.to_string().into_bytes());
    context.perform(workspaces::change, (JsonBody(patch), IfMatch::default())).await.map(|_| ())
}

/// Returns the form as the change that the management API takes; what is not a number is sent as typed and refused there.
fn patch(context: &PageContext) -> Json {
    let mut out = Map::new();
    for name in ["name", "time_zone"] {
        out.insert(name.to_owned(), json!(context.field(name).unwrap_or_default().trim()));
    }
    let lines = context.field("allowed_addresses").unwrap_or_default().lines().map(str::trim);
    out.insert("allowed_addresses".to_owned(), lines.filter(|line| !line.is_empty()).collect());
    for (name, ..) in FLAGS {
        out.insert(name.to_owned(), json!(context.field(name).is_some()));
    }
    let mut limits = Map::new();
    for (path, ..) in RATES.iter().chain(&SIZE).chain(&INTAKE).chain(&RETENTION) {
        let text = context.field(path).unwrap_or_default().trim();
        let value = text.parse::<u64>().map_or_else(|_| json!(text), |n| json!(n));
        match path.split_once('.') {
            Some((_, name)) => limits.insert(name.to_owned(), value),
            None => out.insert((*path).to_owned(), value),
        };
    }
    out.insert("limits".to_owned(), Json::Object(limits));
    Json::Object(out)
}

/// `POST /w/{ws}/settings/suspend` with `suspended`, and `confirm` where it stops callers.
pub(crate) async fn suspend(context: Arc<PageContext>) -> PageResult {
    let suspended = context.field("suspended") == Some("true");
    if suspended && let Err(problem) = check_confirmation(&context, context.workspace()) {
        return as_refusal(form(&context, Some(problem)).await);
    }
    change(&context, &json!({"suspended": suspended})).await?;
    let words = if suspended {
        "Workspace suspended. Callers get 403."
    } else {
        "Workspace resumed. Callers are served again."
    };
    context.done(&context.within("settings/workspace"), words)
}

/// `POST /w/{ws}/settings/delete` with `confirm`.
pub(crate) async fn delete(context: Arc<PageContext>) -> PageResult {
    if let Err(problem) = check_confirmation(&context, context.workspace()) {
        return as_refusal(form(&context, Some(problem)).await);
    }
    let wanted = RemoveWorkspaceRequest { confirm: context.workspace().to_owned() };
    context.perform(workspaces::remove, (JsonBody(wanted),)).await?;
    context.done("/workspaces", format!("Workspace {} deleted with all its data.", context.workspace()))
}

impl Workspace {
    /// Returns what is wrong with a field, in words; empty if nothing is.
    fn fault(&self, path: &str) -> String {
        let pointer = format!("/{}", path.replace('.', "/"));
        let about = |problem: &&Problem| problem.pointer.as_ref().is_some_and(|at| at.starts_with(&pointer));
        let problem = self.error.as_ref().filter(about);
        problem.map(|problem| sentence(&problem.detail)).unwrap_or_default()
    }

    /// Returns what was not done, and what to do about it; empty if nothing was refused.
    fn refusal(&self) -> String {
        let Some(problem) = &self.error else { return String::new() };
        if problem.pointer.as_deref() == Some("/confirm") {
            return sentence(&problem.detail);
        }
        let numbers = [&self.rates, &self.size, &self.intake, &self.retention];
        let numbers = numbers.into_iter().flatten().map(|number| (number.path, format!("\"{}\"", number.label)));
        let named =
            [("name", "the name"), ("time_zone", "the time zone"), ("allowed_addresses", "the allowed addresses")];
        let mut fields = named.map(|(path, label)| (path, label.to_owned())).into_iter().chain(numbers);
        match fields.find(|(path, _)| !self.fault(path).is_empty()) {
            Some((_, label)) => format!("Not saved: fix {label} below."),
            None => format!("Not saved: {problem}."),
        }
    }

    /// Returns what a deletion takes.
    fn effects(&self) -> [String; 3] {
        let StatsDocument { users, events, devices, .. } = self.stats;
        [(users, "user"), (events, "event"), (devices, "device")].map(|(count, noun)| count_noun(count, noun))
    }
}
