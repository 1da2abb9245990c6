//! [`Rpc`] and [`Message`]: what peers send each other, by prost.
//!
//! The protobuf messages of libp2p/specs, `pubsub/README.md`, "The RPC" and "The Message". A published message is kept
//! as the bytes that came, so that it is forwarded and verified as it was signed, with whatever fields it has. Other
//! fields of an RPC (gossipsub's control messages, signed peer records) are passed over.

pub use super::fields::Malformed;
pub use crate::protocols::frames::{BadLength, Frames};

use super::fields::Fields;
use alloc::string::String;
use alloc::vec::Vec;
use prost::Message as _;

/// One message of the protocol: subscriptions that have changed, and published messages.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rpc {
    /// What the sender subscribes to, and no longer.
    #[prost(message, repeated, tag = "1")]
    pub subscriptions: Vec<SubOpts>,
    /// Published messages, each an encoded [`Message`].
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub publish: Vec<Vec<u8>>,
}

/// One change of a subscription.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SubOpts {
    /// Whether the sender subscribes; absent counts as not.
    #[prost(bool, optional, tag = "1")]
    pub subscribe: Option<bool>,
    /// The topic.
    #[prost(string, optional, tag = "2")]
    pub topic: Option<String>,
}

/// A published message.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Message {
    /// The author's peer id.
    #[prost(bytes = "vec", optional, tag = "1")]
    pub from: Option<Vec<u8>>,
    /// What is said.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub data: Option<Vec<u8>>,
    /// The author's number for it, big-endian.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub seqno: Option<Vec<u8>>,
    /// The topic; required.
    #[prost(string, optional, tag = "4")]
    pub topic: Option<String>,
    /// The author's signature over everything but this field and the next.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub signature: Option<Vec<u8>>,
    /// The author's public key, where its peer id does not contain it.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub key: Option<Vec<u8>>,
}

/// How many entries an [`Rpc`] may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Most {
    /// Of `subscriptions`.
    pub subscriptions: usize,
    /// Of `publish`.
    pub messages: usize,
}

impl Rpc {
    /// Decodes one of at most so many entries, which are counted before memory is taken for them.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn decode_at_most(bytes: &[u8], most: Most) -> Result<Self, Malformed> {
        let (mut subscriptions, mut messages) = (0, 0);
        for field in Fields(bytes) {
            match field?.number {
                1 => subscriptions += 1,
                2 => messages += 1,
                _ => {}
            }
        }
        if subscriptions > most.subscriptions || messages > most.messages {
            return Err(Malformed);
        }
        Self::decode(bytes).map_err(|_| Malformed)
    }

    /// Encodes it behind its length, as it stands on a stream.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        self.encode_length_delimited_to_vec()
    }
}

impl Message {
    /// Decodes one that has a topic and no known field twice: implementations differ in what they make of those.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn decode_strictly(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut known = [false; 7];
        for field in Fields(bytes) {
            let index = usize::try_from(field?.number).unwrap_or(usize::MAX);
            if known.get_mut(index).is_some_and(|known| core::mem::replace(known, true)) {
                return Err(Malformed);
            }
        }
        let message = Self::decode(bytes).map_err(|_| Malformed)?;
        if message.topic.is_some() { Ok(message) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const MOST: Most = Most { subscriptions: 2, messages: 3 };

    fn subscription(topic: &str) -> SubOpts {
        SubOpts { subscribe: Some(true), topic: Some(topic.into()) }
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let rpc = Rpc { subscriptions: vec![subscription("a")], publish: vec![b"xy".to_vec()] };
        assert_eq!(rpc.to_frame(), [11, 0x0a, 5, 0x08, 1, 0x12, 1, b'a', 0x12, 2, b'x', b'y']);
        let message = Message { from: Some(vec![1]), topic: Some("t".into()), key: Some(vec![]), ..Default::default() };
        assert_eq!(message.encode_to_vec(), [0x0a, 1, 1, 0x22, 1, b't', 0x32, 0]);
        assert_eq!(Message::decode_strictly(&[0x0a, 1, 1, 0x22, 1, b't', 0x32, 0]), Ok(message));
    }

    #[test]
    fn entries_are_allowed_up_to_the_bound() {
        let mut rpc = Rpc { subscriptions: vec![subscription("a"); 2], publish: vec![vec![]; 3] };
        assert_eq!(Rpc::decode_at_most(&rpc.encode_to_vec(), MOST).as_ref(), Ok(&rpc));
        rpc.publish.push(vec![]);
        assert_eq!(Rpc::decode_at_most(&rpc.encode_to_vec(), MOST), Err(Malformed));
        rpc = Rpc { subscriptions: vec![subscription("a"); 3], publish: vec![] };
        assert_eq!(Rpc::decode_at_most(&rpc.encode_to_vec(), MOST), Err(Malformed));
    }

    #[test]
    fn other_fields_are_passed_over() {
        let mut bytes = Rpc { subscriptions: vec![], publish: vec![b"m".to_vec()] }.encode_to_vec();
        bytes.extend([0x1a, 2, 8, 1]); // gossipsub's control messages
        bytes.extend([0x22, 3, 1, 2, 3]); // a signed peer record
        assert_eq!(Rpc::decode_at_most(&bytes, MOST).unwrap().publish, [b"m"]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for bytes in [&b"\x22\x01a\x22\x01b"[..], b"\x0a\x00\x0a\x00\x22\x01a", b"", b"\x12\x01a", b"\x22\x01\xff"] {
            assert_eq!(Message::decode_strictly(bytes), Err(Malformed), "{bytes:x?}");
        }
        // What is not known may be there as often as it likes.
        assert!(Message::decode_strictly(b"\x22\x01a\x3a\x00\x3a\x00").is_ok());
    }
}
