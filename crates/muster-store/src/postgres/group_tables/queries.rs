//! The questions of decisions that no single key names. They are asked when all pending rows are written.

use super::{PostgresTables, SqlParameter};
use crate::codec::{Cell, event_id, holder_cells};
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::fact_loading::{FactQueries, ReviewAlone, WithBytes};
use crate::family::Family;
use crate::postgres::answer::{MEMBERS, column, sql_limit, text, unsigned};
use crate::postgres::row::{self, stored_text};
use crate::postgres::statements::family_statements;
use crate::working_set::{StoredSum, Tables as _, WholeTables};
use muster_core::facts::ReviewPair;
use muster_core::id::{ProfileNo, QuarantineNo, RequestNo, ReviewNo, Seq};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::Route;
use muster_core::record::{DeviceRef, DeviceToken, DeviceTokenKind, Separation};
use muster_core::review::ReviewState;
use muster_core::time::Timestamp;
use tokio_postgres::Row;

fn route(row: &Row, place: usize) -> Result<Route, EngineError> {
    let code = u8::try_from(column::<i64>(row, place)?).ok();
    Ok(code.and_then(Route::from_code).ok_or(CorruptRow("a route is unknown"))?)
}

fn is_open(row: &Row, place: usize) -> Result<bool, EngineError> {
    Ok(column::<i64>(row, place)? == ReviewState::Open as i64)
}

fn review_pair(row: &Row) -> Result<ReviewPair, EngineError> {
    let id = |place| unsigned(row, place).map(ProfileNo);
    Ok(ReviewPair { no: ReviewNo(unsigned(row, 0)?), a: id(1)?, b: id(2)? })
}

fn review_alone(row: &Row) -> Result<ReviewAlone, EngineError> {
    Ok(ReviewAlone {
        no: ReviewNo(unsigned(row, 0)?),
        profile: ProfileNo(unsigned(row, 1)?),
        is_open: is_open(row, 2)?,
    })
}

impl PostgresTables<'_> {
    fn answers<T>(
        &mut self,
        sql: &str,
        parameters: &[SqlParameter<'_>],
        read: impl FnMut(&Row) -> Result<T, EngineError>,
    ) -> Result<Vec<T>, EngineError> {
        self.rows(sql, parameters)?.iter().map(read).collect()
    }

    /// The oldest rows of a family until then.
    fn expired<T>(
        &mut self,
        sql: &str,
        (until, limit): (Timestamp, usize),
        read: impl FnMut(&Row) -> Result<T, EngineError>,
    ) -> Result<Vec<T>, EngineError> {
        self.answers(sql, &[&until.0, &sql_limit(limit)], read)
    }
}

impl WholeTables for PostgresTables<'_> {
    fn first_quarantined(&mut self) -> Result<Option<(QuarantineNo, bool)>, EngineError> {
        let sql = "SELECT no, replayed_as IS NULL AND deleted_at IS NULL FROM quarantine WHERE workspace_id = $1 \
             ORDER BY no LIMIT 1";
        let read = |row: &Row| Ok((QuarantineNo(unsigned(row, 0)?), column(row, 1)?));
        Ok(self.answers(sql, &[], read)?.into_iter().next())
    }

    fn first_answer(&mut self) -> Result<Option<(Route, Box<str>, Timestamp)>, EngineError> {
        let sql = "SELECT route, key, at FROM idempotency WHERE workspace_id = $1 ORDER BY at, route, key LIMIT 1";
        let read = |row: &Row| Ok((route(row, 0)?, text(row, 1)?, Timestamp(column(row, 2)?)));
        Ok(self.answers(sql, &[], read)?.into_iter().next())
    }

    fn first_refused(&mut self) -> Result<Option<RequestNo>, EngineError> {
        let sql = "SELECT no FROM refused WHERE workspace_id = $1 ORDER BY received_at, no LIMIT 1";
        Ok(self.answers(sql, &[], |row| unsigned(row, 0).map(RequestNo))?.into_iter().next())
    }
}

impl FactQueries for PostgresTables<'_> {
    fn members(&mut self, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError> {
        self.answers(MEMBERS, &[&root.0.cast_signed()], |row| unsigned(row, 0).map(ProfileNo))
    }

    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError> {
        let sql = format!("{} AND (t.a = $2 OR t.b = $2) ORDER BY t.no", family_statements(Family::Separations).from);
        let rows = self.rows(&sql, &[&no.0.cast_signed()])?;
        rows.iter().map(|found| Ok(row::record(Family::Separations, found)?.0)).collect()
    }

    fn events_of(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(Seq, Option<Box<str>>)>, EngineError> {
        let sql = "SELECT seq, record FROM events WHERE workspace_id = $1 AND profile = $2 ORDER BY time, seq LIMIT $3";
        self.answers(sql, &[&no.0.cast_signed(), &sql_limit(limit)], |row| {
            Ok((unsigned(row, 0)?, event_id(column::<&[u8]>(row, 1)?)?))
        })
    }

    fn devices_of(&mut self, no: ProfileNo) -> Result<Vec<DeviceRef>, EngineError> {
        let sql = "SELECT device_id FROM devices WHERE workspace_id = $1 AND profile = $2 ORDER BY device_id";
        self.answers(sql, &[&no.0.cast_signed()], |row| Ok(DeviceRef { profile: no, device_id: text(row, 0)? }))
    }

    fn token(&mut self, token: &DeviceToken) -> Result<Option<DeviceRef>, EngineError> {
        Ok(self.tokens(&[token])?.pop().flatten())
    }

    fn tokens(&mut self, tokens: &[&DeviceToken]) -> Result<Vec<Option<DeviceRef>>, EngineError> {
        // One question for each kind of token, all in one round trip.
        const KINDS: [(DeviceTokenKind, &str); 3] = [
            (DeviceTokenKind::Push, "t.push_id = k.value AND t.push_id_is_word = 0"),
            (DeviceTokenKind::Gaid, "t.gaid = k.value"),
            (DeviceTokenKind::Idfv, "t.idfv = k.value"),
        ];
        let id = self.id;
        let mut asked = Vec::new();
        for (kind, condition) in KINDS {
            let places: Vec<usize> = (0..tokens.len()).filter(|place| tokens[*place].kind == kind).collect();
            if !places.is_empty() {
                let values: Vec<_> = places.iter().map(|place| stored_text(&tokens[*place].value)).collect();
                let sql = format!(
                    "SELECT k.place, t.profile, t.device_id FROM unnest($2::text[]) WITH ORDINALITY AS k(value, place) \
                     CROSS JOIN LATERAL (SELECT t.profile, t.device_id FROM devices AS t WHERE t.workspace_id = $1 \
                     AND {condition} LIMIT 1) AS t"
                );
                asked.push((places, values, sql));
            }
        }
        let commands: Vec<_> = asked
            .iter()
            .map(|(_, values, sql)| super::Command::Query(sql, vec![&id, values as SqlParameter<'_>]))
            .collect();
        let answers = self.ask(&commands)?;
        let mut found = vec![None; tokens.len()];
        for ((places, ..), rows) in asked.iter().zip(&answers) {
            for row in rows {
                let place = usize::try_from(column::<i64>(row, 0)?).unwrap_or_default();
                if let Some(at) = place.checked_sub(1).and_then(|place| places.get(place)) {
                    found[*at] = Some(DeviceRef { profile: ProfileNo(unsigned(row, 1)?), device_id: text(row, 2)? });
                }
            }
        }
        Ok(found)
    }

    fn review_pairs(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<ReviewPair>, EngineError> {
        const FIRST: &str = "SELECT no, a, b FROM reviews WHERE workspace_id = $1 AND a = $2 AND state <> 2 \
             AND b IS NOT NULL LIMIT $3";
        const SECOND: &str = "SELECT no, a, b FROM reviews WHERE workspace_id = $1 AND b = $2 AND state <> 2 \
             AND b IS NOT NULL LIMIT $3";
        let mut pairs = self.answers(FIRST, &[&no.0.cast_signed(), &sql_limit(limit)], review_pair)?;
        let left = sql_limit(limit - pairs.len());
        pairs.extend(self.answers(SECOND, &[&no.0.cast_signed(), &left], review_pair)?);
        Ok(pairs)
    }

    fn reviews_between(&mut self, a: ProfileNo, b: ProfileNo) -> Result<Vec<ReviewPair>, EngineError> {
        let sql = "SELECT no, a, b FROM reviews WHERE workspace_id = $1 AND state <> 2 AND b IS NOT NULL \
             AND (a = $2 AND b = $3 OR a = $3 AND b = $2)";
        self.answers(sql, &[&a.0.cast_signed(), &b.0.cast_signed()], review_pair)
    }

    fn reviews_of_value(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ReviewAlone>, EngineError> {
        let sql = "SELECT no, a, state FROM reviews WHERE workspace_id = $1 AND kind = $2 AND value = $3 \
             AND state <> 2 AND b IS NULL LIMIT $4";
        let (kind, value) = (stored_text(key.kind.name()), stored_text(&key.value));
        self.answers(sql, &[&kind, &value, &sql_limit(limit)], review_alone)
    }

    fn reviews_of_holder(&mut self, key: &Identifier, no: ProfileNo) -> Result<Vec<ReviewAlone>, EngineError> {
        let sql = "SELECT no, a, state FROM reviews WHERE workspace_id = $1 AND kind = $2 AND value = $3 AND a = $4 \
             AND state <> 2 AND b IS NULL";
        let (kind, value) = (stored_text(key.kind.name()), stored_text(&key.value));
        self.answers(sql, &[&kind, &value, &no.0.cast_signed()], review_alone)
    }

    fn reviews_naming(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError> {
        let sql = "SELECT no, state FROM reviews WHERE workspace_id = $1 AND (a = $2 OR b = $2) LIMIT $3";
        let read = |row: &Row| Ok((ReviewNo(unsigned(row, 0)?), is_open(row, 1)?));
        self.answers(sql, &[&no.0.cast_signed(), &sql_limit(limit)], read)
    }

    fn reviews_to_drop(&mut self, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError> {
        let sql = "SELECT no, state = 1 FROM reviews WHERE workspace_id = $1 ORDER BY (state = 1), no LIMIT $2";
        let read = |row: &Row| Ok((ReviewNo(unsigned(row, 0)?), column(row, 1)?));
        self.answers(sql, &[&sql_limit(limit)], read)
    }

    fn noted(&mut self, limit: usize) -> Result<Vec<(Identifier, ProfileNo)>, EngineError> {
        let sql =
            "SELECT kind, value, profile FROM holders WHERE workspace_id = $1 ORDER BY kind, value, profile LIMIT $2";
        self.answers(sql, &[&sql_limit(limit)], |row| {
            let kind = IdentifierKind::new(&text(row, 0)?);
            Ok((Identifier { kind, value: text(row, 1)? }, ProfileNo(unsigned(row, 2)?)))
        })
    }

    fn holders(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        let sql = "SELECT profile FROM holders WHERE workspace_id = $1 AND kind = $2 AND value = $3 ORDER BY profile LIMIT $4";
        let (kind, value) = (stored_text(key.kind.name()), stored_text(&key.value));
        self.answers(sql, &[&kind, &value, &sql_limit(limit)], |row| unsigned(row, 0).map(ProfileNo))
    }

    fn holds(&mut self, key: &Identifier, no: ProfileNo) -> Result<bool, EngineError> {
        let cells: [Cell<'_>; 3] = holder_cells(key, no);
        if self.known(Family::Holders, &cells) == StoredSum::Unknown {
            self.read(Family::Holders, &cells)?;
        }
        Ok(self.known(Family::Holders, &cells).sum().is_some())
    }

    fn profiles_after(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        let sql = "SELECT no FROM profiles WHERE workspace_id = $1 AND no > $2 ORDER BY no LIMIT $3";
        self.answers(sql, &[&after.0.cast_signed(), &sql_limit(limit)], |row| unsigned(row, 0).map(ProfileNo))
    }

    fn expired_requests(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<RequestNo>, EngineError> {
        const APPLIED: &str = "SELECT no, octet_length(record)::bigint FROM requests WHERE workspace_id = $1 \
             AND received_at <= $2 ORDER BY received_at, no LIMIT $3";
        const REFUSED: &str = "SELECT no, octet_length(record)::bigint FROM refused WHERE workspace_id = $1 \
             AND received_at <= $2 ORDER BY received_at, no LIMIT $3";
        let read = |row: &Row| Ok((RequestNo(unsigned(row, 0)?), unsigned(row, 1)?));
        let mut rows = self.expired(APPLIED, (until, limit), read)?;
        rows.extend(self.expired(REFUSED, (until, limit - rows.len()), read)?);
        Ok(rows)
    }

    fn expired_quarantine(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(QuarantineNo, bool)>, EngineError> {
        let sql = "SELECT no, replayed_as IS NULL AND deleted_at IS NULL, \
             (octet_length(element) + octet_length(errors))::bigint FROM quarantine WHERE workspace_id = $1 AND at <= $2 \
             ORDER BY at, no LIMIT $3";
        let read = |row: &Row| Ok(((QuarantineNo(unsigned(row, 0)?), column(row, 1)?), unsigned(row, 2)?));
        self.expired(sql, (until, limit), read)
    }

    fn expired_deleted(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<QuarantineNo>, EngineError> {
        let sql = "SELECT no, (octet_length(element) + octet_length(errors))::bigint FROM quarantine \
             WHERE workspace_id = $1 AND deleted_at <= $2 ORDER BY deleted_at, no LIMIT $3";
        self.expired(sql, (until, limit), |row| Ok((QuarantineNo(unsigned(row, 0)?), unsigned(row, 1)?)))
    }

    fn expired_event_ids(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<Box<str>>, EngineError> {
        let sql = "SELECT id FROM event_ids WHERE workspace_id = $1 AND at <= $2 ORDER BY at, id LIMIT $3";
        self.expired(sql, (until, limit), |row| {
            let id = text(row, 0)?;
            let bytes = id.len() as u64;
            Ok((id, bytes))
        })
    }

    fn expired_idempotency(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(Route, Box<str>)>, EngineError> {
        let sql = "SELECT route, key, octet_length(body)::bigint FROM idempotency WHERE workspace_id = $1 AND at <= $2 \
             ORDER BY at, route, key LIMIT $3";
        self.expired(sql, (until, limit), |row| Ok(((route(row, 0)?, text(row, 1)?), unsigned(row, 2)?)))
    }

    fn expired_events(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<(ProfileNo, Seq)>, EngineError> {
        // By the change sequence, which receipts follow: an index by receipt would cost every import.
        let sql = "SELECT profile, seq, (octet_length(attributes_typed) + octet_length(record))::bigint, received_at <= $2 \
             FROM events WHERE workspace_id = $1 ORDER BY seq LIMIT $3";
        let read = |row: &Row| {
            let event = (ProfileNo(unsigned(row, 0)?), unsigned(row, 1)?);
            Ok(((event, unsigned(row, 2)?), column::<bool>(row, 3)?))
        };
        let rows = self.expired(sql, (until, limit), read)?;
        Ok(rows.into_iter().take_while(|(_, past)| *past).map(|(event, _)| event).collect())
    }
}
