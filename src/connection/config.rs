//! [`Config`]: the bounds and the timeouts of one connection. [`Role`]: our side of a connection, dialer or listener.

use super::{Rate, yamux};
use core::fmt;
use core::time::Duration;

/// The bounds and the timeouts of a connection. Durations are counted on the owner's clock, whose time the owner passes as
/// `now`.
///
/// A few bounds that no owner needs to change are constants:
/// [`noise::MAX_HANDSHAKE_MESSAGE`](super::noise::MAX_HANDSHAKE_MESSAGE),
/// [`multistream::MAX_LINE`](super::multistream::MAX_LINE), [`multistream::MAX_LIST`](super::multistream::MAX_LIST),
/// [`multistream::MAX_ROUNDS`](super::multistream::MAX_ROUNDS).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The bounds of the muxer: windows, the sizes of frames and of the output, and numbers of streams.
    pub yamux: yamux::Config,
    /// The maximum number of inbound streams of one connection that are not open yet. Such a stream waits for its first
    /// proposal, for a token of [`openings`](Self::openings), for the end of the negotiation, or for room in the event
    /// queue. Each further stream is reset, and no event reports that stream. Default 256, which is also the number of
    /// unacknowledged streams that other implementations of yamux open at most.
    pub inbound_backlog: u32,
    /// The maximum time from the dial, or from the accepted byte pipe, until the connection is authenticated and
    /// multiplexed. A connection that takes longer fails with [`Failure::Timeout`](crate::lifecycle::Failure::Timeout). The
    /// time does not run while the connection waits for room in the event queue. Default 10 s.
    pub handshake_timeout: Duration,
    /// The maximum time from a stream's beginning to an agreed protocol, including a wait while [too
    /// many](yamux::Config::ack_backlog) of our streams are unacknowledged. A stream that takes longer is reset and fails
    /// with [`Failure::Timeout`](crate::lifecycle::Failure::Timeout). A stream of the peer begins with its SYN; if no whole
    /// proposal has arrived in this time, no event reports the stream. The time ends with the agreement: a later wait for
    /// room in the event queue does not count. Default 10 s.
    pub negotiation_timeout: Duration,
    /// The maximum silence of a half-open stream, or `None` for no limit. A stream is half-open in two cases: after our FIN,
    /// until the peer's FIN arrives; and after the peer's FIN, while the peer grants no window for our remaining bytes. Each
    /// byte and each window grant from the peer restarts the time, and each byte that the owner reads restarts it, too. The
    /// time does not run while the peer has used up its window and waits for the owner to read. When the time is over, the
    /// stream is reset and reported as [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout).
    /// [`set_half_open_timeout`](super::Connection::set_half_open_timeout) sets another time for one stream.
    ///
    /// The timeout exists because some implementations, rust-libp2p among them, send nothing when a stream is dropped after
    /// its FIN. No other implementation has such a timeout, so a short one cuts off answers that take long. Default 10
    /// minutes.
    pub half_open_timeout: Option<Duration>,
    /// The silence after which a half-open stream may be given up in favour of a new stream. When a connection has as many
    /// streams as [`Limits::streams_per_connection`](crate::lifecycle::Limits::streams_per_connection) allows, a new stream
    /// takes the place of the half-open stream that has been silent longest. The silent stream is reset and reported as
    /// [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout). A silent peer therefore cannot keep all places, however
    /// long [`half_open_timeout`](Self::half_open_timeout) is. Default 60 s.
    pub half_open_grace: Duration,
    /// The maximum duration of a polite close. The close of a stream lasts until the peer has finished or reset the stream;
    /// the close of a connection lasts until pending output has been sent and the peer has closed its side. After this time
    /// the close is cut short: a stream is reset and reported as
    /// [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout); a connection's socket is closed, and the connection is
    /// reported with the reason for which it was being closed. Default 5 s.
    ///
    /// A connection whose peer has sent yamux's go-away with code 0 stays open until its last stream has ended, and is then
    /// closed politely. Such a connection is also cut when nothing has moved on its streams for this time: no byte and no
    /// window grant, in either direction.
    pub close_timeout: Duration,
    /// The time after which a connection without streams is closed politely and reported as
    /// [`ConnectionEnd::Idle`](crate::lifecycle::ConnectionEnd::Idle). With `None`, an idle connection stays open until one
    /// side closes it. Default 5 minutes.
    pub idle_timeout: Option<Duration>,
    /// The silence of the peer after which we ping it. Any byte from the peer restarts the time. Default 30 s.
    pub keep_alive_interval: Duration,
    /// The maximum silence of a peer after our ping. A connection whose peer is silent for longer fails with
    /// [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). Default 15 s: together with
    /// [`keep_alive_interval`](Self::keep_alive_interval), a peer whose process is stopped, or whose owner does not drive
    /// it, is given up 45 s after its last byte. A peer with the same defaults gives us up after 45 s of our silence.
    pub keep_alive_timeout: Duration,
    /// The maximum rate of the peer's streams that end by a reset which the peer has caused, whichever side sends the reset.
    /// A connection with more such streams fails with [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 1 000 at
    /// once and 100 a second.
    ///
    /// A stream that the peer opens is charged if
    ///
    /// - the peer resets it, at any time;
    /// - the peer finishes it, or breaks multistream-select on it, before a whole proposal has arrived
    ///   ([`Fact::StreamUnproposed`](super::Fact::StreamUnproposed));
    /// - the peer finishes it, or breaks multistream-select on it, after it has proposed only protocols that we do not
    ///   speak;
    /// - the peer sends data on it after its FIN, or opens it after its go-away.
    ///
    /// Not charged are
    ///
    /// - streams that were open and that both sides finish, or that the owner closes or resets, however short they were.
    ///   These streams are bounded in other ways: [`openings`](Self::openings) paces them. They wait for room in the event
    ///   queue. Streams beyond [`inbound_backlog`](Self::inbound_backlog), and streams that arrive while more than
    ///   [`Limits::owed_per_connection`](crate::lifecycle::Limits::owed_per_connection) events are owed, are refused. In
    ///   each turn, only a limited amount of one connection's input is handled;
    /// - streams that are refused or reset because of a limit of this connection or of its owner. An honest peer can exceed
    ///   such a limit at any rate, since it cannot know the limit. The peer loses its streams, and we answer each of its
    ///   frames with 12 bytes. While the peer does not read these answers, we do not read its frames either;
    /// - streams that are given up after a timeout. At most `inbound_backlog` streams can be given up in the duration of
    ///   one timeout.
    pub resets: Rate,
    /// The rate at which the peer may open streams. Streams beyond it are paced: such a stream waits with its first whole
    /// proposal, without an id, until the rate allows for it. Streams leave the wait in the order of their proposals. Pacing
    /// alone resets no stream and ends no connection, and the peer's other frames are read. This rate therefore limits how
    /// many streams of one connection an owner is told of, however politely they end. Default 1 000 000 at once and 1 000
    /// 000 a second, which no peer reaches here. Lower the rate if a stream costs you more than it costs the swarm: for
    /// example, if you write a log line for each stream.
    ///
    /// - A peer that never has more than [`inbound_backlog`](Self::inbound_backlog) streams waiting to open loses none of
    ///   them, and can open streams at this rate. go-libp2p, rust-libp2p and this crate are such peers: they open no stream
    ///   while the other side has 256 streams to acknowledge, and a stream is acknowledged when it is open. If a peer has
    ///   more streams waiting to open, the excess streams are reset ([`Fact::StreamRefused`](super::Fact::StreamRefused)),
    ///   paced or not.
    /// - [`negotiation_timeout`](Self::negotiation_timeout) runs on while a stream waits. When this time is over, the stream
    ///   is reset, gets no id, and counts as refused. If the rate allows more than `inbound_backlog` streams in this time,
    ///   which with the defaults is more than 26 a second, no stream waits that long. Dialers have timeouts of their own;
    ///   those of go-libp2p and rust-libp2p are 10 s, too.
    /// - A stream that the peer resets while it waits gets no id, counts in [`resets`](Self::resets), and takes no token.
    /// - A stream that the owner refuses takes no token, since no event reports it either.
    /// - The bytes that a paced stream has received after its proposal count as held bytes
    ///   ([`Connection::bytes_held`](super::Connection::bytes_held)).
    ///
    /// [`Connection::streams_waiting`](super::Connection::streams_waiting) returns the number of streams that wait now, and
    /// [`streams_paced`](super::Connection::streams_paced) returns the number of streams that have ever waited.
    pub openings: Rate,
    /// The maximum rate of the peer's pings, beyond one ping for each 64 KiB that we have sent to the peer. A connection
    /// whose peer pings more often fails with [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 100 at once and 10 a
    /// second.
    pub pings: Rate,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            yamux: yamux::Config::default(),
            // go-yamux (`AcceptBacklog`) and rust-yamux (`MAX_ACK_BACKLOG`) open no more than 256 streams that are not
            // acknowledged, so they never lose a stream to this limit.
            inbound_backlog: 256,
            handshake_timeout: Duration::from_secs(10),
            negotiation_timeout: Duration::from_secs(10),
            half_open_timeout: Some(Duration::from_secs(600)),
            half_open_grace: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            idle_timeout: Some(Duration::from_secs(300)),
            // go-yamux pings at the same interval.
            keep_alive_interval: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(15),
            resets: Rate::new(1_000, 100),
            openings: Rate::new(1_000_000, 1_000_000),
            pings: Rate::new(100, 10),
        }
    }
}

/// Our role on a connection: the side that dialed, or the side that accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Role {
    /// We dialed: we are Noise's initiator, multistream-select's dialer, and yamux's client, whose stream ids are odd.
    Dialer,
    /// We accepted: we are Noise's responder, multistream-select's listener, and yamux's server, whose stream ids are even.
    Listener,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dialer => "dialer",
            Self::Listener => "listener",
        })
    }
}
