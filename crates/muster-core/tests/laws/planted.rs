//! The meta test: every planted rule bug is found by the search, and none where none is planted.

use crate::laws::{agree, search};
use crate::strategies::histories;
use muster_core::planted::ALL;

/// More than enough: each is found within a few dozen.
const CASES: u32 = 400;

#[test]
fn the_search_finds_every_planted_bug_and_none_where_none_is_planted() {
    let strategy = histories(40);
    for (name, bug) in ALL {
        let found = bug.planted(|| search(CASES, 0, &strategy, agree));
        assert!(found.is_err(), "{name} was not found in {CASES} histories");
    }
    assert_eq!(search(40, 0, &strategy, agree), Ok(()));
}
