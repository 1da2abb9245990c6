//! [`Owner`]: a swarm on real sockets that lives through all rounds; it echoes what comes, opens streams of its own
//! where it has dialed, and checks everything it is told. It is one of its notifees, and does all this inside
//! notifications.

use super::LIMIT;
use crate::support::audience::{Audience, Observed, Seen, Transcript};
use crate::support::sim::checker::Checker;
use crate::support::sleep::{Sleeper, sleep};
use libp2p_identity::Keypair;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};
use swarm_notify::connection::{Protocol, WriteError};
use swarm_notify::lifecycle::{
    ConnectionEnd, Counters, Direction, Event, EventSource, Failure, Fault, ListenerId, State, StreamId,
};
use swarm_notify::notifee::{HasNode, Network, Node};
use swarm_notify::swarm::{Config, Multiaddr, Readiness, multiaddr};
use swarm_notify::tcp;

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

/// As many streams has each connection that we dial.
const STREAMS: usize = 5;

pub(crate) struct Owner {
    swarm: tcp::Swarm<4>,
    checker: Checker,
    listener: ListenerId,
    log: String,
    /// Elsewhere while it is driven.
    audience: Option<Audience<Self>>,
    transcript: Transcript,
    /// How many events a drive tells at most, in turn.
    most: Vec<usize>,
    /// Whether it ends connections politely, or cuts them.
    pub(crate) is_polite: bool,
    /// What is still to be written back on each stream.
    echoes: BTreeMap<StreamId, Vec<u8>>,
    /// What has begun in this round and how it came out.
    round: Round,
    start: Instant,
    skew: Duration,
}

#[derive(Default)]
struct Round {
    /// Connections that have failed or ended.
    over: usize,
    opened: usize,
    closed: usize,
    timed_out: bool,
    /// Those that had ended without an id when it began.
    without_id: u64,
}

impl Owner {
    pub(crate) fn new() -> Self {
        let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
        let reactor = tcp::Reactor::new().unwrap();
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let swarm = tcp::Swarm::with_events(reactor, transport, &identity, [1; 32], Config::default());
        let mut swarm = swarm.unwrap();
        swarm.register_protocol(ECHO);
        let listener = swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let mut checker = Checker::default();
        checker.begins(listener.into(), None);
        let mut owner = Self {
            swarm,
            checker,
            listener,
            log: String::with_capacity(64 * 1024),
            audience: Some(Audience::new(1)),
            transcript: Transcript::default(),
            most: vec![1, usize::MAX, 3, usize::MAX, usize::MAX],
            is_polite: true,
            echoes: BTreeMap::new(),
            round: Round::default(),
            start: Instant::now(),
            skew: Duration::ZERO,
        };
        owner.run(|owner| !owner.log.is_empty());
        owner.forget();
        owner
    }

    fn run(&mut self, done: impl Fn(&Self) -> bool) {
        let limit = Instant::now() + LIMIT;
        loop {
            self.turn();
            if done(self) {
                return;
            }
            assert!(sleep(&[self], limit), "it takes too long: {}", self.log);
        }
    }

    pub(crate) fn listens_at(&self) -> SocketAddr {
        socket_address(&self.swarm.listener(self.listener).unwrap().addresses[0])
    }

    pub(crate) fn dial(&mut self, to: SocketAddr) {
        let id = self.swarm.dial(multiaddr_of(to)).unwrap();
        self.checker.begins(id.into(), None);
    }

    /// Its clock jumps.
    pub(crate) fn skip(&mut self, time: Duration) {
        self.skew += time;
    }

    fn now(&self) -> Duration {
        self.start.elapsed() + self.skew
    }

    /// A connection has come and gone in this round, and nothing is left.
    pub(crate) fn is_over(&self) -> bool {
        (self.round.over > 0 || self.without_id() > self.round.without_id) && self.has_nothing()
    }

    /// There is nothing but the listener, and everybody has been told so.
    pub(crate) fn has_nothing(&self) -> bool {
        let is_all_told =
            !self.swarm.has_pending() && self.audience.as_ref().is_some_and(|all| all.poll_at().is_none());
        is_all_told && self.swarm.connections().next().is_none() && self.swarm.inbound_handshakes() == 0
    }

    /// Accepted connections that have ended before their peers were authenticated, in all rounds.
    fn without_id(&self) -> u64 {
        self.swarm.counters().connections.inbound.without_id
    }

    /// How many streams of ours have opened in this round.
    pub(crate) const fn opened(&self) -> usize {
        self.round.opened
    }

    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    pub(crate) fn counters(&self) -> Counters {
        *self.swarm.counters()
    }

    pub(crate) fn seen(&self) -> Seen {
        self.audience.as_ref().expect("it is not driven now").seen()
    }

    /// What was told in this round is complete; `in_time`: nothing had to wait for a time-out.
    #[track_caller]
    pub(crate) fn assert_round_is_over(&self, round: usize, in_time: bool) {
        self.checker.assert_all_begun_told();
        let open = self.checker.open();
        assert_eq!(open, [self.listener.into()].into(), "round {round}: {}", self.log);
        let counters = self.swarm.counters();
        for counts in [
            counters.connections.inbound,
            counters.connections.outbound,
            counters.streams.inbound,
            counters.streams.outbound,
        ] {
            assert_eq!((counts.open, counts.closed), (0, counts.opened), "round {round}: {counters:?}");
        }
        assert!(!(in_time && self.round.timed_out), "round {round}: it has waited for a time-out: {}", self.log);
    }

    /// Forgets the round, once everybody has been told of it.
    pub(crate) fn forget(&mut self) {
        self.audience_comes_to_rest();
        self.transcript.forget();
        self.log.clear();
        self.echoes.clear();
        self.checker.forget_the_past();
        self.round = Round { without_id: self.without_id(), ..Round::default() };
    }

    pub(crate) fn shut_down(mut self) {
        self.swarm.shutdown();
        self.run(|owner| owner.swarm.is_shut_down());
        self.audience_comes_to_rest();
        self.checker.assert_all_told();
    }

    fn audience_comes_to_rest(&mut self) {
        let mut audience = self.audience.take().expect("it is not driven now");
        audience.come_to_rest(self, self.now());
        self.audience = Some(audience);
    }

    /// Takes a turn, and handles what there is.
    pub(crate) fn turn(&mut self) {
        self.swarm.tick(self.now());
        let mut audience = self.audience.take().expect("it is not driven now");
        self.most.rotate_left(1);
        audience.drive(self, self.now(), self.most[0]);
        self.audience = Some(audience);
        self.swarm.flush_all(self.now());
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::Listen { .. } | Event::ListenFailed { .. } | Event::ListenClose { .. } => {}
            Event::Connected { connection } => {
                let view = self.swarm.connection(connection).unwrap();
                // It is told late if another notifee has panicked before.
                if view.direction == Direction::Outbound && view.state == State::Open {
                    for _ in 0..STREAMS {
                        let id = self.swarm.open_stream(connection, &[ECHO]).unwrap();
                        self.checker.begins(id.into(), Some(connection));
                        assert_eq!(self.swarm.write(id, &[7; 500]), Ok(500));
                        self.swarm.finish(id).unwrap();
                    }
                }
            }
            Event::ConnectFailed { reason, .. } => {
                self.round.over += 1;
                self.round.timed_out |= reason == Failure::Timeout;
            }
            Event::Disconnected { reason, .. } => {
                self.round.over += 1;
                self.round.timed_out |= reason == ConnectionEnd::Failed(Fault::Timeout);
            }
            Event::OpenedStream { stream, .. } => {
                if self.swarm.stream(stream).unwrap().direction == Direction::Outbound {
                    self.round.opened += 1;
                }
            }
            Event::StreamFailed { connection, .. } | Event::ClosedStream { connection, .. } => {
                self.round.closed += 1;
                let view = self.swarm.connection(connection).unwrap();
                if view.direction == Direction::Outbound && self.round.closed == STREAMS {
                    // It may be over already.
                    let _ = match self.is_polite {
                        true => self.swarm.close_connection(connection),
                        false => self.swarm.abort_connection(connection),
                    };
                }
            }
        }
    }

    /// Reads what has come; an inbound stream's comes back.
    fn serve(&mut self, id: StreamId) {
        let is_echo = self.swarm.stream(id).unwrap().direction == Direction::Inbound;
        let pending = self.echoes.entry(id).or_default();
        let mut buffer = [0; 4096];
        loop {
            while is_echo && !pending.is_empty() {
                match self.swarm.write(id, pending) {
                    Ok(n) => drop(pending.drain(..n)),
                    Err(WriteError::Blocked | WriteError::Ended) => return,
                    Err(error) => panic!("{id}: {error}"),
                }
            }
            match self.swarm.read(id, &mut buffer) {
                Ok(0) => {
                    let _ = self.swarm.finish(id);
                    return;
                }
                Ok(n) if is_echo => pending.extend_from_slice(&buffer[..n]),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// Its notifees' network.
impl Network for Owner {
    fn next_event(&mut self) -> Option<Event> {
        let event = self.swarm.next_event()?;
        self.checker.tells(event);
        self.transcript.push(event);
        writeln!(self.log, "{event:?}").unwrap();
        Some(event)
    }

    fn event_source(&self) -> &dyn EventSource {
        &self.swarm
    }

    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        &mut self.swarm
    }
}

impl HasNode for Owner {
    fn node(&self) -> &dyn Node {
        &self.swarm
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        &mut self.swarm
    }
}

impl Observed for Owner {
    fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn command(&mut self, event: Event) -> bool {
        let before = self.checker.begun();
        self.told(event);
        before != self.checker.begun()
    }

    fn serve(&mut self, ready: Readiness, _is_late: bool) {
        if let Readiness::Stream { stream, .. } = ready {
            self.serve(stream);
        }
    }
}

impl Sleeper for Owner {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        let audience = self.audience.as_ref().and_then(Audience::poll_at);
        let next = [self.swarm.poll_at(), audience].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(self.now()))
    }
}

pub(crate) fn socket_address(address: &Multiaddr) -> SocketAddr {
    let mut parts = address.iter();
    match (parts.next(), parts.next()) {
        (Some(multiaddr::Protocol::Ip4(ip)), Some(multiaddr::Protocol::Tcp(port))) => (ip, port).into(),
        _ => panic!("{address} is no TCP address"),
    }
}

pub(crate) fn multiaddr_of(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(multiaddr::Protocol::Tcp(address.port()))
}
