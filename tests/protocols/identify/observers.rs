//! What identify has heard reaches every notifee that declares an interest in it, in its place among the nine events,
//! and the owner's queue beside it.

use crate::identify::{identify, millis, on_demand, secs, told};
use crate::support::fake_node::Fake;
use crate::support::scripted::Log;
use crate::support::services::{Both, keypair};
use crate::support::sim::{A, B, Shape, everywhere};
use crate::support::with;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Lifecycle, Limits, StreamEnd, StreamId};
use swarm_notify::notifee::{HasNode, Interest, Notifee, NotifeeContext, NotifeeId, Notifees};
use swarm_notify::protocols::identify::{Config, Event, Identify, Info, encode};
use swarm_notify::swarm::Multiaddr;

everywhere! {
    three_observers_and_a_late_one_are_told_in_order,
    pushes_are_told_too_and_the_owner_is_told_the_same,
    an_observer_can_close_the_connection_on_what_identify_says,
    one_that_panics_is_passed_over,
    of_a_connection_that_is_over_nothing_more_is_told,
    a_question_that_cannot_be_asked_is_told_to_the_owner_alone,
    an_answer_is_told_before_its_stream_closes,
}

/// Writes down what it is told of connections and by identify.
struct Observer {
    name: &'static str,
    log: Log,
    closes: bool,
    panics: bool,
}

impl Observer {
    fn new(name: &'static str, log: &Log) -> Self {
        Self { name, log: log.clone(), closes: false, panics: false }
    }
}

impl<N: HasNode> Notifee<N> for Observer {
    fn interest(&self) -> Interest {
        Interest::CONNECTED | Interest::DISCONNECTED | Interest::EMITTED
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        self.log.write(format!("{} connected {connection}", self.name));
    }

    fn disconnected(&mut self, _: &mut NotifeeContext<'_, N>, connection: ConnectionId, _: ConnectionEnd) {
        self.log.write(format!("{} disconnected {connection}", self.name));
    }

    fn emitted(&mut self, cx: &mut NotifeeContext<'_, N>, _: NotifeeId, event: &dyn Any) {
        let Some(event) = event.downcast_ref::<Event>() else { return };
        let (what, connection) = match event {
            Event::Identified { connection, .. } => ("identified", *connection),
            Event::Pushed { connection, .. } => ("pushed", *connection),
            Event::Failed { connection, .. } => ("failed", *connection),
            Event::PushFailed { connection, .. } => ("push_failed", *connection),
            Event::Lagged { .. } => panic!("the owner alone is told"),
            other => panic!("{other:?}"),
        };
        self.log.write(format!("{} {what} {connection}", self.name));
        // What it is told of is there.
        let node = cx.network().node_mut();
        assert!(node.connection(connection).is_some());
        if self.closes {
            node.close_connection(connection).expect("it is open");
        }
        if self.panics {
            resume_unwind(Box::new(()));
        }
    }
}

fn three_observers_and_a_late_one_are_told_in_order<const EVENTS: usize>(shape: Shape) {
    let (log, mut both) = (Log::default(), Both::<EVENTS>::new(shape));
    both.a.notifees.register(Observer::new("x", &log));
    let a = both.a.install(identify(A));
    both.a.notifees.register(Observer::new("y", &log));
    both.a.notifees.register(Observer::new("z", &log));
    both.b.install(identify(B));
    let (ca, _) = both.connect(shape);
    both.settle();
    both.a.notifees.register_and_replay(&mut both.a.swarm, Observer::new("late", &log));
    let first = ["connected", "identified"].map(|what| ["x", "y", "z"].map(|name| format!("{name} {what} {ca}")));
    log.expect(&[&first.concat()[..], &[format!("late connected {ca}")]].concat());
    both.a.service::<Identify>(a).identify(ca).unwrap();
    both.settle();
    both.a.swarm.close_connection(ca).unwrap();
    both.settle();
    let all = ["x", "y", "z", "late"];
    let then = ["identified", "disconnected"].map(|what| all.map(|name| format!("{name} {what} {ca}")));
    log.expect(&then.concat());
    both.end();
}

fn pushes_are_told_too_and_the_owner_is_told_the_same<const EVENTS: usize>(shape: Shape) {
    let (log, mut both) = (Log::default(), Both::<EVENTS>::new(shape));
    both.a.notifees.register(Observer::new("x", &log));
    let a = both.a.install(identify(A));
    let b = both.b.install(identify(B));
    let (ca, _) = both.connect(shape);
    both.settle();
    let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
    both.b.service::<Identify>(b).add_external_address(address);
    both.wait(secs(1));
    log.expect(&["connected", "identified", "pushed"].map(|what| format!("x {what} {ca}")));
    assert_eq!(told(&mut both.a, a), ["identified", "pushed"].map(|what| format!("{what} {ca} b")));
    both.end();
}

fn an_observer_can_close_the_connection_on_what_identify_says<const EVENTS: usize>(shape: Shape) {
    let (log, mut both) = (Log::default(), Both::<EVENTS>::new(shape));
    both.a.notifees.register(Observer::new("x", &log));
    both.a.notifees.register(Observer { closes: true, ..Observer::new("closes", &log) });
    both.a.notifees.register(Observer::new("y", &log));
    let a = both.a.install(identify(A));
    both.b.install(identify(B));
    let (ca, _) = both.connect(shape);
    both.settle();
    let all = ["connected", "identified", "disconnected"];
    log.expect(&all.map(|what| ["x", "closes", "y"].map(|name| format!("{name} {what} {ca}"))).concat());
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    both.end();
}

fn one_that_panics_is_passed_over<const EVENTS: usize>(shape: Shape) {
    let (log, mut both) = (Log::default(), Both::<EVENTS>::new(shape));
    both.a.notifees.register(Observer::new("x", &log));
    both.a.notifees.register(Observer { panics: true, ..Observer::new("panics", &log) });
    both.a.notifees.register(Observer::new("y", &log));
    let a = both.a.install(identify(A));
    both.b.install(identify(B));
    let (ca, _) = both.connect(shape);
    let mut panics = 0;
    while catch_unwind(AssertUnwindSafe(|| both.settle())).is_err() {
        panics += 1;
        // The rest is told in the next drive, for which the registry asks at once.
        assert_eq!(both.a.notifees.poll_at(), Some(Duration::ZERO));
    }
    assert_eq!(panics, 1);
    let all = ["connected", "identified"].map(|what| ["x", "panics", "y"].map(|name| format!("{name} {what} {ca}")));
    log.expect(&all.concat());
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    both.end();
}

fn of_a_connection_that_is_over_nothing_more_is_told<const EVENTS: usize>(shape: Shape) {
    for under_way in 0..40 {
        let (log, mut both) = (Log::default(), Both::<EVENTS>::new(shape));
        let a = both.a.install(identify(A));
        both.a.notifees.register(Observer::new("x", &log));
        both.b.install(identify(B));
        let (ca, _) = both.connect(shape);
        both.wait(millis(under_way));
        if both.a.swarm.abort_connection(ca).is_ok() {
            both.settle();
        }
        let lines = log.take();
        assert_eq!(lines.first(), Some(&format!("x connected {ca}")), "after {under_way} ms");
        assert_eq!(lines.last(), Some(&format!("x disconnected {ca}")), "after {under_way} ms");
        assert!(lines.len() <= 3, "{lines:?}");
        // Whether it could be asked or not, the question has its outcome.
        assert_eq!(told(&mut both.a, a).len(), 1);
        both.end();
    }
}

fn a_question_that_cannot_be_asked_is_told_to_the_owner_alone<const EVENTS: usize>(shape: Shape) {
    let (log, mut both) = (Log::default(), Both::<EVENTS>::new(shape));
    let a = both.a.install(on_demand(A));
    both.a.notifees.register(Observer::new("x", &log));
    both.b.install(identify(B));
    let (ca, _) = both.connect(shape);
    both.settle();
    both.a.service::<Identify>(a).identify(ca).unwrap();
    both.a.swarm.abort_connection(ca).unwrap();
    both.settle();
    log.expect(&["connected", "disconnected"].map(|what| format!("x {what} {ca}")));
    assert_eq!(told(&mut both.a, a), [format!("failed {ca} b connection_closed")]);
    both.end();
}

fn an_answer_is_told_before_its_stream_closes<const EVENTS: usize>(shape: Shape) {
    struct Streams(Log);

    impl<N> Notifee<N> for Streams {
        fn interest(&self) -> Interest {
            Interest::CLOSED_STREAM | Interest::EMITTED
        }

        fn closed_stream(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, _: StreamEnd) {
            self.0.write(format!("closed_stream {stream}"));
        }

        fn emitted(&mut self, _: &mut NotifeeContext<'_, N>, _: NotifeeId, event: &dyn Any) {
            assert!(matches!(event.downcast_ref(), Some(Event::Identified { .. })));
            self.0.write("identified");
        }
    }

    let (log, mut both) = (Log::default(), Both::<EVENTS>::new(shape));
    both.a.notifees.register(Streams(log.clone()));
    both.a.install(identify(A));
    // It does not ask.
    both.b.install(on_demand(B));
    both.connect(shape);
    both.settle();
    log.expect(&["identified", "closed_stream s0.1"]);
    both.end();
}

/// Counts what it is told of each connection.
#[derive(Default)]
struct Count {
    answers: BTreeMap<ConnectionId, usize>,
    identified: usize,
}

impl Notifee<Fake> for Count {
    fn interest(&self) -> Interest {
        Interest::CONNECTED | Interest::EMITTED
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, Fake>, connection: ConnectionId) {
        assert_eq!(self.answers.insert(connection, 0), None);
    }

    fn emitted(&mut self, _: &mut NotifeeContext<'_, Fake>, _: NotifeeId, event: &dyn Any) {
        let connection = match event.downcast_ref() {
            Some(Event::Identified { connection, .. }) => {
                self.identified += 1;
                connection
            }
            Some(Event::Failed { connection, .. }) => connection,
            other => panic!("{other:?}"),
        };
        *self.answers.get_mut(connection).expect("it is connected") += 1;
    }
}

#[test]
fn all_is_told_of_10_000_connections_though_nobody_drains() {
    const CONNECTIONS: usize = 10_000;
    let peer = keypair(B).public().to_peer_id();
    let mut fake = Fake::new(keypair(A).public().to_peer_id());
    let many = CONNECTIONS as u32;
    fake.lifecycle = Lifecycle::new(with(Limits::default(), |limits| {
        limits.connections = many;
        limits.streams = many;
        limits.streams_per_connection = 1;
    }));
    let mut notifees = Notifees::new();
    let id = notifees.install(&mut fake, Identify::new(keypair(A).public(), Config::default()));
    let count = notifees.register(Count::default());
    let mut connections = 0;
    let mut settle = |fake: &mut Fake, notifees: &mut Notifees<Fake>, now| {
        loop {
            while connections < CONNECTIONS && fake.connect(peer).is_some() {
                connections += 1;
            }
            fake.poll();
            notifees.drive(fake, now);
            let due = notifees.poll_at().is_some_and(|at| at <= now);
            if connections == CONNECTIONS && !due && !fake.has_work() {
                return;
            }
        }
    };
    settle(&mut fake, &mut notifees, Duration::ZERO);
    // Every second peer answers; the others never do, and all their deadlines come at once.
    let message = encode(&Info::default());
    let mut answer = vec![u8::try_from(message.len()).expect("it is short")];
    answer.extend(message);
    let streams: Vec<_> = fake.streams.keys().copied().collect();
    assert_eq!(streams.len(), CONNECTIONS);
    for stream in streams.into_iter().step_by(2) {
        fake.send(stream, &answer, 0);
        fake.finishes(stream);
    }
    settle(&mut fake, &mut notifees, secs(1));
    settle(&mut fake, &mut notifees, secs(20));
    let count: &Count = notifees.get(count).unwrap();
    assert_eq!((count.answers.len(), count.identified), (CONNECTIONS, CONNECTIONS / 2));
    assert!(count.answers.values().all(|answers| *answers == 1));
    assert_eq!(notifees.emissions_dropped(), 0);
    let identify: &mut Identify = notifees.get_mut(id).unwrap();
    let missing = CONNECTIONS as u64 - 256;
    assert_eq!(identify.next_event(), Some(Event::Lagged { events: missing }));
    let kept = std::iter::from_fn(|| identify.next_event()).count();
    assert_eq!((kept, identify.dropped()), (256, missing));
}
