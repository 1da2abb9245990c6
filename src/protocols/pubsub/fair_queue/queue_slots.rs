//! [`QueueSlots`]: the array that contains the messages of a queue. The messages are linked with each other by their
//! indices.

use crate::protocols::pubsub::encoded_message::EncodedMessage;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The value of a link that leads nowhere.
pub(super) const END: u32 = u32::MAX;

/// The array that contains the messages of a queue. An element, called a place, contains a message or is vacant. Vacant
/// places form a linked list. Since messages are linked by indices, a message in the middle of the queue is removed in
/// constant time, and a queue is one block of memory.
#[derive(Debug)]
pub(super) struct QueueSlots {
    places: Vec<QueuedMessage>,
    vacant: u32,
}

/// An element of the array in [`QueueSlots`]. It contains a message and the indices of the messages before and after it in
/// the queue, or is vacant.
#[derive(Debug)]
struct QueuedMessage {
    message: Option<Arc<EncodedMessage>>,
    before: u32,
    /// The index of the next message in the queue or, if this element of the array is vacant, of the next vacant element.
    after: u32,
    /// The index of the previous message of the same author from the same sender; `later` is the index of the next such
    /// message. Both are valid only while the queue computes the number of bytes of each author.
    earlier: u32,
    later: u32,
}

impl QueueSlots {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), vacant: END }
    }

    /// Returns the number of messages for which memory is allocated.
    pub(super) fn capacity(&self) -> usize {
        self.places.capacity()
    }

    fn get(&self, place: u32) -> Option<&QueuedMessage> {
        self.places.get(usize::try_from(place).ok()?)
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut QueuedMessage> {
        self.places.get_mut(usize::try_from(place).ok()?)
    }

    /// Returns the index of the message that follows the message at index `place` in the queue, or [`END`] if there is none.
    pub(super) fn after(&self, place: u32) -> u32 {
        self.get(place).map_or(END, |place| place.after)
    }

    /// Returns the message at index `place`, or `None` if there is none.
    pub(super) fn message(&self, place: u32) -> Option<&Arc<EncodedMessage>> {
        self.get(place)?.message.as_ref()
    }

    /// Links the messages at the indices `earlier` and `later`, as consecutive messages of one author from one sender.
    pub(super) fn link(&mut self, earlier: u32, later: u32) {
        if let Some(place) = self.get_mut(earlier) {
            place.later = later;
        }
        if let Some(place) = self.get_mut(later) {
            place.earlier = earlier;
        }
    }

    /// Removes the message at index `place` from the linked list of its author's messages. Returns the indices of the
    /// previous and the next message in that list.
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

    pub(super) fn put(&mut self, message: Arc<EncodedMessage>, before: u32, after: u32) -> u32 {
        let new = QueuedMessage { message: Some(message), before, after, earlier: END, later: END };
        let vacant = self.vacant;
        if let Some(place) = self.get_mut(vacant) {
            let next = place.after;
            *place = new;
            self.vacant = next;
            return vacant;
        }
        if self.places.len() == self.places.capacity() {
            // The capacity grows by a quarter, so that at most a quarter of it is unused.
            self.places.reserve_exact((self.places.len() / 4).max(4));
        }
        // Each message counts as more than 16 bytes of a bound on bytes, so a `u32` can number all messages.
        let place = u32::try_from(self.places.len()).unwrap_or(END);
        self.places.push(new);
        place
    }

    /// Removes the message at index `at`. Returns the message, and the indices of the messages before and after it in the
    /// queue.
    pub(super) fn take(&mut self, at: u32) -> Option<(Arc<EncodedMessage>, u32, u32)> {
        let vacant = self.vacant;
        let place = self.get_mut(at)?;
        let message = place.message.take()?;
        let (before, after) = (place.before, place.after);
        place.after = vacant;
        self.vacant = at;
        Some((message, before, after))
    }
}
