//! JSON as code: numbered lines, and a mark with a note under the line that a pointer names.

use super::{Html, escaped, is_hidden, put};
use serde_json::Value as Json;

/// One line of code: its text, and the pointer of its member.
struct Line {
    text: String,
    pointer: String,
}

/// Returns indented JSON for a text area; hidden characters are escaped, so that the form sends what is seen.
pub(crate) fn json_text(value: &Json) -> String {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut out = String::with_capacity(pretty.len());
    for letter in pretty.chars() {
        // Line breaks occur only between members: inside strings they are escaped already.
        if letter != '\n' && is_hidden(letter) {
            put(&mut out, format_args!("\\u{:04x}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out
}

/// JSON as numbered lines; each fault is noted under the line that its pointer (RFC 6901, below this value) names, or
/// under the nearest one above it.
pub(crate) fn json_code(value: &Json, faults: &[(String, String)], label: &str) -> Html {
    let mut lines = Vec::new();
    write(&mut lines, value, &JsonPosition { indent: 0, name: None, pointer: String::new(), ends: "" });
    let mut notes: Vec<Vec<&str>> = vec![Vec::new(); lines.len()];
    for (pointer, note) in faults {
        let fits = |line: &Line| pointer == &line.pointer || pointer.starts_with(&format!("{}/", line.pointer));
        let best =
            (0..lines.len()).filter(|n| fits(&lines[*n])).max_by_key(|n| (lines[*n].pointer.len(), usize::MAX - n));
        notes[best.unwrap_or(0)].push(note);
    }
    let mut out =
        format!("<pre class=\"code numbered\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><code>", escaped(label));
    for (line, notes) in lines.iter().zip(notes) {
        let hit = if notes.is_empty() { "" } else { " hit" };
        put(&mut out, format_args!("<span class=\"ln{hit}\">{}\n</span>", line.text));
        for note in notes {
            put(&mut out, format_args!("<span class=\"ln-note\">{}\n</span>", escaped(note)));
        }
    }
    out.push_str("</code></pre>");
    Html(out)
}

struct JsonPosition<'a> {
    indent: usize,
    name: Option<&'a str>,
    pointer: String,
    /// What follows it on its last line.
    ends: &'static str,
}

fn write(lines: &mut Vec<Line>, value: &Json, position: &JsonPosition<'_>) {
    let indent = "  ".repeat(position.indent);
    let name = position.name.map(|name| format!("<span class=\"k\">{}</span>: ", scalar(&Json::from(name))));
    let head = format!("{indent}{}", name.unwrap_or_default());
    let below = |pointer: &str| format!("{}/{}", position.pointer, pointer.replace('~', "~0").replace('/', "~1"));
    let push = |lines: &mut Vec<Line>, text: String| lines.push(Line { text, pointer: position.pointer.clone() });
    match value {
        Json::Object(members) if !members.is_empty() => {
            push(lines, format!("{head}{{"));
            for (at, (name, value)) in members.iter().enumerate() {
                let ends = if at + 1 < members.len() { "," } else { "" };
                write(
                    lines,
                    value,
                    &JsonPosition { indent: position.indent + 1, name: Some(name), pointer: below(name), ends },
                );
            }
            push(lines, format!("{indent}}}{}", position.ends));
        }
        Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            push(lines, format!("{head}["));
            for (at, value) in items.iter().enumerate() {
                let ends = if at + 1 < items.len() { "," } else { "" };
                let pointer = below(&at.to_string());
                write(lines, value, &JsonPosition { indent: position.indent + 1, name: None, pointer, ends });
            }
            push(lines, format!("{indent}]{}", position.ends));
        }
        value => push(lines, format!("{head}{}{}", scalar(value), position.ends)),
    }
}

/// A value on one line, with what is hidden told by its number.
fn scalar(value: &Json) -> String {
    let mut out = String::new();
    for letter in value.to_string().chars() {
        if is_hidden(letter) {
            put(&mut out, format_args!("<span class=\"tag warn\">U+{:04X}</span>", u32::from(letter)));
        } else {
            out.push_str(&escaped(letter.encode_utf8(&mut [0; 4])));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_is_noted_under_the_line_that_its_pointer_names_or_the_nearest_above() {
        let value = json!({"type": "event", "actions": [{"action": "<x>"}]});
        let faults =
            [("/actions/0/action".to_owned(), "Here".to_owned()), ("/customer_id".to_owned(), "Missing".to_owned())];
        let want = "<pre class=\"code numbered\" tabindex=\"0\" role=\"region\" aria-label=\"Element\"><code>\
            <span class=\"ln hit\">{\n</span><span class=\"ln-note\">Missing\n</span>\
            <span class=\"ln\">  <span class=\"k\">&quot;type&quot;</span>: &quot;event&quot;,\n</span>\
            <span class=\"ln\">  <span class=\"k\">&quot;actions&quot;</span>: [\n</span>\
            <span class=\"ln\">    {\n</span>\
            <span class=\"ln hit\">      <span class=\"k\">&quot;action&quot;</span>: &quot;&lt;x&gt;&quot;\n</span>\
            <span class=\"ln-note\">Here\n</span>\
            <span class=\"ln\">    }\n</span><span class=\"ln\">  ]\n</span><span class=\"ln\">}\n</span></code></pre>";
        assert_eq!(json_code(&value, &faults, "Element").as_str(), want);
    }

    #[test]
    fn hidden_characters_of_an_element_to_correct_are_escaped_and_means_the_same() {
        let value = json!({"a": "\u{202e}x\ny"});
        let text = json_text(&value);
        assert_eq!(text, "{\n  \"a\": \"\\u202ex\\ny\"\n}");
        assert_eq!(serde_json::from_str::<Json>(&text).expect("it is JSON"), value);
    }
}
