//! [`AddressGroup`]: a set of addresses that count as one holder when limits per address are applied.
//!
//! A host with an IPv4 address usually has only that address, but a host with an IPv6 address can use all addresses of its
//! /64, and the site to which the host belongs can often use all addresses of a /48. Some forms of IPv6 address contain the
//! IPv4 address by which their host is reached: see [`ipv4_behind`].

use core::net::{Ipv4Addr, Ipv6Addr};
use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol as Part;

/// A set of addresses whose connections and streams are counted together against limits. A value is 16 bytes or less, and is
/// compared as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(not(feature = "protocols"), allow(dead_code))]
pub(crate) enum AddressGroup {
    /// One IPv4 address, which may also be written as an IPv6 address, or be [contained](ipv4_behind) in an IPv6 address of
    /// NAT64, 6to4 or Teredo.
    V4(u32),
    /// The /64 of an IPv6 address: the upper half of its bits.
    Net64(u64),
    /// The /48 of an IPv6 address: its upper 48 bits.
    Net48(u64),
    /// One address that contains no IP address, represented by the hash of its bytes.
    Other(u64),
}

impl AddressGroup {
    /// Returns the group of an address. The first IP address in it decides. An IPv4 address is a group by itself. An IPv6
    /// address that [contains an IPv4 address](ipv4_behind), which is an address of NAT64, 6to4 or Teredo, belongs to the
    /// group of that IPv4 address; any other IPv6 address belongs to the group of its /64. An address without an IP address
    /// is a group by itself. An address through a relay belongs to the group of the relay.
    #[cfg_attr(not(feature = "protocols"), allow(dead_code))]
    pub(crate) fn of(address: &Multiaddr) -> Self {
        // NAT64's well-known prefix is a /96. Without `through`, all hosts behind such translators would be in one /64, and
        // share the places of one address; and a host would get further places by each form in which its address can be
        // written.
        match ip_of(address).map(Ip::through) {
            Some(Ip::V4(ip)) => Self::V4(ip.to_bits()),
            Some(Ip::V6(ip)) => Self::Net64((ip.to_bits() >> 64) as u64),
            None => Self::Other(hash(address.as_ref())),
        }
    }

    /// Returns the /48 of an address whose first IP address is an IPv6 address. For any other address, and for an IPv6
    /// address that [contains an IPv4 address](ipv4_behind), it returns `None`.
    pub(super) fn wide(address: &Multiaddr) -> Option<Self> {
        match ip_of(address)?.through() {
            Ip::V4(_) => None,
            Ip::V6(ip) => Some(Self::Net48((ip.to_bits() >> 80) as u64)),
        }
    }
}

/// Returns `true` for an address whose first IP address is a loopback address: one of 127.0.0.0/8, or ::1.
#[cfg_attr(not(feature = "protocols"), allow(dead_code))]
pub(crate) fn is_loopback(address: &Multiaddr) -> bool {
    // The group of `Ip::through` is not looked at: RFC 6052 forbids translators to stand for 127.0.0.0/8. So whoever
    // connects from `64:ff9b::127.0.0.1` is a stranger, who must not be exempt from the shares of addresses.
    match ip_of(address) {
        Some(Ip::V4(ip)) => ip.is_loopback(),
        Some(Ip::V6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Returns `true` for an address that leads whoever dials it to their own machine: a loopback address, a wildcard of IPv4 or
/// IPv6, or a name of localhost (RFC 6761).
#[cfg(feature = "protocols")]
pub(crate) fn leads_here(address: &Multiaddr) -> bool {
    let is_wildcard = match ip_of(address) {
        Some(Ip::V4(ip)) => ip.is_unspecified(),
        Some(Ip::V6(ip)) => ip.is_unspecified(),
        None => false,
    };
    is_wildcard || is_loopback(address) || address.iter().any(|part| name_of(&part).is_some_and(is_localhost))
}

/// Returns `true` for an address that begins with a DNS name (`/dns`, `/dns4`, `/dns6` or `/dnsaddr`).
pub(super) fn is_name(address: &Multiaddr) -> bool {
    address.iter().next().is_some_and(|part| name_of(&part).is_some())
}

fn name_of<'a>(part: &'a Part<'_>) -> Option<&'a str> {
    if let Part::Dns(name) | Part::Dns4(name) | Part::Dns6(name) | Part::Dnsaddr(name) = part {
        Some(name)
    } else {
        None
    }
}

#[cfg(feature = "protocols")]
fn is_localhost(name: &str) -> bool {
    // A name may end with the dot of the root, and RFC 6761 (section 6.3) reserves all names below `localhost`, too.
    let name = name.strip_suffix('.').unwrap_or(name);
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

#[derive(Clone, Copy)]
pub(super) enum Ip {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Ip {
    /// Returns the IPv4 address that this IPv6 address [contains](ipv4_behind) if it is an address of NAT64, 6to4 or Teredo;
    /// otherwise the address itself.
    fn through(self) -> Self {
        match self {
            Self::V4(_) => self,
            Self::V6(ip) => ipv4_behind(ip).map_or(self, Self::V4),
        }
    }
}

/// Returns the IPv4 address through which the host of an IPv6 address is reached, if the IPv6 address contains that IPv4
/// address. Three kinds of IPv6 address contain one: NAT64 with the well-known prefix 64:ff9b::/96 (RFC 6052), 6to4
/// (2002::/16, RFC 3056), and Teredo (2001::/32, RFC 4380), which contains the IPv4 address of the Teredo client. Packets to
/// these IPv6 addresses are sent to the IPv4 address, so that nobody can use an IPv6 address that contains the IPv4 address
/// of somebody else. A network can have a NAT64 prefix of its own, but nothing in an address shows that prefix, so an
/// address with it counts as an IPv6 address.
pub(super) fn ipv4_behind(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = ip.to_bits();
    let inside = match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => bits as u32,
        [0x2002, ..] => (bits >> 80) as u32,
        // Teredo writes the client's address with its bits inverted, so that no NAT on the way rewrites it.
        [0x2001, 0, ..] => !(bits as u32),
        _ => return None,
    };
    Some(Ipv4Addr::from_bits(inside))
}

/// Returns the first IP address in a multiaddress. An IPv6 address of the form `::ffff:a.b.c.d`, by which a dual-stack
/// socket reports IPv4 peers, is returned as the IPv4 address.
pub(super) fn ip_of(address: &Multiaddr) -> Option<Ip> {
    // The IP address need not be the first part: `/ip6zone/eth0/ip6/fe80::1` begins with the zone. The first one is that of
    // a relay, if there is a relay, which is the host that we exchange packets with.
    address.iter().find_map(|part| {
        if let Part::Ip4(ip) = part {
            return Some(Ip::V4(ip));
        }
        let Part::Ip6(ip) = part else { return None };
        Some(ip.to_ipv4_mapped().map_or(Ip::V6(ip), Ip::V4))
    })
}

/// Returns the FNV-1a hash of `bytes`, which is the same in every run. A hash that an attacker can predict is safe here: a
/// peer on a network cannot choose an address without an IP address.
fn hash(bytes: &[u8]) -> u64 {
    // The offset basis and the prime of FNV-1a for 64 bits. The standard library's hasher is seeded at random, and a run
    // would not be reproducible.
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> AddressGroup {
        AddressGroup::of(&address.parse().unwrap())
    }

    fn wide(address: &str) -> Option<AddressGroup> {
        AddressGroup::wide(&address.parse().unwrap())
    }

    #[test]
    fn an_ipv4_address_is_a_group_whatever_its_port() {
        assert_eq!(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.2.1/tcp/2/ws"));
        assert_ne!(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.2.2/tcp/1"));
        assert_eq!(of("/ip4/192.0.2.1/tcp/1"), of("/ip6/::ffff:192.0.2.1/tcp/1"));
        assert_eq!(wide("/ip4/192.0.2.1/tcp/1"), None);
        assert_eq!(wide("/ip6/::ffff:192.0.2.1/tcp/1"), None);
    }

    #[test]
    fn an_ipv6_address_is_in_the_group_of_its_64_and_its_48() {
        assert_eq!(of("/ip6/2001:db8:1:2::1/tcp/1"), of("/ip6/2001:db8:1:2:3:4:5:6/tcp/2"));
        assert_ne!(of("/ip6/2001:db8:1:2::1/tcp/1"), of("/ip6/2001:db8:1:3::1/tcp/1"));
        assert_eq!(wide("/ip6/2001:db8:1:2::1/tcp/1"), wide("/ip6/2001:db8:1:3::1/tcp/1"));
        assert_ne!(wide("/ip6/2001:db8:1::1/tcp/1"), wide("/ip6/2001:db8:2::1/tcp/1"));
        assert_ne!(Some(of("/ip6/::1/tcp/1")), wide("/ip6/::1/tcp/1"));
        assert_eq!(of("/ip6zone/eth0/ip6/fe80::1/tcp/1"), of("/ip6/fe80::2/tcp/1"));
    }

    #[test]
    fn an_ipv6_address_that_embeds_ipv4_is_in_the_group_of_that() {
        for address in [
            "/ip6/64:ff9b::192.0.2.1/tcp/1",
            "/ip6/2002:c000:201::1/tcp/1",
            "/ip6/2002:c000:201:7:8:9:a:b/tcp/1",
            "/ip6/2001:0:cb00:7101:8000:63bf:3fff:fdfe/tcp/1",
        ] {
            assert_eq!(of(address), of("/ip4/192.0.2.1/tcp/1"), "{address}");
            assert_eq!(wide(address), None, "{address}");
        }
        // Neighbours of these, the prefix for use within a network (RFC 8215), and the old form ::a.b.c.d.
        for address in [
            "/ip6/64:ff9b::1:c000:201/tcp/1",
            "/ip6/64:ff9b:1::c000:201/tcp/1",
            "/ip6/64:ff9c::c000:201/tcp/1",
            "/ip6/2003:c000:201::1/tcp/1",
            "/ip6/2001:1::3fff:fdfe/tcp/1",
            "/ip6/::192.0.2.1/tcp/1",
        ] {
            assert!(matches!(of(address), AddressGroup::Net64(_)), "{address}");
            assert!(wide(address).is_some(), "{address}");
        }
    }

    #[test]
    fn an_address_without_an_ip_is_a_group_by_itself() {
        assert_eq!(of("/memory/1"), of("/memory/1"));
        assert_ne!(of("/memory/1"), of("/memory/2"));
        assert_eq!(wide("/memory/1"), None);
    }

    #[test]
    fn loopback_is_the_machines_own_network() {
        for (address, is_own) in [
            ("/ip4/127.0.0.1/tcp/1", true),
            ("/ip4/127.9.9.9/tcp/1", true),
            ("/ip6/::1/tcp/1", true),
            ("/ip6/::ffff:127.0.0.1/tcp/1", true),
            ("/ip6/::2/tcp/1", false),
            // No translator may have one, so that it is somebody else's: whoever says so is not exempt from shares.
            ("/ip6/64:ff9b::127.0.0.1/tcp/1", false),
            ("/ip4/192.0.2.1/tcp/1", false),
            ("/memory/1", false),
        ] {
            assert_eq!(is_loopback(&address.parse().unwrap()), is_own, "{address}");
        }
    }
}
