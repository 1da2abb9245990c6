//! Tests of the counts of bytes held, and of the connections that have to withhold window, without a swarm.

use super::*;
use crate::lifecycle::{Direction, Lifecycle, Limits};
use alloc::vec;

/// Returns counts with budgets of 6 400 bytes in all, 3 200 for a peer and 1 600 for a connection.
fn held() -> HeldBytes {
    let mut config = Config::default();
    (config.held_bytes, config.held_bytes_per_peer, config.held_bytes_per_connection) = (6_400, 3_200, 1_600);
    HeldBytes::new(&config)
}

fn ids(count: usize) -> Vec<ConnectionId> {
    let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    (0..count).map(|_| lifecycle.begin_connection(Direction::Inbound).unwrap()).collect()
}

fn peer(key: u8) -> PeerId {
    libp2p_identity::Keypair::ed25519_from_bytes([key; 32]).unwrap().public().to_peer_id()
}

/// Returns the accounts of connections with one peer each. `bytes` contains the number of bytes that each connection holds.
fn joined(held: &mut HeldBytes, bytes: &[usize]) -> Vec<ConnectionAccount> {
    let mut accounts = Vec::new();
    for (key, bytes) in (1..).zip(bytes) {
        let mut account = ConnectionAccount::default();
        held.join(&mut account, peer(key));
        held.change(&mut account, *bytes);
        accounts.push(account);
    }
    accounts
}

fn pressures(held: &HeldBytes, accounts: &[ConnectionAccount]) -> Vec<Pressure> {
    accounts.iter().map(|account| held.pressure(account)).collect()
}

#[test]
fn bytes_are_counted_for_a_connection_its_peer_and_all() {
    let (mut held, ids) = (held(), ids(2));
    let [mut one, mut two] = [ConnectionAccount::default(), ConnectionAccount::default()];
    held.change(&mut one, 10);
    assert_eq!((held.all(), held.of_peer(&peer(1))), (10, 0), "its peer is not known");
    held.join(&mut one, peer(1));
    held.join(&mut two, peer(1));
    held.change(&mut two, 5);
    assert_eq!((held.all(), held.of_peer(&peer(1)), one.bytes(), two.bytes()), (15, 15, 10, 5));
    held.change(&mut one, 3);
    assert_eq!((held.all(), held.of_peer(&peer(1))), (8, 8));
    held.close(&mut two, ids[1], Some(peer(1)));
    assert_eq!((held.all(), held.of_peer(&peer(1))), (3, 3));
    held.close(&mut one, ids[0], Some(peer(1)));
    assert_eq!((held.all(), held.of_peer(&peer(1)), held.slots.len(), held.peers.len()), (0, 0, 0, 0));
}

#[test]
fn each_budget_withholds_window_and_who_holds_little_is_spared() {
    use Pressure::{All, None, Output};
    let mut sum = held();
    let accounts = joined(&mut sum, &[1_600, 1_601]);
    assert_eq!(pressures(&sum, &accounts), [None, All], "a connection");
    let mut sum = held();
    let mut accounts = joined(&mut sum, &[1_600, 100]);
    let mut more = ConnectionAccount::default();
    sum.join(&mut more, peer(1));
    sum.change(&mut more, 1_600);
    assert_eq!(sum.pressure(&more), None);
    sum.change(&mut more, 1_601 - 1);
    sum.change(&mut accounts[0], 1_600);
    let mut third = ConnectionAccount::default();
    sum.join(&mut third, peer(1));
    sum.change(&mut third, 1);
    assert_eq!([&accounts[0], &third, &accounts[1]].map(|account| sum.pressure(account)), [All, All, None], "a peer");
    // In the last quarter of the budget (more than 4 800 bytes in all), peers with more than 400 bytes grant no window.
    let mut sum = held();
    let mut accounts = joined(&mut sum, &[1_600, 1_600, 1_200, 400]);
    assert_eq!(pressures(&sum, &accounts), [None; 4]);
    sum.change(&mut accounts[2], 1_201);
    assert_eq!(pressures(&sum, &accounts), [All, All, All, None]);
    // Above the budget, peers with more than 100 bytes are granted no window.
    let mut sum = held();
    let mut accounts = joined(&mut sum, &[1_600, 1_600, 1_600, 1_399, 101, 100]);
    assert_eq!(pressures(&sum, &accounts), [All, All, All, All, None, None]);
    sum.change(&mut accounts[3], 1_400);
    assert_eq!(pressures(&sum, &accounts), [All, All, All, All, All, Output]);
}

#[test]
fn something_has_to_go_above_a_quarter_more_than_a_budget() {
    for (bytes, is_over) in [(vec![2_000], false), (vec![2_001], true), (vec![2_000; 4], false)] {
        let mut sum = held();
        joined(&mut sum, &bytes);
        assert_eq!(sum.is_over(), is_over, "{bytes:?}");
    }
    let mut sum = held();
    joined(&mut sum, &[2_000, 2_000, 2_000, 2_000, 1]);
    assert!(sum.take_over() && !sum.is_over());
    let (mut sum, mut more) = (held(), ConnectionAccount::default());
    let accounts = joined(&mut sum, &[2_000, 1]);
    sum.join(&mut more, peer(1));
    sum.change(&mut more, 2_000);
    assert!(!sum.is_over() && sum.is_beyond(&more) && !sum.is_beyond(&accounts[1]));
    sum.join(&mut ConnectionAccount { bytes: 1, ..ConnectionAccount::default() }, peer(1));
    sum.change(&mut more, 1_999);
    sum.change(&mut more, 2_000);
    assert!(sum.is_over(), "4 001 of a peer");
}

#[test]
fn who_waits_for_window_comes_up_once_less_is_held() {
    let (mut sum, ids) = (held(), ids(3));
    let mut accounts = joined(&mut sum, &[1_600, 1_600, 1_600, 200]);
    for (account, id) in accounts.iter_mut().zip(&ids) {
        sum.wait(account, *id);
        sum.wait(account, *id);
    }
    assert!(!sum.has_relieved());
    sum.change(&mut accounts[3], 0);
    let mut relieved: Vec<_> = core::iter::from_fn(|| sum.next_relieved()).collect();
    relieved.sort_by_key(|(id, _)| id.index());
    assert_eq!(
        relieved,
        [(ids[0], BudgetScope::All), (ids[1], BudgetScope::All), (ids[2], BudgetScope::All)],
        "the last quarter is free"
    );
    // A peer falls below a sixteenth of the budget: its own connection may grant window again.
    sum.change(&mut accounts[0], 400);
    assert_eq!(core::iter::from_fn(|| sum.next_relieved()).collect::<Vec<_>>(), [(ids[0], BudgetScope::Peer)]);
    // A connection that is gone waits for nothing.
    sum.close(&mut accounts[1], ids[1], Some(peer(2)));
    sum.close(&mut accounts[2], ids[2], Some(peer(3)));
    assert!(!sum.has_relieved() && sum.waiting.is_empty());
}

/// Each move of the memory costs time in proportion to the number of peers, so it must not happen whenever one connection
/// closes.
#[test]
fn memory_moves_few_times_while_many_leave() {
    const MANY: u32 = 2_000;
    let peers: Vec<_> = (0..MANY)
        .map(|number| {
            let digest = [&[0x12, 32][..], &number.to_be_bytes(), &[0; 28]].concat();
            PeerId::from_bytes(&digest).unwrap()
        })
        .collect();
    let ids = ids(MANY as usize);
    for is_youngest_first in [false, true] {
        let mut held = held();
        let mut accounts: Vec<_> = (peers.iter().zip(&ids))
            .map(|(peer, id)| {
                let mut account = ConnectionAccount::default();
                held.join(&mut account, *peer);
                held.wait(&mut account, *id);
                (account, *id, *peer)
            })
            .collect();
        if is_youngest_first {
            accounts.reverse();
        }
        let capacities = |held: &HeldBytes| (held.peers.capacity(), held.waiting.capacity());
        let (mut moves, mut before) = (0, capacities(&held));
        for (mut account, id, peer) in accounts {
            held.close(&mut account, id, Some(peer));
            held.give_up_memory();
            moves += usize::from(capacities(&held) != before);
            before = capacities(&held);
        }
        assert!(moves <= 2 * MANY.ilog2() as usize, "{moves} moves");
        assert!(before.0 <= FEW && before.1 <= FEW, "{before:?} is kept of those that have left");
    }
}
