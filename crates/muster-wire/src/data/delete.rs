//! The body of Delete Users (FACTS 2.7): `{"identity_type", "identity_value"}`, one user.

use super::failure::Failure;
use super::malformed;
use crate::json::{Json, is_integer, parse};

/// The user to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The kind of `value`.
    pub by: By,
    /// The id as it was sent.
    pub value: Box<str>,
}

/// The kinds of id that Delete Users takes (FACTS 11 row 36).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// `customer_id`.
    CustomerId,
    /// `id` and `moengage_id`: the profile's own id.
    ProfileId,
}

/// Reads the body. An integer is read as its text, as in an import.
///
/// # Errors
/// The failure to answer with.
pub fn read(body: &[u8]) -> Result<Deletion, Failure> {
    const TYPE: &str = "identity_type";
    const VALUE: &str = "identity_value";
    const TEXT: &str = "String or Unicode String";
    if body.is_empty() {
        return Err(Failure::EmptyBody);
    }
    let document = parse(body).map_err(|error| Failure::Malformed(Some(malformed::place(body, error).into())))?;
    if !matches!(document.root.json, Json::Object(_)) {
        return Err(Failure::NotAnObject(malformed::hint_for(&document.root, true)));
    }
    if let Some(place) = malformed::first_unusable(body, &document) {
        return Err(Failure::Malformed(Some(place.into())));
    }
    let by = match document.root.some(TYPE).map(|node| &node.json) {
        None => return Err(Failure::MemberMissing(TYPE)),
        Some(Json::Text(text)) if text == "customer_id" => By::CustomerId,
        Some(Json::Text(text)) if matches!(&**text, "id" | "moengage_id") => By::ProfileId,
        Some(_) => return Err(Failure::MemberType { name: TYPE, expected: "customer_id, id or moengage_id" }),
    };
    let value: &str = match document.root.some(VALUE).map(|node| &node.json) {
        None => return Err(Failure::MemberMissing(VALUE)),
        Some(Json::Text(text)) if text.trim().is_empty() => return Err(Failure::MemberMissing(VALUE)),
        Some(Json::Text(text)) => text,
        Some(Json::Number(text)) if is_integer(text) => text,
        Some(_) => return Err(Failure::MemberType { name: VALUE, expected: TEXT }),
    };
    Ok(Deletion { by, value: value.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_names_one_user() {
        let of = |by, value: &str| Ok(Deletion { by, value: value.into() });
        let malformed = |pointer: &str, column, offset| {
            let place = malformed::JsonPosition { pointer: pointer.into(), line: 1, column, offset, hint: None };
            Err(Failure::Malformed(Some(place.into())))
        };
        for (body, want) in [
            (r#"{"identity_type":"customer_id","identity_value":"c1"}"#, of(By::CustomerId, "c1")),
            (r#"{"identity_type":"customer_id","identity_value":17}"#, of(By::CustomerId, "17")),
            (r#"{"identity_type":"moengage_id","identity_value":"x"}"#, of(By::ProfileId, "x")),
            (r#"{"identity_type":"id","identity_value":"x"}"#, of(By::ProfileId, "x")),
            (r#"{"identity_type":"customer_id"}"#, Err(Failure::MemberMissing("identity_value"))),
            (r#"{"identity_type":"customer_id","identity_value":" "}"#, Err(Failure::MemberMissing("identity_value"))),
            (r#"{"identity_value":"x"}"#, Err(Failure::MemberMissing("identity_type"))),
            (
                r#"{"identity_type":"email","identity_value":"x"}"#,
                Err(Failure::MemberType { name: "identity_type", expected: "customer_id, id or moengage_id" }),
            ),
            ("", Err(Failure::EmptyBody)),
            ("{", malformed("", 2, 1)),
            (r#"{"identity_type":"id","identity_type":"id"}"#, malformed("/identity_type", 23, 22)),
            ("[]", Err(Failure::NotAnObject(Some("the body is an array; send an object")))),
        ] {
            assert_eq!(read(body.as_bytes()), want, "{body}");
        }
    }
}
