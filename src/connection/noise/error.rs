//! [`Error`]: the reasons why the Noise step of a connection fails.

use core::fmt;

/// The reason why a handshake or a transport cannot continue. Every error is final, and the connection is over, except after
/// [`NoRoom`](Self::NoRoom).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A message is shorter than any message at its position in the protocol can be.
    Truncated,
    /// A handshake message is longer than [`MAX_HANDSHAKE_MESSAGE`](super::MAX_HANDSHAKE_MESSAGE).
    Oversized,
    /// A message does not authenticate: it was changed on its way, or was not encrypted for us.
    Decrypt,
    /// The peer's Diffie-Hellman key is one of the weak keys with which every other key results in the same shared secret.
    WeakKey,
    /// The payload of a handshake message is not the protobuf message that the specification requires.
    BadPayload,
    /// The peer's identity key is of a type that this build does not support, or our own identity key cannot sign.
    UnsupportedKey {
        /// The feature of this crate that adds the type of the key, if there is one: `ecdsa`, `rsa` or `secp256k1`.
        feature: Option<&'static str>,
    },
    /// The identity key authenticates nobody: it is an Ed25519 key of small order, or one that is not encoded canonically;
    /// or an RSA key of fewer than 2 048 or more than 8 192 bits, or one with an exponent other than 65 537.
    RefusedKey,
    /// The signature in the payload does not prove that the peer's identity key has signed its Noise key.
    BadSignature,
    /// The peer proved an identity that is not the identity of the peer that we dialed. The handshake's
    /// [`wrong_peer`](super::Handshake::wrong_peer), or the connection's
    /// [`wrong_peer`](crate::connection::Connection::wrong_peer), returns the id of the peer that answered.
    WrongPeer,
    /// The config offers a muxer that no connection of this crate speaks. Only the owner's own code causes this error.
    UnknownMuxer,
    /// Both sides sent a list of muxers, and no muxer is in both lists.
    NoSharedMuxer,
    /// 2⁶⁴ − 1 messages have been sent in one direction, and the cipher has no nonce left for the next message.
    Exhausted,
    /// The caller's buffer for the plaintext is too short. Nothing was consumed, and a call with a longer buffer succeeds.
    NoRoom,
    /// The caller asked the handshake for a result before the handshake had it.
    NotFinished,
}

impl From<snow::Error> for Error {
    fn from(error: snow::Error) -> Self {
        match error {
            snow::Error::Input => Self::Truncated,
            snow::Error::Decrypt => Self::Decrypt,
            snow::Error::Dh => Self::WeakKey,
            snow::Error::State(snow::error::StateProblem::Exhausted) => Self::Exhausted,
            // These errors mean a call at the wrong time, or a builder that lacks a part. The order of our own calls
            // excludes both.
            snow::Error::Pattern(_)
            | snow::Error::Init(_)
            | snow::Error::Prereq(_)
            | snow::Error::State(_)
            | snow::Error::Rng
            | _ => Self::NotFinished,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedKey { feature: Some(feature) } => {
                return write!(
                    f,
                    "the identity key needs the feature `{feature}` of swarm-notify, which is not built in"
                );
            }
            Self::Truncated => "a noise message is too short for its place in the protocol",
            Self::Oversized => "a noise handshake message is too long",
            Self::Decrypt => "a noise message does not authenticate",
            Self::WeakKey => "the peer's Diffie-Hellman key is weak",
            Self::BadPayload => "the noise handshake's payload is malformed",
            Self::UnsupportedKey { feature: None } => "the identity key is of an unsupported type",
            Self::RefusedKey => "the identity key is of a kind that authenticates nobody",
            Self::BadSignature => "the identity key did not sign the noise key",
            Self::WrongPeer => "the peer is not the one that was dialed",
            Self::UnknownMuxer => "a muxer was offered that no connection of this crate speaks",
            Self::NoSharedMuxer => "the two sides share no muxer",
            Self::Exhausted => "the noise cipher has no nonce left",
            Self::NoRoom => "the buffer for the plaintext is too short",
            Self::NotFinished => "the noise handshake is not finished",
        })
    }
}

impl core::error::Error for Error {}
