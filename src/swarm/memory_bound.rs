//! [`Config::memory_bound`], which computes the maximum heap memory of a swarm, and [`Config::small`].

use super::config::Config;
use super::door;
use super::held_bytes::limit;
use super::lists::Network;
use super::readiness::STREAM_READINESS;
use super::trim::PROTECTION;
use crate::connection::{PackedPeer, Stream, UNNAMED};
use crate::lifecycle::{ConnectionId, Event, StreamId};
use core::num::NonZeroU32;
use core::time::Duration;

/// Bytes of the buffers for one read and its plaintexts, of spare receive buffers of streams, of the event queue, and of all
/// memory that is allocated once for the whole swarm.
const FIXED: usize = 256 * 1024 + 64 * 2 * 1024 + 2 * 256 * 1024 + 256 * size_of::<Event>() + 128 * 1024;

/// Bytes of the records of one connection: the connection itself, the waker of its socket, its deadlines, its entry in the
/// index by peer, its ciphers, its address, the text of its error, and the initial memory of its queues. An idle connection
/// needs some 2 KiB of these.
const CONNECTION: usize = 6 * 1024;

/// Bytes that one handshake needs in addition to the records of its connection: first the states of Noise, keys and
/// payloads, later the 8 KiB of input and output that each handshake may always hold.
const HANDSHAKE: usize = 10 * 1024;

/// Bytes of the records of a visitor (an accepted connection whose peer is not authenticated yet): its connection, its entry
/// in the table of visitors, its waker, and its address.
const VISITOR: usize = 4 * 1024;

/// Bytes of the records of one listener with a few addresses.
const LISTENER: usize = 4 * 1024;

/// Bytes of the entries of one stream in queues: the queues of yamux, of streams that wait to write, of window that is still
/// to be granted, of FINs, and of flushes. A queue may have twice as many entries as there are streams, and twice as much
/// capacity as entries.
const PLACES: usize = size_of::<(u32, StreamId)>() * (2 + 4 + 4 + 2 + 4) + size_of::<StreamId>() * 4;

/// Bytes of the records of one stream: its entries in tables (a quarter more, since a table may have spare capacity), the
/// record of its buffer, and its entries in queues.
const STREAM: usize = (size_of::<Option<(NonZeroU32, Stream)>>() + STREAM_READINESS + 64) / 4 * 5 + 64 + PLACES;

/// Bytes that are needed while streams to reset are being chosen: for each stream, and for each connection.
const CHOICE: (usize, usize) = (2 * size_of::<(usize, StreamId, ConnectionId)>(), 256);

/// Bytes of the rule of one peer, in a tree whose nodes may be half empty. The two constants below are the bytes of the rule
/// of one network, and of one denial until a time.
const LISTED_PEER: usize = 2 * (PACKED_PEER + 1) + 16;
const LISTED_NETWORK: usize = 2 * (size_of::<Network>() + 1) + 16;
const TIMED_DENIAL: usize = 2 * (2 * (PACKED_PEER + size_of::<Duration>()) + 8) + 32;
const PACKED_PEER: usize = size_of::<PackedPeer>();

/// Bytes of the largest Noise message on the wire, with the two bytes of its length.
const MESSAGE: usize = 2 + 65_535;

impl Config {
    /// Returns the bounds of a swarm for a small machine: 16 connections and 32 streams. With a host and all services, each
    /// with its `Config::small()`, a node needs at most 10 MiB of heap. A peer may have 4 of the connections and 16 of the
    /// streams, and an address may have 8 of the connections. Windows have a quarter of their usual size and do not grow, so
    /// that streams with a long round trip are slower.
    ///
    /// ```
    /// use swarm_notify::swarm::Config;
    ///
    /// let config = Config::small();
    /// assert!(config.memory_bound() <= 6 * 1024 * 1024);
    /// # #[cfg(feature = "protocols")] {
    /// use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
    ///
    /// let services = ping::Config::small().memory_bound(&config.limits)
    ///     + identify::Config::small().memory_bound(&config.limits)
    ///     + address_book::Config::small().memory_bound(&config.limits)
    ///     + request_response::Config::small().memory_bound::<request_response::Bytes>(&config.limits)
    ///     + pubsub::Config::small().memory_bound();
    /// assert!(config.memory_bound() + services <= 9 * 1024 * 1024);
    /// # }
    /// ```
    #[must_use]
    pub fn small() -> Self {
        let mut config = Self::default();
        let limits = &mut config.limits;
        (limits.listeners, limits.connections, limits.streams, limits.streams_per_connection) = (8, 16, 32, 16);
        limits.owed_per_connection = 16;
        (config.inbound_handshakes, config.outbound_handshakes) = (8, 8);
        // One address may have all places for handshakes, since a newcomer of another address takes one of them. With fewer
        // places, none of the address's own newcomers would be spared when a handshake has to be closed.
        config.handshakes_per_address = 8;
        (config.connections_per_site, config.connections_per_address, config.connections_per_peer) = (16, 8, 4);
        config.streams_per_peer = 16;
        (config.protections, config.descriptor_reserve) = (64, 4);
        config.connection.inbound_backlog = 16;
        config.connection.make_muxer_small();
        config.held_bytes = 5 * 1024 * 1024 / 2;
        config.held_bytes_per_peer = 2 * 1024 * 1024;
        config.held_bytes_per_connection = 1024 * 1024;
        (config.listed_peers, config.listed_networks, config.timed_denials) = (256, 256, 64);
        config
    }

    /// Returns the maximum number of bytes of heap that a swarm with these bounds can use by itself, whatever its peers do.
    /// The number includes handshakes, connections, streams, wakers, deadlines, events, and the bytes held
    /// ([`held_bytes`](Self::held_bytes)), with the quarter by which that budget may be exceeded and the bytes of one more
    /// read. These are the bytes that the swarm requests from the allocator; the allocator may request more from the system.
    ///
    /// The bound holds whenever the owner has drained all events and readiness. It does not include the memory of the owner
    /// itself, of the transport (with our TCP some 200 bytes a socket, and the system's buffers), of an event queue of more
    /// than 256 events (24 bytes each), and of services. Services have a `memory_bound` of their own, and
    /// [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) adds up the bounds of all installed services and
    /// of the swarm.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        let number = |count: u32| count as usize;
        let handshakes = number(self.inbound_handshakes);
        let dials = number(self.outbound_handshakes);
        let (listeners, connections) = (number(self.limits.listeners), number(self.limits.connections));
        let records = [
            (listeners, LISTENER),
            (connections, CONNECTION + CHOICE.1),
            (handshakes, HANDSHAKE + VISITOR),
            (dials.min(connections), HANDSHAKE),
            (number(self.protections), PROTECTION),
            (number(self.limits.streams), STREAM + CHOICE.0),
            // Streams without an id, in tables that may be half empty.
            (number(self.limits.streams), 2 * UNNAMED),
            (number(self.listed_peers), LISTED_PEER),
            (number(self.listed_networks), LISTED_NETWORK),
            (number(self.timed_denials), TIMED_DENIAL),
        ];
        let records = records.iter().map(|(count, each)| count.saturating_mul(*each));
        // The output of one connection: the frames that gather, and those that are being sealed and written.
        let output = self.connection.most_output().saturating_mul(2).saturating_add(2 * MESSAGE);
        // A buffer doubles, up to its window.
        let window = self.connection.most_window();
        let held = limit(self.held_bytes).saturating_add(self.held_bytes / 16).saturating_add(window / 2 + MESSAGE);
        // The bytes that all visitors hold together, and the last read of one of them.
        let held = held.saturating_add(door::budget(self)).saturating_add(MESSAGE);
        // The output of the connection that is being served, and the buffer that the next one borrows.
        records.fold(FIXED, usize::saturating_add).saturating_add(held).saturating_add(output.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_share_is_never_beyond_what_it_is_a_share_of() {
        let config = Config::small();
        let limits = config.limits;
        for (share, of) in [
            (config.handshakes_per_address, config.inbound_handshakes),
            (config.connections_per_address, config.connections_per_site),
            (config.connections_per_site, limits.connections),
            (config.connections_per_peer, limits.connections),
            (config.outbound_handshakes, limits.connections),
            (config.streams_per_peer, limits.streams),
            (limits.streams_per_connection, config.streams_per_peer),
            (limits.owed_per_connection, limits.streams_per_connection),
            (config.connection.inbound_backlog, limits.streams_per_connection),
        ] {
            assert!(0 < share && share <= of, "{share} of {of}");
        }
        assert!(config.streams_per_peer < limits.streams, "no peer has all");
        assert!(config.held_bytes_per_connection <= config.held_bytes_per_peer);
        assert!(config.held_bytes_per_peer <= config.held_bytes);
    }

    #[test]
    fn the_default_bound_is_stated_and_grows_with_each_limit() {
        let bound = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.memory_bound()
        };
        let default = bound(&|_| {});
        assert!((200 << 20..320 << 20).contains(&default), "{default}");
        assert_eq!(bound(&|config| config.held_bytes *= 2) - default, (64 << 20) / 4 * 5 + (4 << 20) + (2 << 20));
        assert!(bound(&|config| config.limits.connections += 1) >= default + CONNECTION);
        assert!(bound(&|config| config.limits.streams += 1) >= default + STREAM);
        assert!(bound(&|config| config.limits.listeners += 1) >= default + LISTENER);
        assert!(bound(&|config| config.inbound_handshakes += 1) >= default + HANDSHAKE);
        assert!(bound(&|config| config.connection.yamux.max_output += 1) > default);
        assert!(bound(&|config| config.connection.yamux.max_receive_window *= 2) > default);
        assert_eq!(bound(&|config| (config.held_bytes, config.limits.streams) = (usize::MAX, u32::MAX)), usize::MAX);
    }
}
