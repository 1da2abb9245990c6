//! Streams in numbers: idle ones, ones whose echo is never read, ones that ask and end.

use super::misuse::{Misuse, Plan, misuse};
use super::raw_frames::{ECHO_LINES, FIN, Frame, RST, SYN, UPDATE, data};
use super::scene::Scene;
use super::speaker::{WINDOW, proposal};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The streams that begin in one go: below the 256 that a node lets wait.
const AT_ONCE: u32 = 100;

/// The time after which a little is read from a socket that is otherwise not read.
const A_WHILE: Duration = Duration::from_secs(4);

/// Opens streams of `/echo/1.0.0`, a number at a time.
struct Opens {
    wanted: u32,
    begun: u32,
    /// Those that were confirmed, or refused.
    answered: HashSet<u32>,
}

impl Opens {
    fn new(wanted: u32) -> Self {
        Self { wanted, begun: 0, answered: HashSet::new() }
    }

    fn more(&mut self, out: &mut Vec<u8>) {
        if self.answered.len() == self.begun as usize {
            let end = self.wanted.min(self.begun + AT_ONCE);
            for number in self.begun..end {
                out.extend(data(SYN, 2 * number + 1, ECHO_LINES));
            }
            self.begun = end;
        }
    }

    fn heard(&mut self, frame: &Frame) {
        if !frame.payload.is_empty() || frame.flags & RST != 0 {
            self.answered.insert(frame.id);
        }
    }

    fn are_all(&self) -> bool {
        self.answered.len() >= self.wanted as usize
    }
}

struct Idle(Opens);

impl Misuse for Idle {
    fn more(&mut self, out: &mut Vec<u8>) {
        self.0.more(out);
    }

    fn heard(&mut self, frame: &Frame) {
        self.0.heard(frame);
    }

    fn hears(&self) -> bool {
        true
    }

    fn is_set_up(&self) -> bool {
        self.0.are_all()
    }
}

/// Holds idle streams on each of a number of connections of one identity.
pub(crate) fn idle(scene: &Scene, connections: usize, streams: u32) {
    let make = |_| Idle(Opens::new(streams));
    Plan { connections, who: |_| 0, from: |_| None, make }.run(scene);
}

/// Writes all that the windows allow on each of its streams, and reads from its socket no more than a little now and then.
struct Unread {
    opens: Opens,
    /// The bytes that may still be written, for each stream.
    credit: Vec<u32>,
    read: Instant,
    /// The stream whose turn it is.
    next: usize,
}

impl Misuse for Unread {
    fn more(&mut self, out: &mut Vec<u8>) {
        self.opens.more(out);
        if !self.opens.are_all() {
            return;
        }
        for _ in 0..self.credit.len() {
            self.next = (self.next + 1) % self.credit.len();
            let credit = &mut self.credit[self.next];
            if *credit > 0 {
                let length = (*credit).min(16 * 1024);
                *credit -= length;
                out.extend(data(0, 2 * self.next as u32 + 1, &vec![7; length as usize]));
                if out.len() > 32 * 1024 {
                    return;
                }
            }
        }
    }

    fn heard(&mut self, frame: &Frame) {
        self.opens.heard(frame);
        let Some(credit) = self.credit.get_mut(frame.id as usize / 2) else { return };
        if frame.flags & RST != 0 {
            *credit = 0;
        } else if frame.kind == UPDATE {
            *credit += frame.length;
        }
    }

    fn hears(&self) -> bool {
        true
    }

    fn reads(&mut self) -> bool {
        let reads = !self.opens.are_all() || self.read.elapsed() >= A_WHILE;
        if reads {
            self.read = Instant::now();
        }
        reads
    }

    fn is_set_up(&self) -> bool {
        self.opens.are_all()
    }
}

/// Has echoes written to it that it never reads, on each of a number of connections.
pub(crate) fn unread(scene: &Scene, connections: usize, streams: u32) {
    misuse(scene, connections, |_| Unread {
        opens: Opens::new(streams),
        credit: vec![WINDOW - ECHO_LINES.len() as u32; streams as usize],
        read: Instant::now(),
        next: 0,
    });
}

/// Opens streams that say something and end, so many at a time, for ever.
struct Ask {
    words: Vec<u8>,
    at_a_time: usize,
    open: HashSet<u32>,
    next: u32,
}

impl Misuse for Ask {
    fn more(&mut self, out: &mut Vec<u8>) {
        while self.open.len() < self.at_a_time && out.len() < 64 * 1024 {
            out.extend(data(SYN | FIN, self.next, &self.words));
            self.open.insert(self.next);
            self.next = self.next.wrapping_add(2);
        }
    }

    fn heard(&mut self, frame: &Frame) {
        if frame.flags & (FIN | RST) != 0 {
            self.open.remove(&frame.id);
        }
    }

    fn hears(&self) -> bool {
        true
    }
}

/// Says something on stream after stream of a protocol, as fast as they end.
pub(crate) fn ask(scene: &Scene, connections: usize, protocol: &str, words: &[u8]) {
    let words = [&proposal(protocol), words].concat();
    misuse(scene, connections, |_| Ask { words: words.clone(), at_a_time: 200, open: HashSet::new(), next: 1 });
}

/// Says nothing at all.
struct Nothing;

impl Misuse for Nothing {
    fn more(&mut self, _out: &mut Vec<u8>) {}
}

/// Holds connections, each of an identity of its own, from one address or from as many.
pub(crate) fn crowd(scene: &Scene, connections: usize, is_from_many: bool) {
    let from = |number| is_from_many.then(|| super::scene::one_of_many(number / 8));
    Plan { connections, who: |number| number as u64, from, make: |_| Nothing }.run(scene);
}
