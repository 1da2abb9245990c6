//! [`AnswerStream`]: a stream on which the peer pings us.

use super::PAYLOAD;
use crate::arithmetic::Count;
use crate::lifecycle::StreamId;
use crate::notifee::Node;

/// A stream on which the peer pings us: we echo the peer's payloads, one at a time. While an echo cannot be written, no
/// further payload is read, so that our receive window fills and the peer has to wait.
#[derive(Debug)]
pub(super) struct AnswerStream {
    payload: [u8; PAYLOAD],
    /// The number of bytes of the peer's payload that have arrived.
    read: usize,
    /// The number of bytes of the peer's payload that have been sent back. Sending begins once the whole payload has
    /// arrived.
    written: usize,
}

impl AnswerStream {
    pub(super) const fn new() -> Self {
        Self { payload: [0; PAYLOAD], read: 0, written: 0 }
    }

    /// Echoes the payloads that have arrived. If the peer has finished its side, our side is finished, too; if the peer
    /// finished in the middle of a payload, the stream is reset.
    pub(super) fn echo(&mut self, node: &mut dyn Node, stream: StreamId) {
        loop {
            // A stream costs this one payload of 32 bytes, however fast the peer writes: further payloads stay in its
            // receive window, which does not grow again before they are read.
            while let Some(rest @ [_, ..]) = self.payload.get_mut(self.read..) {
                match node.read(stream, rest) {
                    Ok(0) => {
                        // js-libp2p kills a connection 20 s after a ping whose stream we have not closed, so our side ends
                        // with the peer's. Behind half a payload there is nothing to echo, which the reset tells. Neither
                        // call fails, since the stream has just been read.
                        let _ = if self.read == 0 { node.finish(stream).ok() } else { node.reset(stream).ok() };
                        return;
                    }
                    Ok(n) => self.read.raise(n),
                    // We are notified when there is more to read, and of the end of the stream.
                    Err(_) => return,
                }
            }
            while let Some(rest @ [_, ..]) = self.payload.get(self.written..) {
                match node.write(stream, rest) {
                    Ok(n) => self.written.raise(n),
                    // We are notified when there is room again, and of the end of the stream.
                    Err(_) => return,
                }
            }
            (self.read, self.written) = (0, 0);
        }
    }
}
