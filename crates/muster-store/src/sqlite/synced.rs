//! The number of the last synced group, in a file beside the database. It is written after each commit and not synced:
//! a database behind it has lost the end of its write-ahead log.

use super::directory;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Digits of the number, so that it is always overwritten whole.
const DIGITS: usize = 20;

/// The file, open for writing.
pub(crate) struct Synced(File);

impl Synced {
    /// Opens or creates the file. Returns the number in it: 0 if it is new; None if it cannot be read.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Option<u64>)> {
        let file = directory::private().read(true).open(path)?;
        if file.metadata()?.len() == 0 {
            let synced = Self(file);
            synced.write(0)?;
            synced.0.sync_all()?;
            return Ok((synced, Some(0)));
        }
        let number = number(&file)?;
        Ok((Self(file), number))
    }

    /// Reads the number of a file without opening it for writing; 0 if there is none.
    pub(crate) fn read(path: &Path) -> io::Result<Option<u64>> {
        match File::open(path) {
            Ok(file) => number(&file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }

    /// Writes the number.
    pub(crate) fn write(&self, group: u64) -> io::Result<()> {
        self.0.write_all_at(format!("{group:0DIGITS$}\n").as_bytes(), 0)
    }
}

fn number(file: &File) -> io::Result<Option<u64>> {
    let mut text = [0; DIGITS];
    if file.metadata()?.len() < DIGITS as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut text, 0)?;
    Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()))
}
