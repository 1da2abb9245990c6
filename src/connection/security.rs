//! The security protocol of a connection: [`noise`], and no other. Only this file decides which security
//! protocols there are.
//!
//! The rest of the connection, and the swarm, use the names of this file for a handshake and for the encrypted transport
//! that follows. With a second protocol these names would become enums of this file, and the first step of the handshake,
//! which agrees on a protocol, would propose both. A second protocol would also change `error.rs`, which names the ways in
//! which a peer breaks the protocol.

use super::multistream::Protocol;
#[cfg(feature = "swarm")]
use super::muxer::Muxer;
use super::noise;
#[cfg(feature = "swarm")]
use libp2p_identity::Keypair;
pub(crate) use noise::{Config, Error};
pub(super) use noise::{Handshake, MAX_MESSAGE, MAX_PLAINTEXT, Opened, RemoteIdentity, Transport, sealed_len};

/// The security protocol's name as a protocol of multistream-select.
pub(super) const PROTOCOL: Protocol = Protocol::from_static(noise::PROTOCOL_NAME);

/// Makes the config that a node with this identity uses in all handshakes. The config offers all muxers.
///
/// # Errors
/// The identity key cannot sign, or peers that use this crate would refuse it.
#[cfg(feature = "swarm")]
pub(crate) fn config(identity: &Keypair, static_seed: [u8; 32]) -> Result<Config, Error> {
    Config::new(identity, static_seed, &Muxer::ALL.map(Muxer::name))
}
