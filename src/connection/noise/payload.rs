//! The payload of the second and third handshake messages: the identity key, the signature that proves it, and the muxers.
//!
//! The payload is the protobuf message of libp2p/specs, `noise/README.md`, "The libp2p Handshake Payload". prost decodes
//! this message and the key in it: if a field occurs several times, the last one counts; the parts of a divided extensions
//! message are merged; other fields are skipped. To derive the peer id, the key is encoded anew, which other implementations
//! do, too.

use super::Error;
use crate::connection::key::{IdentityKey, Unusable};
use alloc::string::String;
use alloc::vec::Vec;
use libp2p_identity::{Keypair, PublicKey};
use prost::Message;

/// The prefix of the bytes that an identity key signs. Because of the prefix, a signature that was made for another purpose
/// is not valid here.
const DOMAIN: &[u8] = b"noise-libp2p-static-key:";

#[derive(Clone, PartialEq, Message)]
pub(super) struct HandshakePayload {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) identity_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) identity_sig: Vec<u8>,
    #[prost(message, optional, tag = "4")]
    pub(super) extensions: Option<Extensions>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Extensions {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) webtransport_certhashes: Vec<Vec<u8>>,
    /// The names of muxers, as bytes and not as text: not every implementation checks that a name is UTF-8, and a name that
    /// is not must not make the payload invalid.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) stream_muxers: Vec<Vec<u8>>,
}

impl From<Unusable> for Error {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Malformed => Self::BadPayload,
            Unusable::Unsupported(feature) => Self::UnsupportedKey { feature },
            Unusable::Refused => Self::RefusedKey,
        }
    }
}

/// The identity key and the muxers of a peer whose payload is correctly signed.
pub(super) struct Proved {
    pub(super) public_key: PublicKey,
    /// The peer's muxers in the peer's order; empty if the peer sent no list.
    pub(super) muxers: Vec<String>,
}

fn signed_bytes(static_key: &[u8; 32]) -> Vec<u8> {
    [DOMAIN, static_key].concat()
}

/// Encodes and signs the payload that proves that `static_key` belongs to the node with this identity.
pub(super) fn sign(identity: &Keypair, static_key: &[u8; 32], muxers: &[&str]) -> Result<Vec<u8>, Error> {
    let identity_key = identity.public().encode_protobuf();
    // Every peer that uses this crate would refuse a key that cannot be decoded here.
    IdentityKey::decode(&identity_key)?;
    let payload = HandshakePayload {
        identity_key,
        identity_sig: identity.sign(&signed_bytes(static_key)).map_err(|_| Error::UnsupportedKey { feature: None })?,
        extensions: (!muxers.is_empty()).then(|| Extensions {
            webtransport_certhashes: Vec::new(),
            stream_muxers: muxers.iter().map(|muxer| muxer.as_bytes().to_vec()).collect(),
        }),
    };
    Ok(payload.encode_to_vec())
}

/// Decodes a payload and verifies that the identity key in it signed `static_key`. Sets `work` to the cost of verifying the
/// signature, whether the signature is right or wrong, in units of one Ed25519 verification.
pub(super) fn verify(payload: &[u8], static_key: &[u8; 32], work: &mut u32) -> Result<Proved, Error> {
    let payload = HandshakePayload::decode(payload).map_err(|_| Error::BadPayload)?;
    let key = IdentityKey::decode(&payload.identity_key)?;
    *work = key.cost();
    key.verify(&signed_bytes(static_key), &payload.identity_sig).map_err(|_| Error::BadSignature)?;
    let muxers = payload.extensions.map_or_else(Vec::new, |extensions| extensions.stream_muxers);
    // A name that is not UTF-8 matches none of our muxers. The name stays in the list, so that the list does not look empty.
    let muxers = muxers.iter().map(|muxer| String::from_utf8_lossy(muxer).into_owned()).collect();
    Ok(Proved { public_key: key.into_public(), muxers })
}
