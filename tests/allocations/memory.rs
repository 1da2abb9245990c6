//! What a swarm takes of the heap when its peers do their worst, against what its `Config` states; and that all of it comes
//! back.
//!
//! Attackers open echo streams, fill them and never read the echo, on 64 connections with 1 000 streams each. Heap is
//! counted in calls of the node only, before each unit of work of its turns; what the peers and the wire take is not in it.

use crate::honest::Honest;
use crate::support::heap;
use crate::support::raw_frames::{ECHO_LINES, Frames, Greeting, SYN, data};
use crate::support::wire::{self, Pipe, Wire};
use futures::io::{AsyncRead as _, AsyncWrite as _};
use libp2p_identity::Keypair;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, StreamEnd, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::identify::{self, Identify};
use swarm_notify::protocols::ping::{self, Ping};
use swarm_notify::protocols::pubsub::{self, Signing};
use swarm_notify::swarm::{Config, Swarm};

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

/// How much a direction of a pipe holds, as a socket does.
const PIPE: usize = 64 * 1024;

fn identity(key: u8) -> Keypair {
    Keypair::ed25519_from_bytes([key; 32]).unwrap()
}

/// Echoes, and keeps one byte a stream at most.
struct Echo {
    kept: BTreeMap<StreamId, Option<u8>>,
    buffer: Box<[u8]>,
}

impl Notifee<Swarm<Wire>> for Echo {
    fn interest(&self) -> Interest {
        Interest::OPENED_STREAM | Interest::CLOSED_STREAM | Interest::STREAM_READY
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, Swarm<Wire>>, _: ConnectionId, stream: StreamId) {
        if cx.network().stream(stream).and_then(|view| view.protocol) == Some(&ECHO) {
            self.kept.insert(stream, None);
        }
    }

    fn closed_stream(
        &mut self,
        _: &mut NotifeeContext<'_, Swarm<Wire>>,
        _: ConnectionId,
        stream: StreamId,
        _: StreamEnd,
    ) {
        self.kept.remove(&stream);
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Swarm<Wire>>, stream: StreamId, _: bool, _: bool) {
        let Some(kept) = self.kept.get_mut(&stream) else { return };
        let swarm = cx.network();
        loop {
            if let Some(byte) = *kept {
                if swarm.write(stream, &[byte]) != Ok(1) {
                    return;
                }
                *kept = None;
            }
            // One byte more than there is place for, so that the swarm tells when there is place.
            let most = (swarm.write_room(stream) + 1).min(self.buffer.len());
            match swarm.read(stream, &mut self.buffer[..most]) {
                Ok(0) => {
                    let _ = swarm.finish(stream);
                    return;
                }
                Ok(n) => {
                    let written = swarm.write(stream, &self.buffer[..n]).unwrap_or(0);
                    assert!(n - written <= 1, "{n} read, {written} written");
                    *kept = (written < n).then(|| self.buffer[n - 1]);
                }
                Err(_) => return,
            }
        }
    }
}

/// The node that is attacked, and what it has on the heap.
pub(crate) struct Node {
    pub(crate) swarm: Swarm<Wire>,
    notifees: Notifees<Swarm<Wire>>,
    services: (NotifeeId<Ping>, NotifeeId<Identify>, NotifeeId<FloodSub>),
    now: Duration,
    pub(crate) live: usize,
    peak: usize,
}

/// What services are installed with.
pub(crate) struct Bounds {
    swarm: Config,
    ping: ping::Config,
    identify: identify::Config,
    pubsub: pubsub::Config,
}

impl Bounds {
    pub(crate) fn new(swarm: Config, identify: identify::Config, pubsub: pubsub::Config) -> Self {
        Self { swarm, ping: ping::Config::default(), identify, pubsub }
    }

    fn stated(&self) -> usize {
        let services = self.ping.memory_bound(&self.swarm.limits) + self.identify.memory_bound(&self.swarm.limits);
        self.swarm.memory_bound() + services + self.pubsub.memory_bound()
    }
}

impl Node {
    pub(crate) fn new(key: u8, wire: Wire, bounds: &Bounds) -> Self {
        let before = heap::bytes();
        let mut swarm = Swarm::new(wire, &identity(key), [key; 32], bounds.swarm.clone()).unwrap();
        swarm.register_protocol(ECHO);
        let mut notifees = Notifees::new();
        notifees.register(Echo { kept: BTreeMap::new(), buffer: vec![0; 16 * 1024].into() });
        let floodsub = FloodSub::new(Signing::strict_sign(identity(key), 1), bounds.pubsub.clone());
        let services = (
            notifees.install(&mut swarm, Ping::new([key; 32], bounds.ping.clone())),
            notifees.install(&mut swarm, Identify::new(identity(key).public(), bounds.identify.clone())),
            notifees.install(&mut swarm, floodsub),
        );
        let live = heap::bytes() - before;
        Self { swarm, notifees, services, now: Duration::ZERO, live, peak: live }
    }

    /// Does something with the node, and counts what it leaves on the heap.
    pub(crate) fn count<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let before = heap::bytes();
        let done = act(self);
        self.live = self.live + heap::bytes() - before;
        self.peak = self.peak.max(self.live);
        done
    }

    pub(crate) fn turn(&mut self, now: Duration) {
        self.now = now;
        self.count(|node| {
            let before = heap::bytes();
            let (mut peak, mut units) = (0, 0);
            let mut may = || {
                peak = peak.max(heap::bytes());
                units += 1;
                units < 2_000
            };
            let _ = node.swarm.turn(now, &mut may);
            node.peak = node.peak.max((node.live + peak).saturating_sub(before));
        });
        self.count(|node| {
            node.notifees.drive(&mut node.swarm, now);
            let (ping, identify, floodsub) = node.services;
            while node.notifees.get_mut(ping).and_then(Ping::next_event).is_some() {}
            while node.notifees.get_mut(identify).and_then(Identify::next_event).is_some() {}
            while node.notifees.get_mut(floodsub).and_then(FloodSub::next_event).is_some() {}
        });
        self.count(|node| node.swarm.flush_all(now));
    }
}

/// A peer that opens streams, fills them and reads nothing.
struct Attacker {
    pipe: Pipe,
    greeting: Option<Greeting>,
    frames: Option<Frames>,
    due: Vec<u8>,
    /// The next stream, of so many, in each of so many rounds.
    next: usize,
    streams: usize,
    rounds: usize,
}

impl Attacker {
    fn new(key: u8, pipe: Pipe, streams: usize, rounds: usize) -> Self {
        let (greeting, due) = Greeting::begin(key);
        Self { pipe, greeting: Some(greeting), frames: None, due, next: 0, streams, rounds }
    }

    fn is_done(&self) -> bool {
        self.next == self.streams * self.rounds && self.due.is_empty()
    }

    /// Says as much as the pipe takes. `true`: something.
    fn go_on(&mut self) -> bool {
        let mut cx = Task::from_waker(Waker::noop());
        if let Some(greeting) = &mut self.greeting {
            let mut buffer = [0; 4_096];
            if let Poll::Ready(Ok(n)) = Pin::new(&mut self.pipe).poll_read(&mut cx, &mut buffer)
                && let Some((said, frames)) = greeting.hear(&buffer[..n])
            {
                (self.due, self.frames, self.greeting) = (said, Some(frames), None);
            }
        }
        let mut moved = false;
        loop {
            if self.due.is_empty()
                && let Some(frames) = &mut self.frames
                && self.next < self.streams * self.rounds
            {
                let (round, number) = (self.next / self.streams, self.next % self.streams);
                let id = 1 + 2 * number as u32;
                let mut said = Vec::new();
                if round == 0 {
                    said.push(data(SYN, id, ECHO_LINES));
                }
                said.push(data(0, id, &[1; 4_000]));
                self.due = frames.seal(&said);
                self.next += 1;
            }
            match Pin::new(&mut self.pipe).poll_write(&mut cx, &self.due) {
                _ if self.due.is_empty() => return moved,
                Poll::Ready(Ok(n)) => {
                    self.due.drain(..n);
                    moved = true;
                }
                Poll::Ready(Err(_)) | Poll::Pending => return moved,
            }
        }
    }
}

/// What came of it.
struct Outcome {
    rest: usize,
    peak: usize,
    after: usize,
    most_held: usize,
    echoed: u64,
}

/// Lets `attackers` attack beside an honest peer.
fn attack(bounds: &Bounds, attackers: usize, streams: usize, rounds: usize) -> Outcome {
    let (at_node, at_peers) = wire::wire();
    at_node.bound(PIPE);
    let mut node = Node::new(1, at_node, bounds);
    node.count(|node| node.swarm.listen(wire::address()).unwrap());
    node.turn(Duration::ZERO);
    let mut honest = Honest::new(at_peers.clone());
    let mut now = Duration::ZERO;
    let step = |node: &mut Node, honest: &mut Honest, now: &mut Duration, goes_on| {
        *now += Duration::from_micros(100);
        node.turn(*now);
        honest.turn(*now, goes_on);
    };
    // Honest traffic first, so that what is used again is there.
    while honest.echoed < 300_000 {
        step(&mut node, &mut honest, &mut now, true);
        assert!(now < Duration::from_secs(5), "it stalls");
    }
    while honest.echoed < honest.sent {
        step(&mut node, &mut honest, &mut now, false);
    }
    (0..20).for_each(|_| step(&mut node, &mut honest, &mut now, false));
    let (rest, echoed) = (node.live, honest.echoed);
    node.peak = node.live;
    let (mut most_held, mut quiet) = (0, 0);
    let keys = (100..).take(attackers);
    let mut attackers: Vec<_> = keys.map(|key| Attacker::new(key, at_peers.connect(), streams, rounds)).collect();
    while quiet < 100 {
        let mut moved = false;
        for attacker in &mut attackers {
            moved |= attacker.go_on();
        }
        step(&mut node, &mut honest, &mut now, true);
        most_held = most_held.max(node.swarm.bytes_held());
        // An attacker whose pipe stays full has filled what it may.
        quiet = if moved { 0 } else { quiet + 1 };
    }
    let echoed = honest.echoed - echoed;
    assert!(attackers.iter().all(|attacker| attacker.frames.is_some()), "all have come in");
    let peak = node.peak;
    while honest.echoed < honest.sent {
        step(&mut node, &mut honest, &mut now, false);
    }
    println!(
        "{} done, {} streams open, {} bytes held, resident {}",
        attackers.iter().filter(|attacker| attacker.is_done()).count(),
        node.swarm.counters().streams.inbound.open,
        node.swarm.bytes_held(),
        resident(),
    );
    // They leave, and what their pipes take stays theirs.
    for attacker in &mut attackers {
        let left = Pin::new(&mut attacker.pipe).poll_close(&mut Task::from_waker(Waker::noop()));
        assert!(matches!(left, Poll::Ready(Ok(()))));
    }
    (0..300).for_each(|_| step(&mut node, &mut honest, &mut now, false));
    assert_eq!(node.swarm.counters().connections.inbound.open, 1, "they have left");
    assert!(node.swarm.bytes_held() < PIPE, "{} held of those who left", node.swarm.bytes_held());
    Outcome { rest, peak, after: node.live, most_held, echoed }
}

/// The resident memory of this process in KiB, where it can be had.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.map_or_else(|| "unknown".into(), |line| line["VmRSS:".len()..].trim().to_owned())
}

fn check(name: &str, bounds: &Bounds, outcome: &Outcome) {
    let (stated, Outcome { rest, peak, after, most_held, echoed }) = (bounds.stated(), outcome);
    println!(
        "{name}: {rest} at rest, {peak} at the peak of {stated} stated, {after} after, {most_held} held, resident {}",
        resident()
    );
    println!("{name}: the honest peer echoed {echoed} bytes meanwhile");
    assert!(*peak <= stated, "{peak} of {stated}");
    let config = &bounds.swarm;
    assert!(*most_held <= config.held_bytes / 4 * 5, "{most_held} held between turns");
    assert!(*most_held > config.held_bytes, "the attack is one: {most_held} of {}", config.held_bytes);
    assert!(*echoed >= 100_000, "{echoed}");
    assert!(*after <= rest + rest / 20, "{after} after, {rest} before");
}

pub(crate) fn streams_whose_echo_nobody_reads_stay_below_the_stated_bound() {
    let mut config = Config::default();
    (config.limits.connections, config.connection.idle_timeout) = (70, None);
    let bounds = Bounds::new(config, identify::Config::default(), pubsub::Config::small());
    let outcome = attack(&bounds, 64, 1_000, 2);
    check("64 × 1 000", &bounds, &outcome);
}

pub(crate) fn a_small_node_takes_ten_mebibytes_at_worst() {
    let bounds = Bounds::new(Config::small(), identify::Config::small(), pubsub::Config::small());
    assert!(bounds.stated() <= 10 * 1024 * 1024, "{}", bounds.stated());
    let outcome = attack(&bounds, 12, 2, 64);
    check("small", &bounds, &outcome);
}
