//! Settings of random histories: order of kinds, pins and caps, survivor rules, and which kinds are active from the
//! start.

use crate::histories::KINDS;
use muster_core::identifier::{IdentifierKind, KindSettings, Normaliser};
use muster_core::kinds::SurvivorRule;
use muster_core::settings::{Identity, RateLimits, Settings};
use muster_core::value::Combine;
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) kinds: u8,
    pub(crate) rule: u8,
    pub(crate) attribute: bool,
    pub(crate) rules: bool,
    /// Which of `KINDS` are pinned, by bits.
    pub(crate) pins: u8,
    /// Cap of each of `KINDS`; 0 = the default.
    pub(crate) caps: [u8; 3],
    /// E-mail addresses are compared in lower case.
    pub(crate) lower: bool,
    /// Which of `KINDS` are inactive at the start, by bits: 2 and 4 paused, 8 and 16 not listed, 32 all off.
    pub(crate) dormant: u8,
    /// Member records in a batch of an activation, less one.
    pub(crate) batch: u8,
}

/// Every kind active from the start, nothing pinned, no cap that a test reaches; the latest last seen survives.
pub(crate) const PLAIN: Variant = Variant {
    kinds: 3,
    rule: 0,
    attribute: false,
    rules: false,
    pins: 0,
    caps: [0; 3],
    lower: false,
    dormant: 0,
    batch: 0,
};

impl Variant {
    /// Returns the settings with every kind active.
    pub(crate) fn settings(&self) -> Settings {
        let kinds: &[&str] = match self.kinds {
            0 => &[],
            1 => &["customer_id", "mobile"],
            2 => &["email", "customer_id", "mobile"],
            _ => &KINDS,
        };
        let rules = [("spent", Combine::Sum), ("best", Combine::Max), ("size", Combine::Min)];
        let identity = Identity {
            enabled: true,
            kinds: kinds.iter().map(|k| self.kind(k)).collect(),
            survivor_attribute: self.attribute.then(|| "city".into()),
            survivor_rule: match self.rule {
                0 => SurvivorRule::LastSeen,
                1 => SurvivorRule::FirstSeen,
                _ => SurvivorRule::MostEvents,
            },
            attribute_rules: if self.rules {
                rules.iter().map(|(n, r)| ((*n).into(), *r)).collect()
            } else {
                Vec::new()
            },
            activation: None,
        };
        Settings {
            identity: if kinds.is_empty() { Identity::off() } else { identity },
            limits: RateLimits { users: 0, events: 0, devices: 0 },
            ..Settings::default()
        }
    }

    fn kind(&self, name: &str) -> KindSettings {
        let place = KINDS.iter().position(|k| *k == name).unwrap();
        let plain = KindSettings::plain(name);
        KindSettings {
            pinned: self.pins >> place & 1 == 1,
            max_profiles: match self.caps[place] {
                0 => plain.max_profiles,
                cap => u32::from(cap),
            },
            normaliser: (self.lower && name == "email").then_some(Normaliser::Lowercase),
            ..plain
        }
    }

    /// Returns the settings at the start of a history.
    pub(crate) fn first(&self) -> Settings {
        let mut settings = self.settings();
        let has = |kind: &IdentifierKind, shift: usize| {
            let place = KINDS.iter().position(|k| *k == kind.name()).unwrap();
            place > 0 && self.dormant >> (place + shift) & 1 == 1
        };
        let identity = &mut settings.identity;
        identity.kinds.retain(|k| !has(&k.kind, 2));
        identity.kinds.iter_mut().for_each(|k| k.paused = has(&k.kind, 0));
        identity.enabled &= self.dormant & 32 == 0;
        settings
    }
}

/// Draws settings: half of them with pinned kinds, small caps, inactive kinds.
pub(crate) fn variants() -> impl Strategy<Value = Variant> {
    let cap = || prop_oneof![6 => Just(0u8), 1 => Just(1u8), 3 => Just(2u8), 3 => Just(3u8)];
    let dormant = prop_oneof![2 => Just(0u8), 2 => 0..32u8, 1 => Just(32u8)];
    (
        (0..8u8, 0..3u8, any::<bool>(), any::<bool>()),
        prop_oneof![Just(0u8), Just(1u8), Just(2u8), Just(4u8), 0..8u8],
        prop_oneof![1 => Just([0; 3]), 1 => [cap(), cap(), cap()]],
        (any::<bool>(), dormant, 0..3u8),
    )
        .prop_map(|((kinds, rule, attribute, rules), pins, caps, (lower, dormant, batch))| Variant {
            kinds,
            rule,
            attribute,
            rules,
            pins,
            caps,
            lower,
            dormant,
            batch,
        })
}
