//! Owns `cargo xtask bench engine`: bodies read, decided and stored in this process, without HTTP. CPU time by thread
//! moves less with the load of a machine than rates do; under `valgrind --tool=callgrind` the same run counts
//! instructions, which nothing else moves.

use super::options::{disk, number};
use super::parse::BodyReader;
use crate::bodies::{Bodies, Kind, Rng, World};
use crate::counts::import_of;
use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use muster_core::decide::{ImportDecision, Wire};
use muster_core::decision::Mode;
use muster_core::id::WorkspaceId;
use muster_core::outcome::{Applied, ImportOutcome, RecordedAnswer};
use muster_core::settings::{RateLimits, Settings};
use muster_core::time::{Clock, Moment, Timestamp};
use muster_store::engine::{Engine, Workspace, apply_sized};
use muster_store::sqlite::{Sqlite, SqliteOptions};
use muster_wire::data::answer;
use muster_wire::data::api::Api;
use muster_wire::data::kept::kept_element;
use muster_wire::data::transition::{self, ReadContext};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;

const USAGE: &str = "\
usage: cargo xtask bench engine [--users N] [--bodies N] [--workspaces N] [--in-flight N] [--one] [--dir D]
  --users N       users loaded before anything is measured (1,000-10,000,000; default 100,000)
  --bodies N      measured bodies (1-10,000,000; default 2,000)
  --workspaces N  workspaces that take turns (1-64; default 1)
  --in-flight N   requests that wait at a time (1-1,024; default 16)
  --one           bodies of one element instead of 294
  --dir D         where the temporary data directory goes (default: /var/tmp, else the system's)";

struct EngineBenchOptions {
    users: u64,
    bodies: u64,
    workspaces: u64,
    in_flight: u64,
    kind: Kind,
    dir: PathBuf,
}

impl EngineBenchOptions {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options =
            Self { users: 100_000, bodies: 2_000, workspaces: 1, in_flight: 16, kind: Kind::Full, dir: disk() };
        let mut rest = args.iter();
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value\n{USAGE}"));
            match flag.as_str() {
                "--users" => options.users = number(flag, value()?, 1_000..=10_000_000)?,
                "--bodies" => options.bodies = number(flag, value()?, 1..=10_000_000)?,
                "--workspaces" => options.workspaces = number(flag, value()?, 1..=64)?,
                "--in-flight" => options.in_flight = number(flag, value()?, 1..=1_024)?,
                "--one" => options.kind = Kind::One,
                "--dir" => options.dir = value()?.into(),
                other => bail!("unknown option {other:?}\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

/// A clock that each reading moves on by a millisecond, so that the same run stores the same rows. It begins after the
/// newest event of the bodies.
struct StepClock(AtomicI64);

impl Clock for StepClock {
    fn now(&self) -> Moment {
        let at = self.0.fetch_add(1, Ordering::Relaxed);
        Moment { at: Timestamp(at), micros: at.unsigned_abs() * 1_000 }
    }
}

struct AnswerWriter {
    body: Bytes,
    spans: Vec<Range<usize>>,
}

impl Wire for AnswerWriter {
    fn answer(&self, applied: &Applied) -> RecordedAnswer {
        answer::applied_answer(Api::Transition, applied, false, false)
    }

    fn quarantined_json(&self, index: u32, rejected_actions: Option<&[u32]>) -> Box<[u8]> {
        let span = self.spans.get(index as usize).cloned().unwrap_or_default();
        kept_element(self.body.get(span).unwrap_or_default(), rejected_actions)
    }
}

fn decision(body: &Bytes, context: &ReadContext) -> Result<ImportDecision<AnswerWriter>> {
    let parsed = transition::read(body, context).map_err(|fault| anyhow!("a body was refused: {fault:?}"))?;
    let import = import_of(parsed.elements, body, context)?;
    Ok(ImportDecision { import, wire: AnswerWriter { body: body.clone(), spans: parsed.spans } })
}

/// CPU seconds of this process's threads so far, by thread name.
fn cpu_seconds() -> Result<BTreeMap<String, f64>> {
    let mut seconds = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        let read = |name: &str| std::fs::read_to_string(path.join(name));
        let (name, spent) = (read("comm")?, read("schedstat")?);
        let nanos: u64 = spent.split(' ').next().context("no figure in schedstat")?.parse()?;
        *seconds.entry(name.trim().to_owned()).or_insert(0.0) += nanos as f64 / 1e9;
    }
    Ok(seconds)
}

struct Run {
    engine: Arc<Sqlite>,
    context: ReadContext,
    ids: Vec<WorkspaceId>,
}

impl Run {
    fn open(options: &EngineBenchOptions, dir: &std::path::Path) -> Result<Self> {
        let clock = Arc::new(StepClock(AtomicI64::new(1_796_000_000_000)));
        let engine = Arc::new(Sqlite::open(SqliteOptions::new(dir, clock))?);
        let BodyReader::Muster(context) = BodyReader::muster() else { bail!("not Muster's reader") };
        let limits = RateLimits { users: 0, events: 0, devices: 0 };
        let settings = Arc::new(Settings { limits, ..(*context.settings).clone() });
        let mut ids = Vec::new();
        for n in 0..options.workspaces {
            let id = WorkspaceId::parse(&format!("bench-{n}")).context("a workspace id is refused")?;
            let settings = String::from("{}");
            let made = Workspace {
                id: id.clone(),
                created_at: Timestamp(0),
                revision: context.settings.revision,
                settings,
                keys: Vec::new(),
            };
            engine.create_workspace(&made)?;
            ids.push(id);
        }
        Ok(Self { engine, context: ReadContext { settings, ..context }, ids })
    }

    /// Sends bodies to the workspaces in turn until `more` says no.
    async fn drive(
        &self,
        (bodies, worlds): (&Bodies, &[World]),
        in_flight: usize,
        mut more: impl FnMut(usize) -> Option<usize>,
    ) -> Result<u64> {
        let (mut rng, mut waiting, mut elements) = (Rng::new(7), JoinSet::new(), 0);
        for turn in 0.. {
            let Some(at) = more(turn) else { break };
            while waiting.len() >= in_flight {
                elements += check(waiting.join_next().await)?;
            }
            let mut body = Vec::new();
            bodies.fill(&worlds[at], &mut rng, &mut body);
            let body = Bytes::from(body);
            let (engine, id) = (Arc::clone(&self.engine), self.ids[at].clone());
            let decision = decision(&body, &self.context)?;
            waiting.spawn(async move { apply_sized(&*engine, &id, (decision, body.len()), Mode::Commit).await });
        }
        while let Some(done) = waiting.join_next().await {
            elements += check(Some(done))?;
        }
        Ok(elements)
    }
}

type Joined = Option<Result<Result<ImportOutcome, muster_store::engine::EngineError>, tokio::task::JoinError>>;

fn check(joined: Joined) -> Result<u64> {
    match joined.context("no request waits")?? {
        Ok(ImportOutcome::Applied(applied, _)) => Ok(applied.elements.len() as u64),
        other => bail!("a request was not applied: {other:?}"),
    }
}

/// Runs `cargo xtask bench engine ARGS`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = EngineBenchOptions::parse(args)?;
    let dir = tempfile::Builder::new().prefix("muster-bench-").tempdir_in(&options.dir)?;
    let run = Run::open(&options, dir.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let worlds: Vec<World> = (0..options.workspaces).map(|_| World::new(options.users / options.workspaces)).collect();
    let in_flight = usize::try_from(options.in_flight)?;
    let preload = Bodies::new(Kind::Preload, 1);
    for (at, world) in worlds.iter().enumerate() {
        runtime.block_on(run.drive((&preload, &worlds), in_flight, |_| (!world.is_loaded()).then_some(at)))?;
    }
    let (before, began) = (cpu_seconds()?, Instant::now());
    let bodies = Bodies::new(options.kind, 1);
    let measured = usize::try_from(options.bodies)?;
    let more = |turn: usize| (turn < measured).then_some(turn % worlds.len());
    let elements = runtime.block_on(run.drive((&bodies, &worlds), in_flight, more))? as f64;
    let (seconds, after) = (began.elapsed().as_secs_f64(), cpu_seconds()?);
    let mut total = 0.0;
    for (name, spent) in after {
        let spent = spent - before.get(&name).copied().unwrap_or(0.0);
        total += spent;
        eprintln!("  {name}: {:.2} us of CPU an element", spent * 1e6 / elements);
    }
    eprintln!("{:.0} elements/s, {:.2} us of CPU an element", elements / seconds, total * 1e6 / elements);
    run.engine.close();
    dir.close().context("the temporary files were not removed")
}
