//! The views of listeners, connections and streams: structs with the facts about one of them, which can be looked up until
//! its last event has been handled.

use super::Swarm;
use super::config::Config;
use super::listeners::ListenerEntry;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::refusals::{Refusal, RefusedAt};
use super::socket_connection::SocketConnection;
use crate::connection::{Protocol, Stream};
use crate::lifecycle::{ConnectionId, Counters, Direction, ListenerId, State, StreamId};
use core::fmt;
use core::time::Duration;
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;

/// The facts about a listener, as [`Swarm::listener`] returns them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ListenerView<'a> {
    /// The state of the listener: opening, open, leaving or ended.
    pub state: State,
    /// The address that was passed to [`listen`](Swarm::listen).
    pub address: &'a Multiaddr,
    /// The addresses on which the listener listens, as the transport reports them, without `/p2p/…`. The slice is empty
    /// before the socket is bound.
    pub addresses: &'a [Multiaddr],
    /// The text of the error with which the listener has ended or failed, for a log; `None` if there was no error.
    pub error: Option<&'a str>,
}

/// The facts about a connection.
///
/// This function makes a row for a table of peers, like those that the example `peers` prints every second:
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
#[non_exhaustive]
pub struct ConnectionView<'a> {
    /// The state of the connection: opening, open, leaving or ended.
    pub state: State,
    /// The side that has dialed: the peer (inbound) or we (outbound).
    pub direction: Direction,
    /// The address of the peer: the address that we have dialed, or from which the peer has connected.
    pub remote: &'a Multiaddr,
    /// Our own address of the connection's socket: the address to which the peer has connected, or from which we have
    /// dialed. `None` while a dial has no socket, and if the transport does not report the address: [`tcp`](crate::tcp)
    /// always reports it, and a transport without a reactor reports it only for accepted connections.
    pub local: Option<&'a Multiaddr>,
    /// The listener that has accepted the connection; `None` if we have dialed it.
    pub listener: Option<ListenerId>,
    /// The id of the peer, once the peer is authenticated.
    pub peer: Option<PeerId>,
    /// The number of streams on this connection that have not ended.
    pub streams: usize,
    /// The number of streams that wait without an id, because the peer has opened them beyond the rate that
    /// [`openings`](crate::connection::Config::openings) allows.
    pub streams_waiting: usize,
    /// The number of streams that have ever had to wait on this connection because the peer has opened them beyond its rate.
    pub streams_paced: u32,
    /// The time from the dial or the accept of the connection until the latest time that the owner has passed to the swarm,
    /// for example by a [`tick`](Swarm::tick), since the swarm has no clock of its own. Before the first turn after the
    /// command, a dial has the age 0.
    pub age: Duration,
    /// The last known round-trip time. It is measured on the owner's clock, so that it includes the time that an answer
    /// waits for a turn. The first measurement is made during the Noise handshake, and includes the peer's computations.
    /// Later measurements are made by the muxer's ping to a peer that was silent for
    /// [`keep_alive_interval`](crate::connection::Config::keep_alive_interval), or by a service that calls
    /// [`Swarm::note_round_trip`]. The value is `None` until the peer has answered for the first time.
    #[cfg_attr(feature = "protocols", doc = "[`Ping`](crate::protocols::ping::Ping) is such a service.")]
    #[cfg_attr(not(feature = "protocols"), doc = "`Ping` is such a service.")]
    pub round_trip: Option<Duration>,
    /// The number of bytes that were written to the byte pipe, including the bytes of the handshake, the encryption and the
    /// muxer.
    pub sent: u64,
    /// The number of bytes that were read from the byte pipe, including the bytes of the handshake, the encryption and the
    /// muxer.
    pub received: u64,
    /// The number of bytes of memory that the connection holds: its part of [`Swarm::bytes_held`].
    pub bytes_held: usize,
    /// The text of the error or the rule because of which the connection has ended or failed, for a log. For
    /// [`Denied`](crate::lifecycle::ConnectionEnd::Denied) the text says whether the lists or the gate deny the connection.
    /// For [`Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed) it names the rule: there were more connections than
    /// [`high_water`](Config::high_water), descriptors had run out, the connection looked dead when its peer connected
    /// again, or its peer or address had the most connections and gave one up. `None` if the connection has ended without an
    /// error or rule, or has not ended.
    pub error: Option<&'a str>,
}

impl<'a> ConnectionView<'a> {
    /// Makes the view of a connection of which nothing but the arguments is known. It is for this crate's own tests, and may
    /// change in any version.
    #[doc(hidden)]
    #[must_use]
    pub const fn bare(state: State, direction: Direction, remote: &'a Multiaddr) -> Self {
        Self {
            state,
            direction,
            remote,
            local: None,
            listener: None,
            peer: None,
            streams: 0,
            streams_waiting: 0,
            streams_paced: 0,
            age: Duration::ZERO,
            round_trip: None,
            sent: 0,
            received: 0,
            bytes_held: 0,
            error: None,
        }
    }
}

/// The facts about a stream, as [`Swarm::stream`] returns them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StreamView<'a> {
    /// The state of the stream: opening, open, leaving or ended.
    pub state: State,
    /// The side that has opened the stream.
    pub direction: Direction,
    /// The connection to which the stream belongs.
    pub connection: ConnectionId,
    /// The protocol on which both sides have agreed, or the only protocol that was proposed. For a peer's stream that has
    /// failed with [`Denied`](crate::lifecycle::Failure::Denied), it is the last protocol that the [gate](super::Gate) has
    /// denied.
    pub protocol: Option<&'a Protocol>,
    /// The protocols that we propose on a stream of ours, in order of preference, until one is agreed. The slice is empty
    /// for a stream that the peer has opened.
    pub proposals: &'a [Protocol],
    /// The time from the moment at which the stream got its id until the latest time that the owner has passed to the swarm.
    /// The value is exact to a 64th of a second, and wraps around after 776 days.
    pub age: Duration,
    /// The number of bytes of data that the peer lets us send beyond [`sent`](Self::sent). At 0 the peer's window is full,
    /// and a write is blocked until the peer has read. The value is also 0 while the stream has to wait before it can begin
    /// on the connection.
    pub send_window: usize,
    /// The number of bytes of data that have arrived and were not read. These bytes use up the window that we have granted.
    pub unread: usize,
    /// The maximum number of bytes of data that may be [`unread`](Self::unread). When that many bytes are unread, the peer
    /// can send nothing until the owner reads. The window may grow
    /// ([`max_receive_window`](crate::connection::yamux::Config::max_receive_window)). The value is 0 while the stream has
    /// to wait before it can begin on the connection.
    pub receive_window: usize,
    /// The number of bytes of data that writes have accepted from the owner, whether they have been sent or not.
    pub sent: u64,
    /// The number of bytes of data that the owner has read.
    pub received: u64,
    /// `true` once the peer has finished its side: all its data has arrived, read or not. The value stays `true` if the
    /// connection ends afterwards, and becomes `false` if the stream is reset. The value stays `false` if the peer's FIN was
    /// lost: a go-libp2p node can lose its last FINs when it closes the connection right after its streams.
    pub is_remote_finished: bool,
    /// `true` once our side is finished: [`finish`](Swarm::finish) or [`close_stream`](Swarm::close_stream) was called, and
    /// nothing more can be written. Data that was written before, and our FIN after this data, may still wait to be sent. A
    /// reset by either side makes the value `false` again, and so does a timeout.
    pub is_local_finished: bool,
    /// `true` once our FIN has been handed to the transport's byte pipe, after all data. The peer may not have received the
    /// FIN yet. Until it is handed over, the FIN of a finished side waits for the peer's answer to our proposal, or for the
    /// socket; if the connection ends meanwhile, the peer never reads the FIN. A reset by either side makes the value
    /// `false` again, and so does a timeout.
    pub is_fin_sent: bool,
}

impl StreamView<'_> {
    /// Makes the view of a stream of which nothing but the arguments is known. It is for this crate's own tests, and may
    /// change in any version.
    #[doc(hidden)]
    #[must_use]
    pub const fn bare(state: State, direction: Direction, connection: ConnectionId) -> Self {
        Self {
            state,
            direction,
            connection,
            protocol: None,
            proposals: &[],
            age: Duration::ZERO,
            send_window: 0,
            unread: 0,
            receive_window: 0,
            sent: 0,
            received: 0,
            is_remote_finished: false,
            is_local_finished: false,
            is_fin_sent: false,
        }
    }
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Returns the view of a listener, which exists from the command until the last event of the listener has been handled;
    /// `None` if the id is stale.
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> Option<ListenerView<'_>> {
        let ListenerEntry { address, addresses, error, .. } = self.listeners.table.get(id)?;
        let state = self.state.lifecycle.state(id)?;
        Some(ListenerView { state, address, addresses, error: error.as_deref() })
    }

    /// Returns the view of a connection, which exists from the moment at which the connection gets its id until its last
    /// event has been handled; `None` if the id is stale.
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
            // A command does not pass the current time: a dial whose command was given after the last turn counts as not
            // begun yet, and has the age 0.
            age: self.now.saturating_sub(conn.began.or_never()),
            round_trip: conn.round_trip(),
            sent: conn.sent,
            received: conn.received,
            bytes_held: account.bytes(),
            error: error.as_deref(),
        })
    }

    /// Sets the [`ConnectionView::round_trip`] of a connection, until the next round-trip time is measured. The method is
    /// for authors of protocols that measure round-trip times. If the connection is not open, nothing changes.
    pub fn note_round_trip(&mut self, connection: ConnectionId, round_trip: Duration) {
        if let Some(connection) = self.connections.get_mut(connection).and_then(SocketConnection::connection) {
            connection.set_round_trip(round_trip);
        }
    }

    /// Returns the number of refusals of one kind since the swarm was made, for all peers together.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.state.refusals.total(refusal)
    }

    /// Returns the number of refusals of one kind at one listener or connection, since the listener or connection opened.
    /// The count is kept until its last event has been handled; the result is 0 if the id is stale.
    #[must_use]
    pub fn refused_at(&self, at: impl Into<RefusedAt>, refusal: Refusal) -> u64 {
        self.state.refusals.at(at.into(), refusal)
    }

    /// Returns the remote address of the last connection that a listener has refused for one kind of reason: a sample, for
    /// an owner that blocks addresses elsewhere, in a firewall for example. If the peer was authenticated, the address ends
    /// with `/p2p/` and the peer's id. The address is kept until the listener's last event has been handled. Returns `None`
    /// if there was no refusal of this kind.
    ///
    /// One address is kept for each listener and kind, however many connections are refused. So the peers that are refused
    /// most often are returned most often. The address of each refusal is logged at level `debug`.
    #[must_use]
    pub fn last_refused_from(&self, listener: ListenerId, refusal: Refusal) -> Option<&Multiaddr> {
        self.state.refusals.last_from(listener, refusal)
    }

    /// Returns the view of a stream, which exists from the moment at which the stream gets its id until its last event has
    /// been handled; `None` if the id is stale.
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

    /// Returns the ids of the open connections to a peer, including those that are being closed, in the order of the ids.
    ///
    /// The result contains the connections that are open now, even if the owner has not drained their events yet. If two
    /// connections open in one turn, both are returned when the first opening event is taken; if three end together, none of
    /// them is returned when the first closing event is taken. So do not use this method to find a peer's first or last
    /// connection: [`Peers`](crate::notifee::Peers) counts connections by events.
    pub fn connections_of(&self, peer: PeerId) -> impl Iterator<Item = ConnectionId> {
        let connections = self.state.shares.connections_of(peer);
        connections.filter(|id| !self.state.is_opening(*id))
    }

    /// Returns the protocols that inbound streams may choose, in the order in which they were registered.
    pub fn protocols(&self) -> impl Iterator<Item = &Protocol> {
        self.state.protocols.iter()
    }

    /// Returns the ids of the listeners that have not ended, in the order of their indices. The iterator visits every slot
    /// of the table of listeners, including free ones.
    pub fn listeners(&self) -> impl Iterator<Item = ListenerId> {
        self.state.lifecycle.listeners()
    }

    /// Returns the ids of the connections that have not ended, in the order of their indices. The iterator visits every slot
    /// of the table of connections, including free ones. An accepted connection is returned once its peer is authenticated;
    /// before that, the connection has no id, and is counted by [`inbound_handshakes`](Self::inbound_handshakes).
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.state.lifecycle.connections()
    }

    /// Returns the ids of the streams of a connection that have not ended, oldest first. If the id of the connection is
    /// stale, the iterator is empty.
    pub fn streams_of(&self, id: ConnectionId) -> impl Iterator<Item = StreamId> {
        self.state.lifecycle.streams_of(id)
    }

    /// Returns the configuration with which the swarm was made.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.state.config
    }

    /// Returns the counters of listeners, connections and streams: the numbers that have opened, failed and closed, that are
    /// open now, and the highest numbers that were open at the same time.
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
