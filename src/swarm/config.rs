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
    /// How many accepted connections may be in their handshake. While there are as many, accepting pauses and the
    /// transport's own backlog fills; what a transport hands over nevertheless is refused by closing it. Default 128.
    pub inbound_handshakes: u32,
    /// How many dials may be under way, from the command to the open connection; one more is
    /// [`DialError::Limit`](super::DialError::Limit). Default 128.
    pub outbound_handshakes: u32,
    /// The most helpings that one connection gets in one [`tick`](super::Swarm::tick), in turn with all others that are
    /// readable; the rest is for the next tick. A helping reads at most 16 KiB and handles at most 256 frames of each
    /// read. While no other connection is readable, a helping goes on until the pipe has no more, or a read has filled a
    /// buffer of 128 KiB. A [`turn`](super::Swarm::turn) has no such limit: its budget is the limit. 0 counts as 1.
    /// Default 8.
    pub reads_per_poll: u32,
    /// The budget for bytes that wait for somebody in all connections together: bytes of streams that have come and were
    /// not read, output that a peer does not take, and input that was kept. They are counted as memory, that is, as the
    /// capacity of the buffers ([`Swarm::bytes_held`](super::Swarm::bytes_held)). Default 64 MiB: what a small server can
    /// spare, and four connections' fill of windows that have grown as far as they may.
    ///
    /// - In its last quarter, peers that hold more than a sixteenth of it are granted no window for what is read. What they
    ///   may still send, they may, and no connection stops being read.
    /// - Above it, so are peers that hold more than a 64th of it, and each connection takes 4 KiB of writes at a time. Who
    ///   holds less still gets window, so that a peer whose bytes are read at once is not hindered by others. A turn that
    ///   has filled an eighth of it ends, so that you read before more comes.
    /// - Above it by a quarter, streams of those who hold most are reset, largest first, until the budget is kept again:
    ///   [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit), or
    ///   [`Failure::Limit`](crate::lifecycle::Failure::Limit) of a stream that was not open. What is unread of them is gone,
    ///   also for [`take_unread`](super::Swarm::take_unread), and so may be that of streams that have ended. Where that
    ///   is not enough, since it is output that waits, the connection ends with
    ///   [`Fault::Flood`](crate::lifecycle::Fault::Flood).
    ///
    /// Withheld window is granted as soon as less is held. A swarm cannot tell a peer that floods from an owner that does
    /// not read: a peer that you neglect waits for window first, and may lose its largest streams after, as above.
    pub held_bytes: usize,
    /// The part of [`held_bytes`](Self::held_bytes) for all connections of one peer. Above it they are granted no window,
    /// and above it by a quarter their largest streams are reset, whatever others hold. Default 32 MiB.
    pub held_bytes_per_peer: usize,
    /// The same for one connection. Default 16 MiB, since its windows may grow by as much
    /// ([`max_window_growth`](crate::connection::yamux::Config::max_window_growth)): with less, a peer that uses the
    /// windows that it was granted would lose a stream.
    pub held_bytes_per_connection: usize,
    /// How long a byte pipe may take nothing of what is due, although its peer may talk on; then the connection has
    /// failed of [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). Default 60 s.
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
            inbound_handshakes: 128,
            outbound_handshakes: 128,
            reads_per_poll: 8,
            held_bytes: 64 * 1024 * 1024,
            held_bytes_per_peer: 32 * 1024 * 1024,
            held_bytes_per_connection: 16 * 1024 * 1024,
            write_timeout: Duration::from_secs(60),
            lateness: Duration::from_secs(1),
        }
    }
}
