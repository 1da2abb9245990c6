//! [`Config`]: the bounds of a host.

use super::opened_stream::{StreamEnds, StreamParts};
use crate::lifecycle::Limits;
use crate::{swarm, tcp};
use core::time::Duration;

/// The bytes of heap of a stream that somebody holds: what both sides know of it, its places in tables, and its wakers.
const STREAM: usize = size_of::<StreamEnds>() + 2 * size_of::<StreamParts>() + 128;
/// Those of a handler: its task, the record of it by peer, and that of unread bytes. The handler's own future is its owner's.
const HANDLER: usize = size_of::<StreamEnds>() + size_of::<StreamParts>() + 2 * 1024 + 512;
/// Those of a stream that waits for a handler, alone of its peer, and those of unread bytes.
const WAITING: usize = size_of::<StreamEnds>() + 8 * size_of::<StreamParts>() + 2 * 1024;
/// Those of a connection: its place in a table, and of who waits for it.
const CONNECTION: usize = 256;
/// Handlers that are set.
const PROTOCOLS: usize = 4;
/// The executor, the driver, and queues that keep memory.
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
    /// How sockets are made. [`Host::with_swarm`](super::Host::with_swarm) does not look at it.
    pub tcp: tcp::Config,
    /// The most handlers that run at the same time, of all protocols. 0 counts as 1. Default 2 048: twice the
    /// [streams of a peer](swarm::Config::streams_per_peer), so that no peer alone can take all of them.
    pub handlers: usize,
    /// The most of them that run for one peer. Further streams of that peer wait, so that others find a place. 0 counts as 1.
    /// Default `None`: three quarters of `handlers`.
    pub handlers_per_peer: Option<usize>,
    /// The time that a stream waits for a handler while as many run as may. Then the youngest stream of the peer for which most
    /// handlers run is reset, so that its handler ends, if they are more than would run for the peer that waits: once for each
    /// stream that waits. [`Duration::MAX`] has streams wait for ever. Default 5 s.
    pub handler_patience: Duration,
    /// While as many handlers run as may, of all or of a peer: how many inbound streams of one protocol may wait for one of
    /// them to end. The peer for which the fewest run is next; equal peers take turns, and so do the connections of a peer.
    ///
    /// One more is reset. Or, if another peer in that line has at least two more than the newcomer's, of handlers that run
    /// and of streams that wait together, the last one of the peer that has most; or the last one of a connection of
    /// the same peer that has at least two more waiting. So peers with handlers keep nobody out who has none. Default 64.
    pub waiting_streams: usize,
    /// The bytes of streams which have ended that wait for those who hold the streams, or for their handlers, as the capacity of
    /// the buffers. Beyond, the peer that has most of them loses those of whole streams: of streams that were cut first, largest
    /// first, and at last of those that it had finished before their connection ended. Reading then gives the error of the cut
    /// at once. Default 64 MiB.
    pub unread_bytes: usize,
    /// Those of one peer. Default 32 MiB.
    pub unread_bytes_per_peer: usize,
    /// The number of openings that may [wait](super::OpenStream::wait_at_limit) for a place on one connection. One more
    /// fails with [`Error::Limit`](super::Error::Limit). Default 1 024.
    pub waiting_openings: usize,
    /// The most jobs of one [`Remote`](super::Remote) that run at a time, and the most that wait. 0 counts as 1. Default 256.
    pub remote_jobs: usize,
    /// How long a [shutdown](super::Handle::shutdown) waits for handlers to end and for streams to be closed or
    /// dropped, before it closes the connections under them, with a warning in the log; and in the end, for the threads of
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
    /// The bounds of a host for a small machine, in which [`swarm`](Self::swarm) is [small](swarm::Config::small), too: 32 handlers,
    /// and 512 KiB for what ended streams have unread.
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

    /// Returns the bytes of heap that a host with these bounds takes at worst, without services: those of its
    /// [swarm](swarm::Config::memory_bound), what ended streams have unread, and records of streams and handlers, of four
    /// protocols. For each handler, 2 KiB beside its future are reckoned, which is its owner's, as are the futures of handles
    /// and the jobs of a [`Remote`](super::Remote).
    ///
    /// [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) has it with the services that are installed:
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

    /// Returns the bytes of heap that it takes beside its swarm.
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
        // The same part of all that the swarm keeps for peers that hold little.
        self.handlers_per_peer.unwrap_or(handlers - handlers / 4).max(1)
    }
}
