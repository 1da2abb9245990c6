//! [`Ledger`]: what lives in a swarm, what waits for room, and what its owner is to be told.
//!
//! Everything that a connection changes while it is driven is here, apart from sockets, so that a connection and the
//! ledger can be borrowed side by side.

use super::bits::Bits;
use super::config::Config;
use super::dials::Dials;
use super::gate::Access;
use super::held::Held;
use super::line::Line;
use super::lists::Lists;
use super::ready::{Began, Interest, Ready};
use super::refusals::{Refusal, Refusals, RefusedAt};
use super::shares::{ProtocolLimits, Shares};
use crate::connection::{Protocol, Scratch, Stream, Streams, Turn};
use crate::lifecycle::{
    ConnectionId, Direction, Event, Failure, Id, Lifecycle, ListenerId, State, StreamEnd, StreamId, Table,
};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

/// For how many streams memory is kept when most are gone.
const STREAMS_KEPT: usize = 256;

/// How many that have ended may always stand in line.
const SPARE: usize = 64;

/// The most streams without an id that a connection may have once all connections together have half as many as
/// [`Limits::streams`](crate::lifecycle::Limits::streams). At that limit none begins any more.
const UNNAMED_WHEN_SCARCE: usize = 8;

/// What lives, what waits, what is to be told.
#[derive(Debug)]
pub(super) struct Ledger<const EVENTS: usize> {
    pub(super) lifecycle: Lifecycle<EVENTS>,
    pub(super) local_peer: PeerId,
    /// The transcript of a dial that has just reached ourselves, and whose accepted end may be at the door.
    pub(super) own_end: Option<[u8; 32]>,
    pub(super) streams: Streams,
    pub(super) config: Config,
    pub(super) protocols: Vec<Protocol>,
    /// What is ready to open and waits for room. What ended meanwhile is passed over.
    pub(super) line: Line,
    /// The connections and streams that each peer holds.
    pub(super) shares: Shares,
    /// Connections that have something to transmit, or a deadline to look at, in order; each once.
    pub(super) dirty: VecDeque<ConnectionId>,
    /// Connections that had a command since the last turn, whose time-outs count from the next turn; each once.
    pub(super) commanded: Vec<ConnectionId>,
    /// [`flush_all`](super::Swarm::flush_all) is at work: then nothing opens.
    pub(super) is_flushing: bool,
    /// The owner has been away, and deadlines are put off: then nobody is judged by its silence.
    pub(super) is_owner_late: bool,
    /// The swarm is shutting down: then nothing opens any more.
    is_closing: bool,
    interests: Table<StreamId, Interest>,
    /// The beginning of the stream whose last event was told last: nothing else is kept of its interest.
    last_began: Began,
    ready_streams: Bits,
    changed_listeners: Bits,
    pub(super) dials: Dials,
    pub(super) refusals: Refusals,
    pub(super) held: Held,
    pub(super) access: Access,
    /// The streams of peers without an id, on all connections.
    unnamed: usize,
    /// What a stream held that has just been vacated, and whose it was.
    pub(super) dropped: Option<(ConnectionId, usize)>,
    scratch: Scratch,
}

impl<const EVENTS: usize> Ledger<EVENTS> {
    pub(super) fn new(config: Config, local_peer: PeerId) -> Self {
        Self {
            lifecycle: Lifecycle::new(config.limits),
            local_peer,
            own_end: None,
            streams: Streams::new(),
            shares: Shares::new(&config),
            held: Held::new(&config),
            access: Access::new(Lists::new(&config)),
            unnamed: 0,
            dropped: None,
            config,
            protocols: Vec::new(),
            line: Line::new(),
            dirty: VecDeque::new(),
            commanded: Vec::new(),
            is_flushing: false,
            is_owner_late: false,
            is_closing: false,
            interests: Table::new(),
            last_began: Began::new(Duration::ZERO),
            ready_streams: Bits::default(),
            changed_listeners: Bits::default(),
            dials: Dials::default(),
            refusals: Refusals::default(),
            scratch: Scratch::new(),
        }
    }

    /// What a connection works with.
    pub(super) fn turn(&mut self, now: Duration) -> Turn<'_> {
        Turn {
            streams: &mut self.streams,
            protocols: &self.protocols,
            config: &self.config.connection,
            now,
            scratch: &mut self.scratch,
        }
    }

    /// Returns the work of signatures that handshakes have done since it was last taken, in signatures of Ed25519.
    pub(super) const fn work_of_signatures(&self) -> u32 {
        self.scratch.work()
    }

    /// Takes that.
    pub(super) fn take_work_of_signatures(&mut self) -> u32 {
        self.scratch.take_work()
    }

    /// Counts the streams without an id of a connection, of which `counted` were counted before.
    #[inline]
    pub(super) fn count_unnamed(&mut self, counted: &mut usize, unnamed: usize) {
        if *counted != unnamed {
            self.unnamed = self.unnamed + unnamed - core::mem::replace(counted, unnamed);
            self.limit_unnamed();
        }
    }

    #[inline(never)]
    fn limit_unnamed(&mut self) {
        let limit = self.config.limits.streams as usize;
        self.scratch.limit_unnamed(match self.unnamed {
            taken if taken >= limit => 0,
            taken if taken >= limit / 2 => UNNAMED_WHEN_SCARCE,
            _ => usize::MAX,
        });
    }

    /// Whether nothing waits that there is room for, and no connection asks to be driven.
    pub(super) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && (self.line.is_empty() || self.lifecycle.room() == 0)
    }

    /// Whether what is ready now need not wait in line. It opens at once then: so what a peer says in one breath
    /// (a stream, data on it, its end, or the connection's) is told as it would be if it had come in pieces.
    pub(super) fn is_free(&self) -> bool {
        self.lifecycle.room() > 0 && self.line.is_empty() && !self.is_flushing && !self.is_closing
    }

    /// Lets nothing open any more. Whatever waits in line, or would be put there, ends without opening.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
        self.line = Line::new();
    }

    /// Puts what is ready at the end of the line; a stream behind those of its connection.
    pub(super) fn wait(&mut self, id: impl Into<Id>) {
        if self.is_closing {
            return;
        }
        // While more ends than is drained, nobody comes up who could be passed over: a peer that opens and resets
        // would make the line as long as it likes. What is opening stands in it once, so that each sweep pays for itself.
        if self.line.len() > SPARE + 2 * self.lifecycle.len() {
            let lifecycle = &self.lifecycle;
            self.line.retain(|id| lifecycle.state(id) == Some(State::Opening));
        }
        let id = id.into();
        let runs_on = match id {
            Id::Stream(stream) => self.lifecycle.connection_of(stream),
            Id::Listener(_) | Id::Connection(_) => None,
        };
        self.line.push(id, runs_on);
    }

    pub(super) fn is_opening(&self, id: impl Into<Id>) -> bool {
        self.lifecycle.state(id) == Some(State::Opening)
    }

    // Refusals.

    /// Counts something of a peer's that was refused, or that ended, before it had an id.
    pub(super) fn refuse(&mut self, at: impl Into<RefusedAt>, refusal: Refusal) {
        self.refuse_many(at.into(), refusal, 1);
    }

    /// Counts an accepted connection that is refused, and keeps its address as the last one, with its peer if that is known.
    pub(super) fn refuse_from(
        &mut self,
        listener: ListenerId,
        refusal: Refusal,
        remote: &Multiaddr,
        peer: Option<PeerId>,
    ) {
        self.refuse(listener, refusal);
        self.refusals.keep_address(listener, refusal, remote, peer);
    }

    /// Counts a stream of a peer's that has ended, or that was refused, without an id.
    pub(super) fn stream_without_id(&mut self, connection: ConnectionId, refusal: Refusal) {
        self.lifecycle.count_stream_without_id();
        self.refuse(connection, refusal);
    }

    /// Counts so many. Of a listener or connection that is not open, nothing is kept but the totals.
    pub(super) fn refuse_many(&mut self, at: RefusedAt, refusal: Refusal, count: u64) {
        log::trace!("{at}: {refusal}, {count} more");
        match self.lifecycle.state(at) {
            Some(State::Open | State::Leaving) => self.refusals.count(at, refusal, count),
            Some(State::Opening | State::Ended) | None => self.refusals.count_in_total(refusal, count),
        }
    }

    // Dials under way.

    pub(super) const fn may_dial(&self) -> bool {
        self.dials.count() < self.config.outbound_handshakes
    }

    // Streams.

    /// Begins a stream that the peer offers; `None` if there is no place for it.
    pub(super) fn offered(&mut self, connection: ConnectionId, now: Duration) -> Option<StreamId> {
        let taken = self.lifecycle.held_streams();
        if !self.shares.may_begin_stream(connection, taken) {
            return None;
        }
        let id = self.lifecycle.begin_stream(connection, Direction::Inbound).ok()?;
        self.shares.stream_begins(connection, taken);
        self.insert_stream(id, Stream::inbound(), now);
        Some(id)
    }

    pub(super) fn insert_stream(&mut self, id: StreamId, stream: Stream, now: Duration) {
        self.streams.insert(id, stream);
        self.interests.insert(id, Interest::new(now));
    }

    /// Returns the time at which a stream began that can be looked up.
    pub(super) fn stream_began(&self, id: StreamId) -> Began {
        self.interests.get(id).map_or(self.last_began, Interest::began)
    }

    /// A stream could not open. It may have ended with its connection already, and been told so.
    pub(super) fn fail_stream(&mut self, id: StreamId, failure: Failure) {
        self.give_back(id);
        let _ = self.lifecycle.fail(id, failure);
    }

    /// A stream that was open is over. It may have ended with its connection already, and been told so.
    pub(super) fn end_stream(&mut self, id: StreamId, end: StreamEnd) {
        self.give_back(id);
        let _ = self.lifecycle.end_stream(id, end);
    }

    /// Takes a stream that is about to end out of the shares, if its peer has begun it and it has not ended yet.
    #[inline]
    fn give_back(&mut self, id: StreamId) {
        if let Some((connection, Direction::Inbound)) = self.lifecycle.unended(id) {
            self.shares.stream_ends(connection);
            self.shares.speaks_no_more(id);
        }
    }

    /// Returns whether a stream may speak the protocol that it has chosen, and counts it if so.
    pub(super) fn may_speak(&mut self, id: StreamId) -> bool {
        if !self.shares.limits_protocols() {
            return true;
        }
        let Some((connection, Direction::Inbound)) = self.lifecycle.unended(id) else { return true };
        let protocol = self.streams.get(id).and_then(Stream::protocol);
        protocol.is_none_or(|protocol| self.shares.may_speak(connection, id, protocol, false))
    }

    /// Limits the streams of a protocol, and counts those that speak it already.
    pub(super) fn limit_protocol(&mut self, protocol: &Protocol, limits: ProtocolLimits) {
        if !self.shares.limit_protocol(protocol, limits) {
            return;
        }
        let Self { lifecycle, streams, shares, .. } = self;
        for connection in lifecycle.connections() {
            for id in lifecycle.streams_of(connection) {
                let is_inbound = lifecycle.direction(id) == Some(Direction::Inbound);
                if is_inbound && streams.get(id).and_then(Stream::protocol) == Some(protocol) {
                    shares.may_speak(connection, id, protocol, true);
                }
            }
        }
    }

    // Readiness.

    /// Something is to be read.
    pub(super) fn readable(&mut self, id: StreamId) {
        self.interest(id, Interest::readable);
    }

    /// Something can be written again.
    pub(super) fn writable(&mut self, id: StreamId) {
        self.interest(id, Interest::writable);
    }

    /// The owner has read all there was, or found nothing; `more` is at once the case again if the end is behind it.
    pub(super) fn read_short(&mut self, id: StreamId) {
        let more = self.streams.get(id).is_some_and(Stream::is_readable);
        self.interest(id, |interest| {
            interest.read_short();
            if more {
                interest.readable();
            }
        });
    }

    /// The owner could not write all it wanted.
    pub(super) fn write_short(&mut self, id: StreamId) {
        self.interest(id, Interest::write_short);
    }

    /// What the owner has written is in this batch.
    pub(super) fn wrote(&mut self, id: StreamId, batch: u32) {
        if let Some(interest) = self.interests.get_mut(id) {
            interest.set_batch(batch);
        }
    }

    /// The batch that has what was written last.
    pub(super) fn last_batch(&self, id: StreamId) -> u32 {
        self.interests.get(id).map_or(0, Interest::batch)
    }

    /// The owner waits until what was written has been sent. `true`: it did not wait for that yet. That what it wrote
    /// before has been sent is no news any more.
    pub(super) fn flush_short(&mut self, id: StreamId) -> bool {
        let mut has_begun = false;
        self.interest(id, |interest| has_begun = interest.flush_short());
        has_begun
    }

    /// What the owner has written and waits for has been sent.
    pub(super) fn flushed(&mut self, id: StreamId) {
        self.interest(id, Interest::flushed);
    }

    /// The owner knows that what it has written has been sent.
    pub(super) fn knows_flushed(&mut self, id: StreamId) {
        self.interest(id, Interest::knows_flushed);
    }

    fn interest(&mut self, id: StreamId, change: impl FnOnce(&mut Interest)) {
        let Some(interest) = self.interests.get_mut(id) else { return };
        change(interest);
        match interest.is_due() {
            true => self.ready_streams.insert(id.index()),
            false => self.ready_streams.remove(id.index()),
        }
    }

    /// The addresses of an open listener have changed.
    pub(super) fn addresses_changed(&mut self, id: ListenerId) {
        self.changed_listeners.insert(id.index());
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready_streams.is_empty() || !self.changed_listeners.is_empty() || self.refusals.is_ready()
    }

    /// The next stream or listener that is ready. `listener` gives the listener of a slot.
    pub(super) fn next_ready(&mut self, listener: impl Fn(usize) -> Option<ListenerId>) -> Option<Ready> {
        while let Some(index) = self.changed_listeners.take() {
            if let Some(listener) = listener(index) {
                return Some(Ready::Addresses { listener });
            }
        }
        // Each place has its turn at most once a second, so that streams do not wait for long.
        if let Some((of, kind, count)) = self.refusals.next() {
            return Some(Ready::Refused { of, kind, count });
        }
        while let Some(index) = self.ready_streams.take() {
            let Some(stream) = self.interests.key_at(index) else { continue };
            if let Some((readable, writable)) = self.interests.get_mut(stream).map(Interest::take) {
                return Some(Ready::Stream { stream, readable, writable });
            }
        }
        None
    }

    // Events.

    /// Vacates what the last closing event named; gives it, so that what else is kept of it can go.
    pub(super) fn vacate(&mut self) -> Option<Id> {
        match self.lifecycle.handed()? {
            Id::Stream(id) => {
                let held = self.streams.remove(id).map_or(0, |stream| stream.bytes_held());
                if held > 0 {
                    self.dropped = self.lifecycle.connection_of(id).map(|connection| (connection, held));
                }
                // It is counted still if it has ended with its connection.
                self.shares.speaks_no_more(id);
            }
            Id::Connection(id) => self.refusals.forget(id.into()),
            Id::Listener(id) => self.refusals.forget(id.into()),
        }
        let id = self.lifecycle.vacate();
        debug_assert!(
            self.lifecycle.held_connections() > 0 || self.shares.kept() + self.dials.named() == 0,
            "Nothing is kept of peers that have left."
        );
        id
    }

    /// A connection is gone: gives memory back of which it, and its streams, had most.
    pub(super) fn give_up_slots(&mut self) {
        self.lifecycle.give_up_slots();
        self.streams.give_up_slots(STREAMS_KEPT);
        self.interests.give_up_slots(STREAMS_KEPT);
        if self.line.is_empty() {
            self.line.shrink_to(SPARE);
        }
        self.dirty.shrink_to(SPARE);
        self.commanded.shrink_to(SPARE);
        self.held.give_up_memory();
        self.shares.give_up_memory();
        self.scratch.give_up_memory();
    }

    /// The next event. What can be ready is so for its owner from its first event on, and not after its last.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        let event = self.lifecycle.next_event()?;
        if let Event::OpenedStream { stream, .. } = event {
            let more = self.streams.get(stream).is_some_and(Stream::is_readable);
            // A write that was refused until the protocol was agreed is waited for by nobody but its owner.
            let place = self.streams.get(stream).is_some_and(Stream::is_writable);
            self.interest(stream, |interest| {
                interest.announce();
                if more {
                    interest.readable();
                }
                if place {
                    interest.writable();
                }
            });
        }
        match event.id() {
            Id::Stream(id) if event.is_last() => {
                if let Some(interest) = self.interests.remove(id) {
                    self.last_began = interest.began();
                }
                self.ready_streams.remove(id.index());
            }
            Id::Stream(_) => {}
            Id::Listener(id) => {
                // Who is told that it listens finds its addresses as they are now.
                self.changed_listeners.remove(id.index());
                self.announce_refusals(id.into(), event.is_last());
            }
            Id::Connection(id) => self.announce_refusals(id.into(), event.is_last()),
        }
        Some(event)
    }
}

impl<const EVENTS: usize> Ledger<EVENTS> {
    /// Refusals at a listener or a connection are told from its opening event on, and not after its last one.
    fn announce_refusals(&mut self, at: RefusedAt, is_last: bool) {
        match is_last {
            true => self.refusals.end(at),
            false => self.refusals.announce(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Side;

    fn ledger() -> Ledger<1> {
        let identity = libp2p_identity::Keypair::ed25519_from_bytes([1; 32]).unwrap();
        let mut config = Config::default();
        // Only the line is looked at: however much is owed, streams begin.
        config.limits.owed_per_connection = u32::MAX;
        Ledger::new(config, identity.public().to_peer_id())
    }

    #[test]
    fn what_has_ended_in_line_does_not_pile_up_while_closes_are_owed() {
        let mut ledger = ledger();
        let connection = ledger.lifecycle.begin_connection(Direction::Inbound).unwrap();
        ledger.lifecycle.opened(connection).unwrap();
        for _ in 0..4 {
            let id = ledger.offered(connection, Duration::ZERO).unwrap();
            ledger.fail_stream(id, Failure::Reset(Side::Remote));
        }
        // A peer lets go of what it has opened as fast as the failures are drained.
        for _ in 0..10_000 {
            let id = ledger.offered(connection, Duration::ZERO).unwrap();
            let bound = SPARE + 2 * ledger.lifecycle.len() + 1;
            ledger.wait(id);
            assert!(ledger.line.len() <= bound, "{} of {bound}", ledger.line.len());
            ledger.fail_stream(id, Failure::Reset(Side::Remote));
            ledger.vacate();
            assert!(ledger.next_event().is_some());
            assert_eq!(ledger.lifecycle.room(), 0, "something is always owed");
        }
    }

    #[test]
    fn what_is_kept_of_a_stream_goes_when_its_last_event_has_been_handled() {
        let mut ledger = ledger();
        let connection = ledger.lifecycle.begin_connection(Direction::Inbound).unwrap();
        let id = {
            ledger.lifecycle.opened(connection).unwrap();
            ledger.offered(connection, Duration::ZERO).unwrap()
        };
        ledger.fail_stream(id, Failure::Reset(Side::Remote));
        while ledger.next_event().is_some_and(|event| event.id() != Id::from(id)) {}
        assert!(ledger.streams.get(id).is_some(), "it can be looked up");
        assert_eq!(ledger.vacate(), Some(id.into()));
        assert!(ledger.streams.get(id).is_none());
    }

    #[test]
    fn what_has_ended_in_line_is_let_go_of_when_less_lives_than_did() {
        let mut ledger = ledger();
        let connection = ledger.lifecycle.begin_connection(Direction::Inbound).unwrap();
        ledger.lifecycle.opened(connection).unwrap();
        let offered: Vec<_> = (0..SPARE + 10).map(|_| ledger.offered(connection, Duration::ZERO).unwrap()).collect();
        offered.iter().for_each(|id| ledger.wait(*id));
        offered.iter().for_each(|id| ledger.fail_stream(*id, Failure::Reset(Side::Remote)));
        while ledger.next_event().is_some() {
            ledger.vacate();
        }
        let last = ledger.offered(connection, Duration::ZERO).unwrap();
        ledger.wait(last);
        assert_eq!((ledger.line.len(), ledger.line.first()), (1, Some(last.into())));
    }
}
