//! The fuzz target `request_response`: owners and peers that do anything to the service, which tells of each request
//! exactly once what became of it, hands on exactly what has come whole, and stays within its bounds. `cargo test` runs it
//! over seeded input.

use super::fake_node::Fake;
use arbitrary::{Arbitrary, Unstructured};
use libp2p_identity::{Keypair, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Direction, StreamId};
use swarm_notify::notifee::{Node, NotifeeId, Notifees};
use swarm_notify::protocols::parts::with_length;
use swarm_notify::protocols::request_response::{
    Bytes, Config, Event, Framing, InboundRequestId, OutboundRequestId, RequestError, RequestResponse, RespondError,
};

const PROTOCOL: Protocol = Protocol::from_static("/fuzz/1.0.0");
const PEERS: usize = 3;
/// The longest message.
const LONGEST: usize = 40;
/// The most steps of a play.
const MOST_STEPS: usize = 300;
/// More turns than are needed for all that a run can bring.
const MOST_TURNS: usize = 10_000;

type Service = RequestResponse<Bytes>;

/// Bounds, and what happens.
#[derive(Debug)]
struct Play {
    has_length: bool,
    bounds: [u8; 3],
    steps: Vec<Step>,
}

impl<'a> Arbitrary<'a> for Play {
    /// As many steps as there are bytes for.
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let (has_length, bounds) = u.arbitrary()?;
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < MOST_STEPS {
            steps.push(u.arbitrary()?);
        }
        Ok(Self { has_length, bounds, steps })
    }
}

#[derive(Arbitrary, Debug)]
enum Step {
    Connect(u8),
    Disconnect(u8),
    /// We ask a connection, or a peer, with so many bytes.
    AskConnection(u8, u8),
    AskPeer(u8, u8),
    Cancel(u8),
    Respond(u8, u8),
    Refuse(u8),
    /// We take so many events.
    Take(u8),
    /// A peer asks, with so many bytes, the last so many of which come late; and ends its side or not.
    Ask(u8, u8, u8, bool),
    /// A peer says so many bytes on a stream of either side.
    Say(u8, u8),
    /// It says a whole message.
    Message(u8, u8),
    Finish(u8),
    Reset(u8),
    /// It takes more of what we write.
    Place(u8, u8),
    Turn,
    /// Time passes, in units of 100 ms.
    Wait(u8),
}

/// A stream of a peer's, as the peer has it.
struct Asked {
    connection: ConnectionId,
    said: Vec<u8>,
    is_finished: bool,
}

struct Run {
    node: Fake,
    notifees: Notifees<Fake>,
    service: NotifeeId,
    config: Config,
    now: Duration,
    connections: Vec<ConnectionId>,
    /// Streams of peers.
    asked: BTreeMap<StreamId, Asked>,
    accepted: u64,
    /// Our requests without an outcome that was taken.
    outbound: BTreeSet<OutboundRequestId>,
    cancelled: BTreeSet<OutboundRequestId>,
    /// Requests of peers that were taken, and whether they were answered or refused.
    inbound: BTreeMap<InboundRequestId, bool>,
    requests: u64,
}

fn peers() -> &'static [PeerId; PEERS + 1] {
    static PEERS_OF: OnceLock<[PeerId; PEERS + 1]> = OnceLock::new();
    PEERS_OF.get_or_init(|| {
        core::array::from_fn(|n| {
            let key = Keypair::ed25519_from_bytes([n as u8 + 1; 32]).expect("any 32 bytes are a secret key");
            key.public().to_peer_id()
        })
    })
}

/// One run.
pub(crate) fn run(data: &[u8]) {
    let Ok(play) = Play::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut run = Run::new(&play);
    for step in play.steps {
        run.step(step);
        run.check();
    }
    run.end();
}

/// The `n`th of them, counted in a circle.
fn nth<T: Copy>(n: u8, of: impl IntoIterator<Item = T>) -> Option<T> {
    let all: Vec<T> = of.into_iter().collect();
    all.get(usize::from(n).checked_rem(all.len())?).copied()
}

impl Run {
    fn new(play: &Play) -> Self {
        let mut config = Config::default();
        config.framing = if play.has_length { Framing::LengthPrefixed } else { Framing::WholeSide };
        (config.request_bytes, config.response_bytes) = (LONGEST, LONGEST);
        let [outbound, inbound, per_peer] = play.bounds.map(|bound| usize::from(bound % 8));
        (config.outbound_requests, config.inbound_requests, config.inbound_requests_per_peer) =
            (outbound, inbound, per_peer);
        let mut node = Fake::new(peers()[PEERS]);
        let mut notifees = Notifees::new();
        let service = notifees.install(&mut node, Service::new([PROTOCOL], Bytes, config.clone()));
        Self {
            node,
            notifees,
            service,
            config,
            now: Duration::ZERO,
            connections: Vec::new(),
            asked: BTreeMap::new(),
            accepted: 0,
            outbound: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            inbound: BTreeMap::new(),
            requests: 0,
        }
    }

    fn service(&mut self) -> &mut Service {
        self.notifees.get_mut(self.service).expect("it is registered")
    }

    /// A stream on which a peer can say something.
    fn stream(&self, n: u8) -> Option<StreamId> {
        nth(n, self.node.streams.keys().copied().filter(|stream| self.node.lives(*stream)))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Connect(peer) => {
                if self.connections.len() < 2 * PEERS
                    && let Some(connection) = self.node.connect(peers()[usize::from(peer) % PEERS])
                {
                    self.connections.push(connection);
                }
            }
            Step::Disconnect(n) => {
                if let Some(connection) = nth(n, self.connections.clone()) {
                    self.connections.retain(|other| *other != connection);
                    self.node.disconnect(connection);
                }
            }
            Step::AskConnection(n, length) => {
                if let Some(connection) = nth(n, self.connections.clone()) {
                    let asked = self.service().request(connection, &vec![1; length.into()]);
                    self.has_asked(asked, length);
                }
            }
            Step::AskPeer(peer, length) => {
                let asked = self.service().request(peers()[usize::from(peer) % PEERS], &vec![1; length.into()]);
                self.has_asked(asked, length);
            }
            Step::Cancel(n) => {
                if let Some(id) = nth(n, self.outbound.clone()) {
                    assert!(self.service().cancel(id), "it has no outcome that was taken");
                    assert!(!self.service().cancel(id), "once is enough");
                    self.outbound.remove(&id);
                    self.cancelled.insert(id);
                }
            }
            Step::Respond(n, length) => self.respond(n, length),
            Step::Refuse(n) => {
                if let Some((id, is_over)) = nth(n, self.inbound.clone()) {
                    let is_refused = self.service().refuse(id);
                    assert!(!(is_over && is_refused), "it was answered or refused before");
                    self.inbound.insert(id, is_over || is_refused);
                }
            }
            Step::Take(count) => {
                for _ in 0..count % 8 {
                    let Some(event) = self.service().next_event() else { return };
                    self.told(event);
                }
            }
            Step::Ask(n, length, late, ends) => {
                if let Some(connection) = nth(n, self.connections.clone())
                    && let Some(stream) = self.node.accept(connection, PROTOCOL)
                {
                    self.accepted += 1;
                    self.asked.insert(stream, Asked { connection, said: Vec::new(), is_finished: false });
                    self.say(stream, &self.message(length), late.into());
                    if ends {
                        self.finish(stream);
                    }
                }
            }
            Step::Say(n, length) => {
                if let Some(stream) = self.stream(n) {
                    self.say(stream, &vec![length; length.into()], 0);
                }
            }
            Step::Message(n, length) => {
                if let Some(stream) = self.stream(n) {
                    self.say(stream, &self.message(length), 0);
                }
            }
            Step::Finish(n) => {
                if let Some(stream) = self.stream(n) {
                    self.finish(stream);
                }
            }
            Step::Reset(n) => {
                if let Some(stream) = self.stream(n) {
                    self.node.resets(stream);
                }
            }
            Step::Place(peer, bytes) => self.node.takes(peers()[usize::from(peer) % PEERS], bytes.into()),
            Step::Turn => self.turn(),
            Step::Wait(units) => {
                self.now += Duration::from_millis(100) * units.into();
                self.turn();
            }
        }
    }

    fn message(&self, length: u8) -> Vec<u8> {
        let message = vec![length; length.into()];
        if self.config.framing == Framing::LengthPrefixed { with_length(&message) } else { message }
    }

    fn say(&mut self, stream: StreamId, bytes: &[u8], late: usize) {
        if let Some(asked) = self.asked.get_mut(&stream) {
            asked.said.extend_from_slice(bytes);
        }
        self.node.send(stream, bytes, late);
    }

    fn finish(&mut self, stream: StreamId) {
        if let Some(asked) = self.asked.get_mut(&stream) {
            asked.is_finished = true;
        }
        self.node.finishes(stream);
    }

    fn has_asked(&mut self, asked: Result<OutboundRequestId, RequestError<std::convert::Infallible>>, length: u8) {
        match asked {
            Ok(id) => {
                assert!(self.outbound.len() < self.config.outbound_requests && usize::from(length) <= LONGEST);
                assert!(self.outbound.insert(id) && !self.cancelled.contains(&id), "it is new");
            }
            Err(RequestError::TooLong) => assert!(usize::from(length) > LONGEST),
            // Those that were cancelled may hold their places until the next turn.
            Err(RequestError::Limit) => {
                assert!(self.outbound.len() + self.cancelled.len() >= self.config.outbound_requests)
            }
            Err(RequestError::NotConnected) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn respond(&mut self, n: u8, length: u8) {
        let Some((id, is_over)) = nth(n, self.inbound.clone()) else { return };
        match self.service().respond(id, &vec![2; length.into()]) {
            Ok(()) => {
                assert!(!is_over && usize::from(length) <= LONGEST);
                self.inbound.insert(id, true);
            }
            Err(RespondError::TooLong) => assert!(!is_over && usize::from(length) > LONGEST),
            // Its outcome may wait to be taken.
            Err(RespondError::Over) => {}
            Err(other) => panic!("{other}"),
        }
    }

    fn told(&mut self, event: Event<Vec<u8>, Vec<u8>>) {
        match event {
            Event::Request { connection, id, request, .. } => {
                self.requests += 1;
                let framing = self.config.framing;
                let is_it = |asked: &Asked| match framing {
                    Framing::LengthPrefixed => asked.said.starts_with(&with_length(&request)),
                    _ => asked.is_finished && asked.said == request,
                };
                let whose = self.asked.iter().find(|(_, asked)| asked.connection == connection && is_it(asked));
                let stream = *whose.expect("somebody has asked that there, and nobody was told of it").0;
                self.asked.remove(&stream);
                assert!(self.inbound.insert(id, false).is_none(), "it is new");
            }
            Event::Response { id, response, .. } => {
                assert!(self.outbound.remove(&id), "it waits, and was not cancelled");
                assert!(response.len() <= LONGEST);
            }
            Event::OutboundFailure { id, .. } => assert!(self.outbound.remove(&id), "it waits, and was not cancelled"),
            Event::ResponseSent { id, .. } => {
                assert_eq!(self.inbound.remove(&id), Some(true), "it was answered, and had no outcome");
            }
            Event::InboundFailure { id, .. } => {
                assert!(self.inbound.remove(&id).is_some(), "it was told, and had no outcome");
            }
            other => panic!("{other}"),
        }
    }

    /// One turn of the owner's loop.
    fn turn(&mut self) {
        self.now += Duration::from_millis(1);
        self.node.poll();
        self.notifees.drive(&mut self.node, self.now);
    }

    fn check(&mut self) {
        let most = self.config.outbound_requests;
        assert!(self.service().pending() <= most);
        assert!(self.outbound.len() <= most);
        assert!(self.inbound.len() <= self.config.inbound_requests);
        let ours = |stream: &StreamId| self.node.lifecycle.direction(*stream) == Some(Direction::Outbound);
        let open = self.node.streams.keys().filter(|stream| ours(stream) && self.node.lives(**stream)).count();
        assert!(open <= most, "{open} streams of ours");
    }

    /// Turns until nothing is left to do at once, and takes all that is told.
    fn settle(&mut self) {
        for _ in 0..MOST_TURNS {
            self.turn();
            while let Some(event) = self.service().next_event() {
                self.told(event);
            }
            if self.notifees.poll_at().is_none_or(|at| at > self.now) && !self.node.has_work() {
                return;
            }
        }
        panic!("it spins");
    }

    fn end(mut self) {
        self.settle();
        for peer in peers() {
            self.node.takes(*peer, 1_000_000);
        }
        // Every other one is answered, the rest ends with its connection or in time.
        for n in 0..self.inbound.len() / 2 {
            self.respond(2 * n as u8, 1);
        }
        self.settle();
        if self.connections.len() % 2 == 0 {
            self.now += Duration::from_secs(60);
            self.settle();
            assert_eq!((self.outbound.len(), self.inbound.len()), (0, 0), "everything ends in time");
        }
        for connection in std::mem::take(&mut self.connections) {
            self.node.disconnect(connection);
        }
        self.settle();
        self.now += Duration::from_secs(60);
        self.settle();
        assert_eq!((self.outbound.len(), self.inbound.len()), (0, 0), "each request has an outcome");
        let refused = self.service().refused();
        assert_eq!(self.requests + refused, self.accepted, "each stream was a request or was refused");
        assert_eq!(self.notifees.poll_at(), None, "nothing is left");
    }
}
