//! The PostgreSQL of the tests: Debian's, installed by apt-get where it is absent and that is allowed, in a directory that
//! is removed, on a Unix socket, as a user that is not root.

use crate::postgres_install::{programs, unprivileged_account};
use crate::repo::{answers, succeeds};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The variable that tells tests where the database is.
pub(super) const VARIABLE: &str = "MUSTER_TEST_POSTGRES";
/// Debian's package.
pub(super) const PACKAGE: &str = "postgresql";
/// The longest wait for the server to come up or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Settings beside the defaults. Tests make hundreds of schemas, and end the server's connections, never its machine.
const SETTINGS: [&str; 4] = ["listen_addresses=", "fsync=off", "max_connections=200", "max_locks_per_transaction=256"];

/// A running server with its directory.
pub(super) struct TestDatabase {
    server: Child,
    folder: PathBuf,
}

impl TestDatabase {
    /// Makes a database and starts its server; `None` where PostgreSQL is not installed and cannot be.
    pub(super) fn start(target: &Path) -> Result<Option<Self>> {
        let Some(programs) = installed_programs()? else { return Ok(None) };
        // A path of a socket has at most 107 bytes, so it is not below the target folder.
        let folder = std::env::temp_dir().join(format!("muster-postgres-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let account = unprivileged_account()?;
        if let Some(account) = account {
            std::os::unix::fs::chown(&folder, Some(account.uid), Some(account.gid))?;
        }
        let log = target.join("test-postgres.log");
        fs::create_dir_all(target)?;
        let output = fs::File::create(&log)?;
        let command = |program: &str| -> Result<Command> {
            let mut command = Command::new(programs.join(program));
            command.current_dir(&folder).stdin(Stdio::null());
            command.stdout(output.try_clone()?).stderr(output.try_clone()?);
            if let Some(account) = account {
                account.own(&mut command);
            }
            Ok(command)
        };
        let mut initdb = command("initdb")?;
        initdb.args(["--auth=trust", "--username=muster", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", "data"]);
        if !initdb.status()?.success() {
            bail!("initdb failed; see {}", log.display());
        }
        let mut server = command("postgres")?;
        server.args(["-D", "data", "-k"]).arg(&folder);
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        let mut database = Self { server: server.spawn()?, folder };
        let began = Instant::now();
        while began.elapsed() < PATIENCE && database.server.try_wait()?.is_none() {
            let socket = database.folder.to_string_lossy().into_owned();
            if answers(programs.join("pg_isready"), &["-q", "-h", &socket]) {
                return Ok(Some(database));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("PostgreSQL did not come up; see {}", log.display())
    }

    /// The address of its database.
    pub(super) fn url(&self) -> String {
        format!("postgres://muster@{}/postgres", self.folder.to_string_lossy().replace('/', "%2F"))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // An immediate shutdown: the directory goes next.
        let asked = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        let began = Instant::now();
        while asked.is_ok() && began.elapsed() < PATIENCE && matches!(self.server.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ended = (self.server.kill(), self.server.wait());
        let _left = fs::remove_dir_all(&self.folder);
    }
}

/// Where the programs are, after an installation where that is allowed.
fn installed_programs() -> Result<Option<PathBuf>> {
    if let Some(found) = programs() {
        return Ok(Some(found));
    }
    if answers("sh", &["-c", "test \"$(id -u)\" = 0 && command -v apt-get"]) {
        let (mut update, mut install) = (Command::new("apt-get"), Command::new("apt-get"));
        update.args(["update", "--quiet"]);
        install.args(["install", "--yes", "--quiet", "--no-install-recommends", PACKAGE]);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        let _installed = succeeds(&mut update)? && succeeds(&mut install)?;
    }
    Ok(programs())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when the server runs as root, or its directory stays.
    #[test]
    fn the_database_of_the_tests_comes_up_and_leaves_nothing() {
        if programs().is_none() {
            return;
        }
        let target = std::env::temp_dir().join(format!("muster-target-{}", std::process::id()));
        let database = TestDatabase::start(&target).unwrap().unwrap();
        let folder = database.folder.clone();
        assert!(folder.join(".s.PGSQL.5432").exists());
        assert!(database.url().starts_with("postgres://muster@%2F") && database.url().ends_with("/postgres"));
        drop(database);
        assert!(!folder.exists());
        fs::remove_dir_all(&target).unwrap();
    }
}
