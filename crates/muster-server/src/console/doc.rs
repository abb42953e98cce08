//! Reading the documents of the management API: what the pages show is what a client of that API gets, member by member,
//! already masked where it must be. A member that is not there reads as empty, so that a page never fails on one.

use serde_json::Value as Json;

/// What a page asks of a document.
pub(crate) trait Doc {
    /// A member that is text; empty if it is none.
    fn text(&self, name: &str) -> &str;
    /// The items of a member that is a list.
    fn list(&self, name: &str) -> &[Json];
    /// A member; null if it is not there.
    fn member(&self, name: &str) -> &Json;
    /// The members of a member that is an object, in their order.
    fn members(&self, name: &str) -> Vec<(&str, &Json)>;
    /// A member that is a count.
    fn count(&self, name: &str) -> u64;
    /// A member that is a flag.
    fn flag(&self, name: &str) -> bool;
    /// Whether the member is there and not null.
    fn has(&self, name: &str) -> bool;
}

const NOTHING: &Json = &Json::Null;

impl Doc for Json {
    fn text(&self, name: &str) -> &str {
        self.member(name).as_str().unwrap_or_default()
    }

    fn list(&self, name: &str) -> &[Json] {
        self.member(name).as_array().map_or(&[], Vec::as_slice)
    }

    fn member(&self, name: &str) -> &Json {
        self.get(name).unwrap_or(NOTHING)
    }

    fn members(&self, name: &str) -> Vec<(&str, &Json)> {
        let object = self.member(name).as_object();
        object.into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
    }

    fn count(&self, name: &str) -> u64 {
        self.member(name).as_u64().unwrap_or_default()
    }

    fn flag(&self, name: &str) -> bool {
        self.member(name).as_bool().unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        !self.member(name).is_null()
    }
}
