//! Escapes text from outside before it reaches a terminal: control characters, which a terminal obeys, and marks of
//! direction, which change the order in which it is escaped.

/// Returns whether a character must be escaped: controls except line ends and tabs, and marks of direction.
fn needs_escape(c: char) -> bool {
    let is_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_line = matches!(c, '\u{2028}' | '\u{2029}');
    is_direction || is_line || c.is_control() && !matches!(c, '\n' | '\t')
}

/// Returns the text with escapes that JSON reads, too.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if needs_escape(c) {
            escaped += &format!("\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `needs_escape` knows the controls of ASCII alone, or no marks of direction.
    #[test]
    fn what_a_terminal_obeys_is_escaped_and_json_stays_what_it_says() {
        let name = "a\u{9b}31m\u{202e}gpj\u{2066}\u{85}\u{7f} \u{e9}\u{1f600}\n\tb";
        let json = serde_json::Value::from(name).to_string();
        let escaped = escape(&json);
        assert!(!escaped.chars().any(needs_escape), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), name);
        assert_eq!(escape("\u{1b}[2J"), "\\u001b[2J");
    }
}
