//! Who calls the management API: the admin token, the read token, and the named tokens that the engine keeps, in memory,
//! so that a call needs no storage. `manage/scopes.rs` and `manage/routes.rs` check what each may do.

use crate::sync::lock;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use muster_store::access::TokenRecord;
pub(crate) use muster_wire::manage::token::{Scopes, TokenScope};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use subtle::ConstantTimeEq as _;

/// [`Caller::last_used`] of a token that was not used yet.
const NEVER: i64 = i64::MIN;

/// Returns a network of a stored list.
fn network(text: &str) -> IpNet {
    text.parse().unwrap_or_else(|_| IpNet::from(IpAddr::from([0, 0, 0, 0])))
}

/// The holder of a token.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The token's name, as the audit log has it.
    pub(crate) name: Box<str>,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// The one workspace that it is bound to: all others are for it as if they were not there.
    pub(crate) workspace: Option<WorkspaceId>,
    /// When it was created; None for tokens that the server's settings give.
    pub(crate) created_at: Option<Timestamp>,
    /// When it is over; None = never.
    pub(crate) expires_at: Option<Timestamp>,
    /// The addresses that it may be used from; empty = all.
    pub(crate) allowed_addresses: Vec<IpNet>,
    pub(crate) sha256: [u8; 32],
    /// When it was used last, in milliseconds; in memory alone.
    last_used: AtomicI64,
}

impl Caller {
    fn from_record(record: TokenRecord) -> Arc<Self> {
        Arc::new(Self {
            name: record.name.into(),
            scopes: Scopes::from_stored(&record.scopes),
            workspace: record.workspace,
            created_at: Some(record.created_at),
            expires_at: record.expires_at,
            // An unreadable entry becomes an address that nobody has, so that it allows nothing.
            allowed_addresses: record
                .allowed_addresses
                .split(',')
                .filter(|text| !text.is_empty())
                .map(network)
                .collect(),
            sha256: record.sha256,
            last_used: AtomicI64::new(NEVER),
        })
    }

    /// Returns whether it is valid now and from this address; a call from inside the process has no address.
    fn is_good(&self, now: Timestamp, from: Option<IpAddr>) -> bool {
        let is_near = |from: IpAddr| self.allowed_addresses.iter().any(|network| network.contains(&from));
        let may_come = self.allowed_addresses.is_empty() || from.is_none_or(is_near);
        may_come && !self.is_over(now)
    }

    /// Returns whether it has expired.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|until| now >= until)
    }

    /// Returns whether it has a scope.
    pub(crate) fn has(&self, scope: TokenScope) -> bool {
        self.scopes.has(scope)
    }

    /// Returns whether it may see the workspace with this id.
    pub(crate) fn sees(&self, id: &str) -> bool {
        self.workspace.as_ref().is_none_or(|own| own.as_str() == id)
    }

    /// When it was used last since the server was started.
    pub(crate) fn last_used_at(&self) -> Option<Timestamp> {
        Some(self.last_used.load(Ordering::Relaxed)).filter(|at| *at != NEVER).map(Timestamp)
    }
}

/// All tokens.
#[derive(Debug)]
pub(crate) struct Callers {
    all: ArcSwap<Vec<Arc<Caller>>>,
    changing: Mutex<()>,
}

impl Callers {
    /// Returns the tokens that the server's settings give, as hashes with name and scopes.
    pub(crate) fn from_settings(given: Vec<(&str, Scopes, [u8; 32])>) -> Self {
        let caller = |(name, scopes, sha256): (&str, Scopes, [u8; 32])| {
            let last_used = AtomicI64::new(NEVER);
            Arc::new(Caller {
                name: name.into(),
                scopes,
                workspace: None,
                created_at: None,
                expires_at: None,
                allowed_addresses: Vec::new(),
                sha256,
                last_used,
            })
        };
        Self { all: ArcSwap::from_pointee(given.into_iter().map(caller).collect()), changing: Mutex::default() }
    }

    /// Held over a change in the engine and the one here that follows: in another order a token that was revoked right
    /// after it was made could stay. Blocks.
    pub(crate) fn changing(&self) -> MutexGuard<'_, ()> {
        lock(&self.changing)
    }

    /// Puts the stored tokens in the place of those before; one that stays keeps when it was used.
    pub(crate) fn load(&self, records: Vec<TokenRecord>) {
        let before = self.all();
        let known = |record: &TokenRecord| {
            before.iter().find(|caller| caller.sha256 == record.sha256 && *caller.name == *record.name).cloned()
        };
        let given = before.iter().filter(|caller| caller.created_at.is_none()).cloned();
        let stored = records.into_iter().map(|record| known(&record).unwrap_or_else(|| Caller::from_record(record)));
        self.all.store(Arc::new(given.chain(stored).collect()));
    }

    /// Adds a token.
    pub(crate) fn put(&self, record: &TokenRecord) {
        let caller = Caller::from_record(record.clone());
        self.all.rcu(|all| all.iter().chain([&caller]).cloned().collect::<Vec<_>>());
    }

    /// Removes the stored tokens that fit.
    pub(crate) fn remove(&self, fits: impl Fn(&Caller) -> bool) {
        let stays = |caller: &&Arc<Caller>| caller.created_at.is_none() || !fits(caller);
        self.all.rcu(|all| all.iter().filter(stays).cloned().collect::<Vec<_>>());
    }

    /// Returns every token: first those that the settings give, then the stored ones.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Caller>>> {
        self.all.load_full()
    }

    /// Returns the caller whose token has this hash and is valid from this address, in a time that does not depend on how
    /// much of the hash matches. Notes that the token was used.
    pub(crate) fn find(&self, sha256: &[u8; 32], now: Timestamp, from: Option<IpAddr>) -> Option<Arc<Caller>> {
        let found = self.by_hash(sha256).filter(|caller| caller.is_good(now, from))?;
        found.last_used.fetch_max(now.0, Ordering::Relaxed);
        Some(found)
    }

    /// Returns the caller whose token has this hash, valid or not, in a time that does not depend on how much of it matches.
    pub(crate) fn by_hash(&self, sha256: &[u8; 32]) -> Option<Arc<Caller>> {
        let all = self.all.load();
        let mut found = None;
        for caller in all.iter() {
            if bool::from(caller.sha256.ct_eq(sha256)) {
                found = Some(caller);
            }
        }
        found.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, byte: u8, workspace: Option<&str>) -> TokenRecord {
        TokenRecord {
            name: name.to_owned(),
            sha256: [byte; 32],
            scopes: "read".to_owned(),
            workspace: workspace.and_then(WorkspaceId::parse),
            created_at: Timestamp(1),
            expires_at: None,
            allowed_addresses: String::new(),
        }
    }

    fn names(callers: &Callers) -> Vec<String> {
        callers.all().iter().map(|caller| caller.name.to_string()).collect()
    }

    // Fails when `load` rebuilds every caller, or `remove` takes a token that the settings give.
    #[test]
    fn stored_tokens_come_and_go_those_that_are_given_stay_and_a_use_is_remembered() {
        let callers = Callers::from_settings(vec![("admin", Scopes::new(&[TokenScope::Admin]), [1; 32])]);
        callers.load(vec![record("a", 2, None)]);
        callers.put(&record("b", 3, Some("SHOP")));
        assert_eq!(names(&callers), ["admin", "a", "b"]);
        assert_eq!(callers.find(&[2; 32], Timestamp(7), None).unwrap().last_used_at(), Some(Timestamp(7)));
        callers.load(vec![record("a", 2, None), record("b", 3, Some("SHOP"))]);
        let used: Vec<_> = callers.all().iter().map(|caller| caller.last_used_at()).collect();
        assert_eq!(used, [None, Some(Timestamp(7)), None]);
        callers.remove(|caller| caller.sees("SHOP"));
        assert_eq!(names(&callers), ["admin"]);
        assert!(callers.find(&[2; 32], Timestamp(8), None).is_none());
    }

    // Fails when `find` does not ask `is_good`.
    #[test]
    fn a_token_that_is_over_or_comes_from_elsewhere_is_none() {
        let callers = Callers::from_settings(Vec::new());
        let allowed_addresses = "10.0.0.0/8,2001:db8::/32".to_owned();
        let record = TokenRecord { expires_at: Some(Timestamp(9)), allowed_addresses, ..record("a", 2, None) };
        callers.load(vec![record]);
        let found = |at: i64, from: &str| callers.find(&[2; 32], Timestamp(at), from.parse().ok()).is_some();
        assert_eq!(
            ["10.1.2.3", "2001:db8::1", "11.0.0.1", "::1"].map(|from| found(8, from)),
            [true, true, false, false]
        );
        assert!(!found(9, "10.1.2.3"));
    }
}
