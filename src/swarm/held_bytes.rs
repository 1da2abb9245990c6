//! [`HeldBytes`]: the bytes that wait in all connections, of each peer and of each connection, and who is to get no more.
//!
//! Each connection has a [`ConnectionAccount`] beside it, so that a change costs O(1) and no look-up. What counts is
//! memory: the capacity of the buffers for unread bytes of streams, for output that waits, and for input that was kept.
//! A connection whose bytes have just been read and sent holds next to nothing, whatever others do.

use super::config::Config;
use crate::connection::muxer::Pressure;
use crate::lifecycle::ConnectionId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use libp2p_identity::PeerId;
use slab::Slab;

/// For how many peers, and connections that wait, memory is always kept.
const FEW: usize = 8;
/// Whoever holds more than this part of the budget in all gets none of its last quarter.
const LARGE_PART: usize = 16;
/// Whoever holds more than this part of it gets nothing once it is used up. Who holds less is not why it is.
const SMALL_PART: usize = 64;

/// The counts of all that waits.
#[derive(Debug)]
pub(super) struct HeldBytes {
    all: usize,
    budget: usize,
    budget_of_peer: usize,
    budget_of_connection: usize,
    slots: BTreeMap<PeerId, u32>,
    peers: Slab<PeerHeld>,
    /// Connections that withhold window, and may grant it once less is held in all.
    waiting: Vec<ConnectionId>,
    /// Connections that may no longer have to withhold window.
    relieved: Vec<(ConnectionId, BudgetScope)>,
    /// As long as no more is held in all, nobody is under pressure, for no budget can be exceeded.
    calm: usize,
    /// A budget is exceeded by a quarter, so that something has to go.
    is_over: bool,
}

/// What the connections of one peer hold together.
#[derive(Debug)]
struct PeerHeld {
    connections: u32,
    bytes: usize,
    /// Those that may grant window once less is held by this peer.
    waiting: Vec<ConnectionId>,
}

/// The count of one connection, which lies beside the connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionAccount {
    bytes: usize,
    /// The slot of its peer's record, counted from 1.
    peer: Option<NonZeroU32>,
    waits_for_all: bool,
    waits_for_peer: bool,
    /// Its connection was told of some pressure, and not that there is none any more.
    pub(super) is_pressed: bool,
}

/// The budget that a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BudgetScope {
    All,
    Peer,
}

/// One quarter more: where something has to go.
pub(super) const fn limit(budget: usize) -> usize {
    budget.saturating_add(budget / 4)
}

impl ConnectionAccount {
    /// Returns the bytes that the connection holds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns a number that the connections of one peer share; `None` before the connection has opened.
    pub(super) const fn peer(&self) -> Option<NonZeroU32> {
        self.peer
    }
}

impl HeldBytes {
    pub(super) fn new(config: &Config) -> Self {
        let budgets = [config.held_bytes_per_peer, config.held_bytes_per_connection, config.held_bytes / 4 * 3];
        Self {
            calm: budgets.into_iter().min().unwrap_or(0),
            all: 0,
            budget: config.held_bytes,
            budget_of_peer: config.held_bytes_per_peer,
            budget_of_connection: config.held_bytes_per_connection,
            slots: BTreeMap::new(),
            peers: Slab::new(),
            waiting: Vec::new(),
            relieved: Vec::new(),
            is_over: false,
        }
    }

    /// Returns the bytes that all connections hold.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// Returns the bytes that the connections of a peer hold together.
    pub(super) fn of_peer(&self, peer: &PeerId) -> usize {
        self.slots.get(peer).and_then(|slot| self.peers.get(*slot as usize)).map_or(0, |peer| peer.bytes)
    }

    /// Counts a connection for its peer from now on. The only look-up of a connection's life.
    pub(super) fn join(&mut self, account: &mut ConnectionAccount, peer: PeerId) {
        let slot = *self
            .slots
            .entry(peer)
            .or_insert_with(|| self.peers.insert(PeerHeld { connections: 0, bytes: 0, waiting: Vec::new() }) as u32);
        let record = &mut self.peers[slot as usize];
        record.connections += 1;
        record.bytes += account.bytes;
        account.peer = NonZeroU32::new(slot + 1);
    }

    /// Forgets a connection of `peer`, if that is known, with whatever it still holds.
    pub(super) fn close(&mut self, account: &mut ConnectionAccount, id: ConnectionId, peer: Option<PeerId>) {
        if core::mem::take(&mut account.waits_for_all) {
            self.waiting.retain(|waiting| *waiting != id);
        }
        let slot = account.peer.map(|slot| slot.get() as usize - 1);
        if let Some(record) = slot.and_then(|slot| self.peers.get_mut(slot))
            && core::mem::take(&mut account.waits_for_peer)
        {
            record.waiting.retain(|waiting| *waiting != id);
        }
        self.change(account, 0);
        account.peer = None;
        let Some((slot, record)) = slot.and_then(|slot| Some((slot, self.peers.get_mut(slot)?))) else { return };
        record.connections -= 1;
        if record.connections == 0 {
            if let Some(peer) = peer {
                self.slots.remove(&peer);
            }
            self.peers.remove(slot);
        }
    }

    /// Gives memory back if less than half of it is needed, so that the many who leave one after the other do not each have
    /// all of it moved.
    pub(super) fn give_up_memory(&mut self) {
        if self.waiting.capacity() > FEW && self.waiting.len() < self.waiting.capacity() / 2 {
            self.waiting.shrink_to_fit();
        }
        if self.peers.capacity() > FEW && self.peers.len() < self.peers.capacity() / 2 {
            self.peers.shrink_to_fit();
        }
    }

    /// A connection holds `bytes` now.
    pub(super) fn change(&mut self, account: &mut ConnectionAccount, bytes: usize) {
        let before = core::mem::replace(&mut account.bytes, bytes);
        if before == bytes {
            return;
        }
        let all = (self.all + bytes).saturating_sub(before);
        if self.all.max(all) <= self.calm {
            self.all = all;
            if let Some(peer) = account.peer.and_then(|slot| self.peers.get_mut(slot.get() as usize - 1)) {
                peer.bytes = (peer.bytes + bytes).saturating_sub(before);
            }
            return;
        }
        self.change_under_pressure(account, before, all);
    }

    /// The same where some budget may be exceeded, or was.
    #[cold]
    #[inline(never)]
    fn change_under_pressure(&mut self, account: &ConnectionAccount, before: usize, all: usize) {
        let bytes = account.bytes;
        let (small, large) = (self.budget / SMALL_PART, self.budget / LARGE_PART);
        let level = |all: usize| u8::from(all > self.budget) + u8::from(all > self.budget / 4 * 3);
        let fell = level(self.all);
        self.all = all;
        if level(self.all) < fell {
            self.relieved.extend(self.waiting.drain(..).map(|id| (id, BudgetScope::All)));
        }
        let most = self.budget_of_peer;
        let rank = |of: usize| u8::from(of > small) + u8::from(of > large) + u8::from(of > most);
        if let Some(peer) = account.peer.and_then(|slot| self.peers.get_mut(slot.get() as usize - 1)) {
            let fell = rank(peer.bytes);
            peer.bytes = (peer.bytes + bytes).saturating_sub(before);
            if rank(peer.bytes) < fell {
                self.relieved.extend(peer.waiting.drain(..).map(|id| (id, BudgetScope::Peer)));
            }
            self.is_over |= peer.bytes > limit(most);
        }
        self.is_over |= bytes > limit(self.budget_of_connection) || self.all > limit(self.budget);
    }

    /// Returns whether nobody is under pressure. It may be `false` though nobody is.
    pub(super) const fn is_calm(&self) -> bool {
        self.all <= self.calm
    }

    /// Returns how scarce memory is for a connection.
    pub(super) fn pressure(&self, account: &ConnectionAccount) -> Pressure {
        let of_peer = account.peer.and_then(|slot| self.peers.get(slot.get() as usize - 1));
        let of_peer = of_peer.map_or(account.bytes, |peer| peer.bytes);
        let is_spent = self.all > self.budget;
        let is_last_quarter = self.all > self.budget / 4 * 3;
        if account.bytes > self.budget_of_connection
            || of_peer > self.budget_of_peer
            || is_last_quarter && of_peer > self.budget / LARGE_PART
            || is_spent && of_peer > self.budget / SMALL_PART
        {
            Pressure::All
        } else if is_spent {
            Pressure::Output
        } else {
            Pressure::None
        }
    }

    /// Has a connection that withholds window come up once less is held, in all or by its peer.
    pub(super) fn wait(&mut self, account: &mut ConnectionAccount, id: ConnectionId) {
        if !core::mem::replace(&mut account.waits_for_all, true) {
            self.waiting.push(id);
        }
        if let Some(peer) = account.peer.and_then(|slot| self.peers.get_mut(slot.get() as usize - 1))
            && !core::mem::replace(&mut account.waits_for_peer, true)
        {
            peer.waiting.push(id);
        }
    }

    /// Takes the next connection that may no longer have to withhold window.
    pub(super) fn next_relieved(&mut self) -> Option<(ConnectionId, BudgetScope)> {
        let next = self.relieved.pop();
        if next.is_none() {
            self.relieved = Vec::new();
        }
        next
    }

    /// Returns whether [`next_relieved`](Self::next_relieved) has one.
    pub(super) const fn has_relieved(&self) -> bool {
        !self.relieved.is_empty()
    }

    /// Takes note that a connection has come up from a line.
    pub(super) const fn came_up(account: &mut ConnectionAccount, line: BudgetScope) {
        match line {
            BudgetScope::All => account.waits_for_all = false,
            BudgetScope::Peer => account.waits_for_peer = false,
        }
    }

    /// Returns whether a budget is exceeded by a quarter.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns whether it is, and takes note that the caller acts on that.
    pub(super) const fn take_over(&mut self) -> bool {
        core::mem::replace(&mut self.is_over, false)
    }

    /// Returns whether more is held than a budget and an eighth of it, by this connection, by its peer, or by all. There
    /// relief ends, so that it does not begin again at once.
    pub(super) fn is_beyond(&self, account: &ConnectionAccount) -> bool {
        let is_beyond = |held: usize, budget: usize| held > budget.saturating_add(budget / 8);
        let of_peer = account.peer.and_then(|slot| self.peers.get(slot.get() as usize - 1));
        is_beyond(self.all, self.budget)
            || of_peer.is_some_and(|peer| is_beyond(peer.bytes, self.budget_of_peer))
            || is_beyond(account.bytes, self.budget_of_connection)
    }

    /// Returns whether a turn that began with `start` bytes has filled so much that its owner should read first.
    pub(super) const fn is_filled(&self, start: usize) -> bool {
        self.all > self.budget && self.all.saturating_sub(start) > self.budget / 8
    }

    /// Returns the memory that streams may take in one helping before its owner looks at the budgets again.
    pub(super) const fn helping(&self) -> usize {
        let part = self.budget / 16;
        if part == 0 { 1 } else { part }
    }
}

#[cfg(test)]
mod tests;
