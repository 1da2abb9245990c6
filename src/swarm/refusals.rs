//! [`Refusal`]: the kinds of refusals, and the counts of them. A swarm counts the connections, streams and messages that it
//! refuses to peers, and connections and streams that end before they have an id. Readiness notices report the counts, at
//! most once a second for each kind at each connection or listener.
//!
//! There is one entry for each kind of refusal that has happened on a connection, so that a connection without refusals
//! needs no memory here.

use super::bit_set::BitSet;
use crate::arithmetic::Count;
use crate::lifecycle::{ConnectionId, Id, ListenerId};
use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

/// The minimum time between two notices about the same kind of refusal at the same connection or listener. A peer sets the
/// pace of its refusals: when everything was reported, a peer that reset streams made the log of a node grow by 150 000
/// lines a second.
const PAUSE: Duration = Duration::from_secs(1);

/// A kind of refusal. A refusal is a connection, a stream or a message that was refused to a peer, or a connection or stream
/// that ended before it had an id.
///
/// Most refused connections and streams have no id and therefore no event. A connection or a stream with an id that is
/// refused because a limit per peer, address or site is reached is counted here, too, besides its `ConnectFailed` or
/// `StreamFailed`, so that one count includes everything that the limit has refused.
///
/// [`Swarm::refused`](super::Swarm::refused) returns the count of each kind since the start,
/// [`Swarm::refused_at`](super::Swarm::refused_at) returns the count of each kind at one connection or listener, and
/// [`Readiness::Refused`](super::Readiness::Refused) reports new refusals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// An accepted connection ended before its peer was authenticated: the connection broke, the peer left, took too long,
    /// or turned out to be ourselves; or the swarm shut down.
    HandshakeFailed,
    /// An accepted connection was closed before its peer was authenticated: to make room for a new one, because the system
    /// had run out of descriptors, or because all handshakes together held too much memory and this connection held most.
    HandshakeEvicted,
    /// An accepted connection was closed because a limit of connections was reached, or because its peer, its address or its
    /// site had as many connections as allowed. If its peer was authenticated by then, the connection has an id, and is also
    /// reported as [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with
    /// [`Limit`](crate::lifecycle::Failure::Limit); the text of its error names the limit.
    ConnectionLimit,
    /// A stream ended before it had an id: the peer reset or finished the stream before its first whole proposal of a
    /// protocol had arrived, took too long to send the proposal, or reset the stream while it had to wait because the peer
    /// opens streams beyond its [rate](crate::connection::Config::openings).
    StreamUnproposed,
    /// A stream was reset because a limit was reached. It was reset at once; or, if it had to wait because its peer opens
    /// streams beyond the [rate](crate::connection::Config::openings), after its
    /// [negotiation_timeout](crate::connection::Config::negotiation_timeout). A stream that has chosen a
    /// [limited](super::Swarm::limit_protocol) protocol and is refused for that limit has an id, and is also reported as
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with `Limit`.
    StreamLimit,
    /// An accepted connection was closed because the [lists](super::Lists) or the [gate](super::Gate) deny its address, or
    /// deny its peer once the peer was authenticated. This connection has no id and no event. A connection that waits for
    /// room in the event queue, and is denied because the lists change meanwhile, has an id, and is also reported as
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with [`Denied`](crate::lifecycle::Failure::Denied).
    ConnectionDenied,
    /// The [gate](super::Gate) does not let the peer speak the protocol that it has proposed on a stream. The peer was
    /// answered that the protocol is not spoken; if the stream ends before another protocol is agreed, it is also reported
    /// as [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with [`Denied`](crate::lifecycle::Failure::Denied).
    StreamDenied,
    /// A protocol has dropped a message that it wanted to send to the peer, because the peer was too slow to receive it.
    MessageDropped,
    /// The peer has sent a message that the protocol does not accept: the message is malformed, wrongly signed, or rejected
    /// by the application.
    MessageInvalid,
    /// The peer has sent a message for the second time.
    MessageRepeated,
    /// A protocol has not accepted a message from the peer, for a reason that is not the peer's fault. The message's author,
    /// or the peer, had used up its part of the protocol's memory; or a message of the author with a higher sequence number
    /// had arrived before; or the message was longer than this node accepts, although other nodes may accept it.
    MessageRefused,
    /// A listener could not accept a connection, because the system has run out of descriptors or memory, or because of
    /// another error of the transport. Meanwhile new sockets wait in the system's backlog. Each failed attempt is counted.
    /// The error is logged as a warning, at most once a second for each listener.
    AcceptFailed,
}

impl Refusal {
    /// All kinds of refusals. A later version of this crate may have more.
    pub const ALL: &'static [Self] = &[
        Self::HandshakeFailed,
        Self::HandshakeEvicted,
        Self::ConnectionLimit,
        Self::StreamUnproposed,
        Self::StreamLimit,
        Self::ConnectionDenied,
        Self::StreamDenied,
        Self::MessageDropped,
        Self::MessageInvalid,
        Self::MessageRepeated,
        Self::MessageRefused,
        Self::AcceptFailed,
    ];
}

// `ALL` contains each kind at the index that is its number, by which the totals are indexed, too.
const _: () = {
    let mut number = 0;
    while number < Refusal::ALL.len() {
        assert!(Refusal::ALL[number] as usize == number);
        number += 1;
    }
};

/// Writes the kind in snake case, for example `stream_limit`. The command `swarm-notify` prints kinds in this form.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HandshakeFailed => "handshake_failed",
            Self::HandshakeEvicted => "handshake_evicted",
            Self::ConnectionLimit => "connection_limit",
            Self::StreamUnproposed => "stream_unproposed",
            Self::StreamLimit => "stream_limit",
            Self::ConnectionDenied => "connection_denied",
            Self::StreamDenied => "stream_denied",
            Self::MessageDropped => "message_dropped",
            Self::MessageInvalid => "message_invalid",
            Self::MessageRepeated => "message_repeated",
            Self::MessageRefused => "message_refused",
            Self::AcceptFailed => "accept_failed",
        })
    }
}

/// The connection or the listener at which a refusal is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a peer is met at a listener or on a connection")]
pub enum RefusedAt {
    /// The listener that has accepted the refused connection, whose peer was not authenticated.
    Listener(ListenerId),
    /// The connection on which the peer was refused something.
    Connection(ConnectionId),
}

impl From<ListenerId> for RefusedAt {
    fn from(id: ListenerId) -> Self {
        Self::Listener(id)
    }
}

impl From<ConnectionId> for RefusedAt {
    fn from(id: ConnectionId) -> Self {
        Self::Connection(id)
    }
}

impl From<RefusedAt> for Id {
    fn from(at: RefusedAt) -> Self {
        match at {
            RefusedAt::Listener(id) => id.into(),
            RefusedAt::Connection(id) => id.into(),
        }
    }
}

/// Writes the id of the listener or the connection.
impl fmt::Display for RefusedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(id) => id.fmt(f),
            Self::Connection(id) => id.fmt(f),
        }
    }
}

/// One kind of refusal at one listener or connection, the key of a count.
type RefusalKey = (RefusedAt, Refusal);

/// The counts of refusals, and the notices about them.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The totals of each kind since the start, for all peers together.
    totals: [u64; Refusal::ALL.len()],
    /// The counts of each kind at each listener and connection, until the last event of the listener or connection has been
    /// handled.
    tallies: BTreeMap<RefusalKey, RefusalCount>,
    /// The counts about which a notice can be given now.
    ready: BTreeSet<RefusalKey>,
    /// The counts about which a notice can be given later, each with the earliest time for it, earliest first.
    waiting: BTreeSet<(Duration, RefusalKey)>,
    /// The key of the count about which the last notice was given. The next notice is about the next key in `ready`, so that
    /// no count waits for ever.
    last: Option<RefusalKey>,
    /// The indices of the connections whose opening event the owner has taken, and whose last event the owner has not taken.
    /// The field `listeners` contains the indices of such listeners. Notices are given only about these connections and
    /// listeners.
    connections: BitSet,
    listeners: BitSet,
    now: Duration,
}

/// The number of refusals of one kind at one listener or connection, and the state of the notices about them.
#[derive(Default, Debug)]
struct RefusalCount {
    count: u64,
    untold: u64,
    /// The remote address of the last socket that a listener has refused, with the id of the peer at its end if the peer was
    /// known.
    last_from: Option<Multiaddr>,
    /// The earliest time for the next notice, which is zero before the first notice.
    next_at: Duration,
}

impl Refusals {
    /// Adds `count` refusals to the totals only, because the connection or listener is not open, or has ended.
    pub(super) fn count_in_total(&mut self, refusal: Refusal, count: u64) {
        self.totals[refusal as usize].raise(count);
    }

    /// Adds `count` refusals to the counts of an open listener or connection and to the totals, and prepares a notice.
    pub(super) fn count(&mut self, at: RefusedAt, refusal: Refusal, count: u64) {
        if count == 0 {
            return;
        }
        // However often a peer is refused, there is one entry for each of the twelve kinds at each open connection and
        // listener, and at most one notice a second for each entry.
        self.count_in_total(refusal, count);
        let place = (at, refusal);
        // The counts stop at `u64::MAX` and do not overflow: a service may pass any number to `Swarm::count_refusals`.
        let tally = self.tallies.entry(place).or_default();
        tally.count.raise(count);
        let has_waited = tally.untold > 0;
        tally.untold.raise(count);
        let next_at = tally.next_at;
        // An entry with untold refusals is in `ready` or `waiting` already.
        if !has_waited && self.is_announced(at) {
            self.line_up(place, next_at);
        }
    }

    /// Replaces the remote address of the last socket that a listener has refused. The id of the peer is appended to the
    /// address if the peer is known.
    pub(super) fn keep_address(
        &mut self,
        listener: ListenerId,
        refusal: Refusal,
        remote: &Multiaddr,
        peer: Option<PeerId>,
    ) {
        // Nothing is counted at a listener that is not open.
        if let Some(tally) = self.tallies.get_mut(&(listener.into(), refusal)) {
            let remote = remote.clone();
            tally.last_from = Some(match peer {
                // `with_p2p` refuses an address that names another peer; it is kept as it is.
                Some(peer) => remote.with_p2p(peer).unwrap_or_else(|remote| remote),
                None => remote,
            });
        }
    }

    fn line_up(&mut self, place: RefusalKey, at: Duration) {
        match at <= self.now {
            true => drop(self.ready.insert(place)),
            false => drop(self.waiting.insert((at, place))),
        }
    }

    fn is_announced(&self, at: RefusedAt) -> bool {
        match at {
            RefusedAt::Listener(id) => self.listeners.contains(id.index()),
            RefusedAt::Connection(id) => self.connections.contains(id.index()),
        }
    }

    /// Records that the owner has taken the opening event of a connection or listener. Notices about its refusals may be
    /// given from now on.
    pub(super) fn announce(&mut self, at: RefusedAt) {
        match at {
            RefusedAt::Listener(id) => self.listeners.insert(id.index()),
            RefusedAt::Connection(id) => self.connections.insert(id.index()),
        }
        // No notice has been given about these refusals, which have happened since the connection or listener opened, so
        // that the first one need not wait.
        for refusal in self.kinds_at(at) {
            self.line_up((at, refusal), Duration::ZERO);
        }
    }

    /// Records that the owner has taken the last event of a connection or listener. No more notices about its refusals are
    /// given. The counts stay until [`forget`](Self::forget).
    pub(super) fn end(&mut self, at: RefusedAt) {
        match at {
            RefusedAt::Listener(id) => self.listeners.remove(id.index()),
            RefusedAt::Connection(id) => self.connections.remove(id.index()),
        }
        for refusal in self.kinds_at(at) {
            let place = (at, refusal);
            // `next_at` changes only when a notice is taken, and the count then is in neither set. So this is the time with
            // which it is in `waiting`, if it is.
            let next_at = self.tallies.get(&place).map_or(Duration::ZERO, |tally| tally.next_at);
            self.ready.remove(&place);
            self.waiting.remove(&(next_at, place));
        }
    }

    /// Removes the counts of a connection or listener whose last event has been handled. The totals stay.
    pub(super) fn forget(&mut self, at: RefusedAt) {
        for refusal in self.kinds_at(at) {
            self.tallies.remove(&(at, refusal));
        }
    }

    /// Returns the kinds of refusals that have a count at the listener or connection `at`.
    fn kinds_at(&self, at: RefusedAt) -> impl Iterator<Item = Refusal> + use<> {
        // Most connections and listeners have no counts, and cost no lookup.
        let mut kinds = [None; Refusal::ALL.len()];
        if !self.tallies.is_empty()
            && let [first, .., last] = *Refusal::ALL
        {
            for (place, (_, refusal)) in
                self.tallies.range((at, first)..=(at, last)).map(|(place, _)| *place).enumerate()
            {
                kinds[place] = Some(refusal);
            }
        }
        kinds.into_iter().flatten()
    }

    /// Sets the time to `now`, and makes those notices ready whose earliest time has passed.
    pub(super) fn advance(&mut self, now: Duration) {
        self.now = now;
        while let Some((at, place)) = self.waiting.first().copied()
            && at <= now
        {
            self.waiting.pop_first();
            self.ready.insert(place);
        }
    }

    /// Returns the earliest time at which a notice that is not ready yet can be given.
    pub(super) fn poll_at(&self) -> Option<Duration> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Returns whether a notice can be given now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Removes and returns the next notice: the connection or listener, the kind, and the number of refusals since the last
    /// notice.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(RefusedAt, Refusal, u64)> {
        if self.ready.is_empty() { None } else { self.take_next() }
    }

    #[inline(never)]
    fn take_next(&mut self) -> Option<(RefusedAt, Refusal, u64)> {
        use core::ops::Bound::{Excluded, Unbounded};
        // The next key behind the last one, and not the first of all: a connection with a low id that is refused something
        // again and again would keep all others from being reported, if the owner takes few notices.
        let behind = self.last.and_then(|last| self.ready.range((Excluded(last), Unbounded)).next());
        let place = behind.or_else(|| self.ready.first()).copied()?;
        self.ready.remove(&place);
        self.last = Some(place);
        let now = self.now;
        let tally = self.tallies.get_mut(&place)?;
        tally.next_at = now.saturating_add(PAUSE);
        Some((place.0, place.1, core::mem::take(&mut tally.untold)))
    }

    /// Returns the number of refusals of one kind since the start.
    pub(super) const fn total(&self, refusal: Refusal) -> u64 {
        self.totals[refusal as usize]
    }

    /// Returns the remote address of the last socket that a listener has refused, for one kind of refusal.
    pub(super) fn last_from(&self, listener: ListenerId, refusal: Refusal) -> Option<&Multiaddr> {
        self.tallies.get(&(listener.into(), refusal))?.last_from.as_ref()
    }

    /// Returns the number of refusals of one kind at one listener or connection.
    pub(super) fn at(&self, at: RefusedAt, refusal: Refusal) -> u64 {
        self.tallies.get(&(at, refusal)).map_or(0, |tally| tally.count)
    }
}

#[cfg(test)]
mod tests;
