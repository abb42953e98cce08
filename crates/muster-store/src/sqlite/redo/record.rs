//! Records of the redo log. One is `magic u32, length of the body u32, group u64, checksum u64`, and the body: the
//! counters and figures after the group as cells (with their length), then its row images. Numbers are little-endian.

use super::generation::GroupState;
use super::row;
use crate::codec::{Cell, Record as _};
use crate::error::CorruptRow;
use crate::workspace_state::TableStats;
use muster_core::record::Counters;
use xxhash_rust::xxh3::Xxh3;

/// Bytes before the body.
pub(super) const HEAD: usize = 24;
/// The beginning of every record, with the version of its form.
const MAGIC: u32 = u32::from_le_bytes(*b"MRL\x01");

/// The group of a whole record.
pub(super) struct LoggedGroup<'b> {
    pub(super) group: u64,
    body: &'b [u8],
}

/// Writes the beginning of a record, up to its row images, in place of what the buffer holds; None if it is larger than a
/// record can be.
pub(super) fn write_head(out: &mut Vec<u8>, seed: u64, (counters, figures): &GroupState, images: &[u8]) -> Option<()> {
    out.clear();
    out.resize(HEAD + 4, 0);
    row::put_cells(out, &counters.cells());
    row::put_cells(out, &figures.numbers().map(Cell::unsigned));
    let state = u32::try_from(out.len() - HEAD - 4).ok()?;
    out[HEAD..HEAD + 4].copy_from_slice(&state.to_le_bytes());
    let length = u32::try_from(out.len() - HEAD + images.len()).ok()?;
    let sum = checksum(seed, figures.group, &[&out[HEAD..], images]);
    out[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    out[4..8].copy_from_slice(&length.to_le_bytes());
    out[8..16].copy_from_slice(&figures.group.to_le_bytes());
    out[16..24].copy_from_slice(&sum.to_le_bytes());
    Some(())
}

fn checksum(seed: u64, group: u64, body: &[&[u8]]) -> u64 {
    let mut hasher = Xxh3::with_seed(seed.wrapping_add(group));
    body.iter().for_each(|part| hasher.update(part));
    hasher.digest()
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the head is whole")
}

/// Splits the first record off; None if there is no whole one.
pub(super) fn split(seed: u64, bytes: &[u8]) -> Option<(LoggedGroup<'_>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    if u32::from_le_bytes(number(head, 0)) != MAGIC {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(number(head, 4))).ok()?;
    let group = u64::from_le_bytes(number(head, 8));
    let (body, rest) = rest.split_at_checked(length)?;
    let is_whole = checksum(seed, group, &[body]) == u64::from_le_bytes(number(head, 16));
    is_whole.then_some((LoggedGroup { group, body }, rest))
}

/// Returns the groups after `last` of the whole records anywhere in the bytes, for a look behind one that is not whole.
pub(super) fn groups_after(seed: u64, bytes: &[u8], last: u64) -> impl Iterator<Item = u64> {
    // What a client sent may begin like a record: only numbers of groups that can be there are worth a checksum.
    let groups = last.saturating_add(1)..=last.saturating_add((bytes.len() / HEAD) as u64);
    let starts = bytes.windows(HEAD).enumerate().filter(move |(_, head)| {
        head[..4] == MAGIC.to_le_bytes() && groups.contains(&u64::from_le_bytes(number(head, 8)))
    });
    starts.filter_map(move |(at, _)| split(seed, &bytes[at..]).map(|(record, _)| record.group))
}

impl<'b> LoggedGroup<'b> {
    /// Returns the state after the group, and its row images.
    pub(super) fn open(&self) -> Result<(GroupState, &'b [u8]), CorruptRow> {
        let damaged = CorruptRow("a record of the redo log is damaged");
        let (length, rest) = self.body.split_first_chunk().ok_or(damaged)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| damaged)?;
        let (state, images) = rest.split_at_checked(length).ok_or(damaged)?;
        let mut cells = row::cells(state, Vec::new())?;
        let figures = cells.split_off(cells.len().checked_sub(TableStats::NUMBERS).ok_or(damaged)?);
        let numbers: Vec<u64> = figures
            .iter()
            .map(|cell| if let Cell::Int(n) = cell { Ok(n.cast_unsigned()) } else { Err(damaged) })
            .collect::<Result<_, _>>()?;
        let figures = TableStats::from_numbers(numbers.try_into().map_err(|_| damaged)?);
        let counters = Counters::from_cells(&mut cells)?;
        Ok(((counters, figures), images))
    }
}
