//! The work of a turn, in three phases. Each phase asks the [budget](Budget) before each unit of work. It does at least one
//! unit, even with a spent budget, so that every phase makes progress in every turn.
//!
//! ```text
//!  the reactor wakes ─▶ closes, deadlines ─▶ queue of woken slots ─▶ output
//!                                               │      ▲
//!                                               └──────┘ a connection with more to read goes to the end
//! ```
//!
//! Before each helping and each batch of output, waiting listeners, connections and streams open as far as the event queue
//! has room. So they get the room first that the owner has made by draining. Otherwise peers whose streams keep ending would
//! fill the queue with closing events, and nothing would ever open.
//!
//! Output comes last, so that all frames that one turn causes on a connection leave in one write.

mod ending;
mod helping;
mod writing;

use super::Swarm;
use super::budget::{Budget, Helping};
use super::reactor::Reactor;
use super::socket_connection::SocketConnection;
use super::wake::WakeTarget;
use crate::lifecycle::{ConnectionId, Id, StreamId};
use core::task::Context;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

/// The most events of the transport that one tick takes.
const TRANSPORT_SHARE: u32 = 64;

/// The number of events of the transport after which the reactor is asked again in the same turn. It is a quarter of the
/// places that an address has at the door, so that a newcomer that has sent something is heard before half as many others of
/// its address have come.
const EVENTS_UNHEARD: u32 = 16;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Does a turn's work, after the reactor has woken the slots of ready sockets.
    pub(super) fn advance(&mut self, budget: &mut Budget<'_>) {
        self.count_commands();
        self.give_way_to_streams();
        self.close_and_judge(budget);
        if self.is_transport_due && self.accepts() {
            self.wakers.mark(WakeTarget::Transport);
        }
        self.help_woken(budget);
        self.write_dirty(budget);
    }

    /// Starts the time-outs of the commands that were given since the last turn.
    fn count_commands(&mut self) {
        while let Some(id) = self.state.commanded.pop() {
            if let Some(conn) = self.connections.get_mut(id) {
                conn.count_from(&mut self.state, self.now);
            }
            self.arm(id);
        }
    }

    /// Returns whether a turn would find work at once. The owner then has to be told through `poll_at`, since no socket
    /// will wake for it.
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

    /// Adds a connection that has just been dialed or let in, and puts it in the queue, so that it is polled once.
    pub(super) fn insert_connection(&mut self, conn: SocketConnection<T>) {
        let (id, slot) = (conn.id, WakeTarget::of(conn.id));
        // Makes the waker, since only a slot that has one can be marked.
        let _ = self.wakers.waker(slot);
        self.wakers.mark(slot);
        self.connections.insert(id, conn);
    }

    /// Puts a connection that was helped or judged in line for output, and arms its next deadline.
    pub(super) fn driven(&mut self, id: ConnectionId) {
        if let Some(conn) = self.connections.get_mut(id)
            && conn.wants_output()
        {
            conn.mark_dirty(&mut self.state);
        }
        self.arm(id);
    }

    /// Arms a connection's earliest deadline.
    fn arm(&mut self, id: ConnectionId) {
        let Some(conn) = self.connections.get_mut(id) else { return };
        match conn.deadline(&self.state) {
            Some(deadline) => self.timers.arm(id, &mut conn.armed, deadline),
            None => conn.armed = None,
        }
    }

    /// Opens waiting listeners, connections and streams in turn, as far as the event queue has room. A listener and a
    /// connection cost a unit of the budget each. A stream costs none: the room in the queue limits the streams.
    fn admit(&mut self, budget: &mut Budget<'_>, has_done: &mut bool) {
        while self.state.lifecycle.room() > 0 {
            let Some(id) = self.state.opening_queue.first() else { return };
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
