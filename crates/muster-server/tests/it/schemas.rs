//! Every answer of the management API that any of these tests gets fits the OpenAPI document: it has a status that its call
//! documents, and its body is valid against the schema of that status.

use crate::mask::fixtures;
use crate::wire::Answer;
use crate::world::World;
use jsonschema::Validator;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

static DOCUMENT: LazyLock<Json> = LazyLock::new(|| {
    let mut document: Json = serde_json::from_str(muster_server::openapi()).unwrap();
    for (_, schema) in document["components"]["schemas"].as_object_mut().unwrap() {
        // Schemas that are made of types say what every member is: no other is there.
        let is_of_a_type = schema["description"].is_string() && schema["properties"].is_object();
        if is_of_a_type && schema["additionalProperties"].is_null() {
            schema["additionalProperties"] = json!(false);
        }
    }
    document
});

/// A call and a status.
type Key = (String, String, u16);

/// Validators, each made once; None where the document has no schema.
static VALIDATORS: LazyLock<Mutex<HashMap<Key, Option<Arc<Validator>>>>> = LazyLock::new(Mutex::default);

/// The template of a path that the document has; parts in braces stand for any.
fn template_of(method: &str, path: &str) -> Option<&'static str> {
    let fits = |template: &str| {
        let (known, parts): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        known.len() == parts.len()
            && known.iter().zip(parts).all(|(known, part)| known.starts_with('{') || *known == part)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let found = paths.filter(|(template, item)| fits(template) && !item[method.to_lowercase()].is_null());
    // The one with the fewest parts in braces: `/requests/live` is not a request.
    found.map(|(template, _)| template.as_str()).min_by_key(|template| template.matches('{').count())
}

fn resolved(node: &'static Json) -> &'static Json {
    match node["$ref"].as_str() {
        Some(pointer) => DOCUMENT.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => node,
    }
}

fn validator(method: &str, template: &'static str, status: u16) -> Option<Arc<Validator>> {
    let mut known = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (method.to_owned(), template.to_owned(), status);
    let made = known.entry(key).or_insert_with(|| {
        let call = &DOCUMENT["paths"][template][method.to_lowercase()];
        let answer = resolved(call["responses"].get(status.to_string())?);
        let schema = answer["content"].as_object()?.values().next()?["schema"].clone();
        let whole = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        Some(Arc::new(jsonschema::draft202012::new(&whole).unwrap()))
    });
    made.clone()
}

/// What a listener answers to a path that it does not have.
const NO_PATH: &[u8] = b"the management API has no such path";

/// Whether an answer of the management API is one that has a schema, and fits it; else what is wrong with it.
fn judge(method: &str, target: &str, answer: &Answer) -> Result<bool, String> {
    let path = target.split('?').next().unwrap();
    let method = if method == "HEAD" { "GET" } else { method };
    if !path.starts_with("/api/v1/") {
        return Ok(false);
    }
    let Some(template) = template_of(method, path) else { return Ok(false) };
    // The listener has no management API.
    if answer.status == 404 && answer.body.windows(NO_PATH.len()).any(|part| part == NO_PATH) {
        return Ok(false);
    }
    // Of a server that is broken, or a client that is too slow or sends too much: of every call.
    let is_of_every_call = [400, 403, 408, 413, 415, 500, 503].contains(&answer.status);
    let call = &DOCUMENT["paths"][template][method.to_lowercase()];
    let is_documented = !call["responses"][answer.status.to_string()].is_null();
    if !is_documented && !is_of_every_call {
        return Err(format!("{method} {template} answers {}, which it does not document", answer.status));
    }
    let Some(validator) = validator(method, template, answer.status) else { return Ok(false) };
    let Ok(body) = serde_json::from_slice::<Json>(&answer.body) else { return Ok(false) };
    let errors: Vec<String> = validator.iter_errors(&body).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    if errors.is_empty() {
        return Ok(true);
    }
    Err(format!("{method} {template} {}: {}", answer.status, errors.join("; ")))
}

/// Judges every answer that the tests get.
pub(crate) fn check(method: &str, target: &str, answer: &Answer) {
    if let Err(why) = judge(method, target, answer) {
        panic!("an answer is not what the OpenAPI document says: {why}\n{}", String::from_utf8_lossy(&answer.body));
    }
}

// Fails when a member of a document gets another type or name than its schema says, or a call without a schema is added.
#[test]
fn every_reading_call_answers_what_its_schema_says() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let fixtures = fixtures(&workspace);
    let mut unchecked = Vec::new();
    for (method, template) in muster_server::router::call_paths() {
        if method != "GET" || !template.starts_with("/api/") || template.ends_with("/live") {
            continue;
        }
        let mut path = template.to_owned();
        for (name, value) in &fixtures {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let answer = world.admin("GET", path.strip_prefix("/api/v1").unwrap(), &Json::Null);
        if judge("GET", &path, &answer) != Ok(true) {
            unchecked.push(template);
        }
    }
    assert_eq!(unchecked, Vec::<&str>::new());
}

// Fails when schemas are not asked, or a member that no schema has passes.
#[test]
fn an_answer_that_is_not_what_the_document_says_is_found() {
    let mut stats = json!({"users": 0, "events": 0, "devices": 0, "merges": 0, "requests": 0, "quarantined": 0});
    let judged = |status, body: &Json| {
        let answer = Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() };
        judge("GET", "/api/v1/workspaces/SHOP/stats?x=1", &answer)
            .map_err(|why| why.split(": ").next().unwrap().to_owned())
    };
    let wrong = || Err("GET /api/v1/workspaces/{workspace_id}/stats 200".to_owned());
    assert_eq!(judged(200, &stats), wrong(), "a member is missing");
    stats["reviews"] = json!(0);
    assert_eq!(judged(200, &stats), Ok(true));
    stats["new"] = json!(0);
    assert_eq!(judged(200, &stats), wrong(), "a member is not documented");
    let undocumented = "GET /api/v1/workspaces/{workspace_id}/stats answers 418, which it does not document";
    assert_eq!(judged(418, &stats), Err(undocumented.to_owned()));
}

#[test]
fn the_document_is_served_to_anybody() {
    let world = World::start();
    let answer = world.call("GET", "/openapi.json", &[], b"");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(String::from_utf8(answer.body).unwrap(), muster_server::openapi());
}
