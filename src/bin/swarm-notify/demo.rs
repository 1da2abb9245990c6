//! `swarm-notify demo`: two swarms in one process show all nine events over TCP on loopback.
//!
//! All events of each side are compared with the expected events, in order.

use crate::error::{DEMO_LIMIT, DemoFault, Error};
use crate::listen::{ECHO, SINK, Server};
use crate::node::{LoggedSwarm, Node};
use crate::report::Reporter;
use libp2p_identity::Keypair;
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Event, Failure, ListenerId, StreamEnd, StreamId};
use swarm_notify::notifee::{Notifee, NotifeeContext, NotifeeId};
use swarm_notify::swarm::{Config, Multiaddr, multiaddr};

/// A protocol that neither side speaks, so that a stream for it fails to open.
const UNKNOWN: Protocol = Protocol::from_static("/unknown/1.0.0");
const GREETING: &[u8] = b"hello";
/// The maximum duration of one sleep. One thread runs both swarms, and sleeps until one of them has work. A longer sleep
/// would delay the other swarm.
const NAP: Duration = Duration::from_millis(1);

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

pub(crate) fn run(reporter: Reporter) -> Result<bool, Error> {
    let mut demo = Demo::new(reporter, Ipv4Addr::LOCALHOST)?;
    let fault = demo.run(DEMO_LIMIT)?;
    reporter.shown(demo.shown(), OF_A.len() + OF_B.len(), fault.is_none());
    match fault {
        Some(fault) => Err(Error::Demo(fault)),
        None => Ok(true),
    }
}

/// The two swarms of the demo: side a listens, and side b dials.
struct Demo {
    a: Node,
    b: Node,
    caller: NotifeeId<DemoCaller>,
}

impl Demo {
    /// Makes both sides. Side a begins to listen at the IP address `host`.
    fn new(reporter: Reporter, host: Ipv4Addr) -> Result<Self, Error> {
        let node = |side| Node::new(&Keypair::generate_ed25519(), Config::default(), reporter.side(side));
        let (mut a, mut b) = (node("a")?, node("b")?);
        (a.world.told, b.world.told) = (Some(Vec::new()), Some(Vec::new()));
        a.world.swarm.register_protocol(ECHO);
        a.world.swarm.register_protocol(SINK);
        let address = tcp(host, 0);
        a.world.swarm.listen(address.clone()).map_err(|error| Error::Listen(address, error))?;
        a.start("demo", None);
        b.start("demo", None);
        a.notifees.register(Server::new(1));
        let caller = b.notifees.register(DemoCaller::default());
        Ok(Self { a, b, caller })
    }

    /// Runs both swarms until all expected events were printed, an event differs from the expected one, or the time `limit`
    /// has passed since the start. Returns the fault, or `None` if everything was as expected.
    fn run(&mut self, limit: Duration) -> Result<Option<DemoFault>, Error> {
        let mut is_begun = false;
        loop {
            let happened = self.a.turn() | self.b.turn();
            if let Some(fault) = self.differs() {
                return Ok(Some(fault));
            }
            let (a, b) = (&mut self.a.world, &mut self.b.world);
            if a.swarm.is_shut_down() && b.swarm.is_shut_down() {
                return Ok(self.late().or_else(|| self.wrong_echo()));
            }
            // The limit is checked even if the turn has left work to do, since there may always be more work.
            if a.reporter.elapsed() >= limit {
                return Ok(self.late().or_else(|| self.wrong_echo()));
            }
            if let (false, Some(address)) = (is_begun, address(a)) {
                is_begun = true;
                if let Some(caller) = self.b.notifees.get_mut::<DemoCaller>(self.caller) {
                    caller.begin(b, address);
                }
            } else if is_over(a) && is_over(b) {
                a.swarm.shutdown();
                b.swarm.shutdown();
            } else if !happened {
                self.a.sleep(Some(NAP))?;
                self.b.sleep(Some(NAP))?;
            }
        }
    }

    /// Returns, for each side, the name of the side, the events that its swarm has told so far, and the events that are
    /// expected of the side.
    fn sides(&self) -> [(char, Vec<String>, &'static [&'static str]); 2] {
        [('a', log(&self.a.world), OF_A), ('b', log(&self.b.world), OF_B)]
    }

    /// Returns the number of events that were told as expected, of both sides together.
    fn shown(&self) -> usize {
        self.sides().iter().map(|(_, told, due)| as_promised(told, due)).sum()
    }

    /// Returns the first event that differs from the event expected at its position, or `None` if all events so far are as
    /// expected.
    fn differs(&self) -> Option<DemoFault> {
        self.sides().into_iter().find_map(|(side, told, due)| {
            let at = as_promised(&told, due);
            let told = told.get(at)?.clone();
            Some(DemoFault::Differs { side, told, due: due.get(at).copied() })
        })
    }

    /// Returns the first expected event that was not told yet, or `None` if all expected events were told.
    fn late(&self) -> Option<DemoFault> {
        let late = |(side, told, due): (char, Vec<String>, &'static [&'static str])| {
            Some(DemoFault::Late { side, due: due.get(told.len())? })
        };
        self.sides().into_iter().find_map(late)
    }

    fn wrong_echo(&self) -> Option<DemoFault> {
        let echo = self.b.notifees.get::<DemoCaller>(self.caller).map(|caller| caller.echo.as_slice());
        (echo != Some(GREETING)).then_some(DemoFault::Echo)
    }
}

/// Returns the number of events in `told` before the first event that differs from the event at the same position in `due`.
fn as_promised(told: &[String], due: &[&str]) -> usize {
    told.iter().zip(due).take_while(|(told, due)| told == due).count()
}

fn tcp(host: Ipv4Addr, port: u16) -> Multiaddr {
    [multiaddr::Protocol::Ip4(host), multiaddr::Protocol::Tcp(port)].into_iter().collect()
}

/// Returns an event as a text, in the notation of the lists of expected events.
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

/// Returns all events that one side has told, each as a text in the notation of the lists of expected events.
fn log(world: &LoggedSwarm) -> Vec<String> {
    world.told.iter().flatten().map(|event| entry(*event)).collect()
}

/// Returns the address at which side a listens, or `None` until its listener is open.
fn address(world: &LoggedSwarm) -> Option<Multiaddr> {
    let listener = world.swarm.listeners().next()?;
    let address = world.swarm.listener(listener)?.addresses.first()?;
    Some(address.clone().with(multiaddr::Protocol::P2p(world.swarm.local_peer())))
}

/// Returns whether the connection that had opened on a side has ended. Only one connection opens on each side.
fn is_over(world: &LoggedSwarm) -> bool {
    world.told.iter().flatten().any(|event| matches!(event, Event::Disconnected { .. }))
}

/// The notifee of side b. To show all nine events, it first causes a listener, a connection and a stream to fail, and then
/// opens a connection and a stream.
#[derive(Default)]
struct DemoCaller {
    target: Option<Multiaddr>,
    /// A socket that is bound to a port and does not listen, so that the system refuses connections to this port.
    nobody: Option<Socket>,
    echo: Vec<u8>,
}

impl DemoCaller {
    fn begin(&mut self, world: &mut LoggedSwarm, target: Multiaddr) {
        // Side b cannot listen at the address of side a. If the call fails at once, the log differs from the expected one.
        let taken = target.iter().filter(|part| !matches!(part, multiaddr::Protocol::P2p(_))).collect();
        let _ = world.swarm.listen(taken);
        self.target = Some(target);
    }
}

impl Notifee<LoggedSwarm> for DemoCaller {
    /// Dials a port that refuses connections, because the port belongs to a socket of this process that does not listen.
    fn listen_failed(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, _listener: ListenerId, _reason: Failure) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).and_then(|socket| {
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            Ok(socket)
        });
        let port = socket.as_ref().ok().and_then(|socket| socket.local_addr().ok()?.as_socket()).map(|at| at.port());
        // If binding the socket has failed, the log differs from the expected one.
        let _ = cx.network().swarm.dial(tcp(Ipv4Addr::LOCALHOST, port.unwrap_or_default()));
        self.nobody = socket.ok();
    }

    fn connect_failed(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        _connection: ConnectionId,
        _reason: Failure,
    ) {
        // After a second failure, nothing is dialed any more, and the log differs from the expected one.
        if let Some(target) = self.target.take() {
            let _ = cx.network().swarm.dial(target);
        }
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, connection: ConnectionId) {
        // This does not fail: the connection has just opened, and has no other stream.
        let _ = cx.network().swarm.open_stream(connection, &[UNKNOWN]);
    }

    fn stream_failed(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        connection: ConnectionId,
        _stream: StreamId,
        _reason: Failure,
    ) {
        let swarm = &mut cx.network().swarm;
        if let Ok(stream) = swarm.open_stream(connection, &[ECHO]) {
            // Neither call fails: the stream was opened by the line above, and the greeting is short.
            let _ = swarm.write(stream, GREETING);
            let _ = swarm.finish(stream);
        }
    }

    fn closed_stream(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        connection: ConnectionId,
        _stream: StreamId,
        _reason: StreamEnd,
    ) {
        // An error means that the connection has ended together with this stream.
        let _ = cx.network().swarm.close_connection(connection);
    }

    fn stream_ready(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        stream: StreamId,
        _readable: bool,
        _writable: bool,
    ) {
        let mut buffer = [0; 64];
        while let Ok(n @ 1..) = cx.network().swarm.read(stream, &mut buffer) {
            self.echo.extend_from_slice(&buffer[..n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::Restless;
    use crate::report::LogForm;

    #[test]
    fn the_limit_ends_a_demo_that_always_has_work() {
        let mut demo = Demo::new(Reporter::new(LogForm::Json, false), Ipv4Addr::LOCALHOST).unwrap();
        demo.b.notifees.unregister(demo.caller);
        demo.a.notifees.register(Restless { ticks: 0, most: 1_000_000 });
        let fault = demo.run(Duration::from_millis(20)).unwrap();
        assert!(matches!(fault, Some(DemoFault::Late { side: 'a', due: "connected c0.1" })), "{fault:?}");
        assert_eq!(demo.shown(), 1);
    }

    #[test]
    fn an_address_that_cannot_be_used_ends_the_demo_at_once() {
        // No machine has this address, which is reserved for documentation.
        let mut demo = Demo::new(Reporter::new(LogForm::Json, false), Ipv4Addr::new(192, 0, 2, 1)).unwrap();
        let fault = demo.run(DEMO_LIMIT).unwrap().unwrap();
        let text = fault.to_string();
        assert!(
            text.contains("side a told `listen_failed l0.1 ") && text.contains("`listen l0.1` was expected"),
            "{text}"
        );
        assert!(text.contains("127.0.0.1"), "{text}");
        assert_eq!(demo.shown(), 0);
    }
}
