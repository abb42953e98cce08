//! Numbers as people read them: counts with their nouns, sizes, durations.

/// A count as templates pass it: by value or by reference.
pub(crate) trait Count {
    /// Returns the count.
    fn number(self) -> u64;
}

impl Count for u64 {
    fn number(self) -> u64 {
        self
    }
}

impl<C: Count + Copy> Count for &C {
    fn number(self) -> u64 {
        (*self).number()
    }
}

impl Count for usize {
    fn number(self) -> u64 {
        self as u64
    }
}

/// Returns a count with thousands separators.
pub(crate) fn count(n: impl Count) -> String {
    let digits = n.number().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a count with its noun, in the singular or the plural.
pub(crate) fn count_noun(n: impl Count, noun: &str) -> String {
    let n = n.number();
    format!("{} {}", count(n), noun_for(n, noun))
}

/// Returns a noun in the number that a count needs.
pub(crate) fn noun_for(n: impl Count, noun: &str) -> String {
    if n.number() == 1 { noun.to_owned() } else { plural(noun) }
}

/// Returns the regular plural of a noun: "addresses", "entries", "keys", "users".
fn plural(noun: &str) -> String {
    const SIBILANTS: [&str; 4] = ["s", "x", "ch", "sh"];
    let is_vowel = |letter: char| "aeiou".contains(letter);
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(is_vowel) => format!("{stem}ies"),
        _ if SIBILANTS.iter().any(|end| noun.ends_with(end)) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// Returns a count with the name of an outcome.
pub(crate) fn count_outcome(n: impl Count, name: &str) -> String {
    format!("{} {name}", count(n))
}

/// Returns a size in bytes, in decimal units as the limits of the API have.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..=999 => format!("{n} B"),
        1_000..=999_999 => format!("{:.1} KB", n as f64 / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// Returns a duration, given in microseconds.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..=999_999 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}
