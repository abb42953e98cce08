//! Rows of reviews, history, and pending and former holders of identifiers.

use super::bytes::{Decoder, Encoder};
use super::cell::{Cell, CellReader, Record};
use super::json::JsonObject;
use super::parts;
use crate::error::CorruptRow;
use crate::family::Family;
use muster_core::explanation::GuardReason;
use muster_core::id::{ProfileId, ProfileNo, RequestNo, ReviewNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::{History, Replaced};
use muster_core::review::{Review, ReviewState};
use muster_core::time::Timestamp;
use muster_core::value::Value;

fn state(n: i64) -> Result<ReviewState, CorruptRow> {
    parts::from_code(ReviewState::ALL, |state| state as u8, n)
}

impl Record for Review {
    const FAMILY: Family = Family::Reviews;

    fn cells(&self) -> Vec<Cell<'_>> {
        let mut out = Encoder::new();
        parts::put_because(&mut out, &self.explanation);
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.at.0),
            Cell::Int(self.last_at.0),
            Cell::unsigned(self.count),
            Cell::text(self.identifier.kind.name()),
            Cell::text(&self.identifier.value),
            Cell::Int(self.a.created.0),
            Cell::unsigned(self.a.no.0),
            Cell::int_or_null(self.b.map(|b| b.created.0)),
            Cell::int_or_null(self.b.map(|b| b.no.0.cast_signed())),
            Cell::Int(self.reason as i64),
            Cell::int_or_null(self.request.map(|(no, _)| no.0.cast_signed())),
            Cell::int_or_null(self.request.map(|(_, element)| element.into())),
            self.record.as_deref().map_or(Cell::Null, Cell::blob),
            Cell::owned(out.done()),
            Cell::Int(self.state as i64),
            Cell::int_or_null(self.closed_at.map(|at| at.0)),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let (no, at, last_at) = (ReviewNo(row.unsigned()?), Timestamp(row.int()?), Timestamp(row.int()?));
        let (count, key) =
            (row.unsigned()?, Identifier { kind: IdentifierKind::new(row.text()?), value: row.text()?.into() });
        let a = ProfileId { created: Timestamp(row.int()?), no: ProfileNo(row.unsigned()?) };
        let b = match (row.int_or_null()?, row.int_or_null()?) {
            (Some(created), Some(no)) => {
                Some(ProfileId { created: Timestamp(created), no: ProfileNo(no.cast_unsigned()) })
            }
            _ => None,
        };
        let reason = parts::from_code(GuardReason::ALL, |reason| reason as u8, row.int()?)?;
        let request = match (row.int_or_null()?, row.int_or_null()?) {
            (Some(no), Some(element)) => {
                let element = element.try_into().map_err(|_| CorruptRow("an index is out of range"))?;
                Some((RequestNo(no.cast_unsigned()), element))
            }
            _ => None,
        };
        let record = row.blob_or_null()?.map(Into::into);
        let mut read = Decoder::open(row.blob()?)?;
        let explanation = parts::explanation(&mut read)?;
        read.end()?;
        let (state, closed_at) = (state(row.int()?)?, row.int_or_null()?.map(Timestamp));
        Ok(Self {
            no,
            at,
            last_at,
            count,
            identifier: key,
            a,
            b,
            reason,
            request,
            record,
            explanation,
            state,
            closed_at,
        })
    }
}

/// How a replaced value is stored.
const UNSET: u8 = 0;
const KEPT: u8 = 1;
const OMITTED: u8 = 2;

impl Record for History {
    const FAMILY: Family = Family::History;

    fn cells(&self) -> Vec<Cell<'_>> {
        let mut out = Encoder::new();
        out.len(self.replaced.len());
        for replaced in &self.replaced {
            out.str(&replaced.field);
            out.step(self.seq, replaced.since);
            out.u8(match replaced {
                Replaced { old: Some(_), .. } => KEPT,
                Replaced { omitted: true, .. } => OMITTED,
                _ => UNSET,
            });
        }
        vec![
            Cell::unsigned(self.seq),
            Cell::unsigned(self.profile.0),
            Cell::Json(JsonObject::Replaced(&self.replaced)),
            Cell::owned(out.done()),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let (seq, profile) = (row.unsigned()?, ProfileNo(row.unsigned()?));
        let mut kept = row.json()?.into_iter();
        let mut read = Decoder::open(row.blob()?)?;
        let replaced = read.list(|read| {
            let (field, since, what) = (Box::from(read.str()?), read.step(seq)?, read.u8()?);
            let mut value = || -> Result<Value, CorruptRow> {
                let (_, value) = kept.next().ok_or(CorruptRow("a value of history is missing"))?;
                Ok(value)
            };
            let (old, omitted) = match what {
                UNSET => (None, false),
                KEPT => (Some(value()?), false),
                OMITTED => (None, true),
                _ => return Err(CorruptRow("a value of history has an unknown state")),
            };
            Ok(Replaced { field, old, omitted, since })
        })?;
        read.end()?;
        Ok(Self { profile, seq, replaced })
    }
}

/// A row of the family `holders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The value.
    pub key: Identifier,
    /// The member record that holds the value.
    pub profile: ProfileNo,
}

/// The cells of a pending or former holder.
pub(crate) fn holder_cells(key: &Identifier, profile: ProfileNo) -> [Cell<'_>; 3] {
    [Cell::text(key.kind.name()), Cell::text(&key.value), Cell::unsigned(profile.0)]
}

/// A row of the family `former`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerHolder {
    /// The identifier.
    pub key: Identifier,
    /// The member record that held the identifier.
    pub profile: ProfileNo,
}

fn holder(family: Family, cells: &mut [Cell<'_>]) -> Result<(Identifier, ProfileNo), CorruptRow> {
    let mut row = CellReader::new(family, cells)?;
    let key = Identifier { kind: IdentifierKind::new(row.text()?), value: row.text()?.into() };
    Ok((key, ProfileNo(row.unsigned()?)))
}

impl Record for Holder {
    const FAMILY: Family = Family::Holders;

    fn cells(&self) -> Vec<Cell<'_>> {
        holder_cells(&self.key, self.profile).into()
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        holder(Self::FAMILY, cells).map(|(key, profile)| Self { key, profile })
    }
}

impl Record for FormerHolder {
    const FAMILY: Family = Family::Former;

    fn cells(&self) -> Vec<Cell<'_>> {
        holder_cells(&self.key, self.profile).into()
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        holder(Self::FAMILY, cells).map(|(key, profile)| Self { key, profile })
    }
}
