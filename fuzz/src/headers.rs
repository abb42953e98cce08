//! Headers of an import. Whatever they are, the answer is JSON in the documented envelope, no 500, and short; it is a success
//! only if the key was right. A head that two servers may read in two ways is a 400 without a body.

use super::server::{Ask, Asked, CREDENTIALS, FuzzWorkspace};

#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "\n", ": ", ";", ",", "=", "\"", "authorization", "Basic REVNTzpkZW1vLWtleQ==", "Basic ", "Bearer ", "REVNTzo=",
    "content-type", "application/json", "charset=utf-8", "content-encoding", "gzip", "zstd", "identity", "br",
    "content-length", "0", "18446744073709551615", "transfer-encoding", "chunked", "expect", "100-continue", "prefer",
    "return=representation", "handling=lenient", "handling=strict", "idempotency-key", "moe-appkey", "DEMO", "host",
    "x-forwarded-for", "203.0.113.7", "[2001:db8::7]:443", "x-forwarded-proto", "https", "sec-fetch-site", "accept",
    "user-agent", "connection", "upgrade", "te", "range",
];

/// The longest answer to this one element: results, warnings of every header, and the budget.
const ANSWER_BYTES_MAX: usize = 4_096;

const BODY: &str = r#"{"type":"transition","elements":[{"type":"customer","customer_id":"c"}]}"#;

static SERVER: FuzzWorkspace = FuzzWorkspace::empty();

/// An input is the headers, each on a line.
pub(super) fn check(data: &[u8]) {
    let headers = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(header).collect();
    let asked = Asked { method: "POST", path: "/v1/transition/DEMO", headers, body: BODY };
    let Some(answer) = SERVER.with(|_| String::new(), |ask: Ask<'_>, _| ask(&asked)) else { return };
    assert!(answer.status < 500, "answered {}", answer.status);
    assert!(answer.bytes <= ANSWER_BYTES_MAX, "an answer of {} bytes", answer.bytes);
    if answer.bytes == 0 {
        assert_eq!(answer.status, 400, "an answer without a body");
        return;
    }
    let word = if answer.status == 200 { "success" } else { "fail" };
    assert_eq!(answer.json["status"].as_str(), Some(word), "{} with another envelope", answer.status);
    let has_key = data.windows(CREDENTIALS.len()).any(|bytes| bytes == CREDENTIALS.as_bytes());
    assert!(answer.status != 200 || has_key, "a success without the key");
}

/// A line `name: value`; one without a colon is the value of `Authorization`.
fn header(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|byte| *byte == b':') {
        Some(colon) => (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()),
        None => (&b"authorization"[..], line.trim_ascii()),
    }
}
