//! Answers of a request that was applied: the plain success, the results of `return=representation`, and the headers
//! `Muster-Outcomes` and `Preference-Applied` (behaviour.md 1.3, RFC 7240).

use super::api::Api;
use super::faults::{write_fault, write_fault_type};
use super::members::suggestion;
use crate::{explanation, write};
use muster_core::id::{ProfileId, ProfileNo, RequestId};
use muster_core::kinds::ElementKind;
use muster_core::limits::{FAULTS_MAX, WARNINGS_MAX};
use muster_core::outcome::{ActionOutcome, Applied, ElementResult, Outcome, RecordedAnswer};
use muster_core::reason::Fault;
use muster_core::warning::{Code, Warning};

/// Documented message of success (FACTS 1.4).
pub const SUCCESS_MESSAGE: &str = "Your request has been accepted and will be processed soon.";

/// Preferences of a client in `Prefer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `handling=lenient` (true) or `handling=strict` (false); None leaves it to the workspace.
    pub lenient: Option<bool>,
    /// `return=representation`.
    pub representation: bool,
}

impl Preferences {
    /// Reads all `Prefer` headers of a request; of a preference that is given twice the first counts (RFC 7240, 2).
    /// Unknown preferences and values are ignored.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut handling, mut representation) = (None, None);
        for preference in values.into_iter().flat_map(|line| line.split(',')) {
            let stated = preference.split(';').next().unwrap_or_default();
            let (name, value) = stated.split_once('=').unwrap_or((stated, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("handling") && handling.is_none() {
                handling = Some(match value {
                    v if v.eq_ignore_ascii_case("lenient") => Some(true),
                    v if v.eq_ignore_ascii_case("strict") => Some(false),
                    _ => None,
                });
            } else if name.eq_ignore_ascii_case("return") && representation.is_none() {
                representation = Some(value.eq_ignore_ascii_case("representation"));
            }
        }
        Self { lenient: handling.flatten(), representation: representation.unwrap_or(false) }
    }

    /// Returns the value of `Preference-Applied`; None if there is none. `represented`: the answer has results.
    pub fn applied(&self, represented: bool) -> Option<String> {
        let handling = self.lenient.map(|lenient| if lenient { "handling=lenient" } else { "handling=strict" });
        let returned = (self.representation && represented).then_some("return=representation");
        let honoured: Vec<&str> = handling.into_iter().chain(returned).collect();
        (!honoured.is_empty()).then(|| honoured.join(", "))
    }
}

/// Returns the plain success: exactly `status`, `message` and `request_id`.
pub fn success(request_id: RequestId) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    open(&mut out, request_id);
    out.push(b'}');
    out
}

fn open(out: &mut Vec<u8>, request_id: RequestId) {
    out.extend_from_slice(br#"{"status":"success","message":"#);
    write::string(out, SUCCESS_MESSAGE);
    out.extend_from_slice(b",\"request_id\":");
    write::quoted(out, request_id);
}

/// Returns the value of `Muster-Outcomes`, which counts elements: skipped ones count as applied, and `warnings` counts
/// elements with a warning, whatever their outcome (behaviour.md 1.3.l).
pub fn outcomes_header(applied: &Applied) -> String {
    let (rejected, duplicate) = (applied.count(Outcome::Rejected), applied.count(Outcome::Duplicate));
    let rest = applied.elements.len() - rejected - duplicate;
    let warned = applied.elements.iter().filter(|element| !element.warnings.is_empty()).count();
    format!("applied={rest}, rejected={rejected}, duplicate={duplicate}, warnings={warned}")
}

/// Returns the answer of an applied request, as it is recorded under an idempotency key. With `representation` or `dry`
/// it has `results` and `summary`. In a dry run, profiles that would be created have `id` null and a `ref`.
pub fn applied_answer(api: Api, applied: &Applied, representation: bool, dry: bool) -> RecordedAnswer {
    let request_id = RequestId::from_no(applied.request);
    let outcomes = outcomes_header(applied).into();
    if !representation && !dry {
        return RecordedAnswer { status: 200, outcomes, body: success(request_id).into() };
    }
    let mut out = Vec::with_capacity(256 + 128 * applied.elements.len());
    open(&mut out, request_id);
    let first_new = dry.then_some(applied.first_new);
    let mut writer = ResultWriter { api, first_new, warnings_left: WARNINGS_MAX, faults_left: FAULTS_MAX };
    if !applied.warnings.is_empty() {
        out.extend_from_slice(b",\"warnings\":");
        writer.warnings(&mut out, ElementKind::Unknown, &applied.warnings);
    }
    out.extend_from_slice(b",\"results\":");
    write::array(&mut out, applied.elements.iter(), |out, element| writer.element(out, element));
    out.extend_from_slice(b",\"summary\":");
    summary(&mut out, &applied.elements);
    out.push(b'}');
    RecordedAnswer { status: 200, outcomes, body: out.into() }
}

/// Returns the name of an element's type on the wire; None if it could not be read.
pub fn kind_name(kind: ElementKind) -> Option<&'static str> {
    match kind {
        ElementKind::Customer => Some("customer"),
        ElementKind::Event => Some("event"),
        ElementKind::Device => Some("device"),
        ElementKind::Unknown => None,
    }
}

/// Writes the counts of elements and of actions by outcome.
pub fn summary(out: &mut Vec<u8>, elements: &[ElementResult]) {
    let mut of_elements = [0u32; Outcome::ALL.len()];
    let mut of_actions = [0u32; ActionOutcome::ALL.len()];
    for element in elements {
        of_elements[element.outcome as usize - 1] += 1;
        for action in &element.actions {
            of_actions[action.outcome as usize - 1] += 1;
        }
    }
    out.extend_from_slice(b"{\"elements\":");
    counts(out, Outcome::ALL.iter().map(|o| o.name()).zip(of_elements));
    out.extend_from_slice(b",\"actions\":");
    counts(out, ActionOutcome::ALL.iter().map(|o| o.name()).zip(of_actions));
    out.push(b'}');
}

fn counts<'a>(out: &mut Vec<u8>, counted: impl Iterator<Item = (&'a str, u32)>) {
    for (at, (name, count)) in counted.enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        write::string(out, name);
        out.push(b':');
        write::raw(out, count);
    }
    out.push(b'}');
}

/// Writes the results of one answer.
struct ResultWriter {
    api: Api,
    /// In a dry run, the first profile that does not exist.
    first_new: Option<ProfileNo>,
    /// Warnings that the answer may still have.
    warnings_left: usize,
    /// Faults that the answer may still have in full. Those after them are written by their type alone: a body of 100 KB can
    /// hold fifty thousand elements with a fault each. Every result is written.
    faults_left: usize,
}

impl ResultWriter {
    fn element(&mut self, out: &mut Vec<u8>, element: &ElementResult) {
        out.extend_from_slice(b"{\"index\":");
        write::raw(out, element.index);
        out.extend_from_slice(b",\"type\":");
        match kind_name(element.kind) {
            Some(name) => write::string(out, name),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"outcome\":");
        write::string(out, element.outcome.name());
        out.extend_from_slice(b",\"id\":");
        match element.profile {
            Some(id) => match self.reference(id) {
                Some(n) => write::raw(out, format_args!("null,\"ref\":\"new-{n}\"")),
                None => write::quoted(out, id),
            },
            None => out.extend_from_slice(b"null"),
        }
        if element.outcome == Outcome::Merged {
            out.extend_from_slice(b",\"merged_ids\":");
            write::array(out, element.merged.iter(), |out, id| match self.reference(*id) {
                Some(n) => write::quoted(out, format_args!("new-{n}")),
                None => write::quoted(out, id),
            });
        }
        out.extend_from_slice(b",\"warnings\":");
        self.warnings(out, element.kind, &element.warnings);
        if element.outcome == Outcome::Rejected {
            out.extend_from_slice(b",\"errors\":");
            write::array(out, &element.errors, |out, fault| self.fault(out, fault));
        }
        // The same explanation fifty thousand times would help nobody.
        let is_explained = self.faults_left > 0 || element.outcome != Outcome::Rejected;
        if let Some(explanation) = element.explanation.as_ref().filter(|_| is_explained) {
            out.extend_from_slice(b",\"because\":");
            explanation::write(out, explanation, element.outcome == Outcome::Rejected, self.first_new);
        }
        if element.kind == ElementKind::Event {
            out.extend_from_slice(b",\"actions\":");
            write::array(out, element.actions.iter().enumerate(), |out, (at, action)| {
                write::raw(out, format_args!("{{\"index\":{at},\"outcome\":\"{}\"", action.outcome.name()));
                if !action.errors.is_empty() {
                    out.extend_from_slice(b",\"errors\":");
                    write::array(out, &action.errors, |out, fault| self.fault(out, fault));
                }
                out.push(b'}');
            });
        }
        out.push(b'}');
    }

    fn fault(&mut self, out: &mut Vec<u8>, fault: &Fault) {
        if self.faults_left == 0 {
            return write_fault_type(out, self.api, fault);
        }
        self.faults_left -= 1;
        write_fault(out, self.api, fault);
    }

    /// Returns the N of `new-N` for a profile that only the dry run created.
    fn reference(&self, id: ProfileId) -> Option<u64> {
        let first = self.first_new?.0;
        (id.no.0 >= first).then(|| id.no.0 - first + 1)
    }

    fn warnings(&mut self, out: &mut Vec<u8>, of: ElementKind, warnings: &[Warning]) {
        let written = warnings.len().min(self.warnings_left);
        self.warnings_left -= written;
        write::array(out, &warnings[..written], |out, warning| {
            write_warning(out, of, warning);
            out.push(b'}');
        });
    }
}

/// Writes a warning of the log: as in an answer, and with the received text if it is stored (behaviour.md 2.ub).
pub fn write_logged_warning(out: &mut Vec<u8>, of: ElementKind, warning: &Warning) {
    write_warning(out, of, warning);
    if let Some(given) = &warning.given {
        out.extend_from_slice(b",\"given\":");
        write::string(out, given);
    }
    out.push(b'}');
}

/// Writes a warning as `{code, name, pointer, count, suggestion?`, without the closing brace. The code is the name of
/// its variant.
fn write_warning(out: &mut Vec<u8>, of: ElementKind, warning: &Warning) {
    write::raw(out, format_args!("{{\"code\":\"{:?}\",\"name\":", warning.code));
    write::string(out, &warning.name);
    out.extend_from_slice(b",\"pointer\":");
    write::string(out, &warning.pointer);
    write::raw(out, format_args!(",\"count\":{}", warning.count));
    if warning.code == Code::UnknownMember
        && let Some(meant) = suggestion(of, &warning.name, &warning.pointer)
    {
        out.extend_from_slice(b",\"suggestion\":");
        write::string(out, meant);
    }
}
