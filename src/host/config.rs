//! [`Config`]: the bounds of a host.

use super::opened_stream::{StreamEnds, StreamParts};
use crate::lifecycle::Limits;
use crate::{swarm, tcp};
use core::time::Duration;

/// The number of bytes of heap for each stream that a task holds: the state that the task and the host share, the entries in
/// tables, and the wakers.
const STREAM: usize = size_of::<StreamEnds>() + 2 * size_of::<StreamParts>() + 128;
/// The number of bytes of heap that a running handler takes: its task, and its entries in the tables of handlers and of
/// unread bytes. The future of the handler is not counted, since it belongs to the owner.
const HANDLER: usize = size_of::<StreamEnds>() + size_of::<StreamParts>() + 2 * 1024 + 512;
/// The maximum number of bytes of heap for each stream that waits for a handler, including its entry in the table of unread
/// bytes. The maximum is reached if the stream is the only waiting stream of its peer.
const WAITING: usize = size_of::<StreamEnds>() + 8 * size_of::<StreamParts>() + 2 * 1024;
/// The number of bytes of heap that a connection takes in the host: its entries in the host's tables, and the entries of the
/// futures that wait for the connection.
const CONNECTION: usize = 256;
/// The number of protocols with a handler for which [`Config::memory_bound`] counts memory.
const PROTOCOLS: usize = 4;
/// The number of bytes of heap that the executor, the driver and the queues take even while they are empty.
const FIXED: usize = 32 * 1024;

/// The bounds of a host, in addition to those of its swarm.
///
/// ```
/// use swarm_notify::host::Config;
///
/// let mut config = Config::default();
/// config.handlers = 100;
/// config.swarm.limits.connections = 100;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The bounds of the swarm. [`Host::with_swarm`](super::Host::with_swarm) and
    /// [`Host::with_reactor`](super::Host::with_reactor) ignore them.
    pub swarm: swarm::Config,
    /// The options of sockets. [`Host::with_swarm`](super::Host::with_swarm) and
    /// [`Host::with_reactor`](super::Host::with_reactor) ignore them.
    pub tcp: tcp::Config,
    /// The maximum number of handlers that run at the same time, for all protocols together. 0 counts as 1. Default 2 048:
    /// twice the [streams of a peer](swarm::Config::streams_per_peer), so that no single peer can occupy all handlers.
    pub handlers: usize,
    /// The maximum number of handlers that run for one peer at the same time. Further streams of that peer wait, so that
    /// handlers can still run for other peers. 0 counts as 1. Default `None`: three quarters of `handlers`.
    pub handlers_per_peer: Option<usize>,
    /// The time that a stream waits for a handler while the maximum number of [`handlers`](Self::handlers) runs. When this
    /// time has passed, the youngest stream of the peer for which the most handlers run is reset, so that its handler ends.
    /// This happens only if that peer has at least two more running handlers than the peer of the waiting stream. Each
    /// waiting stream causes at most one such reset. With [`Duration::MAX`], streams wait for ever. Default 5 s.
    pub handler_patience: Duration,
    /// The maximum number of inbound streams of one protocol that wait for a handler while the maximum number of handlers
    /// runs, in total or for their peer. When a handler ends, the peer for which the fewest handlers run is served next.
    /// Peers with equally many running handlers are served in turn, and the connections of one peer are also served in turn.
    ///
    /// A further stream is reset, unless a waiting stream gives way and is reset in its place. The load of a peer is the
    /// number of its running handlers plus the number of its waiting streams of the protocol. If the highest load of any
    /// peer exceeds the load of the new stream's peer by at least two, the last waiting stream of the peer with the highest
    /// load gives way. Otherwise, among the connections of the new stream's peer, the one with the most waiting streams is
    /// considered. If it has at least two more waiting streams than the new stream's connection, its last waiting stream
    /// gives way. Peers that have handlers therefore do not keep out a peer that has none. Default 64.
    pub waiting_streams: usize,
    /// The maximum number of unread bytes of ended streams: bytes that have arrived before their stream ended, and that the
    /// stream's holder or handler has not read. The capacity of the buffers that contain them is counted. While the maximum
    /// is exceeded, the peer with the most unread bytes loses the bytes of one whole stream after another. Streams that were
    /// cut off lose their bytes first, then streams that the peer had finished before their connection ended; within each
    /// group, the stream with the most bytes is first. Reading a stream that has lost its bytes fails at once with the error
    /// of a stream that was cut off. Default 64 MiB.
    pub unread_bytes: usize,
    /// The maximum number of unread bytes of ended streams for one peer. While this maximum is exceeded, the peer loses
    /// bytes in the order that [`unread_bytes`](Self::unread_bytes) describes. Default 32 MiB.
    pub unread_bytes_per_peer: usize,
    /// The maximum number of openings of streams that [wait](super::OpenStream::wait_at_limit) for a place on one
    /// connection. A further opening fails with [`Error::Limit`](super::Error::Limit). Default 1 024.
    pub waiting_openings: usize,
    /// The maximum number of jobs of one [`Remote`](super::Remote) that run at a time, and also the maximum number of its
    /// jobs that wait. 0 counts as 1. Default 256.
    pub remote_jobs: usize,
    /// The maximum time that a [shutdown](super::Handle::shutdown) waits for handlers to end and for streams to be closed or
    /// dropped. After that time the host closes the connections of the remaining streams, with a warning in the log. At the
    /// end of the shutdown, the host waits for the same maximum time for the threads of
    /// [spawned](crate::notifee::Notifees::spawn) notifees. Default 5 s.
    pub shutdown_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            swarm: swarm::Config::default(),
            tcp: tcp::Config::default(),
            handlers: 2_048,
            handlers_per_peer: None,
            handler_patience: Duration::from_secs(5),
            waiting_streams: 64,
            unread_bytes: 64 << 20,
            unread_bytes_per_peer: 32 << 20,
            waiting_openings: 1_024,
            remote_jobs: 256,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// Returns the bounds of a host for a small machine, with a [small](swarm::Config::small) [`swarm`](Self::swarm): 32
    /// handlers, and 512 KiB of unread bytes of ended streams.
    #[must_use]
    pub fn small() -> Self {
        Self {
            swarm: swarm::Config::small(),
            handlers: 32,
            waiting_streams: 8,
            unread_bytes: 512 * 1024,
            unread_bytes_per_peer: 256 * 1024,
            waiting_openings: 16,
            remote_jobs: 8,
            ..Self::default()
        }
    }

    /// Returns the maximum number of bytes of heap of a host with these bounds, without services: the memory of its
    /// [swarm](swarm::Config::memory_bound), unread bytes of ended streams, and the state of streams and handlers, with
    /// handlers for four protocols. Each handler counts with 2 KiB, without its future. The futures of handlers and of
    /// handles and the jobs of a [`Remote`](super::Remote) belong to the owner, and do not count.
    ///
    /// [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) returns the bound that includes the installed
    /// services:
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use swarm_notify::host::{Config, Host};
    /// use swarm_notify::keys;
    /// use swarm_notify::protocols::ping::{self, Ping};
    ///
    /// let mut host = Host::new(&keys::generate()?, Config::small())?;
    /// let seed = keys::seed()?;
    /// let total = host.with(|notifees, swarm| {
    ///     notifees.install(swarm, Ping::new(seed, ping::Config::small()));
    ///     notifees.memory_bound(swarm)
    /// })?;
    /// assert!(total > Config::small().memory_bound());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        self.swarm.memory_bound().saturating_add(self.own_memory(&self.swarm.limits))
    }

    /// Returns the maximum number of bytes of heap that a host takes in addition to its swarm.
    pub(super) fn own_memory(&self, limits: &Limits) -> usize {
        let parts = [
            (1, self.unread_bytes.saturating_add(FIXED)),
            (limits.streams as usize, STREAM),
            (limits.connections as usize, CONNECTION),
            (self.handlers.max(1), HANDLER),
            // `waiting_streams` bounds each protocol alone, and the number of protocols with a handler is the owner's
            // choice.
            (self.waiting_streams.saturating_mul(PROTOCOLS), WAITING),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(0, usize::saturating_add)
    }

    /// Returns the maximum number of handlers that may run for one peer.
    pub(super) fn handlers_of_a_peer(&self) -> usize {
        let handlers = self.handlers.max(1);
        // One quarter is reserved for other peers. The swarm reserves the same part of its places for peers that have few
        // connections or streams.
        self.handlers_per_peer.unwrap_or(handlers - handlers / 4).max(1)
    }
}
