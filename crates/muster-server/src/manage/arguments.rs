//! What a call takes besides its workspace: ids of the path, parameters of the query, the body. Each is a type that reads
//! itself from what was sent and describes itself in the OpenAPI document, so that the two cannot differ. The console
//! makes the same types itself.

use super::description::{CallDescription, Parameter};
use crate::limits::{PAGE_DEFAULT, PAGE_MAX};
use bytes::Bytes;
use muster_core::id::{MergeNo, ProfileId, QuarantineNo, RequestId, ReviewNo, SeparationNo};
use muster_wire::manage::as_text::WireText;
use muster_wire::manage::body;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::SettingsPatch;
use muster_wire::manage::token::{self, NewToken};
use muster_wire::manage::workspace::{self, NewWorkspace};
use schemars::{JsonSchema, Schema, json_schema};

/// What a client sent with a call.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The parts of the path that the template of the call has in braces, with their names.
    pub(crate) path: Vec<(&'static str, String)>,
    /// The parameters of the query string.
    pub(crate) query: Vec<(String, String)>,
    /// The header `If-Match`.
    pub(crate) if_match: Option<String>,
    pub(crate) body: Bytes,
}

impl Sent {
    /// Returns the parts of a path that a template has in braces.
    pub(crate) fn path_of(template: &'static str, path: &str) -> Vec<(&'static str, String)> {
        let named = template.split('/').zip(path.split('/'));
        let name = |part: &'static str| part.strip_prefix('{')?.strip_suffix('}');
        named.filter_map(|(known, part)| Some((name(known)?, part.to_owned()))).collect()
    }

    /// Returns a part of the path; empty if the template has none of this name.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| *known == name).map_or("", |(_, part)| part.as_str())
    }

    /// Returns a parameter of the query string; an empty one is none.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Returns whether a parameter is `true` or `1`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }
}

/// One argument of a call, or all of them as a tuple in the order in which they are checked.
pub(crate) trait Arguments: Sized + Send + 'static {
    /// Reads it from what was sent.
    ///
    /// # Errors
    /// What is wrong with it.
    fn read(sent: &Sent) -> Result<Self, Problem>;

    /// Adds it to the description of a call.
    fn describe(call: &mut CallDescription<'_>);
}

/// Nothing.
impl Arguments for () {
    fn read(_: &Sent) -> Result<Self, Problem> {
        Ok(())
    }

    fn describe(_: &mut CallDescription<'_>) {}
}

macro_rules! tuples {
    ($(($($part:ident),+))+) => {$(
        impl<$($part: Arguments),+> Arguments for ($($part,)+) {
            fn read(sent: &Sent) -> Result<Self, Problem> {
                Ok(($($part::read(sent)?,)+))
            }

            fn describe(call: &mut CallDescription<'_>) {
                $($part::describe(call);)+
            }
        }
    )+};
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) }

/// An id of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id<T>(pub(crate) T);

/// What can be the id of a path.
pub(crate) trait PathId: WireText + Send + 'static {
    /// Its name in the templates of paths.
    const PART: &'static str;

    /// Returns the answer about an id that is none, or that names nothing.
    fn unknown() -> Problem;
}

macro_rules! path_ids {
    ($($type:ty, $part:literal, $unknown:literal;)+) => {$(
        impl PathId for $type {
            const PART: &'static str = $part;

            fn unknown() -> Problem {
                Problem::new(404, $unknown)
            }
        }
    )+};
}

path_ids! {
    ProfileId, "user_id", "no such user";
    MergeNo, "merge_id", "no such merge";
    SeparationNo, "separation_id", "no such separation";
    ReviewNo, "review_id", "no such review";
    RequestId, "request_id", "no such request, or it is older than the log is kept";
    QuarantineNo, "entry_id", "no such entry in the quarantine";
}

impl<T: PathId> Arguments for Id<T> {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        T::parse(sent.part(T::PART)).map(Self).ok_or_else(T::unknown)
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.path(T::PART, T::MEANING, T::format());
        call.problems(&[404]);
    }
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageQuery<C> {
    /// Most items of the page.
    pub(crate) limit: usize,
    /// Where the page begins; None is the first page.
    pub(crate) cursor: Option<C>,
}

/// The first page, with as many items as a page may have.
impl<C> Default for PageQuery<C> {
    fn default() -> Self {
        Self { limit: PAGE_DEFAULT, cursor: None }
    }
}

/// What a cursor of a list says.
pub(crate) trait Cursor: Sized + Send + 'static {
    /// Reads it; None if it is none of this list.
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! id_cursors {
    ($($type:ty)+) => {$(
        impl Cursor for $type {
            fn parse(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        }
    )+};
}

/// The last name of a page.
impl Cursor for String {
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// The last number of a page.
impl Cursor for u64 {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

id_cursors! { ProfileId MergeNo SeparationNo QuarantineNo ReviewNo }

impl<C: Cursor> PageQuery<C> {
    /// Reads a page from its parameters.
    ///
    /// # Errors
    /// 400 with the parameter that is wrong.
    pub(crate) fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, Problem> {
        let limit = match limit {
            None => PAGE_DEFAULT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
                limit.ok_or_else(|| Problem::new(400, format!("limit must be a whole number from 1 to {PAGE_MAX}")))?
            }
        };
        let wrong = || Problem::new(400, "cursor must be the next_cursor of an earlier page");
        let cursor = cursor.map(|text| C::parse(text).ok_or_else(wrong)).transpose()?;
        Ok(Self { limit, cursor })
    }
}

impl<C: Cursor> Arguments for PageQuery<C> {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Self::parse(sent.parameter("limit"), sent.parameter("cursor"))
    }

    fn describe(call: &mut CallDescription<'_>) {
        let limit = json_schema!({"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT});
        call.query(Parameter::new("limit", "Maximum number of items on a page", limit));
        call.query(Parameter::text("cursor", "next_cursor of the previous page"));
    }
}

/// Whether a call is a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DryRun(pub(crate) bool);

impl Arguments for DryRun {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Ok(Self(sent.is_true("dry_run")))
    }

    fn describe(call: &mut CallDescription<'_>) {
        let meaning = "Answer what the call would do, and change nothing";
        call.query(Parameter::new("dry_run", meaning, json_schema!({"type": "boolean"})));
    }
}

/// A body that is a document.
#[derive(Clone, Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A document that can be a body. Reading is the validation: its errors say which member is wrong.
pub(crate) trait BodyDocument: JsonSchema + Send + 'static {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    fn read(bytes: &[u8]) -> Result<Self, Problem>
    where
        Self: Sized;
}

macro_rules! request_documents {
    ($($type:ty)+) => {$(
        impl BodyDocument for $type {
            fn read(bytes: &[u8]) -> Result<Self, Problem> {
                Self::read(bytes)
            }
        }
    )+};
}

request_documents! {
    muster_wire::manage::settings::IdentityRequest
    muster_wire::manage::lookup::LookupRequest
    muster_wire::manage::merge::MergeUsersRequest
    muster_wire::manage::quarantine::ReplayRequest
    muster_wire::manage::quarantine::ReplaySelection
    muster_wire::manage::request::FindRequestsRequest
    muster_wire::manage::review::DecideReviewRequest
    muster_wire::manage::user::FindUserRequest
    muster_wire::manage::workspace::RemoveWorkspaceRequest
    muster_wire::manage::workspace::RevokeKeyRequest
}

impl BodyDocument for SettingsPatch {
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        Ok(Self(bytes.to_vec()))
    }
}

impl BodyDocument for NewToken {
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        token::new(bytes)
    }
}

impl BodyDocument for NewWorkspace {
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        workspace::new(bytes)
    }
}

impl<T: BodyDocument> Arguments for JsonBody<T> {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        T::read(&sent.body).map(Self)
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.body::<T>();
        call.problems(&[400]);
    }
}

/// The header `If-Match`: the call is made only if the settings still have one of these revisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<String>);

impl IfMatch {
    /// Judges the header against the revision in force.
    ///
    /// # Errors
    /// 412 if the revision is not among those of the header.
    pub(crate) fn judge(&self, revision: u64) -> Result<(), Problem> {
        let Some(line) = &self.0 else { return Ok(()) };
        let current = format!("\"{revision}\"");
        if line.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim() == current) {
            return Ok(());
        }
        Err(Problem::new(412, "the settings have changed since they were read; read them again"))
    }
}

impl Arguments for IfMatch {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Ok(Self(sent.if_match.clone()))
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.header(Parameter::text("If-Match", "Change only if the settings still have this ETag"));
        call.problems(&[412]);
    }
}

/// That a call takes no body, or an object without members.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoBody;

impl Arguments for NoBody {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        body::only_known(&body::object(&sent.body)?, "", &[]).map(|()| Self)
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.problems(&[400]);
    }
}

/// Reads a parameter that is `true` or `false`.
///
/// # Errors
/// 400 for what is neither.
pub(crate) fn flag(name: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::new(400, format!("{name} must be true or false"))),
    }
}

/// Returns the schema of a parameter that is one of these words.
pub(crate) fn one_of(words: &[&str]) -> Schema {
    json_schema!({"enum": words})
}
