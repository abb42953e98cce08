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

/// The cap of a higher-ranking kind is ignored: only the kind of the key that would join is asked.
pub const HIGHER_CAP_IGNORED: Bug = Bug(8);
/// Keys are tried from the lowest rank up, so that a lower key is kept over a higher.
pub const LOWER_KEY_KEPT: Bug = Bug(9);
/// An import during an activation does not look for who holds a value, and makes a stray profile.
pub const STRAY_DURING_ACTIVATION: Bug = Bug(10);
/// A dry run takes event ids, and stores whatever else it would.
pub const DRY_RUN_TAKES_EVENT_ID: Bug = Bug(11);
/// A review that repeats is counted twice.
pub const REVIEW_COUNTED_TWICE: Bug = Bug(12);

/// A new `customer_id` beside a known identifier is bound to the profile that is found, and no member is created for it.
pub const NEW_ID_TAKES_OVER: Bug = Bug(13);
/// The member that a new `customer_id` would bring does not count for the caps.
pub const NEW_MEMBER_UNCOUNTED: Bug = Bug(14);

/// A review that was dismissed asks again.
pub const DISMISSED_REVIEW_ASKS: Bug = Bug(15);

/// All of them, with the name that the meta test reports.
pub const ALL: [(&str, Bug); 15] = [
    ("a binding moved by a merge", MERGE_MOVES_BINDINGS),
    ("the wrong survivor", WRONG_SURVIVOR),
    ("a lost separation", LOST_SEPARATION),
    ("a duplicate counted", DUPLICATE_COUNTED),
    ("an event on the root that belonged to a member", EVENT_ON_ROOT),
    ("an unset that hides a later fill", UNSET_HIDES_FILL),
    ("a revert that forgets the part's own members", REVERT_FORGETS_MEMBERS),
    ("a cap of a higher-ranking kind ignored", HIGHER_CAP_IGNORED),
    ("a lower key kept over a higher", LOWER_KEY_KEPT),
    ("an import during activation that makes a stray profile", STRAY_DURING_ACTIVATION),
    ("a dry run that takes an event id", DRY_RUN_TAKES_EVENT_ID),
    ("a review counted twice", REVIEW_COUNTED_TWICE),
    ("a new customer id that takes over a profile", NEW_ID_TAKES_OVER),
    ("a new member that no cap counts", NEW_MEMBER_UNCOUNTED),
    ("a dismissed review that asks again", DISMISSED_REVIEW_ASKS),
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
