//! The work of a turn, in three phases. Each phase asks the [budget](Budget) before each unit of work. A phase does at least
//! one unit of its work, even if the budget is spent, so that every phase makes progress in every turn.
//!
//! ```text
//!  the reactor wakes ─▶ closes, deadlines ─▶ queue of woken slots ─▶ output
//!                                               │      ▲
//!                                               └──────┘ a connection with more to read goes to the end
//! ```
//!
//! Before each helping of input and each batch of output, the listeners, connections and streams that wait to open are
//! opened, as far as the event queue has room. So they are the first to use the room that the owner has made by draining
//! events. Otherwise peers whose streams keep ending would fill the queue with closing events, and nothing would ever open.
//!
//! Output comes last, so that all frames that one turn causes on a connection leave in one write.

mod ending;
mod helping;
mod writing;

use super::Swarm;
use super::budget::{Budget, Helping};
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::socket_connection::SocketConnection;
use super::wake::WakeTarget;
use crate::lifecycle::{ConnectionId, Id, StreamId};
use core::task::Context;

/// The maximum number of events that one tick polls from the transport.
const TRANSPORT_SHARE: u32 = 64;

/// The number of events of the transport after which the reactor is polled again in the same turn. It is a quarter of the
/// handshakes that one address may have (64), so that the bytes of a visitor are read before half as many other connections
/// have been accepted from its address.
const EVENTS_UNHEARD: u32 = 16;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Does the work of a turn, after the reactor has woken the slots of ready sockets.
    pub(super) fn advance(&mut self, budget: &mut Budget<'_>) {
        self.count_commands();
        // The owner may have opened streams since the last turn. Like streams of peers, they take from the last sixty-fourth
        // of the places, for which the peer with the most streams has to give one up.
        self.give_way_to_streams();
        self.close_and_judge(budget);
        if self.is_transport_due && self.accepts() {
            self.wakers.mark(WakeTarget::Transport);
        }
        self.help_woken(budget);
        self.write_dirty(budget);
    }

    /// Starts the timeouts of the commands that the owner has given since the last turn.
    fn count_commands(&mut self) {
        while let Some(id) = self.state.commanded.pop() {
            if let Some(conn) = self.connections.get_mut(id) {
                conn.count_from(&mut self.state, self.now);
            }
            self.arm(id);
        }
    }

    /// Returns whether a turn would find work at once. In that case `poll_at` has to tell the owner to do a turn, since no
    /// socket will wake the owner.
    pub(super) fn is_busy(&self) -> bool {
        self.hears_more
            || !self.queue.woken.is_empty()
            || self.wakers.is_woken()
            || self.wakers.is_called()
            || !self.state.is_settled()
            || !self.state.commanded.is_empty()
            || self.state.held_bytes.has_relieved()
            || (self.is_transport_due && self.accepts())
            || self.closing.is_some()
            || self.is_enforcing()
    }

    /// Adds a connection that was dialed, or accepted and authenticated, and marks its slot as woken, so that the connection
    /// is polled once.
    pub(super) fn insert_connection(&mut self, conn: SocketConnection<T>) {
        let (id, slot) = (conn.id, WakeTarget::of(conn.id));
        // Makes the waker, since only a slot that has one can be marked.
        let _ = self.wakers.waker(slot);
        self.wakers.mark(slot);
        self.connections.insert(id, conn);
    }

    /// Queues a connection for output if it has some, and arms its next deadline. It is called after the connection has had
    /// a helping, or after one of its deadlines was handled.
    pub(super) fn driven(&mut self, id: ConnectionId) {
        if let Some(conn) = self.connections.get_mut(id)
            && conn.wants_output()
        {
            conn.mark_dirty(&mut self.state);
        }
        self.arm(id);
    }

    /// Arms the timer for a connection's earliest deadline.
    fn arm(&mut self, id: ConnectionId) {
        let Some(conn) = self.connections.get_mut(id) else { return };
        match conn.deadline(&self.state) {
            Some(deadline) => self.timers.arm(id, &mut conn.armed, deadline),
            None => conn.armed = None,
        }
    }

    /// Opens waiting listeners, connections and streams in the order of the opening queue, as far as the event queue has
    /// room. A listener costs one unit of the budget, and so does a connection. A stream costs none: the room in the event
    /// queue limits the number of streams that open.
    fn admit(&mut self, budget: &mut Budget<'_>, has_done: &mut bool) {
        while self.state.lifecycle.room() > 0 {
            let Some(id) = self.state.opening_queue.first() else { return };
            // The entry of a listener or connection that has ended meanwhile may still be in the queue; it costs no unit.
            let costs = !matches!(id, Id::Stream(_)) && self.state.is_opening(id);
            if costs && !budget.allows() && *has_done {
                return;
            }
            *has_done |= costs;
            self.state.opening_queue.pop_first();
            match id {
                Id::Listener(id) => self.admit_listener(id),
                Id::Connection(id) => self.admit_connection(id),
                Id::Stream(id) => self.admit_stream(id),
            }
        }
    }

    fn admit_connection(&mut self, id: ConnectionId) {
        // The lists are asked before a share is claimed: a connection that is denied must not have another one closed for
        // its sake.
        if !self.state.is_opening(id) || self.is_denied_meanwhile(id) || !self.claim_share(id) {
            return;
        }
        if self.state.lifecycle.room() == 0 {
            // The closing event of a connection that gave way has taken the room.
            return self.state.opening_queue.put_back(id);
        }
        let Some(conn) = self.connections.get_mut(id) else { return };
        let waker = self.wakers.waker(WakeTarget::of(id));
        conn.admit(&mut self.state, &mut Context::from_waker(&waker), self.now);
    }

    fn admit_stream(&mut self, id: StreamId) {
        let Some(connection) = self.state.lifecycle.connection_of(id) else { return };
        if let Some(conn) = self.connections.get_mut(connection) {
            conn.admit_stream(id, &mut self.state, self.now);
        }
    }
}
