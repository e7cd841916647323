//! Addresses of clients, for counting, which no header of the client's own can change.
//!
//! The other end of the socket counts, unless it is one of the operator's own proxies. Then the last address in
//! `X-Forwarded-For` that is not one of these proxies counts. Each proxy appends the address that it was asked by, so
//! everything before that address was written by a stranger. `Forwarded` and `X-Real-IP` are never read.
//!
//! Invariant: without trusted proxies, no byte that a client sends has a part in its address.

use axum::http::HeaderMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Number of leading bits that make an IPv6 network: the owner of one address has all those of its network.
const NETWORK_BITS: u8 = 64;

/// Client as it is counted: an IPv4 address, or the network of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client(IpAddr);

impl Client {
    /// Returns the client at an address.
    pub fn at(address: IpAddr) -> Client {
        Client(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(mask(address.to_bits(), 128, NETWORK_BITS))),
            address => address,
        })
    }
}

/// The operator's own proxies, which are believed about the address that asked them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// Network of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    bits: u8,
}

impl Proxies {
    /// Reads addresses and networks.
    ///
    /// # Errors
    /// When a text is neither, or a network is too wide to be that of proxies, with the text.
    pub fn read<T: AsRef<str>>(texts: &[T]) -> Result<Proxies, String> {
        texts.iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>().map(Proxies)
    }

    /// Returns the client behind a socket and what its proxies wrote.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let mut known = peer.to_canonical();
        if !self.trusts(known) {
            if headers.contains_key("x-forwarded-for") {
                warn_once(known);
            }
            return Client::at(known);
        }
        for line in headers.get_all("x-forwarded-for").iter().rev() {
            for address in line.as_bytes().rsplit(|byte| *byte == b',') {
                // A value that is no address was not written by a proxy of ours, so the last known address counts.
                let Some(address) = parse_forwarded(address) else { return Client::at(known) };
                known = address;
                if !self.trusts(known) {
                    return Client::at(known);
                }
            }
        }
        Client::at(known)
    }

    /// Returns `true` if a peer is a trusted proxy.
    pub fn is_trusted(&self, peer: IpAddr) -> bool {
        self.trusts(peer.to_canonical())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address))
    }
}

/// Warns of the first `X-Forwarded-For` that is ignored: all clients behind an unnamed proxy count as one.
fn warn_once(peer: IpAddr) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            %peer,
            "X-Forwarded-For is ignored, because its sender is not a trusted proxy: all clients behind that address \
             count as one; if it is your proxy, name it in trusted_proxies (SCRIP_TRUSTED_PROXIES)"
        );
    }
}

/// Parses an address as proxies write it: bare, in brackets, with a port or without.
fn parse_forwarded(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let socket = || text.parse().ok().map(|socket: std::net::SocketAddr| socket.ip());
    bare.parse().ok().or_else(socket).map(|address: IpAddr| address.to_canonical())
}

/// Returns a number of `width` bits with its first `bits` kept and the others zero.
fn mask(number: u128, width: u8, bits: u8) -> u128 {
    let dropped = u32::from(width.saturating_sub(bits));
    number.checked_shr(dropped).and_then(|kept| kept.checked_shl(dropped)).unwrap_or(0)
}

/// Minimum prefix lengths, in bits, of networks that can be an operator's own.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;
/// Networks that belong to no one outside a site (RFC 4193) and may be wider.
const UNIQUE_LOCAL: Network = Network { first: IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), bits: 7 };
/// IPv4 addresses as IPv6 writes them. The address of such a client is read as IPv4.
const MAPPED: Network = Network { first: IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0)), bits: 96 };

impl Network {
    /// Returns the reason why a network cannot be that of proxies.
    fn too_wide(&self) -> Option<&'static str> {
        let widest = if self.first.is_ipv4() { WIDEST_V4 } else { WIDEST_V6 };
        match self.first {
            first if MAPPED.has(first) => Some("is an IPv4 network written as IPv6, which no client's address is in"),
            first if first.is_multicast() => Some("is not the address of one machine"),
            IpAddr::V4(first) if first.is_broadcast() => Some("is not the address of one machine"),
            first if self.bits < widest && !UNIQUE_LOCAL.has(first) => Some("is wider than a network of one site"),
            first if first.is_unspecified() => Some("is not the address of a machine"),
            _ => None,
        }
    }

    fn has(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                mask(address.to_bits().into(), 32, self.bits) == u128::from(first.to_bits())
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => mask(address.to_bits(), 128, self.bits) == first.to_bits(),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let wrong =
            || format!("`{text}` is neither an address nor a network: write 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32");
        let (address, bits) =
            text.trim().split_once('/').map_or((text.trim(), None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| wrong()))?;
        let network = Network { first, bits };
        // Bits beyond the network's are a slip of the operator's, and guessing which part is wrong would be unsafe.
        if bits > width || !network.has(first) {
            return Err(wrong());
        }
        match network.too_wide() {
            Some(why) => Err(format!("`{text}` {why}: name the proxies alone, or any client could forge its address")),
            None => Ok(network),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn proxies(texts: &[&str]) -> Proxies {
        Proxies::read(texts).expect("they are networks")
    }

    /// Returns the client that a peer stands for, with these headers.
    fn client(trusted: &[&str], peer: &str, headers: &[(&str, &str)]) -> Client {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).expect("a name"), value.parse().expect("a value"));
        }
        proxies(trusted).client(peer.parse().expect("an address"), &map)
    }

    fn at(address: &str) -> Client {
        Client::at(address.parse().expect("an address"))
    }

    #[test]
    fn a_header_of_a_stranger_changes_nothing() {
        for header in
            ["x-forwarded-for", "X-Forwarded-For", "x-real-ip", "forwarded", "true-client-ip", "cf-connecting-ip"]
        {
            for value in ["10.0.0.1", "for=10.0.0.1", "127.0.0.1", "198.51.100.7, 10.0.0.1"] {
                assert_eq!(client(&[], "203.0.113.9", &[(header, value)]), at("203.0.113.9"));
                assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &[(header, value)]), at("203.0.113.9"));
            }
        }
    }

    #[test]
    fn a_proxy_is_believed_about_whom_it_was_asked_by_and_no_further() {
        let trusted = ["10.0.0.0/8", "2001:db8:7::1"];
        let asked = |value: &str| client(&trusted, "10.1.2.3", &[("x-forwarded-for", value)]);
        assert_eq!(asked("203.0.113.9"), at("203.0.113.9"));
        assert_eq!(asked("198.51.100.7, 203.0.113.9"), at("203.0.113.9"), "what stands before is a stranger's word");
        assert_eq!(asked("10.9.9.9, 203.0.113.9 , 10.0.0.4"), at("203.0.113.9"), "by way of two proxies");
        assert_eq!(asked("203.0.113.9:4711"), at("203.0.113.9"));
        assert_eq!(asked("[2001:db8::5]:443"), at("2001:db8::5"));
        assert_eq!(asked("[2001:db8::5]"), at("2001:db8::5"));
        assert_eq!(asked("10.0.0.4, 10.0.0.5"), at("10.0.0.4"), "one of our own");
        assert_eq!(asked(""), at("10.1.2.3"));
        assert_eq!(
            asked("203.0.113.9, unknown"),
            at("10.1.2.3"),
            "a word that is no address comes from no proxy of ours"
        );
        assert_eq!(asked("203.0.113.9, unknown, 10.0.0.4"), at("10.0.0.4"));
        let lines = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client(&trusted, "10.1.2.3", &lines), at("203.0.113.9"), "lines are one list");
        assert_eq!(client(&trusted, "::ffff:10.1.2.3", &lines), at("203.0.113.9"), "as a socket of both kinds says it");
        assert_eq!(client(&trusted, "2001:db8:7::1", &lines), at("203.0.113.9"));
        assert_eq!(client(&trusted, "10.1.2.3", &[("x-real-ip", "203.0.113.9")]), at("10.1.2.3"));
        assert_eq!(client(&trusted, "10.1.2.3", &[("forwarded", "for=203.0.113.9")]), at("10.1.2.3"));
        assert_eq!(client(&trusted, "10.1.2.3", &[]), at("10.1.2.3"));
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:203.0.113.9"), at("203.0.113.9"));
        assert_ne!(at("203.0.113.9"), at("203.0.113.8"));
    }

    #[test]
    fn networks_have_the_addresses_they_say() {
        let has = |network: &str, address: &str| {
            let network: Network = network.parse().expect("a network");
            network.has(address.parse().expect("an address"))
        };
        assert!(has("10.0.0.0/8", "10.255.255.255") && !has("10.0.0.0/8", "11.0.0.0"));
        assert!(has("192.0.2.4/31", "192.0.2.5") && !has("192.0.2.4/31", "192.0.2.6"));
        assert!(has("192.0.2.4", "192.0.2.4") && !has("192.0.2.4", "192.0.2.5"));
        assert!(has("203.0.0.0/8", "203.0.113.9") && !has("203.0.0.0/8", "::1"));
        assert!(has("fc00::/7", "fd12::1") && !has("fc00::/7", "127.0.0.1"));
        assert!(has("2001:db8::/33", "2001:db8:7fff::") && !has("2001:db8::/33", "2001:db8:8000::"));
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "proxy",
            "2001:db8::1/64",
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "8.0.0.0/7",
            "2000::/3",
            "::ffff:10.0.0.0/104",
            "::ffff:10.0.0.7",
            "::ffff:0:0/96",
            "0.0.0.0",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            let error = Proxies::read(&["10.0.0.0/8", wrong]).expect_err("it is none");
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
    }
}
