//! [`Outbox`]: the events of a service, for its owner in a bounded queue that forgets the oldest, and for other notifees.

use crate::arithmetic::Count;
use crate::notifee::Context;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The number of events for which memory is kept once all have been taken.
pub(super) const KEPT: usize = 8;

/// The events of a service whose newest is what is true. They wait for the owner, at most so many: for one more, the
/// oldest is dropped and counted. Those that are [said](Self::say) are also
/// [emitted](crate::notifee::Context::emit) to other notifees.
///
/// ```
/// use swarm_notify::protocols::parts::Outbox;
///
/// let mut outbox = Outbox::new(2);
/// for temperature in [21, 22, 23] {
///     outbox.push(temperature);
/// }
/// assert_eq!((outbox.pop(), outbox.pop(), outbox.pop(), outbox.dropped()), (Some(22), Some(23), None, 1));
/// ```
#[derive(Debug)]
pub struct Outbox<E> {
    /// The events of the present notification, before they are published.
    unpublished: Vec<E>,
    events: VecDeque<E>,
    capacity: usize,
    dropped: u64,
    /// The bytes that the events have on the heap, how many these may be, and how they are found out.
    bytes: usize,
    most_bytes: usize,
    weigh: fn(&E) -> usize,
}

impl<E> Outbox<E> {
    /// An outbox for `capacity` events; 0 counts as 1.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_bytes(capacity, usize::MAX, |_| 0)
    }

    /// An outbox whose events may have `most_bytes` on the heap together, as `weigh` finds out. There is place for one,
    /// whatever it has.
    pub(super) fn with_bytes(capacity: usize, most_bytes: usize, weigh: fn(&E) -> usize) -> Self {
        let (capacity, unpublished, events) = (capacity.max(1), Vec::new(), VecDeque::new());
        Self { unpublished, events, capacity, dropped: 0, bytes: 0, most_bytes, weigh }
    }

    /// Says something to the owner and, once it is [published](Self::publish), to other notifees.
    pub fn say(&mut self, event: E) {
        self.unpublished.push(event);
    }

    /// Emits what was said in this notification to other notifees, if any hears it, and puts it into the owner's queue.
    /// It is to be called at the end of each notification in which something may have been said.
    pub fn publish<N>(&mut self, cx: &mut Context<'_, N>)
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
            self.dropped.raise(1);
        }
        self.bytes.raise(bytes);
        self.events.push_back(event);
    }

    /// Takes the oldest event.
    pub fn pop(&mut self) -> Option<E> {
        let event = self.events.pop_front();
        self.bytes.lower(event.as_ref().map_or(0, self.weigh));
        if self.events.is_empty() && self.events.capacity() > KEPT {
            self.events.shrink_to(KEPT);
        }
        event
    }

    /// The number of events that were dropped.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn the_oldest_makes_room_and_is_counted() {
        let mut outbox = Outbox::new(2);
        for n in 0..5 {
            outbox.push(n);
        }
        assert_eq!(outbox.dropped(), 3);
        assert_eq!(core::iter::from_fn(|| outbox.pop()).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn large_events_push_out_as_many_as_they_need_the_place_of() {
        let mut outbox = Outbox::with_bytes(100, 10, Vec::len);
        for len in [4, 4, 2, 7, 30, 3] {
            outbox.push(vec![0; len]);
        }
        assert_eq!((outbox.dropped(), outbox.pop(), outbox.pop()), (5, Some(vec![0; 3]), None));
        outbox.push(vec![0; 10]);
        assert_eq!((outbox.dropped(), outbox.pop().map(|event| event.len()), outbox.bytes), (5, Some(10), 0));
    }

    #[test]
    fn there_is_always_place_for_one() {
        let mut outbox = Outbox::new(0);
        outbox.push('a');
        assert_eq!((outbox.pop(), outbox.dropped()), (Some('a'), 0));
    }
}
