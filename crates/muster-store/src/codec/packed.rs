//! Recorded answers as they are stored: a long one compressed, since a small body can have an answer a hundred times its
//! size, and answers repeat themselves. Part of the stored format.

use super::cell::Cell;
use crate::error::CorruptRow;
use std::borrow::Cow;
use std::sync::Arc;

/// Shorter ones are stored as they are: what compression would gain is less than it costs.
const PLAIN_MAX: usize = 512;
/// The fastest level: it runs in the workspace's queue.
const LEVEL: i32 = 1;
/// Longest answer that is compressed, and so the most memory that a damaged length can ask for.
const PACKED_MAX: usize = 256 << 20;
const PLAIN: u8 = 0;
/// Followed by the length as eight bytes, low ones first, and one zstd frame.
const ZSTD: u8 = 1;

/// The stored form of a body.
pub(super) fn pack(body: &[u8]) -> Vec<u8> {
    if body.len() > PLAIN_MAX
        && body.len() <= PACKED_MAX
        && let Ok(frame) = zstd::bulk::compress(body, LEVEL)
        && frame.len() < body.len()
    {
        return [&[ZSTD][..], &(body.len() as u64).to_le_bytes(), &frame].concat();
    }
    [&[PLAIN][..], body].concat()
}

/// The body of a stored form.
pub(super) fn unpack(stored: &[u8]) -> Result<Arc<[u8]>, CorruptRow> {
    const DAMAGED: CorruptRow = CorruptRow("a recorded answer cannot be unpacked");
    match stored.split_first().ok_or(DAMAGED)? {
        (&PLAIN, body) => Ok(body.into()),
        (&ZSTD, rest) => {
            let (length, frame) = rest.split_first_chunk::<8>().ok_or(DAMAGED)?;
            let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| DAMAGED)?;
            if length > PACKED_MAX {
                return Err(DAMAGED);
            }
            let body = zstd::bulk::decompress(frame, length).map_err(|_| DAMAGED)?;
            if body.len() == length { Ok(body.into()) } else { Err(DAMAGED) }
        }
        _ => Err(DAMAGED),
    }
}

/// The cell of a body.
pub(super) fn cell(body: &[u8]) -> Cell<'static> {
    Cell::Blob(Cow::Owned(pack(body)))
}

#[cfg(test)]
mod tests {
    use super::{PLAIN_MAX, pack, unpack};

    // Fails when `pack` stores a long body plain, or `unpack` does not compare the length.
    #[test]
    fn a_long_answer_is_stored_small_and_comes_back_verbatim() {
        let result = |n: usize| format!(r#"{{"index":{n},"type":null,"outcome":"rejected"}},"#);
        let long: String = (0..10_000).map(result).collect();
        for body in ["", "{}", &"x".repeat(PLAIN_MAX), &long] {
            assert_eq!(unpack(&pack(body.as_bytes())).as_deref(), Ok(body.as_bytes()));
        }
        assert!(pack(long.as_bytes()).len() * 5 < long.len());
    }

    #[test]
    fn bytes_that_are_no_stored_answer_are_damage_and_never_a_panic() {
        let whole = pack("x".repeat(9_000).as_bytes());
        let mut longer = whole.clone();
        longer[1] = longer[1].wrapping_add(1);
        for bytes in [&[][..], &[2, 0], &[1, 0], &whole[..whole.len() - 1], &longer, &[1; 40]] {
            assert!(unpack(bytes).is_err());
        }
    }
}
