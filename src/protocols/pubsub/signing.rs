//! [`Signing`]: the policy that says whether messages have to be signed. [`Claim`]: a message that has been decoded and
//! whose signature has not been verified yet.
//!
//! The policies are those of libp2p/specs, `pubsub/README.md`, "Message Signing". The signature covers the prefix
//! `libp2p-pubsub:` and then the bytes of the message on the wire, without the fields `signature` and `key`. The
//! implementations in go, rust, js and py agree on this.

use super::message::{Message, MessageId};
use super::protobuf_fields::Fields;
use super::wire::{self, Encoding};
use crate::connection::key::{BadSignature, IdentityKey, Unusable};
use crate::identity::{Keypair, PeerId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use prost::Message as _;

/// The prefix of the signed bytes. Because of the prefix, a signature that the key has made for another purpose is not valid
/// for a message.
const DOMAIN: &[u8] = b"libp2p-pubsub:";

/// Hashing this number of bytes of a message counts as one unit of work. One unit is the verification of an Ed25519
/// signature. Hashing takes less time than one unit: a signature of Ed25519 takes 41 µs, and the SHA-512 hash of 16 KiB
/// takes 27 µs.
const BYTES_PER_COST: usize = 16 * 1024;

/// The multihash code of a peer id that contains the key itself instead of its hash.
const INLINED: u8 = 0;

/// The signature policy of the specification: either each message names its author and is signed by it, or no message names
/// an author. All nodes that share a topic need the same policy.
#[allow(clippy::large_enum_variant, reason = "a node has one")]
#[non_exhaustive]
pub enum Signing {
    /// Our messages are signed. Messages of other nodes are accepted only with an author, a sequence number and a valid
    /// signature.
    StrictSign {
        /// The key that signs our messages. Its peer id is the author of our messages.
        keypair: Keypair,
        /// The sequence number of our first message. Each further message has the next higher number. The first number has
        /// to be greater than all numbers that this key has used before, or other nodes take our messages for old ones. The
        /// time in nanoseconds since 1970 meets this condition.
        seqno: u64,
    },
    /// Our messages have no author. Messages of other nodes are accepted only if they have no author, sequence number,
    /// signature or key.
    StrictNoSign {
        /// A function that makes a message's id from its topic and data. Two messages with the same id within
        /// [`seen_ttl`](super::Config::seen_ttl) are treated as the same message.
        message_id: ContentId,
    },
}

/// A function that makes the id of a message from the topic and the data of the message.
pub type ContentId = Box<dyn Fn(&str, &[u8]) -> MessageId>;

/// The reason why a message is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Invalid {
    /// The bytes cannot be decoded as a message.
    Malformed,
    /// A field that the policy requires is absent.
    Missing,
    /// A field that the policy forbids is present.
    Unexpected,
    /// The author's peer id cannot be decoded.
    BadField,
    /// The message has no key, its key cannot be decoded, or its key is not the author's.
    BadKey,
    /// The signature is not the author's signature of this message.
    BadSignature,
    /// The message is of a kind that we refuse and that other implementations may accept, so the peer that forwarded the
    /// message may have acted in good faith. Either its key or signature is refused: an Ed25519 key or R of small order, a
    /// key that is not encoded canonically, a key of a type that is not built in, an RSA key beyond the
    /// [bounds](crate::connection::noise), a secp256k1 signature with a high S, or an ECDSA signature that contains more
    /// than R and S. Or the message has no sequence number of eight bytes, or its author's peer id contains a key that is
    /// too long for a peer id or is encoded in an unusual way. go accepts messages of the last three kinds.
    Refused,
}

/// A decoded message whose signature has not been verified yet. Verification is costly, so it is a separate step,
/// [`verify`](Self::verify), which is omitted if the message is known already.
#[derive(Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The decoded message.
    pub message: Message,
    /// The id of the message.
    pub id: MessageId,
    /// True if other implementations come to the same verdict on the message, so that it can be forwarded to them. We verify
    /// the bytes that have arrived. go, rust, js and py encode the decoded message again, verify the result, and blame the
    /// sender if the signature does not fit. So a signed message is forwarded only if its bytes are those that every encoder
    /// writes, without unknown fields, and if it has no empty `key`, which go and js treat as an invalid one. A message
    /// without an author is forwarded unless a field occurs several times: py treats a repeated topic as several topics.
    pub is_forwardable: bool,
    signature: Vec<u8>,
    key: Option<Vec<u8>>,
}

/// The verdict on a message's signature, and the cost of the verification.
pub(super) struct Checked {
    /// The cost of verifying the message. The unit is the verification of an Ed25519 signature of a short message; each
    /// [`BYTES_PER_COST`] bytes of the message cost 1 more. The cost is at least 1, since a message that is refused
    /// unverified was at least decoded.
    pub(super) cost: usize,
    pub(super) verdict: Result<(), Invalid>,
}

impl Signing {
    /// Creates a policy with which our messages are signed by `keypair`. `seqno` is the sequence number of our first
    /// message.
    #[must_use]
    pub const fn strict_sign(keypair: Keypair, seqno: u64) -> Self {
        Self::StrictSign { keypair, seqno }
    }

    /// Creates a policy with which messages have no author. The id of a message is a [hash](MessageId::of_content) of its
    /// topic and data.
    #[must_use]
    pub fn strict_no_sign() -> Self {
        Self::StrictNoSign { message_id: Box::new(MessageId::of_content) }
    }

    /// Returns the peer id of the author of our messages, or `None` if our messages have no author.
    pub(super) fn author(&self) -> Option<PeerId> {
        match self {
            Self::StrictSign { keypair, .. } => Some(keypair.public().to_peer_id()),
            Self::StrictNoSign { .. } => None,
        }
    }

    /// Encodes a message of ours with the current sequence number, and signs it if the policy requires a signature. Returns
    /// the encoded message and its id, or `None` if the key cannot sign. The current sequence number is not changed.
    #[must_use]
    pub fn seal(&self, topic: &str, data: &[u8]) -> Option<(Vec<u8>, MessageId)> {
        let mut message = wire::Message { topic: Some(topic.into()), data: Some(data.into()), ..Default::default() };
        let id = match self {
            Self::StrictSign { keypair, seqno } => {
                let public = keypair.public();
                let source = public.to_peer_id();
                message.from = Some(source.to_bytes());
                message.seqno = Some(seqno.to_be_bytes().into());
                message.signature = Some(keypair.sign(&signed(&message.encode_to_vec())?).ok()?);
                message.key = if inlined(source).is_some() { None } else { Some(public.encode_protobuf()) };
                MessageId::of_origin(source, *seqno)
            }
            Self::StrictNoSign { message_id } => message_id(topic, data),
        };
        Some((message.encode_to_vec(), id))
    }

    /// Returns the sequence number of our next message, or `None` if our messages have none.
    pub(super) const fn next_seqno(&self) -> Option<u64> {
        match self {
            Self::StrictSign { seqno, .. } => Some(*seqno),
            Self::StrictNoSign { .. } => None,
        }
    }

    /// Moves on to the next sequence number, for our next message.
    pub(super) const fn advance(&mut self) {
        match self {
            Self::StrictSign { seqno, .. } => *seqno = seqno.wrapping_add(1),
            Self::StrictNoSign { .. } => {}
        }
    }

    /// Decodes a message, and checks everything except the signature.
    ///
    /// # Errors
    /// Returns the reason why the message must not be accepted.
    pub fn open(&self, bytes: &[u8]) -> Result<Claim, Invalid> {
        let message = wire::Message::decode_with_topic(bytes).map_err(|_| Invalid::Malformed)?;
        let form = message.form(bytes);
        let wire::Message { from, data, seqno, topic, signature, key } = message;
        let topic = topic.ok_or(Invalid::Malformed)?.into();
        let data = data.unwrap_or_default();
        match self {
            Self::StrictSign { .. } => {
                let (Some(from), Some(signature)) = (from, signature) else {
                    return Err(Invalid::Missing);
                };
                // If there is no `key`, go takes the key from the peer id, however long the peer id is.
                let is_key = key.is_none() && from.first() == Some(&INLINED);
                let bad = if is_key { Invalid::Refused } else { Invalid::BadField };
                let source = PeerId::from_bytes(&from).map_err(|_| bad)?;
                // go neither checks the length of a sequence number nor requires one, and forwards such messages.
                let seqno = seqno.and_then(|seqno| seqno.try_into().ok()).ok_or(Invalid::Refused)?;
                let seqno = u64::from_be_bytes(seqno);
                // rust and py take an empty key for an absent one, and so do we.
                let has_empty_key = key.as_ref().is_some_and(Vec::is_empty);
                Ok(Claim {
                    message: Message { topic, source: Some(source), seqno: Some(seqno), data },
                    id: MessageId::of_origin(source, seqno),
                    is_forwardable: form == Encoding::Canonical && !has_empty_key,
                    signature,
                    key: key.filter(|key| !key.is_empty()),
                })
            }
            Self::StrictNoSign { message_id } => {
                // Empty fields count as present: the specification forbids the fields.
                if from.is_some() || seqno.is_some() || signature.is_some() || key.is_some() {
                    return Err(Invalid::Unexpected);
                }
                let id = message_id(&topic, &data);
                Ok(Claim {
                    message: Message { topic, source: None, seqno: None, data },
                    id,
                    is_forwardable: form != Encoding::Repeated,
                    signature: Vec::new(),
                    key,
                })
            }
        }
    }
}

/// Returns whether an encoded message names `peer` as its author. The message may be invalid, but it has to be decodable:
/// the result is `false` if the bytes are no message with a topic.
pub(super) fn names(message: &[u8], peer: &PeerId) -> bool {
    let message = wire::Message::decode_with_topic(message);
    message.is_ok_and(|message| message.from.is_some_and(|from| from == peer.to_bytes()))
}

impl Claim {
    /// Verifies that the author has signed `bytes`, from which this claim was [decoded](Signing::open). A message without an
    /// author needs no signature, and is valid.
    ///
    /// # Errors
    /// Returns [`Invalid::BadKey`] or [`Invalid::BadSignature`] if the author has not signed the message, and
    /// [`Invalid::Refused`] if the key or the signature is of a kind that we refuse.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), Invalid> {
        self.check(bytes).verdict
    }

    /// Verifies the message. Returns the verdict, which is that of [`verify`](Self::verify), and the cost of the
    /// verification.
    pub(super) fn check(&self, bytes: &[u8]) -> Checked {
        let mut cost = 1;
        let verdict = self.prove(bytes, &mut cost);
        // The whole message is hashed, with unknown fields too, or copied.
        Checked { cost: cost.saturating_add(bytes.len() / BYTES_PER_COST), verdict }
    }

    /// Verifies the signature of `bytes`. If the key is usable, sets `cost` to the cost of one verification with it.
    fn prove(&self, bytes: &[u8], cost: &mut usize) -> Result<(), Invalid> {
        let Some(source) = self.message.source else { return Ok(()) };
        let inlined = inlined(source);
        let key = self.key.as_deref().or(inlined.as_deref()).ok_or(Invalid::BadKey)?;
        let key = IdentityKey::decode(key).map_err(|unusable| match unusable {
            Unusable::Malformed => Invalid::BadKey,
            Unusable::Unsupported(_) | Unusable::Refused => Invalid::Refused,
        })?;
        if !key.is_of(&source) {
            // The key in the peer id is the same key in another encoding. go does not compare them.
            return Err(if self.key.is_none() { Invalid::Refused } else { Invalid::BadKey });
        }
        let signed = signed(bytes).ok_or(Invalid::Malformed)?;
        *cost = key.cost() as usize;
        key.verify(&signed, &self.signature).map_err(|flaw| match flaw {
            BadSignature::Wrong => Invalid::BadSignature,
            BadSignature::Refused => Invalid::Refused,
        })
    }
}

/// Returns the bytes that the signature of an encoded message covers, or `None` if a field cannot be read.
fn signed(message: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = DOMAIN.to_vec();
    for field in Fields(message) {
        let field = field.ok()?;
        match field.number {
            5 | 6 => {}
            _ => bytes.extend_from_slice(field.bytes),
        }
    }
    Some(bytes)
}

/// Returns the key that a peer id contains, or `None` if the peer id contains only the hash of a key. The key follows one
/// byte for the multihash code and one byte for the length.
fn inlined(peer: PeerId) -> Option<Vec<u8>> {
    match &peer.to_bytes()[..] {
        [INLINED, _, key @ ..] => Some(key.into()),
        _ => None,
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StrictSign { seqno, .. } => {
                f.debug_struct("StrictSign").field("seqno", seqno).finish_non_exhaustive()
            }
            Self::StrictNoSign { .. } => f.debug_struct("StrictNoSign").finish_non_exhaustive(),
        }
    }
}

impl core::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a message",
            Self::Missing => "not signed",
            Self::Unexpected => "it names an author, which the policy forbids",
            Self::BadField => "the author is not a peer id",
            Self::BadKey => "the key is missing, unknown or not the author's",
            Self::Refused => "its key, signature or sequence number is of a kind that is refused here",
            Self::BadSignature => "the signature is not the author's",
        })
    }
}

#[cfg(test)]
#[path = "signing/tests.rs"]
mod tests;
