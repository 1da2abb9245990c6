//! Peer exchange: what a PRUNE offers, and what of that is dialed. Report 23: of the peers that go exchanges, 97 of 100 could not be
//! reached, so only what a peer has signed itself is believed.

use crate::harness::{Done, NEWS, One, news, peer};
use swarm_notify::identity::Keypair;
use swarm_notify::protocols::gossipsub::Config;
use swarm_notify::protocols::identify::PeerRecord;
use swarm_notify::protocols::pubsub::Control;
use swarm_notify::swarm::Multiaddr;

fn key(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).unwrap()
}

fn address(number: u8) -> Multiaddr {
    format!("/ip4/192.0.2.{number}/tcp/1").parse().unwrap()
}

fn record(number: u8) -> Vec<u8> {
    PeerRecord::sign(&key(number), 1, &[address(number)]).unwrap().envelope().to_vec()
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encode_length_delimiter(bytes.len(), &mut out).unwrap();
    out.extend_from_slice(bytes);
    out
}

/// The body of a PRUNE that offers peers, of each the peer id and a record.
fn offering(peers: &[(u8, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut body = field(1, NEWS.as_bytes());
    for (number, record) in peers {
        let info = [field(1, &peer(*number).to_bytes()), record.as_ref().map_or(Vec::new(), |record| field(2, record))];
        body.extend(field(2, &info.concat()));
    }
    body
}

/// A router that is pruned by peer 1, which has a score of 20. What it dials.
fn dialed(with: impl FnOnce(&mut Config), score: f64, peers: &[(u8, Option<Vec<u8>>)]) -> Vec<Multiaddr> {
    let mut config = Config::default();
    config.dial_offered_peers = true;
    with(&mut config);
    let mut one = One::with_peers(config, 2);
    assert!(one.router.set_app_score(peer(1), score));
    one.take();
    let body = offering(peers);
    one.entry(1, Control::decode(4, &body).unwrap());
    one.take()
        .into_iter()
        .filter_map(|done| if let Done::Dial(address) = done { Some(address) } else { None })
        .collect()
}

#[test]
fn only_peers_that_have_signed_their_addresses_are_dialed() {
    let whole = |number: u8| address(number).with_p2p(peer(number)).unwrap();
    let offered = [
        (10, Some(record(10))),
        (11, None),
        // Somebody else's record, and one that is none.
        (12, Some(record(13))),
        (14, Some(b"no record".to_vec())),
        // We are connected with this one.
        (2, Some(record(2))),
        (15, Some(record(15))),
    ];
    assert_eq!(dialed(|_| {}, 20.0, &offered), [whole(10), whole(15)]);
    assert_eq!(dialed(|_| {}, 9.0, &offered), [], "below the threshold");
    assert_eq!(dialed(|config| config.dial_offered_peers = false, 20.0, &offered), [], "it is off by default");
}

#[test]
fn at_most_sixteen_offered_peers_are_dialed() {
    let many: Vec<_> = (10..60).map(|number| (number, Some(record(number)))).collect();
    assert_eq!(dialed(|_| {}, 20.0, &many).len(), 16);
}

#[test]
fn a_prune_offers_others_only_if_it_is_to_and_the_peer_is_good() {
    let pruned = |offer: bool, score: f64| {
        let mut config = Config::default();
        (config.offer_peers, config.mesh, config.mesh_low, config.mesh_high) = (offer, 2, 1, 2);
        let mut one = One::with_peers(config, 12);
        one.beat();
        let outside = (1..=12).find(|number| !one.mesh(NEWS).contains(number)).unwrap();
        assert!(one.router.set_app_score(peer(outside), score));
        one.take();
        one.graft(outside, NEWS);
        let Some(Done::Prune(to, topic, Some(60), offered)) = one.take().pop() else { panic!() };
        assert_eq!((to, topic), (outside, news()));
        assert!(!offered.contains(&outside));
        offered.len()
    };
    assert_eq!([pruned(true, 0.0), pruned(false, 0.0), pruned(true, -1.0)], [11, 0, 0]);
}
