//! [`Config`]: the bounds of a host.

use crate::{swarm, tcp};
use core::time::Duration;

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
    /// at once. [`memory_bound`](swarm::Config::memory_bound) does not count these bytes. Default 64 MiB.
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
    /// Returns the number of handlers that may run for one peer.
    pub(super) fn handlers_of_a_peer(&self) -> usize {
        let handlers = self.handlers.max(1);
        // The same part of all that the swarm keeps for peers that hold little.
        self.handlers_per_peer.unwrap_or(handlers - handlers / 4).max(1)
    }
}
