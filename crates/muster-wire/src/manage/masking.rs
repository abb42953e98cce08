//! The mask over personal data in documents (the setting `mask_personal_data`): the structure and the names stay,
//! and received values become `***`. Each document names all its members in its [`Mask`], without `..`, so that a member that is
//! new does not compile until somebody has decided whether it holds a received value.

use indexmap::IndexMap;
use serde_json::Value as Json;

/// Replaces a value.
const MASK: &str = "***";

/// A document, or a part of one, whose received values can be masked.
pub trait Mask {
    /// Masks every received value.
    fn mask(&mut self);
}

/// A received string.
impl Mask for String {
    fn mask(&mut self) {
        MASK.clone_into(self);
    }
}

/// A received value. Null stays: it tells that there is nothing. Names stay, and so does the length of a list.
impl Mask for Json {
    fn mask(&mut self) {
        match self {
            Self::Object(members) => members.values_mut().for_each(Mask::mask),
            Self::Array(items) => items.mask(),
            Self::Null => {}
            Self::Bool(_) | Self::Number(_) | Self::String(_) => *self = Self::from(MASK),
        }
    }
}

impl<T: Mask> Mask for Option<T> {
    fn mask(&mut self) {
        if let Some(value) = self {
            value.mask();
        }
    }
}

impl<T: Mask> Mask for Vec<T> {
    fn mask(&mut self) {
        self.iter_mut().for_each(Mask::mask);
    }
}

impl<T: Mask> Mask for Box<T> {
    fn mask(&mut self) {
        (**self).mask();
    }
}

impl<T: Mask> Mask for IndexMap<String, T> {
    fn mask(&mut self) {
        self.values_mut().for_each(Mask::mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // Fails when a number, a flag or a nested name is treated otherwise.
    #[test]
    fn values_that_came_in_are_masked_and_names_and_null_stay() {
        let mut value = json!({"id": "x", "age": 4, "list": [true, {"status": "y"}], "gone": null});
        value.mask();
        assert_eq!(value, json!({"id": "***", "age": "***", "list": ["***", {"status": "***"}], "gone": null}));
    }
}
