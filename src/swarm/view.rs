//! What can be looked up of what lives, and of what a closing event names until it has been handled.

use super::Swarm;
use super::config::Config;
use super::listeners::ListenerEntry;
use super::reactor::Reactor;
use super::refusals::{Refusal, RefusedAt};
use super::socket_connection::SocketConnection;
use crate::connection::{Protocol, Stream};
use crate::lifecycle::{ConnectionId, Counters, Direction, ListenerId, State, StreamId};
use crate::swarm::SwarmTransport;
use core::fmt;
use core::time::Duration;
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;

/// What is known of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerView<'a> {
    /// How far its life has come.
    pub state: State,
    /// What it was asked to listen on, as it was given.
    pub address: &'a Multiaddr,
    /// Where it listens, as its transport says, without `/p2p/…`: none before it is bound.
    pub addresses: &'a [Multiaddr],
    /// The text of the error that it ended or failed of, for a log; none if it ended of no error.
    pub error: Option<&'a str>,
}

/// What is known of a connection.
///
/// A row for a table of peers, as the example `peers` prints one every second:
///
/// ```
/// use swarm_notify::lifecycle::ConnectionId;
/// use swarm_notify::notifee::Node;
///
/// fn row(node: &dyn Node, id: ConnectionId) -> Option<String> {
///     let view = node.connection(id)?;
///     let peer = view.peer.map_or("?".into(), |peer| peer.to_string());
///     let local = view.local.map_or("?".into(), |local| local.to_string());
///     let round_trip = view.round_trip.map_or("?".into(), |time| format!("{time:?}"));
///     let fullest = node.streams_of(id).into_iter().filter_map(|stream| {
///         let stream = node.stream(stream)?;
///         Some(100 * stream.unread / stream.receive_window.max(1))
///     });
///     let fullest = fullest.max().unwrap_or(0);
///     Some(format!(
///         "{peer} {} at {}, from {local}, for {} s, {round_trip} away, {} bytes in, {} out, fullest window {fullest} %",
///         view.direction, view.remote, view.age.as_secs(), view.received, view.sent,
///     ))
/// }
/// # use core::time::Duration;
/// # use libp2p_core::transport::MemoryTransport;
/// # use swarm_notify::{connection::Protocol, identity::Keypair, lifecycle::Event, swarm::{Config, Swarm}};
/// # const NOTES: Protocol = Protocol::from_static("/notes/1.0.0");
/// # let swarm = |key| {
/// #     let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
/// #     Swarm::new(MemoryTransport::new(), &identity, [key; 32], Config::default())
/// # };
/// # let (mut server, mut client) = (swarm(1)?, swarm(2)?);
/// # server.register_protocol(NOTES);
/// # server.listen("/memory/4713".parse()?)?;
/// # server.tick(Duration::from_secs(60));
/// # let id = client.dial("/memory/4713".parse()?)?;
/// # client.tick(Duration::from_secs(60));
/// # let mut stream = None;
/// # while !stream.is_some_and(|stream| client.stream(stream).is_some_and(|view| view.sent > 0)) {
/// #     for swarm in [&mut server, &mut client] {
/// #         swarm.tick(Duration::from_secs(60));
/// #         while let Some(event) = swarm.next_event() {
/// #             if let Event::Connected { connection } = event
/// #                 && swarm.connection(connection).is_some_and(|view| view.listener.is_none())
/// #             {
/// #                 stream = Some(swarm.open_stream(connection, &[NOTES])?);
/// #                 swarm.write(stream.unwrap(), &[7; 131_072])?;
/// #             }
/// #         }
/// #     }
/// # }
/// # for _ in 0..20 {
/// #     for swarm in [&mut client, &mut server] {
/// #         swarm.tick(Duration::from_secs(72));
/// #         while swarm.next_event().is_some() {}
/// #     }
/// # }
/// # let at_server = server.connections().next().unwrap();
/// # let row_of = |swarm: &Swarm<MemoryTransport>, id| row(swarm, id).unwrap();
/// # let (ours, theirs) = (row_of(&client, id), row_of(&server, at_server));
/// # assert!(ours.contains("outbound at /memory/4713, from ?, for 12 s, 0ns away, "), "{ours}");
/// # assert!(theirs.contains(", from /memory/4713, for 12 s, 12s away, 131"), "{theirs}");
/// # assert!(theirs.ends_with("fullest window 50 %"), "{theirs}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConnectionView<'a> {
    /// How far its life has come.
    pub state: State,
    /// Who dialed.
    pub direction: Direction,
    /// The peer's address: what was dialed, or where it came from.
    pub remote: &'a Multiaddr,
    /// Our address of its socket, as the transport says: where it came to, or where the dial left from. `None` while a dial
    /// has no socket, and where nobody knows: [`tcp`](crate::tcp) does, a transport that wakes by itself says it of accepted
    /// connections only.
    pub local: Option<&'a Multiaddr>,
    /// The listener that accepted it, if it was not dialed.
    pub listener: Option<ListenerId>,
    /// Who the peer is, once it is authenticated.
    pub peer: Option<PeerId>,
    /// How many of its streams have not ended.
    pub streams: usize,
    /// The number of streams that the peer has opened beyond its rate, and that wait for their turn without an id
    /// ([`openings`](crate::connection::Config::openings)). While it is not 0 the connection is paced.
    pub streams_waiting: usize,
    /// The number of streams that have ever waited so on this connection.
    pub streams_paced: u32,
    /// The time since it was dialed or accepted. The swarm has no clock: it is up to the latest time that the swarm was given,
    /// by a [`tick`](Swarm::tick), say. A dial of which no turn has heard yet is of age 0.
    pub age: Duration,
    /// The last round-trip time that is known, on the owner's clock, so that what a turn hears late counts as late. That of the
    /// Noise handshake comes first, which has the peer's work in it. Then the last ping counts: the muxer's, which asks a peer that was silent for
    /// [`keep_alive_interval`](crate::connection::Config::keep_alive_interval), or that of a service such as
    #[cfg_attr(feature = "protocols", doc = "[`Ping`](crate::protocols::ping::Ping)")]
    #[cfg_attr(not(feature = "protocols"), doc = "`Ping`")]
    /// ([`Swarm::note_round_trip`]). `None` until the peer has answered for the first time.
    pub round_trip: Option<Duration>,
    /// The number of bytes that the transport's pipe has taken of us: handshake, encryption and muxer included.
    pub sent: u64,
    /// The number of bytes that the transport's pipe has given us, likewise.
    pub received: u64,
    /// The bytes of memory that wait for somebody on it: its part of [`Swarm::bytes_held`].
    pub bytes_held: usize,
    /// The text of the error that it ended or failed of, for a log, or the rule of ours: of one that was
    /// [`Denied`](crate::lifecycle::ConnectionEnd::Denied), whether the lists or the gate deny it; of one that was
    /// [`Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed), whether there were more than
    /// [`high_water`](Config::high_water), descriptors had run out, it looked dead beside a new connection of its peer, or its
    /// peer or address had most and gave a place away. None if it ended of neither.
    pub error: Option<&'a str>,
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamView<'a> {
    /// How far its life has come.
    pub state: State,
    /// Who opened it.
    pub direction: Direction,
    /// What it runs on.
    pub connection: ConnectionId,
    /// The protocol: agreed on, or the only one that was proposed. Of a peer's stream that has failed of
    /// [`Denied`](crate::lifecycle::Failure::Denied) it is the one that the [gate](super::Gate) has denied last.
    pub protocol: Option<&'a Protocol>,
    /// The protocols that it proposes, in order of preference, until one is agreed; none on a stream of the peer's.
    pub proposals: &'a [Protocol],
    /// The time since it got its id, up to the latest time that the swarm was given, as for
    /// [`ConnectionView::age`]. It is exact to a 64th of a second, and begins at 0 again after 776 days.
    pub age: Duration,
    /// The number of bytes of data that the peer allows us to send beyond those of [`sent`](Self::sent). At 0 our window is full, and a
    /// write is blocked until the peer has read. It is 0 also while the stream waits for its place on the connection.
    pub send_window: usize,
    /// The number of bytes of data that have come and were not read: they fill our window.
    pub unread: usize,
    /// The most bytes of data that may be [`unread`](Self::unread). Once they are, the peer can send nothing until the owner
    /// reads. It may grow
    /// ([`max_receive_window`](crate::connection::yamux::Config::max_receive_window)). It is 0 while the stream waits for its
    /// place on the connection.
    pub receive_window: usize,
    /// How many bytes of data were accepted from the owner, sent or not.
    pub sent: u64,
    /// How many bytes of data the owner has read.
    pub received: u64,
    /// Whether the peer has finished its side: all that it had to say has come, read or not, also when the connection
    /// ends then. A reset undoes it. It stays false where the peer's FIN was lost: a go-libp2p node can lose its last ones
    /// when it closes the connection right after its streams.
    pub is_remote_finished: bool,
    /// True once our side is finished: [`finish`](Swarm::finish) or [`close_stream`](Swarm::close_stream) was called, and
    /// nothing more can be written. What was written before, and our FIN behind it, may still wait to be sent. A reset by
    /// either side undoes it, and so does a time-out.
    pub is_local_finished: bool,
    /// True once our FIN has been handed to the transport's byte pipe, behind all data. The peer may not have
    /// received it yet. Until then the FIN of a finished side waits for the peer's word on the protocol, or for the socket;
    /// if the connection ends meanwhile, the peer never reads it. A reset by either side undoes it, and so does a time-out.
    pub is_fin_sent: bool,
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: SwarmTransport,
    R: Reactor,
{
    /// Looks a listener up, from the command until its last event has been handled; `None` if the id is stale.
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> Option<ListenerView<'_>> {
        let ListenerEntry { address, addresses, error, .. } = self.listeners.table.get(id)?;
        let state = self.state.lifecycle.state(id)?;
        Some(ListenerView { state, address, addresses, error: error.as_deref() })
    }

    /// Looks a connection up, from its beginning until its last event has been handled; `None` if the id is stale.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<ConnectionView<'_>> {
        let conn = self.connections.get(id)?;
        let SocketConnection { direction, remote, local, listener, error, account, .. } = conn;
        let (streams_waiting, streams_paced) = conn.pace();
        Some(ConnectionView {
            state: self.state.lifecycle.state(id)?,
            direction: *direction,
            remote,
            local: local.as_ref(),
            listener: *listener,
            peer: conn.peer(),
            streams: self.state.lifecycle.live_streams(id),
            streams_waiting,
            streams_paced,
            // A dial that has begun without a clock is not older than now.
            age: self.now.saturating_sub(conn.began.or_never()),
            round_trip: conn.round_trip(),
            sent: conn.sent,
            received: conn.received,
            bytes_held: account.bytes(),
            error: error.as_deref(),
        })
    }

    /// Takes a round-trip time that a protocol has measured on a connection: it is for authors of protocols. It is the
    /// [`ConnectionView::round_trip`] until the next one is known. A connection that is not up passes it over.
    pub fn note_round_trip(&mut self, connection: ConnectionId, round_trip: Duration) {
        if let Some(connection) = self.connections.get_mut(connection).and_then(SocketConnection::connection) {
            connection.set_round_trip(round_trip);
        }
    }

    /// Returns the number of refusals of one kind since the start, for all peers together.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.state.refusals.total(refusal)
    }

    /// Returns the number of refusals of one kind at one listener or connection since it opened, until its last event has
    /// been handled; 0 if the id is stale.
    #[must_use]
    pub fn refused_at(&self, at: impl Into<RefusedAt>, refusal: Refusal) -> u64 {
        self.state.refusals.at(at.into(), refusal)
    }

    /// Returns the remote address of the connection that a listener has refused last, of one kind: a sample of who is
    /// refused, for an owner who blocks addresses elsewhere. If its peer was authenticated by then, `/p2p/` and the peer's id
    /// stand at its end. It has the counts beside it ([`refused_at`](Self::refused_at)),
    /// from the same refusals on, until the listener's last event has been handled. `None` if there was none of this kind.
    ///
    /// One address is kept for each listener and kind, however many are refused. Whoever is refused most often is seen most
    /// often. The log has the address of each, at `debug`.
    #[must_use]
    pub fn last_refused_from(&self, listener: ListenerId, refusal: Refusal) -> Option<&Multiaddr> {
        self.state.refusals.last_from(listener, refusal)
    }

    /// Looks a stream up, from its beginning until its last event has been handled; `None` if the id is stale.
    #[must_use]
    pub fn stream(&self, id: StreamId) -> Option<StreamView<'_>> {
        let lifecycle = &self.state.lifecycle;
        let stream: &Stream = self.state.streams.get(id)?;
        Some(StreamView {
            state: lifecycle.state(id)?,
            direction: lifecycle.direction(id)?,
            connection: lifecycle.connection_of(id)?,
            protocol: stream.protocol(),
            proposals: stream.proposed(),
            age: self.state.stream_began(id).age(self.now),
            send_window: stream.send_window(),
            unread: stream.unread_len(),
            receive_window: stream.receive_window(),
            sent: stream.sent(),
            received: stream.received(),
            is_remote_finished: stream.is_remote_finished(),
            is_local_finished: stream.is_local_finished(),
            is_fin_sent: stream.is_fin_sent(),
        })
    }

    /// The open connections to a peer, those that are being closed included, in order of their ids.
    ///
    /// It shows what is open now, and so it runs ahead of the events. Two connections that open in one turn are both there
    /// when the first is told, and three that are cut together are all gone before the first end is told. So do not count
    /// them to find a peer's first connection or its last:
    /// [`Peers`](crate::notifee::Peers) counts those that were told.
    pub fn connections_of(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let connections = self.state.shares.connections_of(peer);
        connections.filter(|id| !self.state.is_opening(*id))
    }

    /// The protocols that inbound streams may choose, in the order in which they were registered.
    pub fn protocols(&self) -> impl Iterator<Item = &Protocol> {
        self.state.protocols.iter()
    }

    /// All listeners that have not ended, by index. It walks all slots.
    pub fn listeners(&self) -> impl Iterator<Item = ListenerId> {
        self.state.lifecycle.listeners()
    }

    /// All connections that have not ended, by index. It walks all slots. An accepted one is among them from the
    /// authentication of its peer on; before that it has no id, and
    /// [`inbound_handshakes`](Self::inbound_handshakes) counts it.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.state.lifecycle.connections()
    }

    /// The streams of a connection that have not ended, oldest first; none if the id is stale.
    pub fn streams_of(&self, id: ConnectionId) -> impl Iterator<Item = StreamId> {
        self.state.lifecycle.streams_of(id)
    }

    /// Returns the bounds that the swarm was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.state.config
    }

    /// How many of each kind have opened, failed and closed, are open now, and were at most.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        self.state.lifecycle.counters()
    }
}

impl<T: Transport, const EVENTS: usize, R> fmt::Debug for Swarm<T, EVENTS, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swarm").field("local_peer", &self.state.local_peer).finish_non_exhaustive()
    }
}
