//! Identifiers in documents of the management API.

use super::masking::Mask;
use muster_core::identifier::Identifier;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An identifier: its kind and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentifierDocument {
    /// The kind.
    pub kind: String,
    /// The value, as it is compared.
    pub value: String,
}

impl From<&Identifier> for IdentifierDocument {
    fn from(key: &Identifier) -> Self {
        Self { kind: key.kind.name().to_owned(), value: key.value.to_string() }
    }
}

impl Mask for IdentifierDocument {
    fn mask(&mut self) {
        let Self { kind: _, value } = self;
        value.mask();
    }
}
