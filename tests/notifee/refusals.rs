//! Refusals as notifees of every kind hear them: plain ones, caught panics, peers, subscriptions and threads.

use crate::support::driven::{Sim, Together};
use crate::support::scripted::Log;
use crate::support::sim::Cut;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::{
    BlockingNotifee, HasNode, Interest, Notice, Notifee, NotifeeContext, Notification, PeerNotifee, Peers, RefusalInfo,
    catch_panics, subscription,
};
use swarm_notify::swarm::{Refusal, RefusedAt};

type Pair = Together<256, 2>;

/// Two nodes that are connected, and the connection at the second.
fn connected() -> (Pair, ConnectionId) {
    let mut pair = Pair::new(Cut::Whole);
    pair.connect();
    let connection = pair.all[1].swarm.connections().next().unwrap();
    (pair, connection)
}

/// The second node refuses so many, and so much time passes.
fn refuse(pair: &mut Pair, connection: ConnectionId, refusal: Refusal, count: u64, then: Duration) {
    pair.all[1].swarm.count_refusals(connection, refusal, count);
    pair.settle();
    pair.now += then;
    pair.settle();
}

const SECOND: Duration = Duration::from_secs(1);

/// Writes down refusals.
struct Counts(Log);

impl<N> Notifee<N> for Counts {
    fn interest(&self) -> Interest {
        Interest::REFUSED
    }

    fn refused(&mut self, _: &mut NotifeeContext<'_, N>, at: RefusedAt, refusal: Refusal, count: u64) {
        self.0.write(format!("{at} {refusal} {count}"));
    }
}

#[test]
fn a_notifee_is_told_at_most_once_a_second_for_each_kind() {
    let ((mut pair, connection), log) = (connected(), Log::default());
    pair.all[1].notifees.register(Counts(log.clone()));
    for _ in 0..3 {
        refuse(&mut pair, connection, Refusal::MessageInvalid, 5, Duration::ZERO);
    }
    log.expect(&["c0.1 message_invalid 5"]);
    refuse(&mut pair, connection, Refusal::MessageDropped, 1, SECOND);
    log.expect(&["c0.1 message_dropped 1", "c0.1 message_invalid 10"]);
}

#[test]
fn one_that_panics_in_it_is_reported_and_the_next_is_told() {
    struct Odd;
    impl<N> Notifee<N> for Odd {
        fn refused(&mut self, _: &mut NotifeeContext<'_, N>, _: RefusedAt, _: Refusal, _: u64) {
            panic!("odd");
        }
    }
    let ((mut pair, connection), log, panics) = (connected(), Log::default(), Arc::new(Mutex::new(Vec::new())));
    let kept = panics.clone();
    let keep =
        move |panic: swarm_notify::notifee::NotifeePanic| kept.lock().unwrap().push((panic.told, panic.to_string()));
    pair.all[1].notifees.register(catch_panics(Odd, keep));
    pair.all[1].notifees.register(Counts(log.clone()));
    refuse(&mut pair, connection, Refusal::StreamLimit, 2, SECOND);
    log.expect(&["c0.1 stream_limit 2"]);
    let told = Notification::Refused { at: connection.into(), refusal: Refusal::StreamLimit, count: 2 };
    let text = "the notifee n0 panicked, told refused c0.1: 2 of stream_limit: odd".to_owned();
    assert_eq!(*panics.lock().unwrap(), [(told, text)]);
}

#[test]
fn a_peer_notifee_is_told_whose_connection_it_was() {
    struct Blames(Log);
    impl<N: HasNode> PeerNotifee<N> for Blames {
        fn peer_refused(
            &mut self,
            cx: &mut NotifeeContext<'_, N>,
            peer: PeerId,
            connection: ConnectionId,
            refusal: Refusal,
            count: u64,
        ) {
            assert_eq!(cx.network().node().connection(connection).unwrap().peer, Some(peer));
            self.0.write(format!("{connection} {refusal} {count}"));
        }
    }
    let (log, mut pair) = (Log::default(), Pair::new(Cut::Whole));
    pair.all[1].notifees.register(Peers::new(Blames(log.clone())));
    pair.connect();
    let connection = pair.all[1].swarm.connections().next().unwrap();
    refuse(&mut pair, connection, Refusal::StreamLimit, 3, SECOND);
    log.expect(&["c0.1 stream_limit 3"]);
}

#[test]
fn a_subscription_without_place_has_the_total_later_and_no_lag() {
    let (mut pair, connection) = connected();
    let (subscriber, mut notices) = subscription(2);
    let (only_events, mut events) = subscription(64);
    pair.all[1].notifees.register(subscriber);
    pair.all[1].notifees.register(only_events.only(Interest::EVENTS));
    let refusals = [Refusal::StreamLimit, Refusal::MessageDropped, Refusal::MessageInvalid, Refusal::MessageRepeated];
    for refusal in refusals {
        refuse(&mut pair, connection, refusal, 3, Duration::ZERO);
    }
    let received: Vec<_> = std::iter::from_fn(|| notices.try_recv().ok()).collect();
    let [Notice::Snapshot(open), Notice::Refused(first)] = &received[..] else { panic!("{received:#?}") };
    assert_eq!(open.len(), 1);
    let peer = pair.all[1].swarm.connection(connection).unwrap().peer;
    assert_eq!((first.at, first.peer, first.refusal), (connection.into(), peer, Refusal::StreamLimit));
    assert_eq!(
        (first.count, first.total, received[1].event(), received[1].id()),
        (3, 3, None, Some(connection.into()))
    );
    pair.now += SECOND;
    refuse(&mut pair, connection, Refusal::MessageDropped, 4, SECOND);
    let received: Vec<_> = std::iter::from_fn(|| notices.try_recv().ok()).collect();
    let [Notice::Refused(RefusalInfo { count: 4, total: 7, .. })] = &received[..] else { panic!("{received:#?}") };
    assert!(matches!(events.try_recv(), Ok(Notice::Snapshot(_))));
    assert!(events.try_recv().is_err(), "who has asked for events alone is sent no more");
}

#[test]
fn a_thread_hears_of_refusals_without_asking_for_them() {
    struct Journal(Arc<Mutex<Vec<String>>>);
    impl BlockingNotifee for Journal {
        fn refused(&mut self, refusal: RefusalInfo) {
            self.0.lock().unwrap().push(format!("{} {} {}", refusal.at, refusal.refusal, refusal.count));
        }
    }
    let ((mut pair, connection), lines) = (connected(), Arc::new(Mutex::new(Vec::new())));
    pair.all[1].notifees.spawn(16, Journal(lines.clone())).unwrap();
    refuse(&mut pair, connection, Refusal::StreamLimit, 2, SECOND);
    assert!(pair.all[1].notifees.join().is_empty());
    assert_eq!(*lines.lock().unwrap(), ["c0.1 stream_limit 2"]);
}

#[test]
fn a_budget_counts_a_refusal_like_any_readiness() {
    let ((mut pair, connection), log) = (connected(), Log::default());
    let node = &mut pair.all[1];
    node.notifees.register(Counts(log.clone()));
    for refusal in [Refusal::StreamLimit, Refusal::MessageDropped, Refusal::MessageInvalid] {
        node.swarm.count_refusals(connection, refusal, 1);
    }
    let network: &mut Sim<256> = &mut node.swarm;
    for left in [2, 1, 0] {
        node.notifees.drive_while(network, pair.now, &mut || false);
        assert_eq!(network.has_pending(), left > 0);
    }
    log.expect(&["c0.1 stream_limit 1", "c0.1 message_dropped 1", "c0.1 message_invalid 1"]);
}
