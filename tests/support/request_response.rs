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
    is_calm: bool,
    steps: Vec<Step>,
}

impl<'a> Arbitrary<'a> for Play {
    /// As many steps as there are bytes for.
    /// In every other one nothing is cancelled or late, so that each whole response has to be told.
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let (has_length, bounds) = u.arbitrary()?;
        let is_calm: bool = u.arbitrary()?;
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < MOST_STEPS {
            let step = u.arbitrary()?;
            if !is_calm || !matches!(step, Step::Cancel(_) | Step::Wait(_)) {
                steps.push(step);
            }
        }
        Ok(Self { has_length, bounds, is_calm, steps })
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

/// What a peer says on a stream, as the peer has it.
struct Said {
    connection: ConnectionId,
    bytes: Vec<u8>,
    /// How many of them have not arrived.
    late: usize,
    is_finished: bool,
    is_reset: bool,
}

impl Said {
    fn on(connection: ConnectionId) -> Self {
        Self { connection, bytes: Vec::new(), late: 0, is_finished: false, is_reset: false }
    }

    /// The message that has arrived whole, if one has, and is not too long.
    fn message(&self, framing: Framing) -> Option<&[u8]> {
        let arrived = &self.bytes[..self.bytes.len() - self.late];
        let message = match framing {
            Framing::LengthPrefixed => arrived.get(1..=usize::from(*arrived.first()?))?,
            Framing::WholeSide if self.is_finished => arrived,
            Framing::WholeSide => return None,
            other => panic!("{other:?}"),
        };
        (message.len() <= LONGEST).then_some(message)
    }
}

struct Run {
    node: Fake,
    notifees: Notifees<Fake>,
    service: NotifeeId<Service>,
    config: Config,
    now: Duration,
    connections: Vec<ConnectionId>,
    is_calm: bool,
    /// What peers say on their streams, of which nobody was told, and on ours.
    asked: BTreeMap<StreamId, Said>,
    answers: BTreeMap<StreamId, Said>,
    /// Our streams whose responses were told.
    answered: BTreeSet<StreamId>,
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

/// Finds the stream of a connection on which a peer has said a message of which nobody was told.
fn said_by(said: &BTreeMap<StreamId, Said>, connection: ConnectionId, message: &[u8], framing: Framing) -> StreamId {
    let is_it = |said: &Said| said.connection == connection && said.message(framing) == Some(message);
    *said.iter().find(|(_, said)| is_it(said)).expect("somebody has said that there, and nobody was told of it").0
}

impl Run {
    fn new(play: &Play) -> Self {
        let mut config = Config::default();
        config.framing = if play.has_length { Framing::LengthPrefixed } else { Framing::WholeSide };
        (config.request_bytes, config.response_bytes) = (LONGEST, LONGEST);
        let [outbound, inbound, per_peer] = play.bounds.map(|bound| usize::from(bound % 8));
        (config.outbound_requests, config.inbound_requests, config.inbound_requests_per_peer) =
            (outbound, inbound, per_peer);
        if !play.is_calm {
            // Not enough for all.
            (config.outbound_bytes, config.inbound_bytes) = (2 * LONGEST, 2 * LONGEST);
        }
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
            is_calm: play.is_calm,
            asked: BTreeMap::new(),
            answers: BTreeMap::new(),
            answered: BTreeSet::new(),
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
                    self.asked.insert(stream, Said::on(connection));
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
                    // What has come and was not read may be lost.
                    self.said(stream).into_iter().for_each(|said| said.is_reset = true);
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
        if let Some(said) = self.said(stream) {
            said.bytes.extend_from_slice(bytes);
            said.late = late.min(bytes.len());
        }
        self.node.send(stream, bytes, late);
    }

    fn finish(&mut self, stream: StreamId) {
        if let Some(said) = self.said(stream) {
            (said.late, said.is_finished) = (0, true);
        }
        self.node.finishes(stream);
    }

    /// What a peer says on a stream of which nobody was told what it says.
    fn said(&mut self, stream: StreamId) -> Option<&mut Said> {
        if self.node.lifecycle.direction(stream) == Some(Direction::Outbound) && !self.answered.contains(&stream) {
            let connection = self.node.lifecycle.connection_of(stream).expect("it lives");
            self.answers.entry(stream).or_insert(Said::on(connection));
        }
        self.answers.get_mut(&stream).or(self.asked.get_mut(&stream))
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
                let is_full = self.outbound.len() + self.cancelled.len() >= self.config.outbound_requests;
                assert!(
                    is_full
                        || self.service().bytes_held().0 + usize::from(length).max(8) + 2 > self.config.outbound_bytes
                );
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
                self.asked.remove(&said_by(&self.asked, connection, &request, self.config.framing));
                assert!(self.inbound.insert(id, false).is_none(), "it is new");
            }
            Event::Response { connection, id, response, .. } => {
                assert!(self.outbound.remove(&id), "it waits, and was not cancelled");
                let stream = said_by(&self.answers, connection, &response, self.config.framing);
                self.answers.remove(&stream);
                self.answered.insert(stream);
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
        let (outbound, inbound) = self.service().bytes_held();
        assert!(outbound <= self.config.outbound_bytes && inbound <= self.config.inbound_bytes);
        assert!(self.service().pending() <= most);
        assert!(self.outbound.len() <= most);
        // Those that gave way have no place, and an outcome that is not taken.
        assert!(self.inbound.len() <= 3 * self.config.inbound_requests);
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
        if self.connections.len().is_multiple_of(2) {
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
        let is_whole = |said: &&Said| !said.is_reset && said.message(self.config.framing).is_some();
        let mut lost = self.answers.values().filter(is_whole);
        assert!(!self.is_calm || lost.next().is_none(), "a whole response was not told");
        let refused = self.service().refused();
        assert_eq!(self.requests + refused, self.accepted, "each stream was a request or was refused");
        assert_eq!(self.notifees.poll_at(), None, "nothing is left");
        assert_eq!(self.service().bytes_held(), (0, 0), "nothing counts that is gone");
        self.all_places_are_free();
    }

    fn all_places_are_free(mut self) {
        let limits = self.config.clone();
        let text = format!("{:?}", self.service());
        for nothing in ["outbound: 0", "inbound: 0", "waiting: 0", "events: 0"] {
            assert!(text.contains(nothing), "{nothing} in {text}");
        }
        for _ in 0..limits.outbound_requests {
            self.service().request(peers()[0], &Vec::new()).expect("all places are free");
        }
        assert_eq!(self.service().request(peers()[0], &Vec::new()), Err(RequestError::Limit));
        let connection = self.node.connect(peers()[1]).expect("nobody is there");
        self.turn();
        let per_peer = self.config.inbound_requests_per_peer.min(limits.inbound_requests);
        for n in 0..=per_peer {
            let stream = self.node.accept(connection, PROTOCOL).expect("there is room");
            let message = self.message(3);
            self.node.send(stream, &message, 0);
            self.node.finishes(stream);
            self.turn();
            let event = self.service().next_event();
            assert_eq!(event.is_some(), n < per_peer, "{event:?}, {n} of {per_peer}");
        }
    }
}
