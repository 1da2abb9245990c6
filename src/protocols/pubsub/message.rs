//! [`Message`]: a published message, as it is delivered to the owner. [`MessageId`]: the identity of a message.

use crate::identity::PeerId;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// The name of a topic.
pub type Topic = Arc<str>;

/// A published message, as it is delivered to the owner.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Message {
    /// The topic on which the message was published.
    pub topic: Topic,
    /// The author, which is the peer that has signed the message; `None` under
    /// [`Signing::StrictNoSign`](super::Signing::StrictNoSign).
    pub source: Option<PeerId>,
    /// The sequence number that the author has given to the message; `None` under
    /// [`Signing::StrictNoSign`](super::Signing::StrictNoSign).
    pub seqno: Option<u64>,
    /// The content of the message.
    pub data: Vec<u8>,
}

impl Message {
    /// Creates a message without an author and a sequence number, for tests of code that handles messages.
    #[must_use]
    pub fn new(topic: impl Into<Topic>, data: Vec<u8>) -> Self {
        Self { topic: topic.into(), source: None, seqno: None, data }
    }
}

/// The identity of a message. The service compares identities in order to deliver and forward each message only once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Arc<[u8]>);

impl MessageId {
    /// Returns the bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the id of a signed message: the bytes of its author's peer id, followed by its sequence number.
    pub(super) fn of_origin(source: PeerId, seqno: u64) -> Self {
        // The id that the specification gives to a signed message. The number has a fixed length, so that two different
        // pairs of author and number cannot have the same bytes.
        let mut bytes = source.to_bytes();
        bytes.extend(seqno.to_be_bytes());
        bytes.into()
    }

    /// Returns an id that depends only on the content of a message: the SHA-256 hash of the length of the topic, the topic
    /// and the data.
    #[must_use]
    pub fn of_content(topic: &str, data: &[u8]) -> Self {
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        // With the length in front, topic `a` with data `bc` has another id than topic `ab` with data `c`.
        hash.update(&(topic.len() as u64).to_be_bytes());
        hash.update(topic.as_bytes());
        hash.update(data);
        hash.finish().as_ref().to_vec().into()
    }
}

impl From<Vec<u8>> for MessageId {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_told_apart_by_topic_and_data() {
        let ids = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc")];
        let ids: alloc::collections::BTreeSet<_> =
            ids.iter().map(|(topic, data)| MessageId::of_content(topic, data.as_bytes())).collect();
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|id| id.as_bytes().len() == 32));
    }
}
