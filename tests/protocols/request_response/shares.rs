//! Who pays when a bound is reached.

use super::{Bytes, Config, Event, RequestResponse, SHOUT, Shout, ask, asked, installed, respond, shout, told};
use crate::support::services::Both;
use crate::support::sim::{Shape, everywhere};
use libp2p_core::transport::MemoryTransport;
use std::time::Duration;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionId, Failure, StreamId};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::request_response::{InboundRequestId, RequestError};
use swarm_notify::swarm::{self, Swarm};

everywhere! {
    an_owner_who_takes_no_outcome_can_ask_no_more,
    a_peer_whose_outcomes_are_not_taken_can_ask_no_more,
}

fn an_owner_who_takes_no_outcome_can_ask_no_more<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    config.outbound_requests = 3;
    let (a, b) = installed(&mut both, &config);
    let (ca, _) = both.connect(shape);
    for n in 0..3 {
        ask(&mut both.a, a, ca, &[n]);
    }
    for _ in 0..2 {
        assert_eq!(both.a.service(a).request(ca, &Vec::new()), Err(RequestError::Limit));
        both.settle();
        for (id, request) in asked(&mut both.b, b) {
            respond(&mut both.b, b, id, &request);
        }
        both.settle();
        told(&mut both.b, b);
    }
    assert!(matches!(both.a.service(a).next_event(), Some(Event::Response { .. })));
    ask(&mut both.a, a, ca, b"one");
    assert_eq!(both.a.service(a).request(ca, &Vec::new()), Err(RequestError::Limit));
    both.end();
}

fn a_peer_whose_outcomes_are_not_taken_can_ask_no_more<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    config.inbound_requests_per_peer = 2;
    let (a, b) = installed(&mut both, &config);
    let (ca, _) = both.connect(shape);
    let first: Vec<_> = (0..3_u8).map(|n| ask(&mut both.a, a, ca, &[b'a' + n])).collect();
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{}: failed, reset(remote)", first[2])]);
    let requests = asked(&mut both.b, b);
    assert_eq!((requests.len(), both.b.service(b).refused()), (2, 1));
    for (id, request) in requests {
        respond(&mut both.b, b, id, &request);
    }
    both.settle();
    told(&mut both.a, a);
    let late = ask(&mut both.a, a, ca, b"d");
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{late}: failed, reset(remote)")], "two outcomes are not taken");
    told(&mut both.b, b);
    ask(&mut both.a, a, ca, b"e");
    both.settle();
    assert_eq!(asked(&mut both.b, b).len(), 1);
    both.end();
}

/// A swarm of several in one process, with the service.
struct Party {
    swarm: Swarm<MemoryTransport>,
    notifees: Notifees<Swarm<MemoryTransport>>,
}

fn party(key: u8) -> Party {
    let identity = Keypair::ed25519_from_bytes([key; 32]).expect("any 32 bytes are a secret key");
    let swarm = Swarm::new(MemoryTransport::new(), &identity, [key; 32], swarm::Config::default());
    Party { swarm: swarm.expect("the key can sign"), notifees: Notifees::new() }
}

impl Party {
    fn turn(&mut self) {
        self.swarm.tick(Duration::ZERO);
        self.notifees.drive(&mut self.swarm, Duration::ZERO);
    }
}

fn turns(parties: &mut [Party], server: &mut Party) {
    for _ in 0..20 {
        parties.iter_mut().for_each(Party::turn);
        server.turn();
    }
}

#[test]
fn of_a_full_table_the_greediest_gives_to_one_that_has_less() {
    let (mut server, mut peers, shouts) = server_with_three_peers(6, 5);
    // Requests that never end, five of one peer and one of another.
    let hang = |peer: &mut Party| -> (ConnectionId, StreamId) {
        let connection = peer.swarm.connections().next().expect("it is open");
        let stream = peer.swarm.open_stream(connection, &[SHOUT]).expect("there is place");
        peer.swarm.write(stream, b"a").expect("there is place");
        (connection, stream)
    };
    for greedy in [0, 0, 0, 0, 0, 1] {
        hang(&mut peers[greedy]);
    }
    turns(&mut peers, &mut server);
    let open = |peers: &[Party]| -> Vec<usize> {
        let of = |peer: &Party| peer.swarm.connections().map(|id| peer.swarm.streams_of(id).count()).sum();
        peers.iter().map(of).collect()
    };
    assert_eq!(open(&peers), [5, 1, 0]);
    // A third peer gets a whole request through.
    let (_, stream) = hang(&mut peers[2]);
    peers[2].swarm.finish(stream).expect("it is open");
    turns(&mut peers, &mut server);
    assert_eq!(open(&peers), [4, 1, 1]);
    let service: &mut Shout = server.notifees.get_mut(shouts).expect("it is installed");
    assert!(matches!(service.next_event(), Some(Event::Request { peer, .. }) if peer == peers[2].swarm.local_peer()));
    assert_eq!(service.refused(), 1);
    // It goes on until they are even, and no further.
    for _ in 0..5 {
        hang(&mut peers[2]);
        turns(&mut peers, &mut server);
    }
    assert_eq!(open(&peers), [3, 1, 2]);
}

/// The requests of which the owner of a service is told, and the reasons of those that it had taken and that have failed.
fn taken(server: &mut Party, shouts: NotifeeId<Shout>) -> (Vec<(PeerId, InboundRequestId)>, Vec<Failure>) {
    let service = server.notifees.get_mut(shouts).expect("it is installed");
    let (mut requests, mut failures) = (Vec::new(), Vec::new());
    while let Some(event) = service.next_event() {
        match event {
            Event::Request { peer, id, .. } => requests.push((peer, id)),
            Event::InboundFailure { reason, .. } => failures.push(reason),
            other @ (Event::Response { .. } | Event::OutboundFailure { .. } | Event::ResponseSent { .. } | _) => {
                panic!("{other}")
            }
        }
    }
    (requests, failures)
}

/// A peer makes a whole request.
fn ask_whole(peer: &mut Party) -> StreamId {
    let stream = begin(peer);
    peer.swarm.finish(stream).expect("it is open");
    stream
}

#[test]
fn of_a_full_table_responses_that_nobody_reads_give_way() {
    for is_answered in [true, false] {
        let (mut server, mut peers, shouts) = server_with_three_peers(4, 4);
        let third = peers[2].swarm.local_peer();
        for n in [0, 0, 1, 1] {
            ask_whole(&mut peers[n]);
        }
        turns(&mut peers, &mut server);
        let (requests, _) = taken(&mut server, shouts);
        assert_eq!(requests.len(), 4);
        // More than the windows of their streams, which nobody reads.
        let long = vec![7; 900 * 1024];
        if is_answered {
            for (_, id) in requests {
                server.notifees.get_mut(shouts).expect("it is installed").respond(id, &long).expect("it waits");
            }
        }
        turns(&mut peers, &mut server);
        let stream = ask_whole(&mut peers[2]);
        turns(&mut peers, &mut server);
        let (requests, failures) = taken(&mut server, shouts);
        assert_eq!(failures, [Failure::Limit], "answered: {is_answered}");
        assert_eq!(requests.iter().map(|(peer, _)| *peer).collect::<Vec<_>>(), [third]);
        // Its place was given back once, so that there is none for another.
        ask_whole(&mut peers[2]);
        turns(&mut peers, &mut server);
        assert_eq!(taken(&mut server, shouts), (vec![], vec![]), "answered: {is_answered}");
        let service = server.notifees.get_mut(shouts).expect("it is installed");
        service.respond(requests[0].1, &b"read".to_vec()).expect("it waits");
        turns(&mut peers, &mut server);
        let mut read = [0; 16];
        let n = peers[2].swarm.read(stream, &mut read).expect("it is open");
        assert_eq!(&read[..n], b"read");
        // As many places are free when all have gone.
        for peer in &mut peers[..2] {
            let connection = peer.swarm.connections().next().expect("it is open");
            let all: Vec<_> = peer.swarm.streams_of(connection).collect();
            all.into_iter().for_each(|stream| peer.swarm.reset(stream).expect("it is open"));
        }
        turns(&mut peers, &mut server);
        let service = server.notifees.get_mut(shouts).expect("it is installed");
        while service.next_event().is_some() {}
        for _ in 0..5 {
            ask_whole(&mut peers[2]);
        }
        turns(&mut peers, &mut server);
        assert_eq!(taken(&mut server, shouts).0.len(), 4, "four places, and not one more");
    }
}

#[test]
fn of_one_request_each_the_oldest_gives_way_to_who_has_none() {
    for is_whole in [false, true] {
        let (mut server, mut peers, shouts) = server_with_three_peers(2, 2);
        let streams: Vec<_> = [0, 1].map(|n| begin(&mut peers[n])).into_iter().zip([0, 1]).collect();
        if is_whole {
            streams.iter().for_each(|(stream, n)| peers[*n].swarm.finish(*stream).expect("it is open"));
        }
        turns(&mut peers, &mut server);
        for (_, id) in taken(&mut server, shouts).0 {
            let service = server.notifees.get_mut(shouts).expect("it is installed");
            service.respond(id, &vec![7; 900 * 1024]).expect("it waits");
        }
        turns(&mut peers, &mut server);
        ask_whole(&mut peers[2]);
        turns(&mut peers, &mut server);
        let (requests, failures) = taken(&mut server, shouts);
        assert_eq!(requests.iter().map(|(peer, _)| *peer).collect::<Vec<_>>(), [peers[2].swarm.local_peer()]);
        assert_eq!(failures.len(), usize::from(is_whole), "the owner had taken it, or had not");
        // What the owner is at work on stays: nobody else gets a place.
        ask_whole(&mut peers[0]);
        ask_whole(&mut peers[1]);
        turns(&mut peers, &mut server);
        let asked = taken(&mut server, shouts).0.len();
        assert_eq!(asked, 1, "one of two places waits for the owner");
    }
}

#[test]
fn an_owner_who_takes_nothing_hears_of_nothing_that_gave_way() {
    let (mut server, mut peers, shouts) = server_with_three_peers(4, 4);
    for n in [0, 0, 0, 0, 1, 2] {
        ask_whole(&mut peers[n]);
        turns(&mut peers, &mut server);
    }
    let (requests, failures) = taken(&mut server, shouts);
    let of = |n: usize| requests.iter().filter(|(peer, _)| *peer == peers[n].swarm.local_peer()).count();
    assert_eq!(([of(0), of(1), of(2)], failures), ([2, 1, 1], vec![]));
    assert_eq!(server.notifees.get_mut(shouts).expect("it is installed").refused(), 2);
}

/// A server with some places for requests, and three peers that are connected to it.
fn server_with_three_peers(places: usize, per_peer: usize) -> (Party, Vec<Party>, NotifeeId<Shout>) {
    let mut server = party(1);
    let mut config = Config::default();
    (config.inbound_requests, config.inbound_requests_per_peer) = (places, per_peer);
    let service: RequestResponse<Bytes> = shout(config);
    let shouts = server.notifees.install(&mut server.swarm, service);
    let listener = server.swarm.listen("/memory/0".parse().expect("an address")).expect("there is place");
    server.turn();
    let address = server.swarm.listener(listener).expect("it listens").addresses[0].clone();
    let mut peers: Vec<_> = (2..5).map(party).collect();
    for peer in &mut peers {
        peer.swarm.dial(address.clone()).expect("there is place");
    }
    turns(&mut peers, &mut server);
    (server, peers, shouts)
}

/// A server with four places and four for each peer, all of which are taken: peer 0 and peer 1 have two each. Those of one
/// wait for their answers, those of the other have not come whole.
fn full(waits: usize) -> (Party, Vec<Party>, NotifeeId<Shout>) {
    let (mut server, mut peers, shouts) = server_with_three_peers(4, 4);
    for n in [0, 0, 1, 1] {
        let stream = begin(&mut peers[n]);
        if n == waits {
            peers[n].swarm.finish(stream).expect("it is open");
        }
        turns(&mut peers, &mut server);
    }
    (server, peers, shouts)
}

/// A peer begins a request.
fn begin(peer: &mut Party) -> StreamId {
    let connection = peer.swarm.connections().next().expect("it is open");
    let stream = peer.swarm.open_stream(connection, &[SHOUT]).expect("there is place");
    peer.swarm.write(stream, b"a").expect("there is place");
    stream
}

#[test]
fn of_a_full_table_a_request_gives_way_that_has_not_come_whole() {
    for waits in [0, 1] {
        let (mut server, mut peers, shouts) = full(waits);
        let stream = begin(&mut peers[2]);
        peers[2].swarm.finish(stream).expect("it is open");
        turns(&mut peers, &mut server);
        let third = peers[2].swarm.local_peer();
        let service: &mut Shout = server.notifees.get_mut(shouts).expect("it is installed");
        let asked = std::iter::from_fn(|| service.next_event())
            .any(|event| matches!(event, Event::Request { peer, .. } if peer == third));
        assert!(asked, "peer {waits} waits, and the other one's have not come");
    }
}
