//! What no honest client sends: heads that two servers may read in two ways. They are refused with 400 and no body, as
//! hyper refuses what it cannot read, before anything looks at them (RFC 9112 3.2, 6.1; RFC 9110 5.3).

use axum::http::header::{AUTHORIZATION, HOST, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Version};

/// Longest name of a host (RFC 1035), with brackets and port.
const HOST_BYTES_MAX: usize = 262;

/// Returns whether a head names its host, as one of HTTP/1.1 over a connection must.
pub(crate) fn names_host(head: &Parts, is_over_connection: bool) -> bool {
    !is_over_connection || head.version != Version::HTTP_11 || head.headers.contains_key(HOST)
}

/// Returns whether a head can be read in one way alone.
pub(crate) fn is_plain(head: &Parts) -> bool {
    let headers = &head.headers;
    if [HOST, AUTHORIZATION, TRANSFER_ENCODING].iter().any(|name| lines(headers, name) > 1) {
        return false;
    }
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let hosts = headers.get(HOST).map(axum::http::HeaderValue::as_bytes).into_iter().chain(authority);
    let codings = headers.get(TRANSFER_ENCODING).map(axum::http::HeaderValue::as_bytes);
    hosts.into_iter().all(is_host) && codings.is_none_or(|codings| codings.eq_ignore_ascii_case(b"chunked"))
}

fn lines(headers: &HeaderMap, name: &HeaderName) -> usize {
    headers.get_all(name).iter().count()
}

/// Returns a host with or without a port, and nothing else (RFC 3986 3.2.2); the empty one is allowed.
fn is_host(host: &[u8]) -> bool {
    if host.len() > HOST_BYTES_MAX {
        return false;
    }
    let (name_is_good, rest) = if let Some(inside) = host.strip_prefix(b"[") {
        let Some(end) = inside.iter().position(|byte| *byte == b']') else { return false };
        let address = std::str::from_utf8(&inside[..end]).ok().and_then(|text| text.parse::<std::net::Ipv6Addr>().ok());
        (address.is_some(), &inside[end + 1..])
    } else {
        let end = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
        (host[..end].iter().all(is_name), &host[end..])
    };
    let is_port = |port: &[u8]| port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    name_is_good && (rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `is_host` accepts anything after a bracket or a second colon.
    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for good in ["", "localhost", "localhost:8080", "[::1]", "[::1]:80", "a.b-c_d.test.", "127.0.0.1:65535"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for wrong in
            ["localhost:1@evil", "[::1]evil", "[::1", "a b", "a/b", "a:b", "a:1:2", "a@b", "[evil]", "a:123456"]
        {
            assert!(!is_host(wrong.as_bytes()), "{wrong}");
        }
    }
}
