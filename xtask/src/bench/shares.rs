//! Owns `bench shares`: what one modest tenant waits for alone and beside tenants that send the heaviest requests that the
//! defaults let through, on the whole machine or on a small server. It measures and judges nothing.
//! Leaves the requests to `shares/tenants.rs`, the small server to `shares/small.rs`.

mod small;
mod tenants;

use super::options::{disk, number};
use super::output::print_line;
use super::server::{BenchServer, binary};
use super::worst::CaseWorkspace;
use super::{proc, window};
use anyhow::{Context, Result, bail};
use small::Small;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tenants::{Heavy, Modest, Waits};

const USAGE: &str = "\
usage: cargo xtask bench shares [--tenants N] [--seconds N] [--memory SIZE] [--dir D] [--binary F]
  --tenants N    tenants that send the heaviest requests (1-32; default 8)
  --seconds N    how long the modest tenant is measured beside them; alone a third of it (3-3600; default 30)
  --memory SIZE  a server with so much memory (512M, 1G, ...; Linux, root) and at most 1,024 open files
  --dir D        where the temporary data directory goes (default: /var/tmp, else the system's); a disk, not tmpfs
  --binary F     a muster binary to measure instead of a fresh release build";

/// What was asked for.
#[derive(Debug)]
struct Options {
    tenants: u64,
    seconds: u64,
    memory: Option<u64>,
    dir: PathBuf,
    binary: Option<PathBuf>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self { tenants: 8, seconds: 30, memory: None, dir: disk(), binary: None };
        let mut rest = args.iter();
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value\n{USAGE}"));
            match flag.as_str() {
                "--tenants" => options.tenants = number(flag, value()?, 1..=32)?,
                "--seconds" => options.seconds = number(flag, value()?, 3..=3_600)?,
                "--memory" => options.memory = Some(bytes(value()?)?),
                "--dir" => options.dir = value()?.into(),
                "--binary" => options.binary = Some(value()?.into()),
                other => bail!("unknown option {other:?}\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

/// A size in bytes: `536870912`, `512M`, `2G`.
fn bytes(text: &str) -> Result<u64> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let size = digits.parse().ok().and_then(|number: u64| number.checked_mul(unit));
    size.filter(|size| *size > 0).with_context(|| format!("--memory {text}: no size\n{USAGE}"))
}

/// Runs the measurement and prints its table.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    window::watch_signals()?;
    let binary = binary(options.binary.as_deref())?;
    let scratch = tempfile::Builder::new().prefix("muster-bench-shares-").tempdir_in(&options.dir)?;
    let data = scratch.path().join("data");
    let small = options.memory.map(Small::make).transpose()?;
    let mut server = match &small {
        Some(small) => BenchServer::start_confined(&binary, &data, &small.before())?,
        None => BenchServer::muster(&binary, &data)?,
    };
    print_line(&format!("machine: {}", proc::machine(scratch.path())));
    if let Some(small) = &small {
        print_line(&format!("the server has {}", small.describe()));
    }
    let measured = measure(&server, &options);
    // A killed server answers nothing: this is reported first.
    let ended = server.end_reason()?;
    let killed = small.as_ref().map(Small::kill_count).transpose()?.flatten();
    if let Some(ended) = &ended {
        print_line(&format!("\n**the server ended by itself: {ended}**"));
    }
    match (&small, killed) {
        (Some(_), Some(0)) => print_line("\nthe kernel killed nobody for want of memory"),
        (Some(_), Some(times)) => print_line(&format!("\n**the kernel killed for want of memory, {times} times**")),
        (Some(_), None) => print_line("\nwhether the kernel killed for want of memory is not told here"),
        (None, _) => {}
    }
    measured?;
    if ended.is_none() {
        let (resident, peak) = proc::memory(server.pid())?;
        print_line(&format!("memory of the server: {} MiB now, {} MiB at most", resident >> 20, peak >> 20));
        server.stop()?;
    }
    drop(small);
    Ok(())
}

/// Prepares all tenants, measures the modest one alone and beside the others, and prints what it waited for.
fn measure(server: &BenchServer, options: &Options) -> Result<()> {
    let modest = CaseWorkspace::make(server, "MODEST")?;
    let modest = Modest::new(CaseWorkspace { server, workspace: &modest })?;
    let mut workspaces = Vec::new();
    for at in 0..options.tenants {
        window::check_interrupted()?;
        workspaces.push(CaseWorkspace::make(server, &format!("HEAVY{at}"))?);
    }
    for workspace in &workspaces {
        Heavy::prepare(CaseWorkspace { server, workspace })?;
    }
    let alone = modest.measure(Duration::from_secs(options.seconds / 3))?;
    let over = &AtomicBool::new(false);
    let (beside, sent) = std::thread::scope(|scope| {
        let tenant = |workspace| scope.spawn(move || Heavy::new(CaseWorkspace { server, workspace }).run(over));
        let heavy: Vec<_> = workspaces.iter().map(tenant).collect();
        let beside = modest.measure(Duration::from_secs(options.seconds));
        over.store(true, Ordering::Relaxed);
        let sent: Vec<_> =
            heavy.into_iter().map(|tenant| tenant.join().expect("a heavy tenant does not panic")).collect();
        (beside, sent)
    });
    let beside = beside?;
    report(options, &alone, &beside, &sent);
    Ok(())
}

fn report(options: &Options, alone: &[Waits], beside: &[Waits], sent: &[Vec<Waits>]) {
    print_line("\n| what | requests | p50 ms | p99 ms | max ms | not 200 |");
    print_line("|---|---|---|---|---|---|");
    for waits in alone {
        print_line(&waits.row(&format!("{}, alone", waits.what)));
    }
    for waits in beside {
        print_line(&waits.row(&format!("{}, beside {} heavy tenants", waits.what, options.tenants)));
    }
    let kinds = sent.first().map_or(0, Vec::len);
    for kind in 0..kinds {
        let mut all = Waits::new(sent[0][kind].what);
        sent.iter().filter_map(|tenant| tenant.get(kind)).for_each(|waits| all.absorb(waits));
        print_line(&all.row(&format!("heavy: {}", all.what)));
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("512M").expect("a size"), 512 << 20);
        assert_eq!(bytes("1024").expect("a size"), 1_024);
        assert!(bytes("0").is_err() && bytes("M").is_err() && bytes("").is_err());
    }
}
