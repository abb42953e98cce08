//! Ids that Muster assigns, and the positions of the change sequence.

use crate::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// Id of a workspace: 2 to 64 characters of `[A-Za-z0-9_-]`. Cheap to clone.
///
/// ```
/// use muster_core::id::WorkspaceId;
///
/// let shop = WorkspaceId::parse("SHOP").expect("an id");
/// assert_eq!(shop.as_str(), "SHOP");
/// assert_eq!(WorkspaceId::parse("a shop"), None);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(Arc<str>);

impl WorkspaceId {
    /// Parses an id; None if it is too short, too long or has another character.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        ((2..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// Returns the id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Position in the change sequence of a workspace; every write, event, merge and revert takes the next one.
pub type Seq = u64;

/// Number of a profile within its workspace, from 1, ascending in order of creation. Key of everything that is stored
/// about it; shown as [`ProfileId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileNo(pub u64);

/// Public id of a profile: 24 lower-case hex characters, 12 of the creation time in milliseconds and 12 of the number,
/// so that ids ascend in order of creation.
///
/// ```
/// use muster_core::id::{ProfileId, ProfileNo};
/// use muster_core::time::Timestamp;
///
/// let id = ProfileId { created: Timestamp(1_767_225_600_000), no: ProfileNo(1) };
/// assert_eq!(id.to_string(), "019b76daa800000000000001");
/// assert_eq!(ProfileId::parse("019b76daa800000000000001"), Some(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileId {
    /// Creation time; never before 1970, at most 48 bits.
    pub created: Timestamp,
    /// Number, at most 48 bits.
    pub no: ProfileNo,
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}{:012x}", self.created.0, self.no.0)
    }
}

impl ProfileId {
    /// Parses the 24 characters; None if they are not a profile id.
    pub fn parse(text: &str) -> Option<Self> {
        let lower_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 24 || !text.as_bytes().iter().all(lower_hex) {
            return None;
        }
        let (created, no) = text.split_at(12);
        let created = Timestamp(i64::from_str_radix(created, 16).ok()?);
        Some(Self { created, no: ProfileNo(u64::from_str_radix(no, 16).ok()?) })
    }
}

/// Number of a request within its workspace, from 1, in order of commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNo(pub u64);

/// First number of requests that were not applied: random ones, because only commits advance the sequence.
pub const REFUSED_REQUESTS: u64 = 1 << 44;

impl RequestNo {
    /// Returns the number of a request that was not applied, from 64 random bits.
    pub fn refused(random: u64) -> Self {
        Self(REFUSED_REQUESTS + random % (HALF * HALF - REFUSED_REQUESTS))
    }

    /// Whether the request was not applied.
    pub fn is_refused(self) -> bool {
        self.0 >= REFUSED_REQUESTS
    }
}

const LETTERS: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HALF: u64 = 52 * 52 * 52 * 52;
/// Round constants of the permutation: arbitrary odd numbers. They are part of the stored format and must not change.
const ROUNDS: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x27d4_eb2f_1656_67c5];

/// Public id of a request: 8 letters, a permutation of its number (a balanced Feistel network over 52^4 x 52^4). It is
/// unique in its workspace, reveals no volume, and needs no index because it can be inverted.
///
/// ```
/// use muster_core::id::{RequestId, RequestNo};
///
/// let id = RequestId::from_no(RequestNo(1));
/// assert_eq!(id.to_string(), "fDaHEuNq");
/// assert_eq!(RequestId::parse("fDaHEuNq").map(RequestId::no), Some(RequestNo(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 8]);

fn round(half: u64, constant: u64) -> u64 {
    let mixed = (half ^ constant).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53) >> 11) % HALF
}

impl RequestId {
    /// Returns the id of a number below 52^8.
    pub fn from_no(no: RequestNo) -> Self {
        let (mut left, mut right) = (no.0 / HALF % HALF, no.0 % HALF);
        for constant in ROUNDS {
            (left, right) = (right, (left + round(right, constant)) % HALF);
        }
        let mut n = left * HALF + right;
        let mut letters = [0; 8];
        for letter in letters.iter_mut().rev() {
            *letter = LETTERS[(n % 52) as usize];
            n /= 52;
        }
        Self(letters)
    }

    /// Returns the number of this id.
    pub fn no(self) -> RequestNo {
        let digit = |b: u8| u64::from(if b >= b'a' { b - b'a' + 26 } else { b - b'A' });
        let n = self.0.iter().fold(0, |n, b| n * 52 + digit(*b));
        let (mut left, mut right) = (n / HALF, n % HALF);
        for constant in ROUNDS.into_iter().rev() {
            (left, right) = ((right + HALF - round(left, constant)) % HALF, left);
        }
        RequestNo(left * HALF + right)
    }

    /// Parses 8 ASCII letters; None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 8] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphabetic).then_some(Self(bytes))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).expect("request ids are made of ASCII letters"))
    }
}

/// Defines an id that is a letter and a number: `m1`, `s1`, `q1`, `r1`.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl $name {
            /// Parses the id as it is written; None for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($letter)?;
                (digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')).then(|| digits.parse().ok().map(Self))?
            }
        }
    };
}

numbered!(
    /// Number of a merge record within its workspace, from 1; shown as `m1`.
    MergeNo, "m"
);
numbered!(
    /// Number of a separation within its workspace, from 1; shown as `s1`.
    SeparationNo, "s"
);
numbered!(
    /// Number of a quarantine entry within its workspace, from 1; shown as `q1`.
    QuarantineNo, "q"
);
numbered!(
    /// Number of a review within its workspace, from 1; shown as `r1`.
    ReviewNo, "r"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_eight_letters_and_can_be_inverted() {
        let mut seen = std::collections::HashSet::new();
        for no in (1..5_000).chain([HALF, HALF * HALF - 1]) {
            let id = RequestId::from_no(RequestNo(no));
            assert_eq!(RequestId::parse(&id.to_string()), Some(id));
            assert_eq!(id.no(), RequestNo(no));
            assert!(seen.insert(id), "{no} has the id of another");
        }
    }

    #[test]
    fn profile_ids_ascend_and_are_read_as_written() {
        let id = |created, no| ProfileId { created: Timestamp(created), no: ProfileNo(no) };
        assert_eq!(id(1_767_571_200_000, 7).to_string(), "019b8b741800000000000007");
        assert!(id(5, 2).to_string() < id(5, 10).to_string());
        assert_eq!(ProfileId::parse("019b8b741800000000000007"), Some(id(1_767_571_200_000, 7)));
        assert_eq!(ProfileId::parse("019B8B741800000000000007"), None);
    }

    #[test]
    fn numbered_ids_are_read_as_written_and_nothing_else_is() {
        assert_eq!(MergeNo::parse("m12"), Some(MergeNo(12)));
        assert_eq!(
            [MergeNo::parse("12"), MergeNo::parse("m012"), MergeNo::parse("m"), MergeNo::parse("m-1")],
            [None; 4]
        );
    }
}
