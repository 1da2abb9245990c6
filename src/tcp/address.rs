//! Socket addresses to and from multiaddresses.

use core::net::SocketAddr;
use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol;

/// The socket address that `/ip4|ip6/…/tcp/…` names, with or without `/p2p/…` after it; `None` for any other address.
pub(super) fn from_multiaddr(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let (ip, port) = (parts.next()?, parts.next()?);
    let Protocol::Tcp(port) = port else { return None };
    let ip = if let Protocol::Ip4(ip) = ip {
        ip.into()
    } else if let Protocol::Ip6(ip) = ip {
        ip.into()
    } else {
        return None;
    };
    let rest = (parts.next(), parts.next());
    matches!(rest, (None | Some(Protocol::P2p(_)), None)).then_some(SocketAddr::new(ip, port))
}

/// `/ip4|ip6/…/tcp/…`. The zone of a link-local IPv6 address is left out.
pub(super) fn to_multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}
