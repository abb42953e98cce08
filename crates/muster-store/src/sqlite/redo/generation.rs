//! A generation: what the groups of the redo log changed since the last fill. Each row is kept as bytes, and a key is
//! found by a hash.

use super::row::{self, RowImage};
use crate::codec::Cell;
use crate::error::CorruptRow;
use crate::family::Family;
use crate::working_set::{RowWrite, StoredSum};
use crate::workspace_state::TableStats;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use muster_core::facts::FactHasher;
use muster_core::record::Counters;
use std::hash::{BuildHasher as _, Hasher as _};

/// The counters and figures of a workspace after a group.
pub(crate) type GroupState = (Counters, TableStats);

/// The rows that groups changed, each as the last of them left it.
#[derive(Clone)]
pub(crate) struct Generation {
    hasher: FactHasher,
    /// Images of rows, as each group wrote them; those that were changed again are out of date.
    parts: Vec<Vec<u8>>,
    /// Bytes that all of them take.
    bytes: usize,
    rows: Vec<RowAt>,
    /// Places in `rows` by key.
    places: HashTable<u32>,
    /// The state after its last group; None = there was none.
    pub(crate) state: Option<GroupState>,
}

/// Where a row is.
#[derive(Clone, Copy)]
struct RowAt {
    hash: u64,
    /// Where its last image begins, and in which part.
    part: u32,
    at: u32,
    /// What the tables have under its key once the generation before is filled.
    stored: StoredSum,
    /// Whether an image before the last one was put.
    was_put: bool,
}

/// The rows that one group changed, in the order in which it wrote them.
pub(crate) struct GroupRows {
    hasher: FactHasher,
    images: Vec<u8>,
    rows: Vec<RowAt>,
    /// Places in `rows` by key, of the rows before this one: only a group that reads what it wrote needs them.
    places: HashTable<u32>,
    placed: usize,
}

/// A row to be written.
pub(crate) struct FilledRow<'g> {
    pub(crate) write: RowWrite<'g>,
    /// Whether it need not be there although it is deleted.
    pub(crate) may_be_absent: bool,
}

fn hash(hasher: &FactHasher, family: Family, key: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write_u8(family as u8);
    hasher.write(key);
    hasher.finish()
}

fn number(n: usize) -> u32 {
    u32::try_from(n).expect("a generation has fewer rows and bytes than four billion")
}

/// A row as it was found: Some(None) = it was deleted.
type Found<'g> = Option<Option<(Vec<Cell<'g>>, i64)>>;

/// Finds the place of a key among those whose rows have these images.
fn find<'g>(
    places: &HashTable<u32>,
    hasher: &FactHasher,
    (family, key): (Family, &[Cell<'_>]),
    row: impl Fn(u32) -> (u64, RowImage<'g>),
) -> Result<Found<'g>, CorruptRow> {
    let mut bytes = Vec::with_capacity(64);
    row::put_cells(&mut bytes, key);
    let hash = hash(hasher, family, &bytes);
    let is_it = |place: &u32| {
        let (of, image) = row(*place);
        of == hash && image.family == family && image.key == bytes
    };
    match places.find(hash, is_it) {
        Some(place) => Ok(Some(row(*place).1.unchecked()?)),
        None => Ok(None),
    }
}

impl GroupRows {
    /// Adds a changed row.
    pub(crate) fn add(&mut self, family: Family, write: &RowWrite<'_>) {
        let at = self.images.len();
        row::put_row(&mut self.images, family, &write.cells, write.sum);
        self.push(at, write.stored);
    }

    fn new(hasher: FactHasher) -> Self {
        Self { hasher, images: Vec::new(), rows: Vec::new(), places: HashTable::new(), placed: 0 }
    }

    fn push(&mut self, at: usize, stored: StoredSum) {
        let image = image(&self.images, at);
        let hash = hash(&self.hasher, image.family, image.key);
        self.rows.push(RowAt { hash, part: 0, at: number(at), stored, was_put: false });
    }

    /// Returns all images, one after another.
    pub(super) fn images(&self) -> &[u8] {
        &self.images
    }

    /// Returns a row under the cells of its key, with its checksum, as the group wrote it last; None = it did not.
    pub(crate) fn get(&mut self, family: Family, key: &[Cell<'_>]) -> Result<Found<'_>, CorruptRow> {
        let Self { hasher, images, rows, places, placed } = self;
        for (place, row) in rows.iter().enumerate().skip(*placed) {
            let of = image(images, row.at as usize);
            let is_it = |other: &u32| {
                let other = &rows[*other as usize];
                let image = image(images, other.at as usize);
                other.hash == row.hash && image.family == of.family && image.key == of.key
            };
            match places.entry(row.hash, is_it, |other| rows[*other as usize].hash) {
                Entry::Occupied(mut entry) => *entry.get_mut() = number(place),
                Entry::Vacant(entry) => drop(entry.insert(number(place))),
            }
        }
        *placed = rows.len();
        find(places, hasher, (family, key), |place| {
            let row = &rows[place as usize];
            (row.hash, image(images, row.at as usize))
        })
    }

    /// Adds images from the redo log, each checked.
    pub(super) fn add_images(&mut self, mut images: &[u8]) -> Result<(), CorruptRow> {
        while !images.is_empty() {
            let damaged = CorruptRow("a group of the redo log is damaged");
            let (image, rest) = row::split_row(images).ok_or(damaged)?;
            let cells = match image.checked()? {
                Some((cells, _)) => cells,
                None => image.key_cells()?,
            };
            if cells.len() < image.family.key_columns() {
                return Err(damaged);
            }
            let at = self.images.len();
            self.images.extend_from_slice(&images[..images.len() - rest.len()]);
            self.push(at, StoredSum::Unknown);
            images = rest;
        }
        Ok(())
    }
}

fn image(images: &[u8], at: usize) -> RowImage<'_> {
    row::split_row(&images[at..]).expect("images were made by `put_row`, or are checked").0
}

impl Generation {
    /// Makes an empty one.
    pub(crate) fn new(hasher: FactHasher) -> Self {
        let (parts, rows, places) = (Vec::new(), Vec::new(), HashTable::new());
        Self { hasher, parts, bytes: 0, rows, places, state: None }
    }

    /// Makes an empty group that it can take.
    pub(crate) fn group(&self) -> GroupRows {
        GroupRows::new(self.hasher.clone())
    }

    /// Whether there is nothing to fill.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.is_none()
    }

    /// Returns the bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes + self.rows.capacity() * size_of::<RowAt>() + self.places.allocation_size()
    }

    fn image(&self, row: &RowAt) -> RowImage<'_> {
        image(&self.parts[row.part as usize], row.at as usize)
    }

    /// Returns a row under the cells of its key, with its checksum; None = it was not changed.
    pub(crate) fn get(&self, family: Family, key: &[Cell<'_>]) -> Result<Found<'_>, CorruptRow> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        find(&self.places, &self.hasher, (family, key), |place| {
            let row = &self.rows[place as usize];
            (row.hash, self.image(row))
        })
    }

    /// Adds the rows of a group that came after all that are here, and the state after it.
    pub(crate) fn absorb(&mut self, group: GroupRows, state: GroupState) {
        let part = number(self.parts.len());
        self.bytes += group.images.capacity();
        self.parts.push(group.images);
        self.rows.reserve(group.rows.len());
        for row in group.rows {
            self.place_row(RowAt { part, ..row });
        }
        self.state = Some(state);
    }

    fn place_row(&mut self, new: RowAt) {
        let Self { parts, rows, places, .. } = self;
        let image = |row: &RowAt| image(&parts[row.part as usize], row.at as usize);
        let of = image(&new);
        let is_it = |place: &u32| {
            let row = &rows[*place as usize];
            row.hash == new.hash && {
                let old = image(row);
                old.family == of.family && old.key == of.key
            }
        };
        match places.entry(new.hash, is_it, |place| rows[*place as usize].hash) {
            Entry::Occupied(place) => {
                let row = &mut rows[*place.get() as usize];
                row.was_put |= !image(row).is_deleted();
                (row.part, row.at) = (new.part, new.at);
            }
            Entry::Vacant(place) => {
                place.insert(number(rows.len()));
                rows.push(new);
            }
        }
    }

    /// Hands over the rows of each family in the order of their keys.
    pub(crate) fn for_each<E: From<CorruptRow>>(
        &self,
        mut each: impl FnMut(Family, FilledRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut families: Vec<Vec<(u64, &[u8], u32)>> = Family::ALL.map(|_| Vec::new()).into();
        for (place, row) in (0..).zip(&self.rows) {
            let image = self.image(row);
            families[image.family.place()].push((image.first_number(), image.key, place));
        }
        for (family, mut rows) in Family::ALL.into_iter().zip(families) {
            // Groups wrote their rows in order, which a stable sort makes use of.
            rows.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| row::cmp_keys(one.1, other.1)));
            for (_, _, place) in rows {
                let row = &self.rows[place as usize];
                let image = self.image(row);
                let (cells, sum) = match image.unchecked()? {
                    Some((cells, sum)) => (cells, Some(sum)),
                    None => (image.key_cells()?, None),
                };
                let write = RowWrite::new(cells, sum, row.stored);
                each(family, FilledRow { write, may_be_absent: row.was_put })?;
            }
        }
        Ok(())
    }
}
