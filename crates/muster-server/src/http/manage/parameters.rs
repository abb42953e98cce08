//! Which parameters each call takes in its query string: those that the OpenAPI document lists, so that a misspelled filter
//! is a refusal and not an answer to another question.

use muster_wire::manage::problem::Problem;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The names of a route's parameters, by method and template.
static TAKEN: LazyLock<HashMap<(String, String), Vec<String>>> = LazyLock::new(|| {
    let document: Json = serde_json::from_str(crate::openapi()).expect("the document is JSON: a test reads it");
    let mut taken = HashMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, call) in item.as_object().into_iter().flatten() {
            let all = call["parameters"].as_array().into_iter().flatten();
            let in_query = all.filter(|parameter| parameter["in"] == "query");
            let names = in_query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect();
            taken.insert((method.to_uppercase(), path.clone()), names);
        }
    }
    taken
});

/// Personal data, which a call refuses itself and says where it is taken instead.
const REFUSED_BY_CALLS: &str = "origin_address";

/// Judges the parameters of a call.
///
/// # Errors
/// 400 with the parameters that it takes.
pub(super) fn check((method, template): (&str, &str), query: &[(String, String)]) -> Result<(), Problem> {
    if query.is_empty() {
        return Ok(());
    }
    let method = if method == "HEAD" { "GET" } else { method };
    let taken = TAKEN.get(&(method.to_owned(), template.to_owned())).map_or(&[][..], Vec::as_slice);
    let is_known = |name: &String| taken.contains(name) || (name == REFUSED_BY_CALLS && template.contains("/requests"));
    if query.iter().all(|(name, _)| is_known(name)) {
        return Ok(());
    }
    let words = match taken {
        [] => "this call accepts no query parameters".to_owned(),
        _ => format!("unknown query parameter; this call accepts {}", taken.join(", ")),
    };
    Err(Problem::new(400, words))
}
