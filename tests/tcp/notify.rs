//! The scenarios of py-libp2p's notification tests, on real sockets and under their names, with exact counts. (Those of
//! its pub/sub notifee are beside pub/sub.)

mod peers;
mod test_notifee_performance;
mod test_notify;
mod test_notify_listen_lifecycle;

use crate::support::each_event;
use crate::support::party;
use each_event::each_event;
use party::{Party, Tcp};
use std::cell::{Ref, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use swarm_notify::lifecycle::{ConnectionId, Event, StreamEnd, StreamId};
use swarm_notify::notifee::{Notifee, NotifeeContext};

/// Writes down every event.
#[derive(Clone, Default)]
struct MyNotifee(Rc<RefCell<Vec<Event>>>);

impl MyNotifee {
    fn told<N>(&mut self, _cx: &mut NotifeeContext<'_, N>, event: Event) {
        self.0.borrow_mut().push(event);
    }

    /// Two of them at each party.
    fn twice(parties: &mut [Party]) -> Vec<[Self; 2]> {
        let register = |party: &mut Party| {
            let both = <[Self; 2]>::default();
            both.iter().for_each(|notifee| _ = party.notifees.register(notifee.clone()));
            both
        };
        parties.iter_mut().map(register).collect()
    }

    fn events(&self) -> Ref<'_, Vec<Event>> {
        self.0.borrow()
    }

    fn count(&self, name: &str) -> usize {
        self.events().iter().filter(|event| event.name() == name).count()
    }
}

impl<N> Notifee<N> for MyNotifee {
    each_event!(N);
}

/// The streams of a notifee's log.
#[derive(Default)]
struct Streams {
    /// In the order in which it was told that they opened.
    opened: Vec<StreamId>,
    /// In the order in which it was told that they closed.
    ends: Vec<(StreamId, StreamEnd)>,
}

/// The streams in a log, each of which has to be opened once, then closed at most once, on this connection, while it is
/// connected.
#[track_caller]
fn streams(events: &[Event], on: ConnectionId) -> Streams {
    let (mut streams, mut open, mut is_connected) = (Streams::default(), BTreeSet::new(), false);
    for event in events {
        match *event {
            Event::Listen { .. } | Event::ListenClose { .. } => {}
            Event::Connected { connection } => {
                assert_eq!((connection, is_connected), (on, false), "{events:?}");
                is_connected = true;
            }
            Event::Disconnected { connection, .. } => {
                assert_eq!((connection, is_connected), (on, true), "{events:?}");
                assert!(open.is_empty(), "{open:?} are open behind the end: {events:?}");
                is_connected = false;
            }
            Event::OpenedStream { connection, stream } => {
                assert_eq!((connection, is_connected), (on, true), "{events:?}");
                assert!(!streams.opened.contains(&stream), "{stream} opened twice: {events:?}");
                open.insert(stream);
                streams.opened.push(stream);
            }
            Event::ClosedStream { connection, stream, reason } => {
                assert_eq!((connection, is_connected), (on, true), "{events:?}");
                assert!(open.remove(&stream), "{stream} closed and was not open: {events:?}");
                streams.ends.push((stream, reason));
            }
            Event::ListenFailed { .. } | Event::ConnectFailed { .. } | Event::StreamFailed { .. } => {
                panic!("{event:?}: {events:?}")
            }
        }
    }
    streams
}

/// Ends its side of each stream when the other side has ended.
struct Polite;

impl Notifee<Tcp> for Polite {
    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Tcp>, stream: StreamId, _readable: bool, _writable: bool) {
        if cx.network().read(stream, &mut [0; 64]) == Ok(0) {
            let _ = cx.network().finish(stream);
        }
    }
}
