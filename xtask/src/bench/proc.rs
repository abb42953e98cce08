//! Owns what the benchmark reads from `/proc`: processor time, memory and written bytes of processes, and the facts of
//! the machine that the report names. Linux only.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Clock ticks per second in `/proc/PID/stat`; fixed to 100 in the Linux user interface (`USER_HZ`).
const TICKS: f64 = 100.0;

/// What processes have used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time, user and system, in seconds.
    pub(crate) cpu: f64,
    /// Bytes that they caused to be written to the disk (`write_bytes`).
    pub(crate) written: u64,
}

/// The usage of one process.
pub(crate) fn usage(pid: u32) -> Result<Usage> {
    let stat = Stat::read(pid)?;
    Ok(Usage { cpu: stat.own, written: bytes_written(pid)? })
}

/// The usage of a process and of its children; those that ended count with their processor time only.
pub(crate) fn usage_with_children(pid: u32) -> Result<Usage> {
    let root = Stat::read(pid)?;
    let mut sum = Usage { cpu: root.own + root.reaped, written: bytes_written(pid)? };
    for entry in fs::read_dir("/proc").context("/proc is not readable")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the listing and the reading; then it is in `reaped` the next time.
        if let Ok(stat) = Stat::read(child)
            && stat.parent == pid
        {
            sum.cpu += stat.own;
            sum.written += bytes_written(child).unwrap_or(0);
        }
    }
    Ok(sum)
}

struct Stat {
    parent: u32,
    own: f64,
    reaped: f64,
}

impl Stat {
    fn read(pid: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
        // The command's name is in parentheses and may hold spaces; the fields after it are numbers.
        let (_, rest) = text.rsplit_once(')').context("/proc/PID/stat without a name")?;
        let fields: Vec<f64> = rest.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        let at = |i: usize| fields.get(i).copied().context("/proc/PID/stat is too short");
        Ok(Self { parent: at(0)? as u32, own: (at(10)? + at(11)?) / TICKS, reaped: (at(12)? + at(13)?) / TICKS })
    }
}

/// The kernel's id of the calling thread.
pub(crate) fn thread_id() -> Result<u32> {
    let link = fs::read_link("/proc/thread-self").context("/proc/thread-self is not readable")?;
    let name = link.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    name.context("/proc/thread-self does not name a thread")
}

/// The cores that a thread of this process may use, as the kernel lists them: `0-1,4`.
pub(crate) fn allowed_cores(thread: u32) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status"))?;
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    Ok(cores.context("the status of a thread has no Cpus_allowed_list")?.trim().to_owned())
}

/// Processor seconds that the whole machine has spent working since it started.
pub(crate) fn machine_busy() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat is not readable")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    // user nice system idle iowait irq softirq steal; the fourth and fifth are waiting, steal is others' work.
    let ticks: Vec<f64> = line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let busy = ticks.iter().enumerate().filter(|(i, _)| !matches!(i, 3 | 4)).map(|(_, ticks)| ticks).sum::<f64>();
    Ok(busy / TICKS)
}

fn bytes_written(pid: u32) -> Result<u64> {
    field(&format!("/proc/{pid}/io"), "write_bytes:")
}

/// Resident memory of a process in bytes: now, and the highest so far.
pub(crate) fn memory(pid: u32) -> Result<(u64, u64)> {
    let path = format!("/proc/{pid}/status");
    Ok((field(&path, "VmRSS:")? * 1024, field(&path, "VmHWM:")? * 1024))
}

/// Lets the highest resident memory of a process be counted from now on.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").with_context(|| format!("process {pid} is gone"))
}

fn field(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("{path} is not readable"))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{path} has no {name}"))?;
    line.split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .with_context(|| format!("{path}: {name} is not a number"))
}

/// The machine in one line: processor, cores, memory, kernel, and the file system of `dir`.
pub(crate) fn machine(dir: &Path) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown processor", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal:").unwrap_or(0) / 1024 / 1024;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = file_system(dir);
    format!("{model}, {cores} cores, {memory} GiB of memory, Linux {}, data on {system}", kernel.trim())
}

/// The type of the file system that holds `dir`.
pub(crate) fn file_system(dir: &Path) -> String {
    mount(dir).1
}

/// What is mounted where `dir` is, such as `/dev/sda1` or `overlay`.
pub(crate) fn mounted_device(dir: &Path) -> String {
    mount(dir).0
}

/// What is mounted, and its type: of the longest mount point that is a prefix of `dir`.
fn mount(dir: &Path) -> (String, String) {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mut best = (0, "", "an unknown file system");
    for line in mounts.lines() {
        let mut parts = line.split(' ');
        if let (Some(device), Some(point), Some(kind)) = (parts.next(), parts.next(), parts.next())
            && dir.starts_with(point)
            && point.len() >= best.0
        {
            best = (point.len(), device, kind);
        }
    }
    (best.1.to_owned(), best.2.to_owned())
}

/// The trimmed first line that a command prints, or `None` when it fails or prints nothing.
pub(crate) fn first_line(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Option<String> {
    let out = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| out.status.success() && !line.is_empty())
}
