//! [`Fake`]: a node whose streams are byte queues in memory, for services to run on at no cost: no Noise, no Yamux, no
//! network. What it says of streams and when is what a swarm says.

mod play;

use super::with;
use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;
use swarm_notify::connection::{Protocol, ReadError, WriteError};
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Counters, Direction, Event, EventSource, Failure, Fault, Hold, Id, Lifecycle, Limits,
    ListenerId, Side, State, StreamEnd, StreamId,
};
use swarm_notify::notifee::{HasNode, Network, Node};
use swarm_notify::swarm::{
    CloseError, Config, ConnectionView, DialError, Gate, ListenError, ListenerView, Lists, Multiaddr, OpenStreamError,
    ProtectError, ProtocolLimits, Readiness, Refusal, RefusedAt, StreamView,
};

/// A node without a network.
pub(crate) struct Fake {
    pub(crate) lifecycle: Lifecycle<64>,
    us: PeerId,
    address: Multiaddr,
    peers: BTreeMap<ConnectionId, PeerId>,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    protocols: Vec<Protocol>,
    ready: VecDeque<StreamId>,
    is_held: bool,
    config: Config,
    lists: Lists,
    /// What services have counted, of connections that have ended, too.
    pub(crate) refused: BTreeMap<(ConnectionId, Refusal), u64>,
    /// How many bytes may still be written to each peer.
    pub(crate) place: BTreeMap<PeerId, usize>,
    /// What was written to those peers of whom that is wanted.
    pub(crate) written: BTreeMap<PeerId, Vec<u8>>,
    /// The dials that nobody has answered, oldest first.
    pub(crate) dials: Vec<(ConnectionId, Multiaddr)>,
    /// The addresses at the other ends, where they are not that of all.
    remotes: BTreeMap<ConnectionId, Multiaddr>,
    /// Dials are refused.
    pub(crate) refuses_dials: Option<DialError>,
}

/// A stream.
pub(crate) struct Stream {
    peer: PeerId,
    protocol: Protocol,
    /// What the peer has sent, and how much of it has arrived.
    input: VecDeque<u8>,
    arrived: usize,
    /// How many bytes the peer has sent, and how many of them have arrived, from the beginning.
    pub(crate) sent_ever: u64,
    pub(crate) arrived_ever: u64,
    is_finished: bool,
    /// Our side is, too. There is no pipe that it would wait for.
    is_ours_finished: bool,
    /// Its opening was told, and its end was not.
    is_told: bool,
    /// It is said when there is more.
    wants: (bool, bool),
    is_ready: (bool, bool),
}

impl EventSource for Fake {
    fn next_event(&mut self) -> Option<Event> {
        if self.is_held {
            return None;
        }
        match self.lifecycle.vacate() {
            Some(Id::Stream(id)) => drop(self.streams.remove(&id)),
            Some(Id::Connection(id)) => {
                self.peers.remove(&id);
                self.remotes.remove(&id);
                self.dials.retain(|(dial, _)| *dial != id);
            }
            Some(Id::Listener(_)) | None => {}
        }
        let event = self.lifecycle.next_event()?;
        match event {
            Event::OpenedStream { stream, .. } => {
                self.streams.get_mut(&stream).expect("it is told of").is_told = true;
                self.arrives(stream);
            }
            Event::ClosedStream { stream, .. } | Event::StreamFailed { stream, .. } => {
                self.streams.get_mut(&stream).expect("it is told of").is_told = false;
            }
            Event::Listen { .. }
            | Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::Disconnected { .. } => {}
        }
        Some(event)
    }

    fn openings(&self) -> Vec<Event> {
        self.lifecycle.openings()
    }

    fn events_until_room(&self) -> usize {
        self.lifecycle.events_until_room()
    }
}

impl Hold for Fake {
    fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
        Network::hold(&mut self.lifecycle, is_held);
    }
}

impl Network for Fake {
    fn event_source(&self) -> &dyn EventSource {
        self
    }

    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        self
    }
}

impl HasNode for Fake {
    fn node(&self) -> &dyn Node {
        self
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        self
    }
}

impl Node for Fake {
    fn local_peer(&self) -> PeerId {
        self.us
    }

    fn listener(&self, _: ListenerId) -> Option<ListenerView<'_>> {
        None
    }

    fn connection(&self, id: ConnectionId) -> Option<ConnectionView<'_>> {
        let remote = self.remotes.get(&id).unwrap_or(&self.address);
        let view = ConnectionView::bare(self.lifecycle.state(id)?, self.lifecycle.direction(id)?, remote);
        Some(with(view, |view| {
            view.peer = self.peers.get(&id).copied();
            view.streams = self.lifecycle.live_streams(id);
        }))
    }

    fn stream(&self, id: StreamId) -> Option<StreamView<'_>> {
        let stream = self.streams.get(&id)?;
        let connection = self.lifecycle.connection_of(id)?;
        let view = StreamView::bare(self.lifecycle.state(id)?, self.lifecycle.direction(id)?, connection);
        Some(with(view, |view| {
            view.protocol = Some(&stream.protocol);
            view.send_window = self.place.get(&stream.peer).copied().unwrap_or_default();
            view.unread = stream.arrived;
            view.receive_window = usize::MAX;
            view.is_remote_finished = stream.is_finished;
            view.is_local_finished = stream.is_ours_finished;
            view.is_fin_sent = stream.is_ours_finished;
        }))
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn is_protected(&self, _: PeerId) -> bool {
        false
    }

    fn protections_of(&self, _: PeerId) -> Vec<&str> {
        Vec::new()
    }

    fn inbound_handshakes(&self) -> usize {
        0
    }

    fn bytes_held(&self) -> usize {
        0
    }

    fn bytes_held_of(&self, _: PeerId) -> usize {
        0
    }

    fn is_shut_down(&self) -> bool {
        false
    }

    fn last_error(&mut self) -> Option<std::io::Error> {
        None
    }

    fn refused(&self, refusal: Refusal) -> u64 {
        self.refused.iter().filter(|((_, kind), _)| *kind == refusal).map(|(_, count)| count).sum()
    }

    fn refused_at(&self, at: RefusedAt, refusal: Refusal) -> u64 {
        let RefusedAt::Connection(connection) = at else { return 0 };
        self.refused.get(&(connection, refusal)).copied().unwrap_or_default()
    }

    fn last_refused_from(&self, _: ListenerId, _: Refusal) -> Option<&Multiaddr> {
        None
    }

    fn lists(&self) -> &Lists {
        &self.lists
    }

    fn counters(&self) -> &Counters {
        self.lifecycle.counters()
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn connections_of(&self, peer: PeerId) -> Vec<ConnectionId> {
        self.peers.iter().filter(|(_, other)| **other == peer).map(|(id, _)| *id).collect()
    }

    fn listeners(&self) -> Vec<ListenerId> {
        Vec::new()
    }

    fn connections(&self) -> Vec<ConnectionId> {
        self.lifecycle.connections().collect()
    }

    fn streams_of(&self, connection: ConnectionId) -> Vec<StreamId> {
        self.lifecycle.streams_of(connection).collect()
    }

    fn protocols(&self) -> Vec<Protocol> {
        self.protocols.clone()
    }

    fn register_protocol(&mut self, protocol: Protocol) {
        self.protocols.push(protocol);
    }

    fn unregister_protocol(&mut self, protocol: &Protocol) {
        self.protocols.retain(|other| other != protocol);
    }

    fn limit_protocol(&mut self, _: &Protocol, _: ProtocolLimits) {}

    fn lists_mut(&mut self) -> &mut Lists {
        &mut self.lists
    }

    fn set_gate(&mut self, _: Option<Box<dyn Gate>>) -> Option<Box<dyn Gate>> {
        None
    }

    fn ask_gate_again(&mut self) {}

    fn listen(&mut self, _: Multiaddr) -> Result<ListenerId, ListenError> {
        Err(ListenError::Closing)
    }

    fn dial(&mut self, address: Multiaddr) -> Result<ConnectionId, DialError> {
        if let Some(error) = self.refuses_dials {
            return Err(error);
        }
        let connection = self.lifecycle.begin_connection(Direction::Outbound).map_err(|_| DialError::Limit)?;
        self.dials.push((connection, address.clone()));
        self.remotes.insert(connection, address);
        Ok(connection)
    }

    fn close_listener(&mut self, _: ListenerId) -> Result<(), CloseError> {
        Err(CloseError::Stale)
    }

    fn close_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.abort_connection(id)
    }

    fn abort_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.lifecycle.end_connection(id, ConnectionEnd::Requested).map_err(|_| CloseError::Ended)
    }

    fn fail_connection(&mut self, id: ConnectionId, fault: Fault) -> Result<(), CloseError> {
        self.lifecycle.end_connection(id, ConnectionEnd::Failed(fault)).map_err(|_| CloseError::Ended)
    }

    fn count_refusals(&mut self, connection: ConnectionId, refusal: Refusal, count: u64) {
        *self.refused.entry((connection, refusal)).or_default() += count;
    }

    fn note_round_trip(&mut self, _: ConnectionId, _: Duration) {}

    fn disconnect_peer(&mut self, peer: PeerId) -> usize {
        let connections = self.connections_of(peer).into_iter();
        connections.filter(|id| self.close_connection(*id).is_ok()).count()
    }

    fn protect(&mut self, _: PeerId, _: &str) -> Result<(), ProtectError> {
        Ok(())
    }

    fn unprotect(&mut self, _: PeerId, _: &str) -> bool {
        false
    }

    fn shutdown(&mut self) {}

    fn open_stream(&mut self, connection: ConnectionId, protocols: &[Protocol]) -> Result<StreamId, OpenStreamError> {
        let id = self.lifecycle.begin_stream(connection, Direction::Outbound)?;
        self.insert(id, connection, protocols[0].clone());
        Ok(id)
    }

    fn read(&mut self, id: StreamId, buffer: &mut [u8]) -> Result<usize, ReadError> {
        match self.lifecycle.state(id) {
            None => return Err(ReadError::Stale),
            Some(State::Ended) => return Err(ReadError::Ended),
            Some(State::Opening | State::Open | State::Leaving) => {}
        }
        let stream = self.streams.get_mut(&id).expect("it lives");
        let n = stream.arrived.min(buffer.len());
        for (to, byte) in buffer.iter_mut().zip(stream.input.drain(..n)) {
            *to = byte;
        }
        stream.arrived -= n;
        if stream.input.is_empty() {
            // What is on the heap is counted in some tests.
            stream.input = VecDeque::new();
        }
        if n == 0 && !stream.is_finished {
            stream.wants.0 = true;
            return Err(ReadError::Blocked);
        }
        stream.wants.0 |= n < buffer.len();
        if n > 0 && n < buffer.len() && stream.is_finished {
            // The end is still to be read.
            self.arrives(id);
        }
        Ok(n)
    }

    fn write(&mut self, id: StreamId, data: &[u8]) -> Result<usize, WriteError> {
        match self.lifecycle.state(id) {
            None => return Err(WriteError::Stale),
            Some(State::Ended) => return Err(WriteError::Ended),
            Some(State::Opening | State::Open | State::Leaving) => {}
        }
        let stream = self.streams.get_mut(&id).expect("it lives");
        let place = self.place.entry(stream.peer).or_default();
        let n = data.len().min(*place);
        *place -= n;
        if let Some(written) = self.written.get_mut(&stream.peer) {
            written.extend_from_slice(&data[..n]);
        }
        stream.wants.1 &= n == data.len();
        if n == 0 && !data.is_empty() { Err(WriteError::Blocked) } else { Ok(n) }
    }

    fn write_room(&mut self, id: StreamId) -> usize {
        let peer = self.streams.get(&id).map(|stream| stream.peer);
        peer.and_then(|peer| self.place.get(&peer).copied()).unwrap_or_default()
    }

    /// What was taken has arrived.
    fn flush(&mut self, id: StreamId) -> Result<(), WriteError> {
        self.write(id, &[]).map(drop)
    }

    fn finish(&mut self, id: StreamId) -> Result<(), WriteError> {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.is_ours_finished = true;
        }
        Ok(())
    }

    fn close_stream(&mut self, id: StreamId) -> Result<(), CloseError> {
        let is_read = self.streams.get(&id).is_some_and(|stream| stream.is_finished && stream.input.is_empty());
        if !is_read {
            // It waits for the peer's end.
            self.finish(id).map_err(|_| CloseError::Ended)?;
            return self.lifecycle.leave(id).map_err(|_| CloseError::Ended);
        }
        self.lifecycle.end_stream(id, StreamEnd::Finished).map_err(|_| CloseError::Ended)
    }

    fn set_half_open_timeout(&mut self, _: StreamId, _: Option<Duration>) -> Result<(), CloseError> {
        Ok(())
    }

    fn reset(&mut self, id: StreamId) -> Result<(), CloseError> {
        match self.lifecycle.state(id) {
            None => Err(CloseError::Stale),
            Some(State::Ended) => Err(CloseError::Ended),
            Some(State::Opening) => self.lifecycle.fail(id, Failure::Requested).map_err(|_| CloseError::Ended),
            Some(State::Open | State::Leaving) => {
                self.lifecycle.end_stream(id, StreamEnd::Reset(Side::Local)).map_err(|_| CloseError::Ended)
            }
        }
    }

    fn take_unread(&mut self, id: StreamId) -> Vec<u8> {
        if self.lifecycle.state(id) != Some(State::Ended) {
            return Vec::new();
        }
        let Some(stream) = self.streams.get_mut(&id) else { return Vec::new() };
        let n = std::mem::take(&mut stream.arrived);
        stream.input.drain(..n).collect()
    }

    fn next_ready(&mut self) -> Option<Readiness> {
        if self.is_held {
            return None;
        }
        while let Some(id) = self.ready.pop_front() {
            let lives = matches!(self.lifecycle.state(id), Some(State::Open | State::Leaving));
            if let Some(stream) = self.streams.get_mut(&id).filter(|stream| lives && stream.is_told) {
                let (readable, writable) = std::mem::take(&mut stream.is_ready);
                if readable || writable {
                    return Some(Readiness::Stream { stream: id, readable, writable });
                }
            }
        }
        None
    }
}
