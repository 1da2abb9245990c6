//! `swarm-notify demo`: two swarms in one process walk through all nine events over TCP on loopback.
//!
//! Each side's events are compared with what has to come, all of it and in order.

use crate::listen::{ECHO, SINK, Server};
use crate::node::{Error, Node, World};
use crate::output::say;
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
use swarm_notify::lifecycle::{ConnectionId, Event, Failure, ListenerId, StreamEnd, StreamId};
use swarm_notify::notifee::{Context, Notifee};
use swarm_notify::swarm::{Config, Multiaddr, multiaddr};

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
    (a.world.told, b.world.told) = (Some(Vec::new()), Some(Vec::new()));
    a.world.swarm.register_protocol(ECHO);
    a.world.swarm.register_protocol(SINK);
    a.world.swarm.listen(loopback(0)).map_err(|error| Error::Listen(loopback(0), error))?;
    a.start("demo");
    b.start("demo");
    a.notifees.register(Server::new(1));
    let caller = b.notifees.register(Caller::default());
    let mut is_begun = false;
    let mut limit = Timer::after(LIMIT);
    async_io::block_on(poll_fn(|cx| {
        loop {
            let happened = a.turn(cx) | b.turn(cx);
            let Some(caller) = b.notifees.get_mut::<Caller>(caller) else { return Poll::Ready(()) };
            if let (false, Some(address)) = (is_begun, address(&a.world)) {
                is_begun = true;
                caller.begin(&mut b.world, address);
                continue;
            }
            if is_over(&a.world) && is_over(&b.world) {
                a.world.swarm.shutdown();
                b.world.swarm.shutdown();
            }
            if a.world.swarm.is_shut_down() && b.world.swarm.is_shut_down() {
                return Poll::Ready(());
            }
            if !happened {
                return Pin::new(&mut limit).poll(cx).map(drop);
            }
        }
    }));
    let echo = b.notifees.get::<Caller>(caller).map(|caller| caller.echo.as_slice());
    let right = log(&a.world) == OF_A && log(&b.world) == OF_B && echo == Some(GREETING);
    if !right {
        say(format_args!("expected a {OF_A:?}, b {OF_B:?}"));
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

/// Everything that was told on one side, as it stands in the expected logs.
fn log(world: &World) -> Vec<String> {
    world.told.iter().flatten().map(|event| entry(*event)).collect()
}

/// Where a listens, once it does.
fn address(world: &World) -> Option<Multiaddr> {
    let listener = world.swarm.listeners().next()?;
    let address = world.swarm.listener(listener)?.addresses.first()?;
    Some(address.clone().with(multiaddr::Protocol::P2p(world.swarm.local_peer())))
}

/// Whether the connection that came up is over.
fn is_over(world: &World) -> bool {
    world.told.iter().flatten().any(|event| matches!(event, Event::Disconnected { .. }))
}

/// Side b: fails to listen, to connect and to open a stream, and then does the latter two right.
#[derive(Default)]
struct Caller {
    target: Option<Multiaddr>,
    /// Bound, and not listening.
    nobody: Option<Socket>,
    echo: Vec<u8>,
}

impl Caller {
    fn begin(&mut self, world: &mut World, target: Multiaddr) {
        // Where a listens, b cannot. What is refused here shows in the log.
        let taken = target.iter().filter(|part| !matches!(part, multiaddr::Protocol::P2p(_))).collect();
        let _ = world.swarm.listen(taken);
        self.target = Some(target);
    }
}

impl Notifee<World> for Caller {
    /// Dials an address that refuses: a port that is ours, and where nobody listens.
    fn listen_failed(&mut self, cx: &mut Context<'_, World>, _listener: ListenerId, _reason: Failure) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).and_then(|socket| {
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            Ok(socket)
        });
        let port = socket.as_ref().ok().and_then(|socket| socket.local_addr().ok()?.as_socket()).map(|at| at.port());
        // What goes wrong here shows in the log.
        let _ = cx.network().swarm.dial(loopback(port.unwrap_or_default()));
        self.nobody = socket.ok();
    }

    fn connect_failed(&mut self, cx: &mut Context<'_, World>, _connection: ConnectionId, _reason: Failure) {
        if let Some(target) = self.target.clone() {
            let _ = cx.network().swarm.dial(target);
        }
    }

    fn connected(&mut self, cx: &mut Context<'_, World>, connection: ConnectionId) {
        let _ = cx.network().swarm.open_stream(connection, &[UNKNOWN]);
    }

    fn stream_failed(
        &mut self,
        cx: &mut Context<'_, World>,
        connection: ConnectionId,
        _stream: StreamId,
        _reason: Failure,
    ) {
        let swarm = &mut cx.network().swarm;
        if let Ok(stream) = swarm.open_stream(connection, &[ECHO]) {
            let _ = swarm.write(stream, GREETING);
            let _ = swarm.finish(stream);
        }
    }

    fn closed_stream(
        &mut self,
        cx: &mut Context<'_, World>,
        connection: ConnectionId,
        _stream: StreamId,
        _reason: StreamEnd,
    ) {
        let _ = cx.network().swarm.close_connection(connection);
    }

    fn stream_ready(&mut self, cx: &mut Context<'_, World>, stream: StreamId, _readable: bool, _writable: bool) {
        let mut buffer = [0; 64];
        while let Ok(n @ 1..) = cx.network().swarm.read(stream, &mut buffer) {
            self.echo.extend_from_slice(&buffer[..n]);
        }
    }
}
