//! Owns the slower disk: a C library that is compiled at run time and preloaded into a server, where it adds a delay to
//! every sync. What syncs by a flag of a write (`O_DSYNC`, `RWF_DSYNC`) or by io_uring would not be delayed.

use super::launch::Launch;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library.
const SOURCE: &str = include_str!("slow_sync.c");
/// Microseconds that are added to each sync.
pub(crate) const ADDED_MICROS: u64 = 3_000;

/// The compiled library, and the file in which it counts.
#[derive(Debug)]
pub(crate) struct SlowSync {
    library: PathBuf,
    counter: PathBuf,
}

impl SlowSync {
    /// Compiles the library; fails without a C compiler.
    pub(crate) fn build(scratch: &Path) -> Result<Self> {
        let (source, library) = (scratch.join("slow_sync.c"), scratch.join("slow_sync.so"));
        std::fs::write(&source, SOURCE)?;
        let mut compile = Command::new("cc");
        compile.args(["-O2", "-shared", "-fPIC", "-Wall", "-Werror", "-o"]).args([&library, &source]);
        if !compile.status().context("no C compiler (cc) to build the delay of syncs")?.success() {
            bail!("cc did not compile the delay of syncs");
        }
        Ok(Self { library, counter: scratch.join("slow_sync.count") })
    }

    /// Sets the count to 0; returns how to start a process with the library.
    pub(crate) fn launch(&self) -> Result<Launch> {
        std::fs::write(&self.counter, [0; 8])?;
        let pairs = [
            ("LD_PRELOAD", self.library.as_os_str().to_owned()),
            ("SLOW_SYNC_MICROS", ADDED_MICROS.to_string().into()),
            ("SLOW_SYNC_COUNTER", self.counter.as_os_str().to_owned()),
        ];
        Ok(Launch { environment: pairs.to_vec(), ..Launch::default() })
    }

    /// Returns how many syncs were delayed since the launch; fails if none was, because then nothing was measured.
    pub(crate) fn count(&self) -> Result<u64> {
        let bytes = std::fs::read(&self.counter)?;
        let count = u64::from_ne_bytes(bytes.try_into().ok().context("the count of delayed syncs has not 8 bytes")?);
        if count == 0 {
            bail!("the server made no sync that could be delayed; is its binary linked statically?");
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if the library does not replace the calls of the C library, or is not preloaded.
    #[test]
    fn a_sync_of_a_process_with_the_library_is_counted() {
        let scratch = tempfile::tempdir().unwrap();
        let Ok(slow) = SlowSync::build(scratch.path()) else { return };
        let launch = slow.launch().unwrap();
        assert!(slow.count().is_err(), "nothing was synced yet");
        let file = scratch.path().join("file");
        let mut copy = launch.command("dd");
        copy.args(["if=/dev/zero", "bs=1", "count=1", "conv=fsync", "status=none"]);
        assert!(copy.arg(format!("of={}", file.display())).status().unwrap().success());
        assert_eq!(slow.count().unwrap(), 1);
    }
}
