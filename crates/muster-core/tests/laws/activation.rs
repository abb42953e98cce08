//! Activation of identifier kinds over stored data in the naive model, from behaviour.md 3.5.

use crate::guards::Together;
use crate::model::{Model, Why, read};
use muster_core::explanation::GuardReason;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, KindSettings};
use muster_core::settings::{ActivationPhase, Identity, Settings};

/// Default exceptions of all kinds but `customer_id` (behaviour.md 3).
const NOBODY: [&str; 17] = [
    "null",
    "none",
    "nil",
    "unknown",
    "guest",
    "anonymous",
    "n/a",
    "na",
    "nan",
    "#n/a",
    "0",
    "undefined",
    "[object object]",
    "(null)",
    "(none)",
    "\\n",
    "00000000-0000-0000-0000-000000000000",
];

impl Model {
    /// Puts other settings in force. Values of inactive kinds are kept and not matched; when an activation switches,
    /// every member record with a value of a new kind holds it.
    pub(crate) fn turn(&mut self, settings: Settings) {
        let switch = self.identity().activation.as_ref().is_some_and(|a| a.phase == ActivationPhase::Indexing);
        self.settings = settings;
        let identity = self.identity().clone();
        self.bindings.retain(|(key, _)| identity.active_kind(key.kind.name()).is_some());
        if identity.activation.is_none() {
            // After an activation nothing is left; rows of a cancelled one have no meaning any more.
            self.unsettled.clear();
        }
        let Some(activation) = identity.activation.filter(|a| switch && a.phase == ActivationPhase::Joining) else {
            return;
        };
        self.unsettled = activation.kinds.iter().flat_map(|kind| self.holders(kind)).collect();
        self.passed = ProfileNo(0);
    }

    /// Returns every member record with an identifier of this kind in its own attribute.
    pub(crate) fn holders(&self, kind: &KindSettings) -> Vec<(Identifier, ProfileNo)> {
        let shows = |no: ProfileNo| {
            let last = self.person(no).writes.iter().rfind(|w| *w.name == *kind.kind.name())?;
            let value = read(kind.normaliser, last.value.as_ref()?)?;
            let nobody = value.trim().is_empty() || NOBODY.contains(&&*value.trim().to_lowercase());
            (!nobody).then(|| (Identifier { kind: kind.kind.clone(), value }, no))
        };
        self.people.iter().filter_map(|p| shows(p.id.no)).collect()
    }

    /// Settles a value of an activating kind: its holders are tried in order of id and joined if they do not conflict
    /// with those kept before. Returns the merged profiles.
    pub(crate) fn settle(&mut self, key: &Identifier) -> Vec<ProfileNo> {
        let mut holders: Vec<ProfileNo> = self.unsettled.iter().filter(|(k, _)| k == key).map(|(_, no)| *no).collect();
        holders.sort_unstable();
        if holders.is_empty() {
            return Vec::new();
        }
        let bound = self.bound(key);
        let (mut together, mut kept) = (Together::default(), Vec::new());
        if let Some(no) = bound {
            together.keep(key, Some(self.root(no)));
        }
        let mut withheld: Vec<(ProfileNo, GuardReason)> = Vec::new();
        for no in holders {
            let root = self.root(no);
            match self.conflict(&together, key, Some(root)) {
                None => {
                    together.keep(key, Some(root));
                    kept.push(no);
                }
                Some(reason) if withheld.iter().all(|(other, _)| *other != root) => withheld.push((root, reason)),
                Some(_) => {}
            }
        }
        self.unsettled.retain(|(k, _)| k != key);
        let roots: Vec<ProfileNo> = together.roots.iter().copied().collect();
        let (survivor, merged) =
            if let [root] = roots[..] { (root, Vec::new()) } else { self.join_all(roots, Why::Activation) };
        if bound.is_none() {
            let record = if kept.contains(&survivor) { survivor } else { kept[0] };
            self.bindings.push((key.clone(), record));
        }
        for (root, reason) in withheld {
            // A withheld profile that another of its records has joined since leaves nothing to decide.
            if self.root(root) != survivor {
                self.note(survivor, Some(root), (key, reason), None);
            }
        }
        merged
    }

    /// Runs a batch of the background pass: `batch` profiles in order of id, the kinds of each in order of rank.
    /// Returns whether the pass is finished.
    pub(crate) fn pass(&mut self, identity: &Identity, batch: usize) -> bool {
        let next: Vec<ProfileNo> =
            self.people.iter().map(|p| p.id.no).filter(|no| *no > self.passed).take(batch).collect();
        for no in &next {
            for kind in identity.activation.iter().flat_map(|a| &a.kinds) {
                let held = |(k, n): &&(Identifier, ProfileNo)| n == no && k.kind == kind.kind;
                if let Some((key, _)) = self.unsettled.iter().find(held).cloned() {
                    self.settle(&key);
                }
            }
        }
        self.passed = next.last().copied().unwrap_or(self.passed);
        next.len() < batch
    }
}
