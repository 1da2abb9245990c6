use super::*;
use crate::lifecycle::{Direction, Lifecycle, Limits};
use alloc::vec::Vec;

fn connections(many: usize) -> Vec<ConnectionId> {
    let mut lifecycle = Lifecycle::<1>::new(Limits::default());
    (0..many).map(|_| lifecycle.begin_connection(Direction::Inbound).unwrap()).collect()
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn open(refusals: &mut Refusals) -> RefusedAt {
    let at = connections(1)[0].into();
    refusals.announce(at);
    at
}

#[test]
fn ten_thousand_in_a_second_are_told_twice_and_add_up() {
    let mut refusals = Refusals::default();
    let at = open(&mut refusals);
    let mut told = Vec::new();
    for n in 0..10_000 {
        refusals.advance(millis(n / 10));
        refusals.count(at, Refusal::StreamLimit, 1);
        told.extend(refusals.next());
    }
    assert_eq!(told, [(at, Refusal::StreamLimit, 1)], "within the second only the first is told");
    assert_eq!(refusals.poll_at(), Some(millis(1_000)), "a sleeping owner is called for the rest");
    refusals.advance(millis(1_000));
    assert_eq!(refusals.next(), Some((at, Refusal::StreamLimit, 9_999)));
    assert_eq!((refusals.next(), refusals.poll_at(), refusals.is_ready()), (None, None, false));
    assert_eq!((refusals.at(at, Refusal::StreamLimit), refusals.total(Refusal::StreamLimit)), (10_000, 10_000));
}

#[test]
fn each_kind_and_place_has_its_own_second() {
    let mut refusals = Refusals::default();
    let ids: Vec<RefusedAt> = connections(2).into_iter().map(RefusedAt::from).collect();
    ids.iter().for_each(|id| refusals.announce(*id));
    for (id, refusal) in ids.iter().flat_map(|id| Refusal::ALL.iter().map(|refusal| (*id, *refusal))) {
        refusals.count(id, refusal, 3);
    }
    let told: Vec<_> = core::iter::from_fn(|| refusals.next()).collect();
    assert_eq!(told.len(), 2 * Refusal::ALL.len());
    assert!(told.iter().all(|(.., count)| *count == 3));
}

#[test]
fn nobody_waits_behind_one_that_is_always_ready() {
    let mut refusals = Refusals::default();
    let ids: Vec<RefusedAt> = connections(3).into_iter().map(RefusedAt::from).collect();
    ids.iter().for_each(|id| refusals.announce(*id));
    ids.iter().for_each(|id| refusals.count(*id, Refusal::StreamLimit, 1));
    let mut told = Vec::new();
    for n in 0..3 {
        // The owner takes one notice every two seconds; the first peer has a new refusal each time.
        refusals.advance(millis(2_000 * n));
        refusals.count(ids[0], Refusal::StreamLimit, 1);
        told.extend(refusals.next().map(|(at, ..)| at));
    }
    assert_eq!(told, ids);
}

#[test]
fn nothing_is_told_before_the_opening_and_after_the_last_event() {
    let mut refusals = Refusals::default();
    let at = connections(1)[0].into();
    refusals.count(at, Refusal::StreamLimit, 2);
    assert!(!refusals.is_ready() && refusals.next().is_none());
    refusals.announce(at);
    assert_eq!(refusals.next(), Some((at, Refusal::StreamLimit, 2)));
    refusals.count(at, Refusal::StreamLimit, 1);
    refusals.count(at, Refusal::MessageInvalid, 1);
    refusals.end(at);
    refusals.advance(millis(5_000));
    assert_eq!((refusals.next(), refusals.poll_at(), refusals.is_ready()), (None, None, false));
    assert_eq!(refusals.at(at, Refusal::StreamLimit), 3, "it can be looked up");
    refusals.forget(at);
    assert_eq!(refusals.at(at, Refusal::StreamLimit), 0);
    assert_eq!(refusals.total(Refusal::StreamLimit), 3, "the totals stay");
    assert!(refusals.tallies.is_empty() && refusals.ready.is_empty() && refusals.waiting.is_empty());
}

#[test]
fn counts_of_refusals_stop_at_the_greatest() {
    let mut refusals = Refusals::default();
    let at = open(&mut refusals);
    for count in [u64::MAX, 2] {
        refusals.count(at, Refusal::MessageInvalid, count);
    }
    assert_eq!(
        (refusals.at(at, Refusal::MessageInvalid), refusals.total(Refusal::MessageInvalid)),
        (u64::MAX, u64::MAX)
    );
    assert_eq!(refusals.next(), Some((at, Refusal::MessageInvalid, u64::MAX)));
}
