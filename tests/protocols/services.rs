//! Services come and go: with one that is taken out go its protocols and its streams, at every size of the event queue,
//! however the byte stream is cut.

use crate::support::scripted;
use crate::support::services;
use crate::support::sim;
use scripted::{Log, Scripted};
use services::{Both, Host, Net, Script, keypair, read};
use sim::{A, B, Shape, everywhere};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, StreamId};
use swarm_notify::notifee::{HasNode, Interest, Network, Node, Notifee, NotifeeContext, NotifeeId};
use swarm_notify::protocols::Service;
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::identify::{self, Identify};
use swarm_notify::protocols::ping::{self, Ping};
use swarm_notify::protocols::pubsub::{self, Signing};

everywhere! {
    what_is_taken_out_is_not_spoken_and_its_streams_are_reset,
    a_stream_that_has_opened_and_was_not_told_goes_too,
    one_may_take_itself_out_or_another_inside,
    what_proposes_one_of_several_goes_too,
    what_two_services_speak_stays_with_the_other,
    one_that_was_only_unregistered_can_be_taken_out_still,
    all_services_leave_nothing_behind,
}

const MINE: Protocol = Protocol::from_static("/mine/1.0.0");
const ALSO: Protocol = Protocol::from_static("/also/1.0.0");
const OTHER: Protocol = Protocol::from_static("/other/1.0.0");

/// Reads whatever comes.
type Reader = Script<fn(&mut dyn Node, StreamId)>;

/// One of these protocols.
fn reader(protocols: &[Protocol]) -> Reader {
    Script::new(protocols, |node, stream| drop(read(node, stream)))
}

fn uninstall<T: ?Sized, const EVENTS: usize>(host: &mut Host<EVENTS>, id: NotifeeId<T>) -> bool {
    host.notifees.uninstall(&mut host.swarm, id)
}

/// Writes down what becomes of the streams of a host, but for their numbers.
fn watch<const EVENTS: usize>(host: &mut Host<EVENTS>, log: &Log) {
    let told = log.clone();
    let script = Scripted::<Net<EVENTS>>::with("", &Log::default(), move |cx, event| {
        let name = |cx: &mut NotifeeContext<'_, Net<EVENTS>>, stream| {
            let view = cx.network().stream(stream).expect("it is told of");
            format!("{} {}", view.direction, view.protocol.map_or("none", Protocol::as_str))
        };
        match event {
            Event::OpenedStream { stream, .. } => told.write(format!("opened {}", name(cx, stream))),
            Event::StreamFailed { stream, reason, .. } => told.write(format!("failed {} {reason}", name(cx, stream))),
            Event::ClosedStream { stream, reason, .. } => told.write(format!("closed {} {reason}", name(cx, stream))),
            Event::Listen { .. }
            | Event::ListenFailed { .. }
            | Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::ConnectFailed { .. }
            | Event::Disconnected { .. } => {}
        }
    });
    host.notifees.register(script);
}

fn sorted(log: &Log) -> Vec<String> {
    let mut lines = log.take();
    lines.sort();
    lines
}

fn what_is_taken_out_is_not_spoken_and_its_streams_are_reset<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (on_a, on_b) = (Log::default(), Log::default());
    watch(&mut both.a, &on_a);
    watch(&mut both.b, &on_b);
    both.a.install(reader(&[MINE]));
    let id = both.b.install(reader(&[MINE, ALSO]));
    both.b.install(reader(&[OTHER]));
    let (ca, cb) = both.connect(shape);
    for protocol in [MINE, ALSO, OTHER] {
        both.a.swarm.open_stream(ca, &[protocol]).unwrap();
    }
    both.b.swarm.open_stream(cb, &[MINE]).unwrap();
    both.settle();
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (4, 4));
    on_a.take();
    on_b.take();
    assert!(both.b.notifees.get::<Reader>(id).is_some() && uninstall(&mut both.b, id));
    assert_eq!((both.b.swarm.protocols().cloned().collect::<Vec<_>>(), both.b.streams(cb)), (vec![OTHER], 1));
    assert!(both.b.notifees.get::<Reader>(id).is_none() && !uninstall(&mut both.b, id));
    // What is on its way meets it gone, and so does what comes later.
    both.a.swarm.open_stream(ca, &[MINE]).unwrap();
    both.settle();
    let reset = |end| {
        let mut lines = ["inbound /also/1.0.0", "inbound /mine/1.0.0", "outbound /mine/1.0.0"]
            .map(|name| format!("closed {name} {end}"));
        lines.sort();
        lines
    };
    let (told_b, told_a) = (sorted(&on_b), sorted(&on_a));
    assert_eq!(told_b[..3], reset("reset(local)"));
    assert_eq!(told_b[3..], ["failed inbound none unsupported"]);
    let by_peer = reset("reset(remote)").map(|line| match line.contains("inbound") {
        true => line.replace("inbound", "outbound"),
        false => line.replace("outbound", "inbound"),
    });
    let mut by_peer = by_peer.to_vec();
    by_peer.push("failed outbound /mine/1.0.0 unsupported".into());
    by_peer.sort();
    assert_eq!(told_a, by_peer);
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (1, 1));
    both.end();
}

fn a_stream_that_has_opened_and_was_not_told_goes_too<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let log = Log::default();
    watch(&mut both.b, &log);
    let id = both.b.install(reader(&[MINE]));
    let (ca, cb) = both.connect(shape);
    both.settle();
    // More than there is room for, and nobody drains; then the service goes.
    both.b.is_paused = true;
    for _ in 0..EVENTS + 2 {
        both.a.swarm.open_stream(ca, &[MINE]).unwrap();
    }
    both.settle();
    assert!(both.b.streams(cb) > EVENTS);
    assert!(uninstall(&mut both.b, id));
    both.b.is_paused = false;
    both.settle();
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (0, 0));
    let told = log.take();
    let count = |word| told.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("opened"), count("closed"), count("failed")), (EVENTS, EVENTS, 2), "{told:?}");
    both.end();
}

fn one_may_take_itself_out_or_another_inside<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let other = both.b.install(reader(&[OTHER]));
    let own = both.b.notifees.install(&mut both.b.swarm, Leaver { other: other.untyped() });
    both.a.install(reader(&[]));
    let (ca, cb) = both.connect(shape);
    both.a.swarm.open_stream(ca, &[OTHER]).unwrap();
    both.settle();
    both.a.swarm.open_stream(ca, &[MINE]).unwrap();
    both.settle();
    assert_eq!((both.b.streams(cb), both.b.swarm.protocols().count(), both.b.notifees.len()), (0, 0, 0));
    assert!(!uninstall(&mut both.b, own) && !uninstall(&mut both.b, other));
    both.end();
}

/// Takes out itself and another when a stream of its own opens.
struct Leaver {
    other: NotifeeId,
}

impl<const EVENTS: usize> Notifee<Net<EVENTS>> for Leaver {
    fn interest(&self) -> Interest {
        Interest::OPENED_STREAM
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, Net<EVENTS>>, _: ConnectionId, stream: StreamId) {
        let view = cx.network().stream(stream).expect("it has just opened");
        if view.protocol != Some(&MINE) {
            return;
        }
        assert_eq!(view.direction, Direction::Inbound);
        let (this, other) = (cx.this(), self.other);
        cx.uninstall(this);
        cx.uninstall(other);
        cx.uninstall(this);
        assert_eq!(cx.network().protocols().count(), 0, "at once");
    }
}

impl<const EVENTS: usize> Service<Net<EVENTS>> for Leaver {
    fn protocols(&self) -> Vec<Protocol> {
        vec![MINE]
    }
}

fn what_proposes_one_of_several_goes_too<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let on_a = Log::default();
    watch(&mut both.a, &on_a);
    let id = both.a.install(reader(&[MINE]));
    both.b.install(reader(&[MINE, ALSO, OTHER]));
    let (ca, cb) = both.connect(shape);
    both.a.swarm.open_stream(ca, &[ALSO, OTHER]).unwrap();
    let ours = both.a.swarm.open_stream(ca, &[ALSO, MINE]).unwrap();
    assert_eq!(both.a.swarm.stream(ours).unwrap().proposals, [ALSO, MINE]);
    assert!(uninstall(&mut both.a, id));
    both.settle();
    assert_eq!(sorted(&on_a), ["failed outbound none requested", "opened outbound /also/1.0.0"]);
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (1, 1));
    both.end();
}

fn what_two_services_speak_stays_with_the_other<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let ids = [both.b.install(reader(&[MINE, ALSO])), both.b.install(reader(&[MINE, OTHER]))];
    let (ca, cb) = both.connect(shape);
    [MINE, ALSO, OTHER].into_iter().for_each(|protocol| _ = both.a.swarm.open_stream(ca, &[protocol]).unwrap());
    both.settle();
    for (id, left) in ids.into_iter().zip([&[MINE, OTHER][..], &[]]) {
        assert!(uninstall(&mut both.b, id));
        both.settle();
        assert_eq!(both.b.swarm.protocols().cloned().collect::<Vec<_>>(), left);
        assert_eq!((both.a.streams(ca), both.b.streams(cb)), (left.len(), left.len()));
    }
    both.end();
}

fn one_that_was_only_unregistered_can_be_taken_out_still<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let id = both.b.install(reader(&[MINE]));
    let (ca, _) = both.connect(shape);
    both.a.swarm.open_stream(ca, &[MINE]).unwrap();
    both.settle();
    assert!(both.b.notifees.unregister(id));
    both.settle();
    assert_eq!((both.b.swarm.protocols().count(), both.a.streams(ca)), (1, 1));
    assert!(uninstall(&mut both.b, id) && !uninstall(&mut both.b, id));
    both.settle();
    assert_eq!((both.b.swarm.protocols().count(), both.a.streams(ca)), (0, 0));
    // One that was registered and not installed is for `unregister`.
    let id = both.b.notifees.register(reader(&[MINE]));
    assert!(!uninstall(&mut both.b, id) && both.b.notifees.unregister(id));
    both.end();
}

fn all_services_leave_nothing_behind<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let install = |host: &mut Host<EVENTS>, name| {
        let signing = Signing::strict_sign(keypair(name), 1);
        let ping = host.install(Ping::new([1; 32], ping::Config::default()));
        let identify = host.install(Identify::new(keypair(name).public(), identify::Config::default()));
        let floodsub = host.install(FloodSub::new(signing, pubsub::Config::default()));
        [ping.untyped(), identify.untyped(), floodsub.untyped()]
    };
    let (ids, _) = (install(&mut both.a, A), install(&mut both.b, B));
    let (ca, cb) = both.connect(shape);
    // At any time of their work.
    for wait in [0, 5, 15, 25, 3_000] {
        both.wait(Duration::from_millis(wait));
    }
    assert!(both.a.streams(ca) >= 4, "pings and floodsub, from both sides");
    ids.into_iter().for_each(|id| assert!(uninstall(&mut both.a, id)));
    assert_eq!((both.a.streams(ca), both.a.swarm.protocols().count(), both.a.notifees.poll_at()), (0, 0, None));
    both.settle();
    assert_eq!(both.b.streams(cb), 0);
    // They can be installed again, and find what is open.
    install(&mut both.a, A);
    both.wait(Duration::from_secs(100));
    assert!(both.a.streams(ca) >= 4);
    both.end();
}

/// How a service goes while it is told what is open already.
#[derive(Clone, Copy, PartialEq)]
enum Goes {
    Panics,
    Unregisters,
    Uninstalls,
}

impl<N: HasNode + Network> Notifee<N> for Goes {
    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId) {
        let this = cx.this();
        match self {
            Self::Panics => std::panic::resume_unwind(Box::new(())),
            Self::Unregisters => cx.unregister(this),
            Self::Uninstalls => cx.uninstall(this),
        }
    }
}

impl<N: HasNode + Network> Service<N> for Goes {
    fn protocols(&self) -> Vec<Protocol> {
        vec![MINE]
    }
}

#[test]
fn one_that_panics_or_goes_while_installed_leaves_no_protocol() {
    Shape::each(|shape| {
        for goes in [Goes::Panics, Goes::Unregisters, Goes::Uninstalls] {
            let mut both = Both::<8>::new(shape);
            both.connect(shape);
            both.settle();
            let Host { swarm, notifees, .. } = &mut both.a;
            let install = || _ = notifees.install(swarm, goes);
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(install)).is_err();
            assert_eq!(panicked, goes == Goes::Panics);
            assert_eq!((both.a.swarm.protocols().count(), both.a.notifees.len()), (0, 0));
            both.end();
        }
    });
}
