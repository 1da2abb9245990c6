//! The reactions to changes of the number of bytes held. If this number falls below a mark, connections that had stopped
//! granting window to their peers grant it again. If a budget is exceeded by more than a quarter, the largest streams of the
//! peers that hold most are reset.

use super::Swarm;
use super::held_bytes::{HeldBytes, limit};
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::refusals::Refusal;
use super::socket_connection::{ConnectionStage, EndCause, SocketConnection};
use crate::connection::UnnamedSlot;
use crate::lifecycle::{ConnectionEnd, ConnectionId, Failure, Fault, State, StreamEnd, StreamId};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use libp2p_identity::PeerId;

/// The number of connections for which the tables and queues keep their memory even while there are no connections.
const CONNECTIONS_KEPT: usize = 8;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Returns the number of bytes of memory that all connections hold: bytes of streams that have arrived and were not
    /// read, output that peers do not accept, and incomplete input. The capacity of each buffer counts, since that is the
    /// memory it uses. The call costs O(1). [`Config::held_bytes`](super::Config::held_bytes) is the bound.
    #[must_use]
    pub const fn bytes_held(&self) -> usize {
        self.state.held_bytes.all()
    }

    /// Returns the part of [`bytes_held`](Self::bytes_held) that the open connections of one peer hold, in bytes.
    #[must_use]
    pub fn bytes_held_of(&self, peer: PeerId) -> usize {
        self.state.held_bytes.of_peer(&peer)
    }

    /// Removes a connection whose last event was handled, and its bytes from all counts.
    pub(super) fn remove_link(&mut self, id: ConnectionId) {
        if let Some(mut conn) = self.connections.remove(id) {
            let peer = conn.peer();
            self.state.held_bytes.close(&mut conn.account, id, peer);
        }
        self.state.give_up_slots();
        self.connections.give_up_slots(CONNECTIONS_KEPT);
        if self.wakers.connections() > 2 * self.connections.slots().max(CONNECTIONS_KEPT) {
            self.wakers.give_up_slots(self.connections.slots().max(CONNECTIONS_KEPT));
        }
        self.queue.woken.shrink_to(CONNECTIONS_KEPT);
        self.queue.served.shrink_to(CONNECTIONS_KEPT);
        self.timers.give_up_memory();
    }

    /// Drops the unread bytes of a stream that has ended or is about to end.
    pub(super) fn drop_unread(&mut self, id: StreamId) {
        let held = self.state.streams.get_mut(id).map_or(0, |stream| stream.drop_unread());
        self.uncount(id, held);
    }

    /// Subtracts `held` bytes from the counts of the stream's connection, after unread bytes of the stream that used this
    /// memory were dropped or taken.
    pub(super) fn uncount(&mut self, id: StreamId, held: usize) {
        if held > 0
            && let Some(conn) = self.state.lifecycle.connection_of(id).and_then(|id| self.connections.get_mut(id))
        {
            conn.uncount(&mut self.state, held);
        }
    }

    /// Lets connections that had stopped granting window to their peers grant it again, if the bytes held in all, or for the
    /// peer, have fallen below a mark.
    pub(super) fn grant_relieved(&mut self) {
        while let Some((id, line)) = self.state.held_bytes.next_relieved() {
            if let Some(conn) = self.connections.get_mut(id) {
                HeldBytes::came_up(&mut conn.account, line);
                conn.settle(&mut self.state);
            }
        }
    }

    /// If a budget is exceeded by more than a quarter, resets streams of the peers that hold most until no more bytes are
    /// held than the budget.
    ///
    /// The reset visits all connections and all streams. After a reset, at least an eighth of a budget has to arrive before
    /// the next one.
    pub(super) fn relieve(&mut self) {
        if self.state.held_bytes.is_over() {
            self.state.held_bytes.take_over();
            self.reset_largest();
        }
    }

    #[cold]
    #[inline(never)]
    fn reset_largest(&mut self) {
        let mut excess = self.excess();
        let with_id =
            self.state.streams.iter().filter(|(_, stream)| stream.bytes_held() > 0).filter_map(|(id, stream)| {
                let connection = self.state.lifecycle.connection_of(id)?;
                excess.contains_key(&connection).then_some((stream.bytes_held(), ByteHolder::Stream(id), connection))
            });
        let without_id =
            excess.keys().filter_map(|id| Some((*id, self.connections.get(*id)?))).flat_map(|(id, conn)| {
                conn.holders_without_id().map(move |(held, slot)| (held, ByteHolder::WithoutId(slot), id))
            });
        let mut candidates: Vec<_> = with_id.chain(without_id).collect();
        // The streams that hold most are first; of streams that hold equally many bytes, the one with the lowest slot.
        candidates.sort_unstable_by_key(|(held, holder, id)| (core::cmp::Reverse(*held), holder.order(), id.index()));
        for (_, holder, connection) in candidates {
            let Some(left) = excess.get_mut(&connection).filter(|left| **left > 0) else { continue };
            let before = self.bytes_held();
            match holder {
                ByteHolder::Stream(id) => self.end_by_limit(id, connection),
                ByteHolder::WithoutId(slot) => {
                    if let Some(conn) = self.connections.get_mut(connection) {
                        conn.reset_without_id(slot, &mut self.state);
                    }
                }
            }
            *left = left.saturating_sub(before.saturating_sub(self.bytes_held()));
        }
        // What is left of an excess is not in streams: output that the peer does not read, or a large message that is not
        // complete. Only the end of the connection frees that.
        let mut stuck: Vec<_> = excess.into_iter().filter(|(_, left)| *left > 0).collect();
        stuck.sort_unstable_by_key(|(_, left)| core::cmp::Reverse(*left));
        for (id, _) in stuck {
            if let Some(conn) = self.connections.get_mut(id)
                && self.state.held_bytes.is_beyond(&conn.account)
            {
                conn.error = Some(String::from("it held more memory than its budget, and not in streams"));
                conn.end(&mut self.state, EndCause::Ended(ConnectionEnd::Failed(Fault::Flood)));
                conn.mark_dirty(&mut self.state);
            }
        }
        self.state.held_bytes.take_over();
    }

    /// Resets a stream, if it has not ended, and drops its unread bytes.
    fn end_by_limit(&mut self, id: StreamId, connection: ConnectionId) {
        let Some(state) = self.state.lifecycle.state(id) else { return };
        if state != State::Ended
            && let Some(conn) = self.connections.get_mut(connection)
        {
            conn.reset_stream(id, &mut self.state);
            match state {
                State::Opening => self.state.fail_stream(id, Failure::Limit),
                State::Open | State::Leaving | State::Ended => self.state.end_stream(id, StreamEnd::Limit),
            }
        }
        self.drop_unread(id);
    }

    /// Returns the connections that hold more than their part of a budget that is exceeded by more than a quarter, each with
    /// the number of bytes beyond its part. A budget is divided evenly, except that a connection that holds less than its
    /// part leaves the rest to the others.
    fn excess(&self) -> BTreeMap<ConnectionId, usize> {
        let config = &self.state.config;
        // Peers with their connections. A connection without a known peer counts as a peer of its own.
        let mut peers = BTreeMap::<_, Vec<(usize, ConnectionId)>>::new();
        for (id, conn) in self.connections.iter().filter(|(_, conn)| conn.account.bytes() > 0) {
            let peer = conn.account.peer().ok_or(id);
            peers.entry(peer).or_default().push((conn.account.bytes(), id));
        }
        let held = |connections: &[(usize, ConnectionId)]| connections.iter().map(|(bytes, _)| bytes).sum::<usize>();
        let of_peers = peers.values().map(|connections| held(connections)).collect();
        // Whoever holds less than an even part keeps all of it, and leaves the rest of that part to the others (max-min
        // fairness). Cutting everybody in proportion would make honest peers pay for whoever holds most.
        let in_all = part_of_each(of_peers, config.held_bytes);
        let mut excess = BTreeMap::new();
        for connections in peers.values() {
            let of_peer = part_of_each(connections.iter().map(|(bytes, _)| *bytes).collect(), {
                let own = if held(connections) > limit(config.held_bytes_per_peer) {
                    config.held_bytes_per_peer
                } else {
                    usize::MAX
                };
                own.min(if self.bytes_held() > limit(config.held_bytes) { in_all } else { usize::MAX })
            });
            for (bytes, id) in connections {
                let is_over = *bytes > limit(config.held_bytes_per_connection);
                let part = of_peer.min(if is_over { config.held_bytes_per_connection } else { usize::MAX });
                if *bytes > part {
                    excess.insert(*id, bytes - part);
                }
            }
        }
        excess
    }
}

/// A stream that holds bytes, with or without an id.
#[derive(Clone, Copy)]
enum ByteHolder {
    Stream(StreamId),
    WithoutId(UnnamedSlot),
}

impl ByteHolder {
    /// Returns the position of a stream in the order of reset, among streams that hold equally many bytes. Streams without
    /// an id are reset first, since no event has told the owner of them.
    const fn order(self) -> (bool, usize) {
        match self {
            Self::WithoutId(slot) => (false, slot.index()),
            Self::Stream(id) => (true, id.index()),
        }
    }
}

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    fn holders_without_id(&self) -> impl Iterator<Item = (usize, UnnamedSlot)> {
        let (ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..)) = &self.stage else {
            return None.into_iter().flatten();
        };
        Some(pipe.connection.holders_without_id()).into_iter().flatten()
    }

    fn reset_without_id<const E: usize>(&mut self, slot: UnnamedSlot, state: &mut super::state::SwarmState<E>) {
        let turn = &mut state.environment(crate::connection::Now::Untimed);
        if self.connection().is_some_and(|connection| connection.reset_without_id(slot, turn)) {
            state.stream_without_id(self.id, Refusal::StreamLimit);
            self.mark_commanded(state);
            self.settle(state);
        }
    }

    fn reset_stream<const E: usize>(&mut self, id: StreamId, state: &mut super::state::SwarmState<E>) {
        if let Some(connection) = self.connection() {
            connection.reset_stream(id, &mut state.environment(crate::connection::Now::Untimed));
            self.mark_commanded(state);
            self.settle(state);
        }
    }
}

/// Returns the largest number of bytes that each holder may keep so that all holders together keep at most `budget`. `held`
/// contains the number of bytes of each holder. If their sum is at most `budget`, the result is `usize::MAX`.
fn part_of_each(mut held: Vec<usize>, budget: usize) -> usize {
    held.sort_unstable();
    let (mut left, mut count) = (budget, held.len());
    for bytes in held {
        // All following holders hold at least as much.
        if bytes > left / count {
            return left / count;
        }
        (left, count) = (left - bytes, count - 1);
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn who_holds_little_keeps_all_of_it() {
        assert_eq!(part_of_each(vec![], 10), usize::MAX);
        assert_eq!(part_of_each(vec![4, 6], 10), usize::MAX);
        assert_eq!(part_of_each(vec![4, 7], 10), 6);
        assert_eq!(part_of_each(vec![100, 1, 100], 11), 5);
        assert_eq!(part_of_each(vec![1, 1], 0), 0);
        assert_eq!(part_of_each(vec![usize::MAX, 5], usize::MAX), usize::MAX - 5);
    }
}
