//! `test_notify.py`: all notifees of both sides are told of connections and streams.

use crate::notify::{MyNotifee, Polite, streams};
use crate::support::party::{ECHO, Party, Tcp, connect, until};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Barrier, Mutex, mpsc};
use std::task::Waker;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Event, ListenerEnd, RemoteEnd, StreamEnd, StreamId};
use swarm_notify::notifee::{Notifee, NotifeeContext};
use swarm_notify::swarm::{CloseError, Config, DialError, Multiaddr, OpenStreamError};

/// The bytes of each stream that were read at the listener.
#[derive(Clone, Default)]
struct Reads(Rc<RefCell<BTreeMap<StreamId, Vec<u8>>>>);

/// Reads, and ends its side of each stream when the other side has ended.
impl Notifee<Tcp> for Reads {
    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Tcp>, stream: StreamId, _readable: bool, _writable: bool) {
        let mut buffer = [0; 64];
        while let Ok(n) = cx.network().read(stream, &mut buffer) {
            self.0.borrow_mut().entry(stream).or_default().extend_from_slice(&buffer[..n]);
            if n == 0 {
                return cx.network().finish(stream).unwrap();
            }
        }
    }
}

/// Two parties, of which the second dials, and what the first one reads.
fn two(config: Config) -> ([Party; 2], Reads) {
    let (mut parties, reads) = ([Party::new(1), Party::with(2, config)], Reads::default());
    parties[0].notifees.register(reads.clone());
    parties[1].notifees.register(Polite);
    (parties, reads)
}

fn all_told(notifees: &[[MyNotifee; 2]], name: &str, count: usize) -> bool {
    notifees.iter().flatten().all(|notifee| notifee.count(name) == count)
}

/// Opens streams on the dialer's connection, all at once. Each says its id there.
fn open(parties: &mut [Party], connection: ConnectionId, count: usize) -> Vec<StreamId> {
    let open = |_| {
        let stream = parties[1].swarm.open_stream(connection, &[ECHO]).unwrap();
        let name = stream.to_string();
        assert_eq!(parties[1].swarm.write(stream, name.as_bytes()), Ok(name.len()));
        stream
    };
    (0..count).map(open).collect()
}

/// The connection that the listener was told of, which nobody there has dialed.
fn accepted(notifee: &MyNotifee) -> ConnectionId {
    let events = notifee.events();
    let mut connected = events.iter().filter(|event| event.name() == "connected");
    let Some(Event::Connected { connection }) = connected.next() else { panic!("it is not connected: {events:?}") };
    *connection
}

/// Each of the four was told of exactly these streams: at the dialer of those that it has opened, by the ids that
/// `open_stream` returned, in the order of the calls; at the listener of the other ends of the same streams, in the same
/// order.
#[track_caller]
fn assert_finished(notifees: &[[MyNotifee; 2]], reads: &Reads, connection: ConnectionId, opened: &[StreamId]) {
    for notifee in &notifees[1] {
        let told = streams(&notifee.events(), connection);
        assert_eq!(told.opened, opened, "the ids that it was given, in the order in which it was");
        assert!(told.ends.iter().all(|(_, reason)| *reason == StreamEnd::Finished), "{:?}", told.ends);
        assert_eq!(told.ends.len(), opened.len());
    }
    for notifee in &notifees[0] {
        let told = streams(&notifee.events(), accepted(notifee));
        let names: Vec<_> =
            told.opened.iter().map(|id| String::from_utf8(reads.0.borrow()[id].clone()).unwrap()).collect();
        assert_eq!(names, opened.iter().map(StreamId::to_string).collect::<Vec<_>>());
        assert!(told.ends.iter().all(|(_, reason)| *reason == StreamEnd::Finished), "{:?}", told.ends);
        assert_eq!(told.ends.len(), opened.len());
    }
    for [first, second] in notifees {
        assert_eq!(*first.events(), *second.events(), "both are told the same");
    }
}

/// The opener alone closes its stream, and then the connection: the original's own path.
#[test]
fn test_notify() {
    let mut parties = [Party::new(1), Party::new(2)];
    let notifees = MyNotifee::twice(&mut parties);
    let (listener, connections) = connect(&mut parties);
    let (connection, at_listener) = (connections[0], accepted(&notifees[0][0]));
    let stream = open(&mut parties, connection, 1)[0];
    until(&mut parties, |_| notifees[1].iter().all(|notifee| notifee.count("opened_stream") == 1));
    let at_other_end = parties[0].swarm.streams_of(at_listener).next().expect("it was open there first");
    parties[1].swarm.close_stream(stream).unwrap();
    parties[1].swarm.close_connection(connection).unwrap();
    until(&mut parties, |_| all_told(&notifees, "disconnected", 1));
    // It ends with its connection, since its other side was never closed.
    let reason = StreamEnd::ConnectionClosed;
    let expected = [
        Event::Listen { listener },
        Event::Connected { connection: at_listener },
        Event::OpenedStream { connection: at_listener, stream: at_other_end },
        Event::ClosedStream { connection: at_listener, stream: at_other_end, reason },
        Event::Disconnected { connection: at_listener, reason: ConnectionEnd::Remote(RemoteEnd::GoAway(0)) },
    ];
    for notifee in &notifees[0] {
        assert_eq!(*notifee.events(), expected);
    }
    let expected = [
        Event::Connected { connection },
        Event::OpenedStream { connection, stream },
        Event::ClosedStream { connection, stream, reason },
        Event::Disconnected { connection, reason: ConnectionEnd::Requested },
    ];
    for notifee in &notifees[1] {
        assert_eq!(*notifee.events(), expected);
    }
}

#[test]
fn test_notify_with_closed_stream_and_listen_close() {
    let (mut parties, reads) = two(Config::default());
    let notifees = MyNotifee::twice(&mut parties);
    let (listener, connections) = connect(&mut parties);
    let stream = open(&mut parties, connections[0], 1)[0];
    parties[1].swarm.finish(stream).unwrap();
    until(&mut parties, |_| all_told(&notifees, "closed_stream", 1));
    assert_finished(&notifees, &reads, connections[0], &[stream]);
    parties[0].swarm.close_listener(listener).unwrap();
    until(&mut parties, |_| notifees[0].iter().all(|notifee| notifee.count("listen_close") == 1));
    parties[1].swarm.close_connection(connections[0]).unwrap();
    until(&mut parties, |_| all_told(&notifees, "disconnected", 1));
    let Some(Event::Connected { connection }) = notifees[0][0].events().get(1).copied() else { panic!() };
    let Some(Event::OpenedStream { stream: accepted, .. }) = notifees[0][0].events().get(2).copied() else { panic!() };
    let expected = [
        Event::Listen { listener },
        Event::Connected { connection },
        Event::OpenedStream { connection, stream: accepted },
        Event::ClosedStream { connection, stream: accepted, reason: StreamEnd::Finished },
        Event::ListenClose { listener, reason: ListenerEnd::Requested },
        Event::Disconnected { connection, reason: ConnectionEnd::Remote(RemoteEnd::GoAway(0)) },
    ];
    for notifee in &notifees[0] {
        assert_eq!(*notifee.events(), expected);
    }
    let connection = connections[0];
    let expected = [
        Event::Connected { connection },
        Event::OpenedStream { connection, stream },
        Event::ClosedStream { connection, stream, reason: StreamEnd::Finished },
        Event::Disconnected { connection, reason: ConnectionEnd::Requested },
    ];
    for notifee in &notifees[1] {
        assert_eq!(*notifee.events(), expected);
    }
}

/// Five streams, opened and then closed rapidly.
#[test]
fn test_notify_edge_cases() {
    let (mut parties, reads) = two(Config::default());
    let notifees = MyNotifee::twice(&mut parties);
    let (_, connections) = connect(&mut parties);
    let streams = open(&mut parties, connections[0], 5);
    until(&mut parties, |_| all_told(&notifees, "opened_stream", 5));
    streams.iter().for_each(|stream| parties[1].swarm.finish(*stream).unwrap());
    until(&mut parties, |_| all_told(&notifees, "closed_stream", 5));
    assert_finished(&notifees, &reads, connections[0], &streams);
}

/// The original's notifee refuses notifications that lack something. Here they cannot lack anything; what can be wrong
/// is a command, which is refused, and nothing is told.
#[test]
fn test_my_notifee_error_handling() {
    let mut config = Config::default();
    config.limits.listeners = 1;
    config.limits.connections = 1;
    config.limits.streams_per_connection = 1;
    let (mut parties, reads) = two(config);
    let notifees = MyNotifee::twice(&mut parties);
    let (listener, connections) = connect(&mut parties);
    let address = parties[0].address(listener);
    let stream = open(&mut parties, connections[0], 1)[0];
    parties[1].swarm.finish(stream).unwrap();
    until(&mut parties, |_| all_told(&notifees, "closed_stream", 1));
    // What the events' ids name is gone by now.
    until(&mut parties, |parties| parties[1].swarm.stream(stream).is_none());
    let (before, swarm) = (notifees[1][0].events().len(), &mut parties[1].swarm);
    assert_eq!(swarm.reset(stream), Err(CloseError::Stale));
    assert_eq!(swarm.close_stream(stream), Err(CloseError::Stale));
    assert_eq!(swarm.open_stream(connections[0], &[]), Err(OpenStreamError::NoProtocol));
    assert_eq!(swarm.dial(address), Err(DialError::Limit));
    let open = swarm.open_stream(connections[0], &[ECHO]).unwrap();
    assert_eq!(swarm.open_stream(connections[0], &[ECHO]), Err(OpenStreamError::Limit));
    swarm.write(open, open.to_string().as_bytes()).unwrap();
    swarm.finish(open).unwrap();
    until(&mut parties, |_| all_told(&notifees, "closed_stream", 2));
    assert_eq!(notifees[1][0].events().len(), before + 2, "one stream opened and closed, and nothing else");
    assert_finished(&notifees, &reads, connections[0], &[stream, open]);
}

/// Three streams, opened and closed with no wait between them; then the connection.
#[test]
fn test_rapid_stream_operations() {
    let (mut parties, reads) = two(Config::default());
    let notifees = MyNotifee::twice(&mut parties);
    let (_, connections) = connect(&mut parties);
    let streams = open(&mut parties, connections[0], 3);
    streams.iter().for_each(|stream| parties[1].swarm.finish(*stream).unwrap());
    until(&mut parties, |_| all_told(&notifees, "closed_stream", 3));
    parties[1].swarm.close_connection(connections[0]).unwrap();
    until(&mut parties, |_| all_told(&notifees, "disconnected", 1));
    assert_finished(&notifees, &reads, connections[0], &streams);
    for notifee in &notifees[1] {
        let events = notifee.events();
        assert_eq!((events.len(), events[0].name(), events[7].name()), (8, "connected", "disconnected"));
    }
}

/// Streams that each of the two threads of [`test_concurrent_stream_operations`] opens.
const EACH: usize = 50;

/// The streams that one of two threads has opened, and the events that its notifees were told.
struct Done {
    connection: ConnectionId,
    opened: Vec<StreamId>,
    told: [Vec<Event>; 2],
}

/// Opens and finishes streams on the party's connection while the other thread does the same at the other end, and
/// waits until both have been told of all of them.
fn open_beside_the_other(
    number: usize,
    mut party: Party,
    connection: ConnectionId,
    notifees: &[MyNotifee; 2],
    meeting: &Meeting,
) -> Done {
    let parties = std::slice::from_mut(&mut party);
    meeting.wakers.lock().unwrap()[number] = Some(parties[0].swarm.waker());
    meeting.start.wait();
    let mut opened = Vec::new();
    for _ in 0..EACH {
        let stream = parties[0].swarm.open_stream(connection, &[ECHO]).unwrap();
        parties[0].swarm.finish(stream).unwrap();
        opened.push(stream);
        // It takes turns meanwhile, and so does the other.
        until(parties, |_| true);
    }
    until(parties, |_| notifees.iter().all(|notifee| notifee.count("closed_stream") == 2 * EACH));
    meeting.is_done.lock().unwrap()[number] = true;
    meeting.wakers.lock().unwrap()[1 - number].as_ref().unwrap().wake_by_ref();
    // The other one may wait for our side yet.
    until(parties, |_| meeting.is_done.lock().unwrap()[1 - number]);
    if number == 1 {
        parties[0].swarm.close_connection(connection).unwrap();
    }
    until(parties, |_| notifees.iter().all(|notifee| notifee.count("disconnected") == 1));
    Done { connection, opened, told: notifees.each_ref().map(|notifee| notifee.events().clone()) }
}

/// The meeting point of the two threads.
struct Meeting {
    start: Barrier,
    wakers: Mutex<[Option<Waker>; 2]>,
    is_done: Mutex<[bool; 2]>,
}

fn party_on_its_thread(number: u8) -> (Party, [MyNotifee; 2]) {
    let mut party = Party::new(number);
    party.notifees.register(Polite);
    let notifees = MyNotifee::twice(std::slice::from_mut(&mut party)).remove(0);
    (party, notifees)
}

/// Two threads, each with one end of a connection, open and close streams on it at the same time.
#[test]
fn test_concurrent_stream_operations() {
    let meeting = Meeting { start: Barrier::new(2), wakers: Mutex::default(), is_done: Mutex::default() };
    let (tell, address) = mpsc::channel::<Multiaddr>();
    let listen = || {
        let tell = tell;
        let (mut party, notifees) = party_on_its_thread(1);
        let listener = party.listen();
        until(std::slice::from_mut(&mut party), |_| notifees[1].count("listen") == 1);
        tell.send(party.address(listener)).unwrap();
        until(std::slice::from_mut(&mut party), |_| notifees[1].count("connected") == 1);
        let connection = accepted(&notifees[1]);
        open_beside_the_other(0, party, connection, &notifees, &meeting)
    };
    let dial = || {
        let address = address;
        let (mut party, notifees) = party_on_its_thread(2);
        let connection = party.swarm.dial(address.recv().unwrap()).unwrap();
        until(std::slice::from_mut(&mut party), |_| notifees[1].count("connected") == 1);
        open_beside_the_other(1, party, connection, &notifees, &meeting)
    };
    let both = std::thread::scope(|scope| {
        let threads = [scope.spawn(listen), scope.spawn(dial)];
        threads.map(|thread| thread.join().unwrap())
    });
    for (Done { connection, opened, told: [first, second] }, before) in both.iter().zip([1, 0]) {
        assert_eq!(first, second, "both are told the same");
        let told = streams(first, *connection);
        let (ours, theirs): (Vec<StreamId>, Vec<StreamId>) =
            told.opened.iter().partition(|stream| opened.contains(stream));
        assert_eq!(ours, *opened, "the ids that it was given, in the order in which it was");
        assert_eq!(theirs.len(), EACH);
        assert!(told.ends.iter().all(|(_, reason)| *reason == StreamEnd::Finished), "{:?}", told.ends);
        assert_eq!((told.ends.len(), first.len()), (2 * EACH, before + 1 + 4 * EACH + 1));
    }
}
