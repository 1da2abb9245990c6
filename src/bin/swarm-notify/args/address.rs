//! Addresses on the command line. The error for a wrong address says what is wrong, and suggests the address that the user
//! probably meant.

use crate::report::seen;
use libp2p_identity::PeerId;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use swarm_notify::swarm::Multiaddr;

/// The purpose of an address on the command line: dialing or listening.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AddressUse {
    Dial,
    Listen,
}

/// Parses an address to dial. An error is a text for the user.
pub(crate) fn to_dial(text: &str) -> Result<Multiaddr, String> {
    AddressUse::Dial.read(text)
}

/// Parses an address to listen on. An error is a text for the user.
pub(crate) fn to_listen_on(text: &str) -> Result<Multiaddr, String> {
    AddressUse::Listen.read(text)
}

impl AddressUse {
    fn read(self, text: &str) -> Result<Multiaddr, String> {
        // An error may quote the text, and the text may have invisible characters.
        self.check(text).map_err(|why| seen(&why))?;
        // Parsing does not fail, since the check refuses all addresses that the library refuses.
        text.parse().map_err(|error| format!("{error}; {}", self.example()))
    }

    /// Returns a phrase with examples of complete addresses.
    const fn example(self) -> &'static str {
        match self {
            Self::Dial => {
                "a whole address is /ip4/192.0.2.1/tcp/4001, /ip6/2001:db8::1/tcp/4001 or /dns/example.com/tcp/4001, \
                 with /p2p/PEER_ID at its end to accept no other peer"
            }
            Self::Listen => {
                "a whole address is /ip4/0.0.0.0/tcp/4001 or /ip6/::/tcp/4001, with port 0 for any free port"
            }
        }
    }

    /// Returns a phrase that says which transports this build supports.
    const fn transports(self) -> &'static str {
        match self {
            Self::Dial => "this build dials TCP only, at /ip4, /ip6, /dns, /dns4 and /dns6",
            Self::Listen => "this build listens on TCP only, at /ip4 and /ip6",
        }
    }

    fn check(self, text: &str) -> Result<(), String> {
        let Some(rest) = text.strip_prefix('/') else { return Err(self.without_slash(text)) };
        if let Some(rest) = text.strip_suffix('/').filter(|rest| !rest.is_empty() && self.check(rest).is_ok()) {
            return Err(format!("nothing follows the last /; did you mean {rest}?"));
        }
        let mut parts = rest.split('/');
        let (kind, host) = (parts.next().unwrap_or_default(), parts.next());
        if let Some(meant) = self.without_kind(kind, rest) {
            return Err(format!("an address begins with the kind of its host{meant}"));
        }
        if let Some(meant) = host.and_then(|host| self.with_port(kind, host, rest)) {
            return Err(format!("the port has a part of its own{meant}"));
        }
        self.check_host(kind, host, text)?;
        // The host is present, since the check would have failed without a host.
        let host = host.unwrap_or_default();
        match (parts.next(), parts.next()) {
            (Some("tcp"), Some(port)) => self.check_port(port)?,
            (None, _) | (Some("tcp"), None) => {
                return Err(format!("the port is missing: add one, such as /{kind}/{host}/tcp/4001"));
            }
            (Some(port), None) if port.parse::<u16>().is_ok() => {
                return Err(format!("/tcp is missing before the port; did you mean /{kind}/{host}/tcp/{port}?"));
            }
            (Some(other), _) => return Err(self.unknown(other)),
        }
        match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => Ok(()),
            (Some("p2p" | "ipfs"), peer, None) => check_peer(peer.unwrap_or_default()),
            (Some("p2p" | "ipfs"), Some(_), Some("p2p" | "ipfs")) => {
                Err("it names more than one peer; one connection leads to one peer: leave one of them out".to_owned())
            }
            (Some("p2p" | "ipfs"), _, Some(other)) | (Some(other), ..) => Err(self.unknown(other)),
        }
    }

    fn check_host(self, kind: &str, host: Option<&str>, text: &str) -> Result<(), String> {
        match (kind, host) {
            ("p2p" | "ipfs", _) => Err(self.only_a_peer(text)),
            ("ip4", Some(host)) => match host.parse::<Ipv4Addr>() {
                Ok(ip) => self.check_wildcard(ip.into(), host, text),
                Err(_) => Err(self.no_ip("ip4", "no IPv4 address, which is four numbers from 0 to 255", host, text)),
            },
            ("ip6", Some(host)) => match host.parse::<Ipv6Addr>() {
                Ok(ip) if ip.is_unicast_link_local() => Err(format!(
                    "{ip} is a link-local address, which holds on one interface only, and none can be named here; give \
                     another address of the host"
                )),
                Ok(ip) => self.check_wildcard(ip.into(), host, text),
                Err(_) => Err(self.no_ip("ip6", "no IPv6 address, which is one such as 2001:db8::1", host, text)),
            },
            ("dns" | "dns4" | "dns6", Some(host)) if self == Self::Dial => match is_name(host) {
                true => Ok(()),
                false => Err(format!("{host:?} is no name of a host; {}", self.example())),
            },
            ("dns" | "dns4" | "dns6", Some(_)) => {
                Err(format!("a name cannot be listened on, only an IP address of this machine; {}", self.example()))
            }
            ("ip4" | "ip6" | "dns" | "dns4" | "dns6", None) => {
                Err(format!("nothing follows /{kind}; {}", self.example()))
            }
            ("tcp", port) => {
                self.check_port(port.unwrap_or_default())?;
                Err(format!("the host is missing before /tcp; {}", self.example()))
            }
            ("", _) => Err(format!("it is empty; {}", self.example())),
            (other, _) => Err(self.unknown(other)),
        }
    }

    /// Suggests an address for a text that begins with a host, such as `/192.0.2.1/tcp/1`, instead of the kind of the host.
    /// Returns `None` if no valid address is close to the text.
    fn without_kind(self, host: &str, text: &str) -> Option<String> {
        let is_host = |host: &str| {
            let is_named = is_name(host) && (host == "localhost" || host.contains('.'));
            host.parse::<IpAddr>().is_ok() || is_named
        };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if !(is_host(host) || is_host(name) || host.parse::<SocketAddr>().is_ok()) {
            return None;
        }
        let meant = self.in_our_notation(text).map(|meant| self.did_you_mean(&meant));
        meant.filter(|meant| !meant.is_empty())
    }

    /// Suggests an address for a text in which a colon and the port follow the host, such as `/ip4/192.0.2.1:1`. Returns
    /// `None` if no valid address is close to the text.
    fn with_port(self, kind: &str, host: &str, text: &str) -> Option<String> {
        let text = text.strip_prefix(kind)?.strip_prefix('/')?;
        let (name, port) = host.rsplit_once(':')?;
        let is_socket = host.parse::<SocketAddr>().is_ok();
        let is_with_port = is_socket || (kind.starts_with("dns") && is_name(name) && port.parse::<u16>().is_ok());
        let meant = self.in_our_notation(text).filter(|_| is_with_port).map(|meant| self.did_you_mean(&meant));
        meant.filter(|meant| !meant.is_empty())
    }

    /// Returns an error if the address to dial is a wildcard, which only a listener can use.
    fn check_wildcard(self, ip: IpAddr, host: &str, text: &str) -> Result<(), String> {
        if self == Self::Listen || !ip.is_unspecified() {
            return Ok(());
        }
        let (kind, here) = if ip.is_ipv4() { ("/ip4", "127.0.0.1") } else { ("/ip6", "::1") };
        let rest = text.strip_prefix(&format!("{kind}/{host}")).unwrap_or_default();
        let meant = self.did_you_mean(&format!("{kind}/{here}{rest}"));
        Err(format!("{ip} stands for all addresses of a listener, and nobody can connect to it{meant}"))
    }

    fn no_ip(self, kind: &str, rule: &str, host: &str, text: &str) -> String {
        let rest = text.strip_prefix(&format!("/{kind}/{host}")).unwrap_or_default();
        let meant = match host.parse::<IpAddr>() {
            Ok(ip) => format!("{}{rest}", multiaddr(ip)),
            Err(_) => format!("/dns/{host}{rest}"),
        };
        // A text without a letter is not a host name, but a mistyped IP address.
        let is_ip_or_name = host.parse::<IpAddr>().is_ok() || host.bytes().any(|byte| byte.is_ascii_alphabetic());
        let meant = if is_ip_or_name { self.did_you_mean(&meant) } else { String::new() };
        format!("{host:?} is {rule}{meant}")
    }

    fn check_port(self, port: &str) -> Result<(), String> {
        let least = u16::from(self == Self::Dial);
        match port.parse::<u16>() {
            Ok(0) if self == Self::Dial => {
                Err("nobody can connect to port 0; give the port that the peer listens on".to_owned())
            }
            Ok(_) if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            Ok(_) | Err(_) => Err(format!("{port:?} is no port: a port is a number from {least} to 65535")),
        }
    }

    fn unknown(self, part: &str) -> String {
        format!("/{part} cannot stand there: {}; {}", self.transports(), self.example())
    }

    fn only_a_peer(self, text: &str) -> String {
        match self {
            Self::Dial => format!(
                "it says who the peer is and not where, and nobody is looked up: {}; did you mean \
                 /ip4/192.0.2.1/tcp/4001{text}, with the peer's own address and port?",
                self.transports()
            ),
            Self::Listen => format!("it says who listens and not where; {}", self.example()),
        }
    }

    /// Returns the text of the error for an address that does not begin with a slash, with a suggestion of the address that
    /// the user probably meant.
    fn without_slash(self, text: &str) -> String {
        let bare = text.split_once("://").map_or(text, |(_, bare)| bare).trim_end_matches('/');
        let rule = "an address begins with /";
        if bare.parse::<PeerId>().is_ok() {
            return self.only_a_peer(&format!("/p2p/{bare}"));
        }
        let port = bare.strip_prefix(':').unwrap_or(bare);
        if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.only_a_port(port);
        }
        let whole = self.in_our_notation(bare);
        // The text after the first slash may be something other than an address, such as the path of a web page.
        let begin = bare.split_once('/').and_then(|(begin, _)| self.in_our_notation(begin));
        let meant = [&whole, &begin].into_iter().flatten().map(|meant| self.did_you_mean(meant));
        if let Some(meant) = meant.into_iter().find(|meant| !meant.is_empty()) {
            return rule.to_owned() + &meant;
        }
        if let Some(host) = bare.parse().ok().map(multiaddr).or_else(|| is_name(bare).then(|| self.name(bare))) {
            return format!("{rule}, and it has a port; did you mean {host}/tcp/4001, with the port in place of 4001?");
        }
        if let Some(Err(why)) = whole.map(|whole| self.check(&whole)) {
            return format!("{rule}, as /ip4/127.0.0.1/tcp/4001 does, and {why}");
        }
        match text {
            "" => format!("it is empty; {}", self.example()),
            _ => format!("{rule}; {}", self.example()),
        }
    }

    fn only_a_port(self, port: &str) -> String {
        match (self.check_port(port), self) {
            (Err(why), _) => why,
            (Ok(()), Self::Dial) => format!(
                "it is a port, and the host is missing; did you mean /ip4/127.0.0.1/tcp/{port}, with the peer's own host \
                 in place of 127.0.0.1?"
            ),
            (Ok(()), Self::Listen) => format!(
                "it is a port, and the host is missing; did you mean /ip4/127.0.0.1/tcp/{port}, or \
                 /ip4/0.0.0.0/tcp/{port} so that other machines can connect, too?"
            ),
        }
    }

    /// Translates a text to a multiaddress. The text begins with `ip:port`, `[ip]:port` or `name:port`, with one of these in
    /// which `/` replaces the colon, or with a multiaddress without its first `/`. The rest of the text is appended
    /// unchanged. The result need not be a valid address.
    fn in_our_notation(self, text: &str) -> Option<String> {
        let with_slash = format!("/{text}");
        let kinds = ["ip4", "ip6", "dns", "dns4", "dns6"];
        if text.split_once('/').is_some_and(|(kind, _)| kinds.contains(&kind)) {
            return Some(with_slash);
        }
        let (begin, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
        if let Ok(socket) = begin.parse::<SocketAddr>() {
            return Some(format!("{}/tcp/{}{rest}", multiaddr(socket.ip()), socket.port()));
        }
        let host = |host: &str| {
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            bare.parse().ok().map(multiaddr).or_else(|| is_name(host).then(|| self.name(host)))
        };
        if let Some(host) = host(begin).filter(|_| !rest.is_empty()) {
            let is_port = |part: &str| part.parse::<u16>().is_ok();
            let tcp = if rest[1..].split('/').next().is_some_and(is_port) { "/tcp" } else { "" };
            return Some(format!("{host}{tcp}{rest}"));
        }
        let (name, port) = begin.rsplit_once(':')?;
        Some(format!("{}/tcp/{port}{rest}", host(name)?))
    }

    /// Returns the first part of a multiaddress for a host name: `/dns/NAME` if the address is for dialing, and an IP
    /// address of this machine if the address is for listening.
    fn name(self, name: &str) -> String {
        match self {
            Self::Dial => format!("/dns/{name}"),
            Self::Listen if name == "localhost" => "/ip4/127.0.0.1".to_owned(),
            Self::Listen => "/ip4/0.0.0.0".to_owned(),
        }
    }

    /// Returns a phrase that suggests the address `meant` to the user, or an empty text if `meant` is not a valid address
    /// either.
    fn did_you_mean(self, meant: &str) -> String {
        match self.check(meant) {
            Ok(()) => format!("; did you mean {meant}?"),
            Err(_) => String::new(),
        }
    }
}

fn check_peer(peer: &str) -> Result<(), String> {
    match peer.parse::<PeerId>() {
        Ok(_) => Ok(()),
        Err(_) if peer.contains('…') || peer.contains("...") => Err(format!(
            "{peer:?} is a peer id that is shortened, as terminals show it; with --long the command shows it whole, and \
             without /p2p/… any peer is accepted"
        )),
        Err(_) => Err(format!(
            "{peer:?} is no peer id: one begins with 12D3KooW, 16Uiu2HA or Qm, and stands at the end of an address that \
             `swarm-notify listen` prints; without /p2p/… any peer is accepted"
        )),
    }
}

fn multiaddr(ip: IpAddr) -> String {
    format!("{}/{ip}", if ip.is_ipv4() { "/ip4" } else { "/ip6" })
}

/// Returns whether a text has the form of a host name.
fn is_name(text: &str) -> bool {
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(is_of_names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Any text causes an error, or is an address that the library can also parse.
        #[test]
        fn any_text_is_an_address_or_an_error(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![
                        "ip4", "ip6", "dns", "dns4", "dnsaddr", "tcp", "udp", "p2p", "127.0.0.1", "0.0.0.0", "::1", "::",
                        "example.com", "0", "1", "65535", "65536", "+1", "", "ws", "quic-v1", "http:", "[::1]:80", "a:1",
                        "12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa", "é", "\n",
                    ]).prop_map(str::to_owned),
                    any::<String>(),
                ],
                0..8,
            ),
            begins_with_slash in any::<bool>(),
        ) {
            let text = if begins_with_slash { format!("/{}", parts.join("/")) } else { parts.join("/") };
            for purpose in [AddressUse::Dial, AddressUse::Listen] {
                match purpose.read(&text) {
                    Ok(address) => prop_assert_eq!(address.iter().nth(1).map(|part| part.tag()), Some("tcp"), "{}", text),
                    Err(why) => prop_assert!(!why.is_empty()),
                }
                prop_assert_eq!(purpose.check(&text).is_ok(), purpose.read(&text).is_ok(), "{}", text);
            }
        }
    }
}
