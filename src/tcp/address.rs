//! Conversions between multiaddresses and socket addresses, and from multiaddresses to DNS names.

#[cfg(feature = "dns")]
use alloc::string::String;
use core::net::SocketAddr;
use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol;

/// The local and the remote address of a connection that was dialed.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketAddresses {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// Returns the socket address in `/ip4/…/tcp/…` or `/ip6/…/tcp/…`, with or without `/p2p/…` at the end. Returns `None` for
/// any other address.
pub(super) fn from_multiaddr(address: &Multiaddr) -> Option<SocketAddr> {
    let (host, port) = host_and_port(address)?;
    let ip = if let Protocol::Ip4(ip) = host {
        ip.into()
    } else if let Protocol::Ip6(ip) = host {
        ip.into()
    } else {
        return None;
    };
    Some(SocketAddr::new(ip, port))
}

/// Returns the first component and the port of `/…/…/tcp/…`, with or without `/p2p/…` at the end. Returns `None` for any
/// other address.
fn host_and_port(address: &Multiaddr) -> Option<(Protocol<'_>, u16)> {
    let mut parts = address.iter();
    let (host, port) = (parts.next()?, parts.next()?);
    let Protocol::Tcp(port) = port else { return None };
    let rest = (parts.next(), parts.next());
    matches!(rest, (None | Some(Protocol::P2p(_)), None)).then_some((host, port))
}

/// Returns a socket address as `/ip4/…/tcp/…` or `/ip6/…/tcp/…`. The zone of a link-local IPv6 address is left out.
pub(super) fn to_multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}

/// The name, the family and the port in `/dns/…/tcp/…`, `/dns4/…/tcp/…` or `/dns6/…/tcp/…`.
#[cfg(feature = "dns")]
#[derive(Debug)]
pub(super) struct DnsName {
    pub(super) host: String,
    pub(super) family: NameFamily,
    pub(super) port: u16,
}

/// The IP family of the addresses that may be dialed for a name.
#[cfg(feature = "dns")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NameFamily {
    Any,
    V4,
    V6,
}

#[cfg(feature = "dns")]
impl NameFamily {
    /// Returns whether an address belongs to this family.
    pub(super) const fn has(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

#[cfg(feature = "dns")]
impl core::fmt::Display for NameFamily {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Returns the components of `/dns/…/tcp/…`, `/dns4/…/tcp/…` or `/dns6/…/tcp/…`, with or without `/p2p/…` at the end.
/// Returns `None` for any other address.
#[cfg(feature = "dns")]
pub(super) fn name_from_multiaddr(address: &Multiaddr) -> Option<DnsName> {
    let (host, port) = host_and_port(address)?;
    let (host, family) = if let Protocol::Dns(host) = host {
        (host, NameFamily::Any)
    } else if let Protocol::Dns4(host) = host {
        (host, NameFamily::V4)
    } else if let Protocol::Dns6(host) = host {
        (host, NameFamily::V6)
    } else {
        return None;
    };
    Some(DnsName { host: host.into_owned(), family, port })
}
