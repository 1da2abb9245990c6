//! [`Config`]: the bounds of a swarm.

use crate::connection;
use crate::lifecycle::Limits;
use core::time::Duration;

/// The bounds of a swarm. Together with the size of its event queue they bound all the memory that peers can make it
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
/// No peer can take all places of [`limits`](Self::limits) from the others. Beside the limits for each peer and address:
///
/// - In the last quarter of `limits.connections` and `limits.streams`, peers and addresses that hold more than a sixteenth
///   of all places get no more.
/// - In the last sixty-fourth (at least one place, of four or more) a newcomer gets a place if it holds none. If it holds
///   some, it gets one only from a holder of more, which gives way. Such a holder, the greediest that has one to give, gives way
///   to any newcomer that holds less: of connections the one that has been without a stream for longest is closed, as
///   [`ConnectionEnd::Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed); of streams one is reset, as
///   [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit): the half-open one that has been silent longest, if that is
///   at least [`half_open_grace`](connection::Config::half_open_grace), else the youngest of the peer's fullest
///   connection.
///
/// A connection or a stream that is open stays but for these rules and [trimming](Self::high_water). A share that is larger than what it is a share of bounds
/// nothing. All this bounds what peers begin. Our own dials and streams do not count, and only `limits` bound them. A stream that we
/// open in the last sixty-fourth makes the greediest peer give way, too, if that has begun more than one.
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
    /// some 3 KB for each, beside up to 8 KB of what has come of its next message. When another comes in beyond, one of them
    /// is closed: the least advanced one of the address, or of the IPv6 /48, that has the most
    /// ([`Refusal::HandshakeEvicted`](super::Refusal::HandshakeEvicted)). Newcomers are passed over: nobody goes before half
    /// as many others have come as there are places, or as its address or /48 has if that has eight or more. So a dialer
    /// whose round trip takes 100 ms comes in beside attackers of any number of addresses who connect less than 5 120 times a
    /// second, and with twice as many places beside twice as many. Where the system runs out of descriptors or memory
    /// before, a sixteenth of them is closed each time that a listener reports so. 0: none is ever accepted. Default 1 024.
    pub inbound_handshakes: u32,
    /// The number of those that one IPv4 address may have, or the /64 of an IPv6 address, or one address of another kind.
    /// Loopback counts like any other. When another comes in beyond, the least advanced one of that address is closed, or
    /// the oldest of several. 0: none is ever accepted. Default 64.
    pub handshakes_per_address: u32,
    /// The same for one IPv6 /48, which is what one site has. Default 256: less than half of `inbound_handshakes`, so that
    /// one site alone neither fills the places nor shortens the time for others' first bytes.
    pub handshakes_per_site: u32,
    /// The work that signatures of newcomers may cause in one turn, in signatures of Ed25519: secp256k1 counts as 2, ECDSA as 9,
    /// RSA as 1 (2 048 bits) to 13 (8 192 bits). One IPv4 address, or one IPv6 /64, has a quarter of it while anything else is
    /// ready, and the rest if nothing is. Whose signature would go beyond waits for the next turn, for which
    /// [`poll_at`](super::Swarm::poll_at) asks at once, and what is open goes on before; the last one of a turn may go beyond. 0 counts as 1. Default 64: a few milliseconds.
    pub handshake_work_per_turn: u32,
    /// The time that an accepted connection has for its first byte, while half of the places of `inbound_handshakes`, or
    /// half of its address's or its /48's, are taken. Otherwise, and from the first byte on,
    /// [`handshake_timeout`](connection::Config::handshake_timeout) is the limit. Default 2 s.
    pub first_byte_timeout: Duration,
    /// The most inbound connections from one IPv4 address, or from one IPv6 /64, whose peers are authenticated. A socket
    /// beyond is closed as soon as it is accepted, and counted as
    /// [`Refusal::ConnectionLimit`](super::Refusal::ConnectionLimit). If several authenticate at once, those beyond are
    /// counted so, too, and told as [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with
    /// [`Limit`](crate::lifecycle::Failure::Limit). Connections from loopback addresses (127.0.0.0/8 and ::1), and from
    /// addresses without an IP address, are exempt; those from other addresses of this machine are not. Default 8.
    pub connections_per_address: u32,
    /// The same for one IPv6 /48, which is called a site. Default 64.
    pub connections_per_site: u32,
    /// The most inbound connections of one peer, from loopback or not. One more is closed once its peer is known, counted as
    /// [`Refusal::ConnectionLimit`](super::Refusal::ConnectionLimit) and told as
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed), unless an older one looks
    /// dead: it has no stream, and its peer has been silent for longer than
    /// [`keep_alive_interval`](crate::connection::Config::keep_alive_interval). That one is closed in its place, as
    /// [`Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed). So a peer whose network has changed comes back. Our own dials
    /// to a peer do not count. Default 8.
    pub connections_per_peer: u32,
    /// The number of open connections, ours among them, above which the least useful are closed, as
    /// [`ConnectionEnd::Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed), down to [`low_water`](Self::low_water). `Some` of
    /// `limits.connections` or more trims nothing. `None` is `limits.connections` less a sixteenth (rounded down), or no mark at
    /// all if those are fewer than 1 024: of so few, an owner knows who is to have each. Default `None`, which is 15 360.
    ///
    /// The first turn that finds more than the mark open begins a sweep. It chooses as many as are beyond the *low*-water
    /// mark: with marks of 12 and 8, the 13th connection costs five their place. At the mark or below nobody goes, however
    /// many are idle. Connections that are being closed already count as gone.
    ///
    /// - They go in this order: connections that peers have dialed and that have never had a stream; those that have none now;
    ///   those without a stream that we have dialed; those with streams that peers have dialed; those with streams that we
    ///   have dialed. In each group the one goes first that has been without a stream, or whose peer has been silent, for
    ///   longest.
    /// - None goes that is younger than [`trim_grace`](Self::trim_grace). One that is young and was chosen goes once it is old
    ///   enough, although the mark may be kept by then; nobody more useful goes in its stead.
    /// - None of a peer that is [protected](super::Swarm::protect) is chosen. Where too few others are left, more stay than the
    ///   low-water mark says, and the next sweep comes after another `trim_grace`.
    /// - One on which a stream has opened since it was chosen stays, and nobody goes in its stead.
    /// - One that goes hears yamux's go-away 0, if its pipe takes that at once. Then its socket is closed; what was not sent is
    ///   lost.
    ///
    /// It costs one look at each connection, 256 to a unit of a turn, at most once a second, and no more often than
    /// connections come that fill the space between the marks, as long as enough may go. Then each that goes is a unit by
    /// itself; one tick closes 64 at most. Below the mark it costs nothing.
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
    /// The number of open connections at which trimming ends. More than the high-water mark counts as that. `None` is the
    /// high-water mark less a sixteenth (rounded down): of a mark below 16, the mark itself. Default `None`, which is 14 400.
    pub low_water: Option<u32>,
    /// The age, from the dial or the accept on, before which no connection is trimmed: the time to open a stream in. Where
    /// the system has run out of descriptors, a second is enough ([`descriptor_reserve`](Self::descriptor_reserve)).
    /// Default 10 s.
    pub trim_grace: Duration,
    /// The most pairs of a peer and a tag that [`protect`](super::Swarm::protect) keeps. Default 1 024.
    pub protections: u32,
    /// The number of handshakes for which connections make way where the system has run out of descriptors or memory. When a
    /// listener reports so, and fewer handshakes than this are under way, the first of those without a stream is trimmed, in the
    /// order of [`high_water`](Self::high_water), never one of a [protected](super::Swarm::protect) peer. While that goes on, 2, 4 and so on are,
    /// second by second, at most as many as handshakes are missing. If there is none, and while as many handshakes are under
    /// way, the oldest of these are closed, as [`inbound_handshakes`](Self::inbound_handshakes) says. So a newcomer comes in
    /// as long as any of both can go. 0: no connection is ever closed for that. Default 16.
    pub descriptor_reserve: u32,
    /// The most streams that one peer may have begun and not ended, on all its connections together. One more is reset
    /// without an event, and counted as [`Refusal::StreamLimit`](super::Refusal::StreamLimit). Streams that we open do not
    /// count; [`Limits::streams_per_connection`](crate::lifecycle::Limits::streams_per_connection) counts those, too.
    /// [`limit_protocol`](super::Swarm::limit_protocol) limits the streams of one protocol. Default 1 024.
    pub streams_per_peer: u32,
    /// How many dials may be under way, from the command to the open connection; one more is
    /// [`DialError::Limit`](super::DialError::Limit). Default 128.
    pub outbound_handshakes: u32,
    /// The most helpings that one connection gets in one [`tick`](super::Swarm::tick), in turn with all others that are
    /// readable; the rest is for the next tick. A helping reads at most 16 KiB and handles at most 256 frames of each
    /// read, and down to half of that and 32 frames while more than 64 connections are readable. While no other connection is readable, a helping goes on until the pipe has no more, or a read has filled a
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
    /// Those whose muxer is being agreed on behind the handshake may hold another 32nd of it together, beyond 8 KB each. Where
    /// that is too little, the one that holds most is closed
    /// ([`Refusal::HandshakeEvicted`](super::Refusal::HandshakeEvicted)).
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
    /// failed of [`Fault::Timeout`](crate::lifecycle::Fault::Timeout). An accepted one whose peer is not authenticated has
    /// the time-outs of its handshake only. Default 60 s.
    pub write_timeout: Duration,
    /// How late a deadline may be found before the owner counts as having been away: its process was stopped, or its
    /// machine asleep. What peers have said meanwhile may not have reached the sockets yet, so deadlines are put off by
    /// as much, once, before they are judged. Zero: they are judged when they are found. Default 1 s.
    pub lateness: Duration,
    /// The most peers that have a rule in [`Lists`](super::Lists), which take some 100 bytes each. One more is
    /// [`ListFull`](super::ListFull). Default 4 096.
    pub listed_peers: u32,
    /// The most networks that have a rule there, likewise. Default 4 096.
    pub listed_networks: u32,
    /// The most peers that are denied until a time ([`Lists::deny_peer_until`](super::Lists::deny_peer_until)), which take
    /// some 250 bytes each. One more takes the place of the denial that ends next. 0: none is ever kept. Default 1 024: whoever
    /// wants to push a denial out has to get as many other identities denied, and each of them pays a handshake first.
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
