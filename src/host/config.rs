//! [`Config`]: the bounds of a host.

use super::opened_stream::{StreamEnds, StreamParts};
use crate::lifecycle::Limits;
use crate::{swarm, tcp};
use core::time::Duration;

/// The bytes of heap of a stream that a task holds: the state that both sides share, its places in tables, and its wakers.
const STREAM: usize = size_of::<StreamEnds>() + 2 * size_of::<StreamParts>() + 128;
/// The bytes of heap of a running handler: its task, and its records by peer and of unread bytes. The handler's own future is
/// its owner's.
const HANDLER: usize = size_of::<StreamEnds>() + size_of::<StreamParts>() + 2 * 1024 + 512;
/// The bytes of heap of a stream that waits for a handler, if it is the only one of its peer, with its record of unread bytes.
const WAITING: usize = size_of::<StreamEnds>() + 8 * size_of::<StreamParts>() + 2 * 1024;
/// The bytes of heap of a connection: its places in tables, and in those of the futures that wait for it.
const CONNECTION: usize = 256;
/// The number of protocols with a handler that the bound counts with.
const PROTOCOLS: usize = 4;
/// The bytes of heap of the executor, the driver, and queues that keep their memory.
const FIXED: usize = 32 * 1024;

/// The bounds of a host, on top of those of its swarm.
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
    /// The bounds of the swarm. [`Host::with_swarm`](super::Host::with_swarm) does not look at them.
    pub swarm: swarm::Config,
    /// The options of sockets. [`Host::with_swarm`](super::Host::with_swarm) does not look at them.
    pub tcp: tcp::Config,
    /// The maximum number of handlers that run at the same time, of all protocols together. 0 counts as 1. Default 2 048:
    /// twice the [streams of a peer](swarm::Config::streams_per_peer), so that no peer alone can take all of them.
    pub handlers: usize,
    /// The maximum number of handlers that run for one peer at the same time. Further streams of that peer wait, so that
    /// others find a place. 0 counts as 1. Default `None`: three quarters of `handlers`.
    pub handlers_per_peer: Option<usize>,
    /// The time that a stream waits for a handler while as many run as [`handlers`](Self::handlers) allows. After that, the
    /// youngest stream of the peer for which the most handlers run is reset, so that its handler ends, if more handlers run
    /// for that peer than would run for the waiting one. Each waiting stream causes one such reset at most.
    /// [`Duration::MAX`] has streams wait for ever. Default 5 s.
    pub handler_patience: Duration,
    /// The maximum number of inbound streams of one protocol that wait for a handler, while as many handlers run as may, in
    /// all or for their peer. When a handler ends, the peer for which the fewest run is next; equal peers take turns, and so
    /// do the connections of one peer.
    ///
    /// A further stream is reset, unless another one gives way and is reset in its place. The load of a peer is the number of
    /// its running handlers plus that of its streams in this line. If the peer with the highest load has at least two more
    /// than the peer of the new stream, its last stream in the line gives way. Otherwise, if another connection of the same
    /// peer has at least two more waiting streams, the last one of the connection with the most gives way. So peers that have
    /// handlers do not keep out a peer that has none. Default 64.
    pub waiting_streams: usize,
    /// The maximum number of bytes that have arrived on streams which have ended, and that their holders or handlers have not
    /// read. The capacity of the buffers counts. Beyond the limit, the peer with the most of these bytes loses them, one whole
    /// stream after another: first those of streams that were cut, the largest first, and then those of streams that the peer
    /// had finished before their connection ended. Reading such a stream gives the error of a cut at once. Default 64 MiB.
    pub unread_bytes: usize,
    /// The same limit for the streams of one peer. Default 32 MiB.
    pub unread_bytes_per_peer: usize,
    /// The maximum number of openings that [wait](super::OpenStream::wait_at_limit) for a place on one connection. A further
    /// one fails with [`Error::Limit`](super::Error::Limit). Default 1 024.
    pub waiting_openings: usize,
    /// The maximum number of jobs of one [`Remote`](super::Remote) that run at a time, and that of jobs that wait. 0 counts
    /// as 1. Default 256.
    pub remote_jobs: usize,
    /// The time that a [shutdown](super::Handle::shutdown) waits for handlers to end and for streams to be closed or dropped.
    /// After that it closes their connections, with a warning in the log. In the end, it waits for the same time for the
    /// threads of [spawned](crate::notifee::Notifees::spawn) notifees. Default 5 s.
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
    /// Returns the bounds of a host for a small machine, with a [`swarm`](Self::swarm) that is [small](swarm::Config::small),
    /// too: 32 handlers, and 512 KiB of unread bytes of ended streams.
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

    /// Returns the maximum number of bytes of heap of a host with these bounds, without services: those of its
    /// [swarm](swarm::Config::memory_bound), unread bytes of ended streams, and records of streams and handlers, with handlers
    /// for four protocols. Each handler counts with 2 KiB, without its future. The futures of handlers and of handles and the
    /// jobs of a [`Remote`](super::Remote) belong to the owner, and do not count.
    ///
    /// [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) returns the bound with the services that are
    /// installed:
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

    /// Returns the maximum number of bytes of heap that a host takes without its swarm.
    pub(super) fn own_memory(&self, limits: &Limits) -> usize {
        let parts = [
            (1, self.unread_bytes.saturating_add(FIXED)),
            (limits.streams as usize, STREAM),
            (limits.connections as usize, CONNECTION),
            (self.handlers.max(1), HANDLER),
            (self.waiting_streams.saturating_mul(PROTOCOLS), WAITING),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(0, usize::saturating_add)
    }

    /// Returns the number of handlers that may run for one peer.
    pub(super) fn handlers_of_a_peer(&self) -> usize {
        let handlers = self.handlers.max(1);
        // One quarter is left to others, the same part that the swarm keeps for peers that hold little.
        self.handlers_per_peer.unwrap_or(handlers - handlers / 4).max(1)
    }
}
