//! Notifees on threads of their own: what they are told, and how they end. (How they wake their owner is tested on
//! sockets.)

use crate::support::driven::{Driven, Sim, Together};
use crate::support::scripted::{Log, Scripted};
use crate::support::sim::{Cut, ECHO, Host};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake};
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionEnd, Event, Failure, ListenerEnd, StreamEnd};
use swarm_notify::notifee::{BlockingNotifee, ConnectionInfo, Interest, ListenerInfo, Notice, Notifees, StreamInfo};

/// What a hang costs.
const LIMIT: Duration = Duration::from_secs(30);

type Pair = Together<256, 2>;

fn pair() -> Pair {
    Pair::new(Cut::Whole)
}

/// Sends a line for each method that is called.
struct Lines(mpsc::Sender<String>);

impl Lines {
    fn write(&self, line: String) {
        self.0.send(line).unwrap();
    }
}

impl BlockingNotifee for Lines {
    fn listen(&mut self, listener: ListenerInfo) {
        self.write(format!("listen {}", listener.addresses[0]));
    }

    fn listen_failed(&mut self, listener: ListenerInfo, reason: Failure) {
        self.write(format!("listen_failed {} {reason}", listener.address));
    }

    fn listen_close(&mut self, listener: ListenerInfo, reason: ListenerEnd) {
        self.write(format!("listen_close {} {reason}", listener.address));
    }

    fn connected(&mut self, connection: ConnectionInfo) {
        self.write(format!("connected {} {}", connection.connection, connection.direction));
    }

    fn connect_failed(&mut self, connection: ConnectionInfo, reason: Failure) {
        self.write(format!("connect_failed {} {reason}", connection.connection));
    }

    fn disconnected(&mut self, connection: ConnectionInfo, reason: ConnectionEnd) {
        self.write(format!("disconnected {} {reason}", connection.connection));
    }

    fn opened_stream(&mut self, stream: StreamInfo) {
        self.write(format!("opened_stream {} {}", stream.stream, stream.protocol.unwrap()));
    }

    fn stream_failed(&mut self, stream: StreamInfo, reason: Failure) {
        self.write(format!("stream_failed {} {reason}", stream.stream));
    }

    fn closed_stream(&mut self, stream: StreamInfo, reason: StreamEnd) {
        self.write(format!("closed_stream {} {reason}", stream.stream));
    }

    fn snapshot(&mut self, open: Vec<Notice>) {
        self.write(format!("snapshot of {}", open.len()));
    }

    fn lagged(&mut self, missed: u64) {
        self.write(format!("lagged {missed}"));
    }
}

#[test]
fn each_notice_calls_the_method_of_its_name() {
    let mut pair = pair();
    let (sender, lines) = mpsc::channel();
    pair.all[1].notifees.spawn(64, Lines(sender)).unwrap();
    pair.connect();
    let connection = pair.all[1].swarm.connections().next().unwrap();
    pair.all[1].swarm.open_stream(connection, &[ECHO]).unwrap();
    pair.all[1].swarm.open_stream(connection, &["/nobody/1".parse().unwrap()]).unwrap();
    pair.settle();
    pair.all[1].swarm.dial(Host(1).at(7)).unwrap();
    pair.all[1].swarm.listen(Host(1).at(8)).unwrap();
    pair.all[1].swarm.listen(Host(2).at(9)).unwrap();
    pair.settle();
    pair.all[1].swarm.shutdown();
    pair.settle();
    assert_eq!(pair.all[1].notifees.join(), []);
    let mut lines: Vec<_> = lines.try_iter().collect();
    assert_eq!(lines.remove(0), "snapshot of 0");
    assert_eq!(lines.remove(0), "connected c0.1 outbound");
    lines.sort();
    let expected = [
        "closed_stream s0.1 connection_closed",
        "connect_failed c1.1 refused",
        "disconnected c0.1 shutdown",
        "listen /ip4/10.0.0.2/tcp/9",
        "listen_close /ip4/10.0.0.2/tcp/9 shutdown",
        "listen_failed /ip4/10.0.0.1/tcp/8 address_not_available",
        "opened_stream s0.1 /echo/1.0.0",
        "stream_failed s1.1 unsupported",
    ];
    assert_eq!(lines, expected);
    let (sender, lines) = mpsc::channel();
    Notice::Lagged(3).tell(&mut Lines(sender));
    assert_eq!(lines.recv().unwrap(), "lagged 3");
}

#[test]
fn only_what_it_cares_for_takes_a_place_and_is_told() {
    let mut pair = pair();
    let (sender, names) = mpsc::channel();
    let tell = move |notice: Notice| sender.send(notice.event().map(|event| event.name())).unwrap();
    pair.all[1].notifees.spawn_fn(2, Interest::DISCONNECTED | Interest::TIME, tell).unwrap();
    pair.connect();
    pair.all[1].swarm.shutdown();
    pair.settle();
    assert_eq!(pair.all[1].notifees.join(), []);
    assert_eq!(names.try_iter().collect::<Vec<_>>(), [None, Some("disconnected")]);
}

#[test]
fn one_spawned_in_a_notification_hears_of_the_next_event_first() {
    let mut pair = pair();
    let (log, (sender, lines)) = (Log::default(), mpsc::channel());
    let mut sender = Some(sender);
    let spawns = Scripted::<Sim<256>>::with("spawns", &log, move |cx, _| {
        let Some(sender) = sender.take() else { return };
        let closure = sender.clone();
        let first = cx.spawn(64, Lines(sender)).unwrap();
        let tell = move |notice: Notice| _ = closure.send(format!("closure: {:?}", notice.event().is_some()));
        let second = cx.spawn_fn(64, Interest::CONNECT_FAILED, tell).unwrap();
        assert!(first < second);
    });
    pair.all[1].notifees.register(spawns);
    pair.connect();
    assert_eq!((pair.all[1].notifees.threads(), pair.all[1].notifees.len()), (2, 3));
    pair.all[1].swarm.shutdown();
    pair.settle();
    assert_eq!(pair.all[1].notifees.join(), []);
    let mut lines: Vec<_> = lines.try_iter().collect();
    lines.sort();
    assert_eq!(lines, ["closure: false", "disconnected c0.1 shutdown", "snapshot of 1"]);
}

/// Is slow, also when it ends, and says so then.
struct Slow(Arc<AtomicBool>);

impl BlockingNotifee for Slow {
    fn listen(&mut self, _: ListenerInfo) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(50));
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_registry_outlives_its_threads_even_unregistered_ones() {
    for (joins, unregisters) in [(false, false), (false, true), (true, false), (true, true)] {
        let [Driven { mut swarm, mut notifees }, _] = pair().all;
        let has_ended = Arc::new(AtomicBool::new(false));
        let id = notifees.spawn(64, Slow(has_ended.clone())).unwrap();
        swarm.listen(Host(1).at(1)).unwrap();
        swarm.tick(Duration::ZERO);
        notifees.drive(&mut swarm, Duration::ZERO);
        if unregisters {
            assert!(notifees.unregister(id));
        }
        match joins {
            true => assert_eq!(notifees.join(), []),
            false => drop(notifees),
        }
        assert!(has_ended.load(Ordering::SeqCst), "joined {joins}, unregistered {unregisters}");
    }
}

/// Wakes the thread that polls.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn who_must_not_block_polls_until_the_last_one_has_ended() {
    let mut notifees = Notifees::<Sim<256>>::new();
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    assert_eq!(notifees.poll_join(&mut cx), Poll::Ready(()), "there is none");
    let ends = [(); 2].map(|()| {
        let has_ended = Arc::new(AtomicBool::new(false));
        notifees.spawn(1, Slow(has_ended.clone())).unwrap();
        has_ended
    });
    let mut pending = 0;
    while notifees.poll_join(&mut cx).is_pending() {
        assert!(notifees.is_empty(), "they are unregistered");
        pending += 1;
        let before = Instant::now();
        std::thread::park_timeout(LIMIT);
        assert!(before.elapsed() < LIMIT, "the end of the last one wakes");
    }
    assert!((1..=2).contains(&pending), "{pending}");
    assert!(ends.iter().all(|has_ended| has_ended.load(Ordering::SeqCst)));
    assert_eq!(notifees.threads(), 0);
}

#[test]
fn a_panic_without_a_message_and_one_of_a_drop_are_reported() {
    struct Brittle;

    impl Drop for Brittle {
        fn drop(&mut self) {
            panic!("I break");
        }
    }

    let mut pair = pair();
    let notifees = &mut pair.all[1].notifees;
    let odd = |notice: Notice| {
        if notice.event().is_some() {
            std::panic::resume_unwind(Box::new(7))
        }
    };
    let odd = notifees.spawn_fn(64, Interest::EVENTS, odd).unwrap();
    let brittle = Brittle;
    let brittle = notifees.spawn_fn(64, Interest::EVENTS, move |_| _ = &brittle).unwrap();
    pair.connect();
    let mut panics = pair.all[1].notifees.join();
    panics.sort_by_key(|panic| panic.notifee);
    let found: Vec<_> = panics.iter().map(|panic| (panic.notifee, panic.event.map(|event| event.name()))).collect();
    assert_eq!(found, [(odd.untyped(), Some("connected")), (brittle.untyped(), None)]);
    let texts: Vec<_> = panics.iter().map(ToString::to_string).collect();
    let expected = [
        "the thread of the notifee n0 panicked, told connected c0.1: a panic without a message",
        "the thread of the notifee n1 panicked: I break",
    ];
    assert_eq!(texts, expected);
}

/// Such a one ends the process of this test, if the two panics meet.
#[test]
fn one_that_panics_and_again_as_it_is_dropped_is_reported_twice() {
    struct Brittle;

    impl Drop for Brittle {
        fn drop(&mut self) {
            panic!("I break");
        }
    }

    impl BlockingNotifee for Brittle {
        fn connected(&mut self, _: ConnectionInfo) {
            panic!("I fail");
        }
    }

    let mut pair = pair();
    let (sender, lines) = mpsc::channel();
    pair.all[1].notifees.spawn(64, Brittle).unwrap();
    pair.all[1].notifees.spawn(64, Lines(sender)).unwrap();
    pair.connect();
    let texts: Vec<_> = pair.all[1].notifees.join().iter().map(ToString::to_string).collect();
    let expected = [
        "the thread of the notifee n0 panicked, told connected c0.1: I fail",
        "the thread of the notifee n0 panicked: I break",
    ];
    assert_eq!(texts, expected);
    assert_eq!(lines.try_iter().last().unwrap(), "connected c0.1 outbound");
}

#[test]
fn panics_that_nobody_asks_for_are_bounded() {
    let [Driven { mut swarm, mut notifees }, _] = pair().all;
    let panics = |_| std::panic::resume_unwind(Box::new("again"));
    let ids: Vec<_> = (0..70).map(|_| notifees.spawn_fn(1, Interest::NONE, panics).unwrap().untyped()).collect();
    notifees.drive(&mut swarm, Duration::ZERO);
    let panics = notifees.join();
    assert_eq!((panics.len(), notifees.take_panics().len()), (64, 0));
    assert!(panics.iter().all(|panic| ids.contains(&panic.notifee) && panic.message == "again"));
}

#[test]
fn another_notifees_panic_does_not_keep_it_from_being_joined() {
    let mut pair = pair();
    let (log, (sender, lines)) = (Log::default(), mpsc::channel());
    let Driven { swarm, notifees } = &mut pair.all[0];
    let panics =
        |_: &mut swarm_notify::notifee::NotifeeContext<'_, Sim<256>>, _: Event| std::panic::resume_unwind(Box::new(()));
    notifees.register(Scripted::with("panics", &log, panics));
    notifees.spawn(64, Lines(sender)).unwrap();
    swarm.listen(Host(1).at(1)).unwrap();
    swarm.tick(Duration::ZERO);
    let driven = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| notifees.drive(swarm, Duration::ZERO)));
    assert!(driven.is_err());
    // What was to be told to it goes with it, since nobody has driven on.
    assert_eq!(notifees.join(), []);
    assert_eq!((lines.try_iter().count(), notifees.len()), (0, 1));
}

#[test]
fn one_whose_leaving_a_panic_has_interrupted_is_joined() {
    for polls in [false, true] {
        // On a thread that is left behind if it hangs.
        let (sender, is_joined) = mpsc::channel();
        std::thread::spawn(move || {
            let [Driven { mut swarm, mut notifees }, _] = pair().all;
            let spawned = notifees.spawn_fn(64, Interest::EVENTS, drop).unwrap();
            let panics = move |cx: &mut swarm_notify::notifee::NotifeeContext<'_, Sim<256>>, _: Event| {
                cx.unregister(spawned);
                std::panic::resume_unwind(Box::new(()))
            };
            notifees.register(Scripted::with("panics", &Log::default(), panics));
            swarm.listen(Host(1).at(1)).unwrap();
            swarm.tick(Duration::ZERO);
            let driven = std::panic::AssertUnwindSafe(|| notifees.drive(&mut swarm, Duration::ZERO));
            assert!(std::panic::catch_unwind(driven).is_err());
            let waker = Arc::new(Unpark(std::thread::current())).into();
            while polls && notifees.poll_join(&mut Context::from_waker(&waker)).is_pending() {
                std::thread::park();
            }
            assert_eq!((notifees.join(), notifees.threads(), notifees.len()), (vec![], 0, 1));
            sender.send(()).unwrap();
        });
        assert_eq!(is_joined.recv_timeout(LIMIT), Ok(()), "polled: {polls}");
    }
}

/// Keeps the lines of errors.
struct Errors(Mutex<Vec<String>>);

impl log::Log for Errors {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Error
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_panic_is_logged_as_an_error_with_its_message() {
    static ERRORS: Errors = Errors(Mutex::new(Vec::new()));
    log::set_logger(&ERRORS).unwrap();
    log::set_max_level(log::LevelFilter::Error);
    let [Driven { mut swarm, mut notifees }, _] = pair().all;
    let panics = |_| std::panic::resume_unwind(Box::new("this one and no other"));
    notifees.spawn_fn(1, Interest::NONE, panics).unwrap();
    notifees.drive(&mut swarm, Duration::ZERO);
    assert_eq!(notifees.join().len(), 1);
    let line = "the thread of the notifee n0 panicked: this one and no other";
    assert!(ERRORS.0.lock().unwrap().iter().any(|error| error == line));
}
