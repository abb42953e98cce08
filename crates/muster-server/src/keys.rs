//! Data API keys: what they may do, whether they are valid, and the hash that alone is stored of them.

use muster_core::time::Timestamp;
use muster_store::engine::KeyRecord;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash, of a key, a token or a cookie.
pub(crate) type Hash = [u8; 32];

/// What a Data API key may do (behaviour.md 1.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyScope {
    /// Write: imports and Track calls.
    Import,
    /// Read users.
    Read,
    /// Delete and erase users.
    Erase,
}

impl KeyScope {
    /// Every scope.
    pub(crate) const ALL: [Self; 3] = [Self::Import, Self::Read, Self::Erase];

    /// Returns its word in lists of scopes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Read => "read",
            Self::Erase => "erase",
        }
    }
}

/// Returns whether a key is valid now.
pub(crate) fn is_valid(key: &KeyRecord, now: Timestamp) -> bool {
    key.valid_until.is_none_or(|until| now < until)
}

/// Returns what is shown of a key: the first 16 hexadecimal digits of its hash.
pub(crate) fn fingerprint(sha256: &[u8; 32]) -> String {
    sha256[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the SHA-256 hash.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
