//! [`Owner`]: a swarm over TCP and the loop around it, as a program writes it from the docs, with a clock that a test can set.

use super::net::{ECHO, LIMIT, identity};
use super::sleep::{Sleeper, sleep};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::{Config, Multiaddr, Readiness};
use swarm_notify::tcp;

/// A swarm, and what it was told.
pub(crate) struct Owner {
    pub(crate) swarm: tcp::Swarm,
    /// Each event and each readiness but that of streams, in order.
    pub(crate) log: Vec<String>,
    /// What streams have said.
    pub(crate) received: Vec<u8>,
    /// Its clock when it was set last, and the moment of that.
    set: (Duration, Instant),
}

impl Owner {
    /// An owner with the identity of its number, who speaks echo.
    pub(crate) fn new(number: u8, config: Config, transport: tcp::Config) -> Self {
        let reactor = tcp::Reactor::new().expect("there are descriptors");
        let transport = tcp::Transport::new(reactor.handle(), transport);
        let swarm = tcp::Swarm::with_reactor(reactor, transport, &identity(number), [number; 32], config);
        let mut swarm = swarm.expect("an Ed25519 key signs");
        swarm.register_protocol(ECHO);
        Self { swarm, log: Vec::new(), received: Vec::new(), set: (Duration::ZERO, Instant::now()) }
    }

    pub(crate) fn now(&self) -> Duration {
        self.set.0 + self.set.1.elapsed()
    }

    /// Sets its clock.
    pub(crate) fn set_clock(&mut self, now: Duration) {
        self.set = (now, Instant::now());
    }

    pub(crate) fn skip(&mut self, time: Duration) {
        self.set_clock(self.now() + time);
    }

    /// Where its first listener listens.
    #[track_caller]
    pub(crate) fn addresses(&self) -> Vec<Multiaddr> {
        let listener = self.swarm.listeners().next().expect("one listens");
        self.swarm.listener(listener).expect("it lives").addresses.to_vec()
    }

    #[track_caller]
    pub(crate) fn dial(&mut self, address: &Multiaddr) -> ConnectionId {
        self.swarm.dial(address.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn open(&mut self, connection: ConnectionId) -> StreamId {
        self.swarm.open_stream(connection, &[ECHO]).unwrap()
    }

    pub(crate) fn was_told(&self, line: &str) -> bool {
        self.log.iter().any(|told| told == line)
    }

    pub(crate) fn turn(&mut self) {
        self.swarm.tick(self.now());
        while let Some(event) = self.swarm.next_event() {
            self.told(event);
        }
        while let Some(ready) = self.swarm.next_ready() {
            match ready {
                Readiness::Stream { stream, readable: true, .. } => {
                    let mut buffer = [0; 4_096];
                    while let Ok(n @ 1..) = self.swarm.read(stream, &mut buffer) {
                        self.received.extend_from_slice(&buffer[..n]);
                    }
                }
                Readiness::Stream { .. } => {}
                Readiness::Addresses { listener } => self.log.push(format!("addresses {listener}")),
                Readiness::Refused { of, kind, .. } => self.log.push(format!("refused {of} {kind}")),
                other => self.log.push(format!("{other:?}")),
            }
        }
        self.swarm.flush_all(self.now());
    }

    fn told(&mut self, event: Event) {
        let peer = event.connection().and_then(|id| self.swarm.connection(id)?.peer);
        match peer.filter(|_| event.stream().is_none()) {
            Some(peer) => self.log.push(format!("{event} {peer}")),
            None => self.log.push(event.to_string()),
        }
    }
}

impl Sleeper for Owner {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        self.swarm.poll_at().map(|at| at.saturating_sub(self.now()))
    }
}

/// Drives two owners until `done`.
#[track_caller]
pub(crate) fn until(a: &mut Owner, b: &mut Owner, mut done: impl FnMut(&mut Owner, &mut Owner) -> bool) {
    let limit = Instant::now() + LIMIT;
    loop {
        a.turn();
        b.turn();
        if done(a, b) {
            return;
        }
        assert!(sleep(&[a, b], limit), "it takes too long; a was told: {:#?}, b: {:#?}", a.log, b.log);
    }
}

/// Has `b` say something to `a` on a stream.
#[track_caller]
pub(crate) fn says(a: &mut Owner, b: &mut Owner, stream: StreamId, words: &[u8]) {
    a.received.clear();
    assert_eq!(b.swarm.write(stream, words), Ok(words.len()));
    until(a, b, |a, _| a.received == words);
}
