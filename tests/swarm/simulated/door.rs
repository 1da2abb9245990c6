//! The door, besieged: who takes places with handshakes that lead nowhere, and who is let in all the same.

mod newcomers;

use super::budgets::{B, Node, deliver};
use crate::simulated::{millis, secs};
use crate::support::raw_frames::Greeting;
use crate::support::sim::{A, Cut, Exhausted, Host, Network, RawDial, SimPipe};
use futures::io::AsyncRead as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, State};
use swarm_notify::swarm::{Config, Refusal};

/// What an attacker says before it says nothing more.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Nothing,
    /// One byte of its first line, and one more each second.
    Trickle,
    /// All of its first words, with Noise's first message.
    Message1,
}

const DEEDS: [Deed; 3] = [Deed::Nothing, Deed::Trickle, Deed::Message1];

/// A node that listens, and those who besiege it.
struct Siege {
    network: Network,
    now: Duration,
    node: Node,
    sockets: Vec<SimPipe>,
    said: usize,
}

/// Takes turns as long as there is a reason to.
fn drive(node: &mut Node, now: Duration) {
    node.tick(now);
    while node.swarm.poll_at().is_some_and(|at| at <= now) {
        node.tick(now);
    }
}

/// Returns whether the other side has ended a pipe. What has come is read.
fn is_closed(socket: &mut SimPipe) -> bool {
    loop {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut *socket).poll_read(&mut cx, &mut [0; 1024]) {
            Poll::Pending => return false,
            Poll::Ready(Ok(1..)) => {}
            Poll::Ready(Ok(0) | Err(_)) => return true,
        }
    }
}

impl Siege {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let network = Network::new(Cut::Whole, 7);
        let mut node = Node::new(&network, B, change);
        node.swarm.listen(B.at(1)).unwrap();
        node.tick(Duration::ZERO);
        Self { network, now: Duration::ZERO, node, sockets: Vec::new(), said: 0 }
    }

    /// A socket comes in from a host. It is accepted, and nothing has been said on it.
    fn connect(&mut self, host: u8) -> SimPipe {
        let mut dial = RawDial::new(&self.network, host, &B.at(1));
        deliver(&self.network, &mut self.now);
        self.node.tick(self.now);
        deliver(&self.network, &mut self.now);
        dial.pipe().expect("it is answered")
    }

    /// So many sockets come in, from all of these hosts in turn.
    fn besiege(&mut self, many: usize, hosts: &[u8], deed: Deed) {
        let came = self.came();
        let mut dials: Vec<_> =
            (0..many).map(|n| RawDial::new(&self.network, hosts[n % hosts.len()], &B.at(1))).collect();
        while self.came() < came + many as u64 {
            deliver(&self.network, &mut self.now);
            self.node.tick(self.now);
        }
        deliver(&self.network, &mut self.now);
        self.sockets.extend(dials.iter_mut().map(|dial| dial.pipe().expect("it is answered")));
        match deed {
            Deed::Nothing => {}
            Deed::Trickle => (0..3).for_each(|_| self.trickle()),
            Deed::Message1 => {
                let said = Greeting::begin(9).1;
                self.sockets.iter_mut().for_each(|socket| socket.try_give(&said));
                self.settle(&mut []);
            }
        }
    }

    /// Each attacker says one byte more, and a second passes.
    fn trickle(&mut self) {
        let byte = Greeting::begin(9).1[self.said];
        self.said += 1;
        self.sockets.iter_mut().for_each(|socket| socket.try_give(&[byte]));
        self.settle(&mut []);
        self.now += secs(1);
        self.settle(&mut []);
    }

    /// The number of accepted connections.
    fn came(&self) -> u64 {
        let swarm = &self.node.swarm;
        let inbound = swarm.counters().connections.inbound;
        swarm.inbound_handshakes() as u64 + inbound.without_id + inbound.opened
    }

    /// All take turns until nothing is under way.
    fn settle(&mut self, others: &mut [&mut Node]) {
        for _ in 0..8 {
            drive(&mut self.node, self.now);
            others.iter_mut().for_each(|other| drive(other, self.now));
            deliver(&self.network, &mut self.now);
        }
    }

    /// Somebody dials from a host, and is let in.
    #[track_caller]
    fn lets_in(&mut self, host: u8) {
        let mut other = Node::new(&self.network, Host(host), |_| {});
        let dialed = other.swarm.dial(B.at(1)).unwrap();
        let opened = self.node.swarm.counters().connections.inbound.opened;
        self.settle(&mut [&mut other]);
        assert_eq!(other.log, [Event::Connected { connection: dialed }], "from {host}");
        assert_eq!(self.node.swarm.counters().connections.inbound.opened, opened + 1, "from {host}");
    }

    fn refused(&self, refusal: Refusal) -> u64 {
        self.node.swarm.refused(refusal)
    }

    fn at_door(&self) -> usize {
        self.node.swarm.inbound_handshakes()
    }
}

#[test]
fn sockets_of_one_address_keep_nobody_out() {
    for deed in DEEDS {
        let mut siege = Siege::new(|_| {});
        siege.besiege(600, &[3], deed);
        assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeEvicted)), (64, 536), "{deed:?}");
        siege.lets_in(A.0);
        assert_eq!(siege.refused(Refusal::HandshakeEvicted), 536, "one of another address takes nobody's place");
        siege.lets_in(3);
        assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeEvicted)), (63, 537), "{deed:?}");
        let names: Vec<_> = siege.node.log.iter().map(Event::name).collect();
        let of_two = ["listen", "connected", "disconnected", "connected"];
        assert_eq!(names, of_two, "of the others nothing is told");
    }
}

#[test]
fn sockets_of_many_addresses_keep_nobody_out() {
    let hosts: Vec<u8> = (10..30).collect();
    for deed in DEEDS {
        let mut siege = Siege::new(|_| {});
        siege.besiege(1_100, &hosts, deed);
        assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeEvicted)), (1_024, 76), "{deed:?}");
        siege.lets_in(A.0);
        siege.lets_in(hosts[7]);
    }
}

/// Each of its bytes arrives alone, and behind each come two more of each attacker's sockets.
#[test]
fn a_slow_peer_survives_beside_attackers_of_other_addresses() {
    const HONEST: u8 = 50;
    let hosts: Vec<u8> = (10..30).collect();
    let mut siege = Siege::new(|config| {
        (config.inbound_handshakes, config.handshakes_per_address) = (100, 8);
        config.connection.handshake_timeout = secs(60);
    });
    siege.besiege(100, &hosts, Deed::Message1);
    let mut socket = siege.connect(HONEST);
    let (mut greeting, mut said) = Greeting::begin(HONEST);
    for step in 0..2 {
        for (n, byte) in said.iter().enumerate() {
            socket.give(&[*byte]);
            siege.besiege(hosts.len() * 2, &hosts, if n % 16 == 0 { Deed::Message1 } else { Deed::Nothing });
            // What has been closed is of no more use.
            let keep = siege.sockets.len().saturating_sub(200);
            siege.sockets.drain(..keep);
        }
        siege.settle(&mut []);
        if step == 0 {
            said = greeting.hear(&socket.take()).expect("it has answered").0;
        }
    }
    let swarm = &siege.node.swarm;
    let connections: Vec<ConnectionId> = swarm.connections().collect();
    assert_eq!(connections.len(), 1, "nobody else said who it is");
    let view = swarm.connection(connections[0]).unwrap();
    assert_eq!((view.state, view.direction), (State::Open, Direction::Inbound));
    assert_eq!(view.remote.iter().next(), Host(HONEST).at(1).iter().next());
    assert!(siege.refused(Refusal::HandshakeEvicted) > 5_000);
}

/// Who has sent more bytes is no further than who has sent one, and Noise's first message is further than any.
#[test]
fn bytes_one_by_one_gain_nothing() {
    let mut siege = Siege::new(|config| config.handshakes_per_address = 6);
    let said = Greeting::begin(9).1;
    let mut advanced = siege.connect(3);
    advanced.give(&said);
    let [mut trickle, mut other] = [(); 2].map(|()| siege.connect(3));
    other.give(&said[..1]);
    for byte in &said[..10] {
        trickle.give(&[*byte]);
        siege.settle(&mut []);
    }
    let newer = [(); 3].map(|()| siege.connect(3));
    assert_eq!(siege.at_door(), 6);
    let mut newcomer = siege.connect(3);
    siege.settle(&mut []);
    assert!(is_closed(&mut trickle) && !is_closed(&mut other), "the older one of those that have sent bytes");
    newcomer.give(&said);
    drop(siege.connect(3));
    siege.settle(&mut []);
    assert!(!is_closed(&mut advanced) && !is_closed(&mut newcomer) && !is_closed(&mut other));
    assert!(newer.map(|mut newer| is_closed(&mut newer)) == [true, false, false], "it has said nothing");
}

/// Without any byte of anybody, at exactly these times.
#[test]
fn a_first_byte_has_2_s_while_half_is_taken_and_10_s_otherwise() {
    // The bounds in all and of one address, and who comes in half a second apart; then when each goes.
    let rows: [(u32, u32, &[u8], &[u64]); 6] = [
        (1_024, 64, &[3], &[10_000]),
        // Half of its address's places: the first goes, and the other is not one of a half any more.
        (1_024, 4, &[3, 3], &[2_000, 10_500]),
        (1_024, 4, &[3, 4], &[10_000, 10_500]),
        // Half of all places.
        (4, 64, &[3, 4], &[2_000, 10_500]),
        (4, 64, &[3, 4, 5], &[2_000, 2_500, 11_000]),
        (5, 64, &[3, 4, 5], &[2_000, 10_500, 11_000]),
    ];
    for (most, of_address, hosts, goes) in rows {
        let mut siege =
            Siege::new(|config| (config.inbound_handshakes, config.handshakes_per_address) = (most, of_address));
        let mut dials = Vec::new();
        let start = siege.now + millis(20);
        for (n, host) in hosts.iter().enumerate() {
            siege.now = start + millis(500 * n as u64) - millis(20);
            dials.push(RawDial::new(&siege.network, *host, &B.at(1)));
            deliver(&siege.network, &mut siege.now);
            assert_eq!(siege.now, start + millis(500 * n as u64));
            siege.node.tick(siege.now);
        }
        let mut left = hosts.len();
        for after in goes.iter().map(|after| start + millis(*after)) {
            // What was refused before is told in between.
            siege.node.tick(after - millis(2));
            assert_eq!(siege.node.swarm.poll_at(), Some(after), "{hosts:?} of {most} and {of_address}");
            siege.node.tick(after - millis(1));
            assert_eq!(siege.at_door(), left);
            siege.node.tick(after);
            left -= 1;
            assert_eq!(siege.at_door(), left);
        }
        assert_eq!(siege.refused(Refusal::HandshakeFailed), hosts.len() as u64);
        // What was refused is told once more, a second after the first.
        siege.node.tick(siege.now + secs(20));
        assert_eq!((siege.node.swarm.poll_at(), siege.node.log.len()), (None, 1));
        drop(dials);
    }
}

#[test]
fn one_byte_is_enough_to_have_the_whole_time() {
    let mut siege = Siege::new(|config| config.handshakes_per_address = 2);
    let mut socket = siege.connect(3);
    let accepted = siege.now - millis(20);
    assert_eq!(siege.node.swarm.poll_at(), Some(accepted + secs(2)));
    // It comes in the last moment, and its wake with it.
    siege.now = accepted + secs(2) - millis(20);
    socket.give(&[0x13]);
    deliver(&siege.network, &mut siege.now);
    siege.node.tick(siege.now);
    assert_eq!((siege.now, siege.at_door()), (accepted + secs(2), 1));
    assert_eq!(siege.node.swarm.poll_at(), Some(accepted + secs(10)));
    siege.node.tick(accepted + secs(10) - millis(1));
    assert_eq!(siege.at_door(), 1);
    siege.node.tick(accepted + secs(10));
    assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeFailed)), (0, 1));
}

/// Its owner was asleep when the places filled up: nobody is judged before that was excused once.
#[test]
fn a_first_byte_is_not_missed_because_the_owner_was_away() {
    let mut siege = Siege::new(|config| config.handshakes_per_address = 2);
    let mut socket = siege.connect(3);
    let accepted = siege.now - millis(20);
    siege.now = accepted + secs(5);
    siege.node.tick(siege.now);
    assert_eq!(siege.at_door(), 1, "its owner was away");
    socket.give(&[0x13]);
    deliver(&siege.network, &mut siege.now);
    siege.node.tick(siege.now);
    siege.node.tick(siege.now + secs(1));
    assert_eq!(siege.at_door(), 1);
}

/// The system has fewer descriptors than the door has places.
#[test]
fn where_descriptors_run_out_the_door_gives_some_back() {
    let mut siege = Siege::new(|_| {});
    siege.besiege(40, &[3], Deed::Nothing);
    siege.besiege(8, &[4], Deed::Nothing);
    siege.network.set(|knobs| knobs.exhaust(B.0, Some(Exhausted::Descriptors)));
    let dial = RawDial::new(&siege.network, 5, &B.at(1));
    siege.settle(&mut []);
    assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeEvicted)), (45, 3), "a sixteenth");
    drop(dial);
    siege.network.set(|knobs| knobs.exhaust(B.0, None));
    siege.lets_in(A.0);
    // None of those who have few.
    assert!(siege.sockets.iter_mut().skip(40).all(|socket| !is_closed(socket)));
}

#[test]
fn a_shutdown_closes_what_stands_at_the_door() {
    let mut siege = Siege::new(|_| {});
    siege.besiege(40, &[3], Deed::Nothing);
    siege.besiege(20, &[4], Deed::Message1);
    assert_eq!(siege.at_door(), 60);
    siege.node.swarm.shutdown();
    siege.settle(&mut []);
    assert!(siege.node.swarm.is_shut_down());
    assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeFailed)), (0, 60));
    assert_eq!(siege.node.swarm.counters().connections.inbound.without_id, 60);
    siege.sockets.clear();
    siege.settle(&mut []);
    assert!(siege.network.is_empty(), "a socket is left open");
}

/// A storm of sockets that close at once costs no id, and the door is empty afterwards.
#[test]
fn a_storm_of_short_sockets_leaves_no_trace() {
    let mut siege = Siege::new(|_| {});
    for _ in 0..50 {
        siege.besiege(100, &[3, 4, 5], Deed::Nothing);
        siege.sockets.clear();
        siege.settle(&mut []);
        assert_eq!(siege.at_door(), 0);
    }
    assert_eq!(siege.node.swarm.counters().connections.inbound.without_id, 5_000);
    siege.now += secs(1);
    siege.node.tick(siege.now);
    assert_eq!(siege.node.swarm.next_deadline(), None, "nobody is waited for");
    siege.lets_in(3);
    let first: Vec<String> = siege.node.log.iter().map(|event| event.id().to_string()).collect();
    assert_eq!(first, ["l0.1", "c0.1"]);
}

/// While there is no room to tell of openings nobody is let in, and those at the door go on.
#[test]
fn who_is_authenticated_waits_for_room_and_is_never_evicted() {
    let mut siege = Siege::new(|config| (config.handshakes_per_address, config.limits.listeners) = (2, 1_000));
    let mut socket = siege.connect(3);
    let (mut greeting, said) = Greeting::begin(9);
    socket.give(&said);
    siege.settle(&mut []);
    let (said, _) = greeting.hear(&socket.take()).expect("it has answered");
    // As many events as there is room for wait to be drained.
    for port in 2..=257 {
        siege.node.swarm.listen(B.at(port)).unwrap();
    }
    for _ in 0..8 {
        siege.node.swarm.tick(siege.now);
    }
    socket.give(&said);
    deliver(&siege.network, &mut siege.now);
    siege.node.swarm.tick(siege.now);
    assert_eq!(siege.at_door(), 0, "it has come in");
    let waiting: Vec<_> = siege.node.swarm.connections().collect();
    assert_eq!(siege.node.swarm.connection(waiting[0]).unwrap().state, State::Opening);
    // More come, and no time counts.
    let dials: Vec<_> = (0..10).map(|_| RawDial::new(&siege.network, 3, &B.at(1))).collect();
    siege.now += secs(3_600);
    deliver(&siege.network, &mut siege.now);
    siege.node.swarm.tick(siege.now);
    assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeEvicted)), (0, 0), "accepting pauses");
    siege.settle(&mut []);
    assert!(siege.node.log.contains(&Event::Connected { connection: waiting[0] }));
    assert_eq!((siege.at_door(), siege.refused(Refusal::HandshakeEvicted)), (2, 8));
    drop((dials, socket));
    siege.settle(&mut []);
    assert!(matches!(siege.node.log.last(), Some(Event::Disconnected { .. })));
}
