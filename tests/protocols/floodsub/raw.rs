//! [`Raw`]: a peer whose swarm is in order and who says on floodsub's streams whatever a test wants.

use crate::support::floodsub::{FLOODSUB, keypair};
use crate::support::sim::SimTransport;
use prost::Message as _;
use std::collections::BTreeMap;
use std::task::Context;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, StreamId};
use swarm_notify::protocols::pubsub::Signing;
use swarm_notify::protocols::pubsub::wire::{Rpc, SubOpts};
use swarm_notify::swarm::{Readiness, Swarm};

/// A peer that does what a test wants.
pub(crate) struct Raw {
    pub(crate) swarm: Swarm<SimTransport>,
    /// What has come on each inbound stream that has opened.
    pub(crate) received: BTreeMap<StreamId, Vec<u8>>,
    /// What can be read is left where it is.
    pub(crate) is_deaf: bool,
    /// What it was told of floodsub's streams.
    pub(crate) log: Vec<String>,
}

impl Raw {
    pub(crate) fn new(swarm: Swarm<SimTransport>) -> Self {
        Self { swarm, received: BTreeMap::new(), is_deaf: false, log: Vec::new() }
    }

    pub(crate) fn turn(&mut self, cx: &mut Context<'_>, now: Duration) -> bool {
        let is_busy = self.swarm.poll(cx, now).is_ready();
        while let Some(event) = self.swarm.next_event() {
            match event {
                Event::OpenedStream { stream, .. } => {
                    let direction = self.swarm.stream(stream).unwrap().direction;
                    if direction == Direction::Inbound {
                        self.received.insert(stream, Vec::new());
                    }
                    self.log.push(format!("opened {direction}"));
                }
                Event::StreamFailed { reason, .. } => self.log.push(format!("failed {reason}")),
                Event::ClosedStream { stream, reason, .. } => {
                    let direction = self.swarm.stream(stream).unwrap().direction;
                    self.log.push(format!("closed {direction} {reason}"));
                }
                Event::Listen { .. }
                | Event::ListenFailed { .. }
                | Event::ListenClose { .. }
                | Event::Connected { .. }
                | Event::ConnectFailed { .. }
                | Event::Disconnected { .. } => {}
            }
        }
        while let Some(ready) = self.swarm.next_ready() {
            if let Readiness::Stream { stream, .. } = ready {
                self.read(stream);
            }
        }
        is_busy
    }

    /// Reads what is there, unless it is deaf.
    pub(crate) fn read(&mut self, stream: StreamId) {
        let mut buffer = [0; 4096];
        while !self.is_deaf
            && let Ok(n @ 1..) = self.swarm.read(stream, &mut buffer)
        {
            self.received.entry(stream).or_default().extend_from_slice(&buffer[..n]);
        }
    }

    /// The only connection.
    #[track_caller]
    pub(crate) fn connection(&self) -> ConnectionId {
        let connections: Vec<_> = self.swarm.connections().collect();
        assert_eq!(connections.len(), 1);
        connections[0]
    }

    /// Opens a floodsub stream, on which bytes can be written at once.
    pub(crate) fn open(&mut self) -> StreamId {
        let connection = self.connection();
        self.swarm.open_stream(connection, &[FLOODSUB]).expect("there is place")
    }

    /// Writes, all of which has to fit.
    #[track_caller]
    pub(crate) fn write(&mut self, stream: StreamId, bytes: &[u8]) {
        assert_eq!(self.swarm.write(stream, bytes), Ok(bytes.len()));
    }

    #[track_caller]
    pub(crate) fn send(&mut self, stream: StreamId, rpc: &Rpc) {
        self.write(stream, &rpc.to_frame());
    }

    /// All RPCs that have come, on whatever stream.
    pub(crate) fn rpcs(&self) -> Vec<Rpc> {
        let mut rpcs = Vec::new();
        for bytes in self.received.values() {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                rpcs.push(Rpc::decode_length_delimited(&mut rest).expect("what comes is whole"));
            }
        }
        rpcs
    }

    /// What others have announced, in order: `+topic`, `-topic`.
    pub(crate) fn announced(&self) -> Vec<String> {
        let changes = self.rpcs().into_iter().flat_map(|rpc| rpc.subscriptions);
        changes.map(|opts| format!("{}{}", if opts.subscribe() { '+' } else { '-' }, opts.topic())).collect()
    }

    /// The data of the messages that have come.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let messages = self.rpcs().into_iter().flat_map(|rpc| rpc.publish);
        messages.map(|bytes| Signing::strict_sign(keypair(0), 0).open(&bytes).unwrap().message.data).collect()
    }
}

/// An RPC that subscribes to topics.
pub(crate) fn subscribing(topics: &[&str]) -> Rpc {
    let subscriptions = topics.iter().map(|topic| SubOpts::new(true, *topic));
    Rpc::new(subscriptions.collect(), Vec::new())
}

/// An RPC that publishes messages, whatever they are.
pub(crate) fn publishing(messages: &[Vec<u8>]) -> Rpc {
    Rpc::new(Vec::new(), messages.to_vec())
}

/// A message that is signed as it should be.
pub(crate) fn signed(author: u8, seqno: u64, topic: &str, data: &[u8]) -> Vec<u8> {
    Signing::strict_sign(keypair(author), seqno).seal(topic, data).expect("the key signs").0
}
