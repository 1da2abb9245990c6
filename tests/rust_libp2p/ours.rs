//! Our side: a swarm, driven by the test's own thread, and everything that it has told.

use libp2p_identity::{Keypair, PeerId};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use swarm_notify::connection::{Protocol, ReadError, WriteError};
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::{Config, Multiaddr, Readiness};
use swarm_notify::tcp;

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(crate) const UNKNOWN: Protocol = Protocol::from_static("/unknown/1.0.0");

/// How long a test may take in all before it is ended with its log.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is done on a stream when it is ready. It acts on readiness alone, so that a stream of which none is told hangs.
pub(crate) enum Job {
    /// Nothing: the test does it itself.
    Hold,
    Echo(Vec<u8>),
    Exchange(Exchange),
}

/// Sends bytes, and checks that they come back.
#[derive(Default)]
pub(crate) struct Exchange {
    bytes: Vec<u8>,
    sent: usize,
    received: usize,
    /// Our end comes as soon as all is sent, not once all is back.
    half_close: bool,
    is_finished: bool,
    is_wrong: bool,
}

/// What inbound streams are for.
#[derive(Clone, Copy)]
pub(crate) enum Serve {
    Echo,
    Hold,
}

/// A swarm, and its complete log.
pub(crate) struct Ours {
    pub(crate) swarm: tcp::Swarm,
    pub(crate) log: Vec<String>,
    pub(crate) jobs: HashMap<StreamId, Job>,
    /// Exchanges that ended with everything right.
    pub(crate) right: usize,
    /// Streams that have opened and not ended, in the order in which they opened.
    pub(crate) streams: Vec<StreamId>,
    /// How often readiness of a stream was told.
    readable: usize,
    serve: Serve,
    start: Instant,
    /// How much our clock is ahead of the world's.
    ahead: Duration,
}

/// A swarm on a reactor of its own.
pub(crate) fn swarm(identity: &Keypair, seed: [u8; 32], config: Config) -> tcp::Swarm {
    let reactor = tcp::Reactor::new().expect("there are descriptors");
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    tcp::Swarm::with_reactor(reactor, transport, identity, seed, config).expect("an Ed25519 key signs")
}

impl Ours {
    pub(crate) fn new(config: Config, serve: Serve) -> Self {
        let identity = Keypair::generate_ed25519();
        // The identity is random, so that the seed need not be.
        let mut swarm = swarm(&identity, seed(&identity), config);
        swarm.register_protocol(ECHO);
        Self {
            swarm,
            log: Vec::new(),
            jobs: HashMap::new(),
            right: 0,
            streams: Vec::new(),
            readable: 0,
            serve,
            start: Instant::now(),
            ahead: Duration::ZERO,
        }
    }

    pub(crate) fn peer(&self) -> PeerId {
        self.swarm.local_peer()
    }

    /// Lets time pass on our side only.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.ahead += time;
    }

    /// Begins an exchange of `bytes`: writes before the stream is open, as far as that goes.
    pub(crate) fn exchange(
        &mut self,
        connection: ConnectionId,
        protocols: &[Protocol],
        bytes: Vec<u8>,
        half_close: bool,
    ) {
        let stream = self.swarm.open_stream(connection, protocols).unwrap();
        self.jobs.insert(stream, Job::Exchange(Exchange { bytes, half_close, ..Exchange::default() }));
        self.go_on(stream);
    }

    /// Opens a stream and leaves it alone.
    pub(crate) fn open(&mut self, connection: ConnectionId, protocol: Protocol) -> StreamId {
        let stream = self.swarm.open_stream(connection, &[protocol]).unwrap();
        self.jobs.insert(stream, Job::Hold);
        stream
    }

    /// Listens, and says where, with our `/p2p/…`.
    pub(crate) fn listen(&mut self) -> Multiaddr {
        let listener = self.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        self.until("listening", |ours| !ours.log.is_empty());
        self.swarm.listener(listener).unwrap().addresses[0].clone().with_p2p(self.peer()).unwrap()
    }

    /// How many lines of the log begin with `name`.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.log.iter().filter(|line| line.split(' ').next() == Some(name)).count()
    }

    /// Drives the swarm until so many lines of the log begin with `name`.
    pub(crate) fn until_told(&mut self, name: &str, number: usize) {
        self.until(name, |ours| ours.count(name) >= number);
    }

    fn now(&self) -> Duration {
        self.start.elapsed() + self.ahead
    }

    /// Drives the swarm until `is_so`.
    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        loop {
            self.turn(what);
            if is_so(self) {
                return;
            }
            // To look may be to act: it does not wait then.
            self.wait();
        }
    }

    /// Drives the swarm until `future` is ready, which wakes the swarm from wherever it is woken.
    pub(crate) fn during<F: Future>(&mut self, what: &str, future: F) -> F::Output {
        let (mut future, waker) = (pin!(future), self.swarm.waker());
        loop {
            self.turn(what);
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                // What that was may have been our swarm's, too.
                self.turn(what);
                return done;
            }
            // No turn in between: it would take the call of a future that has become ready since.
            self.wait();
        }
    }

    /// Sleeps until the next turn, at most to the end of all time.
    fn wait(&mut self) {
        let left = DEADLINE.saturating_sub(self.start.elapsed());
        self.swarm.wait(self.now(), Some(left)).expect("it can wait");
    }

    /// Lets time pass on our side only, after which nothing may have been told.
    pub(crate) fn pass_in_silence(&mut self, time: Duration) {
        // What a command begins is counted from the poll after it.
        self.during("a moment", std::future::ready(()));
        self.pass(time);
        let before = self.log.len();
        self.during("a moment", std::future::ready(()));
        assert_eq!(self.log[before..], [] as [String; 0], "told after {time:?}");
    }

    /// Reads exactly what is there, to the end if it is there, as `read` gives it.
    pub(crate) fn read(&mut self, stream: StreamId) -> (Vec<u8>, Result<usize, ReadError>) {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match self.swarm.read(stream, &mut buffer) {
                Ok(n) if n > 0 => all.extend_from_slice(&buffer[..n]),
                last => return (all, last),
            }
        }
    }

    /// Writes until the peer's window is used up: what the choice of `/echo/1.0.0` took of it is not there any more.
    pub(crate) fn fill_window(&mut self, stream: StreamId) {
        self.until("a full window", |ours| {
            while ours.swarm.write(stream, &[0; 1000]).is_ok() {}
            ours.swarm.stream(stream).unwrap().sent == 256 * 1024 - 33
        });
    }

    /// Reads until the peer's end.
    pub(crate) fn read_to_end(&mut self, stream: StreamId) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (more, last) = self.read(stream);
            all.extend(more);
            match last {
                Ok(_) => return all,
                Err(error) => assert_eq!(error, ReadError::Blocked, "after {} bytes", all.len()),
            }
            let told = self.readable;
            self.until("more to read", |ours| ours.readable > told);
        }
    }

    /// Shuts down, and gives the complete log.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.swarm.shutdown();
        self.until("the end", |ours| ours.swarm.is_shut_down());
        self.log
    }

    /// Takes turns and drains until there is nothing to do before something comes.
    fn turn(&mut self, what: &str) {
        loop {
            assert!(self.start.elapsed() < DEADLINE, "waited too long for {what}:\n{}", self.log.join("\n"));
            self.swarm.tick(self.now());
            while let Some(event) = self.swarm.next_event() {
                self.told(event);
            }
            while let Some(ready) = self.swarm.next_ready() {
                if let Readiness::Stream { stream, readable, .. } = ready {
                    self.readable += usize::from(readable);
                    self.go_on(stream);
                }
            }
            self.swarm.flush_all(self.now());
            if self.swarm.poll_at().is_none_or(|at| at > self.now()) {
                return;
            }
        }
    }

    fn told(&mut self, event: Event) {
        let name = event.name();
        self.log.push(match event {
            Event::Listen { listener } => format!("{name} {listener}"),
            Event::ListenFailed { listener, reason } => format!("{name} {listener} {reason}"),
            Event::ListenClose { listener, reason } => format!("{name} {listener} {reason}"),
            Event::Connected { connection } => {
                format!("{name} {connection} {}", self.swarm.connection(connection).unwrap().direction)
            }
            Event::ConnectFailed { connection, reason } => format!("{name} {connection} {reason}"),
            Event::Disconnected { connection, reason } => format!("{name} {connection} {reason}"),
            Event::OpenedStream { connection, stream } => {
                let view = self.swarm.stream(stream).unwrap();
                format!("{name} {connection} {stream} {} {}", view.direction, view.protocol.unwrap())
            }
            Event::StreamFailed { connection, stream, reason } => format!("{name} {connection} {stream} {reason}"),
            Event::ClosedStream { connection, stream, reason } => match self.swarm.take_unread(stream).len() {
                0 => format!("{name} {connection} {stream} {reason}"),
                unread => format!("{name} {connection} {stream} {reason}, {unread} unread"),
            },
        });
        match event {
            Event::OpenedStream { stream, .. } => {
                self.streams.push(stream);
                self.jobs.entry(stream).or_insert(match self.serve {
                    Serve::Echo => Job::Echo(Vec::new()),
                    Serve::Hold => Job::Hold,
                });
            }
            Event::StreamFailed { stream, .. } => drop(self.jobs.remove(&stream)),
            Event::ClosedStream { stream, .. } => {
                self.streams.retain(|other| *other != stream);
                if let Some(Job::Exchange(exchange)) = self.jobs.remove(&stream) {
                    let is_complete = exchange.received == exchange.bytes.len() && exchange.is_finished;
                    self.right += usize::from(is_complete && !exchange.is_wrong);
                }
            }
            Event::Listen { .. }
            | Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::Disconnected { .. } => {}
        }
    }

    fn go_on(&mut self, stream: StreamId) {
        match self.jobs.get_mut(&stream).expect("readiness is told between a stream's first event and its last") {
            Job::Hold => {}
            Job::Echo(pending) => echo(&mut self.swarm, stream, pending),
            Job::Exchange(exchange) => exchange.go_on(&mut self.swarm, stream),
        }
    }
}

fn seed(identity: &Keypair) -> [u8; 32] {
    let mut seed = [0; 32];
    seed.copy_from_slice(&identity.to_protobuf_encoding().unwrap()[4..36]);
    seed
}

fn echo(swarm: &mut tcp::Swarm, stream: StreamId, pending: &mut Vec<u8>) {
    loop {
        while !pending.is_empty() {
            match swarm.write(stream, pending) {
                Ok(n) => drop(pending.drain(..n)),
                Err(_) => return,
            }
        }
        let mut buffer = [0; 16 * 1024];
        match swarm.read(stream, &mut buffer) {
            Ok(0) => return swarm.finish(stream).unwrap(),
            Ok(n) => pending.extend_from_slice(&buffer[..n]),
            Err(_) => return,
        }
    }
}

impl Exchange {
    fn go_on(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        while self.sent < self.bytes.len() {
            match swarm.write(stream, &self.bytes[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) => {
                    assert_eq!(error, WriteError::Blocked);
                    break;
                }
            }
        }
        let mut buffer = [0; 64 * 1024];
        loop {
            let mark = if self.half_close { self.sent } else { self.received };
            if mark == self.bytes.len() && !self.is_finished {
                swarm.finish(stream).unwrap();
                self.is_finished = true;
            }
            match swarm.read(stream, &mut buffer) {
                Ok(0) => {
                    self.is_wrong |= self.received < self.bytes.len();
                    return;
                }
                Ok(n) => {
                    self.is_wrong |= self.bytes.get(self.received..self.received + n) != Some(&buffer[..n]);
                    self.received += n;
                }
                Err(error) => return assert_eq!(error, ReadError::Blocked),
            }
        }
    }
}

/// Bytes that differ from stream to stream and from place to place.
pub(crate) fn pattern(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31).wrapping_add(number * 7) ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// The whole of a log, without ids: how often each line came. Before that it is held against the promises: each id
/// opens or fails once, what opened closes once, and streams live within their connection.
pub(crate) fn account(log: &[String]) -> BTreeMap<String, usize> {
    let (mut open, mut over, mut account) = (HashMap::<&str, Option<&str>>::new(), HashSet::new(), BTreeMap::new());
    for line in log {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let first = words.next().unwrap();
        let is_stream = name.ends_with("stream") || name == "stream_failed";
        let (id, parent) = if is_stream { (words.next().unwrap(), Some(first)) } else { (first, None) };
        assert!(!over.contains(id), "{line}: it has ended before, in\n{}", log.join("\n"));
        if let Some(parent) = parent {
            assert!(open.contains_key(parent), "{line}: its connection is not open, in\n{}", log.join("\n"));
        }
        match name {
            "listen" | "connected" | "opened_stream" => {
                assert_eq!(open.insert(id, parent), None, "{line}: it is open already");
            }
            "listen_failed" | "connect_failed" | "stream_failed" => {
                assert!(!open.contains_key(id) && over.insert(id), "{line}: it was open");
            }
            "listen_close" | "disconnected" | "closed_stream" => {
                assert!(open.remove(id).is_some() && over.insert(id), "{line}: it was not open");
                assert!(open.values().all(|parent| *parent != Some(id)), "{line}: its streams are open");
            }
            _ => panic!("unknown event: {line}"),
        }
        *account.entry([name].into_iter().chain(words).collect::<Vec<_>>().join(" ")).or_default() += 1;
    }
    assert_eq!(open.len(), 0, "never closed: {open:?}");
    account
}
