//! [`Handlers`]: who answers the streams of which protocol, how many of them at a time, and who waits for a place.

use super::config::Config;
use super::opened::Opened;
use crate::connection::Protocol;
use crate::lifecycle::ConnectionId;
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
    /// How many stand in the line.
    waiting: usize,
    line: Line,
}

/// The streams that wait for a handler. Connections take turns, so that none has to wait for all that another has
/// opened; the streams of one are in the order in which they opened.
#[derive(Default)]
struct Line {
    /// Those that have streams here, each once: whose turn is next comes first.
    turns: VecDeque<ConnectionId>,
    /// None of them is empty. A connection that has ended may still have some, so that its place may have been taken.
    streams: BTreeMap<ConnectionId, Streams>,
    /// Memory for the next.
    spare: Streams,
}

type Streams = VecDeque<(Handler, Opened)>;

impl Line {
    fn push(&mut self, handler: Handler, stream: Opened) {
        let connection = stream.connection;
        match self.streams.get_mut(&connection) {
            Some(streams) => streams.push_back((handler, stream)),
            None => {
                let mut streams = core::mem::take(&mut self.spare);
                streams.push_back((handler, stream));
                self.streams.insert(connection, streams);
                self.turns.push_back(connection);
            }
        }
    }

    fn pop(&mut self) -> Option<(Handler, Opened)> {
        let connection = self.turns.pop_front()?;
        let streams = self.streams.get_mut(&connection)?;
        let next = streams.pop_front();
        match streams.is_empty() {
            true => self.spare = self.streams.remove(&connection).unwrap_or_default(),
            false => self.turns.push_back(connection),
        }
        next
    }

    /// Takes the last stream of a protocol from the connection that has the most of them here, if another stream of
    /// `connection` in its place makes them more even.
    fn make_place(&mut self, protocol: &Protocol, connection: ConnectionId) -> Option<(Handler, Opened)> {
        let count = |id: ConnectionId| {
            let streams = self.streams.get(&id).into_iter().flatten();
            streams.filter(|(_, stream)| stream.protocol == *protocol).count()
        };
        let (most, greedy) = self.turns.iter().map(|id| (count(*id), *id)).max_by_key(|(most, _)| *most)?;
        let own = count(connection);
        if most < own + 2 {
            return None;
        }
        // It has two at least, so that its turn stays.
        let streams = self.streams.get_mut(&greedy)?;
        let last = streams.iter().rposition(|(_, stream)| stream.protocol == *protocol)?;
        streams.remove(last)
    }
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
    /// A handler. A stream that waited for one makes place for it, if so many wait: that one is to be reset, and its
    /// handler dropped.
    Handler(Handler, Option<(Handler, Opened)>),
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
        self.running + self.waiting
    }

    /// Whether no handler runs, and no stream waits for one.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting == 0
    }

    /// Who answers another stream of a protocol.
    pub(super) fn answer(&mut self, protocol: &Protocol, connection: ConnectionId, config: &Config) -> Answer {
        let Some(entry) = self.entries.get_mut(protocol) else { return Answer::Other { was_ours: false } };
        let Some(handler) = &entry.handler else {
            return if entry.is_spoken { Answer::Nobody } else { Answer::Other { was_ours: true } };
        };
        let has_place = self.running + self.waiting < config.handlers.max(1);
        if has_place || entry.waiting < config.waiting_streams {
            return Answer::Handler(handler.clone(), None);
        }
        match self.line.make_place(protocol, connection) {
            Some(stream) => {
                (entry.waiting, self.waiting) = (entry.waiting - 1, self.waiting - 1);
                Answer::Handler(handler.clone(), Some(stream))
            }
            None => Answer::Full,
        }
    }

    /// Puts a stream in line for its handler.
    pub(super) fn wait(&mut self, handler: Handler, stream: Opened) {
        if let Some(entry) = self.entries.get_mut(&stream.protocol) {
            entry.waiting += 1;
        }
        self.waiting += 1;
        self.line.push(handler, stream);
    }

    /// The next stream, with its handler, if there is a place: it runs.
    pub(super) fn next(&mut self, config: &Config) -> Option<(Handler, Opened)> {
        if self.running >= config.handlers.max(1) {
            return None;
        }
        let (handler, stream) = self.line.pop()?;
        if let Some(entry) = self.entries.get_mut(&stream.protocol) {
            entry.waiting -= 1;
        }
        (self.running, self.waiting) = (self.running + 1, self.waiting - 1);
        Some((handler, stream))
    }

    /// A handler has ended, or was dropped. `true`: somebody waits for that.
    pub(super) fn ended(&mut self) -> bool {
        self.running = self.running.saturating_sub(1);
        self.waiting > 0 || self.running == 0
    }
}
