//! Rows of what happened: the ingestion log, the quarantine, merges, separations.

use super::bytes::{Decoder, Encoder};
use super::cell::{Cell, CellReader, Record};
use super::parts;
use crate::error::CorruptRow;
use crate::family::Family;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::outcome::{ElementResult, Outcome};
use muster_core::record::{Cause, LogEntry, Merge, Omitted, QuarantinedElement, Separation, SeparationCause};
use muster_core::time::Timestamp;
use std::sync::Arc;

/// Which outcomes occur among the elements: a bit for each, so that the log can be filtered without reading results.
pub(crate) fn outcome_bits(elements: &[ElementResult]) -> i64 {
    elements.iter().fold(0, |bits, element| bits | outcome_bit(element.outcome))
}

/// The bit of one outcome.
pub(crate) fn outcome_bit(outcome: Outcome) -> i64 {
    1 << (outcome as i64)
}

/// Returns the bytes of a quarantine entry that count for the bound of its family: those of its blobs.
pub(crate) fn quarantine_bytes(entry: &QuarantinedElement) -> u64 {
    blob_bytes(&entry.cells())
}

/// The same of a refused request.
pub(crate) fn refused_bytes(request: &LogEntry) -> u64 {
    blob_bytes(&request.cells())
}

/// Returns the bytes of a row that count for the bound of its family.
pub(crate) fn bounded_bytes(family: Family, cells: &[Cell<'_>]) -> u64 {
    match family {
        Family::Idempotency => blob_bytes(&cells[cells.len() - 1..]),
        _ => blob_bytes(cells),
    }
}

fn blob_bytes(cells: &[Cell<'_>]) -> u64 {
    let of = |cell: &Cell<'_>| if let Cell::Blob(bytes) = cell { bytes.len() as u64 } else { 0 };
    cells.iter().map(of).sum()
}

impl Record for LogEntry {
    /// Of refused requests the family is [`Family::Refused`], with the same columns.
    const FAMILY: Family = Family::Requests;

    fn cells(&self) -> Vec<Cell<'_>> {
        let mut out = Encoder::new();
        parts::put_warnings(&mut out, &self.warnings);
        parts::put_results(&mut out, &self.elements);
        parts::put_faults(&mut out, &self.faults);
        out.u64(self.omitted.faults.into());
        out.u64(self.omitted.warnings.into());
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.received_at.0),
            Cell::Int(self.status.into()),
            Cell::Int(self.route as i64),
            Cell::text_or_null(self.origin.as_deref()),
            Cell::Int(self.bytes.into()),
            Cell::unsigned(self.duration_us),
            Cell::Int(outcome_bits(&self.elements)),
            Cell::owned(out.done()),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let (no, received_at) = (RequestNo(row.unsigned()?), Timestamp(row.int()?));
        let (status, route) = (row.small()?, Route::from_code(row.small()?).ok_or(CorruptRow("a route is unknown"))?);
        let (origin, bytes) = (row.text_or_null()?.map(Arc::from), row.small()?);
        let (duration_us, _outcomes) = (row.unsigned()?, row.int()?);
        let mut read = Decoder::open(row.blob()?)?;
        let warnings = parts::warnings(&mut read)?;
        let elements = parts::results(&mut read)?.into();
        let faults = parts::faults(&mut read)?;
        let omitted = Omitted { faults: read.small()?, warnings: read.small()? };
        read.end()?;
        Ok(Self { no, received_at, status, route, origin, bytes, duration_us, warnings, elements, faults, omitted })
    }
}

impl Record for QuarantinedElement {
    const FAMILY: Family = Family::Quarantine;

    fn cells(&self) -> Vec<Cell<'_>> {
        let mut errors = Encoder::new();
        parts::put_faults(&mut errors, &self.errors);
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.at.0),
            Cell::unsigned(self.request.0),
            Cell::Int(self.index.into()),
            Cell::Int(self.kind as i64),
            Cell::owned(errors.done()),
            Cell::blob(&self.element),
            Cell::int_or_null(self.replayed_as.map(|no| no.0.cast_signed())),
            Cell::int_or_null(self.deleted_at.map(|at| at.0)),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let (no, at) = (QuarantineNo(row.unsigned()?), Timestamp(row.int()?));
        let (request, index) = (RequestNo(row.unsigned()?), row.small()?);
        let kind = parts::element_kind(row.int()?)?;
        let mut read = Decoder::open(row.blob()?)?;
        let errors = parts::faults(&mut read)?.into();
        read.end()?;
        let element = row.blob()?.into();
        let replayed_as = row.int_or_null()?.map(|no| RequestNo(no.cast_unsigned()));
        let deleted_at = row.int_or_null()?.map(Timestamp);
        Ok(Self { no, at, request, index, kind, errors, element, replayed_as, deleted_at })
    }
}

const BY_KEYS: i64 = 1;
const BY_ACTIVATION: i64 = 2;
const BY_API: i64 = 3;
const BY_REVIEW: i64 = 4;

fn merge_record(merge: &Merge) -> Vec<u8> {
    let mut out = Encoder::new();
    match &merge.cause {
        Cause::Identifiers { identifiers: keys, rule } => {
            parts::put_keys(&mut out, keys);
            out.u8(parts::choice_code(*rule));
        }
        Cause::Review(no) => out.u64(no.0),
        Cause::Activation | Cause::Api => {}
    }
    out.u8(merge.explanation.is_some().into());
    if let Some(explanation) = &merge.explanation {
        parts::put_because(&mut out, explanation);
    }
    parts::put_names(&mut out, &merge.filled);
    parts::put_combined(&mut out, &merge.combined);
    parts::put_keys(&mut out, &merge.identifiers);
    out.done()
}

fn cause(code: i64, read: &mut Decoder<'_>) -> Result<Cause, CorruptRow> {
    match code {
        BY_KEYS => {
            let keys = parts::keys(read)?;
            Ok(Cause::Identifiers { identifiers: keys, rule: parts::choice(read.u8()?)? })
        }
        BY_ACTIVATION => Ok(Cause::Activation),
        BY_API => Ok(Cause::Api),
        BY_REVIEW => Ok(Cause::Review(ReviewNo(read.u64()?))),
        _ => Err(CorruptRow("a cause is unknown")),
    }
}

impl Record for Merge {
    const FAMILY: Family = Family::Merges;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.at.0),
            Cell::Int(self.survivor.created.0),
            Cell::unsigned(self.survivor.no.0),
            Cell::Int(self.merged.created.0),
            Cell::unsigned(self.merged.no.0),
            Cell::int_or_null(self.request.map(|(no, _)| no.0.cast_signed())),
            Cell::int_or_null(self.request.map(|(_, element)| element.into())),
            Cell::Int(match self.cause {
                Cause::Identifiers { .. } => BY_KEYS,
                Cause::Activation => BY_ACTIVATION,
                Cause::Api => BY_API,
                Cause::Review(_) => BY_REVIEW,
            }),
            Cell::owned(merge_record(self)),
            Cell::int_or_null(self.reverted_at.map(|at| at.0)),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        read_merge(cells, |read| {
            let identifiers = parts::keys(read)?;
            read.end()?;
            Ok(identifiers)
        })
    }
}

/// A merge record whose identifiers were not read: a merge in a chain lists those of all members below it.
pub(crate) struct MergeEffect(pub(crate) Merge);

impl Record for MergeEffect {
    const FAMILY: Family = Family::Merges;

    fn cells(&self) -> Vec<Cell<'_>> {
        self.0.cells()
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        read_merge(cells, |_| Ok(Vec::new())).map(Self)
    }
}

fn read_merge(
    cells: &mut [Cell<'_>],
    identifiers: impl FnOnce(&mut Decoder<'_>) -> Result<Vec<Identifier>, CorruptRow>,
) -> Result<Merge, CorruptRow> {
    let mut row = CellReader::new(Family::Merges, cells)?;
    let (no, at) = (MergeNo(row.unsigned()?), Timestamp(row.int()?));
    let (survivor, merged) = (profile_id(&mut row)?, profile_id(&mut row)?);
    let request = match (row.int_or_null()?, row.int_or_null()?) {
        (Some(no), Some(element)) => {
            let element = element.try_into().map_err(|_| CorruptRow("an index is out of range"))?;
            Some((RequestNo(no.cast_unsigned()), element))
        }
        _ => None,
    };
    let code = row.int()?;
    let mut read = Decoder::open(row.blob()?)?;
    let cause = cause(code, &mut read)?;
    let explanation = if read.u8()? == 0 { None } else { Some(parts::explanation(&mut read)?) };
    let (filled, combined) = (parts::names(&mut read)?, parts::read_combined(&mut read)?);
    let identifiers = identifiers(&mut read)?;
    let reverted_at = row.int_or_null()?.map(Timestamp);
    Ok(Merge { no, at, survivor, merged, request, cause, explanation, filled, combined, identifiers, reverted_at })
}

fn profile_id(row: &mut CellReader<'_, '_>) -> Result<ProfileId, CorruptRow> {
    Ok(ProfileId { created: Timestamp(row.int()?), no: ProfileNo(row.unsigned()?) })
}

impl Record for Separation {
    const FAMILY: Family = Family::Separations;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.at.0),
            Cell::Int(self.a.created.0),
            Cell::unsigned(self.a.no.0),
            Cell::Int(self.b.created.0),
            Cell::unsigned(self.b.no.0),
            Cell::Int(self.cause as i64),
            Cell::int_or_null(self.merge.map(|no| no.0.cast_signed())),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        use SeparationCause::{Revert, Review};
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        Ok(Self {
            no: SeparationNo(row.unsigned()?),
            at: Timestamp(row.int()?),
            a: profile_id(&mut row)?,
            b: profile_id(&mut row)?,
            cause: parts::from_code([Revert, Review], |c| c as u8, row.int()?)?,
            merge: row.int_or_null()?.map(|no| MergeNo(no.cast_unsigned())),
        })
    }
}
