//! The OpenAPI document: made of the route table and the types of its calls, with the parts that are written by hand (the
//! Data API, and calls whose types are not there yet) from `openapi/by_hand.json`. A test keeps the whole in
//! `openapi.json`, so that a change of a route or of a type shows what it does to clients.

use super::description::CallDescription;
use super::routes::routes;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Returns the OpenAPI 3.1 document of every call that exists, as JSON. Made once.
pub fn openapi() -> &'static str {
    static MADE: LazyLock<String> = LazyLock::new(|| {
        let mut text = serde_json::to_string_pretty(&document()).expect("a JSON tree can be written");
        text.push('\n');
        text
    });
    &MADE
}

fn document() -> Json {
    let by_hand = include_str!("openapi/by_hand.json");
    let mut document: Json = serde_json::from_str(by_hand).expect("the file is JSON: a test reads it");
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    // What an answer always has is required.
    let mut generator = settings.for_serialize().into_generator();
    for route in routes() {
        let Some(describe) = route.describe else { continue };
        let mut call = CallDescription::new(&mut generator);
        describe(&mut call);
        call.problems(route.problems);
        let operation = call.operation(route.operation_id, route.summary, route.scope);
        document["paths"][route.path][route.method.to_lowercase()] = operation;
    }
    let schemas = generator.take_definitions(true);
    let all = document["components"]["schemas"].as_object_mut().expect("the file has schemas");
    for (name, schema) in schemas {
        let earlier = all.insert(name.clone(), schema);
        assert!(earlier.is_none(), "the schema {name} is there twice");
    }
    in_order(&mut document);
    document
}

/// Puts paths, the calls of each, and schemas in order of name, so that a change of the document shows where it is.
fn in_order(document: &mut Json) {
    let sorted = |members: &mut Json| {
        if let Json::Object(map) = members {
            let of_old = std::mem::take(map);
            let by_name: BTreeMap<String, Json> = of_old.into_iter().collect();
            *map = by_name.into_iter().collect::<Map<String, Json>>();
        }
    };
    sorted(&mut document["components"]["schemas"]);
    if let Json::Object(paths) = &mut document["paths"] {
        paths.values_mut().for_each(sorted);
    }
    sorted(&mut document["paths"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    // MUSTER_BLESS=1 writes the file. Fails when the file was not written after a change of a route or of a type.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "an environment variable asks for the file to be written")]
    fn the_document_is_the_one_that_the_file_keeps() {
        let made = openapi();
        if std::env::var_os("MUSTER_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/openapi.json");
            std::fs::write(path, made).expect("the sources can be written");
            return;
        }
        let kept = include_str!("../openapi.json");
        assert!(made == kept, "openapi.json is not what the routes make: run the test with MUSTER_BLESS=1");
    }
}
