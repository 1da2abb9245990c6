//! [`Config`]: the bounds of a swarm.

use crate::connection;
use crate::lifecycle::Limits;
use core::time::Duration;

/// The bounds of a swarm. Together with the capacity of the event queue they bound the memory that peers can make the swarm
/// use.
#[cfg_attr(
    feature = "tcp",
    doc = "The page [`guide::enemy`](crate::guide::enemy) has them in one table, with the words that are used here, and"
)]
#[cfg_attr(
    feature = "tcp",
    doc = "[`guide::memory`](crate::guide::memory) has the memory that they add up to, and three profiles."
)]
///
/// # Shares
/// No peer can take all places of [`limits`](Self::limits) from the others. Besides the limits for each peer and address,
/// these rules hold:
///
/// - In the last quarter of `limits.connections` and `limits.streams`, peers and addresses that hold more than a sixteenth
///   of all places get no more.
/// - In the last sixty-fourth of the places (at least one place, if there are four or more), a peer or address that holds no
///   place gets one place. A peer or address that holds some places gets another one only if another holder has more places
///   and gives one up. The holder of the most places that can give one up does so for any peer or address that holds fewer.
///   If places for connections are short, the holder's connection that has been without a stream for longest is closed, as
///   [`ConnectionEnd::Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed). If places for streams are short, one stream of
///   the holder is reset, as [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit): the half-open stream that has been
///   silent longest, if it has been silent for at least [`half_open_grace`](connection::Config::half_open_grace); otherwise
///   the youngest stream of the peer's connection with the most streams.
///
/// Only these rules and [trimming](Self::high_water) end a connection or a stream for the sake of another one. A limit per
/// peer, address or site that is larger than the limit on the whole bounds nothing. Shares bound the connections and streams
/// that peers begin. Our own dials and streams do not count towards shares; only `limits` bounds them. If we open a stream
/// in the last sixty-fourth of the places, the peer with the most streams gives one up, too, if it has begun more than one.
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
    /// The maximum numbers of listeners, connections and streams that may exist. Beyond a maximum, an inbound connection is
    /// closed, an inbound stream is reset, and a command returns an error.
    pub limits: Limits,
    /// Bounds and timeouts of each connection.
    pub connection: connection::Config,
    /// The maximum number of accepted connections whose peers are not authenticated yet, which are called handshakes here
    /// and have no ids. The swarm keeps some 3 KB of memory for each handshake, and up to 8 KB of its next message. When the
    /// maximum is reached and one more connection is accepted, one of the handshakes is closed to make room: of the address
    /// or IPv6 /48 with the most handshakes, the handshake that has completed the fewest steps
    /// ([`Refusal::HandshakeEvicted`](super::Refusal::HandshakeEvicted)). A new handshake is protected for a while: it is
    /// not closed before half of `inbound_handshakes` more connections have been accepted. If its address or /48 has eight
    /// or more handshakes, it is protected instead until half as many more connections have been accepted from there as
    /// there are handshakes from there. So a dialer with a round trip of 100 ms gets in while attackers, from any number of
    /// addresses, connect fewer than 5 120 times a second; twice as many places withstand twice that rate. If the system
    /// runs out of descriptors or memory first, a sixteenth of the handshakes is closed each time that a listener reports
    /// the lack. With 0, no connection is ever accepted. Default 1 024.
    pub inbound_handshakes: u32,
    /// The maximum number of handshakes of one IPv4 address, of one IPv6 /64, or of one address of another kind. Loopback
    /// addresses count like any other. When an address has the maximum and one more connection is accepted from it, the
    /// handshake of that address that has completed the fewest steps is closed; if several have completed equally few, the
    /// oldest of them. With 0, no connection is ever accepted. Default 64.
    pub handshakes_per_address: u32,
    /// The maximum number of handshakes of one IPv6 /48, which usually belongs to one site. Default 256: less than half of
    /// `inbound_handshakes`, so that the handshakes of one site alone can neither push out those of others nor shorten the
    /// time that others have for their first bytes.
    pub handshakes_per_site: u32,
    /// The maximum work that verifying the signatures of handshakes may cause in one turn. The unit is one signature of
    /// Ed25519: a signature of secp256k1 counts as 2, of ECDSA as 9, of RSA as 1 (2 048 bits) to 13 (8 192 bits). One IPv4
    /// address, or one IPv6 /64, gets a quarter of this work while any other connection is ready, and all that is left if
    /// none is ready. A handshake whose signature would exceed the limit waits for the next turn, for which
    /// [`poll_at`](super::Swarm::poll_at) asks at once; open connections are served before it in that turn. The last
    /// signature of a turn may exceed the limit. 0 counts as 1. Default 64, which takes a few milliseconds.
    pub handshake_work_per_turn: u32,
    /// The time in which the peer of an accepted connection has to send its first byte while handshakes are many: at least
    /// half of the maximum number in all, for the connection's address, or for its /48. While handshakes are fewer, and
    /// after the first byte, only [`handshake_timeout`](connection::Config::handshake_timeout) limits the time. Default 2 s.
    pub first_byte_timeout: Duration,
    /// The maximum number of inbound connections with authenticated peers from one IPv4 address, or from one IPv6 /64. A
    /// socket beyond the limit is closed as soon as it is accepted, and counted as
    /// [`Refusal::ConnectionLimit`](super::Refusal::ConnectionLimit). If the peers of several connections are authenticated
    /// at the same time, the connections beyond the limit are counted in the same way, and reported as
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with [`Limit`](crate::lifecycle::Failure::Limit).
    /// Connections from loopback addresses (127.0.0.0/8 and ::1) and from addresses without an IP address are exempt;
    /// connections from other addresses of this machine are not. Default 8.
    pub connections_per_address: u32,
    /// The maximum number of inbound connections with authenticated peers from one IPv6 /48, which is called a site. Default
    /// 64.
    pub connections_per_site: u32,
    /// The maximum number of inbound connections of one peer, from loopback addresses or others. A connection beyond the
    /// limit is closed once its peer is known, counted as [`Refusal::ConnectionLimit`](super::Refusal::ConnectionLimit) and
    /// reported as [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed), unless an older connection of the peer looks
    /// dead: it has no stream, and nothing has arrived on it for longer than
    /// [`keep_alive_interval`](crate::connection::Config::keep_alive_interval). Then the older connection is closed instead,
    /// as [`Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed), so that a peer whose network has changed can come back. Our
    /// own dials to a peer do not count. Default 8.
    pub connections_per_peer: u32,
    /// The number of open connections, inbound and outbound, above which the least useful connections are closed, as
    /// [`ConnectionEnd::Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed), down to [`low_water`](Self::low_water). A mark
    /// of `limits.connections` or more trims nothing. `None` means `limits.connections` minus a sixteenth of it (rounded
    /// down), or, if `limits.connections` is below 1 024, no mark at all: the owner of a node with that few connections
    /// usually chooses the peers. Default `None`, which is 15 360.
    ///
    /// The first turn that finds more open connections than the mark begins a sweep. The sweep chooses as many connections
    /// as there are above the *low*-water mark: with marks of 12 and 8, the 13th connection causes five connections to be
    /// closed. At the mark or below it, no connection is closed, however many are idle. Connections that are being closed
    /// already count as gone.
    ///
    /// - They are closed in this order: connections dialed by peers that have never had a stream; connections dialed by
    ///   peers that have no stream now; connections dialed by us without a stream; connections dialed by peers with streams;
    ///   connections dialed by us with streams. In each group, the connection that has been without a stream for longest, or
    ///   whose peer has been silent for longest, is closed first.
    /// - No connection that is younger than [`trim_grace`](Self::trim_grace) is closed. A younger connection that was chosen
    ///   is closed once it is old enough, even if the number of connections is below the mark by then; a more useful
    ///   connection is not closed in its place.
    /// - No connection of a [protected](super::Swarm::protect) peer is chosen. If there are too few connections of other
    ///   peers, the number stays above the low-water mark, and the next sweep begins after another `trim_grace`.
    /// - A chosen connection on which a stream has opened since stays open, and no other connection is closed in its place.
    /// - The peer of a trimmed connection is sent yamux's go-away 0, if the byte pipe accepts it at once. Then the socket is
    ///   closed; output that was not sent is lost.
    ///
    /// A sweep looks at each connection once, 256 in one unit of a turn. Sweeps begin at most once a second, and, as long as
    /// enough connections may be closed, only after new connections have filled the space between the marks. Closing one
    /// connection is a unit of its own; one tick closes at most 64 connections. Below the mark, trimming costs nothing.
    ///
    /// ```
    /// use core::time::Duration;
    /// use swarm_notify::swarm::{Config, Swarm};
    /// # use libp2p_core::transport::MemoryTransport;
    /// # use swarm_notify::identity::Keypair;
    ///
    /// let mut config = Config::default();
    /// (config.high_water, config.low_water) = (Some(5), Some(3)); // go-libp2p has 192 and 160
    /// # let mut key = 0;
    /// # let mut swarm = |config| {
    /// #     key += 1;
    /// #     let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
    /// #     Swarm::new(MemoryTransport::new(), &identity, [key; 32], config)
    /// # };
    /// # let mut server = swarm(config)?;
    /// # server.listen("/memory/4716".parse()?)?;
    /// # server.tick(Duration::ZERO);
    /// # let mut clients = Vec::new();
    /// # let mut open_after = |newcomers, seconds| -> Result<_, Box<dyn core::error::Error>> {
    /// #     let now = Duration::from_secs(seconds);
    /// #     for _ in 0..newcomers {
    /// #         let mut client = swarm(Config::default())?;
    /// #         client.dial("/memory/4716".parse()?)?;
    /// #         clients.push(client);
    /// #     }
    /// #     for _ in 0..20 {
    /// #         clients.iter_mut().chain([&mut server]).for_each(|swarm| {
    /// #             swarm.tick(now);
    /// #             while swarm.next_event().is_some() {}
    /// #         });
    /// #     }
    /// #     Ok(server.counters().connections.inbound.open)
    /// # };
    /// // Five peers connect to `server`, and open no stream. As long as they are five, they may stay.
    /// assert_eq!(open_after(5, 1)?, 5);
    /// assert_eq!(open_after(0, 20)?, 5);
    /// // The sixth is one too many: the three that have been idle for longest go.
    /// assert_eq!(open_after(1, 20)?, 3);
    /// // Six again, of which three are to go: two are old, and the third is not 10 s old yet …
    /// assert_eq!(open_after(3, 22)?, 4);
    /// // … but here it is.
    /// assert_eq!(open_after(0, 30)?, 3);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub high_water: Option<u32>,
    /// The low-water mark: the number of open connections down to which trimming closes connections. A value above the
    /// high-water mark counts as the high-water mark. `None` means the high-water mark minus a sixteenth of it (rounded
    /// down); for a high-water mark below 16, that is the high-water mark itself. Default `None`, which is 14 400.
    pub low_water: Option<u32>,
    /// The age, counted from the dial or the accept, before which a connection is not trimmed. Until then its peer has time
    /// to open a stream. If the system has run out of descriptors, the age is one second
    /// ([`descriptor_reserve`](Self::descriptor_reserve)). Default 10 s.
    pub trim_grace: Duration,
    /// The maximum number of pairs of a peer and a tag that [`protect`](super::Swarm::protect) keeps. Default 1 024.
    pub protections: u32,
    /// The number of handshakes that must be possible even if the system has run out of descriptors or memory; open
    /// connections are closed to free descriptors for them. When a listener reports that lack and fewer handshakes than this
    /// number are under way, one connection without a stream is trimmed, in the order of [`high_water`](Self::high_water);
    /// connections of [protected](super::Swarm::protect) peers are never chosen. As long as the lack lasts, 2 connections
    /// are trimmed in the next second, then 4, and so on, but never more than the number of handshakes that are missing. If
    /// no connection can be trimmed, or enough handshakes are under way, a sixteenth of the handshakes is closed, as
    /// described at [`inbound_handshakes`](Self::inbound_handshakes). So a new connection can be accepted as long as another
    /// connection or a handshake can be closed to make room. With 0, no open connection is ever closed for this reason.
    /// Default 16.
    pub descriptor_reserve: u32,
    /// The maximum number of live streams that one peer may have begun, on all its connections together. A stream beyond the
    /// limit is reset without an event, and counted as [`Refusal::StreamLimit`](super::Refusal::StreamLimit). Streams that
    /// we open do not count here; [`Limits::streams_per_connection`](crate::lifecycle::Limits::streams_per_connection)
    /// counts the streams of both sides. [`limit_protocol`](super::Swarm::limit_protocol) limits the streams of one
    /// protocol. Default 1 024.
    pub streams_per_peer: u32,
    /// The maximum number of dials that may be under way, from the command to the open connection; a dial beyond the limit
    /// is refused with [`DialError::Limit`](super::DialError::Limit). Default 128.
    pub outbound_handshakes: u32,
    /// The maximum number of helpings that one connection gets in one [`tick`](super::Swarm::tick), in turn with all other
    /// readable connections; the rest of its input waits for the next tick. A helping is the input of one connection that is
    /// handled before the next connection has its turn: at most 16 KiB are read, and at most 256 frames of each read are
    /// handled. While more than 64 connections are readable, a helping is smaller, down to 8 KiB and 32 frames. While no
    /// other connection is readable, a helping goes on until the byte pipe has no more bytes, or until a read has filled a
    /// buffer of 128 KiB. This limit does not apply to a [`turn`](super::Swarm::turn), which is limited by its budget. 0
    /// counts as 1. Default 8.
    pub reads_per_poll: u32,
    /// The budget for bytes held by all connections together: bytes of streams that have arrived and were not read, output
    /// that peers do not take, and input that is not complete. The capacity of the buffers counts, not the bytes in them
    /// ([`Swarm::bytes_held`](super::Swarm::bytes_held)). Default 64 MiB: a small server can spare that much, and it is
    /// enough for the windows of four connections that have grown to their maximum and are full.
    ///
    /// - While more than three quarters of the budget are used, peers that hold more than a sixteenth of the budget are
    ///   granted no more window, which means that they may send only what was granted before. Every connection is still
    ///   read.
    /// - Above the budget, peers that hold more than a 64th of the budget are granted no more window either, and each
    ///   connection accepts only 4 KiB from the owner's writes at a time. Peers that hold less still get window, so that a
    ///   peer whose bytes are read at once is not slowed down by others. A turn that has filled an eighth of the budget
    ///   ends, so that the owner can read before more arrives.
    /// - A quarter above the budget, streams of the peers that hold most are reset, largest first, until no more bytes are
    ///   held than the budget: [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit), or
    ///   [`Failure::Limit`](crate::lifecycle::Failure::Limit) of a stream that was not open. The unread bytes of these
    ///   streams are dropped, so that [`take_unread`](super::Swarm::take_unread) returns none, and unread bytes of streams
    ///   that have ended may be dropped, too. If that does not free enough, because most of the bytes are output, the
    ///   connection ends with [`Fault::Flood`](crate::lifecycle::Fault::Flood).
    ///
    /// All handshakes together may hold another 32nd of the budget, not counting the first 8 KB of each: a dialer may send
    /// data directly after its proposal of a muxer. If the handshakes hold more, the handshake that holds most is closed
    /// ([`Refusal::HandshakeEvicted`](super::Refusal::HandshakeEvicted)).
    ///
    /// Withheld window is granted as soon as the bytes held are below the mark again. A swarm cannot distinguish a peer that
    /// floods from an owner that does not read: a peer whose streams you do not read first gets no more window, and may then
    /// lose its largest streams by the rules above.
    pub held_bytes: usize,
    /// The part of the budget [`held_bytes`](Self::held_bytes) that all connections of one peer may use together. Above this
    /// part, the peer's connections are granted no window, and a quarter above it, the peer's largest streams are reset,
    /// however few bytes other peers hold. Default 32 MiB.
    pub held_bytes_per_peer: usize,
    /// The part of the budget [`held_bytes`](Self::held_bytes) that one connection may use, with the rules of
    /// [`held_bytes_per_peer`](Self::held_bytes_per_peer). Default 16 MiB, since the windows of a connection may grow by
    /// that much ([`max_window_growth`](crate::connection::yamux::Config::max_window_growth)): with a smaller part, a peer
    /// that fills the windows that it was granted would lose a stream.
    pub held_bytes_per_connection: usize,
    /// The longest time that a byte pipe may accept none of our pending output, even if the peer goes on sending. After this
    /// time the connection ends with [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). During a handshake only the
    /// timeouts of handshakes apply. Default 60 s.
    pub write_timeout: Duration,
    /// The delay that shows that the owner has been away, because its process was stopped or its machine was asleep: a turn
    /// finds a deadline that has passed by more than this delay. Bytes that peers have sent meanwhile may not have reached
    /// the sockets yet, so the turn postpones all deadlines once, by this delay, before they are judged. With zero,
    /// deadlines are judged as soon as they are found to have passed. Default 1 s.
    pub lateness: Duration,
    /// The maximum number of peers that have a rule in [`Lists`](super::Lists); a rule needs some 100 bytes. A rule for one
    /// more peer is refused with [`ListFull`](super::ListFull). Default 4 096.
    pub listed_peers: u32,
    /// The maximum number of networks that have a rule in [`Lists`](super::Lists); a rule needs some 100 bytes. A rule for
    /// one more network is refused with [`ListFull`](super::ListFull). Default 4 096.
    pub listed_networks: u32,
    /// The maximum number of peers that are denied until a time ([`Lists::deny_peer_until`](super::Lists::deny_peer_until));
    /// a denial needs some 250 bytes. One more denial replaces the denial that ends first. With 0, no denial is kept.
    /// Default 1 024: to push a denial out, an attacker has to get 1 024 other identities denied, and each of them has to
    /// pay for a handshake first.
    pub timed_denials: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            connection: connection::Config::default(),
            inbound_handshakes: 1_024,
            handshakes_per_address: 64,
            handshakes_per_site: 256,
            handshake_work_per_turn: 64,
            first_byte_timeout: Duration::from_secs(2),
            outbound_handshakes: 128,
            connections_per_address: 8,
            connections_per_site: 64,
            connections_per_peer: 8,
            high_water: None,
            low_water: None,
            trim_grace: Duration::from_secs(10),
            protections: 1_024,
            descriptor_reserve: 16,
            streams_per_peer: 1_024,
            reads_per_poll: 8,
            held_bytes: 64 * 1024 * 1024,
            held_bytes_per_peer: 32 * 1024 * 1024,
            held_bytes_per_connection: 16 * 1024 * 1024,
            write_timeout: Duration::from_secs(60),
            lateness: Duration::from_secs(1),
            listed_peers: 4_096,
            listed_networks: 4_096,
            timed_denials: 1_024,
        }
    }
}
