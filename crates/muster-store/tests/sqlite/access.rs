//! Tokens, sessions and the audit log in the catalogue's file: kept over a start, made in a file of the version before, checked.

use super::rig::Home;
use muster_core::time::Timestamp;
use muster_store::access::{
    Access as _, AuditClass, AuditQuery, AuditRecord, SessionChanges, SessionRecord, TokenPut, TokenRecord,
};
use muster_store::engine::EngineError;
use muster_store::sqlite::{OpenError, verify};

fn token() -> TokenRecord {
    TokenRecord {
        name: "ops".into(),
        sha256: [7; 32],
        scopes: "read".into(),
        workspace: None,
        created_at: Timestamp(2),
        expires_at: None,
        allowed_addresses: String::new(),
    }
}

fn record() -> AuditRecord {
    AuditRecord {
        no: 1,
        at: Timestamp(3),
        token: "ops".into(),
        address: Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
        workspace: None,
        action: "token.created".into(),
        class: AuditClass::Change,
        subject: "ops".into(),
        detail: "{}".into(),
    }
}

const ALL: AuditQuery = AuditQuery { workspace: None, below: None, limit: 9 };

fn with_both() -> Home {
    let home = Home::new();
    let engine = home.open().unwrap();
    assert_eq!(engine.put_token(&token()), Ok(TokenPut::Made));
    assert_eq!(engine.append_audit(&record()), Ok(1));
    home
}

/// Statements on the catalogue of a directory that nobody has open.
fn with_shell(home: &Home, statements: &str) {
    let catalogue = rusqlite::Connection::open(home.path().join("muster.db")).unwrap();
    catalogue.execute_batch(statements).unwrap();
}

// Fails when `append_audit` counts in memory.
#[test]
fn tokens_and_the_audit_log_are_there_after_a_start_and_go_on_counting() {
    let home = with_both();
    let engine = home.open().unwrap();
    assert_eq!(engine.tokens(), Ok(vec![token()]));
    assert_eq!(engine.audit(&ALL).map(|page| page.items), Ok(vec![record()]));
    assert_eq!(engine.append_audit(&record()), Ok(2));
}

// Fails when `token_sum` leaves the scopes out, or `check_access` does not read on to the end of the log.
#[test]
fn a_token_whose_scopes_were_widened_in_the_file_and_a_changed_audit_record_are_noticed() {
    let home = with_both();
    with_shell(&home, "UPDATE tokens SET scopes = 'admin'");
    let damaged = |table: &str| format!("a row of the catalogue's {table} fails its checksum");
    let found = verify(home.path()).map_err(|error| error.to_string());
    assert!(found.as_ref().is_err_and(|why| why.contains(&damaged("tokens"))), "{found:?}");
    assert_eq!(home.open().unwrap().tokens(), Err(EngineError::Corrupt(damaged("tokens").into())));
    with_shell(&home, "UPDATE tokens SET scopes = 'read'; UPDATE audit SET token = 'other'");
    let found = verify(home.path());
    assert!(matches!(found, Err(OpenError::Damaged { ref why, .. }) if why.contains(&damaged("audit"))), "{found:?}");
}

// Fails when `session_sum` leaves the token out, or `clear_sessions` reads them first.
#[test]
fn sessions_are_there_after_a_start_and_one_that_was_changed_in_the_file_is_noticed_and_can_be_cleared() {
    let home = Home::new();
    let session = SessionRecord { cookie: [1; 32], token: [7; 32], began: Timestamp(2), seen: Timestamp(3) };
    let changes = SessionChanges { put: vec![session.clone()], ended: Vec::new() };
    assert_eq!(home.open().unwrap().change_sessions(&changes), Ok(()));
    assert_eq!(home.open().unwrap().sessions(), Ok(vec![session]));
    with_shell(&home, "UPDATE sessions SET token = zeroblob(32)");
    let damaged = "a row of the catalogue's sessions fails its checksum";
    let found = verify(home.path());
    assert!(matches!(found, Err(OpenError::Damaged { ref why, .. }) if why.contains(damaged)), "{found:?}");
    let engine = home.open().unwrap();
    assert_eq!(engine.sessions(), Err(EngineError::Corrupt(damaged.into())));
    assert_eq!((engine.clear_sessions(), engine.sessions()), (Ok(()), Ok(Vec::new())));
}
