//! The management API without HTTP: what each call does is a function with typed arguments and a typed answer, one file a
//! resource. `http/manage` and the console are two faces on these functions; neither reads JSON of the other.
//!
//! `routes` is the table of all calls, `arguments` and `answers` what calls take and give, `context` what they work with,
//! `error` why one was not done, `scopes` what a token may do, `audit` what is recorded, `walk` pages under a filter,
//! `description` describes one call, `openapi` is the document that describes all of them.

pub(crate) mod answers;
pub(crate) mod api_document;
pub(crate) mod arguments;
pub(crate) mod audit;
pub(crate) mod audit_action;
pub(crate) mod audit_log;
pub(crate) mod context;
pub(crate) mod description;
pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod key_provenance;
pub(crate) mod keys;
pub(crate) mod lookup;
pub(crate) mod merges;
pub(crate) mod openapi;
pub(crate) mod orphans;
pub(crate) mod quarantine;
pub(crate) mod request_filter;
pub(crate) mod requests;
pub(crate) mod reviews;
pub(crate) mod routes;
pub(crate) mod scopes;
pub(crate) mod separations;
pub(crate) mod stats;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod walk;
pub(crate) mod workspaces;
