//! Reading JSON (RFC 8259) in one pass into a tree that borrows from the body and knows where each value stands.
//!
//! It is stricter and tells more than a general parser, which is why there is one of our own: nesting is bounded, numbers
//! stay text (so that one that overflows does not spoil the body), every value has its bytes, and doubled member names,
//! U+0000 and unpaired surrogates are noted with their place instead of being lost or spoiling all (behaviour.md 1.2).

mod parser;

use std::borrow::Cow;
use std::ops::Range;

/// A body that was read.
#[derive(Debug)]
pub struct Document<'a> {
    /// The outermost value.
    pub root: Node<'a>,
    /// What was noted in it.
    pub places: Places,
}

/// What is noted while reading, as places in the body.
#[derive(Debug, Default)]
pub struct Places {
    /// Of each object that has a member name twice, where the first such repetition stands; ascending.
    pub doubled: Vec<u32>,
    /// Where strings (names, too) with U+0000 stand; ascending.
    pub nuls: Vec<u32>,
    /// Where strings (names, too) with an escape of half a surrogate pair stand; ascending. It is read as U+FFFD.
    pub unpaired: Vec<u32>,
}

/// A value and its bytes in the body.
#[derive(Debug)]
pub struct Node<'a> {
    /// The value.
    pub json: Json<'a>,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

/// A value.
#[derive(Debug)]
pub enum Json<'a> {
    /// null.
    Null,
    /// true or false.
    Boolean(bool),
    /// The text of a number; [`number`] reads it.
    Number(&'a str),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    Array(Box<[Node<'a>]>),
    /// An object; a name may be there twice, see [`Places::doubled`].
    Object(Box<[Member<'a>]>),
}

/// A member of an object.
#[derive(Debug)]
pub struct Member<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Where the name stands in the body.
    pub at: u32,
    /// Its value.
    pub value: Node<'a>,
}

/// The body is not JSON, not UTF-8, or nested too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The byte from which on it cannot be read; the length of the body if it ends too early.
    pub offset: usize,
    /// A whole JSON document ends before it: what follows is too much.
    pub is_after_value: bool,
}

/// Reads a body.
///
/// # Errors
/// [`Malformed`]; also for a byte order mark and for bodies of 4 GiB and more.
pub fn parse(body: &[u8]) -> Result<Document<'_>, Malformed> {
    parser::document(text(body)?, None)
}

fn text(body: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(body).map_err(|error| Malformed { offset: error.valid_up_to(), is_after_value: false })
}

/// Reads a body and hands over the items of the array that is this member of the outermost object, each as soon as it
/// is read, with what was noted in it; so a long body is never in memory as one tree. In the document that is
/// returned nulls stand in the items' places, and their notes are left out. If the body turns out to be malformed, or
/// has the member twice, what was handed over is worth nothing.
///
/// # Errors
/// As [`parse`].
pub fn parse_items<'a>(
    body: &'a [u8],
    member: &str,
    to: &mut dyn FnMut(&Node<'a>, &Places),
) -> Result<Document<'a>, Malformed> {
    parser::document(text(body)?, Some(parser::Hand { member, to }))
}

impl<'a> Node<'a> {
    /// Its bytes in the body.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The first of these places ([`Places`]) that lies in it.
    pub fn first_of(&self, places: &[u32]) -> Option<u32> {
        let next = places.get(places.partition_point(|at| *at < self.start))?;
        (*next < self.end).then_some(*next)
    }

    /// A member by name; None also if this is no object. Null counts as a member.
    pub fn member(&self, name: &str) -> Option<&Node<'a>> {
        match &self.json {
            Json::Object(members) => members.iter().find(|m| m.name == name).map(|m| &m.value),
            _ => None,
        }
    }

    /// The members of an object. An empty array has none: languages without a type for objects, like PHP, write an empty
    /// object so (behaviour.md 1.2.a). None for anything else.
    pub fn members(&self) -> Option<&[Member<'a>]> {
        match &self.json {
            Json::Object(members) => Some(members),
            Json::Array(items) if items.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// A member by name that is not null.
    pub fn some(&self, name: &str) -> Option<&Node<'a>> {
        self.member(name).filter(|value| !matches!(value.json, Json::Null))
    }
}

/// What the text of a number comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer of 64 bits.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// An integer beyond 64 bits, as the nearest float.
    Rounded(f64),
    /// No number type holds it.
    Overflow,
}

/// Reads the text of a JSON number.
pub fn number(text: &str) -> Number {
    if let Ok(integer) = text.parse() {
        return Number::Integer(integer);
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() && is_integer(text) => Number::Rounded(float),
        Ok(float) if float.is_finite() => Number::Float(float),
        _ => Number::Overflow,
    }
}

/// Whether the text of a JSON number has neither fraction nor exponent.
pub fn is_integer(text: &str) -> bool {
    !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'))
}

/// Whether a text is a JSON number.
pub fn is_number(text: &str) -> bool {
    parser::number_len(text.as_bytes()) == Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_their_text_says() {
        for (text, want) in [
            ("0", Number::Integer(0)),
            ("-0", Number::Integer(0)),
            ("9223372036854775807", Number::Integer(i64::MAX)),
            ("9223372036854775808", Number::Rounded(9_223_372_036_854_775_808.0)),
            ("1.0", Number::Float(1.0)),
            ("1e2", Number::Float(100.0)),
            ("1e400", Number::Overflow),
            ("-1e400", Number::Overflow),
            ("1e-400", Number::Float(0.0)),
        ] {
            assert_eq!(number(text), want, "{text}");
        }
        assert_eq!(number(&"9".repeat(5_000)), Number::Overflow);
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        for body in [
            "",
            " ",
            "\u{feff}{}",
            "{",
            "}",
            "{}{}",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "-",
            "1.",
            ".5",
            "+1",
            "1e",
            "0x1",
            "NaN",
            "Infinity",
            "nul",
            "true1",
            "'a'",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "\"\t\"",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "\u{a0}1",
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(b"\"\xff\"").is_err(), "no UTF-8");
        assert!(parse(b"\"\xed\xa0\xbd\"").is_err(), "a surrogate as bytes");
        assert!(parse(deep(32).as_bytes()).is_ok());
        assert!(parse(deep(33).as_bytes()).is_err());
        assert!(parse("[".repeat(10_000).as_bytes()).is_err());
    }

    /// Fails when `goes_on` or `plain` leaves the place of what it did not take, or `document` does not say that a value
    /// ended.
    #[test]
    fn a_body_is_malformed_from_the_byte_on_that_cannot_be_read() {
        for (body, offset, is_after_value) in [
            ("", 0, false),
            ("[1,NaN]", 3, false),
            ("[1 2]", 3, false),
            ("{\"a\":1 \"b\":2}", 7, false),
            ("[\"\u{e4}\",\"a\tb\"]", 8, false),
            ("[\"ab\\x\"]", 4, false),
            ("{\"a\":[1,2", 9, false),
            ("\"abc", 4, false),
            ("{} {}", 3, true),
            ("[1]]", 3, true),
            ("\u{feff}{}", 0, false),
        ] {
            assert_eq!(parse(body.as_bytes()).err(), Some(Malformed { offset, is_after_value }), "{body}");
        }
        assert_eq!(parse(b"[\"\xc3\x28\"]").err(), Some(Malformed { offset: 2, is_after_value: false }));
    }

    /// Fails when `escape` takes what follows half a pair with it.
    #[test]
    fn half_a_surrogate_pair_is_noted_and_read_as_the_replacement_character() {
        let read = |body: &str| {
            let document = parse(body.as_bytes()).expect("it is JSON");
            let Json::Text(text) = document.root.json else { panic!("a text") };
            (text.into_owned(), document.places.unpaired)
        };
        for (body, want) in [
            ("\"\\ud83d\"", "\u{fffd}"),
            ("\"\\ude00\"", "\u{fffd}"),
            ("\"\\ud83dx\"", "\u{fffd}x"),
            ("\"\\ud83d\\u0041\"", "\u{fffd}A"),
            ("\"\\ud83d\\ud83d\\ude00\"", "\u{fffd}\u{1f600}"),
            ("\"\\ude00\\ud83d\\n\"", "\u{fffd}\u{fffd}\n"),
        ] {
            assert_eq!(read(body), (want.to_owned(), vec![0]), "{body}");
        }
        assert!(parse(b"\"\\ud83d\\u12\"").is_err(), "that is no escape at all");
    }

    #[test]
    fn doubled_names_and_nuls_are_noted_with_their_place() {
        let places = |body: &str| {
            let document = parse(body.as_bytes()).expect("it is JSON");
            (document.places.doubled, document.places.nuls)
        };
        assert_eq!(places(r#"{"a":1,"a":2}"#), (vec![7], vec![]));
        assert_eq!(places(r#"{"a":1,"\u0061":{"b":1,"b":1}}"#), (vec![7, 23], vec![]));
        assert_eq!(places(r#"["a\u0000",{"\u0000":1}]"#), (vec![], vec![1, 12]));
        let many: Vec<String> = (0..40).map(|n| format!("\"k{n}\":1")).collect();
        let body = format!("{{{},\"k7\":2}}", many.join(","));
        assert_eq!(places(&body).0, vec![u32::try_from(body.len() - 7).expect("it is short")]);
    }

    #[test]
    fn items_are_handed_over_with_what_is_noted_in_them() {
        let body = br#"{"a":[[1]],"items":[{"b":1,"b":2}, "\u0000" ,3],"a":{"items":[4]}}"#;
        let mut seen = Vec::new();
        let document = parse_items(body, "items", &mut |node, places| {
            seen.push((node.span(), places.doubled.clone(), places.nuls.clone()));
        });
        let document = document.expect("it is JSON");
        assert_eq!(seen, [(20..33, vec![27], vec![]), (35..43, vec![], vec![35]), (45..46, vec![], vec![])]);
        assert_eq!((document.places.doubled, document.places.nuls), (vec![48], vec![]));
        assert!(
            matches!(&document.root.member("items").expect("it is there").json, Json::Array(items) if items.len() == 3)
        );
    }

    #[test]
    fn escapes_are_undone() {
        let body = r#""\u00e9\ud83d\ude00\n\/\"\\ \b\f\r\t x""#;
        let document = parse(body.as_bytes()).expect("it is JSON");
        assert!(matches!(&document.root.json, Json::Text(t) if t == "é😀\n/\"\\ \u{8}\u{c}\r\t x"));
    }
}
