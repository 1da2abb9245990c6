//! [`EncodedMessage`]: a message in the form in which it is written to peers, shared by all that hold it.

use super::message::MessageId;
use super::seen::Digest;
use super::seqno::Bringer;
use crate::identity::PeerId;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// An encoded RPC with its length before it, as it is written to a stream.
pub(super) type Frame = Box<[u8]>;

/// A published message in the form in which it is written to peers: the only message of an RPC. The outboxes of all peers to
/// which it is sent, and a router that keeps it, share one value.
#[derive(Debug)]
pub struct EncodedMessage {
    /// The number that identifies the message in outboxes. A message that is numbered later has a greater number.
    pub(super) number: u64,
    pub(super) source: MessageSource,
    digest: Digest,
    pub(super) frame: Frame,
}

/// The sender and the author of a message, each as a hash of 64 bits. Authors with equal hashes would be treated as one
/// author when messages have to be dropped, and nothing else; making a key whose hash equals that of a given author takes
/// about 2^64 attempts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MessageSource {
    /// The hash of the address from which the message came, or of the peer that sent it to us if unrelated peers may share
    /// that address. If we publish the message, the hash is that of this node.
    pub(super) sender: u64,
    pub(super) author: u64,
}

impl EncodedMessage {
    pub(super) const fn with_number(number: u64, frame: Frame, source: MessageSource, digest: Digest) -> Self {
        Self { number, source, digest, frame }
    }

    /// Creates a message from an RPC that contains nothing else, with its length before it. `number` has to be greater than
    /// the numbers of earlier messages. [`PubSub`](super::PubSub) makes its messages itself; this is for programs that drive a
    /// [`Router`](super::Router) without it, to test or to simulate it.
    #[must_use]
    pub fn new(number: u64, id: &MessageId, author: Option<PeerId>, frame: Box<[u8]>) -> Arc<Self> {
        Arc::new(Self::with_number(number, frame, MessageSource::of(author, None), Digest::of(id)))
    }

    /// Returns the number of the message, which no other message of the service has.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns the number of bytes that are written to a stream for the message.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.frame.len()
    }

    /// Returns the hash of the message's id.
    pub(in crate::protocols) const fn digest(&self) -> Digest {
        self.digest
    }
}

impl MessageSource {
    /// Returns the source of a message. `sender` is `None` if we publish the message. A message without an author has its
    /// sender's hash in place of the author's.
    pub(super) fn of(author: Option<PeerId>, sender: Option<Bringer>) -> Self {
        let sender = sender.map_or_else(Digest::of_ourselves, Bringer::digest).short();
        Self { sender, author: author.map_or(sender, |author| Digest::of_author(author).short()) }
    }
}
