//! What the second and third handshake messages carry: who speaks, the proof, and the muxers spoken.
//!
//! The protobuf messages of libp2p/specs, `noise/README.md`, "The libp2p Handshake Payload". prost reads them, and the
//! key in them: of a field that comes several times the last one counts, extensions that come in parts are put
//! together, and other fields are passed over. A peer id is that of the key as it is encoded anew, as everywhere.

use super::Error;
use crate::connection::key::{IdentityKey, Unusable};
use alloc::string::String;
use alloc::vec::Vec;
use libp2p_identity::{Keypair, PublicKey};
use prost::Message;

/// What an identity key signs goes behind these words, so that no other signature of it can be taken for this one.
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
    /// Names, as bytes: not every implementation checks that they are UTF-8.
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

/// What a payload has proved.
pub(super) struct Proved {
    pub(super) public_key: PublicKey,
    /// The peer's muxers in its order; empty if it sent no list.
    pub(super) muxers: Vec<String>,
}

fn signed_bytes(static_key: &[u8; 32]) -> Vec<u8> {
    [DOMAIN, static_key].concat()
}

/// Encodes the payload that proves `static_key` to be `identity`'s.
pub(super) fn sign(identity: &Keypair, static_key: &[u8; 32], muxers: &[&str]) -> Result<Vec<u8>, Error> {
    let identity_key = identity.public().encode_protobuf();
    // A peer of this crate would refuse it as we refuse its like.
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

/// Decodes a payload and checks that the identity in it signed `static_key`. `work` becomes the cost of the signature, right
/// or wrong, once it is verified.
pub(super) fn verify(payload: &[u8], static_key: &[u8; 32], work: &mut u32) -> Result<Proved, Error> {
    let payload = HandshakePayload::decode(payload).map_err(|_| Error::BadPayload)?;
    let key = IdentityKey::decode(&payload.identity_key)?;
    *work = key.cost();
    key.verify(&signed_bytes(static_key), &payload.identity_sig).map_err(|_| Error::BadSignature)?;
    let muxers = payload.extensions.map_or_else(Vec::new, |extensions| extensions.stream_muxers);
    // A name that is not text is none that we know, and stays in the list, which is not an empty one then.
    let muxers = muxers.iter().map(|muxer| String::from_utf8_lossy(muxer).into_owned()).collect();
    Ok(Proved { public_key: key.into_public(), muxers })
}
