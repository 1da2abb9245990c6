//! [`Config`]: the bounds and the time-outs of one connection. [`Role`]: our side of it.

use super::{Rate, yamux};
use core::fmt;
use core::time::Duration;

/// The bounds and the time-outs of a connection. Durations are counted on the owner's clock, which it hands in as `now`.
///
/// A few bounds that no owner needs to change are constants:
/// [`noise::MAX_HANDSHAKE_MESSAGE`](super::noise::MAX_HANDSHAKE_MESSAGE),
/// [`multistream::MAX_LINE`](super::multistream::MAX_LINE),
/// [`multistream::MAX_LIST`](super::multistream::MAX_LIST),
/// [`multistream::MAX_ROUNDS`](super::multistream::MAX_ROUNDS).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Windows, frame sizes and backlogs of the muxer.
    pub yamux: yamux::Config,
    /// The maximum number of inbound streams of one connection that wait to open: for their first proposal, for a token of
    /// [`openings`](Self::openings), for the negotiation, or for room in the event queue. A stream beyond it is reset, and
    /// no event reports it. Default 256, yamux's own backlog.
    pub inbound_backlog: u32,
    /// The time from the dial, or from the accepted byte pipe, to an authenticated, multiplexed connection. A connection
    /// that takes longer fails with [`Failure::Timeout`](crate::lifecycle::Failure::Timeout). The time stands still while
    /// the connection waits for room in the event queue. Default 10 s.
    pub handshake_timeout: Duration,
    /// The time from a stream's beginning to an agreed protocol, a wait for yamux's backlog included. A stream that takes
    /// longer is reset and fails with [`Failure::Timeout`](crate::lifecycle::Failure::Timeout). A peer's stream begins with
    /// its SYN; if no whole proposal has come in this time, no event reports the stream. The time ends with the agreement: a
    /// wait for room in the event queue does not count. Default 10 s.
    pub negotiation_timeout: Duration,
    /// The maximum silence of a half-open stream, or `None` for no limit. A stream is half-open in two cases: after our FIN,
    /// until the peer's FIN comes; and after the peer's FIN, while the peer grants no window for our remaining bytes. Each
    /// byte and each window grant restarts the time, whether the peer sends it or the owner reads it. The time does not run
    /// while the peer has used up its window and waits for the owner to read. When it is over, the stream is reset and
    /// reported as [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout).
    /// [`set_half_open_timeout`](super::Connection::set_half_open_timeout) gives one stream a time of its own.
    ///
    /// The time-out exists because some implementations send nothing when a stream is dropped after its FIN. No other
    /// implementation has such a time-out, so a short one cuts off answers that take long. Default 10 minutes.
    pub half_open_timeout: Option<Duration>,
    /// The silence after which a half-open stream may be given up in favour of a new one. Where a connection has as many
    /// streams as [`Limits::streams_per_connection`](crate::lifecycle::Limits::streams_per_connection) allows, a new stream
    /// takes the place of the half-open stream that has been silent longest. That one is reset and reported as
    /// [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout). So a silent peer cannot hold the places, however long
    /// [`half_open_timeout`](Self::half_open_timeout) is. Default 60 s.
    pub half_open_grace: Duration,
    /// The maximum duration of a polite close. The close of a stream lasts until the peer is done with it; that of a
    /// connection, until pending output has been sent and the peer has closed its side. After this time the close is cut
    /// short: a stream is reset and reported as [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout); a connection's
    /// socket is closed, and the connection is reported with the reason for which it was being closed. Default 5 s.
    ///
    /// A connection whose peer has sent yamux's go-away with code 0 goes on with the streams that live, and is closed
    /// politely after the last one. It is also cut when nothing has moved on these streams for this time: no byte and no
    /// window, in either direction.
    pub close_timeout: Duration,
    /// The time after which a connection without a stream is closed politely and reported as
    /// [`ConnectionEnd::Idle`](crate::lifecycle::ConnectionEnd::Idle), or `None` if it stays as long as both sides like.
    /// Default 5 minutes.
    pub idle_timeout: Option<Duration>,
    /// The silence of the peer after which it is pinged. Any byte from the peer starts the time again. Default 30 s.
    pub keep_alive_interval: Duration,
    /// The maximum silence of a pinged peer. A connection whose peer is silent for longer fails with
    /// [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). Default 15 s: a peer whose process is stopped, or whose owner
    /// does not drive it, is given up 45 s after its last byte. A peer with the same defaults gives us up after the same
    /// silence of ours.
    pub keep_alive_timeout: Duration,
    /// The maximum rate of the peer's streams that end by a reset which the peer has caused, whichever side sends it. A
    /// connection with more fails with [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 1 000 at once and 100 a
    /// second.
    ///
    /// A stream that the peer opens is charged if
    ///
    /// - the peer resets it, at any time;
    /// - the peer finishes it, or breaks multistream-select on it, before a whole proposal has come
    ///   ([`Fact::StreamUnproposed`](super::Fact::StreamUnproposed));
    /// - the peer finishes it, or breaks multistream-select on it, after it has proposed only protocols that we do not
    ///   speak;
    /// - the peer sends data on it after its FIN, or opens it after its go-away.
    ///
    /// Not charged are
    ///
    /// - streams that were open and that both sides finish, or that the owner closes or resets, however short they were.
    ///   These are bounded in other ways: [`openings`](Self::openings) paces them. They wait for room in the event queue.
    ///   Streams beyond [`inbound_backlog`](Self::inbound_backlog), and those that come while more than
    ///   [`Limits::owed_per_connection`](crate::lifecycle::Limits::owed_per_connection) events are owed, are refused. A turn
    ///   gives each connection only its share of the work;
    /// - streams that are refused or reset because of a limit of ours, this connection's or its owner's. An honest peer can
    ///   run into a limit at any rate, since it cannot know the limit. It loses its streams, and 12 bytes of ours answer
    ///   each frame of its share. A peer that does not read these answers is not read either;
    /// - streams that are given up after a time-out. There are at most `inbound_backlog` of these in each time-out.
    pub resets: Rate,
    /// The rate at which the peer may open streams. Streams beyond it are paced: such a stream waits with its first whole
    /// proposal, without an id, until the rate allows for it. Streams leave the wait in the order of their proposals.
    /// Nothing is cut or reset because of it, and the peer's other frames are read. So an owner is told of no more streams
    /// of one connection than this, however politely they end. Default 1 000 000 at once and 1 000 000 a second, which no
    /// peer reaches here. Lower it if a stream costs you more than it costs the swarm: if you write a log line for each,
    /// say.
    ///
    /// - A peer that never has more than [`inbound_backlog`](Self::inbound_backlog) streams under way loses none, and is as
    ///   fast as this rate. go-libp2p, rust-libp2p and this crate are such peers: they open no stream while the other side
    ///   has 256 streams to acknowledge, and a stream is acknowledged when it is open. A peer that has more under way has
    ///   the excess streams reset ([`Fact::StreamRefused`](super::Fact::StreamRefused)), paced or not.
    /// - [`negotiation_timeout`](Self::negotiation_timeout) runs on while a stream waits. When it is over, the stream is
    ///   reset, gets no id, and counts as refused. With a rate of more than `inbound_backlog` in this time no stream waits
    ///   so long: more than 26 a second, with the defaults. Dialers have time-outs of their own; those of go-libp2p and
    ///   rust-libp2p are 10 s, too.
    /// - A stream that the peer resets while it waits gets no id, counts in [`resets`](Self::resets), and takes no token.
    /// - A stream that the owner refuses takes no token, since no event reports it either.
    /// - The bytes that a paced stream has received behind its proposal count as held bytes
    ///   ([`Connection::bytes_held`](super::Connection::bytes_held)).
    ///
    /// [`Connection::streams_waiting`](super::Connection::streams_waiting) is the number of streams that wait now, and
    /// [`streams_paced`](super::Connection::streams_paced) the number of those that ever had to.
    pub openings: Rate,
    /// The maximum rate of the peer's pings, beyond one ping for each 64 KiB that we have sent it. A connection with more
    /// fails with [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 100 at once and 10 a second.
    pub pings: Rate,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            yamux: yamux::Config::default(),
            inbound_backlog: 256,
            handshake_timeout: Duration::from_secs(10),
            negotiation_timeout: Duration::from_secs(10),
            half_open_timeout: Some(Duration::from_secs(600)),
            half_open_grace: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            idle_timeout: Some(Duration::from_secs(300)),
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
pub enum Role {
    /// We dialed: Noise's initiator, multistream-select's dialer, yamux's client (odd stream ids).
    Dialer,
    /// We accepted: Noise's responder, multistream-select's listener, yamux's server (even stream ids).
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
