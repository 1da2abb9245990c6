//! [`Config`]: the bounds and the time-outs of one connection. [`Role`]: which end of it we are.

use super::{Rate, yamux};
use core::fmt;
use core::time::Duration;

/// The bounds and the time-outs of a connection. Durations are counted on the clock that the owner hands in as `now`.
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
    /// How many inbound streams of one connection may wait to open: for their first proposal, for a token of
    /// [`openings`](Self::openings), to negotiate, or for room in the event queue. One more is refused with a reset, and no event tells of it. Default 256, yamux's own backlog.
    pub inbound_backlog: u32,
    /// From the dial, or the accepted byte pipe, to an authenticated, multiplexed connection; what is not there by then
    /// has failed of [`Failure::Timeout`](crate::lifecycle::Failure::Timeout). It stands still while the connection
    /// waits for room. Default 10 s.
    pub handshake_timeout: Duration,
    /// From a stream's beginning to an agreed protocol, a wait for yamux's backlog included; what is not agreed by then
    /// is reset, and has failed of [`Failure::Timeout`](crate::lifecycle::Failure::Timeout). A peer's stream begins with its
    /// SYN; if no proposal has come by then, no event tells of it. It is over with the agreement, and does not count the
    /// wait for room. Default 10 s.
    pub negotiation_timeout: Duration,
    /// The longest silence of a half-open stream, or `None` for no limit. A stream is half-open after our FIN, until the
    /// peer's comes; and after the peer's FIN, while the peer grants no window for our remaining bytes. Each byte and each
    /// window starts the time again, whether the peer sends it or the owner reads it. The time does not run while the peer
    /// has used up its window and waits for the owner to read. When it is over the stream is reset and told as
    /// [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout).
    /// [`set_half_open_timeout`](super::Connection::set_half_open_timeout) gives one stream a time of its own.
    ///
    /// It exists because some implementations send nothing when a stream is dropped after its FIN. No other
    /// implementation has such a time-out, so a short one cuts answers that take long. Default 10 minutes.
    pub half_open_timeout: Option<Duration>,
    /// The silence after which a half-open stream can be given up for a new one. Where a connection has as many streams
    /// as [`Limits::streams_per_connection`](crate::lifecycle::Limits::streams_per_connection) allows, a new stream takes
    /// the place of the half-open one that has been silent longest. That one is reset and told as
    /// [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout). So a silent peer cannot hold the places, whatever the
    /// time-out is. Default 60 s.
    pub half_open_grace: Duration,
    /// How long a polite close may take: of a stream, until the peer is done with it; of a connection, until what is
    /// due has been sent and the peer has closed its side. What is left then is cut: a stream is reset and told as
    /// [`StreamEnd::Timeout`](crate::lifecycle::StreamEnd::Timeout), a connection's socket is closed, and it is told
    /// with the reason for which it was being closed. Default 5 s.
    ///
    /// A connection whose peer has sent yamux's go-away 0 goes on with the streams that live, and is closed politely after
    /// the last one. It is cut, too, when nothing has moved on them for this long: no byte and no window, either way.
    pub close_timeout: Duration,
    /// How long a connection without a stream stays before it is closed politely and told as
    /// [`ConnectionEnd::Idle`](crate::lifecycle::ConnectionEnd::Idle), or `None` for as long as both sides like.
    /// Default 5 minutes.
    pub idle_timeout: Option<Duration>,
    /// After how much silence of the peer's a connection is pinged; any byte from it starts this again. Default 30 s.
    pub keep_alive_interval: Duration,
    /// How long a pinged peer may stay silent; then the connection has failed of
    /// [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). Default 15 s: a peer whose process is stopped, or whose owner
    /// does not drive it, is given up 45 s after its last byte. A peer with the same defaults gives us up after the same silence of ours.
    pub keep_alive_timeout: Duration,
    /// The most streams of the peer's that end by a reset for which the peer is the reason, whoever sends it. Beyond it the
    /// connection has failed of [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 1 000 at once and 100 a second.
    ///
    /// Charged is each stream that the peer opens and that
    ///
    /// - the peer resets, at any time;
    /// - the peer finishes, or says no multistream-select on, before a whole proposal has come
    ///   ([`Fact::StreamUnproposed`](super::Fact::StreamUnproposed));
    /// - the peer finishes, or breaks, after it has proposed nothing that we speak;
    /// - the peer sends data on after its FIN, or opens behind its go-away.
    ///
    /// Not charged is
    ///
    /// - a stream that was open and that both sides finish, or that its owner closes or resets, however short it was.
    ///   [`openings`](Self::openings) paces them. They wait for room in the event queue, those that are more than
    ///   [`inbound_backlog`](Self::inbound_backlog), or that come while more than
    ///   [`Limits::owed_per_connection`](crate::lifecycle::Limits::owed_per_connection) events are owed, are refused, and a
    ///   turn gives each connection its share of the work only;
    /// - a stream that is refused or reset because of a limit of ours, this one's or its owner's. An honest peer can run
    ///   into a limit at any rate, since it cannot know of it: it has lost its streams, and 12 bytes of ours answer a frame
    ///   of its share. One that does not read these answers is not read either;
    /// - a stream that is given up after a time-out, of which there are at most `inbound_backlog` in each time-out.
    pub resets: Rate,
    /// The streams that the peer may open. Those beyond are paced: a stream waits with its first whole proposal, without an
    /// id, until the rate allows for it, in the order of the proposals. Nothing is cut or reset for that, and the peer's
    /// other frames are read. So an owner hears of no more streams of one connection than this, however politely they end.
    /// Default 1 000 000 at once and 1 000 000 a second, which no peer reaches here: lower it if each stream costs you more
    /// than the swarm, a line of a log, say.
    ///
    /// - Who has never more streams under way than [`inbound_backlog`](Self::inbound_backlog) loses none, and is as fast as
    ///   this rate. That is so of go-libp2p and rust-libp2p, and of this crate: they open no stream while the other side has
    ///   not acknowledged 256, and a stream is acknowledged when it is open. Who has more under way has those beyond reset
    ///   ([`Fact::StreamRefused`](super::Fact::StreamRefused)), paced or not.
    /// - [`negotiation_timeout`](Self::negotiation_timeout) goes on while a stream waits. When that is over, the stream is
    ///   reset, gets no id, and counts as refused. A rate of more than `inbound_backlog` in this time lets nobody wait so long:
    ///   26 a second, with the defaults. Dialers have time-outs of their own; those of go-libp2p and rust-libp2p are 10 s, too.
    /// - A stream that the peer resets while it waits gets no id, counts in [`resets`](Self::resets), and takes no token.
    /// - A stream that the owner refuses takes no token: it is not told either.
    /// - What a paced stream has sent behind its proposal counts as held bytes
    ///   ([`Connection::bytes_held`](super::Connection::bytes_held)).
    ///
    /// [`Connection::streams_waiting`](super::Connection::streams_waiting) and
    /// [`streams_paced`](super::Connection::streams_paced) say whether, and how often, it happens.
    pub openings: Rate,
    /// The most pings of the peer, beyond one for each 64 KiB that we have sent it. Beyond it the connection has failed of
    /// [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 100 at once and 10 a second.
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

/// Which end of a connection we are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
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
