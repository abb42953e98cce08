//! Fuzz targets: functions that take any bytes and panic when something that must hold does not. Each checks a property,
//! not just that nothing panics. `fuzz_targets` hands them to libFuzzer (`cargo fuzz run NAME`, nightly); `cargo xtask fuzz`
//! runs them on the stable compiler as one of the checks, for which xtask includes this file as a module: a package of
//! another workspace would be neither linted nor tested with the others.
//!
//! There is no target for mapping documents: Muster has none yet.

mod cursors;
mod forwarded;
mod headers;
mod json_body;
mod server;
mod settings;
mod stored_records;

/// A target, as a runner sees it.
pub struct Target {
    /// Its name: of the function, of its corpus, of its file in `fuzz_targets`.
    pub name: &'static str,
    /// What runs one input.
    pub run: fn(&[u8]),
    /// Words that its inputs are made of, for mutations.
    pub words: &'static [&'static str],
    /// A folder of the checkout whose JSON files belong to its corpus, too.
    pub samples: Option<&'static str>,
}

/// Every target.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "json_body",
        run: json_body,
        words: json_body::WORDS,
        samples: Some("crates/muster-wire/tests/golden"),
    },
    Target { name: "headers", run: headers, words: headers::WORDS, samples: None },
    Target { name: "forwarded", run: forwarded, words: forwarded::WORDS, samples: None },
    Target { name: "cursors", run: cursors, words: cursors::WORDS, samples: None },
    Target { name: "stored_records", run: stored_records, words: &[], samples: None },
    Target { name: "settings", run: settings, words: settings::WORDS, samples: None },
];

/// Bodies of imports: see `json_body.rs`.
pub fn json_body(data: &[u8]) {
    json_body::check(data);
}

/// Headers of an import: see `headers.rs`.
pub fn headers(data: &[u8]) {
    headers::check(data);
}

/// `X-Forwarded-For`: see `forwarded.rs`.
pub fn forwarded(data: &[u8]) {
    forwarded::check(data);
}

/// Ids and cursors: see `cursors.rs`.
pub fn cursors(data: &[u8]) {
    cursors::check(data);
}

/// Rows as they are stored: see `stored_records.rs`.
pub fn stored_records(data: &[u8]) {
    stored_records::check(data);
}

/// Documents of settings, identity, tokens and workspaces: see `settings.rs`.
pub fn settings(data: &[u8]) {
    settings::check(data);
}
