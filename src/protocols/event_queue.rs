//! [`EventQueue`]: the events of a service, for other notifees and for the owner. The owner's queue is bounded: when it is
//! full, it drops its oldest events and tells their number.

use crate::arithmetic::Count;
use crate::notifee::NotifeeContext;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The number of events for which the queue keeps memory when it is empty.
pub(super) const KEPT: usize = 8;

/// The events of a service that wait for its owner, in a bounded queue. When the queue is full, the oldest event is dropped
/// to make room. Before the next event the owner then gets an event that tells the number of dropped events; all services of
/// this crate call it `Lagged`. Events that are passed to [`say`](Self::say) are also
/// [emitted](crate::notifee::NotifeeContext::emit) to other notifees.
///
/// ```
/// use swarm_notify::protocols::parts::EventQueue;
///
/// #[derive(PartialEq, Debug)]
/// enum Event {
///     Degrees(i8),
///     Lagged { events: u64 },
/// }
///
/// let mut events = EventQueue::new(2, |events| Event::Lagged { events });
/// for temperature in [21, 22, 23] {
///     events.push(Event::Degrees(temperature));
/// }
/// assert_eq!(events.pop(), Some(Event::Lagged { events: 1 }));
/// assert_eq!((events.pop(), events.pop(), events.pop()), (Some(Event::Degrees(22)), Some(Event::Degrees(23)), None));
/// ```
#[derive(Debug)]
pub struct EventQueue<E> {
    /// The events of the notification that is being handled, until they are published.
    unpublished: Vec<E>,
    events: VecDeque<E>,
    capacity: usize,
    /// The number of dropped events of which the owner has not been told. All of them are older than the events in the
    /// queue.
    missing: u64,
    /// A function that creates the event that tells the owner the number of dropped events.
    lagged: fn(u64) -> E,
    /// The total number of events that were dropped because the queue was full.
    dropped: u64,
    /// The bytes of heap that all events in the queue take, as `weigh` measures them.
    bytes: usize,
    /// The maximum of `bytes`, in bytes. A single event in the queue may exceed this maximum.
    most_bytes: usize,
    /// A function that returns the bytes of heap that an event takes.
    weigh: fn(&E) -> usize,
}

impl<E> EventQueue<E> {
    /// Creates a queue for at most `capacity` events; 0 counts as 1. `lagged` creates the event that tells the owner the
    /// number of dropped events.
    #[must_use]
    pub fn new(capacity: usize, lagged: fn(u64) -> E) -> Self {
        Self::with_bytes(capacity, usize::MAX, |_| 0, lagged)
    }

    /// Creates a queue for at most `capacity` events that together take at most `most_bytes` of heap. `weigh` returns the
    /// bytes of one event. A single event is always accepted, however large it is.
    pub(super) fn with_bytes(capacity: usize, most_bytes: usize, weigh: fn(&E) -> usize, lagged: fn(u64) -> E) -> Self {
        let (capacity, unpublished, events) = (capacity.max(1), Vec::new(), VecDeque::new());
        Self { unpublished, events, capacity, missing: 0, lagged, dropped: 0, bytes: 0, most_bytes, weigh }
    }

    /// Adds an event for the owner and for other notifees. Nobody sees it until [`publish`](Self::publish) is called.
    pub fn say(&mut self, event: E) {
        self.unpublished.push(event);
    }

    /// Publishes the events that were passed to [`say`](Self::say) during this notification: emits each to the notifees that
    /// declare an interest, and adds it to the owner's queue. Call this method at the end of each notification in which
    /// `say` may have been called.
    pub fn publish<N>(&mut self, cx: &mut NotifeeContext<'_, N>)
    where
        E: Clone + 'static,
    {
        let mut unpublished = core::mem::take(&mut self.unpublished);
        for event in unpublished.drain(..) {
            // If no notifee is interested, no clone is made: an event may own much text that its peer has chosen, such as
            // an event of identify.
            if cx.is_heard() {
                cx.emit(event.clone());
            }
            self.push(event);
        }
        // The vector is empty now, and its memory is reused.
        self.unpublished = unpublished;
    }

    /// Adds an event to the owner's queue, without emitting it to other notifees.
    pub fn push(&mut self, event: E) {
        let bytes = (self.weigh)(&event);
        while self.events.len() >= self.capacity || self.bytes.saturating_add(bytes) > self.most_bytes {
            // An event that alone exceeds `most_bytes` is accepted into the empty queue. If it were refused, the owner
            // could never be told of it, however quickly it takes its events.
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes.lower((self.weigh)(&oldest));
            self.missing.raise(1);
            self.dropped.raise(1);
        }
        self.bytes.raise(bytes);
        self.events.push_back(event);
    }

    /// Removes the oldest event and returns it. If events older than that were dropped, an event that tells their number is
    /// returned first.
    pub fn pop(&mut self) -> Option<E> {
        if self.missing > 0 {
            return Some((self.lagged)(core::mem::take(&mut self.missing)));
        }
        let event = self.events.pop_front();
        self.bytes.lower(event.as_ref().map_or(0, self.weigh));
        // A burst of events leaves no memory behind. The queue shrinks only when it is empty, so that events that come
        // and go one at a time cause no reallocation.
        if self.events.is_empty() && self.events.capacity() > KEPT {
            self.events.shrink_to(KEPT);
        }
        event
    }

    /// Returns the total number of events that were dropped because the queue was full.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Event {
        /// An event, with its number and with the number of bytes that it counts as.
        Said(u64, usize),
        Lagged(u64),
    }

    fn bytes(event: &Event) -> usize {
        match event {
            Event::Said(_, bytes) => *bytes,
            Event::Lagged(_) => 0,
        }
    }

    fn queue(capacity: usize, most_bytes: usize) -> EventQueue<Event> {
        EventQueue::with_bytes(capacity, most_bytes, bytes, Event::Lagged)
    }

    /// Pushes one event for each of `sizes`, which are in bytes. `said` is the number of the event that was pushed last;
    /// each push increases it.
    fn push(events: &mut EventQueue<Event>, said: &mut u64, sizes: &[usize]) {
        for bytes in sizes {
            events.push(Event::Said(*said, *bytes));
            *said += 1;
        }
    }

    fn drain(events: &mut EventQueue<Event>) -> Vec<Event> {
        core::iter::from_fn(|| events.pop()).collect()
    }

    #[test]
    fn the_oldest_event_makes_room_and_is_told_as_missing() {
        let (mut events, mut said) = (queue(2, usize::MAX), 0);
        push(&mut events, &mut said, &[0; 5]);
        assert_eq!(drain(&mut events), [Event::Lagged(3), Event::Said(3, 0), Event::Said(4, 0)]);
        push(&mut events, &mut said, &[0; 3]);
        assert_eq!((events.pop(), events.pop()), (Some(Event::Lagged(1)), Some(Event::Said(6, 0))));
        push(&mut events, &mut said, &[0; 2]);
        assert_eq!(drain(&mut events), [Event::Lagged(1), Event::Said(8, 0), Event::Said(9, 0)]);
        assert_eq!(events.dropped(), 5);
    }

    #[test]
    fn a_large_event_pushes_out_as_many_as_it_needs_room_of() {
        let (mut events, mut said) = (queue(100, 10), 0);
        push(&mut events, &mut said, &[4, 4, 2, 7, 30, 3]);
        assert_eq!(drain(&mut events), [Event::Lagged(5), Event::Said(5, 3)]);
        push(&mut events, &mut said, &[10]);
        assert_eq!((drain(&mut events), events.bytes), (alloc::vec![Event::Said(6, 10)], 0));
    }

    #[test]
    fn a_single_event_is_always_accepted() {
        let (mut events, mut said) = (queue(0, 0), 0);
        push(&mut events, &mut said, &[9]);
        assert_eq!((drain(&mut events), events.dropped()), (alloc::vec![Event::Said(0, 9)], 0));
    }

    proptest! {
        /// The queue returns every event that was pushed, or counts it in a `Lagged` event at the event's place in the
        /// order.
        #[test]
        fn each_event_is_told_or_counted_in_its_place(
            (capacity, most_bytes) in (0..6_usize, 0..40_usize),
            steps in proptest::collection::vec(prop_oneof![2 => (0..20_usize).prop_map(Some), 1 => Just(None)], 0..200),
        ) {
            let (mut events, mut said, mut known) = (queue(capacity, most_bytes), 0, 0);
            for step in steps.into_iter().map(Some).chain(core::iter::repeat_n(None, 8)) {
                match step {
                    Some(Some(bytes)) => push(&mut events, &mut said, &[bytes]),
                    Some(None) | None => match events.pop() {
                        Some(Event::Said(number, _)) => {
                            prop_assert_eq!(number, known);
                            known += 1;
                        }
                        Some(Event::Lagged(missing)) => {
                            prop_assert!(missing > 0);
                            known += missing;
                        }
                        None => prop_assert_eq!(known, said),
                    },
                }
                prop_assert!(events.events.len() <= capacity.max(1));
                prop_assert!(events.bytes <= most_bytes || events.events.len() == 1);
            }
            prop_assert_eq!((known, events.bytes), (said, 0));
        }
    }
}
