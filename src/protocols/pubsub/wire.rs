//! [`Rpc`] and [`Message`]: the messages of the pub/sub protocol on the wire, encoded by prost.
//!
//! The types are the protobuf messages of libp2p/specs, `pubsub/README.md`, "The RPC" and "The Message". An [`Rpc`] contains
//! each published message as encoded bytes, so that exactly the bytes that were signed are verified and forwarded. Unknown
//! fields of an RPC (gossipsub's control messages, signed peer records) are ignored. If a field that may occur once occurs
//! several times, the last one counts, as in protobuf.

pub use super::protobuf_fields::Malformed;
pub use crate::protocols::frames::{BadLength, Frames};

use super::control;
use super::protobuf_fields::Fields;
use crate::arithmetic::Count;
use alloc::string::String;
use alloc::vec::Vec;
use prost::Message as _;

/// The unit in which the protocol sends data on a stream. An RPC contains changes of the sender's subscriptions, and
/// published messages.
#[derive(Clone, PartialEq, prost::Message)]
#[non_exhaustive]
pub struct Rpc {
    /// The changes of the sender's subscriptions to topics.
    #[prost(message, repeated, tag = "1")]
    pub subscriptions: Vec<SubOpts>,
    /// The published messages, each of them as the bytes of an encoded [`Message`].
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub publish: Vec<Vec<u8>>,
}

/// One change of the sender's subscriptions.
#[derive(Clone, PartialEq, prost::Message)]
#[non_exhaustive]
pub struct SubOpts {
    /// True if the sender subscribes to the topic, and false if it unsubscribes. An absent field counts as false.
    #[prost(bool, optional, tag = "1")]
    pub subscribe: Option<bool>,
    /// The name of the topic.
    #[prost(string, optional, tag = "2")]
    pub topic: Option<String>,
}

/// A published message, with the fields that are encoded on the wire.
#[derive(Clone, PartialEq, prost::Message)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the specification, which are what is signed")]
pub struct Message {
    /// The bytes of the author's peer id.
    #[prost(bytes = "vec", optional, tag = "1")]
    pub from: Option<Vec<u8>>,
    /// The content of the message.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub data: Option<Vec<u8>>,
    /// The sequence number that the author has given to the message, in big-endian order.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub seqno: Option<Vec<u8>>,
    /// The name of the topic. This field is required.
    #[prost(string, optional, tag = "4")]
    pub topic: Option<String>,
    /// The author's signature over all fields except `signature` and `key`.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub signature: Option<Vec<u8>>,
    /// The author's encoded public key, if the author's peer id does not contain the key.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub key: Option<Vec<u8>>,
}

/// An [`Rpc`] whose topics are bytes, which need not be UTF-8. It is decoded first, so that a topic that is not UTF-8 makes
/// only its subscription invalid, and not the whole RPC.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RawRpc {
    #[prost(message, repeated, tag = "1")]
    pub(super) subscriptions: Vec<RawSubOpts>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) publish: Vec<Vec<u8>>,
}

/// A [`SubOpts`] whose topic is bytes, which need not be UTF-8.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RawSubOpts {
    #[prost(bool, optional, tag = "1")]
    subscribe: Option<bool>,
    #[prost(bytes = "vec", optional, tag = "2")]
    topic: Option<Vec<u8>>,
}

/// The result of comparing a received message's bytes with the bytes that an encoder writes for the same message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// The received bytes are identical to the bytes that an encoder writes for the message.
    Canonical,
    /// Fields are out of order or unknown, or a number is encoded in more bytes than necessary.
    Unusual,
    /// A known field occurs several times.
    Repeated,
}

/// The maximum numbers of entries that an [`Rpc`] may contain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RpcLimits {
    /// The maximum number of entries in [`Rpc::subscriptions`].
    pub subscriptions: usize,
    /// The maximum number of entries in [`Rpc::publish`].
    pub messages: usize,
    /// The maximum number of entries of the control message, of ids in them and of other fields in them, together.
    pub control: usize,
}

impl SubOpts {
    /// Creates an entry of an RPC. The sender of the RPC subscribes to `topic` if `subscribe` is true, and unsubscribes from
    /// it otherwise.
    #[must_use]
    pub fn new(subscribe: bool, topic: impl Into<String>) -> Self {
        Self { subscribe: Some(subscribe), topic: Some(topic.into()) }
    }
}

impl RpcLimits {
    /// Creates limits: at most `subscriptions` changes of subscriptions, and at most `messages` messages, in one RPC. The
    /// field [`control`](Self::control) is 32 768, and can be set afterwards.
    #[must_use]
    pub const fn new(subscriptions: usize, messages: usize) -> Self {
        Self { subscriptions, messages, control: 32_768 }
    }
}

impl Rpc {
    /// Creates an RPC from changes of subscriptions and from encoded messages.
    #[must_use]
    pub const fn new(subscriptions: Vec<SubOpts>, publish: Vec<Vec<u8>>) -> Self {
        Self { subscriptions, publish }
    }

    /// Decodes an RPC that has at most the given numbers of entries. The entries are counted before memory is allocated for
    /// them. A change of a subscription whose topic is not UTF-8 is omitted.
    ///
    /// # Errors
    /// Returns [`Malformed`] if the bytes are no RPC, or contain too many entries.
    pub fn decode_at_most(bytes: &[u8], most: RpcLimits) -> Result<Self, Malformed> {
        // An empty entry takes 2 bytes on the wire and 32 in memory as a subscription. Decoded without this count, an RPC
        // of 1 MiB would take 16 MiB.
        let (mut subscriptions, mut messages, mut entries) = (0_usize, 0_usize, 0_usize);
        for field in Fields(bytes) {
            let field = field?;
            match field.number {
                1 => subscriptions.raise(1),
                2 => messages.raise(1),
                control::CONTROL => entries.raise(control::count(control::body(field.bytes).ok_or(Malformed)?)?),
                _ => {}
            }
        }
        if subscriptions > most.subscriptions || messages > most.messages || entries > most.control {
            return Err(Malformed);
        }
        let RawRpc { subscriptions, publish } = RawRpc::decode(bytes).map_err(|_| Malformed)?;
        let subscriptions = subscriptions.into_iter().filter_map(RawSubOpts::into_text).collect();
        Ok(Self { subscriptions, publish })
    }

    /// Encodes the RPC with its length before it, in the form in which it is written to a stream.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        self.encode_length_delimited_to_vec()
    }
}

impl RawSubOpts {
    /// Converts the topic to text. Returns `None` if the topic is not UTF-8.
    pub(super) fn into_text(self) -> Option<SubOpts> {
        let topic = self.topic.map(String::from_utf8).transpose().ok()?;
        Some(SubOpts { subscribe: self.subscribe, topic })
    }
}

impl Message {
    /// Decodes a published message, which must have a topic.
    ///
    /// # Errors
    /// Returns [`Malformed`] if the bytes are no message, or if the message has no topic.
    pub fn decode_with_topic(bytes: &[u8]) -> Result<Self, Malformed> {
        let message = Self::decode(bytes).map_err(|_| Malformed)?;
        if message.topic.is_some() { Ok(message) } else { Err(Malformed) }
    }

    /// Compares `bytes`, from which this message was decoded, with the bytes that an encoder writes for this message.
    pub(super) fn form(&self, bytes: &[u8]) -> Encoding {
        let (mut known, mut last, mut is_in_order) = ([false; 7], 0, true);
        // The bytes were decoded before, so each field can be read.
        for field in Fields(bytes).flatten() {
            let index = usize::try_from(field.number).unwrap_or(usize::MAX);
            let Some(known) = known.get_mut(index) else { continue };
            if core::mem::replace(known, true) {
                return Encoding::Repeated;
            }
            is_in_order &= index > last;
            last = index;
        }
        // If known fields are in this order and occur once, the bytes can only be longer: by unknown fields or by varints
        // of more bytes than necessary.
        if is_in_order && self.encoded_len() == bytes.len() { Encoding::Canonical } else { Encoding::Unusual }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const MOST: RpcLimits = RpcLimits { subscriptions: 2, messages: 3, control: 4 };

    fn subscription(topic: &str) -> SubOpts {
        SubOpts { subscribe: Some(true), topic: Some(topic.into()) }
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let rpc = Rpc { subscriptions: vec![subscription("a")], publish: vec![b"xy".to_vec()] };
        assert_eq!(rpc.to_frame(), [11, 0x0a, 5, 0x08, 1, 0x12, 1, b'a', 0x12, 2, b'x', b'y']);
        let message = Message { from: Some(vec![1]), topic: Some("t".into()), key: Some(vec![]), ..Default::default() };
        assert_eq!(message.encode_to_vec(), [0x0a, 1, 1, 0x22, 1, b't', 0x32, 0]);
        assert_eq!(Message::decode_with_topic(&[0x0a, 1, 1, 0x22, 1, b't', 0x32, 0]), Ok(message));
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
    fn unknown_fields_of_an_rpc_are_ignored() {
        let mut bytes = Rpc { subscriptions: vec![], publish: vec![b"m".to_vec()] }.encode_to_vec();
        bytes.extend([0x1a, 2, 0x48, 1]); // a control message with an unknown field
        bytes.extend([0x22, 3, 1, 2, 3]); // a signed peer record
        assert_eq!(Rpc::decode_at_most(&bytes, MOST).unwrap().publish, [b"m"]);
    }

    #[test]
    fn the_last_occurrence_of_a_field_counts() {
        let bytes = b"\x0a\x01f\x12\x01d\x1a\x01n\x22\x01t\x2a\x01s\x32\x01k";
        let again = b"\x0a\x01F\x12\x01D\x1a\x01N\x22\x01T\x2a\x01S\x32\x01K";
        let last = Message::decode_with_topic(again).unwrap();
        assert_eq!(Message::decode_with_topic(&[&bytes[..], again].concat()), Ok(last));
        let empty = Message::decode_with_topic(b"\x22\x01t\x12\x01d\x12\x00").unwrap();
        assert_eq!(empty.data, Some(vec![]), "an empty one counts too");
        // The last values of the subscription are: unsubscribe, topic `b`.
        let change = b"\x08\x01\x12\x01a\x12\x01b\x08\x00";
        let rpc = [&[0x0a, 10][..], change].concat();
        let last = SubOpts { subscribe: Some(false), topic: Some("b".into()) };
        assert_eq!(Rpc::decode_at_most(&rpc, MOST).unwrap().subscriptions, [last]);
    }

    #[test]
    fn a_subscription_whose_topic_is_not_utf_8_is_left_out() {
        let bad = SubOpts { subscribe: Some(true), topic: Some("\u{80}".into()) }.encode_to_vec();
        // Cut within the two bytes of a character.
        let bad = [&[0x0a, 5][..], &bad[..2], &[0x12, 1, 0xc2]].concat();
        let good = Rpc { subscriptions: vec![subscription("a")], publish: vec![b"m".to_vec()] };
        for rpc in [[&bad[..], &good.encode_to_vec()].concat(), [&good.encode_to_vec()[..], &bad].concat()] {
            assert_eq!(Rpc::decode_at_most(&rpc, MOST).as_ref(), Ok(&good));
        }
        assert_eq!(Rpc::decode_at_most(&bad.repeat(3), MOST), Err(Malformed), "it is counted");
        // Of a topic that occurs twice, the first one may be any bytes.
        let again = [&[0x0a, 6][..], b"\x12\x01\xc2\x12\x01a"].concat();
        let last = SubOpts { subscribe: None, topic: Some("a".into()) };
        assert_eq!(Rpc::decode_at_most(&again, MOST).unwrap().subscriptions, [last]);
    }

    #[test]
    fn a_message_needs_a_topic_and_fields_of_the_right_type() {
        for bytes in [
            &b""[..],             // nothing
            b"\x12\x01a",         // no topic
            b"\x22\x01\xff",      // a topic that is not UTF-8
            b"\x20\x01",          // a topic that is a number
            b"\x22\x01a\x10\x01", // data that is a number
            b"\x22\x02a",         // a topic that is cut
            b"\x22\x01a\x00\x00", // a field without a number
            b"\x22\x01a\x3b",     // a group without an end
        ] {
            assert_eq!(Message::decode_with_topic(bytes), Err(Malformed), "{bytes:x?}");
        }
        // Unknown fields may occur any number of times, and be groups.
        assert!(Message::decode_with_topic(b"\x22\x01a\x3a\x00\x3a\x00\x3b\x08\x01\x3c").is_ok());
    }

    #[test]
    fn the_canonical_form_is_what_every_encoder_writes() {
        for (bytes, form) in [
            (&b"\x0a\x01f\x12\x01d\x1a\x01n\x22\x01t\x2a\x01s\x32\x01k"[..], Encoding::Canonical),
            (b"\x22\x01t", Encoding::Canonical),
            (b"\x12\x00\x22\x00", Encoding::Canonical), // empty, but present
            (b"\x22\x01t\x12\x01d", Encoding::Unusual), // not in order
            (b"\x22\x81\x00t", Encoding::Unusual),      // a length of two bytes
            (b"\xa2\x00\x01t", Encoding::Unusual),      // a key of two bytes
            (b"\x22\x01t\x3a\x00", Encoding::Unusual),  // an unknown field
            (b"\x22\x01t\xa2\x06\x00", Encoding::Unusual), // number 100
            (b"\x22\x01t\x3b\x3c", Encoding::Unusual),  // a group
            (b"\x22\x01t\x22\x01t", Encoding::Repeated),
            (b"\x12\x00\x22\x01t\x12\x00", Encoding::Repeated),
            (b"\x22\x01t\x3a\x00\x2a\x00\x2a\x00", Encoding::Repeated),
            (b"\x22\x01t\x32\x00\x32\x00", Encoding::Repeated),
            (b"\x22\x01t\x3a\x00\x3a\x00", Encoding::Unusual), // an unknown field may come again
        ] {
            assert_eq!(Message::decode_with_topic(bytes).unwrap().form(bytes), form, "{bytes:x?}");
        }
    }
}
