//! P7 for a subscription: a notice of a stream costs no allocation, to either half. Alone in its process, where
//! allocations are counted.

use crate::support::driven;
use crate::support::heap;
use crate::support::sim;
use driven::{Driven, Together};
use swarm_notify::notifee::subscription;

/// A subscription to a swarm's streams, both halves.
fn of_a_subscription() -> usize {
    let mut pair = Together::<8, 2>::new(sim::Cut::Whole);
    let (subscriber, mut subscription) = subscription(8);
    pair.all[1].notifees.register(subscriber);
    pair.connect();
    let connection = pair.all[1].swarm.connections().next().unwrap();
    let (mut allocated, mut received) = (0, 0);
    for round in 0..200 {
        let stream = pair.all[1].swarm.open_stream(connection, &[sim::SINK]).unwrap();
        for _ in 0..2 {
            // The swarm's own work is not counted here.
            for _ in 0..10 {
                pair.all[0].swarm.tick(pair.now);
                while pair.all[0].swarm.next_event().is_some() {}
                pair.all[1].swarm.tick(pair.now);
                while pair.network.deliver(pair.now) {}
                if let Some(arrival) = pair.network.next_arrival() {
                    pair.now = arrival;
                    pair.network.advance_to(arrival);
                }
            }
            let Driven { swarm, notifees } = &mut pair.all[1];
            let before = heap::allocations();
            notifees.dispatch(swarm);
            while subscription.try_recv().is_ok() {
                received += 1;
            }
            if round >= 10 {
                allocated += heap::allocations() - before;
            }
            let _ = pair.all[1].swarm.reset(stream);
        }
    }
    assert_eq!(received, 402, "a snapshot, a connection, and each stream twice");
    allocated
}

/// The least of some runs: the test harness has a thread of its own, which allocates when it likes.
fn least(run: impl Fn() -> usize) -> usize {
    (0..5).map(|_| run()).min().unwrap()
}

pub(crate) fn a_notice_of_a_stream_allocates_nothing() {
    assert_eq!(least(of_a_subscription), 0);
}
