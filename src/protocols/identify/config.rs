//! [`Config`]: the bounds of identify, and what it says.

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

/// The bounds and times of an [`Identify`], and what it says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The family of protocols that we belong to. Default `ipfs/0.1.0`, that of go and js nodes.
    pub protocol_version: String,
    /// Our implementation. Default this crate's name and version.
    pub agent_version: String,
    /// Whether each new connection is asked. Default yes.
    pub asks: bool,
    /// Whether changes of our addresses are pushed (and those of our protocols that are noticed on the way: after the
    /// node registers one, [`push`](Identify::push)). Default yes.
    pub pushes: bool,
    /// How long each stream may take, from its opening to its end. Then it is reset; a question without an outcome has
    /// failed of [`Failure::Timeout`], unless all messages that came were whole. Default 10 s.
    pub timeout: Duration,
    /// How many bytes a peer may say in one stream, in at most 10 messages; more is [`Failure::Protocol`]. Default 16 KiB: two
    /// messages of the 8 KiB that go and js take.
    pub max_bytes: usize,
    /// The memory that all connections may take together: what their peers have said, as it is decoded, what has come of what
    /// they are saying, and what they do not read of our answers and pushes. Beyond, the connection for which most is taken
    /// loses the largest part of that. If it is a stream, that is reset, and a question or push has failed of
    /// [`Failure::Limit`]; if it is what the peer has said, [`info`](Identify::info) has nothing any more until the peer says
    /// it again ([`forgotten`](Identify::forgotten)). So a connection that takes no more than `held_bytes` divided by
    /// [`connections`](Limits::connections) always keeps what it has. The events that wait for the owner may have a quarter of
    /// `held_bytes` beside it.
    ///
    /// Default 64 MiB: 4 KiB for each of 16 384 connections. A go-libp2p node with ten addresses and twenty protocols takes
    /// some 3 KiB.
    pub held_bytes: usize,
    /// How many streams of one connection the peer may ask or push on; one more is reset. 0 counts as 1. Default 4.
    pub inbound_streams: usize,
    /// How often the peer of a connection may ask. Beyond it, the connection ends as failed of
    /// [`Fault::Flood`](crate::lifecycle::Fault::Flood). Default 20 at once and 1 a second: go, js and py nodes ask once,
    /// and rust-libp2p nodes every 5 minutes.
    pub questions: Rate,
    /// How often the peer of a connection may push. Beyond it, the connection ends in the same way. Default 100 at once
    /// and 1 a second: a js node from before 2025-06 pushes once for each protocol that it registers.
    pub pushes_heard: Rate,
    /// The work that the signatures of the peer's records may cause on one connection, in signatures of Ed25519: secp256k1 counts
    /// as 2, ECDSA as 9, RSA as 1 (2 048 bits) to 13 (8 192 bits). A record that is known already costs nothing, nor does one
    /// of another peer, which is dropped unverified. Beyond it, the connection ends in the same way, and what the peer said
    /// has failed of [`Failure::Limit`]. Default 400 at once and 10 a second: four for each of the pushes above.
    pub record_work: Rate,
    /// How often we push on one connection at most, so that no peer takes it for a flood. What changes meanwhile is pushed
    /// after [`push_again_after`](Self::push_again_after). Default 10 at once and 1 a second.
    pub pushes_said: Rate,
    /// How many pushes may be under way in all; the rest waits in line. 0 counts as 1. Default 64.
    pub outbound_pushes: usize,
    /// How long a push waits for which the bounds of the swarm leave no stream, or
    /// [`pushes_said`](Self::pushes_said) no place, until it is tried again, as often as it takes; what it says then is what is true then. It is at least 1 ms. Default 1 s.
    pub push_again_after: Duration,
    /// How many events may wait for the owner. One more, and the oldest is lost, which
    /// [`Event::Lagged`](super::Event::Lagged) tells; and likewise where what they tell takes more than a quarter of
    /// [`held_bytes`](Self::held_bytes). 0 counts as 1. Default 256.
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
    /// The bounds for a small machine: a peer may say 4 KiB, all together take 256 KiB, and 8 events wait. See
    /// [`swarm::Config::small`](crate::swarm::Config::small).
    #[must_use]
    pub fn small() -> Self {
        let (max_bytes, held_bytes) = (4 * 1024, 256 * 1024);
        Self { max_bytes, held_bytes, inbound_streams: 2, outbound_pushes: 4, events: 8, ..Self::default() }
    }

    /// Returns the bytes of heap that an [`Identify`] with these bounds takes at worst, in a swarm with these limits: what all
    /// connections and the events that wait may take, and records. Our own message, which is made anew for each who hears it,
    /// may have 16 KiB.
    #[must_use]
    pub fn memory_bound(&self, limits: &Limits) -> usize {
        let entry = const { (size_of::<Option<KnownConnection>>() + 16) / 4 * 5 + 6 * size_of::<ConnectionId>() };
        let stream =
            const { (size_of::<Option<IdentifyStream>>() + 16) / 4 * 5 + 2 * size_of::<(Duration, StreamId)>() + 16 };
        let parts = [
            (1, self.held_bytes.saturating_add(self.held_bytes / 4)),
            // What one stream brings beyond the bound until it is counted, and as protobuf has it, where an empty field of
            // two bytes is a list of its own.
            (32, self.max_bytes),
            // What was told of in one turn, and is known no more.
            (4, most_memory(self.max_bytes)),
            (limits.connections as usize, entry.saturating_add(HeldMemory::<ConnectionId, Item>::HOLDER)),
            (limits.streams as usize, stream.saturating_add(HeldMemory::<ConnectionId, Item>::ITEM)),
            (self.events.max(1), const { 2 * size_of::<Event>() }),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(64 * 1024, usize::saturating_add)
    }
}
