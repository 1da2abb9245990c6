//! A host with every service, filled by attackers in all that it keeps for peers, against the memory that it states with what
//! is installed; and that all of it comes back.
//!
//! Heap is counted in calls of the node only; what the peers and the wire take is not in it. The peak is looked for in each
//! call of a pipe and in each notification.

mod peers;

use crate::honest::Honest;
use crate::support::heap;
use crate::support::wire::{self, Wire};
use futures::io::AsyncWrite as _;
use libp2p_identity::Keypair;
use peers::Attacker;
use smol::channel::{Receiver, unbounded};
use smol::io::AsyncWriteExt as _;
use std::cell::Cell;
use std::future::Future as _;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::host::{self, Host};
use swarm_notify::lifecycle::{Event, StreamId};
use swarm_notify::notifee::{HasNode, Interest, Node as _, Notifee, NotifeeContext, NotifeeId};
use swarm_notify::protocols::address_book::{self, AddressBook};
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::identify::{self, Identify};
use swarm_notify::protocols::ping::{self, Ping};
use swarm_notify::protocols::pubsub::{self, Signing};
use swarm_notify::protocols::request_response::{self, Bytes, RequestResponse};
use swarm_notify::swarm::Swarm;

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
/// Its handlers do not read before the test says so.
const LATE: Protocol = Protocol::from_static("/late/1.0.0");
const ASK: Protocol = Protocol::from_static("/ask/1.0.0");

/// How much a direction of a pipe holds, as a socket does.
const PIPE: usize = 64 * 1024;
/// How much a frame of an attacker carries.
const PAYLOAD: usize = 16 * 1024;

fn identity(key: u8) -> Keypair {
    Keypair::ed25519_from_bytes([key; 32]).unwrap()
}

/// What all is installed with.
struct Bounds {
    host: host::Config,
    ping: ping::Config,
    identify: identify::Config,
    pubsub: pubsub::Config,
    book: address_book::Config,
    requests: request_response::Config,
}

impl Bounds {
    fn usual() -> Self {
        Self {
            host: host::Config::default(),
            ping: ping::Config::default(),
            identify: identify::Config::default(),
            pubsub: pubsub::Config::default(),
            book: address_book::Config::default(),
            requests: request_response::Config::default(),
        }
    }

    fn small() -> Self {
        Self {
            host: host::Config::small(),
            ping: ping::Config::small(),
            identify: identify::Config::small(),
            pubsub: pubsub::Config::small(),
            book: address_book::Config::small(),
            requests: request_response::Config::small(),
        }
    }
}

/// Looks at the heap whenever the node is told something.
struct Look(Rc<dyn Fn()>);

impl<N: HasNode> Notifee<N> for Look {
    fn interest(&self) -> Interest {
        Interest::EVENTS | Interest::STREAM_READY
    }

    fn event(&mut self, _: &mut NotifeeContext<'_, N>, _: Event) {
        (self.0)();
    }

    fn stream_ready(&mut self, _: &mut NotifeeContext<'_, N>, _: StreamId, _: bool, _: bool) {
        (self.0)();
    }
}

type Services = (
    NotifeeId<Ping>,
    NotifeeId<Identify>,
    NotifeeId<FloodSub>,
    NotifeeId<AddressBook>,
    NotifeeId<RequestResponse<Bytes>>,
);

/// The node that is attacked, and what it has on the heap.
struct Node {
    host: Host,
    services: Services,
    /// The heap at the beginning of the present call, and the most since.
    most: Rc<Cell<Option<usize>>>,
    live: usize,
    peak: usize,
    stated: usize,
    response: Vec<u8>,
}

impl Node {
    fn new(wire: Wire, bounds: &Bounds, may_read: Receiver<()>) -> Self {
        let most = Rc::new(Cell::new(None));
        let seen = most.clone();
        let look: Rc<dyn Fn()> = Rc::new(move || seen.set(seen.get().map(|most: usize| most.max(heap::bytes()))));
        wire.look_in_each_call(look.clone());
        let before = heap::bytes();
        let swarm: Swarm<Wire> = Swarm::new(wire, &identity(1), [1; 32], bounds.host.swarm.clone()).unwrap();
        let mut host = Host::with_swarm(swarm, bounds.host.clone());
        let handle = host.handle();
        handle.set_handler(ECHO, async |stream| {
            let (mut reader, mut writer) = smol::io::split(stream);
            smol::io::copy(&mut reader, &mut writer).await?;
            writer.close().await
        });
        let go = may_read;
        handle.set_handler(LATE, async move |stream| {
            // Until the sender is gone.
            let _ = go.recv().await;
            drop(stream);
        });
        let floodsub = FloodSub::new(Signing::strict_sign(identity(1), 1), bounds.pubsub.clone());
        let identify = Identify::new(identity(1).public(), bounds.identify.clone());
        let requests = RequestResponse::new([ASK], Bytes, bounds.requests.clone());
        let book = AddressBook::new(identity(1).public().to_peer_id(), [1; 32], bounds.book.clone());
        let (services, stated) = host
            .with(|notifees, swarm| {
                let services = (
                    notifees.install(swarm, Ping::new([1; 32], bounds.ping.clone())),
                    notifees.install(swarm, identify),
                    notifees.install(swarm, floodsub),
                    notifees.register(book),
                    notifees.install(swarm, requests),
                );
                notifees.register(Look(look));
                (services, notifees.memory_bound(swarm))
            })
            .unwrap();
        let live = heap::bytes() - before;
        let response = vec![7; bounds.requests.response_bytes];
        Self { host, services, most, live, peak: live, stated, response }
    }

    /// Does something with the node, and counts what it leaves on the heap.
    fn count<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let before = heap::bytes();
        self.most.set(Some(before));
        let done = act(self);
        let most = self.most.take().unwrap_or(before).max(heap::bytes());
        self.peak = self.peak.max((self.live + most).saturating_sub(before));
        self.live = (self.live + heap::bytes()).saturating_sub(before);
        done
    }

    fn turn(&mut self) {
        self.count(|node| {
            let mut run = pin!(node.host.run());
            let _ = run.as_mut().poll(&mut Task::from_waker(Waker::noop()));
        });
        self.count(|node| {
            let (services, response) = (node.services, &node.response);
            let drained = node.host.with(|notifees, _| {
                while notifees.get_mut(services.0).and_then(Ping::next_event).is_some() {}
                while notifees.get_mut(services.1).and_then(Identify::next_event).is_some() {}
                while notifees.get_mut(services.2).and_then(FloodSub::next_event).is_some() {}
                while notifees.get_mut(services.3).and_then(AddressBook::next_event).is_some() {}
                let requests = notifees.get_mut(services.4).unwrap();
                while let Some(event) = requests.next_event() {
                    if let request_response::Event::Request { id, .. } = event {
                        let _ = requests.respond(id, response);
                    }
                }
            });
            drained.unwrap();
        });
    }

    /// Fills the address book with addresses of its owner's, which stay. Returns the memory that they take.
    fn fill_book(&mut self, config: &address_book::Config) -> usize {
        let before = self.live;
        self.count(|node| {
            let book = node.services.3;
            node.host.with(|notifees, _| {
                let book = notifees.get_mut(book).unwrap();
                for peer in 0..config.peers {
                    let mut seed = [3; 32];
                    seed[..8].copy_from_slice(&peer.to_be_bytes());
                    let peer = Keypair::ed25519_from_bytes(seed).unwrap().public().to_peer_id();
                    for port in 1..=config.addresses_per_peer {
                        let name = "n".repeat(config.address_bytes - 8);
                        book.add_address(peer, format!("/dns/{name}/tcp/{port}").parse().unwrap()).unwrap();
                    }
                }
            })
        })
        .unwrap();
        self.live - before
    }

    /// Asks each peer as much as goes, and publishes.
    fn ask_and_publish(&mut self, bounds: &Bounds) {
        let request = vec![7; bounds.requests.request_bytes];
        let message = vec![7; bounds.pubsub.rpc_bytes / 2];
        self.count(|node| {
            let services = node.services;
            node.host.with(|notifees, swarm| {
                let connections = swarm.connections();
                let requests = notifees.get_mut(services.4).unwrap();
                for connection in connections.iter().cycle().take(2 * bounds.requests.outbound_requests) {
                    let _ = requests.request(*connection, &request);
                }
                let floodsub = notifees.get_mut(services.2).unwrap();
                for _ in 0..bounds.pubsub.outbox_bytes / message.len() + 1 {
                    floodsub.publish(swarm, "t", &message).unwrap();
                }
            })
        })
        .unwrap();
    }

    fn streams(&mut self) -> (u32, u32) {
        let counters = self.host.with(|_, swarm| *swarm.counters()).unwrap();
        (counters.connections.inbound.open, counters.streams.inbound.open)
    }

    /// Returns the bytes held by the swarm, identify, pub/sub, our requests and requests of peers.
    fn bytes_held(&mut self) -> [usize; 5] {
        let services = self.services;
        let held = self.host.with(|notifees, swarm| {
            let connections = swarm.connections().into_iter().filter_map(|id| swarm.connection(id));
            let all = connections.map(|view| view.bytes_held).sum();
            let identify = notifees.get(services.1).unwrap().bytes_held();
            let floodsub = notifees.get(services.2).unwrap().held();
            let (outbound, inbound) = notifees.get(services.4).unwrap().bytes_held();
            let floodsub = floodsub.topics_bytes + floodsub.inbound_bytes + floodsub.outbox_bytes;
            [all, identify, floodsub, outbound, inbound]
        });
        held.unwrap()
    }
}

/// Lets `attackers` fill all that a host keeps, beside an honest peer. Returns what is stated.
fn attack(name: &str, bounds: &Bounds, attackers: usize) -> usize {
    let (at_node, at_peers) = wire::wire();
    at_node.bound(PIPE);
    let (go, may_read) = unbounded();
    let mut node = Node::new(at_node, bounds, may_read);
    node.count(|node| node.host.with(|_, swarm| swarm.listen(wire::address()).unwrap())).unwrap();
    let subscribed = node.count(|node| {
        let floodsub = node.services.2;
        node.host.with(|notifees, swarm| notifees.get_mut(floodsub).unwrap().subscribe(swarm, "t").is_ok())
    });
    assert!(subscribed.unwrap());
    let book = node.fill_book(&bounds.book);
    node.turn();
    let mut honest = Honest::new(at_peers.clone());
    let mut now = Duration::ZERO;
    let mut let_honest = |honest: &mut Honest, goes_on| {
        now += Duration::from_micros(100);
        honest.turn(now, goes_on);
    };
    // Honest traffic first, so that what is used again is there.
    for turn in 0.. {
        node.turn();
        let_honest(&mut honest, true);
        if honest.echoed >= 300_000 {
            break;
        }
        assert!(turn < 10_000, "it stalls at {} echoed", honest.echoed);
    }
    node.ask_and_publish(bounds);
    for _ in 0..50 {
        node.turn();
        let_honest(&mut honest, false);
    }
    let (rest, echoed) = (node.live, honest.echoed);
    node.peak = node.live;
    let mut crowd: Vec<Attacker> = Vec::new();
    for key in (100..).take(attackers) {
        crowd.push(Attacker::new(key, at_peers.connect(), bounds));
        // No more come at once than the door has places.
        while crowd.iter().filter(|attacker| attacker.greeting.is_some()).count() >= 4 {
            crowd.iter_mut().for_each(|attacker| _ = attacker.go_on());
            node.turn();
        }
    }
    let mut attackers = crowd;
    let (mut quiet, mut most, mut has_asked) = (0, [0; 5], false);
    while quiet < 40 {
        let mut moved = false;
        for attacker in &mut attackers {
            moved |= attacker.go_on();
        }
        node.turn();
        let_honest(&mut honest, true);
        quiet = if moved { 0 } else { quiet + 1 };
        for (most, now) in most.iter_mut().zip(node.bytes_held()) {
            *most = now.max(*most);
        }
        if quiet == 20 && !has_asked {
            (quiet, has_asked) = (0, true);
            node.ask_and_publish(bounds);
            attackers.iter_mut().for_each(|attacker| attacker.reads = false);
        }
    }
    let done = attackers.iter().filter(|attacker| attacker.script.len() == 0).count();
    assert!(attackers.iter().all(|attacker| attacker.frames.is_some()), "all have come in");
    println!("{name}: {done} have said all; connections and streams {:?}; held at most {most:?}", node.streams());
    let (peak, stated) = (node.peak, node.stated);
    let echoed = honest.echoed - echoed;
    // They leave, and what their pipes take stays theirs. Handlers end.
    for attacker in &mut attackers {
        let left = Pin::new(&mut attacker.pipe).poll_close(&mut Task::from_waker(Waker::noop()));
        assert!(matches!(left, Poll::Ready(Ok(()))));
    }
    node.count(|_| drop(go));
    for _ in 0..400 {
        node.turn();
        let_honest(&mut honest, false);
    }
    let after = node.live;
    println!(
        "{name}: {book} of the book, {rest} at rest, {peak} at the peak of {stated} stated, {after} after; {echoed} bytes echoed"
    );
    assert!(most[1] > bounds.identify.held_bytes / 2, "{most:?}");
    // A response that fits into the window of a stream is the swarm's at once.
    if bounds.requests.response_bytes > 256 * 1024 {
        assert!(most[4] > bounds.requests.inbound_bytes / 2, "{most:?}");
    }
    assert_eq!(node.streams().0, 1, "they have left");
    assert_eq!(node.bytes_held()[3..], [0, 0], "no message is counted that is gone");
    assert!(peak <= stated, "{peak} of {stated}");
    assert!(echoed >= 10_000, "{echoed}");
    let (after, rest) = (after - book, rest - book);
    assert!(after <= rest + rest / 20, "{after} after, {rest} before");
    stated
}

pub(crate) fn a_host_with_all_services_stays_below_what_it_states() {
    let mut bounds = Bounds::usual();
    let swarm = &mut bounds.host.swarm;
    (swarm.limits.connections, swarm.limits.streams, swarm.connection.idle_timeout) = (70, 4_096, None);
    // As full as 64 connections can make them, in the time of a test.
    bounds.identify.held_bytes = 4 * 1024 * 1024;
    let pubsub = &mut bounds.pubsub;
    (pubsub.peers, pubsub.subscriptions, pubsub.seen) = (64, 16, 8_192);
    (pubsub.topics_total_bytes, pubsub.inbound_total_bytes) = (16 * 1024 * 1024, 16 * 1024 * 1024);
    (pubsub.outbox_total_bytes, pubsub.event_bytes) = (16 * 1024 * 1024, 4 * 1024 * 1024);
    attack("everything", &bounds, 64);
}

pub(crate) fn a_small_host_with_all_services_takes_ten_mebibytes_at_worst() {
    let mut bounds = Bounds::small();
    // All come from one address here.
    bounds.host.swarm.connections_per_address = 16;
    let stated = attack("everything small", &bounds, 12);
    assert!(stated <= 10 * 1024 * 1024, "{stated}");
}
