//! The count of the bytes that a [`SocketConnection`] holds, and the reaction of the connection when a budget of bytes held
//! is exceeded.

use super::{ConnectionStage, SocketConnection};
use crate::connection::Now;
use crate::connection::muxer::Pressure;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::state::SwarmState;

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    /// Updates the count of the bytes that this connection holds, and makes the connection stop granting window to its peer,
    /// or grant it again, as the budgets demand. Every method that changes a connection ends with this call.
    #[inline]
    pub(in crate::swarm) fn settle<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        let held = self.bytes_held();
        // The cast loses nothing: the slots of streams are numbered by a `u32`.
        let unnamed = self.connection().map_or(0, |connection| connection.streams_without_id() as u32);
        // This runs after everything that a connection does. While no budget is near, nothing but these comparisons is
        // done.
        let is_same = held == self.account.bytes() && unnamed == self.unnamed;
        if !(is_same && !self.account.is_pressed && state.held_bytes.is_calm()) {
            self.resettle(state, held, unnamed);
        }
    }

    #[inline(never)]
    fn resettle<const E: usize>(&mut self, state: &mut SwarmState<E>, held: usize, unnamed: u32) {
        state.held_bytes.change(&mut self.account, held);
        state.count_unnamed(&mut self.unnamed, unnamed);
        if self.heed_pressure(state) {
            let held = self.bytes_held();
            state.held_bytes.change(&mut self.account, held);
        }
    }

    /// Tells the connection whether it has to stop granting window to its peer, or to accept less output from the owner.
    /// Returns `true` if that has changed.
    #[inline]
    pub(in crate::swarm) fn heed_pressure<const E: usize>(&mut self, state: &mut SwarmState<E>) -> bool {
        (self.account.is_pressed || !state.held_bytes.is_calm()) && self.set_pressure(state)
    }

    #[cold]
    #[inline(never)]
    fn set_pressure<const E: usize>(&mut self, state: &mut SwarmState<E>) -> bool {
        let (ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..)) = &mut self.stage else { return false };
        let (connection, pressure) = (&mut pipe.connection, state.held_bytes.pressure(&self.account));
        let Some(before) = connection.pressure() else { return false };
        self.account.is_pressed = pressure != Pressure::None;
        if before != pressure {
            let withheld = connection.withholds();
            connection.set_pressure(pressure, &mut state.environment(Now::Untimed));
            // The window that is granted again is pending output.
            if withheld && !connection.withholds() {
                self.mark_dirty(state);
            }
            return true;
        }
        if pressure == Pressure::All && connection.withholds() {
            state.held_bytes.wait(&mut self.account, self.id);
        }
        false
    }

    fn bytes_held(&self) -> usize {
        let connection = match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => pipe.connection.bytes_held(),
            ConnectionStage::Dialing(_) | ConnectionStage::Over(_) => self.left,
        };
        connection + self.out.capacity()
    }

    /// Subtracts `held` bytes from the count of this connection, after unread bytes of a stream that used this memory were
    /// dropped or taken.
    pub(in crate::swarm) fn uncount<const E: usize>(&mut self, state: &mut SwarmState<E>, held: usize) {
        match self.connection() {
            Some(connection) => connection.uncount(held),
            None => self.left = self.left.saturating_sub(held),
        }
        self.settle(state);
    }

    /// Gives back unused memory of buffers. It is called when the byte pipe accepts no more bytes for now.
    pub(super) fn trim_memory(&mut self) {
        if self.out.capacity() > 2 * self.out.len().max(2 * 1024) {
            self.out.shrink_to_fit();
        }
        if let Some(connection) = self.connection() {
            connection.trim();
        }
    }
}
