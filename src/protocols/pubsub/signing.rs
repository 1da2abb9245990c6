//! [`Signing`]: the policy by which messages are signed. [`Claim`]: an encoded message that has been decoded and not been
//! verified yet.
//!
//! See libp2p/specs, `pubsub/README.md`, "Message Signing". The signature covers the prefix `libp2p-pubsub:` and then the
//! bytes of the message on the wire, without the fields `signature` and `key`. go, rust, js and py agree on this.

use super::message::{Message, MessageId};
use super::protobuf_fields::Fields;
use super::wire::{self, Encoding};
use crate::connection::key::{BadSignature, IdentityKey, Unusable};
use crate::identity::{Keypair, PeerId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use prost::Message as _;

/// The prefix of the signed bytes. It keeps a signature that the key made for another purpose from being valid here.
const DOMAIN: &[u8] = b"libp2p-pubsub:";

/// The number of bytes whose hash counts as much as one signature of few bytes. That is fewer than measured: a signature
/// of Ed25519 takes 41 µs, and the SHA-512 of 16 KiB 27 µs.
const BYTES_PER_COST: usize = 16 * 1024;

/// The multihash code of a peer id that is the key itself.
const INLINED: u8 = 0;

/// The signature policy of the specification: messages name their author and prove it, or have none. All who share a
/// topic need the same policy.
#[allow(clippy::large_enum_variant, reason = "a node has one")]
pub enum Signing {
    /// Our messages are signed. Messages of others are accepted only with an author, a sequence number and a valid
    /// signature.
    StrictSign {
        /// The key that signs our messages, and whose peer id is their author.
        keypair: Keypair,
        /// The sequence number of our first message; each further one has the next. It has to be greater than all that
        /// this key has used before, or others take our messages for old ones. The time in nanoseconds since 1970 meets
        /// that.
        seqno: u64,
    },
    /// Our messages have no author. Messages of others are accepted only if they have none either.
    StrictNoSign {
        /// A function that makes an id from the topic and the data of a message. Two messages with the same id within
        /// [`seen_ttl`](super::Config::seen_ttl) are one.
        message_id: ContentId,
    },
}

/// A function that makes the id of a message from its topic and data.
pub type ContentId = Box<dyn Fn(&str, &[u8]) -> MessageId>;

/// The reason for which a message is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Invalid {
    /// The bytes are no message.
    Malformed,
    /// A field is absent that the policy requires.
    Missing,
    /// A field is present that the policy forbids.
    Unexpected,
    /// The author is no peer id.
    BadField,
    /// There is no key, or it cannot be decoded, or it is not the author's.
    BadKey,
    /// The signature is not the author's signature of this message.
    BadSignature,
    /// The message is of a kind that is refused here and that other implementations may accept, so the peer that
    /// forwarded it may have acted in good faith. Either its key or signature is refused: an Ed25519 key or R of small
    /// order, a key that is not encoded canonically, a key of a type that is not built in, an RSA key beyond the
    /// [bounds](crate::connection::noise), a secp256k1 signature with a high S, or an ECDSA signature with more in it
    /// than R and S. Or it has no sequence number of eight bytes, or its author's peer id is a key that is too long for
    /// one or encoded in an unusual way; go accepts all of these.
    Refused,
}

/// A decoded message whose signature has not been verified yet. Verifying is costly and has a method of its own,
/// [`verify`](Self::verify), so that a message that is known already does not need it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The decoded message.
    pub message: Message,
    /// The id of the message.
    pub id: MessageId,
    /// True if other implementations come to the same verdict, so that the message can be forwarded to them. We verify
    /// the bytes that came. go, rust, js and py encode the decoded message anew, verify that, and blame the sender if the
    /// signature does not fit. So a signed message is forwarded only if its bytes are those that every encoder writes,
    /// without unknown fields, and if it has no empty `key`, which go and js take for a broken one. A message without an
    /// author is forwarded unless a field occurs several times: py takes a repeated topic for several topics.
    pub is_forwardable: bool,
    signature: Vec<u8>,
    key: Option<Vec<u8>>,
}

/// The result of verifying a message.
pub(super) struct Checked {
    /// The work of it, in verifications of an Ed25519 signature of a short message, and 1 more for each
    /// [`BYTES_PER_COST`] bytes of the message. It is at least 1, since a message that is refused unverified was decoded.
    pub(super) cost: usize,
    pub(super) verdict: Result<(), Invalid>,
}

impl Signing {
    /// Creates a policy by which messages are signed by `keypair`. `seqno` is the sequence number of the first one.
    #[must_use]
    pub const fn strict_sign(keypair: Keypair, seqno: u64) -> Self {
        Self::StrictSign { keypair, seqno }
    }

    /// Creates a policy by which messages have no author, and are told apart by a [hash](MessageId::of_content) of topic
    /// and data.
    #[must_use]
    pub fn strict_no_sign() -> Self {
        Self::StrictNoSign { message_id: Box::new(MessageId::of_content) }
    }

    /// Returns the author of our messages, if they have one.
    pub(super) fn author(&self) -> Option<PeerId> {
        match self {
            Self::StrictSign { keypair, .. } => Some(keypair.public().to_peer_id()),
            Self::StrictNoSign { .. } => None,
        }
    }

    /// Encodes a message of ours with the present `seqno`, and returns it with its id. Returns `None` if the key cannot
    /// sign. `seqno` does not advance.
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

    /// Goes on to the next sequence number.
    pub(super) const fn advance(&mut self) {
        match self {
            Self::StrictSign { seqno, .. } => *seqno = seqno.wrapping_add(1),
            Self::StrictNoSign { .. } => {}
        }
    }

    /// Decodes a message, and checks everything except its signature.
    ///
    /// # Errors
    /// [`Invalid`]: the message must not be accepted.
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
                // If there is no `key`, go takes the key out of the peer id, whatever the length of that.
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

/// Returns whether a message names this peer as its author, even if the message is invalid otherwise.
pub(super) fn names(message: &[u8], peer: &PeerId) -> bool {
    let message = wire::Message::decode_with_topic(message);
    message.is_ok_and(|message| message.from.is_some_and(|from| from == peer.to_bytes()))
}

impl Claim {
    /// Verifies that the author has signed `bytes`, from which this was [opened](Signing::open). A message without an
    /// author claims nothing, and is valid.
    ///
    /// # Errors
    /// [`Invalid::BadKey`], [`Invalid::BadSignature`]
    pub fn verify(&self, bytes: &[u8]) -> Result<(), Invalid> {
        self.check(bytes).verdict
    }

    /// Verifies as [`verify`](Self::verify) does, and also returns the cost.
    pub(super) fn check(&self, bytes: &[u8]) -> Checked {
        let mut cost = 1;
        let verdict = self.prove(bytes, &mut cost);
        // The whole message is hashed, with unknown fields too, or copied.
        Checked { cost: cost.saturating_add(bytes.len() / BYTES_PER_COST), verdict }
    }

    /// Verifies. Sets `cost` to that of the signature, if the signature is verified.
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

/// Returns the bytes that the signature of a message covers.
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

/// Returns the key in a peer id, if the id is short enough to hold one. The key follows the code and the length.
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
