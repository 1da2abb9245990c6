//! `swarm-notify listen`: serves the protocols echo and sink until a signal ends the command.

// The paths are given, since `tests/attacks/attacked.rs` includes this file from another folder.
#[path = "listen/addresses.rs"]
mod addresses;
#[path = "listen/outcomes.rs"]
mod outcomes;

use crate::args;
use crate::error::Error;
use crate::key::identity;
use crate::node::{LoggedSwarm, Node, RunEnd};
use crate::output::STDOUT;
use crate::publish::Whose;
use crate::report::Reporter;
use crate::services::Services;
use addresses::PrintedAddresses;
use outcomes::Outcomes;
use std::collections::{HashMap, HashSet};
use swarm_notify::connection::{Protocol, Rate};
use swarm_notify::lifecycle::{ConnectionId, Failure, ListenerEnd, ListenerId, StreamEnd, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::swarm::Config;
use swarm_notify::tcp;

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(crate) const SINK: Protocol = Protocol::from_static("/sink/1.0.0");

/// The rate at which a peer may open streams on one connection: 4 000 at once and 1 000 a second. Further streams wait. Each
/// stream causes two lines in the log, so that this rate also limits the growth of the log, for one connection, to 2 000
/// lines (about 400 KB) a second.
const OPENINGS: Rate = Rate::new(4_000, 1_000);

pub(crate) fn run(args: &args::Listen, reporter: Reporter) -> Result<bool, Error> {
    let (identity, exposed) = identity(args.key.as_deref()).map_err(Error::Key)?;
    let mut config = Config::default();
    config.limits.listeners = config.limits.listeners.max(u32::try_from(args.addresses.len()).unwrap_or(u32::MAX));
    // The dialer decides how long a connection without streams is kept open.
    config.connection.idle_timeout = None;
    config.connection.openings = OPENINGS;
    let mut node = Node::new(&identity, config, reporter)?;
    node.world.swarm.register_protocol(ECHO);
    node.world.swarm.register_protocol(SINK);
    for address in &args.addresses {
        node.world.swarm.listen(address.clone()).map_err(|error| Error::Listen(address.clone(), error))?;
    }
    let outcomes = node.notifees.register(Outcomes::default());
    // The notifee `Server` shuts the swarm down when the last listener has ended.
    node.notifees.register(Server::new(args.addresses.len()));
    node.notifees.register(PrintedAddresses::new(args.topic().map(|topic| (topic.option(), topic.name.to_owned()))));
    let mut services = Services::install(&mut node, &identity, args.topic(), Whose::Listen)?;
    // If the reader of the log is slow, lines are dropped, so that no peer is delayed.
    STDOUT.lag();
    let end = node.run("listen", exposed.as_ref(), |cx, world, notifees| {
        let happened = services.publish(cx, world, notifees);
        // `listen` sends no requests, so these calls only print lines.
        while services.next(world, notifees).is_some() {}
        happened
    })?;
    services.end(node.world.reporter, &mut node.notifees);
    node.world.catch_up(true);
    match end {
        RunEnd::Interrupted(_) | RunEnd::Unread => Ok(services.has_lost_nothing()),
        // The notifee is found, since it is never unregistered.
        RunEnd::Done => Err(Error::NothingListens(
            node.notifees.get_mut::<Outcomes>(outcomes).map(Outcomes::take_failed).unwrap_or_default(),
        )),
    }
}

/// A notifee that serves echo and sink, and shuts the swarm down when no listener is left.
pub(crate) struct Server {
    /// The open streams of the protocol echo.
    echoes: HashMap<StreamId, Echo>,
    sinks: HashSet<StreamId>,
    buffer: Box<[u8]>,
    /// The number of listeners that are open or have not opened yet.
    listening: usize,
}

/// The length, in bytes, of the buffer that is used to read from all streams.
const BUFFER: usize = 64 * 1024;

/// The number of echo streams for which memory stays allocated even if fewer are open. The same number applies to the sink
/// streams.
const FEW: usize = 64;

/// The state of an echo stream. The server reads at most one byte more than it can write back, so that it stores at most one
/// byte of a stream whose peer does not read the echo.
#[derive(Default)]
struct Echo {
    kept: Option<u8>,
}

impl Server {
    /// Makes the notifee for a swarm with the given number of listeners.
    pub(crate) fn new(listening: usize) -> Self {
        let (echoes, sinks) = (HashMap::new(), HashSet::new());
        Self { echoes, sinks, buffer: vec![0; BUFFER].into(), listening }
    }

    /// Counts a listener that has ended or failed. If no listener is left, the swarm is shut down.
    fn one_less(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>) {
        self.listening -= 1;
        if self.listening == 0 {
            cx.network().swarm.shutdown();
        }
    }
}

impl Notifee<LoggedSwarm> for Server {
    fn interest(&self) -> Interest {
        let streams = Interest::OPENED_STREAM | Interest::CLOSED_STREAM | Interest::STREAM_READY;
        streams | Interest::LISTEN_FAILED | Interest::LISTEN_CLOSE
    }

    fn listen_failed(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, _listener: ListenerId, _reason: Failure) {
        self.one_less(cx);
    }

    fn listen_close(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, _listener: ListenerId, _reason: ListenerEnd) {
        self.one_less(cx);
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, _connection: ConnectionId, stream: StreamId) {
        match cx.network().swarm.stream(stream).and_then(|view| view.protocol) {
            Some(protocol) if *protocol == ECHO => drop(self.echoes.insert(stream, Echo::default())),
            Some(protocol) if *protocol == SINK => drop(self.sinks.insert(stream)),
            Some(_) | None => {}
        }
    }

    fn closed_stream(
        &mut self,
        _cx: &mut NotifeeContext<'_, LoggedSwarm>,
        _connection: ConnectionId,
        stream: StreamId,
        _reason: StreamEnd,
    ) {
        self.echoes.remove(&stream);
        self.sinks.remove(&stream);
        // When most of many streams have ended, the memory of their entries is freed.
        if self.echoes.len() < self.echoes.capacity() / 4 {
            self.echoes.shrink_to(FEW);
        }
        if self.sinks.len() < self.sinks.capacity() / 4 {
            self.sinks.shrink_to(FEW);
        }
    }

    fn stream_ready(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        stream: StreamId,
        _readable: bool,
        _writable: bool,
    ) {
        let swarm = &mut cx.network().swarm;
        if let Some(echo) = self.echoes.get_mut(&stream) {
            echo.drive(swarm, stream, &mut self.buffer);
        } else if self.sinks.contains(&stream) {
            sink(swarm, stream, &mut self.buffer);
        }
    }
}

impl Echo {
    /// Writes the bytes that have arrived on a stream back to the same stream, until there is nothing more to read or no
    /// room to write.
    fn drive(&mut self, swarm: &mut tcp::Swarm, stream: StreamId, buffer: &mut [u8]) {
        loop {
            if let Some(byte) = self.kept {
                match swarm.write(stream, &[byte]) {
                    Ok(1) => self.kept = None,
                    // There is no room yet, or the stream has ended. In that case, its last event contains the reason.
                    Ok(_) | Err(_) => return,
                }
            }
            // One byte more is read than there is room to write. The failed write of this byte makes the swarm tell when
            // there is room again.
            let most = swarm.write_room(stream).saturating_add(1).min(buffer.len());
            match swarm.read(stream, &mut buffer[..most]) {
                Ok(0) => {
                    // This does not fail, since the stream has just been read from.
                    let _ = swarm.finish(stream);
                    return;
                }
                Ok(n) => {
                    let written = swarm.write(stream, &buffer[..n]).unwrap_or(0);
                    self.kept = buffer[written..n].first().copied();
                    debug_assert!(n - written <= 1, "there was place for all but one");
                }
                Err(_) => return,
            }
        }
    }
}

/// Reads and drops the bytes that have arrived on a stream. When the peer has ended its side of the stream, this function
/// ends our side.
fn sink(swarm: &mut tcp::Swarm, stream: StreamId, buffer: &mut [u8]) {
    loop {
        match swarm.read(stream, buffer) {
            Ok(0) => {
                // This does not fail, since the stream has just been read from.
                let _ = swarm.finish(stream);
                return;
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
