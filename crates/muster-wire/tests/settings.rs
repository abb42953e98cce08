//! Settings of a workspace as JSON.

use muster_core::identifier::Normaliser;
use muster_core::kinds::SurvivorRule;
use muster_core::settings::{Identity, RateLimits, Settings};
use muster_core::time::Timestamp;
use muster_core::value::Combine;
use muster_wire::manage::settings::{
    Activating, IdentityChange, IdentityDocument, WorkspaceSettings, compare, identity_from, identity_json,
};
use serde_json::{Value as Json, json};

fn patched(body: &Json) -> Result<WorkspaceSettings, (Option<String>, String)> {
    let mut settings = WorkspaceSettings::new("Shop");
    settings.patch(body.to_string().as_bytes()).map_err(|p| (p.pointer, p.detail))?;
    Ok(settings)
}

fn identity(body: &Json) -> muster_core::settings::Identity {
    identity_from(body.to_string().as_bytes()).expect("the settings are right")
}

#[test]
fn what_is_stored_is_read_back() {
    let mut settings = patched(&json!({
        "name": "Shop 2", "suspended": true, "limits": {"users_per_minute": 1, "body_bytes": 200_000, "profile_bytes": 2_097_152}, "lenient": true, "parity": true,
        "null_clears": true, "time_zone": "Asia/Kolkata", "future_skew_seconds": 0, "allowed_addresses": ["203.0.113.0/24", "::1"],
        "log_retention_days": 1, "quarantine_retention_days": 2, "event_retention_days": 3, "event_id_retention_days": 0,
        "delete_buffer_hours": 0, "store_origin_address": false, "mask_personal_data": true,
    }))
    .expect("the settings are right");
    settings.identity = identity(
        &json!({"enabled": true, "identifiers": [{"kind": "u_em", "normalise": "lowercase"}, {"kind": "customer_id"}]}),
    );
    settings.activating =
        Some(Activating::begin((Identity::off(), settings.identity.clone()), vec!["email".into()], 7));
    assert_eq!(WorkspaceSettings::from_json(&settings.to_json()), Ok(settings.clone()));
    settings.activating = None;
    let rules = settings.rules(9);
    let want = Settings {
        revision: 9,
        identity: settings.identity.clone(),
        limits: RateLimits { users: 1, events: 30_000, devices: 10_000 },
        profile_bytes: 2 << 20,
        lenient: true,
        future_skew_ms: 0,
        event_id_retention_ms: 0,
    };
    assert_eq!(rules, want);
    assert_eq!(WorkspaceSettings::new("x").rules(1), Settings::default(), "defaults are those of the rules");
}

#[test]
fn a_wrong_member_is_named_and_changes_nothing() {
    for (body, pointer, hint) in [
        (json!({"lenent": true}), "/lenent", "did you mean \"lenient\"?"),
        (json!({"limits": {"users_per_minit": 1}}), "/limits/users_per_minit", "did you mean \"users_per_minute\"?"),
        (
            json!({"limits": {"body_bytes": 1_048_577}}),
            "/limits/body_bytes",
            "must be a whole number from 1024 to 1048576",
        ),
        (
            json!({"limits": {"profile_bytes": 67_108_865}}),
            "/limits/profile_bytes",
            "must be a whole number from 2097152 to 67108864",
        ),
        (json!({"limits": {"users_per_minute": -1}}), "/limits/users_per_minute", "must be a whole number"),
        (json!({"time_zone": "Mars/Olympus"}), "/time_zone", "must be the name of a time zone"),
        (json!({"allowed_addresses": ["10.0.0.0/99"]}), "/allowed_addresses/0", "must be an address"),
        (json!({"suspended": "yes"}), "/suspended", "must be true or false"),
        (json!({"identity": {}}), "/identity", "unknown member"),
    ] {
        let (at, detail) = patched(&body).expect_err("it is wrong");
        assert_eq!(at.as_deref(), Some(pointer), "{body}");
        assert!(detail.contains(hint), "{body}: {detail}");
    }
    let mut settings = WorkspaceSettings::new("Shop");
    assert!(settings.patch(br#"{"lenient": true, "suspended": 5}"#).is_err());
    assert_eq!(settings, WorkspaceSettings::new("Shop"));
    assert!(settings.patch(b"[1]").is_err());
    assert!(settings.patch(b"{").is_err());
}

#[test]
fn the_offset_follows_the_zone_and_its_summer_time() {
    let zone = |name: &str| patched(&json!({"time_zone": name})).expect("a zone").zone().clone();
    let (january, july) = (Timestamp(1_767_571_200_000), Timestamp(1_783_209_600_000));
    assert_eq!(zone("Asia/Kolkata").offset_at(january), 19_800);
    let oslo = zone("Europe/Oslo");
    assert_eq!([oslo.offset_at(january), oslo.offset_at(july)], [3_600, 7_200]);
    assert_eq!(oslo.offset_at(Timestamp(i64::MAX)) % 3_600, 0, "beyond the calendar");
}

#[test]
fn identity_settings_are_read_and_shown() {
    let body = json!({
        "enabled": true,
        "identifiers": [
            {"kind": "customer_id", "pinned": true}, {"kind": "u_mb", "normalise": "e164", "exceptions": ["x"], "max_profiles": 2},
            {"kind": "loyalty_no", "paused": true},
        ],
        "survivor": {"attribute": "kyc", "rule": "most_events"},
        "attribute_rules": {"spent": "sum", "best": "max"},
    });
    let read = identity(&body);
    assert_eq!(read.kinds.iter().map(|k| k.kind.name()).collect::<Vec<_>>(), ["customer_id", "mobile", "loyalty_no"]);
    assert_eq!((read.kinds[0].pinned, read.kinds[0].max_profiles), (true, 50));
    assert_eq!((read.kinds[1].normaliser, read.kinds[1].max_profiles), (Some(Normaliser::E164), 2));
    assert_eq!(read.kinds[1].exceptions, Some(vec!["x".into()]));
    assert_eq!((read.survivor_attribute.as_deref(), read.survivor_rule), (Some("kyc"), SurvivorRule::MostEvents));
    assert_eq!(read.attribute_rules, [("spent".into(), Combine::Sum), ("best".into(), Combine::Max)]);
    assert_eq!(identity(&identity_json(&read)), read, "what is shown can be put back");
    let mut settings = WorkspaceSettings::new("Shop");
    settings.identity = read.clone();
    assert_eq!(
        identity(&json!(IdentityDocument::new(&settings, &muster_core::record::Counters::default()))),
        read,
        "with its state, too"
    );
}

/// Opposite: `is_plain` that is always true.
#[test]
fn a_wrong_identity_setting_is_named() {
    let kinds = |list: Json| json!({"enabled": true, "identifiers": list});
    let cid = json!({"kind": "customer_id"});
    let rule = |rules: Json| json!({"enabled": true, "identifiers": [cid], "attribute_rules": rules});
    for (body, pointer) in [
        (json!({}), "/enabled"),
        (kinds(json!([{"kind": "email"}])), "/identifiers"),
        (kinds(json!([cid, {"kind": "email"}, {"kind": "u_em"}])), "/identifiers/2/kind"),
        (kinds(json!([{"kind": "customer_id", "paused": true}])), "/identifiers/0/paused"),
        (kinds(json!([cid, {"kind": "moe_x"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "platforms"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "platform"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "addValueToArrayField"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "removeValueFromArrayField"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "moe_unsubscribe"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "last_seen"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "id"}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": ""}])), "/identifiers/1/kind"),
        (kinds(json!([cid, {"kind": "email", "normalize": "lowercase"}])), "/identifiers/1/normalize"),
        (kinds(json!([cid, {"kind": "email", "normalise": "upper"}])), "/identifiers/1/normalise"),
        (kinds(json!([cid, {"kind": "email", "max_profiles": 0}])), "/identifiers/1/max_profiles"),
        (
            kinds(json!([cid, {"kind": "a"}, {"kind": "b"}, {"kind": "c"}, {"kind": "d"}, {"kind": "e"}])),
            "/identifiers",
        ),
        (json!({"enabled": true, "survivor": {"rule": "oldest"}}), "/survivor/rule"),
        (rule(json!({"uid": "max"})), "/attribute_rules/uid"),
        (rule(json!({"a/b": "avg"})), "/attribute_rules/a~1b"),
        (rule(json!({"a": "sum", "b": "sum", "c": "sum", "d": "sum", "e": "sum", "f": "sum"})), "/attribute_rules"),
    ] {
        let problem = identity_from(body.to_string().as_bytes()).expect_err("it is wrong");
        assert_eq!((problem.status, problem.pointer.as_deref()), (400, Some(pointer)), "{body}");
    }
}

#[test]
fn a_kind_that_becomes_active_or_is_normalised_otherwise_needs_an_activation() {
    let of = |enabled: bool, kinds: Json| identity(&json!({"enabled": enabled, "identifiers": kinds}));
    let (cid, email) = (json!({"kind": "customer_id"}), json!({"kind": "email"}));
    let off = of(false, json!([cid]));
    let plain = of(true, json!([cid]));
    let two = of(true, json!([cid, email]));
    let paused = of(true, json!([cid, {"kind": "email", "paused": true}]));
    let pinned = of(true, json!([{"kind": "email", "pinned": true, "exceptions": []}, cid]));
    let lower = of(true, json!([cid, {"kind": "email", "normalise": "lowercase"}]));
    let switched_off = of(false, json!([cid, email]));
    use IdentityChange::{Activates, Fixed, Immediate, None};
    let activates = || Activates(vec!["email".into()]);
    for (old, new, want) in [
        (&off, &off, None),
        (&off, &plain, Immediate),
        (&off, &two, activates()),
        (&two, &plain, Immediate),
        (&two, &paused, Immediate),
        (&paused, &two, activates()),
        (&two, &pinned, Immediate),
        (&two, &lower, Fixed("email".into())),
        (&two, &switched_off, Immediate),
        (&switched_off, &two, activates()),
        (&off, &switched_off, Immediate),
    ] {
        assert_eq!(compare(old, new), want, "{old:?} to {new:?}");
    }
}
