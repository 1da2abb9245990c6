//! [`Config`]: the bounds of a swarm.

use crate::connection;
use crate::lifecycle::Limits;
use core::time::Duration;

/// The bounds of a swarm. Together with the size of its event queue they bound all the memory that peers can make it
/// use.
///
/// ```
/// use swarm_notify::swarm::Config;
///
/// let mut config = Config::default();
/// config.limits.connections = 100;
/// config.connection.idle_timeout = None;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How many listeners, connections and streams may exist. A connection beyond is refused by closing it, a stream by
    /// a reset, a command by an error.
    pub limits: Limits,
    /// Bounds and time-outs of each connection.
    pub connection: connection::Config,
    /// The number of accepted connections whose peers may be not authenticated yet. They have no ids, and the swarm keeps
    /// some 3 KB for each, beside what has come of its next message. When another comes in beyond, one of them is closed: the least advanced one of the address that
    /// has the most ([`Refusal::HandshakeEvicted`](super::Refusal::HandshakeEvicted)). Where the system runs out of
    /// descriptors or memory before, a sixteenth of them is closed each time that a listener reports so. 0: none is ever accepted. Default
    /// 1 024.
    pub inbound_handshakes: u32,
    /// The number of those that one IPv4 address may have, or the /64 of an IPv6 address, or one address of another kind.
    /// Loopback counts like any other. When another comes in beyond, the least advanced one of that address is closed, or
    /// the oldest of several. 0: none is ever accepted. Default 64.
    pub handshakes_per_address: u32,
    /// The time that an accepted connection has for its first byte, while half of the places of `inbound_handshakes`, or
    /// half of its address's, are taken. Otherwise, and from the first byte on,
    /// [`handshake_timeout`](connection::Config::handshake_timeout) is the limit. Default 2 s.
    pub first_byte_timeout: Duration,
    /// How many dials may be under way, from the command to the open connection; one more is
    /// [`DialError::Limit`](super::DialError::Limit). Default 128.
    pub outbound_handshakes: u32,
    /// The most helpings that one connection gets in one [`tick`](super::Swarm::tick), in turn with all others that are
    /// readable; the rest is for the next tick. A helping reads at most 16 KiB and handles at most 256 frames of each
    /// read. While no other connection is readable, a helping goes on until the pipe has no more, or a read has filled a
    /// buffer of 128 KiB. A [`turn`](super::Swarm::turn) has no such limit: its budget is the limit. 0 counts as 1.
    /// Default 8.
    pub reads_per_poll: u32,
    /// How long a byte pipe may take nothing of what is due, although its peer may talk on; then the connection has
    /// failed of [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). An accepted one whose peer is not authenticated has
    /// the time-outs of its handshake only. Default 60 s.
    pub write_timeout: Duration,
    /// How late a deadline may be found before the owner counts as having been away: its process was stopped, or its
    /// machine asleep. What peers have said meanwhile may not have reached the sockets yet, so deadlines are put off by
    /// as much, once, before they are judged. Zero: they are judged when they are found. Default 1 s.
    pub lateness: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            connection: connection::Config::default(),
            inbound_handshakes: 1_024,
            handshakes_per_address: 64,
            first_byte_timeout: Duration::from_secs(2),
            outbound_handshakes: 128,
            reads_per_poll: 8,
            write_timeout: Duration::from_secs(60),
            lateness: Duration::from_secs(1),
        }
    }
}
