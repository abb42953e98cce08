//! JSON that is costly to read: doubled and unknown members, nesting, escapes, digits.

use super::super::case::Case;

/// Levels that a value of an attribute may have, given those around it (behaviour.md 1.6: 32).
const LEVELS: usize = 27;
const LENIENT: &str = "Prefer: handling=lenient\r\n";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::raw("json: one name repeatedly", |n| attributes(&join((0..n).map(|_| r#""a":1"#.to_owned()))))
            .headers(LENIENT),
        Case::raw("json: many names, then one of them again", |n| {
            attributes(&format!(r#"{},"0":2"#, join((0..n).map(|at| format!(r#""{at}":1"#)))))
        })
        .headers(LENIENT),
        Case::raw("json: attributes of one element", |n| attributes(&join((0..n).map(|at| format!(r#""a{at}":1"#))))),
        Case::raw("json: members of an object", |n| {
            attributes(&format!(r#""o":{{{}}}"#, join((0..n).map(|at| format!(r#""a{at}":1"#)))))
        }),
        Case::raw("json: items of an array", |n| {
            attributes(&format!(r#""o":[{}]"#, join((0..n).map(|at| at.to_string()))))
        }),
        Case::raw("json: digits", |n| attributes(&format!(r#""x":{}"#, "9".repeat(n)))).most(102_400),
        Case::raw("json: digits of a fraction", |n| attributes(&format!(r#""x":0.{}1"#, "0".repeat(n)))).most(102_400),
        Case::raw("json: digits of an exponent", |n| attributes(&format!(r#""x":1e{}"#, "9".repeat(n)))).most(102_400),
        Case::raw("json: digits of an identifier", |n| element(&format!(r#""customer_id":{}"#, "9".repeat(n))))
            .most(102_400)
            .headers(LENIENT),
        Case::raw("json: escapes", |n| attributes(&format!(r#""x":"{}""#, r"\u0041".repeat(n)))),
        Case::raw("json: characters", |n| attributes(&format!(r#""x":"{}""#, "a".repeat(n)))).most(102_400),
        Case::raw("json: combining marks of an identifier", |n| {
            element(&format!(r#""customer_id":"a{}""#, "\u{301}".repeat(n)))
        })
        .headers(LENIENT),
        Case::raw("json: unknown members of an element", |n| {
            element(&format!(r#""customer_id":"u",{}"#, join((0..n).map(|at| format!(r#""u{at}":1"#)))))
        }),
        Case::raw("json: unknown members of the envelope", |n| {
            let unknown = join((0..n).map(|at| format!(r#""u{at}":1"#)));
            format!(r#"{{"type":"transition",{unknown},"elements":[{{"type":"customer","customer_id":"u"}}]}}"#)
        }),
        Case::raw("json: deep values", |n| {
            let deep = format!("{}1{}", r#"{"a":"#.repeat(LEVELS), "}".repeat(LEVELS));
            attributes(&join((0..n).map(|at| format!(r#""a{at}":{deep}"#))))
        }),
        Case::raw("json: open brackets", |n| "[".repeat(n)).most(102_400),
        Case::raw("json: space", |n| format!("{}{{}}", " ".repeat(n))).most(102_398),
    ]
}

/// A body whose one element has these members beside its type.
fn element(members: &str) -> String {
    format!(r#"{{"type":"transition","elements":[{{"type":"customer",{members}}}]}}"#)
}

/// A body whose one element has these attributes.
fn attributes(members: &str) -> String {
    element(&format!(r#""customer_id":"u","attributes":{{{members}}}"#))
}

/// Parts with commas between them.
fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<String>>().join(",")
}
