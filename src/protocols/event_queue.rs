//! [`EventQueue`]: the events of a service, for its owner in a bounded queue that forgets the oldest and says so, and for
//! other notifees.

use crate::arithmetic::Count;
use crate::notifee::NotifeeContext;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The number of events for which memory is kept once all have been taken.
pub(super) const KEPT: usize = 8;

/// The events of a service. They wait for the owner, at most so many: for one more, the oldest is dropped. The owner is told in
/// its place how many are missing, by an event that the service has for that, which is `Lagged` in all services of this
/// crate. Events that are [said](Self::say) are also [emitted](crate::notifee::NotifeeContext::emit) to other notifees.
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
    /// The events of the present notification, before they are published.
    unpublished: Vec<E>,
    events: VecDeque<E>,
    capacity: usize,
    /// The number of events that are missing before the oldest that waits, and their event.
    missing: u64,
    lagged: fn(u64) -> E,
    /// The number of events that were dropped in all.
    dropped: u64,
    /// The bytes that the events have on the heap, how many these may be, and how they are found out.
    bytes: usize,
    most_bytes: usize,
    weigh: fn(&E) -> usize,
}

impl<E> EventQueue<E> {
    /// A queue for `capacity` events; 0 counts as 1. `lagged` makes the event that says how many are missing.
    #[must_use]
    pub fn new(capacity: usize, lagged: fn(u64) -> E) -> Self {
        Self::with_bytes(capacity, usize::MAX, |_| 0, lagged)
    }

    /// A queue whose events may have `most_bytes` on the heap together, as `weigh` finds out. There is place for one,
    /// whatever it has.
    pub(super) fn with_bytes(capacity: usize, most_bytes: usize, weigh: fn(&E) -> usize, lagged: fn(u64) -> E) -> Self {
        let (capacity, unpublished, events) = (capacity.max(1), Vec::new(), VecDeque::new());
        Self { unpublished, events, capacity, missing: 0, lagged, dropped: 0, bytes: 0, most_bytes, weigh }
    }

    /// Says something to the owner and, once it is [published](Self::publish), to other notifees.
    pub fn say(&mut self, event: E) {
        self.unpublished.push(event);
    }

    /// Emits what was said in this notification to other notifees, if any hears it, and puts it into the owner's queue.
    /// It is to be called at the end of each notification in which something may have been said.
    pub fn publish<N>(&mut self, cx: &mut NotifeeContext<'_, N>)
    where
        E: Clone + 'static,
    {
        let mut unpublished = core::mem::take(&mut self.unpublished);
        for event in unpublished.drain(..) {
            if cx.is_heard() {
                cx.emit(event.clone());
            }
            self.push(event);
        }
        // With its memory.
        self.unpublished = unpublished;
    }

    /// Says something to the owner alone.
    pub fn push(&mut self, event: E) {
        let bytes = (self.weigh)(&event);
        while self.events.len() >= self.capacity || self.bytes.saturating_add(bytes) > self.most_bytes {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes.lower((self.weigh)(&oldest));
            self.missing.raise(1);
            self.dropped.raise(1);
        }
        self.bytes.raise(bytes);
        self.events.push_back(event);
    }

    /// Takes the oldest event; before it, the one that says how many are missing there, if any are.
    pub fn pop(&mut self) -> Option<E> {
        if self.missing > 0 {
            return Some((self.lagged)(core::mem::take(&mut self.missing)));
        }
        let event = self.events.pop_front();
        self.bytes.lower(event.as_ref().map_or(0, self.weigh));
        if self.events.is_empty() && self.events.capacity() > KEPT {
            self.events.shrink_to(KEPT);
        }
        event
    }

    /// The number of events that were dropped in all.
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
        /// An event with its number, and so many bytes.
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

    /// Pushes events of so many bytes, whose numbers go on.
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
    fn the_oldest_makes_room_and_its_place_says_how_many_are_missing() {
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
    fn large_events_push_out_as_many_as_they_need_the_place_of() {
        let (mut events, mut said) = (queue(100, 10), 0);
        push(&mut events, &mut said, &[4, 4, 2, 7, 30, 3]);
        assert_eq!(drain(&mut events), [Event::Lagged(5), Event::Said(5, 3)]);
        push(&mut events, &mut said, &[10]);
        assert_eq!((drain(&mut events), events.bytes), (alloc::vec![Event::Said(6, 10)], 0));
    }

    #[test]
    fn there_is_always_place_for_one() {
        let (mut events, mut said) = (queue(0, 0), 0);
        push(&mut events, &mut said, &[9]);
        assert_eq!((drain(&mut events), events.dropped()), (alloc::vec![Event::Said(0, 9)], 0));
    }

    proptest! {
        /// Whoever takes what is there knows of each event that was said: it is told, or counted where it is missing.
        #[test]
        fn what_is_missing_is_told_at_its_place(
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
