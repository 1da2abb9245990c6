//! The opening of streams for tasks. A stream is opened at once, or after a wait in [`OpeningQueues`] if a limit is reached.
//!
//! [`OpeningQueues`]: super::opening_queues::OpeningQueues

use super::command::{Proposal, QueuedOpening, StreamRequest};
use super::error::Error;
use super::opened_stream::StreamParts;
use super::outcome::PendingOutcome;
use super::shared::HostShared;
use crate::lifecycle::{ConnectionId, State};
use crate::notifee::Node;
use crate::protocols::Target;
use alloc::rc::Rc;
use core::time::Duration;

/// The minimum time after which queued openings of streams are tried again although no stream has ended.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);

impl HostShared {
    /// Begins to open a stream. If a limit is reached, the request is queued if [`StreamRequest::waits_at_limit`] is true,
    /// and fails otherwise.
    pub(super) fn open_or_wait(
        &self,
        request: StreamRequest,
        slot: Rc<PendingOutcome<StreamParts>>,
        node: &mut dyn Node,
    ) {
        let StreamRequest { target, proposal, waits_at_limit } = request;
        let found = self.begin(|| connection_to(target, node));
        let begun = found.and_then(|connection| {
            // A new request may not be served before the requests that are queued. A request without a protocol fails in any
            // case, so it fails at once.
            let is_behind = !proposal.protocols().is_empty() && self.has_line(connection, node);
            let begun = if is_behind { Err(Error::Limit) } else { self.open(connection, &proposal, &slot, node) };
            match begun {
                Err(Error::Limit) if waits_at_limit => self.join_line(connection, proposal, &slot, node),
                begun => begun,
            }
        });
        if let Err(error) = begun {
            self.fill(&slot, Err(error));
        }
    }

    /// Returns whether a connection is open and tasks wait to open streams on it.
    fn has_line(&self, connection: ConnectionId, node: &dyn Node) -> bool {
        self.waiters(|waiters| waiters.opening_queues.is_waited_for(connection))
            // On a connection that is closing or has ended, the attempt to open the stream returns the right error, and not
            // `Limit`.
            && node.connection(connection).is_some_and(|view| view.state == State::Open)
    }

    fn open(
        &self,
        connection: ConnectionId,
        proposal: &Proposal,
        slot: &Rc<PendingOutcome<StreamParts>>,
        node: &mut dyn Node,
    ) -> Result<(), Error> {
        let id = node.open_stream(connection, proposal.protocols())?;
        slot.begun(id);
        match proposal {
            Proposal::Agreed(_) => drop(self.waiters(|waiters| waiters.opening.insert(id, slot.clone()))),
            // This succeeds: the stream has just begun, so the swarm knows it, and the peer of an open connection is known.
            Proposal::Lazy(_) => self.fill(slot, self.stream(node, id).ok_or(Error::NotConnected)),
        }
        Ok(())
    }

    fn join_line(
        &self,
        connection: ConnectionId,
        proposal: Proposal,
        slot: &Rc<PendingOutcome<StreamParts>>,
        node: &dyn Node,
    ) -> Result<(), Error> {
        let limits = &node.config().limits;
        // With a limit of 0, no place ever becomes free, so waiting would never end.
        if limits.streams == 0 || limits.streams_per_connection == 0 {
            return Err(Error::Limit);
        }
        let waiting = QueuedOpening { proposal, slot: slot.clone() };
        let most = self.config.waiting_openings;
        let joined = self.waiters(|waiters| {
            let joined = waiters.opening_queues.join(connection, most, waiting);
            // Whether the limit of the connection or the limit of the swarm is reached is not known yet. The driver's next
            // turn tries the opening again and finds out.
            waiters.opening_queues.give_turn(connection);
            joined
        });
        slot.waits_at(joined.map_err(|_| Error::Limit)?);
        Ok(())
    }

    /// Begins to open streams for queued requests while the limits allow. At the limit of one connection, the queue of that
    /// connection waits until a stream of the connection has ended, and the queues of the other connections are served. At
    /// the limit of all streams of the swarm, no further queue is served.
    pub(super) fn serve_lines(&self, node: &mut dyn Node, now: Duration) {
        self.waiters(|waiters| waiters.opening_queues.retry(now));
        while let Some((place, waiting)) = self.waiters(|waiters| waiters.opening_queues.take_first()) {
            match self.open(place.connection, &waiting.proposal, &waiting.slot, node) {
                Ok(()) => self.waiters(|waiters| waiters.opening_queues.served(place)),
                Err(Error::Limit) => {
                    // The error does not tell which limit was reached: that of the connection, or that of all streams.
                    let limit = node.config().limits.streams_per_connection as usize;
                    let is_full = node.connection(place.connection).is_some_and(|view| view.streams >= limit);
                    // After this time, half-open streams can be ended in favour of new streams. No event tells that the time
                    // has passed, so the queues are tried again after it.
                    let patience = node.config().connection.half_open_grace.max(SHORTEST_RETRY);
                    self.waiters(|waiters| {
                        waiters.opening_queues.put_back(place, waiting, !is_full);
                        waiters.opening_queues.retry_by(now.saturating_add(patience));
                    });
                    // At the limit of all streams, an opening on any other connection would fail, too. The connection keeps
                    // its turn, so that it is the first to be tried next time.
                    if !is_full {
                        return;
                    }
                }
                // The connection is being closed, by its peer or by our owner.
                Err(_) => {
                    self.waiters(|waiters| waiters.opening_queues.served(place));
                    self.fill(&waiting.slot, Err(Error::Closing));
                }
            }
        }
    }

    /// Returns the time at which to try the queued requests again even if no stream ends.
    pub(super) fn lines_poll_at(&self) -> Option<Duration> {
        self.waiters(|waiters| waiters.opening_queues.retry_at())
    }

    /// Fails all requests to open a stream that are queued for a connection, since the connection is closing or has ended.
    pub(super) fn end_line(&self, connection: ConnectionId) {
        for waiting in self.waiters(|waiters| waiters.opening_queues.take_line(connection)) {
            self.fill(&waiting.slot, Err(Error::Closing));
        }
    }

    /// Fails all queued requests to open a stream with `error`.
    pub(super) fn end_lines(&self, error: &Error) {
        for waiting in self.waiters(|waiters| waiters.opening_queues.take_all()) {
            self.fill(&waiting.slot, Err(error.clone()));
        }
    }
}

/// Returns the connection on which to open a stream for a target. If the target is a peer, returns the oldest open
/// connection to that peer.
fn connection_to(target: Target, node: &dyn Node) -> Result<ConnectionId, Error> {
    match target {
        Target::Connection(id) => Ok(id),
        Target::Peer(peer) => {
            let is_open = |id: &ConnectionId| node.connection(*id).is_some_and(|view| view.state == State::Open);
            node.connections_of(peer).into_iter().find(is_open).ok_or(Error::NotConnected)
        }
    }
}
