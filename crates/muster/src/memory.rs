//! The two allocators of the process, and what they keep for themselves: mimalloc serves Rust, the system's serves SQLite.

use std::ffi::{c_int, c_long};

/// A decision makes and drops many small values; this allocator does that in less time than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_abandoned_page_purge` of mimalloc's `mimalloc.h`, version 2; the binding has no name for it.
const ABANDONED_PAGE_PURGE: c_int = 12;
/// Arenas of the system's allocator, one a core of a small server. It would make eight for each core, and each keeps what the
/// statements of one busy workspace once used.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: c_int = 2;

/// `M_ARENA_MAX` of glibc's `malloc.h`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENA_MAX: c_int = -8;

#[expect(unsafe_code, reason = "neither allocator has a safe interface for it")]
unsafe extern "C" {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn mallopt(option: c_int, value: c_int) -> c_int;
    fn mi_option_set(option: c_int, value: c_long);
    #[cfg(test)]
    fn mi_option_get(option: c_int) -> c_long;
}

/// Lets both give memory back: a decision that loads much is followed by the end of its thread
/// (`muster-store`, `sqlite/committer.rs`), and what that thread had goes back to the system at once. Eight busy tenants
/// took 670 MiB without it, and take 390. To be called before other threads start.
pub(crate) fn give_back_early() {
    // SAFETY: mimalloc reads an option as a number wherever it is used; both numbers are in its ranges.
    #[expect(unsafe_code, reason = "neither allocator has a safe interface for it")]
    unsafe {
        mi_option_set(ABANDONED_PAGE_PURGE, 1);
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        let _refused_by_an_older_one = mallopt(ARENA_MAX, ARENAS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `give_back_early` sets nothing, or another option.
    #[test]
    fn what_a_thread_leaves_behind_goes_back_to_the_system() {
        give_back_early();
        // SAFETY: it reads a number.
        #[expect(unsafe_code, reason = "there is no safe interface for it")]
        let is_purged = unsafe { mi_option_get(ABANDONED_PAGE_PURGE) };
        assert_eq!(is_purged, 1);
    }
}
