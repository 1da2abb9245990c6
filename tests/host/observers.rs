//! Notifees of a host that have threads of their own, and the end of a peer's connections.

use crate::support::hosts::{IP4, Pair, RAW, accept, connect, host, log, told, wait};
use smol::future::{poll_once, zip};
use std::sync::mpsc;
use std::time::Duration;
use swarm_notify::host::{AnySwarm, Config, Handle};
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, ListenerEnd};
use swarm_notify::notifee::{
    BlockingNotifee, ConnectionInfo, HasNode, Interest, ListenerInfo, Notice, Notifee, NotifeeContext,
};
use swarm_notify::swarm::{Refusal, RefusedAt};

/// Takes its time at each end.
struct Slow(mpsc::Sender<&'static str>);

impl BlockingNotifee for Slow {
    fn listen_close(&mut self, _: ListenerInfo, _: ListenerEnd) {
        std::thread::sleep(Duration::from_millis(50));
        self.0.send("listen_close").unwrap();
    }

    fn disconnected(&mut self, _: ConnectionInfo, _: ConnectionEnd) {
        std::thread::sleep(Duration::from_millis(50));
        self.0.send("disconnected").unwrap();
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.send("dropped").unwrap();
    }
}

#[test]
fn a_shutdown_is_over_when_the_threads_have_heard_all_and_ended() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (sender, ends) = mpsc::channel();
    pair.a.with(|notifees, _| notifees.spawn(64, Slow(sender))).unwrap().unwrap();
    pair.run(async {
        connect(&at_a, &at_b).await;
        // Another task of this thread goes on meanwhile.
        let beats = async {
            let mut beats = 0;
            while !at_a.is_shut_down() {
                smol::Timer::after(Duration::from_millis(5)).await;
                beats += 1;
            }
            beats
        };
        let ((), beats) = zip(at_a.shutdown(), beats).await;
        assert!(beats > 1, "a hundred milliseconds have passed");
    });
    assert_eq!(ends.try_iter().collect::<Vec<_>>(), ["listen_close", "disconnected", "dropped"]);
    let (threads, panics) = pair.a.with(|notifees, _| (notifees.threads(), notifees.join())).unwrap();
    assert_eq!((threads, panics), (0, vec![]));
}

#[test]
fn a_thread_that_does_not_end_is_left_at_the_time_out_or_drop() {
    for is_dropped in [false, true] {
        let mut config = Config::default();
        config.shutdown_timeout = Duration::from_millis(20);
        let mut host = host(1, config);
        let ((go_on, may_go_on), (sender, ended)) = (mpsc::channel::<()>(), mpsc::channel());
        let blocks = move |notice: Notice| {
            if let Notice::Listen(_) = notice {
                may_go_on.recv().unwrap();
                sender.send(()).unwrap();
            }
        };
        host.with(|notifees, _| notifees.spawn_fn(64, Interest::EVENTS, blocks)).unwrap().unwrap();
        let handle = host.handle();
        wait(host.run_until(async {
            handle.listen(IP4.parse().unwrap()).await.unwrap();
            if !is_dropped {
                handle.shutdown().await;
            }
        }));
        // Were it waited for, this would hang.
        drop(host);
        go_on.send(()).unwrap();
        ended.recv().unwrap();
    }
}

#[test]
fn a_panic_of_a_thread_can_be_asked_for() {
    let mut host = host(1, Config::default());
    let panics = |notice: Notice| assert!(notice.event().is_none(), "I only take snapshots");
    let id = host.with(|notifees, _| notifees.spawn_fn(64, Interest::EVENTS, panics)).unwrap().unwrap();
    let handle = host.handle();
    wait(host.run_until(async {
        handle.listen(IP4.parse().unwrap()).await.unwrap();
        handle.shutdown().await;
    }));
    let found = wait(host.run_until(handle.with(|notifees, _| notifees.take_panics())));
    let [panic] = &found.unwrap()[..] else { panic!("there is one") };
    assert_eq!((panic.notifee, panic.message.as_str()), (id.untyped(), "I only take snapshots"));
}

#[test]
fn all_connections_of_a_peer_are_closed_and_waited_for() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let log = log(&mut pair.b);
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        assert_eq!(at_b.disconnect_peer(at_a.local_peer()).await, 0);
        let (listener, first) = connect(&at_a, &at_b).await;
        let second = at_b.dial(listener.addresses()[0].clone()).await.unwrap();
        assert_eq!(at_b.disconnect_peer(at_b.local_peer()).await, 0, "that is another peer");
        assert_eq!(at_b.disconnect_peer(at_a.local_peer()).await, 2);
        // Both ends have been told by now.
        let lines: Vec<_> = std::iter::from_fn(|| log.try_recv().ok()).collect();
        assert_eq!(lines, ["connected", "connected", "disconnected requested", "disconnected requested"]);
        for connection in [first, second] {
            connection.closed().await;
            assert!(connection.open_stream(&[RAW]).await.is_err());
        }
        assert_eq!(at_b.disconnect_peer(at_a.local_peer()).await, 0);
    });
    let Pair { a, b, .. } = pair;
    drop(b);
    drop(a);
    wait(async { assert_eq!(at_b.disconnect_peer(at_a.local_peer()).await, 0, "the host is gone") });
}

/// Bounces each peer, through a handle that it has.
struct Bouncer(Handle);

impl Notifee<AnySwarm> for Bouncer {
    fn connected(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, connection: ConnectionId) {
        let peer = cx.network().node().connection(connection).unwrap().peer.unwrap();
        let mut disconnects = Box::pin({
            let handle = self.0.clone();
            async move { handle.disconnect_peer(peer).await }
        });
        // It is asked for here, and done after the notification.
        assert!(smol::future::block_on(poll_once(&mut disconnects)).is_none());
    }
}

#[test]
fn a_peer_is_disconnected_from_inside_a_notification() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let bouncer = Bouncer(at_a.clone());
    pair.a.with(|notifees, _| notifees.register(bouncer)).unwrap();
    let log = log(&mut pair.a);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        assert_eq!(told(&log, "disconnected").await, "disconnected requested");
        connection.closed().await;
    });
}

/// Refuses each peer something twice, and sends what it is told of that.
struct Refuses(smol::channel::Sender<(Refusal, u64)>);

impl Notifee<AnySwarm> for Refuses {
    fn connected(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, connection: ConnectionId) {
        cx.network().node_mut().count_refusals(connection, Refusal::MessageInvalid, 3);
    }

    fn refused(&mut self, cx: &mut NotifeeContext<'_, AnySwarm>, at: RefusedAt, refusal: Refusal, count: u64) {
        let RefusedAt::Connection(connection) = at else { return };
        if count == 3 {
            cx.network().node_mut().count_refusals(connection, refusal, 4);
        }
        self.0.try_send((refusal, count)).unwrap();
    }
}

#[test]
fn a_sleeping_host_is_called_for_the_last_seconds_refusals() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (sender, told) = smol::channel::unbounded();
    pair.a.with(|notifees, _| notifees.register(Refuses(sender))).unwrap();
    let told = pair.run(async {
        connect(&at_a, &at_b).await;
        [told.recv().await.unwrap(), told.recv().await.unwrap()]
    });
    assert_eq!(told, [(Refusal::MessageInvalid, 3), (Refusal::MessageInvalid, 4)]);
}
