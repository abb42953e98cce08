//! Owns the measuring of one case: what it shares is prepared once and copied for every request, so that each finds the
//! same on a server that has just been started and holds nothing else in memory.

use super::super::proc;
use super::super::server::{BenchServer, BenchWorkspace};
use super::caller::{CallAnswer, send};
use super::case::{Act, Case};
use super::place::CaseWorkspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The workspace of every case.
const ID: &str = "WORST";
/// Requests of one element before the measured one: the first finds cold caches, the better one is the fixed cost.
const WARM: usize = 2;
/// Who takes longer, in seconds, is measured once: the median of three would not tell more.
const LONG: f64 = 5.0;
/// How often, and at most how many times, the memory of an idle server is read; it has settled if it did not fall this many
/// times in a row.
const GLANCE: Duration = Duration::from_millis(20);
const GLANCES_MAX: usize = 50;
const GLANCES_SAME: usize = 5;
const MIB: f64 = 1_048_576.0;

/// What a request came to.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// Seconds of a request that touches the same once.
    pub(super) one: f64,
    pub(super) seconds: f64,
    /// How much the server grew at most while it worked on it.
    pub(super) growth_mib: f64,
    /// What was answered, in a few words.
    pub(super) answer: String,
}

/// A request of n elements, and one of four times as many.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) n: usize,
    pub(super) four: usize,
    /// Of the larger one's body.
    pub(super) bytes: usize,
    pub(super) small: Measured,
    pub(super) large: Measured,
}

/// Which of several runs counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// The one in the middle, by time.
    Middle,
    /// The fastest: what disturbs a run only makes it slower.
    Fastest,
}

/// Measures a case in `folder`, which is made.
pub(super) fn pair(case: &Case, binary: &Path, folder: &Path, of: (usize, Pick)) -> Result<Pair> {
    let (n, four) = case.sizes();
    let stored = Stored { case, binary, folder };
    let small = stored.prepare("small", n)?;
    let large = if case.grows { Some(stored.prepare("large", four)?) } else { None };
    let small_run = stored.several("small", &small, n, of)?;
    let large_run = match &large {
        Some(prepared) => stored.several("large", prepared, four, of)?,
        None => stored.several("small", &small, four, of)?,
    };
    Ok(Pair { n, four, bytes: case.bytes(four), small: small_run, large: large_run })
}

/// A workspace in a data directory that is filled.
struct Prepared {
    workspace: BenchWorkspace,
    /// The id that the call is about.
    about: String,
}

/// Where a case keeps what it has prepared.
struct Stored<'c> {
    case: &'c Case,
    binary: &'c Path,
    folder: &'c Path,
}

impl Stored<'_> {
    /// Fills a data directory of this name, and stops its server.
    fn prepare(&self, name: &str, n: usize) -> Result<Prepared> {
        fs::create_dir_all(self.folder)?;
        let server = BenchServer::muster(self.binary, &self.folder.join(name))?;
        let workspace = CaseWorkspace::make(&server, ID)?;
        let place = CaseWorkspace { server: &server, workspace: &workspace };
        (self.case.prepare)(&place, n).context("preparing it failed")?;
        let about = match &self.case.act {
            Act::Call { find, .. } => find(&place).context("finding what the call is about failed")?,
            Act::Import(_) | Act::Raw(_) => String::new(),
        };
        server.stop()?;
        Ok(Prepared { workspace, about })
    }

    /// The run that counts of several, with the largest growth of all.
    fn several(&self, name: &str, prepared: &Prepared, n: usize, (rounds, pick): (usize, Pick)) -> Result<Measured> {
        let mut runs = Vec::new();
        for _ in 0..rounds {
            let run = self.once(name, prepared, n)?;
            let is_long = run.seconds > LONG;
            runs.push(run);
            if is_long {
                break;
            }
        }
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let growth_mib = runs.iter().map(|run| run.growth_mib).fold(0.0, f64::max);
        let (at, one) = match pick {
            Pick::Middle => (runs.len() / 2, None),
            Pick::Fastest => (0, runs.iter().map(|run| run.one).reduce(f64::min)),
        };
        let picked = runs.get(at).context("no run was made")?.clone();
        Ok(Measured { growth_mib, one: one.unwrap_or(picked.one), ..picked })
    }

    /// One request of n elements on a fresh copy.
    fn once(&self, name: &str, prepared: &Prepared, n: usize) -> Result<Measured> {
        let run = self.folder.join("run");
        copy(&self.folder.join(name), &run)?;
        let server = BenchServer::muster(self.binary, &run)?;
        let place = CaseWorkspace { server: &server, workspace: &prepared.workspace };
        let mut one = f64::INFINITY;
        for turn in 0..WARM {
            one = one.min(self.measure_fixed_cost(&place, turn)?);
        }
        let caught = match &self.case.before {
            Some(before) => before(&place)?,
            None => true,
        };
        let resident = settled_memory(server.pid())?;
        proc::forget_peak(server.pid())?;
        let (seconds, answer) = self.act(&place, &prepared.about, n)?;
        let (_, peak) = proc::memory(server.pid())?;
        // What is measured now is of no interest: nothing of it is kept.
        server.kill()?;
        fs::remove_dir_all(&run)?;
        let answer = if caught { answer } else { format!("{answer}; the moment was missed") };
        Ok(Measured { one, seconds, growth_mib: peak.saturating_sub(resident) as f64 / MIB, answer })
    }

    /// The seconds of what does not depend on n.
    fn measure_fixed_cost(&self, place: &CaseWorkspace<'_>, turn: usize) -> Result<f64> {
        if let Act::Call { .. } = &self.case.act {
            let began = Instant::now();
            place.manage("GET", "/stats", &serde_json::Value::Null)?;
            return Ok(began.elapsed().as_secs_f64());
        }
        Ok(self.import(place, 1, turn)?.seconds)
    }

    /// What is measured: its seconds, and what was answered.
    fn act(&self, place: &CaseWorkspace<'_>, about: &str, n: usize) -> Result<(f64, String)> {
        if let Act::Call { call, .. } = &self.case.act {
            let began = Instant::now();
            call(place, about)?;
            return Ok((began.elapsed().as_secs_f64(), "done".to_owned()));
        }
        let CallAnswer { status, outcomes, seconds } = self.import(place, n, WARM)?;
        let answer = if status == 0 { "no answer".to_owned() } else { format!("{status} {outcomes}") };
        Ok((seconds, answer.trim().to_owned()))
    }

    /// The request of this turn.
    fn import(&self, place: &CaseWorkspace<'_>, n: usize, turn: usize) -> Result<CallAnswer> {
        let target = place.server.target(place.workspace);
        let line = format!("{} HTTP/1.1\r\n", self.case.query);
        let mut head = target.head.replacen(" HTTP/1.1\r\n", &line, 1);
        head.push_str(self.case.headers);
        if self.case.is_recorded {
            head.push_str(&format!("Idempotency-Key: turn-{turn}\r\n"));
        }
        send(target.addr, &head, self.case.body(n).as_bytes())
    }
}

/// Returns the resident memory of an idle server, once the threads of the requests before have given theirs back: where
/// that happened during the measured request, it would hide as much of the growth.
fn settled_memory(pid: u32) -> Result<u64> {
    let (mut least, mut same) = (proc::memory(pid)?.0, 0);
    for _ in 0..GLANCES_MAX {
        std::thread::sleep(GLANCE);
        let (resident, _) = proc::memory(pid)?;
        same = if resident < least { 0 } else { same + 1 };
        least = least.min(resident);
        if same == GLANCES_SAME {
            break;
        }
    }
    Ok(least)
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), &place)?;
        }
    }
    // A data directory that others may read is refused by a server that cares.
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    Ok(())
}
