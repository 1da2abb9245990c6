//! [`QueueSlots`]: the places of the messages of a line, which are linked.

use crate::protocols::pubsub::backlog::Numbered;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The link that marks the end of a list.
pub(super) const END: u32 = u32::MAX;

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
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), vacant: END }
    }

    /// Returns the number of places that memory is taken for.
    pub(super) fn capacity(&self) -> usize {
        self.places.capacity()
    }

    fn get(&self, place: u32) -> Option<&QueuedMessage> {
        self.places.get(usize::try_from(place).ok()?)
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut QueuedMessage> {
        self.places.get_mut(usize::try_from(place).ok()?)
    }

    /// Returns the place of the message behind another one.
    pub(super) fn after(&self, place: u32) -> u32 {
        self.get(place).map_or(END, |place| place.after)
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

    pub(super) fn set_before(&mut self, place: u32, before: u32) {
        if let Some(place) = self.get_mut(place) {
            place.before = before;
        }
    }

    pub(super) fn set_after(&mut self, place: u32, after: u32) {
        if let Some(place) = self.get_mut(place) {
            place.after = after;
        }
    }

    pub(super) fn put(&mut self, message: Arc<Numbered>, before: u32, after: u32) -> u32 {
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
    pub(super) fn take(&mut self, at: u32) -> Option<(Arc<Numbered>, u32, u32)> {
        let vacant = self.vacant;
        let place = self.get_mut(at)?;
        let message = place.message.take()?;
        let (before, after) = (place.before, place.after);
        place.after = vacant;
        self.vacant = at;
        Some((message, before, after))
    }
}
