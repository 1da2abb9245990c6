//! One thing at a time.

use crate::support::driven::{Sim, Together};
use crate::support::sim::{B, Cut, ECHO, Host, SINK};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure};
use swarm_notify::notifee::subscription::TryRecvError;
use swarm_notify::notifee::{self, Interest, Notice, Notifee, Subscriber, Subscription, subscription};

type Pair = Together<256, 2>;

/// Two nodes that are connected, and the connection at the second.
fn connected() -> (Pair, ConnectionId) {
    let mut pair = Pair::new(Cut::Whole);
    pair.connect();
    let connection = pair.all[1].swarm.connections().next().unwrap();
    (pair, connection)
}

fn names(notices: &[Notice]) -> Vec<String> {
    let name = |notice: &Notice| match notice {
        Notice::Lagged(missed) => format!("lagged {missed}"),
        Notice::Snapshot(notices) => format!("snapshot of {}", names(notices).join(", ")),
        notice => {
            let event = notice.event().unwrap();
            assert_eq!(notice.id(), Some(event.id()));
            format!("{} {}", event.name(), event.id())
        }
    };
    notices.iter().map(name).collect()
}

fn received(subscription: &mut Subscription) -> Vec<String> {
    let notices: Vec<_> = core::iter::from_fn(|| subscription.try_recv().ok()).collect();
    names(&notices)
}

#[test]
fn a_notice_says_all_that_could_be_looked_up() {
    let mut pair = Pair::new(Cut::Whole);
    let mut subscriptions = pair.all.each_mut().map(|node| {
        let (subscriber, subscription) = subscription(64);
        node.notifees.register(subscriber);
        subscription
    });
    pair.connect();
    let connection = pair.all[1].swarm.connections().next().unwrap();
    let stream = pair.all[1].swarm.open_stream(connection, &[ECHO]).unwrap();
    pair.all[1].swarm.write(stream, b"hello").unwrap();
    let failed = pair.all[1].swarm.open_stream(connection, &["/nobody/1".parse().unwrap()]).unwrap();
    pair.settle();
    pair.all[1].swarm.abort_connection(connection).unwrap();
    pair.all[1].swarm.dial(B.at(7)).unwrap();
    pair.all[1].swarm.listen(Host(1).at(7)).unwrap();
    pair.settle();
    pair.all[0].swarm.shutdown();
    pair.settle();
    let peers = [0, 1].map(|n| pair.all[n].swarm.local_peer());
    let [of_a, of_b] = subscriptions
        .each_mut()
        .map(|subscription| core::iter::from_fn(|| subscription.try_recv().ok()).skip(1).collect::<Vec<_>>());
    for (notices, peer, direction) in [(&of_a, peers[1], Direction::Inbound), (&of_b, peers[0], Direction::Outbound)] {
        for notice in notices {
            match notice {
                Notice::Listen(info) => assert_eq!(info.addresses, [Host(1).at(4000)]),
                Notice::ListenClose(info, _) => assert_eq!(info.address, Host(1).at(4000)),
                Notice::ListenFailed(info, reason) => {
                    assert_eq!((&info.address, *reason), (&Host(1).at(7), Failure::AddressNotAvailable));
                }
                Notice::Connected(info) | Notice::Disconnected(info, _) => {
                    assert_eq!((info.peer, info.direction), (Some(peer), direction));
                    assert_eq!(info.listener.is_some(), direction == Direction::Inbound);
                    if direction == Direction::Outbound {
                        assert_eq!(info.remote, Host(1).at(4000));
                    }
                }
                Notice::ConnectFailed(info, reason) => {
                    assert_eq!((info.peer, &info.remote, *reason), (None, &B.at(7), Failure::Refused));
                }
                Notice::OpenedStream(info) => {
                    let proposed = (Some(peer), direction, Some(&ECHO));
                    assert_eq!((info.peer, info.direction, info.protocol.as_ref()), proposed);
                }
                Notice::ClosedStream(info, _) => {
                    assert_eq!(info.protocol, Some(ECHO));
                    assert_eq!(info.sent, if direction == Direction::Outbound { 5 } else { 0 });
                }
                Notice::StreamFailed(info, reason) => {
                    assert_eq!((info.peer, info.direction), (Some(peer), direction));
                    let of_its_opener = (failed, Failure::Unsupported);
                    assert!(direction == Direction::Inbound || (info.stream, *reason) == of_its_opener);
                }
                notice => panic!("{notice:?}"),
            }
        }
    }
    let of_b = names(&of_b);
    let expected = ["connected", "opened_stream", "stream_failed", "closed_stream", "disconnected"];
    for (line, name) in of_b.iter().zip(expected) {
        assert!(line.starts_with(name), "{of_b:?}");
    }
    assert_eq!(of_b.len(), 7, "{of_b:?}");
    assert!(of_a.iter().any(|notice| matches!(notice, Notice::ListenClose(..))));
}

#[test]
fn it_begins_with_what_is_open_and_a_replay_changes_nothing() {
    for replays in [false, true] {
        let (mut pair, connection) = connected();
        pair.all[1].swarm.open_stream(connection, &[ECHO]).unwrap();
        pair.settle();
        let (subscriber, mut subscription) = subscription(1);
        let node = &mut pair.all[1];
        match replays {
            true => _ = node.notifees.register_and_replay(&mut node.swarm, subscriber),
            false => _ = node.notifees.register(subscriber),
        }
        assert_eq!(subscription.try_recv(), Err(TryRecvError::Empty));
        pair.settle();
        assert_eq!(received(&mut subscription), ["snapshot of connected c0.1, opened_stream s0.1"]);
    }
}

#[test]
fn only_what_was_subscribed_to_is_sent_and_takes_place() {
    let (mut pair, connection) = connected();
    let (subscriber, mut subscription) = subscription(1);
    pair.all[1].notifees.register(subscriber.only(Interest::CONNECTED | Interest::DISCONNECTED));
    for _ in 0..10 {
        pair.all[1].swarm.open_stream(connection, &[SINK]).unwrap();
    }
    pair.settle();
    assert_eq!(received(&mut subscription), ["snapshot of connected c0.1"]);
    pair.all[1].swarm.abort_connection(connection).unwrap();
    pair.settle();
    assert_eq!(received(&mut subscription), ["disconnected c0.1"]);
}

#[test]
fn what_finds_no_place_is_counted_and_made_up_for() {
    let (mut pair, connection) = connected();
    let (subscriber, mut subscription) = subscription(3);
    pair.all[1].notifees.register(subscriber);
    let streams: Vec<_> = (0..5).map(|_| pair.all[1].swarm.open_stream(connection, &[SINK]).unwrap()).collect();
    pair.settle();
    pair.all[1].swarm.reset(streams[0]).unwrap();
    pair.settle();
    let first = ["snapshot of connected c0.1", "opened_stream s0.1", "opened_stream s1.1", "lagged 4"];
    assert_eq!(received(&mut subscription), first, "up to when it is received");
    pair.all[1].swarm.reset(streams[1]).unwrap();
    pair.settle();
    let open = "connected c0.1, opened_stream s1.1, opened_stream s2.1, opened_stream s3.1, opened_stream s4.1";
    assert_eq!(received(&mut subscription), [format!("snapshot of {open}"), "closed_stream s1.1".to_owned()]);
}

#[test]
fn a_dead_subscriber_holds_no_more_than_its_places() {
    let (mut pair, connection) = connected();
    let (subscriber, mut subscription) = subscription(2);
    pair.all[1].notifees.register(subscriber);
    for _ in 0..100 {
        let stream = pair.all[1].swarm.open_stream(connection, &[SINK]).unwrap();
        pair.settle();
        pair.all[1].swarm.reset(stream).unwrap();
        pair.settle();
    }
    assert_eq!(received(&mut subscription), ["snapshot of connected c0.1", "opened_stream s0.1", "lagged 199"]);
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls as a task does.
fn poll(pair: &mut Pair, flag: &Arc<Flag>) -> Poll<()> {
    flag.0.store(false, Ordering::SeqCst);
    let now = pair.now;
    pair.all[1].swarm.poll(&mut Context::from_waker(&Waker::from(flag.clone())), now)
}

#[test]
fn a_snapshot_comes_on_a_quiet_network_too() {
    let (mut pair, connection) = connected();
    let (subscriber, mut subscription) = subscription(1);
    pair.all[1].notifees.register(subscriber);
    assert_eq!(pair.all[1].notifees.poll_at(), Some(Duration::ZERO), "the first is due at once");
    pair.settle();
    pair.all[1].swarm.open_stream(connection, &[SINK]).unwrap();
    pair.settle();
    let flag = Arc::<Flag>::default();
    assert_eq!(poll(&mut pair, &flag), Poll::Pending);
    assert!(matches!(subscription.try_recv(), Ok(Notice::Snapshot(_))));
    assert_eq!((flag.0.load(Ordering::SeqCst), pair.all[1].notifees.poll_at()), (false, None));
    assert_eq!(subscription.try_recv(), Ok(Notice::Lagged(1)));
    assert!(flag.0.load(Ordering::SeqCst), "who polls is woken");
    assert_eq!(poll(&mut pair, &flag), Poll::Ready(()));
    assert_eq!(pair.all[1].notifees.poll_at(), Some(Duration::ZERO));
    pair.turn();
    assert_eq!((poll(&mut pair, &flag), pair.all[1].notifees.poll_at()), (Poll::Pending, None));
    assert_eq!(received(&mut subscription), ["snapshot of connected c0.1, opened_stream s0.1"]);
}

#[test]
fn one_that_is_dropped_unregisters_its_subscriber() {
    let (mut pair, connection) = connected();
    let flag = Arc::<Flag>::default();
    // On a quiet network, …
    let (subscriber, subscription_a) = subscription(4);
    let id = pair.all[1].notifees.register(subscriber);
    pair.settle();
    assert_eq!(poll(&mut pair, &flag), Poll::Pending);
    drop(subscription_a);
    assert!(flag.0.load(Ordering::SeqCst), "who polls is woken");
    assert_eq!(pair.all[1].notifees.poll_at(), Some(Duration::ZERO));
    pair.turn();
    assert!(pair.all[1].notifees.get::<Subscriber>(id).is_none());
    // … or with the next event.
    let (subscriber, subscription_b) = subscription(4);
    pair.all[1].notifees.register(subscriber);
    drop(subscription_b);
    pair.all[1].swarm.abort_connection(connection).unwrap();
    let crate::support::driven::Driven { swarm, notifees } = &mut pair.all[1];
    assert_eq!(notifees.dispatch(swarm), 1);
    assert!(notifees.is_empty());
}

#[test]
fn what_was_sent_can_be_received_when_the_subscriber_is_gone() {
    let (mut pair, connection) = connected();
    let (subscriber, mut subscription) = subscription(1);
    let id = pair.all[1].notifees.register(subscriber);
    pair.settle();
    pair.all[1].swarm.abort_connection(connection).unwrap();
    pair.settle();
    pair.all[1].notifees.unregister(id);
    let received = crate::support::pipe::poll(&mut Box::pin(subscription.recv()));
    assert!(matches!(received, Poll::Ready(Some(Notice::Snapshot(_)))), "{received:?}");
    assert_eq!(subscription.try_recv(), Ok(Notice::Lagged(1)));
    assert_eq!(subscription.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(subscription.recv_blocking(), None);
    assert_eq!(crate::support::pipe::poll(&mut Box::pin(subscription.recv())), Poll::Ready(None));
    assert_eq!((Notice::Lagged(1).id(), Notice::Lagged(1).event()), (None, None));
    assert_ne!(TryRecvError::Empty.to_string(), TryRecvError::Closed.to_string());
}

/// A notifee of its owner's that passes time on to a subscriber, whether that has asked for it or not.
struct Around(Subscriber);

impl Notifee<Sim<256>> for Around {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    fn tick(&mut self, cx: &mut notifee::NotifeeContext<'_, Sim<256>>) {
        self.0.tick(cx);
    }
}

#[test]
fn a_tick_that_nobody_asked_for_sends_nothing() {
    let mut pair = Pair::new(Cut::Whole);
    let (subscriber, mut subscription) = subscription(1);
    let node = &mut pair.all[1];
    node.notifees.register(Around(subscriber));
    (0..3).for_each(|_| node.notifees.drive(&mut node.swarm, Duration::ZERO));
    assert_eq!(received(&mut subscription), ["snapshot of "]);
    node.notifees.drive(&mut node.swarm, Duration::ZERO);
    assert_eq!(subscription.try_recv(), Err(TryRecvError::Empty));
}
