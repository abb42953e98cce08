//! Figures that are read at each scrape of `/metrics`: the build, the process, sessions, and figures by workspace of a bounded
//! number of them; and the text in the format that was asked for.

use super::process::Process;
use crate::app::App;
use crate::limits::WORKSPACES_MEASURED;
use muster_core::id::WorkspaceId;
use muster_core::record::Counters;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::HashSet;
use std::fmt;

/// What was built: version, commit and the day of it.
const BUILD_INFO: &str = "muster_build_info";
/// Sessions of the console.
const SESSIONS: &str = "muster_console_sessions";
/// Workspaces.
const WORKSPACES: &str = "muster_workspaces";
/// Live users of a workspace.
const USERS: &str = "muster_workspace_users";
/// Rejected elements of a workspace that were not replayed.
const QUARANTINED: &str = "muster_workspace_quarantined_elements";
/// Open reviews of a workspace.
const REVIEWS: &str = "muster_workspace_open_reviews";
/// Open reviews of a workspace that went to keep the list within its bound.
const REVIEWS_DROPPED: &str = "muster_workspace_reviews_dropped";
/// Bytes that a workspace's data takes on disk.
const DISK_BYTES: &str = "muster_workspace_disk_bytes";

/// The figures of one moment.
#[derive(Debug)]
pub(crate) struct ScrapedFigures {
    build: [(&'static str, &'static str); 3],
    sessions: u64,
    workspaces: u64,
    measured: Vec<(WorkspaceId, Counters, u64)>,
    process: Option<Process>,
}

impl ScrapedFigures {
    /// Reads the figures. Only the first workspaces by id are measured: always the same ones, so that no series appears and
    /// disappears.
    pub(crate) fn read(app: &App) -> Self {
        let all = app.workspaces.all();
        let measured = all.iter().take(WORKSPACES_MEASURED).map(|entry| {
            let id = entry.id().clone();
            let (counters, bytes) = (app.engine.counters(&id), app.engine.disk_bytes(&id));
            (id, counters, bytes)
        });
        let crate::app::BuildInfo { version, commit, date } = app.build;
        Self {
            build: [("version", version), ("commit", commit), ("date", date)],
            sessions: app.sessions.count(app.now()),
            workspaces: all.len() as u64,
            measured: measured.collect(),
            process: Process::read(),
        }
    }

    fn by_workspace(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, kind): (&str, &str, MetricType),
        figure: impl Fn(&Counters, u64) -> u64,
    ) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
        for (id, counters, bytes) in &self.measured {
            let labels = [("workspace", id.as_str())];
            let (value, metric) = (figure(counters, *bytes), metric.encode_family(&labels)?);
            match kind {
                MetricType::Counter => ConstCounter::new(value).encode(metric)?,
                _ => ConstGauge::new(value).encode(metric)?,
            }
        }
        Ok(())
    }
}

impl Collector for ScrapedFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = MetricType::Gauge;
        let mut info = encoder.encode_descriptor(BUILD_INFO, "What was built; always 1", None, gauge)?;
        ConstGauge::new(1_u64).encode(info.encode_family(&self.build)?)?;
        super::gauge(&mut encoder, SESSIONS, "Sessions of the console", self.sessions)?;
        super::gauge(&mut encoder, WORKSPACES, "Workspaces", self.workspaces)?;
        let of = |name, help| (name, help, MetricType::Gauge);
        self.by_workspace(&mut encoder, of(USERS, "Live users"), |counters, _| counters.users)?;
        let help = "Rejected elements that were not replayed";
        self.by_workspace(&mut encoder, of(QUARANTINED, help), |counters, _| counters.quarantined)?;
        self.by_workspace(&mut encoder, of(REVIEWS, "Open reviews"), |counters, _| counters.reviews_open)?;
        let dropped =
            (REVIEWS_DROPPED, "Open reviews that went to keep the list within its bound", MetricType::Counter);
        self.by_workspace(&mut encoder, dropped, |counters, _| counters.reviews_dropped)?;
        self.by_workspace(&mut encoder, of(DISK_BYTES, "Bytes that the data takes on disk"), |_, bytes| bytes)?;
        self.process.as_ref().map_or(Ok(()), |process| process.encode(&mut encoder))
    }
}

/// OpenMetrics text as the older text format of Prometheus, which everything reads: there a counter is named with what its
/// samples end with.
pub(crate) fn classic(text: &str) -> String {
    let is_counter = |line: &str| line.strip_prefix("# TYPE ")?.strip_suffix(" counter").map(str::to_owned);
    let counters: HashSet<String> = text.lines().filter_map(is_counter).collect();
    let mut out = String::with_capacity(text.len() + 16 * counters.len());
    for line in text.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let about = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        match about.and_then(|about| about.split_once(' ')) {
            Some((name, rest)) if counters.contains(name) => {
                let word = &line[..7];
                out += &format!("{word}{name}_total {rest}\n");
            }
            _ => {
                out += line;
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::classic;

    #[test]
    fn the_older_format_names_counters_as_their_samples() {
        let text = "# HELP a_b Of b.\n# TYPE a_b counter\n# UNIT a_b b\na_b_total{x=\"1\"} 1\n# HELP a Of a.\n# TYPE a gauge\n\
                    a 2\n# EOF\n";
        let want = "# HELP a_b_total Of b.\n# TYPE a_b_total counter\na_b_total{x=\"1\"} 1\n# HELP a Of a.\n# TYPE a gauge\na 2\n";
        assert_eq!(classic(text), want);
    }
}
