//! [`Incoming`]: where in the peer's bytes a session is.

use super::fact::Violation;
use super::frame::{HEADER, Header, SYN};

/// Where in the peer's bytes we are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incoming<K> {
    /// So many bytes of a header have come; the last one is not among them.
    Header { bytes: [u8; HEADER - 1], have: usize },
    /// This much of a header is left to be dealt with; its last byte is still the caller's.
    Frame(Header),
    /// As before, and the caller has to accept or refuse the stream first.
    Undecided(Header),
    /// So many bytes of payload are left, for this stream or for none; after them, perhaps, FIN.
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

    /// The stream that waits to be accepted or refused; afterwards it does not wait any more.
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
