//! [`Handlers`]: who answers the streams of which protocol, how many of them at a time, and who waits for a place.

use super::config::Config;
use super::handler_queue::{Handler, HandlerQueue, QueuedStream};
use super::opened_stream::StreamParts;
use super::running_handlers::{HandlerTicket, RunningHandlers};
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, StreamId};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// The handlers by protocol, those that run, and the streams that wait for one.
#[derive(Default)]
pub(super) struct Handlers {
    entries: BTreeMap<Protocol, ProtocolHandler>,
    running: RunningHandlers,
    line: HandlerQueue,
}

/// A protocol that has, or had, a handler. It stays when its handler is removed: streams may be opening that chose the protocol before.
#[derive(Default)]
struct ProtocolHandler {
    handler: Option<Handler>,
    /// The swarm speaks it on our behalf, if it is only until a command in the queue is done.
    is_spoken: bool,
    waiting: usize,
}

/// Who answers an inbound stream.
pub(super) enum HandlerChoice {
    /// A handler. A stream that waited for one makes place for it, if so many wait: that one is to be reset, and its
    /// handler dropped.
    Handler(Handler, Option<QueuedStream>),
    /// A handler, but too many wait for it.
    Full,
    /// Nobody any more.
    Nobody,
    /// Nobody of ours: it was never ours, or is no more.
    Other {
        /// It was ours, so that there need not be anybody else.
        was_ours: bool,
    },
}

impl Handlers {
    /// Sets the handler of a protocol, and gives back the one that it had, to be dropped.
    pub(super) fn set(&mut self, protocol: Protocol, handler: Option<Handler>) -> Option<Handler> {
        let entry = self.entries.entry(protocol).or_default();
        entry.is_spoken |= handler.is_some();
        core::mem::replace(&mut entry.handler, handler)
    }

    /// Whether the swarm is to speak a protocol no more, from now on: it has no handler.
    pub(super) fn falls_silent(&mut self, protocol: &Protocol) -> bool {
        match self.entries.get_mut(protocol) {
            Some(entry) if entry.handler.is_none() => core::mem::take(&mut entry.is_spoken),
            Some(_) | None => false,
        }
    }

    pub(super) fn handles(&self, protocol: &Protocol) -> bool {
        self.entries.get(protocol).is_some_and(|entry| entry.handler.is_some())
    }

    /// The protocols that have a handler.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        let handled = self.entries.iter().filter(|(_, entry)| entry.handler.is_some());
        handled.map(|(protocol, _)| protocol.clone()).collect()
    }

    /// Returns the number of handlers that run and of streams that wait for one.
    pub(super) const fn busy(&self) -> usize {
        self.running.len() + self.line.len()
    }

    /// Whether no handler runs, and no stream waits for one.
    pub(super) const fn is_idle(&self) -> bool {
        self.busy() == 0
    }

    /// Returns whether another handler would begin for a peer at once.
    fn has_place(&self, peer: &PeerId, config: &Config) -> bool {
        let own = self.running.len_of(peer) + self.line.len_of(peer);
        self.busy() < config.handlers.max(1) && own < config.handlers_of_a_peer()
    }

    /// Finds the handler for another stream of a protocol, which `peer` has opened on `connection`.
    pub(super) fn answer(
        &mut self,
        protocol: &Protocol,
        (peer, connection): (PeerId, ConnectionId),
        config: &Config,
    ) -> HandlerChoice {
        let has_place = self.has_place(&peer, config);
        let Some(entry) = self.entries.get_mut(protocol) else { return HandlerChoice::Other { was_ours: false } };
        let Some(handler) = &entry.handler else {
            return if entry.is_spoken { HandlerChoice::Nobody } else { HandlerChoice::Other { was_ours: true } };
        };
        if has_place || entry.waiting < config.waiting_streams {
            return HandlerChoice::Handler(handler.clone(), None);
        }
        match self.line.make_place(protocol, (peer, connection), |peer| self.running.len_of(peer)) {
            Some(stream) => {
                entry.waiting -= 1;
                HandlerChoice::Handler(handler.clone(), Some(stream))
            }
            None => HandlerChoice::Full,
        }
    }

    /// Puts a stream in line for its handler.
    pub(super) fn wait(&mut self, handler: Handler, stream: StreamParts, now: Duration) {
        if let Some(entry) = self.entries.get_mut(&stream.protocol) {
            entry.waiting += 1;
        }
        self.line.push(QueuedStream { handler, stream, since: now, has_asked: false });
    }

    /// The next stream, with its handler, if there is a place: it runs until [`ended`](Self::ended).
    pub(super) fn next(&mut self, config: &Config) -> Option<(Handler, StreamParts, HandlerTicket)> {
        if self.running.len() >= config.handlers.max(1) {
            return None;
        }
        let share = config.handlers_of_a_peer();
        let QueuedStream { handler, stream, .. } = self.line.pop(|peer| self.running.len_of(peer), share)?;
        if let Some(entry) = self.entries.get_mut(&stream.protocol) {
            entry.waiting -= 1;
        }
        let ticket = self.running.begin(stream.peer, stream.id);
        Some((handler, stream, ticket))
    }

    /// Takes a stream that is to be reset, so that its handler ends and a stream that has waited too long gets its place: the
    /// youngest of the peer for which most handlers run, if these are more than run for the one that waits, with it. One that
    /// `has_ended` has a handler that runs on all the same: that place is not to be had.
    pub(super) fn gives_way(
        &mut self,
        config: &Config,
        now: Duration,
        has_ended: impl Fn(StreamId) -> bool,
    ) -> Option<StreamId> {
        if self.running.len() < config.handlers.max(1) {
            return None;
        }
        let has_waited = |waiting: &&mut QueuedStream| {
            !waiting.has_asked && waiting.since.saturating_add(config.handler_patience) <= now
        };
        self.line.firsts().filter(has_waited).find_map(|waiting| {
            let with_it = self.running.len_of(&waiting.stream.peer) + 1;
            while let Some(youngest) = self.running.take_youngest_beyond(with_it) {
                if !has_ended(youngest) {
                    waiting.has_asked = true;
                    return Some(youngest);
                }
            }
            None
        })
    }

    /// Returns the time after `now` at which a stream will have waited too long.
    pub(super) fn gives_way_at(&mut self, config: &Config, now: Duration) -> Option<Duration> {
        if self.running.len() < config.handlers.max(1) {
            return None;
        }
        let waiting = self.line.firsts().filter(|waiting| !waiting.has_asked);
        // For one whose time has come nobody gives way, until a handler begins or ends.
        waiting.map(|waiting| waiting.since.saturating_add(config.handler_patience)).filter(|at| *at > now).min()
    }

    /// A handler has ended, or was dropped. `true`: somebody waits for that.
    pub(super) fn ended(&mut self, ticket: HandlerTicket) -> bool {
        self.running.end(ticket);
        self.line.len() > 0 || self.running.len() == 0
    }
}
