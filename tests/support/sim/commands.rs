//! What the owners of a [`World`](super::World) are told and do, noted in its journal; and what they do while they are
//! told.

use super::super::pipe::Random;
use super::checker::Checker;
use super::journal::{Connection, Journal, Life, Stream, Told};
use super::network::{FIRST_PORT, Network};
use super::reactor::SimSwarm;
use super::transport::{SimTransport, address, place};
use libp2p_core::Multiaddr;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, StreamId};

/// As many streams each side may begin on one connection, so that each has a protocol of its own.
pub(super) const TAGS: usize = 100;

/// The protocol of a stream that is its opener's so-many-th on a connection.
pub(super) fn protocol(tag: usize) -> Protocol {
    Protocol::new(format!("/stream/{tag}")).expect("it is short")
}

fn tag_of(protocol: &Protocol) -> Option<usize> {
    protocol.as_str().strip_prefix("/stream/")?.parse().ok()
}

/// Notes what an owner is told.
pub(super) fn note<const EVENTS: usize>(life: &mut Life, swarm: &SimSwarm<SimTransport, EVENTS>, event: Event) {
    match event {
        Event::Listen { .. } | Event::ListenFailed { .. } | Event::ListenClose { .. } => {}
        Event::Connected { connection } => connection_of(life, swarm, connection).told = Told::Open,
        Event::ConnectFailed { connection, reason } => {
            connection_of(life, swarm, connection).told = Told::Failed(reason);
        }
        Event::Disconnected { connection, reason } => {
            connection_of(life, swarm, connection).told = Told::Closed(reason);
        }
        Event::OpenedStream { stream, .. } => stream_of(life, swarm, stream).told = Told::Open,
        Event::StreamFailed { stream, reason, .. } => stream_of(life, swarm, stream).told = Told::Failed(reason),
        Event::ClosedStream { stream, reason, .. } => stream_of(life, swarm, stream).told = Told::Closed(reason),
    }
}

fn connection_of<'a, const EVENTS: usize>(
    life: &'a mut Life,
    swarm: &SimSwarm<SimTransport, EVENTS>,
    id: ConnectionId,
) -> &'a mut Connection {
    life.connections.entry(id).or_insert_with(|| {
        let view = swarm.connection(id).expect("it is being told of");
        assert_eq!(view.direction, Direction::Inbound, "{id}: what we dial is known");
        let (_, port) = place(view.remote).expect("a plain address");
        let (pipe, told) = (Some(usize::from(port - FIRST_PORT)), Told::Nothing);
        Connection { direction: Direction::Inbound, dial: None, pipe, to: None, aborted: false, told }
    })
}

fn stream_of<'a, const EVENTS: usize>(
    life: &'a mut Life,
    swarm: &SimSwarm<SimTransport, EVENTS>,
    id: StreamId,
) -> &'a mut Stream {
    let view = swarm.stream(id).expect("it is being told of");
    let stream = life.streams.entry(id).or_insert_with(|| Stream {
        connection: view.connection,
        direction: view.direction,
        tag: None,
        told: Told::Nothing,
        sent: 0,
        received: Vec::new(),
        discards: false,
    });
    stream.tag = view.protocol.and_then(tag_of).or(stream.tag);
    stream.sent = view.sent;
    stream
}

/// Dials a host, where there is place.
pub(super) fn dial<const EVENTS: usize>(
    life: &mut Life,
    network: &Network,
    swarm: &mut SimSwarm<SimTransport, EVENTS>,
    to: u8,
    address: Multiaddr,
) -> Option<ConnectionId> {
    let dials = network.dials();
    let id = swarm.dial(address).ok()?;
    let dial = (network.dials() > dials).then_some(dials);
    let (direction, told) = (Direction::Outbound, Told::Nothing);
    let connection = Connection { direction, dial, pipe: None, to: Some(to), aborted: false, told };
    life.connections.insert(id, connection);
    Some(id)
}

pub(super) fn abort<const EVENTS: usize>(
    life: &mut Life,
    swarm: &mut SimSwarm<SimTransport, EVENTS>,
    id: ConnectionId,
) {
    if swarm.abort_connection(id).is_ok()
        && let Some(known) = life.connections.get_mut(&id)
    {
        known.aborted = true;
    }
}

/// Begins a stream with the next protocol in turn; `unknown`: with another one before it, or instead.
pub(super) fn begin<const EVENTS: usize>(
    life: &mut Life,
    swarm: &mut SimSwarm<SimTransport, EVENTS>,
    connection: ConnectionId,
    unknown: bool,
) -> Option<StreamId> {
    let ours = life.streams.values().filter(|s| s.connection == connection && s.direction == Direction::Outbound);
    let tag = ours.count();
    if tag == TAGS {
        return None;
    }
    let mut protocols = vec![protocol(tag)];
    match (unknown, tag % 2) {
        (false, _) => {}
        (true, 0) => protocols.insert(0, super::UNKNOWN),
        (true, _) => protocols[0] = super::UNKNOWN,
    }
    let id = swarm.open_stream(connection, &protocols).ok()?;
    let (direction, told) = (Direction::Outbound, Told::Nothing);
    let stream = Stream { connection, direction, tag: Some(tag), told, sent: 0, received: Vec::new(), discards: false };
    assert!(life.streams.insert(id, stream).is_none(), "{id} is given twice");
    Some(id)
}

pub(super) fn close_stream<const EVENTS: usize>(
    life: &mut Life,
    swarm: &mut SimSwarm<SimTransport, EVENTS>,
    id: StreamId,
) {
    if swarm.close_stream(id).is_ok() {
        stream_of(life, swarm, id).discards = true;
    }
}

/// What an owner does while it is told of something. What that causes is told later: P8.
pub(super) struct Reactions {
    pub(super) random: Random,
    pub(super) host: u8,
    pub(super) life: usize,
    pub(super) network: Network,
    pub(super) journal: Rc<RefCell<Journal>>,
}

impl Reactions {
    pub(super) fn react<const EVENTS: usize>(
        &mut self,
        swarm: &mut SimSwarm<SimTransport, EVENTS>,
        checker: &mut Checker,
        event: Event,
    ) {
        let random = &mut self.random;
        let mut journal = self.journal.borrow_mut();
        let life = &mut journal.lives[self.life];
        match event {
            Event::Listen { listener } if random.below(40) == 0 => drop(swarm.close_listener(listener)),
            Event::ListenFailed { .. } | Event::ListenClose { .. } if random.below(4) == 0 => {
                let port = 1 + random.below(2) as u16;
                if let Ok(id) = swarm.listen(address((self.host, port))) {
                    checker.begins(id.into(), None);
                }
            }
            Event::Connected { connection } => match random.below(24) {
                0..=7 => {
                    if let Some(id) = begin(life, swarm, connection, false) {
                        checker.begins(id.into(), Some(connection));
                        let _ = swarm.finish(id);
                    }
                }
                8 => drop(swarm.close_connection(connection)),
                9 if random.below(2) == 0 => abort(life, swarm, connection),
                _ => {}
            },
            Event::ConnectFailed { connection, .. } | Event::Disconnected { connection, .. } => {
                let view = swarm.connection(connection).expect("it is being told of");
                let (direction, remote) = (view.direction, view.remote.clone());
                if let (Direction::Outbound, Some((to, _)), 0) = (direction, place(&remote), random.below(5))
                    && let Some(id) = dial(life, &self.network, swarm, to, remote)
                {
                    checker.begins(id.into(), None);
                }
            }
            Event::OpenedStream { connection, stream } => match random.below(16) {
                0 => drop(swarm.reset(stream)),
                1 => close_stream(life, swarm, stream),
                2 => drop(swarm.finish(stream)),
                3 if random.below(8) == 0 => drop(swarm.close_connection(connection)),
                4 if random.below(16) == 0 => abort(life, swarm, connection),
                5 => drop(swarm.set_half_open_timeout(stream, Some(Duration::from_secs(2)))),
                _ => {}
            },
            Event::StreamFailed { connection, .. } | Event::ClosedStream { connection, .. } if random.below(4) == 0 => {
                if let Some(id) = begin(life, swarm, connection, false) {
                    checker.begins(id.into(), Some(connection));
                }
            }
            Event::Listen { .. }
            | Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::StreamFailed { .. }
            | Event::ClosedStream { .. } => {}
        }
    }
}
