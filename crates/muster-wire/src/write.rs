//! Writes JSON into bytes by hand: for answers on the hot path, and for values that must be written exactly as
//! received.

use std::fmt::Display;
use std::io::Write;

/// Writes a JSON string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            12 => b'f',
            0..=31 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// Writes something whose text needs no quotes: a number.
pub(crate) fn raw(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "{value}").expect("writing to memory does not fail");
}

/// Writes something whose text is a JSON string without escapes: an id, a time.
pub(crate) fn quoted(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "\"{value}\"").expect("writing to memory does not fail");
}

/// Writes an array, one call for each item.
pub(crate) fn array<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_are_escaped_as_the_grammar_asks() {
        let text: String = (0..=127u8).map(char::from).chain(['é', '😀']).collect();
        let mut out = Vec::new();
        super::string(&mut out, &text);
        assert_eq!(serde_json::from_slice::<String>(&out).expect("it is JSON"), text);
        assert_eq!(out.len(), muster_core::value::text_json_bytes(&text));
    }
}
