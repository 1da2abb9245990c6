//! [`SwarmState`]: the state of a swarm without its sockets: the lifecycle, the queue of ids that wait to open, the counts
//! for limits, and the notices for the owner.
//!
//! This state is a struct of its own so that a connection and the state can be borrowed mutably at the same time. It
//! contains everything that a connection changes while it is driven.

mod openings;
mod readiness;
mod refusals;
mod streams;

use super::bit_set::BitSet;
use super::config::Config;
use super::dials::Dials;
use super::gate::Access;
use super::held_bytes::HeldBytes;
use super::lists::Lists;
use super::opening_queue::OpeningQueue;
use super::readiness::{Began, StreamReadiness};
use super::refusals::Refusals;
use super::shares::Shares;
use crate::connection::{Environment, Now, Protocol, Scratch, Stream, Streams};
use crate::lifecycle::{ConnectionId, Event, Id, Lifecycle, StreamId, Table};
use crate::pruned_queue::PrunedQueue;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use libp2p_identity::PeerId;

/// The number of streams for which memory is never given back. That memory is about 30 KiB: 104 bytes for each stream and 12
/// for its readiness.
const STREAMS_KEPT: usize = 256;

/// The number of ended ids that may stay in the opening queue before they are removed.
const SPARE: usize = 64;

/// The state of a swarm without its sockets.
#[derive(Debug)]
pub(super) struct SwarmState<const EVENTS: usize> {
    pub(super) lifecycle: Lifecycle<EVENTS>,
    pub(super) local_peer: PeerId,
    /// The hash of the handshake transcript of a dial that has just reached ourselves, until the accepted end of this dial
    /// is looked for among the visitors and closed.
    pub(super) own_end: Option<[u8; 32]>,
    pub(super) streams: Streams,
    pub(super) config: Config,
    pub(super) protocols: Vec<Protocol>,
    /// The ids of listeners, connections and streams that are ready to open and wait for room in the event queue. Ids that
    /// have ended meanwhile are skipped.
    pub(super) opening_queue: PrunedQueue<OpeningQueue, SPARE>,
    /// The numbers of connections and streams that each peer and each address holds, and their limits.
    pub(super) shares: Shares,
    /// The connections with pending output or a changed deadline, in the order in which they were added; each at most once.
    pub(super) dirty: VecDeque<ConnectionId>,
    /// The connections that commands have changed since the last turn, each at most once. The timeouts of these commands
    /// count from the next turn.
    pub(super) commanded: Vec<ConnectionId>,
    /// `true` while [`flush_all`](super::Swarm::flush_all) is running: nothing opens meanwhile.
    pub(super) is_flushing: bool,
    /// `true` while deadlines are postponed because the owner has been away: no connection is closed because of its peer's
    /// silence meanwhile.
    pub(super) is_owner_late: bool,
    /// `true` once the swarm is shutting down: nothing opens any more.
    is_closing: bool,
    readiness: Table<StreamId, StreamReadiness>,
    /// The time at which the stream began whose last event the owner has taken most recently. The stream's readiness was
    /// removed, but its age is still needed for its view.
    last_began: Began,
    ready_streams: BitSet,
    changed_listeners: BitSet,
    pub(super) dials: Dials,
    pub(super) refusals: Refusals,
    pub(super) held_bytes: HeldBytes,
    pub(super) access: Access,
    /// The number of streams without an id that peers have begun, on all connections.
    unnamed: usize,
    /// The connection of the stream whose id has just become stale, and the number of bytes that the stream held. The field
    /// is cleared when these bytes are subtracted from the connection's count.
    pub(super) dropped: Option<(ConnectionId, usize)>,
    scratch: Scratch,
}

impl<const EVENTS: usize> SwarmState<EVENTS> {
    pub(super) fn new(config: Config, local_peer: PeerId) -> Self {
        Self {
            lifecycle: Lifecycle::new(config.limits),
            local_peer,
            own_end: None,
            streams: Streams::new(),
            shares: Shares::new(&config),
            held_bytes: HeldBytes::new(&config),
            access: Access::new(Lists::new(&config)),
            unnamed: 0,
            dropped: None,
            config,
            protocols: Vec::new(),
            opening_queue: PrunedQueue::new(OpeningQueue::new()),
            dirty: VecDeque::new(),
            commanded: Vec::new(),
            is_flushing: false,
            is_owner_late: false,
            is_closing: false,
            readiness: Table::new(),
            last_began: Began::new(Duration::ZERO),
            ready_streams: BitSet::default(),
            changed_listeners: BitSet::default(),
            dials: Dials::default(),
            refusals: Refusals::default(),
            scratch: Scratch::new(),
        }
    }

    /// Borrows the parts of the state that a connection needs while it is driven.
    pub(super) fn environment(&mut self, now: impl Into<Now>) -> Environment<'_> {
        Environment {
            streams: &mut self.streams,
            protocols: &self.protocols,
            config: &self.config.connection,
            now: now.into(),
            scratch: &mut self.scratch,
        }
    }

    /// Returns the work that verifying the signatures of handshakes has caused since
    /// [`take_work_of_signatures`](Self::take_work_of_signatures) was last called. The unit is one signature of Ed25519.
    pub(super) const fn work_of_signatures(&self) -> u32 {
        self.scratch.work()
    }

    /// Returns the work that verifying the signatures of handshakes has caused since the last call, in signatures of
    /// Ed25519, and starts counting from 0 again.
    pub(super) fn take_work_of_signatures(&mut self) -> u32 {
        self.scratch.take_work()
    }

    // Events.

    /// Makes the id in the closing event that the owner has taken most recently stale, and returns this id, so that the
    /// caller can remove what it stores for the listener, connection or stream.
    pub(super) fn vacate(&mut self) -> Option<Id> {
        match self.lifecycle.handed()? {
            Id::Stream(id) => {
                // The connection of the stream is looked up here, since `vacate` makes the stream's id stale below.
                let held = self.streams.remove(id).map_or(0, |stream| stream.bytes_held());
                if held > 0 {
                    self.dropped = self.lifecycle.connection_of(id).map(|connection| (connection, held));
                }
                // A stream that has ended with its connection is still counted.
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

    /// Gives memory back after a connection and its streams were removed.
    pub(super) fn give_up_slots(&mut self) {
        self.lifecycle.give_up_slots();
        self.streams.give_up_slots(STREAMS_KEPT);
        self.readiness.give_up_slots(STREAMS_KEPT);
        if self.opening_queue.is_empty() {
            self.opening_queue.shrink_to(SPARE);
        }
        self.dirty.shrink_to(SPARE);
        self.commanded.shrink_to(SPARE);
        self.held_bytes.give_up_memory();
        self.shares.give_up_memory();
        self.scratch.give_up_memory();
    }

    /// Removes and returns the next event. The call also starts and stops readiness notices, which are given about a stream,
    /// listener or connection between its opening event and its last event.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        let event = self.lifecycle.next_event()?;
        if let Event::OpenedStream { stream, .. } = event {
            let more = self.streams.get(stream).is_some_and(Stream::is_readable);
            // A write of the owner may have been refused because the protocol was not agreed yet. The protocol is agreed
            // now, so the stream becomes writable.
            let place = self.streams.get(stream).is_some_and(Stream::is_writable);
            self.change_readiness(stream, |readiness| {
                readiness.announce();
                if more {
                    readiness.readable();
                }
                if place {
                    readiness.writable();
                }
            });
        }
        match event.id() {
            Id::Stream(id) if event.is_last() => {
                if let Some(readiness) = self.readiness.remove(id) {
                    self.last_began = readiness.began();
                }
                // The index may soon be that of another stream, which must not be reported as ready for this one.
                self.ready_streams.remove(id.index());
            }
            Id::Stream(_) => {}
            Id::Listener(id) => {
                // The owner looks up the addresses at the event `Listen`, so that no notice is needed about an earlier
                // change.
                self.changed_listeners.remove(id.index());
                self.announce_refusals(id.into(), event.is_last());
            }
            Id::Connection(id) => self.announce_refusals(id.into(), event.is_last()),
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Side;
    use crate::lifecycle::{Direction, Failure};
    use crate::pruned_queue::Entries;

    fn state() -> SwarmState<1> {
        let identity = libp2p_identity::Keypair::ed25519_from_bytes([1; 32]).unwrap();
        let mut config = Config::default();
        // Only the opening queue is looked at: streams begin however many closing events are owed.
        config.limits.owed_per_connection = u32::MAX;
        SwarmState::new(config, identity.public().to_peer_id())
    }

    #[test]
    fn ended_openings_do_not_pile_up_while_closes_are_owed() {
        let mut state = state();
        let connection = state.lifecycle.begin_connection(Direction::Inbound).unwrap();
        state.lifecycle.opened(connection).unwrap();
        for _ in 0..4 {
            let id = state.begin_offered_stream(connection, Duration::ZERO).unwrap();
            state.fail_stream(id, Failure::Reset(Side::Remote));
        }
        // A peer lets go of what it has opened as fast as the failures are drained.
        for _ in 0..10_000 {
            let id = state.begin_offered_stream(connection, Duration::ZERO).unwrap();
            let bound = SPARE + 2 * state.lifecycle.len() + 1;
            state.enqueue_opening(id);
            assert!(state.opening_queue.count() <= bound, "{} of {bound}", state.opening_queue.count());
            state.fail_stream(id, Failure::Reset(Side::Remote));
            state.vacate();
            assert!(state.next_event().is_some());
            assert_eq!(state.lifecycle.room(), 0, "something is always owed");
        }
    }

    #[test]
    fn a_streams_state_goes_when_its_last_event_has_been_handled() {
        let mut state = state();
        let connection = state.lifecycle.begin_connection(Direction::Inbound).unwrap();
        let id = {
            state.lifecycle.opened(connection).unwrap();
            state.begin_offered_stream(connection, Duration::ZERO).unwrap()
        };
        state.fail_stream(id, Failure::Reset(Side::Remote));
        while state.next_event().is_some_and(|event| event.id() != Id::from(id)) {}
        assert!(state.streams.get(id).is_some(), "it can be looked up");
        assert_eq!(state.vacate(), Some(id.into()));
        assert!(state.streams.get(id).is_none());
    }

    #[test]
    fn what_has_ended_in_line_is_let_go_of_when_less_lives_than_did() {
        let mut state = state();
        let connection = state.lifecycle.begin_connection(Direction::Inbound).unwrap();
        state.lifecycle.opened(connection).unwrap();
        let offered: Vec<_> =
            (0..SPARE + 10).map(|_| state.begin_offered_stream(connection, Duration::ZERO).unwrap()).collect();
        offered.iter().for_each(|id| state.enqueue_opening(*id));
        offered.iter().for_each(|id| state.fail_stream(*id, Failure::Reset(Side::Remote)));
        while state.next_event().is_some() {
            state.vacate();
        }
        let last = state.begin_offered_stream(connection, Duration::ZERO).unwrap();
        state.enqueue_opening(last);
        assert_eq!((state.opening_queue.count(), state.opening_queue.first()), (1, Some(last.into())));
    }
}
