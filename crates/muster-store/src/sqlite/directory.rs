//! The data directory: its format file, its lock, where files stand, and their directory entries on stable storage.

use muster_core::id::WorkspaceId;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What the file `format` says of a directory of this version.
const FORMAT: &str = "muster 1\n";
/// The folder of what is removed as soon as there is time.
const REMOVED: &str = "removed";

/// Why a data directory is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another process: stop that one first, or give this one a directory of its own")]
    InUse(PathBuf),
    /// It holds something else.
    #[error("{0} is not empty and no data directory of Muster: choose another one")]
    Foreign(PathBuf),
    /// It was written by a later version.
    #[error("{0} was written by a later version of Muster ({1}): start that version")]
    Newer(PathBuf, String),
    /// A workspace's file lost the end of its write-ahead log.
    #[error(
        "workspace {workspace}: the database ends at group {stored}, but group {synced} was acknowledged: its write-ahead \
         log lost its end. Look with `muster verify`, restore a copy, or start with --accept-loss to go on without what \
         is lost"
    )]
    Behind {
        /// Whose.
        workspace: WorkspaceId,
        /// The last group in the file.
        stored: u64,
        /// The last group that was acknowledged; a number that cannot be read counts as the highest.
        synced: u64,
    },
    /// Something stored is not what was written.
    #[error("{what}: {why}. Look with `muster verify`, or restore a copy")]
    Damaged {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Names the file that an error is about.
pub(crate) fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, OpenError> {
    result.map_err(|error| OpenError::Io { path: path.to_owned(), error })
}

/// Makes a folder and those above it, if they are not there; what is made holds personal data, and only its owner may
/// look into it.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut maker = DirBuilder::new();
    maker.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
    maker.create(path)
}

/// How a file is made: what it holds is personal data, or leads to it, so only its owner may read it, whatever the umask
/// of the process says.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file that only its owner may read, if there is none. SQLite takes it for a new database, and gives its
/// journal, its log and its index the same mode.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    private().open(path).map(drop)
}

/// An open data directory; nobody else has it while this lives.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    _lock: File,
}

impl Directory {
    /// Opens the directory, or makes it.
    pub(crate) fn open(root: &Path) -> Result<Self, OpenError> {
        at(root, make_folder(root))?;
        let format = root.join("format");
        let known = at(&format, read_if_there(&format))?;
        if known.is_none() && !at(root, is_new(root))? {
            return Err(OpenError::Foreign(root.to_owned()));
        }
        let path = root.join("lock");
        let lock = at(&path, private().open(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(root.to_owned())),
            Err(TryLockError::Error(error)) => return Err(OpenError::Io { path, error }),
        }
        match known.as_deref() {
            Some(FORMAT) => {}
            None => at(&format, write_synced(&format, FORMAT))?,
            Some(other) if other.starts_with("muster ") => {
                return Err(OpenError::Newer(root.to_owned(), other.trim_end().to_owned()));
            }
            Some(_) => return Err(OpenError::Foreign(root.to_owned())),
        }
        for name in ["workspaces", REMOVED] {
            let folder = root.join(name);
            at(&folder, make_folder(&folder))?;
        }
        at(root, sync(root))?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Opens a directory that must exist already.
    pub(crate) fn open_existing(root: &Path) -> Result<Self, OpenError> {
        at(&root.join("format"), fs::metadata(root.join("format")))?;
        Self::open(root)
    }

    /// The catalogue's file.
    pub(crate) fn catalogue(&self) -> PathBuf {
        self.root.join("muster.db")
    }

    /// A workspace's folder.
    pub(crate) fn workspace(&self, id: &WorkspaceId) -> PathBuf {
        self.root.join("workspaces").join(id.as_str())
    }

    /// Makes a workspace's folder; what an earlier one of the same name left is removed first.
    pub(crate) fn make_workspace(&self, id: &WorkspaceId) -> io::Result<PathBuf> {
        self.remove_workspace(id)?;
        let path = self.workspace(id);
        make_folder(&path)?;
        sync(&self.root.join("workspaces"))?;
        Ok(path)
    }

    /// Removes a workspace's folder, if it is there.
    pub(crate) fn remove_workspace(&self, id: &WorkspaceId) -> io::Result<()> {
        match fs::remove_dir_all(self.workspace(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync(&self.root.join("workspaces")),
        }
    }

    /// Moves a workspace's folder, if it is there, to where nobody looks: its name is free at once, and its removal, which
    /// takes as long as it holds data, can wait. Where it is now.
    pub(crate) fn set_aside(&self, id: &WorkspaceId) -> io::Result<PathBuf> {
        let removed = self.root.join(REMOVED);
        // An id has no dot, so the names of what an earlier workspace of this id left are told apart.
        let mut names = (0_u64..).map(|n| removed.join(format!("{id}.{n}")));
        let aside = names.find(|path| !path.exists()).expect("one of 2^64 names is free");
        match fs::rename(self.workspace(id), &aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        sync(&removed)?;
        sync(&self.root.join("workspaces"))?;
        Ok(aside)
    }

    /// Removes what was set aside and is still there.
    pub(crate) fn remove_set_aside(&self) -> Result<(), OpenError> {
        let removed = self.root.join(REMOVED);
        for entry in at(&removed, fs::read_dir(&removed))? {
            let path = at(&removed, entry)?.path();
            at(&path, fs::remove_dir_all(&path))?;
        }
        Ok(())
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Empty, or what a first start that was cut short left, or the root of a file system of its own.
fn is_new(root: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        if name != "lock" && name != "format.new" && name != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    // Under another name first: a start that is cut short must not leave half a format.
    let draft = path.with_extension("new");
    let mut file = private().truncate(true).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// Puts the entries of a directory on stable storage: a file that was made is lost without.
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(feature = "unsafe-no-sync") { Ok(()) } else { File::open(directory)?.sync_all() }
}
