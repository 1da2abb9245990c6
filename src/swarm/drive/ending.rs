//! The first phase of a turn, which begins the closes that a shutdown or a changed list demands, and handles deadlines.

use super::Helping;
use crate::lifecycle::{ConnectionEnd, ConnectionId, ListenerEnd};
use crate::swarm::Swarm;
use crate::swarm::budget::Budget;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::reactor::Reactor;
use crate::swarm::refusals::Refusal;
use crate::swarm::timers::DeadlineOf;
use crate::swarm::wake::WakeTarget;
use core::task::Context;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Does the first phase of a turn, as far as the budget allows: ends denied connections and streams, begins the closes
    /// of a shutdown, continues trimming, and then handles the deadlines that have passed.
    pub(super) fn close_and_judge(&mut self, budget: &mut Budget<'_>) {
        let mut has_closed = false;
        while self.has_closes() && budget.allows() {
            self.close_next();
            has_closed = true;
        }
        let judges = self.timers.are_judged(self.now, self.state.config.lateness);
        self.state.is_owner_late = !judges;
        // A spent budget allows one unit of this phase. Closes and deadlines take turns at it.
        let is_due = judges && self.is_deadline_due();
        if self.has_closes() && !has_closed && (self.queue.closes_next || !is_due) {
            self.queue.closes_next = false;
            return self.close_next();
        }
        self.queue.closes_next = true;
        let mut has_judged = self.trim_due(budget);
        while judges && self.is_deadline_due() && (budget.allows() || !has_judged) {
            has_judged = true;
            match self.timers.take_due(self.now) {
                Some(DeadlineOf::Connection(id)) => self.judge(id),
                Some(DeadlineOf::Door) => self.judge_door(Helping::WHOLE.bytes),
                None => {}
            }
        }
    }

    /// Returns whether a deadline has passed that is not outdated. A deadline is outdated if its connection has been armed
    /// with another deadline since then.
    fn is_deadline_due(&mut self) -> bool {
        let connections = &self.connections;
        self.timers
            .is_due(self.now, |deadline, id| connections.get(id).is_some_and(|conn| conn.armed == Some(deadline)))
    }

    /// Removes outdated deadlines, which are deadlines that no connection has any more: always those that are earlier than
    /// all valid ones, and all of them once they outnumber the connections.
    pub(in crate::swarm) fn forget_deadlines(&mut self) {
        let connections = &self.connections;
        self.timers.prune(connections.len(), |deadline, id| {
            connections.get(id).is_some_and(|conn| conn.armed == Some(deadline))
        });
    }

    /// Returns whether a shutdown has anything left to close, or connections are left to be checked against changed lists or
    /// a changed gate.
    fn has_closes(&self) -> bool {
        self.closing.is_some() || self.is_enforcing()
    }

    /// Does one unit of ending denied connections. Then, in a shutdown, it begins to close the next listener or connection,
    /// or closes the next visitor.
    ///
    /// Both are done in one call: otherwise the shutdown of an owner that changes its lists in each turn would never end.
    fn close_next(&mut self) {
        if self.is_enforcing() {
            self.enforce_next();
        }
        let Some(closing) = &mut self.closing else { return };
        if closing.listener < self.listeners.table.slots() {
            closing.listener += 1;
            if let Some(id) = self.listeners.table.key_at(closing.listener - 1) {
                self.end_listener(id, ListenerEnd::Shutdown);
            }
        } else if let Some(number) = self.door.oldest() {
            self.turn_away(number, Refusal::HandshakeFailed, &"the swarm shuts down");
        } else if closing.connection < self.connections.slots() {
            closing.connection += 1;
            let id = self.connections.key_at(closing.connection - 1);
            if let Some(conn) = id.and_then(|id| self.connections.get_mut(id)) {
                conn.close(&mut self.state, ConnectionEnd::Shutdown, self.now);
            }
        } else {
            self.closing = None;
        }
    }

    /// Handles a deadline of a connection that has passed, and sets the timer for the connection's next deadline. If the
    /// connection's deadline has moved to a later time meanwhile, only the timer is set again.
    fn judge(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(conn) = self.connections.get_mut(id) else { return };
        conn.armed = None;
        if conn.deadline(&self.state).is_some_and(|deadline| deadline <= now) {
            // Bytes that would move the deadline may be in the socket already, without a wake yet.
            self.help(id, Helping::WHOLE);
            let waker = self.wakers.waker(WakeTarget::of(id));
            if let Some(conn) = self.connections.get_mut(id) {
                conn.drive_timeouts(&mut self.state, &mut Context::from_waker(&waker), now);
            }
        }
        self.driven(id);
    }
}
