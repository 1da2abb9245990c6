//! Tests of a log from which lines are dropped now and then. The reader in these tests follows only the rules of the page
//! `guide::command_log`.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Failure, Lifecycle, Limits, StreamEnd, StreamId,
};

/// The maximum number of ids in one part of a snapshot. The number is small, so that even the connections need several
/// parts.
const MOST: usize = 3;

/// A reader of the log, which learns from the lines which ids are open.
#[derive(Default)]
struct Reader {
    open: BTreeSet<Id>,
    /// The number of parts of the latest snapshot that were read.
    parts: u64,
    /// The time in the last line that was read.
    read: Duration,
}

impl Reader {
    fn is_of(&mut self, at: Moment) {
        assert!(at.elapsed >= self.read, "{at:?} comes after {:?}", self.read);
        self.read = at.elapsed;
    }

    fn part(&mut self, part: &Part, parents: &Lifecycle) {
        self.is_of(part.at);
        if part.number == 1 {
            (self.open, self.parts) = (BTreeSet::new(), 0);
        }
        self.parts += 1;
        assert_eq!(part.number, self.parts);
        assert!(part.ids.len() <= MOST);
        for id in &part.ids {
            assert!(self.open.insert(*id), "{id} is listed twice");
            if let Id::Stream(stream) = id {
                assert!(self.open.contains(&parents.connection_of(*stream).unwrap().into()), "{id} is on nothing");
            }
        }
    }

    fn line(&mut self, event: Event, at: Moment) {
        self.is_of(at);
        let is_known = |id: Id| self.open.contains(&id);
        match event {
            Event::OpenedStream { connection, .. } | Event::StreamFailed { connection, .. } => {
                assert!(is_known(connection.into()), "{event:?} is on nothing");
            }
            Event::ClosedStream { .. } | Event::Disconnected { .. } | Event::ListenClose { .. } => {
                assert!(is_known(event.id()), "{event:?} comes from nowhere");
            }
            Event::Listen { .. }
            | Event::ListenFailed { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. } => {}
        }
        if event.is_last() {
            self.open.remove(&event.id());
        } else {
            assert!(self.open.insert(event.id()), "{event:?} comes twice");
        }
    }
}

/// A step of the test: an event of the network, a change of the queue of lines, or a call of the loop.
#[derive(Clone, Copy, Debug)]
enum Step {
    Connect,
    /// Streams open. The fields are the index of their connection and the number of streams.
    Open(usize, usize),
    /// A stream fails to open. The field is the index of its connection.
    Fail(usize),
    /// Streams end. The fields are the index of their connection, the index of the first stream, and the number of streams.
    End(usize, usize, usize),
    Disconnect(usize),
    /// The queue of lines becomes full (`true`), or accepts lines again (`false`).
    Fill(bool),
    /// The loop prints the next part of the snapshot, or begins a new snapshot if lines were dropped.
    CatchUp,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Connect),
        3 => (0..8_usize, 1..10_usize).prop_map(|(at, number)| Step::Open(at, number)),
        1 => (0..8_usize).prop_map(Step::Fail),
        4 => (0..8_usize, 0..30_usize, 1..8_usize).prop_map(|(at, from, number)| Step::End(at, from, number)),
        1 => (0..8_usize).prop_map(Step::Disconnect),
        3 => any::<bool>().prop_map(Step::Fill),
        8 => Just(Step::CatchUp),
    ];
    prop::collection::vec(step, 0..120)
}

#[derive(Default)]
struct Log {
    open: OpenIds,
    reader: Reader,
    is_full: bool,
    missed: u64,
    /// The time, which grows each time that it is read.
    clock: Duration,
}

impl Log {
    fn now(&mut self) -> Moment {
        self.clock += Duration::from_secs(1);
        Moment { elapsed: self.clock, time: UNIX_EPOCH }
    }

    fn tell(&mut self, event: Event, network: &Lifecycle) {
        let now = self.now();
        let (takes, reader) = (self.missed == 0 && !self.is_full, &mut self.reader);
        self.open.tell(event, now, |part| {
            if takes {
                part.iter().for_each(|part| reader.part(part, network));
                reader.line(event, now);
            }
            takes
        });
        self.missed += u64::from(!takes);
    }

    fn catch_up(&mut self, network: &Lifecycle) {
        if self.is_full {
            return;
        }
        if !self.open.has_more() && self.missed > 0 {
            self.missed = 0;
            self.open.begin_snapshot();
        }
        let now = self.now();
        if let Some(part) = self.open.next_part(MOST, now) {
            self.reader.part(&part, network);
        }
    }
}

proptest! {
    #[test]
    fn a_reader_of_parts_and_lines_knows_what_is_open(steps in steps()) {
        let mut network = Lifecycle::new(Limits::default());
        let mut log = Log::default();
        let mut connections: Vec<ConnectionId> = Vec::new();
        for step in steps {
            let connection = |at: usize| connections.get(at % connections.len().max(1)).copied();
            match step {
                Step::Connect => {
                    let connection = network.begin_connection(Direction::Inbound).unwrap();
                    network.opened(connection).unwrap();
                    connections.push(connection);
                }
                Step::Open(at, number) => {
                    for _ in 0..number {
                        let Some(connection) = connection(at) else { break };
                        let stream = network.begin_stream(connection, Direction::Inbound).unwrap();
                        network.opened(stream).unwrap();
                    }
                }
                Step::Fail(at) => {
                    if let Some(connection) = connection(at) {
                        let stream = network.begin_stream(connection, Direction::Inbound).unwrap();
                        network.fail(stream, Failure::Unsupported).unwrap();
                    }
                }
                Step::End(at, from, number) => {
                    let streams: Vec<StreamId> = connection(at).map(|at| network.streams_of(at).collect()).unwrap_or_default();
                    for stream in streams.into_iter().skip(from).take(number) {
                        network.end_stream(stream, StreamEnd::Finished).unwrap();
                    }
                }
                Step::Disconnect(at) => {
                    if let Some(connection) = connection(at) {
                        connections.retain(|other| *other != connection);
                        network.end_connection(connection, ConnectionEnd::Shutdown).unwrap();
                    }
                }
                Step::Fill(is_full) => log.is_full = is_full,
                Step::CatchUp => log.catch_up(&network),
            }
            while let Some(event) = network.next_event() {
                log.tell(event, &network);
                network.vacate();
            }
            if log.missed == 0 && !log.open.has_more() {
                let open: BTreeSet<_> = network.openings().iter().map(Event::id).collect();
                prop_assert_eq!(&log.reader.open, &open);
            }
        }
        log.is_full = false;
        while log.missed > 0 || log.open.has_more() {
            log.catch_up(&network);
        }
        let open: BTreeSet<_> = network.openings().iter().map(Event::id).collect();
        prop_assert_eq!(log.reader.open, open);
    }
}
