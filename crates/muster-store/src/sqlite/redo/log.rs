//! The files of the redo log: two, of which one takes the groups of the open generation while the other holds those of
//! the one that is filled. A file is overwritten from its beginning, and grows ahead of what is written, so that a sync
//! need not write its length. It begins with a magic number, a salt of this opening and a check of both with the
//! workspace. The checksums of its records are seeded with them: no value that a client sends can look like a record.

use super::super::directory;
use super::super::errors;
use super::generation::{Generation, GroupRows, GroupState};
use super::record;
use crate::engine::EngineError;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// The files, beside the database.
const FILES: [&str; 2] = ["redo-0", "redo-1"];
/// Bytes before the records of a file: the magic number, the salt, and the check.
const FILE_HEAD: usize = 24;
const FILE_MAGIC: [u8; 8] = *b"musredo1";

/// A file grows by its length, within these bounds.
const GROWTH_MIN: u64 = 64 << 10;
const GROWTH_MAX: u64 = 8 << 20;

/// The redo log of an open workspace.
pub(crate) struct RedoLog {
    files: [File; 2],
    /// Bytes of each file that are written, ahead of the records too.
    lengths: [u64; 2],
    /// The file of the open generation.
    current: usize,
    /// Where its next record begins.
    end: u64,
    /// Room for the beginning of a record.
    head: Vec<u8>,
    salt: u64,
    seed: u64,
}

/// Why a group could not be logged.
pub(crate) enum LogError {
    /// It is not stored, and the next one may be.
    NotStored(EngineError),
    /// The sync failed: nobody knows what is stored.
    Unknown(EngineError),
}

/// What is left in a redo log that no process writes.
#[derive(Debug, PartialEq)]
pub(crate) enum Tail {
    /// Nothing but what the tables have.
    Empty,
    /// Groups up to this one follow those of the tables.
    Groups(u64),
    /// Records that do not follow each other or the tables, for this reason.
    Broken(String),
}

impl RedoLog {
    /// Opens the files and creates those that are missing. Returns the groups after those that the tables have, whose
    /// last is `filled`, up to the end of the log or where it breaks.
    pub(crate) fn open(
        folder: &Path,
        filled: u64,
        generation: &mut Generation,
    ) -> io::Result<(Self, Result<Tail, EngineError>)> {
        let mut files = Vec::new();
        let mut lengths = [0; 2];
        let are_there = FILES.iter().all(|name| folder.join(name).exists());
        for (name, length) in FILES.iter().zip(&mut lengths) {
            let file = directory::private().read(true).open(folder.join(name))?;
            *length = file.metadata()?.len();
            files.push(file);
        }
        if !are_there {
            // A power loss must not take a file away whose records were synced.
            directory::sync(folder)?;
        }
        let found = read(folder, filled, generation)?;
        let files: [File; 2] = files.try_into().expect("there are two");
        let salt = RandomState::new().hash_one("redo");
        let (end, seed) = (FILE_HEAD as u64, seed(folder, salt));
        Ok((Self { files, lengths, current: 0, end, head: Vec::new(), salt, seed }, found))
    }

    /// Writes a group and syncs it.
    pub(crate) fn append(&mut self, state: &GroupState, group: &GroupRows) -> Result<(), LogError> {
        let too_large = || LogError::NotStored(EngineError::TooLarge);
        let images = group.images();
        record::write_head(&mut self.head, self.seed, state, images).ok_or_else(too_large)?;
        let not_stored = |error: io::Error| LogError::NotStored(errors::of_system(&error));
        let file = &self.files[self.current];
        let images_at = self.end + self.head.len() as u64;
        let end = images_at + images.len() as u64;
        let length = &mut self.lengths[self.current];
        if end > *length {
            let more = (*length).clamp(GROWTH_MIN, GROWTH_MAX);
            let zeros = vec![0; usize::try_from(end + more - *length).unwrap_or(0)];
            // A part of them may be written, and is to be removed when the log is emptied.
            let before = std::mem::replace(length, end + more);
            if let Err(error) = file.write_all_at(&zeros, before) {
                *length = file.metadata().map_or(end, |file| file.len());
                return Err(not_stored(error));
            }
        }
        if self.end == FILE_HEAD as u64 {
            let file_head = [FILE_MAGIC, self.salt.to_le_bytes(), check(self.seed)].concat();
            file.write_all_at(&file_head, 0).map_err(not_stored)?;
        }
        file.write_all_at(&self.head, self.end).map_err(not_stored)?;
        file.write_all_at(images, images_at).map_err(not_stored)?;
        sync(file)
            .map_err(|error| LogError::Unknown(EngineError::Unavailable(format!("a sync failed: {error}").into())))?;
        self.end = end;
        Ok(())
    }

    /// Puts another file in place of the current one.
    #[cfg(test)]
    pub(crate) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.files[self.current], file)
    }

    /// Takes the records of the next generation into the other file: what that holds is in the tables.
    pub(crate) fn switch(&mut self) {
        (self.current, self.end) = (1 - self.current, FILE_HEAD as u64);
    }

    /// Empties the files, also for a power loss. Everything in them must be in the tables.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.end = FILE_HEAD as u64;
        for (file, length) in self.files.iter().zip(&mut self.lengths) {
            if file.metadata()?.len() > 0 {
                file.set_len(0)?;
                *length = 0;
                sync(file)?;
            }
        }
        Ok(())
    }
}

/// Returns the seed of the checksums in a workspace's folder, so that a log is of no use in another one.
fn seed(folder: &Path, salt: u64) -> u64 {
    folder.file_name().map_or(salt, |name| xxh3_64(name.as_encoded_bytes()) ^ salt)
}

fn check(seed: u64) -> [u8; 8] {
    xxh3_64(&seed.to_le_bytes()).to_le_bytes()
}

/// Returns the records of a file and the seed of their checksums; None if its beginning is damaged, or of another
/// workspace.
fn records<'b>(folder: &Path, bytes: &'b [u8]) -> Option<(u64, &'b [u8])> {
    // A file that has grown and was never synced has no head.
    if bytes.iter().take(FILE_HEAD).all(|byte| *byte == 0) {
        return Some((0, &[]));
    }
    let (head, records) = bytes.split_at_checked(FILE_HEAD)?;
    let seed = seed(folder, u64::from_le_bytes(head[8..16].try_into().ok()?));
    (head[..8] == FILE_MAGIC && head[16..] == check(seed)).then_some((seed, records))
}

fn sync(file: &File) -> io::Result<()> {
    if cfg!(feature = "unsafe-no-sync") { Ok(()) } else { file.sync_data() }
}

/// Whether the files of a closed workspace are not empty.
pub(crate) fn is_left(folder: &Path) -> io::Result<bool> {
    for name in FILES {
        match std::fs::metadata(folder.join(name)) {
            Ok(file) if file.len() > 0 => return Ok(true),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(false)
}

/// Reads what is left in the redo log beside a database that is not open, whose last group is `filled`.
pub(crate) fn tail(folder: &Path, filled: u64) -> io::Result<Result<Tail, EngineError>> {
    read(folder, filled, &mut Generation::new(Default::default()))
}

/// Reads the groups after `filled` into a generation.
fn read(folder: &Path, filled: u64, generation: &mut Generation) -> io::Result<Result<Tail, EngineError>> {
    let mut contents = Vec::new();
    for name in FILES {
        contents.push(match std::fs::read(folder.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        });
    }
    let files: Option<Vec<(u64, &[u8])>> = contents.iter().map(|bytes| records(folder, bytes)).collect();
    let Some(mut files) = files else {
        return Ok(Ok(Tail::Broken(
            "the beginning of a redo log is damaged, or of another workspace: its groups cannot be read".into(),
        )));
    };
    // The file whose groups are older goes first.
    files.sort_by_key(|(seed, records)| record::split(*seed, records).map_or(u64::MAX, |(first, _)| first.group));
    Ok(replay(&files, filled, generation))
}

fn replay(files: &[(u64, &[u8])], filled: u64, generation: &mut Generation) -> Result<Tail, EngineError> {
    let mut last = filled;
    let mut broken = None;
    for (seed, records) in files {
        let (seed, mut rest, mut before) = (*seed, *records, None);
        while let Some((record, behind)) = record::split(seed, rest) {
            // Older records are left from before the file was overwritten.
            if before.is_some_and(|before| record.group <= before) {
                break;
            }
            if record.group > last {
                if record.group != last + 1 {
                    broken = broken.or(Some((last, record.group)));
                    break;
                }
                let (state, images) = record.open()?;
                let mut group = generation.group();
                group.add_images(images)?;
                generation.absorb(group, state);
                last = record.group;
            }
            (rest, before) = (behind, Some(record.group));
        }
        // A record that a stop cut off is the last one of the log.
        if let Some(lost) = record::groups_after(seed, rest, last).max() {
            broken = broken.or(Some((last, lost)));
        }
    }
    Ok(match broken {
        Some((last, next)) => Tail::Broken(format!(
            "the redo log has group {next}, but what is between it and group {last} is missing or damaged"
        )),
        None if last == filled => Tail::Empty,
        None => Tail::Groups(last),
    })
}
