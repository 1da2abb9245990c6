//! [`Handlers`]: the handlers of each protocol, the running handlers, and the streams that wait for a handler.

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

/// The handlers of each protocol, the running handlers, and the streams that wait for a handler.
#[derive(Default)]
pub(super) struct Handlers {
    entries: BTreeMap<Protocol, ProtocolHandler>,
    running: RunningHandlers,
    line: HandlerQueue,
}

/// The state of a protocol that has or had a handler. When the handler is removed, the state is kept, since streams may
/// still open for which the protocol was agreed before the removal.
#[derive(Default)]
struct ProtocolHandler {
    handler: Option<Handler>,
    /// `true` while the swarm speaks the protocol for a handler. After the handler is removed, the value stays `true` until
    /// the command that makes the swarm stop speaking the protocol is executed.
    is_spoken: bool,
    /// The number of streams of the protocol that wait for the handler.
    waiting: usize,
}

/// The decision about a new inbound stream.
pub(super) enum HandlerChoice {
    /// A handler answers the stream. If the maximum number of streams already waits, the second field is a waiting stream
    /// that gives way to the new stream and that the caller has to reset.
    Handler(Handler, Option<QueuedStream>),
    /// There is a handler, but too many streams wait for it. The caller has to reset the new stream.
    Full,
    /// The handler was removed, and the swarm has not stopped speaking the protocol yet. The caller has to reset the new
    /// stream.
    Nobody,
    /// The protocol has no handler, so another notifee may answer the stream.
    Other {
        /// `true` if the protocol had a handler before. If no other notifee speaks the protocol now, the caller has to reset
        /// the stream.
        was_ours: bool,
    },
}

impl Handlers {
    /// Sets the handler of a protocol, or removes it. Returns the previous handler. The caller has to drop it while none of
    /// the host's state is borrowed, since the drop may run code of the owner.
    pub(super) fn set(&mut self, protocol: Protocol, handler: Option<Handler>) -> Option<Handler> {
        let entry = self.entries.entry(protocol).or_default();
        entry.is_spoken |= handler.is_some();
        core::mem::replace(&mut entry.handler, handler)
    }

    /// Returns whether the swarm has to stop speaking a protocol, because it speaks the protocol for a handler that was
    /// removed. Returns `true` only once after the removal.
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

    /// Returns the number of running handlers plus the number of streams that wait for a handler.
    pub(super) const fn busy(&self) -> usize {
        self.running.len() + self.line.len()
    }

    /// Returns whether no handler runs and no stream waits for a handler.
    pub(super) const fn is_idle(&self) -> bool {
        self.busy() == 0
    }

    /// Returns whether the bounds allow one more handler for a peer, if each waiting stream also counts as a running
    /// handler.
    fn has_place(&self, peer: &PeerId, config: &Config) -> bool {
        // Handlers are started after the turn. A stream that opened earlier in this turn therefore still waits, although a
        // handler is free for it, and its place must not be given away twice.
        let own = self.running.len_of(peer) + self.line.len_of(peer);
        self.busy() < config.handlers.max(1) && own < config.handlers_of_a_peer()
    }

    /// Decides what happens to a new stream of a protocol, which `peer` has opened on `connection`.
    pub(super) fn answer(
        &mut self,
        protocol: &Protocol,
        (peer, connection): (PeerId, ConnectionId),
        config: &Config,
    ) -> HandlerChoice {
        let has_place = self.has_place(&peer, config);
        let Some(entry) = self.entries.get_mut(protocol) else { return HandlerChoice::Other { was_ours: false } };
        let Some(handler) = &entry.handler else {
            // While the swarm still speaks the protocol for the handler that was removed, nobody else answers the stream.
            // Once it has stopped, a service may speak the protocol.
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

    /// Adds a stream to the queue of streams that wait for a handler.
    pub(super) fn wait(&mut self, handler: Handler, stream: StreamParts, now: Duration) {
        if let Some(entry) = self.entries.get_mut(&stream.protocol) {
            entry.waiting += 1;
        }
        self.line.push(QueuedStream { handler, stream, since: now, has_asked: false });
    }

    /// Removes the next waiting stream from the queue if another handler may run. Returns its handler, the stream, and a
    /// ticket. The handler counts as running until the ticket is passed to [`ended`](Self::ended).
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

    /// Returns a stream that the caller has to reset, so that its handler ends and another handler can run for a stream that
    /// has waited too long. The returned stream is the youngest stream of the peer for which the most handlers run, and that
    /// peer has at least two more running handlers than the peer of the waiting stream. Returns `None` if a handler is free,
    /// if no stream has waited too long, or if no peer has that many. A stream for which `has_ended` returns true is
    /// skipped, since resetting it would not end its handler.
    pub(super) fn gives_way(
        &mut self,
        config: &Config,
        now: Duration,
        has_ended: impl Fn(StreamId) -> bool,
    ) -> Option<StreamId> {
        // A silent peer once kept all handlers waiting with 1 024 streams, and the stream of an honest peer waited for ever.
        // A bound for each peer alone does not prevent that, since two identities are enough to take all handlers. With this
        // rule, an honest peer waits for at most `handler_patience`, 5 s by default, if some peer has two more handlers than
        // it, and if handlers end when their streams are reset. As many identities as there are handlers, with one handler
        // each, still occupy them all; the page `guide::enemy` says so.
        if self.running.len() < config.handlers.max(1) {
            return None;
        }
        let has_waited = |waiting: &&mut QueuedStream| {
            !waiting.has_asked && waiting.since.saturating_add(config.handler_patience) <= now
        };
        self.line.firsts().filter(has_waited).find_map(|waiting| {
            // The peer that gives way then has at least as many handlers left as the other peer gets. If peers with equally
            // many handlers reset each other's streams, handlers that need longer than `handler_patience` would never
            // finish.
            let with_it = self.running.len_of(&waiting.stream.peer) + 1;
            while let Some(youngest) = self.running.take_youngest_beyond(with_it) {
                if !has_ended(youngest) {
                    // A handler may take its time to end after its stream was reset. Without this mark, each turn until then
                    // would reset one more stream for the same waiting stream.
                    waiting.has_asked = true;
                    return Some(youngest);
                }
            }
            None
        })
    }

    /// Returns the earliest time after `now` at which a stream will have waited too long for a handler.
    pub(super) fn gives_way_at(&mut self, config: &Config, now: Duration) -> Option<Duration> {
        if self.running.len() < config.handlers.max(1) {
            return None;
        }
        let waiting = self.line.firsts().filter(|waiting| !waiting.has_asked);
        // Times up to `now` are left out: if no stream has given way to a stream that has waited too long, none will until a
        // handler begins or ends.
        waiting.map(|waiting| waiting.since.saturating_add(config.handler_patience)).filter(|at| *at > now).min()
    }

    /// Records that a handler has ended or was dropped. Returns whether the driver has to be woken, because a stream waits
    /// for a handler, or because no handler runs any more and a shutdown may have waited for that.
    pub(super) fn ended(&mut self, ticket: HandlerTicket) -> bool {
        self.running.end(ticket);
        self.line.len() > 0 || self.running.len() == 0
    }
}
