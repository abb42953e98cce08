//! Attribute names: aliases, create-only and reserved ones (behaviour.md 2, FACTS 6.2, 6.3, 11 rows 12, 13, 46, 48).

/// Identifier kind that is always active.
pub const CUSTOMER_ID: &str = "customer_id";
/// Canonical name of the e-mail address.
pub const EMAIL: &str = "email";
/// Canonical name of the mobile number.
pub const MOBILE: &str = "mobile";
/// First seen; can be set while creating.
pub const FIRST_SEEN: &str = "first_seen";
/// Last seen; can be set while creating.
pub const LAST_SEEN: &str = "last_seen";
/// Flags of the e-mail address: if both merged profiles have the same address, true wins (behaviour.md 3.1).
pub const EMAIL_FLAGS: [&str; 3] = ["moe_hard_bounce", "moe_spam", "moe_unsubscribe"];

/// Returns the name that an attribute is stored under: the canonical one of an alias (behaviour.md 2).
pub fn canonical(name: &str) -> &str {
    match name {
        "uid" => CUSTOMER_ID,
        "u_em" | "moe_email" => EMAIL,
        "u_mb" | "moe_mobile" => MOBILE,
        "u_n" => "name",
        "u_fn" => "first_name",
        "u_ln" => "last_name",
        "u_gd" => "gender",
        "u_bd" => "birthday",
        "created_time" | "cr_t" => FIRST_SEEN,
        "u_l_a" => LAST_SEEN,
        other => other,
    }
}

/// What is allowed for the name of a user attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Can be set and unset.
    Free,
    /// Can be set while the profile is created; later ignored with a warning (FACTS 11 row 48).
    CreateOnly,
    /// Computed by the hosted service; ignored with a warning (FACTS 11 row 46).
    Derived,
    /// Reserved; dropped with a warning (FACTS 6.3).
    Reserved,
}

/// System names with the prefix `moe_` that can be set (FACTS 6.2).
const KNOWN_MOE: [&str; 12] = [
    "moe_spam",
    "moe_unsubscribe",
    "moe_hard_bounce",
    "moe_sms_subscription",
    "moe_wa_subscription",
    "moe_em_unsub_categories",
    "moe_sub_w",
    "moe_email_optin_status",
    "moe_email_open_tracking_consent",
    "moe_email",
    "moe_mobile",
    "moe_geo_location",
];

/// Returns the policy for the name (canonical or not) of a user attribute.
pub fn policy(name: &str) -> Policy {
    match canonical(name) {
        "" | "id" | "_id" => Policy::Reserved,
        FIRST_SEEN
        | LAST_SEEN
        | "publisher_name"
        | "campaign_name"
        | "moe_gaid"
        | "advertising_identifier"
        | "moe_mweb" => Policy::CreateOnly,
        "t_rev" | "t_trans" | "u_s_c" | "moe_dtzo" | "installed" | "uninstall_time" | "moe_cr_from" | "moe_rsu"
        | "moe_w_ds" => Policy::Derived,
        n if ["moe_ip_", "locale_", "moe_rsp_", "moe_ds_"].iter().any(|p| n.starts_with(p)) => Policy::Derived,
        n if n.starts_with("moe_") && !KNOWN_MOE.contains(&n) => Policy::Reserved,
        _ => Policy::Free,
    }
}

/// Names that are dropped with parity (FACTS 6.3), without `source`, which is also a documented standard key.
const RESERVED_KEYS: [&str; 20] = [
    "USER_ATTRIBUTE_UNIQUE_ID",
    "USER_ATTRIBUTE_USER_EMAIL",
    "USER_ATTRIBUTE_USER_MOBILE",
    "USER_ATTRIBUTE_USER_NAME",
    "USER_ATTRIBUTE_USER_GENDER",
    "USER_ATTRIBUTE_USER_FIRST_NAME",
    "USER_ATTRIBUTE_USER_LAST_NAME",
    "USER_ATTRIBUTE_USER_BDAY",
    "USER_ATTRIBUTE_NOTIFICATION_PREF",
    "USER_ATTRIBUTE_OLD_ID",
    "MOE_TIME_FORMAT",
    "MOE_TIME_TIMEZONE",
    "USER_ATTRIBUTE_DND_START_TIME",
    "USER_ATTRIBUTE_DND_END_TIME",
    "MOE_GAID",
    "INSTALL",
    "UPDATE",
    "MOE_ISLAT",
    "status",
    "user_id",
];

/// Whether a user attribute is dropped in a workspace with parity although its [`policy`] is free.
pub fn reserved_in_parity(name: &str) -> bool {
    RESERVED_KEYS.contains(&name)
}

/// Whether an event attribute is dropped with a warning: it is empty or has the prefix of system names.
pub fn reserved_in_events(name: &str) -> bool {
    name.is_empty() || name.starts_with("moe_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_one_attribute() {
        for (first, aliases) in [
            ("customer_id", vec!["uid"]),
            ("email", vec!["u_em", "moe_email"]),
            ("mobile", vec!["u_mb", "moe_mobile"]),
            ("name", vec!["u_n"]),
            ("first_name", vec!["u_fn"]),
            ("last_name", vec!["u_ln"]),
            ("gender", vec!["u_gd"]),
            ("birthday", vec!["u_bd"]),
            ("first_seen", vec!["created_time", "cr_t"]),
            ("last_seen", vec!["u_l_a"]),
        ] {
            assert_eq!(canonical(first), first);
            assert!(aliases.iter().all(|alias| canonical(alias) == first), "{first}");
        }
        assert_eq!(canonical("Email"), "Email", "names are case-sensitive");
    }

    #[test]
    fn every_name_has_its_policy() {
        use Policy::{CreateOnly, Derived, Free, Reserved};
        for (name, want) in [
            ("tier", Free),
            ("moe_unsubscribe", Free),
            ("moe_mobile", Free),
            ("cr_t", CreateOnly),
            ("moe_gaid", CreateOnly),
            ("moe_ip_city", Derived),
            ("moe_cr_from", Derived),
            ("moe_anything", Reserved),
            ("id", Reserved),
            ("", Reserved),
        ] {
            assert_eq!(policy(name), want, "{name}");
        }
    }
}
