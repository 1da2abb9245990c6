//! [`FairQueue`]: messages in the order in which they are to be written. If a message has to be dropped, it is a message of
//! the author with the most bytes.

mod queue_slots;
mod shares;

use super::encoded_message::EncodedMessage;
use crate::arithmetic::Count;
use alloc::boxed::Box;
use alloc::sync::Arc;
use queue_slots::{END, QueueSlots};
use shares::FairShares;

/// The maximum number of messages for which an empty queue keeps memory.
const KEPT: usize = 16;

/// A queue of messages to one peer. Until a message has to be dropped, the queue knows only the order of its messages. From
/// then on, the queue computes the number of bytes of each author, and keeps these numbers up to date until the queue is
/// empty.
#[derive(Debug)]
pub(in crate::protocols) struct FairQueue {
    places: QueueSlots,
    first: u32,
    last: u32,
    len: usize,
    shares: Option<Box<FairShares>>,
}

impl FairQueue {
    pub(in crate::protocols) const fn new() -> Self {
        Self { places: QueueSlots::new(), first: END, last: END, len: 0, shares: None }
    }

    pub(in crate::protocols) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a message at the end of the queue.
    pub(in crate::protocols) fn push_back(&mut self, message: Arc<EncodedMessage>) {
        let place = self.places.put(message, self.last, END);
        if self.len == 0 {
            self.first = place;
        } else {
            self.places.set_after(self.last, place);
        }
        self.last = place;
        self.len.raise(1);
        if let Some(shares) = &mut self.shares {
            shares.add(&mut self.places, place);
        }
    }

    /// Puts a message back at the front of the queue, from which it was taken.
    pub(in crate::protocols) fn push_front(&mut self, message: Arc<EncodedMessage>) {
        let place = self.places.put(message, END, self.first);
        if self.len == 0 {
            self.last = place;
        } else {
            self.places.set_before(self.first, place);
        }
        self.first = place;
        self.len.raise(1);
        if let Some(shares) = &mut self.shares {
            shares.add_first(&mut self.places, place);
        }
    }

    /// Returns the first message.
    pub(in crate::protocols) fn front(&self) -> Option<&Arc<EncodedMessage>> {
        self.places.message(self.first)
    }

    /// Removes the first message, and returns it.
    pub(in crate::protocols) fn pop_front(&mut self) -> Option<Arc<EncodedMessage>> {
        self.take(self.first)
    }

    /// Removes the last message, and returns it.
    pub(in crate::protocols) fn pop_back(&mut self) -> Option<Arc<EncodedMessage>> {
        self.take(self.last)
    }

    /// Removes the message that is the first to be dropped, and returns it: of the sender with the most bytes, the oldest
    /// message of the author with the most bytes. If several senders or authors have the same number of bytes, the one with
    /// the oldest message loses it.
    pub(in crate::protocols) fn give_way(&mut self) -> Option<Arc<EncodedMessage>> {
        // Most queues never exceed their bound, and take neither time nor memory for shares. Once a queue has exceeded
        // it, it probably does so again with the next message. So the shares are kept until the queue is empty: computing
        // them costs O(n log n).
        let shares = match &mut self.shares {
            Some(shares) => shares,
            None => {
                let mut shares = Box::<FairShares>::default();
                let mut place = self.first;
                while self.places.message(place).is_some() {
                    shares.add(&mut self.places, place);
                    place = self.places.after(place);
                }
                self.shares.insert(shares)
            }
        };
        let place = shares.greediest()?;
        self.take(place)
    }

    /// Removes all messages, and returns them in order.
    pub(in crate::protocols) fn clear(&mut self) -> impl Iterator<Item = Arc<EncodedMessage>> + use<> {
        let mut line = core::mem::replace(self, Self::new());
        // All messages are removed, so no share has to be kept up to date for them.
        line.shares = None;
        core::iter::from_fn(move || line.pop_front())
    }

    fn take(&mut self, place: u32) -> Option<Arc<EncodedMessage>> {
        if let Some(shares) = &mut self.shares {
            shares.take(&mut self.places, place);
        }
        let (message, before, after) = self.places.take(place)?;
        self.len.lower(1);
        if self.first == place {
            self.first = after;
        } else {
            self.places.set_after(before, after);
        }
        if self.last == place {
            self.last = before;
        } else {
            self.places.set_before(after, before);
        }
        if self.len == 0 {
            self.shares = None;
            if self.places.capacity() > KEPT {
                self.places = QueueSlots::new();
            }
            (self.first, self.last) = (END, END);
        }
        Some(message)
    }

    /// Returns the numbers that identify the messages, in the order of the queue.
    #[cfg(test)]
    pub(in crate::protocols) fn numbers(&self) -> alloc::vec::Vec<u64> {
        let places = core::iter::successors(Some(self.first), |place| Some(self.places.after(*place)));
        places.map_while(|place| Some(self.places.message(place)?.number)).collect()
    }

    /// Returns the number of messages for which memory is allocated.
    #[cfg(test)]
    pub(in crate::protocols) fn capacity(&self) -> usize {
        self.places.capacity()
    }
}
