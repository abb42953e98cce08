//! Owns the report: medians, ratios against the yardsticks beside the targets, and `docs/benchmarks.md`, whose
//! hand-written notes below the marker it keeps.

use super::build::root;
use super::figures::Figures;
use super::load::LoadOutcome;
use super::options::{BenchOptions, Parts};
use super::{parse, postgres, proc};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::io::Write as _;

/// Everything below this line of the report is written by hand and kept.
const MARKER: &str = "<!-- notes -->";
/// Cores that the kernel and the usual daemons may take without the report calling the machine busy.
const QUIET_CORES: f64 = 0.15;

/// Prints the report, and writes it to `docs/benchmarks.md` unless only parts were measured.
pub(crate) fn write(options: &BenchOptions, figures: &Figures, machine: &str) -> Result<()> {
    let text = render(options, figures, machine);
    std::io::stdout().write_all(text.as_bytes())?;
    if options.parts != Parts::ALL {
        return Ok(());
    }
    let path = root().join("docs/benchmarks.md");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, with_notes(&text, &old)).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("written: {}", path.display());
    Ok(())
}

fn with_notes(text: &str, old: &str) -> String {
    let notes = old.split_once(MARKER).map_or("\n", |(_, notes)| notes);
    format!("{text}\n{MARKER}{notes}")
}

fn render(options: &BenchOptions, figures: &Figures, machine: &str) -> String {
    let mut text = String::from(
        "# Benchmarks: bulk import\n\nWritten by `cargo xtask bench import`; only ratios within one run travel to other machines. \
         Notes below the last line are written by hand.\n\n",
    );
    let date = proc::first_line("date", &["-u", "+%F %H:%M UTC"]).unwrap_or_default();
    let root = root();
    let folder = root.to_string_lossy();
    let commit = proc::first_line("git", &["-C", &folder, "rev-parse", "--short=12", "HEAD"]);
    let mut line = |name: &str, value: &str| {
        writeln!(text, "- {name}: {value}").expect("writing to a String never fails");
    };
    line("machine", machine);
    line("date", &date);
    line("command", &format!("`{}`", options.line));
    line("commit", commit.as_deref().unwrap_or("not in git"));
    let settings: Vec<_> = postgres::SETTINGS.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let version = figures
        .postgres_version
        .as_deref()
        .unwrap_or("PostgreSQL is absent or was left out, and so are the ratios against it");
    line("yardstick G", &format!("{version}; fsync and synchronous_commit on; {}", settings.join(" ")));
    line("yardstick N", "the same server; one statement an element, autocommit, four connections");
    line("yardstick P", parse::METHOD);
    line(
        "work",
        &format!(
            "bodies of 294 elements (30 % customers, 70 % events with event ids), half of the users among {} preloaded ones; \
             durable before the 200; log, change sequence, event ids and identity on; median of {} alternating runs of {} s \
             (one-element requests: {} s)",
            options.users,
            figures.one.len().max(figures.postgres.len()),
            options.seconds,
            options.short().run.as_secs(),
        ),
    );
    ratios(&mut text, options, figures);
    runs(&mut text, figures);
    details(&mut text, figures);
    text
}

/// The middle of the values; of an even number the lower one.
fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

fn rate(of: &[LoadOutcome]) -> Option<f64> {
    median(of.iter().map(LoadOutcome::element_rate))
}

fn over(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? / b?)
}

/// One target: its name, what was measured, the bounds of the columns *first* and *goal*, and which side is good.
struct Target {
    name: &'static str,
    measured: Option<f64>,
    first: f64,
    goal: f64,
    more_is_better: bool,
    unit: &'static str,
}

impl Target {
    fn row(&self) -> String {
        let unit = self.unit;
        let Some(measured) = self.measured else {
            return format!("| {} | not measured | {}{unit} | {}{unit} | |", self.name, self.first, self.goal);
        };
        let held = |bound: f64| if self.more_is_better { measured >= bound } else { measured <= bound };
        let verdict = match (held(self.first), held(self.goal)) {
            (_, true) => "goal",
            (true, false) => "first",
            (false, false) => "missed",
        };
        let digits = if measured.abs() < 10.0 { 3 } else { 1 };
        format!(
            "| {} | {measured:.digits$}{unit} | {}{unit} | {}{unit} | {verdict} |",
            self.name, self.first, self.goal
        )
    }
}

fn ratios(text: &mut String, options: &BenchOptions, figures: &Figures) {
    let more = |name, measured, first, goal| Target { name, measured, first, goal, more_is_better: true, unit: "" };
    let less = |name, measured, first, goal, unit| Target { name, measured, first, goal, more_is_better: false, unit };
    let (one, four, g) = (rate(&figures.one), rate(&figures.four), rate(&figures.postgres));
    let p = median(figures.parse.iter().copied());
    let requests = |of: &[LoadOutcome]| median(of.iter().map(LoadOutcome::request_rate));
    let spread = |of: &[LoadOutcome]| median(of.iter().map(|run| run.quantile(0.99) / run.quantile(0.5)));
    let disk = |of: &[LoadOutcome]| median(of.iter().map(|run| run.span.written as f64 / run.bytes as f64));
    let plain = |of: &[f64]| median(of.iter().copied());
    let megabytes = |of: &[f64]| plain(of).map(|bytes| bytes / 1e6);
    let million = options.users >= 1_000_000;
    let rows = [
        more("one workspace, elements/s against G", over(one, g), 0.7, 2.0),
        more("four workspaces, elements/s against G", over(four, g), 0.9, 3.0),
        more("four workspaces, elements/s against N", over(four, rate(&figures.single_statements)), 10.0, 25.0),
        more("four workspaces, elements/s against P", over(four, p), 0.03, 0.08),
        more(
            "one-element requests/s, 256 connections, against the no-op server",
            over(requests(&figures.single), requests(&figures.noop)),
            0.3,
            0.6,
        ),
        less(
            "one-element requests, p99",
            median(figures.single.iter().map(|run| run.quantile(0.99))),
            100.0,
            50.0,
            " ms",
        ),
        less("one workspace, p99 / p50 at 16 in flight", spread(&figures.one), 3.0, 2.0, ""),
        less("four workspaces, p99 / p50 at 16 in flight", spread(&figures.four), 3.0, 2.0, ""),
        less("one workspace, disk bytes written / bytes received", disk(&figures.one), 50.0, 10.0, ""),
        less("start to ready, empty", plain(&figures.ready_empty), 0.1, 0.05, " s"),
        less("start to ready after a clean stop", plain(&figures.ready_clean), 0.2, 0.1, " s"),
        less("start to ready after kill -9 under load", plain(&figures.ready_killed), 2.0, 0.5, " s"),
        less("resident memory, idle and empty", megabytes(&figures.memory_idle), 40.0, 25.0, " MB"),
        less("resident memory, one workspace, end of load", megabytes(&figures.memory_loaded), 500.0, 300.0, " MB"),
    ];
    text.push_str(
        "\n## Against the targets\n\n| ratio or figure | measured | first | goal | reached |\n|---|---|---|---|---|\n",
    );
    for row in rows {
        text.push_str(&row.row());
        text.push('\n');
    }
    let others = figures.all_runs().map(|run| run.span.other_cpu / run.span.seconds);
    if let Some(others) = median(others).filter(|cores| *cores > QUIET_CORES) {
        writeln!(
            text,
            "\n**The machine was not quiet**: other processes took {others:.2} cores in the median run. That hurts the server that \
             uses both cores more than a single writer; do not quote these ratios."
        )
        .expect("writing to a String never fails");
    }
    if !million {
        text.push_str("\nThe targets are meant for 1,000,000 preloaded users; this run had fewer.\n");
    }
    text.push_str(
        "\nNot measured by this command: a slower sync, growth to 5 M users, \
         30 minutes of writing, and latency beside compaction, export, activation and erasure.\n",
    );
}

fn runs(text: &mut String, figures: &Figures) {
    text.push_str(
        "\n## Runs\n\nMedian (lowest to highest run). CPU in cores: the server's processes, the generator (for G and N: the loader), and whatever else ran.\n\n\
         | what | elements/s | requests/s | p50 ms | p99 ms | CPU server | CPU generator | CPU others | disk B/element | refused |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    let all = [
        ("Muster, one workspace, 16 clients", &figures.one),
        ("Muster, four workspaces, 16 clients", &figures.four),
        ("PostgreSQL loader G", &figures.postgres),
        ("PostgreSQL, one statement an element (N)", &figures.single_statements),
        ("Muster, one element, 256 connections", &figures.single),
        ("no-op server, one element, 256 connections", &figures.noop),
    ];
    for (name, of) in all {
        let row = |figure: &dyn Fn(&LoadOutcome) -> f64, digits: usize| {
            let values: Vec<f64> = of.iter().map(figure).collect();
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(0.0, f64::max);
            median(values)
                .map_or_else(|| "-".to_owned(), |middle| format!("{middle:.digits$} ({low:.digits$}-{high:.digits$})"))
        };
        let refused: u64 = of.iter().map(|run| run.refused + run.rejecting).sum();
        writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {refused} |",
            row(&LoadOutcome::element_rate, 0),
            row(&LoadOutcome::request_rate, 0),
            row(&|run| run.quantile(0.5), 1),
            row(&|run| run.quantile(0.99), 1),
            row(&|run| run.span.server_cpu / run.span.seconds, 2),
            row(&|run| run.span.own_cpu / run.span.seconds, 2),
            row(&|run| run.span.other_cpu / run.span.seconds, 2),
            row(&|run| run.span.written as f64 / run.elements as f64, 0),
        )
        .expect("writing to a String never fails");
    }
}

fn details(text: &mut String, figures: &Figures) {
    text.push('\n');
    let mut line = |value: String| writeln!(text, "- {value}").expect("writing to a String never fails");
    let each = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(", ");
    line(format!("parsing only (P), elements/s per round: {}", each(&figures.parse)));
    line(format!("the same with Muster's own reading, which validates, too: {}", each(&figures.parse_own)));
    let loaders: Vec<_> = figures.postgres_by_connections.iter().map(|(n, rate)| format!("{n}: {rate:.0}")).collect();
    line(format!("PostgreSQL loader by connections, elements/s (the best of 2-4 is G): {}", loaders.join(", ")));
    let shown = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
    line(format!("preload, users/s: Muster {}, PostgreSQL {}", shown(figures.preload.0), shown(figures.preload.1)));
    for counts in &figures.counts {
        line(counts.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_below_the_marker_outlive_a_new_report() {
        assert_eq!(with_notes("new\n", "old\n<!-- notes -->\nby hand\n"), "new\n\n<!-- notes -->\nby hand\n");
        assert_eq!(with_notes("new\n", ""), "new\n\n<!-- notes -->\n");
    }

    #[test]
    fn a_target_says_which_column_was_reached() {
        let target =
            |measured| Target { name: "x", measured, first: 3.0, goal: 2.0, more_is_better: false, unit: " s" };
        assert_eq!(target(Some(2.5)).row(), "| x | 2.500 s | 3 s | 2 s | first |");
        assert_eq!(target(Some(12.0)).row(), "| x | 12.0 s | 3 s | 2 s | missed |");
        assert_eq!(target(None).row(), "| x | not measured | 3 s | 2 s | |");
    }
}
