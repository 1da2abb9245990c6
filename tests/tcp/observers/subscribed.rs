//! A subscription beside notifees.

use crate::observers::{Recorder, two};
use crate::support::party::{ECHO, connect, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use swarm_notify::notifee::{Notice, subscription};

/// Twenty are fast. The slow one is another thread, which does not look at anything before they have been told of all.
#[test]
fn an_idle_subscriber_delays_nobody_and_knows_what_it_missed() {
    const STREAMS: usize = 10;
    let mut parties = two();
    let (subscriber, mut slow) = subscription(4);
    parties[1].notifees.register(subscriber);
    let notifees: Vec<_> = (0..20).map(|_| Recorder::register(&mut parties[1])).collect();
    let (wake_up, is_slow) = mpsc::channel::<()>();
    let is_done = Arc::new(AtomicBool::new(false));
    let (done, owner) = (is_done.clone(), parties[1].swarm.waker());
    let thread = std::thread::spawn(move || {
        is_slow.recv().unwrap();
        let mut notices = Vec::new();
        while notices.iter().filter(|notice| matches!(notice, Notice::Snapshot(_))).count() < 2 {
            notices.push(slow.recv_blocking().unwrap());
        }
        done.store(true, Ordering::SeqCst);
        owner.wake();
        notices
    });

    let (_, connections) = connect(&mut parties);
    for _ in 0..STREAMS {
        let stream = parties[1].swarm.open_stream(connections[0], &[ECHO]).unwrap();
        parties[1].swarm.finish(stream).unwrap();
    }
    until(&mut parties, |_| notifees.iter().all(|notifee| notifee.count("closed_stream") == STREAMS));
    for notifee in &notifees {
        let counts = ["connected", "opened_stream", "closed_stream"].map(|name| notifee.count(name));
        assert_eq!((counts, notifee.events().len()), ([1, STREAMS, STREAMS], 1 + 2 * STREAMS));
    }

    assert!(!is_done.load(Ordering::SeqCst), "the slow one has not looked at anything");
    wake_up.send(()).unwrap();
    until(&mut parties, |_| is_done.load(Ordering::SeqCst));
    let notices = thread.join().unwrap();
    let [Notice::Snapshot(before), told @ .., Notice::Lagged(missed), Notice::Snapshot(now)] = &notices[..] else {
        panic!("{notices:?}")
    };
    let all = notifees[0].events();
    assert!(before.is_empty());
    let told: Vec<_> = told.iter().map(|notice| notice.event().unwrap()).collect();
    assert_eq!(told, all[..3], "as many as there is place for");
    assert_eq!(*missed as usize, all.len() - 3, "it knows what it has missed");
    let now: Vec<_> = now.iter().map(|notice| notice.event().unwrap()).collect();
    assert_eq!(now, all[..1], "and what is open");
}
