//! Tests that compare [`Shares`] with a slow model, which counts all connections and streams anew for each answer.

use super::*;
use crate::lifecycle::{StreamId, Table as Streams, from_parts};
use alloc::format;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::num::NonZeroU32;
use libp2p_identity::Keypair;
use proptest::prelude::*;
use std::sync::LazyLock;

static PEERS: LazyLock<Vec<PeerId>> = LazyLock::new(|| {
    let peer = |key| Keypair::ed25519_from_bytes([key; 32]).unwrap().public().to_peer_id();
    (1..5).map(peer).collect()
});

const REMOTES: [&str; 7] = [
    "/ip4/192.0.2.1/tcp/1",
    "/ip4/192.0.2.2/tcp/1",
    "/ip6/2001:db8::1/tcp/1",
    "/ip6/2001:db8:0:1::1/tcp/1",
    "/ip6/2001:db8:1::1/tcp/1",
    "/ip4/127.0.0.1/tcp/1",
    "/memory/1",
];

fn remote(index: usize) -> Multiaddr {
    static PARSED: LazyLock<Vec<Multiaddr>> =
        LazyLock::new(|| REMOTES.iter().map(|remote| remote.parse().unwrap()).collect());
    PARSED[index].clone()
}

/// For each of [`REMOTES`], a number that stands for its address (or /64) and one that stands for its /48, written by hand;
/// `None` where there is no holder.
const GROUPS: [[Option<u8>; 2]; 7] = [
    [Some(0), None],
    [Some(1), None],
    [Some(2), Some(10)],
    [Some(3), Some(10)],
    [Some(4), Some(11)],
    [None, None],
    [None, None],
];

fn config() -> Config {
    let mut config = Config { streams_per_peer: 9, connections_per_peer: 3, ..Config::default() };
    (config.connections_per_address, config.connections_per_site) = (4, 5);
    (config.limits.connections, config.limits.streams) = (16, 32);
    config
}

/// A connection in the model.
#[derive(Clone, Debug)]
struct Held {
    id: ConnectionId,
    peer: usize,
    remote: usize,
    is_inbound: bool,
    streams: u32,
}

#[derive(Default, Debug)]
struct Model(Vec<Held>);

impl Model {
    fn connections(&self, of: impl Fn(&Held) -> bool) -> u32 {
        self.0.iter().filter(|held| held.is_inbound && of(held)).count() as u32
    }

    fn streams(&self, of: impl Fn(&Held) -> bool) -> u32 {
        self.0.iter().filter(|held| of(held)).map(|held| held.streams).sum()
    }

    /// Returns `true` if the model refuses an inbound connection of this peer from this address.
    fn is_crowded(&self, peer: usize, remote: usize, taken: u32) -> bool {
        let is_full = |held: u32, share: u32| held >= share || (taken >= 12 && held > 1);
        let of_group =
            |group: Option<u8>| group.map(|group| self.connections(|held| GROUPS[held.remote].contains(&Some(group))));
        is_full(self.connections(|held| held.peer == peer), 3)
            || of_group(GROUPS[remote][0]).is_some_and(|held| is_full(held, 4))
            || of_group(GROUPS[remote][1]).is_some_and(|held| is_full(held, 5))
    }

    fn may_begin_stream(&self, held: &Held, taken: u32) -> bool {
        let own = self.streams(|other| other.peer == held.peer);
        let greedy = |streams: u32| streams > 2;
        let groups = GROUPS[held.remote].into_iter().flatten();
        let mut groups = groups.map(|group| self.streams(|other| GROUPS[other.remote].contains(&Some(group))));
        let most = (0..4).map(|peer| self.streams(|other| other.peer == peer)).max().unwrap_or(0);
        own < 9 && (taken < 24 || !(greedy(own) || groups.any(greedy))) && (taken < 31 || own == 0 || most > own + 1)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Joins { peer: usize, remote: usize, is_inbound: bool },
    Leaves(usize),
    Begins { connection: usize, taken: u32 },
    Ends(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4_usize, 0..7_usize, any::<bool>())
            .prop_map(|(peer, remote, is_inbound)| Step::Joins { peer, remote, is_inbound }),
        1 => any::<usize>().prop_map(Step::Leaves),
        6 => (any::<usize>(), 0..33_u32).prop_map(|(connection, taken)| Step::Begins { connection, taken }),
        3 => any::<usize>().prop_map(Step::Ends),
    ]
}

fn check(shares: &Shares, model: &Model) -> Result<(), TestCaseError> {
    for taken in [0, 11, 12] {
        for (peer, id) in PEERS.iter().enumerate() {
            for at in 0..REMOTES.len() {
                let crowd = shares.crowd(Some(*id), &remote(at), taken);
                prop_assert_eq!(crowd.is_some(), model.is_crowded(peer, at, taken), "{} {} {}", peer, at, taken);
            }
        }
    }
    for taken in [0, 23, 24, 30, 31] {
        for held in &model.0 {
            prop_assert_eq!(shares.may_begin_stream(held.id, taken), model.may_begin_stream(held, taken), "{}", taken);
        }
    }
    let by_group = |group: u8| model.connections(|held| GROUPS[held.remote].contains(&Some(group)));
    let by_peer = |peer: usize| model.connections(|held| held.peer == peer);
    let mut counts: Vec<_> = (0..12).map(by_group).chain((0..4).map(by_peer)).collect();
    counts.sort_by_key(|count| Reverse(*count));
    for than in 0..4 {
        let held = |holder| match holder {
            Greediest::PeerOf(one) => by_peer(model.0.iter().find(|held| held.id == one).unwrap().peer),
            Greediest::Group(group) => shares.connections_in(group).filter(|id| shares.is_inbound(*id)).count() as u32,
        };
        let greediest: Vec<_> = shares.greediest_beyond(than).map(held).collect();
        prop_assert_eq!(greediest, counts.iter().copied().filter(|count| *count > than).collect::<Vec<_>>());
    }
    for (peer, id) in PEERS.iter().enumerate() {
        let mut expected: Vec<_> = model.0.iter().filter(|held| held.peer == peer).map(|held| held.id).collect();
        expected.sort();
        prop_assert!(shares.connections_of(*id).eq(expected));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shares_are_those_of_the_model(steps in prop::collection::vec(step(), 0..120)) {
        let (mut shares, mut model) = (Shares::new(&config()), Model::default());
        let mut generation = NonZeroU32::MIN;
        for step in steps {
            let count = model.0.len();
            match step {
                Step::Joins { peer, remote: at, is_inbound } if count < 24 => {
                    let free = (0..24).find(|index| model.0.iter().all(|held| held.id.index() != *index)).unwrap();
                    generation = generation.saturating_add(1);
                    let id: ConnectionId = from_parts(free as u32, generation);
                    let direction = if is_inbound { Direction::Inbound } else { Direction::Outbound };
                    shares.join(id, direction, PEERS[peer], &remote(at));
                    shares.join(id, direction, PEERS[peer], &remote(at)); // a second time changes nothing
                    model.0.push(Held { id, peer, remote: at, is_inbound, streams: 0 });
                }
                Step::Leaves(at) if count > 0 => {
                    let held = model.0.swap_remove(at % count);
                    shares.leave(held.id, PEERS[held.peer]);
                }
                Step::Begins { connection, taken } if count > 0 => {
                    let at = connection % count;
                    let most = shares.most_streams();
                    shares.stream_begins(model.0[at].id, taken);
                    model.0[at].streams += 1;
                    let own = model.streams(|held| held.peer == model.0[at].peer);
                    let wanted = taken >= 31 && most > own;
                    let given = shares.take_wanted();
                    prop_assert_eq!(given.is_some(), wanted);
                    if let Some(one) = given {
                        let peer = model.0.iter().find(|held| held.id == one).unwrap().peer;
                        prop_assert_eq!(model.streams(|held| held.peer == peer), most, "the greediest gives way");
                    }
                }
                Step::Ends(at) if count > 0 && model.0[at % count].streams > 0 => {
                    shares.stream_ends(model.0[at % count].id);
                    model.0[at % count].streams -= 1;
                }
                Step::Joins { .. } | Step::Leaves(_) | Step::Begins { .. } | Step::Ends(_) => {}
            }
            check(&shares, &model)?;
        }
        for held in model.0 {
            shares.leave(held.id, PEERS[held.peer]);
        }
        prop_assert_eq!(shares.kept(), 0, "nothing is kept for who holds nothing");
    }

    #[test]
    fn streams_of_a_limited_protocol_are_counted(steps in prop::collection::vec((0..3_usize, 0..8_usize, any::<bool>()), 0..80)) {
        let protocol = crate::connection::Protocol::from_static("/limited");
        let mut shares = Shares::new(&config());
        let limits = ProtocolLimits { per_peer: 2, total: 4 };
        prop_assert!(shares.limit_protocol(&protocol, limits));
        let connection = |peer: usize| -> ConnectionId { from_parts(peer as u32, NonZeroU32::MIN) };
        let mut open: Streams<StreamId, usize> = Streams::new();
        for peer in 0..3 {
            shares.join(connection(peer), Direction::Inbound, PEERS[peer], &remote(peer));
        }
        for (peer, stream, begins) in steps {
            let id: StreamId = from_parts(stream as u32, NonZeroU32::MIN);
            if !begins {
                open.remove(id);
                shares.speaks_no_more(id);
            } else if open.get(id).is_none() {
                let own = open.iter().filter(|(_, other)| **other == peer).count();
                let may = shares.may_speak(connection(peer), id, &protocol, false);
                prop_assert_eq!(may, own < 2 && open.len() < 4);
                if may {
                    open.insert(id, peer);
                }
            }
        }
        // The connections are removed before the ends of their streams are reported.
        (0..3).for_each(|peer| shares.leave(connection(peer), PEERS[peer]));
        open.iter().for_each(|(id, _)| shares.speaks_no_more(id));
        prop_assert_eq!(shares.kept(), 0, "nothing is kept for who holds nothing");
    }
}

#[test]
fn who_is_told_of_is_who_is_crowded() {
    let mut shares = Shares::new(&config());
    let id = |index| -> ConnectionId { from_parts(index, NonZeroU32::MIN) };
    for index in 0..3 {
        shares.join(id(index), Direction::Inbound, PEERS[0], &remote(2));
    }
    let crowd = |shares: &Shares, peer, host| shares.crowd(peer, &remote(host), 0).map(|crowd| crowd.holder);
    assert_eq!(crowd(&shares, Some(PEERS[0]), 0), Some(Holder::Peer));
    assert_eq!(crowd(&shares, Some(PEERS[1]), 2), None);
    shares.join(id(3), Direction::Inbound, PEERS[1], &remote(2));
    assert_eq!(crowd(&shares, Some(PEERS[1]), 2), Some(Holder::Group(AddressGroup::of(&remote(2)))));
    shares.join(id(4), Direction::Inbound, PEERS[1], &remote(3));
    assert_eq!(crowd(&shares, None, 3), AddressGroup::wide(&remote(3)).map(Holder::Group));
}

/// Returns the number of sources that are needed to take all connections: each source connects with new identities until it
/// is refused, and keeps a stream on each connection. The rules of `claim_share` decide when a source is refused.
fn sources_that_take_all(remote: impl Fn(u32, u32) -> Multiaddr) -> u32 {
    let config = Config::default();
    let limit = config.limits.connections;
    let mut shares = Shares::new(&config);
    let (mut taken, mut sources) = (0, 0);
    while taken < limit {
        for number in 0.. {
            let (remote, mut name) = (remote(sources, number), [0; 34]);
            (name[0], name[1]) = (0x12, 32);
            name[2..6].copy_from_slice(&taken.to_be_bytes());
            let peer = PeerId::from_bytes(&name).unwrap();
            let is_crowded = shares.crowd(Some(peer), &remote, taken).is_some();
            if taken == limit || is_crowded || shares.is_nearly_full(taken) && shares.holds(peer, &remote) > 0 {
                break;
            }
            shares.join(from_parts(taken, NonZeroU32::MIN), Direction::Inbound, peer, &remote);
            taken += 1;
        }
        sources += 1;
    }
    sources
}

/// The page `guide::enemy` and SECURITY.md contain these numbers.
#[test]
fn it_takes_2_272_ipv4_addresses_or_508_ipv6_sites_to_take_all() {
    let ipv4 = |source: u32, _| format!("/ip4/11.0.{}.{}/tcp/1", source / 256, source % 256).parse().unwrap();
    assert_eq!(sources_that_take_all(ipv4), 2_016 + 256);
    // A site has eight /64 of eight connections each.
    let ipv6 = |site: u32, number: u32| format!("/ip6/2001:db8:{site:x}:{:x}::1/tcp/1", number / 8).parse().unwrap();
    assert_eq!(sources_that_take_all(ipv6), 252 + 256);
}
