//! The settings of a workspace that the rules read. Their JSON belongs to `muster-wire`, their storage to the engine.

use crate::attribute::CUSTOMER_ID;
use crate::identifier::{IdentifierKind, KindSettings};
use crate::kinds::SurvivorRule;
use crate::limits::PROFILE_BYTES_DEFAULT;
use crate::value::Combine;

/// Settings of a workspace, as one revision of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Counts up with each change; what was made under another is not decided ([`crate::decision::Decision::revision`]).
    pub revision: u64,
    /// Identity resolution.
    pub identity: Identity,
    /// Budgets of a minute.
    pub limits: RateLimits,
    /// The most that a live profile may weigh, in bytes ([`crate::record::RootPointer::weight`]).
    pub profile_bytes: u64,
    /// Structural faults inside elements count as value faults unless the request says otherwise (behaviour.md 1.3).
    pub lenient: bool,
    /// How far in the future an action may lie, in milliseconds (behaviour.md 2; default five minutes).
    pub future_skew_ms: i64,
    /// How long event ids are remembered, in milliseconds; 0 = for ever (behaviour.md 1.4; default seven days).
    pub event_id_retention_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            revision: 1,
            identity: Identity::off(),
            limits: RateLimits { users: 10_000, events: 30_000, devices: 10_000 },
            profile_bytes: PROFILE_BYTES_DEFAULT,
            lenient: false,
            future_skew_ms: 300_000,
            event_id_retention_ms: 7 * 86_400_000,
        }
    }
}

/// Budgets of one workspace in any sixty seconds; 0 = unlimited (behaviour.md 1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Users a minute.
    pub users: u32,
    /// Events a minute.
    pub events: u32,
    /// Devices a minute.
    pub devices: u32,
}

/// Identity resolution of a workspace (behaviour.md 3).
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Off: `customer_id` is the only identifier.
    pub enabled: bool,
    /// The kinds in the order that is their rank; `customer_id` always among them, at most five, no kind twice.
    pub kinds: Vec<KindSettings>,
    /// Survivor rule 1: the only profile that shows this attribute (canonical name) survives.
    pub survivor_attribute: Option<Box<str>>,
    /// Survivor rule 2.
    pub survivor_rule: SurvivorRule,
    /// Attribute rules by canonical name, at most five.
    pub attribute_rules: Vec<(Box<str>, Combine)>,
    /// The activation that is under way, if one is.
    pub activation: Option<Activation>,
}

/// Kinds that become active over stored data (behaviour.md 3.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// How far it is.
    pub phase: ActivationPhase,
    /// The kinds, as they will be (indexing) or are (joining), in order of rank.
    pub kinds: Vec<KindSettings>,
    /// Tells this phase from every other: the revision of the settings that began it.
    pub since: u64,
}

/// The phases of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationPhase {
    /// Stored values are indexed; imports go on under the old settings and keep the index current.
    Indexing,
    /// The kinds are active; a key finds all profiles that hold its value and joins them, and a background pass joins
    /// those that no import has touched.
    Joining,
}

impl Identity {
    /// Identity resolution switched off, as a new workspace has it.
    pub fn off() -> Self {
        Self {
            enabled: false,
            kinds: vec![KindSettings::plain(CUSTOMER_ID)],
            survivor_attribute: None,
            survivor_rule: SurvivorRule::LastSeen,
            attribute_rules: Vec::new(),
            activation: None,
        }
    }

    /// The kind of this canonical name if it is in this phase of an activation.
    pub fn activating(&self, phase: ActivationPhase, name: &str) -> Option<&KindSettings> {
        let activation = self.activation.as_ref().filter(|a| a.phase == phase)?;
        activation.kinds.iter().find(|k| k.kind.name() == name)
    }

    /// The active kinds in order of rank: all that are not paused, or only `customer_id` when switched off.
    pub fn active(&self) -> impl Iterator<Item = &KindSettings> {
        let active = |k: &&KindSettings| if self.enabled { !k.paused } else { k.kind.name() == CUSTOMER_ID };
        self.kinds.iter().filter(active)
    }

    /// The settings of an active kind by canonical name.
    pub fn active_kind(&self, name: &str) -> Option<&KindSettings> {
        self.active().find(|k| k.kind.name() == name)
    }

    /// The place of a kind in the order; kinds that are not listed come last.
    pub fn rank(&self, kind: &IdentifierKind) -> usize {
        self.kinds.iter().position(|k| k.kind == *kind).unwrap_or(usize::MAX)
    }
}
