//! Settings of a workspace that the rules read. Their JSON belongs to `muster-wire`, their storage to the engine.

use crate::attribute::CUSTOMER_ID;
use crate::identifier::{IdentifierKind, KindSettings};
use crate::kinds::SurvivorRule;
use crate::limits::PROFILE_BYTES_DEFAULT;
use crate::value::Combine;

/// One revision of the settings of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Incremented by each change; a decision under another is refused ([`crate::decision::Decision::revision`]).
    pub revision: u64,
    /// Identity resolution.
    pub identity: Identity,
    /// Budgets per minute.
    pub limits: RateLimits,
    /// Largest live profile, in bytes ([`crate::record::RootPointer::weight`]).
    pub profile_bytes: u64,
    /// Structural faults inside elements are value faults unless the request says otherwise (behaviour.md 1.3).
    pub lenient: bool,
    /// How far in the future an action may be, in milliseconds (behaviour.md 2; default five minutes).
    pub future_skew_ms: i64,
    /// How long event ids are remembered, in milliseconds; 0 = forever (behaviour.md 1.4; default seven days).
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
    /// Users per minute.
    pub users: u32,
    /// Events per minute.
    pub events: u32,
    /// Devices per minute.
    pub devices: u32,
}

/// Identity resolution of a workspace (behaviour.md 3).
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// If false, `customer_id` is the only identifier.
    pub enabled: bool,
    /// Kinds in order of rank; always includes `customer_id`, at most five, each once.
    pub kinds: Vec<KindSettings>,
    /// First survivor rule: the only profile with a value of this attribute (canonical name) survives.
    pub survivor_attribute: Option<Box<str>>,
    /// Second survivor rule.
    pub survivor_rule: SurvivorRule,
    /// Attribute rules by canonical name, at most five.
    pub attribute_rules: Vec<(Box<str>, Combine)>,
    /// Activation in progress.
    pub activation: Option<Activation>,
}

/// Identifier kinds that become active over stored data (behaviour.md 3.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// Current phase.
    pub phase: ActivationPhase,
    /// Kinds as they will be (indexing) or are (joining), in order of rank.
    pub kinds: Vec<KindSettings>,
    /// Revision of the settings that began this phase; identifies the phase.
    pub since: u64,
}

/// Phases of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationPhase {
    /// Stored values are indexed. Imports continue under the old settings and keep the index current.
    Indexing,
    /// The kinds are active: lookups join all profiles with a value, and a pass joins the others.
    Joining,
}

impl Identity {
    /// Returns the settings of a new workspace: identity resolution is off.
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

    /// Returns the kind of this canonical name if it is in this phase of an activation.
    pub fn activating_kind(&self, phase: ActivationPhase, name: &str) -> Option<&KindSettings> {
        let activation = self.activation.as_ref().filter(|a| a.phase == phase)?;
        activation.kinds.iter().find(|k| k.kind.name() == name)
    }

    /// Returns the active kinds in order of rank; only `customer_id` if identity resolution is off.
    pub fn active(&self) -> impl Iterator<Item = &KindSettings> {
        let active = |k: &&KindSettings| if self.enabled { !k.paused } else { k.kind.name() == CUSTOMER_ID };
        self.kinds.iter().filter(active)
    }

    /// Returns the settings of an active kind by canonical name.
    pub fn active_kind(&self, name: &str) -> Option<&KindSettings> {
        self.active().find(|k| k.kind.name() == name)
    }

    /// Returns the rank of a kind; kinds that are not listed come last.
    pub fn rank(&self, kind: &IdentifierKind) -> usize {
        self.kinds.iter().position(|k| k.kind == *kind).unwrap_or(usize::MAX)
    }
}
