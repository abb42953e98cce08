//! Documents of the management API: what is accepted is read back from what is stored, a refused change changes nothing, and a
//! refusal points into the document.

use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::identity::from_json;
use muster_wire::manage::settings::{WorkspaceSettings, identity_from, identity_json};
use muster_wire::manage::token::{self, Scopes};
use muster_wire::manage::workspace;

#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "\"name\"", "\"suspended\"", "\"limits\"", "\"users_per_minute\"", "\"body_bytes\"", "\"time_zone\"",
    "\"Asia/Kolkata\"", "\"allowed_addresses\"", "\"10.0.0.0/8\"", "\"::1\"", "\"log_retention_days\"",
    "\"delete_buffer_hours\"", "\"mask_personal_data\"", "\"identity\"", "\"activation\"", "\"enabled\"",
    "\"identifiers\"", "\"kind\"", "\"customer_id\"", "\"uid\"", "\"email\"", "\"u_em\"", "\"normalise\"",
    "\"lowercase\"", "\"e164\"", "\"pinned\"", "\"paused\"", "\"exceptions\"", "\"max_profiles\"", "\"survivor\"",
    "\"rule\"", "\"last_seen\"", "\"attribute\"", "\"attribute_rules\"", "\"sum\"", "\"phase\"", "\"indexing\"",
    "\"target\"", "\"kinds\"", "\"since\"", "\"scopes\"", "\"read\"", "\"admin\"", "\"workspace\"", "\"id\"", "\"SHOP\"",
    "{", "}", "[", "]", ":", ",", "null", "true", "false", "0", "50", "1048576", "-1",
];

pub(super) fn check(data: &[u8]) {
    match WorkspaceSettings::from_json(data) {
        Ok(settings) => is_read_back(&settings),
        Err(problem) => points_into_it(&problem),
    }
    let before = WorkspaceSettings::new("before");
    let mut settings = before.clone();
    match settings.patch(data) {
        Ok(()) => is_read_back(&settings),
        Err(problem) => {
            points_into_it(&problem);
            assert_eq!(settings, before, "a refused change changed something");
        }
    }
    match identity_from(data) {
        Ok(identity) => {
            let again = from_json(&identity_json(&identity));
            assert_eq!(again, Ok(identity), "identity settings are not read back");
        }
        Err(problem) => points_into_it(&problem),
    }
    match token::new(data) {
        Ok(token) => assert_eq!(Scopes::from_stored(&token.scopes.names().join(",")), token.scopes, "scopes are lost"),
        Err(problem) => points_into_it(&problem),
    }
    if let Err(problem) = workspace::new(data) {
        points_into_it(&problem);
    }
}

fn is_read_back(settings: &WorkspaceSettings) {
    let stored = settings.to_json();
    let again = WorkspaceSettings::from_json(&stored);
    assert_eq!(again.as_ref(), Ok(settings), "settings are not read back");
    assert_eq!(again.map(|again| again.to_json()), Ok(stored), "settings are stored otherwise the second time");
}

fn points_into_it(problem: &Problem) {
    assert_eq!(problem.status, 400, "a document is refused with another status");
    let is_pointer = |pointer: &String| pointer.is_empty() || pointer.starts_with('/');
    assert!(problem.pointer.as_ref().is_none_or(is_pointer), "a refusal without a pointer");
}
