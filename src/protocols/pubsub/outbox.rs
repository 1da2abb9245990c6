//! [`Outbox`]: the messages and announcements that wait to be written to one peer.

mod send_queue;
mod shares;

use super::backlog::{Backlog, Frame, Numbered, PLACE};
use super::counters::QueuedMessages;
use crate::arithmetic::Count;
use alloc::sync::Arc;
use send_queue::SendQueue;

/// The messages that wait to be written to one peer, in order and within a bound of bytes, and the frame that is being
/// written. If there is no room, the author with most bytes loses messages, so that an author that says much costs others
/// nothing.
#[derive(Debug)]
pub(super) struct Outbox {
    messages: SendQueue,
    /// The frame that is being written, and the number of its bytes that are written.
    current: Option<(Writing, usize)>,
    /// The bytes of all messages here. The one that is being written counts whole.
    waiting: usize,
    /// The [`cost`] of messages that were dropped here to make room for other peers, less the cost of those that the peer
    /// has taken since.
    missed: usize,
    max: usize,
}

#[derive(Debug)]
enum Writing {
    Announcement(Frame),
    Message(Arc<Numbered>),
}

/// The progress of a message when it was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    Whole,
    /// A part of the message has been written.
    Begun,
}

impl Outbox {
    /// Creates an outbox for at most `max` bytes of messages.
    pub(super) const fn new(max: usize) -> Self {
        Self { messages: SendQueue::new(), current: None, waiting: 0, missed: 0, max }
    }

    /// Returns the number and bytes of the messages here, including the one that is being written.
    pub(super) fn waiting(&self) -> QueuedMessages {
        let is_begun = matches!(self.current, Some((Writing::Message(_), _)));
        QueuedMessages { messages: self.messages.len().saturating_add(is_begun.into()), bytes: self.waiting }
    }

    /// Returns whether a message of `len` bytes can have room, if all messages give way that can.
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

    /// Makes room for a message that the outbox [can take](Self::can_take), whose number is greater than all before.
    /// While the bytes exceed the bound, the author that [has most](SendQueue::give_way) loses its oldest message.
    /// Returns the number of messages that were dropped, and whether there is room now. There is none if the new message
    /// itself would be dropped.
    pub(super) fn make_room(&mut self, message: &Arc<Numbered>, backlog: &mut Backlog) -> (usize, bool) {
        let len = message.frame.len();
        let mut dropped = 0_usize;
        if self.takes(len) {
            return (dropped, true);
        }
        self.messages.push_back(message.clone());
        self.waiting.raise(len);
        while self.waiting > self.max
            && let Some(gone) = self.messages.give_way()
        {
            self.waiting.lower(gone.frame.len());
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

    /// Adds a message for which there is [room](Self::make_room).
    pub(super) fn push(&mut self, message: &Arc<Numbered>, backlog: &mut Backlog) {
        self.waiting.raise(message.frame.len());
        backlog.add(message);
        self.messages.push_back(message.clone());
    }

    /// Returns the bytes to write next. Between two messages an announcement goes first, if there is one.
    pub(super) fn next(&mut self, announcement: impl FnOnce() -> Option<Frame>) -> Option<&[u8]> {
        if self.current.is_none() {
            let next = announcement().map(Writing::Announcement);
            let next = next.or_else(|| self.messages.pop_front().map(Writing::Message));
            self.current = next.map(|next| (next, 0));
        }
        let (writing, written) = self.current.as_ref()?;
        writing.frame().get(*written..)
    }

    /// Records that `n` bytes were written. Returns `true` if the frame is complete.
    pub(super) fn written(&mut self, n: usize, backlog: &mut Backlog) -> bool {
        let Some((writing, written)) = &mut self.current else { return true };
        written.raise(n);
        if *written < writing.frame().len() {
            return false;
        }
        if let Some((Writing::Message(message), _)) = self.current.take() {
            self.waiting.lower(message.frame.len());
            self.missed = self.missed.saturating_sub(cost(&message));
            backlog.remove(&message);
        }
        true
    }

    /// Drops all messages, since nobody will write them. Returns their number.
    pub(super) fn clear(&mut self, backlog: &mut Backlog) -> usize {
        self.restart();
        (self.waiting, self.missed) = (0, 0);
        let messages = self.messages.len();
        self.messages.clear().for_each(|message| backlog.remove(&message));
        messages
    }

    /// Returns how far the peer is behind: the [`cost`] of the messages that wait for it and of those that it has missed.
    /// Returns `None` if nothing waits.
    pub(super) fn behind(&self) -> Option<usize> {
        let QueuedMessages { messages, bytes } = self.waiting();
        (messages > 0).then(|| bytes.saturating_add(messages.saturating_mul(PLACE)).saturating_add(self.missed))
    }

    /// Drops a message to make room for other peers: the oldest of the author that [has most](SendQueue::give_way), or
    /// else the one that is being written. Returns `None` if there is none.
    pub(super) fn drop_one(&mut self, backlog: &mut Backlog) -> Option<Dropped> {
        let (message, dropped) = match self.messages.give_way() {
            Some(message) => (message, Dropped::Whole),
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

    /// Handles the end of the stream: a message that was cut is written again from its beginning, and an announcement is
    /// made anew.
    pub(super) fn restart(&mut self) {
        if let Some((Writing::Message(message), _)) = self.current.take() {
            self.messages.push_front(message);
        }
    }
}

/// Returns the cost of a message that waits for a peer: its bytes and its place in the backlog.
fn cost(message: &Numbered) -> usize {
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
