//! A node that watches its bounds: it prints each refusal with who was refused, once a second its counts and the bytes held
//! beside their budget, and allows each peer fewer streams while much is held. `cargo run --example guarded ADDRESS`

use std::error::Error;
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{Event, StreamEnd, StreamId};
use swarm_notify::swarm::{Config, ProtocolLimits, Readiness, Refusal, RefusedAt, Swarm};
use swarm_notify::{keys, tcp};

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

/// The streams that a peer may have, usually and while more than half of the budget is held.
const STREAMS: [u32; 2] = [64, 4];

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "/ip4/127.0.0.1/tcp/0".into());
    let mut node = Guarded::listen(server(), &address, |line| println!("{line}"))?;
    loop {
        node.turn()?;
    }
}

/// The bounds of a server with 250 peers, as the page `guide::memory` has them.
pub(crate) fn server() -> Config {
    let mut server = Config::default();
    server.limits.connections = 512;
    server.limits.streams = 8_192;
    server.inbound_handshakes = 256;
    server.outbound_handshakes = 16;
    server.connections_per_peer = 2;
    server.streams_per_peer = 64;
    server.held_bytes = 24 * 1024 * 1024;
    server.held_bytes_per_peer = 6 * 1024 * 1024;
    server.held_bytes_per_connection = 4 * 1024 * 1024;
    let yamux = &mut server.connection.yamux;
    (yamux.max_receive_window, yamux.max_window_growth) = (2 * 1024 * 1024, 2 * 1024 * 1024);
    server
}

/// The kinds of refusals of which there were some.
fn counts(of: impl Fn(Refusal) -> u64) -> String {
    let counts = Refusal::ALL.iter().map(|kind| (kind, of(*kind))).filter(|(_, count)| *count > 0);
    counts.map(|(kind, count)| format!(" {kind}={count}")).collect()
}

/// The node, and where it prints its lines.
pub(crate) struct Guarded<P> {
    swarm: tcp::Swarm,
    start: Instant,
    /// When the counts are printed next.
    next_look: Duration,
    /// It allows fewer streams.
    is_strict: bool,
    print: P,
}

impl<P: FnMut(String)> Guarded<P> {
    pub(crate) fn listen(config: Config, address: &str, print: P) -> Result<Self> {
        let reactor = tcp::Reactor::new()?;
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let identity = keys::generate()?; // `keys::KeyFile` keeps one in a file
        let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, config)?;
        swarm.register_protocol(ECHO);
        swarm.limit_protocol(&ECHO, ProtocolLimits::new().with_per_peer(STREAMS[0]));
        swarm.listen(address.parse()?)?;
        Ok(Self { swarm, start: Instant::now(), next_look: Duration::ZERO, is_strict: false, print })
    }

    /// Sleeps until something comes or the second is over, and handles all of it.
    pub(crate) fn turn(&mut self) -> Result<()> {
        let now = self.start.elapsed();
        self.swarm.wait(now, Some(self.next_look.saturating_sub(now)))?;
        self.swarm.tick(self.start.elapsed());
        while let Some(event) = self.swarm.next_event() {
            self.handle(event);
        }
        while let Some(ready) = self.swarm.next_ready() {
            match ready {
                Readiness::Stream { stream, .. } => self.echo(stream),
                Readiness::Refused { of, kind, count } => self.refused(of, kind, count),
                // A later version may tell of more.
                Readiness::Addresses { .. } | _ => {}
            }
        }
        self.swarm.flush_all(self.start.elapsed());
        self.look();
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Listen { listener } => {
                let addresses = self.swarm.listener(listener).map(|view| view.addresses.to_vec());
                (self.print)(format!("listen {}", addresses.unwrap_or_default()[0]));
            }
            Event::ConnectFailed { connection, .. } | Event::Disconnected { connection, .. } => {
                // Who leaves in good order has no error. Its counts have what no readiness has told.
                let counts = counts(|kind| self.swarm.refused_at(connection, kind));
                let Some(view) = self.swarm.connection(connection) else { return };
                if let Some(error) = view.error {
                    (self.print)(format!("{} {}{counts} {error}", event.name(), view.remote));
                }
            }
            Event::ClosedStream { stream, reason, .. } => {
                drop(self.swarm.take_unread(stream));
                if reason == StreamEnd::Limit {
                    (self.print)(format!("closed_stream {stream} limit"));
                }
            }
            Event::ListenFailed { .. } | Event::ListenClose { .. } | Event::Connected { .. } => {}
            Event::OpenedStream { .. } | Event::StreamFailed { .. } => {}
        }
    }

    fn refused(&mut self, of: RefusedAt, kind: Refusal, count: u64) {
        let from = match of {
            RefusedAt::Connection(id) => self.swarm.connection(id).map(|view| view.remote),
            RefusedAt::Listener(id) => self.swarm.last_refused_from(id, kind),
        };
        let from = from.map_or_else(|| "somebody".to_owned(), ToString::to_string);
        (self.print)(format!("refused {kind} {count} from {from}"));
    }

    /// Sends back what has come, and reads no more than it can send: what it does not read, the swarm counts as held.
    fn echo(&mut self, stream: StreamId) {
        let mut buffer = [0; 4096];
        loop {
            let most = self.swarm.write_room(stream).min(buffer.len());
            if most == 0 {
                // It is refused, and so the stream is named again when there is room.
                let _ = self.swarm.write(stream, b"!");
                return;
            }
            match self.swarm.read(stream, &mut buffer[..most]) {
                Ok(n @ 1..) => {
                    let _ = self.swarm.write(stream, &buffer[..n]);
                }
                Ok(0) => {
                    let _ = self.swarm.finish(stream);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// Prints how things stand once a second, and allows more or fewer streams.
    fn look(&mut self) {
        let now = self.start.elapsed();
        if now < self.next_look {
            return;
        }
        self.next_look = now + Duration::from_secs(1);
        let swarm = &mut self.swarm;
        let (held, budget, bound) = (swarm.bytes_held(), swarm.config().held_bytes, swarm.config().memory_bound());
        let (counters, is_strict) = (*swarm.counters(), held > budget / 2);
        if is_strict != self.is_strict {
            self.is_strict = is_strict;
            let per_peer = STREAMS[usize::from(is_strict)];
            swarm.limit_protocol(&ECHO, ProtocolLimits::new().with_per_peer(per_peer));
            (self.print)(format!("limit {per_peer} streams a peer"));
        }
        (self.print)(format!(
            "now connections={} handshakes={} streams={} held={held} of {budget} bound={bound}{}",
            counters.connections.inbound.open,
            swarm.inbound_handshakes(),
            counters.streams.inbound.open,
            counts(|kind| swarm.refused(kind)),
        ));
    }
}
