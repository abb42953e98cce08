//! Reading JSON (RFC 8259) in one pass into a tree that borrows from the body and knows where each value is.
//!
//! It is stricter and reports more than a general parser: nesting is bounded, numbers stay text (so that one that
//! overflows does not spoil the body), every value knows its bytes, and doubled member names, U+0000 and unpaired
//! surrogates are noted with their place instead of being lost or making the whole body unusable (behaviour.md 1.2).

mod number;
mod parser;
mod tree;

pub use number::{Number, is_integer, is_number, number};
pub use parser::{parse, parse_items};
pub use tree::{Document, Json, JsonMember, Malformed, Node, NotedPlaces};

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

    /// Fails when `has_next` or `plain` leaves the place of what it did not take, or `document` does not say that a value
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
            let Json::Text(text) = document.root.json else { panic!("a string") };
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
        assert!(parse(b"\"\\ud83d\\u12\"").is_err(), "that is not an escape");
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
