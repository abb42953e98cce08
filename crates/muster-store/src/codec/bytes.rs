//! Compact records: a version, then varints and strings with their lengths, one after another. Part of the stored format.

use crate::error::CorruptRow;

/// The version that records are written with; a reader knows all earlier ones.
pub const VERSION: u8 = 1;

/// Writes a record.
#[derive(Debug)]
pub struct Encoder(Vec<u8>);

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// A record with its version.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(VERSION);
        Self(bytes)
    }

    /// Continues after these bytes, which need not be a record.
    pub(super) fn append(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The record's bytes.
    pub fn done(self) -> Vec<u8> {
        self.0
    }

    /// A byte.
    pub fn u8(&mut self, n: u8) {
        self.0.push(n);
    }

    /// A number that is never negative: seven bits a byte, low ones first, the high bit says that more follow.
    pub fn u64(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n.to_le_bytes()[0] | 0x80);
            n >>= 7;
        }
        self.0.push(n.to_le_bytes()[0]);
    }

    /// A number with a sign, zigzag.
    pub fn i64(&mut self, n: i64) {
        self.u64((n.cast_unsigned() << 1) ^ (n >> 63).cast_unsigned());
    }

    /// A floating-point number: its bits as eight bytes, low ones first.
    pub fn f64(&mut self, n: f64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// The way from one number to another; both may be anything.
    pub fn step(&mut self, from: u64, to: u64) {
        self.i64(to.wrapping_sub(from).cast_signed());
    }

    /// A length.
    pub fn len(&mut self, n: usize) {
        self.u64(n as u64);
    }

    /// Writes a string.
    pub fn str(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Bytes that are something of their own.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Writes an optional string: 0, or its length plus one.
    pub fn opt_str(&mut self, text: Option<&str>) {
        match text {
            None => self.u8(0),
            Some(text) => {
                self.len(text.len() + 1);
                self.0.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// Reads a record.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Opens a record of a version that is known.
    ///
    /// # Errors
    /// [`CorruptRow`] if the version is none that is known.
    pub fn open(bytes: &'a [u8]) -> Result<Self, CorruptRow> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            _ => Err(CorruptRow("a record has an unknown version")),
        }
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing must be left.
    ///
    /// # Errors
    /// [`CorruptRow`] if something is.
    pub fn end(self) -> Result<(), CorruptRow> {
        if self.0.is_empty() { Ok(()) } else { Err(CorruptRow("a record is longer than what it holds")) }
    }

    /// See [`Encoder::u8`].
    ///
    /// # Errors
    /// [`CorruptRow`] at the end.
    pub fn u8(&mut self) -> Result<u8, CorruptRow> {
        let (first, rest) = self.0.split_first().ok_or(CorruptRow("a record ends early"))?;
        self.0 = rest;
        Ok(*first)
    }

    /// See [`Encoder::u64`].
    ///
    /// # Errors
    /// [`CorruptRow`] if it is not a number of 64 bits.
    pub fn u64(&mut self) -> Result<u64, CorruptRow> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(CorruptRow("a number is longer than 64 bits"))
    }

    /// See [`Encoder::i64`].
    ///
    /// # Errors
    /// [`CorruptRow`] if it is not a number of 64 bits.
    pub fn i64(&mut self) -> Result<i64, CorruptRow> {
        let n = self.u64()?;
        Ok((n >> 1).cast_signed() ^ -((n & 1).cast_signed()))
    }

    /// See [`Encoder::f64`].
    ///
    /// # Errors
    /// [`CorruptRow`] at the end.
    pub fn f64(&mut self) -> Result<f64, CorruptRow> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(CorruptRow("a record ends early"))?;
        self.0 = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    /// See [`Encoder::step`].
    ///
    /// # Errors
    /// [`CorruptRow`] if it is not a number of 64 bits.
    pub fn step(&mut self, from: u64) -> Result<u64, CorruptRow> {
        Ok(from.wrapping_add(self.i64()?.cast_unsigned()))
    }

    /// A number of a smaller type.
    ///
    /// # Errors
    /// [`CorruptRow`] if it is out of its range.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, CorruptRow> {
        T::try_from(self.u64()?).map_err(|_| CorruptRow("a number is out of range"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CorruptRow> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(CorruptRow("a record ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn text(&mut self, len: usize) -> Result<&'a str, CorruptRow> {
        std::str::from_utf8(self.take(len)?).map_err(|_| CorruptRow("a string is not valid UTF-8"))
    }

    /// See [`Encoder::str`].
    ///
    /// # Errors
    /// [`CorruptRow`] at the end, or if it is not a string.
    pub fn str(&mut self) -> Result<&'a str, CorruptRow> {
        let len = self.small()?;
        self.text(len)
    }

    /// See [`Encoder::bytes`].
    ///
    /// # Errors
    /// [`CorruptRow`] at the end.
    pub fn bytes(&mut self) -> Result<&'a [u8], CorruptRow> {
        let len = self.small()?;
        self.take(len)
    }

    /// See [`Encoder::opt_str`].
    ///
    /// # Errors
    /// [`CorruptRow`] at the end, or if it is not a string.
    pub fn opt_str(&mut self) -> Result<Option<&'a str>, CorruptRow> {
        match self.small::<usize>()? {
            0 => Ok(None),
            len => self.text(len - 1).map(Some),
        }
    }

    /// A list: its length, then each. Takes no more memory than the bytes could hold.
    ///
    /// # Errors
    /// [`CorruptRow`] at the end, or of an item.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, CorruptRow>) -> Result<Vec<T>, CorruptRow> {
        let len: usize = self.small()?;
        let mut items = Vec::with_capacity(len.min(self.0.len()));
        for _ in 0..len {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_their_ends_are_read_as_written() {
        for n in [0, 1, 127, 128, u64::MAX - 1, u64::MAX, 1 << 63] {
            let mut out = Encoder::new();
            out.u64(n);
            out.i64(n.cast_signed());
            out.step(7, n);
            let bytes = out.done();
            let mut read = Decoder::open(&bytes).unwrap();
            assert_eq!((read.u64(), read.i64(), read.step(7)), (Ok(n), Ok(n.cast_signed()), Ok(n)));
            assert_eq!(read.end(), Ok(()));
        }
    }

    #[test]
    fn bytes_that_are_no_record_are_damage_and_never_a_panic() {
        assert!(Decoder::open(&[]).is_err());
        assert!(Decoder::open(&[VERSION + 1]).is_err());
        assert!(Decoder(&[0xff; 11]).u64().is_err());
        assert!(Decoder(&[5, b'a']).str().is_err());
        assert!(Decoder(&[1, 0xff]).str().is_err());
        assert!(Decoder(&[0xff, 0xff, 0xff, 0xff, 0xff, 1]).list(Decoder::u8).is_err());
    }
}
