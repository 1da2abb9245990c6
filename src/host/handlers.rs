//! [`Handlers`]: who answers the streams of which protocol, how many of them at a time, and who waits for a place.

use super::config::Config;
use super::opened::Opened;
use crate::connection::Protocol;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

/// What a stream of a protocol is given to. The call runs none of the owner's code; the future does.
pub(super) type Handler = Rc<dyn Fn(Opened) -> Pin<Box<dyn Future<Output = ()>>>>;

/// The handlers by protocol, those that run, and the streams that wait for one.
#[derive(Default)]
pub(super) struct Handlers {
    entries: BTreeMap<Protocol, Entry>,
    running: usize,
    /// In the order in which they opened.
    waiting: VecDeque<(Protocol, Handler, Opened)>,
}

/// A protocol that has, or had, a handler. It stays when its handler is removed: streams may be opening that chose the protocol before.
#[derive(Default)]
struct Entry {
    handler: Option<Handler>,
    /// The swarm speaks it on our behalf, if it is only until a command in the queue is done.
    is_spoken: bool,
    waiting: usize,
}

/// Who answers an inbound stream.
pub(super) enum Answer {
    /// A handler.
    Handler(Handler),
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

    /// Whether no handler runs, and no stream waits for one.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }

    /// Who answers another stream of a protocol.
    pub(super) fn answer(&self, protocol: &Protocol, config: &Config) -> Answer {
        let Some(entry) = self.entries.get(protocol) else { return Answer::Other { was_ours: false } };
        let Some(handler) = &entry.handler else {
            return if entry.is_spoken { Answer::Nobody } else { Answer::Other { was_ours: true } };
        };
        let has_place = self.running + self.waiting.len() < config.handlers.max(1);
        if has_place || entry.waiting < config.waiting_streams {
            Answer::Handler(handler.clone())
        } else {
            Answer::Full
        }
    }

    /// Puts a stream in line for its handler.
    pub(super) fn wait(&mut self, handler: Handler, stream: Opened) {
        let protocol = stream.protocol.clone();
        if let Some(entry) = self.entries.get_mut(&protocol) {
            entry.waiting += 1;
        }
        self.waiting.push_back((protocol, handler, stream));
    }

    /// The next stream, with its handler, if there is a place: it runs.
    pub(super) fn next(&mut self, config: &Config) -> Option<(Handler, Opened)> {
        if self.running >= config.handlers.max(1) {
            return None;
        }
        let (protocol, handler, stream) = self.waiting.pop_front()?;
        if let Some(entry) = self.entries.get_mut(&protocol) {
            entry.waiting -= 1;
        }
        self.running += 1;
        Some((handler, stream))
    }

    /// A handler has ended, or was dropped. `true`: somebody waits for that.
    pub(super) fn ended(&mut self) -> bool {
        self.running = self.running.saturating_sub(1);
        !self.waiting.is_empty() || self.running == 0
    }
}
