//! Owns the table of targets: what was measured beside what is to be reached, and why a row has no figure.

use super::super::figures::{BenchRow, Figures, StartFrom, median};
use super::super::load::LoadOutcome;
use super::super::options::{BenchOptions, Part};
use std::fmt::Write as _;

/// Targets of the design that this command cannot measure, each with the reason.
const NEVER_MEASURED: [(&str, &str); 4] = [
    ("p99 / p50 beside an export", "Muster has no export yet"),
    ("p99 / p50 beside a backup", "Muster has no backup yet; a stopped data directory is copied"),
    (
        "PostgreSQL engine, four workspaces against G, one workspace against one connection",
        "Muster has no such engine yet",
    ),
    ("p99 / p50 during a compaction", "the SQLite engine compacts nothing; its checkpoints are part of every run"),
];

/// A target: its name, what was measured, the bounds of the columns *reach* and *goal*, and which side is good.
struct Target {
    name: String,
    measured: Option<f64>,
    reach: f64,
    goal: f64,
    more_is_better: bool,
    unit: &'static str,
    /// The parts that the figure needs.
    parts: &'static [Part],
}

impl Target {
    fn row(&self) -> String {
        let Self { name, reach, goal, unit, .. } = self;
        let Some(measured) = self.measured else {
            return format!("| {name} | left out | {reach}{unit} | {goal}{unit} | |");
        };
        let meets = |bound: f64| if self.more_is_better { measured >= bound } else { measured <= bound };
        let verdict = match (meets(self.reach), meets(self.goal)) {
            (_, true) => "goal",
            (true, false) => "reach",
            (false, false) => "missed",
        };
        let digits = if measured.abs() < 10.0 { 3 } else { 1 };
        format!("| {name} | {measured:.digits$}{unit} | {reach}{unit} | {goal}{unit} | {verdict} |")
    }

    /// Returns why there is no figure, or `None` if there is one.
    fn left_out(&self, options: &BenchOptions, figures: &Figures) -> Option<String> {
        if self.measured.is_some() {
            return None;
        }
        let unasked = self.parts.iter().find(|part| !options.parts.has(**part));
        let absent = || self.parts.iter().find_map(|part| figures.left_out.get(part).cloned());
        Some(match unasked {
            Some(part) if !part.is_usual() => {
                format!("the part `{}` was not asked for; --whole measures it", part.name())
            }
            Some(part) => format!("the part `{}` was not asked for", part.name()),
            None => absent().unwrap_or_else(|| "no run gave a figure".to_owned()),
        })
    }
}

/// Writes the table, and the rows without a figure with the reasons.
pub(super) fn write(text: &mut String, options: &BenchOptions, figures: &Figures) {
    text.push_str(
        "\n## Against the targets\n\n| ratio or figure | measured | reach | goal | reached |\n|---|---|---|---|---|\n",
    );
    let targets = targets(options, figures);
    for target in &targets {
        text.push_str(&target.row());
        text.push('\n');
    }
    text.push_str("\nRows of the table of targets that are left out:\n\n");
    let absent = targets.iter().filter_map(|target| Some((target.name.as_str(), target.left_out(options, figures)?)));
    let never = NEVER_MEASURED.iter().map(|(name, why)| (*name, (*why).to_owned()));
    for (name, why) in absent.chain(never) {
        writeln!(text, "- {name}: {why}").expect("writing to a String never fails");
    }
}

fn targets(options: &BenchOptions, figures: &Figures) -> Vec<Target> {
    let mut targets = throughput(options, figures);
    targets.extend(small_requests(figures));
    targets.extend(evenness(figures));
    targets.extend(resources(options, figures));
    targets
}

fn more(name: &str, measured: Option<f64>, (reach, goal): (f64, f64), parts: &'static [Part]) -> Target {
    Target { name: name.to_owned(), measured, reach, goal, more_is_better: true, unit: "", parts }
}

fn less(
    name: &str,
    measured: Option<f64>,
    (reach, goal, unit): (f64, f64, &'static str),
    parts: &'static [Part],
) -> Target {
    Target { name: name.to_owned(), measured, reach, goal, more_is_better: false, unit, parts }
}

fn median_of(runs: &[LoadOutcome], figure: impl Fn(&LoadOutcome) -> f64) -> Option<f64> {
    median(runs.iter().map(figure))
}

/// The median of the elements per second of one row over that of another.
fn ratio(figures: &Figures, row: BenchRow, against: BenchRow) -> Option<f64> {
    let rate = |row| median_of(figures.runs(row), LoadOutcome::element_rate);
    Some(rate(row)? / rate(against).filter(|rate| *rate > 0.0)?)
}

/// Full bodies against the yardsticks.
fn throughput(options: &BenchOptions, figures: &Figures) -> Vec<Target> {
    use BenchRow::{Four, FourRandom, One, OneGrown, OneOnOneCore, OneOnTwoCores, OneRandom, Statements};
    use BenchRow::{Sets, SetsCheckpoints, SetsOnOneCore, SetsOnTwoCores, SetsRandom};
    let parse = median(figures.parse.iter().copied());
    let four = median_of(figures.runs(Four), LoadOutcome::element_rate);
    let plain: &[Part] = &[Part::Muster, Part::Postgres];
    let random: &[Part] = &[Part::Random, Part::Muster, Part::Postgres];
    let checkpoints: &[Part] = &[Part::Checkpoints, Part::Muster, Part::Postgres];
    let cores: &[Part] = &[Part::Cores, Part::Muster, Part::Postgres];
    let against_sets = [
        ("one workspace, elements/s against G", One, Sets, plain),
        ("four workspaces, elements/s against G", Four, Sets, plain),
        ("one workspace, elements/s against G, random ids", OneRandom, SetsRandom, random),
        ("four workspaces, elements/s against G, random ids", FourRandom, SetsRandom, random),
        ("one workspace, elements/s against G with checkpoints", One, SetsCheckpoints, checkpoints),
        ("one workspace, elements/s against G, both on one core", OneOnOneCore, SetsOnOneCore, cores),
        ("one workspace, elements/s against G, both on two cores", OneOnTwoCores, SetsOnTwoCores, cores),
    ];
    let mut targets: Vec<Target> = against_sets
        .into_iter()
        .map(|(name, row, yardstick, parts)| {
            let is_void = parts.iter().any(|part| figures.left_out.contains_key(part));
            more(name, ratio(figures, row, yardstick).filter(|_| !is_void), (2.0, 3.0), parts)
        })
        .collect();
    let grown = format!("one workspace, elements/s with {} users against {}", options.grown_users(), options.users);
    targets.extend([
        more(&grown, ratio(figures, OneGrown, One), (0.75, 0.9), &[Part::Grown, Part::Muster]),
        more("four workspaces, elements/s against N", ratio(figures, Four, Statements), (10.0, 25.0), plain),
        more(
            "four workspaces, elements/s against P",
            four.zip(parse).map(|(four, parse)| four / parse),
            (0.03, 0.08),
            &[Part::Muster, Part::Parse],
        ),
    ]);
    targets
}

/// One-element requests, and what a slower sync costs.
fn small_requests(figures: &Figures) -> Vec<Target> {
    vec![
        more(
            "one-element requests/s, 256 connections, against the no-op server",
            ratio(figures, BenchRow::OneElement, BenchRow::Noop),
            (0.4, 0.6),
            &[Part::Muster, Part::Noop],
        ),
        less(
            "one-element requests, p99",
            median_of(figures.runs(BenchRow::OneElement), |run| run.quantile(0.99)),
            (100.0, 50.0, " ms"),
            &[Part::Muster],
        ),
        more(
            "one workspace, elements/s with 3 ms added to each sync against none",
            ratio(figures, BenchRow::OneSlowSync, BenchRow::One),
            (0.95, 0.98),
            &[Part::Sync, Part::Muster],
        ),
        more(
            "one-element requests/s with 3 ms added to each sync against none",
            ratio(figures, BenchRow::OneElementSlowSync, BenchRow::OneElement),
            (0.8, 0.9),
            &[Part::Sync, Part::Muster],
        ),
    ]
}

fn evenness(figures: &Figures) -> Vec<Target> {
    let spread = |row| median_of(figures.runs(row), |run| run.quantile(0.99) / run.quantile(0.5));
    let row = |name, row| less(name, spread(row), (2.5, 2.0, ""), &[Part::Muster]);
    let beside = |name, row| less(name, spread(row), (5.0, 3.0, ""), &[Part::Beside, Part::Muster]);
    vec![
        row("one workspace, p99 / p50 at 16 in flight", BenchRow::One),
        row("four workspaces, p99 / p50 at 16 in flight", BenchRow::Four),
        beside("one workspace, p99 / p50 beside activations", BenchRow::BesideActivation),
        beside("one workspace, p99 / p50 beside deletions of users with many events", BenchRow::BesideDeletion),
    ]
}

/// Bytes written per byte received: of the device if it was found, else of the process.
fn written(figures: &Figures, row: BenchRow) -> Option<f64> {
    let runs = figures.runs(row);
    if figures.device.1 {
        return median(runs.iter().filter_map(|run| Some(run.device_written? as f64 / run.all_bytes as f64)));
    }
    median_of(runs, |run| run.span.written as f64 / run.bytes as f64)
}

fn resources(options: &BenchOptions, figures: &Figures) -> Vec<Target> {
    let plain = |of: &[f64]| median(of.iter().copied());
    let megabytes = |of: &[f64]| plain(of).map(|bytes| bytes / 1e6);
    let answered = |from| median(figures.starts.get(&from)?.iter().map(|times| times.answered));
    let disk = |row| written(figures, row);
    let counted = if figures.device.1 { "to the device" } else { "(write_bytes: the device was not found)" };
    let minutes = options.long().run.as_secs() as f64 / 60.0;
    let bytes = format!("one workspace, bytes written {counted} / bytes received");
    let long_bytes = format!("{bytes}, {minutes} minutes");
    let row = |name, measured, bounds| less(name, measured, bounds, &[Part::Muster]);
    vec![
        row(&bytes, disk(BenchRow::One), (20.0, 10.0, "")),
        less(&long_bytes, disk(BenchRow::OneLong), (20.0, 10.0, ""), &[Part::Long, Part::Muster]),
        row("start to first 200, empty", answered(StartFrom::Empty), (0.1, 0.05, " s")),
        row("start to first 200 after a clean stop", answered(StartFrom::Clean), (0.3, 0.1, " s")),
        row("start to first 200 after kill -9 under load", answered(StartFrom::Killed), (1.0, 0.5, " s")),
        row("resident memory, idle and empty", megabytes(&figures.memory_idle), (25.0, 20.0, " MB")),
        row("resident memory, one workspace, end of load", megabytes(&figures.memory_loaded), (400.0, 300.0, " MB")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_says_which_column_was_reached() {
        let target = |measured| less("x", measured, (3.0, 2.0, " s"), &[]);
        assert_eq!(target(Some(2.5)).row(), "| x | 2.500 s | 3 s | 2 s | reach |");
        assert_eq!(target(Some(12.0)).row(), "| x | 12.0 s | 3 s | 2 s | missed |");
        assert_eq!(target(None).row(), "| x | left out | 3 s | 2 s | |");
    }

    #[test]
    fn every_row_without_a_figure_is_named_with_its_reason() {
        let options = BenchOptions::parse(&["--only".to_owned(), "postgres,noop,muster".to_owned()]).unwrap();
        let mut figures = Figures::default();
        figures.left_out.insert(Part::Postgres, "PostgreSQL is not installed".to_owned());
        let mut text = String::new();
        write(&mut text, &options, &figures);
        let named: Vec<_> = text.lines().filter(|line| line.starts_with("- ")).collect();
        assert_eq!(named.len(), targets(&options, &figures).len() + NEVER_MEASURED.len());
        assert_eq!(named[0], "- one workspace, elements/s against G: PostgreSQL is not installed");
        assert_eq!(named[9], "- four workspaces, elements/s against P: the part `parse` was not asked for");
        assert_eq!(named[11], "- one-element requests, p99: no run gave a figure");
    }
}
