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
        self.queue.unwritten = self.state.dirty.len();
        self.forget_deadlines();
    }

    /// Writes one batch of each connection with pending output. It opens no listener, connection or stream.
    pub(in crate::swarm) fn flush_dirty(&mut self) {
        self.count_commands();
        self.grant_relieved();
        self.state.is_flushing = true;
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
