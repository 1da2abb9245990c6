//! The security protocol of a connection: [`noise`](super::noise), and no other. It is decided in this file alone.
//!
//! The rest of the connection, and the swarm, speak of a handshake and of the encrypted transport behind it by the names of
//! this file. With a second protocol they become enums of this file, and the handshake's first step, which chooses one,
//! proposes both. Besides, that opens `error.rs`, for how a peer breaks it.

use super::multistream::Protocol;
#[cfg(feature = "swarm")]
use super::muxer::Muxer;
use super::noise;
#[cfg(feature = "swarm")]
use libp2p_identity::Keypair;
pub(crate) use noise::{Config, Error};
pub(super) use noise::{Handshake, MAX_MESSAGE, MAX_PLAINTEXT, Opened, RemoteIdentity, Transport, sealed_len};

/// The protocol, as multistream-select has it.
pub(super) const PROTOCOL: Protocol = Protocol::from_static(noise::PROTOCOL_NAME);

/// Makes what a node with this identity brings to every handshake, which offers all muxers there are.
///
/// # Errors
/// The identity cannot sign.
#[cfg(feature = "swarm")]
pub(crate) fn config(identity: &Keypair, static_seed: [u8; 32]) -> Result<Config, Error> {
    Config::new(identity, static_seed, &Muxer::ALL.map(Muxer::name))
}
