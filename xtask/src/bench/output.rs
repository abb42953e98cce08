//! What the benchmarks print.

use std::io::Write as _;

/// Prints a line of a report.
pub(super) fn print_line(line: &str) {
    // A closed standard output cannot be helped here.
    let _closed = writeln!(std::io::stdout(), "{line}");
}
