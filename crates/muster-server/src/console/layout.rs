//! The layout of every page: the bar with the search box, the navigation with counts of open work, and who is signed in.

use super::assets;
use super::components::{self, Html, TimeFormatter};
use super::page_context::PageContext;
use crate::callers::TokenScope;
use crate::manage::stats;
use crate::sessions::flash::Flash;
use muster_wire::manage::problem::Problem;
use std::fmt::Display;

/// The choice of no zone: times are those of the workspace.
pub(super) const OF_THE_WORKSPACE: &str = "workspace";

/// A workspace in the switcher.
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) name: String,
}

/// A zone that can be chosen.
pub(super) struct ZoneChoice {
    /// What the form sends.
    pub(super) value: String,
    pub(super) name: String,
    /// Whose zone it is; empty if that is nobody's.
    pub(super) of: &'static str,
    pub(super) is_current: bool,
}

/// Returns the zones that can be chosen without a script, which adds that of the browser: the workspace's, UTC, and the
/// one that was chosen.
fn zones(times: &TimeFormatter, of_workspace: &str) -> Vec<ZoneChoice> {
    let zone = |value: &str, name: &str, of| ZoneChoice {
        value: value.to_owned(),
        name: name.to_owned(),
        of,
        is_current: name == times.name(),
    };
    let mut zones = Vec::new();
    if of_workspace != "UTC" {
        zones.push(zone(OF_THE_WORKSPACE, of_workspace, "this workspace"));
    }
    zones.push(zone("UTC", "UTC", ""));
    if zones.iter().all(|zone| !zone.is_current) {
        zones.push(zone(times.name(), times.name(), ""));
    }
    zones
}

/// What the layout shows.
pub(super) struct Layout {
    pub(super) title: String,
    /// The page that is marked in the navigation.
    pub(super) current: &'static str,
    pub(super) workspace: String,
    pub(super) name: String,
    pub(super) workspaces: Vec<Choice>,
    pub(super) quarantined: u64,
    pub(super) reviews: u64,
    /// Requests per second; empty while there are none.
    pub(super) rate: Html,
    pub(super) who: String,
    pub(super) may_operate: bool,
    pub(super) is_admin: bool,
    pub(super) theme: &'static str,
    pub(super) zone: String,
    /// Zones that can be chosen for the times of the pages.
    pub(super) zones: Vec<ZoneChoice>,
    pub(super) is_ready: bool,
    pub(super) is_suspended: bool,
    pub(super) is_activating: bool,
    pub(super) path: String,
    /// Messages about the last action, each shown once.
    pub(super) flashes: Vec<Flash>,
    pub(super) times: TimeFormatter,
}

impl Layout {
    /// Collects what the layout of a page shows.
    pub(super) async fn new(
        context: &PageContext,
        title: impl Into<String>,
        current: &'static str,
    ) -> Result<Self, Problem> {
        let stats = match context.entry() {
            Ok(_) => Some(context.perform(stats::stats, ()).await?),
            Err(_) => None,
        };
        let (entry, times) = (context.entry().ok(), context.times());
        let all = context.app.workspaces.all();
        let choice = |id: &str, name: &str| Choice { id: id.to_owned(), name: name.to_owned() };
        Ok(Self {
            title: title.into(),
            current,
            workspace: context.workspace().to_owned(),
            name: entry.map(|entry| entry.document.name.clone()).unwrap_or_default(),
            workspaces: all
                .iter()
                .filter(|entry| context.caller.sees(entry.id().as_str()))
                .map(|entry| choice(entry.id().as_str(), &entry.document.name))
                .collect(),
            quarantined: stats.as_ref().map_or(0, |stats| stats.quarantined),
            reviews: stats.map_or(0, |stats| stats.reviews),
            rate: entry
                .map(|entry| components::rate(entry.runtime.activity.per_second(context.app.now())))
                .unwrap_or_default(),
            who: context.who().to_owned(),
            may_operate: context.may_operate(),
            is_admin: context.may(TokenScope::Admin),
            theme: context.theme(),
            zone: times.words(context.now()),
            zones: zones(&times, entry.map_or("UTC", |entry| entry.document.time_zone())),
            is_ready: context.app.not_ready().is_none(),
            is_suspended: entry.is_some_and(|entry| entry.document.suspended),
            is_activating: entry.is_some_and(|entry| entry.document.activating.is_some()),
            path: context.path().to_owned(),
            flashes: context.take_flashes(),
            times,
        })
    }

    pub(super) fn style(&self) -> String {
        assets::style()
    }

    pub(super) fn script(&self) -> String {
        assets::script()
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Returns whether it is the test environment of another workspace.
    pub(super) fn is_test(&self) -> bool {
        self.workspace.ends_with("_DEBUG")
    }

    /// Returns an address in the workspace.
    pub(super) fn to(&self, rest: &str) -> String {
        format!("/w/{}/{rest}", self.workspace)
    }

    /// Returns what marks the page in the navigation.
    pub(super) fn mark(&self, page: &str) -> Html {
        components::current(self.current == page)
    }

    /// Returns a link to a user's page.
    pub(super) fn user(&self, id: impl Display) -> Html {
        components::id_link(&id, &self.to(&format!("users/{id}")), "user id")
    }

    /// Returns a link to a request's page.
    pub(super) fn request(&self, id: impl Display) -> Html {
        components::id_link(&id, &self.to(&format!("requests/{id}")), "request id")
    }

    /// Returns a link to a merge's page.
    pub(super) fn merge(&self, id: impl Display) -> Html {
        components::id_link(&id, &self.to(&format!("merges/{id}")), "merge id")
    }
}

/// The layout of a page without navigation: sign-in, problems, the API reference.
pub(super) struct BareLayout {
    pub(super) title: &'static str,
    pub(super) theme: &'static str,
}

impl BareLayout {
    pub(super) fn style(&self) -> String {
        assets::style()
    }

    pub(super) fn script(&self) -> String {
        assets::script()
    }
}
