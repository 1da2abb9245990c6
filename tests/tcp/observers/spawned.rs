//! Notifees on threads of their own, beside plain ones, whose owner sleeps until something wakes it.

use crate::observers::{Recorder, one_stream, shut_down, two, two_with};
use crate::support::party::{Tcp, connect, until};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Event};
use swarm_notify::notifee::{
    BlockingNotifee, ConnectionInfo, Interest, Notice, Notifee, NotifeeContext, StreamInfo, ThreadPanic, subscription,
};
use swarm_notify::swarm::Config;

/// The notices that a thread was told.
type Told = Arc<Mutex<Vec<Notice>>>;

fn write_down(told: &Told) -> impl FnMut(Notice) + Send + 'static {
    let told = told.clone();
    move |notice| told.lock().unwrap().push(notice)
}

/// All events behind the first snapshot, which is empty.
#[track_caller]
fn events(told: &Told) -> Vec<Event> {
    let told = told.lock().unwrap();
    assert_eq!(told[0], Notice::Snapshot(Vec::new()));
    told[1..].iter().map(|notice| notice.event().expect("nothing went missing")).collect()
}

#[test]
fn it_hears_every_closing_event_before_it_ends() {
    let mut parties = two();
    let told = Told::default();
    parties[1].notifees.spawn_fn(64, Interest::EVENTS, write_down(&told)).unwrap();
    let recorder = Recorder::register(&mut parties[1]);
    let (_, connections) = connect(&mut parties);
    one_stream(&mut parties, connections[0], &recorder);
    parties[1].listen();
    until(&mut parties, |_| recorder.count("listen") == 1);
    shut_down(&mut parties, 1);
    assert_eq!(parties[1].notifees.join(), []);
    let names: Vec<_> = recorder.events().iter().map(Event::name).collect();
    assert_eq!(names, ["connected", "opened_stream", "closed_stream", "listen", "listen_close", "disconnected"]);
    assert_eq!(events(&told), *recorder.events());
    assert_eq!((parties[1].notifees.threads(), parties[1].notifees.len()), (0, 2));
}

/// Panics at the first stream.
struct Panics;

impl BlockingNotifee for Panics {
    fn opened_stream(&mut self, stream: StreamInfo) {
        // The owner is asleep by then.
        std::thread::sleep(Duration::from_millis(50));
        panic!("I do not like {}", stream.protocol.unwrap());
    }
}

#[test]
fn one_that_panics_is_reported_and_leaves_and_others_go_on() {
    // No deadline wakes the owner.
    let (mut config, hour) = (Config::default(), Duration::from_secs(3_600));
    config.connection.handshake_timeout = hour;
    config.connection.negotiation_timeout = hour;
    config.connection.keep_alive_interval = hour;
    let mut parties = two_with(&config);
    let told = Told::default();
    let before = Recorder::register(&mut parties[1]);
    let panics = parties[1].notifees.spawn(64, Panics).unwrap();
    let (subscriber, mut subscription) = subscription(64);
    parties[1].notifees.register(subscriber);
    parties[1].notifees.spawn_fn(64, Interest::EVENTS, write_down(&told)).unwrap();
    let behind = Recorder::register(&mut parties[1]);
    let (_, connections) = connect(&mut parties);
    assert_eq!((parties[1].notifees.threads(), parties[1].notifees.take_panics()), (2, vec![]));
    let stream = one_stream(&mut parties, connections[0], &behind);
    // Nothing happens on any socket, so that only the thread can wake the owner.
    until(&mut parties, |parties| parties[1].notifees.len() == 5);
    assert_eq!(parties[1].notifees.threads(), 1);
    let [ThreadPanic { notifee, event, message, .. }] = &parties[1].notifees.take_panics()[..] else { panic!() };
    let opened = Event::OpenedStream { connection: connections[0], stream };
    assert_eq!((*notifee, *event, message.as_str()), (panics.untyped(), Some(opened), "I do not like /echo/1.0.0"));
    assert!(!parties[1].notifees.unregister(panics), "it has left");
    one_stream(&mut parties, connections[0], &behind);
    shut_down(&mut parties, 1);
    assert_eq!(parties[1].notifees.join(), [], "it was reported before");
    let all = before.events();
    assert_eq!(all.len(), 6, "{all:?}");
    assert_eq!((&*behind.events(), &events(&told)), (&*all, &*all));
    let notices = std::iter::from_fn(|| subscription.try_recv().ok()).skip(1);
    assert_eq!(notices.map(|notice| notice.event().unwrap()).collect::<Vec<_>>(), *all);
}

/// Says that it has begun, and waits until it may go on.
struct Blocked {
    begun: mpsc::Sender<()>,
    may_go_on: mpsc::Receiver<()>,
    told: Told,
}

impl BlockingNotifee for Blocked {
    fn interest(&self) -> Interest {
        Interest::CONNECTED | Interest::DISCONNECTED
    }

    fn connected(&mut self, connection: ConnectionInfo) {
        self.begun.send(()).unwrap();
        self.may_go_on.recv().unwrap();
        self.told.lock().unwrap().push(Notice::Connected(connection));
    }

    fn disconnected(&mut self, connection: ConnectionInfo, reason: ConnectionEnd) {
        self.told.lock().unwrap().push(Notice::Disconnected(connection, reason));
    }
}

/// Unregisters another once a connection has ended.
struct Unregisters(swarm_notify::notifee::NotifeeId);

impl Notifee<Tcp> for Unregisters {
    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, Tcp>, _: ConnectionId, _: ConnectionEnd) {
        cx.unregister(self.0);
    }
}

/// Were there a wait, this would hang, since the thread is let go only afterwards.
#[test]
fn unregistering_does_not_wait_and_what_was_sent_is_handled() {
    for inside in [false, true] {
        let mut parties = two();
        let told = Told::default();
        let ((begun, has_begun), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
        let id = parties[1].notifees.spawn(64, Blocked { begun, may_go_on, told: told.clone() }).unwrap();
        if inside {
            parties[1].notifees.register(Unregisters(id.untyped()));
        }
        let recorder = Recorder::register(&mut parties[1]);
        let (_, connections) = connect(&mut parties);
        has_begun.recv().unwrap();
        parties[1].swarm.close_connection(connections[0]).unwrap();
        until(&mut parties, |_| recorder.count("disconnected") == 1);
        assert_eq!(parties[1].notifees.unregister(id), !inside);
        assert_eq!(parties[1].notifees.threads(), 1, "it is where it was");
        go_on.send(()).unwrap();
        assert_eq!(parties[1].notifees.join(), []);
        let told: Vec<_> = told.lock().unwrap().iter().map(|notice| notice.event().unwrap()).collect();
        assert_eq!(told, *recorder.events(), "what it was sent before it left");
    }
}

#[test]
fn a_slow_notifee_hears_how_much_it_missed_and_what_is_open() {
    let mut parties = two();
    let told = Told::default();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (mut write, owner) = (write_down(&told), parties[1].swarm.waker());
    let slow = move |notice: Notice| {
        if let Notice::Connected(_) = notice {
            may_go_on.recv().unwrap();
        }
        let is_snapshot = matches!(notice, Notice::Snapshot(_));
        write(notice);
        if is_snapshot {
            // For the test, which looks at what is written after its turns.
            owner.wake_by_ref();
        }
    };
    parties[1].notifees.spawn_fn(2, Interest::EVENTS, slow).unwrap();
    let recorder = Recorder::register(&mut parties[1]);
    let (_, connections) = connect(&mut parties);
    for _ in 0..5 {
        one_stream(&mut parties, connections[0], &recorder);
    }
    go_on.send(()).unwrap();
    let snapshots = |told: &[Notice]| told.iter().filter(|notice| matches!(notice, Notice::Snapshot(_))).count();
    until(&mut parties, |_| snapshots(&told.lock().unwrap()) == 2);
    shut_down(&mut parties, 1);
    assert_eq!(parties[1].notifees.join(), []);
    let told = told.lock().unwrap();
    let [Notice::Snapshot(before), first @ .., Notice::Lagged(missed), Notice::Snapshot(now), last] = &told[..] else {
        panic!("{told:?}")
    };
    let all = recorder.events();
    let events = |notices: &[Notice]| notices.iter().map(|notice| notice.event().unwrap()).collect::<Vec<_>>();
    assert_eq!((before.len(), events(first)), (0, all[..first.len()].to_vec()));
    // All but the end have come before the snapshot: the connection, and five times the beginning and end of a stream.
    assert_eq!((first.len() + *missed as usize, all.len()), (11, 12));
    assert_eq!((events(now), events(std::slice::from_ref(last))), (all[..1].to_vec(), all[11..].to_vec()));
}
