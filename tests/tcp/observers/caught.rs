//! Notifees whose panics are caught, between others of each kind.

use crate::observers::{Recorder, each_event, one_stream, shut_down, two};
use crate::support::party::{ECHO, Party, Tcp, connect, until};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::{
    BlockingNotifee, ConnectionInfo, Interest, Notice, Notifee, NotifeeContext, Notification, catch_panics,
    subscription,
};

/// Panics at each event.
struct Panics;

impl Panics {
    fn told<N>(&mut self, _cx: &mut NotifeeContext<'_, N>, event: Event) {
        panic!("{}", event.name());
    }
}

impl<N> Notifee<N> for Panics {
    fn interest(&self) -> Interest {
        Interest::EVENTS
    }

    each_event!(N);
}

/// Panics at the first connection, on a thread of its own.
struct PanicsElsewhere(Arc<Mutex<Vec<&'static str>>>);

impl BlockingNotifee for PanicsElsewhere {
    fn listen_failed(&mut self, _: swarm_notify::notifee::ListenerInfo, _: swarm_notify::lifecycle::Failure) {
        self.0.lock().unwrap().push("listen_failed");
    }

    fn connected(&mut self, _: ConnectionInfo) {
        self.0.lock().unwrap().push("connected");
        panic!("elsewhere");
    }
}

#[test]
fn all_others_hear_everything_once_and_in_order() {
    let mut parties = two();
    let reports = Rc::new(RefCell::new(Vec::new()));
    let first = Recorder::register(&mut parties[1]);
    for _ in 0..2 {
        let kept = reports.clone();
        let report = move |panic: swarm_notify::notifee::NotifeePanic| {
            let Notification::Event(event) = panic.told else { panic!("{panic}") };
            assert_eq!(panic.message, event.name());
            kept.borrow_mut().push(event);
        };
        parties[1].notifees.register(catch_panics(Panics, report));
    }
    let second = Recorder::register(&mut parties[1]);
    let (subscriber, mut subscription) = subscription(64);
    parties[1].notifees.register(subscriber);
    let (elsewhere, told) = (Arc::default(), Arc::new(Mutex::new(Vec::new())));
    parties[1].notifees.spawn(64, PanicsElsewhere(Arc::clone(&elsewhere))).unwrap();
    let write = told.clone();
    let write_down = move |notice: Notice| write.lock().unwrap().extend(notice.event());
    parties[1].notifees.spawn_fn(64, Interest::EVENTS, write_down).unwrap();
    let last = Recorder::register(&mut parties[1]);

    // Each of the nine events comes at least once.
    parties[1].swarm.listen("/ip4/192.0.2.1/tcp/0".parse().unwrap()).unwrap();
    parties[1].swarm.dial("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    until(&mut parties, |_| last.count("listen_failed") + last.count("connect_failed") == 2);
    parties[1].listen();
    let (_, connections) = connect(&mut parties);
    one_stream(&mut parties, connections[0], &last);
    parties[1].swarm.open_stream(connections[0], &["/nobody/1".parse().unwrap()]).unwrap();
    until(&mut parties, |_| last.count("stream_failed") == 1);
    parties[1].swarm.open_stream(connections[0], &[ECHO]).unwrap();
    until(&mut parties, |_| last.count("opened_stream") == 2);
    shut_down(&mut parties, 1);

    let panics = parties[1].notifees.join();
    assert_eq!(panics.iter().map(|panic| panic.message.as_str()).collect::<Vec<_>>(), ["elsewhere"]);
    assert_eq!(*elsewhere.lock().unwrap(), ["listen_failed", "connected"], "it has heard of nothing more");
    let all = first.events();
    let names = ["listen", "listen_failed", "listen_close", "connected", "connect_failed", "disconnected"];
    let counts = names.map(|name| first.count(name));
    assert_eq!((counts, all.len()), ([1, 1, 1, 1, 1, 1], 6 + 2 + 1 + 2), "{all:?}");
    assert_eq!((&*second.events(), &*last.events()), (&*all, &*all));
    assert_eq!(*told.lock().unwrap(), *all);
    let received = std::iter::from_fn(|| subscription.try_recv().ok());
    assert_eq!(received.filter_map(|notice| notice.event()).collect::<Vec<_>>(), *all);
    let twice: Vec<_> = all.iter().flat_map(|event| [*event, *event]).collect();
    assert_eq!(*reports.borrow(), twice, "both who panic have heard of all, and nobody has left");
}

#[cfg(feature = "protocols")]
mod services {
    use super::*;
    use swarm_notify::connection::Protocol;
    use swarm_notify::lifecycle::{StreamEnd, StreamId};
    use swarm_notify::notifee::CatchPanics;
    use swarm_notify::protocols::Service;
    use swarm_notify::protocols::ping::{self, Ping};

    /// Panics when a stream is ready for the first time.
    struct Answers {
        has_panicked: bool,
    }

    const ANSWER: Protocol = Protocol::from_static("/answer/1.0.0");

    impl Notifee<Tcp> for Answers {
        fn interest(&self) -> Interest {
            Interest::STREAM_READY
        }

        fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Tcp>, stream: StreamId, readable: bool, _: bool) {
            if !readable || cx.network().stream(stream).is_none_or(|view| view.protocol != Some(&ANSWER)) {
                return;
            }
            assert!(std::mem::replace(&mut self.has_panicked, true), "not the first");
            while let Ok(n) = cx.network().read(stream, &mut [0; 8]) {
                if n == 0 {
                    return cx.network().finish(stream).unwrap();
                }
            }
        }
    }

    impl Service<Tcp> for Answers {
        fn protocols(&self) -> Vec<Protocol> {
            vec![ANSWER]
        }
    }

    #[test]
    fn a_service_is_installed_with_its_protocols_and_goes_on() {
        let mut parties = [Party::new(1), Party::new(2)];
        let reports = Rc::new(RefCell::new(Vec::new()));
        let pings = parties.each_mut().map(|party| {
            let ping = catch_panics(Ping::new([8; 32], ping::Config::default()), |panic| panic!("{panic}"));
            party.notifees.install(&mut party.swarm, ping)
        });
        let kept = reports.clone();
        let report = move |panic: swarm_notify::notifee::NotifeePanic| kept.borrow_mut().push(panic.to_string());
        let [server, _] = &mut parties;
        let answers = server.notifees.install(&mut server.swarm, catch_panics(Answers { has_panicked: false }, report));
        let recorder = Recorder::register(&mut parties[1]);
        let (_, connections) = connect(&mut parties);
        let mut pong = None;
        until(&mut parties, |parties| {
            let ping = parties[1].notifees.get_mut::<CatchPanics<Ping>>(pings[1]).unwrap();
            pong = pong.take().or_else(|| ping.get_mut().next_event());
            pong.is_some()
        });
        assert!(matches!(pong, Some(ping::Event::Pong { .. })), "{pong:?}");

        let first = parties[1].swarm.open_stream(connections[0], &[ANSWER]).unwrap();
        parties[1].swarm.finish(first).unwrap();
        until(&mut parties, |_| reports.borrow().len() == 1);
        let second = parties[1].swarm.open_stream(connections[0], &[ANSWER]).unwrap();
        let is_second = |event: &Event| event.name() == "opened_stream" && event.id() == second.into();
        until(&mut parties, |_| recorder.events().iter().any(is_second));
        parties[1].swarm.close_stream(second).unwrap();
        until(&mut parties, |_| recorder.count("closed_stream") == 1);
        let ended = recorder.events().iter().rfind(|event| event.name() == "closed_stream").copied();
        let reason = StreamEnd::Finished;
        assert_eq!(ended, Some(Event::ClosedStream { connection: connections[0], stream: second, reason }));
        let [report] = &reports.borrow()[..] else { panic!("it panics once") };
        assert!(report.starts_with(&format!("the notifee {answers} panicked, told stream_ready s")), "{report}");
        assert!(report.ends_with(": not the first"), "{report}");
        let [server, _] = &mut parties;
        assert!(server.notifees.uninstall(&mut server.swarm, answers));
        assert!(!server.swarm.protocols().any(|protocol| *protocol == ANSWER), "they go with it");
    }
}
