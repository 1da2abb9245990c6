//! [`HeldBytes`]: the number of bytes that connections hold, counted for each connection, for each peer, and in all; and the
//! limits that follow when a budget is used up.
//!
//! Each connection owns a [`ConnectionAccount`], so that a change of its count costs O(1) and no lookup. The counted bytes
//! are the capacities of the buffers for unread bytes of streams, for pending output, and for incomplete input. A connection
//! whose input was read and whose output was sent holds almost no bytes.

use super::config::Config;
use crate::connection::muxer::Pressure;
use crate::lifecycle::ConnectionId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use libp2p_identity::PeerId;
use slab::Slab;

/// The number of peers, and of waiting connections, for which memory is never given back.
const FEW: usize = 8;
/// The divisor of the large part of the budget for all connections: a peer that holds more than 1/16 of it is granted no
/// window while more than 3/4 of the budget are used.
const LARGE_PART: usize = 16;
/// The divisor of the small part of the budget for all connections: a peer that holds more than 1/64 of it is granted no
/// window while the budget is exceeded. A peer that holds less has not caused the excess.
const SMALL_PART: usize = 64;

/// The counts of bytes held, in all and for each peer, and the connections that wait for the counts to fall.
#[derive(Debug)]
pub(super) struct HeldBytes {
    all: usize,
    budget: usize,
    budget_of_peer: usize,
    budget_of_connection: usize,
    slots: BTreeMap<PeerId, u32>,
    peers: Slab<PeerHeld>,
    /// The connections that grant their peers no more window until the bytes held by all connections are below a mark again.
    waiting: Vec<ConnectionId>,
    /// The connections that may be allowed to grant window again, each with the budget under which fewer bytes are held now.
    relieved: Vec<(ConnectionId, BudgetScope)>,
    /// The number of bytes held in all up to which no budget can be exceeded, so that every connection may grant window to
    /// its peer.
    calm: usize,
    /// `true` if a budget is exceeded by more than a quarter, so that streams have to be reset.
    is_over: bool,
}

/// The number of bytes that the connections of one peer hold together, and the number of these connections.
#[derive(Debug)]
struct PeerHeld {
    connections: u32,
    bytes: usize,
    /// The connections of this peer that grant it no more window until the bytes held for the peer are below a mark again.
    waiting: Vec<ConnectionId>,
}

/// The number of bytes that one connection holds, and the link to its peer's record in [`HeldBytes`]. Each connection owns
/// its account.
#[derive(Debug, Default)]
pub(super) struct ConnectionAccount {
    bytes: usize,
    /// The index of the peer's record in [`HeldBytes::peers`], plus 1; `None` before the connection has opened.
    peer: Option<NonZeroU32>,
    waits_for_all: bool,
    waits_for_peer: bool,
    /// `true` while the connection is told to grant its peer no window, or to accept less output from the owner.
    pub(super) is_pressed: bool,
}

/// The budget whose excess keeps a connection from granting window: the budget for all connections together, or the budget
/// for the connections of one peer. The bytes held have to fall below a mark of that budget before the connection may grant
/// window again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BudgetScope {
    All,
    Peer,
}

/// Returns five quarters of a budget, in bytes. Streams are reset when more bytes are held.
pub(super) const fn limit(budget: usize) -> usize {
    budget.saturating_add(budget / 4)
}

impl ConnectionAccount {
    /// Returns the number of bytes that the connection holds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns a number that all connections of one peer have in common and that differs between peers; `None` before the
    /// connection has opened.
    pub(super) const fn peer(&self) -> Option<NonZeroU32> {
        self.peer
    }
}

impl HeldBytes {
    pub(super) fn new(config: &Config) -> Self {
        // Below the least of the three marks no comparison can be true, since no connection and no peer holds more than all
        // together. So one comparison suffices for nearly every change. Products are avoided: a budget may be `usize::MAX`.
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

    /// Returns the number of bytes that all connections hold.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// Returns the number of bytes that the connections of a peer hold together.
    pub(super) fn of_peer(&self, peer: &PeerId) -> usize {
        self.slots.get(peer).and_then(|slot| self.peers.get(*slot as usize)).map_or(0, |peer| peer.bytes)
    }

    /// Counts the bytes of a connection for its peer, from now on. Only this call looks up the peer; later changes do not.
    pub(super) fn join(&mut self, account: &mut ConnectionAccount, peer: PeerId) {
        let slot = *self
            .slots
            .entry(peer)
            .or_insert_with(|| self.peers.insert(PeerHeld { connections: 0, bytes: 0, waiting: Vec::new() }) as u32);
        let record = &mut self.peers[slot as usize];
        record.connections += 1;
        record.bytes += account.bytes;
        // Plus 1, so that `None` needs no memory of its own in each connection.
        account.peer = NonZeroU32::new(slot + 1);
    }

    /// Removes a connection and the bytes that it still holds from all counts. `peer` is the peer of the connection, if it
    /// is known.
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

    /// Shrinks the tables if less than half of their capacity is used. Because of this condition, many connections that
    /// close one after the other do not cause the tables to be moved each time.
    pub(super) fn give_up_memory(&mut self) {
        if self.waiting.capacity() > FEW && self.waiting.len() < self.waiting.capacity() / 2 {
            self.waiting.shrink_to_fit();
        }
        if self.peers.capacity() > FEW && self.peers.len() < self.peers.capacity() / 2 {
            self.peers.shrink_to_fit();
        }
    }

    /// Sets the number of bytes that a connection holds to `bytes`, and updates the counts of its peer and of all
    /// connections.
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

    /// Does the rest of [`change`](Self::change) if a budget may be exceeded now, or was exceeded before.
    #[cold]
    #[inline(never)]
    fn change_under_pressure(&mut self, account: &ConnectionAccount, before: usize, all: usize) {
        let bytes = account.bytes;
        let (small, large) = (self.budget / SMALL_PART, self.budget / LARGE_PART);
        // Connections wait at two marks of the budget for all: three quarters, and the whole. A fall below either may free
        // some of them. Those that are still pressed are told so, and wait again.
        let level = |all: usize| u8::from(all > self.budget) + u8::from(all > self.budget / 4 * 3);
        let fell = level(self.all);
        self.all = all;
        if level(self.all) < fell {
            self.relieved.extend(self.waiting.drain(..).map(|id| (id, BudgetScope::All)));
        }
        let most = self.budget_of_peer;
        // The same for the marks of a peer: the small and the large part of the budget for all, and the budget for one peer.
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

    /// Returns `true` if no budget can be exceeded, so that every connection may grant window to its peer. The result may be
    /// `false` although no budget is exceeded.
    pub(super) const fn is_calm(&self) -> bool {
        self.all <= self.calm
    }

    /// Returns the pressure on a connection: whether it may grant no window to its peer, has to accept less output from the
    /// owner, or neither.
    pub(super) fn pressure(&self, account: &ConnectionAccount) -> Pressure {
        let of_peer = account.peer.and_then(|slot| self.peers.get(slot.get() as usize - 1));
        let of_peer = of_peer.map_or(account.bytes, |peer| peer.bytes);
        // Windows bound each stream, but nothing else would bound a connection or the process: a peer that opened 1 020 echo
        // streams on each of 12 connections, and never read an echo, made a node hold 3.6 GB for as long as it read a little
        // every 4 s. Ending such connections at once would hit peers whose bytes the owner is only slow to read, so there
        // are three steps. First window is withheld, beginning with those who hold most; they may still use the window that
        // they have, so that the budgets can be exceeded. Then the owner's writes are cut short, since output counts, too.
        // Only a quarter above a budget are streams reset (`memory_relief.rs`).
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

    /// Registers a connection that grants no window to its peer. [`next_relieved`](Self::next_relieved) returns the
    /// connection once the bytes held in all, or for its peer, have fallen below one of the numbers of bytes from which
    /// window is withheld.
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

    /// Removes and returns the next connection that may be allowed to grant window again, with the budget under which fewer
    /// bytes are held now.
    pub(super) fn next_relieved(&mut self) -> Option<(ConnectionId, BudgetScope)> {
        let next = self.relieved.pop();
        if next.is_none() {
            self.relieved = Vec::new();
        }
        next
    }

    /// Returns whether [`next_relieved`](Self::next_relieved) would return a connection.
    pub(super) const fn has_relieved(&self) -> bool {
        !self.relieved.is_empty()
    }

    /// Records that a connection no longer waits for the bytes held to fall below a mark of the budget `line`, which is the
    /// budget for all connections or the budget for the connections of one peer.
    pub(super) const fn came_up(account: &mut ConnectionAccount, line: BudgetScope) {
        match line {
            BudgetScope::All => account.waits_for_all = false,
            BudgetScope::Peer => account.waits_for_peer = false,
        }
    }

    /// Returns whether a budget is exceeded by more than a quarter.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns whether a budget is exceeded by more than a quarter, and clears the record of this. The caller then frees
    /// memory.
    pub(super) const fn take_over(&mut self) -> bool {
        core::mem::replace(&mut self.is_over, false)
    }

    /// Returns whether this connection, its peer, or all connections together hold more than nine eighths of their budget. A
    /// connection for which this is still true after its streams were reset is ended. Streams are reset above ten eighths of
    /// a budget, so that after a reset at least an eighth has to arrive before the next reset.
    pub(super) fn is_beyond(&self, account: &ConnectionAccount) -> bool {
        let is_beyond = |held: usize, budget: usize| held > budget.saturating_add(budget / 8);
        let of_peer = account.peer.and_then(|slot| self.peers.get(slot.get() as usize - 1));
        is_beyond(self.all, self.budget)
            || of_peer.is_some_and(|peer| is_beyond(peer.bytes, self.budget_of_peer))
            || is_beyond(account.bytes, self.budget_of_connection)
    }

    /// Returns whether a turn that began with `start` bytes held should end, so that the owner can read: the budget is
    /// exceeded, and the turn has added more than an eighth of it.
    pub(super) const fn is_filled(&self, start: usize) -> bool {
        self.all > self.budget && self.all.saturating_sub(start) > self.budget / 8
    }

    /// Returns the number of bytes that the streams of a connection may add in one helping before the budgets are checked
    /// again.
    pub(super) const fn helping(&self) -> usize {
        let part = self.budget / 16;
        if part == 0 { 1 } else { part }
    }
}

#[cfg(test)]
mod tests;
