//! [`Side`]: one swarm and an owner for it, who logs, reads and writes, and checks what each call promises. The owner
//! drains by hand, or [has an audience](Side::invite) and drives that.

mod observed;

use super::super::audience::{Audience, Transcript};
use super::checker::Checker;
use super::reactor::{Poller, SimReactor, SimSwarm};
use libp2p_core::{Multiaddr, Transport};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use swarm_notify::connection::{Protocol, ReadError, WriteError};
use swarm_notify::lifecycle::{ConnectionId, Event, Id, ListenerId, State, StreamId};
use swarm_notify::swarm::{CloseError, OpenStreamError, PipeTransport, Readiness};

/// How an owner drives its swarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// By `tick`, and only when its descriptor is readable or `poll_at` has come.
    Sleep,
    /// By `tick`, whenever anything happens anywhere.
    Tick,
    /// As in `Sleep`, but by turns of so many units.
    Turns(usize),
}

/// What an owner does when it is told of something: P8.
pub(crate) type React<T, const EVENTS: usize> = Box<dyn FnMut(&mut SimSwarm<T, EVENTS>, &mut Checker, Event)>;

/// What is noted of an event before anybody is told of it.
pub(crate) type Note<T, const EVENTS: usize> = Box<dyn FnMut(&SimSwarm<T, EVENTS>, Event)>;

/// One swarm with its owner.
pub(crate) struct Side<T: Transport, const EVENTS: usize> {
    pub(crate) swarm: SimSwarm<T, EVENTS>,
    poller: Poller,
    pub(crate) name: &'static str,
    mode: Mode,
    /// The owner comes without having been woken.
    comes: Cell<bool>,
    log: Vec<(Duration, String)>,
    expected: usize,
    pub(crate) checker: Checker,
    /// How many events are drained after one poll.
    pub(crate) drains: usize,
    /// Whether what can be read is read at once.
    pub(crate) reads: bool,
    pub(crate) react: Option<React<T, EVENTS>>,
    pub(crate) note: Option<Note<T, EVENTS>>,
    /// Who else is told. It is elsewhere while it is driven.
    audience: Option<Box<Audience<Self>>>,
    transcript: Transcript,
    /// An event is being told, so that there is no next one.
    is_held: bool,
    /// The time of the last turn.
    now: Duration,
    /// There was more to drain after the last poll than was drained.
    more: bool,
    last: Option<Event>,
    streams: BTreeMap<StreamId, App>,
    told: BTreeSet<StreamId>,
    /// The listeners that commands have begun.
    pub(crate) listening: Vec<ListenerId>,
    /// What next_ready said, since it was last taken.
    pub(crate) ready: Vec<Readiness>,
    /// What has ended by a rule of ours, with the rule, since it was last taken.
    pub(crate) causes: Vec<String>,
}

/// What the owner does with one stream.
#[derive(Default)]
struct App {
    received: Vec<u8>,
    ended: bool,
    outbox: Vec<u8>,
    finish: bool,
    /// Ready has named it readable, or writable, and there was no short read, or write, since.
    readable: bool,
    writable: bool,
    /// A write was short, or a flush blocked.
    waits: bool,
    /// A flush was blocked.
    flushes: bool,
}

impl<T, const EVENTS: usize> Side<T, EVENTS>
where
    T: PipeTransport + 'static,
{
    /// `swarm`: makes it, on the reactor that it is given, which `poller` belongs to.
    pub(crate) fn new(
        name: &'static str,
        mode: Mode,
        poller: Poller,
        swarm: impl FnOnce(SimReactor) -> SimSwarm<T, EVENTS>,
    ) -> Self {
        Self {
            swarm: swarm(SimReactor(poller.clone())),
            poller,
            name,
            mode,
            comes: Cell::new(true),
            log: Vec::new(),
            expected: 0,
            checker: Checker::default(),
            drains: usize::MAX,
            reads: true,
            react: None,
            note: None,
            audience: None,
            transcript: Transcript::default(),
            is_held: false,
            now: Duration::ZERO,
            more: false,
            last: None,
            streams: BTreeMap::new(),
            told: BTreeSet::new(),
            listening: Vec::new(),
            ready: Vec::new(),
            causes: Vec::new(),
        }
    }

    /// Whether the owner has a reason for a turn. Events that it leaves undrained are none.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let is_time = self.swarm.next_deadline().is_some_and(|at| at <= now);
        let audience = self.audience.as_ref().filter(|_| self.drains > 0).and_then(|audience| audience.poll_at());
        let is_theirs = audience.is_some_and(|at| at <= now);
        self.comes.get() || self.more || is_time || is_theirs || self.poller.is_readable()
    }

    /// Something has happened somewhere: an owner that ticks does.
    pub(crate) fn something_happened(&self) {
        if self.mode == Mode::Tick {
            self.comes.set(true);
        }
    }

    /// One turn of the owner's loop.
    pub(crate) fn turn(&mut self, now: Duration) {
        self.comes.set(false);
        self.now = now;
        match self.mode {
            Mode::Sleep | Mode::Tick => self.swarm.tick(now),
            Mode::Turns(units) => {
                let mut left = units;
                let may = &mut || left.checked_sub(1).inspect(|less| left = *less).is_some();
                let progress = self.swarm.turn(now, may);
                assert_eq!(progress.more, self.swarm.next_deadline().is_some_and(|at| at <= now), "{}", self.name);
            }
        }
        let is_pending = self.swarm.has_pending();
        let drained = self.drain(now);
        assert!(is_pending || !drained, "{}: nothing was pending, but there was something to drain", self.name);
    }

    /// Drains what there is, as far as this owner does.
    pub(crate) fn drain(&mut self, now: Duration) -> bool {
        if let Some(audience) = self.audience.take() {
            return self.drive(audience, now);
        }
        let mut events = 0;
        while events < self.drains {
            let Some(event) = self.next_event(now) else { break };
            events += 1;
            self.reacts(event);
        }
        self.more = self.drains > 0 && events == self.drains;
        let ready = self.take_ready();
        events > 0 || ready
    }

    fn reacts(&mut self, event: Event) {
        if let Some(mut react) = self.react.take() {
            react(&mut self.swarm, &mut self.checker, event);
            self.react = Some(react);
        }
    }

    /// The next event, logged and checked: what it names can be looked up until the next one is asked for, and not
    /// after.
    pub(crate) fn next_event(&mut self, now: Duration) -> Option<Event> {
        if self.is_held {
            assert_eq!(self.swarm.next_event(), None, "an event is being told");
            return None;
        }
        if let Some(event) = self.last.filter(Event::is_last) {
            assert_eq!(self.state(event.id()), Some(State::Ended), "{event:?} can be looked up while it is handled");
        }
        let next = self.swarm.next_event();
        if let Some(event) = self.last.take().filter(Event::is_last) {
            assert_eq!(self.state(event.id()), None, "{event:?} has been handled");
        }
        let event = next?;
        self.last = Some(event);
        self.transcript.push(event);
        self.checker.tells(event);
        let line = self.line(event);
        self.log.push((now, line));
        match event {
            Event::OpenedStream { stream, .. } => drop(self.told.insert(stream)),
            Event::StreamFailed { stream, .. } | Event::ClosedStream { stream, .. } => {
                self.told.remove(&stream);
                self.streams.entry(stream).or_default().received.extend(self.swarm.take_unread(stream));
            }
            Event::Listen { listener } => self.listening.push(listener),
            Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::Disconnected { .. } => {}
        }
        self.causes.extend(self.cause(event));
        if let Some(note) = &mut self.note {
            note(&self.swarm, event);
        }
        Some(event)
    }

    fn state(&self, id: Id) -> Option<State> {
        match id {
            Id::Listener(id) => self.swarm.listener(id).map(|view| view.state),
            Id::Connection(id) => self.swarm.connection(id).map(|view| view.state),
            Id::Stream(id) => self.swarm.stream(id).map(|view| view.state),
        }
    }

    fn line(&self, event: Event) -> String {
        let name = event.name();
        match event {
            Event::Listen { listener } => format!("{name} {listener}"),
            Event::ListenFailed { listener, reason } => format!("{name} {listener} {reason}"),
            Event::ListenClose { listener, reason } => format!("{name} {listener} {reason}"),
            Event::Connected { connection } => {
                let view = self.swarm.connection(connection).expect("it is open");
                assert!(view.peer.is_some(), "its peer is authenticated");
                format!("{name} {connection} {}", view.direction)
            }
            Event::ConnectFailed { connection, reason } => format!("{name} {connection} {reason}"),
            Event::Disconnected { connection, reason } => format!("{name} {connection} {reason}"),
            Event::OpenedStream { connection, stream } => {
                let view = self.swarm.stream(stream).expect("it is open");
                let protocol = view.protocol.expect("its protocol is agreed");
                format!("{name} {connection}/{stream} {} {protocol}", view.direction)
            }
            Event::StreamFailed { connection, stream, reason } => format!("{name} {connection}/{stream} {reason}"),
            Event::ClosedStream { connection, stream, reason } => format!("{name} {connection}/{stream} {reason}"),
        }
    }

    fn take_ready(&mut self) -> bool {
        let mut any = false;
        while let Some(ready) = self.swarm.next_ready() {
            any = true;
            self.is_ready(ready, false);
        }
        any
    }

    /// Something is ready. `is_late`: the owner may have read and written since the swarm has said so.
    fn is_ready(&mut self, ready: Readiness, is_late: bool) {
        self.ready.push(ready);
        let Readiness::Stream { stream, readable, writable } = ready else { return };
        assert!(readable || writable, "{stream} is ready for something");
        assert!(self.told.contains(&stream), "{}: {stream} is ready outside its life", self.name);
        let app = self.streams.entry(stream).or_default();
        if !is_late {
            assert!(!readable || !app.readable, "{stream} is readable again without a short read");
            assert!(!writable || app.waits && !app.writable, "{stream} is writable again without a short write");
            app.readable |= readable;
            app.writable |= writable;
        }
        if readable && self.reads {
            self.read_all(stream);
        }
        if writable {
            self.write_on(stream);
            if self.flushes(stream) {
                let _ = self.flush(stream);
            }
        }
    }

    /// Reads until there is nothing more.
    pub(crate) fn read_all(&mut self, stream: StreamId) {
        let app = self.streams.entry(stream).or_default();
        let mut buffer = [0; 4096];
        loop {
            match self.swarm.read(stream, &mut buffer) {
                Ok(0) => {
                    app.ended = true;
                    return;
                }
                Ok(n) => app.received.extend_from_slice(&buffer[..n]),
                Err(ReadError::Blocked) => {
                    app.readable = false;
                    return;
                }
                Err(ReadError::Closed | ReadError::Ended) => return,
                Err(error) => panic!("{stream}: {error}"),
            }
        }
    }

    /// Writes what is left to write, as far as there is place.
    fn write_on(&mut self, stream: StreamId) {
        let app = self.streams.entry(stream).or_default();
        app.writable = false;
        match self.swarm.write(stream, &app.outbox) {
            Ok(n) => drop(app.outbox.drain(..n)),
            Err(WriteError::Blocked) => {}
            Err(WriteError::Closed | WriteError::Ended) => return,
            Err(error) => panic!("{stream}: {error}"),
        }
        app.waits = !app.outbox.is_empty();
        if !app.waits && app.finish {
            self.swarm.finish(stream).expect("it was just written to");
        }
    }

    // Commands.

    pub(crate) fn listen(&mut self, address: &Multiaddr) -> ListenerId {
        let id = self.swarm.listen(address.clone()).expect("there is place");
        self.checker.begins(id.into(), None);
        id
    }

    pub(crate) fn dial(&mut self, address: &Multiaddr) -> ConnectionId {
        let id = self.swarm.dial(address.clone()).expect("there is place");
        self.checker.begins(id.into(), None);
        id
    }

    pub(crate) fn open(&mut self, connection: ConnectionId, protocols: &[Protocol]) -> StreamId {
        self.try_open(connection, protocols).expect("there is place")
    }

    pub(crate) fn try_open(
        &mut self,
        connection: ConnectionId,
        protocols: &[Protocol],
    ) -> Result<StreamId, OpenStreamError> {
        let id = self.swarm.open_stream(connection, protocols)?;
        self.checker.begins(id.into(), Some(connection));
        Ok(id)
    }

    /// Writes all of it, as there comes to be place.
    pub(crate) fn send(&mut self, stream: StreamId, bytes: &[u8]) {
        self.streams.entry(stream).or_default().outbox.extend_from_slice(bytes);
        self.write_on(stream);
    }

    /// Writes once, as much as there is place for.
    pub(crate) fn try_write(&mut self, stream: StreamId, bytes: &[u8]) {
        let written = self.swarm.write(stream, bytes);
        let app = self.streams.entry(stream).or_default();
        if written.is_ok_and(|n| n < bytes.len()) || written == Err(WriteError::Blocked) {
            (app.waits, app.writable) = (true, false);
        }
    }

    /// Asks whether what was written has been sent, and waits for that if not.
    pub(crate) fn flush(&mut self, stream: StreamId) -> Result<(), WriteError> {
        let flushed = self.swarm.flush(stream);
        let app = self.streams.entry(stream).or_default();
        app.flushes = flushed == Err(WriteError::Blocked);
        if app.flushes {
            (app.waits, app.writable) = (true, false);
        }
        flushed
    }

    /// Finishes after what was sent.
    pub(crate) fn finish(&mut self, stream: StreamId) {
        let app = self.streams.entry(stream).or_default();
        app.finish = true;
        if app.outbox.is_empty() {
            self.swarm.finish(stream).expect("it lives");
        }
    }

    // What was seen.

    /// What has been read of a stream, with what was unread when it ended.
    pub(crate) fn received(&self, stream: StreamId) -> &[u8] {
        self.streams.get(&stream).map_or(&[], |app| &app.received)
    }

    /// The same of all streams.
    pub(crate) fn all_received(&self) -> impl Iterator<Item = &[u8]> {
        self.streams.values().map(|app| app.received.as_slice())
    }

    /// Whether a flush of a stream was blocked, and the owner has not been told that it is over.
    pub(crate) fn flushes(&self, stream: StreamId) -> bool {
        self.streams.get(&stream).is_some_and(|app| app.flushes)
    }

    /// The owner goes on draining, though nothing has woken it.
    pub(crate) fn something_to_drain(&self) {
        self.comes.set(true);
    }

    /// Whether the end of a stream has been read.
    pub(crate) fn has_read_end(&self, stream: StreamId) -> bool {
        self.streams.get(&stream).is_some_and(|app| app.ended)
    }

    /// How many events have been logged and not been expected yet.
    pub(crate) fn unexpected(&self) -> usize {
        self.log.len() - self.expected
    }

    /// The whole log, for when something is wrong.
    pub(crate) fn whole_log(&self) -> String {
        self.log.iter().map(|(at, line)| format!("{:>9.3} {} {line}\n", at.as_secs_f64(), self.name)).collect()
    }

    /// Takes the log since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        let log = self.log[self.expected..].iter().map(|(_, line)| line.clone()).collect();
        self.expected = self.log.len();
        log
    }

    /// The same with the times.
    pub(crate) fn take_timed_log(&mut self) -> Vec<(Duration, String)> {
        let log = self.log[self.expected..].to_vec();
        self.expected = self.log.len();
        log
    }

    /// What has been logged since the last call is this and nothing else.
    #[track_caller]
    pub(crate) fn expect<S: AsRef<str>>(&mut self, expected: &[S]) {
        let expected: Vec<_> = expected.iter().map(|line| line.as_ref().to_owned()).collect();
        assert_eq!(self.take_log(), expected, "the log of {}, of\n{}", self.name, self.whole_log());
    }

    /// Nothing lives, and nothing is remembered.
    #[track_caller]
    pub(crate) fn assert_no_leaks(&mut self) {
        if let Some(mut audience) = self.audience.take() {
            audience.come_to_rest(self, self.now);
            self.audience = Some(audience);
            // A reader that has heard of a lag wakes the swarm.
            self.swarm.tick(self.now);
        }
        assert!(self.swarm.is_shut_down());
        assert_eq!(self.swarm.next_event(), None, "everything has been drained");
        assert_eq!(self.swarm.next_ready(), None, "what is over is not ready");
        assert_eq!(self.swarm.poll_at(), None, "nothing is waited for");
        assert_eq!(self.swarm.connections().count(), 0);
        assert_eq!(self.swarm.bytes_held(), 0, "what nobody waits for is not held");
        let counters = self.swarm.counters();
        let all = [
            counters.listeners,
            counters.connections.inbound,
            counters.connections.outbound,
            counters.streams.inbound,
            counters.streams.outbound,
        ];
        for counts in all {
            assert_eq!((counts.open, counts.closed), (0, counts.opened), "{}: {counters:?}", self.name);
        }
        let told = |event| self.log.iter().filter(|(_, line)| line.split(' ').next() == Some(event)).count() as u64;
        let opened = ["listen", "connected", "opened_stream"].map(told).iter().sum();
        let failed = ["listen_failed", "connect_failed", "stream_failed"].map(told).iter().sum();
        let counted = all.iter().fold((0, 0), |sum, counts| (sum.0 + counts.opened, sum.1 + counts.failed));
        assert_eq!(counted, (opened, failed), "{}: {counters:?}", self.name);
        self.checker.assert_all_told();
        for stream in self.streams.keys() {
            assert_eq!(self.swarm.reset(*stream), Err(CloseError::Stale));
        }
    }
}
