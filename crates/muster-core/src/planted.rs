//! Rule bugs that the meta test plants, to show that the property tests find each. Without the feature `planted-bugs`,
//! which only tests turn on, every switch is the constant false.

/// A planted bug.
pub struct Bug(#[cfg_attr(not(feature = "planted-bugs"), expect(dead_code, reason = "read by the tests alone"))] u8);

/// A merge moves the bindings of the joined part to the survivor.
pub const MERGE_MOVES_BINDINGS: Bug = Bug(1);
/// The survivor rule is turned around.
pub const WRONG_SURVIVOR: Bug = Bug(2);
/// A revert leaves no separation.
pub const LOST_SEPARATION: Bug = Bug(3);
/// A duplicate action counts as stored.
pub const DUPLICATE_COUNTED: Bug = Bug(4);
/// An event that belongs to a member is recorded on the root.
pub const EVENT_ON_ROOT: Bug = Bug(5);
/// An unset hides what a later join would fill.
pub const UNSET_HIDES_FILL: Bug = Bug(6);
/// A revert forgets the part's own members.
pub const REVERT_FORGETS_MEMBERS: Bug = Bug(7);

/// All of them, with the name that the meta test reports.
pub const ALL: [(&str, Bug); 7] = [
    ("a binding moved by a merge", MERGE_MOVES_BINDINGS),
    ("the wrong survivor", WRONG_SURVIVOR),
    ("a lost separation", LOST_SEPARATION),
    ("a duplicate counted", DUPLICATE_COUNTED),
    ("an event on the root that belonged to a member", EVENT_ON_ROOT),
    ("an unset that hides a later fill", UNSET_HIDES_FILL),
    ("a revert that forgets the part's own members", REVERT_FORGETS_MEMBERS),
];

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: std::cell::Cell<u8> = const { std::cell::Cell::new(0) };
}

impl Bug {
    /// Whether it is planted on this thread.
    #[cfg(feature = "planted-bugs")]
    pub fn is_planted(&self) -> bool {
        PLANTED.get() == self.0
    }

    /// Whether it is planted: never, in a build that serves.
    #[cfg(not(feature = "planted-bugs"))]
    #[inline]
    pub const fn is_planted(&self) -> bool {
        false
    }

    /// Plants it on this thread while `run` runs.
    #[cfg(feature = "planted-bugs")]
    pub fn planted<T>(&self, run: impl FnOnce() -> T) -> T {
        let before = PLANTED.replace(self.0);
        let result = run();
        PLANTED.set(before);
        result
    }
}
