//! [`SendQueue`]: messages in the order in which they are to be written. If one has to give way, it is one of the author
//! with most bytes.

use super::shares::SendShares;
use crate::arithmetic::Count;
use crate::protocols::pubsub::backlog::Numbered;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The link that marks the end of a list.
pub(super) const END: u32 = u32::MAX;

/// The number of places that an empty queue keeps.
const KEPT: usize = 16;

/// A queue of messages. Until a message has to give way it knows their order only. Then it computes the share of each
/// author, and keeps the shares until it is empty.
#[derive(Debug)]
pub(super) struct SendQueue {
    places: QueueSlots,
    first: u32,
    last: u32,
    len: usize,
    shares: Option<Box<SendShares>>,
}

/// The places of messages. Vacant places form a linked list.
#[derive(Debug)]
pub(super) struct QueueSlots {
    places: Vec<QueuedMessage>,
    vacant: u32,
}

/// A message, with its links to its neighbours.
#[derive(Debug)]
struct QueuedMessage {
    message: Option<Arc<Numbered>>,
    before: u32,
    /// The next message, or the next vacant place.
    after: u32,
    /// The messages of the same author by the same sender before and after this one, if shares are known.
    earlier: u32,
    later: u32,
}

impl QueueSlots {
    fn get(&self, place: u32) -> Option<&QueuedMessage> {
        self.places.get(usize::try_from(place).ok()?)
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut QueuedMessage> {
        self.places.get_mut(usize::try_from(place).ok()?)
    }

    /// Returns the message at a place.
    pub(super) fn message(&self, place: u32) -> Option<&Arc<Numbered>> {
        self.get(place)?.message.as_ref()
    }

    /// Links two messages of an author as neighbours.
    pub(super) fn link(&mut self, earlier: u32, later: u32) {
        if let Some(place) = self.get_mut(earlier) {
            place.later = later;
        }
        if let Some(place) = self.get_mut(later) {
            place.earlier = earlier;
        }
    }

    /// Unlinks a message from its neighbours of the same author, and returns their places.
    pub(super) fn unlink(&mut self, place: u32) -> [u32; 2] {
        let Some(place) = self.get(place) else { return [END; 2] };
        let (earlier, later) = (place.earlier, place.later);
        self.link(earlier, later);
        [earlier, later]
    }

    fn set_before(&mut self, place: u32, before: u32) {
        if let Some(place) = self.get_mut(place) {
            place.before = before;
        }
    }

    fn set_after(&mut self, place: u32, after: u32) {
        if let Some(place) = self.get_mut(place) {
            place.after = after;
        }
    }

    fn put(&mut self, message: Arc<Numbered>, before: u32, after: u32) -> u32 {
        let new = QueuedMessage { message: Some(message), before, after, earlier: END, later: END };
        let vacant = self.vacant;
        if let Some(place) = self.get_mut(vacant) {
            let next = place.after;
            *place = new;
            self.vacant = next;
            return vacant;
        }
        if self.places.len() == self.places.capacity() {
            // The capacity grows by a quarter, so that no more than that is unused.
            self.places.reserve_exact((self.places.len() / 4).max(4));
        }
        // Each message counts as more than 16 bytes of a bound, so `u32` can number them all.
        let place = u32::try_from(self.places.len()).unwrap_or(END);
        self.places.push(new);
        place
    }

    /// Removes the message at a place, and returns it with the places before and after it.
    fn take(&mut self, at: u32) -> Option<(Arc<Numbered>, u32, u32)> {
        let vacant = self.vacant;
        let place = self.get_mut(at)?;
        let message = place.message.take()?;
        let (before, after) = (place.before, place.after);
        place.after = vacant;
        self.vacant = at;
        Some((message, before, after))
    }
}

impl SendQueue {
    pub(super) const fn new() -> Self {
        let places = QueueSlots { places: Vec::new(), vacant: END };
        Self { places, first: END, last: END, len: 0, shares: None }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a message at the end.
    pub(super) fn push_back(&mut self, message: Arc<Numbered>) {
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

    /// Puts a message back at the front, after it was taken from there.
    pub(super) fn push_front(&mut self, message: Arc<Numbered>) {
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

    /// Takes the first message.
    pub(super) fn pop_front(&mut self) -> Option<Arc<Numbered>> {
        self.take(self.first)
    }

    /// Takes the last message.
    pub(super) fn pop_back(&mut self) -> Option<Arc<Numbered>> {
        self.take(self.last)
    }

    /// Takes the message that gives way: the oldest of the author with most bytes, by the sender with most bytes. Of
    /// equals, the one whose message is older gives way.
    pub(super) fn give_way(&mut self) -> Option<Arc<Numbered>> {
        let shares = match &mut self.shares {
            Some(shares) => shares,
            None => {
                let mut shares = Box::<SendShares>::default();
                let mut place = self.first;
                while self.places.message(place).is_some() {
                    shares.add(&mut self.places, place);
                    place = self.places.get(place).map_or(END, |place| place.after);
                }
                self.shares.insert(shares)
            }
        };
        let place = shares.greediest()?;
        self.take(place)
    }

    /// Takes all messages, in order.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Arc<Numbered>> + use<> {
        let mut line = core::mem::replace(self, Self::new());
        line.shares = None;
        core::iter::from_fn(move || line.pop_front())
    }

    fn take(&mut self, place: u32) -> Option<Arc<Numbered>> {
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
            if self.places.places.capacity() > KEPT {
                self.places = QueueSlots { places: Vec::new(), vacant: END };
            }
            (self.first, self.last) = (END, END);
        }
        Some(message)
    }

    /// Returns the numbers of the messages, in order.
    #[cfg(test)]
    pub(super) fn numbers(&self) -> Vec<u64> {
        let next = |place: &u32| Some(self.places.get(*place)?.after);
        let places = core::iter::successors(Some(self.first), next);
        places.map_while(|place| Some(self.places.message(place)?.number)).collect()
    }

    /// Returns the number of places that memory is allocated for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.places.places.capacity()
    }
}
