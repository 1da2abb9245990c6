//! The third phase of a turn, which writes pending output to byte pipes. [`Swarm::flush_all`] uses it, too.

use crate::swarm::Swarm;
use crate::swarm::budget::Budget;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::reactor::Reactor;
use crate::swarm::wake::WakeTarget;
use core::task::Context;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Writes pending output until no byte pipe accepts any more, or until the budget is spent. Connections alternate, with
    /// one batch each: a part of their output that is encrypted and written together.
    pub(super) fn write_dirty(&mut self, budget: &mut Budget<'_>) {
        let mut has_written = false;
        self.grant_relieved();
        loop {
            self.admit(budget, &mut has_written);
            if self.state.dirty.is_empty() || !budget.allows() && has_written {
                break;
            }
            has_written = true;
            self.write_next();
        }
        // The next turn writes this number of batches between its helpings.
        self.queue.unwritten = self.state.dirty.len();
        self.forget_deadlines();
    }

    /// Writes one batch of each connection with pending output. It opens no listener, connection or stream.
    pub(in crate::swarm) fn flush_dirty(&mut self) {
        self.count_commands();
        self.grant_relieved();
        self.state.is_flushing = true;
        // A connection whose batch was not its last is queued again behind the others. The count is taken once, so that the
        // owner's call stays bounded: the rest is sent in the next turn.
        for _ in 0..self.state.dirty.len() {
            self.write_next();
        }
        self.state.is_flushing = false;
    }

    /// Writes one batch of the connection whose pending output has waited longest.
    pub(super) fn write_next(&mut self) {
        let Some(id) = self.state.dirty.pop_front() else { return };
        let Some(conn) = self.connections.get_mut(id) else { return };
        conn.is_dirty = false;
        let waker = self.wakers.waker(WakeTarget::of(id));
        // While the peer reads none of our answers, we read nothing of it (`Connection::wants_input`), or it could make us
        // keep answers without end. Bytes that have arrived meanwhile cause no second wake, so the slot is marked here once
        // the output has left.
        let was_clogged = conn.connection().is_some_and(|connection| !connection.wants_input());
        if conn.drive_output(&mut self.state, &mut Context::from_waker(&waker), &mut self.output, self.now) {
            conn.mark_dirty(&mut self.state);
        }
        if was_clogged && conn.connection().is_some_and(|connection| connection.wants_input()) {
            self.wakers.mark(WakeTarget::of(id));
        }
        self.relieve();
        self.arm(id);
    }
}
