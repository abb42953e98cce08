//! Identity resolution: what these settings would do, tried on the stored data before they are in force. The form is the
//! draft: it is sent whole with each button, and nothing of it is kept until it is activated.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::{confirmed, refused};
use crate::http::manage::identity;
use crate::manage::stats;
use askama::Template;
use muster_core::attribute::CUSTOMER_ID;
use muster_core::identifier::{CUSTOMER_ID_EXCEPTIONS, OTHER_EXCEPTIONS};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::stats::StatsDocument;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "identity.html")]
struct Identity {
    shell: Shell,
    /// The settings in force.
    now: Json,
    /// The settings of the form.
    draft: Json,
    preview: Json,
    /// The totals of the workspace, where the draft turns identity resolution off.
    stats: Option<StatsDocument>,
    error: String,
    is_changed: bool,
}

/// Kinds that a workspace can have.
const KINDS_MAX: usize = 5;
/// Attribute rules that a workspace can have.
const RULES_MAX: usize = 5;

/// `GET /w/{ws}/identity`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    page(&visit, None, Json::Null, String::new()).await
}

async fn page(visit: &Visit, draft: Option<Json>, preview: Json, error: String) -> Page {
    let now = visit.ask(identity::show, &["identity"], &[]).await?;
    let shell = Shell::of(visit, "Identity resolution", "identity").await?;
    let kept = settings(&now);
    let is_changed = draft.as_ref().is_some_and(|draft| *draft != kept);
    let draft = draft.unwrap_or(kept);
    let stats = if turns_off(&now, &draft) { Some(visit.perform(stats::stats, ()).await?) } else { None };
    html(&Identity { shell, draft, now, preview, stats, error, is_changed })
}

/// Whether a draft turns identity resolution off.
fn turns_off(now: &Json, draft: &Json) -> bool {
    now.flag("enabled") && !draft.flag("enabled")
}

/// What is set, without how far an activation is.
fn settings(doc: &Json) -> Json {
    let names = ["enabled", "identifiers", "survivor", "attribute_rules"];
    names.into_iter().map(|name| (name.to_owned(), doc.member(name).clone())).collect()
}

/// `POST /w/{ws}/identity` with the draft and `do`: `preview`, `activate`, or a change of the draft.
pub(crate) async fn change(visit: Arc<Visit>) -> Page {
    let draft = draft(&visit);
    match visit.field("do").unwrap_or("preview") {
        "activate" => activate(&visit, draft).await,
        "preview" => match visit.told(identity::try_out, &["identity", "preview"], &[], &draft).await {
            Ok(preview) => page(&visit, Some(draft), preview, String::new()).await,
            Err(problem) if problem.status < 500 => {
                refused(page(&visit, Some(draft), Json::Null, said(&problem)).await)
            }
            Err(problem) => Err(problem),
        },
        // A change of the draft alone: it is shown again.
        _ => page(&visit, Some(draft), Json::Null, String::new()).await,
    }
}

async fn activate(visit: &Visit, draft: Json) -> Page {
    if let Err(problem) = confirmed(visit, visit.workspace()) {
        let preview = visit.told(identity::try_out, &["identity", "preview"], &[], &draft).await.unwrap_or_default();
        return refused(page(visit, Some(draft), preview, super::frame::sentence(&problem.detail)).await);
    }
    match visit.act(identity::change, ("PUT", &["identity"]), &draft).await {
        Ok(now) => visit.done(&visit.within("identity"), activated(&now)),
        // What is wrong with the draft stands beside it; that the token may not is no fault of the draft.
        Err(problem) if problem.status < 500 && problem.status != 403 => {
            refused(page(visit, Some(draft), Json::Null, said(&problem)).await)
        }
        Err(problem) => Err(problem),
    }
}

/// What was done: what an activation has to look at first is in force when that is through.
fn activated(now: &Json) -> &'static str {
    if now.text("state") == "activating" {
        "Identity settings saved. The stored data is being looked through; until that is done the previous ones hold."
    } else {
        "Identity settings saved. They hold for requests from now on."
    }
}

fn said(problem: &Problem) -> String {
    super::frame::sentence(&problem.to_string())
}

/// The form as settings; buttons of rows move, remove and add.
fn draft(visit: &Visit) -> Json {
    let (action, at) = visit.field("do").and_then(|it| it.split_once(':')).unwrap_or_default();
    let at: usize = at.parse().unwrap_or(usize::MAX);
    let mut kinds: Vec<Json> = (0..KINDS_MAX).filter_map(|n| kind(visit, n)).collect();
    match action {
        "up" if (1..kinds.len()).contains(&at) => kinds.swap(at, at - 1),
        "down" if at + 1 < kinds.len() => kinds.swap(at, at + 1),
        "remove" if at < kinds.len() => drop(kinds.remove(at)),
        _ => {}
    }
    if let Some(name) = visit.field("add").map(str::trim).filter(|name| !name.is_empty()) {
        kinds.push(json!({"kind": name, "pinned": false, "max_profiles": 50}));
    }
    let mut survivor = json!({"rule": visit.field("rule").unwrap_or("last_seen")});
    if let Some(attribute) = visit.field("attribute") {
        survivor["attribute"] = json!(attribute.trim());
    }
    let rules: Map<String, Json> = (0..=RULES_MAX)
        .filter_map(|n| {
            let name = visit.field(&format!("rule-name-{n}"))?.trim().to_owned();
            Some((name, json!(visit.field(&format!("rule-word-{n}")).unwrap_or("sum"))))
        })
        .collect();
    json!({
        "enabled": visit.field("enabled").is_some(),
        "identifiers": kinds,
        "survivor": survivor,
        "attribute_rules": rules,
    })
}

/// A row of the form; what is no number goes as it is, so that it is refused with its pointer.
fn kind(visit: &Visit, n: usize) -> Option<Json> {
    let field = |name: &str| visit.field(&format!("{name}-{n}"));
    let mut out = Map::from_iter([("kind".to_owned(), json!(field("kind")?))]);
    if let Some(normalise) = field("normalise") {
        out.insert("normalise".to_owned(), json!(normalise));
    }
    out.insert("pinned".to_owned(), json!(field("pinned").is_some()));
    out.insert("paused".to_owned(), json!(field("paused").is_some()));
    let cap = field("cap").unwrap_or("50").trim();
    out.insert("max_profiles".to_owned(), cap.parse::<u64>().map_or_else(|_| json!(cap), |n| json!(n)));
    let lines = field("exceptions").unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    // The list that holds where none is given stays none, so that nothing is fixed that nobody chose.
    if lines != usual(field("kind")?) {
        out.insert("exceptions".to_owned(), json!(lines));
    }
    Some(Json::Object(out))
}

/// The exceptions of a kind where a workspace gives no list (behaviour.md 3).
fn usual(kind: &str) -> Vec<&'static str> {
    let own: &[&str] = if kind == CUSTOMER_ID { &CUSTOMER_ID_EXCEPTIONS } else { &[] };
    let all: Vec<&str> = OTHER_EXCEPTIONS.iter().chain(own).copied().collect();
    all.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect()
}

impl Identity {
    fn is_activating(&self) -> bool {
        self.now.text("state") == "activating"
    }

    fn may_change(&self) -> bool {
        self.shell.may_operate && !self.is_activating()
    }

    /// The exceptions that hold for a kind, one a line.
    fn exceptions(&self, kind: &Json) -> String {
        self.listed(kind).join("\n")
    }

    fn listed<'k>(&self, kind: &'k Json) -> Vec<&'k str> {
        if kind.has("exceptions") {
            return kind.list("exceptions").iter().filter_map(Json::as_str).collect();
        }
        usual(kind.text("kind"))
    }

    fn is_new(&self, kind: &Json) -> bool {
        !self.now.list("identifiers").iter().any(|known| known.text("kind") == kind.text("kind"))
    }

    /// The attribute rules with an empty row for one more.
    fn rules(&self) -> Vec<(String, String)> {
        let rules = self.draft.members("attribute_rules");
        let mut rows: Vec<_> = rules
            .into_iter()
            .map(|(name, word)| (name.to_owned(), word.as_str().unwrap_or("sum").to_owned()))
            .collect();
        if rows.len() < RULES_MAX {
            rows.push((String::new(), "sum".to_owned()));
        }
        rows
    }

    fn can_add(&self) -> bool {
        self.draft.list("identifiers").len() < KINDS_MAX
    }

    /// What a preview found, in one sentence, and its tone: conflicts alone are a warning, since they are work for people and
    /// nothing else comes of them.
    fn verdict(&self) -> (&'static str, String) {
        let (merges, reviews) = (self.preview.count("merges"), self.preview.count("reviews"));
        if self.turns_off() {
            return ("warn", "Turns identity resolution off: customer_id is then the only identifier.".to_owned());
        }
        if merges == 0 && reviews == 0 {
            return ("", "0 merges. No stored users would be joined.".to_owned());
        }
        if merges == 0 {
            return ("warn", format!("0 merges, {} for review.", counted(reviews, "conflict")));
        }
        let (profiles, largest) = (self.preview.count("profiles_merged"), self.preview.count("largest"));
        let words = format!(
            "{} would join {}. The largest would have {}.",
            counted(merges, "merge"),
            counted(profiles, "user"),
            counted(largest, "merged profile")
        );
        ("", words)
    }

    /// Whether the draft turns identity resolution off.
    fn turns_off(&self) -> bool {
        turns_off(&self.now, &self.draft)
    }

    /// Kinds that match now and would not with the draft.
    fn ends(&self) -> Vec<&str> {
        let matches = |of: &Json, kind: &str| {
            let matches = |it: &Json| it.text("kind") == kind && !it.flag("paused");
            of.flag("enabled") && of.list("identifiers").iter().any(matches)
        };
        let kinds = self.now.list("identifiers").iter().map(|it| it.text("kind"));
        let others = kinds.filter(|kind| *kind != CUSTOMER_ID);
        others.filter(|kind| matches(&self.now, kind) && !matches(&self.draft, kind)).collect()
    }

    /// Whether the draft pins `customer_id`.
    fn is_pinned(&self) -> bool {
        let mut kinds = self.draft.list("identifiers").iter();
        kinds.any(|it| it.text("kind") == CUSTOMER_ID && it.flag("pinned"))
    }

    /// What is advised about the pin.
    fn advice(&self) -> &'static str {
        match (self.is_pinned(), self.now.flag("enabled")) {
            (true, _) => "Keep customer_id pinned.",
            (false, false) => "Pin customer_id before you turn this on.",
            (false, true) => "Pin customer_id.",
        }
    }

    /// The groups that would be made, by how many profiles they join.
    fn groups(&self) -> Html {
        let groups = self.preview.list("groups").iter();
        parts::groups(&groups.map(|it| (it.count("profiles"), it.count("count"))).collect::<Vec<_>>())
    }

    /// A sample: the users that would be joined.
    fn sample(&self, sample: &Json) -> Html {
        let ids = sample.list("ids").iter().filter_map(Json::as_str).map(|id| self.shell.user(id).to_string());
        parts::made(ids.collect::<Vec<_>>().join(" "))
    }
}

#[derive(Template)]
#[template(path = "identity-progress.html")]
struct Progress {
    now: Json,
}

/// `POST /w/{ws}/identity/cancel`: gives up an activation that failed.
pub(crate) async fn cancel(visit: Arc<Visit>) -> Page {
    match visit.act(identity::cancel, ("POST", &["identity", "cancel"]), &json!({})).await {
        Ok(_) => visit.done(
            &visit.within("identity"),
            "Activation given up. The settings before it hold; merges that it made stay.",
        ),
        // It went on, or ended, in the meantime: the page says so.
        Err(problem) if problem.status == 409 => refused(page(&visit, None, Json::Null, said(&problem)).await),
        Err(problem) => Err(problem),
    }
}

/// `GET /w/{ws}/identity/progress`: how far an activation is.
pub(crate) async fn progress(visit: Arc<Visit>) -> Page {
    html(&Progress { now: visit.ask(identity::show, &["identity"], &[]).await? })
}
