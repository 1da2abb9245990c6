//! [`Handlers`]: the handlers by protocol, those that run, and the streams that wait for one.

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

/// A protocol that has or had a handler. The entry stays when the handler is removed, since streams may be opening that
/// have agreed on the protocol before.
#[derive(Default)]
struct ProtocolHandler {
    handler: Option<Handler>,
    /// `true` while the swarm speaks the protocol for a handler. When the handler is removed, that may last until a command
    /// in the queue is executed.
    is_spoken: bool,
    /// The number of streams of the protocol that wait for the handler.
    waiting: usize,
}

/// The answer to an inbound stream.
pub(super) enum HandlerChoice {
    /// A handler answers it. If the line is full, a waiting stream gives way: the second field, which is to be reset.
    Handler(Handler, Option<QueuedStream>),
    /// There is a handler, but too many streams wait for it. The stream is to be reset.
    Full,
    /// The handler was removed, and the swarm has not stopped speaking the protocol yet. The stream is to be reset.
    Nobody,
    /// The protocol has no handler here, and another notifee may answer.
    Other {
        /// `true` if the protocol had a handler, so that there need not be another notifee for it.
        was_ours: bool,
    },
}

impl Handlers {
    /// Sets the handler of a protocol, or removes it. Returns the one that it had, for the caller to drop outside of any
    /// borrow.
    pub(super) fn set(&mut self, protocol: Protocol, handler: Option<Handler>) -> Option<Handler> {
        let entry = self.entries.entry(protocol).or_default();
        entry.is_spoken |= handler.is_some();
        core::mem::replace(&mut entry.handler, handler)
    }

    /// Returns whether the swarm has to stop speaking a protocol: it speaks it for a handler, and there is none any more.
    /// Returns `true` only once.
    pub(super) fn falls_silent(&mut self, protocol: &Protocol) -> bool {
        match self.entries.get_mut(protocol) {
            Some(entry) if entry.handler.is_none() => core::mem::take(&mut entry.is_spoken),
            Some(_) | None => false,
        }
    }

    pub(super) fn handles(&self, protocol: &Protocol) -> bool {
        self.entries.get(protocol).is_some_and(|entry| entry.handler.is_some())
    }

    /// Returns the protocols that have a handler.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        let handled = self.entries.iter().filter(|(_, entry)| entry.handler.is_some());
        handled.map(|(protocol, _)| protocol.clone()).collect()
    }

    /// Returns the number of running handlers plus that of the streams that wait for one.
    pub(super) const fn busy(&self) -> usize {
        self.running.len() + self.line.len()
    }

    /// Returns whether no handler runs and no stream waits for one.
    pub(super) const fn is_idle(&self) -> bool {
        self.busy() == 0
    }

    /// Returns whether another handler would begin for a peer at once.
    fn has_place(&self, peer: &PeerId, config: &Config) -> bool {
        let own = self.running.len_of(peer) + self.line.len_of(peer);
        self.busy() < config.handlers.max(1) && own < config.handlers_of_a_peer()
    }

    /// Chooses the answer to a new stream of a protocol, which `peer` has opened on `connection`.
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

    /// Takes the next stream with its handler, if there is a place for one. The handler counts as running until
    /// [`ended`](Self::ended).
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

    /// Takes a stream that is to be reset, so that its handler ends and a stream that has waited too long gets the place.
    /// That is the youngest stream of the peer for which the most handlers run, if more run for that peer than would run for
    /// the waiting one. A stream that `has_ended` is passed over, since resetting it would not end its handler.
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
        // If the time of a stream has come and no stream gives way to it, only a handler that begins or ends can change that.
        waiting.map(|waiting| waiting.since.saturating_add(config.handler_patience)).filter(|at| *at > now).min()
    }

    /// Records that a handler has ended or was dropped. Returns whether the driver has to act on that: a stream waits for a
    /// handler, or a shutdown may wait for the last one.
    pub(super) fn ended(&mut self, ticket: HandlerTicket) -> bool {
        self.running.end(ticket);
        self.line.len() > 0 || self.running.len() == 0
    }
}
