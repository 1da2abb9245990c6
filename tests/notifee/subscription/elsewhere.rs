//! Subscribers in other threads and tasks.

use crate::support::driven::{Driven, Together};
use crate::support::follower::{Follower, Record, open_after};
use crate::support::sim::{Cut, SINK};
use futures_lite::StreamExt as _;
use futures_lite::future::block_on;
use swarm_notify::notifee::{Notice, Subscriber, Subscription, subscription};

/// Opens and resets streams on a connection, some at a time, and shuts down.
fn churn(mut pair: Together<256, 2>, mut each: impl FnMut()) {
    pair.connect();
    let connection = pair.all[1].swarm.connections().next().unwrap();
    for round in 0..200 {
        let streams: Vec<_> =
            (0..round % 7).map(|_| pair.all[1].swarm.open_stream(connection, &[SINK]).unwrap()).collect();
        pair.settle();
        for stream in streams.iter().skip(round % 3) {
            pair.all[1].swarm.reset(*stream).unwrap();
        }
        pair.settle();
        each();
    }
}

/// One with a record of all that was told, and a subscriber.
fn recorded(subscriber: Subscriber) -> (Together<256, 2>, Record) {
    let (mut pair, record) = (Together::<256, 2>::new(Cut::Whole), Record::default());
    let Driven { notifees, .. } = &mut pair.all[1];
    notifees.register(record.clone());
    notifees.register(subscriber);
    (pair, record)
}

fn follow(notices: Vec<Notice>, record: &Record) -> Follower {
    let (log, mut follower) = (record.0.borrow(), Follower::default());
    notices.into_iter().for_each(|notice| follower.apply(notice, &log[follower.place..]));
    follower
}

#[test]
fn another_thread_follows_exactly() {
    for capacity in [1, 16, 4_096] {
        let (subscriber, mut subscription) = subscription(capacity);
        let thread = std::thread::spawn(move || {
            let mut notices = Vec::new();
            while let Some(notice) = subscription.recv_blocking() {
                notices.push(notice);
            }
            notices
        });
        let (pair, record) = recorded(subscriber);
        churn(pair, || {});
        let follower = follow(thread.join().unwrap(), &record);
        let log = record.0.borrow();
        // What went missing at the very end has no snapshot, since nobody is there to send it.
        assert_eq!(follower.place, log.len());
        if capacity == 4_096 {
            assert_eq!((follower.missed, follower.open()), (0, open_after(&log)));
        }
    }
}

#[test]
fn a_task_on_the_same_thread_follows_exactly_as_a_stream() {
    let (subscriber, subscription) = subscription(16);
    let (pair, record) = recorded(subscriber);
    let collect = subscription.collect::<Vec<_>>();
    // The task has its turn when the network's thread is done: all it can have is what found place.
    churn(pair, || {});
    let follower = follow(block_on(collect), &record);
    assert_eq!((follower.told, follower.snapshots), (15, 1));
    assert_eq!(follower.place, record.0.borrow().len());
}

#[cfg(feature = "host")]
#[test]
fn a_smol_task_follows_exactly() {
    let executor = smol::LocalExecutor::new();
    let (subscriber, mut subscription) = subscription(8);
    let task = executor.spawn(async move {
        let mut notices = Vec::new();
        while let Some(notice) = subscription.recv().await {
            notices.push(notice);
            // Others have their turns.
            futures_lite::future::yield_now().await;
        }
        notices
    });
    let (pair, record) = recorded(subscriber);
    churn(pair, || while executor.try_tick() {});
    let follower = follow(block_on(executor.run(task)), &record);
    assert!(follower.told > 500 && follower.snapshots > 10, "{}, {}", follower.told, follower.snapshots);
    assert_eq!(follower.place, record.0.borrow().len());
}

#[test]
fn both_halves_can_go_to_other_threads() {
    fn goes<T: Send + 'static>() {}
    goes::<Subscription>();
    goes::<Subscriber>();
    goes::<Notice>();
}
