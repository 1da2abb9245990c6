//! The smallest network and notifee: a queue of events, and two counters. `dispatch` times them, `instructions` counts.

use heapless::Deque;
use swarm_notify::lifecycle::{
    ConnectionId, Direction, Event, EventSource, Hold, Lifecycle, Limits, StreamEnd, StreamId,
};
use swarm_notify::notifee::{Interest, Network, Notifee, NotifeeContext};

/// Counts what it is told of.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) opened: usize,
    pub(crate) closed: usize,
}

impl<N> Notifee<N> for Count {
    fn interest(&self) -> Interest {
        Interest::OPENED_STREAM | Interest::CLOSED_STREAM
    }

    fn opened_stream(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId) {
        self.opened += 1;
    }

    fn closed_stream(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId, _: StreamEnd) {
        self.closed += 1;
    }
}

/// A network that is nothing but a queue of events.
#[derive(Default)]
pub(crate) struct Ring {
    pub(crate) events: Deque<Event, 256>,
    is_held: bool,
}

impl Hold for Ring {
    #[inline]
    fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }
}

impl EventSource for Ring {
    #[inline]
    fn next_event(&mut self) -> Option<Event> {
        if self.is_held { None } else { self.events.pop_front() }
    }

    fn openings(&self) -> Vec<Event> {
        Vec::new()
    }

    fn events_until_room(&self) -> usize {
        0
    }
}

impl Network for Ring {
    #[inline]
    fn event_source(&self) -> &dyn EventSource {
        self
    }

    #[inline]
    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        self
    }
}

/// A world with an open connection.
pub(crate) fn open() -> (Lifecycle, ConnectionId) {
    let mut lifecycle = Lifecycle::new(Limits::default());
    let connection = lifecycle.begin_connection(Direction::Outbound).expect("there is place");
    lifecycle.opened(connection).expect("it is being opened");
    lifecycle.next_event();
    (lifecycle, connection)
}
