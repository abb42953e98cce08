//! How SQLite runs each statement, for the tests: a statement with the wrong index is right but slow, and only in a
//! large workspace.

use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Statements of this process and their plans, one line a step.
static PLANS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn lock_plans() -> MutexGuard<'static, BTreeMap<String, String>> {
    PLANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the plan of a statement that is compiled for the first time.
pub(super) fn note(conn: &Connection, sql: &str) {
    if lock_plans().contains_key(sql) {
        return;
    }
    let explain = || -> rusqlite::Result<String> {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let mut rows = explain.raw_query();
        let mut plan = String::new();
        while let Some(row) = rows.next()? {
            plan.push_str(&row.get::<_, String>("detail")?);
            plan.push('\n');
        }
        Ok(plan)
    };
    // A statement that cannot be explained cannot be compiled, and the caller gets that error.
    if let Ok(plan) = explain() {
        lock_plans().insert(sql.to_owned(), plan);
    }
}

/// Returns the statements that this process has compiled, in alphabetical order, each with the steps of its plan in
/// SQLite's words.
pub fn plans() -> Vec<(String, Vec<String>)> {
    let steps = |plan: &String| plan.lines().map(str::to_owned).collect();
    lock_plans().iter().map(|(sql, plan)| (sql.clone(), steps(plan))).collect()
}
