//! Who pays when a bound is reached.

use super::{Bytes, Config, Event, RequestResponse, SHOUT, Shout, ask, asked, installed, respond, shout, told};
use crate::support::services::Both;
use crate::support::sim::{Shape, everywhere};
use libp2p_core::transport::MemoryTransport;
use std::time::Duration;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::request_response::RequestError;
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
fn of_a_full_table_the_greediest_peer_gives_to_one_that_has_less() {
    let mut server = party(1);
    let mut config = Config::default();
    (config.inbound_requests, config.inbound_requests_per_peer) = (6, 5);
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

/// A server with four places and four for each peer, all of which are taken: peer 0 and peer 1 have two each. Those of one
/// wait for their answers, those of the other have not come whole.
fn full(waits: usize) -> (Party, Vec<Party>, swarm_notify::notifee::NotifeeId<Shout>) {
    let mut server = party(1);
    let mut config = Config::default();
    (config.inbound_requests, config.inbound_requests_per_peer) = (4, 4);
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
fn of_a_full_table_somebody_s_request_gives_way_that_has_not_come_whole_whoever_else_has_as_many() {
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
