//! `test_notify.py`: all notifees of both sides are told of connections and streams.

use crate::notify::{MyNotifee, Polite};
use crate::support::party::{ECHO, Party, connect, until};
use swarm_notify::lifecycle::{ConnectionEnd, Event, ListenerEnd, RemoteEnd, StreamEnd, StreamId};
use swarm_notify::swarm::{CloseError, Config, DialError, OpenStreamError};

fn two() -> [Party; 2] {
    let mut parties = [Party::new(1), Party::new(2)];
    parties.iter_mut().for_each(|party| _ = party.notifees.register(Polite));
    parties
}

fn closed(notifees: &[[MyNotifee; 2]], count: usize) -> bool {
    notifees.iter().flatten().all(|notifee| notifee.count("closed_stream") == count)
}

/// Opens streams on the dialer's connection, all at once.
fn open(parties: &mut [Party], count: usize) -> Vec<StreamId> {
    let connection = parties[1].swarm.connections().next().unwrap();
    (0..count).map(|_| parties[1].swarm.open_stream(connection, &[ECHO]).unwrap()).collect()
}

/// Exactly so many streams opened, each once, and closed, each once, in good order, at all four.
#[track_caller]
fn assert_streams(notifees: &[[MyNotifee; 2]], count: usize) {
    for notifee in notifees.iter().flatten() {
        let events = notifee.events();
        let streams = |is_closed: bool| {
            let mut ids: Vec<_> = events
                .iter()
                .filter_map(|event| match event {
                    Event::OpenedStream { stream, .. } => (!is_closed).then_some(*stream),
                    Event::ClosedStream { stream, reason, .. } => {
                        assert_eq!(*reason, StreamEnd::Finished);
                        is_closed.then_some(*stream)
                    }
                    Event::Listen { .. } | Event::Connected { .. } => None,
                    Event::ListenFailed { .. }
                    | Event::ListenClose { .. }
                    | Event::ConnectFailed { .. }
                    | Event::Disconnected { .. }
                    | Event::StreamFailed { .. } => panic!("{event:?}"),
                })
                .collect();
            ids.sort();
            ids
        };
        let (opened, closed) = (streams(false), streams(true));
        assert_eq!((opened.len(), &closed), (count, &opened));
        assert!(opened.windows(2).all(|pair| pair[0] != pair[1]), "each once");
    }
}

#[test]
fn test_notify() {
    let mut parties = two();
    let notifees = MyNotifee::twice(&mut parties);
    let (_, connections) = connect(&mut parties);
    let stream = open(&mut parties, 1)[0];
    parties[1].swarm.finish(stream).unwrap();
    until(&mut parties, |_| closed(&notifees, 1));
    parties[1].swarm.close_connection(connections[0]).unwrap();
    until(&mut parties, |_| notifees.iter().flatten().all(|notifee| notifee.count("disconnected") == 1));
    let life = ["connected", "opened_stream", "closed_stream", "disconnected"];
    for notifee in &notifees[0] {
        assert_eq!(notifee.names(), [&["listen"], &life[..]].concat());
    }
    for notifee in &notifees[1] {
        assert_eq!(notifee.names(), life);
    }
    assert_eq!(*notifees[0][0].events(), *notifees[0][1].events(), "both are told the same");
    assert_eq!(*notifees[1][0].events(), *notifees[1][1].events());
}

#[test]
fn test_notify_with_closed_stream_and_listen_close() {
    let mut parties = two();
    let notifees = MyNotifee::twice(&mut parties);
    let (listener, connections) = connect(&mut parties);
    let stream = open(&mut parties, 1)[0];
    parties[1].swarm.finish(stream).unwrap();
    until(&mut parties, |_| closed(&notifees, 1));
    parties[0].swarm.close_listener(listener).unwrap();
    until(&mut parties, |_| notifees[0].iter().all(|notifee| notifee.count("listen_close") == 1));
    parties[1].swarm.close_connection(connections[0]).unwrap();
    until(&mut parties, |_| notifees.iter().flatten().all(|notifee| notifee.count("disconnected") == 1));
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
    let mut parties = two();
    let notifees = MyNotifee::twice(&mut parties);
    connect(&mut parties);
    let streams = open(&mut parties, 5);
    until(&mut parties, |_| notifees.iter().flatten().all(|notifee| notifee.count("opened_stream") == 5));
    streams.iter().for_each(|stream| parties[1].swarm.finish(*stream).unwrap());
    until(&mut parties, |_| closed(&notifees, 5));
    assert_streams(&notifees, 5);
}

/// The original's notifee refuses notifications that lack something. Here they cannot lack anything; what can be wrong
/// is a command, which is refused, and nothing is told.
#[test]
fn test_my_notifee_error_handling() {
    let mut config = Config::default();
    config.limits.listeners = 1;
    config.limits.connections = 1;
    config.limits.streams_per_connection = 1;
    let mut parties = [Party::new(1), Party::with(2, config)];
    parties.iter_mut().for_each(|party| _ = party.notifees.register(Polite));
    let notifees = MyNotifee::twice(&mut parties);
    let (listener, connections) = connect(&mut parties);
    let address = parties[0].address(listener);
    let stream = open(&mut parties, 1)[0];
    parties[1].swarm.finish(stream).unwrap();
    until(&mut parties, |_| closed(&notifees, 1));
    // What the events' ids name is gone by now.
    until(&mut parties, |parties| parties[1].swarm.stream(stream).is_none());
    let (before, swarm) = (notifees[1][0].events().len(), &mut parties[1].swarm);
    assert_eq!(swarm.reset(stream), Err(CloseError::Stale));
    assert_eq!(swarm.close_stream(stream), Err(CloseError::Stale));
    assert_eq!(swarm.open_stream(connections[0], &[]), Err(OpenStreamError::NoProtocol));
    assert_eq!(swarm.dial(address), Err(DialError::Limit));
    let open = swarm.open_stream(connections[0], &[ECHO]).unwrap();
    assert_eq!(swarm.open_stream(connections[0], &[ECHO]), Err(OpenStreamError::Limit));
    swarm.finish(open).unwrap();
    until(&mut parties, |_| closed(&notifees, 2));
    assert_eq!(notifees[1][0].events().len(), before + 2, "one stream opened and closed, and nothing else");
    assert_eq!(*notifees[1][0].events(), *notifees[1][1].events());
    assert_streams(&notifees, 2);
}

/// Three streams one after the other, with no wait between them.
#[test]
fn test_rapid_stream_operations() {
    let mut parties = two();
    let notifees = MyNotifee::twice(&mut parties);
    connect(&mut parties);
    for _ in 0..3 {
        let stream = open(&mut parties, 1)[0];
        parties[1].swarm.finish(stream).unwrap();
    }
    until(&mut parties, |_| closed(&notifees, 3));
    assert_streams(&notifees, 3);
}

/// Four at once, from both sides.
#[test]
fn test_concurrent_stream_operations() {
    let mut parties = two();
    let notifees = MyNotifee::twice(&mut parties);
    connect(&mut parties);
    let mut streams = open(&mut parties, 2);
    let at_listener = parties[0].swarm.connections().next().unwrap();
    let others: Vec<_> = (0..2).map(|_| parties[0].swarm.open_stream(at_listener, &[ECHO]).unwrap()).collect();
    streams.drain(..).for_each(|stream| parties[1].swarm.finish(stream).unwrap());
    others.into_iter().for_each(|stream| parties[0].swarm.finish(stream).unwrap());
    until(&mut parties, |_| closed(&notifees, 4));
    assert_streams(&notifees, 4);
}
