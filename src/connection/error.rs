//! [`Error`]: the cause of a connection's end for which neither side asked. [`Flood`]: the rate that a peer exceeded.

use super::{multistream, noise, yamux};
use crate::lifecycle::{Failure, Fault};
use core::fmt;

/// The cause that broke a connection from within: wrong bytes from the peer, too many of the peer's actions, or the peer's
/// silence. The connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The Noise handshake or an encrypted message is invalid.
    Noise(noise::Error),
    /// The peer broke the rules of multistream-select in the negotiation of the security protocol or of the muxer.
    Multistream(multistream::Error),
    /// The peer speaks only other security protocols, or only other muxers.
    Unsupported,
    /// A frame of the peer breaks the rules of yamux.
    Yamux(yamux::Violation),
    /// The handshake took longer than [`Config::handshake_timeout`](super::Config::handshake_timeout) allows.
    HandshakeTimeout,
    /// The peer was silent for [`Config::keep_alive_interval`](super::Config::keep_alive_interval), and then for
    /// [`Config::keep_alive_timeout`](super::Config::keep_alive_timeout) after our ping.
    Silence,
    /// The peer kept to the protocol, but did something that costs us work more often than a rate of
    /// [`Config`](super::Config) allows.
    Flood(Flood),
}

/// The rate that a peer exceeded, as a field of [`Config`](super::Config).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Flood {
    /// The rate of the peer's streams that end by a reset: [`Config::resets`](super::Config::resets).
    Resets,
    /// The rate of the peer's pings: [`Config::pings`](super::Config::pings).
    Pings,
}

impl Error {
    /// Returns the fault that is reported when this error ends an open connection.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Flood(_) | Self::Yamux(yamux::Violation::EmptyFrames) => Fault::Flood,
            Self::Noise(_) | Self::Multistream(_) | Self::Unsupported | Self::Yamux(_) => Fault::Protocol,
            Self::HandshakeTimeout | Self::Silence => Fault::Timeout,
        }
    }

    /// Returns the failure that is reported when this error ends a connection that was not open yet.
    #[must_use]
    pub const fn failure(self) -> Failure {
        match self {
            Self::Noise(noise::Error::WrongPeer) => Failure::WrongPeer,
            // The peer has kept to the protocol: it has a key of a type that this build lacks, or speaks other protocols.
            Self::Noise(noise::Error::NoSharedMuxer | noise::Error::UnsupportedKey { .. }) | Self::Unsupported => {
                Failure::Unsupported
            }
            Self::Noise(_) | Self::Multistream(_) | Self::Yamux(_) => Failure::Protocol,
            Self::HandshakeTimeout | Self::Silence => Failure::Timeout,
            Self::Flood(_) => Failure::Limit,
        }
    }
}

impl From<noise::Error> for Error {
    fn from(error: noise::Error) -> Self {
        Self::Noise(error)
    }
}

impl From<multistream::Error> for Error {
    fn from(error: multistream::Error) -> Self {
        Self::Multistream(error)
    }
}

impl From<yamux::Violation> for Error {
    fn from(violation: yamux::Violation) -> Self {
        Self::Yamux(violation)
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noise(error) => write!(f, "noise: {error}"),
            Self::Multistream(error) => write!(f, "multistream: {error}"),
            Self::Unsupported => f.write_str("the peer shares no security protocol or muxer with us"),
            Self::Yamux(violation) => write!(f, "yamux: {violation}"),
            Self::HandshakeTimeout => f.write_str("the handshake did not finish in time"),
            Self::Silence => f.write_str("the peer is silent and does not answer pings"),
            Self::Flood(Flood::Resets) => {
                f.write_str("the peer opens too many streams that it resets, or that it makes us reset")
            }
            Self::Flood(Flood::Pings) => f.write_str("the peer sends pings too often"),
        }
    }
}
