//! [`Peers`]: an adapter for notifees that care about peers, and not about single connections.
//!
//! A peer can have several connections: both sides dial at the same time, one side dials twice, or one side has lost a
//! connection that the other still has. `connected` and `disconnected` are called for each. [`Peers`] counts them, and tells
//! a [`PeerNotifee`] of the first `connected` and of the last `disconnected` of a peer.
//!
//! Counting with [`Node::connections_of`](super::Node::connections_of) inside a notification is a trap, since it shows the
//! connections that are open now, and not those that were told. If two connections open in one turn, both notifications
//! count 2, so that "is it the first?" is never true; if three end in one turn, all count 0, so that "was it the last?" is
//! true three times.
//!
//! To keep a peer out, [deny it](crate::swarm::Lists::deny_peer). A [`PeerNotifee`] that closed its connections instead
//! would miss a connection that opens while another one of the peer is still closing.
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
    /// A peer is connected: `connection` has opened, and it is the peer's only connection that was told to be open.
    ///
    /// A connection that is being closed counts as open until its [`disconnected`](Notifee::disconnected), for a
    /// [`close_timeout`](crate::connection::Config::close_timeout) at most. If the peer connects again meanwhile, it has
    /// been connected all the time, and neither method is called.
    fn peer_connected(&mut self, _cx: &mut NotifeeContext<'_, N>, _peer: PeerId, _connection: ConnectionId) {}

    /// A peer is not connected any more: `connection`, its last one that was told to be open, has ended for `reason`. A
    /// connection whose opening was not told yet does not count: `peer_connected` follows when it is told.
    fn peer_disconnected(
        &mut self,
        _cx: &mut NotifeeContext<'_, N>,
        _peer: PeerId,
        _connection: ConnectionId,
        _reason: ConnectionEnd,
    ) {
    }

    /// Something was refused to a connected peer on this connection, or ended before it had an id: `count` such things since
    /// the last call for the connection and kind. See [`Notifee::refused`].
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

/// The notifee that does nothing, for an owner that only asks [`Peers`] for the connected peers.
impl<N> PeerNotifee<N> for () {}

/// A notifee that counts the connections of each peer, by notifications alone, and tells a [`PeerNotifee`] of the first one
/// that opens and of the last one that ends.
///
/// - For each peer, `peer_connected` and `peer_disconnected` alternate, and `peer_connected` is the first.
/// - If it is [registered](super::Notifees::register) late, it knows nothing of the connections that were open before, and
///   ignores their ends: a peer with no other connections does not count as connected. With
///   [`register_and_replay`](super::Notifees::register_and_replay) it is told of them first.
/// - It counts before it tells, so that the counts are right after a panic of `T` that [`catch_panics`](super::catch_panics)
///   or the owner catches.
///
/// It keeps one entry for each open connection. Each event costs O(log n) for n connections.
#[derive(Clone, Default, Debug)]
pub struct Peers<T> {
    notifee: T,
    /// The connections that were told to be open, by peer; no set is empty.
    connections: BTreeMap<PeerId, BTreeSet<ConnectionId>>,
}

impl<T> Peers<T> {
    /// Wraps a notifee, to be registered. No peer is connected yet. `()` is a notifee that does nothing.
    #[must_use]
    pub const fn new(notifee: T) -> Self {
        Self { notifee, connections: BTreeMap::new() }
    }

    /// Returns whether the peer is connected: one of its connections was told to be open, and not to have ended.
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

    /// Returns the connections of a peer that were told to be open, and not to have ended, in order of their ids.
    pub fn connections_of(&self, peer: &PeerId) -> impl Iterator<Item = ConnectionId> {
        self.connections.get(peer).into_iter().flatten().copied()
    }

    /// The notifee inside.
    #[must_use]
    pub const fn get_ref(&self) -> &T {
        &self.notifee
    }

    /// The notifee inside.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.notifee
    }

    /// Returns the notifee inside, without the counts.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.notifee
    }
}

/// The bytes of heap for a peer with one connection, in trees whose nodes may be half empty.
const ENTRY: usize = 512;

/// Returns the peer of a connection that is being told. It is known: the id can be looked up meanwhile, and a connection
/// that has opened has an authenticated peer.
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
        let is_first = connections.is_empty();
        connections.insert(connection);
        if is_first {
            self.notifee.peer_connected(cx, peer, connection);
        }
    }

    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: ConnectionEnd) {
        let Some(peer) = peer_of(cx, connection) else { return };
        let Some(connections) = self.connections.get_mut(&peer) else { return };
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
