//! Owns the disk below measured servers: copies of preloaded directories, and the bytes that reach the device. The
//! `write_bytes` of a process counts dirtied pages, or whole folios where the file system has them; the device is what
//! the kernel really wrote to.

use super::load::LoadOutcome;
use anyhow::{Context as _, Result, bail};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a sector in `/proc/diskstats`, whatever the device has.
const SECTOR: u64 = 512;

/// The device that holds a directory, with the bytes that all of the machine wrote to it.
#[derive(Debug)]
pub(crate) struct DiskMeter {
    dir: PathBuf,
    /// Major and minor number and name; `None` if `/proc/diskstats` has no such device.
    device: Option<(String, String, String)>,
}

impl DiskMeter {
    /// Finds the device of `dir`: by the number of its file system, else by the name that is mounted.
    pub(crate) fn find(dir: &Path) -> Result<Self> {
        let dev = std::fs::metadata(dir)?.dev();
        let major = ((dev >> 8) & 0xfff) | ((dev >> 32) & !0xfff);
        let minor = (dev & 0xff) | ((dev >> 12) & !0xff);
        let mounted = PathBuf::from(super::proc::mounted_device(dir));
        let name =
            mounted.canonicalize().unwrap_or(mounted).file_name().map(|name| name.to_string_lossy().into_owned());
        let stats = std::fs::read_to_string("/proc/diskstats").unwrap_or_default();
        let device = find_device(&stats, &major.to_string(), &minor.to_string(), &name.unwrap_or_default());
        Ok(Self { dir: dir.to_owned(), device })
    }

    /// Names the device for the report.
    pub(crate) fn describe(&self) -> String {
        self.device.as_ref().map_or_else(
            || "not found in /proc/diskstats, so that there are no figures of the device".to_owned(),
            |(major, minor, name)| format!("{name} ({major}:{minor} in /proc/diskstats)"),
        )
    }

    /// Whether the device was found.
    pub(crate) fn has_device(&self) -> bool {
        self.device.is_some()
    }

    /// Runs a load, and adds what was written to the device from its start until everything that it wrote is there.
    pub(crate) fn measure(&self, run: impl FnOnce() -> Result<LoadOutcome>) -> Result<LoadOutcome> {
        write_back(&self.dir)?;
        let before = self.written();
        let mut outcome = run()?;
        write_back(&self.dir)?;
        outcome.device_written = before.zip(self.written()).map(|(before, after)| after - before);
        Ok(outcome)
    }

    fn written(&self) -> Option<u64> {
        let (major, minor, name) = self.device.as_ref()?;
        let stats = std::fs::read_to_string("/proc/diskstats").ok()?;
        let fields = stats.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let of_device = |fields: &Vec<&str>| fields.get(..3) == Some(&[major.as_str(), minor.as_str(), name.as_str()]);
        let sectors: u64 = fields.into_iter().find(of_device)?.get(9)?.parse().ok()?;
        Some(sectors * SECTOR)
    }
}

fn find_device(stats: &str, major: &str, minor: &str, name: &str) -> Option<(String, String, String)> {
    let devices = || {
        stats.lines().filter_map(|line| {
            let mut fields = line.split_whitespace();
            Some((fields.next()?, fields.next()?, fields.next()?))
        })
    };
    let by_number = devices().find(|device| (device.0, device.1) == (major, minor));
    let found = by_number.or_else(|| devices().find(|device| device.2 == name))?;
    Some((found.0.to_owned(), found.1.to_owned(), found.2.to_owned()))
}

/// Copies a directory with owners and modes to `to`, which is replaced, and waits until the disk has it: no run pays
/// for the copy.
pub(crate) fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    let mut copy = Command::new("cp");
    if !copy.args(["-a", "--reflink=auto"]).args([from, to]).status()?.success() {
        bail!("cannot copy {} to {}", from.display(), to.display());
    }
    write_back(to)
}

/// Waits until the file system of `dir` has written everything to its device.
pub(crate) fn write_back(dir: &Path) -> Result<()> {
    if !Command::new("sync").arg("-f").arg(dir).status()?.success() {
        bail!("sync -f {} failed", dir.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_its_number_else_by_its_name() {
        let stats = " 7 0 loop0 0 0 0 0 0 0 8\n 254 0 vda 1 2 3 4 5 6 70 8\n 254 1 vda1 1 2 3 4 5 6 7 8\n";
        let device = |major: &str, minor: &str, name: &str| Some((major.to_owned(), minor.to_owned(), name.to_owned()));
        assert_eq!(find_device(stats, "254", "0", "x"), device("254", "0", "vda"));
        assert_eq!(find_device(stats, "0", "35", "vda1"), device("254", "1", "vda1"));
        assert_eq!(find_device(stats, "0", "35", "overlay"), None);
    }
}
