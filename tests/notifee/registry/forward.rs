//! Notifees that take any event, and those that hand events to others.

use crate::registry::{World, connect, open, world};
use crate::support::scripted::{Log, Scripted};
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Direction, Event, Failure, ListenerEnd, StreamEnd};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, Notifees};

/// Writes down any event, as a user would.
struct Forward(Log);

impl<N> Notifee<N> for Forward {
    fn event(&mut self, _: &mut NotifeeContext<'_, N>, event: Event) {
        self.0.write(format!("{event:?}"));
    }
}

/// Each of the nine, told to whoever is registered.
fn all_nine(world: &mut World, notifees: &mut Notifees<World>) {
    let [listener, refused] = [(); 2].map(|()| world.begin_listener().unwrap());
    world.opened(listener).unwrap();
    world.end_listener(listener, ListenerEnd::Requested).unwrap();
    world.fail(refused, Failure::AddressInUse).unwrap();
    let connection = connect(world);
    let stream = open(world, connection);
    notifees.dispatch(world);
    let unsupported = world.begin_stream(connection, Direction::Outbound).unwrap();
    world.fail(unsupported, Failure::Unsupported).unwrap();
    world.end_stream(stream, StreamEnd::Finished).unwrap();
    world.end_connection(connection, ConnectionEnd::Idle).unwrap();
    let dialed = world.begin_connection(Direction::Outbound).unwrap();
    world.fail(dialed, Failure::Refused).unwrap();
    notifees.dispatch(world);
}

#[test]
fn one_method_is_enough_to_hear_all_nine_events_as_they_are() {
    let (log, events, mut world, mut notifees) = (Log::default(), Log::default(), world(), Notifees::new());
    notifees.register(Forward(log.clone()));
    let inner = events.clone();
    notifees.register(Scripted::with("", &Log::default(), move |_, event| inner.write(format!("{event:?}"))));
    all_nine(&mut world, &mut notifees);
    let told = log.take();
    assert_eq!((told.len(), &told), (9, &events.take()));
}

/// Has a method of its own for two events, in one of which it says nothing.
struct Mixed(Log);

impl<N> Notifee<N> for Mixed {
    fn interest(&self) -> Interest {
        Interest::CONNECTED | Interest::DISCONNECTED | Interest::LISTEN
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        self.0.write(format!("mine {connection}"));
    }

    fn disconnected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: ConnectionEnd) {}

    fn event(&mut self, _: &mut NotifeeContext<'_, N>, event: Event) {
        self.0.write(format!("{} {}", event.name(), event.id()));
    }
}

#[test]
fn a_written_method_takes_its_event_and_interest_bounds_others() {
    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    notifees.register(Mixed(log.clone()));
    all_nine(&mut world, &mut notifees);
    log.expect(&["listen l0.1", "mine c0.1"]);
}

/// Hands every event to the notifee inside, as an adapter of a user's does.
struct Adapter<T>(T);

impl<N, T: Notifee<N>> Notifee<N> for Adapter<T> {
    fn interest(&self) -> Interest {
        self.0.interest()
    }

    fn event(&mut self, cx: &mut NotifeeContext<'_, N>, event: Event) {
        event.tell(&mut self.0, cx);
    }
}

#[test]
fn an_adapter_of_three_lines_reaches_methods_of_both_kinds() {
    let (log, bare, mut world, mut notifees) = (Log::default(), Log::default(), world(), Notifees::new());
    notifees.register(Adapter(Adapter(Scripted::new("", &log))));
    notifees.register(Adapter(Mixed(log.clone())));
    notifees.register(Adapter(Forward(log.clone())));
    notifees.register(Scripted::new("", &bare));
    notifees.register(Mixed(bare.clone()));
    notifees.register(Forward(bare.clone()));
    all_nine(&mut world, &mut notifees);
    let told = log.take();
    assert_eq!((told.len(), &told), (9 + 2 + 9, &bare.take()));
}

#[cfg(feature = "connection")]
#[test]
fn a_panic_in_the_method_for_all_is_caught_like_any() {
    use std::{cell::RefCell, rc::Rc};
    use swarm_notify::notifee::{NotifeePanic, catch_panics};

    struct Brittle;

    impl<N> Notifee<N> for Brittle {
        fn event(&mut self, _: &mut NotifeeContext<'_, N>, event: Event) {
            let payload = format!("not {}", event.name());
            std::panic::resume_unwind(Box::new(payload));
        }
    }

    let (log, mut world, mut notifees) = (Log::default(), world(), Notifees::new());
    let panics = Rc::new(RefCell::new(Vec::new()));
    let kept = panics.clone();
    let keep = move |panic: NotifeePanic| kept.borrow_mut().push(panic.to_string());
    let brittle = notifees.register(catch_panics(Brittle, keep));
    notifees.register(Scripted::new("a", &log));
    connect(&mut world);
    notifees.dispatch(&mut world);
    log.expect(&["a connected c0.1"]);
    assert_eq!(*panics.borrow(), ["the notifee n0 panicked, told connected c0.1: not connected"]);
    assert!(notifees.get(brittle).is_some());
}
