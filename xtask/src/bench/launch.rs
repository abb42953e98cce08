//! Owns how a measured process is started: on which cores, with which environment.

use super::proc;
use anyhow::{Result, bail};
use std::ffi::{OsStr, OsString};
use std::process::Command;

/// How to start a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    /// The cores that it may use, as `taskset` takes them.
    pub(crate) cores: Option<String>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

impl Launch {
    /// Returns how to start a process that may use the first `count` cores only.
    pub(crate) fn on_cores(count: usize) -> Self {
        Self { cores: Some(core_list(count)), ..Self::default() }
    }

    /// Returns the command that starts `program`. The process of the command is the program, also with chosen cores.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match &self.cores {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cores]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The first `count` cores in the form of `taskset`.
fn core_list(count: usize) -> String {
    format!("0-{}", count.saturating_sub(1))
}

/// Why processes cannot be bound to this many cores here; `None` if they can.
pub(crate) fn why_not_on_cores(count: usize) -> Option<String> {
    let present = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if present < count {
        return Some(format!("this machine has {present} cores"));
    }
    let mut probe = Launch::on_cores(count).command("true");
    let works = probe.status().is_ok_and(|status| status.success());
    (!works).then(|| "taskset (util-linux) does not run here".to_owned())
}

/// Runs `work` with the calling thread, and the threads that it starts, on the first `count` cores.
pub(crate) fn on_cores<T>(count: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let thread = proc::thread_id()?;
    let before = proc::allowed_cores(thread)?;
    bind(thread, &core_list(count))?;
    let done = work();
    bind(thread, &before)?;
    done
}

fn bind(thread: u32, cores: &str) -> Result<()> {
    let mut bind = Command::new("taskset");
    let done = bind.args(["-c", "-p", cores, &thread.to_string()]).stdout(std::process::Stdio::null()).status()?;
    if !done.success() {
        bail!("taskset could not bind the benchmark to the cores {cores}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if the list is not handed to `taskset`, or not taken back.
    #[test]
    fn work_and_the_processes_it_starts_are_bound_to_the_cores_for_as_long_as_it_runs() {
        if why_not_on_cores(1).is_some() {
            return;
        }
        let allowed = || proc::allowed_cores(proc::thread_id().unwrap()).unwrap();
        let before = allowed();
        let inside = on_cores(1, || Ok((allowed(), std::thread::spawn(allowed).join().unwrap()))).unwrap();
        assert_eq!((inside, allowed()), (("0".to_owned(), "0".to_owned()), before));
        let listed = Launch::on_cores(1).command("grep").args(["Cpus_allowed_list", "/proc/self/status"]).output();
        assert_eq!(String::from_utf8_lossy(&listed.unwrap().stdout).trim(), "Cpus_allowed_list:\t0");
    }
}
