//! [`Network`]: a set of IP addresses whose first bits are the same.

use crate::swarm::address_group::{Ip, ip_of, ipv4_behind};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use libp2p_core::Multiaddr;

/// The prefix length of `::ffff:0:0/96`, the network of the IPv6 addresses that are another spelling of an IPv4 address.
const MAPPED: u8 = 96;

/// A network: the IP addresses whose first bits are the same, written as `192.0.2.0/24` or `2001:db8::/32`. A single address
/// is a network, too, with a prefix of 32 or 128 bits.
///
/// An IPv4 address that is written as an IPv6 one (`::ffff:192.0.2.1`) is the IPv4 address, and a network within
/// `::ffff:0:0/96` is the IPv4 network. An IPv6 network contains no IPv4 addresses, so that `::/0` is all of IPv6 and
/// `0.0.0.0/0` all of IPv4. Bits behind the prefix are cleared: `192.0.2.7/24` is `192.0.2.0/24`. Addresses of NAT64, 6to4
/// and Teredo are IPv6 addresses here; [`Lists`](super::Lists) also judge them by the IPv4 address that they contain.
///
/// ```
/// use swarm_notify::swarm::Network;
///
/// let office: Network = "192.0.2.0/24".parse()?;
/// assert!(office.contains("192.0.2.7".parse()?));
/// assert!(office.contains("::ffff:192.0.2.7".parse()?));
/// assert_eq!("192.0.2.7".parse::<Network>()?.to_string(), "192.0.2.7/32");
/// assert_eq!(Network::of(&"/ip6/2001:db8::1/tcp/4001".parse()?), Some("2001:db8::1/128".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Network {
    family: Family,
    prefix: u8,
    /// The first `prefix` bits of an address, starting at the highest bit, followed by zeros.
    bits: u128,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Family {
    V4,
    V6,
}

/// The error for a text that is not a network, or for a prefix that is longer than the address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a network such as 192.0.2.0/24 or 2001:db8::/32")
    }
}

impl core::error::Error for NetworkError {}

impl Network {
    /// Makes the network of all addresses whose first `prefix` bits are those of `ip`.
    ///
    /// # Errors
    /// `prefix` is more than 32 for an IPv4 address, or more than 128 for an IPv6 address.
    pub fn new(ip: IpAddr, prefix: u8) -> Result<Self, NetworkError> {
        let (family, prefix, bits) = match ip {
            IpAddr::V4(ip) => (Family::V4, prefix, high(ip)),
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(ip) if prefix >= MAPPED => (Family::V4, prefix - MAPPED, high(ip)),
                Some(_) | None => (Family::V6, prefix, ip.to_bits()),
            },
        };
        let longest = match family {
            Family::V4 => 32,
            Family::V6 => 128,
        };
        match prefix <= longest {
            true => Ok(Self { family, prefix, bits: bits & mask(prefix) }),
            false => Err(NetworkError),
        }
    }

    /// Returns the first IP address in a multiaddress, as a network of this one address; `None` if the multiaddress contains
    /// no IP address.
    #[must_use]
    pub fn of(address: &Multiaddr) -> Option<Self> {
        ip_of(address).map(|ip| match ip {
            Ip::V4(ip) => ip.into(),
            Ip::V6(ip) => ip.into(),
        })
    }

    /// Returns whether an address is in this network.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let one = Self::from(ip);
        self.family == one.family && one.bits & mask(self.prefix) == self.bits
    }

    /// Returns the first address in this network.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(self.bits_of_v4())),
            Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(self.bits)),
        }
    }

    /// Returns the number of first bits that all addresses in this network have in common.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Returns the IPv4 address that an IPv6 address [contains](ipv4_behind) if it is an address of NAT64, 6to4 or Teredo.
    /// `self` is a network of one address.
    pub(super) fn ipv4_behind(&self) -> Option<Self> {
        match self.family {
            Family::V4 => None,
            Family::V6 => ipv4_behind(Ipv6Addr::from_bits(self.bits)).map(Self::from),
        }
    }

    pub(super) const fn family(&self) -> Family {
        self.family
    }

    /// Returns the bits of the first address in this network, which is an IPv4 network.
    pub(super) const fn bits_of_v4(self) -> u32 {
        (self.bits >> 96) as u32
    }

    /// Makes an IPv4 network. `prefix` is at most 32, and the bits of `bits` after the first `prefix` ones are zeros.
    pub(super) const fn of_v4(bits: u32, prefix: u8) -> Self {
        Self { family: Family::V4, prefix, bits: high(Ipv4Addr::from_bits(bits)) }
    }

    /// Returns the network that contains this network and has the prefix length `prefix`, which is at most the length of
    /// this network's prefix.
    pub(super) const fn widened(self, prefix: u8) -> Self {
        Self { prefix, bits: self.bits & mask(prefix), ..self }
    }
}

/// Returns the bits of an IPv4 address as the upper 32 of 128 bits.
const fn high(ip: Ipv4Addr) -> u128 {
    (ip.to_bits() as u128) << 96
}

/// Returns 128 bits of which the highest `prefix` bits are ones and the others are zeros.
const fn mask(prefix: u8) -> u128 {
    match u128::MAX.checked_shl(128 - prefix as u32) {
        Some(mask) => mask,
        // A prefix of 0 leaves no bit.
        None => 0,
    }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => ip.into(),
            IpAddr::V6(ip) => ip.into(),
        }
    }
}

impl From<Ipv4Addr> for Network {
    fn from(ip: Ipv4Addr) -> Self {
        Self { family: Family::V4, prefix: 32, bits: high(ip) }
    }
}

impl From<Ipv6Addr> for Network {
    fn from(ip: Ipv6Addr) -> Self {
        match ip.to_ipv4_mapped() {
            Some(ip) => ip.into(),
            None => Self { family: Family::V6, prefix: 128, bits: ip.to_bits() },
        }
    }
}

/// Parses a single address (`192.0.2.7`), or an address with the length of a prefix (`192.0.2.0/24`).
impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let Some((ip, prefix)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| NetworkError);
        };
        // `parse` would accept a sign: `/+24`.
        if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NetworkError);
        }
        let prefix = prefix.parse().map_err(|_| NetworkError)?;
        Self::new(ip.parse().map_err(|_| NetworkError)?, prefix)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_shown_in_their_shortest_form() {
        for (text, shown) in [
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.7/0", "0.0.0.0/0"),
            ("2001:db8:1::7/32", "2001:db8::/32"),
            ("2001:db8::7", "2001:db8::7/128"),
            ("::7/0", "::/0"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
        ] {
            assert_eq!(network(text).to_string(), shown, "{text}");
            assert_eq!(network(shown), network(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "/", "/8", "192.0.2.0/", "192.0.2.0/33", "::/129", "::ffff:0:0/129", "192.0.2/24", "192.0.2.0/+8"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        for (text, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "::1", "192.0.2.1"),
            ("::/0", "ffff::", "::ffff:192.0.2.1"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network(text).contains(outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn the_network_of_an_address_is_that_of_its_first_ip() {
        let of = |address: &str| Network::of(&address.parse().unwrap()).map(|network| network.to_string());
        assert_eq!(of("/ip4/192.0.2.1/tcp/1").as_deref(), Some("192.0.2.1/32"));
        assert_eq!(of("/ip6/::ffff:192.0.2.1/tcp/1").as_deref(), Some("192.0.2.1/32"));
        assert_eq!(of("/ip6zone/eth0/ip6/fe80::1/tcp/1").as_deref(), Some("fe80::1/128"));
        assert_eq!(of("/memory/1"), None);
        assert_eq!(of("/dns/example.org/tcp/1"), None);
    }
}
