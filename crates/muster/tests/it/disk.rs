//! A data directory on a disk that can lose power, fail to sync, or be full: the harness of `../syncshim/dropcache.c`,
//! which is compiled here with `cc` (the bundled SQLite needs it anyway). The C file explains the side files.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::random::Random;

/// A power loss keeps or drops pages of this size.
const PAGE: usize = 4096;

pub(crate) struct Disk {
    root: TempDir,
}

/// What happens to the pages that were changed since the last sync of their file.
pub(crate) enum Unsynced<'a> {
    /// None reached the disk.
    Lost,
    /// Each reached it or did not, by chance, as a kernel that writes back in its own order leaves them.
    Torn(&'a mut Random),
}

impl Disk {
    pub(crate) fn new() -> Disk {
        let root = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let disk = Disk { root };
        fs::create_dir(disk.data_dir()).unwrap();
        fs::create_dir(disk.journal()).unwrap();
        disk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    /// The directory whose files are watched.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    /// What a program needs in its environment so that its changes are watched. Every program that touches the directory
    /// needs it: a change that the shim did not see would be lost by `lose_power` although it was synced.
    pub(crate) fn env(&self) -> Vec<(OsString, OsString)> {
        let paths = [
            ("LD_PRELOAD", shim().to_owned()),
            ("MUSTER_SHIM_DIR", self.data_dir()),
            ("MUSTER_SHIM_JOURNAL", self.journal()),
            ("MUSTER_SHIM_FAIL_SYNC", self.path("fail-sync")),
            ("MUSTER_SHIM_IGNORE_SYNC", self.path("ignore-sync")),
            ("MUSTER_SHIM_FULL", self.path("full")),
        ];
        paths.into_iter().map(|(name, path)| (name.into(), path.into())).collect()
    }

    /// The same, and the call of this number fails with this error number, of all calls or of those that `met` describes so.
    pub(crate) fn env_failing(&self, call: u64, only: Option<&str>, errno: i32) -> Vec<(OsString, OsString)> {
        let mut env = self.env();
        env.extend(only.map(|only| ("MUSTER_SHIM_FAIL_ONLY".into(), only.into())));
        env.push(("MUSTER_SHIM_FAIL_AT".into(), call.to_string().into()));
        env.push(("MUSTER_SHIM_ERRNO".into(), errno.to_string().into()));
        env.push(("MUSTER_SHIM_MET".into(), self.path("met").into()));
        env
    }

    /// The call that failed, and the file below the directory: `write workspaces/ID/redo-0`; None if fewer calls were made.
    pub(crate) fn met(&self) -> Option<String> {
        let met = read_if_there(&self.path("met"))?;
        Some(String::from_utf8(met).unwrap())
    }

    /// From now on every sync fails with EIO, or none does.
    pub(crate) fn fail_syncs(&self, fail: bool) {
        self.control("fail-sync", fail);
    }

    /// From now on every sync succeeds and does nothing.
    pub(crate) fn ignore_syncs(&self) {
        self.ignore_syncs_of("");
    }

    /// The same of the files whose paths end so.
    pub(crate) fn ignore_syncs_of(&self, end: &str) {
        fs::write(self.path("ignore-sync"), end).unwrap();
    }

    /// From now on every write fails with ENOSPC, or none does.
    pub(crate) fn fill(&self, full: bool) {
        self.control("full", full);
    }

    fn control(&self, name: &str, on: bool) {
        if on {
            File::create(self.path(name)).unwrap();
        } else {
            fs::remove_file(self.path(name)).unwrap();
        }
    }

    /// Takes every file and every name back to what was synced. Call it only while no program runs on the directory.
    pub(crate) fn lose_power(&self, mut unsynced: Unsynced) {
        self.undo_names();
        self.restore_files(&self.data_dir(), &mut unsynced);
    }

    fn restore_files(&self, dir: &Path, unsynced: &mut Unsynced) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                self.restore_files(&entry.path(), unsynced);
                continue;
            }
            let side = |suffix: &str| self.journal().join(format!("{}.{suffix}", metadata.ino()));
            let Some(mut image) = read_if_there(&side("disk")) else { continue };
            let file = File::options().read(true).write(true).open(entry.path()).unwrap();
            if let Unsynced::Torn(random) = unsynced {
                let changes = fs::read(side("dirty")).unwrap();
                keep_some(&mut image, &fs::read(entry.path()).unwrap(), &changes, random);
                fs::write(side("disk"), &image).unwrap();
            }
            // In place: the side files go by inode.
            file.set_len(image.len() as u64).unwrap();
            file.write_all_at(&image, 0).unwrap();
            fs::write(side("dirty"), b"").unwrap();
        }
    }

    /// Undoes the unsynced changes of names, newest first.
    fn undo_names(&self) {
        let mut changes = Vec::new();
        for entry in fs::read_dir(self.journal()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "names") {
                changes.extend(fs::read_to_string(&path).unwrap().lines().map(NameChange::parse));
                fs::write(&path, b"").unwrap();
            }
        }
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        for change in changes {
            change.undo();
        }
    }
}

/// The compiled shim, made once for each run of the tests.
fn shim() -> &'static Path {
    static SHIM: LazyLock<PathBuf> = LazyLock::new(|| {
        let work = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (source, made) = (work.path().join("dropcache.c"), work.path().join("dropcache.so"));
        fs::write(&source, include_str!("../syncshim/dropcache.c")).unwrap();
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-pthread", "-o"]).arg(&made).arg(source);
        assert!(compile.status().unwrap().success(), "cc could not compile dropcache.c");
        let shim = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dropcache.so");
        // Moved into its place, so that runs side by side never load half a file.
        fs::rename(made, &shim).unwrap();
        shim
    });
    &SHIM
}

/// One line of a `.names` file: when, what (`C` made, `D` directory removed, `U` removed, `R` moved) and three paths.
struct NameChange {
    at: u64,
    kind: char,
    path: PathBuf,
    second: PathBuf,
    third: PathBuf,
}

impl NameChange {
    fn parse(line: &str) -> NameChange {
        let fields: Vec<&str> = line.split('\t').collect();
        let [at, kind, path, second, third] = fields[..] else { panic!("no change of a name: {line:?}") };
        NameChange {
            at: at.parse().unwrap(),
            kind: kind.parse().unwrap(),
            path: path.into(),
            second: second.into(),
            third: third.into(),
        }
    }

    fn undo(&self) {
        match self.kind {
            'C' if self.path.is_dir() => fs::remove_dir_all(&self.path).unwrap(),
            'C' => unless_missing(fs::remove_file(&self.path)),
            'D' => fs::create_dir(&self.path).unwrap(),
            'U' => restore(&self.second, &self.path),
            'R' => {
                unless_missing(fs::rename(&self.second, &self.path));
                restore(&self.third, &self.second);
            }
            other => panic!("no such change of a name: {other}"),
        }
    }
}

/// Brings a kept file back to its name; `-` means that none was kept.
fn restore(kept: &Path, name: &Path) {
    unless_missing(fs::rename(kept, name));
    // Two names of one file are both left by a rename.
    unless_missing(fs::remove_file(kept));
}

/// A change can be noted and then cut off by the kill before it was made.
fn unless_missing(done: std::io::Result<()>) {
    if let Err(error) = done {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

fn read_if_there(path: &Path) -> Option<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.unwrap()),
    }
}

/// Copies about half of the changed pages of `now` into the image.
fn keep_some(image: &mut Vec<u8>, now: &[u8], changes: &[u8], random: &mut Random) {
    let mut pages = std::collections::BTreeSet::new();
    for change in changes.chunks_exact(16) {
        let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes")) as usize;
        let (offset, length) = (number(&change[..8]), number(&change[8..]));
        pages.extend(offset / PAGE..=(offset + length - 1) / PAGE);
    }
    for page in pages {
        let (start, end) = (page * PAGE, now.len().min((page + 1) * PAGE));
        if start < end && random.one_in(2) {
            image.resize(image.len().max(end), 0);
            image[start..end].copy_from_slice(&now[start..end]);
        }
    }
}
