//! The OpenAPI document as types, for the page that shows it: the parts of OpenAPI 3.1 and of JSON Schema that it uses.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value as Json;

/// The document.
#[derive(Debug, Deserialize)]
pub(crate) struct ApiDocument {
    pub(crate) info: ApiInfo,
    /// Calls by path and by method in lower case.
    pub(crate) paths: IndexMap<String, IndexMap<String, ApiCall>>,
    pub(crate) components: ApiComponents,
    /// The groups of calls, in order.
    pub(crate) tags: Vec<ApiTag>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ApiInfo {
    pub(crate) version: String,
    pub(crate) description: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ApiTag {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ApiComponents {
    pub(crate) schemas: IndexMap<String, ApiSchema>,
    pub(crate) responses: IndexMap<String, ApiAnswer>,
}

/// One call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiCall {
    pub(crate) operation_id: String,
    pub(crate) tags: Vec<String>,
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) parameters: Vec<ApiParameter>,
    pub(crate) request_body: Option<ApiContent>,
    /// Answers by status.
    pub(crate) responses: IndexMap<String, ApiAnswer>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ApiParameter {
    pub(crate) name: String,
    #[serde(rename = "in")]
    pub(crate) place: String,
    pub(crate) schema: ApiSchema,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) required: bool,
}

/// Bodies by media type.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ApiContent {
    #[serde(default)]
    pub(crate) content: IndexMap<String, ApiMedia>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ApiMedia {
    #[serde(default)]
    pub(crate) schema: ApiSchema,
}

/// An answer, or a reference to one of the components.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ApiAnswer {
    #[serde(rename = "$ref")]
    pub(crate) reference: Option<String>,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) content: IndexMap<String, ApiMedia>,
}

/// A schema.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ApiSchema {
    #[serde(rename = "$ref")]
    pub(crate) reference: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kinds: OneOrMany,
    pub(crate) format: Option<String>,
    pub(crate) pattern: Option<String>,
    #[serde(rename = "enum")]
    pub(crate) words: Vec<Json>,
    #[serde(rename = "const")]
    pub(crate) word: Option<Json>,
    pub(crate) description: String,
    pub(crate) properties: IndexMap<String, ApiSchema>,
    pub(crate) required: Vec<String>,
    pub(crate) items: Option<MaybeSchema>,
    pub(crate) additional_properties: Option<MaybeSchema>,
    pub(crate) any_of: Vec<ApiSchema>,
    pub(crate) one_of: Vec<ApiSchema>,
}

/// The types that a value may have.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// A schema; `true` and `false` are schemas, too.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum MaybeSchema {
    Any(bool),
    Schema(Box<ApiSchema>),
}

impl ApiSchema {
    /// Returns the name of the component that it refers to.
    pub(crate) fn component(&self) -> Option<&str> {
        self.reference.as_deref()?.rsplit('/').next()
    }

    /// Returns the types that a value may have, in order.
    pub(crate) fn kinds(&self) -> &[String] {
        match &self.kinds {
            OneOrMany::One(kind) => std::slice::from_ref(kind),
            OneOrMany::Many(kinds) => kinds,
        }
    }
}
