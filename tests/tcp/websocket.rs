//! The swarm over `libp2p-websocket` over our TCP transport: somebody else's transport around ours, with complete logs of
//! both sides.

use crate::support::sleep;
use crate::support::with;
use libp2p_identity::Keypair;
use sleep::{Sleeper, sleep};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};
use swarm_notify::connection::{Protocol, WriteError};
use swarm_notify::lifecycle::{ConnectionId, Event, ListenerId, StreamId};
use swarm_notify::swarm::multiaddr::Protocol as Part;
use swarm_notify::swarm::{Config, Multiaddr, Readiness, Refusal, Swarm};
use swarm_notify::tcp;

type Transport = libp2p_websocket::Config<tcp::Transport>;

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
const WS: &str = "/ip4/127.0.0.1/tcp/0/ws";

/// What a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

/// A swarm that writes down all it is told, and echoes or keeps what it reads.
struct Node<const E: usize> {
    swarm: Swarm<Transport, E, tcp::Reactor>,
    log: Vec<String>,
    echoes: bool,
    /// What each stream has read and, if it echoes, not written back yet.
    read: BTreeMap<StreamId, Vec<u8>>,
    start: Instant,
}

/// More turns than a node takes at a stretch: beyond it, it spins.
const MOST_TURNS: usize = 100_000;

impl<const E: usize> Node<E> {
    fn new(number: u8) -> Self {
        Self::with(number, tcp::Config::default(), |transport| transport)
    }

    fn with(number: u8, config: tcp::Config, tcp: impl FnOnce(tcp::Transport) -> tcp::Transport) -> Self {
        let identity = Keypair::ed25519_from_bytes([number; 32]).unwrap();
        let reactor = tcp::Reactor::new().unwrap();
        let transport = Transport::new(tcp(tcp::Transport::new(reactor.handle(), config)));
        let swarm = Swarm::with_events(reactor, transport, &identity, [number; 32], Config::default());
        let mut swarm = swarm.unwrap();
        swarm.register_protocol(ECHO);
        Self { swarm, log: Vec::new(), echoes: false, read: BTreeMap::new(), start: Instant::now() }
    }

    /// One that listens, and where.
    fn listening(number: u8) -> (Self, ListenerId, Multiaddr) {
        let mut node = Self::new(number);
        let listener = node.swarm.listen(WS.parse().unwrap()).unwrap();
        drive(&mut [&mut node], |nodes| !nodes[0].log.is_empty());
        let address = node.swarm.listener(listener).unwrap().addresses[0].clone();
        (node, listener, address)
    }

    /// Takes turns, and handles what there is, until there is nothing more to do for now.
    fn turn(&mut self) {
        for _ in 0..MOST_TURNS {
            self.swarm.tick(self.start.elapsed());
            while let Some(event) = self.swarm.next_event() {
                self.told(event);
            }
            while let Some(ready) = self.swarm.next_ready() {
                match ready {
                    Readiness::Stream { stream, .. } => self.go_on(stream),
                    Readiness::Addresses { listener } => self.log.push(format!("addresses {listener}")),
                    other @ (Readiness::Refused { .. } | _) => self.log.push(format!("{other:?}")),
                }
            }
            self.swarm.flush_all(self.start.elapsed());
            if self.left() != Some(Duration::ZERO) {
                return;
            }
        }
        panic!("it spins; told: {:#?}", self.log);
    }

    fn told(&mut self, event: Event) {
        let (name, id) = (event.name(), event.id());
        let text = match event {
            Event::Listen { .. } => String::new(),
            Event::Connected { connection } => self.swarm.connection(connection).unwrap().direction.to_string(),
            Event::OpenedStream { stream, .. } => self.swarm.stream(stream).unwrap().protocol.unwrap().to_string(),
            Event::ListenFailed { reason, .. }
            | Event::ConnectFailed { reason, .. }
            | Event::StreamFailed { reason, .. } => reason.to_string(),
            Event::ListenClose { reason, .. } => reason.to_string(),
            Event::Disconnected { reason, .. } => reason.to_string(),
            Event::ClosedStream { reason, .. } => reason.to_string(),
        };
        self.log.push(format!("{name} {id} {text}").trim_end().to_owned());
    }

    fn go_on(&mut self, stream: StreamId) {
        let pending = self.read.entry(stream).or_default();
        let mut buffer = [0; 16 * 1024];
        loop {
            while self.echoes && !pending.is_empty() {
                match self.swarm.write(stream, pending) {
                    Ok(n) => drop(pending.drain(..n)),
                    Err(WriteError::Blocked) => return,
                    Err(error) => panic!("{stream}: {error}"),
                }
            }
            match self.swarm.read(stream, &mut buffer) {
                Ok(0) if self.echoes => return self.swarm.finish(stream).unwrap(),
                Ok(0) | Err(_) => return,
                Ok(n) => pending.extend_from_slice(&buffer[..n]),
            }
        }
    }

    fn expect(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.log), expected);
    }

    fn only_connection(&self) -> ConnectionId {
        self.swarm.connections().next().unwrap()
    }
}

impl<const E: usize> Sleeper for Node<E> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        self.swarm.poll_at().map(|at| at.saturating_sub(self.start.elapsed()))
    }
}

/// Drives nodes until `done`.
fn drive<const E: usize>(nodes: &mut [&mut Node<E>], mut done: impl FnMut(&mut [&mut Node<E>]) -> bool) {
    let limit = Instant::now() + LIMIT;
    loop {
        nodes.iter_mut().for_each(|node| node.turn());
        if done(nodes) {
            return;
        }
        let sleepers: Vec<_> = nodes.iter().map(|node| &**node as &dyn Sleeper).collect();
        let in_time = sleep(&sleepers, limit);
        assert!(in_time, "it takes too long; told: {:#?}", nodes.iter().map(|node| &node.log).collect::<Vec<_>>());
    }
}

fn told<const E: usize>(a: &mut Node<E>, b: &mut Node<E>, of_a: usize, of_b: usize) {
    drive(&mut [a, b], |nodes| nodes[0].log.len() >= of_a && nodes[1].log.len() >= of_b);
}

fn shut_down<const E: usize>(a: &mut Node<E>, b: &mut Node<E>) {
    a.swarm.shutdown();
    b.swarm.shutdown();
    drive(&mut [a, b], |nodes| nodes.iter().all(|node| node.swarm.is_shut_down()));
}

fn streams_echo_and_everything_is_told<const E: usize>() {
    let (mut a, listener, address) = Node::<E>::listening(1);
    a.echoes = true;
    assert!(address.iter().last().is_some_and(|part| part == Part::Ws("/".into())), "{address}");
    let mut b = Node::<E>::new(2);
    let connection = b.swarm.dial(address.clone().with(Part::P2p(a.swarm.local_peer()))).unwrap();
    told(&mut a, &mut b, 2, 1);
    assert_eq!(b.swarm.connection(connection).unwrap().peer, Some(a.swarm.local_peer()));
    let accepted = a.swarm.connection(a.only_connection()).unwrap();
    assert_eq!((accepted.listener, accepted.local), (Some(listener), Some(&address)));
    // Our TCP below has told where it dialed from.
    let local = b.swarm.connection(connection).unwrap().local.unwrap();
    assert_eq!(accepted.remote, &local.clone().with(Part::Ws("/".into())));

    let data: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let stream = b.swarm.open_stream(connection, &[ECHO]).unwrap();
    let mut left = &data[..];
    drive(&mut [&mut a, &mut b], |nodes| {
        let b = &mut *nodes[1];
        while !left.is_empty() {
            match b.swarm.write(stream, left) {
                Ok(n) => left = &left[n..],
                Err(WriteError::Blocked) => return false,
                Err(error) => panic!("{error}"),
            }
        }
        true
    });
    b.swarm.finish(stream).unwrap();
    told(&mut a, &mut b, 4, 3);
    assert!(b.read[&stream] == data, "what came back is what was sent");

    b.swarm.close_connection(connection).unwrap();
    told(&mut a, &mut b, 5, 4);
    a.swarm.close_listener(listener).unwrap();
    told(&mut a, &mut b, 6, 4);
    b.swarm.dial(address).unwrap();
    told(&mut a, &mut b, 6, 5);
    shut_down(&mut a, &mut b);
    a.expect(&[
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 /echo/1.0.0",
        "closed_stream s0.1 finished",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 requested",
    ]);
    b.expect(&[
        "connected c0.1 outbound",
        "opened_stream s0.1 /echo/1.0.0",
        "closed_stream s0.1 finished",
        "disconnected c0.1 requested",
        "connect_failed c0.2 refused",
    ]);
}

fn shutdown_ends_it_in_order_on_either_side<const E: usize>() {
    for by_listener in [true, false] {
        let (mut a, _, address) = Node::<E>::listening(1);
        let mut b = Node::<E>::new(2);
        let connection = b.swarm.dial(address).unwrap();
        told(&mut a, &mut b, 2, 1);
        b.swarm.open_stream(connection, &[ECHO]).unwrap();
        told(&mut a, &mut b, 3, 2);
        if by_listener {
            a.swarm.shutdown()
        } else {
            b.swarm.shutdown()
        }
        told(&mut a, &mut b, 5, 4);
        shut_down(&mut a, &mut b);
        let (end_of_a, end_of_b) =
            if by_listener { ("shutdown", "remote(go_away(0))") } else { ("remote(go_away(0))", "shutdown") };
        let mut log = std::mem::take(&mut a.log);
        // Listeners and connections end side by side.
        let close = log.iter().position(|line| line == "listen_close l0.1 shutdown").map(|at| log.remove(at));
        assert!(close.is_some(), "{log:?}");
        let ends = |direction, end| {
            [
                format!("connected c0.1 {direction}"),
                "opened_stream s0.1 /echo/1.0.0".into(),
                "closed_stream s0.1 connection_closed".into(),
                format!("disconnected c0.1 {end}"),
            ]
        };
        assert_eq!(log[0], "listen l0.1");
        assert_eq!(log[1..], ends("inbound", end_of_a));
        assert_eq!(b.log, ends("outbound", end_of_b));
    }
}

fn who_speaks_no_websocket_never_opens<const E: usize>() {
    let (mut a, _, address) = Node::<E>::listening(1);
    let parts: Vec<_> = address.iter().collect();
    let [Part::Ip4(ip), Part::Tcp(port), Part::Ws(_)] = parts[..] else { panic!("{address}") };
    let mut stranger = TcpStream::connect(SocketAddr::from((ip, port))).unwrap();
    stranger.write_all(b"\x13/multistream/1.0.0\n\x07/noise\n\r\n\r\n").unwrap();
    drive(&mut [&mut a], |nodes| nodes[0].swarm.refused(Refusal::HandshakeFailed) == 1);
    assert!(matches!(stranger.read(&mut [0; 64]), Ok(0) | Err(_)), "it is let go");
    // Nor is one dialed by an address without it, or listened on.
    let mut plain = address.clone();
    plain.pop();
    a.swarm.dial(plain.clone()).unwrap();
    a.swarm.listen(plain).unwrap();
    drive(&mut [&mut a], |nodes| nodes[0].log.len() == 4);
    let mut log = std::mem::take(&mut a.log);
    let is_refusal = |line: &String| line.contains("HandshakeFailed");
    assert_eq!(log.iter().filter(|line| is_refusal(line)).count(), 1);
    log.retain(|line| !is_refusal(line));
    log[1..].sort();
    assert_eq!(log, ["listen l0.1", "connect_failed c0.1 unsupported", "listen_failed l1.1 unsupported"]);
}

fn a_wildcard_has_the_addresses_of_the_interfaces<const E: usize>() {
    let mut looks = [vec!["192.0.2.1", "192.0.2.2"], vec!["192.0.2.2", "192.0.2.3"]].into_iter().peekable();
    let config = with(tcp::Config::default(), |config| config.interfaces_interval = Duration::ZERO);
    let mut node = Node::<E>::with(1, config, |transport| {
        transport.with_interfaces(move || {
            let look = looks.next_if(|look| look[0] == "192.0.2.1").or_else(|| looks.peek().cloned()).unwrap();
            Ok(look.into_iter().map(|ip| ip.parse().unwrap()).collect())
        })
    });
    let listener = node.swarm.listen("/ip4/0.0.0.0/tcp/0/ws".parse().unwrap()).unwrap();
    let last: Multiaddr = "/ip4/192.0.2.3".parse().unwrap();
    drive(&mut [&mut node], |nodes| {
        let Some(view) = nodes[0].swarm.listener(listener) else { return false };
        let addresses: Vec<_> = view.addresses.iter().map(|address| address.iter().collect::<Vec<_>>()).collect();
        assert!(addresses.iter().all(|parts| matches!(parts[..], [Part::Ip4(_), Part::Tcp(1..), Part::Ws(_)])));
        addresses.len() == 2 && addresses.iter().any(|parts| Some(&parts[0]) == last.iter().next().as_ref())
    });
    assert!(node.log.iter().any(|line| line == "addresses l0.1"), "{:?}", node.log);
    assert_eq!(node.log[0], "listen l0.1");
}

#[cfg(feature = "dns")]
fn names_are_dialed<const E: usize>() {
    let (mut a, _, address) = Node::<E>::listening(1);
    let parts: Vec<_> = address.iter().collect();
    let [Part::Ip4(ip), Part::Tcp(port), Part::Ws(_)] = parts[..] else { panic!("{address}") };
    let mut b = Node::<E>::with(2, tcp::Config::default(), |transport| {
        transport.with_resolver(move |host, port| match host {
            "known.example" => Ok(vec![(ip, port).into()]),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        })
    });
    b.swarm.dial(format!("/dns4/known.example/tcp/{port}/ws").parse().unwrap()).unwrap();
    told(&mut a, &mut b, 2, 1);
    b.swarm.dial(format!("/dns4/unknown.example/tcp/{port}/ws").parse().unwrap()).unwrap();
    told(&mut a, &mut b, 2, 2);
    let local = b.swarm.connection(b.only_connection()).unwrap().local;
    assert_eq!(local.and_then(|local| local.iter().next()), Some(Part::Ip4(ip)), "where the race was won");
    b.expect(&["connected c0.1 outbound", "connect_failed c1.1 unreachable"]);
}

macro_rules! at_every_size {
    ($($(#[$attribute:meta])* $name:ident,)*) => {
        mod at_every_size {
            $(
                $(#[$attribute])*
                #[test]
                fn $name() {
                    super::$name::<1>();
                    super::$name::<256>();
                }
            )*
        }
    };
}

at_every_size! {
    streams_echo_and_everything_is_told,
    shutdown_ends_it_in_order_on_either_side,
    who_speaks_no_websocket_never_opens,
    a_wildcard_has_the_addresses_of_the_interfaces,
    #[cfg(feature = "dns")]
    names_are_dialed,
}
