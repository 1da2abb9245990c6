//! Messages without end, so that a node has to forget old ones, and an old one that comes again.

use super::misuse::{Misuse, misuse};
use super::peer::Identity;
use super::pubsub::{message, opening, publishing};
use super::raw_frames::{DATA, Frame, RST, SYN, UPDATE, data, frame};
use super::scene::Scene;
use super::speaker::WINDOW;
use std::time::{Duration, Instant};

/// Whose the messages are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    One,
    /// Each has a key that nobody has used before.
    Endless,
}

/// The messages in a second, and fewer in a small instance: the node prints those that are new.
const A_SECOND: u64 = 11_000;
const FEW_A_SECOND: u64 = 400;

/// The most messages that are signed in one go, and the bytes that a frame of them has at most.
const AT_ONCE: u64 = 50;
const FRAME: u32 = 32 * 1024;

/// The time between two times of the old message.
const AGAIN: Duration = Duration::from_secs(1);

/// Says new messages on one connection, and the old one, which is the first of all, on another.
pub(crate) fn seen(scene: &Scene, author: Author) {
    let rate = scene.pick(A_SECOND, FEW_A_SECOND);
    misuse(scene, 2, |number| Talker {
        says: if number == 0 { Says::New { author, rate } } else { Says::Old },
        start: Instant::now(),
        said: 0,
        stream: 1,
        has_begun: false,
        credit: WINDOW,
        heard: 0,
    });
}

enum Says {
    New { author: Author, rate: u64 },
    Old,
}

struct Talker {
    says: Says,
    start: Instant,
    /// The messages that it has said.
    said: u64,
    stream: u32,
    has_begun: bool,
    credit: u32,
    heard: u32,
}

/// The number of the author of all messages but those of endless authors.
const AUTHOR: u64 = 702;

impl Talker {
    /// The messages that it should have said by now.
    fn is_due(&self) -> u64 {
        let time = self.start.elapsed();
        match self.says {
            Says::New { rate, .. } => u64::try_from(time.as_millis()).unwrap_or_default() * rate / 1_000,
            Says::Old => 1 + time.as_secs() / AGAIN.as_secs(),
        }
    }

    fn next(&mut self) -> Vec<u8> {
        self.said += 1;
        match self.says {
            Says::Old => message(&Identity::new(AUTHOR), 1, b"replayed"),
            Says::New { author: Author::One, .. } => message(&Identity::new(AUTHOR), self.unheard_of(), b"new"),
            Says::New { author: Author::Endless, .. } => message(&Identity::new(self.unheard_of()), 1, b"new"),
        }
    }

    /// A number that no other time of an attack has had.
    fn unheard_of(&self) -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_nanos()).unwrap_or_default()
    }
}

impl Misuse for Talker {
    fn more(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            self.credit -= opening().len() as u32;
            out.extend(data(SYN, self.stream, &opening()));
        }
        if self.heard > WINDOW / 4 {
            out.extend(frame(UPDATE, 0, self.stream, std::mem::take(&mut self.heard)));
        }
        let count = self.is_due().saturating_sub(self.said).min(AT_ONCE);
        if count == 0 || self.credit < FRAME {
            return;
        }
        let words = publishing((0..count).map(|_| self.next()).collect());
        self.credit -= words.len() as u32;
        out.extend(data(0, self.stream, &words));
    }

    fn heard(&mut self, frame: &Frame) {
        if frame.id != self.stream {
            return;
        }
        match frame.kind {
            UPDATE => self.credit = self.credit.saturating_add(frame.length),
            DATA => self.heard += frame.length,
            _ => {}
        }
        if frame.flags & RST != 0 {
            (self.stream, self.has_begun, self.credit, self.heard) = (self.stream + 2, false, WINDOW, 0);
        }
    }

    fn hears(&self) -> bool {
        true
    }

    fn is_set_up(&self) -> bool {
        match self.says {
            Says::New { rate, .. } => self.said >= rate,
            // It has come again.
            Says::Old => self.said > 1,
        }
    }
}
