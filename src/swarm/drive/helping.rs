//! The second phase of a turn, which handles the input of woken connections and visitors, and the events of the transport.

use super::{EVENTS_UNHEARD, Helping, TRANSPORT_SHARE};
use crate::connection::{Connection, Role};
use crate::lifecycle::ConnectionId;
use crate::swarm::Swarm;
use crate::swarm::budget::Budget;
use crate::swarm::pipe::{Pipe, PipeTransport};
use crate::swarm::reactor::Reactor;
use crate::swarm::socket_connection::{ConnectionStage, EndCause};
use crate::swarm::wake::WakeTarget;
use core::task::Context;

/// The number of woken slots for which the queue always keeps memory.
const WOKEN_KEPT: usize = 64;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Gives each woken slot a helping, in the order in which the slots woke. A slot is the transport, a visitor or a
    /// connection. If the last turn has left output unwritten, one batch of that output is written after each helping, so
    /// that a flood of input cannot delay the output. If the transport had to wait for room in the event queue, it is served
    /// first.
    pub(super) fn help_woken(&mut self, budget: &mut Budget<'_>) {
        self.queue.turn = self.queue.turn.wrapping_add(1);
        // A deadline of the door may have verified a signature, which belongs to no helping of this turn.
        self.state.take_work_of_signatures();
        let (mut has_helped, start) = (false, self.state.held_bytes.all());
        let mut unwritten = core::mem::take(&mut self.queue.unwritten);
        let mut events = 0_u32;
        // The transport goes first, since peers whose streams open or end would use up the room that the owner has made,
        // turn after turn.
        if self.is_transport_due && self.accepts() && budget.allows() {
            self.help_transport();
            has_helped = true;
        }
        loop {
            self.admit(budget, &mut has_helped);
            if self.queue.woken.is_empty() {
                self.wakers.take(&mut self.queue.woken);
            }
            let Some(slot) = self.queue.woken.front().copied() else {
                // Nothing else is ready: the work that the turn has left goes to visitors whose signatures had to wait.
                if budget.allows()
                    && let Some(number) = self.next_held_over()
                {
                    self.wakers.begin(WakeTarget::Visitor(number));
                    self.help_visitor(number, Helping::WHOLE.bytes);
                    self.ask_for_work(budget);
                    continue;
                }
                break;
            };
            // In a tick, which no budget ends, a peer that sends without a pause would be served for ever. Its slot moves to
            // another queue, since at the end of this one it would be found again at once.
            if budget.shares && !self.has_share(slot) {
                self.queue.woken.pop_front();
                self.queue.served.push_back(slot);
                continue;
            }
            if let WakeTarget::Visitor(number) = slot
                && !self.visitor_may_cost(number, self.queue.turn)
            {
                self.queue.woken.pop_front();
                self.queue.held_over.push_back(number);
                continue;
            }
            // Above the budget of bytes held, the turn ends, so that the owner reads before much more arrives. The other
            // slots go on in the next turn.
            let is_filled = self.state.held_bytes.is_filled(start);
            if (!budget.allows() || is_filled) && has_helped {
                break;
            }
            has_helped = true;
            self.queue.woken.pop_front();
            self.wakers.begin(slot);
            match slot {
                WakeTarget::Transport => {
                    self.help_transport();
                    events += 1;
                    if events.is_multiple_of(EVENTS_UNHEARD) {
                        self.hear();
                    }
                }
                WakeTarget::Visitor(number) => self.help_visitor(number, Helping::WHOLE.bytes),
                WakeTarget::Connection(index) => {
                    if let Some(id) = self.connections.key_at(index) {
                        // In a tick, a connection beside which no other slot waits delays nobody by a large helping.
                        let waiting = self.queue.woken.len();
                        let is_alone = budget.shares && waiting == 0 && !self.wakers.is_woken();
                        self.help(id, if is_alone { Helping::ALONE } else { Helping::beside(waiting) });
                    }
                }
            }
            self.ask_for_work(budget);
            // One batch for each helping, and only as many as were left over: output that this turn causes still waits for
            // the third phase, so that all of a connection's frames leave in one write.
            if unwritten > 0 && budget.allows() {
                unwritten -= 1;
                self.write_next();
            }
        }
        // After a turn with many woken slots the queue gives its memory back.
        let kept = WOKEN_KEPT.max(2 * (self.connections.len() + self.door.len()));
        if self.queue.woken.is_empty() && self.queue.woken.capacity() > 2 * kept {
            self.queue.woken.shrink_to(kept);
            self.queue.served.shrink_to(kept);
            self.wakers.give_up_line(kept);
        }
        if !self.queue.served.is_empty() {
            self.queue.woken.append(&mut self.queue.served);
        }
        self.queue.woken.extend(self.queue.held_over.drain(..).map(WakeTarget::Visitor));
    }

    /// Charges the budget for the units that verifying a signature has cost beyond the one unit of its helping. The kind of
    /// the signature, and with it the cost, is known only after the helping.
    fn ask_for_work(&mut self, budget: &mut Budget<'_>) {
        let work = self.state.take_work_of_signatures();
        // The work is done: a refusal ends the turn when it asks again.
        let _ = (1..work).all(|_| budget.allows());
    }

    /// Counts one more helping for a slot in this tick. Returns `false` if the slot has had all helpings that it may have in
    /// one tick.
    fn has_share(&mut self, slot: WakeTarget) -> bool {
        let (turn, most) = (self.queue.turn, self.state.config.reads_per_poll.max(1));
        match slot {
            WakeTarget::Transport => self.queue.transport.take(turn, TRANSPORT_SHARE),
            WakeTarget::Visitor(number) => self.visitor_has_share(number, turn, most),
            WakeTarget::Connection(index) => {
                let conn = self.connections.key_at(index).and_then(|id| self.connections.get_mut(id));
                conn.is_none_or(|conn| conn.share.take(turn, most))
            }
        }
    }

    /// Gives a connection a helping: polls its dial until the dial yields the byte pipe, then reads input of at most the
    /// size `most` from the pipe and handles the input.
    pub(in crate::swarm) fn help(&mut self, id: ConnectionId, most: Helping) {
        let (slot, now) = (WakeTarget::of(id), self.now);
        let waker = self.wakers.waker(slot);
        let mut cx = Context::from_waker(&waker);
        let Some(conn) = self.connections.get_mut(id) else { return };
        if let Some(io) = conn.poll_pipe(&mut self.state, &mut self.reactor, &mut cx, now) {
            let seed = self.seeds.next();
            let config = &self.state.config.connection;
            match Connection::new(
                &self.security,
                Role::Dialer,
                *seed,
                conn.expected.as_deref().copied(),
                config,
                conn.began.or_never(),
            ) {
                Ok(connection) => conn.stage = ConnectionStage::Up(Pipe { io, connection }),
                Err(error) => {
                    drop(io);
                    conn.end(&mut self.state, EndCause::Broke(error));
                }
            }
        }
        if conn.drive_input(&mut self.state, &mut cx, &mut self.input, most, now) {
            self.wakers.mark(slot);
        }
        self.turn_away_own_end();
        self.give_way_to_streams();
        self.relieve();
        self.driven(id);
    }
}
