//! Frames that carry nothing, or that nobody asked for, as fast as it goes.

use super::misuse::{Misuse, misuse};
use super::raw_frames::{ACK, DATA, ECHO_LINES, PING, SYN, UPDATE, data, frame};
use super::scene::Scene;

/// Frames in one go.
const AT_ONCE: u32 = 2_000;

/// One of the frames.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Streams that begin and go no further.
    Syn,
    /// Data of no bytes, on a stream that is open.
    Empty,
    /// Windows for streams that never were.
    Unknown,
    /// Answers to pings that nobody sent.
    Pong,
    /// Pings, whose answers are read.
    Ping,
}

struct Repeat {
    form: Form,
    next: u32,
    has_begun: bool,
}

impl Misuse for Repeat {
    fn more(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            out.extend(data(SYN, 1, ECHO_LINES));
        }
        for _ in 0..AT_ONCE {
            self.next = self.next.wrapping_add(2);
            let next = self.next;
            out.extend(match self.form {
                Form::Syn => frame(UPDATE, SYN, next, 0),
                Form::Empty => frame(DATA, 0, 1, 0),
                Form::Unknown => frame(UPDATE, 0, next, 1),
                Form::Pong => frame(PING, ACK, 0, next),
                Form::Ping => frame(PING, SYN, 0, next),
            });
        }
    }
}

/// Sends such frames on a number of connections.
pub(crate) fn frames(scene: &Scene, connections: usize, form: Form) {
    misuse(scene, connections, |_| Repeat { form, next: 1, has_begun: false });
}
