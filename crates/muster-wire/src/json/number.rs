//! Numbers of JSON: their length and their value.

/// Value of a number.
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

/// Whether a string is a JSON number.
pub fn is_number(text: &str) -> bool {
    number_len(text.as_bytes()) == Some(text.len())
}

/// Returns the length of the number at the start of the bytes; None if there is none.
pub(super) fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}
