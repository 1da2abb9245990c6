//! Messages and announcements in order, whatever is taken of them, cut, cleared or forgotten.

use super::*;
use crate::protocols::pubsub::backlog::PLACE;
use alloc::vec::Vec;

fn frame(text: &str) -> Frame {
    text.as_bytes().into()
}

/// A queue, and the backlog that it is counted in.
struct Line {
    outbox: Outbox,
    backlog: Backlog,
}

impl Line {
    fn new(max: usize) -> Self {
        Self { outbox: Outbox::new(max), backlog: Backlog::new(usize::MAX) }
    }

    fn push(&mut self, text: &str) -> bool {
        let takes = self.outbox.takes(&frame(text));
        if takes {
            let message = self.backlog.number(frame(text));
            self.outbox.push(&message, &mut self.backlog);
        }
        takes
    }

    fn written(&mut self, n: usize) -> bool {
        self.outbox.written(n, &mut self.backlog)
    }

    /// Writes so many bytes at a time until nothing is left.
    fn drain(&mut self, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(next) = self.outbox.next(|| None) {
            let n = step.min(next.len());
            all.extend_from_slice(&next[..n]);
            self.written(n);
        }
        assert_eq!((self.outbox.waiting, self.backlog.bytes()), (0, 0));
        all
    }
}

#[test]
fn messages_leave_in_order_however_little_is_taken() {
    for step in 1..8 {
        let mut line = Line::new(100);
        assert!(line.push("abc") && line.push("d") && line.push("efg"));
        assert_eq!(line.backlog.bytes(), 7 + 6 * PLACE);
        assert_eq!(line.drain(step), b"abcdefg");
    }
}

#[test]
fn bytes_wait_up_to_the_bound_until_they_are_written_whole() {
    let mut line = Line::new(4);
    assert!(line.push("abc") && !line.push("de") && line.push("f"));
    assert!(line.outbox.next(|| None).is_some());
    assert!(!line.written(2) && !line.push("g"));
    assert!(line.written(1) && line.push("hij"));
    assert_eq!(line.drain(9), b"fhij");
    assert!(!Outbox::new(0).takes(&frame("a")));
}

#[test]
fn announcements_go_first_and_never_into_a_message() {
    let mut line = Line::new(100);
    assert!(line.push("abc") && line.push("def"));
    assert_eq!(line.outbox.next(|| None), Some(&b"abc"[..]));
    line.written(1);
    assert_eq!(line.outbox.next(|| Some(frame("+t"))), Some(&b"bc"[..]));
    line.written(2);
    assert_eq!(line.outbox.next(|| Some(frame("+t"))), Some(&b"+t"[..]));
    line.written(2);
    assert_eq!(line.drain(9), b"def");
}

#[test]
fn what_is_cleared_makes_room() {
    let mut line = Line::new(6);
    assert!(line.push("abc") && line.push("def") && !line.push("g"));
    line.outbox.next(|| None);
    line.written(1);
    let mut clear = || line.outbox.clear(&mut line.backlog);
    assert_eq!((clear(), clear(), line.backlog.bytes()), (2, 0, 0));
    assert!(line.push("ghi") && line.push("jkl"));
    assert_eq!(line.drain(9), b"ghijkl");
}

#[test]
fn after_the_end_of_a_stream_what_was_cut_is_written_anew() {
    let mut line = Line::new(100);
    assert!(line.push("abc") && line.push("def"));
    line.outbox.next(|| None);
    line.written(2);
    line.outbox.restart();
    line.outbox.restart();
    assert_eq!(line.outbox.next(|| Some(frame("+t"))), Some(&b"+t"[..]));
    line.written(1);
    line.outbox.restart();
    assert_eq!(line.drain(9), b"abcdef");
}

#[test]
fn the_oldest_that_was_not_begun_is_dropped_first_and_the_begun_one_last() {
    for (written, expected) in [(0, Dropped::Whole), (1, Dropped::Begun)] {
        let mut line = Line::new(99);
        assert!(line.push("abc") && line.push("def") && line.push("ghi"));
        line.outbox.next(|| None);
        line.written(written);
        assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(Dropped::Whole));
        assert_eq!(line.outbox.waiting, 6);
        assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(Dropped::Whole));
        assert_eq!(line.outbox.next(|| None), Some(&b"abc"[written..]), "the others have gone");
        assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(expected));
        assert_eq!(line.outbox.drop_one(&mut line.backlog), None);
        assert_eq!((line.outbox.waiting, line.backlog.bytes()), (0, 0));
    }
}

#[test]
fn an_announcement_that_is_being_written_is_not_dropped_for_a_message() {
    let mut line = Line::new(9);
    assert!(line.push("abc"));
    line.outbox.next(|| Some(frame("+t")));
    line.written(1);
    assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(Dropped::Whole));
    assert_eq!((line.outbox.drop_one(&mut line.backlog), line.outbox.behind()), (None, None));
    assert_eq!(line.outbox.next(|| None), Some(&b"t"[..]));
}

#[test]
fn a_peer_is_behind_by_what_waits_and_by_what_it_has_missed_and_not_made_up_for() {
    let mut line = Line::new(99);
    let each = 3 + PLACE;
    assert_eq!(line.outbox.behind(), None);
    assert!(line.push("abc") && line.push("def") && line.push("ghi"));
    assert_eq!(line.outbox.behind(), Some(3 * each));
    line.outbox.drop_one(&mut line.backlog);
    assert_eq!(line.outbox.behind(), Some(3 * each), "what it has missed counts on");
    line.outbox.next(|| None);
    line.written(3);
    assert_eq!(line.outbox.behind(), Some(each), "it has taken one, and made up for one");
    line.drain(9);
    assert!(line.push("jkl"));
    assert_eq!(line.outbox.behind(), Some(each));
}

#[test]
fn a_long_line_that_was_written_leaves_no_memory_behind() {
    let mut line = Line::new(usize::MAX);
    (0..1_000).for_each(|_| assert!(line.push("a")));
    line.drain(1);
    assert!(line.outbox.messages.capacity() <= KEPT);
}
