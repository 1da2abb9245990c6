//! How a poll goes: what there is room for, what the transport says, what woke, what is due in time, what there is room
//! for now, what is to be written.
//!
//! ```text
//!  the line opens ─▶ transport ─▶ woken connections read ─▶ timers ─▶ the line opens ─▶ dirty connections write ─┐
//!                                                                          ▲                                     │
//!                                                                          └──── while that made more ready ◀────┘
//! ```
//!
//! The room that the owner has made by draining is first for what waits in line: peers that keep the queue full with
//! what ends would let nothing open otherwise.
//!
//! Writing comes last, so that all that one poll causes on a connection leaves as one run of bytes.

use super::link::{Link, Pipe, Stage, Why};
use super::{Swarm, TRANSPORT, slot_of};
use crate::connection::{Connection, Role};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, Id, ListenerEnd, StreamId};
use alloc::vec::Vec;
use chacha20::rand_core::Rng;
use core::task::Context;
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

/// How often one poll goes round before others have their turn.
const ROUNDS: usize = 4;

impl<T, const EVENTS: usize> Swarm<T, EVENTS>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// One poll's work.
    pub(super) fn advance(&mut self, now: Duration) {
        if self.is_shutting_down && !core::mem::replace(&mut self.is_shutdown_begun, true) {
            self.begin_shutdown(now);
        }
        self.count_from(now);
        self.admit(now);
        let mut woken = core::mem::take(&mut self.woken);
        self.wakers.take(&mut woken);
        let transport_woken = woken.contains(&TRANSPORT);
        if transport_woken || self.is_transport_due {
            self.poll_transport(now);
        }
        for slot in woken.iter().filter(|slot| **slot != TRANSPORT) {
            if let Some(id) = self.links.key_at(slot - 1) {
                self.drive_input(id, now);
            }
        }
        self.woken = woken;
        // After what has come: a peer is not late because its word has waited for an owner who was.
        if self.timers.are_judged(now, self.ledger.config.lateness) {
            while let Some((deadline, id)) = self.timers.take_due(now) {
                self.drive_timeouts(deadline, id, now);
            }
        }
        for _ in 0..ROUNDS {
            self.admit(now);
            self.drive_output(now);
            if self.ledger.is_settled() {
                return;
            }
        }
    }

    /// What commands have begun since the last poll counts from this one. They have made dirty what they changed.
    fn count_from(&mut self, now: Duration) {
        let dirty = core::mem::take(&mut self.ledger.dirty);
        for id in &dirty {
            if let Some(link) = self.links.get_mut(*id) {
                link.count_from(&mut self.ledger, now);
            }
        }
        self.ledger.dirty = dirty;
    }

    /// Whether a poll would find something to do at once.
    pub(super) fn is_busy(&self) -> bool {
        self.wakers.is_woken()
            || !self.ledger.is_settled()
            || (self.is_transport_due && self.accepts())
            || (self.is_shutting_down && !self.is_shutdown_begun)
    }

    /// Adds a link that has just been dialed or accepted; it is driven by the next poll.
    pub(super) fn insert_link(&mut self, link: Link<T>) {
        let slot = slot_of(link.id);
        // The waker has to exist to be marked.
        let _ = self.wakers.waker(slot);
        self.wakers.mark(slot);
        let id = link.id;
        self.links.insert(id, link);
        if let Some(link) = self.links.get_mut(id) {
            link.mark_dirty(&mut self.ledger);
        }
    }

    /// A connection's deadline has come, unless it has moved away since it was armed.
    fn drive_timeouts(&mut self, deadline: Duration, id: ConnectionId, now: Duration) {
        let Some(link) = self.links.get_mut(id).filter(|link| link.armed == Some(deadline)) else { return };
        link.armed = None;
        link.mark_dirty(&mut self.ledger);
        if link.deadline(&self.ledger).is_none_or(|deadline| deadline > now) {
            return;
        }
        // The peer's word may be in the socket without anybody having been woken yet.
        self.drive_input(id, now);
        let waker = self.wakers.waker(slot_of(id));
        if let Some(link) = self.links.get_mut(id) {
            link.drive_timeouts(&mut self.ledger, &mut Context::from_waker(&waker), now);
        }
    }

    fn drive_input(&mut self, id: ConnectionId, now: Duration) {
        let slot = slot_of(id);
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
        if link.drive_input(&mut self.ledger, &mut cx, &mut self.input, now) {
            self.wakers.mark(slot);
        }
        link.mark_dirty(&mut self.ledger);
    }

    /// Opens what is ready, as far as there is room.
    fn admit(&mut self, now: Duration) {
        while self.ledger.lifecycle.room() > 0 {
            let Some(id) = self.ledger.line.pop_front() else { return };
            match id {
                Id::Listener(id) => self.admit_listener(id, now),
                Id::Connection(id) => self.admit_connection(id, now),
                Id::Stream(id) => self.admit_stream(id, now),
            }
        }
    }

    fn admit_connection(&mut self, id: ConnectionId, now: Duration) {
        let Some(link) = self.links.get_mut(id).filter(|_| self.ledger.is_opening(id)) else { return };
        let waker = self.wakers.waker(slot_of(id));
        link.admit(&mut self.ledger, &mut Context::from_waker(&waker), now);
    }

    fn admit_stream(&mut self, id: StreamId, now: Duration) {
        let Some(connection) = self.ledger.lifecycle.connection_of(id) else { return };
        if let Some(link) = self.links.get_mut(connection) {
            link.admit_stream(id, &mut self.ledger, now);
        }
    }

    fn drive_output(&mut self, now: Duration) {
        let dirty = core::mem::take(&mut self.ledger.dirty);
        for id in &dirty {
            let Some(link) = self.links.get_mut(*id) else { continue };
            link.is_dirty = false;
            let waker = self.wakers.waker(slot_of(*id));
            let was_clogged = link.connection().is_some_and(|connection| !connection.wants_input());
            link.drive_output(&mut self.ledger, &mut Context::from_waker(&waker), &mut self.output, now);
            if was_clogged && link.connection().is_some_and(|connection| connection.wants_input()) {
                self.wakers.mark(slot_of(*id));
            }
            if let Some(deadline) = link.deadline(&self.ledger) {
                self.timers.arm(*id, &mut link.armed, deadline);
            }
        }
        let links = &self.links;
        self.timers.sweep(links.len(), |deadline, id| links.get(id).is_some_and(|link| link.armed == Some(deadline)));
        // What became dirty meanwhile is behind; the memory is kept.
        if self.ledger.dirty.is_empty() {
            self.ledger.dirty = dirty;
            self.ledger.dirty.clear();
        }
    }

    /// Begins to close everything.
    fn begin_shutdown(&mut self, now: Duration) {
        let listeners: Vec<_> = self.ledger.lifecycle.listeners().collect();
        for id in listeners {
            self.end_listener(id, ListenerEnd::Shutdown);
        }
        let connections: Vec<_> = self.ledger.lifecycle.connections().collect();
        for id in connections {
            if let Some(link) = self.links.get_mut(id) {
                link.close(&mut self.ledger, ConnectionEnd::Shutdown, now);
            }
        }
    }
}
