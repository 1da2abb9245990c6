//! Tests of the outbox: messages and announcements leave it in order, whether they are written, cut, cleared or dropped.

use super::*;
use crate::protocols::pubsub::backlog::PLACE;
use crate::protocols::pubsub::encoded_message::MessageSource;
use crate::protocols::pubsub::seen::Digest;
use alloc::vec::Vec;

fn frame(text: &str) -> Frame {
    text.as_bytes().into()
}

/// An outbox, and the backlog that counts its messages.
struct Line {
    outbox: Outbox,
    backlog: Backlog,
}

impl Line {
    fn new(max: usize) -> Self {
        Self { outbox: Outbox::new(max), backlog: Backlog::new(usize::MAX) }
    }

    /// Queues a message of one author, which is the same for all calls. Returns `true` if the message was accepted and no
    /// other message was dropped for it.
    fn push(&mut self, text: &str) -> bool {
        self.push_by(MessageSource::of(None, None), text) == (0, true)
    }

    /// Queues a message of the given source. Returns the number of messages that were dropped for it, and whether it was
    /// accepted.
    fn push_by(&mut self, source: MessageSource, text: &str) -> (usize, bool) {
        if !self.outbox.can_take(text.len()) {
            return (0, false);
        }
        let message = self.backlog.number(frame(text), source, Digest::of_bytes(text.as_bytes()));
        let (dropped, is_taken) = self.outbox.make_room(&message, &mut self.backlog);
        if is_taken {
            self.outbox.push(&message, &mut self.backlog);
        }
        (dropped, is_taken)
    }

    fn written(&mut self, n: usize) -> bool {
        self.outbox.written(n, &mut self.backlog)
    }

    /// Writes `step` bytes at a time until nothing is left, and returns all bytes that were written.
    fn drain(&mut self, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(next) = self.outbox.next(&mut self.backlog, || None, |_| true) {
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
    assert!(line.push("abc") && line.push("f"));
    assert!(line.outbox.next(&mut line.backlog, || None, |_| true).is_some());
    assert!(!line.written(2));
    assert_eq!(line.push_by(MessageSource::of(None, None), "gh"), (0, false), "what was begun is not dropped for it");
    assert_eq!(
        line.push_by(MessageSource::of(None, None), "g"),
        (1, true),
        "for one of the same author the oldest goes"
    );
    assert!(line.written(1) && line.push("hij"));
    assert_eq!(line.drain(9), b"ghij");
    assert!(!Outbox::new(0).can_take(1));
}

#[test]
fn announcements_go_first_and_never_into_a_message() {
    let mut line = Line::new(100);
    assert!(line.push("abc") && line.push("def"));
    assert_eq!(line.outbox.next(&mut line.backlog, || None, |_| true), Some(&b"abc"[..]));
    line.written(1);
    assert_eq!(line.outbox.next(&mut line.backlog, || Some(frame("+t")), |_| true), Some(&b"bc"[..]));
    line.written(2);
    assert_eq!(line.outbox.next(&mut line.backlog, || Some(frame("+t")), |_| true), Some(&b"+t"[..]));
    line.written(2);
    assert_eq!(line.drain(9), b"def");
}

#[test]
fn clearing_an_outbox_makes_room() {
    let mut line = Line::new(6);
    assert!(line.push("abc") && line.push("def"));
    line.outbox.next(&mut line.backlog, || None, |_| true);
    line.written(1);
    let mut clear = || line.outbox.clear(&mut line.backlog);
    assert_eq!((clear(), clear(), line.backlog.bytes()), (2, 0, 0));
    assert!(line.push("ghi") && line.push("jkl"));
    assert_eq!(line.drain(9), b"ghijkl");
}

#[test]
fn a_message_cut_by_the_end_of_a_stream_is_written_anew() {
    let mut line = Line::new(100);
    assert!(line.push("abc") && line.push("def"));
    line.outbox.next(&mut line.backlog, || None, |_| true);
    line.written(2);
    line.outbox.restart();
    line.outbox.restart();
    assert_eq!(line.outbox.next(&mut line.backlog, || Some(frame("+t")), |_| true), Some(&b"+t"[..]));
    line.written(1);
    line.outbox.restart();
    assert_eq!(line.drain(9), b"abcdef");
}

#[test]
fn a_message_that_was_begun_is_dropped_last() {
    for (written, expected) in [(0, Dropped::Whole), (1, Dropped::Begun)] {
        let mut line = Line::new(99);
        assert!(line.push("abc") && line.push("def") && line.push("ghi"));
        line.outbox.next(&mut line.backlog, || None, |_| true);
        line.written(written);
        assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(Dropped::Whole));
        assert_eq!(line.outbox.waiting, 6);
        assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(Dropped::Whole));
        assert_eq!(
            line.outbox.next(&mut line.backlog, || None, |_| true),
            Some(&b"abc"[written..]),
            "the others have gone"
        );
        assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(expected));
        assert_eq!(line.outbox.drop_one(&mut line.backlog), None);
        assert_eq!((line.outbox.waiting, line.backlog.bytes()), (0, 0));
    }
}

#[test]
fn an_announcement_being_written_is_never_dropped() {
    let mut line = Line::new(9);
    assert!(line.push("abc"));
    line.outbox.next(&mut line.backlog, || Some(frame("+t")), |_| true);
    line.written(1);
    assert_eq!(line.outbox.drop_one(&mut line.backlog), Some(Dropped::Whole));
    assert_eq!((line.outbox.drop_one(&mut line.backlog), line.outbox.behind()), (None, None));
    assert_eq!(line.outbox.next(&mut line.backlog, || None, |_| true), Some(&b"t"[..]));
}

#[test]
fn a_peer_is_behind_by_waiting_and_missed_messages() {
    let mut line = Line::new(99);
    let each = 3 + PLACE;
    assert_eq!(line.outbox.behind(), None);
    assert!(line.push("abc") && line.push("def") && line.push("ghi"));
    assert_eq!(line.outbox.behind(), Some(3 * each));
    line.outbox.drop_one(&mut line.backlog);
    assert_eq!(line.outbox.behind(), Some(3 * each), "what it has missed counts on");
    line.outbox.next(&mut line.backlog, || None, |_| true);
    line.written(3);
    assert_eq!(line.outbox.behind(), Some(each), "it has taken one, and made up for one");
    line.drain(9);
    assert!(line.push("jkl"));
    assert_eq!(line.outbox.behind(), Some(each));
}

#[test]
fn a_long_outbox_that_was_written_leaves_no_memory_behind() {
    let mut line = Line::new(usize::MAX);
    (0..1_000).for_each(|_| assert!(line.push("a")));
    line.drain(1);
    assert!(line.outbox.messages.capacity() <= 16);
}

const fn of(sender: u64, author: u64) -> MessageSource {
    MessageSource { sender, author }
}

#[test]
fn only_the_author_with_most_makes_room() {
    let mut line = Line::new(20);
    assert_eq!(line.push_by(of(1, 1), "aa"), (0, true));
    (0..6).for_each(|_| assert_eq!(line.push_by(of(1, 2), "bbb"), (0, true)));
    // The author that says much pays for itself and for others. Its messages stay in order.
    assert_eq!(line.push_by(of(1, 2), "BBB"), (1, true));
    assert_eq!(line.push_by(of(2, 1), "cc"), (1, true));
    assert_eq!(line.push_by(of(1, 3), "d"), (0, true));
    assert_eq!(line.drain(9), b"aabbbbbbbbbbbbBBBccd"[..].to_vec());
}

#[test]
fn a_sender_that_makes_up_authors_pays_for_all_of_them() {
    let mut line = Line::new(20);
    (0..4).for_each(|_| assert_eq!(line.push_by(of(1, 1), "aa"), (0, true)));
    // Each made-up author has less than the honest one. Together they have more.
    for author in 0..100 {
        let (_, is_taken) = line.push_by(of(2, 100 + author), "b");
        assert!(is_taken);
    }
    assert_eq!(line.drain(9), b"aaaaaaaabbbbbbbbbbbb"[..].to_vec());
}

#[test]
fn a_message_larger_than_any_share_is_itself_dropped() {
    let mut line = Line::new(10);
    assert!(line.push_by(of(1, 1), "aaa").1 && line.push_by(of(2, 1), "bbb").1);
    assert_eq!(line.push_by(of(3, 1), "cccccccc"), (0, false));
    assert_eq!(line.drain(9), b"aaabbb");
}

/// A simple model of an outbox: the messages that wait, and the message that is being written with the number of its bytes
/// that are written.
struct Model {
    max: usize,
    messages: Vec<(u64, MessageSource, usize)>,
    current: Option<(u64, MessageSource, usize, usize)>,
}

impl Model {
    fn waiting(&self) -> usize {
        let in_line: usize = self.messages.iter().map(|(.., len)| len).sum();
        in_line + self.current.map_or(0, |(_, _, len, _)| len)
    }

    /// Removes the message that is the first to be dropped, and returns its number: of the sender with the most bytes, the
    /// oldest message of the author with the most bytes. If several have the same number of bytes, the one with the oldest
    /// message loses it.
    fn give_way(&mut self) -> Option<u64> {
        let bytes = |is: &dyn Fn(&MessageSource) -> bool| -> usize {
            self.messages.iter().filter(|(_, source, _)| is(source)).map(|(.., len)| len).sum()
        };
        let rank = |(number, source, _): &(u64, MessageSource, usize)| {
            let of_sender = bytes(&|other| other.sender == source.sender);
            (of_sender, bytes(&|other| other == source), core::cmp::Reverse(*number))
        };
        let place = (0..self.messages.len()).max_by_key(|place| rank(&self.messages[*place]))?;
        Some(self.messages.remove(place).0)
    }

    fn push(&mut self, number: u64, source: MessageSource, len: usize) -> (usize, bool) {
        if self.current.map_or(0, |(_, _, len, _)| len) + len > self.max {
            return (0, false);
        }
        self.messages.push((number, source, len));
        let mut dropped = 0;
        while self.waiting() > self.max {
            if self.give_way() == Some(number) {
                return (dropped, false);
            }
            dropped += 1;
        }
        (dropped, true)
    }
}

#[test]
fn a_line_does_what_its_slow_model_does() {
    use proptest::prelude::*;
    let step = (0..20_u8, 0..3_u64, 0..4_u64, 1..12_usize);
    proptest!(|(max in 0..60_usize, steps in proptest::collection::vec(step, 1..200))| {
        let mut line = Line::new(max);
        let mut model = Model { max, messages: Vec::new(), current: None };
        for (what, sender, author, len) in steps {
            match what {
                // A message is begun, and `len` bytes of it are written.
                0..4 => {
                    let next = line.outbox.next(&mut line.backlog, || None, |_| true).map(<[u8]>::len);
                    if model.current.is_none() && !model.messages.is_empty() {
                        let (number, source, len) = model.messages.remove(0);
                        model.current = Some((number, source, len, 0));
                    }
                    let (number, source, of, written) = match model.current {
                        None => { prop_assert_eq!(next, None); continue }
                        Some(current) => current,
                    };
                    prop_assert_eq!(next, Some(of - written));
                    let n = len.min(of - written);
                    prop_assert_eq!(line.written(n), written + n == of);
                    model.current = (written + n < of).then_some((number, source, of, written + n));
                }
                4 => {
                    line.outbox.restart();
                    if let Some((number, source, len, _)) = model.current.take() {
                        model.messages.insert(0, (number, source, len));
                    }
                }
                5 => {
                    let dropped = line.outbox.drop_one(&mut line.backlog);
                    let expected = match (model.give_way(), model.current) {
                        (Some(_), _) => Some(Dropped::Whole),
                        (None, Some((.., written))) => {
                            model.current = None;
                            Some(if written > 0 { Dropped::Begun } else { Dropped::Whole })
                        }
                        (None, None) => None,
                    };
                    prop_assert_eq!(dropped, expected);
                }
                6 if len == 1 => {
                    let all = model.messages.len() + usize::from(model.current.take().is_some());
                    model.messages.clear();
                    prop_assert_eq!(line.outbox.clear(&mut line.backlog), all);
                }
                _ => {
                    let source = of(sender, author);
                    let text = "x".repeat(len);
                    let can_take = line.outbox.can_take(len);
                    let done = line.push_by(source, &text);
                    // A message gets a number only if it can be taken at all.
                    let expected = model.push(line.backlog.numbered(), source, len);
                    prop_assert_eq!((done, can_take || !done.1), (expected, true));
                }
            }
            let waits: Vec<_> = model.messages.iter().map(|(number, ..)| *number).collect();
            prop_assert_eq!(line.outbox.messages.numbers(), waits);
            prop_assert_eq!(line.outbox.waiting().bytes, model.waiting());
            prop_assert!(model.waiting() <= max);
            let messages = model.messages.len() + usize::from(model.current.is_some());
            prop_assert_eq!(line.backlog.bytes(), model.waiting() + 2 * PLACE * messages);
        }
    });
}
