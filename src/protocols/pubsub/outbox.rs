//! [`Outbox`]: what waits to be written to one peer.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

/// A message behind its length, as it stands on the stream; the same for all peers.
pub(super) type Frame = Arc<[u8]>;

/// What waits to be written to one peer: messages in order, of at most so many bytes, and what is being written.
#[derive(Debug)]
pub(super) struct Outbox {
    messages: VecDeque<Frame>,
    /// What is being written, and how much of it is.
    current: Option<(Kind, Frame, usize)>,
    /// The bytes of all messages here, the one being written with all of its own.
    waiting: usize,
    max: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Announcement,
    Message,
}

impl Outbox {
    /// Of at most so many bytes of messages.
    pub(super) const fn new(max: usize) -> Self {
        Self { messages: VecDeque::new(), current: None, waiting: 0, max }
    }

    /// Adds a message; `false`: there is no place for it.
    pub(super) fn push(&mut self, frame: &Frame) -> bool {
        let Some(waiting) = self.waiting.checked_add(frame.len()).filter(|waiting| *waiting <= self.max) else {
            return false;
        };
        self.waiting = waiting;
        self.messages.push_back(frame.clone());
        true
    }

    /// What is to be written next. Between two messages an announcement goes first, if there is one.
    pub(super) fn next(&mut self, announcement: impl FnOnce() -> Option<Frame>) -> Option<&[u8]> {
        if self.current.is_none() {
            let announcement = announcement().map(|frame| (Kind::Announcement, frame, 0));
            self.current = announcement.or_else(|| self.messages.pop_front().map(|frame| (Kind::Message, frame, 0)));
        }
        let (_, frame, written) = self.current.as_ref()?;
        frame.get(*written..)
    }

    /// So much of what was to be written next is. `true`: all of it.
    pub(super) fn written(&mut self, n: usize) -> bool {
        let Some((kind, frame, written)) = &mut self.current else { return true };
        *written += n;
        if *written < frame.len() {
            return false;
        }
        if *kind == Kind::Message {
            self.waiting -= frame.len();
        }
        self.current = None;
        true
    }

    /// Nobody will write what waits: how many messages that was.
    pub(super) fn clear(&mut self) -> usize {
        self.restart();
        self.waiting = 0;
        core::mem::take(&mut self.messages).len()
    }

    /// The stream has ended: a message that was cut is written again from its beginning, an announcement is made anew.
    pub(super) fn restart(&mut self) {
        if let Some((Kind::Message, frame, _)) = self.current.take() {
            self.messages.push_front(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn frame(text: &str) -> Frame {
        text.as_bytes().into()
    }

    /// Writes so many bytes at a time until nothing is left.
    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(next) = outbox.next(|| None) {
            let n = step.min(next.len());
            all.extend_from_slice(&next[..n]);
            outbox.written(n);
        }
        all
    }

    #[test]
    fn messages_leave_in_order_however_little_is_taken() {
        for step in 1..8 {
            let mut outbox = Outbox::new(100);
            assert!(outbox.push(&frame("abc")) && outbox.push(&frame("d")) && outbox.push(&frame("efg")));
            assert_eq!(drain(&mut outbox, step), b"abcdefg");
            assert_eq!(outbox.waiting, 0);
        }
    }

    #[test]
    fn bytes_wait_up_to_the_bound_until_they_are_written_whole() {
        let mut outbox = Outbox::new(4);
        assert!(outbox.push(&frame("abc")) && !outbox.push(&frame("de")) && outbox.push(&frame("f")));
        assert!(outbox.next(|| None).is_some());
        assert!(!outbox.written(2) && !outbox.push(&frame("g")));
        assert!(outbox.written(1) && outbox.push(&frame("hij")));
        assert_eq!(drain(&mut outbox, 9), b"fhij");
        assert!(!Outbox::new(0).push(&frame("a")));
    }

    #[test]
    fn announcements_go_first_and_never_into_a_message() {
        let mut outbox = Outbox::new(100);
        outbox.push(&frame("abc"));
        outbox.push(&frame("def"));
        assert_eq!(outbox.next(|| None), Some(&b"abc"[..]));
        outbox.written(1);
        assert_eq!(outbox.next(|| Some(frame("+t"))), Some(&b"bc"[..]));
        outbox.written(2);
        assert_eq!(outbox.next(|| Some(frame("+t"))), Some(&b"+t"[..]));
        outbox.written(2);
        assert_eq!(drain(&mut outbox, 9), b"def");
    }

    #[test]
    fn what_is_cleared_makes_room() {
        let mut outbox = Outbox::new(6);
        assert!(outbox.push(&frame("abc")) && outbox.push(&frame("def")) && !outbox.push(&frame("g")));
        outbox.next(|| None);
        outbox.written(1);
        assert_eq!((outbox.clear(), outbox.clear()), (2, 0));
        assert!(outbox.push(&frame("ghi")) && outbox.push(&frame("jkl")));
        assert_eq!(drain(&mut outbox, 9), b"ghijkl");
    }

    #[test]
    fn after_the_end_of_a_stream_what_was_cut_is_written_anew() {
        let mut outbox = Outbox::new(100);
        outbox.push(&frame("abc"));
        outbox.push(&frame("def"));
        outbox.next(|| None);
        outbox.written(2);
        outbox.restart();
        outbox.restart();
        assert_eq!(outbox.next(|| Some(frame("+t"))), Some(&b"+t"[..]));
        outbox.written(1);
        outbox.restart();
        assert_eq!(drain(&mut outbox, 9), b"abcdef");
        assert_eq!(outbox.waiting, 0);
    }
}
