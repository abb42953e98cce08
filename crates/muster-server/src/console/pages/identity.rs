//! Identity resolution: what these settings would do, tried on the stored data before they are in force. The form is the
//! draft: it is sent whole with each button, and nothing of it is kept until it is activated.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html};
use super::{as_refusal, check_confirmation};
use crate::callers::TokenScope;
use crate::manage::arguments::{IfMatch, JsonBody, NoBody};
use crate::manage::scopes::has;
use crate::manage::{identity, stats};
use askama::Template;
use indexmap::IndexMap;
use muster_core::attribute::CUSTOMER_ID;
use muster_core::identifier::{CUSTOMER_ID_EXCEPTIONS, OTHER_EXCEPTIONS};
use muster_wire::manage::page::render;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::{
    IdentifierKindDocument, IdentityDocument, IdentityPreviewDocument, IdentityRequest, IdentitySettingsDocument,
    PreviewSampleDocument, SurvivorRuleDocument,
};
use muster_wire::manage::stats::StatsDocument;
use serde::{Serialize, Serializer};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "identity.html")]
struct Identity {
    layout: Layout,
    /// The settings in force.
    now: IdentityDocument,
    /// The settings of the form.
    draft: Draft,
    preview: Option<IdentityPreviewDocument>,
    /// The totals of the workspace, where the draft turns identity resolution off.
    stats: Option<StatsDocument>,
    error: String,
    is_changed: bool,
}

/// The settings of the form, as they were typed: what is wrong with them is refused with its pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Draft {
    enabled: bool,
    identifiers: Vec<DraftKind>,
    survivor: SurvivorRuleDocument,
    attribute_rules: IndexMap<String, String>,
}

/// A row of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct DraftKind {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalise: Option<String>,
    pinned: bool,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exceptions: Option<Vec<String>>,
    #[serde(serialize_with = "number_or_text")]
    max_profiles: String,
}

/// Serializes a number, or what was typed instead of one.
fn number_or_text<S: Serializer>(typed: &str, to: S) -> Result<S::Ok, S::Error> {
    match typed.parse::<u64>() {
        Ok(number) => to.serialize_u64(number),
        Err(_) => to.serialize_str(typed),
    }
}

/// Kinds that a workspace can have.
const KINDS_MAX: usize = 5;
/// Attribute rules that a workspace can have.
const RULES_MAX: usize = 5;

/// `GET /w/{ws}/identity`.
pub(crate) async fn show(context: Arc<PageContext>) -> PageResult {
    page(&context, None, None, String::new()).await
}

async fn page(
    context: &PageContext,
    draft: Option<Draft>,
    preview: Option<IdentityPreviewDocument>,
    error: String,
) -> PageResult {
    let now = context.perform(identity::show, ()).await?.document;
    let layout = Layout::new(context, "Identity resolution", "identity").await?;
    let kept = Draft::from(&now.settings);
    let is_changed = draft.as_ref().is_some_and(|draft| *draft != kept);
    let draft = draft.unwrap_or(kept);
    let stats = if turns_off(&now, &draft) { Some(context.perform(stats::stats, ()).await?) } else { None };
    html(&Identity { layout, now, draft, preview, stats, error, is_changed })
}

/// Returns whether a draft turns identity resolution off.
fn turns_off(now: &IdentityDocument, draft: &Draft) -> bool {
    now.settings.enabled && !draft.enabled
}

/// `POST /w/{ws}/identity` with the draft and `do`: `preview`, `activate`, or a change of the draft.
pub(crate) async fn change(context: Arc<PageContext>) -> PageResult {
    let draft = draft(&context);
    match context.field("do").unwrap_or("preview") {
        "activate" => activate(&context, draft).await,
        "preview" => match try_out(&context, &draft).await {
            Ok(preview) => page(&context, Some(draft), Some(preview), String::new()).await,
            Err(problem) if problem.status < 500 => {
                as_refusal(page(&context, Some(draft), None, problem_sentence(&problem)).await)
            }
            Err(problem) => Err(problem),
        },
        // A change of the draft alone: it is shown again.
        _ => page(&context, Some(draft), None, String::new()).await,
    }
}

async fn try_out(context: &PageContext, draft: &Draft) -> Result<IdentityPreviewDocument, Problem> {
    context.perform(identity::try_out, (JsonBody(draft.request()?),)).await
}

async fn activate(context: &PageContext, draft: Draft) -> PageResult {
    if let Err(problem) = check_confirmation(context, context.workspace()) {
        let preview = try_out(context, &draft).await.ok();
        return as_refusal(page(context, Some(draft), preview, super::problem::sentence(&problem.detail)).await);
    }
    // A missing right is reported first, whatever is wrong with the draft.
    has(&context.caller, TokenScope::Operate)?;
    let changed = match draft.request() {
        Ok(request) => context.perform(identity::change, (JsonBody(request), IfMatch::default())).await,
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(now) => context.done(&context.within("identity"), activation_message(&now.document)),
        // A fault of the draft is shown beside it; a missing right of the token is not a fault of the draft.
        Err(problem) if problem.status < 500 && problem.status != 403 => {
            as_refusal(page(context, Some(draft), None, problem_sentence(&problem)).await)
        }
        Err(problem) => Err(problem),
    }
}

/// Returns what was done: what an activation has to look at first is in force when that is through.
fn activation_message(now: &IdentityDocument) -> &'static str {
    if now.is_activating() {
        "Identity settings saved. The stored data is being processed; until that is done, the previous settings apply."
    } else {
        "Identity settings saved. They apply to requests from now on."
    }
}

fn problem_sentence(problem: &Problem) -> String {
    super::problem::sentence(&problem.to_string())
}

/// Returns the form as settings; buttons of rows move, remove and add.
fn draft(context: &PageContext) -> Draft {
    let (action, at) = context.field("do").and_then(|it| it.split_once(':')).unwrap_or_default();
    let at: usize = at.parse().unwrap_or(usize::MAX);
    let mut kinds: Vec<DraftKind> = (0..KINDS_MAX).filter_map(|n| kind(context, n)).collect();
    match action {
        "up" if (1..kinds.len()).contains(&at) => kinds.swap(at, at - 1),
        "down" if at + 1 < kinds.len() => kinds.swap(at, at + 1),
        "remove" if at < kinds.len() => drop(kinds.remove(at)),
        _ => {}
    }
    if let Some(name) = context.field("add").map(str::trim).filter(|name| !name.is_empty()) {
        kinds.push(DraftKind {
            kind: name.to_owned(),
            normalise: None,
            pinned: false,
            paused: false,
            exceptions: None,
            max_profiles: "50".to_owned(),
        });
    }
    let rule = |n: usize| {
        let name = context.field(&format!("rule-name-{n}"))?.trim().to_owned();
        Some((name, context.field(&format!("rule-word-{n}")).unwrap_or("sum").to_owned()))
    };
    Draft {
        enabled: context.field("enabled").is_some(),
        identifiers: kinds,
        survivor: SurvivorRuleDocument {
            attribute: context.field("attribute").map(|name| name.trim().to_owned()),
            rule: context.field("rule").unwrap_or("last_seen").to_owned(),
        },
        attribute_rules: (0..=RULES_MAX).filter_map(rule).collect(),
    }
}

/// Returns a row of the form.
fn kind(context: &PageContext, n: usize) -> Option<DraftKind> {
    let field = |name: &str| context.field(&format!("{name}-{n}"));
    let kind = field("kind")?.to_owned();
    let most = field("cap").unwrap_or("50").trim();
    let lines = field("exceptions").unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    // The list that holds where none is given stays none, so that nothing is fixed that nobody chose.
    let is_usual = lines == usual(&kind);
    Some(DraftKind {
        kind,
        normalise: field("normalise").map(str::to_owned),
        pinned: field("pinned").is_some(),
        paused: field("paused").is_some(),
        exceptions: (!is_usual).then(|| lines.into_iter().map(str::to_owned).collect()),
        max_profiles: most.parse::<u64>().map_or_else(|_| most.to_owned(), |most| most.to_string()),
    })
}

impl Draft {
    /// Returns the draft as a client of the API would send it.
    ///
    /// # Errors
    /// 400 with what is wrong in it.
    fn request(&self) -> Result<IdentityRequest, Problem> {
        IdentityRequest::read(&render(self))
    }

    /// Returns whether users are matched by a kind.
    fn matches(&self, kind: &str) -> bool {
        self.enabled && self.identifiers.iter().any(|it| it.kind == kind && !it.paused)
    }
}

impl From<&IdentitySettingsDocument> for Draft {
    fn from(settings: &IdentitySettingsDocument) -> Self {
        Self {
            enabled: settings.enabled,
            identifiers: settings.identifiers.iter().map(DraftKind::from).collect(),
            survivor: settings.survivor.clone(),
            attribute_rules: settings.attribute_rules.clone(),
        }
    }
}

impl From<&IdentifierKindDocument> for DraftKind {
    fn from(kind: &IdentifierKindDocument) -> Self {
        Self {
            kind: kind.kind.clone(),
            normalise: kind.normalise.clone(),
            pinned: kind.pinned,
            paused: kind.paused,
            exceptions: kind.exceptions.clone(),
            max_profiles: kind.max_profiles.to_string(),
        }
    }
}

impl DraftKind {
    /// Returns the exceptions that hold for it.
    fn listed(&self) -> Vec<&str> {
        match &self.exceptions {
            Some(exceptions) => exceptions.iter().map(String::as_str).collect(),
            None => usual(&self.kind),
        }
    }

    /// Returns the word of its normaliser; empty without one.
    fn compare(&self) -> &str {
        self.normalise.as_deref().unwrap_or_default()
    }
}

/// Returns the exceptions of a kind where a workspace gives no list (behaviour.md 3).
fn usual(kind: &str) -> Vec<&'static str> {
    let own: &[&str] = if kind == CUSTOMER_ID { &CUSTOMER_ID_EXCEPTIONS } else { &[] };
    let all: Vec<&str> = OTHER_EXCEPTIONS.iter().chain(own).copied().collect();
    all.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect()
}

impl Identity {
    fn is_activating(&self) -> bool {
        self.now.is_activating()
    }

    fn may_change(&self) -> bool {
        self.layout.may_operate && !self.is_activating()
    }

    fn is_new(&self, kind: &DraftKind) -> bool {
        !self.now.settings.identifiers.iter().any(|known| known.kind == kind.kind)
    }

    /// Returns the attribute rules with an empty row for one more.
    fn rules(&self) -> Vec<(&str, &str)> {
        let rules = self.draft.attribute_rules.iter();
        let mut rows: Vec<_> = rules.map(|(name, word)| (name.as_str(), word.as_str())).collect();
        if rows.len() < RULES_MAX {
            rows.push(("", "sum"));
        }
        rows
    }

    fn can_add(&self) -> bool {
        self.draft.identifiers.len() < KINDS_MAX
    }

    /// Returns the result of a preview as one sentence, with its tone: conflicts without merges are a warning, because they
    /// are work for people.
    fn headline(&self, preview: &IdentityPreviewDocument) -> (&'static str, String) {
        let (merges, reviews) = (preview.merges, preview.reviews);
        if turns_off(&self.now, &self.draft) {
            return ("warn", "Turns identity resolution off: customer_id is then the only identifier.".to_owned());
        }
        if merges == 0 && reviews == 0 {
            return ("", "0 merges. No stored users would be joined.".to_owned());
        }
        if merges == 0 {
            return ("warn", format!("0 merges, {} for review.", count_noun(reviews, "conflict")));
        }
        let words = format!(
            "{} would join {}. The largest would have {}.",
            count_noun(merges, "merge"),
            count_noun(preview.profiles_merged, "user"),
            count_noun(preview.largest, "merged profile")
        );
        ("", words)
    }

    /// Kinds that match now and would not with the draft.
    fn ends(&self) -> Vec<&str> {
        let now = Draft::from(&self.now.settings);
        let kinds = self.now.settings.identifiers.iter().map(|it| it.kind.as_str());
        let others = kinds.filter(|kind| *kind != CUSTOMER_ID);
        others.filter(|kind| now.matches(kind) && !self.draft.matches(kind)).collect()
    }

    /// Returns whether the draft pins `customer_id`.
    fn is_pinned(&self) -> bool {
        self.draft.identifiers.iter().any(|it| it.kind == CUSTOMER_ID && it.pinned)
    }

    /// Returns what is advised about the pin.
    fn advice(&self) -> &'static str {
        match (self.is_pinned(), self.now.settings.enabled) {
            (true, _) => "Keep customer_id pinned.",
            (false, false) => "Pin customer_id before you turn this on.",
            (false, true) => "Pin customer_id.",
        }
    }

    /// Returns the groups that would be made, by how many profiles they join.
    fn groups(&self, preview: &IdentityPreviewDocument) -> Html {
        components::groups(&preview.groups.iter().map(|it| (it.profiles, it.count)).collect::<Vec<_>>())
    }

    /// Returns a sample: the users that would be joined.
    fn sample(&self, sample: &PreviewSampleDocument) -> Html {
        let ids: Vec<Html> = sample.ids.iter().map(|id| self.layout.user(id)).collect();
        components::row(&ids)
    }
}

#[derive(Template)]
#[template(path = "identity-progress.html")]
struct Progress {
    now: IdentityDocument,
}

/// `POST /w/{ws}/identity/cancel`: gives up an activation that failed.
pub(crate) async fn cancel(context: Arc<PageContext>) -> PageResult {
    match context.perform(identity::cancel, (NoBody,)).await {
        Ok(_) => context.done(
            &context.within("identity"),
            "Activation cancelled. The previous settings apply again; merges that were made stay.",
        ),
        // The activation continued or ended in the meantime: the page says so.
        Err(problem) if problem.status == 409 => {
            as_refusal(page(&context, None, None, problem_sentence(&problem)).await)
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /w/{ws}/identity/progress`: how far an activation is.
pub(crate) async fn progress(context: Arc<PageContext>) -> PageResult {
    html(&Progress { now: context.perform(identity::show, ()).await?.document })
}
