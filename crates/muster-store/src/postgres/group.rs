//! A group of decisions as one transaction under the lock of the workspace: begun, decided, written and committed, and
//! begun again where another transaction or a lost connection was in the way.

use super::connection::Command;
use super::errors::{DatabaseFailure, closed};
use super::group_tables::{Begun, Mark, PostgresTables};
use super::inner::PostgresInner;
use super::state::{self, ClockOffset, LockedState};
use crate::engine::{EngineError, Job};
use crate::queue::group::{GroupEnd, GroupFailure, GroupRun};
use crate::working_set::{GroupStop, WorkingSet, first_needed_rows, first_needs};
use muster_core::change::{RowChange, StoredRow};
use muster_core::record::{Counters, LogEntry};
use muster_core::time::{Clock, Moment, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// How often a group is begun again.
const TRIES: u32 = 5;
/// The pause before that, which grows with each try.
const PAUSE: Duration = Duration::from_millis(20);
/// How long it is tried to find out how a commit ended whose answer was lost: a fail-over may take as long, and callers
/// wait no longer.
const DOUBT_PATIENCE: Duration = Duration::from_secs(20);

/// Finds the mark of a group and writes it again: the commit of this waits for all standbys that the lost one had to wait
/// for, and had not when its primary was stopped.
const IS_COMMITTED: &str = "UPDATE commits SET mark = $4 \
    WHERE workspace_id = $1 AND group_no = $2 AND process = $3 AND mark = $4 RETURNING 1";

/// The clock of a group: durations are those of the process, and instants those of the database if it is asked for them.
pub(super) struct GroupClock<'a> {
    process: &'a dyn Clock,
    ahead_ms: AtomicI64,
}

impl<'a> GroupClock<'a> {
    pub(super) fn new(process: &'a dyn Clock) -> Self {
        Self { process, ahead_ms: AtomicI64::new(0) }
    }
}

impl Clock for GroupClock<'_> {
    fn now(&self) -> Moment {
        let now = self.process.now();
        Moment { at: Timestamp(now.at.0.saturating_add(self.ahead_ms.load(Ordering::Relaxed))), ..now }
    }

    fn distrust(&self) -> Option<&'static str> {
        self.process.distrust()
    }
}

/// Why a transaction was not committed.
enum Stop {
    /// There is no such workspace.
    Gone,
    /// It may pass another time.
    Again(DatabaseFailure),
    /// It is not known whether it was committed; this is what to look for, and how it ended if it was.
    Doubt(DatabaseFailure, u64, Mark, Box<(GroupEnd, Committed)>),
    /// Nothing of the group is stored.
    Failed(EngineError),
    /// Rows of one decision cannot be written, nobody knows of which.
    BrokenRow(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl Stop {
    /// What a failure of a transaction means that was not to be committed yet.
    fn from_failure(failure: DatabaseFailure) -> Self {
        match failure {
            DatabaseFailure::Lost(_) | DatabaseFailure::Conflict(_) => Self::Again(failure),
            DatabaseFailure::Data(why) => Self::BrokenRow(EngineError::Broken(why)),
            failure => Self::Failed(failure.into()),
        }
    }
}

/// What a process keeps of a group that was committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Committed {
    pub(super) counters: Counters,
    pub(super) revision: u64,
}

/// A workspace with its decisions and refused requests.
pub(super) struct GroupInput<'w> {
    pub(super) id: &'w str,
    /// When it was created, in milliseconds.
    pub(super) created_at: i64,
    pub(super) jobs: &'w mut [Box<dyn Job>],
    pub(super) refused: &'w [LogEntry],
}

/// How a group ended, and what is known of the workspace since; None = it is gone.
pub(super) type Ended = (GroupEnd, Option<Committed>);

/// Runs a group. If rows of one of its decisions cannot be written, nobody knows of which: then each is run in a group of its
/// own. A decision may run several times (`muster_core::decision`).
pub(super) fn run(
    inner: &PostgresInner,
    mut work: GroupInput<'_>,
    (run, clock): (&mut GroupRun<'_>, &GroupClock<'_>),
) -> Ended {
    match attempts(inner, &mut work, (run, clock)) {
        Ok((end, committed)) => (end, Some(committed)),
        Err(Stop::BrokenRow(_)) => run_each(inner, work, (run, clock)),
        Err(stop) => ended(stop),
    }
}

fn ended(stop: Stop) -> Ended {
    let error = match stop {
        Stop::Gone => return (GroupFailure { error: EngineError::UnknownWorkspace, poison: false }.into(), None),
        Stop::Failed(error) | Stop::BrokenRow(error) => error,
        Stop::Again(failure) | Stop::Doubt(failure, ..) => {
            EngineError::Unavailable(EngineError::from(failure).to_string().into())
        }
    };
    (GroupFailure { error, poison: false }.into(), Some(Committed::default()))
}

/// Runs each decision in a group of its own, and refused requests in the last.
fn run_each(inner: &PostgresInner, work: GroupInput<'_>, (run, clock): (&mut GroupRun<'_>, &GroupClock<'_>)) -> Ended {
    let GroupInput { id, created_at, jobs, refused } = work;
    let (mut all, mut last) = (GroupEnd::default(), Some(Committed::default()));
    let groups = jobs.chunks_mut(1).map(|job| (job, &[][..])).chain([(&mut [][..], refused)]);
    for (jobs, refused) in groups {
        let of_one = jobs.len();
        match attempts(inner, &mut GroupInput { id, created_at, jobs, refused }, (run, clock)) {
            Ok((one, committed)) => {
                all.append(one);
                last = Some(committed);
            }
            Err(Stop::BrokenRow(error)) => all.results.extend((0..of_one).map(|_| Err(error.clone()))),
            Err(stop) => {
                let (end, known) = ended(stop);
                (all.failure, last) = (end.failure, known);
            }
        }
        if all.failure.is_some() {
            break;
        }
    }
    (all, last)
}

/// Runs a group until it is committed, or another try is of no use.
fn attempts(
    inner: &PostgresInner,
    work: &mut GroupInput<'_>,
    (run, clock): (&mut GroupRun<'_>, &GroupClock<'_>),
) -> Result<(GroupEnd, Committed), Stop> {
    for tries in 1..=TRIES {
        let rate = run.rate.clone();
        let stop = match attempt(inner, work, (run, clock)) {
            Ok(ended) => return Ok(ended),
            Err(stop) => stop,
        };
        let stop = match stop {
            Stop::Doubt(failure, group, mark, ended) => match resolve(inner, (work.id, work.created_at), (group, mark))
            {
                Some(true) => return Ok(*ended),
                Some(false) => Stop::Again(failure),
                // A request that is sent again with its key is answered from what is stored, if it was.
                None => Stop::Doubt(failure, group, mark, ended),
            },
            stop => stop,
        };
        run.rate = rate;
        match stop {
            Stop::Again(_) if tries < TRIES => inner.cores.without_core(|| std::thread::sleep(PAUSE * tries)),
            stop => return Err(stop),
        }
    }
    Err(Stop::Failed(closed()))
}

/// Finds out whether a group was committed whose answer was lost: under the lock of its workspace, which the lost
/// transaction holds until it has ended. None = the database cannot be asked.
fn resolve(inner: &PostgresInner, (id, created_at): (&str, i64), (group, mark): (u64, Mark)) -> Option<bool> {
    let deadline = Instant::now() + DOUBT_PATIENCE;
    let group = group.cast_signed();
    loop {
        let found = inner.pool.connection().and_then(|mut connection| {
            let answers = connection.send(&[
                Command::Plain(super::connection::BEGIN),
                Command::Query(state::LOCK, vec![&id, &created_at]),
                Command::Query(IS_COMMITTED, vec![&id, &group, &mark.process, &mark.attempt]),
            ])?;
            if answers[2].is_empty() {
                return Ok(false);
            }
            connection.send(&[Command::Plain("COMMIT")])?;
            connection.ended();
            Ok(true)
        });
        if let Ok(found) = found {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        inner.cores.without_core(|| std::thread::sleep(PAUSE * 10));
    }
}

/// Runs a group once.
fn attempt(
    inner: &PostgresInner,
    work: &mut GroupInput<'_>,
    (run, clock): (&mut GroupRun<'_>, &GroupClock<'_>),
) -> Result<(GroupEnd, Committed), Stop> {
    let needs = first_needs(work.jobs);
    let connection = inner.pool.connection().map_err(Stop::from_failure)?;
    let begun = PostgresTables::begin(connection, (work.id, work.created_at), &first_needed_rows(&needs))?
        .map_err(Stop::from_failure)?;
    let Begun { tables, mut state, database_us } = begun.ok_or(Stop::Gone)?;
    drop(needs);
    let offset = if inner.options.is_time_of_database {
        let Moment { at, micros } = inner.clock.now();
        ClockOffset::measured(database_us, at, micros)
    } else {
        ClockOffset::NONE
    };
    clock.ahead_ms.store(offset.ahead_ms, Ordering::Relaxed);
    run.clock_check.check(run.clock, state.counters.now)?;
    (run.revision, run.rate) = (state.revision, offset.to_process(&state.rate));
    let mut kept = state.to_workspace_state();
    let mut set = WorkingSet::new(tables, (&mut kept, None), run.cores);
    let mut latest = state.counters.now;
    let ended = decide_all(&mut set, work, run, &mut latest);
    let tables = set.into_tables();
    let (end, is_changed) = match ended {
        Ok(ended) => ended,
        Err(stop) => {
            return Err(match (tables.failure.clone(), stop) {
                (Some(failure), _) => Stop::from_failure(failure),
                (None, GroupStop::Failed(error)) => Stop::Failed(error),
                (None, GroupStop::BrokenRow(error)) => Stop::BrokenRow(error),
                (None, GroupStop::NeedsTables) => {
                    Stop::BrokenRow(EngineError::Broken("its tables cannot be asked".into()))
                }
            });
        }
    };
    if let Some(failure) = tables.failure.clone() {
        return Err(Stop::from_failure(failure));
    }
    let committed = Committed { counters: kept.counters, revision: state.revision };
    if !is_changed {
        return Ok((end, committed));
    }
    kept.figures.group += 1;
    let group = kept.figures.group;
    let rate = offset.to_database(&run.rate);
    state = LockedState {
        revision: state.revision,
        counters: kept.counters,
        figures: kept.figures,
        answer_bytes: kept.answer_bytes,
        sums: tables.sums,
        rate,
    };
    let mark = Mark { process: inner.process, attempt: inner.attempts.fetch_add(1, Ordering::Relaxed) };
    let begun = Instant::now();
    let done = tables.commit(&state, mark);
    let end = GroupEnd { commit: Some(begun.elapsed()), ..end };
    match done {
        Ok(()) => Ok((end, committed)),
        Err(failure @ DatabaseFailure::Lost(_)) => Err(Stop::Doubt(failure, group, mark, Box::new((end, committed)))),
        Err(failure) => Err(Stop::from_failure(failure)),
    }
}

/// Runs the decisions, and writes what they changed. Returns whether anything is to be committed.
fn decide_all(
    set: &mut WorkingSet<'_, PostgresTables<'_>>,
    work: &mut GroupInput<'_>,
    run: &mut GroupRun<'_>,
    latest: &mut Timestamp,
) -> Result<(GroupEnd, bool), GroupStop> {
    let mut end = GroupEnd::default();
    for job in work.jobs.iter_mut() {
        let result = set.decide(&mut **job, run, latest)?;
        end.committed += u64::from(result == Ok(true));
        end.results.push(result.map(|_stored| ()));
        set.tables().keep_alive()?;
    }
    let entries = work.refused.iter().map(|request| RowChange::Upsert(StoredRow::LogEntry(request.clone())));
    set.put_rows(entries.collect());
    if end.committed == 0 && work.refused.is_empty() && !run.probe && set.is_within(run.bounds) {
        return Ok((end, false));
    }
    set.write_pending()?;
    set.trim(run.bounds)?;
    Ok((end, true))
}
