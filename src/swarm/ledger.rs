//! [`Ledger`]: what lives in a swarm, what waits for room, and what its owner is to be told.
//!
//! Everything that a connection changes while it is driven is here, apart from sockets, so that a connection and the
//! ledger can be borrowed side by side.

use super::bits::Bits;
use super::config::Config;
use super::held::Held;
use super::own_dial::OwnEnd;
use super::ready::{Interest, Ready};
use super::refusals::{Refusal, Refusals, RefusedAt};
use crate::connection::{Protocol, Scratch, Stream, Streams, Turn};
use crate::lifecycle::{ConnectionId, Direction, Event, Failure, Id, Lifecycle, ListenerId, State, StreamId, Table};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;
use libp2p_identity::PeerId;

/// For how many streams memory is kept when most are gone.
const STREAMS_KEPT: usize = 256;

/// How many that have ended may always stand in line.
const SPARE: usize = 64;

/// What lives, what waits, what is to be told.
#[derive(Debug)]
pub(super) struct Ledger<const EVENTS: usize> {
    pub(super) lifecycle: Lifecycle<EVENTS>,
    pub(super) local_peer: PeerId,
    /// A connection with ourselves that has just been found, and whose accepted end is still there.
    pub(super) own_end: Option<OwnEnd>,
    pub(super) streams: Streams,
    pub(super) config: Config,
    pub(super) protocols: Vec<Protocol>,
    /// What is ready to open and waits for room, in order. What ended meanwhile is passed over.
    pub(super) line: VecDeque<Id>,
    /// Open connections by peer.
    pub(super) peers: BTreeSet<(PeerId, ConnectionId)>,
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
    ready_streams: Bits,
    changed_listeners: Bits,
    handshakes: [u32; 2],
    pub(super) held: Held,
    /// What a stream held that has just been vacated, and whose it was.
    pub(super) dropped: Option<(ConnectionId, usize)>,
    refusals: Refusals,
    scratch: Scratch,
}

impl<const EVENTS: usize> Ledger<EVENTS> {
    pub(super) fn new(config: Config, local_peer: PeerId) -> Self {
        Self {
            lifecycle: Lifecycle::new(config.limits),
            local_peer,
            own_end: None,
            streams: Streams::new(),
            held: Held::new(&config),
            dropped: None,
            config,
            protocols: Vec::new(),
            line: VecDeque::new(),
            peers: BTreeSet::new(),
            dirty: VecDeque::new(),
            commanded: Vec::new(),
            is_flushing: false,
            is_owner_late: false,
            is_closing: false,
            interests: Table::new(),
            ready_streams: Bits::default(),
            changed_listeners: Bits::default(),
            handshakes: [0; 2],
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
        self.line = VecDeque::new();
    }

    /// Puts what is ready at the end of the line.
    pub(super) fn wait(&mut self, id: impl Into<Id>) {
        if self.is_closing {
            return;
        }
        // While more ends than is drained, nobody comes up who could be passed over: a peer that opens and resets
        // would make the line as long as it likes. What is opening stands in it once, so that each sweep pays for itself.
        if self.line.len() > SPARE + 2 * self.lifecycle.len() {
            let lifecycle = &self.lifecycle;
            self.line.retain(|id| lifecycle.state(*id) == Some(State::Opening));
        }
        self.line.push_back(id.into());
    }

    pub(super) fn is_opening(&self, id: impl Into<Id>) -> bool {
        self.lifecycle.state(id) == Some(State::Opening)
    }

    // Refusals.

    /// Counts something of a peer's that was refused, or that ended, before it had an id.
    pub(super) fn refuse(&mut self, at: impl Into<RefusedAt>, refusal: Refusal) {
        self.refusals.count(at.into(), refusal);
    }

    /// Returns the number of refusals of one kind since the start.
    pub(super) const fn refused(&self, refusal: Refusal) -> u64 {
        self.refusals.all(refusal)
    }

    // Handshakes in flight.

    pub(super) fn has_handshake(&self, direction: Direction) -> bool {
        let bound = match direction {
            Direction::Inbound => self.config.inbound_handshakes,
            Direction::Outbound => self.config.outbound_handshakes,
        };
        self.handshakes[direction as usize] < bound
    }

    pub(super) fn handshake_begins(&mut self, direction: Direction) {
        self.handshakes[direction as usize] += 1;
    }

    pub(super) fn handshake_ends(&mut self, direction: Direction) {
        self.handshakes[direction as usize] -= 1;
    }

    // Streams.

    /// Begins a stream that the peer offers; `None` if there is no place for it.
    pub(super) fn offered(&mut self, connection: ConnectionId) -> Option<StreamId> {
        let id = self.lifecycle.begin_stream(connection, Direction::Inbound).ok()?;
        self.insert_stream(id, Stream::inbound());
        Some(id)
    }

    pub(super) fn insert_stream(&mut self, id: StreamId, stream: Stream) {
        self.streams.insert(id, stream);
        self.interests.insert(id, Interest::default());
    }

    /// A stream could not open. It may have ended with its connection already, and been told so.
    pub(super) fn fail_stream(&mut self, id: StreamId, failure: Failure) {
        let _ = self.lifecycle.fail(id, failure);
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
            interest.batch = batch;
        }
    }

    /// The batch that has what was written last.
    pub(super) fn last_batch(&self, id: StreamId) -> u32 {
        self.interests.get(id).map_or(0, |interest| interest.batch)
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
        !self.ready_streams.is_empty() || !self.changed_listeners.is_empty()
    }

    /// The next stream or listener that is ready. `listener` gives the listener of a slot.
    pub(super) fn next_ready(&mut self, listener: impl Fn(usize) -> Option<ListenerId>) -> Option<Ready> {
        while let Some(index) = self.changed_listeners.take() {
            if let Some(listener) = listener(index) {
                return Some(Ready::Addresses { listener });
            }
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
        let id = self.lifecycle.handed();
        if let Some(Id::Stream(id)) = id
            && let Some(stream) = self.streams.remove(id)
        {
            let held = stream.bytes_held();
            if held > 0 {
                self.dropped = self.lifecycle.connection_of(id).map(|connection| (connection, held));
            }
        }
        self.lifecycle.vacate()
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
                self.interests.remove(id);
                self.ready_streams.remove(id.index());
            }
            // Who is told that it listens finds its addresses as they are now.
            Id::Listener(id) => self.changed_listeners.remove(id.index()),
            Id::Stream(_) | Id::Connection(_) => {}
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Side;

    fn ledger() -> Ledger<1> {
        let identity = libp2p_identity::Keypair::ed25519_from_bytes([1; 32]).unwrap();
        Ledger::new(Config::default(), identity.public().to_peer_id())
    }

    #[test]
    fn what_has_ended_in_line_does_not_pile_up_while_closes_are_owed() {
        let mut ledger = ledger();
        let connection = ledger.lifecycle.begin_connection(Direction::Inbound).unwrap();
        ledger.lifecycle.opened(connection).unwrap();
        for _ in 0..4 {
            let id = ledger.offered(connection).unwrap();
            ledger.fail_stream(id, Failure::Reset(Side::Remote));
        }
        // A peer lets go of what it has opened as fast as the failures are drained.
        for _ in 0..10_000 {
            let id = ledger.offered(connection).unwrap();
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
            ledger.offered(connection).unwrap()
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
        let offered: Vec<_> = (0..SPARE + 10).map(|_| ledger.offered(connection).unwrap()).collect();
        offered.iter().for_each(|id| ledger.wait(*id));
        offered.iter().for_each(|id| ledger.fail_stream(*id, Failure::Reset(Side::Remote)));
        while ledger.next_event().is_some() {
            ledger.vacate();
        }
        let last = ledger.offered(connection).unwrap();
        ledger.wait(last);
        assert_eq!(ledger.line, [Id::from(last)]);
    }
}
