//! [`PeerRecord`]: the addresses at which a peer listens, signed by the peer.

use super::addresses::{MAX_ADDRESSES, addresses};
use crate::connection::key::IdentityKey;
use crate::identity::{Keypair, PeerId, SigningError};
use crate::swarm::Multiaddr;
use crate::varint;
use alloc::string::String;
use alloc::vec::Vec;
use libp2p_core::SignedEnvelope;
use prost::Message;

/// The domain of the signature and the type of the payload, as pairs: first the pair that go-libp2p and js-libp2p use, then
/// the pair that rust-libp2p uses.
const KINDS: [(&str, &[u8]); 2] =
    [("libp2p-peer-record", &[0x03, 0x01]), ("libp2p-routing-state", b"/libp2p/routing-state-record")];

/// The addresses of a peer with the peer's signature (libp2p/specs, `RFC/0003-routing-records.md`). A record can be passed
/// on to others, since everybody can verify it. A value of this type always has a valid signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerRecord {
    peer: PeerId,
    sequence: u64,
    addresses: Vec<Multiaddr>,
    envelope: Vec<u8>,
}

/// The signed envelope on the wire. Its key is a nested message here, as in the specification and in py-libp2p, so
/// that protobuf merges a key that is sent in several parts. In libp2p-core the key is a field of bytes, of which only the
/// last part counts.
#[derive(Clone, PartialEq, Message)]
struct WireEnvelope {
    #[prost(message, optional, tag = "1")]
    key: Option<WireKey>,
    #[prost(bytes = "vec", tag = "2")]
    payload_type: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    payload: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WireKey {
    #[prost(int32, optional, tag = "1")]
    key_type: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "2")]
    data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct PeerRecordMessage {
    #[prost(bytes = "vec", tag = "1")]
    peer: Vec<u8>,
    #[prost(uint64, tag = "2")]
    sequence: u64,
    #[prost(message, repeated, tag = "3")]
    addresses: Vec<WireAddress>,
}

#[derive(Clone, PartialEq, Message)]
struct WireAddress {
    #[prost(bytes = "vec", tag = "1")]
    multiaddr: Vec<u8>,
}

/// Returns the bytes that a signature covers: the domain, the payload type and the payload. In front of each of them is its
/// length in bytes, an unsigned varint.
fn signed(parts: &[&[u8]; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        varint::append(part.len(), &mut bytes);
        bytes.extend_from_slice(part);
    }
    bytes
}

impl PeerRecord {
    /// Signs a record of the first [`MAX_ADDRESSES`] addresses. `sequence` has to be greater than the sequence number of
    /// each earlier record of the node, even after restarts; the time in seconds is a good choice.
    ///
    /// # Errors
    /// [`SigningError`] if the key cannot sign.
    pub fn sign(key: &Keypair, sequence: u64, addresses: &[Multiaddr]) -> Result<Self, SigningError> {
        let peer = key.public().to_peer_id();
        let addresses = addresses.get(..MAX_ADDRESSES).unwrap_or(addresses);
        let wire = PeerRecordMessage {
            peer: peer.to_bytes(),
            sequence,
            addresses: addresses.iter().map(|address| WireAddress { multiaddr: address.to_vec() }).collect(),
        };
        let [(domain, payload_type), _] = KINDS;
        let envelope = SignedEnvelope::new(key, String::from(domain), payload_type.to_vec(), wire.encode_to_vec())?;
        let envelope = envelope.into_protobuf_encoding();
        Ok(Self { peer, sequence, addresses: addresses.to_vec(), envelope })
    }

    /// Decodes a signed envelope, verifies it, and returns its record (libp2p/specs, `RFC/0002-signed-envelopes.md`).
    /// Returns `None` if the bytes are not the envelope of a peer record, or if the record is not signed by the peer that it
    /// names.
    #[must_use]
    pub fn verify(envelope: &[u8]) -> Option<Self> {
        Self::verify_if(envelope, |_| true)
    }

    /// Verifies the envelope of a record of the peer `signer`. If the record `known` has the same bytes, it is returned
    /// without another verification. Otherwise the function `may` decides whether to verify the signature; the argument of
    /// `may` is the cost, in verifications of an Ed25519 signature. A record that another peer has signed is refused without
    /// a call of `may`.
    pub(super) fn verify_by(
        envelope: &[u8],
        signer: &PeerId,
        known: Option<&Self>,
        may: impl FnOnce(u32) -> bool,
    ) -> Option<Self> {
        match known {
            Some(known) if known.envelope == envelope => Some(known.clone()),
            Some(_) | None => Self::verify_if(envelope, |key| key.is_of(signer) && may(key.cost())),
        }
    }

    fn verify_if(envelope: &[u8], may: impl FnOnce(&IdentityKey) -> bool) -> Option<Self> {
        let whole = WireEnvelope::decode(envelope).ok()?;
        let (domain, kind) = KINDS.iter().find(|(_, kind)| whole.payload_type == *kind)?;
        let wire = PeerRecordMessage::decode(&*whole.payload).ok()?;
        let key = IdentityKey::decode(&whole.key.as_ref()?.encode_to_vec()).ok()?;
        let peer = PeerId::from_bytes(&wire.peer).ok().filter(|peer| key.is_of(peer))?;
        // All that is cheap to check comes before this question, so that bytes which are no record of the peer cost no
        // budget.
        if !may(&key) {
            return None;
        }
        // libp2p-core would also verify with a key that `IdentityKey` refuses because it proves nothing or costs too
        // much.
        key.verify(&signed(&[domain.as_bytes(), kind, &whole.payload]), &whole.signature).ok()?;
        Some(Self {
            peer,
            sequence: wire.sequence,
            addresses: addresses(wire.addresses.into_iter().map(|wire| wire.multiaddr)),
            envelope: envelope.to_vec(),
        })
    }

    /// Returns the peer that has signed the record.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Returns the number of the record. Of two records of one peer, the record with the greater number is newer.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Returns the addresses at which the peer listens, at most [`MAX_ADDRESSES`].
    #[must_use]
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// Returns the capacity of the record's list of addresses, as a number of addresses.
    pub(super) const fn capacity(&self) -> usize {
        self.addresses.capacity()
    }

    /// Returns the signed envelope, which can be passed on to others.
    #[must_use]
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }
}
