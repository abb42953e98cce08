//! Sessions of the console in the catalogue: statements, checksums, the bound.

use super::{Catalogue, corrupt_row_of};
use crate::access::{SessionChanges, SessionRecord};
use crate::catalogue_sums::session_sum;
use crate::engine::EngineError;
use muster_core::time::Timestamp;
use rusqlite::{Row, params};

/// Removes sessions beyond the bound, the least recently used first.
const DROP_OLDEST: &str = "DELETE FROM sessions WHERE cookie IN
    (SELECT cookie FROM sessions ORDER BY seen DESC, cookie DESC LIMIT -1 OFFSET ?1)";

fn session_record(row: &Row<'_>) -> Result<SessionRecord, EngineError> {
    let hash = |place: usize| -> Result<[u8; 32], EngineError> {
        row.get::<_, Vec<u8>>(place)?.try_into().map_err(|_| corrupt_row_of("sessions"))
    };
    let session = SessionRecord {
        cookie: hash(0)?,
        token: hash(1)?,
        began: Timestamp(row.get(2)?),
        seen: Timestamp(row.get(3)?),
    };
    if session_sum(&session) == row.get::<_, i64>(4)? { Ok(session) } else { Err(corrupt_row_of("sessions")) }
}

impl Catalogue {
    /// Every session, in order of cookie.
    pub(crate) fn sessions(&self) -> Result<Vec<SessionRecord>, EngineError> {
        let sql = "SELECT cookie, token, began, seen, sum FROM sessions ORDER BY cookie";
        let mut select = self.conn.prepare_cached(sql)?;
        let mut rows = select.query([])?;
        let mut sessions = Vec::new();
        while let Some(row) = rows.next()? {
            sessions.push(session_record(row)?);
        }
        Ok(sessions)
    }

    /// Puts and removes sessions, and lets go what is beyond the bound.
    pub(crate) fn change_sessions(&mut self, changes: &SessionChanges, most: usize) -> Result<(), EngineError> {
        self.write(|conn| {
            for cookie in &changes.ended {
                conn.prepare_cached("DELETE FROM sessions WHERE cookie = ?1")?.execute([cookie])?;
            }
            for session in &changes.put {
                let SessionRecord { cookie, token, began, seen } = session;
                let mut put = conn.prepare_cached("INSERT OR REPLACE INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)")?;
                put.execute(params![cookie, token, began.0, seen.0, session_sum(session)])?;
            }
            conn.prepare_cached(DROP_OLDEST)?.execute([i64::try_from(most).unwrap_or(i64::MAX)])?;
            Ok(())
        })
    }

    /// Removes every session.
    pub(crate) fn clear_sessions(&mut self) -> Result<(), EngineError> {
        self.write(|conn| {
            conn.execute("DELETE FROM sessions", [])?;
            Ok(())
        })
    }
}
