//! Finds the installed PostgreSQL, and the account that it may run under: it refuses to run as root.

use anyhow::{Result, bail};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// The user and the group of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// Runs a command under the account.
    pub(crate) fn own(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

/// Returns the directory with `initdb` and `postgres`: Debian's newest, else that of `PATH`.
pub(crate) fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    found.sort();
    let debian = found.into_iter().rev().map(|(_, dir)| dir);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = debian.chain(std::env::split_paths(&path));
    all.find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
}

/// Returns the account to run PostgreSQL under when this process is root; `None` when it is not.
///
/// # Errors
/// When this is root and there is no such account.
pub(crate) fn unprivileged_account() -> Result<Option<Account>> {
    let id = Command::new("id").arg("-u").output()?;
    if id.stdout.trim_ascii() != b"0" {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    for name in ["postgres", "nobody"] {
        let mut fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        if let Some(line) = fields.find(|line| line.first() == Some(&name) && line.len() > 3) {
            return Ok(Some(Account { uid: line[2].parse()?, gid: line[3].parse()? }));
        }
    }
    bail!("PostgreSQL refuses to run as root and there is neither an account postgres nor nobody")
}
