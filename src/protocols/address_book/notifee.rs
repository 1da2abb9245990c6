//! [`AddressBook`] as a notifee: its reaction to each notification.

use super::{AddressBook, AddressSource, BookConnection};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, Failure, Limits};
use crate::notifee::{HasNode, Interest, Notifee, NotifeeContext, NotifeeId};
use crate::protocols::CONNECTIONS_KEPT;
use crate::protocols::identify;
use crate::swarm::leads_here;
use core::any::Any;
use core::time::Duration;

impl<N: HasNode> Notifee<N> for AddressBook {
    fn interest(&self) -> Interest {
        Interest::CONNECTED | Interest::CONNECT_FAILED | Interest::DISCONNECTED | Interest::EMITTED | Interest::TIME
    }

    fn memory_bound(&self, limits: &Limits) -> usize {
        self.config.memory_bound(limits)
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        let now = cx.now();
        let node = cx.network().node_mut();
        let Some(view) = node.connection(connection) else { return };
        // An open connection has an authenticated peer.
        let Some(peer) = view.peer else { return };
        // The address from which a peer has dialed us contains the port of that dial, at which nobody listens.
        if view.direction == Direction::Outbound {
            let remote = view.remote.clone();
            // This fails if the peer is this node itself, or if the book has no room for the peer.
            let _ = self.book.add(peer, &remote, AddressSource::Dialed);
        }
        let is_surplus = self.dials.get(connection).is_some_and(|dial| dial.is_given_up);
        self.connections.insert(connection, BookConnection { peer, since: now, is_surplus });
        if self.book.opened(peer, connection) {
            self.reached(node, peer, connection);
            self.events.publish(cx);
        }
        self.dials.remove(connection);
    }

    fn connect_failed(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: Failure) {
        let now = cx.now();
        self.dial_failed(cx.network().node_mut(), connection, reason, now);
        self.dials.give_up_slots(CONNECTIONS_KEPT);
        self.events.publish(cx);
    }

    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: ConnectionEnd) {
        let now = cx.now();
        let Some(BookConnection { peer, since, is_surplus }) = self.connections.remove(connection) else { return };
        self.connections.give_up_slots(CONNECTIONS_KEPT);
        let is_stable = now.saturating_sub(since) >= self.config.stable_after;
        let was_last = self.book.ended(peer, connection);
        let Some(entry) = self.book.get_mut(&peer) else { return };
        // If several connections to the peer end, the wait is reset if at least one of them was stable.
        if is_stable {
            entry.failures = 0;
        } else if was_last {
            entry.failures = entry.failures.saturating_add(1);
        }
        if !was_last {
            return;
        }
        // If the book itself has given up the connection, its end does not mean that the owner wants no connection with the
        // peer.
        let is_ours = matches!(reason, ConnectionEnd::Requested if !is_surplus);
        if is_ours || reason == ConnectionEnd::Shutdown {
            entry.rest();
        } else {
            self.try_again(peer, now);
        }
        self.book.forget_if_empty(&peer);
    }

    fn emitted(&mut self, cx: &mut NotifeeContext<'_, N>, _from: NotifeeId, event: &dyn Any) {
        let Some(
            identify::Event::Identified { connection, peer, info } | identify::Event::Pushed { connection, peer, info },
        ) = event.downcast_ref()
        else {
            return;
        };
        // A loopback address leads whoever dials it to its own machine, so it is right only for a peer on this machine.
        let is_near = cx.network().node().connection(*connection).is_some_and(|view| leads_here(view.remote));
        let source = if info.record.is_some() { AddressSource::Signed } else { AddressSource::Said };
        self.learn(*peer, &info.listen_addresses, source, is_near);
    }

    fn poll_at(&self) -> Option<Duration> {
        let is_due = !self.to_tell.is_empty() || !self.line.is_empty() && self.may_begin();
        if is_due { Some(Duration::ZERO) } else { self.deadlines.first() }
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        let now = cx.now();
        // While there is no room to emit an event, deadlines are not handled and remain due.
        while cx.room_to_emit() > 0
            && let Some(peer) = self.deadlines.take_due(now)
        {
            self.due(cx.network().node_mut(), peer, now);
            self.events.publish(cx);
        }
        while cx.room_to_emit() > 0
            && let Some(peer) = self.to_tell.pop_front()
        {
            self.tell(peer);
            self.events.publish(cx);
        }
        while cx.room_to_emit() > 0
            && self.may_begin()
            && let Some(peer) = self.line.pop_front()
        {
            self.begin(cx.network().node_mut(), peer, now);
            self.events.publish(cx);
        }
    }
}
