//! [`Model`]: what the owner did and what the world did, and whether an event follows from it.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not named has no explanation")]

use super::super::sim::SimSwarm;
use super::denials::Denials;
use super::world::{State as World, address, number};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use swarm_notify::connection::Rate;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, Failure, Fault, Id, ListenerEnd, RemoteEnd, Side, State, StreamEnd,
    StreamId,
};

/// What a peer's own connection has done, by the pipe that it is on.
#[derive(Default)]
pub(super) struct Deeds {
    pub(super) peer: Option<PeerId>,
    /// It is open there.
    pub(super) opened: bool,
    /// It went away, politely.
    pub(super) closed: bool,
    /// It has reset or refused streams, or its own have timed out.
    pub(super) resets: bool,
    /// It has finished streams.
    pub(super) finishes: bool,
}

/// What has gone through a connection's streams, for as long as all of them have come to a good end.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) streams: Vec<StreamId>,
    pub(super) sent: u64,
    /// One of them has not.
    pub(super) is_cut: bool,
}

/// What the owner has done.
#[derive(Default)]
pub(super) struct Model {
    /// By pipe.
    pub(super) deeds: Vec<Deeds>,
    /// What was begun by commands, and how the transport took it.
    pub(super) refused: BTreeMap<Id, Failure>,
    /// Dials for a peer that nobody is.
    pub(super) wrong: BTreeSet<ConnectionId>,
    pub(super) closed: BTreeSet<Id>,
    /// What was closed before it was open.
    given_up: BTreeSet<Id>,
    pub(super) finished: BTreeSet<StreamId>,
    pub(super) unspoken: BTreeSet<StreamId>,
    pub(super) whole: BTreeMap<ConnectionId, Whole>,
    /// Peers and addresses have small shares, and a protocol has limits.
    pub(super) has_small_shares: bool,
    /// Connections are trimmed above a mark, and where the transport lacks something, which it has said.
    pub(super) has_marks: bool,
    pub(super) has_reserve: bool,
    pub(super) lacks: bool,
    /// The connections that have been open while their peer was protected, if it still is.
    protected: Option<BTreeSet<ConnectionId>>,
    /// How many resets of a peer at once its connection survives, and how many there were, or may have been.
    resets_at_once: u32,
    resets: BTreeMap<ConnectionId, u32>,
    /// How many streams a peer may open, and how many of each connection have been told.
    openings: Option<Rate>,
    told: BTreeMap<ConnectionId, u64>,
    /// Streams of a peer that were denied, of which some were reset for its own doing.
    denied: BTreeMap<ConnectionId, u32>,
    pub(super) denials: Denials,
    /// Time has passed.
    pub(super) waited: bool,
    pub(super) shutdown: bool,
    /// Everything that ever was.
    pub(super) ever: BTreeSet<Id>,
    pub(super) opened: u64,
    /// How many numbers have been given to listeners and dials.
    numbers: usize,
    /// Accepted connections that were told to have got no share, or to be denied.
    pub(super) shares_refused: u64,
    /// Connections of which the last event was told.
    over: BTreeMap<ConnectionId, usize>,
}

pub(super) fn failure(kind: io::ErrorKind) -> Failure {
    match kind {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::TimedOut => Failure::Timeout,
        io::ErrorKind::ConnectionReset => Failure::Reset(Side::Remote),
        _ => Failure::Io,
    }
}

fn fault(kind: io::ErrorKind) -> Fault {
    match kind {
        io::ErrorKind::TimedOut => Fault::Timeout,
        io::ErrorKind::ConnectionReset => Fault::Reset,
        _ => Fault::Io,
    }
}

/// Returns whether so many streams have begun that the last place may have been taken, for which one of the peer that has
/// most gives way.
fn has_had_last_stream<const EVENTS: usize>(swarm: &SimSwarm<super::Scripted, EVENTS>) -> bool {
    let streams = swarm.counters().streams;
    let told = [streams.inbound, streams.outbound].iter().map(|count| count.opened + count.failed).sum::<u64>();
    let of_all = swarm.connections().flat_map(|connection| swarm.streams_of(connection));
    let opening = of_all.filter(|id| swarm.stream(*id).is_some_and(|view| view.state == State::Opening)).count();
    told + opening as u64 >= u64::from(super::STREAMS - super::LAST_STREAM)
}

impl Model {
    pub(super) fn new(has_small_shares: bool, resets: Rate, openings: Rate) -> Self {
        let (resets_at_once, openings) = (resets.burst, Some(openings));
        Self { has_small_shares, resets_at_once, openings, ..Self::default() }
    }

    /// A stream is told for the first time. Of a peer's there are no more than its rate allows.
    fn count_told<const EVENTS: usize>(&mut self, swarm: &SimSwarm<super::Scripted, EVENTS>, stream: StreamId) {
        let view = swarm.stream(stream).expect("it can be looked up");
        if let (Direction::Inbound, Some(rate)) = (view.direction, self.openings) {
            let told = self.told.entry(view.connection).or_default();
            *told += 1;
            let age = swarm.connection(view.connection).expect("a connection outlives its streams").age;
            let most = u64::from(rate.burst) + age.as_millis() as u64 * u64::from(rate.per_second) / 1_000;
            assert!(*told <= most, "{stream}: {told} in {age:?}");
        }
    }

    /// A stream of a peer's has ended by a reset for which the peer is the reason, or may have. While no time has passed,
    /// there are no more than the budget and the one that ends the connection.
    fn count_reset(&mut self, connection: ConnectionId) {
        let resets = self.resets.entry(connection).or_default();
        *resets += 1;
        assert!(self.waited || *resets <= self.resets_at_once + 1, "{connection}: it floods");
    }

    /// A number for a listener or a dial, which nobody has had.
    pub(super) fn number(&mut self) -> usize {
        self.numbers += 1;
        1 + self.numbers
    }

    /// The peer is protected from now on, or is not. These connections are open.
    pub(super) fn protects(&mut self, is_protected: bool, open: impl Iterator<Item = ConnectionId>) {
        match (is_protected, &mut self.protected) {
            (true, Some(protected)) => protected.extend(open),
            (true, protected @ None) => *protected = Some(open.collect()),
            (false, protected) => *protected = None,
        }
    }

    /// Returns whether a connection may have been trimmed for a mark or a lack.
    fn is_trimmed(&self, world: &World, id: ConnectionId, age: std::time::Duration) -> bool {
        let up = world.openings.iter().filter(|opening| matches!(opening.result, Some(Ok(_)))).count();
        let for_mark = self.has_marks && up > super::HIGH_WATER as usize && age >= super::YOUNG;
        let for_lack = self.has_reserve && self.lacks && age >= std::time::Duration::from_secs(1);
        let is_protected = self.protected.as_ref().is_some_and(|protected| protected.contains(&id));
        !is_protected && (for_mark || for_lack)
    }

    /// The owner closes something: what is not open by then never will be.
    pub(super) fn closes(&mut self, id: Id, state: Option<State>) {
        self.closed.insert(id);
        if state == Some(State::Opening) {
            self.given_up.insert(id);
        }
    }

    /// An event is told: it has to follow from what was done.
    pub(super) fn explain<const EVENTS: usize>(
        &mut self,
        swarm: &SimSwarm<super::Scripted, EVENTS>,
        world: &World,
        event: Event,
    ) {
        self.ever.insert(event.id());
        let opens = matches!(event, Event::Listen { .. } | Event::Connected { .. } | Event::OpenedStream { .. });
        assert!(!opens || !self.given_up.contains(&event.id()), "{event:?} comes after it was given up");
        let explained = match event {
            Event::Listen { listener } | Event::ListenFailed { listener, .. } | Event::ListenClose { listener, .. } => {
                let asked = number(swarm.listener(listener).expect("it can be looked up").address);
                let known = world.listeners.iter().find(|known| known.number == asked);
                let id = Id::from(listener);
                match event {
                    Event::Listen { .. } => known.is_some_and(|known| known.addresses > 0),
                    Event::ListenFailed { reason, .. } => match reason {
                        Failure::Requested => self.closed.contains(&id),
                        Failure::Shutdown => self.shutdown,
                        Failure::AddressNotAvailable => {
                            known.is_some_and(|known| known.is_nowhere && known.closed.is_some())
                        }
                        reason if known.is_none() => self.refused.get(&id) == Some(&reason),
                        reason => known
                            .and_then(|known| known.closed)
                            .is_some_and(|closed| reason == closed.map_or_else(failure, |()| Failure::Io)),
                    },
                    Event::ListenClose { reason, .. } => {
                        // P11: its socket is closed.
                        let closed = known.and_then(|known| known.closed).expect("a listener is closed when told so");
                        match reason {
                            ListenerEnd::Requested => self.closed.contains(&id),
                            ListenerEnd::Shutdown => self.shutdown,
                            ListenerEnd::Failed(why) => why == closed.map_or_else(fault, |()| Fault::Io),
                            _ => false,
                        }
                    }
                    _ => false,
                }
            }
            Event::Connected { connection } => {
                let view = swarm.connection(connection).expect("it is open");
                let pipe = pipe_of(world, number(view.remote)).expect("it has a pipe");
                self.opened += 1;
                if let Some(protected) = &mut self.protected
                    && view.state == State::Open
                {
                    protected.insert(connection);
                }
                // A command may have come before the owner drained this: what that has cut stays cut.
                self.whole.entry(connection).or_default();
                assert!(!self.wrong.contains(&connection), "nobody is who was dialed");
                assert_eq!(view.peer, self.deeds[pipe].peer, "the peer has proved who it is");
                assert_eq!(view.direction == Direction::Inbound, view.listener.is_some());
                true
            }
            Event::ConnectFailed { connection, reason } => self.explain_failed(swarm, world, connection, reason),
            Event::Disconnected { connection, reason } => self.explain_over(swarm, world, connection, reason),
            Event::OpenedStream { stream, .. } => {
                self.opened += 1;
                self.count_told(swarm, stream);
                !self.unspoken.contains(&stream)
            }
            Event::StreamFailed { connection, stream, reason } => {
                self.count_told(swarm, stream);
                self.whole.entry(connection).or_default().is_cut = true;
                let pipe = self.pipe(swarm, world, connection);
                let inbound = swarm.stream(stream).expect("it can be looked up").direction == Direction::Inbound;
                let is_peers = matches!(reason, Failure::Unsupported | Failure::Reset(Side::Remote));
                if inbound && is_peers {
                    self.count_reset(connection);
                }
                if reason == Failure::Denied {
                    *self.denied.entry(connection).or_default() += 1;
                }
                let deeds = &self.deeds[pipe];
                match reason {
                    Failure::Denied => self.denials.explain_failed(inbound),
                    Failure::Requested => self.closed.contains(&stream.into()),
                    Failure::Timeout => self.waited,
                    Failure::Unsupported => inbound || self.unspoken.contains(&stream),
                    Failure::Reset(Side::Remote) => deeds.resets,
                    Failure::ConnectionClosed => true,
                    // The protocol has limits, and streams that have opened fill them.
                    Failure::Limit => {
                        let protocol = swarm.stream(stream).and_then(|view| view.protocol.cloned());
                        let opened = swarm.counters().streams.inbound.opened;
                        let is_at_share = self.has_small_shares && protocol == Some(super::SINK) && opened > 0;
                        inbound && (is_at_share || has_had_last_stream(swarm))
                    }
                    _ => false,
                }
            }
            Event::ClosedStream { connection, stream, reason } => {
                let whole = self.whole.entry(connection).or_default();
                whole.streams.push(stream);
                whole.sent += swarm.stream(stream).expect("it can be looked up").sent;
                whole.is_cut |= reason != StreamEnd::Finished;
                let inbound = swarm.stream(stream).expect("it can be looked up").direction == Direction::Inbound;
                if inbound && reason == StreamEnd::Reset(Side::Remote) {
                    self.count_reset(connection);
                }
                let pipe = self.pipe(swarm, world, connection);
                let deeds = &self.deeds[pipe];
                match reason {
                    StreamEnd::Finished => self.finished.contains(&stream) && deeds.finishes,
                    StreamEnd::Reset(Side::Local) => self.closed.contains(&stream.into()),
                    StreamEnd::Reset(Side::Remote) => deeds.resets,
                    StreamEnd::ConnectionClosed => true,
                    StreamEnd::Timeout => self.waited,
                    StreamEnd::Denied => self.denials.explain_closed(swarm, stream),
                    StreamEnd::Limit => inbound && has_had_last_stream(swarm),
                    _ => false,
                }
            }
        };
        assert!(explained, "{event:?} does not follow from anything");
    }

    fn pipe<const EVENTS: usize>(
        &self,
        swarm: &SimSwarm<super::Scripted, EVENTS>,
        world: &World,
        connection: ConnectionId,
    ) -> usize {
        let view = swarm.connection(connection).expect("a connection outlives its streams");
        pipe_of(world, number(view.remote)).expect("it has a pipe")
    }

    /// Returns whether so many connections have come in that a share of connections may have been used up, with one more.
    fn is_crowded(&self, world: &World) -> bool {
        // The smaller of the two: the last quarter is one with small shares, too.
        let share = super::LAST_CONNECTION.min(super::SHARES.0);
        let came = world.openings.iter().filter(|opening| opening.inbound && opening.handed).count();
        came > share as usize
    }

    /// Reasons that are the same for what was open and what was not.
    fn is_asked(&self, id: ConnectionId) -> bool {
        self.closed.contains(&id.into())
    }

    fn explain_failed<const EVENTS: usize>(
        &mut self,
        swarm: &SimSwarm<super::Scripted, EVENTS>,
        world: &World,
        id: ConnectionId,
        reason: Failure,
    ) -> bool {
        let view = swarm.connection(id).expect("it can be looked up");
        let remote = number(view.remote);
        let opening = world.openings.iter().find(|opening| opening.number == remote);
        if view.direction == Direction::Inbound {
            // Its peer is authenticated, and it waits for room: nothing of it is understood, and no time of ours runs. The
            // system has times of its own.
            assert!(view.peer.is_some(), "{id}: {reason} before its peer was authenticated");
            assert!(!matches!(reason, Failure::Protocol | Failure::Unsupported), "{id}: {reason}");
            let pipe = opening.and_then(|opening| opening.result.as_ref()?.ok());
            let is_of_system = pipe.is_some_and(|pipe| world.pipes[pipe].error == Some(io::ErrorKind::TimedOut));
            assert!(reason != Failure::Timeout || is_of_system, "{id}: {reason}");
        }
        match (reason, opening) {
            (Failure::Requested, _) => return self.is_asked(id),
            (Failure::Shutdown, _) => return self.shutdown,
            (Failure::Denied, _) => {
                self.shares_refused += u64::from(view.direction == Direction::Inbound);
                return self.denials.explain_connection(swarm, id);
            }
            (Failure::Limit, Some(opening)) => {
                assert!(view.error.is_some(), "{id}: a text names its share");
                self.shares_refused += 1;
                return opening.inbound && self.is_crowded(world);
            }
            (Failure::Timeout, _) if self.waited => return true,
            (reason, None) => return self.refused.get(&id.into()) == Some(&reason),
            _ => {}
        }
        let opening = opening.expect("as was just seen");
        assert!(opening.dropped || opening.result.is_some());
        match opening.result {
            None => false,
            Some(Err(kind)) => reason == failure(kind),
            Some(Ok(pipe)) => {
                let state = &world.pipes[pipe];
                assert!(state.dropped, "{id}: its socket is closed when that is told");
                match reason {
                    Failure::WrongPeer => self.wrong.contains(&id),
                    Failure::Eof => state.eof,
                    Failure::Protocol | Failure::Unsupported => state.tampered,
                    reason => state.error.is_some_and(|kind| reason == failure(kind)),
                }
            }
        }
    }

    fn explain_over<const EVENTS: usize>(
        &mut self,
        swarm: &SimSwarm<super::Scripted, EVENTS>,
        world: &World,
        id: ConnectionId,
        reason: ConnectionEnd,
    ) -> bool {
        let pipe = self.pipe(swarm, world, id);
        let (state, deeds) = (&world.pipes[pipe], &self.deeds[pipe]);
        // P11.
        assert!(state.dropped, "{id}: its socket is closed when that is told");
        assert!(self.over.insert(id, pipe).is_none());
        match reason {
            ConnectionEnd::Requested => self.is_asked(id),
            ConnectionEnd::Shutdown => self.shutdown,
            ConnectionEnd::Idle => self.waited,
            ConnectionEnd::Denied => self.denials.explain_connection(swarm, id),
            // All peers are one, so that its share makes one give way, and only one that is silent. Or it was one too many.
            ConnectionEnd::Trimmed => {
                let view = swarm.connection(id).expect("it can be looked up");
                assert!(view.error.is_some(), "{id}: a text says which rule it was");
                let age = view.age;
                self.waited && (self.is_crowded(world) || self.is_trimmed(world, id, age))
            }
            ConnectionEnd::Remote(RemoteEnd::GoAway(code)) => deeds.closed && code == 0,
            ConnectionEnd::Remote(RemoteEnd::Eof) => state.eof,
            ConnectionEnd::Failed(Fault::Protocol) => state.tampered,
            ConnectionEnd::Failed(Fault::Flood) => {
                let counts = [self.resets.get(&id), self.denied.get(&id)];
                counts.into_iter().flatten().sum::<u32>() > self.resets_at_once
            }
            ConnectionEnd::Failed(Fault::Timeout) if self.waited => true,
            ConnectionEnd::Failed(why) => state.error.is_some_and(|kind| why == fault(kind)),
            _ => false,
        }
    }
}

pub(super) fn pipe_of(world: &World, number: usize) -> Option<usize> {
    world.openings.iter().find(|opening| opening.number == number)?.result?.ok()
}

/// An address for a dial: of somebody, of this peer, or of one that nobody is.
pub(super) fn dialed(number: usize, peer: Option<PeerId>) -> libp2p_core::Multiaddr {
    match peer {
        Some(peer) => address(number).with(libp2p_core::multiaddr::Protocol::P2p(peer)),
        None => address(number),
    }
}
