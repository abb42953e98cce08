//! SQLite runs each statement of a workspace the way that was meant: by the index that was made for it.
//!
//! A statement that takes another index answers the same, and takes seconds where a workspace is large: no test of
//! answers sees it. So the plans are kept in `plans.txt`, to be read when they change; `MUSTER_BLESS=1 cargo test`
//! rewrites the file. In a binary of its own, so that no other test compiles statements in the same process.

#![expect(dead_code, reason = "the rig serves other tests, too")]
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
#![expect(clippy::disallowed_methods, reason = "the person who runs the test says whether to rewrite the file")]

#[path = "sqlite/rig.rs"]
mod rig;

use muster_store::bounds::Bounds;
use muster_store::conformance;
use muster_store::sqlite::plans;
use rig::Home;
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn each_statement_is_run_by_the_index_that_was_made_for_it() {
    // What a fill leaves out depends on when it begins.
    let at_once = |bounds| Bounds { redo_bytes: 0, ..bounds };
    conformance::suite(&|| Box::new(Home::new().into_engine(at_once(Bounds::default()))));
    conformance::bounded(&|| Box::new(Home::new().into_engine(at_once(conformance::small_bounds()))));
    let mut got = String::new();
    for (sql, steps) in plans().into_iter().filter(|(_, steps)| !steps.is_empty()) {
        writeln!(got, "{sql}").expect("memory");
        for step in steps {
            writeln!(got, "    {step}").expect("memory");
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans.txt");
    if std::env::var_os("MUSTER_BLESS").is_some() {
        std::fs::write(&file, &got).expect("the folder can be written");
    }
    let want = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(want == got, "{} differs:\n  want {want}\n  got {got}", file.display());
}
