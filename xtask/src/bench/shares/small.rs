//! Owns the small server: a control group with little memory, of either version, and a bound of open files. Linux, root.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Open files that the server may have: the common soft limit.
const FILES: u32 = 1_024;
/// Where control groups are, the first version's group of memory and the second version.
const FIRST: &str = "/sys/fs/cgroup/memory";
const SECOND: &str = "/sys/fs/cgroup";

/// A control group of one server; it is removed in the end.
#[derive(Debug)]
pub(super) struct Small {
    folder: PathBuf,
    memory: u64,
    /// The second version of control groups.
    unified: bool,
}

impl Small {
    /// Creates a group with this many bytes of memory.
    pub(super) fn make(memory: u64) -> Result<Self> {
        let first = Path::new(FIRST).join("memory.limit_in_bytes").exists();
        let unified = !first && Path::new(SECOND).join("cgroup.controllers").exists();
        if !first && !unified {
            bail!("--memory needs control groups of memory; this machine has none at {FIRST} or {SECOND}");
        }
        let above = Path::new(if unified { SECOND } else { FIRST });
        if unified {
            // Where it is on already, or may not be set, the limit below tells.
            let _on_already = fs::write(above.join("cgroup.subtree_control"), "+memory");
        }
        let folder = above.join(format!("muster-bench-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}; --memory needs root", folder.display()))?;
        let small = Self { folder, memory, unified };
        let limit = if unified { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(small.folder.join(limit), memory.to_string()).context("the memory cannot be limited")?;
        if unified {
            // Without swap, as most servers of containers are; not every kernel has the file.
            let _no_swap = fs::write(small.folder.join("memory.swap.max"), "0");
        }
        Ok(small)
    }

    /// What a shell does before it becomes the server.
    pub(super) fn before(&self) -> String {
        format!("echo $$ > '{}/cgroup.procs' || exit 1\nulimit -n {FILES} || exit 1", self.folder.display())
    }

    pub(super) fn describe(&self) -> String {
        let version = if self.unified { 2 } else { 1 };
        format!("{} MiB of memory (control groups, version {version}) and {FILES} open files", self.memory >> 20)
    }

    /// How often the kernel killed in the group; None where it does not tell.
    pub(super) fn kill_count(&self) -> Result<Option<u64>> {
        let name = if self.unified { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(self.folder.join(name)).with_context(|| format!("{name} cannot be read"))?;
        let mut fields = text.lines().filter_map(|line| line.split_once(' '));
        Ok(fields.find(|(name, _)| *name == "oom_kill").and_then(|(_, times)| times.trim().parse().ok()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // It stays where a process is still in it, which ends with this one.
        let _ = fs::remove_dir(&self.folder);
    }
}
