//! Views: the facts about a listener, a connection or a stream that can be looked up while it lives, and until its closing
//! event has been handled.

use super::Swarm;
use super::config::Config;
use super::listeners::ListenerEntry;
use super::reactor::Reactor;
use super::refusals::{Refusal, RefusedAt};
use super::socket_connection::SocketConnection;
use crate::connection::{Protocol, Stream};
use crate::lifecycle::{ConnectionId, Counters, Direction, ListenerId, State, StreamId};
use core::fmt;
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;

/// The facts about a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerView<'a> {
    /// The state of its life: opening, open, leaving or ended.
    pub state: State,
    /// The address that `listen` was given.
    pub address: &'a Multiaddr,
    /// The addresses on which it listens, as its transport reports them, without `/p2p/…`. There are none before it is
    /// bound.
    pub addresses: &'a [Multiaddr],
    /// The text of the error with which it ended or failed, for a log; `None` if it ended without an error.
    pub error: Option<&'a str>,
}

/// The facts about a connection.
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
    /// The state of its life: opening, open, leaving or ended.
    pub state: State,
    /// The side that dialed.
    pub direction: Direction,
    /// The peer's address: the one that was dialed, or the one from which it came.
    pub remote: &'a Multiaddr,
    /// Our address of its socket, as the transport reports it: the one to which the peer came, or from which the dial left.
    /// `None` while a dial has no socket, and if the transport does not tell: [`tcp`](crate::tcp) always does, a transport
    /// that wakes by itself only for accepted connections.
    pub local: Option<&'a Multiaddr>,
    /// The listener that accepted it, if it was not dialed.
    pub listener: Option<ListenerId>,
    /// The peer, once it is authenticated.
    pub peer: Option<PeerId>,
    /// The number of its streams that have not ended.
    pub streams: usize,
    /// The number of streams that wait without an id, because the peer has opened them beyond its rate
    /// ([`openings`](crate::connection::Config::openings)). While it is not 0 the connection is paced.
    pub streams_waiting: usize,
    /// The number of streams that have ever been paced on this connection.
    pub streams_paced: u32,
    /// The time since it was dialed or accepted. It ends at the latest time that the swarm was given, by a
    /// [`tick`](Swarm::tick) for example, since the swarm has no clock. A dial before the first turn after its command has
    /// the age 0.
    pub age: Duration,
    /// The last known round-trip time, measured on the owner's clock, so that it includes the time that an answer waits for
    /// a turn. The first one is that of the Noise handshake, which includes the peer's work. Later ones are those of pings:
    /// of the muxer's, which asks a peer that was silent for
    /// [`keep_alive_interval`](crate::connection::Config::keep_alive_interval), or that of a service such as
    #[cfg_attr(feature = "protocols", doc = "[`Ping`](crate::protocols::ping::Ping)")]
    #[cfg_attr(not(feature = "protocols"), doc = "`Ping`")]
    /// ([`Swarm::note_round_trip`]). `None` until the peer has answered for the first time.
    pub round_trip: Option<Duration>,
    /// The number of bytes written to the transport's pipe, including those of the handshake, the encryption and the muxer.
    pub sent: u64,
    /// The number of bytes read from the transport's pipe, with the same inclusions.
    pub received: u64,
    /// The bytes of memory that it holds: its part of [`Swarm::bytes_held`].
    pub bytes_held: usize,
    /// The text of the error or rule by which it ended or failed, for a log. For
    /// [`Denied`](crate::lifecycle::ConnectionEnd::Denied) it says whether the lists or the gate deny it. For
    /// [`Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed) it names the rule: there were more than
    /// [`high_water`](Config::high_water), descriptors had run out, it looked dead beside a new connection of its peer, or
    /// its peer or address held most and gave a place up. `None` if it ended without an error or rule.
    pub error: Option<&'a str>,
}

/// The facts about a stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamView<'a> {
    /// The state of its life: opening, open, leaving or ended.
    pub state: State,
    /// The side that opened it.
    pub direction: Direction,
    /// The connection that it runs on.
    pub connection: ConnectionId,
    /// The agreed protocol, or the only one that was proposed. For a peer's stream that has failed with
    /// [`Denied`](crate::lifecycle::Failure::Denied), it is the last one that the [gate](super::Gate) has denied.
    pub protocol: Option<&'a Protocol>,
    /// The protocols that our stream proposes, in order of preference, until one is agreed. A peer's stream has none.
    pub proposals: &'a [Protocol],
    /// The time since it got its id. It ends at the latest time that the swarm was given, as for [`ConnectionView::age`]. It
    /// is exact to a 64th of a second, and wraps around after 776 days.
    pub age: Duration,
    /// The number of bytes of data that the peer lets us send beyond [`sent`](Self::sent). At 0 the peer's window is full,
    /// and a write is blocked until the peer has read. It is also 0 while the stream waits for its place on the connection.
    pub send_window: usize,
    /// The number of bytes of data that have arrived and were not read. They take up our window.
    pub unread: usize,
    /// The most bytes of data that may be [`unread`](Self::unread). At that number, the peer can send nothing until the
    /// owner reads. It may grow ([`max_receive_window`](crate::connection::yamux::Config::max_receive_window)). It is 0
    /// while the stream waits for its place on the connection.
    pub receive_window: usize,
    /// The number of bytes of data that were accepted from the owner, sent or not.
    pub sent: u64,
    /// The number of bytes of data that the owner has read.
    pub received: u64,
    /// True once the peer has finished its side: all its data has arrived, read or not. It stays true if the connection ends
    /// afterwards. A reset makes it false. It stays false if the peer's FIN was lost: a go-libp2p node can lose its last
    /// ones when it closes the connection right after its streams.
    pub is_remote_finished: bool,
    /// True once our side is finished: [`finish`](Swarm::finish) or [`close_stream`](Swarm::close_stream) was called, and
    /// nothing more can be written. Data that was written before, and our FIN behind it, may still wait to be sent. A reset
    /// by either side makes it false again, and so does a time-out.
    pub is_local_finished: bool,
    /// True once our FIN has been handed to the transport's byte pipe, behind all data. The peer may not have received it
    /// yet. Until then, the FIN of a finished side waits for the peer's answer to our proposal, or for the socket; if the
    /// connection ends meanwhile, the peer never reads it. A reset by either side makes it false again, and so does a
    /// time-out.
    pub is_fin_sent: bool,
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Returns the view of a listener, from the command until its last event has been handled; `None` if the id is stale.
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> Option<ListenerView<'_>> {
        let ListenerEntry { address, addresses, error, .. } = self.listeners.table.get(id)?;
        let state = self.state.lifecycle.state(id)?;
        Some(ListenerView { state, address, addresses, error: error.as_deref() })
    }

    /// Returns the view of a connection, from its beginning until its last event has been handled; `None` if the id is
    /// stale.
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
            // A command has no clock: a dial before the next turn began "after" now.
            age: self.now.saturating_sub(conn.began),
            round_trip: conn.round_trip(),
            sent: conn.sent,
            received: conn.received,
            bytes_held: account.bytes(),
            error: error.as_deref(),
        })
    }

    /// Sets the [`ConnectionView::round_trip`] of a connection, until the next one is known. It is for authors of protocols
    /// that measure one. If the connection is not open, nothing changes.
    pub fn note_round_trip(&mut self, connection: ConnectionId, round_trip: Duration) {
        if let Some(connection) = self.connections.get_mut(connection).and_then(SocketConnection::connection) {
            connection.set_round_trip(round_trip);
        }
    }

    /// Returns the number of refusals of one kind since the start, of all peers together.
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

    /// Returns the remote address of the last connection that a listener has refused for one kind of reason: a sample, for
    /// an owner that blocks addresses elsewhere, in a firewall for example. If the peer was authenticated, the address ends
    /// with `/p2p/` and the peer's id. It is kept as long as the counts of [`refused_at`](Self::refused_at), until the
    /// listener's last event has been handled. `None` if there was no refusal of this kind.
    ///
    /// One address is kept for each listener and kind, however many are refused; the peers that are refused most often are
    /// seen here most often. The log has the address of each refusal, at level `debug`.
    #[must_use]
    pub fn last_refused_from(&self, listener: ListenerId, refusal: Refusal) -> Option<&Multiaddr> {
        self.state.refusals.last_from(listener, refusal)
    }

    /// Returns the view of a stream, from its beginning until its last event has been handled; `None` if the id is stale.
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

    /// Returns the open connections to a peer, including those that are being closed, in order of their ids.
    ///
    /// It shows the connections that are open now, so that it runs ahead of the events. If two connections open in one turn,
    /// both are here when the first event is taken; if three end together, all are gone before the first closing event is
    /// taken. So do not use it to find a peer's first or last connection: [`Peers`](crate::notifee::Peers) counts
    /// connections by events.
    pub fn connections_of(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let connections = self.state.shares.connections_of(peer);
        connections.filter(|id| !self.state.is_opening(*id))
    }

    /// Returns the protocols that inbound streams may choose, in the order in which they were registered.
    pub fn protocols(&self) -> impl Iterator<Item = &Protocol> {
        self.state.protocols.iter()
    }

    /// Returns all listeners that have not ended, by index. It looks at all slots.
    pub fn listeners(&self) -> impl Iterator<Item = ListenerId> {
        self.state.lifecycle.listeners()
    }

    /// Returns all connections that have not ended, by index. It looks at all slots. An accepted connection is among them
    /// from the authentication of its peer on; before that it has no id, and
    /// [`inbound_handshakes`](Self::inbound_handshakes) counts it.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.state.lifecycle.connections()
    }

    /// Returns the streams of a connection that have not ended, oldest first; none if the id is stale.
    pub fn streams_of(&self, id: ConnectionId) -> impl Iterator<Item = StreamId> {
        self.state.lifecycle.streams_of(id)
    }

    /// Returns the bounds with which the swarm was made.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.state.config
    }

    /// Returns the counters of each kind of entity: how many have opened, failed and closed, how many are open now, and how
    /// many were at most.
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
