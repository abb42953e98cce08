//! Large member records and views as rows of the family `chunks`: some kilobytes of attributes each, by name, so that a
//! small write to a large profile changes few bytes. The end of a chunk depends on the names and sizes of its content,
//! not on what is before: a change moves only the ends near it. Part of the stored format.

use super::cell::{Cell, CellReader};
use super::json::{JsonObject, NamedValues};
use super::parts::{Writes, chunk_record, read_chunk_record};
use crate::error::CorruptRow;
use crate::family::Family;
use muster_core::id::ProfileNo;
use muster_core::record::{MemberRecord, View, Write};
use muster_core::value::Value;
use xxhash_rust::xxh3::xxh3_64;

/// Larger records and views are stored in chunks.
const LARGE_BYTES: usize = 32 << 10;
/// Bytes of a chunk, on average.
const CHUNK_BYTES: usize = 4 << 10;
/// Most bytes of a chunk, whatever its names are; a longer value has a chunk of its own.
const CHUNK_BYTES_MAX: usize = 16 << 10;
/// Approximate bytes of an attribute beside its name and value.
const OVERHEAD_BYTES: usize = 8;

/// What a chunk is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum PartOf {
    /// A member record.
    Record = 1,
    /// The view of a live profile with members.
    View = 2,
}

/// Whether a member record is stored in chunks.
pub(crate) fn is_large_record(profile: &MemberRecord) -> bool {
    profile.attributes.size().weight > LARGE_BYTES
}

/// The same of a view.
pub(crate) fn is_large_view(view: &View) -> bool {
    let mut sizes = view.attributes.iter().map(|(name, value)| size(name, Some(value)));
    let is_over = |sum: &mut usize, size: usize| {
        *sum += size;
        Some(*sum > LARGE_BYTES)
    };
    sizes.by_ref().scan(0, |sum, size| is_over(sum, size)).any(|over| over)
}

fn size(name: &str, value: Option<&Value>) -> usize {
    name.len() + value.map_or(0, Value::json_bytes) + OVERHEAD_BYTES
}

/// Where each chunk begins, and the end of the last.
fn ends<'a>(sizes: impl Iterator<Item = (&'a str, usize)>) -> Vec<usize> {
    let (mut ends, mut bytes, mut count) = (vec![0], 0, 0);
    for (name, size) in sizes {
        if bytes > 0 && bytes + size > CHUNK_BYTES_MAX {
            ends.push(count);
            bytes = 0;
        }
        bytes += size;
        count += 1;
        // Likelier the longer it is, so that chunks have about their size whatever the attributes'.
        if xxh3_64(name.as_bytes()) % (CHUNK_BYTES as u64) < size as u64 {
            ends.push(count);
            bytes = 0;
        }
    }
    if ends.last() != Some(&count) {
        ends.push(count);
    }
    ends
}

fn cells<'a>(
    (part_of, no, first): (PartOf, ProfileNo, &'a str),
    values: JsonObject<'a>,
    record: Vec<u8>,
) -> [Cell<'a>; 5] {
    [Cell::Int(part_of as i64), Cell::unsigned(no.0), Cell::text(first), Cell::Json(values), Cell::owned(record)]
}

/// Gives each chunk of a member record to `each`.
pub(crate) fn record_chunks<E>(
    profile: &MemberRecord,
    mut each: impl FnMut(&str, [Cell<'_>; 5]) -> Result<(), E>,
) -> Result<(), E> {
    let all: Vec<(&str, &Write<Value>)> = profile.attributes.iter().map(|(name, write)| (&**name, write)).collect();
    let ends = ends(all.iter().map(|(name, write)| (*name, size(name, write.value.as_ref()))));
    for range in ends.windows(2).map(|ends| &all[ends[0]..ends[1]]) {
        let (key, record) = ((PartOf::Record, profile.no, range[0].0), chunk_record(range.iter().copied()));
        each(key.2, cells(key, JsonObject::Writes(range), record))?;
    }
    Ok(())
}

/// The same of a view.
pub(crate) fn view_chunks<E>(
    root: ProfileNo,
    view: &View,
    mut each: impl FnMut(&str, [Cell<'_>; 5]) -> Result<(), E>,
) -> Result<(), E> {
    let all: Vec<(&str, &Value)> = view.attributes.iter().map(|(name, value)| (&**name, value)).collect();
    let ends = ends(all.iter().map(|(name, value)| (*name, size(name, Some(value)))));
    for range in ends.windows(2).map(|ends| &all[ends[0]..ends[1]]) {
        let (key, record) = ((PartOf::View, root, range[0].0), chunk_record(std::iter::empty()));
        each(key.2, cells(key, JsonObject::Chunk(range), record))?;
    }
    Ok(())
}

/// The writes of a chunk of a member record.
pub(crate) fn read_record(cells: &mut [Cell<'_>]) -> Result<Writes, CorruptRow> {
    let (values, record) = parts(cells)?;
    read_chunk_record(record, values)
}

/// The values of a chunk of a view.
pub(crate) fn read_view(cells: &mut [Cell<'_>]) -> Result<NamedValues, CorruptRow> {
    Ok(parts(cells)?.0)
}

fn parts<'c>(cells: &'c mut [Cell<'_>]) -> Result<(NamedValues, &'c [u8]), CorruptRow> {
    let mut row = CellReader::new(Family::Chunks, cells)?;
    row.int()?;
    row.int()?;
    row.text()?;
    Ok((row.json()?, row.blob()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn view(names: impl Iterator<Item = usize>) -> View {
        let value = || Value::Text("x".repeat(40).into());
        View {
            attributes: names.map(|n| (format!("name-{n:05}").into(), value())).collect(),
            platforms: BTreeMap::new(),
        }
    }

    fn chunks(view: &View) -> BTreeMap<Box<str>, JsonObject<'static>> {
        let mut chunks = BTreeMap::new();
        let kept: Result<(), ()> = view_chunks(ProfileNo(1), view, |first, mut cells| {
            let Cell::Json(object) = &mut cells[3] else { return Err(()) };
            chunks.insert(first.into(), JsonObject::Owned(object.take()));
            Ok(())
        });
        assert_eq!(kept, Ok(()));
        chunks
    }

    /// Fails if a chunk ends at a count or at a sum of bytes.
    #[test]
    fn a_small_change_of_a_large_view_changes_few_bytes() {
        let before = chunks(&view(0..20_000));
        for after in [view((0..20_000).filter(|n| *n != 7)), view((0..20_000).chain([99_999]))] {
            let after = chunks(&after);
            let changed = after.iter().filter(|(first, chunk)| before.get(*first) != Some(chunk));
            let bytes: u64 = changed.map(|(_, chunk)| chunk.bytes()).sum();
            assert!(bytes <= 2 * CHUNK_BYTES_MAX as u64, "{bytes} bytes");
        }
        assert!(before.values().all(|chunk| chunk.bytes() <= 2 * CHUNK_BYTES_MAX as u64));
    }

    #[test]
    fn what_is_small_is_not_divided() {
        assert!(!is_large_view(&view(0..100)));
        assert!(is_large_view(&view(0..1_000)));
    }
}
