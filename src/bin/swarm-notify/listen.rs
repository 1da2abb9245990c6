//! `swarm-notify listen`: serves echo and sink until it is told to stop.

use crate::args;
use crate::node::{App, Error, Node};
use crate::report::Reporter;
use libp2p_identity::Keypair;
use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{Event, StreamId};
use swarm_notify::swarm::{Config, Ready};

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(crate) const SINK: Protocol = Protocol::from_static("/sink/1.0.0");

pub(crate) fn run(args: &args::Listen, json: bool) -> Result<bool, Error> {
    let identity = match &args.key {
        Some(path) => key(path).map_err(|why| Error::Key(path.clone(), why))?,
        None => Keypair::generate_ed25519(),
    };
    let mut config = Config::default();
    config.limits.listeners = config.limits.listeners.max(u32::try_from(args.addresses.len()).unwrap_or(u32::MAX));
    // Who dials decides how long that is held.
    config.connection.idle_timeout = None;
    let mut node = Node::new(&identity, config, Reporter::new(json))?;
    node.swarm.register_protocol(ECHO);
    node.swarm.register_protocol(SINK);
    for address in &args.addresses {
        node.swarm.listen(address.clone()).map_err(|error| Error::Listen(error.to_string()))?;
    }
    // Without a listener there is nothing left to wait for but a signal's end.
    match node.run(&mut Server::new(args.addresses.len()))? {
        true => Ok(true),
        false => Err(Error::NothingListens),
    }
}

/// The identity in a file, which is made if it is not there.
fn key(path: &Path) -> Result<Keypair, String> {
    match fs::read(path) {
        Ok(bytes) => Keypair::from_protobuf_encoding(&bytes).map_err(|error| error.to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let identity = Keypair::generate_ed25519();
            let bytes = identity.to_protobuf_encoding().map_err(|error| error.to_string())?;
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(|error| error.to_string())?;
            file.write_all(&bytes).map_err(|error| error.to_string())?;
            Ok(identity)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Serves echo and sink, as long as anything listens.
pub(crate) struct Server {
    /// What each echo stream has read and not written back yet.
    echoes: HashMap<StreamId, Echo>,
    /// How many listeners are open or will be.
    listening: usize,
}

/// It reads on only when all of what it has read is written back.
#[derive(Default)]
struct Echo {
    pending: Vec<u8>,
    written: usize,
}

impl Server {
    /// One whose swarm has `listening` listeners.
    pub(crate) fn new(listening: usize) -> Self {
        Self { echoes: HashMap::new(), listening }
    }
}

impl App for Server {
    fn event(&mut self, node: &mut Node, event: Event) {
        match event {
            Event::OpenedStream { stream, .. } => {
                if node.swarm.stream(stream).is_some_and(|view| view.protocol == Some(&ECHO)) {
                    self.echoes.insert(stream, Echo::default());
                }
            }
            Event::ClosedStream { stream, .. } => drop(self.echoes.remove(&stream)),
            Event::ListenFailed { .. } | Event::ListenClose { .. } => {
                self.listening -= 1;
                if self.listening == 0 {
                    node.swarm.shutdown();
                }
            }
            Event::Listen { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::Disconnected { .. }
            | Event::StreamFailed { .. } => {}
        }
    }

    fn ready(&mut self, node: &mut Node, ready: Ready) {
        let Ready::Stream { stream, .. } = ready else { return };
        match self.echoes.get_mut(&stream) {
            Some(echo) => echo.go_on(node, stream),
            None => sink(node, stream),
        }
    }
}

impl Echo {
    /// Writes back what was read, and reads on, until one of them has to wait.
    fn go_on(&mut self, node: &mut Node, stream: StreamId) {
        loop {
            while self.written < self.pending.len() {
                match node.swarm.write(stream, &self.pending[self.written..]) {
                    Ok(n) => self.written += n,
                    // There is no place yet; or it has ended, and its last event says why.
                    Err(_) => return,
                }
            }
            self.written = 0;
            self.pending.resize(64 * 1024, 0);
            let read = node.swarm.read(stream, &mut self.pending);
            self.pending.truncate(*read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => {
                    let _ = node.swarm.finish(stream);
                    return;
                }
                Ok(_) => {}
                Err(_) => {
                    self.pending = Vec::new();
                    return;
                }
            }
        }
    }
}

/// Reads and drops; ends when the other side does.
fn sink(node: &mut Node, stream: StreamId) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match node.swarm.read(stream, &mut buffer) {
            Ok(0) => {
                let _ = node.swarm.finish(stream);
                return;
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
