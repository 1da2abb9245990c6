//! [`Message`], as its receiver gets it, and its [`MessageId`].

use crate::identity::PeerId;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// The name of a topic.
pub type Topic = Arc<str>;

/// A published message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The topic on which the message was published.
    pub topic: Topic,
    /// The author, which has signed the message; `None` under [`Signing::StrictNoSign`](super::Signing::StrictNoSign).
    pub source: Option<PeerId>,
    /// The author's sequence number for the message; `None` under
    /// [`Signing::StrictNoSign`](super::Signing::StrictNoSign).
    pub seqno: Option<u64>,
    /// The content.
    pub data: Vec<u8>,
}

/// The identity by which a message is recognised, so that it is delivered and forwarded once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Arc<[u8]>);

impl MessageId {
    /// Returns the bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the id of a signed message: its author, and the author's sequence number for it.
    pub(super) fn of_origin(source: PeerId, seqno: u64) -> Self {
        let mut bytes = source.to_bytes();
        bytes.extend(seqno.to_be_bytes());
        bytes.into()
    }

    /// Returns an id that follows from the content of a message: a SHA-256 hash over the length of its topic, the topic
    /// and the data.
    #[must_use]
    pub fn of_content(topic: &str, data: &[u8]) -> Self {
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
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
