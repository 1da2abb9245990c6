//! [`Outbox`]: the messages, and the announcements of our subscriptions, that wait to be written to one peer.

use super::backlog::{Backlog, PLACE};
use super::counters::QueuedMessages;
use super::encoded_message::{EncodedMessage, Frame};
use super::fair_queue::FairQueue;
use crate::arithmetic::Count;
use alloc::sync::Arc;

/// The messages that wait to be written to one peer, in order and within a bound on their bytes, and the frame that is being
/// written. If there is no room for a message, the author with the most bytes loses messages, so that an author that
/// publishes much does not cost other authors their messages.
#[derive(Debug)]
pub(super) struct Outbox {
    messages: FairQueue,
    /// The frame that is being written, and the number of its bytes that have been written.
    current: Option<(Writing, usize)>,
    /// The number of bytes of all messages in the outbox. The message that is being written counts with its whole length.
    waiting: usize,
    /// The [`cost`] of the messages that were dropped from this outbox to make room for messages to other peers, less the
    /// cost of the messages that have been written to the peer since.
    missed: usize,
    /// The number of messages that were passed over since the peer did not want them any more.
    spared: u64,
    max: usize,
}

#[derive(Debug)]
enum Writing {
    Announcement(Frame),
    Message(Arc<EncodedMessage>),
}

/// The state of a dropped message at the time at which it was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    Whole,
    /// A part of the message had been written.
    Begun,
}

impl Outbox {
    /// Creates an outbox for at most `max` bytes of messages.
    pub(super) const fn new(max: usize) -> Self {
        Self { messages: FairQueue::new(), current: None, waiting: 0, missed: 0, spared: 0, max }
    }

    /// Returns the number and bytes of the messages in the outbox, including a message that is being written.
    pub(super) fn waiting(&self) -> QueuedMessages {
        let is_begun = matches!(self.current, Some((Writing::Message(_), _)));
        QueuedMessages { messages: self.messages.len().saturating_add(is_begun.into()), bytes: self.waiting }
    }

    /// Returns whether a message of `len` bytes would fit if all other messages were dropped, except one that is being
    /// written.
    pub(super) fn can_take(&self, len: usize) -> bool {
        let current = match &self.current {
            Some((Writing::Message(message), _)) => message.frame.len(),
            Some((Writing::Announcement(_), _)) | None => 0,
        };
        current.checked_add(len).is_some_and(|least| least <= self.max)
    }

    fn takes(&self, len: usize) -> bool {
        self.waiting.checked_add(len).is_some_and(|waiting| waiting <= self.max)
    }

    /// Makes room for a message for which [`can_take`](Self::can_take) has returned `true`, and whose number is greater than
    /// those of all earlier messages. While the bytes of the messages exceed the bound, the author [with the most
    /// bytes](FairQueue::give_way) loses its oldest message. Returns the number of messages that were dropped, and whether
    /// there is room now. There is no room if the new message itself would be the next to be dropped.
    pub(super) fn make_room(&mut self, message: &Arc<EncodedMessage>, backlog: &mut Backlog) -> (usize, bool) {
        let len = message.frame.len();
        let mut dropped = 0_usize;
        if self.takes(len) {
            return (dropped, true);
        }
        // The new message is in the queue while the choice is made, so that its bytes count for its author and it may be
        // the one to go. The alternative, to drop each new message while the queue is full, let one author that published
        // much have a slow subscriber miss the messages of all others. Of the chosen author the oldest message goes, so
        // that the peer gets the latest when it reads again.
        self.messages.push_back(message.clone());
        self.waiting.raise(len);
        while self.waiting > self.max
            && let Some(gone) = self.messages.give_way()
        {
            self.waiting.lower(gone.frame.len());
            // The backlog does not count the new message yet, so it is not removed from there.
            if gone.number == message.number {
                return (dropped, false);
            }
            dropped.raise(1);
            backlog.remove(&gone);
        }
        // The message is queued by `push`, once the backlog has room as well.
        self.messages.pop_back();
        self.waiting.lower(len);
        (dropped, true)
    }

    /// Adds a message at the end, and counts it in the backlog. There must be [room](Self::make_room) for the message.
    pub(super) fn push(&mut self, message: &Arc<EncodedMessage>, backlog: &mut Backlog) {
        self.waiting.raise(message.frame.len());
        backlog.add(message);
        self.messages.push_back(message.clone());
    }

    /// Returns the bytes to write next, or `None` if nothing waits. Between two messages, `announcement` is called; if it
    /// returns an announcement, that is written before the next message. A message for which `is_wanted` returns `false` is
    /// passed over.
    pub(super) fn next(
        &mut self,
        backlog: &mut Backlog,
        announcement: impl FnOnce() -> Option<Frame>,
        is_wanted: impl Fn(&EncodedMessage) -> bool,
    ) -> Option<&[u8]> {
        if self.current.is_none() {
            let next = announcement().map(Writing::Announcement);
            let next = next.or_else(|| self.next_message(backlog, is_wanted).map(Writing::Message));
            self.current = next.map(|next| (next, 0));
        }
        let (writing, written) = self.current.as_ref()?;
        writing.frame().get(*written..)
    }

    /// Removes the next message that is wanted. A message is asked about only here, when it would be written: so a peer that
    /// names many ids (IDONTWANT) causes no search of its outbox.
    fn next_message(
        &mut self,
        backlog: &mut Backlog,
        is_wanted: impl Fn(&EncodedMessage) -> bool,
    ) -> Option<Arc<EncodedMessage>> {
        loop {
            let message = self.messages.pop_front()?;
            if is_wanted(&message) {
                return Some(message);
            }
            self.waiting.lower(message.frame.len());
            backlog.remove(&message);
            self.spared.raise(1);
        }
    }

    /// Returns the number of messages that were passed over since the outbox was created.
    pub(super) const fn spared(&self) -> u64 {
        self.spared
    }

    /// Records that `n` bytes were written. Returns `true` if the frame has been written completely.
    pub(super) fn written(&mut self, n: usize, backlog: &mut Backlog) -> bool {
        let Some((writing, written)) = &mut self.current else { return true };
        written.raise(n);
        if *written < writing.frame().len() {
            return false;
        }
        if let Some((Writing::Message(message), _)) = self.current.take() {
            self.waiting.lower(message.frame.len());
            // A peer that reads more than it has missed is not behind any more. The rest is no credit for later.
            self.missed = self.missed.saturating_sub(cost(&message));
            backlog.remove(&message);
        }
        true
    }

    /// Drops all messages, when none can be written to the peer any more. Returns the number of dropped messages.
    pub(super) fn clear(&mut self, backlog: &mut Backlog) -> usize {
        self.restart();
        (self.waiting, self.missed) = (0, 0);
        let messages = self.messages.len();
        self.messages.clear().for_each(|message| backlog.remove(&message));
        messages
    }

    /// Returns the number of bytes by which the peer is behind: the [`cost`] of the messages that wait for the peer, plus
    /// the cost of the messages that were dropped to make room for other peers, less the cost of the messages that were
    /// written to the peer since. Returns `None` if no message waits.
    pub(super) fn behind(&self) -> Option<usize> {
        // Without `missed`, a peer that reads nothing would be the least behind as soon as its messages were dropped for
        // others, and the next to lose messages would be a peer that reads.
        let QueuedMessages { messages, bytes } = self.waiting();
        (messages > 0).then(|| bytes.saturating_add(messages.saturating_mul(PLACE)).saturating_add(self.missed))
    }

    /// Drops a message to make room for messages to other peers: the oldest message of the author [with the most
    /// bytes](FairQueue::give_way) or, if no other message waits, the message that is being written. Returns `None` if there
    /// is no message to drop.
    pub(super) fn drop_one(&mut self, backlog: &mut Backlog) -> Option<Dropped> {
        let (message, dropped) = match self.messages.give_way() {
            Some(message) => (message, Dropped::Whole),
            // The peer may have the length and a part of this message, and would take the next frame for the rest of it.
            // So the caller has to reset the stream if the message is `Begun`, and this message is the last to be chosen.
            None => match self.current.take_if(|(writing, _)| matches!(writing, Writing::Message(_)))? {
                (Writing::Message(message), written) => {
                    (message, if written > 0 { Dropped::Begun } else { Dropped::Whole })
                }
                (Writing::Announcement(_), _) => return None,
            },
        };
        self.waiting.lower(message.frame.len());
        self.missed.raise(cost(&message));
        backlog.remove(&message);
        Some(dropped)
    }

    /// Handles the end of our stream to the peer. A message that was partly written is put back into the queue, and will be
    /// written to the next stream from the message's beginning. An announcement that was partly written is dropped, since
    /// the next stream begins with a new one.
    pub(super) fn restart(&mut self) {
        if let Some((Writing::Message(message), _)) = self.current.take() {
            self.messages.push_front(message);
        }
    }
}

/// Returns the cost of a message that waits for one peer, in bytes: its length plus [`PLACE`].
fn cost(message: &EncodedMessage) -> usize {
    message.frame.len().saturating_add(PLACE)
}

impl Writing {
    fn frame(&self) -> &Frame {
        match self {
            Self::Announcement(frame) => frame,
            Self::Message(message) => &message.frame,
        }
    }
}

#[cfg(test)]
#[path = "outbox/tests.rs"]
mod tests;
