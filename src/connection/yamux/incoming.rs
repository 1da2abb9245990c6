//! [`Incoming`]: the position of a session in the peer's bytes.

use super::fact::Violation;
use super::frame::{HEADER, Header, SYN};

/// The position of a session in the peer's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incoming<K> {
    /// `have` bytes of a header have come; its last byte is not among them.
    Header { bytes: [u8; HEADER - 1], have: usize },
    /// A header, or the part of it that is not handled yet. Its last byte counts as not consumed.
    Frame(Header),
    /// A header that opens a stream. The caller has to accept or refuse the stream first.
    Undecided(Header),
    /// `left` bytes of payload are still to come, for the stream under `key` or, without a key, for none. If `fin` is set,
    /// FIN follows them.
    Payload { id: u32, key: Option<K>, left: u32, fin: bool },
    /// The peer broke the protocol.
    Broken(Violation),
}

impl<K> Incoming<K> {
    pub(super) const fn start() -> Self {
        Self::Header { bytes: [0; HEADER - 1], have: 0 }
    }

    /// Returns whether the last frame is complete and no byte of the next one has come.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self, Self::Header { have: 0, .. })
    }

    /// Gives the stream whose payload comes another key, if it has that wire id.
    pub(super) fn rename(&mut self, stream: u32, new: K) {
        if let Self::Payload { id, key: Some(key), .. } = self
            && *id == stream
        {
            *key = new;
        }
    }

    /// Returns the wire id of the stream that waits to be accepted or refused, and ends that wait.
    pub(super) fn decide(&mut self) -> Option<u32> {
        match self {
            Self::Undecided(header) => {
                let id = header.id;
                *self = Self::Frame(header.without(SYN));
                Some(id)
            }
            Self::Header { .. } | Self::Frame(_) | Self::Payload { .. } | Self::Broken(_) => None,
        }
    }
}
