//! [`Outbox`]: what waits to be written to one peer.

mod queue_slots;
mod send_queue;
mod shares;

use super::backlog::{Backlog, Frame, Numbered, PLACE};
use super::counters::QueuedMessages;
use crate::arithmetic::Count;
use alloc::sync::Arc;
use send_queue::SendQueue;

/// What waits to be written to one peer: messages in order, of at most so many bytes, and what is being written. Where there is
/// no room the author pays who has most of it, so that one who says much costs others nothing.
#[derive(Debug)]
pub(super) struct Outbox {
    messages: SendQueue,
    /// What is being written, and how much of it is.
    current: Option<(Writing, usize)>,
    /// The bytes of all messages here, the one being written with all of its own.
    waiting: usize,
    /// The cost of what was dropped here so that others have room, and has not been made up for by what the peer
    /// has taken since.
    missed: usize,
    max: usize,
}

#[derive(Debug)]
enum Writing {
    Announcement(Frame),
    Message(Arc<Numbered>),
}

/// The state in which a message was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    Whole,
    /// A part of it has been written.
    Begun,
}

impl Outbox {
    /// Of at most so many bytes of messages.
    pub(super) const fn new(max: usize) -> Self {
        Self { messages: SendQueue::new(), current: None, waiting: 0, missed: 0, max }
    }

    /// The messages here, the one that is being written among them.
    pub(super) fn waiting(&self) -> QueuedMessages {
        let is_begun = matches!(self.current, Some((Writing::Message(_), _)));
        QueuedMessages { messages: self.messages.len().saturating_add(is_begun.into()), bytes: self.waiting }
    }

    /// Returns whether there is a place for a message of so many bytes, if all gives way that can.
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

    /// Makes room for a message that it [can take](Self::can_take), with a greater number than all before: as long as there
    /// is too much with it, the oldest goes of the author that [has most](SendQueue::give_way). Returns how many
    /// messages were dropped, and whether there is room now: there is none where the message itself would be among them.
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
        // It is put there once there is room in all.
        self.messages.pop_back();
        self.waiting.lower(len);
        (dropped, true)
    }

    /// Adds a message that there is [room](Self::make_room) for.
    pub(super) fn push(&mut self, message: &Arc<Numbered>, backlog: &mut Backlog) {
        self.waiting.raise(message.frame.len());
        backlog.add(message);
        self.messages.push_back(message.clone());
    }

    /// What is to be written next. Between two messages an announcement goes first, if there is one.
    pub(super) fn next(&mut self, announcement: impl FnOnce() -> Option<Frame>) -> Option<&[u8]> {
        if self.current.is_none() {
            let next = announcement().map(Writing::Announcement);
            let next = next.or_else(|| self.messages.pop_front().map(Writing::Message));
            self.current = next.map(|next| (next, 0));
        }
        let (writing, written) = self.current.as_ref()?;
        writing.frame().get(*written..)
    }

    /// So much of what was to be written next is. `true`: all of it.
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

    /// Nobody will write what waits: how many messages that was.
    pub(super) fn clear(&mut self, backlog: &mut Backlog) -> usize {
        self.restart();
        (self.waiting, self.missed) = (0, 0);
        let messages = self.messages.len();
        self.messages.clear().for_each(|message| backlog.remove(&message));
        messages
    }

    /// Measures how far the peer is behind: the [`cost`] of what waits for it and of what it has missed. `None` if nothing waits.
    pub(super) fn behind(&self) -> Option<usize> {
        let QueuedMessages { messages, bytes } = self.waiting();
        (messages > 0).then(|| bytes.saturating_add(messages.saturating_mul(PLACE)).saturating_add(self.missed))
    }

    /// Drops a message so that others have room: the oldest of the author that [has most](SendQueue::give_way), or else
    /// one that was begun. `None`: there is none.
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

    /// The stream has ended: a message that was cut is written again from its beginning, an announcement is made anew.
    pub(super) fn restart(&mut self) {
        if let Some((Writing::Message(message), _)) = self.current.take() {
            self.messages.push_front(message);
        }
    }
}

/// The cost of a message to a peer that waits for it: its bytes, and its place.
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
