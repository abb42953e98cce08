//! Bodies of the management API: JSON objects whose unknown members are errors that name the nearest known one.

use super::problem::Problem;
use serde_json::{Map, Value as Json};

/// Reads a body that must be an object; an empty body is an empty object.
///
/// # Errors
/// 400 if it is not a JSON object.
pub fn object(bytes: &[u8]) -> Result<Map<String, Json>, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::at("", "the body must be a JSON object")),
        Err(e) => Err(Problem::at(
            "",
            format!("the body is not valid JSON: error at line {} column {}", e.line(), e.column()),
        )),
    }
}

/// Refuses members that are not known; `at` is the pointer of the object.
///
/// # Errors
/// 400 with the pointer of the unknown member and the nearest known name.
pub fn only_known(members: &Map<String, Json>, at: &str, known: &[&str]) -> Result<(), Problem> {
    let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let nearest =
        known.iter().max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)));
    let escaped = unknown.replace('~', "~0").replace('/', "~1");
    let hint = nearest.map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default();
    Err(Problem::at(format!("{at}/{escaped}"), format!("unknown member{hint}")))
}

/// A member that must be a boolean.
///
/// # Errors
/// 400 with its pointer.
pub fn boolean(value: &Json, at: &str) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| Problem::at(at, "must be true or false"))
}

/// A member that must be a whole number within bounds.
///
/// # Errors
/// 400 with its pointer.
pub fn whole_number(value: &Json, at: &str, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, Problem> {
    let number = value.as_u64().filter(|n| bounds.contains(n));
    number.ok_or_else(|| Problem::at(at, format!("must be a whole number from {} to {}", bounds.start(), bounds.end())))
}

/// A member that must be text.
///
/// # Errors
/// 400 with its pointer.
pub fn text<'a>(value: &'a Json, at: &str) -> Result<&'a str, Problem> {
    value.as_str().ok_or_else(|| Problem::at(at, "must be a string"))
}
