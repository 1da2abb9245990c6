//! P7: from the transition to the notifee nothing is allocated. Alone in its process, where allocations are counted.

#[cfg(feature = "subscription")]
#[path = "support/driven.rs"]
mod driven;
#[cfg(feature = "subscription")]
#[path = "support/pipe.rs"]
#[allow(dead_code, reason = "each test crate uses its part of it")]
mod pipe;
#[cfg(feature = "subscription")]
#[path = "support/sim.rs"]
mod sim;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use swarm_notify::lifecycle::{ConnectionId, Direction, Lifecycle, Limits, StreamEnd, StreamId};
use swarm_notify::notifee::{Context, Interest, Notifee, Notifees};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

#[derive(Default)]
struct Count(usize);

impl<N> Notifee<N> for Count {
    fn interest(&self) -> Interest {
        Interest::OPENED_STREAM | Interest::CLOSED_STREAM
    }

    fn opened_stream(&mut self, _cx: &mut Context<'_, N>, _connection: ConnectionId, _stream: StreamId) {
        self.0 += 1;
    }

    fn closed_stream(&mut self, _cx: &mut Context<'_, N>, _: ConnectionId, _: StreamId, _: StreamEnd) {
        self.0 += 1;
    }
}

/// 200 notifees of a lifecycle.
fn of_notifees() -> usize {
    let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    lifecycle.opened(connection).unwrap();
    let mut notifees = Notifees::new();
    let ids: Vec<_> = (0..200).map(|_| notifees.register(Count::default())).collect();
    let mut run = |rounds| {
        for _ in 0..rounds {
            let stream = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
            lifecycle.opened(stream).unwrap();
            notifees.dispatch(&mut lifecycle);
            lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
            notifees.dispatch(&mut lifecycle);
        }
    };
    run(10);
    let before = allocations();
    run(1_000);
    let allocated = allocations() - before;
    assert!(ids.iter().all(|id| notifees.get::<Count>(*id).unwrap().0 == 2 * 1_010));
    allocated
}

/// A subscription to a swarm's streams, both halves.
#[cfg(feature = "subscription")]
fn of_a_subscription() -> usize {
    use driven::{Driven, Together};
    use swarm_notify::notifee::subscription;
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
            let before = allocations();
            notifees.dispatch(swarm);
            while subscription.try_recv().is_ok() {
                received += 1;
            }
            if round >= 10 {
                allocated += allocations() - before;
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

#[test]
fn from_the_transition_to_the_notifee_nothing_is_allocated() {
    assert_eq!(least(of_notifees), 0);
    #[cfg(feature = "subscription")]
    assert_eq!(least(of_a_subscription), 0);
}
