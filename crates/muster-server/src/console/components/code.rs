//! JSON as code: numbered lines, and a mark with a note under the line that a pointer names.

use super::markup::{Html, render};
use super::text::{is_hidden, visible};
use askama::Template;
use serde_json::Value as Json;

/// One line of code, and the pointer of its member.
struct Line {
    indent: String,
    /// The name of the member, as JSON.
    name: Option<Html>,
    text: Html,
    pointer: String,
    /// Notes about faults on this line.
    notes: Vec<String>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<pre class="code numbered" tabindex="0" role="region" aria-label="{{ label }}"><code>{% for line in lines %}<span class="ln{% if !line.notes.is_empty() %} hit{% endif %}">{{ line.indent }}{% if let Some(name) = line.name %}<span class="k">{{ name }}</span>: {% endif %}{{ line.text }}
</span>{% for note in line.notes %}<span class="ln-note">{{ note }}
</span>{% endfor %}{% endfor %}</code></pre>"#
)]
struct Code<'a> {
    label: &'a str,
    lines: Vec<Line>,
}

/// Returns indented JSON for a textarea; hidden characters are escaped, so that the form sends what is seen.
pub(crate) fn json_text(value: &Json) -> String {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut out = String::with_capacity(pretty.len());
    for letter in pretty.chars() {
        // Line breaks occur only between members: inside strings they are escaped already.
        if letter != '\n' && is_hidden(letter) {
            out += &format!("\\u{:04x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

/// Renders JSON as numbered lines; each fault is noted under the line that its pointer (RFC 6901, below this value) names,
/// or under the nearest one above it.
pub(crate) fn json_code(value: &Json, faults: &[(String, String)], label: &str) -> Html {
    let mut lines = Vec::new();
    write(&mut lines, value, &JsonPosition { indent: 0, name: None, pointer: String::new(), ends: "" });
    for (pointer, note) in faults {
        let fits = |line: &Line| pointer == &line.pointer || pointer.starts_with(&format!("{}/", line.pointer));
        let best =
            (0..lines.len()).filter(|n| fits(&lines[*n])).max_by_key(|n| (lines[*n].pointer.len(), usize::MAX - n));
        lines[best.unwrap_or(0)].notes.push(note.clone());
    }
    render(&Code { label, lines })
}

struct JsonPosition<'a> {
    indent: usize,
    name: Option<&'a str>,
    pointer: String,
    /// What follows it on its last line.
    ends: &'static str,
}

fn write(lines: &mut Vec<Line>, value: &Json, position: &JsonPosition<'_>) {
    let below = |pointer: &str| format!("{}/{}", position.pointer, pointer.replace('~', "~0").replace('/', "~1"));
    let inner = |name, pointer, is_last: bool| JsonPosition {
        indent: position.indent + 1,
        name,
        pointer,
        ends: if is_last { "" } else { "," },
    };
    match value {
        Json::Object(members) if !members.is_empty() => {
            lines.push(position.line("{", true));
            for (at, (name, value)) in members.iter().enumerate() {
                write(lines, value, &inner(Some(name.as_str()), below(name), at + 1 == members.len()));
            }
            lines.push(position.line(&format!("}}{}", position.ends), false));
        }
        Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            lines.push(position.line("[", true));
            for (at, value) in items.iter().enumerate() {
                write(lines, value, &inner(None, below(&at.to_string()), at + 1 == items.len()));
            }
            lines.push(position.line(&format!("]{}", position.ends), false));
        }
        value => lines.push(position.line(&format!("{value}{}", position.ends), true)),
    }
}

impl JsonPosition<'_> {
    /// Returns a line at this position, with the name of the member if `is_first`.
    fn line(&self, text: &str, is_first: bool) -> Line {
        let name = self.name.filter(|_| is_first).map(|name| visible(&Json::from(name).to_string(), usize::MAX));
        Line {
            indent: "  ".repeat(self.indent),
            name,
            text: visible(text, usize::MAX),
            pointer: self.pointer.clone(),
            notes: Vec::new(),
        }
    }
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
            <span class=\"ln\">  <span class=\"k\">&#34;type&#34;</span>: &#34;event&#34;,\n</span>\
            <span class=\"ln\">  <span class=\"k\">&#34;actions&#34;</span>: [\n</span>\
            <span class=\"ln\">    {\n</span>\
            <span class=\"ln hit\">      <span class=\"k\">&#34;action&#34;</span>: &#34;&#60;x&#62;&#34;\n</span>\
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
