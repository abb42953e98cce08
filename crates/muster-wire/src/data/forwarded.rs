//! `X-Forwarded-For`: the origin address that a request claims, and the address that counts as the client's for
//! allow-lists and lock-outs (behaviour.md 1.9).

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Returns the left-most valid address of all header lines in order, and how many entries before it are not valid.
/// Blank entries are skipped. An IPv4 address mapped into IPv6 is returned as IPv4.
pub fn origin<L: AsRef<[u8]>>(lines: impl IntoIterator<Item = L>) -> (Option<IpAddr>, u32) {
    let mut unreadable = 0;
    for line in lines {
        for entry in line.as_ref().split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|e| !e.is_empty()) {
            match address(entry) {
                Some(found) => return (Some(found), unreadable),
                None => unreadable += 1,
            }
        }
    }
    (None, unreadable)
}

/// Returns the address that counts as the client's: the connecting one, or, if that is a trusted proxy, the right-most
/// of the header that is not one. An entry that is not an address ends the search: no trusted proxy vouches for what is
/// on its left.
pub fn client<L: AsRef<[u8]>>(peer: IpAddr, lines: impl IntoIterator<Item = L>, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    if !is_trusted(&peer) {
        return peer;
    }
    let lines: Vec<L> = lines.into_iter().collect();
    let entries = lines.iter().flat_map(|line| line.as_ref().split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    let entries: Vec<&[u8]> = entries.filter(|e| !e.is_empty()).collect();
    let mut nearest = peer;
    for entry in entries.into_iter().rev() {
        let Some(found) = address(entry) else { return nearest };
        nearest = found;
        if !is_trusted(&found) {
            return found;
        }
    }
    nearest
}

/// Reads an address: IPv4 and IPv6, in brackets, with a port, with a zone.
fn address(entry: &[u8]) -> Option<IpAddr> {
    // The longest spelling, brackets, zone and port with it, is far below this.
    let text = std::str::from_utf8(entry).ok().filter(|t| t.len() <= 100)?;
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let bare = bare.split_once('%').map_or(bare, |(address, _)| address);
    let found = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(IpAddr::to_canonical(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("a valid address")
    }

    #[test]
    fn the_origin_is_the_left_most_valid_address() {
        for (lines, want, unreadable) in [
            (vec!["203.0.113.7"], Some("203.0.113.7"), 0),
            (vec!["203.0.113.7,198.51.100.2"], Some("203.0.113.7"), 0),
            (vec!["  203.0.113.7:4711  "], Some("203.0.113.7"), 0),
            (vec!["[2001:DB8::7]:443, 198.51.100.2"], Some("2001:db8::7"), 0),
            (vec!["[2001:db8::7]"], Some("2001:db8::7"), 0),
            (vec!["fe80::1%eth0"], Some("fe80::1"), 0),
            (vec!["::ffff:203.0.113.7"], Some("203.0.113.7"), 0),
            (vec!["-, , ;x, 300.1.2.3, 1.2.3, 192.0.2.9"], Some("192.0.2.9"), 4),
            (vec!["junk", "198.51.100.2"], Some("198.51.100.2"), 1),
            (vec!["host.example.test:80"], None, 1),
            (vec![""], None, 0),
            (vec![], None, 0),
        ] {
            assert_eq!(origin(&lines), (want.map(ip), unreadable), "{lines:?}");
        }
        assert_eq!(origin([b"\xff\xfe, 192.0.2.9"]), (Some(ip("192.0.2.9")), 1));
    }

    /// Fails if the search goes from the left, or starts although the connecting address is not a trusted proxy.
    #[test]
    fn the_client_is_the_right_most_address_that_is_no_trusted_proxy() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a net"), "fd00::/8".parse().expect("a net")];
        for (peer, line, want) in [
            ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
            ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
            ("10.0.0.1", "198.51.100.9, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
            ("10.0.0.1", "203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("fd00::1", "[2001:db8::7]:9", "2001:db8::7"),
        ] {
            assert_eq!(client(ip(peer), [line], &trusted), ip(want), "{peer} {line}");
        }
    }
}
