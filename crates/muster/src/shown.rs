//! Text that came from elsewhere on its way to a terminal: what a terminal would obey, or would show in another order than
//! it is, is written as an escape.

/// Whether a terminal does more with it than to show it: controls beside line ends and tabs, and marks of direction.
fn is_obeyed(c: char) -> bool {
    let is_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_line = matches!(c, '\u{2028}' | '\u{2029}');
    is_direction || is_line || c.is_control() && !matches!(c, '\n' | '\t')
}

/// The text with escapes that also JSON reads.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            shown += &format!("\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `is_obeyed` knows the controls of ASCII alone, or no marks of direction.
    #[test]
    fn what_a_terminal_obeys_is_escaped_and_json_stays_what_it_says() {
        let name = "a\u{9b}31m\u{202e}gpj\u{2066}\u{85}\u{7f} \u{e9}\u{1f600}\n\tb";
        let json = serde_json::Value::from(name).to_string();
        let shown = plain(&json);
        assert!(!shown.chars().any(is_obeyed), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), name);
        assert_eq!(plain("\u{1b}[2J"), "\\u001b[2J");
    }
}
