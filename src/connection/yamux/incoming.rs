//! [`Incoming`]: the state of a session's parser, which says what the peer's next bytes are.

use super::fact::Violation;
use super::frame::{HEADER, Header, SYN};

/// The state of a session's parser, which says what the peer's next bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incoming<K> {
    /// The first `have` bytes of a header have arrived; the last byte of the header has not.
    Header { bytes: [u8; HEADER - 1], have: usize },
    /// A header has arrived as a whole. The value contains what is still to be handled: flags that have been handled are
    /// removed from it. The last byte of the header counts as not consumed.
    Frame(Header),
    /// A header has arrived that opens a stream. The caller has to accept or refuse the stream before anything else is
    /// handled.
    Undecided(Header),
    /// `left` bytes of payload have not arrived yet. They belong to the stream with this key, or, without a key, to no
    /// stream. If `fin` is set, FIN follows the payload.
    Payload { id: u32, key: Option<K>, left: u32, fin: bool },
    /// The peer broke the protocol. The value says how.
    Broken(Violation),
}

impl<K> Incoming<K> {
    pub(super) const fn start() -> Self {
        Self::Header { bytes: [0; HEADER - 1], have: 0 }
    }

    /// Returns whether the last frame is complete and no byte of the next frame has arrived.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self, Self::Header { have: 0, .. })
    }

    /// Changes the key of the stream whose payload is arriving to `new`, if that stream has the wire id `stream`.
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
