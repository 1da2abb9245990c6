//! A1: peers that begin streams and reset them as fast as their sockets take them, beside one that opens a few. The
//! victim is the program that the docs show: a tick, then one drive of its notifees.

use crate::support::net::{ECHO, LIMIT, identity, socket_address};
use crate::support::raw_frames::{ECHO_LINES, Greeting, RST, SYN, UPDATE, data, frame};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, State, StreamId};
use swarm_notify::notifee::{Notifee, NotifeeContext, Notifees};
use swarm_notify::swarm::Config;
use swarm_notify::tcp;

/// The turns of the victim that handle something of the flood, within which an echo comes back on an old connection and
/// one on a new connection.
const MOST_TURNS: usize = 50;

/// The peers that flood. Each ends about 1 000 streams a turn of the victim.
const FLOODERS: u8 = 4;

fn swarm(number: u8) -> tcp::Swarm {
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut config = Config::default();
    // The budgets would end the flood: what holds without them is shown here.
    config.connection.resets.burst = u32::MAX;
    config.connection.yamux.max_empty_frames = u32::MAX;
    let mut swarm = tcp::Swarm::with_reactor(reactor, transport, &identity(number), [number; 32], config).unwrap();
    swarm.register_protocol(ECHO);
    swarm
}

/// Sends back what it reads.
struct Echo;

impl Notifee<tcp::Swarm> for Echo {
    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, stream: StreamId, _: bool, _: bool) {
        let mut buffer = [0; 64];
        while let Ok(n @ 1..) = cx.network().read(stream, &mut buffer) {
            let _ = cx.network().write(stream, &buffer[..n]);
        }
    }
}

/// Frames that begin a stream and reset it.
fn syn(id: u32) -> Vec<u8> {
    [frame(UPDATE, SYN, id, 0), frame(UPDATE, RST, id, 0)].concat()
}

fn unsupported(id: u32) -> Vec<u8> {
    [data(SYN, id, b"\x13/multistream/1.0.0\n\x08/none/1\n"), frame(UPDATE, RST, id, 0)].concat()
}

fn supported(id: u32) -> Vec<u8> {
    [data(SYN, id, ECHO_LINES), frame(UPDATE, RST, id, 0)].concat()
}

/// Floods until it is told to stop. What it is answered is read and dropped by another thread.
fn floods(key: u8, address: SocketAddr, stream: fn(u32) -> Vec<u8>, stops: &AtomicBool) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let (mut greeting, said) = Greeting::begin(key);
    socket.write_all(&said).unwrap();
    let mut buffer = [0; 4096];
    let mut frames = loop {
        let n = socket.read(&mut buffer).unwrap();
        if let Some((said, frames)) = greeting.hear(&buffer[..n]) {
            socket.write_all(&said).unwrap();
            break frames;
        }
    };
    let mut reader = socket.try_clone().unwrap();
    let reads = thread::spawn(move || while reader.read(&mut buffer).is_ok_and(|n| n > 0) {});
    for first in (1..).step_by(1_000) {
        let wire = frames.seal(&(first..first + 1_000).step_by(2).map(stream).collect::<Vec<_>>());
        if stops.load(Ordering::Relaxed) || socket.write_all(&wire).is_err() {
            break;
        }
    }
    let _ = socket.shutdown(std::net::Shutdown::Both);
    reads.join().unwrap();
}

/// The victim, and an honest peer of it that is driven beside it.
struct Beside {
    victim: tcp::Swarm,
    notifees: Notifees<tcp::Swarm>,
    honest: tcp::Swarm,
    start: Instant,
}

impl Beside {
    /// One turn of each. Returns whether the victim has handled something of the flood.
    fn turn(&mut self) -> bool {
        let now = self.start.elapsed();
        assert!(now < LIMIT, "it takes too long");
        let before = self.handled();
        self.victim.tick(now);
        self.notifees.drive(&mut self.victim, now);
        self.victim.flush_all(now);
        self.honest.tick(now);
        while self.honest.next_event().is_some() {}
        while self.honest.next_ready().is_some() {}
        self.honest.flush_all(now);
        let is_busy = self.handled() > before;
        if !is_busy {
            self.victim.wait(now, Some(Duration::from_millis(1))).unwrap();
        }
        is_busy
    }

    /// The streams of peers that are over, with an id or without.
    fn handled(&self) -> u64 {
        let counts = self.victim.counters().streams.inbound;
        counts.failed + counts.closed + counts.without_id
    }

    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            self.turn();
        }
    }

    fn is_open(&self, connection: ConnectionId) -> bool {
        self.honest.connection(connection).is_some_and(|view| view.state == State::Open)
    }

    fn says_hello(&mut self, on: ConnectionId) -> StreamId {
        let stream = self.honest.open_stream(on, &[ECHO]).unwrap();
        assert_eq!(self.honest.write(stream, b"hello"), Ok(5));
        stream
    }

    fn is_answered(&mut self, stream: StreamId) -> bool {
        self.honest.read(stream, &mut [0; 8]) == Ok(5)
    }
}

fn an_honest_peer_is_served(stream: fn(u32) -> Vec<u8>) {
    let (victim, honest) = (swarm(1), swarm(2));
    let mut beside = Beside { victim, notifees: Notifees::new(), honest, start: Instant::now() };
    beside.notifees.register(Echo);
    let listener = beside.victim.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    beside.until(|beside| beside.victim.listener(listener).is_some_and(|view| view.state == State::Open));
    let address = beside.victim.listener(listener).unwrap().addresses[0].clone();
    let old = beside.honest.dial(address.clone()).unwrap();
    beside.until(|beside| beside.is_open(old));

    let stops = Arc::new(AtomicBool::new(false));
    let flooders = (0..FLOODERS).map(|n| {
        let (stops, address) = (stops.clone(), socket_address(&address));
        thread::spawn(move || floods(10 + n, address, stream, &stops))
    });
    let flooders: Vec<_> = flooders.collect();
    beside.until(|beside| beside.handled() > 20_000);
    let new = beside.honest.dial(address).unwrap();
    let mut asked = vec![beside.says_hello(old)];
    let (mut turns, mut answered) = (0, 0);
    while answered < 2 && turns < MOST_TURNS {
        turns += usize::from(beside.turn());
        if asked.len() == 1 && beside.is_open(new) {
            asked.push(beside.says_hello(new));
        }
        for stream in &asked {
            answered += usize::from(beside.is_answered(*stream));
        }
    }
    println!("{answered} answers within {turns} turns, {} streams of the flood are over", beside.handled());
    stops.store(true, Ordering::Relaxed);
    beside.victim.shutdown();
    beside.until(|beside| beside.victim.is_shut_down());
    flooders.into_iter().for_each(|flooder| flooder.join().unwrap());
    assert_eq!(answered, 2, "within {MOST_TURNS} turns");
}

#[test]
fn an_honest_peer_is_served_beside_streams_begun_and_reset() {
    an_honest_peer_is_served(syn);
}

#[test]
fn an_honest_peer_is_served_beside_reset_unsupported_proposals() {
    an_honest_peer_is_served(unsupported);
}

#[test]
fn an_honest_peer_is_served_beside_reset_supported_proposals() {
    an_honest_peer_is_served(supported);
}
