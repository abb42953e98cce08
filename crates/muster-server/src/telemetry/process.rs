//! Figures of this process, under the usual names of Prometheus, from `/proc`; nothing where
//! there is no such thing.

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::{Resource, getrlimit};
use std::fmt;
use std::fs;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Process {
    cpu_seconds: f64,
    started_at: f64,
    virtual_bytes: u64,
    resident_bytes: u64,
    open_fds: u64,
    max_fds: u64,
}

impl Process {
    /// Reads them; None where there is no `/proc`.
    pub(super) fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let all = fs::read_to_string("/proc/stat").ok()?;
        let booted = all.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        let ticks = rustix::param::clock_ticks_per_second();
        let page = rustix::param::page_size() as u64;
        let open_fds = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
        let max_fds = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Some(Self { open_fds, max_fds, ..Self::parse(&stat, booted, (ticks, page))? })
    }

    /// Of the line of `/proc/self/stat` (proc(5)), the seconds of the boot, and ticks of a second with bytes of a page.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people: fifteen digits do")]
    fn parse(stat: &str, booted: u64, (ticks, page): (u64, u64)) -> Option<Self> {
        // The name before may hold anything, blanks and brackets, too.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<u64> = fields.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        // The first of these is the third of the line.
        let field = |number: usize| fields.get(number - 3).copied();
        let seconds = |ticked: u64| ticked as f64 / ticks as f64;
        Some(Self {
            cpu_seconds: seconds(field(14)? + field(15)?),
            started_at: booted as f64 + seconds(field(22)?),
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page,
            open_fds: 0,
            max_fds: 0,
        })
    }

    /// Writes them.
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let cpu = ("process_cpu_seconds", "Seconds of processor time");
        ConstCounter::new(self.cpu_seconds).encode(encoder.encode_descriptor(
            cpu.0,
            cpu.1,
            None,
            MetricType::Counter,
        )?)?;
        let started = ("process_start_time_seconds", "When the process started, in seconds since 1970");
        let metric = encoder.encode_descriptor(started.0, started.1, None, MetricType::Gauge)?;
        ConstGauge::new(self.started_at).encode(metric)?;
        super::gauge(encoder, "process_virtual_memory_bytes", "Bytes of virtual memory", self.virtual_bytes)?;
        super::gauge(encoder, "process_resident_memory_bytes", "Bytes of memory in use", self.resident_bytes)?;
        super::gauge(encoder, "process_open_fds", "Descriptors that are open", self.open_fds)?;
        super::gauge(encoder, "process_max_fds", "Descriptors that may be open", self.max_fds)
    }
}

#[cfg(test)]
mod tests {
    use super::Process;

    #[test]
    fn the_line_of_a_process_is_read_after_its_name_whatever_that_is() {
        let stat = "77 (mus) ter)) S 1 77 77 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 9 0 250 4096000 300 1 2 3";
        let want = Process {
            cpu_seconds: 2.0,
            started_at: 1_002.5,
            virtual_bytes: 4_096_000,
            resident_bytes: 300 * 4_096,
            open_fds: 0,
            max_fds: 0,
        };
        assert_eq!(Process::parse(stat, 1_000, (100, 4_096)), Some(want));
        assert_eq!(Process::parse("77 (muster) S 1", 1_000, (100, 4_096)), None);
    }
}
