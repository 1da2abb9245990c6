//! [`Config`]: the bounds of a swarm.

use crate::connection;
use crate::lifecycle::Limits;
use core::time::Duration;

/// The bounds of a swarm. Together with the size of its event queue they bound the memory that peers can make it use.
#[cfg_attr(
    feature = "tcp",
    doc = "The page [`guide::enemy`](crate::guide::enemy) has them in one table, with the memory that they add up to, three"
)]
#[cfg_attr(feature = "tcp", doc = "profiles, and the words that are used here.")]
///
/// # Shares
/// No peer can take all places of [`limits`](Self::limits) from the others. Besides the limits for each peer and address,
/// these rules hold:
///
/// - In the last quarter of `limits.connections` and `limits.streams`, peers and addresses that hold more than a sixteenth
///   of all places get no more.
/// - In the last sixty-fourth (at least one place, if there are four or more) a newcomer that holds no place gets one. A
///   newcomer that holds some gets one only in the place of the greediest holder, if that holds more. The greediest holder
///   that can give up a place gives way to any newcomer that holds less. If connections are short, its connection that has
///   been without a stream for longest is closed, as [`ConnectionEnd::Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed).
///   If streams are short, one of its streams is reset, as [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit): the
///   half-open stream that has been silent longest, if it has been silent for at least
///   [`half_open_grace`](connection::Config::half_open_grace); otherwise the youngest stream of the peer's connection with
///   the most streams.
///
/// Only these rules and [trimming](Self::high_water) end a connection or a stream for the sake of another one. A share that
/// is larger than its resource bounds nothing. Shares bound what peers begin. Our own dials and streams do not count, and
/// only `limits` bound them. If we open a stream in the last sixty-fourth, the greediest peer gives way, too, if it has
/// begun more than one.
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
    /// The most listeners, connections and streams that may exist. Beyond it, an inbound connection is closed, an inbound
    /// stream is reset, and a command returns an error.
    pub limits: Limits,
    /// Bounds and time-outs of each connection.
    pub connection: connection::Config,
    /// The most accepted connections whose peers are not authenticated yet: handshakes. They have no ids. The swarm keeps
    /// some 3 KB for each, and up to 8 KB of its next message. When one more is accepted, one of them is closed: the least
    /// advanced one of the address, or of the IPv6 /48, that has the most of them
    /// ([`Refusal::HandshakeEvicted`](super::Refusal::HandshakeEvicted)). Newcomers are passed over: a handshake is safe
    /// until half as many others have been accepted as there are places, or, if its address or /48 has eight or more
    /// handshakes, half as many as that has. So a dialer with a round trip of 100 ms gets in while attackers, from any
    /// number of addresses, connect fewer than 5 120 times a second; twice as many places stand twice that rate. If the
    /// system runs out of descriptors or memory first, a sixteenth of the handshakes is closed each time that a listener
    /// reports it. With 0, no connection is ever accepted. Default 1 024.
    pub inbound_handshakes: u32,
    /// The most handshakes of one IPv4 address, of one IPv6 /64, or of one address of another kind. Loopback counts like any
    /// other address. When one more is accepted, the least advanced handshake of that address is closed; of several, the
    /// oldest. With 0, no connection is ever accepted. Default 64.
    pub handshakes_per_address: u32,
    /// The most handshakes of one IPv6 /48, which one site usually has. Default 256: less than half of `inbound_handshakes`,
    /// so that one site alone neither fills the places nor shortens the time for others' first bytes.
    pub handshakes_per_site: u32,
    /// The most work that the signatures of newcomers may cause in one turn, in signatures of Ed25519: a signature of
    /// secp256k1 counts as 2, of ECDSA as 9, of RSA as 1 (2 048 bits) to 13 (8 192 bits). One IPv4 address, or one IPv6 /64,
    /// gets a quarter of it while anything else is ready, and the rest if nothing is. A newcomer whose signature would
    /// exceed the limit waits for the next turn, for which [`poll_at`](super::Swarm::poll_at) asks at once; open connections
    /// go first there. The last signature of a turn may exceed the limit. 0 counts as 1. Default 64, which takes a few
    /// milliseconds.
    pub handshake_work_per_turn: u32,
    /// The time that an accepted connection has to send its first byte, while at least half of the places of
    /// `inbound_handshakes`, or of its address or /48, are taken. Otherwise, and from the first byte on,
    /// [`handshake_timeout`](connection::Config::handshake_timeout) is the limit. Default 2 s.
    pub first_byte_timeout: Duration,
    /// The most inbound connections with authenticated peers from one IPv4 address, or from one IPv6 /64. One more socket is
    /// closed as soon as it is accepted, and counted as [`Refusal::ConnectionLimit`](super::Refusal::ConnectionLimit). If
    /// several authenticate at the same time, those beyond the limit are counted in the same way, and told as
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with [`Limit`](crate::lifecycle::Failure::Limit).
    /// Connections from loopback addresses (127.0.0.0/8 and ::1) and from addresses without an IP address are exempt;
    /// connections from other addresses of this machine are not. Default 8.
    pub connections_per_address: u32,
    /// The most inbound connections with authenticated peers from one IPv6 /48, which is called a site. Default 64.
    pub connections_per_site: u32,
    /// The most inbound connections of one peer, from loopback or not. One more is closed once its peer is known, counted as
    /// [`Refusal::ConnectionLimit`](super::Refusal::ConnectionLimit) and told as
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed), unless an older one looks dead, that is, it has no stream
    /// and its peer has been silent for longer than [`keep_alive_interval`](crate::connection::Config::keep_alive_interval).
    /// Then the older one is closed instead, as [`Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed), so that a peer whose
    /// network has changed can come back. Our own dials to a peer do not count. Default 8.
    pub connections_per_peer: u32,
    /// The number of open connections, ours among them, above which the least useful are closed, as
    /// [`ConnectionEnd::Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed), down to [`low_water`](Self::low_water). A mark
    /// of `limits.connections` or more trims nothing. `None` stands for `limits.connections` less a sixteenth (rounded
    /// down), or, if `limits.connections` is below 1 024, for no mark at all: a node with so few connections usually knows
    /// who is to have them. Default `None`, which is 15 360.
    ///
    /// The first turn that finds more open connections than the mark begins a sweep. The sweep chooses as many connections
    /// as exceed the *low*-water mark: with marks of 12 and 8, the 13th connection has five of them closed. At the mark or
    /// below it, none is closed, however many are idle. Connections that are being closed already count as gone.
    ///
    /// - They are closed in this order: connections dialed by peers that have never had a stream; connections dialed by
    ///   peers that have no stream now; connections dialed by us without a stream; connections dialed by peers with streams;
    ///   connections dialed by us with streams. In each group, the connection that has been without a stream for longest, or
    ///   whose peer has been silent for longest, is closed first.
    /// - None is closed that is younger than [`trim_grace`](Self::trim_grace). If a younger one was chosen, it is closed
    ///   once it is old enough, even if the number of connections is below the mark by then; no more useful one is closed in
    ///   its place.
    /// - No connection of a [protected](super::Swarm::protect) peer is chosen. If too few others exist, more than the
    ///   low-water mark stay, and the next sweep comes after another `trim_grace`.
    /// - A connection on which a stream has opened since it was chosen stays, and no other one is closed in its place.
    /// - The peer of a connection that is closed is sent yamux's go-away 0, if the pipe takes that at once. Then the socket
    ///   is closed; output that was not sent is lost.
    ///
    /// A sweep looks at each connection once, 256 in a unit of a turn. Sweeps come at most once a second, and, as long as
    /// enough connections may be closed, only after newcomers have filled the space between the marks. Each connection that
    /// is closed is a unit of its own; one tick closes at most 64. Below the mark trimming costs nothing.
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
    /// The number of open connections at which trimming ends. A value above the high-water mark counts as the high-water
    /// mark. `None` stands for the high-water mark less a sixteenth (rounded down), so that it equals a high-water mark
    /// below 16. Default `None`, which is 14 400.
    pub low_water: Option<u32>,
    /// The age, counted from the dial or the accept, before which no connection is trimmed: its peer has this time to open a
    /// stream. If the system has run out of descriptors, the age is one second
    /// ([`descriptor_reserve`](Self::descriptor_reserve)). Default 10 s.
    pub trim_grace: Duration,
    /// The most pairs of a peer and a tag that [`protect`](super::Swarm::protect) keeps. Default 1 024.
    pub protections: u32,
    /// The number of handshakes for which connections make room if the system has run out of descriptors or memory. When a
    /// listener reports this and fewer handshakes than this number are under way, one connection without a stream is
    /// trimmed, in the order of [`high_water`](Self::high_water), but none of a [protected](super::Swarm::protect) peer. As
    /// long as the lack lasts, 2, then 4 and so on are trimmed each second, at most as many as handshakes are missing. If no
    /// connection can be trimmed, or enough handshakes are under way, the oldest handshakes are closed, as
    /// [`inbound_handshakes`](Self::inbound_handshakes) says. So a newcomer gets in as long as a connection or a handshake
    /// can be closed for it. With 0, no connection is ever closed for a lack. Default 16.
    pub descriptor_reserve: u32,
    /// The most live streams that one peer may have begun, on all its connections together. One more is reset without an
    /// event, and counted as [`Refusal::StreamLimit`](super::Refusal::StreamLimit). Streams that we open do not count;
    /// [`Limits::streams_per_connection`](crate::lifecycle::Limits::streams_per_connection) counts those, too.
    /// [`limit_protocol`](super::Swarm::limit_protocol) limits the streams of one protocol. Default 1 024.
    pub streams_per_peer: u32,
    /// The most dials that may be under way, from the command to the open connection; one more is refused as
    /// [`DialError::Limit`](super::DialError::Limit). Default 128.
    pub outbound_handshakes: u32,
    /// The most helpings that one connection gets in one [`tick`](super::Swarm::tick), alternating with all other readable
    /// connections; the rest waits for the next tick. A helping reads at most 16 KiB and handles at most 256 frames of each
    /// read. While more than 64 connections are readable it is smaller, down to 8 KiB and 32 frames. While no other
    /// connection is readable, a helping goes on until the pipe has no more, or until a read has filled a buffer of 128 KiB.
    /// A [`turn`](super::Swarm::turn) has no such limit: its budget is the limit. 0 counts as 1. Default 8.
    pub reads_per_poll: u32,
    /// The budget for bytes held by all connections together: bytes of streams that have arrived and were not read, output
    /// that peers do not take, and input that is not complete. They are counted by the capacity of their buffers
    /// ([`Swarm::bytes_held`](super::Swarm::bytes_held)). Default 64 MiB: a small server can spare that, and it holds the
    /// full windows of four connections after these have grown as far as they may.
    ///
    /// - In its last quarter, peers that hold more than a sixteenth of it are granted no more window. They may still use the
    ///   window that they have, and every connection is still read.
    /// - Above it, peers that hold more than a 64th of it are granted no more window either, and each connection takes 4 KiB
    ///   of writes at a time. Peers that hold less still get window, so that others do not slow down a peer whose bytes are
    ///   read at once. A turn that has filled an eighth of the budget ends, so that the owner can read before more arrives.
    /// - Above it by a quarter, streams of the peers that hold most are reset, largest first, until the budget is kept
    ///   again: [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit), or
    ///   [`Failure::Limit`](crate::lifecycle::Failure::Limit) of a stream that was not open. Their unread bytes are dropped,
    ///   also for [`take_unread`](super::Swarm::take_unread), and unread bytes of streams that have ended may be dropped,
    ///   too. If that is not enough, because most of it is output, the connection ends with
    ///   [`Fault::Flood`](crate::lifecycle::Fault::Flood).
    ///
    /// Handshakes may hold another 32nd of the budget together, beyond 8 KB each: a dialer may send data behind its proposal
    /// of a muxer. If they hold more, the one that holds most is closed
    /// ([`Refusal::HandshakeEvicted`](super::Refusal::HandshakeEvicted)).
    ///
    /// Withheld window is granted as soon as less is held. A swarm cannot tell a peer that floods from an owner that does
    /// not read: a peer whose streams you do not read first waits for window, and may then lose its largest streams, as
    /// above.
    pub held_bytes: usize,
    /// The part of [`held_bytes`](Self::held_bytes) for all connections of one peer. Above it they are granted no window,
    /// and above it by a quarter their largest streams are reset, whatever others hold. Default 32 MiB.
    pub held_bytes_per_peer: usize,
    /// The part of it for one connection, with the same rules. Default 16 MiB, since the windows of a connection may grow by
    /// as much ([`max_window_growth`](crate::connection::yamux::Config::max_window_growth)): with less, a peer that uses the
    /// windows that it was granted would lose a stream.
    pub held_bytes_per_connection: usize,
    /// The longest time that a byte pipe may take none of our pending output, even if its peer goes on sending; then the
    /// connection ends with [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). A handshake has its own time-outs only.
    /// Default 60 s.
    pub write_timeout: Duration,
    /// The delay after which the owner counts as having been away (its process was stopped, or its machine asleep): a turn
    /// finds a deadline that has passed by more than this. What peers have sent meanwhile may not have reached the sockets
    /// yet, so that deadlines are then postponed once, by the same time, before they are judged. With zero, deadlines are
    /// judged when they are found. Default 1 s.
    pub lateness: Duration,
    /// The most peers that have a rule in [`Lists`](super::Lists), which take some 100 bytes each. One more is
    /// [`ListFull`](super::ListFull). Default 4 096.
    pub listed_peers: u32,
    /// The most networks that have a rule in [`Lists`](super::Lists), which take some 100 bytes each. One more is
    /// [`ListFull`](super::ListFull). Default 4 096.
    pub listed_networks: u32,
    /// The most peers that are denied until a time ([`Lists::deny_peer_until`](super::Lists::deny_peer_until)), which take
    /// some 250 bytes each. One more takes the place of the denial that ends next. With 0, none is kept. Default 1 024: to
    /// push a denial out, an attacker has to get as many other identities denied, and each of them pays a handshake first.
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
