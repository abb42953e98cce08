//! What the suite wants of tokens, of sessions and of the audit log.

use super::rig::{Make, id, shop, workspace};
use crate::access::{AuditClass, AuditQuery, AuditRecord, SessionChanges, SessionRecord, TokenPut, TokenRecord};
use crate::engine::{Created, Engine, EngineError};
use muster_core::time::Timestamp;

fn token(name: &str, workspace: Option<&str>) -> TokenRecord {
    TokenRecord {
        name: name.into(),
        sha256: [7; 32],
        scopes: "read,personal".into(),
        workspace: workspace.map(id),
        created_at: Timestamp(2),
        expires_at: None,
        allowed_addresses: String::new(),
    }
}

fn record(no: u64, workspace: Option<&str>) -> AuditRecord {
    AuditRecord {
        no,
        at: Timestamp(3),
        token: "ops".into(),
        address: no.is_multiple_of(2).then(|| [203, 0, 113, 9].into()),
        workspace: workspace.map(id),
        action: "key.revoked".into(),
        class: AuditClass::Change,
        subject: format!("s{no}"),
        detail: "{}".into(),
    }
}

/// Appends this many; those of even number are about `shop`. The number in what is appended is not read.
fn append_records(engine: &dyn Engine, count: u64) -> Vec<AuditRecord> {
    let records = (1..=count).map(|no| record(no, no.is_multiple_of(2).then_some("shop")));
    let append = |record: AuditRecord| {
        assert_eq!(engine.append_audit(&AuditRecord { no: 0, ..record.clone() }), Ok(record.no));
        record
    };
    records.map(append).collect()
}

fn page(
    engine: &dyn Engine,
    (workspace, below, limit): (Option<&str>, Option<u64>, usize),
) -> (Vec<AuditRecord>, bool) {
    let query = AuditQuery { workspace: workspace.map(id), below, limit };
    let page = engine.audit(&query).expect("it reads");
    (page.items, page.more)
}

pub(super) fn tokens_are_kept_by_name_and_taken_once(make: Make<'_>) {
    let engine = make();
    assert_eq!(engine.tokens(), Ok(Vec::new()));
    assert_eq!(engine.put_token(&token("b", None)), Ok(TokenPut::Made));
    assert_eq!(engine.put_token(&token("a", None)), Ok(TokenPut::Made));
    let other = TokenRecord { scopes: "admin".into(), ..token("a", None) };
    assert_eq!(engine.put_token(&other), Ok(TokenPut::Taken));
    assert_eq!(engine.put_token(&token("c", Some("none"))), Err(EngineError::UnknownWorkspace));
    assert_eq!(engine.tokens(), Ok(vec![token("a", None), token("b", None)]));
    assert_eq!(engine.remove_token("a"), Ok(true));
    assert_eq!(engine.remove_token("a"), Ok(false));
    assert_eq!(engine.tokens(), Ok(vec![token("b", None)]));
}

pub(super) fn tokens_that_are_bound_go_with_their_workspace_and_what_was_done_in_it_stays(make: Make<'_>) {
    let (engine, shop) = shop(make);
    assert_eq!(engine.create_workspace(&workspace("other")), Ok(Created::Made));
    for token in [token("all", None), token("here", Some("shop")), token("there", Some("other"))] {
        assert_eq!(engine.put_token(&token), Ok(TokenPut::Made));
    }
    let records = append_records(&*engine, 2);
    assert_eq!(engine.delete_workspace(&shop), Ok(()));
    assert_eq!(engine.tokens(), Ok(vec![token("all", None), token("there", Some("other"))]));
    assert_eq!(page(&*engine, (Some("shop"), None, 9)), (vec![records[1].clone()], false));
}

/// A session of the token with this hash.
fn session(cookie: u8, token: [u8; 32], seen: i64) -> SessionRecord {
    SessionRecord { cookie: [cookie; 32], token, began: Timestamp(1), seen: Timestamp(seen) }
}

fn put(engine: &dyn Engine, put: &[SessionRecord]) {
    assert_eq!(engine.change_sessions(&SessionChanges { put: put.to_vec(), ended: Vec::new() }), Ok(()));
}

pub(super) fn sessions_are_kept_by_their_cookie_until_they_end(make: Make<'_>) {
    let engine = make();
    assert_eq!(engine.sessions(), Ok(Vec::new()));
    put(&*engine, &[session(2, [7; 32], 1), session(1, [8; 32], 1)]);
    // One that is used again is put in its own place, in the commit in which another ends and a third begins.
    let changes =
        SessionChanges { put: vec![session(2, [7; 32], 5), session(3, [7; 32], 2)], ended: vec![[1; 32], [9; 32]] };
    assert_eq!(engine.change_sessions(&changes), Ok(()));
    assert_eq!(engine.sessions(), Ok(vec![session(2, [7; 32], 5), session(3, [7; 32], 2)]));
    assert_eq!(engine.clear_sessions(), Ok(()));
    assert_eq!(engine.sessions(), Ok(Vec::new()));
}

/// Fails when the removal of a token, or of a workspace, leaves the sessions.
pub(super) fn sessions_go_with_the_token_that_they_began_with(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let tokens = [
        TokenRecord { sha256: [1; 32], ..token("bound", Some("shop")) },
        TokenRecord { sha256: [2; 32], ..token("revoked", None) },
        TokenRecord { sha256: [3; 32], ..token("stays", None) },
    ];
    for token in &tokens {
        assert_eq!(engine.put_token(token), Ok(TokenPut::Made));
    }
    let all = [session(1, [1; 32], 1), session(2, [2; 32], 1), session(3, [3; 32], 1), session(4, [4; 32], 1)];
    put(&*engine, &all);
    assert_eq!(engine.remove_token("revoked"), Ok(true));
    assert_eq!(engine.sessions(), Ok(vec![all[0].clone(), all[2].clone(), all[3].clone()]));
    assert_eq!(engine.delete_workspace(&shop), Ok(()));
    assert_eq!(engine.sessions(), Ok(all[2..].to_vec()));
}

pub(super) fn of_too_many_sessions_those_used_least_lately_go(make: Make<'_>) {
    let engine = make();
    put(&*engine, &[session(1, [7; 32], 3), session(2, [7; 32], 1), session(3, [7; 32], 2)]);
    assert_eq!(engine.sessions(), Ok(vec![session(1, [7; 32], 3), session(3, [7; 32], 2)]));
    put(&*engine, &[session(4, [7; 32], 4)]);
    assert_eq!(engine.sessions(), Ok(vec![session(1, [7; 32], 3), session(4, [7; 32], 4)]));
}

pub(super) fn the_audit_log_is_read_newest_first_in_pages_of_all_or_of_one_workspace(make: Make<'_>) {
    let engine = make();
    assert_eq!(page(&*engine, (None, None, 9)), (Vec::new(), false));
    let mut records = append_records(&*engine, 5);
    records.reverse();
    assert_eq!(page(&*engine, (None, None, 9)), (records.clone(), false));
    assert_eq!(page(&*engine, (None, None, 2)), (records[..2].to_vec(), true));
    assert_eq!(page(&*engine, (None, Some(4), 3)), (records[2..].to_vec(), false));
    let of_shop = vec![records[1].clone(), records[3].clone()];
    assert_eq!(page(&*engine, (Some("shop"), None, 2)), (of_shop.clone(), false));
    assert_eq!(page(&*engine, (Some("shop"), None, 1)), (of_shop[..1].to_vec(), true));
    assert_eq!(page(&*engine, (Some("other"), None, 9)), (Vec::new(), false));
}

pub(super) fn tokens_are_bounded(make: Make<'_>) {
    let engine = make();
    let put = |name: &str| engine.put_token(&token(name, None));
    assert_eq!(
        ["a", "b", "c", "a"].map(put),
        [TokenPut::Made, TokenPut::Made, TokenPut::Full, TokenPut::Taken].map(Ok)
    );
    assert_eq!(engine.remove_token("a"), Ok(true));
    assert_eq!(put("c"), Ok(TokenPut::Made));
}

pub(super) fn the_audit_log_drops_its_oldest_and_cuts_details(make: Make<'_>) {
    let engine = make();
    append_records(&*engine, 2);
    let long = AuditRecord { detail: "1234é".into(), ..record(3, None) };
    assert_eq!(engine.append_audit(&long), Ok(3));
    let kept = AuditRecord { detail: "1234".into(), ..long };
    assert_eq!(page(&*engine, (None, None, 9)), (vec![kept, record(2, Some("shop"))], false));
}

/// Fails if one bound counts both.
pub(super) fn sessions_have_a_bound_of_their_own_in_the_audit_log(make: Make<'_>) {
    let engine = make();
    append_records(&*engine, 2);
    let session = |no: u64| AuditRecord { class: AuditClass::Session, ..record(no, None) };
    for no in 3..6 {
        assert_eq!(engine.append_audit(&session(no)), Ok(no));
    }
    let person = |no: u64| AuditRecord { class: AuditClass::PersonalData, ..record(no, None) };
    let many: Vec<AuditRecord> = (6..9).map(person).collect();
    assert_eq!(engine.append_audits(&many), Ok(()));
    let (kept, more) = page(&*engine, (None, None, 9));
    assert_eq!((kept.iter().map(|record| record.no).collect::<Vec<_>>(), more), (vec![8, 7, 5, 2, 1], false));
    assert_eq!(engine.append_audit(&record(9, None)), Ok(9));
    let (kept, _) = page(&*engine, (None, None, 9));
    assert_eq!(kept.iter().map(|record| record.no).collect::<Vec<_>>(), [9, 8, 7, 5, 2]);
}
