//! The documented envelope, written by hand: `{"status":"fail","error":{...}}`, and in it `errors` with all faults of
//! the elements (FACTS 1.4, behaviour.md 1.2).

use crate::write;

/// Opens the member `error`, up to where `request_id` follows.
pub(in crate::data) fn open_error(out: &mut Vec<u8>, kind: &str, message: &str, attribute: Option<&str>) {
    out.extend_from_slice(b"\"error\":{");
    if let Some(attribute) = attribute {
        out.extend_from_slice(b"\"attribute\":");
        write::string(out, attribute);
        out.push(b',');
    }
    out.extend_from_slice(b"\"message\":");
    write::string(out, message);
    out.extend_from_slice(b",\"type\":");
    write::string(out, kind);
}

/// Writes attribute, type and message of an entry of `errors`.
pub(in crate::data) fn write_description(out: &mut Vec<u8>, kind: &str, message: &str, attribute: Option<&str>) {
    out.extend_from_slice(b"\"attribute\":");
    match attribute {
        Some(attribute) => write::string(out, attribute),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"type\":");
    write::string(out, kind);
    out.extend_from_slice(b",\"message\":");
    write::string(out, message);
}

/// Further members of an entry of `errors`: the place of malformed JSON, and a hint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::data) struct More<'a> {
    /// Line, column and offset.
    pub(in crate::data) place: Option<[usize; 3]>,
    pub(in crate::data) hint: Option<&'a str>,
}

const PLACE_NAMES: [&str; 3] = ["line", "column", "offset"];

impl<'a> More<'a> {
    /// Writes the members, each with a comma before it.
    pub(in crate::data) fn write(&self, out: &mut Vec<u8>) {
        for (name, number) in PLACE_NAMES.into_iter().zip(self.place.into_iter().flatten()) {
            write::raw(out, format_args!(",\"{name}\":{number}"));
        }
        if let Some(hint) = self.hint {
            out.extend_from_slice(b",\"hint\":");
            write::string(out, hint);
        }
    }

    /// The same as the log stores it: up to two more lines, none of them empty at the end.
    pub(in crate::data) fn lines(&self) -> String {
        let place = self.place.map_or_else(String::new, |place| place.map(|number| number.to_string()).join(" "));
        match self.hint {
            Some(hint) => format!("\n{place}\n{hint}"),
            None if place.is_empty() => place,
            None => format!("\n{place}"),
        }
    }

    /// Reads what [`Self::lines`] wrote, after the lines of type and text.
    pub(in crate::data) fn parse(detail: &'a str) -> Self {
        let mut lines = detail.splitn(4, '\n').skip(2);
        let place = lines.next().and_then(|line| {
            let mut numbers = line.split(' ').map(|number| number.parse().ok());
            Some([numbers.next()??, numbers.next()??, numbers.next()??])
        });
        Self { place, hint: lines.next() }
    }
}
