//! The paths of requests before they are routed: each in one spelling (behaviour.md 1.8.d), and those of documented calls
//! that this server does not have (1.8.f).

use axum::http::uri::{PathAndQuery, Uri};

/// Documented calls that are not built (FACTS 2), each by how its path begins and how it is named.
const NOT_BUILT: [(&str, &str); 11] = [
    ("/v1/customer/merge", "Merge Users (POST /v1/customer/merge)"),
    ("/v1/customers/export", "Get User (POST /v1/customers/export)"),
    ("/v1/users/export", "Get User (POST /v1/users/export)"),
    ("/v1/devices/manage", "Device Opt-out (POST /v1/devices/manage)"),
    ("/v1/opengdpr_requests", "GDPR / CCPA data request (POST /v1/opengdpr_requests)"),
    ("/v1/integrations/authentication", "Test Connection (POST /v1/integrations/authentication)"),
    ("/v1/integrations/segment", "Segment destination (/v1/integrations/segment)"),
    ("/v1/integrations/cohortsync", "Cohort Sync (POST /v1/integrations/cohortsync)"),
    ("/v1/installInfo", "Track App Install (GET /v1/installInfo)"),
    ("/v1/category-subscription", "Subscription categories (/v1/category-subscription)"),
    ("/v1.0", "File imports and business events (/v1.0)"),
];

/// Returns the name of the documented call that this path is, if it is one that is not built.
pub(crate) fn not_built(path: &str) -> Option<&'static str> {
    if !path.starts_with("/v1") {
        return None;
    }
    let is_it = |begin: &str| path.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    NOT_BUILT.into_iter().find(|(begin, _)| is_it(begin)).map(|(_, call)| call)
}

/// Returns the path with one slash where several are, none at its end, and without escapes of characters that need
/// none; None if it is so already. Other escapes stand for what no part of a path here may hold; they stay, so that
/// nothing is decoded twice.
pub(crate) fn canonical(path: &str) -> Option<String> {
    let ends_in_slash = path.len() > 1 && path.ends_with('/');
    if !ends_in_slash && !path.contains("//") && !path.contains('%') {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    Some(unescaped(&format!("/{}", parts.join("/"))))
}

/// Undoes the escapes of unreserved characters (RFC 3986 6.2.2.2).
fn unescaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.get(..2).and_then(character) {
            Some(c) => {
                out.push(c);
                rest = &after[2..];
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}

fn character(hex: &str) -> Option<char> {
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = is_hex.then(|| u8::from_str_radix(hex, 16).ok())??;
    (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)).then_some(char::from(byte))
}

/// Returns the address with this path.
pub(crate) fn with(uri: &Uri, path: &str) -> Uri {
    let path_and_query = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    // What remains of a valid path after slashes and escapes were taken out is a valid path.
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok().or(parts.path_and_query);
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_trailing_slashes_are_taken_out_and_the_query_stays() {
        let uri: Uri = "//v1//transition///DEMO//?app_id=DEMO".parse().unwrap();
        let path = canonical(uri.path()).unwrap();
        assert_eq!(with(&uri, &path).to_string(), "/v1/transition/DEMO?app_id=DEMO");
        assert_eq!(canonical("/v1/transition"), None);
        assert_eq!(canonical("/"), None);
    }

    // Fails when `unescaped` reads on in what it has written, or undoes the escape of a slash.
    #[test]
    fn escapes_are_undone_once_where_the_character_needs_none() {
        for (path, want) in [
            ("/v1/transition/%44%45%4d%4F", "/v1/transition/DEMO"),
            ("/v1/transition/%2544", "/v1/transition/%2544"),
            ("/v1/transition/..%2fDEMO", "/v1/transition/..%2fDEMO"),
            ("/%76%31/a%2Db%5Fc%7e", "/v1/a-b_c~"),
            ("/a%00b%20c%3F%23", "/a%00b%20c%3F%23"),
            ("/a%", "/a%"),
            ("/a%4", "/a%4"),
            ("/a%zz%+1", "/a%zz%+1"),
        ] {
            assert_eq!(canonical(path).as_deref(), Some(want), "{path}");
        }
    }

    #[test]
    fn a_call_that_is_not_built_is_known_by_its_path_alone() {
        for (path, want) in [
            ("/v1/installInfo", Some("Track App Install (GET /v1/installInfo)")),
            ("/v1/customer/merge", Some("Merge Users (POST /v1/customer/merge)")),
            ("/v1/integrations/segment/auth", Some("Segment destination (/v1/integrations/segment)")),
            ("/v1.0/data/fileimports/trigger/7", Some("File imports and business events (/v1.0)")),
            ("/v1/customer/merges", None),
            ("/v1/customer/DEMO", None),
            ("/v1/customers", None),
            ("/", None),
        ] {
            assert_eq!(not_built(path), want, "{path}");
        }
    }
}
