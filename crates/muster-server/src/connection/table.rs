//! All connections of one listener: bounded in all and for each network. When no place is free the connection that has
//! asked for nothing for the longest time gives way to the new one, so that nobody can keep the server closed by holding
//! connections; only where every one carries a request is the new one refused.

use super::{Connection, Deadlines, network};
use crate::limits::{DRAINS_MAX, GIVE_WAY_AT_ONCE};
use crate::sync::lock;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many connections there may be.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLimits {
    /// In all.
    pub(crate) max: usize,
    /// Of one network.
    pub(crate) network_max: usize,
    /// Networks of proxies, which bring many clients and are counted in all alone.
    pub(crate) proxies: Vec<IpNet>,
}

/// The open connections of a listener.
#[derive(Debug)]
pub(crate) struct Connections {
    places: ConnectionLimits,
    deadlines: Deadlines,
    known: Mutex<OpenConnections>,
    changed: Notify,
    drains: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    all: HashMap<u64, Arc<Connection>>,
    of_network: HashMap<IpAddr, usize>,
    next: u64,
}

impl OpenConnections {
    fn remove(&mut self, no: u64) -> Option<Arc<Connection>> {
        let gone = self.all.remove(&no)?;
        if let Some(count) = self.of_network.get_mut(&gone.network) {
            *count -= 1;
            if *count == 0 {
                self.of_network.remove(&gone.network);
            }
        }
        Some(gone)
    }

    /// Ends those that have asked for nothing for the longest time, first of those that never asked; several at once, so
    /// that the search pays. Whether there was one.
    fn make_room(&mut self, fits: impl Fn(&Connection) -> bool) -> bool {
        let idle = |(no, known): (&u64, &Arc<Connection>)| Some((known.idle_since()?, *no));
        let mut idle: Vec<((bool, Instant), u64)> =
            self.all.iter().filter(|(_, known)| fits(known)).filter_map(idle).collect();
        idle.sort_unstable();
        // Few of a small table: the newest are those that most likely are about to ask.
        idle.truncate(GIVE_WAY_AT_ONCE.min(idle.len().div_ceil(8)));
        for (_, no) in &idle {
            if let Some(gone) = self.remove(*no) {
                gone.gives_way.notify_one();
            }
        }
        !idle.is_empty()
    }
}

impl Connections {
    pub(crate) fn new(places: ConnectionLimits, deadlines: Deadlines) -> Arc<Self> {
        let drains = Arc::new(Semaphore::new(DRAINS_MAX));
        Arc::new(Self { places, deadlines, known: Mutex::default(), changed: Notify::new(), drains })
    }

    fn known(&self) -> MutexGuard<'_, OpenConnections> {
        lock(&self.known)
    }

    /// Takes a connection in; None if it is one too many and no other can give way.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionSlot> {
        let address = address.to_canonical();
        let network = network(address);
        let is_proxy = self.places.proxies.iter().any(|net| net.contains(&address));
        let mut known = self.known();
        let of_network = known.of_network.get(&network).copied().unwrap_or_default();
        let is_crowded = !is_proxy && of_network >= self.places.network_max;
        if is_crowded && !known.make_room(|other| other.network == network) {
            return None;
        }
        if known.all.len() >= self.places.max && !known.make_room(|_| true) {
            return None;
        }
        let (no, connection) = (known.next, Arc::new(Connection::new(network, self.deadlines)));
        known.next += 1;
        known.all.insert(no, Arc::clone(&connection));
        *known.of_network.entry(network).or_default() += 1;
        Some(ConnectionSlot { table: Arc::clone(self), no, connection })
    }

    /// Returns how many are open.
    pub(crate) fn len(&self) -> usize {
        self.known().all.len()
    }

    /// Comes when none is open.
    pub(crate) async fn emptied(&self) {
        loop {
            let changed = self.changed.notified();
            if self.len() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Returns a place among the connections that are read on after a refusal, if one is free.
    pub(crate) fn drain(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.drains).try_acquire_owned().ok()
    }
}

/// A connection that was taken in; its place is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    pub(crate) table: Arc<Connections>,
    no: u64,
    pub(crate) connection: Arc<Connection>,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        // One that gave way is gone already.
        self.table.known().remove(self.no);
        self.table.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(max: usize, network_max: usize) -> Arc<Connections> {
        Connections::new(
            ConnectionLimits { max, network_max, proxies: vec!["10.0.0.0/8".parse().unwrap()] },
            Deadlines::default(),
        )
    }

    fn admit(table: &Arc<Connections>, address: &str) -> Option<ConnectionSlot> {
        table.admit(address.parse().unwrap())
    }

    async fn has_to_go(admitted: &ConnectionSlot) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, admitted.connection.gives_way()).await.is_ok()
    }

    // Fails when `idle_since` does not tell whether a connection ever asked.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_asked_gives_way_before_one_that_did() {
        let table = table(2, 2);
        let asked = admit(&table, "192.0.2.1").unwrap();
        drop(asked.connection.begin(false));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        let silent = admit(&table, "192.0.2.1").unwrap();
        let _new = admit(&table, "192.0.2.1").unwrap();
        assert_eq!([has_to_go(&asked).await, has_to_go(&silent).await], [false, true]);
    }

    // Fails when `make_room` does not sort, or looks at connections that carry a request.
    #[tokio::test(start_paused = true)]
    async fn the_connection_that_is_idle_for_the_longest_time_gives_way_and_one_that_carries_a_request_never() {
        let table = table(3, 3);
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(admit(&table, "192.0.2.1").unwrap());
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        let busy = open[0].connection.begin(false);
        let newest = admit(&table, "192.0.2.1").unwrap();
        assert_eq!(
            [has_to_go(&open[0]).await, has_to_go(&open[1]).await, has_to_go(&open[2]).await],
            [false, true, false]
        );
        let _others = [&open[2], &newest].map(|idle| idle.connection.begin(true));
        assert!(admit(&table, "192.0.2.2").is_none(), "every one carries a request");
        drop(busy);
        assert!(admit(&table, "192.0.2.2").is_some() && has_to_go(&open[0]).await);
        drop((open, newest));
        table.emptied().await;
    }

    // Fails when `admit` counts addresses instead of networks, counts proxies, or makes room among all for one network.
    #[tokio::test(start_paused = true)]
    async fn one_network_takes_its_own_places_alone_and_proxies_are_counted_in_all_alone() {
        let table = table(100, 2);
        let other = admit(&table, "192.0.2.9").unwrap();
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        let mine: Vec<_> = (1..5).map(|n| admit(&table, &format!("2001:db8::{n}")).unwrap()).collect();
        assert_eq!([has_to_go(&mine[0]).await, has_to_go(&mine[1]).await], [true, true]);
        assert!(!has_to_go(&other).await);
        let proxied: Vec<_> = (0..5).map(|_| admit(&table, "10.1.1.1").unwrap()).collect();
        assert_eq!(table.len(), 1 + 2 + proxied.len());
    }
}
