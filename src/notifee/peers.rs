//! [`Peers`]: an adapter for notifees that observe peers, and not single connections.
//!
//! A peer can have several connections: both sides dial at the same time, one side dials twice, or one side has lost a
//! connection that the other still has. The methods `connected` and `disconnected` of a notifee are called for each
//! connection. [`Peers`] counts these calls, and tells a [`PeerNotifee`] of the first `connected` and of the last
//! `disconnected` of a peer.
//!
//! Counting with [`Node::connections_of`](super::Node::connections_of) inside a notification gives wrong results, since that
//! method returns the connections that are open now, and not those of which the notifee has been told. If two connections of
//! a peer open in one turn, both notifications count 2, so that neither connection seems to be the first. If three end in
//! one turn, all three notifications count 0, so that each connection seems to be the last.
//!
//! To keep a peer out, [deny it](crate::swarm::Lists::deny_peer). If a [`PeerNotifee`] closed the peer's connections
//! instead, the notifee would not be told of a connection that opens while another connection of the same peer is still
//! closing.
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::identity::PeerId;
//! use swarm_notify::keys;
//! use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId};
//! use swarm_notify::notifee::{NotifeeContext, Notifees, PeerNotifee, Peers};
//! use swarm_notify::swarm::{Config, Swarm};
//!
//! #[derive(Default)]
//! struct Lobby(Vec<PeerId>);
//!
//! impl<N> PeerNotifee<N> for Lobby {
//!     fn peer_connected(&mut self, _cx: &mut NotifeeContext<'_, N>, peer: PeerId, _connection: ConnectionId) {
//!         self.0.push(peer);
//!     }
//!
//!     fn peer_disconnected(&mut self, _: &mut NotifeeContext<'_, N>, peer: PeerId, _: ConnectionId, _: ConnectionEnd) {
//!         self.0.retain(|other| *other != peer);
//!     }
//! }
//!
//! let swarm = |identity| Swarm::from_os_rng((), MemoryTransport::new(), &identity, Config::default());
//! let (mut server, mut client) = (swarm(keys::generate()?)?, swarm(keys::generate()?)?);
//! let mut notifees = Notifees::new();
//! let lobby = notifees.register(Peers::new(Lobby::default()));
//! server.listen("/memory/4713".parse()?)?;
//! server.tick(Duration::ZERO);
//! client.dial("/memory/4713".parse()?)?;
//! client.dial("/memory/4713".parse()?)?;
//! for _ in 0..20 {
//!     server.tick(Duration::ZERO);
//!     notifees.drive(&mut server, Duration::ZERO);
//!     client.tick(Duration::ZERO);
//!     while client.next_event().is_some() {}
//! }
//! let peers = notifees.get(lobby).unwrap();
//! assert_eq!(peers.connections_of(&client.local_peer()).count(), 2);
//! assert_eq!(peers.get_ref().0, [client.local_peer()], "it was told once");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{HasNode, Interest, Notifee, NotifeeContext};
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionEnd, ConnectionId, Limits};
use crate::swarm::{Refusal, RefusedAt};
use alloc::collections::{BTreeMap, BTreeSet};

/// An observer of the peers of a network `N`, registered inside [`Peers`]. All methods are empty by default.
pub trait PeerNotifee<N> {
    /// Handles the news that a peer is connected: `connection` has opened, and no other connection of the peer counts as
    /// open. A connection counts as open from the notification of its opening until the notification of its end.
    ///
    /// A connection that is being closed counts as open until its [`disconnected`](Notifee::disconnected), which takes at
    /// most the [`close_timeout`](crate::connection::Config::close_timeout). If the peer connects again meanwhile, the peer
    /// counts as connected all the time: neither `peer_disconnected` nor `peer_connected` is called.
    fn peer_connected(&mut self, _cx: &mut NotifeeContext<'_, N>, _peer: PeerId, _connection: ConnectionId) {}

    /// Handles the news that a peer is not connected any more: `connection` has ended for `reason`, and no other connection
    /// of the peer [counts as open](Self::peer_connected). If the peer has another connection whose opening was not told
    /// yet, `peer_connected` is called when that opening is told.
    fn peer_disconnected(
        &mut self,
        _cx: &mut NotifeeContext<'_, N>,
        _peer: PeerId,
        _connection: ConnectionId,
        _reason: ConnectionEnd,
    ) {
    }

    /// Handles the news of refusals: a connected peer was refused something on this connection, or a stream of the peer
    /// ended before the stream had an id. `count` is the number of such refusals since the last call for the same connection
    /// and kind. See [`Notifee::refused`].
    fn peer_refused(
        &mut self,
        _cx: &mut NotifeeContext<'_, N>,
        _peer: PeerId,
        _connection: ConnectionId,
        _refusal: Refusal,
        _count: u64,
    ) {
    }
}

/// A notifee that does nothing. `Peers<()>` is for an owner that only wants to look up the connected peers.
impl<N> PeerNotifee<N> for () {}

/// A notifee that counts the connections of each peer, by the notifications that it gets, and tells a [`PeerNotifee`] when
/// the first connection of a peer opens and when the peer's last connection ends.
///
/// - For each peer, `peer_connected` and `peer_disconnected` alternate, and `peer_connected` is the first.
/// - If a `Peers` is [registered](super::Notifees::register) late, it does not know the connections that were open before,
///   and ignores their ends: a peer that has only such connections does not count as connected. If it is registered with
///   [`register_and_replay`](super::Notifees::register_and_replay), it is told of these connections first.
/// - A connection is counted before `T` is told of it, so the counts are right even if `T` panics and the owner or
///   [`catch_panics`](super::catch_panics) catches the panic.
///
/// A `Peers` stores one entry for each open connection. Each event costs O(log n) for n connections.
#[derive(Clone, Default, Debug)]
pub struct Peers<T> {
    notifee: T,
    /// For each peer, the connections of which this notifee has been told that they opened, and not that they ended. No set
    /// is empty.
    connections: BTreeMap<PeerId, BTreeSet<ConnectionId>>,
}

impl<T> Peers<T> {
    /// Wraps a notifee, so that the result can be registered. No peer counts as connected yet. Use `()` as the notifee if
    /// nobody has to be told.
    #[must_use]
    pub const fn new(notifee: T) -> Self {
        Self { notifee, connections: BTreeMap::new() }
    }

    /// Returns whether the peer is connected, that is, whether this notifee has been told that a connection of the peer
    /// opened, and not that the same connection ended.
    #[must_use]
    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.connections.contains_key(peer)
    }

    /// Returns the connected peers, in order of their ids.
    pub fn peers(&self) -> impl Iterator<Item = &PeerId> {
        self.connections.keys()
    }

    /// Returns the number of connected peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Returns whether no peer is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Returns the open connections of a peer, in the order of their ids. A connection counts as open if this notifee has
    /// been told that it opened, and not that it ended.
    pub fn connections_of(&self, peer: &PeerId) -> impl Iterator<Item = ConnectionId> {
        self.connections.get(peer).into_iter().flatten().copied()
    }

    /// Returns the notifee that this adapter wraps.
    #[must_use]
    pub const fn get_ref(&self) -> &T {
        &self.notifee
    }

    /// Returns the notifee that this adapter wraps, mutably.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.notifee
    }

    /// Unwraps the notifee, and drops the counts.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.notifee
    }
}

/// The maximum number of bytes of heap that [`Peers`] takes for a peer with one connection, even if the nodes of the B-trees
/// are half empty.
const ENTRY: usize = 512;

/// Returns the peer of the connection in the present notification. The peer is known, since the connection's id can be
/// looked up during the notification, and a connection that has opened has an authenticated peer.
fn peer_of<N: HasNode>(cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) -> Option<PeerId> {
    cx.network().node().connection(connection)?.peer
}

impl<N: HasNode, T: PeerNotifee<N>> Notifee<N> for Peers<T> {
    fn interest(&self) -> Interest {
        Interest::CONNECTED | Interest::DISCONNECTED | Interest::REFUSED
    }

    fn memory_bound(&self, limits: &Limits) -> usize {
        (limits.connections as usize).saturating_mul(ENTRY)
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        let Some(peer) = peer_of(cx, connection) else { return };
        let connections = self.connections.entry(peer).or_default();
        // The connection is counted first, since the notifee may panic.
        let is_first = connections.is_empty();
        connections.insert(connection);
        if is_first {
            self.notifee.peer_connected(cx, peer, connection);
        }
    }

    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: ConnectionEnd) {
        let Some(peer) = peer_of(cx, connection) else { return };
        let Some(connections) = self.connections.get_mut(&peer) else { return };
        // The ids are kept, and not a count: the end of a connection whose opening was not told must not end the peer.
        if connections.remove(&connection) && connections.is_empty() {
            self.connections.remove(&peer);
            self.notifee.peer_disconnected(cx, peer, connection, reason);
        }
    }

    fn refused(&mut self, cx: &mut NotifeeContext<'_, N>, at: RefusedAt, refusal: Refusal, count: u64) {
        // A refusal at a listener has no known peer.
        let RefusedAt::Connection(connection) = at else { return };
        let Some(peer) = peer_of(cx, connection) else { return };
        if self.connections.get(&peer).is_some_and(|connections| connections.contains(&connection)) {
            self.notifee.peer_refused(cx, peer, connection, refusal, count);
        }
    }
}
