//! [`Outbox`]: what a service has to say to its owner, in a bounded queue that forgets the oldest, and to other notifees.

use crate::notifee::Context;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The number of events for which memory is kept once all have been taken.
const KEPT: usize = 8;

/// At most so many events. One more, and the oldest is dropped and counted: the newest is what is true.
#[derive(Debug)]
pub(super) struct Outbox<E> {
    /// The events of the present notification, before they are published.
    unpublished: Vec<E>,
    events: VecDeque<E>,
    capacity: usize,
    dropped: u64,
}

impl<E> Outbox<E> {
    /// For `capacity` events; 0 counts as 1.
    pub(super) fn new(capacity: usize) -> Self {
        Self { unpublished: Vec::new(), events: VecDeque::new(), capacity: capacity.max(1), dropped: 0 }
    }

    /// Says something to the owner and, once it is [published](Self::publish), to other notifees.
    pub(super) fn say(&mut self, event: E) {
        self.unpublished.push(event);
    }

    /// Emits what was said in this notification to other notifees, if any hears it, and puts it into the owner's queue.
    /// To be called at the end of each notification in which something may have been said.
    pub(super) fn publish<N>(&mut self, cx: &mut Context<'_, N>)
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
    pub(super) fn push(&mut self, event: E) {
        if self.events.len() >= self.capacity {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<E> {
        let event = self.events.pop_front();
        if self.events.is_empty() && self.events.capacity() > KEPT {
            self.events.shrink_to(KEPT);
        }
        event
    }

    /// How many were dropped.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn there_is_always_place_for_one() {
        let mut outbox = Outbox::new(0);
        outbox.push('a');
        assert_eq!((outbox.pop(), outbox.dropped()), (Some('a'), 0));
    }
}
