//! The management API under `/api/v1`: shapes of settings, records and problems (spec: management API).

pub mod as_text;
pub mod audit;
pub mod body;
pub mod element_report;
pub mod event;
pub mod explanation;
pub mod history;
pub mod identifier;
pub mod lookup;
pub mod masking;
pub mod merge;
pub mod page;
pub mod problem;
pub mod quarantine;
pub mod request;
pub mod review;
pub mod separation;
pub mod settings;
pub mod stats;
pub mod token;
pub mod user;
pub mod workspace;
