//! Owns the report: medians, and `docs/benchmarks.md`, whose hand-written notes below the marker it keeps. Leaves the
//! ratios against the yardsticks beside the targets to `report/targets.rs`.

mod targets;

use super::build::root;
use super::figures::{Figures, StartTimes, median};
use super::load::LoadOutcome;
use super::options::BenchOptions;
use super::{parse, postgres, proc, slow_sync};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::io::Write as _;

/// Everything below this line of the report is written by hand and kept.
const MARKER: &str = "<!-- notes -->";
/// Cores that the kernel and the usual daemons may take without the report calling the machine busy.
const QUIET_CORES: f64 = 0.15;
/// Preloaded users that the targets are meant for.
const TARGET_USERS: u64 = 1_000_000;

/// Prints the report, and writes it to `docs/benchmarks.md` unless only parts were measured.
pub(crate) fn write(options: &BenchOptions, figures: &Figures, machine: &str) -> Result<()> {
    let text = render(options, figures, machine);
    std::io::stdout().write_all(text.as_bytes())?;
    if !options.parts.has_usual() {
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
    line("device of the data", &figures.device.0);
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
             (one-element requests: {} s), each on a fresh copy of the preloaded data (one-element requests: after the full bodies)",
            options.users,
            options.rounds,
            options.seconds,
            options.short().run.as_secs(),
        ),
    );
    targets::write(&mut text, options, figures);
    warnings(&mut text, options, figures);
    runs(&mut text, figures);
    starts(&mut text, figures);
    details(&mut text, options, figures);
    text
}

/// Warns of a machine that was not quiet, and of a smaller number of users than the targets are meant for.
fn warnings(text: &mut String, options: &BenchOptions, figures: &Figures) {
    let others = figures.rows().flat_map(|(_, runs)| runs).map(|run| run.span.other_cpu / run.span.seconds);
    if let Some(others) = median(others).filter(|cores| *cores > QUIET_CORES) {
        writeln!(
            text,
            "\n**The machine was not quiet**: other processes took {others:.2} cores in the median run. That hurts the server that \
             uses both cores more than a single writer; do not quote these ratios."
        )
        .expect("writing to a String never fails");
    }
    if options.users < TARGET_USERS {
        text.push_str("\nThe targets are meant for 1,000,000 preloaded users; this run had fewer.\n");
    }
}

fn runs(text: &mut String, figures: &Figures) {
    text.push_str(
        "\n## Runs\n\nMedian (lowest to highest run). CPU in cores: the server's processes, the generator (for G and N: the loader), and whatever else ran. \
         On one or two cores, the generator of Muster may use all; the loader of G shares those of PostgreSQL. \
         The bytes of the device are those of the whole machine, from the start of a run, warming up included, until everything is written back.\n\n\
         | what | elements/s | requests/s | p50 ms | p99 ms | CPU server | CPU generator | CPU others | write_bytes/element | device B/element | refused |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (row, of) in figures.rows() {
        let name = row.title();
        let row = |figure: &dyn Fn(&LoadOutcome) -> f64, digits: usize| spread(of.iter().map(figure).collect(), digits);
        let refused: u64 = of.iter().map(|run| run.refused + run.rejecting).sum();
        writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {refused} |",
            row(&LoadOutcome::element_rate, 0),
            row(&LoadOutcome::request_rate, 0),
            row(&|run| run.quantile(0.5), 1),
            row(&|run| run.quantile(0.99), 1),
            row(&|run| run.span.server_cpu / run.span.seconds, 2),
            row(&|run| run.span.own_cpu / run.span.seconds, 2),
            row(&|run| run.span.other_cpu / run.span.seconds, 2),
            row(&|run| run.span.written as f64 / run.elements as f64, 0),
            row(&|run| run.device_written.map_or(f64::NAN, |bytes| bytes as f64 / run.all_elements as f64), 0),
        )
        .expect("writing to a String never fails");
    }
}

/// The times of starts; the files are in the page cache, as after a restart of the process alone.
fn starts(text: &mut String, figures: &Figures) {
    text.push_str(
        "\n## Starts\n\nSeconds from the start of the process, median (lowest to highest), with the files in the page cache.\n\n\
         | start | to ready | to the first import answered 200 |\n|---|---|---|\n",
    );
    for (from, times) in &figures.starts {
        let of = |time: &dyn Fn(&StartTimes) -> f64| spread(times.iter().map(time).collect(), 3);
        let (ready, answered) = (of(&|times| times.ready), of(&|times| times.answered));
        writeln!(text, "| {} | {ready} | {answered} |", from.title()).expect("writing to a String never fails");
    }
}

/// The median with the lowest and the highest value.
fn spread(values: Vec<f64>, digits: usize) -> String {
    let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    median(values)
        .map_or_else(|| "-".to_owned(), |middle| format!("{middle:.digits$} ({low:.digits$}-{high:.digits$})"))
}

fn details(text: &mut String, options: &BenchOptions, figures: &Figures) {
    text.push('\n');
    let each = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(", ");
    let loaders: Vec<_> = figures.postgres_by_connections.iter().map(|(n, rate)| format!("{n}: {rate:.0}")).collect();
    let (limit, added) = (options.checkpoint_wal_megabytes(), slow_sync::ADDED_MICROS);
    let checkpoints =
        format!("G with checkpoints: max_wal_size={limit}MB; checkpoints begun per run, warming up included");
    let syncs = format!("syncs that {added} us were added to, per round (full bodies, then one-element requests)");
    let lists = [
        ("parsing only (P), elements/s per round", each(&figures.parse)),
        ("the same with Muster's own reading, which validates, too", each(&figures.parse_own)),
        ("PostgreSQL loader by connections, elements/s (the best of 2-4 is G)", loaders.join(", ")),
        (&checkpoints, join(&figures.checkpoints)),
        (&syncs, join(&figures.delayed_syncs)),
    ];
    let mut line = |value: String| writeln!(text, "- {value}").expect("writing to a String never fails");
    for (name, values) in lists.iter().filter(|(_, values)| !values.is_empty()) {
        line(format!("{name}: {values}"));
    }
    let shown = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
    line(format!("preload, users/s: Muster {}, PostgreSQL {}", shown(figures.preload.0), shown(figures.preload.1)));
    for work in &figures.beside {
        line(format!("beside imports: {work}"));
    }
    for counts in &figures.counts {
        line(counts.clone());
    }
}

fn join(counts: &[impl ToString]) -> String {
    counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_below_the_marker_outlive_a_new_report() {
        assert_eq!(with_notes("new\n", "old\n<!-- notes -->\nby hand\n"), "new\n\n<!-- notes -->\nby hand\n");
        assert_eq!(with_notes("new\n", ""), "new\n\n<!-- notes -->\n");
    }
}
