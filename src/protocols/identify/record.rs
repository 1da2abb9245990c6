//! [`PeerRecord`]: where a peer listens, signed by it.

use super::MAX_ADDRESSES;
use super::message::addresses;
use crate::connection::key::IdentityKey;
use crate::identity::{Keypair, PeerId, SigningError};
use crate::swarm::Multiaddr;
use crate::varint;
use alloc::string::String;
use alloc::vec::Vec;
use libp2p_core::SignedEnvelope;
use prost::Message;

/// What signatures and payloads of records are marked with: as go and js have it, and as rust-libp2p has it.
const KINDS: [(&str, &[u8]); 2] =
    [("libp2p-peer-record", &[0x03, 0x01]), ("libp2p-routing-state", b"/libp2p/routing-state-record")];

/// A peer's addresses with its signature (libp2p/specs, `RFC/0003-routing-records.md`), for others to believe whoever
/// hands them on. There is none whose signature does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerRecord {
    peer: PeerId,
    sequence: u64,
    addresses: Vec<Multiaddr>,
    envelope: Vec<u8>,
}

/// The envelope. Its key is a message, as the specification and py have it, so that protobuf puts it together where it
/// comes in parts; libp2p-core takes it for bytes, of which the last ones count.
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

/// Returns the bytes that a signature covers: the domain, the type and the payload, each behind its length.
fn signed(parts: &[&[u8]; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        varint::append(part.len(), &mut bytes);
        bytes.extend_from_slice(part);
    }
    bytes
}

impl PeerRecord {
    /// Signs addresses, the first [`MAX_ADDRESSES`] of them. `sequence` has to grow from one of our records to the next, over restarts too: the time of day
    /// does.
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

    /// A record from its envelope (libp2p/specs, `RFC/0002-signed-envelopes.md`); `None` if that is not one, or not
    /// signed by the peer that it is of.
    #[must_use]
    pub fn verify(envelope: &[u8]) -> Option<Self> {
        Self::verify_if(envelope, |_| true)
    }

    /// Returns the record of a peer, unless `known` is the same already. Before its signature is verified, `may` is asked with
    /// the cost of that, in signatures of Ed25519. A record of another peer costs nothing.
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
        if !may(&key) {
            return None;
        }
        // libp2p-core would verify with any key.
        key.verify(&signed(&[domain.as_bytes(), kind, &whole.payload]), &whole.signature).ok()?;
        Some(Self {
            peer,
            sequence: wire.sequence,
            addresses: addresses(wire.addresses.into_iter().map(|wire| wire.multiaddr)),
            envelope: envelope.to_vec(),
        })
    }

    /// Whose it is.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Of two records of a peer, the one with the greater number is the newer one.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Where the peer listens, at most [`MAX_ADDRESSES`].
    #[must_use]
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// Returns the number of addresses for which there is memory.
    pub(super) const fn capacity(&self) -> usize {
        self.addresses.capacity()
    }

    /// The signed envelope, to be handed on.
    #[must_use]
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }
}
