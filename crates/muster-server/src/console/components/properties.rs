//! What holds of the components for any string: nothing of it is markup. `proptest` tries random strings.

use super::{clipped, json_code, key, phrase, words};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Strings of characters that HTML gives a meaning, ends of references, hidden characters, and any others.
fn strings() -> impl Strategy<Value = String> {
    let marks = [
        "<", ">", "\"", "'", "&", ";", "/", "=", " ", "\n", "\0", "\u{202e}", "\u{feff}", "`", "&lt;", "&amp;", "#39;",
    ];
    let part =
        prop_oneof![prop::sample::select(marks.to_vec()).prop_map(str::to_owned), any::<char>().prop_map(String::from)];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// Returns the markup without the tags of the component itself; what is left is from outside.
fn without(markup: &str, own: &[&str]) -> String {
    own.iter().fold(markup.to_owned(), |text, tag| text.replace(tag, ""))
}

fn is_plain(text: &str) -> bool {
    !text.contains(['<', '>', '"', '\''])
}

/// As a browser reads it.
fn read(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

const HIDDEN: [&str; 2] = ["<span class=\"tag warn\">", "</span>"];

proptest! {
    // Fails when the template of `words` has the filter `safe`.
    #[test]
    fn escaped_text_holds_no_markup_and_is_read_as_it_came(text in strings()) {
        let out = words(&text);
        prop_assert!(is_plain(out.as_str()), "{out}");
        prop_assert_eq!(read(out.as_str()), text);
    }

    // Fails when the template of `visible` has the filter `safe`.
    #[test]
    fn shown_text_is_never_markup(text in strings()) {
        let out = phrase(&text);
        let inside = out.as_str().strip_prefix("<bdi>").and_then(|it| it.strip_suffix("</bdi>"));
        let left = without(inside.expect("one phrase"), &HIDDEN);
        prop_assert!(is_plain(&left), "{out}");
    }

    // Fails when the template of `clipped` has the filter `safe` for its title.
    #[test]
    fn clipped_text_is_neither_markup_nor_ends_its_title(text in strings()) {
        let out = clipped(&text);
        let inside = out.as_str().strip_prefix("<bdi class=\"clip\" title=\"").and_then(|it| it.strip_suffix("</bdi>"));
        let (title, words) = inside.and_then(|it| it.split_once("\">")).expect("one phrase with a title");
        prop_assert!(is_plain(title) && is_plain(&without(words, &HIDDEN)), "{out}");
    }

    // Fails when the template of `copy` has the filter `safe` for its value.
    #[test]
    fn a_key_with_its_copy_button_holds_no_tag_of_its_kind_or_value(kind in strings(), value in strings()) {
        let (out, empty) = (key(&kind, &value), key("", ""));
        let count = |text: &str, of: char| text.matches(of).count();
        let told = count(out.as_str(), '<') - 2 * out.as_str().matches(HIDDEN[0]).count();
        prop_assert_eq!(told, count(empty.as_str(), '<'));
        let quotes = count(out.as_str(), '"') - 2 * out.as_str().matches(HIDDEN[0]).count();
        prop_assert_eq!(quotes, count(empty.as_str(), '"'));
    }

    // Fails when the template of `json_code` has the filter `safe` for a note or its label.
    #[test]
    fn json_as_code_holds_no_markup_of_names_values_notes_or_label(name in strings(), value in strings(), note in strings()) {
        let json: Json = json!({&name: &value, "a": [{&name: [&value]}], "b": 1});
        let out = json_code(&json, &[(format!("/{name}"), note.clone()), (String::new(), note.clone())], &note);
        let rest = out.as_str().strip_prefix("<pre class=\"code numbered\" tabindex=\"0\" role=\"region\" aria-label=\"");
        let (label, rest) = rest.and_then(|it| it.split_once("\"><code>")).expect("a label");
        let own = ["<span class=\"ln\">", "<span class=\"ln hit\">", "<span class=\"ln-note\">", "<span class=\"k\">",
            "</code></pre>", HIDDEN[0], HIDDEN[1]];
        prop_assert!(is_plain(label) && is_plain(&without(rest, &own)), "{out}");
    }
}
