//! [`Honest`]: a peer beside attackers, which loses nothing.

use crate::support::wire::{self, Wire};
use libp2p_identity::Keypair;
use std::time::Duration;
use swarm_notify::connection::{Protocol, ReadError};
use swarm_notify::lifecycle::{Event, StreamId};
use swarm_notify::swarm::{Config, Readiness, Swarm};

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

/// An honest peer that keeps one echo under way.
pub(crate) struct Honest {
    swarm: Swarm<Wire>,
    stream: Option<StreamId>,
    pub(crate) sent: u64,
    pub(crate) echoed: u64,
}

impl Honest {
    /// One that has dialed the node.
    pub(crate) fn new(wire: Wire) -> Self {
        let mut config = Config::default();
        config.connection.idle_timeout = None;
        let identity = Keypair::ed25519_from_bytes([2; 32]).unwrap();
        let mut swarm = Swarm::new(wire, &identity, [2; 32], config).unwrap();
        swarm.dial(wire::address()).unwrap();
        Self { swarm, stream: None, sent: 0, echoed: 0 }
    }

    pub(crate) fn turn(&mut self, now: Duration, goes_on: bool) {
        self.swarm.tick(now);
        while let Some(event) = self.swarm.next_event() {
            match event {
                Event::OpenedStream { stream, .. } if self.stream.is_none() => self.stream = Some(stream),
                Event::Connected { connection } => drop(self.swarm.open_stream(connection, &[ECHO]).unwrap()),
                Event::ClosedStream { stream, .. } => assert_ne!(Some(stream), self.stream, "it loses nothing"),
                Event::Disconnected { connection, reason } => panic!("{connection}: {reason}"),
                Event::Listen { .. }
                | Event::ListenFailed { .. }
                | Event::ListenClose { .. }
                | Event::ConnectFailed { .. }
                | Event::OpenedStream { .. }
                | Event::StreamFailed { .. } => {}
            }
        }
        while let Some(ready) = self.swarm.next_ready() {
            let Readiness::Stream { stream, .. } = ready else { continue };
            let mut buffer = [0; 4 * 1024];
            loop {
                match self.swarm.read(stream, &mut buffer) {
                    Ok(n) => self.echoed += n as u64,
                    Err(error) => {
                        assert_eq!(error, ReadError::Blocked);
                        break;
                    }
                }
            }
        }
        if let Some(stream) = self.stream.filter(|_| goes_on && self.echoed == self.sent) {
            self.sent += self.swarm.write(stream, &[7; 1_000]).unwrap() as u64;
        }
        self.swarm.flush_all(now);
    }
}
