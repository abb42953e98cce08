//! Places that callers of the management API and the console share: bounded in all, and below that for each token and for
//! each workspace, with some kept for the administrators of the whole server, so that nobody locks the others out.

use crate::callers::{Caller, TokenScope};
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// How many there are.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    all: usize,
    token: usize,
    workspace: usize,
    kept: usize,
}

/// The places.
#[derive(Debug)]
pub(crate) struct FairPlaces {
    bounds: Bounds,
    usage: Mutex<Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    all: usize,
    tokens: HashMap<Box<str>, usize>,
    workspaces: HashMap<Box<str>, usize>,
}

/// A place that is taken; given back when the last holder drops it.
#[derive(Debug)]
pub(crate) struct FairPlace {
    places: Arc<FairPlaces>,
    token: Box<str>,
    workspace: Option<Box<str>>,
}

impl FairPlaces {
    /// Creates `all` places: at most half for one token, three quarters for one workspace; one in eight is reserved for
    /// administrators.
    pub(crate) fn new(all: usize) -> Arc<Self> {
        let bounds = Bounds { all, token: all.div_ceil(2), workspace: all.div_ceil(4) * 3, kept: all / 8 };
        Arc::new(Self { bounds, usage: Mutex::default() })
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        lock(&self.usage)
    }

    /// Takes a place for a caller, who asks about this workspace if about one; None if there is none for it.
    pub(crate) fn take(self: &Arc<Self>, caller: &Caller, about: Option<&str>) -> Option<FairPlace> {
        let Bounds { all, token, workspace, kept } = self.bounds;
        let is_admin = caller.has(TokenScope::Admin) && caller.workspace.is_none();
        let own = caller.workspace.as_ref().map_or(about, |own| Some(own.as_str()));
        // Administrators look at workspaces without taking their places.
        let own: Option<Box<str>> = own.filter(|id| !is_admin && !id.is_empty()).map(Into::into);
        let mut usage = self.usage();
        let of_token = usage.tokens.get(&caller.name).copied().unwrap_or_default();
        let of_workspace = own.as_ref().and_then(|id| usage.workspaces.get(id)).copied().unwrap_or_default();
        let is_full = if is_admin {
            usage.all >= all
        } else {
            usage.all >= all - kept || of_token >= token || of_workspace >= workspace
        };
        if is_full {
            return None;
        }
        usage.all += 1;
        *usage.tokens.entry(caller.name.clone()).or_default() += 1;
        if let Some(id) = &own {
            *usage.workspaces.entry(id.clone()).or_default() += 1;
        }
        Some(FairPlace { places: Arc::clone(self), token: caller.name.clone(), workspace: own })
    }
}

impl Drop for FairPlace {
    fn drop(&mut self) {
        let mut usage = self.places.usage();
        usage.all -= 1;
        give_back(&mut usage.tokens, &self.token);
        if let Some(id) = &self.workspace {
            give_back(&mut usage.workspaces, id);
        }
    }
}

fn give_back(counts: &mut HashMap<Box<str>, usize>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}
