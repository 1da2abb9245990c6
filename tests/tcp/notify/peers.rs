//! More than one connection between more than one peer: dials that cross, and a peer that is closed beside others.

use crate::notify::MyNotifee;
use crate::support::party::{ECHO, Party, until};
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, ListenerId, RemoteEnd, StreamEnd, StreamId,
};
use swarm_notify::swarm::Multiaddr;

/// Has each party listen: the listeners, and where.
fn listen(parties: &mut [Party]) -> Vec<(ListenerId, Multiaddr)> {
    let listeners: Vec<_> = parties.iter_mut().map(Party::listen).collect();
    until(parties, |parties| {
        let open = |(party, id): (&Party, &ListenerId)| !party.swarm.listener(*id).unwrap().addresses.is_empty();
        parties.iter().zip(&listeners).all(open)
    });
    let addresses = parties.iter().zip(&listeners).map(|(party, listener)| party.address(*listener));
    listeners.iter().copied().zip(addresses.collect::<Vec<_>>()).collect()
}

fn connections_of(parties: &[Party], at: usize, peer: usize) -> Vec<ConnectionId> {
    parties[at].swarm.connections_of(parties[peer].swarm.local_peer()).collect()
}

/// Says something on a stream, and waits until the other end has read it.
#[track_caller]
fn say(parties: &mut [Party], from: (usize, StreamId), to: (usize, StreamId), text: &[u8]) {
    assert_eq!(parties[from.0].swarm.write(from.1, text), Ok(text.len()));
    let mut heard = Vec::new();
    until(parties, |parties| {
        let mut buffer = [0; 64];
        while let Ok(n @ 1..) = parties[to.0].swarm.read(to.1, &mut buffer) {
            heard.extend_from_slice(&buffer[..n]);
        }
        heard.len() >= text.len()
    });
    assert_eq!(heard, text);
}

/// Opens a stream, which is the only one on its connection: the stream at both ends.
#[track_caller]
fn open(parties: &mut [Party], from: (usize, ConnectionId), to: (usize, ConnectionId)) -> (StreamId, StreamId) {
    let stream = parties[from.0].swarm.open_stream(from.1, &[ECHO]).unwrap();
    let is_open = |parties: &[Party]| parties[from.0].swarm.counters().streams.outbound.opened;
    let before = is_open(parties);
    until(parties, |parties| is_open(parties) > before);
    (stream, parties[to.0].swarm.streams_of(to.1).next().expect("it was open there first"))
}

#[test]
fn dials_that_cross_are_two_connections_told_at_both_ends() {
    let mut parties = [Party::new(1), Party::new(2)];
    let notifees = MyNotifee::twice(&mut parties);
    let listeners = listen(&mut parties);
    // Neither has had a turn when the other dials.
    let dialed = [0, 1].map(|at| parties[at].swarm.dial(listeners[1 - at].1.clone()).unwrap());
    until(&mut parties, |_| notifees.iter().flatten().all(|notifee| notifee.count("connected") == 2));
    let mut accepted = Vec::new();
    for at in 0..2 {
        let all = connections_of(&parties, at, 1 - at);
        let others: Vec<_> = all.iter().copied().filter(|id| *id != dialed[at]).collect();
        let ([other], 2) = (&others[..], all.len()) else { panic!("{all:?} of {}", dialed[at]) };
        accepted.push(*other);
        let view = |id| parties[at].swarm.connection(id).unwrap();
        assert_eq!((view(dialed[at]).direction, view(*other).direction), (Direction::Outbound, Direction::Inbound));
        assert_eq!((view(dialed[at]).listener, view(*other).listener), (None, Some(listeners[at].0)));
    }
    // Each of the two connections works, and has ends at both.
    let first = open(&mut parties, (0, dialed[0]), (1, accepted[1]));
    say(&mut parties, (0, first.0), (1, first.1), b"over the first");
    say(&mut parties, (1, first.1), (0, first.0), b"and back");
    let second = open(&mut parties, (1, dialed[1]), (0, accepted[0]));
    say(&mut parties, (1, second.0), (0, second.1), b"over the second");
    // They end each for itself: each party closes what it has dialed.
    parties[0].swarm.close_connection(dialed[0]).unwrap();
    until(&mut parties, |_| notifees.iter().flatten().all(|notifee| notifee.count("disconnected") == 1));
    say(&mut parties, (0, second.1), (1, second.0), b"still there");
    parties[1].swarm.close_connection(dialed[1]).unwrap();
    until(&mut parties, |_| notifees.iter().flatten().all(|notifee| notifee.count("disconnected") == 2));
    let closed = |connection, stream| Event::ClosedStream { connection, stream, reason: StreamEnd::ConnectionClosed };
    let remote = ConnectionEnd::Remote(RemoteEnd::GoAway(0));
    for (at, [ours, theirs], reasons) in [
        (0, [first.0, second.1], [ConnectionEnd::Requested, remote]),
        (1, [second.0, first.1], [ConnectionEnd::Requested, remote]),
    ] {
        let of_ours = [
            Event::OpenedStream { connection: dialed[at], stream: ours },
            closed(dialed[at], ours),
            Event::Disconnected { connection: dialed[at], reason: reasons[0] },
        ];
        let of_theirs = [
            Event::OpenedStream { connection: accepted[at], stream: theirs },
            closed(accepted[at], theirs),
            Event::Disconnected { connection: accepted[at], reason: reasons[1] },
        ];
        let ([opens_first, opens_second], [ends_first, ends_second]) = match at {
            0 => ([of_ours[0], of_theirs[0]], [&of_ours[1..], &of_theirs[1..]]),
            _ => ([of_theirs[0], of_ours[0]], [&of_theirs[1..], &of_ours[1..]]),
        };
        let expected = [&[opens_first, opens_second], ends_first, ends_second].concat();
        for notifee in &notifees[at] {
            let events = notifee.events();
            assert_eq!(events[0], Event::Listen { listener: listeners[at].0 });
            // Either may be through first.
            let mut connected = events[1..3].to_vec();
            connected.sort_by_key(|event| event.id());
            let mut both = [dialed[at], accepted[at]].map(|connection| Event::Connected { connection });
            both.sort_by_key(|event| event.id());
            assert_eq!(connected, both);
            assert_eq!(events[3..], expected);
        }
    }
}

/// Three nodes, each connected to both others; the first one closes all its connections to the second.
#[test]
fn closing_one_peer_leaves_the_others_alone() {
    let mut parties = [Party::new(1), Party::new(2), Party::new(3)];
    let notifees = MyNotifee::twice(&mut parties);
    let listeners = listen(&mut parties);
    // Of each connection: who dials whom.
    let mut ends = Vec::new();
    for (from, to) in [(0, 1), (1, 0), (0, 2), (1, 2)] {
        let dialed = parties[from].swarm.dial(listeners[to].1.clone()).unwrap();
        let before = notifees[to][0].count("connected");
        until(&mut parties, |_| notifees[to].iter().all(|notifee| notifee.count("connected") == before + 1));
        let accepted = *connections_of(&parties, to, from).last().unwrap();
        until(&mut parties, |parties| parties[from].swarm.connection(dialed).unwrap().peer.is_some());
        let streams = open(&mut parties, (from, dialed), (to, accepted));
        ends.push([(from, dialed, streams.0), (to, accepted, streams.1)]);
    }
    until(&mut parties, |_| notifees.iter().flatten().all(|notifee| notifee.count("opened_stream") >= 2));
    let before: Vec<_> = notifees.iter().map(|of| of[0].events().clone()).collect();

    let closed = connections_of(&parties, 0, 1);
    assert_eq!(closed.len(), 2);
    closed.iter().for_each(|id| parties[0].swarm.close_connection(*id).unwrap());
    until(&mut parties, |_| notifees[..2].iter().flatten().all(|notifee| notifee.count("disconnected") == 2));
    for (a, b) in [(0, 1), (1, 0)] {
        assert_eq!(connections_of(&parties, a, b), []);
    }
    // The other connections are what they were, in both directions.
    for [(from, dialed, ours), (to, accepted, theirs)] in &ends[2..] {
        assert_eq!(connections_of(&parties, *from, *to), [*dialed]);
        assert_eq!(connections_of(&parties, *to, *from), [*accepted]);
        say(&mut parties, (*from, *ours), (*to, *theirs), b"still");
        say(&mut parties, (*to, *theirs), (*from, *ours), b"here");
    }
    // Exactly that was told since: to the third nothing; to the two the ends of both, each stream ahead of its connection.
    for at in 0..2 {
        for notifee in &notifees[at] {
            let events = notifee.events();
            assert_eq!(events[..before[at].len()], before[at]);
            let since = &events[before[at].len()..];
            let reason = match at {
                0 => ConnectionEnd::Requested,
                _ => ConnectionEnd::Remote(RemoteEnd::GoAway(0)),
            };
            let mut expected = Vec::new();
            for &(_, connection, stream) in ends[..2].iter().flatten().filter(|(end, ..)| *end == at) {
                let closed = Event::ClosedStream { connection, stream, reason: StreamEnd::ConnectionClosed };
                expected.push([closed, Event::Disconnected { connection, reason }]);
            }
            // Either connection may be through first.
            if since.first() != Some(&expected[0][0]) {
                expected.reverse();
            }
            assert_eq!(since, expected.concat());
        }
    }
    for notifee in &notifees[2] {
        assert_eq!(*notifee.events(), before[2]);
    }
}
