//! The six notifications of libp2p on two nodes: `listen`, `listen_close`, `connected`, `disconnected`, `opened_stream` and
//! `closed_stream`, each told to a notifee, which prints it. The page `guide::six_notifications` of the docs has
//! py-libp2p's way beside it.
//!
//! ```text
//! cargo run --example six_notifications     # both nodes are in it, in one loop
//! ```

use std::error::Error;
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Event, ListenerEnd, ListenerId, StreamEnd, StreamId};
use swarm_notify::notifee::{HasNode, Notifee, NotifeeContext, Notifees, Occurrence};
use swarm_notify::swarm::{Config, Readiness, Swarm};
use swarm_notify::{keys, tcp};

const HELLO: Protocol = Protocol::from_static("/hello/1.0.0");

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Prints the six. Each method is empty unless it is written.
struct MyNotifee {
    /// Whose it is.
    name: &'static str,
}

impl<N: HasNode> Notifee<N> for MyNotifee {
    fn listen(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId) {
        let view = cx.network().node().listener(listener).expect("it has just opened");
        println!("{}: listen {}", self.name, view.addresses[0]);
    }
    fn listen_close(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId, reason: ListenerEnd) {
        println!("{}: listen_close, {reason}", self.name);
    }
    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        let view = cx.network().node().connection(connection).expect("it has just opened");
        println!("{}: connected, {}", self.name, view.direction);
    }
    fn disconnected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, reason: ConnectionEnd) {
        println!("{}: disconnected, {reason}", self.name);
    }
    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId) {
        let view = cx.network().node().stream(stream).expect("it has just opened");
        println!("{}: opened_stream {}", self.name, view.protocol.expect("it is agreed"));
    }
    fn closed_stream(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId, reason: StreamEnd) {
        println!("{}: closed_stream, {reason}", self.name);
    }
}

/// A swarm and those that it tells.
struct Node {
    swarm: tcp::Swarm,
    notifees: Notifees<tcp::Swarm>,
}

impl Node {
    fn new(name: &'static str) -> Result<Self> {
        let reactor = tcp::Reactor::new()?;
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let swarm = Swarm::from_os_rng(reactor, transport, &keys::generate()?, Config::default())?;
        let mut notifees = Notifees::new();
        notifees.register(MyNotifee { name });
        Ok(Self { swarm, notifees })
    }

    /// Takes a turn, reads what has come, and returns the events that the notifee was told.
    fn turn(&mut self, now: Duration) -> Vec<Event> {
        let mut told = Vec::new();
        self.swarm.tick(now);
        self.notifees.drive_with_ready(&mut self.swarm, now, |swarm, occurrence| match occurrence {
            Occurrence::Event(event) => told.push(event),
            Occurrence::Ready(Readiness::Stream { stream, .. }) => {
                while let Ok(n) = swarm.read(stream, &mut [0; 64]) {
                    if n == 0 {
                        let _ = swarm.finish(stream); // the peer's end; whoever had finished before has closed it by reading
                        break;
                    }
                }
            }
            Occurrence::Ready(_) => {}
        });
        told
    }

    fn is_over(&self) -> bool {
        self.swarm.is_shut_down() && !self.notifees.has_pending()
    }
}

fn main() -> Result<()> {
    run()
}

/// Has each of the six told on both nodes, as far as a node that does not listen is told of listeners.
pub(crate) fn run() -> Result<()> {
    let (mut server, mut client) = (Node::new("server")?, Node::new("client")?);
    server.swarm.register_protocol(HELLO);
    let listener = server.swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
    let start = Instant::now();
    while !(server.is_over() && client.is_over()) {
        for event in server.turn(start.elapsed()) {
            if let Event::Listen { listener } = event {
                let view = server.swarm.listener(listener).ok_or("it has just opened")?;
                client.swarm.dial(view.addresses[0].clone())?;
            } else if let Event::Disconnected { .. } = event {
                server.swarm.close_listener(listener)?;
            } else if let Event::ListenClose { .. } = event {
                server.swarm.shutdown();
            }
        }
        for event in client.turn(start.elapsed()) {
            if let Event::Connected { connection } = event {
                let stream = client.swarm.open_stream(connection, &[HELLO])?;
                client.swarm.write(stream, b"hello")?;
                client.swarm.finish(stream)?;
            } else if let Event::ClosedStream { connection, .. } = event {
                client.swarm.close_connection(connection)?;
            } else if let Event::Disconnected { .. } = event {
                client.swarm.shutdown();
            }
        }
        std::thread::sleep(Duration::from_millis(1)); // the rest of your frame
    }
    Ok(())
}
