//! What a test has a [`Fake`] do: peers come, open streams, send, take and leave.

use super::*;

impl Fake {
    pub(crate) fn new(us: PeerId) -> Self {
        Self {
            lifecycle: Lifecycle::new(Limits::default()),
            us,
            address: "/memory/1".parse().expect("it is one"),
            peers: BTreeMap::new(),
            streams: BTreeMap::new(),
            protocols: Vec::new(),
            ready: VecDeque::new(),
            is_held: false,
            config: Config::default(),
            lists: Lists::new(&Config::default()),
            refused: BTreeMap::new(),
            place: BTreeMap::new(),
            written: BTreeMap::new(),
            dials: Vec::new(),
            remotes: BTreeMap::new(),
            refuses_dials: None,
        }
    }

    /// Somebody answers a dial of ours, if there is room for that: this peer, or nobody for a reason.
    pub(crate) fn answer(&mut self, connection: ConnectionId, answer: Result<PeerId, Failure>) {
        self.dials.retain(|(other, _)| *other != connection);
        if self.lifecycle.state(connection) != Some(State::Opening) {
            return;
        }
        match answer {
            Ok(peer) => {
                self.lifecycle.opened(connection).expect("there is room");
                self.peers.insert(connection, peer);
            }
            Err(reason) => self.lifecycle.fail(connection, reason).expect("it opens"),
        }
    }

    /// A peer connects, if there is room for that.
    pub(crate) fn connect(&mut self, peer: PeerId) -> Option<ConnectionId> {
        if self.lifecycle.room() == 0 {
            return None;
        }
        let connection = self.lifecycle.begin_connection(Direction::Inbound).ok()?;
        self.lifecycle.opened(connection).expect("there is room");
        self.peers.insert(connection, peer);
        Some(connection)
    }

    /// A peer connects from an address, if there is room for that.
    pub(crate) fn connect_from(&mut self, peer: PeerId, address: &str) -> Option<ConnectionId> {
        let connection = self.connect(peer)?;
        self.remotes.insert(connection, address.parse().expect("it is one"));
        Some(connection)
    }

    /// A connection ends, and everything on it.
    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.lifecycle.end_connection(connection, ConnectionEnd::Requested).expect("it lives");
    }

    /// A peer opens a stream, if there is room for that.
    pub(crate) fn accept(&mut self, connection: ConnectionId, protocol: Protocol) -> Option<StreamId> {
        if self.lifecycle.room() == 0 {
            return None;
        }
        let stream = self.lifecycle.begin_stream(connection, Direction::Inbound).ok()?;
        self.lifecycle.opened(stream).expect("there is room");
        self.insert(stream, connection, protocol);
        Some(stream)
    }

    pub(super) fn insert(&mut self, id: StreamId, connection: ConnectionId, protocol: Protocol) {
        let stream = Stream {
            peer: self.peers[&connection],
            protocol,
            input: VecDeque::new(),
            arrived: 0,
            sent_ever: 0,
            arrived_ever: 0,
            is_finished: false,
            is_ours_finished: false,
            is_told: false,
            wants: (true, true),
            is_ready: (false, false),
        };
        self.streams.insert(id, stream);
    }

    /// Whether a peer can send on a stream.
    pub(crate) fn lives(&self, id: StreamId) -> bool {
        matches!(self.lifecycle.state(id), Some(State::Open)) && self.streams.get(&id).is_some_and(|s| !s.is_finished)
    }

    /// A peer sends bytes on a stream that lives, of which the last so many have not arrived before it sends again.
    pub(crate) fn send(&mut self, id: StreamId, bytes: &[u8], late: usize) {
        let stream = self.streams.get_mut(&id).expect("it lives");
        stream.input.extend(bytes);
        stream.sent_ever += bytes.len() as u64;
        stream.arrived = stream.input.len() - late.min(bytes.len());
        stream.arrived_ever = stream.sent_ever - late.min(bytes.len()) as u64;
        self.arrives(id);
    }

    /// A peer finishes a stream that lives.
    pub(crate) fn finishes(&mut self, id: StreamId) {
        self.send(id, &[], 0);
        self.streams.get_mut(&id).expect("it lives").is_finished = true;
        self.arrives(id);
    }

    /// A peer resets a stream that lives.
    pub(crate) fn resets(&mut self, id: StreamId) {
        self.lifecycle.end_stream(id, StreamEnd::Reset(Side::Remote)).expect("it lives");
    }

    /// A peer takes more of what is written to it.
    pub(crate) fn takes(&mut self, peer: PeerId, bytes: usize) {
        *self.place.entry(peer).or_default() += bytes;
        let of_peer = self.streams.iter().filter(|(_, stream)| stream.peer == peer).map(|(id, _)| *id);
        for id in of_peer.collect::<Vec<_>>() {
            self.interest(id, |stream| {
                let waits = !std::mem::replace(&mut stream.wants.1, true);
                stream.is_ready.1 |= waits;
                waits
            });
        }
    }

    /// What a swarm does in a poll: what is to open does.
    pub(crate) fn poll(&mut self) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            if self.lifecycle.state(id) == Some(State::Opening) && self.lifecycle.room() > 0 {
                self.lifecycle.opened(id).expect("there is room");
            }
        }
    }

    /// Whether there is something to be told, or to open.
    pub(crate) fn has_work(&self) -> bool {
        let opens = |id: &StreamId| self.lifecycle.state(*id) == Some(State::Opening);
        self.lifecycle.has_events() || self.streams.keys().any(opens)
    }

    pub(super) fn arrives(&mut self, id: StreamId) {
        self.interest(id, |stream| {
            let is_news = stream.wants.0 && (stream.arrived > 0 || stream.is_finished);
            stream.wants.0 &= !is_news;
            stream.is_ready.0 |= is_news;
            is_news
        });
    }

    pub(super) fn interest(&mut self, id: StreamId, change: impl FnOnce(&mut Stream) -> bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.is_told && change(stream) {
            self.ready.push_back(id);
        }
    }
}
