//! The description of one call in the OpenAPI document, as its arguments and its answer fill it.

use crate::callers::TokenScope;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A parameter of a call.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    name: &'static str,
    meaning: &'static str,
    schema: Schema,
}

impl Parameter {
    /// Returns a parameter.
    pub(crate) fn new(name: &'static str, meaning: &'static str, schema: Schema) -> Self {
        Self { name, meaning, schema }
    }

    /// Returns a parameter that is any text.
    pub(crate) fn text(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, meaning, json_schema!({"type": "string"}))
    }

    fn json(&self, place: &str) -> Json {
        let mut out = json!({"name": self.name, "in": place, "schema": self.schema, "description": self.meaning});
        if place == "path" {
            out["required"] = json!(true);
        }
        out
    }
}

/// What is known of one call: its parameters, its body, its answers.
pub(crate) struct CallDescription<'g> {
    generator: &'g mut SchemaGenerator,
    parameters: Vec<Json>,
    body: Option<Schema>,
    answers: BTreeMap<u16, Json>,
    problems: BTreeSet<u16>,
}

impl<'g> CallDescription<'g> {
    /// Begins the description of a call; `generator` collects the schemas that it names.
    pub(crate) fn new(generator: &'g mut SchemaGenerator) -> Self {
        // No token, a token that may not, a server that cannot: of every call.
        let problems = BTreeSet::from([401, 403, 503]);
        Self { generator, parameters: Vec::new(), body: None, answers: BTreeMap::new(), problems }
    }

    /// Adds an id of the path.
    pub(crate) fn path(&mut self, name: &'static str, meaning: &'static str, schema: Schema) {
        self.parameters.push(Parameter::new(name, meaning, schema).json("path"));
    }

    /// Adds the workspace of the path.
    pub(crate) fn workspace(&mut self) {
        self.path("workspace_id", "The workspace", json_schema!({"type": "string"}));
        self.problems(&[404]);
    }

    /// Adds a parameter of the query string.
    pub(crate) fn query(&mut self, parameter: Parameter) {
        self.parameters.push(parameter.json("query"));
        self.problems(&[400]);
    }

    /// Adds the body.
    pub(crate) fn body<T: JsonSchema>(&mut self) {
        self.body = Some(self.generator.subschema_for::<T>());
    }

    /// Adds an answer that is a document.
    pub(crate) fn answer<T: JsonSchema>(&mut self, status: u16) {
        let schema = self.generator.subschema_for::<T>();
        let content = json!({"application/json": {"schema": schema}});
        self.answers.insert(status, json!({"description": meaning_of::<T>(), "content": content}));
    }

    /// Adds the header `ETag` to an answer.
    pub(crate) fn tagged(&mut self, status: u16) {
        if let Some(answer) = self.answers.get_mut(&status) {
            answer["headers"] =
                json!({"ETag": {"schema": {"type": "string"}, "description": "The revision of the settings"}});
        }
    }

    /// Adds a header that the call takes.
    pub(crate) fn header(&mut self, parameter: Parameter) {
        self.parameters.push(parameter.json("header"));
    }

    /// Adds an answer without a body.
    pub(crate) fn empty_answer(&mut self, status: u16, meaning: &str) {
        self.answers.insert(status, json!({"description": meaning}));
    }

    /// Adds problems that the call may answer.
    pub(crate) fn problems(&mut self, statuses: &[u16]) {
        self.problems.extend(statuses);
    }

    /// Returns the operation object of the call.
    pub(crate) fn operation(self, operation_id: &str, summary: &str, scope: TokenScope) -> Json {
        let mut out = json!({
            "operationId": operation_id,
            "tags": ["Management API"],
            "summary": summary,
            "description": format!("Needs the scope `{}`.", scope.name()),
            "security": [{"bearer": []}],
        });
        let mut parameters = self.parameters;
        // Ids and filters first: every list ends with its pages.
        parameters.sort_by_key(|parameter| match parameter["name"].as_str() {
            Some("limit") => 1,
            Some("cursor") => 2,
            _ => 0,
        });
        if !parameters.is_empty() {
            out["parameters"] = Json::from(parameters);
        }
        if let Some(body) = self.body {
            out["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": body}}});
        }
        let mut answers: BTreeMap<u16, Json> = self.answers;
        for status in self.problems {
            answers.entry(status).or_insert_with(|| json!({"$ref": "#/components/responses/Problem"}));
        }
        out["responses"] = answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
        out
    }
}

/// Returns what the documentation of a type says of it.
fn meaning_of<T: JsonSchema>() -> String {
    let schema = SchemaGenerator::default().into_root_schema_for::<T>();
    let meaning = schema.get("description").and_then(Json::as_str).unwrap_or("The answer");
    meaning.split('\n').next().unwrap_or_default().to_owned()
}
