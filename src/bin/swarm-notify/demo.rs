//! `swarm-notify demo`: two swarms in one process walk through all nine events over TCP on loopback.
//!
//! Each side's events are compared with what has to come, all of it and in order.

use crate::listen::{ECHO, SINK, Server};
use crate::node::{App, Error, Node};
use crate::report::Reporter;
use async_io::Timer;
use futures_lite::future::poll_fn;
use libp2p_identity::Keypair;
use socket2::{Domain, Socket, Type};
use std::future::Future as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::{Config, Multiaddr, Ready, multiaddr};

/// What nobody speaks.
const UNKNOWN: Protocol = Protocol::from_static("/unknown/1.0.0");
const GREETING: &[u8] = b"hello";
/// The demo takes milliseconds; nothing in it waits for longer than this.
const LIMIT: Duration = Duration::from_secs(30);

const OF_A: &[&str] = &[
    "listen l0.1",
    "connected c0.1",
    "stream_failed s0.1 unsupported",
    "opened_stream s1.1",
    "closed_stream s1.1 finished",
    "disconnected c0.1 remote(go_away(0))",
    "listen_close l0.1 shutdown",
];

const OF_B: &[&str] = &[
    "listen_failed l0.1 address_in_use",
    "connect_failed c0.1 refused",
    "connected c1.1",
    "stream_failed s0.1 unsupported",
    "opened_stream s1.1",
    "closed_stream s1.1 finished",
    "disconnected c1.1 requested",
];

pub(crate) fn run(json: bool) -> Result<bool, Error> {
    let reporter = Reporter::new(json);
    let node = |side| Node::new(&Keypair::generate_ed25519(), Config::default(), reporter.side(side));
    let (mut a, mut b) = (node("a")?, node("b")?);
    a.swarm.register_protocol(ECHO);
    a.swarm.register_protocol(SINK);
    a.swarm.listen(loopback(0)).map_err(|error| Error::Listen(error.to_string()))?;
    let (mut answerer, mut caller) = (Answerer::new(), Caller::default());
    let mut limit = Timer::after(LIMIT);
    async_io::block_on(poll_fn(|cx| {
        loop {
            let happened = a.turn(cx, &mut answerer) | b.turn(cx, &mut caller);
            if let (None, Some(address)) = (&caller.target, answerer.address.take()) {
                caller.begin(&mut b, address);
                continue;
            }
            if caller.is_over && answerer.is_over {
                a.swarm.shutdown();
                b.swarm.shutdown();
            }
            if a.swarm.is_shut_down() && b.swarm.is_shut_down() {
                return Poll::Ready(());
            }
            if !happened {
                return Pin::new(&mut limit).poll(cx).map(drop);
            }
        }
    }));
    let right = answerer.log == OF_A && caller.log == OF_B && caller.echo == GREETING;
    if !right {
        eprintln!("swarm-notify: expected a {OF_A:?}, b {OF_B:?}");
    }
    Ok(right)
}

fn loopback(port: u16) -> Multiaddr {
    [multiaddr::Protocol::Ip4(Ipv4Addr::LOCALHOST), multiaddr::Protocol::Tcp(port)].into_iter().collect()
}

/// An event as it stands in the expected logs.
fn entry(event: Event) -> String {
    let name = event.name();
    match event {
        Event::Listen { listener } => format!("{name} {listener}"),
        Event::ListenFailed { listener, reason } => format!("{name} {listener} {reason}"),
        Event::ListenClose { listener, reason } => format!("{name} {listener} {reason}"),
        Event::Connected { connection } => format!("{name} {connection}"),
        Event::ConnectFailed { connection, reason } => format!("{name} {connection} {reason}"),
        Event::Disconnected { connection, reason } => format!("{name} {connection} {reason}"),
        Event::OpenedStream { stream, .. } => format!("{name} {stream}"),
        Event::StreamFailed { stream, reason, .. } => format!("{name} {stream} {reason}"),
        Event::ClosedStream { stream, reason, .. } => format!("{name} {stream} {reason}"),
    }
}

/// Side a: listens, and echoes.
struct Answerer {
    log: Vec<String>,
    server: Server,
    /// Where it listens, until b has been told.
    address: Option<Multiaddr>,
    is_over: bool,
}

impl Answerer {
    fn new() -> Self {
        Self { log: Vec::new(), server: Server::new(1), address: None, is_over: false }
    }
}

impl App for Answerer {
    fn event(&mut self, node: &mut Node, event: Event) {
        self.log.push(entry(event));
        match event {
            Event::Listen { listener } => {
                let address = node.swarm.listener(listener).and_then(|view| view.addresses.first().cloned());
                self.address = address.map(|address| address.with(multiaddr::Protocol::P2p(node.swarm.local_peer())));
            }
            Event::Disconnected { .. } => self.is_over = true,
            Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::OpenedStream { .. }
            | Event::StreamFailed { .. }
            | Event::ClosedStream { .. } => self.server.event(node, event),
        }
    }

    fn ready(&mut self, node: &mut Node, ready: Ready) {
        self.server.ready(node, ready);
    }
}

/// Side b: fails to listen, to connect and to open a stream, and then does the latter two right.
#[derive(Default)]
struct Caller {
    log: Vec<String>,
    target: Option<Multiaddr>,
    /// Bound, and not listening.
    nobody: Option<Socket>,
    connection: Option<ConnectionId>,
    echo: Vec<u8>,
    is_over: bool,
}

impl Caller {
    fn begin(&mut self, node: &mut Node, target: Multiaddr) {
        // Where a listens, b cannot. What is refused here shows in the log.
        let taken = target.iter().filter(|part| !matches!(part, multiaddr::Protocol::P2p(_))).collect();
        let _ = node.swarm.listen(taken);
        self.target = Some(target);
    }

    /// Dials an address that refuses: a port that is ours, and where nobody listens.
    fn dial_nobody(&mut self, node: &mut Node) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).and_then(|socket| {
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            Ok(socket)
        });
        let port = socket.as_ref().ok().and_then(|socket| socket.local_addr().ok()?.as_socket()).map(|at| at.port());
        // What goes wrong here shows in the log.
        let _ = node.swarm.dial(loopback(port.unwrap_or_default()));
        self.nobody = socket.ok();
    }

    fn open(&self, node: &mut Node, protocol: Protocol) -> Option<StreamId> {
        node.swarm.open_stream(self.connection?, &[protocol]).ok()
    }
}

impl App for Caller {
    fn event(&mut self, node: &mut Node, event: Event) {
        self.log.push(entry(event));
        match event {
            Event::ListenFailed { .. } => self.dial_nobody(node),
            Event::ConnectFailed { .. } => {
                if let Some(target) = self.target.clone() {
                    let _ = node.swarm.dial(target);
                }
            }
            Event::Connected { connection } => {
                self.connection = Some(connection);
                self.open(node, UNKNOWN);
            }
            Event::StreamFailed { .. } => {
                if let Some(stream) = self.open(node, ECHO) {
                    let _ = node.swarm.write(stream, GREETING);
                    let _ = node.swarm.finish(stream);
                }
            }
            Event::ClosedStream { connection, .. } => drop(node.swarm.close_connection(connection)),
            Event::Disconnected { .. } => self.is_over = true,
            Event::Listen { .. } | Event::ListenClose { .. } | Event::OpenedStream { .. } => {}
        }
    }

    fn ready(&mut self, node: &mut Node, ready: Ready) {
        let Ready::Stream { stream, .. } = ready else { return };
        let mut buffer = [0; 64];
        while let Ok(n @ 1..) = node.swarm.read(stream, &mut buffer) {
            self.echo.extend_from_slice(&buffer[..n]);
        }
    }
}
