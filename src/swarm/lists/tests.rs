//! Tests of the lists: of their answers about peers and addresses, of the memory that they keep, and of the changes that
//! they report to the swarm.

use super::*;
use alloc::format;
use alloc::vec;
use libp2p_identity::Keypair;
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(100);

fn peer(number: u8) -> PeerId {
    Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id()
}

fn lists() -> Lists {
    Lists::new(&Config::default())
}

fn bounded(peers: u32, networks: u32, timed: u32) -> Lists {
    let mut config = Config::default();
    (config.listed_peers, config.listed_networks, config.timed_denials) = (peers, networks, timed);
    Lists::new(&config)
}

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

fn denied(lists: &Lists, address: &str) -> bool {
    let address = format!("{address}/tcp/1").parse().unwrap();
    lists.denies_address(&address)
}

/// Returns all changes that the lists report to the swarm.
fn changes(lists: &mut Lists) -> Vec<Changed> {
    core::iter::from_fn(|| lists.take_changed()).collect()
}

#[test]
fn without_rules_everybody_is_allowed() {
    let lists = lists();
    assert!(!lists.denies_peer(peer(1), NOW));
    assert!(!denied(&lists, "/ip4/192.0.2.1") && !denied(&lists, "/dns/example.org"));
    assert!(!lists.has_changes());
}

#[test]
fn the_last_rule_of_a_peer_counts() {
    let mut lists = lists();
    lists.deny_peer(peer(1)).unwrap();
    assert!(lists.denies_peer(peer(1), NOW) && !lists.denies_peer(peer(2), NOW));
    lists.allow_peer(peer(1)).unwrap();
    assert!(!lists.denies_peer(peer(1), NOW));
    lists.deny_peer(peer(1)).unwrap();
    assert_eq!(lists.peers().collect::<Vec<_>>(), [(peer(1), ListRule::Deny)]);
    assert!(lists.forget_peer(peer(1)) && !lists.forget_peer(peer(1)));
    assert!(!lists.denies_peer(peer(1), NOW));
}

#[test]
fn who_has_no_rule_is_denied_if_the_owner_says_so() {
    let mut lists = lists();
    lists.allow_peer(peer(1)).unwrap();
    lists.allow_network(network("192.0.2.0/24")).unwrap();
    lists.deny_unlisted_peers(true);
    lists.deny_unlisted_addresses(true);
    assert!(!lists.denies_peer(peer(1), NOW) && lists.denies_peer(peer(2), NOW));
    assert!(!denied(&lists, "/ip4/192.0.2.1"));
    for address in ["/ip4/192.0.3.1", "/ip6/::1", "/memory/1", "/dns/example.org"] {
        assert!(denied(&lists, address), "{address}");
    }
    lists.deny_unlisted_peers(false);
    lists.deny_unlisted_addresses(false);
    assert!(!lists.denies_peer(peer(2), NOW) && !denied(&lists, "/ip6/::1"));
}

#[test]
fn the_smallest_network_with_a_rule_decides() {
    let mut lists = lists();
    lists.deny_network(network("10.0.0.0/8")).unwrap();
    lists.allow_network(network("10.1.0.0/16")).unwrap();
    lists.deny_network(network("10.1.2.0/24")).unwrap();
    lists.allow_network(network("10.1.2.3")).unwrap();
    lists.deny_network(network("2001:db8::/32")).unwrap();
    for (address, is_denied) in [
        ("/ip4/10.0.0.1", true),
        ("/ip4/10.1.0.1", false),
        ("/ip4/10.1.2.1", true),
        ("/ip4/10.1.2.3", false),
        ("/ip6/::ffff:10.1.2.1", true),
        ("/ip4/11.0.0.1", false),
        ("/ip6/2001:db8::1", true),
        ("/ip6/2001:db9::1", false),
        ("/memory/1", false),
    ] {
        assert_eq!(denied(&lists, address), is_denied, "{address}");
    }
    assert!(lists.denies_ip("10.0.0.1".parse().unwrap()) && !lists.denies_ip("::1".parse().unwrap()));
    assert!(lists.forget_network(network("10.1.2.0/24")) && !lists.forget_network(network("10.1.2.0/25")));
    assert!(!denied(&lists, "/ip4/10.1.2.1"), "its parent's rule counts");
    let listed: Vec<_> = lists.networks().map(|(network, _)| format!("{network}")).collect();
    assert_eq!(listed, ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32"]);
}

#[test]
fn an_address_with_an_ipv4_address_inside_is_judged_by_both() {
    const INSIDE: [&str; 3] =
        ["/ip6/64:ff9b::192.0.2.1", "/ip6/2002:c000:201::1", "/ip6/2001:0:cb00:7101:8000:63bf:3fff:fdfe"];
    let mut lists = lists();
    lists.deny_network(network("192.0.2.0/24")).unwrap();
    assert!(INSIDE.iter().all(|address| denied(&lists, address)));
    assert!(!denied(&lists, "/ip6/64:ff9b::192.0.3.1") && !denied(&lists, "/ip6/64:ff9b:1::192.0.2.1"));
    // An address is denied if either of its two forms is denied, even if the other form is allowed.
    for text in ["64:ff9b::/96", "2002::/16", "2001::/32"] {
        lists.allow_network(network(text)).unwrap();
    }
    assert!(INSIDE.iter().all(|address| denied(&lists, address)));
    lists.allow_network(network("192.0.2.0/24")).unwrap();
    assert!(!INSIDE.iter().any(|address| denied(&lists, address)));
    lists.deny_network(network("64:ff9b::/96")).unwrap();
    assert_eq!(INSIDE.map(|address| denied(&lists, address)), [true, false, false]);
    assert!(!denied(&lists, "/ip4/192.0.2.1"), "IPv4 itself is another way");
    // If unlisted addresses are denied, one rule that allows either form is enough.
    let mut lists = self::lists();
    lists.deny_unlisted_addresses(true);
    lists.allow_network(network("192.0.2.0/24")).unwrap();
    assert!(!INSIDE.iter().any(|address| denied(&lists, address)) && denied(&lists, "/ip6/64:ff9b::192.0.3.1"));
}

/// Compares the look-up with a slow model, over all prefixes of a few addresses.
#[test]
fn look_ups_agree_with_a_slow_model() {
    let mut lists = bounded(0, u32::MAX, 0);
    let mut rules: Vec<(Network, ListRule)> = Vec::new();
    let mut random = 1_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let ip = |at: u64, bits: u64| match at {
        0 => IpAddr::from([10, 1, (bits >> 2) as u8 & 3, (bits & 3) as u8 * 85]),
        1 => IpAddr::from([0x2001, 0xdb8, 0, (bits >> 2) as u16 & 3, 0, 0, 0, bits as u16 & 3]),
        // The first ones, behind NAT64.
        _ => {
            IpAddr::from([0x64, 0xff9b, 0, 0, 0, 0, 0xa01, (((bits >> 2) as u16 & 3) << 8) | ((bits & 3) as u16 * 85)])
        }
    };
    for _ in 0..20_000 {
        let at = next(3);
        let one = ip(at, next(16));
        let network = Network::new(one, next(if at == 0 { 33 } else { 129 }) as u8).unwrap();
        rules.retain(|(other, _)| *other != network);
        match next(3) {
            0 => _ = lists.forget_network(network),
            1 => {
                lists.deny_network(network).unwrap();
                rules.push((network, ListRule::Deny));
            }
            _ => {
                lists.allow_network(network).unwrap();
                rules.push((network, ListRule::Allow));
            }
        }
        let (at, bits) = (next(3), next(16));
        let asked = ip(at, bits);
        let slow = |asked| {
            let holding = rules.iter().filter(|(network, _)| network.contains(asked));
            holding.max_by_key(|(network, _)| network.prefix()).is_some_and(|(_, rule)| *rule == ListRule::Deny)
        };
        let slow = slow(asked) || at == 2 && slow(ip(0, bits));
        assert_eq!(lists.denies_ip(asked), slow, "{asked} by {rules:?}");
    }
    for (network, _) in rules {
        assert!(lists.forget_network(network));
    }
    assert_eq!(lists.networks().count(), 0);
    assert!(!lists.denies_ip(ip(0, 0)));
}

#[test]
fn a_denial_for_a_while_ends_and_outweighs_a_rule() {
    let mut lists = lists();
    lists.allow_peer(peer(1)).unwrap();
    assert!(lists.deny_peer_until(peer(1), NOW));
    assert!(lists.denies_peer(peer(1), NOW - Duration::from_nanos(1)));
    assert!(!lists.denies_peer(peer(1), NOW), "it ends at that time");
    assert!(lists.deny_peer_until(peer(1), NOW - Duration::from_secs(1)), "a longer one stays");
    assert_eq!(lists.timed_denials().collect::<Vec<_>>(), [(peer(1), NOW)]);
    lists.allow_peer(peer(1)).unwrap();
    assert!(!lists.denies_peer(peer(1), Duration::ZERO), "its owner has forgiven it");
    lists.deny_peer_until(peer(2), NOW);
    assert!(lists.forget_peer(peer(2)) && !lists.denies_peer(peer(2), Duration::ZERO));
}

#[test]
fn denials_for_a_while_are_bounded_and_the_next_to_end_goes() {
    let mut lists = bounded(0, 0, 2);
    let at = Duration::from_secs;
    assert!(lists.deny_peer_until(peer(1), at(10)) && lists.deny_peer_until(peer(2), at(20)));
    assert!(!lists.deny_peer_until(peer(3), at(9)), "it would be the next to end");
    assert!(!lists.denies_peer(peer(3), at(0)) && lists.denies_peer(peer(1), at(0)));
    assert!(lists.deny_peer_until(peer(3), at(10)), "of equal ones the oldest goes");
    assert!(!lists.denies_peer(peer(1), at(0)));
    assert_eq!(lists.timed_denials().collect::<Vec<_>>(), [(peer(3), at(10)), (peer(2), at(20))]);
    // Denials that are over are removed from the table a few at a time.
    lists.advance(at(9));
    assert_eq!(lists.timed_denials().count(), 2);
    lists.advance(at(20));
    assert_eq!(lists.timed_denials().count(), 0);
    assert!(!bounded(0, 0, 0).deny_peer_until(peer(1), at(1)));
}

#[test]
fn a_full_list_takes_no_more_and_changes_nothing() {
    let mut lists = bounded(1, 1, 0);
    lists.deny_peer(peer(1)).unwrap();
    lists.deny_network(network("192.0.2.0/24")).unwrap();
    changes(&mut lists);
    assert_eq!((lists.deny_peer(peer(2)), lists.deny_network(network("::/0"))), (Err(ListFull), Err(ListFull)));
    assert!(!lists.denies_peer(peer(2), NOW) && !denied(&lists, "/ip6/::1") && !lists.has_changes());
    lists.allow_peer(peer(1)).unwrap();
    lists.allow_network(network("192.0.2.0/24")).unwrap();
    assert!(lists.forget_peer(peer(1)) && lists.deny_peer(peer(2)).is_ok());
}

#[test]
fn the_swarm_is_told_of_each_change_that_may_deny_more() {
    type Change = fn(&mut Lists);
    let rows: [(Change, Vec<Changed>); 12] = [
        (|lists| _ = lists.deny_peer(peer(1)), vec![Changed::Peer(peer(1))]),
        (|lists| _ = lists.deny_peer_until(peer(1), NOW), vec![Changed::Peer(peer(1))]),
        (|lists| _ = lists.allow_peer(peer(1)), vec![]),
        (|lists| _ = lists.forget_peer(peer(1)), vec![]),
        (|lists| _ = lists.deny_network(network("192.0.2.0/24")), vec![Changed::All]),
        (|lists| _ = lists.allow_network(network("192.0.2.0/24")), vec![]),
        (|lists| _ = lists.forget_network(network("192.0.2.0/24")), vec![Changed::All]),
        (|lists| lists.deny_unlisted_peers(true), vec![Changed::All]),
        (|lists| lists.deny_unlisted_peers(true), vec![]),
        (|lists| _ = lists.allow_peer(peer(1)), vec![]),
        (|lists| _ = lists.forget_peer(peer(1)), vec![Changed::Peer(peer(1))]),
        (|lists| lists.deny_unlisted_addresses(true), vec![Changed::All]),
    ];
    let mut lists = lists();
    for (row, (change, told)) in rows.into_iter().enumerate() {
        change(&mut lists);
        assert_eq!(changes(&mut lists), told, "row {row}");
    }
}

#[test]
fn many_changes_of_peers_are_one_of_everything() {
    let mut lists = lists();
    let most = MAX_CHANGED as u8;
    (0..most).for_each(|n| lists.deny_peer(peer(n)).unwrap());
    (0..most).for_each(|n| lists.deny_peer(peer(n)).unwrap());
    assert_eq!(changes(&mut lists).len(), MAX_CHANGED);
    (0..=most).for_each(|n| lists.deny_peer(peer(n)).unwrap());
    assert_eq!(changes(&mut lists), [Changed::All]);
    assert!(!lists.has_changes());
}

/// Generates rules for five peers or networks: each has no rule, is denied or is allowed.
fn some_rules() -> impl Strategy<Value = Vec<Option<ListRule>>> {
    let rule = prop_oneof![Just(None), Just(Some(ListRule::Allow)), Just(Some(ListRule::Deny))];
    prop::collection::vec(rule, 5)
}

/// Returns the indices that have a rule, each with its rule.
fn given(rules: &[Option<ListRule>]) -> impl Iterator<Item = (usize, ListRule)> {
    rules.iter().enumerate().filter_map(|(number, rule)| Some((number, (*rule)?)))
}

/// Five networks: some contain others, and some are disjoint.
const NETWORKS: [&str; 5] = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "2001:db8::/32"];

/// One address in each network, and addresses that only a large network or none contains.
const ADDRESSES: [&str; 6] = ["10.0.0.1", "10.1.0.1", "10.1.2.1", "192.0.2.1", "2001:db8::1", "2001:db9::1"];

proptest! {
    #[test]
    fn replaced_peers_are_as_given_and_new_denials_are_told(
        old in some_rules(), new in some_rules(), timed in prop::collection::vec(any::<bool>(), 5), unlisted: bool,
    ) {
        let mut lists = lists();
        lists.deny_unlisted_peers(unlisted);
        let all: Vec<_> = (0..5).map(peer).collect();
        lists.replace_peers(given(&old).map(|(n, rule)| (all[n], rule))).unwrap();
        let until = NOW + NOW;
        all.iter().zip(&timed).filter(|(_, is)| **is).for_each(|(id, _)| _ = lists.deny_peer_until(*id, until));
        changes(&mut lists);
        let before: Vec<_> = all.iter().map(|id| lists.denies_peer(*id, NOW)).collect();

        // Of several rules the last one counts.
        let twice = all.iter().map(|id| (*id, ListRule::Allow)).take(1).chain(given(&new).map(|(n, rule)| (all[n], rule)));
        let twice: Vec<_> = twice.skip(usize::from(new[0].is_none())).collect();
        lists.replace_peers(twice).unwrap();

        let mut listed: Vec<_> = given(&new).map(|(n, rule)| (all[n], rule)).collect();
        listed.sort_by_key(|(id, _)| PackedPeer::pack(*id));
        prop_assert_eq!(lists.peers().collect::<Vec<_>>(), listed);
        let told = changes(&mut lists);
        for (n, id) in all.iter().enumerate() {
            let newly_allowed = new[n] == Some(ListRule::Allow) && old[n] != new[n];
            let rule = match new[n] {
                Some(rule) => rule == ListRule::Deny,
                None => unlisted,
            };
            let is_denied = lists.denies_peer(*id, NOW);
            prop_assert_eq!(is_denied, rule || timed[n] && !newly_allowed, "{}", n);
            let is_told = told.contains(&Changed::Peer(*id));
            prop_assert!(is_told || before[n] || !is_denied, "{} is denied and was not: {:?}", n, told);
            prop_assert!(!is_told || old[n] != new[n], "{} is as it was: {:?}", n, told);
        }
    }

    #[test]
    fn replaced_networks_are_as_given_and_new_denials_looked_for(old in some_rules(), new in some_rules()) {
        let mut lists = lists();
        let rules = |rules: &[Option<ListRule>]| given(rules).map(|(n, rule)| (network(NETWORKS[n]), rule)).collect::<Vec<_>>();
        lists.replace_networks(rules(&old)).unwrap();
        changes(&mut lists);
        let denied = |lists: &Lists| ADDRESSES.map(|ip| lists.denies_ip(ip.parse().unwrap()));
        let before = denied(&lists);
        lists.replace_networks(rules(&new)).unwrap();

        let mut listed = rules(&new);
        listed.sort_unstable();
        prop_assert_eq!(lists.networks().collect::<Vec<_>>(), listed);
        let mut single = bounded(0, 9, 0);
        rules(&new).into_iter().for_each(|(network, rule)| single.set_network(network, rule).unwrap());
        prop_assert_eq!(denied(&lists), denied(&single), "as if each had been given by itself");
        let is_told = changes(&mut lists) == [Changed::All];
        let is_newly_denied = before.iter().zip(denied(&lists)).any(|(before, after)| !before && after);
        prop_assert!(is_told || !is_newly_denied);
        prop_assert!(!is_told || old != new);
    }
}

#[test]
fn a_list_that_is_too_long_replaces_nothing() {
    let mut lists = bounded(2, 1, 0);
    lists.deny_peer(peer(1)).unwrap();
    lists.deny_network(network("192.0.2.0/24")).unwrap();
    changes(&mut lists);
    let denied = |n| (peer(n), ListRule::Deny);
    assert_eq!(lists.replace_peers([2, 3, 4].map(denied)), Err(ListFull));
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| (network(text), ListRule::Deny));
    assert_eq!(lists.replace_networks(networks), Err(ListFull));
    assert!(lists.peers().eq([denied(1)]) && lists.denies_ip("192.0.2.1".parse().unwrap()) && !lists.has_changes());
    assert_eq!(lists.replace_peers([2, 3, 2, 3].map(denied)), Ok(()), "each counts once");
    assert_eq!(changes(&mut lists).len(), 2);
}
