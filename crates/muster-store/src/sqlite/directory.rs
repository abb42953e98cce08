//! The data directory: its format file, its lock, the places of files, and their directory entries on stable storage.

use muster_core::id::WorkspaceId;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Content of the file `format` in a directory of this version.
const FORMAT: &str = "muster 6\n";
/// Formats of builds before the first release: without the size of profiles and chunks of large ones, without the first
/// seen of each id and the owner of an event id, with other bytes of the values that a merge combined, and without the
/// redo log, which they would not read.
const FORMATS_BEFORE: [&str; 5] = ["muster 1\n", "muster 2\n", "muster 3\n", "muster 4\n", "muster 5\n"];
/// The folder of data that is being removed, and of folders that were moved away.
const REMOVED: &str = "removed";
/// Suffix of a folder that was moved away and stays; no id has a dot.
const ORPHAN: &str = ".orphan";
/// Suffix of the folder of a workspace that is being created.
const UNFINISHED: &str = ".new";

/// Why a data directory is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another process: stop that one first, or give this one a directory of its own")]
    InUse(PathBuf),
    /// A symbolic link is in the place of one of its files.
    #[error("{0} is a symbolic link, which is not followed: remove it")]
    Link(PathBuf),
    /// It does not belong to Muster.
    #[error("{0} is not empty and is not a Muster data directory; choose another")]
    Foreign(PathBuf),
    /// It was written by a later version.
    #[error("{0} was written by a later version of Muster ({1}): start that version")]
    Newer(PathBuf, String),
    /// It was written by a build before the first release.
    #[error(
        "{0} was written by a build of Muster before its first release, whose format this one does not read: start with \
         another data directory, and import again"
    )]
    Older(PathBuf),
    /// A workspace's file lost the end of its write-ahead log.
    #[error(
        "workspace {workspace}: the database ends at group {stored}, but group {synced} was acknowledged: its write-ahead \
         log lost its end. Look with `muster verify`, restore a copy, or start with --accept-loss to continue without what \
         is lost"
    )]
    Behind {
        /// The workspace.
        workspace: WorkspaceId,
        /// The last group in the file.
        stored: u64,
        /// The last group that was acknowledged; a number that cannot be read counts as the highest.
        synced: u64,
    },
    /// There are workspaces, but the catalogue was never written.
    #[error(
        "{path} is missing or empty, but there is data of the workspaces {workspaces}: put the catalogue back, or take each \
         one in with `muster workspace adopt ID`, or start with --accept-catalogue to continue without them (nothing is removed)"
    )]
    NoCatalogue {
        /// The catalogue.
        path: PathBuf,
        /// Their folders.
        workspaces: String,
    },
    /// Workspaces have a newer copy of their entry than the catalogue.
    #[error(
        "{path} is older than what the workspaces {workspaces} keep of it themselves: put the newer catalogue back, or take \
         the entry that a workspace keeps with `muster workspace adopt ID`, or start with --accept-catalogue to continue with \
         the older settings and keys"
    )]
    OldCatalogue {
        /// The catalogue.
        path: PathBuf,
        /// Which.
        workspaces: String,
    },
    /// Something stored is not what was written.
    #[error(
        "{what}: {why}. Start again if the disk failed for a moment; else look with `muster verify`, or restore a copy"
    )]
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

/// Creates a folder and its parents, if they do not exist. Only the owner may read it, because it holds personal data.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut maker = DirBuilder::new();
    maker.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
    maker.create(path)
}

/// Returns how a file is created: only its owner may read it, whatever the umask of the process is, because it holds
/// personal data or the keys to it.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates an empty file that only its owner may read. SQLite uses it as a new database and gives its journal, log and index
/// the same mode. A file that exists is not opened: to close it would drop the locks that SQLite has on it in this process.
///
/// # Errors
/// Those of the file system, also if there is such a file.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    private().create_new(true).open(path).map(drop)
}

/// An open data directory, locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    _locks: Locks,
}

/// The lock of the directory itself, which remains if the files in it are removed, and that of its file `lock`, which
/// earlier versions check.
#[derive(Debug)]
struct Locks {
    _directory: Option<File>,
    _file: Option<File>,
}

impl Locks {
    /// Takes both locks; `is_made`: creates the file if it does not exist.
    fn take(root: &Path, is_made: bool) -> Result<Self, OpenError> {
        let directory = at(root, File::open(root))?;
        let directory = match directory.try_lock() {
            Ok(()) => Some(directory),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(root.to_owned())),
            // On a file system that cannot lock directories, the lock of the file must do.
            Err(TryLockError::Error(_)) => None,
        };
        let path = root.join("lock");
        refuse_link(&path)?;
        let file = if is_made { refusing_links(private()).open(&path) } else { File::open(&path) };
        let file = match file {
            Err(error) if !is_made && error.kind() == io::ErrorKind::NotFound => None,
            file => Some(at(&path, file)?),
        };
        match file.as_ref().map(File::try_lock) {
            None | Some(Ok(())) => Ok(Self { _directory: directory, _file: file }),
            Some(Err(TryLockError::WouldBlock)) => Err(OpenError::InUse(root.to_owned())),
            Some(Err(TryLockError::Error(error))) => Err(OpenError::Io { path, error }),
        }
    }
}

/// Refuses a symbolic link where a file of the directory belongs: somebody else would choose the file.
fn refuse_link(path: &Path) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(OpenError::Link(path.to_owned())),
        _ => Ok(()),
    }
}

/// Returns options that refuse a link that was put there in the meantime.
fn refusing_links(mut options: OpenOptions) -> OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Checks the format of a directory.
fn is_ours(root: &Path, format: &str) -> Result<(), OpenError> {
    match format {
        FORMAT => Ok(()),
        older if FORMATS_BEFORE.contains(&older) => Err(OpenError::Older(root.to_owned())),
        other if other.starts_with("muster ") => Err(OpenError::Newer(root.to_owned(), other.trim_end().to_owned())),
        _ => Err(OpenError::Foreign(root.to_owned())),
    }
}

impl Directory {
    /// Opens the directory, or creates it.
    pub(crate) fn open(root: &Path) -> Result<Self, OpenError> {
        at(root, make_folder(root))?;
        let format = root.join("format");
        let known = at(&format, read_if_there(&format))?;
        if known.is_none() && !at(root, is_new(root))? {
            return Err(OpenError::Foreign(root.to_owned()));
        }
        let locks = Locks::take(root, true)?;
        match known.as_deref() {
            None => write_format(&format)?,
            Some(known) => is_ours(root, known)?,
        }
        for name in ["workspaces", REMOVED] {
            let folder = root.join(name);
            at(&folder, make_folder(&folder))?;
        }
        at(root, sync(root))?;
        Ok(Self { root: root.to_owned(), _locks: locks })
    }

    /// Opens a directory that must exist already.
    pub(crate) fn open_existing(root: &Path) -> Result<Self, OpenError> {
        at(&root.join("format"), fs::metadata(root.join("format")))?;
        Self::open(root)
    }

    /// Opens an existing directory and creates nothing in it: it may be a copy that cannot be written.
    pub(crate) fn open_for_reading(root: &Path) -> Result<Self, OpenError> {
        let format = root.join("format");
        is_ours(root, &String::from_utf8_lossy(&at(&format, fs::read(&format))?))?;
        Ok(Self { root: root.to_owned(), _locks: Locks::take(root, false)? })
    }

    /// The catalogue's file.
    pub(crate) fn catalogue(&self) -> PathBuf {
        self.root.join("muster.db")
    }

    /// A workspace's folder.
    pub(crate) fn workspace(&self, id: &WorkspaceId) -> PathBuf {
        self.root.join("workspaces").join(id.as_str())
    }

    /// The folder of this name among those of workspaces.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join("workspaces").join(name)
    }

    /// Returns the names of all folders of workspaces, in order, except those that are being created.
    pub(crate) fn workspaces(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join("workspaces"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() && !name.ends_with(UNFINISHED) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Creates the folder of a workspace under its temporary name. Leftovers of an earlier attempt were never used.
    pub(crate) fn make_unfinished(&self, id: &WorkspaceId) -> io::Result<PathBuf> {
        let path = self.folder(&format!("{id}{UNFINISHED}"));
        remove_folder(&path)?;
        make_folder(&path)?;
        Ok(path)
    }

    /// Renames the folder of a workspace that is complete.
    pub(crate) fn finish(&self, id: &WorkspaceId) -> io::Result<()> {
        fs::rename(self.folder(&format!("{id}{UNFINISHED}")), self.workspace(id))?;
        sync(&self.root.join("workspaces"))
    }

    /// Completes or removes what a crash left of workspaces that were being created: one that the catalogue has is
    /// renamed, and others were never acknowledged.
    pub(crate) fn end_unfinished(&self, is_known: impl Fn(&str) -> bool) -> Result<(), OpenError> {
        let folder = self.root.join("workspaces");
        for entry in at(&folder, fs::read_dir(&folder))? {
            let path = at(&folder, entry)?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let Some(id) = name.strip_suffix(UNFINISHED) else { continue };
            let to = self.folder(id);
            if is_known(id) && !to.exists() {
                at(&path, fs::rename(&path, &to))?;
            } else {
                at(&path, remove_folder(&path))?;
            }
        }
        at(&folder, sync(&folder))
    }

    /// Removes a workspace's folder, if it is there.
    pub(crate) fn remove_workspace(&self, id: &WorkspaceId) -> io::Result<()> {
        remove_folder(&self.workspace(id))?;
        sync(&self.root.join("workspaces"))
    }

    /// Moves a workspace's folder, if it exists, to the folder of removed data: its name is free at once, and the slow
    /// removal can wait. Returns the new place.
    pub(crate) fn set_aside(&self, id: &WorkspaceId) -> io::Result<PathBuf> {
        let removed = self.root.join(REMOVED);
        let aside = free_name(&removed, id, "");
        match fs::rename(self.workspace(id), &aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        sync(&removed)?;
        sync(&self.root.join("workspaces"))?;
        Ok(aside)
    }

    /// Moves a folder away that the catalogue does not know. It stays there until a person removes it. Returns its new
    /// place below the directory.
    pub(crate) fn keep_aside(&self, id: &WorkspaceId) -> io::Result<String> {
        let removed = self.root.join(REMOVED);
        let aside = free_name(&removed, id, ORPHAN);
        fs::rename(self.workspace(id), &aside)?;
        sync(&removed)?;
        sync(&self.root.join("workspaces"))?;
        let name = aside.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(format!("{REMOVED}/{name}"))
    }

    /// Removes what was moved away for removal.
    pub(crate) fn remove_set_aside(&self) -> Result<(), OpenError> {
        let removed = self.root.join(REMOVED);
        for entry in at(&removed, fs::read_dir(&removed))? {
            let path = at(&removed, entry)?.path();
            if !path.to_string_lossy().ends_with(ORPHAN) {
                at(&path, fs::remove_dir_all(&path))?;
            }
        }
        Ok(())
    }
}

/// Returns an unused name: an id has no dot, so leftovers of earlier workspaces of this id get different names.
fn free_name(folder: &Path, id: &WorkspaceId, end: &str) -> PathBuf {
    let mut names = (0_u64..).map(|n| folder.join(format!("{id}.{n}{end}")));
    names.find(|path| !path.exists()).expect("one of 2^64 names is free")
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a process has a data directory.
///
/// # Errors
/// [`OpenError`] if it is none, or cannot be opened.
pub fn is_in_use(root: &Path) -> Result<bool, OpenError> {
    match Directory::open_for_reading(root) {
        Ok(_) => Ok(false),
        Err(OpenError::InUse(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a directory is empty, has only leftovers of an interrupted first start, or is the root of a file system.
fn is_new(root: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        if name != "lock" && name != "format.new" && name != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_format(path: &Path) -> Result<(), OpenError> {
    // Under another name first: an interrupted start must not leave half a format.
    let draft = path.with_extension("new");
    refuse_link(&draft)?;
    let write = || {
        let mut options = private();
        options.truncate(true);
        let mut file = refusing_links(options).open(&draft)?;
        file.write_all(FORMAT.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    at(&draft, write())
}

/// Syncs the entries of a directory: otherwise a new file could be lost.
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(feature = "unsafe-no-sync") { Ok(()) } else { File::open(directory)?.sync_all() }
}
