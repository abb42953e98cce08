//! Owns a throw-away PostgreSQL server with its default durability: finding the programs, `initdb`, start, stop, and the
//! settings that an able engineer would set. Leaves tables and statements to `loader.rs`.

use super::disk::copy_directory;
use super::launch::Launch;
use super::proc::{self, Usage};
use super::server::{signal, tail};
use super::window::check_interrupted;
use crate::postgres_install::{Account, programs, unprivileged_account};
use anyhow::{Context, Result, bail};
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Settings beside the defaults; `fsync`, `synchronous_commit` and `full_page_writes` stay on.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("shared_buffers", "2GB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "15min"),
    ("wal_buffers", "64MB"),
    ("jit", "off"),
    ("max_connections", "20"),
    ("listen_addresses", ""),
    ("log_checkpoints", "on"),
];
/// The longest wait for the server to come up or to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// The installed PostgreSQL and a database directory made for the benchmark.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    programs: PathBuf,
    /// Socket, logs and `data`.
    dir: PathBuf,
    data: PathBuf,
    user: Option<Account>,
    /// What `postgres --version` says.
    pub(crate) version: String,
}

/// A running server of a cluster.
#[derive(Debug)]
pub(crate) struct RunningPostgres {
    child: Child,
    log: PathBuf,
    /// Bytes of the log from before the start.
    logged: u64,
}

impl Cluster {
    /// Makes a database directory of this name in `scratch`, or returns `None` where PostgreSQL is not installed.
    pub(crate) fn create(scratch: &Path, name: &str) -> Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let version = proc::first_line(programs.join("postgres"), &["--version"])
            .with_context(|| format!("{} does not run", programs.join("postgres").display()))?;
        let dir = scratch.join(name);
        fs::create_dir(&dir)?;
        let user = unprivileged_account()?;
        if let Some(account) = user {
            // PostgreSQL refuses to run as root; the scratch directory's parents must let that account through.
            std::os::unix::fs::chown(&dir, Some(account.uid), Some(account.gid))?;
        }
        let cluster = Self { programs, data: dir.join("data"), dir, user, version };
        let mut initdb = cluster.command("initdb", &cluster.dir.join("initdb.log"), &Launch::default())?;
        initdb.args(["--auth=trust", "--username=bench", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        if !initdb.arg(&cluster.data).status()?.success() {
            bail!("initdb failed:\n{}", tail(&cluster.dir.join("initdb.log")));
        }
        Ok(Some(cluster))
    }

    /// Copies the stopped database, in the place of the last copy.
    pub(crate) fn copy(&self) -> Result<Self> {
        let data = self.dir.join("copy");
        copy_directory(&self.data, &data)?;
        Ok(Self { data, ..self.clone() })
    }

    fn command(&self, program: &str, log: &Path, launch: &Launch) -> Result<Command> {
        let out = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = launch.command(self.programs.join(program));
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        if let Some(account) = self.user {
            account.own(&mut command);
        }
        Ok(command)
    }

    /// Starts the server on a Unix socket in the cluster's directory and waits until it takes connections.
    pub(crate) fn start(&self) -> Result<RunningPostgres> {
        self.start_with(&[], &Launch::default())
    }

    /// The same with settings that replace those of `SETTINGS`, and on chosen cores.
    pub(crate) fn start_with(&self, settings: &[(&str, String)], launch: &Launch) -> Result<RunningPostgres> {
        let log = self.dir.join("postgres.log");
        let mut command = self.command("postgres", &log, launch)?;
        command.arg("-D").arg(&self.data).arg("-k").arg(&self.dir);
        for (name, value) in SETTINGS {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // A process group of its own: Ctrl-C reaches the benchmark, which then stops the server in order.
        let logged = fs::metadata(&log).map_or(0, |log| log.len());
        let child = command.process_group(0).spawn()?;
        let mut running = RunningPostgres { child, log: log.clone(), logged };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            check_interrupted()?;
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.arg("-q").arg("-h").arg(&self.dir);
            if ready.status()?.success() {
                return Ok(running);
            }
            if running.child.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("PostgreSQL did not come up; its log ends with:\n{}", tail(&log))
    }

    /// How to connect.
    pub(crate) fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.dir).user("bench").dbname("postgres");
        config
    }
}

impl RunningPostgres {
    /// What the server's processes have used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        proc::usage_with_children(self.child.id())
    }

    /// Returns how many checkpoints began since the start because of the clock or of the write-ahead log.
    pub(crate) fn checkpoint_count(&self) -> Result<usize> {
        let log = fs::read(&self.log)?;
        let from = usize::try_from(self.logged)?.min(log.len());
        Ok(count_checkpoints(&String::from_utf8_lossy(&log[from..])))
    }

    /// A fast shutdown (SIGINT), which writes a checkpoint.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.end("INT")
    }

    fn end(&mut self, name: &str) -> Result<()> {
        signal(self.child.id(), name)?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("PostgreSQL did not end within {} s of SIG{name}", PATIENCE.as_secs())
    }
}

impl Drop for RunningPostgres {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // An immediate shutdown takes the server's children with it, which SIGKILL would not.
            if self.end("QUIT").is_err() {
                let _ = self.child.kill();
            }
            let _ = self.child.wait();
        }
    }
}

fn count_checkpoints(log: &str) -> usize {
    let began = |line: &&str| line.contains("checkpoint starting: wal") || line.contains("checkpoint starting: time");
    log.lines().filter(began).count()
}

#[cfg(test)]
mod tests {
    use super::count_checkpoints;

    #[test]
    fn the_checkpoints_of_a_start_or_a_stop_are_not_counted() {
        let log = "\
2026-11-30 10:00:00.000 UTC [7] LOG:  checkpoint starting: end-of-recovery immediate wait
2026-11-30 10:00:01.000 UTC [7] LOG:  checkpoint starting: wal
2026-11-30 10:00:05.000 UTC [7] LOG:  checkpoint complete: wrote 9 buffers (0.1%)
2026-11-30 10:00:31.000 UTC [7] LOG:  checkpoint starting: time
2026-11-30 10:00:40.000 UTC [7] LOG:  checkpoint starting: shutdown immediate";
        assert_eq!(count_checkpoints(log), 2);
    }
}
