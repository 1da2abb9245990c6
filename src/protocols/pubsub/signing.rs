//! [`Signing`]: whether messages are signed, and [`Claim`], what an encoded message says and whether that is true.
//!
//! libp2p/specs, `pubsub/README.md`, "Message Signing". Signed is what stands on the wire but for the fields
//! `signature` and `key`, behind `libp2p-pubsub:`; so do go, rust, js and py.

use super::message::{Message, MessageId};
use super::protobuf_fields::Fields;
use super::wire::{self, Encoding};
use crate::connection::key::{BadSignature, IdentityKey, Unusable};
use crate::identity::{Keypair, PeerId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use prost::Message as _;

/// What is signed goes behind these words, so that no other signature of the key can be taken for this one.
const DOMAIN: &[u8] = b"libp2p-pubsub:";

/// The bytes whose hash costs as much as a signature of few bytes, less than measured: 41 µs for Ed25519, and 27 µs for the
/// SHA-512 of so many.
const BYTES_PER_COST: usize = 16 * 1024;

/// The multihash code of an identity that is the key itself.
const INLINED: u8 = 0;

/// Whether messages name and prove their author: the signature policy of the specification. All who share a topic need
/// the same one.
#[allow(clippy::large_enum_variant, reason = "a node has one")]
#[non_exhaustive]
pub enum Signing {
    /// Ours are signed, and those of others are taken only with an author, a sequence number and a valid signature.
    StrictSign {
        /// Whose messages ours are.
        keypair: Keypair,
        /// The number of the first message; each further one has the next. It has to be above all that this key has
        /// used before, or others take the message for an old one: the time in nanoseconds will do.
        seqno: u64,
    },
    /// Ours say nothing of an author, and those of others are taken only if they do not either.
    StrictNoSign {
        /// What tells one message from another, by topic and data: two that are equal within
        /// [`seen_ttl`](super::Config::seen_ttl) are one.
        message_id: ContentId,
    },
}

/// Makes an identity of a message's topic and data.
pub type ContentId = Box<dyn Fn(&str, &[u8]) -> MessageId>;

/// Why a message is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Invalid {
    /// It is no message.
    Malformed,
    /// A field that the policy requires is not there.
    Missing,
    /// A field is there that the policy forbids.
    Unexpected,
    /// The author is no peer id.
    BadField,
    /// There is no key, none that we can use, or one that is not the author's.
    BadKey,
    /// The author has not signed it.
    BadSignature,
    /// Its key is refused here, or of a type that is not built in, or it is signed in a way that is refused here, while other
    /// implementations may take it: an Ed25519 key or R of small order, a key that is not encoded canonically, an RSA key out
    /// of [bounds](crate::connection::noise), a high S of secp256k1, an ECDSA signature with more in it than R and S. Or it has
    /// no sequence number of eight bytes, or its author's peer id is a key that is too long for one or encoded in an unusual
    /// way, all of which go takes. Who has forwarded it may have taken it in good faith.
    Refused,
}

/// What an encoded message says of itself. Signatures are the costly part, and looked at by [`verify`](Self::verify)
/// only, so that what is known already need not be.
#[derive(Debug)]
#[non_exhaustive]
pub struct Claim {
    /// What it says.
    pub message: Message,
    /// Its identity.
    pub id: MessageId,
    /// Others judge it as we do, so that it can be forwarded to them. We verify the bytes that came; go, rust, js and py
    /// encode anew what they have decoded, verify that, and blame who has sent it if the signature does not fit. So a
    /// signed message is forwarded only if its bytes are what every encoder writes, without fields that are not known,
    /// and if it has no empty `key`, which go and js take for a broken one. One without an author is forwarded unless a
    /// field comes several times: py takes a repeated topic for several.
    pub is_forwardable: bool,
    signature: Vec<u8>,
    key: Option<Vec<u8>>,
}

/// The outcome of a look at a message's signature.
pub(super) struct Checked {
    /// The work that it took, in signatures of Ed25519 over a short message, and 1 more for each [`BYTES_PER_COST`] bytes of
    /// the message. It is 1 at least: what is refused unverified was decoded.
    pub(super) cost: usize,
    pub(super) verdict: Result<(), Invalid>,
}

impl Signing {
    /// Messages are signed by `keypair`; `seqno` is the number of the first.
    #[must_use]
    pub const fn strict_sign(keypair: Keypair, seqno: u64) -> Self {
        Self::StrictSign { keypair, seqno }
    }

    /// Messages have no author, and are told apart by a [hash](MessageId::of_content) of topic and data.
    #[must_use]
    pub fn strict_no_sign() -> Self {
        Self::StrictNoSign { message_id: Box::new(MessageId::of_content) }
    }

    /// Whose messages ours are.
    pub(super) fn author(&self) -> Option<PeerId> {
        match self {
            Self::StrictSign { keypair, .. } => Some(keypair.public().to_peer_id()),
            Self::StrictNoSign { .. } => None,
        }
    }

    /// Encodes a message of ours, with the next number, and says its identity; `None` if the key does not sign. The
    /// number stays the next one: see `seqno`.
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

    /// The number that was the next one is used.
    pub(super) const fn advance(&mut self) {
        match self {
            Self::StrictSign { seqno, .. } => *seqno = seqno.wrapping_add(1),
            Self::StrictNoSign { .. } => {}
        }
    }

    /// Decodes a message, and checks everything but its signature.
    ///
    /// # Errors
    /// [`Invalid`]: it is not to be taken.
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
                // go takes the key out of the id whatever its length, if there is no other.
                let is_key = key.is_none() && from.first() == Some(&INLINED);
                let bad = if is_key { Invalid::Refused } else { Invalid::BadField };
                let source = PeerId::from_bytes(&from).map_err(|_| bad)?;
                // go does not look at its length, and forwards it without, too.
                let seqno = seqno.and_then(|seqno| seqno.try_into().ok()).ok_or(Invalid::Refused)?;
                let seqno = u64::from_be_bytes(seqno);
                // An empty key is none, as rust and py have it.
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
                // Empty ones are there, too: the specification forbids the fields.
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

/// Returns whether a message names this peer as its author, whatever else there is to say against it.
pub(super) fn names(message: &[u8], peer: &PeerId) -> bool {
    let message = wire::Message::decode_with_topic(message);
    message.is_ok_and(|message| message.from.is_some_and(|from| from == peer.to_bytes()))
}

impl Claim {
    /// Whether the author has signed `bytes`, which this was [opened](Signing::open) from. What has no author claims
    /// nothing, and is true.
    ///
    /// # Errors
    /// [`Invalid::BadKey`], [`Invalid::BadSignature`]
    pub fn verify(&self, bytes: &[u8]) -> Result<(), Invalid> {
        self.check(bytes).verdict
    }

    /// Verifies, and says what that has cost.
    pub(super) fn check(&self, bytes: &[u8]) -> Checked {
        let mut cost = 1;
        let verdict = self.prove(bytes, &mut cost);
        // All of it is hashed, in fields that we know or not, or copied.
        Checked { cost: cost.saturating_add(bytes.len() / BYTES_PER_COST), verdict }
    }

    /// Verifies. `cost` becomes that of the signature, once that is verified.
    fn prove(&self, bytes: &[u8], cost: &mut usize) -> Result<(), Invalid> {
        let Some(source) = self.message.source else { return Ok(()) };
        let inlined = inlined(source);
        let key = self.key.as_deref().or(inlined.as_deref()).ok_or(Invalid::BadKey)?;
        let key = IdentityKey::decode(key).map_err(|unusable| match unusable {
            Unusable::Malformed => Invalid::BadKey,
            Unusable::Unsupported(_) | Unusable::Refused => Invalid::Refused,
        })?;
        if !key.is_of(&source) {
            // In the id stands the same key, encoded in another way. go does not compare.
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

/// What a signature is over.
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

/// The key in a peer id that is short enough to be one: behind the code and the length.
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
            Self::Unexpected => "it names an author, which is not done here",
            Self::BadField => "the author is none",
            Self::BadKey => "the key is missing, unknown or not the author's",
            Self::Refused => "its key, signature or sequence number is of a kind that is refused here",
            Self::BadSignature => "the signature is not the author's",
        })
    }
}

#[cfg(test)]
#[path = "signing/tests.rs"]
mod tests;
