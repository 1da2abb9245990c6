//! Begins streams: at once, or, at a limit, after a wait in [`OpeningQueues`].
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

/// The shortest time after which lines are tried although no stream has ended.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);

impl HostShared {
    /// Begins a stream, or has it wait in line for a place if that is asked for.
    pub(super) fn open_or_wait(
        &self,
        request: StreamRequest,
        slot: Rc<PendingOutcome<StreamParts>>,
        node: &mut dyn Node,
    ) {
        let StreamRequest { target, proposal, waits_at_limit } = request;
        let found = self.begin(|| connection_to(target, node));
        let begun = found.and_then(|connection| {
            // Those in line come first.
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

    /// Returns whether somebody waits for a place on an open connection.
    fn has_line(&self, connection: ConnectionId, node: &dyn Node) -> bool {
        self.waiters(|waiters| waiters.opening_queues.is_waited_for(connection))
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
            // It has just begun, on an open connection, so that it is known, and its peer, too.
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
        if limits.streams == 0 || limits.streams_per_connection == 0 {
            return Err(Error::Limit);
        }
        let waiting = QueuedOpening { proposal, slot: slot.clone() };
        let most = self.config.waiting_openings;
        let joined = self.waiters(|waiters| {
            let joined = waiters.opening_queues.join(connection, most, waiting);
            // There may be a place already, or none on the whole swarm: the driver's turn finds out which.
            waiters.opening_queues.give_turn(connection);
            joined
        });
        slot.waits_at(joined.map_err(|_| Error::Limit)?);
        Ok(())
    }

    /// Begins the streams that there are places for by now, those of the connections whose turn it is. It stops at the
    /// limit of all streams; at that of a connection, the others of that line wait until one of its streams has ended.
    pub(super) fn serve_lines(&self, node: &mut dyn Node, now: Duration) {
        self.waiters(|waiters| waiters.opening_queues.retry(now));
        while let Some((place, waiting)) = self.waiters(|waiters| waiters.opening_queues.take_first()) {
            match self.open(place.connection, &waiting.proposal, &waiting.slot, node) {
                Ok(()) => self.waiters(|waiters| waiters.opening_queues.served(place)),
                Err(Error::Limit) => {
                    let limit = node.config().limits.streams_per_connection as usize;
                    let is_full = node.connection(place.connection).is_some_and(|view| view.streams >= limit);
                    // Half-open streams yield to new ones after this time, and nobody is told when that has passed.
                    let patience = node.config().connection.half_open_grace.max(SHORTEST_RETRY);
                    self.waiters(|waiters| {
                        waiters.opening_queues.put_back(place, waiting, !is_full);
                        waiters.opening_queues.retry_by(now.saturating_add(patience));
                    });
                    if !is_full {
                        return;
                    }
                }
                // Its peer, or whoever has the swarm, is closing it.
                Err(_) => {
                    self.waiters(|waiters| waiters.opening_queues.served(place));
                    self.fill(&waiting.slot, Err(Error::Closing));
                }
            }
        }
    }

    /// Returns the time at which the lines are served although nothing happens.
    pub(super) fn lines_poll_at(&self) -> Option<Duration> {
        self.waiters(|waiters| waiters.opening_queues.retry_at())
    }

    /// Tells all who wait for a place on a connection that it is closing or has ended.
    pub(super) fn end_line(&self, connection: ConnectionId) {
        for waiting in self.waiters(|waiters| waiters.opening_queues.take_line(connection)) {
            self.fill(&waiting.slot, Err(Error::Closing));
        }
    }

    /// Tells all who wait in line that nothing comes of it.
    pub(super) fn end_lines(&self, error: &Error) {
        for waiting in self.waiters(|waiters| waiters.opening_queues.take_all()) {
            self.fill(&waiting.slot, Err(error.clone()));
        }
    }
}

fn connection_to(target: Target, node: &dyn Node) -> Result<ConnectionId, Error> {
    match target {
        Target::Connection(id) => Ok(id),
        Target::Peer(peer) => {
            let is_open = |id: &ConnectionId| node.connection(*id).is_some_and(|view| view.state == State::Open);
            node.connections_of(peer).into_iter().find(is_open).ok_or(Error::NotConnected)
        }
    }
}
