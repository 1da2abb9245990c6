//! [`Speaker`]: a stream on which endless bytes are said, within the window that the node grants.

use super::misuse::{Misuse, misuse};
use super::raw_frames::{DATA, Frame, RST, SYN, UPDATE, data, frame};
use super::scene::Scene;

/// The window of a stream that has just begun.
pub(crate) const WINDOW: u32 = 256 * 1024;

/// The most bytes said in one go, and fewer where each has a frame of its own.
const AT_ONCE: usize = 32 * 1024;
const BYTES_AT_ONCE: usize = 4 * 1024;

/// How bytes are packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Into frames as long as it goes.
    Long,
    /// Into a frame for each byte.
    ByteFrames,
    /// Into a Noise message for each byte of a frame.
    ByteMessages,
}

/// What is said on one stream of each connection.
#[derive(Clone)]
pub(crate) struct Speech {
    /// The stream's proposal, and what follows it once.
    pub(crate) opening: Vec<u8>,
    /// What is said again and again.
    pub(crate) refrain: Vec<u8>,
    pub(crate) packing: Packing,
    /// Whether windows are granted for what the node answers; otherwise the answers are never read.
    pub(crate) reads: bool,
}

impl Speech {
    /// Says it on a number of connections.
    pub(crate) fn say(&self, scene: &Scene, connections: usize) {
        misuse(scene, connections, |_| Speaker::new(self.clone()));
    }
}

struct Speaker {
    speech: Speech,
    stream: u32,
    has_begun: bool,
    credit: u32,
    /// Where in the refrain it is.
    at: usize,
    /// Bytes that the node has said and that no window was granted for yet.
    heard: u32,
}

impl Speaker {
    fn new(speech: Speech) -> Self {
        Self { speech, stream: 1, has_begun: false, credit: WINDOW, at: 0, heard: 0 }
    }

    /// The next bytes of the refrain.
    fn words(&mut self, most: usize) -> Vec<u8> {
        let mut words = Vec::with_capacity(most);
        while words.len() < most {
            let rest = &self.speech.refrain[self.at..];
            let length = rest.len().min(most - words.len());
            words.extend_from_slice(&rest[..length]);
            self.at = (self.at + length) % self.speech.refrain.len();
        }
        words
    }
}

impl Misuse for Speaker {
    fn more(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            self.credit -= self.speech.opening.len() as u32;
            out.extend(data(SYN, self.stream, &self.speech.opening));
        }
        if self.speech.reads && self.heard > WINDOW / 4 {
            out.extend(frame(UPDATE, 0, self.stream, std::mem::take(&mut self.heard)));
        }
        let (most, length) = match self.speech.packing {
            Packing::Long => (AT_ONCE, AT_ONCE),
            Packing::ByteMessages => (BYTES_AT_ONCE, BYTES_AT_ONCE),
            Packing::ByteFrames => (BYTES_AT_ONCE, 1),
        };
        let words = self.words(most.min(self.credit as usize));
        self.credit -= words.len() as u32;
        for words in words.chunks(length) {
            out.extend(data(0, self.stream, words));
        }
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
            let stream = self.stream + 2;
            *self = Self { stream, ..Self::new(self.speech.clone()) };
        }
    }

    fn hears(&self) -> bool {
        true
    }

    fn is_bytewise(&self) -> bool {
        self.speech.packing == Packing::ByteMessages
    }
}

/// A proposal of a protocol, with multistream's header before it.
pub(crate) fn proposal(protocol: &str) -> Vec<u8> {
    let mut lines = b"\x13/multistream/1.0.0\n".to_vec();
    lines.push(u8::try_from(protocol.len() + 1).expect("a short name"));
    lines.extend(protocol.as_bytes());
    lines.push(b'\n');
    lines
}
