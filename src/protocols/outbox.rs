//! [`Outbox`]: what a service has to say to its owner, in a bounded queue that forgets the oldest.

use alloc::collections::VecDeque;

/// At most so many events. One more, and the oldest is dropped and counted: the newest is what is true.
#[derive(Debug)]
pub(super) struct Outbox<E> {
    events: VecDeque<E>,
    capacity: usize,
    dropped: u64,
}

impl<E> Outbox<E> {
    /// For `capacity` events; 0 counts as 1.
    pub(super) fn new(capacity: usize) -> Self {
        Self { events: VecDeque::new(), capacity: capacity.max(1), dropped: 0 }
    }

    pub(super) fn push(&mut self, event: E) {
        if self.events.len() >= self.capacity {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<E> {
        self.events.pop_front()
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
