//! Wrong keys and tokens are slowed, each connecting address by itself (behaviour.md 1.10). A right key is never slowed:
//! keys are 256 random bits, so the delay is against noise and load, not against guessing, and other callers at the address
//! of a broken client must not suffer.

use crate::limits::{
    WRONG_KEY_ADDRESSES_MAX, WRONG_KEY_DELAY, WRONG_KEY_DELAY_MAX, WRONG_KEY_WINDOW_SECONDS, WRONG_KEYS_FREE,
};
use crate::sync::lock;
use muster_core::time::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

/// Recent wrong keys by address.
#[derive(Debug, Default)]
pub(crate) struct Lockout {
    addresses: Mutex<HashMap<IpAddr, Recent>>,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    since: Timestamp,
    count: u32,
}

impl Lockout {
    /// Notes a wrong key; how long its answer waits.
    pub(crate) fn wrong(&self, address: IpAddr, now: Timestamp) -> Duration {
        let mut addresses = lock(&self.addresses);
        if addresses.len() >= WRONG_KEY_ADDRESSES_MAX && !addresses.contains_key(&address) {
            addresses.clear();
        }
        let recent = addresses.entry(address).or_insert(Recent { since: now, count: 0 });
        if now.0 - recent.since.0 > WRONG_KEY_WINDOW_SECONDS * 1_000 {
            *recent = Recent { since: now, count: 0 };
        }
        recent.count = recent.count.saturating_add(1);
        match recent.count.checked_sub(WRONG_KEYS_FREE) {
            None | Some(0) => Duration::ZERO,
            Some(over) => WRONG_KEY_DELAY.saturating_mul(1 << (over - 1).min(10)).min(WRONG_KEY_DELAY_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_keys_are_free_then_each_doubles_the_delay_up_to_a_bound_until_the_window_is_over() {
        let lockout = Lockout::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        let delays: Vec<u128> = (0..15).map(|_| lockout.wrong(address, Timestamp(0)).as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
        assert_eq!(lockout.wrong(IpAddr::from([192, 0, 2, 2]), Timestamp(0)), Duration::ZERO);
        assert_eq!(lockout.wrong(address, Timestamp(60_001)), Duration::ZERO);
    }
}
