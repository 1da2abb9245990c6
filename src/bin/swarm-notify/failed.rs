//! [`Failed`]: an address on which dialing or listening has failed, with the reason and advice for the user.

use std::fmt;
use swarm_notify::connection;
use swarm_notify::lifecycle::Failure;
use swarm_notify::swarm::Multiaddr;

/// An address on which dialing or listening has failed.
#[derive(Debug)]
pub(crate) struct Failed {
    address: Multiaddr,
    reason: Failure,
    /// The text of the system's or the library's error, or `None` if the reason is all that is known.
    error: Option<String>,
    is_dial: bool,
}

impl Failed {
    pub(crate) fn to_dial(address: &Multiaddr, reason: Failure, error: Option<&str>) -> Self {
        Self { address: address.clone(), reason, error: error.map(str::to_owned), is_dial: true }
    }

    pub(crate) fn to_listen(address: &Multiaddr, reason: Failure, error: Option<&str>) -> Self {
        Self { address: address.clone(), reason, error: error.map(str::to_owned), is_dial: false }
    }

    /// Returns advice for the user on what to check or change.
    fn advice(&self) -> String {
        let is_silent = self.error.as_deref() == Some(&connection::Error::HandshakeTimeout.to_string());
        let seconds = connection::Config::default().handshake_timeout.as_secs();
        match (self.is_dial, self.reason) {
            (true, Failure::Timeout) if is_silent => format!(
                "it connected, but nobody spoke libp2p there within {seconds} s: check the port, and whether the peer is \
                 stopped"
            ),
            (true, Failure::Timeout) => {
                format!("nobody answered within {seconds} s: check the address, and whether a firewall is between")
            }
            (true, reason) => to_dial(reason).to_owned(),
            (false, reason) => to_listen(reason).to_owned(),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "one piece of advice for all others")]
const fn to_dial(reason: Failure) -> &'static str {
    match reason {
        Failure::Refused => "nobody listens there: start the peer, or check the address and the port",
        Failure::Unreachable => "there is no route to it: check the address, the name and this machine's network",
        Failure::WrongPeer => {
            "another peer listens there: check the address, or leave /p2p/… out of it to accept whoever answers"
        }
        Failure::LocalPeer => "this is our own identity: dial another node, or give this one another `--key`",
        Failure::Unsupported => "it needs Noise and Yamux over TCP",
        Failure::Reset(_) | Failure::Eof => {
            "the peer has hung up: check whether it is a libp2p node, and whether it lets us in"
        }
        Failure::Protocol => "the answer breaks the rules of libp2p: check whether it is a libp2p node",
        Failure::Limit => "a limit is reached: try again later",
        Failure::AddressInUse | Failure::AddressNotAvailable => {
            "this machine has no address or port left for it: check its network, or try again later"
        }
        Failure::PermissionDenied => "this machine does not allow it: check its firewall",
        Failure::Denied => "our own rules do not allow it",
        Failure::Requested | Failure::ConnectionClosed | Failure::Shutdown => "it was given up before it was open",
        // The reason is `Io`, or was added by a later version of the library.
        _ => "an error of the system: check this machine's network, and how many files may be open (`ulimit -n`)",
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "one piece of advice for all others")]
const fn to_listen(reason: Failure) -> &'static str {
    match reason {
        Failure::AddressInUse => "another program listens there: end it, or give another port, or 0 for any free port",
        Failure::AddressNotAvailable | Failure::Unreachable => {
            "this machine does not have that address: give one of its own, or 0.0.0.0 or :: for all of them"
        }
        Failure::PermissionDenied => "this user may not listen there: give a port from 1024 on",
        Failure::WrongPeer => {
            "our key is another one: leave /p2p/… out of the address, or give `--key` that peer's file"
        }
        Failure::Unsupported => "give an address such as /ip4/0.0.0.0/tcp/4001",
        Failure::Requested | Failure::ConnectionClosed | Failure::Shutdown => "it was given up before it was open",
        // The reason is `Io`, is about a peer, or was added by a later version of the library.
        _ => "an error of the system: check this machine's network, and how many files may be open (`ulimit -n`)",
    }
}

/// Returns the text of an error in a form for the user, or `None` if the reason and the advice already contain its meaning.
fn worth_saying(reason: Failure, error: &str) -> Option<String> {
    let is_said = matches!(reason, Failure::Refused | Failure::Reset(_) | Failure::Eof | Failure::AddressInUse);
    // The number of the system's error is left out, since the log contains the number.
    let text = error.rsplit_once(" (os error ").map_or(error, |(text, _)| text);
    // The text is escaped, since it may quote the peer.
    (!is_said).then(|| text.escape_debug().to_string())
}

/// Writes the address, the reason as in the log, the text of the error if the text adds anything, and the advice.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.reason)?;
        if let Some(error) = self.error.as_deref().and_then(|error| worth_saying(self.reason, error)) {
            write!(f, " ({error})")?;
        }
        write!(f, "; {}", self.advice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarm_notify::lifecycle::Side;

    #[test]
    fn an_error_is_shown_unless_the_reason_says_it() {
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let cut = "Connection reset by peer (os error 104)";
        let unsupported = connection::Error::Unsupported.to_string();
        for (failed, said) in [
            (
                Failed::to_dial(&address, Failure::Reset(Side::Remote), Some(cut)),
                "reset(remote); the peer has hung up: check whether it is a libp2p node, and whether it lets us in",
            ),
            (
                Failed::to_dial(&address, Failure::Unsupported, Some(&unsupported)),
                "unsupported (the peer shares no security protocol or muxer with us); it needs Noise and Yamux over TCP",
            ),
            (
                Failed::to_listen(&address, Failure::PermissionDenied, Some("Permission denied (os error 13)")),
                "permission_denied (Permission denied); this user may not listen there: give a port from 1024 on",
            ),
        ] {
            assert_eq!(failed.to_string(), format!("{address}: {said}"));
        }
    }
}
