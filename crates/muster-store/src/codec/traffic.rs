//! Rows that every request brings: events and their ids, changes, recorded answers, the outbox, the counters.

use super::bytes::{Decoder, Encoder};
use super::cell::{Cell, CellReader, Record};
use super::json::JsonObject;
use super::{packed, parts};
use crate::error::CorruptRow;
use crate::family::Family;
use muster_core::command::Action;
use muster_core::id::{ProfileNo, RequestNo};
use muster_core::kinds::Route;
use muster_core::outcome::RecordedAnswer;
use muster_core::record::{Change, ChangeKind, Counters, Event, EventId, Idempotency, OutboxMessage};
use muster_core::time::Timestamp;
use std::sync::Arc;

/// The parts of an action without columns of their own. Its times mostly equal the event's and are then taken from
/// there.
fn action_record(event: &Event) -> Vec<u8> {
    let action = &*event.action;
    let mut out = Encoder::new();
    put_time(&mut out, event.time.0, action.time.map(|t| t.0));
    put_time(&mut out, event.user_time, action.user_time);
    out.i64(action.offset_seconds.into());
    out.opt_str(action.os_type.as_deref());
    out.opt_str(action.event_id.as_deref());
    out.str(&action.pointer);
    out.done()
}

fn put_time(out: &mut Encoder, from: i64, time: Option<i64>) {
    out.u8(time.is_some().into());
    if let Some(time) = time {
        out.step(from.cast_unsigned(), time.cast_unsigned());
    }
}

fn time(read: &mut Decoder<'_>, from: i64) -> Result<Option<i64>, CorruptRow> {
    Ok(if read.u8()? == 0 { None } else { Some(read.step(from.cast_unsigned())?.cast_signed()) })
}

impl Record for Event {
    const FAMILY: Family = Family::Events;

    fn cells(&self) -> Vec<Cell<'_>> {
        let action = &*self.action;
        vec![
            Cell::unsigned(self.seq),
            Cell::unsigned(self.profile.0),
            Cell::Int(self.time.0),
            Cell::Int(self.user_time),
            Cell::Int(self.received_at.0),
            Cell::unsigned(self.request.0),
            Cell::text_or_null(self.origin.as_deref()),
            Cell::text_or_null(self.device_id.as_deref()),
            Cell::text(&action.name),
            Cell::Json(JsonObject::Listed(&action.attributes)),
            Cell::int_or_null(action.platform.map(|p| p as i64)),
            Cell::text_or_null(action.app_version.as_deref()),
            Cell::owned(action_record(self)),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let (seq, profile) = (row.unsigned()?, ProfileNo(row.unsigned()?));
        let (at, user_time) = (row.int()?, row.int()?);
        let (received_at, request) = (Timestamp(row.int()?), RequestNo(row.unsigned()?));
        let (origin, device_id) = (row.text_or_null()?.map(Arc::from), row.text_or_null()?.map(Arc::from));
        let (name, attributes) = (row.text()?.into(), row.json()?);
        let platform = row.int_or_null()?.map(parts::platform).transpose()?;
        let app_version = row.text_or_null()?.map(Into::into);
        let mut read = Decoder::open(row.blob()?)?;
        let action = Action {
            name,
            attributes,
            time: time(&mut read, at)?.map(Timestamp),
            user_time: time(&mut read, user_time)?,
            offset_seconds: read.i64()?.try_into().map_err(|_| CorruptRow("an offset is out of range"))?,
            platform,
            os_type: read.opt_str()?.map(Into::into),
            app_version,
            event_id: read.opt_str()?.map(Into::into),
            pointer: read.str()?.into(),
        };
        read.end()?;
        let time = Timestamp(at);
        Ok(Self { seq, profile, time, user_time, received_at, request, origin, device_id, action: action.into() })
    }
}

/// The event id in the record of an event.
pub(crate) fn event_id(record: &[u8]) -> Result<Option<Box<str>>, CorruptRow> {
    let mut read = Decoder::open(record)?;
    let _its_times = (time(&mut read, 0)?, time(&mut read, 0)?);
    read.i64()?;
    read.opt_str()?;
    Ok(read.opt_str()?.map(Into::into))
}

impl Record for EventId {
    const FAMILY: Family = Family::EventIds;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::text(&self.id),
            Cell::Int(self.at.0),
            Cell::unsigned(self.seq),
            Cell::unsigned(self.profile.0),
            Cell::text(&self.name),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        Ok(Self {
            id: row.text()?.into(),
            at: Timestamp(row.int()?),
            seq: row.unsigned()?,
            profile: ProfileNo(row.unsigned()?),
            name: row.text()?.into(),
        })
    }
}

impl Record for Idempotency {
    const FAMILY: Family = Family::Idempotency;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::Int(self.route as i64),
            Cell::text(&self.key),
            Cell::blob(&self.body_hash),
            Cell::Int(self.at.0),
            Cell::Int(self.answer.status.into()),
            Cell::text(&self.answer.outcomes),
            packed::cell(&self.answer.body),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        Ok(Self {
            route: Route::from_code(row.small()?).ok_or(CorruptRow("a route is unknown"))?,
            key: row.text()?.into(),
            body_hash: row.blob()?.try_into().map_err(|_| CorruptRow("a hash has another length"))?,
            at: Timestamp(row.int()?),
            answer: RecordedAnswer {
                status: row.small()?,
                outcomes: row.text()?.into(),
                body: packed::unpack(row.blob()?)?,
            },
        })
    }
}

/// Bytes of a recorded answer, as it is stored.
pub(crate) fn answer_bytes(row: &Idempotency) -> u64 {
    packed::pack(&row.answer.body).len() as u64
}

impl Record for OutboxMessage {
    const FAMILY: Family = Family::Outbox;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![Cell::unsigned(self.request.0), Cell::blob(&self.body)]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        Ok(Self { request: RequestNo(row.unsigned()?), body: row.blob()?.into() })
    }
}

impl Record for Change {
    const FAMILY: Family = Family::Changes;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::unsigned(self.seq),
            Cell::Int(self.kind as i64),
            Cell::unsigned(self.profile.0),
            Cell::unsigned(self.merge),
            Cell::Int(self.at.0),
            Cell::int_or_null(self.request.map(|no| no.0.cast_signed())),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        use ChangeKind::{Device, Merge, Revert, User};
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        Ok(Self {
            seq: row.unsigned()?,
            kind: parts::from_code([User, Device, Merge, Revert], |k| k as u8, row.int()?)?,
            profile: ProfileNo(row.unsigned()?),
            merge: row.unsigned()?,
            at: Timestamp(row.int()?),
            request: row.int_or_null()?.map(|no| RequestNo(no.cast_unsigned())),
        })
    }
}

/// The key of the one row of counters.
pub(crate) const COUNTERS_ID: i64 = 1;

impl Record for Counters {
    const FAMILY: Family = Family::Counters;

    fn cells(&self) -> Vec<Cell<'_>> {
        let counts = [
            self.seq,
            self.profile,
            self.request,
            self.merge,
            self.separation,
            self.quarantine,
            self.users,
            self.events,
            self.events_accepted,
            self.events_removed,
            self.devices,
            self.requests_applied,
            self.quarantined,
            self.review,
            self.reviews_stored,
            self.reviews_open,
            self.reviews_dropped,
            self.activation,
            self.activation_done,
        ];
        let mut cells = vec![Cell::Int(COUNTERS_ID)];
        cells.extend(counts.map(Cell::unsigned));
        cells.push(Cell::Int(self.now.0));
        cells
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        if row.int()? != COUNTERS_ID {
            return Err(CorruptRow("the counters have another key"));
        }
        Ok(Self {
            seq: row.unsigned()?,
            profile: row.unsigned()?,
            request: row.unsigned()?,
            merge: row.unsigned()?,
            separation: row.unsigned()?,
            quarantine: row.unsigned()?,
            users: row.unsigned()?,
            events: row.unsigned()?,
            events_accepted: row.unsigned()?,
            events_removed: row.unsigned()?,
            devices: row.unsigned()?,
            requests_applied: row.unsigned()?,
            quarantined: row.unsigned()?,
            review: row.unsigned()?,
            reviews_stored: row.unsigned()?,
            reviews_open: row.unsigned()?,
            reviews_dropped: row.unsigned()?,
            activation: row.unsigned()?,
            activation_done: row.unsigned()?,
            now: Timestamp(row.int()?),
        })
    }
}
