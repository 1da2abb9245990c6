//! [`Header`]: the 12 bytes at the beginning of each frame (specification, "Framing").

use super::fact::Violation;

/// The length of a header on the wire in bytes.
pub(super) const HEADER: usize = 12;

// A ping with SYN asks for an answer, and a ping with ACK is the answer; on other frames, the flags concern a stream.
pub(super) const SYN: u16 = 1;
pub(super) const ACK: u16 = 2;
pub(super) const FIN: u16 = 4;
pub(super) const RST: u16 = 8;

/// The type of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameType {
    Data,
    WindowUpdate,
    Ping,
    GoAway,
}

/// The decoded header of a frame. The meaning of `length` depends on `kind`: the number of bytes of data that follow, the
/// number of bytes by which a window grows, the value of a ping, or the code of a go-away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) kind: FrameType,
    pub(super) flags: u16,
    pub(super) id: u32,
    pub(super) length: u32,
}

impl Header {
    pub(super) const fn new(kind: FrameType, flags: u16, id: u32, length: u32) -> Self {
        Self { kind, flags, id, length }
    }

    pub(super) const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Returns the same header without `flag`, which has been handled.
    pub(super) const fn without(self, flag: u16) -> Self {
        Self { flags: self.flags & !flag, ..self }
    }

    pub(super) fn encode(&self) -> [u8; HEADER] {
        let kind = match self.kind {
            FrameType::Data => 0,
            FrameType::WindowUpdate => 1,
            FrameType::Ping => 2,
            FrameType::GoAway => 3,
        };
        let [f0, f1] = self.flags.to_be_bytes();
        let [i0, i1, i2, i3] = self.id.to_be_bytes();
        let [l0, l1, l2, l3] = self.length.to_be_bytes();
        [0, kind, f0, f1, i0, i1, i2, i3, l0, l1, l2, l3]
    }

    /// Decodes a header. Unknown versions and types of frames are refused here; flags are checked where they are used.
    pub(super) const fn decode(bytes: &[u8; HEADER]) -> Result<Self, Violation> {
        let [version, kind, f0, f1, i0, i1, i2, i3, l0, l1, l2, l3] = *bytes;
        if version != 0 {
            return Err(Violation::Version(version));
        }
        let kind = match kind {
            0 => FrameType::Data,
            1 => FrameType::WindowUpdate,
            2 => FrameType::Ping,
            3 => FrameType::GoAway,
            kind => return Err(Violation::FrameType(kind)),
        };
        Ok(Self {
            kind,
            flags: u16::from_be_bytes([f0, f1]),
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        })
    }
}
