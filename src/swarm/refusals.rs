//! [`Refusal`]: the kinds of things of peers that are refused, or that are over before they have an id. They are counted,
//! and the counts are told as readiness, at most once a second for each connection or listener and kind.
//!
//! A swarm in which nothing was refused keeps nothing here, and a connection of which nothing was refused has no entry.

use super::bit_set::BitSet;
use crate::arithmetic::Count;
use crate::lifecycle::{ConnectionId, Id, ListenerId};
use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

/// The time between two readiness of one connection or listener and kind.
const PAUSE: Duration = Duration::from_secs(1);

/// The kind of something of a peer's that was refused, or that ended before it had an id.
///
/// Most of it has no id, so that no event tells of it. What a share refuses after it got an id is counted, too, beside its
/// `ConnectFailed` or `StreamFailed`: one count has all that a limit refused.
///
/// [`Swarm::refused`](super::Swarm::refused) has the count of each kind since the start,
/// [`Swarm::refused_at`](super::Swarm::refused_at) that of one connection or listener, and
/// [`Readiness::Refused`](super::Readiness::Refused) tells when there are more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// An accepted connection ended before its peer was authenticated: it broke, left, took too long, or turned out to be
    /// ourselves; or the swarm shut down.
    HandshakeFailed,
    /// An accepted connection gave its place to a newcomer before its peer was authenticated, or its descriptor back to a
    /// system that had run out of them, or held most of too much memory.
    HandshakeEvicted,
    /// An accepted connection was closed because a limit of connections was reached, or because its peer, its address or
    /// its site has its share. Where its peer was authenticated by then, it has an id and
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with [`Limit`](crate::lifecycle::Failure::Limit), too; the
    /// text of its error names the share.
    ConnectionLimit,
    /// A stream ended before it had an id: the peer reset or finished it before its first whole proposal had come, took too
    /// long for that, or reset it while it was [paced](crate::connection::Config::openings).
    StreamUnproposed,
    /// A stream was reset at once because a limit was reached; or after its
    /// [negotiation_timeout](crate::connection::Config::negotiation_timeout), because it was
    /// [paced](crate::connection::Config::openings) for so long. One that has chosen a
    /// [limited](super::Swarm::limit_protocol) protocol has an id by then, and
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with `Limit`, too.
    StreamLimit,
    /// An accepted connection was closed because the [lists](super::Lists) or the [gate](super::Gate) deny its address, or its
    /// peer once that was authenticated. It has no id, and no event tells of it. One that has waited for room to open while the
    /// lists changed has an id, and [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with
    /// [`Denied`](crate::lifecycle::Failure::Denied), too.
    ConnectionDenied,
    /// The [gate](super::Gate) does not let the peer speak the protocol that it has proposed on a stream. The peer heard that
    /// the protocol is not spoken; if the stream ends without another one, it has
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with [`Denied`](crate::lifecycle::Failure::Denied), too.
    StreamDenied,
    /// A protocol dropped a message for the peer, because the peer was too slow to take it.
    MessageDropped,
    /// The peer has sent a message that its protocol does not accept: malformed, wrongly signed, or rejected by the
    /// application.
    MessageInvalid,
    /// The peer has sent a message that it had sent before.
    MessageRepeated,
    /// A protocol did not take a message that the peer has sent, and does not hold that against the peer: the message's author,
    /// or the peer, had its share of what the protocol remembers, or its author had numbered later ones before, or it was longer
    /// than the protocol reads, while others may.
    MessageRefused,
    /// A listener could not accept, since the system has run out of descriptors or memory, or for another error of its
    /// transport's. Whoever wants to come in waits in the system's backlog meanwhile. Each attempt counts. The log has the
    /// error, as a warning, at most once a second for each listener.
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

/// The kind as the command prints it: `stream_limit`, …
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

/// The listener or the open connection at which something was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a peer is met at a listener or on a connection")]
pub enum RefusedAt {
    /// The peer was not authenticated.
    Listener(ListenerId),
    /// The peer is that of this connection.
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

/// The id of the listener or the connection.
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
    /// Since the start, of all peers, those that have left among them.
    totals: [u64; Refusal::ALL.len()],
    /// Of listeners and connections whose last event has not been handled.
    tallies: BTreeMap<RefusalKey, RefusalCount>,
    /// Where there is something to tell now.
    ready: BTreeSet<RefusalKey>,
    /// Where there is something to tell later, and when.
    waiting: BTreeSet<(Duration, RefusalKey)>,
    /// The place that was told last. The one behind it is next, so that none is passed over for ever.
    last: Option<RefusalKey>,
    /// Connections and listeners whose opening event has been handed out, and the last event has not: only of these
    /// something is told.
    connections: BitSet,
    listeners: BitSet,
    now: Duration,
}

/// The refusals of one kind at one listener or connection.
#[derive(Default, Debug)]
struct RefusalCount {
    count: u64,
    untold: u64,
    /// At a listener, the remote address of the last one, with its peer if that was known.
    last_from: Option<Multiaddr>,
    /// The earliest time to tell the next ones. Zero before the first time.
    next_at: Duration,
}

impl Refusals {
    /// Counts so many in the totals alone: the connection or listener is not open, or has ended.
    pub(super) fn count_in_total(&mut self, refusal: Refusal, count: u64) {
        self.totals[refusal as usize].raise(count);
    }

    /// Counts so many at an open listener or connection, and has that told.
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
        // What waits already stands where it belongs.
        if !has_waited && self.is_announced(at) {
            self.line_up(place, next_at);
        }
    }

    /// Keeps the remote address of what was counted last at a listener, and the peer behind it if that is known, in the place
    /// of the one before.
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
                // An address that names another peer is left as it is.
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

    /// The opening event has been handed out: something may be told from now on.
    pub(super) fn announce(&mut self, at: RefusedAt) {
        match at {
            RefusedAt::Listener(id) => self.listeners.insert(id.index()),
            RefusedAt::Connection(id) => self.connections.insert(id.index()),
        }
        for refusal in self.kinds_at(at) {
            self.line_up((at, refusal), Duration::ZERO);
        }
    }

    /// The last event has been handed out: nothing is told any more. The counts stay until that event has been handled.
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

    /// The last event has been handled: nothing is kept but the totals.
    pub(super) fn forget(&mut self, at: RefusedAt) {
        for refusal in self.kinds_at(at) {
            self.tallies.remove(&(at, refusal));
        }
    }

    /// The kinds of which something was refused there.
    fn kinds_at(&self, at: RefusedAt) -> impl Iterator<Item = Refusal> + use<> {
        // Most have none, and pay for no look-up.
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

    /// Has what is to be told by `now` told.
    pub(super) fn advance(&mut self, now: Duration) {
        self.now = now;
        while let Some((at, place)) = self.waiting.first().copied()
            && at <= now
        {
            self.waiting.pop_first();
            self.ready.insert(place);
        }
    }

    /// The time at which something is to be told that waits.
    pub(super) fn poll_at(&self) -> Option<Duration> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Returns whether something is to be told now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next place of which something is to be told, with the number since the last time.
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
