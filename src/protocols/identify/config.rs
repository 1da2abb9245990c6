//! [`Config`]: the bounds of identify, and the names of our node in its messages.

use super::Event;
use super::message::most_memory;
use super::streams::{IdentifyStream, Item, KnownConnection};
#[cfg(doc)]
use super::{Identify, Info};
use crate::connection::Rate;
#[cfg(doc)]
use crate::lifecycle::Failure;
use crate::lifecycle::{ConnectionId, Limits, StreamId};
use crate::protocols::held_memory::HeldMemory;
use alloc::string::String;
use core::time::Duration;

/// The bounds and durations of an [`Identify`], and the names of our node that it sends to peers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The family of protocols that our node belongs to, which is sent to peers. Default `ipfs/0.1.0`, which go and js nodes
    /// also send.
    pub protocol_version: String,
    /// The name and version of our implementation, which are sent to peers. Default the name and version of this crate.
    pub agent_version: String,
    /// True if the service asks the peer of each new connection for its information. Default true.
    pub asks: bool,
    /// True if a change of our addresses or protocols is pushed to peers. The service notices a change of protocols only
    /// when it next sends a message, or when our addresses change. To push at once after the node has registered a protocol,
    /// call [`push`](Identify::push). Default true.
    pub pushes: bool,
    /// The maximum duration of a stream of this protocol, from its opening to its end. After this time the stream is reset.
    /// If the outcome of our question is not known by then, the question fails with [`Failure::Timeout`], unless all
    /// messages that arrived on the stream are whole. Default 10 s.
    pub timeout: Duration,
    /// The maximum number of bytes that a peer may send on one stream, in at most 10 messages. If a peer sends more, its
    /// answer or push fails with [`Failure::Protocol`]. Default 16 KiB: two messages of 8 KiB, the maximum that go and js
    /// accept.
    pub max_bytes: usize,
    /// The maximum memory, in bytes, of all connections together: the decoded information that peers have sent, messages
    /// that have not arrived whole, and answers and pushes of ours that peers do not read. When it is exceeded, the
    /// connection that takes most memory loses its largest item. If that item is a stream, the stream is reset, and its
    /// question or push fails with [`Failure::Limit`]. If the item is the peer's information, [`info`](Identify::info)
    /// returns `None` until the peer sends its information again; [`forgotten`](Identify::forgotten) counts such losses. A
    /// connection that takes no more than `held_bytes` divided by [`connections`](Limits::connections) therefore never loses
    /// anything. Events that wait for the owner may take another quarter of `held_bytes`.
    ///
    /// Default 64 MiB: 4 KiB for each of 16 384 connections. A go-libp2p node with ten addresses and twenty protocols
    /// takes about 3 KiB.
    pub held_bytes: usize,
    /// The maximum number of streams of one connection on which the peer may ask for our information or push its own. A
    /// further stream is reset. Default 4; 0 counts as 1.
    pub inbound_streams: usize,
    /// The rate at which the peer of a connection may ask us for our information. If the peer exceeds the rate, the
    /// connection fails with [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 20 at once and 1 a second: go, js and
    /// py nodes ask once, and rust-libp2p nodes every 5 minutes.
    pub questions: Rate,
    /// The rate at which the peer of a connection may push its information to us. If the peer exceeds the rate, the
    /// connection fails with `Fault::Flood`. Default 100 at once and 1 a second: a js node older than 2025-06 pushes once
    /// for each protocol that it registers.
    pub pushes_heard: Rate,
    /// The rate of the work that verifying the signed records of the peer may cause on one connection. The unit is one
    /// verification of an Ed25519 signature. A signature counts as 2 for secp256k1, as 9 for ECDSA, and for RSA as 1 (2 048
    /// bits) to 13 (8 192 bits). A record that is known already costs nothing. A record of another peer costs nothing
    /// either, since it is dropped unverified. If the peer exceeds the rate, the connection fails with `Fault::Flood`, and
    /// the message with the record fails with [`Failure::Limit`]. Default 400 at once and 10 a second: four for each push
    /// that [`pushes_heard`](Self::pushes_heard) allows at once.
    pub record_work: Rate,
    /// The maximum rate of our own pushes on one connection, so that no peer regards them as a flood. A change that exceeds
    /// the rate is pushed later, after [`push_again_after`](Self::push_again_after). Default 10 at once and 1 a second.
    pub pushes_said: Rate,
    /// The maximum number of our pushes under way on all connections together; 0 counts as 1. Further pushes wait in a
    /// queue. Default 64.
    pub outbound_pushes: usize,
    /// The time after which a push is tried again, if the bounds of the swarm or [`pushes_said`](Self::pushes_said) did not
    /// allow a stream for it. The push is tried as often as necessary, and sends the information that is current at that
    /// time. At least 1 ms. Default 1 s.
    pub push_again_after: Duration,
    /// The maximum number of events that are queued for the owner. A further event drops the oldest, and [`Event::Lagged`]
    /// tells the number of dropped events. Events are also dropped when all queued events together would take more than a
    /// quarter of [`held_bytes`](Self::held_bytes). 0 counts as 1. Default 256.
    pub events: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol_version: "ipfs/0.1.0".into(),
            agent_version: concat!("swarm-notify/", env!("CARGO_PKG_VERSION")).into(),
            asks: true,
            pushes: true,
            timeout: Duration::from_secs(10),
            max_bytes: 16 * 1024,
            held_bytes: 64 * 1024 * 1024,
            inbound_streams: 4,
            questions: Rate::new(20, 1),
            pushes_heard: Rate::new(100, 1),
            record_work: Rate::new(400, 10),
            pushes_said: Rate::new(10, 1),
            outbound_pushes: 64,
            push_again_after: Duration::from_secs(1),
            events: 256,
        }
    }
}

impl Config {
    /// Returns the bounds for a small machine: a peer may send 4 KiB on a stream, all peers together take 256 KiB, and 8
    /// events are queued. See [`swarm::Config::small`](crate::swarm::Config::small).
    #[must_use]
    pub fn small() -> Self {
        let (max_bytes, held_bytes) = (4 * 1024, 256 * 1024);
        Self { max_bytes, held_bytes, inbound_streams: 2, outbound_pushes: 4, events: 8, ..Self::default() }
    }

    /// Returns the maximum number of bytes of heap that an [`Identify`] with these bounds takes in a swarm with these
    /// limits: the memory of all connections, the queued events, and the state of connections and streams. Our own message,
    /// which is encoded anew for each peer, is assumed to take at most 16 KiB.
    #[must_use]
    pub fn memory_bound(&self, limits: &Limits) -> usize {
        let entry = const { (size_of::<Option<KnownConnection>>() + 16) / 4 * 5 + 6 * size_of::<ConnectionId>() };
        let stream =
            const { (size_of::<Option<IdentifyStream>>() + 16) / 4 * 5 + 2 * size_of::<(Duration, StreamId)>() + 16 };
        let parts = [
            (1, self.held_bytes.saturating_add(self.held_bytes / 4)),
            // The bytes of one stream that have not been counted yet, and the same bytes decoded as protobuf, where an empty
            // field of two bytes becomes a list entry of its own.
            (32, self.max_bytes),
            // The information that was reported in one turn, and has been dropped since.
            (4, most_memory(self.max_bytes)),
            (limits.connections as usize, entry.saturating_add(HeldMemory::<ConnectionId, Item>::HOLDER)),
            (limits.streams as usize, stream.saturating_add(HeldMemory::<ConnectionId, Item>::ITEM)),
            (self.events.max(1), const { 2 * size_of::<Event>() }),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(64 * 1024, usize::saturating_add)
    }
}
