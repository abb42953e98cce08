//! `X-Forwarded-For`: an address that is found is read again as it is written. An entry further left does not change which
//! address counts as the client's. Without a trusted proxy the header is ignored.

use ipnet::IpNet;
use muster_wire::data::forwarded::{client, origin};
use std::net::{IpAddr, Ipv4Addr};

pub(super) const WORDS: &[&str] = &[
    "10.0.0.1",
    "192.0.2.7",
    "203.0.113.250:443",
    "[2001:db8::7]:443",
    "::ffff:203.0.113.7",
    "fe80::1%eth0",
    "fd00::1",
    "unknown",
    ", ",
    ",",
    "\n",
    "[",
    "]",
    "%",
];

/// A trusted proxy.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
/// An address that is not trusted.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

pub(super) fn check(data: &[u8]) {
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().filter_map(|net| net.parse().ok()).collect();
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let (found, unreadable) = origin(&lines);
    let entries = lines.iter().flat_map(|line| line.split(|byte| *byte == b',')).count();
    assert!(usize::try_from(unreadable).is_ok_and(|n| n <= entries), "more unreadable entries than there are");
    if let Some(found) = found {
        assert_eq!(found, found.to_canonical(), "an IPv4 address is returned as one of IPv6");
        assert_eq!(origin([found.to_string()]), (Some(found), 0), "an address is not read as it is written");
    }
    assert_eq!(client(STRANGER, &lines, &trusted), STRANGER, "the header of a stranger counts");
    let counts = client(PROXY, &lines, &trusted);
    if !trusted.iter().any(|net| net.contains(&counts)) {
        let claimed: Vec<&[u8]> = std::iter::once(&b"203.0.113.66, 10.0.0.2"[..]).chain(lines).collect();
        assert_eq!(client(PROXY, &claimed, &trusted), counts, "a claim on the left changed who counts");
    }
}
