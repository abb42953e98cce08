//! The use of a workspace's Data API keys since this server began: when, from how many addresses, and how often after
//! their end. Keys are known by their hash alone.

use crate::keys::is_valid;
use crate::limits::{KEY_ADDRESSES_MAX, KEY_USES_MAX};
use muster_core::time::Timestamp;
use muster_store::engine::KeyRecord;
use std::collections::HashMap;
use std::net::IpAddr;

/// How long an address counts.
const ADDRESS_MS: i64 = 24 * 3_600_000;
/// How long nothing is cleared away after a clearing: it looks at every address.
const CLEARING_MS: i64 = 60_000;

/// Summary of the use of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyUseSummary {
    /// When it was used last and was valid.
    pub(crate) last_used_at: Option<Timestamp>,
    /// Different client addresses in the last 24 hours, at most [`KEY_ADDRESSES_MAX`].
    pub(crate) addresses: usize,
    /// How often it was used after its end.
    pub(crate) refused_after_end: u64,
}

#[derive(Clone, Debug)]
struct KeyUse {
    sha256: [u8; 32],
    last_used_at: Option<Timestamp>,
    /// With the last use of each.
    addresses: HashMap<IpAddr, Timestamp>,
    cleared_at: Timestamp,
    refused_after_end: u64,
    /// The key as it was, once it is taken out of the workspace's keys.
    ended: Option<KeyRecord>,
}

/// The use of every key.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyUses {
    keys: Vec<KeyUse>,
}

impl KeyUses {
    fn use_mut(&mut self, sha256: &[u8; 32]) -> &mut KeyUse {
        let known = self.keys.iter().position(|key| key.sha256 == *sha256);
        let place = known.unwrap_or_else(|| {
            if self.keys.len() >= KEY_USES_MAX {
                let oldest = self.keys.iter().enumerate().min_by_key(|(_, key)| key.last_used_at);
                self.keys.swap_remove(oldest.map_or(0, |(place, _)| place));
            }
            self.keys.push(KeyUse {
                sha256: *sha256,
                last_used_at: None,
                addresses: HashMap::new(),
                cleared_at: Timestamp(i64::MIN / 2),
                refused_after_end: 0,
                ended: None,
            });
            self.keys.len() - 1
        });
        &mut self.keys[place]
    }

    /// A valid key was used from an address.
    pub(crate) fn record_use(&mut self, sha256: &[u8; 32], address: IpAddr, at: Timestamp) {
        let key = self.use_mut(sha256);
        key.last_used_at = key.last_used_at.max(Some(at));
        if let Some(last) = key.addresses.get_mut(&address) {
            *last = at.max(*last);
            return;
        }
        if key.addresses.len() >= KEY_ADDRESSES_MAX && at.0 - key.cleared_at.0 >= CLEARING_MS {
            key.cleared_at = at;
            key.addresses.retain(|_, last| at.0 - last.0 < ADDRESS_MS);
        }
        if key.addresses.len() < KEY_ADDRESSES_MAX {
            key.addresses.insert(address, at);
        }
    }

    /// A key that is not valid was used: counted if it is one of these that ran out, or one that was taken out.
    pub(crate) fn record_refusal(&mut self, sha256: &[u8; 32], keys: &[KeyRecord], now: Timestamp) {
        let ran_out = keys.iter().any(|key| key.sha256 == *sha256 && !is_valid(key, now));
        let taken_out = self.keys.iter().any(|key| key.sha256 == *sha256 && key.ended.is_some());
        if ran_out || taken_out {
            self.use_mut(sha256).refused_after_end += 1;
        }
    }

    /// Notes that the keys that are in `before` and not in `after` ended, now or when they expired.
    pub(crate) fn record_changes(&mut self, before: &[KeyRecord], after: &[KeyRecord], now: Timestamp) {
        for gone in before.iter().filter(|key| after.iter().all(|other| other.sha256 != key.sha256)) {
            let end = gone.valid_until.map_or(now, |until| until.min(now));
            self.use_mut(&gone.sha256).ended = Some(KeyRecord { valid_until: Some(end), ..gone.clone() });
        }
    }

    /// These keys with their use, then those that ended, the latest end first.
    pub(crate) fn summaries(&self, keys: &[KeyRecord], now: Timestamp) -> Vec<(KeyRecord, KeyUseSummary)> {
        let use_of = |sha256: &[u8; 32]| {
            let known = self.keys.iter().find(|key| key.sha256 == *sha256);
            known.map(|key| key.summary(now)).unwrap_or_default()
        };
        let is_gone = |key: &&KeyRecord| keys.iter().all(|other| other.sha256 != key.sha256);
        let mut ended: Vec<&KeyRecord> =
            self.keys.iter().filter_map(|key| key.ended.as_ref()).filter(is_gone).collect();
        ended.sort_by_key(|key| std::cmp::Reverse(key.valid_until));
        keys.iter().chain(ended).map(|key| (key.clone(), use_of(&key.sha256))).collect()
    }
}

impl KeyUse {
    fn summary(&self, now: Timestamp) -> KeyUseSummary {
        KeyUseSummary {
            last_used_at: self.last_used_at,
            addresses: self.addresses.values().filter(|last| now.0 - last.0 < ADDRESS_MS).count(),
            refused_after_end: self.refused_after_end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn record(n: u8, valid_until: Option<i64>) -> KeyRecord {
        KeyRecord {
            sha256: [n; 32],
            scopes: "import".to_owned(),
            created_at: Timestamp(0),
            valid_until: valid_until.map(Timestamp),
        }
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + n).to_be_bytes())
    }

    #[test]
    fn addresses_count_for_a_day_from_their_last_use() {
        let mut uses = KeyUses::default();
        uses.record_use(&[1; 32], address(1), Timestamp(0));
        uses.record_use(&[1; 32], address(2), Timestamp(0));
        uses.record_use(&[1; 32], address(1), Timestamp(HOUR));
        let reported = |now| uses.summaries(&[record(1, None)], Timestamp(now))[0].1;
        let use_of = |addresses| KeyUseSummary { last_used_at: Some(Timestamp(HOUR)), addresses, refused_after_end: 0 };
        assert_eq!([reported(HOUR), reported(24 * HOUR), reported(25 * HOUR)], [use_of(2), use_of(1), use_of(0)]);
    }

    // Fails without the comparison of `addresses.len()` before the insertion.
    #[test]
    fn addresses_beyond_the_bound_are_not_kept_and_old_ones_make_room() {
        let mut uses = KeyUses::default();
        let many = u32::try_from(KEY_ADDRESSES_MAX).unwrap() + 5;
        for n in 0..many {
            uses.record_use(&[1; 32], address(n), Timestamp(0));
        }
        assert_eq!(uses.summaries(&[record(1, None)], Timestamp(0))[0].1.addresses, KEY_ADDRESSES_MAX);
        uses.record_use(&[1; 32], address(many), Timestamp(24 * HOUR));
        assert_eq!(uses.summaries(&[record(1, None)], Timestamp(24 * HOUR))[0].1.addresses, 1);
    }

    // Fails when `refused` counts every key: an unknown one has no end that it is used after.
    #[test]
    fn a_key_that_ran_out_or_was_taken_out_is_counted_when_it_is_used_and_an_unknown_one_is_not() {
        let mut uses = KeyUses::default();
        let (before, after) = ([record(1, Some(5)), record(2, None)], [record(1, Some(5)), record(3, None)]);
        uses.record_changes(&before, &after, Timestamp(10));
        for n in [1, 2, 2, 3, 9] {
            uses.record_refusal(&[n; 32], &after, Timestamp(20));
        }
        let reported: Vec<(KeyRecord, u64)> = uses
            .summaries(&after, Timestamp(20))
            .into_iter()
            .map(|(key, used)| (key, used.refused_after_end))
            .collect();
        assert_eq!(reported, [(record(1, Some(5)), 1), (record(3, None), 0), (record(2, Some(10)), 2)]);
        for n in 0..=u8::try_from(KEY_USES_MAX).unwrap() {
            uses.record_use(&[n; 32], address(1), Timestamp(30));
        }
        assert_eq!(uses.keys.len(), KEY_USES_MAX);
    }
}
