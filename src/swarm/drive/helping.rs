//! The second phase of a turn: the queue of woken connections, and of the transport.

use super::{HELPING, HELPING_ALONE, TRANSPORT_SHARE};
use crate::connection::{Connection, Role};
use crate::lifecycle::{ConnectionId, Direction};
use crate::swarm::budget::Budget;
use crate::swarm::link::{Pipe, Stage, Why};
use crate::swarm::reactor::Reactor;
use crate::swarm::{Swarm, TRANSPORT, slot_of};
use chacha20::rand_core::Rng;
use core::task::Context;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Gives each woken slot a helping, first in, first out. If the last turn has left output, each helping is followed by
    /// one batch of that, so that a flood of input does not keep it from being written.
    pub(super) fn help_woken(&mut self, budget: &mut Budget<'_>) {
        self.queue.turn = self.queue.turn.wrapping_add(1);
        let (mut has_helped, start) = (false, self.ledger.held.all());
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
            // Above the budget, the owner gets to read before much more comes. Others go on in the next turn.
            let is_filled = self.ledger.held.is_filled(start);
            if (!budget.allows() || is_filled) && has_helped {
                break;
            }
            has_helped = true;
            self.queue.woken.pop_front();
            self.wakers.begin(slot);
            if slot == TRANSPORT {
                self.help_transport();
            } else if let Some(id) = self.links.key_at(slot - 1) {
                // In a tick, a connection beside which no other slot waits delays nobody by a large helping.
                let is_alone = budget.shares && self.queue.woken.is_empty() && !self.wakers.is_woken();
                self.help(id, if is_alone { HELPING_ALONE } else { HELPING });
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

    /// Takes a helping of a slot's share of this tick. Returns `false` if its share is used up.
    fn has_share(&mut self, slot: usize) -> bool {
        let (turn, most) = (self.queue.turn, self.ledger.config.reads_per_poll.max(1));
        if slot == TRANSPORT {
            return self.queue.transport.take(turn, TRANSPORT_SHARE);
        }
        let link = self.links.key_at(slot - 1).and_then(|id| self.links.get_mut(id));
        link.is_none_or(|link| link.share.take(turn, most))
    }

    /// Polls a dial or an upgrade, or reads at most `most` bytes of a connection and handles them.
    pub(super) fn help(&mut self, id: ConnectionId, most: usize) {
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
        self.relieve();
        self.discard_own_end();
        self.driven(id);
    }
}
