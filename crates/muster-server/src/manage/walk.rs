//! Pages of a list under a filter without an index: rows are read, the newest first, within bounds. A page may
//! be short, or empty, and have a next.

use crate::limits::LOOK_BYTES_MAX;
use muster_store::engine::EngineError;
use muster_store::page::{PAGE_BYTES_MAX, Page};

/// Where a page begins, how many rows it may have, and how many rows are read for it.
pub(crate) struct WalkBounds<P> {
    pub(crate) below: Option<P>,
    pub(crate) limit: usize,
    pub(crate) look_max: usize,
}

/// Returns the rows that fit, and the place below which the next page begins. `read` answers a page below a place, and
/// `place` returns that of a row.
pub(crate) fn walk<T, P: Copy>(
    bounds: WalkBounds<P>,
    mut read: impl FnMut(Option<P>) -> Result<Page<T>, EngineError>,
    place: impl Fn(&T) -> P,
    fits: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, Option<P>), EngineError> {
    let WalkBounds { mut below, limit, look_max } = bounds;
    let (mut found, mut kept_bytes, mut looked_at, mut looked_bytes) = (Vec::new(), 0, 0, 0);
    loop {
        let page = read(below)?;
        let count = page.items.len();
        looked_at += count;
        looked_bytes += page.bytes;
        for (at, row) in page.items.into_iter().enumerate() {
            below = Some(place(&row));
            if fits(&row) {
                found.push(row);
                // About: the rows of a page are taken for equal.
                kept_bytes += page.bytes / count as u64;
            }
            if found.len() == limit {
                return Ok((found, below.filter(|_| page.more || at + 1 < count)));
            }
        }
        // A page that was cut for its bytes has nearly the most.
        let is_full = kept_bytes > PAGE_BYTES_MAX / 2;
        if !page.more || is_full || looked_at >= look_max || looked_bytes >= LOOK_BYTES_MAX {
            return Ok((found, below.filter(|_| page.more)));
        }
    }
}
