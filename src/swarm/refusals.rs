//! [`Refusal`]: the kinds of refusals. A swarm counts what it refuses to peers, and what ends before it has an id. Readiness
//! tells the counts, at most once a second for each connection or listener and kind.
//!
//! Without refusals nothing is kept here: a connection has an entry for each kind of which something was refused.

use super::bit_set::BitSet;
use crate::arithmetic::Count;
use crate::lifecycle::{ConnectionId, Id, ListenerId};
use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

/// The least time between two notices of one connection or listener and kind.
const PAUSE: Duration = Duration::from_secs(1);

/// The kind of a refusal: of something that was refused to a peer, or that ended before it had an id.
///
/// Most refused things have no id, so that no event tells of them. A connection or a stream that a share refuses after it
/// got an id is counted, too, besides its `ConnectFailed` or `StreamFailed`, so that one count has everything that a limit
/// has refused.
///
/// [`Swarm::refused`](super::Swarm::refused) returns the count of each kind since the start,
/// [`Swarm::refused_at`](super::Swarm::refused_at) that of one connection or listener, and
/// [`Readiness::Refused`](super::Readiness::Refused) tells of new ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// An accepted connection ended before its peer was authenticated: it broke, left, took too long, or turned out to be
    /// ourselves; or the swarm shut down.
    HandshakeFailed,
    /// An accepted connection was closed before its peer was authenticated: for a newcomer, because the system had run out
    /// of descriptors, or because it held most of too much memory.
    HandshakeEvicted,
    /// An accepted connection was closed because a limit of connections was reached, or because its peer, its address or its
    /// site had used up its share. If its peer was authenticated by then, it has an id and
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with [`Limit`](crate::lifecycle::Failure::Limit), too; the
    /// text of its error names the share.
    ConnectionLimit,
    /// A stream ended before it had an id: the peer reset or finished it before its first whole proposal had arrived, took
    /// too long for that, or reset it while it was [paced](crate::connection::Config::openings).
    StreamUnproposed,
    /// A stream was reset at once because a limit was reached; or after its
    /// [negotiation_timeout](crate::connection::Config::negotiation_timeout), because it was
    /// [paced](crate::connection::Config::openings) for so long. One that has chosen a
    /// [limited](super::Swarm::limit_protocol) protocol has an id by then, and
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with `Limit`, too.
    StreamLimit,
    /// An accepted connection was closed because the [lists](super::Lists) or the [gate](super::Gate) deny its address, or
    /// its peer once that was authenticated. It has no id, and no event tells of it. One that the lists have denied while it
    /// waited for room to open has an id, and [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with
    /// [`Denied`](crate::lifecycle::Failure::Denied), too.
    ConnectionDenied,
    /// The [gate](super::Gate) does not let the peer speak the protocol that it has proposed on a stream. The peer was
    /// answered that the protocol is not spoken; if the stream ends without another one, it has
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with [`Denied`](crate::lifecycle::Failure::Denied), too.
    StreamDenied,
    /// A protocol has dropped a message for the peer, because the peer was too slow to take it.
    MessageDropped,
    /// The peer has sent a message that its protocol does not accept: malformed, wrongly signed, or rejected by the
    /// application.
    MessageInvalid,
    /// The peer has sent a message that it had sent before.
    MessageRepeated,
    /// A protocol has not accepted a message from the peer, for a reason that is not the peer's fault. The message's author,
    /// or the peer, had used up its share of the protocol's memory; or a message of the author with a higher number had come
    /// before; or the message was longer than the protocol reads, although other nodes may read it.
    MessageRefused,
    /// A listener could not accept, since the system has run out of descriptors or memory, or for another error of its
    /// transport. Meanwhile new sockets wait in the system's backlog. Each attempt counts. The log has the error, as a
    /// warning, at most once a second for each listener.
    AcceptFailed,
}

impl Refusal {
    /// All kinds. A later version may have more.
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

// `ALL` has each kind at its number, which is its place among the totals.
const _: () = {
    let mut number = 0;
    while number < Refusal::ALL.len() {
        assert!(Refusal::ALL[number] as usize == number);
        number += 1;
    }
};

/// Writes the kind in snake case, as the command prints it: `stream_limit`.
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

/// The place of a refusal: an open connection, or a listener.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefusedAt {
    /// The listener that has accepted a peer which was not authenticated.
    Listener(ListenerId),
    /// The connection of the peer.
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

/// One kind of refusal at one listener or connection.
type RefusalKey = (RefusedAt, Refusal);

/// The counts of refusals.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The totals since the start, by kind, of all peers that there ever were.
    totals: [u64; Refusal::ALL.len()],
    /// The counts at listeners and connections whose last event has not been handled.
    tallies: BTreeMap<RefusalKey, RefusalCount>,
    /// The counts that can be told now.
    ready: BTreeSet<RefusalKey>,
    /// The counts that can be told later, in the order of their times.
    waiting: BTreeSet<(Duration, RefusalKey)>,
    /// The count that was told last. The one behind it is next, so that none is passed over for ever.
    last: Option<RefusalKey>,
    /// The connections whose opening event has been taken, and whose last event has not: only their refusals are told.
    /// `listeners` has the same for listeners.
    connections: BitSet,
    listeners: BitSet,
    now: Duration,
}

/// The refusals of one kind at one listener or connection.
#[derive(Default, Debug)]
struct RefusalCount {
    count: u64,
    untold: u64,
    /// The remote address of the last refused socket of a listener, with its peer if that was known.
    last_from: Option<Multiaddr>,
    /// The earliest time for the next notice. Zero before the first one.
    next_at: Duration,
}

impl Refusals {
    /// Counts `count` refusals in the totals alone: the connection or listener is not open, or has ended.
    pub(super) fn count_in_total(&mut self, refusal: Refusal, count: u64) {
        self.totals[refusal as usize].raise(count);
    }

    /// Counts `count` refusals at an open listener or connection, and has them told.
    pub(super) fn count(&mut self, at: RefusedAt, refusal: Refusal, count: u64) {
        if count == 0 {
            return;
        }
        self.count_in_total(refusal, count);
        let place = (at, refusal);
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

    /// Keeps the remote address of the last refused socket of a listener, with its peer if that is known, in the place of
    /// the one before.
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

    /// Takes note that an opening event has been taken: refusals may be told from now on.
    pub(super) fn announce(&mut self, at: RefusedAt) {
        match at {
            RefusedAt::Listener(id) => self.listeners.insert(id.index()),
            RefusedAt::Connection(id) => self.connections.insert(id.index()),
        }
        for refusal in self.kinds_at(at) {
            self.line_up((at, refusal), Duration::ZERO);
        }
    }

    /// Takes note that a last event has been taken: no refusal is told any more. The counts stay until that event has been
    /// handled.
    pub(super) fn end(&mut self, at: RefusedAt) {
        match at {
            RefusedAt::Listener(id) => self.listeners.remove(id.index()),
            RefusedAt::Connection(id) => self.connections.remove(id.index()),
        }
        for refusal in self.kinds_at(at) {
            let place = (at, refusal);
            let next_at = self.tallies.get(&place).map_or(Duration::ZERO, |tally| tally.next_at);
            self.ready.remove(&place);
            self.waiting.remove(&(next_at, place));
        }
    }

    /// Takes note that a last event has been handled: the counts go, except for the totals.
    pub(super) fn forget(&mut self, at: RefusedAt) {
        for refusal in self.kinds_at(at) {
            self.tallies.remove(&(at, refusal));
        }
    }

    /// Returns the kinds that have a count at `at`.
    fn kinds_at(&self, at: RefusedAt) -> impl Iterator<Item = Refusal> + use<> {
        // Most places have none, and cost no look-up.
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

    /// Makes the counts ready that can be told at `now`.
    pub(super) fn advance(&mut self, now: Duration) {
        self.now = now;
        while let Some((at, place)) = self.waiting.first().copied()
            && at <= now
        {
            self.waiting.pop_first();
            self.ready.insert(place);
        }
    }

    /// Returns the time at which the next count can be told.
    pub(super) fn poll_at(&self) -> Option<Duration> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Returns whether a count can be told now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the next notice: the place, the kind, and the number of refusals since the last notice.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(RefusedAt, Refusal, u64)> {
        if self.ready.is_empty() { None } else { self.take_next() }
    }

    #[inline(never)]
    fn take_next(&mut self) -> Option<(RefusedAt, Refusal, u64)> {
        use core::ops::Bound::{Excluded, Unbounded};
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

    /// Returns the remote address of the last refusal of one kind at a listener.
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
