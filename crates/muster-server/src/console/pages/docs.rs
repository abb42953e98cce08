//! The API for people who read: every call and every document, made of the OpenAPI document. For anybody, like the document
//! itself; nothing on it is of this server but its version.

use super::super::components;
use super::super::layout::BareLayout;
use super::super::request_head::{THEMES, theme};
use super::super::response::{add_security_headers, as_html, plain};
use crate::manage::api_document::{ApiAnswer, ApiCall, ApiDocument, ApiSchema, MaybeSchema};
use askama::Template;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value as Json;
use std::sync::LazyLock;

#[derive(Template)]
#[template(path = "docs.html")]
struct Docs<'a> {
    layout: BareLayout,
    reference: &'a Reference,
}

/// What the page shows.
struct Reference {
    version: String,
    about: String,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
}

/// Calls that belong together.
struct Group {
    name: String,
    anchor: String,
    calls: Vec<Call>,
}

struct Call {
    id: String,
    method: String,
    path: String,
    summary: String,
    about: String,
    parameters: Vec<Member>,
    body: Vec<Kind>,
    answers: Vec<Answered>,
}

/// An answer of a call.
struct Answered {
    status: String,
    about: String,
    kinds: Vec<Kind>,
}

/// A document that calls take or answer.
struct Schema {
    name: String,
    about: String,
    kinds: Vec<Kind>,
    members: Vec<Member>,
}

/// A member of a document, or a parameter of a call.
struct Member {
    name: String,
    /// Where a parameter is sent; empty of a member.
    place: String,
    is_required: bool,
    kinds: Vec<Kind>,
    about: String,
}

/// One of the types that a value may have: words, and the document that they end with.
struct Kind {
    words: String,
    schema: String,
}

/// The page of each theme, rendered once: anybody may ask for it, and a stranger who reads slowly must not hold a copy for each
/// request.
static PAGES: LazyLock<Vec<(&'static str, Bytes)>> = LazyLock::new(|| {
    let document: Result<ApiDocument, _> = serde_json::from_str(crate::openapi());
    let reference = match document {
        Ok(document) => reference(&document),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document cannot be shown");
            return Vec::new();
        }
    };
    let page = |theme| {
        let page = Docs { layout: BareLayout { title: "API", theme }, reference: &reference };
        page.render().map(|text| (theme, Bytes::from(text)))
    };
    let pages: Result<Vec<_>, _> = THEMES.into_iter().map(page).collect();
    pages.unwrap_or_else(|error| {
        tracing::error!(%error, "the page of the API could not be rendered");
        Vec::new()
    })
});

/// Returns the page of a theme; None if the document cannot be shown.
fn page(theme: &str) -> Option<Bytes> {
    PAGES.iter().find(|(of, _)| *of == theme).map(|(_, page)| page.clone())
}

/// `GET /docs`.
pub(crate) async fn show(headers: HeaderMap) -> Response {
    add_security_headers(match page(theme(&headers)) {
        Some(page) => as_html(page),
        None => plain(StatusCode::INTERNAL_SERVER_ERROR, "the document cannot be shown: see /openapi.json"),
    })
}

fn reference(document: &ApiDocument) -> Reference {
    let group = |name: &str| {
        let all = document.paths.iter().flat_map(|(path, calls)| calls.iter().map(move |call| (path, call)));
        let own = all.filter(|(_, (_, call))| call.tags.iter().any(|tag| tag == name));
        Group {
            name: name.to_owned(),
            anchor: name.to_lowercase().replace(' ', "-"),
            calls: own.map(|(path, (method, it))| call(document, (method, path), it)).collect(),
        }
    };
    Reference {
        version: document.info.version.clone(),
        about: document.info.description.clone(),
        groups: document.tags.iter().map(|tag| group(&tag.name)).collect(),
        schemas: document.components.schemas.iter().map(|(name, it)| schema(name, it)).collect(),
    }
}

fn call(document: &ApiDocument, (method, path): (&str, &str), call: &ApiCall) -> Call {
    let parameters = call.parameters.iter().map(|it| Member {
        name: it.name.clone(),
        place: it.place.clone(),
        is_required: it.required,
        kinds: kinds(&it.schema, ""),
        about: it.description.clone(),
    });
    let body = call.request_body.iter().flat_map(|body| body.content.values()).next();
    Call {
        id: call.operation_id.clone(),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: call.summary.clone(),
        about: call.description.clone(),
        parameters: parameters.collect(),
        body: body.map(|media| kinds(&media.schema, "")).unwrap_or_default(),
        answers: call.responses.iter().map(|(status, it)| answer(document, status, it)).collect(),
    }
}

fn answer(document: &ApiDocument, status: &str, answer: &ApiAnswer) -> Answered {
    let name = answer.reference.as_deref().and_then(|reference| reference.rsplit('/').next());
    let answer = name.and_then(|name| document.components.responses.get(name)).unwrap_or(answer);
    let media = answer.content.values().next();
    Answered {
        status: status.to_owned(),
        about: answer.description.clone(),
        kinds: media.map(|media| kinds(&media.schema, "")).unwrap_or_default(),
    }
}

fn schema(name: &str, schema: &ApiSchema) -> Schema {
    let member = |(name, it): (&String, &ApiSchema)| Member {
        name: name.clone(),
        place: String::new(),
        is_required: schema.required.contains(name),
        kinds: kinds(it, ""),
        about: it.description.clone(),
    };
    Schema {
        name: name.to_owned(),
        about: schema.description.clone(),
        kinds: if schema.properties.is_empty() { kinds(schema, "") } else { Vec::new() },
        members: schema.properties.iter().map(member).collect(),
    }
}

/// Returns the types that a value may have, each with `before` in front.
fn kinds(schema: &ApiSchema, before: &str) -> Vec<Kind> {
    let plain = |words: &str| Kind { words: format!("{before}{words}"), schema: String::new() };
    if let Some(name) = schema.component() {
        return vec![Kind { words: before.to_owned(), schema: name.to_owned() }];
    }
    let several = schema.any_of.iter().chain(&schema.one_of);
    let mut out: Vec<Kind> = several.flat_map(|it| kinds(it, before)).collect();
    let words = schema.words.iter().chain(&schema.word);
    let words: Vec<String> = words.map(Json::to_string).collect();
    if !words.is_empty() {
        out.push(plain(&words.join(", ")));
    } else {
        out.extend(schema.kinds().iter().flat_map(|kind| of_kind(schema, kind, before)));
    }
    if out.is_empty() { vec![plain("any value")] } else { out }
}

/// Returns what a schema says of values of one type.
fn of_kind(schema: &ApiSchema, kind: &str, before: &str) -> Vec<Kind> {
    let inner = match kind {
        "array" => Some(("array of ", schema.items.as_ref())),
        "object" if schema.properties.is_empty() => Some(("object of ", schema.additional_properties.as_ref())),
        _ => None,
    };
    match inner {
        Some((words, Some(MaybeSchema::Schema(inner)))) => return kinds(inner, &format!("{before}{words}")),
        Some((words, Some(MaybeSchema::Any(true)))) => {
            return vec![Kind { words: format!("{before}{words}any value"), schema: String::new() }];
        }
        _ => {}
    }
    let format = schema.format.as_ref().map(|format| format!(" ({format})")).unwrap_or_default();
    let pattern = schema.pattern.as_ref().filter(|_| kind == "string").map(|it| format!(" {it}")).unwrap_or_default();
    vec![Kind { words: format!("{before}{kind}{format}{pattern}"), schema: String::new() }]
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a call or a document of the OpenAPI document is left out, or a link leads nowhere.
    #[test]
    fn every_call_and_every_document_is_on_the_page_and_every_link_has_its_place() {
        let document: ApiDocument = serde_json::from_str(crate::openapi()).expect("the types know all of the document");
        let reference = reference(&document);
        let calls: usize = reference.groups.iter().map(|group| group.calls.len()).sum();
        assert_eq!(calls, document.paths.values().map(indexmap::IndexMap::len).sum::<usize>());
        let names: Vec<&str> = reference.schemas.iter().map(|schema| &*schema.name).collect();
        assert_eq!(names, document.components.schemas.keys().collect::<Vec<_>>());
        let of_calls = reference.groups.iter().flat_map(|group| &group.calls).flat_map(|call| {
            let parameters = call.parameters.iter().flat_map(|it| &it.kinds);
            parameters.chain(&call.body).chain(call.answers.iter().flat_map(|it| &it.kinds))
        });
        let of_schemas = reference
            .schemas
            .iter()
            .flat_map(|schema| schema.kinds.iter().chain(schema.members.iter().flat_map(|it| &it.kinds)));
        for kind in of_calls.chain(of_schemas).filter(|kind| !kind.schema.is_empty()) {
            assert!(names.contains(&&*kind.schema), "{} is linked and not there", kind.schema);
        }
    }

    // Fails when `page` renders for each request, or a theme has no page.
    #[test]
    fn the_page_of_a_theme_is_rendered_once_for_all_who_ask() {
        for theme in THEMES {
            // Both are held: a copy must not be given the place of one that is gone.
            let (first, second) = (page(theme).expect("it has a page"), page(theme).expect("it has a page"));
            assert_eq!(first.as_ptr(), second.as_ptr(), "{theme}");
        }
    }
}
