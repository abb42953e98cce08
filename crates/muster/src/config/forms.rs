//! The forms that values of settings are written in, for flags, the environment and the file alike.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

/// Returns a listener: `ADDRESS:PORT`, `HOST:PORT`, `:PORT` for all addresses of this machine, or `PORT` for this
/// machine alone. Of a name the first address counts, one of IPv4 if it has one: clients do the same.
pub(super) fn listener(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let wrong = || "must be ADDRESS:PORT, HOST:PORT, :PORT or PORT, like 127.0.0.1:8080".to_owned();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if host.is_empty() {
        return Ok(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
    }
    if host.contains(':') {
        return Err("an IPv6 address must be in brackets, such as [::1]:8080".to_owned());
    }
    let found: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|error| format!("{host} has no address: {error}"))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("{host} has no address"))
}

/// Returns a boolean as environments spell it, in any case.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true, false, 1, 0, yes, no, on or off".to_owned()),
    }
}

/// Reads a duration like `24h`.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "must be a whole number with s, m, h or d, like 24h".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(wrong)
}

/// Returns a time from a second to a day.
pub(super) fn idle_timeout(text: &str) -> Result<Duration, String> {
    let time = Duration::from_secs(seconds(text)?);
    let fits = (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&time);
    fits.then_some(time).ok_or_else(|| "must be from 1s to 24h".to_owned())
}

/// Returns a network, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse().map(|address: IpAddr| IpNet::from(address));
    text.parse().or_else(|_| one()).map_err(|_| "must be an address or a network like 10.0.0.0/8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a port alone listens on all addresses, or `:PORT` on one.
    #[test]
    fn a_listener_is_read_in_each_of_its_forms() {
        for (text, want) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            (":8080", "0.0.0.0:8080"),
            ("8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            (" 8080 ", "127.0.0.1:8080"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(listener(text).map(|address| address.to_string()), Ok(want.to_owned()), "{text}");
        }
        for text in
            ["", "localhost", "127.0.0.1", "70000", ":70000", "::1:8080", "host.invalid:1", "http://127.0.0.1:1"]
        {
            assert!(listener(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_boolean_is_one_of_eight_words_in_any_case() {
        assert_eq!(["true", "1", "YES", " on "].map(boolean), [(); 4].map(|()| Ok(true)));
        assert_eq!(["False", "0", "no", "OFF"].map(boolean), [(); 4].map(|()| Ok(false)));
        assert!(["", "2", "y", "enable"].map(boolean).iter().all(Result::is_err));
    }
}
