//! The two faces that programs call: the Data API and the management API over HTTP, from the guards to the envelope of the
//! answer. Which handler answers which route is in `router.rs`.

pub(crate) mod body;
pub(crate) mod delete;
pub(crate) mod envelope;
pub(crate) mod framing;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod manage;
pub(crate) mod path;
pub(crate) mod template;
