//! A notifee that leaves costs the same number of instructions whether 1 000 leave or 10 000, in whatever way they do.

use crate::support::callgrind;
use crate::support::with;
use libp2p_core::transport::MemoryTransport;
use libp2p_identity::Keypair;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure, Lifecycle, Limits};
use swarm_notify::notifee::{Interest, Network, Notifee, NotifeeContext, NotifeeId, Notifees};
use swarm_notify::swarm::{Config, Swarm};

/// The way in which they leave, and the number of them: set in the processes that are measured.
const LEAVE: &str = "SWARM_NOTIFY_LEAVE";

const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// A way of leaving, for so many.
type Way = (&'static str, fn(usize));

const WAYS: &[Way] = &[
    ("each by itself in one event", each_by_itself),
    ("all by one, which is told before them", |n| all_by_one(n, true)),
    ("all by one, which is told behind them", |n| all_by_one(n, false)),
    ("each in an event of its own", each_in_its_own_event),
    ("by the owner, in order", |n| by_the_owner(n, |_| {})),
    ("by the owner, the last first", |n| by_the_owner(n, <[_]>::reverse)),
    ("by the owner, in any order", |n| by_the_owner(n, shuffle)),
    ("while others come", while_others_come),
    #[cfg(feature = "protocols")]
    ("services, by the owner", services::by_the_owner),
    #[cfg(feature = "protocols")]
    ("services, by one of them", services::by_one),
    #[cfg(feature = "subscription")]
    ("subscriptions that nobody reads, in one event", subscriptions::in_one_event),
    #[cfg(feature = "subscription")]
    ("subscriptions that nobody reads, in time", subscriptions::in_time),
];

/// Does what the notifees of a test do, in their thousands.
struct Acts<F> {
    interest: Interest,
    act: F,
}

impl<N, F: FnMut(&mut NotifeeContext<'_, N>)> Notifee<N> for Acts<F> {
    fn interest(&self) -> Interest {
        self.interest
    }

    fn connect_failed(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, _: Failure) {
        (self.act)(cx);
    }
}

/// Acts when a connection has failed to open.
fn acts<N, F: FnMut(&mut NotifeeContext<'_, N>)>(act: F) -> Acts<F> {
    Acts { interest: Interest::CONNECT_FAILED, act }
}

/// One that is told of events.
fn idle<N>() -> impl Notifee<N> {
    acts(|_: &mut NotifeeContext<'_, N>| {})
}

fn leaves<N>(cx: &mut NotifeeContext<'_, N>) {
    let this = cx.this();
    cx.unregister(this);
}

/// A world with so many events, each of a connection that has failed to open.
fn world(events: usize) -> Lifecycle<1> {
    let mut world = Lifecycle::new(with(Limits::default(), |limits| limits.connections = events as u32));
    for _ in 0..events {
        let connection = world.begin_connection(Direction::Outbound).expect("there is place");
        world.fail(connection, Failure::Refused).expect("it is being opened");
    }
    world
}

fn shuffle<T>(all: &mut [T]) {
    let mut random = 7_usize;
    for n in (1..all.len()).rev() {
        random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        all.swap(n, (random >> 32) % (n + 1));
    }
}

/// Tells what there is to tell.
#[inline(never)]
fn measured_dispatch<N: Network>(notifees: &mut Notifees<N>, network: &mut N) {
    while notifees.dispatch(network) > 0 {}
}

#[inline(never)]
fn measured_unregister<N>(notifees: &mut Notifees<N>, ids: &[NotifeeId]) {
    for id in ids {
        assert!(notifees.unregister(*id));
    }
}

fn each_by_itself(n: usize) {
    let (mut world, mut notifees) = (world(1), Notifees::new());
    for _ in 0..n {
        notifees.register(acts(leaves));
    }
    measured_dispatch(&mut notifees, &mut world);
    assert!(notifees.is_empty());
}

fn all_by_one(n: usize, is_first: bool) {
    let (mut world, mut notifees, ids) = (world(1), Notifees::new(), Rc::new(RefCell::new(Vec::new())));
    let shared = Rc::clone(&ids);
    let one = acts(move |cx: &mut NotifeeContext<'_, _>| shared.borrow().iter().for_each(|id| cx.unregister(*id)));
    let mut one = Some(one);
    if is_first {
        one.take().map(|one| notifees.register(one));
    }
    ids.borrow_mut().extend((0..n).map(|_| notifees.register(idle())));
    one.map(|one| notifees.register(one));
    measured_dispatch(&mut notifees, &mut world);
    assert_eq!(notifees.len(), 1);
}

fn each_in_its_own_event(n: usize) {
    let (mut world, mut notifees) = (world(n), Notifees::new());
    // None of these is told anything: that would be `n` times `n` notifications.
    let mut ids: Vec<_> = (0..n).map(|_| notifees.register(Acts { interest: Interest::LISTEN, act: leaves })).collect();
    notifees.register(acts(move |cx| cx.unregister(ids.pop().expect("one an event"))));
    measured_dispatch(&mut notifees, &mut world);
    assert_eq!(notifees.len(), 1);
}

fn by_the_owner(n: usize, order: fn(&mut [NotifeeId])) {
    let mut notifees = Notifees::<Lifecycle<1>>::new();
    let mut ids: Vec<_> = (0..n).map(|_| notifees.register(idle()).untyped()).collect();
    order(&mut ids);
    measured_unregister(&mut notifees, &ids);
    assert!(notifees.is_empty());
}

/// The oldest goes and a new one comes, again and again.
fn while_others_come(n: usize) {
    #[inline(never)]
    fn measured_exchange(notifees: &mut Notifees<Lifecycle<1>>, ids: &mut [NotifeeId]) {
        for id in ids {
            assert!(notifees.unregister(*id));
            *id = notifees.register(idle()).untyped();
        }
    }
    let mut notifees = Notifees::new();
    let mut ids: Vec<_> = (0..n).map(|_| notifees.register(idle()).untyped()).collect();
    measured_exchange(&mut notifees, &mut ids);
    assert_eq!(notifees.len(), n);
}

/// A swarm with one event.
#[cfg_attr(not(any(feature = "protocols", feature = "subscription")), expect(dead_code, reason = "nobody leaves one"))]
fn swarm() -> Swarm<MemoryTransport> {
    let key = Keypair::ed25519_from_bytes([1; 32]).expect("32 bytes are a key");
    let mut swarm = Swarm::new(MemoryTransport::new(), &key, [1; 32], Config::default()).expect("the key can sign");
    swarm.dial("/memory/71".parse().expect("an address")).expect("there is place");
    swarm.tick(Duration::ZERO);
    swarm
}

#[cfg(feature = "protocols")]
mod services {
    use super::{Acts, NotifeeContext, NotifeeId, Notifees, Rc, RefCell, acts, measured_dispatch, swarm};
    use libp2p_core::transport::MemoryTransport;
    use swarm_notify::connection::Protocol;
    use swarm_notify::protocols::Service;
    use swarm_notify::swarm::Swarm;

    type World = Swarm<MemoryTransport>;

    impl<F: FnMut(&mut NotifeeContext<'_, World>)> Service<World> for Acts<F> {
        fn protocols(&self) -> Vec<Protocol> {
            vec![Protocol::from_static("/leaves/1.0.0")]
        }
    }

    fn install(notifees: &mut Notifees<World>, world: &mut World, n: usize) -> Vec<NotifeeId> {
        (0..n).map(|_| notifees.install(world, acts(|_: &mut NotifeeContext<'_, World>| {})).untyped()).collect()
    }

    pub(super) fn by_the_owner(n: usize) {
        #[inline(never)]
        fn measured_uninstall(notifees: &mut Notifees<World>, world: &mut World, ids: &[NotifeeId]) {
            for id in ids {
                assert!(notifees.uninstall(world, *id));
            }
        }
        let (mut world, mut notifees) = (swarm(), Notifees::new());
        let ids = install(&mut notifees, &mut world, n);
        measured_uninstall(&mut notifees, &mut world, &ids);
        assert!(notifees.is_empty() && world.protocols().next().is_none());
    }

    pub(super) fn by_one(n: usize) {
        let (mut world, mut notifees, ids) = (swarm(), Notifees::new(), Rc::new(RefCell::new(Vec::new())));
        let shared = Rc::clone(&ids);
        notifees.install(
            &mut world,
            acts(move |cx: &mut NotifeeContext<'_, World>| shared.borrow().iter().for_each(|id| cx.uninstall(*id))),
        );
        *ids.borrow_mut() = install(&mut notifees, &mut world, n);
        measured_dispatch(&mut notifees, &mut world);
        assert_eq!((notifees.len(), world.protocols().count()), (1, 1));
    }
}

#[cfg(feature = "subscription")]
mod subscriptions {
    use super::{Duration, Notifees, measured_dispatch, swarm};
    use libp2p_core::transport::MemoryTransport;
    use swarm_notify::notifee::subscription;
    use swarm_notify::swarm::Swarm;

    fn subscribe(notifees: &mut Notifees<Swarm<MemoryTransport>>, n: usize) {
        for _ in 0..n {
            notifees.register(subscription(1).0);
        }
    }

    pub(super) fn in_one_event(n: usize) {
        let (mut world, mut notifees) = (swarm(), Notifees::new());
        subscribe(&mut notifees, n);
        measured_dispatch(&mut notifees, &mut world);
        assert!(notifees.is_empty());
    }

    pub(super) fn in_time(n: usize) {
        #[inline(never)]
        fn measured_drive(notifees: &mut Notifees<Swarm<MemoryTransport>>, world: &mut Swarm<MemoryTransport>) {
            notifees.drive(world, Duration::ZERO);
        }
        let (mut world, mut notifees) = (swarm(), Notifees::new());
        while world.next_event().is_some() {}
        subscribe(&mut notifees, n);
        measured_drive(&mut notifees, &mut world);
        assert!(notifees.is_empty());
    }
}

#[test]
#[ignore = "needs valgrind"]
fn leaving_costs_a_notifee_the_same_instructions_among_many() {
    let mut failed = Vec::new();
    for (place, (name, _)) in WAYS.iter().enumerate() {
        let each = |n: usize| {
            let all = callgrind::instructions("leaving::child_leaves", "measured_", (LEAVE, &format!("{place} {n}")));
            all / n as u64
        };
        let (few, many) = (each(FEW), each(MANY));
        println!("{name}: {few} instructions each of {FEW}, {many} each of {MANY}");
        assert!(few > 20, "it is counted");
        // Where much is freed, the C library puts the pieces together now and then: up to 6 %, at any number.
        if many * 100 > few * 108 {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
#[ignore = "run by its parent"]
fn child_leaves() {
    let Ok(way) = std::env::var(LEAVE) else { return };
    let (place, n) = way.split_once(' ').expect("two numbers");
    let place: usize = place.parse().expect("a number");
    WAYS[place].1(n.parse().expect("a number"));
}

#[test]
fn however_notifees_leave_none_is_left() {
    for (_, way) in WAYS {
        way(100);
    }
}
