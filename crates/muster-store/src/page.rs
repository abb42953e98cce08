//! Pages of lists: bounded by items and by bytes, and never empty while more is left.

use crate::codec::{Cell, Record};

/// Approximate bytes of rows in one page, which has at least one row. As JSON under construction they may take
/// twenty-five times as much, for example as an array of small numbers.
pub const PAGE_BYTES_MAX: u64 = 512 << 10;

/// Bytes of rows that a reader reads without waiting; beyond them it waits for its turn and charges a budget.
pub const READ_BYTES_SMALL: u64 = 64 << 10;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Items, in order; empty only if there are none.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub more: bool,
    /// Bytes of the rows, counted alike by every engine.
    pub bytes: u64,
}

/// Returns the bytes of a row, counted alike by every engine.
pub(crate) fn payload(cells: &[Cell<'_>]) -> u64 {
    let bytes = |cell: &Cell<'_>| match cell {
        Cell::Null | Cell::Int(_) => 8,
        Cell::Text(text) => text.len() as u64,
        Cell::Blob(bytes) => bytes.len() as u64,
        Cell::Json(object) => object.bytes(),
    };
    cells.iter().map(bytes).sum()
}

/// A page under construction.
pub(crate) struct PageBuilder<T> {
    page: Page<T>,
    limit: usize,
}

impl<T> PageBuilder<T> {
    /// Starts a page of at most `limit` items.
    pub(crate) fn new(limit: usize) -> Self {
        Self { page: Page { items: Vec::new(), more: false, bytes: 0 }, limit: limit.max(1) }
    }

    /// Whether a row of this size fits; if not, the page ends here and more follow.
    pub(crate) fn takes(&mut self, bytes: u64) -> bool {
        let bytes = self.page.bytes.saturating_add(bytes);
        let first = self.page.items.is_empty();
        if self.page.items.len() >= self.limit || !first && bytes > PAGE_BYTES_MAX {
            self.page.more = true;
            return false;
        }
        self.page.bytes = bytes;
        true
    }

    /// Adds a row that fits.
    pub(crate) fn put(&mut self, row: T) {
        self.page.items.push(row);
    }

    /// The page.
    pub(crate) fn done(self) -> Page<T> {
        self.page
    }
}

/// Makes a page of consecutive rows.
pub(crate) fn page_of<R: Record>(rows: impl Iterator<Item = R>, limit: usize) -> Page<R> {
    let mut filling = PageBuilder::new(limit);
    for row in rows {
        if !filling.takes(payload(&row.cells())) {
            break;
        }
        filling.put(row);
    }
    filling.done()
}

/// Merges the pages of two lists with the same order, up to the end of the page of which more follows.
pub(crate) fn merged<R: Record, K: Ord>(pages: [Page<R>; 2], limit: usize, key: impl Fn(&R) -> K) -> Page<R> {
    let more = pages.iter().any(|page| page.more);
    let ends = pages.iter().filter(|page| page.more).filter_map(|page| page.items.last().map(&key));
    let end = ends.min();
    let mut rows: Vec<R> = pages.into_iter().flat_map(|page| page.items).collect();
    rows.sort_by_key(&key);
    rows.retain(|row| end.as_ref().is_none_or(|end| key(row) <= *end));
    let page = page_of(rows.into_iter(), limit);
    Page { more: more || page.more, ..page }
}
