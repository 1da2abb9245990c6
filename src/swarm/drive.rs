//! What a turn does, in three phases; each asks the [budget](Budget) before each unit of work, and does one unit even
//! if there is none, so that no phase ever stands still.
//!
//! ```text
//!  the reactor wakes ─▶ closes, deadlines ─▶ the queue of what woke ─▶ output
//!                                                │      ▲
//!                                                └──────┘ what has more to read goes to its end
//! ```
//!
//! Before each helping and each batch, what waits in line opens as far as there is room: the room that the owner has
//! made by draining is first for what waits, since peers that keep the queue full with what ends would let nothing open
//! otherwise.
//!
//! Output comes last, so that all that one turn causes on a connection leaves as one run of bytes.

use super::link::{Link, Pipe, Stage, Why};
use super::reactor::Reactor;
use super::turn::Budget;
use super::{Swarm, TRANSPORT, slot_of};
use crate::connection::{Connection, Role};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, Id, ListenerEnd, StreamId};
use alloc::collections::VecDeque;
use chacha20::rand_core::Rng;
use core::task::Context;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

/// How often one turn asks a reactor that had more than it could say at once.
pub(super) const MAX_HEARINGS: usize = 4;

/// How many bytes one helping reads at most, where others wait or the owner counts.
const HELPING: usize = 16 * 1024;

/// How many events of the transport one tick takes at most.
const TRANSPORT_SHARE: u32 = 64;

/// What of a shutdown has not been begun: everything from these slots on.
#[derive(Debug, Default)]
pub(super) struct Closing {
    listener: usize,
    connection: usize,
}

/// What stands in the queue of a turn, and behind it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Slots in the order in which they woke.
    woken: VecDeque<usize>,
    /// Slots that have had their share of this tick.
    served: VecDeque<usize>,
    /// How many connections the last turn has left with something to say.
    unwritten: usize,
    /// The number of the last turn, by which shares are counted.
    turn: u32,
    /// What the transport has had of its share.
    transport: Share,
    /// Where the budget is spent at once, it is a close's turn, and not a deadline's.
    closes_next: bool,
}

/// How many helpings somebody has had in which turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    turn: u32,
    helpings: u32,
}

impl Share {
    /// Takes a helping of this turn, unless `most` have been taken.
    fn take(&mut self, turn: u32, most: u32) -> bool {
        if self.turn != turn {
            *self = Self { turn, helpings: 0 };
        }
        let has_left = self.helpings < most;
        self.helpings += u32::from(has_left);
        has_left
    }
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// A turn's work, once the reactor has woken what it had to.
    pub(super) fn advance(&mut self, budget: &mut Budget<'_>) {
        self.count_commands();
        self.close_and_judge(budget);
        if self.is_transport_due && self.accepts() {
            self.wakers.mark(TRANSPORT);
        }
        self.help_woken(budget);
        self.write_dirty(budget);
    }

    /// What commands have begun counts from now.
    fn count_commands(&mut self) {
        while let Some(id) = self.ledger.commanded.pop() {
            if let Some(link) = self.links.get_mut(id) {
                link.count_from(&mut self.ledger, self.now);
            }
            self.arm(id);
        }
    }

    /// Whether a turn would find something to do at once.
    pub(super) fn is_busy(&self) -> bool {
        self.hears_more
            || !self.queue.woken.is_empty()
            || self.wakers.is_woken()
            || self.wakers.is_called()
            || !self.ledger.is_settled()
            || !self.ledger.commanded.is_empty()
            || (self.is_transport_due && self.accepts())
            || self.closing.is_some()
    }

    /// Adds a link that has just been dialed or accepted, and puts it in the queue.
    pub(super) fn insert_link(&mut self, link: Link<T>) {
        let (id, slot) = (link.id, slot_of(link.id));
        // The waker has to exist to be marked.
        let _ = self.wakers.waker(slot);
        self.wakers.mark(slot);
        self.links.insert(id, link);
    }

    // The first phase: what ends.

    /// Begins the closes of a shutdown, then judges the deadlines that have come.
    fn close_and_judge(&mut self, budget: &mut Budget<'_>) {
        let mut has_closed = false;
        while self.closing.is_some() && budget.allows() {
            self.close_next();
            has_closed = true;
        }
        let judges = self.timers.are_judged(self.now, self.ledger.config.lateness);
        // Where the budget was spent at once, closes and deadlines take turns.
        let is_due = judges && self.is_deadline_due();
        if self.closing.is_some() && !has_closed && (self.queue.closes_next || !is_due) {
            self.queue.closes_next = false;
            return self.close_next();
        }
        self.queue.closes_next = true;
        let mut has_judged = false;
        while judges && self.is_deadline_due() && (budget.allows() || !has_judged) {
            has_judged = true;
            if let Some((_, id)) = self.timers.take_due(self.now) {
                self.judge(id);
            }
        }
    }

    fn is_deadline_due(&mut self) -> bool {
        let links = &self.links;
        self.timers.is_due(self.now, |deadline, id| links.get(id).is_some_and(|link| link.armed == Some(deadline)))
    }

    /// Begins to close the next listener or connection of a shutdown.
    fn close_next(&mut self) {
        let Some(closing) = &mut self.closing else { return };
        if closing.listener < self.listeners.table.slots() {
            closing.listener += 1;
            if let Some(id) = self.listeners.table.key_at(closing.listener - 1) {
                self.end_listener(id, ListenerEnd::Shutdown);
            }
        } else if closing.connection < self.links.slots() {
            closing.connection += 1;
            let id = self.links.key_at(closing.connection - 1);
            if let Some(link) = id.and_then(|id| self.links.get_mut(id)) {
                link.close(&mut self.ledger, ConnectionEnd::Shutdown, self.now);
            }
        } else {
            self.closing = None;
        }
    }

    /// A connection's deadline has come, unless it has moved away since it was armed.
    fn judge(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(link) = self.links.get_mut(id) else { return };
        link.armed = None;
        if link.deadline(&self.ledger).is_some_and(|deadline| deadline <= now) {
            // The peer's word may be in the socket without anybody having been woken yet.
            self.help(id, HELPING);
            let waker = self.wakers.waker(slot_of(id));
            if let Some(link) = self.links.get_mut(id) {
                link.drive_timeouts(&mut self.ledger, &mut Context::from_waker(&waker), now);
            }
        }
        self.driven(id);
    }

    /// Has what a connection has to say written by the third phase, and its next deadline come up.
    fn driven(&mut self, id: ConnectionId) {
        if let Some(link) = self.links.get_mut(id)
            && link.wants_output()
        {
            link.mark_dirty(&mut self.ledger);
        }
        self.arm(id);
    }

    /// Has a connection looked at again when its deadline comes.
    fn arm(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get_mut(id) else { return };
        match link.deadline(&self.ledger) {
            Some(deadline) => self.timers.arm(id, &mut link.armed, deadline),
            None => link.armed = None,
        }
    }

    // The second phase: what has come.

    /// Helps what woke, one helping each, first in, first out. If the last turn has left output unwritten, a batch of
    /// that follows each helping, so that a flood of input does not keep it from being written.
    fn help_woken(&mut self, budget: &mut Budget<'_>) {
        self.queue.turn = self.queue.turn.wrapping_add(1);
        let mut has_helped = false;
        let mut unwritten = core::mem::take(&mut self.queue.unwritten);
        loop {
            self.admit(budget, &mut has_helped);
            if self.queue.woken.is_empty() {
                self.wakers.take(&mut self.queue.woken);
            }
            let Some(slot) = self.queue.woken.front().copied() else { break };
            if budget.shares && !self.has_share(slot) {
                self.queue.woken.pop_front();
                self.queue.served.push_back(slot);
                continue;
            }
            if !budget.allows() && has_helped {
                break;
            }
            has_helped = true;
            self.queue.woken.pop_front();
            self.wakers.begin(slot);
            if slot == TRANSPORT {
                self.help_transport();
            } else if let Some(id) = self.links.key_at(slot - 1) {
                // An owner that does not count has no use for small helpings where nobody waits.
                let is_alone = budget.shares && self.queue.woken.is_empty() && !self.wakers.is_woken();
                self.help(id, if is_alone { usize::MAX } else { HELPING });
            }
            if unwritten > 0 && budget.allows() {
                unwritten -= 1;
                self.write_next();
            }
        }
        if !self.queue.served.is_empty() {
            self.queue.woken.append(&mut self.queue.served);
        }
    }

    /// Whether a slot has a helping left of its share of this tick, which it takes.
    fn has_share(&mut self, slot: usize) -> bool {
        let (turn, most) = (self.queue.turn, self.ledger.config.reads_per_poll.max(1));
        if slot == TRANSPORT {
            return self.queue.transport.take(turn, TRANSPORT_SHARE);
        }
        let link = self.links.key_at(slot - 1).and_then(|id| self.links.get_mut(id));
        link.is_none_or(|link| link.share.take(turn, most))
    }

    /// Has a connection take one step towards its byte pipe, or read and do what that says.
    fn help(&mut self, id: ConnectionId, most: usize) {
        let (slot, now) = (slot_of(id), self.now);
        let waker = self.wakers.waker(slot);
        let mut cx = Context::from_waker(&waker);
        let Some(link) = self.links.get_mut(id) else { return };
        if let Some(io) = link.poll_pipe(&mut self.ledger, &mut cx) {
            let role = match link.direction {
                Direction::Outbound => Role::Dialer,
                Direction::Inbound => Role::Listener,
            };
            let mut seed = [0; 32];
            self.rng.fill_bytes(&mut seed);
            let config = &self.ledger.config.connection;
            match Connection::new(&self.noise, role, seed, link.expected, config, link.began) {
                Ok(connection) => link.stage = Stage::Up(Pipe { io, connection }),
                Err(error) => {
                    drop(io);
                    link.over(&mut self.ledger, Why::Broke(error));
                }
            }
        }
        if link.drive_input(&mut self.ledger, &mut cx, &mut self.input, most, now) {
            self.wakers.mark(slot);
        }
        self.driven(id);
    }

    /// Opens what is ready, as far as there is room. A listener and a connection cost a unit each; a stream costs
    /// nothing, since there is room for so many only.
    fn admit(&mut self, budget: &mut Budget<'_>, has_done: &mut bool) {
        while self.ledger.lifecycle.room() > 0 {
            let Some(id) = self.ledger.line.front().copied() else { return };
            let costs = !matches!(id, Id::Stream(_)) && self.ledger.is_opening(id);
            if costs && !budget.allows() && *has_done {
                return;
            }
            *has_done |= costs;
            self.ledger.line.pop_front();
            match id {
                Id::Listener(id) => self.admit_listener(id),
                Id::Connection(id) => self.admit_connection(id),
                Id::Stream(id) => self.admit_stream(id),
            }
        }
    }

    fn admit_connection(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get_mut(id).filter(|_| self.ledger.is_opening(id)) else { return };
        let waker = self.wakers.waker(slot_of(id));
        link.admit(&mut self.ledger, &mut Context::from_waker(&waker), self.now);
    }

    fn admit_stream(&mut self, id: StreamId) {
        let Some(connection) = self.ledger.lifecycle.connection_of(id) else { return };
        if let Some(link) = self.links.get_mut(connection) {
            link.admit_stream(id, &mut self.ledger, self.now);
        }
    }

    // The third phase: what is to be said.

    /// Writes what is due, a batch of each connection in turn, until nothing is or its pipe takes no more.
    fn write_dirty(&mut self, budget: &mut Budget<'_>) {
        let mut has_written = false;
        loop {
            self.admit(budget, &mut has_written);
            if self.ledger.dirty.is_empty() || !budget.allows() && has_written {
                break;
            }
            has_written = true;
            self.write_next();
        }
        self.queue.unwritten = self.ledger.dirty.len();
        let links = &self.links;
        self.timers.sweep(links.len(), |deadline, id| links.get(id).is_some_and(|link| link.armed == Some(deadline)));
    }

    /// Writes a batch of each connection that has something to say, and opens nothing.
    pub(super) fn flush_dirty(&mut self) {
        self.count_commands();
        self.ledger.is_flushing = true;
        for _ in 0..self.ledger.dirty.len() {
            self.write_next();
        }
        self.ledger.is_flushing = false;
    }

    /// Writes a batch of the connection that has waited longest with something to say.
    fn write_next(&mut self) {
        let Some(id) = self.ledger.dirty.pop_front() else { return };
        let Some(link) = self.links.get_mut(id) else { return };
        link.is_dirty = false;
        let waker = self.wakers.waker(slot_of(id));
        let was_clogged = link.connection().is_some_and(|connection| !connection.wants_input());
        if link.drive_output(&mut self.ledger, &mut Context::from_waker(&waker), &mut self.output, self.now) {
            link.mark_dirty(&mut self.ledger);
        }
        if was_clogged && link.connection().is_some_and(|connection| connection.wants_input()) {
            self.wakers.mark(slot_of(id));
        }
        self.arm(id);
    }
}
