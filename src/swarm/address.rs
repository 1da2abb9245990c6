//! Functions for addresses: splitting off the peer id at the end, and finding addresses to which nobody can connect.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::net::{Ipv4Addr, Ipv6Addr};
use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol as Part;
use libp2p_identity::PeerId;

/// The reason why an address is refused, as a text for logs and errors.
pub(crate) type AddressFlaw = &'static str;

/// Splits the peer id (`/p2p/…`) off the end of an address, and returns the rest and the peer id. A `/p2p/…` before a
/// `/p2p-circuit` names a relay, and stays in the address for the transport.
///
/// # Errors
/// The address names two peers for one connection.
pub(super) fn split_peer(address: &Multiaddr) -> Result<(Multiaddr, Option<PeerId>), AddressFlaw> {
    let mut named = 0;
    for part in address {
        if let Part::P2p(_) = part {
            // Every peer id counts, not only the one at the end: the transport may take one in the middle for the peer to
            // reach, while we hold the connection to the other.
            named += 1;
        } else if let Part::P2pCircuit = part {
            // The peer ids so far name relays, which are not the peer of this connection.
            named = 0;
        }
    }
    let mut plain = address.to_owned();
    match (plain.pop(), named) {
        (_, 2..) => Err("the address names more than one peer"),
        (Some(Part::P2p(peer)), _) => Ok((plain, Some(peer))),
        (Some(last), _) => Ok((plain.with(last), None)),
        (None, _) => Ok((plain, None)),
    }
}

/// Removes the peer id from the end of an address at which the peer `listener` listens. `listener` is our own peer id if a
/// transport has reported the address, or the id of another peer.
///
/// # Errors
/// The address names another peer, or nobody can connect to it. The error is the reason.
pub(crate) fn plain_address(address: &Multiaddr, listener: PeerId) -> Result<Multiaddr, AddressFlaw> {
    let (plain, peer) = split_peer(address)?;
    if peer.is_some_and(|peer| peer != listener) {
        return Err("it names another peer");
    }
    flaw(&plain).map_or(Ok(plain), Err)
}

/// Returns the text of an error for an address that the transport does not support. `is_dialed` is `true` for an address to
/// connect to, and `false` for an address to listen on. Wildcards and port 0 are errors only in an address to connect to.
pub(super) fn unsupported(address: &Multiaddr, is_dialed: bool) -> String {
    match flaw(address) {
        // The caller has split off the peer id, so that nothing is left of `/p2p/…` alone that the text could name.
        _ if address.is_empty() => "the address says nothing but who the peer is".to_owned(),
        Some(flaw) if is_dialed => format!("nobody can connect to {address}: {flaw}"),
        _ => format!("the transport does not support {address}"),
    }
}

/// Returns the reason why nobody can connect to an address, if the address is empty, a wildcard, or has port 0.
fn flaw(address: &Multiaddr) -> Option<AddressFlaw> {
    const V4: Part<'_> = Part::Ip4(Ipv4Addr::UNSPECIFIED);
    const V6: Part<'_> = Part::Ip6(Ipv6Addr::UNSPECIFIED);
    if address.is_empty() {
        return Some("it is empty");
    }
    address.iter().find_map(|part| {
        let is_wildcard = part == V4 || part == V6;
        // Port 0 asks for any free port, and a wildcard for all interfaces. Both make sense only to whoever listens. The
        // parts are searched to the end, since a port may be followed by others: `/tcp/0/ws`.
        let is_port_0 = matches!(part, Part::Tcp(0) | Part::Udp(0) | Part::Memory(0));
        is_wildcard.then_some("it is a wildcard").or(is_port_0.then_some("its port is 0"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const A: &str = "12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa";
    const B: &str = "16Uiu2HAmKJUfVbtUB1v3BMUivfcpN6smx5u6z2jqxjQYEwwuKH9Q";

    #[test]
    fn the_peer_id_at_the_end_is_split_off() {
        let rows = [
            ("/ip4/192.0.2.1/tcp/1".to_owned(), "/ip4/192.0.2.1/tcp/1".to_owned(), None),
            (format!("/ip4/192.0.2.1/tcp/1/p2p/{A}"), "/ip4/192.0.2.1/tcp/1".to_owned(), Some(A)),
            (format!("/p2p/{A}"), "".to_owned(), Some(A)),
            ("".to_owned(), "".to_owned(), None),
            // One that is not at the end is for the transport to judge, and so is a relay's.
            (format!("/ip4/192.0.2.1/p2p/{A}/tcp/1"), format!("/ip4/192.0.2.1/p2p/{A}/tcp/1"), None),
            (format!("/tcp/1/p2p/{A}/p2p-circuit"), format!("/tcp/1/p2p/{A}/p2p-circuit"), None),
            (format!("/tcp/1/p2p/{A}/p2p-circuit/p2p/{B}"), format!("/tcp/1/p2p/{A}/p2p-circuit"), Some(B)),
        ];
        for (address, plain, peer) in rows {
            let (split, named) = split_peer(&address.parse().unwrap()).unwrap();
            assert_eq!((split.to_string(), named.map(|peer| peer.to_string())), (plain, peer.map(str::to_owned)));
        }
    }

    #[test]
    fn two_peer_ids_for_one_connection_are_refused() {
        for (first, second) in [(A, B), (A, A)] {
            for address in [
                format!("/ip4/192.0.2.1/tcp/1/p2p/{first}/p2p/{second}"),
                format!("/ip4/192.0.2.1/p2p/{first}/tcp/1/p2p/{second}"),
                format!("/p2p/{first}/ip4/192.0.2.1/p2p/{second}/tcp/1"),
                format!("/tcp/1/p2p/{A}/p2p-circuit/p2p/{first}/p2p/{second}"),
            ] {
                assert!(split_peer(&address.parse().unwrap()).is_err(), "{address}");
            }
        }
    }

    #[test]
    fn an_unsupported_address_is_told_with_what_is_wrong_with_it() {
        let rows = [
            ("", true, "the address says nothing but who the peer is"),
            ("", false, "the address says nothing but who the peer is"),
            ("/ip4/127.0.0.1/tcp/0", true, "nobody can connect to /ip4/127.0.0.1/tcp/0: its port is 0"),
            ("/ip4/0.0.0.0/tcp/1", true, "nobody can connect to /ip4/0.0.0.0/tcp/1: it is a wildcard"),
            ("/ip4/127.0.0.1/udp/0", false, "the transport does not support /ip4/127.0.0.1/udp/0"),
            ("/ip4/127.0.0.1/udp/1", true, "the transport does not support /ip4/127.0.0.1/udp/1"),
        ];
        for (address, is_dialed, text) in rows {
            assert_eq!(unsupported(&address.parse().unwrap(), is_dialed), text);
        }
    }

    #[test]
    fn addresses_that_nobody_can_connect_to_have_a_flaw() {
        let flawed = ["", "/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/1", "/ip4/192.0.2.1/tcp/0", "/memory/0"];
        let flawed_udp = ["/ip4/192.0.2.1/udp/0/quic-v1", "/ip4/0.0.0.0/udp/1/quic-v1", "/ip4/192.0.2.1/tcp/0/ws"];
        for address in flawed.into_iter().chain(flawed_udp) {
            assert!(flaw(&address.parse().unwrap()).is_some(), "{address}");
        }
        for address in ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1/ws", "/memory/1", "/dns/example.org/tcp/443/wss"] {
            assert_eq!(flaw(&address.parse().unwrap()), None, "{address}");
        }
    }
}
