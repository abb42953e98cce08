//! An activation in the settings of a workspace (behaviour.md 3.5): which kinds become active, how far it is, and the
//! settings that it ends with. The server runs it; the rules say what it does to data.

use super::identity::from_json;
use super::identity_document::identity_json;
use crate::manage::problem::Problem;
use muster_core::settings::{Activation, ActivationPhase, Identity};
use serde_json::{Value as Json, json};

/// An activation in progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Activating {
    /// How far it is.
    pub phase: ActivationPhase,
    /// The settings before it; in force again if it is given up (behaviour.md 3.5.g).
    pub before: Identity,
    /// The settings that it ends with; in force when it joins.
    pub target: Identity,
    /// The kinds that become active, by canonical name.
    pub kinds: Vec<Box<str>>,
    /// The revision of the settings that began the phase.
    pub since: u64,
}

impl Activating {
    /// The first phase, begun by this revision, from the settings before to those that it ends with.
    pub fn begin((before, target): (Identity, Identity), kinds: Vec<Box<str>>, revision: u64) -> Self {
        Self { phase: ActivationPhase::Indexing, before, target, kinds, since: revision }
    }

    /// The second phase, begun by this revision.
    #[must_use]
    pub fn joining(self, revision: u64) -> Self {
        Self { phase: ActivationPhase::Joining, since: revision, ..self }
    }

    /// What the rules read of it.
    pub(super) fn rules(&self) -> Activation {
        let becomes = |name: &str| self.kinds.iter().any(|kind| **kind == *name);
        let kinds = self.target.kinds.iter().filter(|k| becomes(k.kind.name())).cloned().collect();
        Activation { phase: self.phase, kinds, since: self.since }
    }

    pub(super) fn to_json(&self) -> Json {
        let phase = match self.phase {
            ActivationPhase::Indexing => "indexing",
            ActivationPhase::Joining => "joining",
        };
        json!({
            "phase": phase,
            "before": identity_json(&self.before),
            "target": identity_json(&self.target),
            "kinds": self.kinds,
            "since": self.since,
        })
    }

    pub(super) fn from_json(json: &Json) -> Result<Self, Problem> {
        let wrong = || Problem::at("/activation", "is not what was stored");
        let phase = match json["phase"].as_str() {
            Some("indexing") => ActivationPhase::Indexing,
            Some("joining") => ActivationPhase::Joining,
            _ => return Err(wrong()),
        };
        let kinds = json["kinds"].as_array().ok_or_else(wrong)?;
        let kinds: Option<Vec<Box<str>>> = kinds.iter().map(|kind| kind.as_str().map(Into::into)).collect();
        Ok(Self {
            phase,
            before: from_json(&json["before"])?,
            target: from_json(&json["target"])?,
            kinds: kinds.ok_or_else(wrong)?,
            since: json["since"].as_u64().ok_or_else(wrong)?,
        })
    }
}
